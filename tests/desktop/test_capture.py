# SPDX-FileCopyrightText: 2026 Mimica authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The main path as a user walks it, with a network camera on the loopback: capture, record, bake; and how it ends."""

import os
import signal
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from mimica.tests.desktop.harness import Desktop, DesktopError, Installation
from mimica.tests.desktop.mjpeg import MjpegCamera, test_clips

LIVE = "__import__('sys').modules['bl_ext.user_default.mimica.rig.live']"
RUNNING = f"{LIVE}.current() is not None"
FACE = f"{RUNNING} and {LIVE}.current().stats().face_found"
RIG = "bpy.context.scene.mimica.target"
POSE = f"[round(v, 6) for b in {RIG}.pose.bones for v in (*b.location, *b.rotation_quaternion)]"
TAKES = "[(t.name, t.frames, round(t.duration, 2), t.error) for t in bpy.context.window_manager.mimica.takes]"


@pytest.fixture(scope="module")
def camera(tmp_path_factory: pytest.TempPathFactory) -> Iterator[MjpegCamera]:
    clips = test_clips(tmp_path_factory.mktemp("clips"))
    with MjpegCamera(next((c for c in clips if "smile" in c.name), clips[0])) as camera:
        yield camera


@pytest.fixture
def fresh(desktop: Desktop, camera: MjpegCamera) -> Iterator[Desktop]:
    """An empty file with a face rig, and the camera's address filled in."""
    camera.refuse = camera.frozen = False
    desktop.run("bpy.ops.wm.read_homefile(app_template='')")
    desktop.run("[bpy.data.objects.remove(o) for o in list(bpy.data.objects)]")
    desktop.show_tab("Mimica")
    desktop.run("s = bpy.context.scene.mimica; s.source = 'STREAM'")
    # Else the camera's picture in the corner would count as the character's motion.
    desktop.run("bpy.context.scene.mimica.picture.show = False")
    # Before there is a source: with one, a second button comes and moves this one.
    press(desktop, "Create Face Rig", f"{RIG} is not None")
    desktop.run(f"bpy.context.scene.mimica.address = {camera.address!r}")
    desktop.settle()
    yield desktop
    if desktop.running:
        desktop.run("bpy.ops.mimica.stop_capture() if bpy.ops.mimica.stop_capture.poll() else None")
        desktop.wait_until(f"not ({RUNNING})")


def press(desktop: Desktop, text: str, until: str, seconds: float = 8.0) -> None:
    """Click on a button until what it does is seen: a window that redraws in software may miss a quick click."""
    for attempt in range(3):
        desktop.click(text)
        try:
            desktop.wait_until(until, seconds)
            return
        except DesktopError:
            if attempt == 2:
                raise


def viewport(desktop: Desktop) -> np.ndarray:
    """The picture of the scene, left of the sidebar and free of the window's own buttons."""
    x, y, width, height = desktop.region_box("WINDOW")
    return desktop.picture()[y + 120 : y + height - 80, x + 250 : x + width - 350]


def start(desktop: Desktop) -> None:
    press(desktop, "Start Capture", RUNNING)
    desktop.wait_until(FACE, 40)


def record(desktop: Desktop) -> None:
    desktop.run("bpy.context.scene.mimica.recording.countdown = 0")
    press(desktop, "Record", f"{LIVE}.current().recording is not None")


def test_from_the_camera_to_keyframes(fresh: Desktop, camera: MjpegCamera) -> None:
    rest = fresh.evaluate(POSE)
    still = viewport(fresh)
    start(fresh)
    fresh.wait_until(f"not {LIVE}.current().calibrating")
    poses = []
    for _ in range(4):
        time.sleep(0.7)
        poses.append(fresh.evaluate(POSE))
    assert all(a != b for a, b in zip(poses, [rest, *poses[:-1]], strict=True)), "the rig moves on and on"
    camera.frozen = True
    fresh.settle()
    fresh.screenshot("live")
    shown = viewport(fresh)
    assert (np.abs(shown.astype(int) - still).max(axis=2) > 40).mean() > 0.005, "the picture of the face moved as well"
    camera.frozen = False
    takes = len(fresh.evaluate(TAKES))
    record(fresh)
    time.sleep(4)
    fresh.screenshot("recording")
    press(fresh, "Stop Recording", f"len({TAKES}) == {takes + 1}")
    active = fresh.evaluate("bpy.context.window_manager.mimica.take_index")
    name, frames, duration, error = fresh.evaluate(TAKES)[active]
    assert error == ""
    assert duration > 3.0
    assert frames > 2.0 * duration, name
    press(fresh, "Stop", f"not ({RUNNING})")
    deadline = time.monotonic() + 5
    while camera.viewers and time.monotonic() < deadline:
        time.sleep(0.1)
    assert camera.viewers == 0, "the camera is released"

    press(fresh, "Bake to Keyframes", "len(bpy.data.actions) == 1")
    first, last = fresh.evaluate("list(bpy.data.actions[0].frame_range)")
    assert (last - first) / 24 == pytest.approx(duration, abs=1 / 24 + 0.01)
    seen = set()
    for frame in range(int(first), int(last), 12):
        fresh.run(f"bpy.context.scene.frame_set({frame})")
        seen.add(tuple(fresh.evaluate(POSE)))
    assert len(seen) > 4, "the baked action moves the rig too"
    fresh.settle()
    fresh.screenshot("baked")
    fresh.run("bpy.ops.ed.undo()")
    assert fresh.evaluate("len(bpy.data.actions)") == 0, "one undo step takes the bake back"
    assert fresh.complaints() == []


def test_undo_redo_and_renaming_while_capturing(fresh: Desktop) -> None:
    start(fresh)
    fresh.run(f"with view(): {RIG}.location.x = 1.0; bpy.ops.ed.undo_push(message='moved')")
    fresh.run("with view(): bpy.ops.ed.undo()")
    fresh.run("with view(): bpy.ops.ed.redo()")
    fresh.run(f"{RIG}.name = 'Renamed'")
    before = fresh.evaluate(POSE)
    fresh.wait_until(f"{POSE} != {before}")
    assert fresh.evaluate(RUNNING)
    assert fresh.complaints() == []


def test_deleting_the_rig_ends_the_capture_and_keeps_the_take(fresh: Desktop) -> None:
    start(fresh)
    takes = len(fresh.evaluate(TAKES))
    record(fresh)
    time.sleep(1.5)
    fresh.run("with view(): bpy.ops.object.select_all(action='SELECT'); bpy.ops.object.delete()")
    fresh.wait_until(f"not ({RUNNING})")
    assert "character was removed" in fresh.evaluate("bpy.context.window_manager.mimica.problem")
    fresh.wait_until(f"len({TAKES}) == {takes + 1}")
    assert all(error == "" for *_, error in fresh.evaluate(TAKES))
    fresh.screenshot("removed")


def test_loading_a_file_ends_the_capture_and_keeps_the_take(fresh: Desktop, camera: MjpegCamera) -> None:
    start(fresh)
    takes = len(fresh.evaluate(TAKES))
    record(fresh)
    time.sleep(1.5)
    fresh.run("bpy.ops.wm.read_homefile(app_template='')")
    fresh.wait_until(f"not ({RUNNING})")
    fresh.wait_until(f"len({TAKES}) == {takes + 1}")
    assert all(error == "" for *_, error in fresh.evaluate(TAKES))
    assert fresh.evaluate("bpy.context.window_manager.mimica.model"), "the panel must not ask for a model that is there"


def test_escape_over_the_viewport_stops(fresh: Desktop) -> None:
    start(fresh)
    x, y, width, height = fresh.region_box("WINDOW")
    fresh.hover((x + width // 3, y + height // 2))
    fresh.press("Escape")
    fresh.wait_until(f"not ({RUNNING})")


def test_a_dead_address_is_said_in_the_panel(fresh: Desktop) -> None:
    fresh.run("bpy.context.scene.mimica.address = 'http://127.0.0.1:9/none.mjpg'")
    fresh.click("Start Capture")
    fresh.wait_until("bpy.context.window_manager.mimica.problem != ''", 30)
    assert not fresh.evaluate(RUNNING)
    assert "127.0.0.1:9" in fresh.evaluate("bpy.context.window_manager.mimica.problem")
    fresh.settle()
    fresh.screenshot("dead-address")


def test_a_damaged_model_is_said_and_nothing_starts(fresh: Desktop, tmp_path: Path) -> None:
    damaged = tmp_path / "face_landmarker.task"
    damaged.write_bytes(b"not a model")
    preferences = "bpy.context.preferences.addons['bl_ext.user_default.mimica'].preferences"
    fresh.run(f"{preferences}.model_path = {str(damaged)!r}")
    try:
        press(fresh, "Start Capture", "bpy.context.window_manager.mimica.problem != ''")
        assert "face_landmarker.task" in fresh.evaluate("bpy.context.window_manager.mimica.problem")
        assert not fresh.evaluate(RUNNING)
    finally:
        fresh.run(f"{preferences}.model_path = ''")
    # The report that popped up lies over the button.
    fresh.press("Escape")
    fresh.settle()
    start(fresh)


def test_takes_go_beside_a_saved_file_and_a_folder_that_cannot_be_used_is_said(fresh: Desktop, tmp_path: Path) -> None:
    fresh.run(f"bpy.ops.wm.save_as_mainfile(filepath={str(tmp_path / 'scene.blend')!r})")
    start(fresh)
    record(fresh)
    time.sleep(1)
    press(fresh, "Stop Recording", f"len({TAKES}) == 1")
    assert len(list((tmp_path / "mimica").glob("*.mimica"))) == 1
    other = tmp_path / "other"
    other.mkdir()
    (other / "mimica").write_text("a file where the folder should be")
    fresh.run(f"bpy.ops.wm.save_as_mainfile(filepath={str(other / 'scene.blend')!r})")
    press(fresh, "Record", "'cannot be kept' in bpy.context.window_manager.mimica.problem")
    assert fresh.evaluate(f"{RUNNING} and {LIVE}.current().recording is None")


def test_a_lost_camera_is_said_and_the_take_is_kept(fresh: Desktop, camera: MjpegCamera) -> None:
    start(fresh)
    takes = len(fresh.evaluate(TAKES))
    record(fresh)
    time.sleep(2)
    camera.refuse = True
    camera.cut()
    fresh.wait_until(f"not ({RUNNING})", 30)
    assert fresh.evaluate("bpy.context.window_manager.mimica.problem") != ""
    fresh.wait_until(f"len({TAKES}) == {takes + 1}")
    assert all(error == "" for *_, error in fresh.evaluate(TAKES))


def test_the_helper_process_is_killed_while_recording(fresh: Desktop, camera: MjpegCamera) -> None:
    choice = "bpy.context.preferences.addons['bl_ext.user_default.mimica'].preferences.helper_process"
    helper = f"{LIVE}.current().capture.helper_number"
    fresh.run(f"{choice} = 'ON'")
    try:
        start(fresh)
        takes = len(fresh.evaluate(TAKES))
        record(fresh)
        fresh.wait_until(f"{LIVE}.current().stats().recorded >= 30")
        first = fresh.evaluate(helper)
        os.kill(first, signal.SIGKILL)
        fresh.wait_until(f"not ({RUNNING})")
        assert "helper process ended unexpectedly" in fresh.evaluate("bpy.context.window_manager.mimica.problem")
        fresh.wait_until(f"len({TAKES}) == {takes + 1}")
        fresh.settle()
        fresh.screenshot("helper-killed")
        active = fresh.evaluate("bpy.context.window_manager.mimica.take_index")
        _name, frames, _duration, error = fresh.evaluate(TAKES)[active]
        assert frames >= 30 and error == ""
        # Blender's report lies over the panel, and names the button too.
        fresh.press("Escape")
        fresh.settle()
        start(fresh)
        assert fresh.evaluate(helper) != first
        before = fresh.evaluate(POSE)
        fresh.wait_until(f"{POSE} != {before}")
        fresh.screenshot("helper-again")
        press(fresh, "Stop", f"not ({RUNNING})")
        assert fresh.complaints() == []
    finally:
        fresh.run(f"{choice} = 'AUTO'")


def test_autosave_goes_on_during_a_capture(fresh: Desktop, tmp_path: Path) -> None:
    fresh.run(f"bpy.context.preferences.filepaths.temporary_directory = {str(tmp_path)!r}")
    fresh.run("bpy.context.preferences.filepaths.auto_save_time = 1")
    start(fresh)
    fresh.run("bpy.ops.ed.undo_push(message='something to save')")
    deadline = time.monotonic() + 110
    while not list(tmp_path.rglob("*autosave.blend")) and time.monotonic() < deadline:
        time.sleep(1)
    assert list(tmp_path.rglob("*autosave.blend")), "no autosave within 110 s of capturing"
    assert fresh.evaluate(RUNNING)
    before = fresh.evaluate(POSE)
    fresh.wait_until(f"{POSE} != {before}")


def test_disabling_the_extension_ends_the_capture(fresh: Desktop, camera: MjpegCamera) -> None:
    start(fresh)
    module = "bl_ext.user_default.mimica"
    fresh.run(f"bpy.ops.preferences.addon_disable(module={module!r})")
    deadline = time.monotonic() + 5
    while camera.viewers and time.monotonic() < deadline:
        time.sleep(0.1)
    assert camera.viewers == 0
    fresh.run(f"bpy.ops.preferences.addon_enable(module={module!r})")
    assert fresh.complaints() == []


def test_quitting_while_recording_keeps_the_take(installation: Installation, camera: MjpegCamera) -> None:
    with installation.start() as desktop:
        desktop.show_tab("Mimica")
        desktop.run(f"s = bpy.context.scene.mimica; s.source = 'STREAM'; s.address = {camera.address!r}")
        start(desktop)
        takes = len(desktop.evaluate(TAKES))
        record(desktop)
        time.sleep(2)
        assert desktop.quit() == 0, desktop.log()
    with installation.start() as desktop:
        desktop.wait_until(f"len({TAKES}) == {takes + 1}")
        assert all(error == "" for *_, error in desktop.evaluate(TAKES))
        assert desktop.quit() == 0
