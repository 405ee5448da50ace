# SPDX-FileCopyrightText: 2026 Mimica authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Takes as files: what the user says of them, copies, the trash, the list that reads only what changed."""

import os
import shutil
import sqlite3
import time
from pathlib import Path

import numpy as np
import pytest

from mimica.capture import take_shelf
from mimica.capture.take import Take, TakeError, TakeInfo, TakeWriter, list_takes, summarize
from mimica.capture.take_files import (
    companions,
    copy_take,
    duplicate_take,
    empty_trash,
    label_take,
    move_take,
    rename_take,
    restore_last,
    trash_take,
    trashed_takes,
)
from mimica.capture.take_repair import repair_take
from mimica.capture.take_schema import Film, Sound
from mimica.capture.take_shelf import TakeShelf
from mimica.mapping.frame import FaceFrame

LANDMARKS = np.ones((478, 3), np.float32)


def record(path: Path, images: int = 5, **info) -> Path:
    with TakeWriter(path, TakeInfo(path.stem, **info)) as writer:
        for i in range(images):
            writer.append((FaceFrame(i / 30, LANDMARKS * i, None, (640, 480), 0, 0.5),))
    assert writer.error is None
    return path


def frame_rows(path: Path) -> list[tuple]:
    connection = sqlite3.connect(path)
    rows = connection.execute("SELECT * FROM frames ORDER BY frame").fetchall()
    connection.close()
    return rows


def make_old(path: Path) -> Path:
    """Let a take be one of before stars, figures and the rest."""
    connection = sqlite3.connect(path)
    connection.execute("DELETE FROM meta WHERE key IN ('star', 'complete', 'dropped', 'figures')")
    connection.commit()
    connection.close()
    return path


def test_note_and_star_leave_the_frames_as_they_are(tmp_path: Path) -> None:
    path = record(tmp_path / "a.mimica", note="first")
    before = frame_rows(path)
    label_take(path, star=True)
    assert (summarize(path).star, summarize(path).note) == (True, "first")
    label_take(path, star=False, note="Schön — das war’s")
    assert (summarize(path).star, Take.open(path).info.note) == (False, "Schön — das war’s")
    assert frame_rows(path) == before
    assert os.listdir(tmp_path) == [path.name]


def test_an_old_take_is_read_as_it_is_and_gets_what_is_said_of_it(tmp_path: Path) -> None:
    new = summarize(record(tmp_path / "a.mimica", 7, note="first"))
    path = make_old(new.path)
    content = path.read_bytes()
    assert summarize(path) == new, "figures are counted where none are stored"
    assert Take.open(path).info == TakeInfo("a", note="first")
    assert path.read_bytes() == content, "looking alone changes nothing"
    label_take(path, star=True, note="better")
    summary = summarize(path)
    assert (summary.star, summary.note, summary.cut_short, summary.dropped) == (True, "better", False, None)


def test_what_is_read_only_is_read_and_not_written(tmp_path: Path) -> None:
    path = record(tmp_path / "a.mimica")
    path.chmod(0o400)
    if os.access(path, os.W_OK):
        pytest.skip("permissions do not bind this user")
    with pytest.raises(TakeError, match="cannot be written"):
        label_take(path, star=True)
    assert not summarize(path).star


def test_a_take_in_use_is_said(tmp_path: Path) -> None:
    path = record(tmp_path / "a.mimica")
    other = sqlite3.connect(path, isolation_level=None)
    other.execute("BEGIN EXCLUSIVE")
    try:
        with pytest.raises(TakeError, match="being written"):
            label_take(path, star=True)
        with pytest.raises(TakeError, match="being written"):
            summarize(path)
    finally:
        other.close()


def test_dropped_images_are_in_the_take(tmp_path: Path) -> None:
    path = tmp_path / "a.mimica"
    with TakeWriter(path, TakeInfo("a")) as writer:
        writer.dropped = lambda: 3
        writer.append((FaceFrame(0.0, LANDMARKS, None, (640, 480)),))
    assert summarize(path).dropped == 3
    assert summarize(record(tmp_path / "b.mimica")).dropped is None, "who does not count does not say none"


def test_rate(tmp_path: Path) -> None:
    assert summarize(record(tmp_path / "a.mimica", 31)).rate == pytest.approx(30.0)
    assert summarize(record(tmp_path / "b.mimica", 1)).rate == 0.0


def test_renaming(tmp_path: Path) -> None:
    path = record(tmp_path / "a.mimica")
    record(tmp_path / "Scene 1.mimica")
    renamed = rename_take(path, " Scene 1 ")
    assert renamed == tmp_path / "Scene 1 2.mimica"
    assert Take.open(renamed).info.name == "Scene 1"
    odd = rename_take(renamed, "what/ever: 7?")
    assert odd.parent == tmp_path and odd.exists()
    assert Take.open(odd).info.name == "what/ever: 7?"
    assert rename_take(odd, "what/ever: 7?") == odd
    with pytest.raises(TakeError, match="needs a name"):
        rename_take(odd, "  ")


def test_copies_have_their_own_name_and_the_same_frames(tmp_path: Path) -> None:
    path = record(tmp_path / "a.mimica")
    copy = duplicate_take(path)
    assert copy.name == "a 2.mimica" and Take.open(copy).info.name == "a 2"
    assert frame_rows(copy) == frame_rows(path)
    imported = copy_take(path, tmp_path / "new" / "folder")
    assert imported == tmp_path / "new" / "folder" / "a.mimica" and Take.open(imported).info.name == "a"
    assert copy_take(path, imported.parent).name == "a 2.mimica", "nothing is overwritten"
    with pytest.raises(TakeError, match="does not exist"):
        copy_take(tmp_path / "none.mimica", tmp_path)


def test_the_trash(tmp_path: Path) -> None:
    first, second = record(tmp_path / "a.mimica"), record(tmp_path / "b.mimica")
    content = second.read_bytes()
    trash_take(first)
    trash_take(second)
    assert list_takes(tmp_path) == () and len(trashed_takes(tmp_path)) == 2
    assert restore_last(tmp_path) == second and second.read_bytes() == content
    record(tmp_path / "a.mimica", 9)
    assert restore_last(tmp_path) == tmp_path / "a 2.mimica", "what came since keeps its name"
    assert not (tmp_path / ".trash").exists()
    with pytest.raises(TakeError, match="empty"):
        restore_last(tmp_path)
    trash_take(first)
    assert empty_trash(tmp_path) == 1
    assert sorted(os.listdir(tmp_path)) == ["a 2.mimica", "b.mimica"]


def test_what_is_no_take_any_more_can_be_put_away(tmp_path: Path) -> None:
    path = tmp_path / "a.mimica"
    path.write_bytes(b"x" * 1000)
    trash_take(path)
    assert restore_last(tmp_path).read_bytes() == b"x" * 1000
    path.unlink()
    with pytest.raises(TakeError, match="does not exist"):
        trash_take(path)


def test_moving(tmp_path: Path) -> None:
    path = record(tmp_path / "a.mimica")
    there = record(tmp_path / "there" / "a.mimica", 9)
    moved = move_take(path, there.parent)
    assert moved.name == "a 2.mimica" and not path.exists()
    assert (summarize(moved).frames, summarize(there).frames) == (5, 9)


def test_a_take_that_is_being_recorded_stays_where_it_is(tmp_path: Path) -> None:
    path = tmp_path / "a.mimica"
    with TakeWriter(path, TakeInfo("a")) as writer:
        writer.append((FaceFrame(0.0, LANDMARKS, None, (640, 480)),))
        end = time.monotonic() + 5
        while not path.exists() or not summarize(path).frames:
            assert time.monotonic() < end
            time.sleep(0.02)
        assert summarize(path).recording and not summarize(path).cut_short
        for action in (
            trash_take,
            duplicate_take,
            lambda p: rename_take(p, "b"),
            lambda p: move_take(p, tmp_path / "x"),
        ):
            with pytest.raises(TakeError, match="being recorded"):
                action(path)
        label_take(path, star=True)
    summary = summarize(path)
    assert (summary.recording, summary.cut_short, summary.star, summary.frames) == (False, False, True, 1)


def record_with_companions(path: Path, images: int = 5) -> Path:
    sound, film = path.with_suffix(".wav"), path.with_suffix(".avi")
    record(path, images, sound=Sound(sound.name, 0.5, 48000.0, "Mic"), film=Film(film.name, 0))
    sound.write_bytes(b"sound of " + path.stem.encode())
    film.write_bytes(b"film of " + path.stem.encode())
    return path


def whole_with(path: Path, stem: str) -> None:
    """See that a take says what its companions are called, and that they are those of `stem`."""
    info = Take.open(path).info
    assert info.sound == Sound(f"{path.stem}.wav", 0.5, 48000.0, "Mic")
    assert info.film == Film(f"{path.stem}.avi", 0)
    assert (path.parent / info.sound.file).read_bytes() == b"sound of " + stem.encode()
    assert (path.parent / info.film.file).read_bytes() == b"film of " + stem.encode()


def test_companions_are_renamed_moved_and_copied_along(tmp_path: Path) -> None:
    path = record_with_companions(tmp_path / "a.mimica")
    before = frame_rows(path)
    renamed = rename_take(path, "b")
    whole_with(renamed, "a")
    moved = move_take(renamed, tmp_path / "there")
    whole_with(moved, "a")
    assert os.listdir(tmp_path) == ["there"]
    copy = duplicate_take(moved)
    assert copy.name == "b 2.mimica"
    whole_with(copy, "a")
    whole_with(moved, "a")
    imported = copy_take(copy, tmp_path)
    whole_with(imported, "a")
    assert frame_rows(imported) == before


def test_companions_go_into_the_trash_and_come_back_under_a_free_name(tmp_path: Path) -> None:
    path = record_with_companions(tmp_path / "a.mimica")
    trash_take(path)
    assert os.listdir(tmp_path) == [".trash"]
    (tmp_path / "a.wav").write_bytes(b"somebody's sound")
    restored = restore_last(tmp_path)
    assert restored.name == "a 2.mimica"
    whole_with(restored, "a")
    assert (tmp_path / "a.wav").read_bytes() == b"somebody's sound"
    trash_take(restored)
    assert empty_trash(tmp_path) == 1
    assert os.listdir(tmp_path) == ["a.wav"]


def test_a_damaged_take_goes_with_the_companions_of_its_name(tmp_path: Path) -> None:
    path = tmp_path / "a.mimica"
    path.write_bytes(b"x" * 1000)
    path.with_suffix(".avi").write_bytes(b"film")
    trash_take(path)
    assert os.listdir(tmp_path) == [".trash"]
    path.write_bytes(b"another")
    restored = restore_last(tmp_path)
    assert restored.name == "a 2.mimica" and restored.with_suffix(".avi").read_bytes() == b"film"


def test_a_repaired_take_has_companions_of_its_own(tmp_path: Path) -> None:
    path = record_with_companions(tmp_path / "a.mimica", 60)
    content = path.read_bytes()
    path.write_bytes(content[: len(content) * 3 // 4])
    repaired = repair_take(path)
    whole_with(repaired, "a")
    trash_take(path)
    whole_with(repaired, "a")


def test_companions_that_are_gone_are_no_error(tmp_path: Path) -> None:
    path = record_with_companions(tmp_path / "a.mimica")
    path.with_suffix(".wav").unlink()
    copy = duplicate_take(rename_take(path, "b"))
    assert set(companions(copy)) == {"film"}


@pytest.mark.parametrize("name", ["../other/a.avi", "/etc/passwd", "b.mimica", "", "..", 7])
def test_a_take_cannot_make_a_companion_of_any_other_file(tmp_path: Path, name: object) -> None:
    other = tmp_path / "other" / "a.avi"
    other.parent.mkdir()
    other.write_bytes(b"another's")
    mine = record(tmp_path / "takes" / "b.mimica")
    path = record(tmp_path / "takes" / "a.mimica", film=Film(name, 0))  # pyright: ignore[reportArgumentType]
    assert companions(path) == {}
    trash_take(path)
    assert other.exists() and mine.exists()


def test_a_move_that_fails_half_way_leaves_all_where_it_was(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = record_with_companions(tmp_path / "a.mimica")
    real = shutil.move

    def move(old: Path, new: Path) -> object:
        if Path(old) == path:
            raise PermissionError(13, "in use")
        return real(old, new)

    monkeypatch.setattr(shutil, "move", move)
    with pytest.raises(TakeError, match="cannot be moved"):
        move_take(path, tmp_path / "there")
    whole_with(path, "a")
    assert os.listdir(tmp_path / "there") == []


def test_a_copy_without_room_for_its_film_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = record_with_companions(tmp_path / "a.mimica")
    real = shutil.copyfile

    def copyfile(old: Path, new: Path) -> Path:
        if Path(old).suffix == ".avi":
            raise OSError(28, "No space left on device")
        return real(old, new)

    monkeypatch.setattr(shutil, "copyfile", copyfile)
    with pytest.raises(TakeError, match="cannot be copied"):
        copy_take(path, tmp_path / "there")
    assert os.listdir(tmp_path / "there") == []


def test_the_list_reads_only_what_changed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    paths = [record(tmp_path / f"{i}.mimica", created=f"2026-11-20T10:00:0{i}+00:00") for i in range(3)]
    read: list[Path] = []
    original = take_shelf.summary_or_error
    monkeypatch.setattr(take_shelf, "summary_or_error", lambda path: read.append(path) or original(path))
    shelf = TakeShelf()
    assert shelf.look(paths, 60.0) == list_takes(tmp_path) and shelf.complete
    assert sorted(read) == paths
    read.clear()
    assert shelf.look(paths, 60.0) == list_takes(tmp_path)
    assert read == []
    label_take(paths[1], star=True)
    paths[2].unlink()
    first = shelf.look(paths[:2], 60.0)
    assert read == [paths[1]] and [summary.star for summary in first] == [True, False]


def test_a_long_list_is_read_bit_by_bit(tmp_path: Path) -> None:
    paths = [record(tmp_path / f"{i}.mimica") for i in range(4)]
    shelf = TakeShelf()
    seen = []
    while not shelf.complete or not seen:
        summaries = shelf.look(paths, 0.0)
        assert len(summaries) == 4, "each is there by its name from the start"
        seen.append(sum(summary.frames > 0 for summary in summaries))
    assert seen == [1, 2, 3, 4]


def test_two_hundred_takes_are_listed_quickly(tmp_path: Path) -> None:
    first = record(tmp_path / "0.mimica", 30)
    paths = [first, *(tmp_path / f"{i}.mimica" for i in range(1, 200))]
    for path in paths[1:]:
        shutil.copyfile(first, path)
    shelf = TakeShelf()
    start = time.perf_counter()
    assert len(shelf.look(paths, 60.0)) == 200
    cold = time.perf_counter() - start
    start = time.perf_counter()
    shelf.look(paths, 60.0)
    warm = time.perf_counter() - start
    # About 0.09 s and 0.01 s where this was written.
    assert cold < 1.0 and warm < 0.2
