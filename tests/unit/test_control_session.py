# SPDX-FileCopyrightText: 2026 Mimica authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A capture of another program: its controls handed on, recorded in a take that survives, silent senders as lost."""

import json
import os
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from queue import Empty, SimpleQueue

import numpy as np
import pytest

from mimica.capture import control_session
from mimica.capture.control_session import ControlSession
from mimica.capture.control_takes import read_control_take, stream_form
from mimica.capture.source import SourceError, SourceInfo
from mimica.capture.take import Take, TakeError, TakeInfo, TakeWriter, list_takes, summarize
from mimica.capture.take_repair import repair_take
from mimica.mapping.control_take import ControlTake
from mimica.mapping.frame import ControlFrame
from mimica.mapping.head_rest import HeadRest

INFO = SourceInfo("JSON, port 47800", "program", 0, 0, None, None, None, True)


class Fed:
    """A source that gives what a test puts in."""

    def __init__(self, refuses: str = "") -> None:
        self.queue: SimpleQueue[list[ControlFrame] | Exception] = SimpleQueue()
        self.refuses = refuses
        self.closed = 0

    def open(self) -> SourceInfo:
        if self.refuses:
            raise SourceError(self.refuses)
        return INFO

    def read(self, timeout: float) -> list[ControlFrame]:
        try:
            given = self.queue.get(timeout=timeout)
        except Empty:
            return []
        if isinstance(given, Exception):
            raise given
        return given

    def close(self) -> None:
        self.closed += 1

    def put(self, level: float, face: int = 0) -> None:
        now = time.perf_counter()
        self.queue.put(
            [ControlFrame(now, np.full(52, level), np.array([level, 0, 0]), np.array([0, level, 0]), face_id=face)]
        )


def until(holds: Callable[[], bool], seconds: float = 20.0) -> None:
    end = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < end, "it never came"
        time.sleep(0.005)


def started(source: Fed) -> tuple[ControlSession, list[tuple[ControlFrame, ...]]]:
    told: list[tuple[ControlFrame, ...]] = []
    session = ControlSession(source, lambda faces, grabbed: told.append(faces))
    session.start()
    until(lambda: session.state != "opening")
    return session, told


def test_frames_are_handed_on_and_recorded(tmp_path: Path) -> None:
    source = Fed()
    session, told = started(source)
    assert session.state == "running" and session.info == INFO
    path = tmp_path / "a.mimica"
    info = TakeInfo.received("a", INFO)
    rest = HeadRest(np.array([1.0, 0.0, 0.0, 0.0]), np.array([1.0, 2.0, 3.0]))
    with TakeWriter(path, info, stream_form(0, rest.to_json())) as writer:
        session.start_recording(writer)
        assert session.recording and session.clock is not None
        for i in range(10):
            source.put(i / 10, face=i % 2)
            until(lambda: bool(told) and told[-1][-1].time > 0 and sum(f.found for f in told[-1]) > 0)
            time.sleep(0.01)
        until(lambda: writer.count >= 10)
        session.stop_recording()
        until(lambda: session.stats().tracked == 10)
        assert session.stats().face_found and session.stats().recorded >= 10
    assert session.stop() and session.state == "stopped" and source.closed
    assert [frame.face_id for frame in told[-1]] == [0, 1], "the newest of every face"
    take = Take.open(path)
    assert take.info.kind == "controls" and take.info.source == INFO
    summary = summarize(path)
    assert sorted(summary.found) == [0, 1] and not summary.cut_short
    first, second = (ControlTake.stored("a", read_control_take(path, face)) for face in (0, 1))
    assert first.controls[:5, 0].tolist() == [0.0, 0.2, 0.4, 0.6, 0.8]
    assert second.controls[:5, 0].tolist() == [0.1, 0.3, 0.5, 0.7, 0.9]
    assert first.way is not None and first.way[1].tolist() == [0.0, 0.2, 0.0] and first.gaze is None
    assert (np.diff(first.times) > 0).all() and first.times[0] >= 0.0
    assert first.rest is not None and first.rest.translation.tolist() == [1.0, 2.0, 3.0] and second.rest is None
    with closing(sqlite3.connect(path)) as connection:
        assert connection.execute("PRAGMA user_version").fetchone() == (3,)


def test_a_silent_sender_is_a_lost_face_until_it_is_back(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(control_session, "SILENT", 0.05)
    source = Fed()
    session, told = started(source)
    try:
        source.put(0.5)
        until(lambda: bool(told) and told[-1][0].found)
        until(lambda: sum(not faces[0].found for faces in told) > 3)
        assert not session.stats().face_found
        source.put(0.6)
        until(lambda: told[-1][0].found or any(f[0].found and f[0].controls[0] == 0.6 for f in told))  # pyright: ignore
        times = [faces[0].time for faces in told]
        assert times == sorted(times) and len(set(times)) == len(times)
    finally:
        session.stop()


def test_a_frame_from_before_the_clock_began_does_no_harm(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(control_session, "SILENT", 0.05)
    source = Fed()
    source.put(0.5, face=1)
    time.sleep(0.01)
    session, told = started(source)
    try:
        source.put(0.5)
        until(lambda: sum(not faces[0].found for faces in told) > 3)
        assert session.state == "running" and all(len(faces) == 1 for faces in told)
    finally:
        session.stop()


def test_what_cannot_be_opened_or_is_lost_is_said() -> None:
    session, _ = started(Fed("Port 1 is in use by another program."))
    assert session.wait(5.0) and session.state == "failed"
    assert session.error == "Port 1 is in use by another program." and session.stop()
    source = Fed()
    session, _ = started(source)
    source.queue.put(SourceError("The network is gone."))
    assert session.wait(5.0) and session.error == "The network is gone."
    assert session.stop() and source.closed
    idle = ControlSession(Fed(), lambda faces, grabbed: None)
    assert idle.stop() and idle.state == "stopped"


def test_a_capture_that_ends_keeps_its_take(tmp_path: Path) -> None:
    source = Fed()
    session, _ = started(source)
    writer = TakeWriter(tmp_path / "a.mimica", TakeInfo.received("a", INFO), stream_form())
    session.start_recording(writer)
    source.put(0.5)
    until(lambda: writer.count > 0)
    session.stop()
    assert summarize(writer.path).found == {0: 1.0}


KILLED = """
import runpy, sys, time
runpy.run_path({conftest!r})
import numpy as np
from pathlib import Path
from mimica.capture.control_takes import stream_form
from mimica.capture.take import TakeInfo, TakeWriter
from mimica.mapping.frame import ControlFrame
writer = TakeWriter(Path(sys.argv[1]), TakeInfo.received("a", None), stream_form())
for i in range(100000):
    writer.append((ControlFrame(i / 100, np.full(52, 0.5)),))
    print(i, flush=True)
    time.sleep(0.01)
"""


def test_a_killed_process_loses_a_second_at_most(tmp_path: Path, root: Path) -> None:
    path = tmp_path / "a.mimica"
    program = KILLED.format(conftest=str(root / "tests" / "conftest.py"))
    with subprocess.Popen([sys.executable, "-c", program, str(path)], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        said = 0
        while said < 250:
            said = int(process.stdout.readline())
        os.kill(process.pid, getattr(signal, "SIGKILL", signal.SIGTERM))
        process.wait()
    (summary,) = list_takes(tmp_path)
    assert summary.error is None and summary.frames >= said - 100
    take = ControlTake.stored("a", read_control_take(path))
    assert len(take) == summary.frames and (take.controls == 0.5).all()


def test_a_take_that_is_cut_off_is_said_and_repaired(tmp_path: Path) -> None:
    path = tmp_path / "a.mimica"
    with TakeWriter(path, TakeInfo.received("a", INFO), stream_form()) as writer:
        for i in range(3000):
            writer.append((ControlFrame(i / 60, np.full(52, i / 3000), None, None, np.zeros((2, 2))),))
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) // 2 + 100])
    with pytest.raises(TakeError, match="damaged"):
        read_control_take(path)
    mended = repair_take(path)
    take = ControlTake.stored("a", read_control_take(mended))
    assert 600 < len(take) < 3000 and np.allclose(take.controls[:, 0], take.times / 50)
    assert take.gaze is not None and Take.open(mended).info.kind == "controls"
    assert summarize(mended).cut_short


@pytest.mark.parametrize(
    "change",
    [
        "UPDATE stream SET controls = x'00' WHERE frame = 3",
        "UPDATE stream SET time = 'late' WHERE frame = 3",
        "UPDATE meta SET value = '[]' WHERE key = 'stream'",
        "DELETE FROM stream",
    ],
)
def test_what_is_damaged_is_said(tmp_path: Path, change: str) -> None:
    path = tmp_path / "a.mimica"
    with TakeWriter(path, TakeInfo.received("a", INFO), stream_form()) as writer:
        for i in range(10):
            writer.append((ControlFrame(i / 60, np.zeros(52)),))
    with closing(sqlite3.connect(path)) as connection:
        connection.execute(change)
        connection.commit()
    with pytest.raises(TakeError, match="damaged"):
        read_control_take(path)


def test_a_sender_that_began_again_leaves_the_order_as_it_is(tmp_path: Path) -> None:
    path = tmp_path / "a.mimica"
    with TakeWriter(path, TakeInfo.received("a", INFO), stream_form()) as writer:
        for time_ in (0.0, 0.1, 0.05, 0.1, 0.2):
            writer.append((ControlFrame(time_, np.zeros(52)),))
    assert read_control_take(path)["times"].tolist() == [0.0, 0.1, 0.2]
    assert json.loads(dict(Take.open(path).info.to_rows())["kind"]) == "controls"
