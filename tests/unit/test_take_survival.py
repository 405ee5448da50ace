# SPDX-FileCopyrightText: 2026 Mimica authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What becomes of a take when the process is killed, the file cut off, the disk full or read only: real ones each."""

import contextlib
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import textwrap
import time
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

import mimica
from mimica.capture import take_writer
from mimica.capture.take import Take, TakeError, TakeInfo, TakeWriter, list_takes, summarize
from mimica.capture.take_files import label_take
from mimica.capture.take_repair import repair_take
from mimica.capture.take_room import check_folder
from mimica.capture.take_schema import PAGE_SIZE, Film
from mimica.mapping.frame import FaceFrame

IMAGES = 120
PERFORMER = {"schema": 1, "neutral": [i / 7 for i in range(5000)]}
"""Larger than a page, as real ones are."""
OTHER_PAGES = 7
"""Pages of the file that hold no frames: tables, index, performer."""


def image(number: int) -> tuple[FaceFrame, ...]:
    """A frame whose every value tells its number."""
    scores = np.full(52, number / 1000, np.float32) if number % 3 else None
    return (FaceFrame(number / 30, np.full((478, 3), number, np.float32), scores, (640, 480), 0, 0.5),)


def record(path: Path, images: int = IMAGES) -> Path:
    with TakeWriter(path, TakeInfo(path.stem, performer=PERFORMER, note="kept")) as writer:
        for i in range(images):
            writer.append(image(i))
    assert writer.error is None
    return path


def kept(path: Path) -> list[int]:
    """The numbers of the images that a take holds, each of them whole."""
    frames = Take.open(path).frames()
    numbers = frames.landmarks[:, 0, 0]
    assert (frames.landmarks == numbers[:, None, None]).all()
    np.testing.assert_allclose(frames.times, numbers / 30)
    return [int(number) for number in numbers]


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return record(tmp_path_factory.mktemp("whole") / "whole.mimica")


@settings(max_examples=60, deadline=None)
@given(share=st.floats(0.0, 1.0))
@example(share=0.99609375)
def test_a_take_cut_off_anywhere_gives_what_is_whole(whole: Path, share: float) -> None:
    content = whole.read_bytes()
    length = int(share * len(content))
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "cut.mimica"
        path.write_bytes(content[:length])
        try:
            read = kept(path)
        except TakeError as error:
            assert str(error).endswith(".")
        else:
            assert read == list(range(IMAGES)), "what opens lacks nothing"
            return
        try:
            repaired = repair_take(path)
        except TakeError as error:
            assert str(error).endswith(".") and length < (OTHER_PAGES + 1) * PAGE_SIZE
            assert os.listdir(folder) == [path.name]
        else:
            numbers = kept(repaired)
            assert numbers == list(range(len(numbers))), "all up to the cut"
            assert len(numbers) >= 5 * (length // PAGE_SIZE - OTHER_PAGES)
            assert summarize(repaired).cut_short
            assert Take.open(repaired).info == TakeInfo("cut repaired", performer=PERFORMER, note="kept")
        assert path.read_bytes() == content[:length], "the damaged file stays as it is"


@settings(max_examples=20, deadline=None)
@given(data=st.data())
def test_a_damaged_page_costs_its_own_rows(whole: Path, data: st.DataObject) -> None:
    content = whole.read_bytes()
    page = data.draw(st.integers(0, len(content) // PAGE_SIZE - 1))
    noise = data.draw(st.binary(min_size=16, max_size=64))
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "bad.mimica"
        start = page * PAGE_SIZE
        filling = (noise * PAGE_SIZE)[:PAGE_SIZE]
        path.write_bytes(content[:start] + filling + content[start + PAGE_SIZE :])
        repaired = repair_take(path)
        numbers = kept(repaired)
        assert len(numbers) >= IMAGES - 5 and numbers == sorted(set(numbers))


def test_what_is_no_take_is_not_repaired(tmp_path: Path) -> None:
    path = tmp_path / "a.mimica"
    for content in (b"", b"x" * 100, b"\x0d" * 200_000, os.urandom(100_000)):
        path.write_bytes(content)
        with pytest.raises(TakeError, match="Nothing of the take"):
            repair_take(path)
        assert os.listdir(tmp_path) == [path.name]


RECORDING = """
    import sys, time
    from pathlib import Path
    import numpy as np
    from mimica.capture.take import TakeInfo, TakeWriter
    from mimica.capture.take_schema import Film, Timeline
    from mimica.mapping.frame import FaceFrame
    writer = TakeWriter(Path(sys.argv[1]), TakeInfo("killed"))
    start = time.perf_counter()
    writer.tell("film", Film("killed.avi", 0))
    for i in range(100_000):
        writer.append((FaceFrame(i / 30, np.full((478, 3), i, np.float32), None, (640, 480)),))
        writer.tell("timeline", Timeline(100.0 + i, 24.0))
        print(time.monotonic(), flush=True)
        if writer.error:
            break
        time.sleep(max(0.0, start + (i + 1) * float(sys.argv[2]) - time.perf_counter()))
    writer.close()
    print(writer.error)
"""


def recording(path: Path, step: float) -> "subprocess.Popen[str]":
    """A process that records an image each `step` seconds, and says when it did."""
    find = textwrap.dedent(
        f"""
        import importlib.util, sys
        spec = importlib.util.spec_from_file_location("mimica", {mimica.__file__!r},
            submodule_search_locations={list(mimica.__path__)!r})
        sys.modules["mimica"] = importlib.util.module_from_spec(spec)
        """
    )
    command = [sys.executable, "-c", find + textwrap.dedent(RECORDING), str(path), str(step)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True)


@pytest.fixture
def killed(tmp_path: Path) -> tuple[Path, int]:
    """A take whose process was killed, and how many images it had a second before."""
    if sys.platform == "win32":
        pytest.skip("needs SIGKILL")
    path = tmp_path / "killed.mimica"
    process = recording(path, 1 / 60)
    assert process.stdout is not None
    moments = [float(process.stdout.readline())]
    while moments[-1] - moments[0] < 1.4:
        moments.append(float(process.stdout.readline()))
    at = time.monotonic()
    process.send_signal(signal.SIGKILL)
    process.wait()
    process.stdout.close()
    return path, sum(moment < at - 1.0 for moment in moments)


def test_a_killed_recording_opens_and_says_that_it_was_cut_short(killed: tuple[Path, int]) -> None:
    path, safe = killed
    (summary,) = list_takes(path.parent)
    assert summary.cut_short and not summary.recording and summary.error is None
    assert summary.frames >= safe > 10
    assert kept(path) == list(range(summary.frames))
    info = Take.open(path).info
    assert info.film == Film("killed.avi", 0), "what was told meanwhile is there too"
    assert info.timeline is not None and info.timeline.frame >= 100.0 + safe - 1
    label_take(path, star=True)
    assert summarize(path).star and summarize(path).cut_short, "it stays marked"
    assert not summarize(record(path.parent / "good.mimica")).cut_short


def test_a_killed_recording_whose_file_is_cut_off_too(killed: tuple[Path, int]) -> None:
    """What is in the log counts as well; looking at the damage makes it no worse."""
    path, _ = killed
    log = path.with_name(path.name + "-wal")
    assert log.exists()
    with path.open("r+b") as stream:
        stream.truncate(path.stat().st_size // 2)
    first = repair_take(path)
    (found,) = [summary for summary in list_takes(path.parent) if summary.path == path]
    again = repair_take(path)
    assert len(kept(first)) > 20
    assert set(kept(again)) >= set(kept(first)), found


@contextlib.contextmanager
def mounted(folder: Path, *options: str) -> Iterator[Path]:
    """Mount something for the time of a test; skips it where that is not allowed."""
    mount = shutil.which("mount")
    if sys.platform != "linux" or os.geteuid() != 0 or mount is None:
        pytest.skip("only Linux's root can mount")
    folder.mkdir()
    done = subprocess.run([mount, *options, str(folder)], capture_output=True, text=True, check=False)
    if done.returncode:
        pytest.skip(f"mounting is not allowed here: {done.stderr.strip()}")
    try:
        yield folder
    finally:
        subprocess.run(["umount", str(folder)], check=True)


def test_a_full_disk(tmp_path: Path) -> None:
    with mounted(tmp_path / "small", "-t", "tmpfs", "-o", "size=8m", "tmpfs") as folder:
        with pytest.raises(TakeError, match="has only 8 MB free"):
            check_folder(folder)
        path = folder / "a.mimica"
        process = recording(path, 0.003)
        output = process.communicate(timeout=60)[0].splitlines()
        assert output[-1].startswith("The disk is full") and output[-1].endswith("Free some space.")
        numbers = kept(path)
        assert len(numbers) > 100 and numbers == list(range(len(numbers)))
        assert f"The {len(numbers)} images until then are kept" in output[-1]
        log = path.with_name(path.name + "-wal")
        if log.exists():
            # There was no room to put it away. Some time later:
            os.utime(log, (time.time() - 60, time.time() - 60))
        assert summarize(path).cut_short
        with pytest.raises(TakeError, match="needs a folder that can be written"):
            repair_take(path)


def test_a_folder_that_is_read_only(tmp_path: Path) -> None:
    takes = tmp_path / "takes"
    path = record(takes / "a.mimica")
    with mounted(tmp_path / "locked", "-o", "bind,ro", str(takes)) as folder:
        with pytest.raises(TakeError, match=r"cannot be kept in .*Choose another folder"):
            check_folder(folder)
        locked = folder / path.name
        assert kept(locked) == list(range(IMAGES)) and not summarize(locked).star
        with pytest.raises(TakeError, match="cannot be written"):
            label_take(locked, star=True)


def test_a_good_folder_is_made_and_left_empty(tmp_path: Path) -> None:
    check_folder(tmp_path / "new" / "takes", 60.0, 4)
    assert os.listdir(tmp_path / "new" / "takes") == []
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(TakeError, match=r"cannot be kept in .*Choose another folder"):
        check_folder(tmp_path / "file")


def test_room_for_a_minute_is_asked_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    free = 40_000_000
    monkeypatch.setattr(shutil, "disk_usage", lambda _path: SimpleNamespace(free=free))
    check_folder(tmp_path, 30.0, 1)
    with pytest.raises(TakeError, match="has only 40 MB free"):
        check_folder(tmp_path, 60.0, 2)


def test_the_minutes_that_are_left(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(take_writer, "ROOM_EVERY", 0.3)
    with TakeWriter(tmp_path / "a.mimica", TakeInfo("a")) as writer:
        assert writer.minutes_left is None
        end = time.monotonic() + 10
        number = 0
        while writer.minutes_left is None:
            assert time.monotonic() < end
            writer.append(image(number))
            number += 1
            time.sleep(1 / 60)
        free = shutil.disk_usage(tmp_path).free - take_writer.LOG_ROOM
        assert writer.minutes_left == pytest.approx(free / (60 * 5900 * 60), rel=0.6)
