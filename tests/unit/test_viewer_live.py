# SPDX-FileCopyrightText: 2026 Mimica authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A capture in a viewer that runs: Rerun's own server keeps what it was sent, and its reader reads it."""

import os
import signal
import socket
import subprocess
import sys
import textwrap
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest

from mimica.bridges.viewer.address import Address
from mimica.bridges.viewer.entities import PICTURE, FacePaths
from mimica.bridges.viewer.live import LiveViewer, Moment
from mimica.mapping.frame import FaceFrame
from mimica.mapping.motion import Motion
from mimica.tests.synthetic import act, photograph
from mimica.tests.unit.viewer_takes import Recording

pytest.importorskip("rerun")

FACE = FacePaths.of(0)
LONG = 30.0
"""Seconds that a loaded machine may take."""


def until(condition: Callable[[], bool]) -> None:
    limit = time.monotonic() + LONG
    while not condition():
        assert time.monotonic() < limit, "it did not come to that in time"
        time.sleep(0.02)


def free_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return one.getsockname()[1]


def moment(i: int, **given: object) -> Moment:
    frames = photograph(act(jaw=np.array([0.5])))
    face = FaceFrame(i / 30.0, frames.landmarks[0], None, (640, 480))
    motion = Motion.neutral(np.array([i / 30.0]), 0)
    motion.controls[:, 17] = 0.25
    return Moment(i / 30.0, (face,), {0: motion}, picture=np.full((480, 640, 3), 90, np.uint8), **given)  # pyright: ignore[reportArgumentType]


@pytest.fixture
def serve(tmp_path: Path) -> Iterator[Callable[[int], tuple[subprocess.Popen, Path]]]:
    """Starts Rerun as a server without a window that keeps what it is sent in a file."""
    from mimica.bridges.viewer.open import viewer_program

    running: list[subprocess.Popen] = []

    def start(port: int) -> tuple[subprocess.Popen, Path]:
        file = tmp_path / f"{len(running)}.rrd"
        command = [viewer_program(), "--bind", "127.0.0.1", "--port", str(port), "--save", file]
        running.append(subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL))
        until(lambda: Address("127.0.0.1", port).answers(0.2))
        return running[-1], file

    yield start
    for process in running:
        process.kill()
        process.wait()


def finished(process: subprocess.Popen, file: Path) -> Recording:
    """End the server as Ctrl+C does, and read what it kept."""
    process.send_signal(signal.SIGINT)
    process.wait(LONG)
    return Recording(file)


@pytest.mark.skipif(sys.platform == "win32", reason="ends the server by a signal")
def test_a_viewer_is_shown_faces_controls_and_picture(serve: Callable[[int], tuple[subprocess.Popen, Path]]) -> None:
    port = free_port()
    process, file = serve(port)
    viewer = LiveViewer(Address("127.0.0.1", port), "Capture")
    viewer.start()
    for i in range(8):
        count = viewer._count
        viewer.offer(moment(i))
        until(lambda before=count: viewer._count > before)
    assert viewer.health.connected and viewer.health.rate > 0 and not viewer.health.problem
    viewer.stop()
    assert viewer.join(LONG)
    found = finished(process, file)
    assert {FACE.landmarks_2d, FACE.landmarks_3d, FACE.head, FACE.control("jawOpen"), PICTURE} <= found.temporal
    moments, numbers = found.times(FACE.landmarks_2d)
    assert numbers.tolist() == list(range(8)) and moments == pytest.approx(np.arange(8) / 30.0, abs=1e-8)
    made = found.values(FACE.every_shape(FACE.controls)[17], "Scalars:scalars")
    assert [made[i] for i in range(8)] == [[0.25]] * 8


def test_nobody_there_is_said_and_found_when_it_comes(serve: Callable[[int], tuple[subprocess.Popen, Path]]) -> None:
    port = free_port()
    viewer = LiveViewer(Address("127.0.0.1", port), "Capture")
    viewer.start()
    began = time.perf_counter()
    for i in range(300):
        viewer.offer(moment(0) if i == 0 else Moment(i / 30.0))
    assert time.perf_counter() - began < LONG / 10, "whoever offers must not wait"
    until(lambda: "There is no Rerun viewer" in viewer.health.problem)
    first, _ = serve(port)

    def shown() -> bool:
        viewer.offer(moment(viewer._count))
        return viewer.health.connected and viewer.health.rate > 0

    until(shown)
    assert not viewer.health.problem
    # It vanishes, and another one comes.
    first.kill()
    first.wait()

    def missed() -> bool:
        viewer.offer(moment(viewer._count))
        return not viewer.health.connected and bool(viewer.health.problem)

    until(missed)
    serve(port)
    until(lambda: shown() and viewer._count > 1)
    viewer.stop()
    assert viewer.join(LONG)


@pytest.mark.skipif(sys.platform == "win32", reason="stops the viewer by a signal")
def test_a_viewer_that_hangs_holds_up_neither_capture_nor_exit(
    serve: Callable[[int], tuple[subprocess.Popen, Path]],
) -> None:
    """In a process of its own, which must come to its end."""
    port = free_port()
    process, _ = serve(port)
    script = """
        import os, signal, sys, time
        from mimica.bridges.viewer.address import Address
        from mimica.bridges.viewer.live import LiveViewer
        from mimica.tests.unit.test_viewer_live import moment, until
        viewer = LiveViewer(Address("127.0.0.1", int(sys.argv[1])), "Capture")
        viewer.start()
        viewer.offer(moment(0))
        until(lambda: viewer._count > 0)
        os.kill(int(sys.argv[2]), signal.SIGSTOP)
        slowest = 0.0
        for i in range(100):
            one = moment(i)
            began = time.perf_counter()
            viewer.offer(one)
            slowest = max(slowest, time.perf_counter() - began)
            time.sleep(0.01)
        viewer.stop()
        print("offered", slowest < 1.0)
    """
    command = [sys.executable, "-c", textwrap.dedent(script), str(port), str(process.pid)]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=LONG * 2, check=True)
    finally:
        os.kill(process.pid, signal.SIGCONT)
    assert "offered True" in done.stdout
