# SPDX-FileCopyrightText: 2026 Mimica authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Image sequences and stills: order, times, and a sentence that names the file that cannot be read."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mimica.capture.images import natural_key
from mimica.capture.source import FrameSource, SourceError, SourceSpec, make_source
from mimica.tests.unit.clips import SIZE, is_upright, jpeg, number_of

pytest.importorskip("cv2")


def images(path: Path, rate: float = 0.0, loop: bool = False) -> FrameSource:
    return make_source(SourceSpec("images", path=str(path), rate=rate, loop=loop))


def numbers(source: FrameSource, most: int = 100) -> list[int]:
    found = []
    while len(found) < most and (image := source.read()) is not None:
        found.append(number_of(image.pixels))
    return found


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for number in (1, 2, 9, 10, 11, 100):
        (tmp_path / f"shot_{number}.jpg").write_bytes(jpeg(number))
    (tmp_path / "notes.txt").write_text("not an image")
    (tmp_path / "other_5.jpg").write_bytes(jpeg(500))
    return tmp_path


def test_a_folder_in_natural_order(folder: Path) -> None:
    source = images(folder, rate=25.0)
    info = source.open()
    assert (info.kind, info.rate, info.frame_count, info.live) == ("images", 25.0, 7, False)
    assert (info.width, info.height) == SIZE
    assert info.duration == pytest.approx(7 / 25)
    assert numbers(source) == [500, 1, 2, 9, 10, 11, 100]


def test_one_file_stands_for_its_sequence(folder: Path) -> None:
    source = images(folder / "shot_9.jpg", rate=10.0)
    source.open()
    got = []
    while (image := source.read()) is not None:
        assert is_upright(image.pixels)
        got.append((number_of(image.pixels), round(image.time, 6), image.index))
    assert got == [(1, 0.0, 0), (2, 0.1, 1), (9, 0.2, 2), (10, 0.3, 3), (11, 0.4, 4), (100, 0.5, 5)]


def test_a_still_once_or_for_ever(tmp_path: Path) -> None:
    path = tmp_path / "Porträt.jpg"
    path.write_bytes(jpeg(7))
    source = images(path)
    source.open()
    assert numbers(source) == [7]
    source = images(path, rate=30.0, loop=True)
    source.open()
    read = [source.read() for _ in range(50)]
    assert [image.time for image in read if image] == pytest.approx([i / 30 for i in range(50)])


def test_seek(folder: Path) -> None:
    source = images(folder / "shot_1.jpg", rate=30.0)
    source.open()
    for index in range(6):
        source.seek(index / 30)
        assert numbers(source) == [1, 2, 9, 10, 11, 100][index:]
    source.seek(1.01 / 30)
    assert numbers(source, 1) == [9]


def test_an_unreadable_image_is_named(folder: Path) -> None:
    (folder / "shot_10.jpg").write_bytes(b"not a picture")
    (folder / "shot_11.jpg").write_bytes(b"")
    source = images(folder / "shot_1.jpg")
    source.open()
    assert numbers(source, 3) == [1, 2, 9]
    with pytest.raises(SourceError, match=r"The image 'shot_10\.jpg' is damaged or not an image"):
        source.read()
    source.seek(4 / 24)
    with pytest.raises(SourceError, match=r"The image 'shot_11\.jpg' is empty"):
        source.read()


def test_images_that_vanish_are_named(folder: Path) -> None:
    source = images(folder / "shot_1.jpg")
    source.open()
    (folder / "shot_2.jpg").unlink()
    source.read()
    with pytest.raises(SourceError, match=r"shot_2\.jpg"):
        source.read()


def test_nothing_there(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match="has no images"):
        images(tmp_path).open()
    with pytest.raises(SourceError, match="does not exist"):
        images(tmp_path / "gone.png").open()
    with pytest.raises(SourceError, match="No images are chosen"):
        make_source(SourceSpec("images")).open()
    note = tmp_path / "note.txt"
    note.write_text("hello")
    with pytest.raises(SourceError, match=r"'note\.txt' is damaged or not an image"):
        images(note).open()


@given(st.lists(st.text(max_size=12), max_size=20))
def test_any_names_can_be_sorted(names: list[str]) -> None:
    assert sorted(sorted(names, key=natural_key), key=natural_key) == sorted(names, key=natural_key)


@given(st.integers(0, 10**9), st.integers(0, 10**9))
def test_numbers_sort_by_value(a: int, b: int) -> None:
    assert (natural_key(f"Take {a}.png") < natural_key(f"take {b:012}.png")) == (a < b)
