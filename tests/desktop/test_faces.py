# SPDX-FileCopyrightText: 2026 Mimica authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Two people before the camera: which of them moves the character, and which one is baked."""

import time
from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np
import pytest

from mimica.tests.desktop.harness import Desktop
from mimica.tests.desktop.mjpeg import MjpegCamera, test_clips
from mimica.tests.desktop.test_capture import LIVE, POSE, RIG, RUNNING, TAKES, press, record

pytestmark = pytest.mark.usefixtures("in_newest")

SIDE, IMAGES = 360, 150


@pytest.fixture
def camera(tmp_path: Path) -> Iterator[MjpegCamera]:
    """Two clips side by side; where there is but one, it is beside a later part of itself."""
    clips = test_clips(tmp_path)
    path = tmp_path / "two.mp4"
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*"mp4v"), 30.0, (2 * SIDE, SIDE))
    readers = [cv2.VideoCapture(str(clips[0])), cv2.VideoCapture(str(clips[-1]))]
    readers[1].set(cv2.CAP_PROP_POS_FRAMES, 60)
    for _ in range(IMAGES):
        seen = [reader.read() for reader in readers]
        if not all(good for good, _ in seen):
            break
        writer.write(np.hstack([cv2.resize(image, (SIDE, SIDE)) for _, image in seen]))
    writer.release()
    with MjpegCamera(path) as camera:
        yield camera


def test_two_faces_from_the_camera_to_keyframes(desktop: Desktop, camera: MjpegCamera) -> None:
    desktop.run("bpy.ops.wm.read_homefile(app_template='')")
    desktop.run("[bpy.data.objects.remove(o) for o in list(bpy.data.objects)]")
    desktop.show_tab("Mimica")
    desktop.run("s = bpy.context.scene.mimica; s.source = 'STREAM'; s.faces = 2")
    press(desktop, "Create Face Rig", f"{RIG} is not None")
    desktop.run(f"bpy.context.scene.mimica.address = {camera.address!r}")
    press(desktop, "Start Capture", RUNNING)
    session = f"{LIVE}.current()"
    desktop.wait_until(f"{session}.faces_now == (0, 1)", 40)
    desktop.wait_until(f"{session}.profile is not None and {session}.poses > 3", 40)
    desktop.settle()
    desktop.screenshot("two-faces")
    first = desktop.evaluate(f"id({session}.profile)")
    desktop.run("bpy.context.scene.mimica.face = '1'")
    desktop.wait_until(f"{session}.face == 1 and {session}.profile is not None")
    assert desktop.evaluate(f"id({session}.profile)") != first, "each has a neutral of its own"
    pose = desktop.evaluate(POSE)
    desktop.wait_until(f"{POSE} != {pose}")
    record(desktop)
    time.sleep(3)
    takes = len(desktop.evaluate(TAKES))
    press(desktop, "Stop Recording", f"len({TAKES}) == {takes + 1}")
    press(desktop, "Stop", f"not ({RUNNING})")
    active = "bpy.context.window_manager.mimica.takes[bpy.context.window_manager.mimica.take_index]"
    assert desktop.evaluate(f"{active}.several_faces")
    at_40 = f"(bpy.context.scene.frame_set(40), {POSE})[1]"
    desktop.run("bpy.context.scene.mimica.bake_face = '0'")
    press(desktop, "Bake to Keyframes", "len(bpy.data.actions) == 1")
    first_face = desktop.evaluate(at_40)
    desktop.run("bpy.context.scene.mimica.bake_face = '1'")
    press(desktop, "Bake to Keyframes", f"{at_40} != {first_face}")
    assert desktop.evaluate("len(bpy.data.actions)") == 1, "another face gives other keys, in the same action"
    desktop.settle()
    desktop.screenshot("two-faces-baked")
    assert desktop.complaints() == []
