# SPDX-FileCopyrightText: 2026 Mimica authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Rerun's viewer in Blender: a take is opened by another process, a capture is followed, and what is wrong is said."""

import importlib.util
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import bpy
import numpy as np
import pytest

import mimica
from mimica.bridges.viewer import child
from mimica.bridges.viewer import open as viewer_program
from mimica.bridges.viewer.address import Address
from mimica.capture.source import Image
from mimica.mapping.frame import FaceFrame
from mimica.mapping.motion import Motion
from mimica.operators import viewer as viewer_operators
from mimica.rig import extras, live, paths, viewer
from mimica.tests.acted_take import write_take
from mimica.tests.synthetic import act, photograph

PATIENCE = 60.0
RERUN = importlib.import_module("rerun") if importlib.util.find_spec("rerun_bindings") else None
needs_rerun = pytest.mark.skipif(RERUN is None, reason="without rerun-sdk")


def until(condition: Callable[[], object]) -> None:
    limit = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < limit, "it did not come to that in time"
        time.sleep(0.02)


@pytest.fixture(autouse=True)
def registered(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(paths, "user_folder", lambda: tmp_path / "user")
    bpy.ops.wm.read_homefile(use_empty=True)
    mimica.register()
    yield
    mimica.unregister()
    bpy.ops.wm.read_homefile(use_empty=True)


class Capture:
    """What of a session the viewer follows."""

    def __init__(self) -> None:
        self.watcher: live.Watcher | None = None
        self.seen = live.Seen(Image(np.full((48, 64, 3), 9, np.uint8), 0.0, 0), ())
        self.capture = type("Source", (), {"info": None})()
        self.settings = type("Settings", (), {"source": type("Spec", (), {"kind": "camera"})()})()

    def show(self, i: int) -> None:
        frames = photograph(act(jaw=np.array([0.5])))
        if self.watcher is not None:
            face = FaceFrame(i / 30.0, frames.landmarks[0], None, (64, 48))
            self.watcher((face,), {0: Motion.neutral(np.array([i / 30.0]), 0)}, {0: None})


@pytest.fixture
def capture(monkeypatch: pytest.MonkeyPatch) -> Capture:
    running = Capture()
    monkeypatch.setattr(live, "current", lambda: running)
    return running


def take_in_list() -> Path:
    folder = paths.unsaved_takes_folder()
    folder.mkdir(parents=True, exist_ok=True)
    path = write_take(folder)
    bpy.ops.mimica.refresh_takes()
    return path


@needs_rerun
def test_live_follows_the_capture_and_says_when_nobody_is_there(capture: Capture, tmp_path: Path) -> None:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        port = one.getsockname()[1]
    scene, manager = bpy.context.scene.mimica, bpy.context.window_manager.mimica
    scene.viewer.address = f"127.0.0.1:{port}"
    manager.viewing.live = True
    assert manager.viewing.live and capture.watcher is not None
    until(lambda: "There is no Rerun viewer" in viewer.problem())
    command = [viewer_program.viewer_program(), "--serve-grpc", "--bind", "127.0.0.1", "--port", str(port)]
    server = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        until(lambda: Address("127.0.0.1", port).answers(0.2))

        def shown() -> bool:
            capture.show(1)
            health = viewer.health()
            return health is not None and health.connected and health.rate > 0

        until(shown)
        assert viewer.problem() == ""
        # The address changes: nothing goes to the old one any more, and nothing is at the new one.
        scene.viewer.address = "127.0.0.1:9"
        until(lambda: "127.0.0.1:9" in viewer.problem())
        scene.viewer.address = "no address"
        assert "no address of a viewer" in viewer.problem()
        manager.viewing.live = False
        assert capture.watcher is None and viewer.health() is None and not manager.viewing.live
    finally:
        server.kill()
        server.wait()


def test_live_is_off_in_a_file_that_is_opened(capture: Capture) -> None:
    manager = bpy.context.window_manager.mimica
    manager.viewing.live = True
    assert viewer.is_on()
    bpy.ops.wm.read_homefile(use_empty=True)
    assert not viewer.is_on() and capture.watcher is None


def test_undo_brings_live_back_to_the_address_that_is_shown(capture: Capture) -> None:
    bpy.ops.ed.undo_push(message="before")
    bpy.context.window_manager.mimica.viewing.live = True
    before = viewer.goes_to()
    bpy.context.scene.mimica.viewer.address = "127.0.0.1:9"
    bpy.ops.ed.undo_push(message="moved")
    assert viewer.goes_to() == "127.0.0.1:9"
    bpy.ops.ed.undo()
    assert viewer.goes_to() == before == bpy.context.scene.mimica.viewer.address


@needs_rerun
@pytest.mark.skipif(sys.platform == "win32", reason="the viewer's stand-in is a script")
def test_a_take_is_opened_by_another_process(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """The viewer's stand-in keeps what it was given; the real one needs a display."""
    if extras.needs_newer("rerun"):
        pytest.skip("needs NumPy 2")
    take_in_list()
    kept = tmp_path / "kept.rrd"
    stand_in = tmp_path / "rerun_cli" / "rerun"
    stand_in.parent.mkdir()
    (stand_in.parent / "__init__.py").write_text("")
    stand_in.write_text(f'#!/bin/sh\nfor last; do :; done\ncp "$last" "{kept}.part" && mv "{kept}.part" "{kept}"\n')
    stand_in.chmod(0o755)
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.setenv("DISPLAY", ":0")
    assert bpy.ops.mimica.view_take.poll()
    began = time.perf_counter()
    assert bpy.ops.mimica.view_take() == {"FINISHED"}
    assert time.perf_counter() - began < 5.0
    showing = viewer.opening()
    assert showing is not None and not bpy.ops.mimica.view_take.poll()
    until(lambda: showing.over)
    assert viewer.problems() == () and viewer.failed == "" and kept.stat().st_size > 100_000
    assert not bpy.ops.mimica.view_take.poll() or viewer.opening() is None


@needs_rerun
def test_what_goes_wrong_in_the_process_is_said(tmp_path: Path) -> None:
    damaged = tmp_path / "damaged.mimica"
    damaged.write_bytes(b"no take")
    showing = child.Showing(damaged)
    until(lambda: showing.over)
    assert "not a Mimica take" in showing.problem and not showing.open


@needs_rerun
def test_a_take_that_cannot_be_shown_ends_nothing_else(tmp_path: Path) -> None:
    damaged = tmp_path / "damaged.mimica"
    damaged.write_bytes(b"no take")
    viewer.show_take(damaged)
    until(lambda: viewer.opening() is None)
    assert viewer_operators._look() > 0, "captures are followed as before"
    assert "not a Mimica take" in viewer.failed


def test_a_take_that_cannot_be_shown_is_said_and_captures_are_followed_on(
    capture: Capture, monkeypatch: pytest.MonkeyPatch
) -> None:
    over = type("Over", (), {"over": True, "open": False, "problem": "The take cannot be shown.", "end": print})()
    monkeypatch.setattr(viewer, "_showings", [over])
    look = importlib.import_module("mimica.operators.viewer")._look
    assert look() > 0, "the timer goes on"
    assert viewer.failed == "The take cannot be shown."
    assert look() > 0 and viewer.failed, "it stays to be read"
    monkeypatch.setattr(viewer, "Showing", lambda _take: over)
    viewer.show_take(Path("other.mimica"))
    assert viewer.failed == ""


def test_without_the_packages_the_button_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    take_in_list()
    monkeypatch.setattr(extras, "needs_newer", lambda _key: False)
    monkeypatch.setattr(extras, "missing", lambda _key: ("rerun-sdk",))
    assert not bpy.ops.mimica.view_take.poll()
    monkeypatch.setattr(extras, "needs_newer", lambda _key: True)
    assert not bpy.ops.mimica.view_take.poll()
