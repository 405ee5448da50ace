# SPDX-FileCopyrightText: 2026 Mimica authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The capture in a helper process: as good as the one in a thread, and it may die at any moment."""

import gc
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest

from mimica.capture import helper_memory, helper_start, remote
from mimica.capture.film import FilmWriter
from mimica.capture.helper_memory import PICTURE_BYTES, RESULTS, SharedReader, SharedWriter, create_memory
from mimica.capture.model import ModelFile, verify_model
from mimica.capture.remote import RemoteCaptureSession, clock_offset
from mimica.capture.session import CaptureSession
from mimica.capture.source import SourceInfo, SourceSpec, make_source
from mimica.capture.take import Take, summarize
from mimica.capture.take_schema import TakeInfo
from mimica.capture.take_writer import TakeWriter
from mimica.capture.tracker import Tracker
from mimica.mapping.frame import FaceFrame

pytest.importorskip("cv2")

PATIENCE = 30.0
posix = pytest.mark.skipif(sys.platform == "win32", reason="signals of POSIX")
Make = Callable[..., RemoteCaptureSession]


@pytest.fixture(scope="module")
def model(model_path: Path) -> ModelFile:
    return verify_model(model_path, "path")


@pytest.fixture(scope="module")
def clip(sample_clip: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The beginning of the sample clip."""
    import cv2

    path = tmp_path_factory.mktemp("short") / "clip.mp4"
    video = cv2.VideoCapture(str(sample_clip))
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*"mp4v"), 30.0, (512, 512))
    for _ in range(60):
        writer.write(video.read()[1])
    writer.release()
    return path


@pytest.fixture
def make(model: ModelFile) -> Iterator[Make]:
    """Make sessions; those that a failing test leaves behind are stopped."""
    made: list[RemoteCaptureSession] = []

    def make(path: Path, loop: bool = False, **settings: object) -> RemoteCaptureSession:
        spec = SourceSpec("video", path=str(path), loop=loop)
        made.append(RemoteCaptureSession(spec, model, **settings))  # type: ignore[arg-type]
        return made[-1]

    yield make
    for session in made:
        session.stop()


def new_take(path: Path) -> TakeWriter:
    info = SourceInfo("clip", "video", 512, 512, 30.0, None, None, False)
    return TakeWriter(
        path,
        TakeInfo(
            name="Take",
            source=info,
            camera_fov=None,
            tracker="test",
            tracker_version="1",
            model_sha256="0" * 64,
            created=datetime.now(UTC).isoformat(),
            performer=None,
        ),
    )


def wait_until(done: Callable[[], bool]) -> None:
    deadline = time.monotonic() + PATIENCE
    while not done():
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.005)


def same(a: FaceFrame, b: FaceFrame) -> bool:
    def data(frame: FaceFrame) -> tuple[object, ...]:
        arrays = (None if array is None else array.tobytes() for array in (frame.landmarks, frame.scores))
        return frame.time, frame.image_size, frame.face_id, frame.quality, *arrays

    return data(a) == data(b)


def nothing_is_left(session: RemoteCaptureSession) -> bool:
    """Whether process, threads and memory of a session are gone."""
    number = session.helper_number
    assert number is not None
    # Memory goes with what shows it, which may wait for the collector.
    gc.collect()
    if sys.platform == "linux":
        assert "mimica" not in Path("/proc/self/maps").read_text()
        assert not Path(f"/proc/{number}").exists()
        assert not list(Path("/dev/shm").glob("*mimica*"))
    return not any(thread.name in ("mimica-helper", "mimica-guard") for thread in threading.enumerate())


def test_results_and_recording_are_those_of_a_thread(make: Make, model: ModelFile, clip: Path, tmp_path: Path) -> None:
    """All of a clip, from a path with other alphabets, as fast as possible, with a film."""
    path = tmp_path / "Gesicht ä 面" / "клип.mp4"
    path.parent.mkdir()
    shutil.copy(clip, path)
    expected: list[tuple[FaceFrame, ...]] = []

    class Noting(Tracker):
        def track(self, image):
            expected.append(super().track(image))
            return expected[-1]

    thread = CaptureSession(make_source(SourceSpec("video", path=str(path))), lambda: Noting(model), pace="fast")
    thread.start()
    assert thread.wait(PATIENCE)
    thread.stop()

    told: list[tuple[tuple[FaceFrame, ...], float]] = []
    session = make(path, pace="fast", told=lambda faces, grabbed: told.append((faces, grabbed)))
    writer = new_take(tmp_path / "Aufnahme 面.mimica")
    film = FilmWriter(tmp_path / "film.avi", 30.0, lambda _film: None)
    session.start_recording(writer, film)
    began = time.perf_counter()
    session.start()
    with pytest.raises(RuntimeError):
        session.start_recording(writer)
    assert session.wait(PATIENCE)
    session.stop_recording()
    writer.close()
    film.close()
    assert (session.state, session.error, writer.error, film.error) == ("ended", None, None, None)
    assert session.info == thread.info
    stats = session.stats()
    assert (stats.captured, stats.tracked, stats.dropped, stats.recorded) == (
        len(expected),
        len(expected),
        0,
        film.count,
    )
    assert session.clock is not None and began < session.clock + expected[-1][0].time
    for faces, (others, _) in zip(expected, told, strict=True):
        assert all(same(*pair) for pair in zip(faces, others, strict=True))
    moments = [grabbed for _, grabbed in told]
    assert moments == sorted(moments) and began < moments[0] < moments[-1] < time.perf_counter()
    frames = Take.open(writer.path).frames()
    assert frames.times.tolist() == [faces[0].time for faces in expected]
    assert session.stop()
    assert nothing_is_left(session)


def test_recordings_begin_and_end_in_the_middle(make: Make, clip: Path, tmp_path: Path) -> None:
    session = make(clip, loop=True)
    session.start()
    wait_until(lambda: session.stats().tracked > 3)
    takes = []
    for number in range(2):
        writer = new_take(tmp_path / f"{number}.mimica")
        session.start_recording(writer)
        assert session.recording
        wait_until(lambda writer=writer: writer.count >= 8)
        session.stop_recording()
        count = writer.count
        writer.close()
        assert not summarize(writer.path).cut_short
        takes.append(Take.open(writer.path).frames().times)
        assert len(takes[-1]) == count
        assert np.diff(takes[-1]).max() < 1.5 / 30, "an image is missing"
    assert takes[0][-1] < takes[1][0]
    wait_until(lambda: session.newest_image() is not None)
    image = session.newest_image()
    assert image is not None and image.pixels.shape == (512, 512, 3) and image.pixels.std() > 10
    assert session.state == "running" and not session.recording
    last = new_take(tmp_path / "last.mimica")
    session.start_recording(last)
    wait_until(lambda: last.count > 2)
    began = time.perf_counter()
    assert session.stop()
    assert time.perf_counter() - began < 2.2
    assert session.state == "stopped" and session.error is None
    assert not summarize(last.path).cut_short
    assert nothing_is_left(session)


@posix
@pytest.mark.parametrize(
    ("number", "words"),
    [
        pytest.param(9, "ended unexpectedly (signal 9", id="killed"),
        pytest.param(19, "stopped answering", id="hangs"),
    ],
)
def test_the_helper_dies_while_recording(
    make: Make, clip: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int, words: str
) -> None:
    monkeypatch.setattr(remote, "PATIENCE", 0.75)
    session = make(clip, loop=True)
    writer = new_take(tmp_path / "take.mimica")
    session.start_recording(writer)
    session.start()
    wait_until(lambda: writer.count >= 10)
    assert session.helper_number is not None
    os.kill(session.helper_number, number)
    assert session.wait(PATIENCE)
    assert session.state == "failed"
    assert session.error is not None and words in session.error
    assert "What was recorded is kept." in session.error
    session.stop_recording()
    count = writer.count
    writer.close()
    assert writer.error is None
    frames = Take.open(writer.path).frames()
    assert len(frames) == count >= 10
    assert frames.found.all()
    assert session.stop()
    assert nothing_is_left(session)


def test_a_helper_that_hangs_is_ended_by_stop(make: Make, clip: Path, tmp_path: Path) -> None:
    session = make(clip, loop=True)
    session.start()
    wait_until(lambda: session.state == "running")
    assert session.helper_number is not None
    if sys.platform != "win32":
        os.kill(session.helper_number, signal.SIGSTOP)
    began = time.perf_counter()
    assert session.stop(1.0)
    assert time.perf_counter() - began < 1.5
    assert session.state == "stopped" and session.error is None
    assert nothing_is_left(session)


def test_stopping_while_it_starts(make: Make, clip: Path) -> None:
    session = make(clip)
    session.start()
    began = time.perf_counter()
    assert session.stop()
    assert time.perf_counter() - began < 2.0
    assert session.state == "stopped"
    assert nothing_is_left(session)


def test_errors_of_the_source_are_the_same_sentences(make: Make, model: ModelFile, tmp_path: Path) -> None:
    path = tmp_path / "broken.mp4"
    path.write_bytes(b"no video")
    thread = CaptureSession(make_source(SourceSpec("video", path=str(path))), lambda: Tracker(model))
    thread.start()
    assert thread.wait(PATIENCE)
    session = make(path)
    session.start()
    assert session.wait(PATIENCE)
    assert session.state == thread.state == "failed"
    assert session.error == thread.error
    assert session.stop() and thread.stop()


def test_a_helper_that_cannot_start_is_said(make: Make, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    script = tmp_path / "script.py"
    script.write_text("print('[\"hel', end='')\nraise SystemExit(3)")
    monkeypatch.setattr(helper_start, "_SCRIPT", script)
    session = make(tmp_path / "clip.mp4")
    session.start()
    assert session.wait(PATIENCE)
    assert session.state == "failed"
    assert session.error is not None and "cannot be started (it ended with code 3)" in session.error
    monkeypatch.setattr(sys, "prefix", str(tmp_path))
    monkeypatch.setattr(sys, "executable", str(tmp_path / "blender"))
    other = make(tmp_path / "clip.mp4")
    other.start()
    assert other.state == "failed"
    assert other.error is not None and "there is no Python" in other.error
    assert session.stop() and other.stop()
    unused = make(tmp_path / "clip.mp4")
    assert unused.stop() and unused.state == "stopped"


@posix
def test_speaking_to_a_dead_helper_is_harmless_where_signals_are_not_ignored(root: Path) -> None:
    """As in Blender 4, whose Python leaves SIGPIPE alone."""
    program = (
        "import os, runpy, signal\n"
        f"runpy.run_path({str(root / 'tests' / 'conftest.py')!r})\n"
        "from mimica.capture.helper_memory import create_memory\n"
        "from mimica.capture.helper_start import Helper\n"
        "signal.signal(signal.SIGPIPE, signal.SIG_DFL)\n"
        "_memory, handle = create_memory()\n"
        "helper = Helper(handle)\n"
        "helper.kill()\n"
        "os.waitid(os.P_PID, helper.number, os.WEXITED | os.WNOWAIT)\n"
        "helper.send('clock')\n"
        "helper.send('clock')\n"
        "print(helper.end())\n"
        "helper.send('clock')\n"
    )
    done = subprocess.run([sys.executable, "-c", program], stdout=subprocess.PIPE, text=True, check=False)
    assert (done.returncode, done.stdout) == (0, "-9\n")


@posix
def test_the_helper_ends_with_its_parent(clip: Path, model_path: Path, root: Path) -> None:
    program = (
        "import runpy, sys, time\n"
        "from pathlib import Path\n"
        f"runpy.run_path({str(root / 'tests' / 'conftest.py')!r})\n"
        "from mimica.capture.model import verify_model\n"
        "from mimica.capture.remote import RemoteCaptureSession\n"
        "from mimica.capture.source import SourceSpec\n"
        f"spec = SourceSpec('video', path={str(clip)!r}, loop=True)\n"
        f"session = RemoteCaptureSession(spec, verify_model(Path({str(model_path)!r}), 'path'))\n"
        "session.start()\n"
        "while not session.stats().tracked: time.sleep(0.01)\n"
        "print(session.helper_number, flush=True)\n"
        "time.sleep(60)\n"
    )
    with subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, text=True) as parent:
        assert parent.stdout is not None
        number = int(parent.stdout.readline())
        os.kill(number, 0)
        parent.kill()
    wait_until(lambda: not _runs(number))


def _runs(number: int) -> bool:
    """Whether a process of another parent runs; one that ended may still be listed where nobody asks after it."""
    try:
        os.kill(number, 0)
        status = Path(f"/proc/{number}/stat")
        return not status.exists() or status.read_text().rpartition(")")[2].split()[0] != "Z"
    except (ProcessLookupError, FileNotFoundError):
        return False


@pytest.fixture(params=["of the system", "of POSIX"])
def both_sides(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> tuple[SharedWriter, SharedReader]:
    if request.param == "of POSIX":
        if sys.platform == "win32":
            pytest.skip("Windows has its own")
        monkeypatch.delattr(os, "memfd_create", raising=False)
    memory, handle = create_memory()
    # Of this process, so that it is not the one that is given away.
    descriptor = None if handle.descriptor is None else os.dup(handle.descriptor)
    handle.close()
    return SharedWriter(helper_memory.open_memory(descriptor, handle.tag)), SharedReader(memory)


def test_a_full_ring_waits_for_the_reader(both_sides: tuple[SharedWriter, SharedReader]) -> None:
    writer, reader = both_sides
    count = 2 * RESULTS
    thread = threading.Thread(
        target=lambda: [writer.write((FaceFrame.lost(i, (64, 48), i % 4),), i + 0.5) for i in range(count)]
    )
    thread.start()
    time.sleep(0.2)
    assert thread.is_alive(), "it did not wait"
    for i in range(count):
        wait_until(lambda i=i: writer._results_written > i)
        (face,), grabbed = reader.read(i)
        assert (face.time, face.face_id, face.found, grabbed) == (i, i % 4, False, i + 0.5)
    thread.join()


def test_pictures_of_any_size(both_sides: tuple[SharedWriter, SharedReader]) -> None:
    writer, reader = both_sides
    random = np.random.default_rng(0)
    for shape in ((48, 64, 3), (2160, 3840, 3), (1, 1, 3), (48, 64, 3)):
        kept = []
        while True:
            pixels = random.integers(0, 255, shape, np.uint8)
            picture = writer.write_picture(pixels, wait=False)
            if picture is None:
                break
            kept.append((pixels, picture))
        assert len(kept) == min(32, PICTURE_BYTES // pixels.nbytes)
        assert all((reader.read_picture(picture) == pixels).all() for pixels, picture in kept)
    assert writer.write_picture(np.empty((5000, 5000, 3), np.uint8), wait=True) is None


def test_clocks_are_brought_together() -> None:
    assert clock_offset([(10.0, 10.4, 10.5), (11.0, 11.2, 13.0)]) == 0.0
    assert clock_offset([(10.0, 510.0, 11.0), (12.0, 512.05, 12.1)]) == pytest.approx(500.0)
    assert clock_offset([(10.0, 4.05, 10.1)]) == pytest.approx(-6.0)


@pytest.mark.parametrize(
    ("platform", "kind", "code", "came", "words"),
    [
        ("linux", "camera", -11, True, "(signal 11"),
        ("win32", "video", 0xC0000005, True, "(code 0xc0000005)"),
        ("linux", "video", 7, False, "(code 7)"),
        ("darwin", "camera", -6, False, "Start Blender from the Terminal"),
        ("darwin", "camera", -6, True, "(signal 6"),
        ("darwin", "video", -6, False, "(signal 6"),
    ],
)
def test_what_ended_it_is_said(
    monkeypatch: pytest.MonkeyPatch, platform: str, kind: str, code: int, came: bool, words: str
) -> None:
    monkeypatch.setattr(sys, "platform", platform)
    assert words in helper_start.cause_of_end(code, kind, came)  # type: ignore[arg-type]
