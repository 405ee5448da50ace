# SPDX-FileCopyrightText: 2026 Mimica authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Video files: the container's times, upright pictures, seeking, and a sentence for what is no video."""

import itertools
import shutil
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mimica.capture.source import FrameSource, Image, SourceError, SourceSpec, make_source
from mimica.capture.video import StampClock
from mimica.tests.unit.clips import (
    SIZE,
    is_upright,
    jpeg,
    number_of,
    set_durations,
    set_rotation,
    write_video,
)

pytest.importorskip("cv2")

UNEVEN = [1 / 30, 1 / 30, 4 / 30] * 20


def read_all(source: FrameSource) -> list[Image]:
    images = []
    while (image := source.read()) is not None:
        images.append(image)
    return images


def video(path: Path, loop: bool = False) -> FrameSource:
    return make_source(SourceSpec("video", path=str(path), loop=loop))


@pytest.fixture(scope="module")
def even(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_video(tmp_path_factory.mktemp("video") / "even.mp4", 60)


@pytest.fixture(scope="module")
def uneven(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = write_video(tmp_path_factory.mktemp("video") / "uneven.mp4", 60)
    set_durations(path, UNEVEN)
    return path


def test_every_image_once_with_its_time(even: Path) -> None:
    source = video(even)
    info = source.open()
    assert (info.name, info.kind, info.live) == ("even.mp4", "video", False)
    assert (info.width, info.height, info.rate, info.frame_count) == (*SIZE, 30.0, 60)
    assert info.duration == pytest.approx(2.0)
    images = read_all(source)
    assert [number_of(image.pixels) for image in images] == list(range(60))
    assert [image.index for image in images] == list(range(60))
    assert [image.time for image in images] == pytest.approx([i / 30 for i in range(60)], abs=1e-6)
    assert source.read() is None
    source.close()


def test_opening_twice_describes_again_and_loses_nothing(even: Path) -> None:
    source = video(even)
    assert source.open() == source.open()
    first = source.read()
    assert first is not None
    assert number_of(first.pixels) == 0
    source.close()
    source.close()


def test_variable_rate_keeps_the_container_times(uneven: Path) -> None:
    source = video(uneven)
    source.open()
    images = read_all(source)
    expected = [sum(UNEVEN[:i]) for i in range(60)]
    assert [image.time for image in images] == pytest.approx(expected, abs=1e-3)
    assert [number_of(image.pixels) for image in images] == list(range(60))


@pytest.mark.parametrize("suffix, codec", [("avi", "MJPG"), ("mkv", "mp4v"), ("webm", "VP80")])
def test_other_containers(tmp_path: Path, suffix: str, codec: str) -> None:
    source = video(write_video(tmp_path / f"clip.{suffix}", 20, 25.0, codec))
    source.open()
    images = read_all(source)
    assert [number_of(image.pixels) for image in images] == list(range(20))
    assert [image.time for image in images] == pytest.approx([i / 25 for i in range(20)], abs=1e-3)


def test_pictures_without_time_stamps_follow_each_other_evenly(tmp_path: Path) -> None:
    path = tmp_path / "pictures.mjpeg"
    path.write_bytes(b"".join(jpeg(i) for i in range(20)))
    source = video(path)
    info = source.open()
    assert info.rate
    images = read_all(source)
    assert [number_of(image.pixels) for image in images] == list(range(20))
    assert [image.time for image in images] == pytest.approx([i / info.rate for i in range(20)], abs=1e-3)
    source.seek(10 / info.rate)
    assert [number_of(image.pixels) for image in read_all(source)] == list(range(10, 20))


@pytest.mark.parametrize("degrees", [0, 90, 180, 270])
def test_rotation_flag(tmp_path: Path, degrees: int) -> None:
    """The picture as stored must come out turned clockwise by what the flag says."""
    import numpy as np

    path = write_video(tmp_path / "turned.mp4", 3)
    set_rotation(path, degrees)
    source = video(path)
    info = source.open()
    image = source.read()
    assert image is not None
    assert (info.width, info.height) == (SIZE if degrees in (0, 180) else SIZE[::-1])
    assert image.pixels.shape[:2] == (info.height, info.width)
    assert is_upright(np.rot90(image.pixels, degrees // 90))
    assert image.pixels.flags.c_contiguous


@pytest.mark.parametrize("time", [0.0, 0.01, 0.5, 0.7, 1.0, 1.31, 1.96666])
def test_seek_finds_the_first_image_from_that_time_on(even: Path, time: float) -> None:
    source = video(even)
    source.open()
    source.read()
    source.seek(time)
    image = source.read()
    assert image is not None
    expected = next(i for i in range(60) if i / 30 >= time - 1e-5)
    assert (number_of(image.pixels), image.time) == (expected, pytest.approx(expected / 30, abs=1e-6))


@pytest.mark.parametrize("time", [0.0, 0.05, 0.2, 1.0, 1.97, 2.0, 3.333, 3.8])
def test_seek_in_a_variable_rate(uneven: Path, time: float) -> None:
    times = [sum(UNEVEN[:i]) for i in range(60)]
    source = video(uneven)
    source.open()
    read_all(source)  # from the end, too
    source.seek(time)
    image = source.read()
    assert image is not None
    expected = next(i for i, t in enumerate(times) if t >= time - 1e-3)
    assert (number_of(image.pixels), image.time) == (expected, pytest.approx(times[expected], abs=1e-3))


def test_seek_behind_the_end_and_back(even: Path) -> None:
    source = video(even)
    source.open()
    source.seek(99.0)
    assert source.read() is None
    source.seek(-1.0)
    assert [number_of(image.pixels) for image in read_all(source)] == list(range(60))


def test_loop_goes_on_with_increasing_times(tmp_path: Path) -> None:
    source = video(write_video(tmp_path / "short.mp4", 5), loop=True)
    info = source.open()
    assert (info.duration, info.frame_count) == (None, None)
    images = [source.read() for _ in range(13)]
    assert all(images)
    assert [number_of(image.pixels) for image in images if image] == [0, 1, 2, 3, 4, 0, 1, 2, 3, 4, 0, 1, 2]
    assert [image.time for image in images if image] == pytest.approx([i / 30 for i in range(13)], abs=1e-6)
    assert [image.index for image in images if image] == list(range(13))
    source.interrupt()
    assert source.read() is None


def test_names_beyond_ascii(tmp_path: Path, even: Path) -> None:
    path = tmp_path / "Gesicht äöü 顔 100%.mp4"
    shutil.copy(even, path)
    source = video(path)
    assert source.open().name == path.name
    assert len(read_all(source)) == 60


def test_a_file_that_was_cut_short_ends_where_it_ends(tmp_path: Path) -> None:
    path = write_video(tmp_path / "cut.avi", 40, codec="MJPG")
    data = path.read_bytes()
    path.write_bytes(data[: len(data) // 2])
    source = video(path)
    source.open()
    images = read_all(source)
    assert 10 <= len(images) < 40
    assert source.read() is None


def test_damage_in_the_middle_does_not_end_the_file(tmp_path: Path) -> None:
    path = write_video(tmp_path / "damaged.avi", 40, codec="MJPG")
    data = bytearray(path.read_bytes())
    middle = len(data) // 2
    data[middle : middle + 3000] = bytes(3000)
    path.write_bytes(data)
    source = video(path)
    source.open()
    images = read_all(source)
    times = [image.time for image in images]
    assert number_of(images[-1].pixels) == 39
    assert times == sorted(set(times))


BAD_FILES = {
    "empty.mp4": b"",
    "text.txt": b"This is not a video.\n" * 50,
    "text.mp4": b"This is not a video.\n" * 50,
    "noise.mp4": bytes((i * 7919 + i // 13) % 256 for i in range(50_000)),
    "zeros.avi": bytes(10_000),
    "sound.wav": b"RIFF\x24\x08\0\0WAVEfmt \x10\0\0\0\x01\0\x01\0\x44\xac\0\0\x88\x58\x01\0\x02\0\x10\0data\0\x08\0\0"
    + bytes(2048),
}


@pytest.mark.parametrize("name", BAD_FILES)
def test_what_is_no_video_is_said(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    path.write_bytes(BAD_FILES[name])
    source = video(path)
    with pytest.raises(SourceError) as caught:
        source.open()
    expected = "is empty" if not BAD_FILES[name] else "is damaged or not a video"
    assert str(caught.value) == f"The video '{name}' {expected}. Choose another file."
    source.close()


def test_a_video_without_its_table_of_contents_is_said(tmp_path: Path, even: Path) -> None:
    path = tmp_path / "half.mp4"
    data = even.read_bytes()
    path.write_bytes(data[: len(data) // 2])
    with pytest.raises(SourceError, match=r"The video 'half\.mp4' is damaged"):
        video(path).open()


def test_missing_file_folder_and_nothing(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match=r"gone\.mp4' does not exist\. Choose another file\."):
        video(tmp_path / "gone.mp4").open()
    with pytest.raises(SourceError, match="is a folder"):
        video(tmp_path).open()
    with pytest.raises(SourceError, match="No video is chosen"):
        make_source(SourceSpec("video")).open()
    with pytest.raises(SourceError, match="cannot be read"):
        make_source(SourceSpec("video", path="nul\0in it.mp4")).open()


stamps = st.lists(st.one_of(st.none(), st.floats(-5, 500)), min_size=1, max_size=100)


@given(stamps, st.one_of(st.none(), st.floats(1, 240)))
def test_times_always_increase_and_good_stamps_stay(values: list[float | None], rate: float | None) -> None:
    clock = StampClock(rate)
    times = [clock.next(value) for value in values]
    assert all(a < b for a, b in itertools.pairwise(times))
    for i, value in enumerate(values):
        if value is not None and (i == 0 or value > times[i - 1]):
            assert times[i] == value


def test_one_repeated_stamp_moves_no_other_image() -> None:
    clock = StampClock(25.0)
    assert [clock.next(t) for t in (0.0, 0.04, 0.04, 0.08, 0.12)] == pytest.approx([0.0, 0.04, 0.06, 0.08, 0.12])
