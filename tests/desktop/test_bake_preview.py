# SPDX-FileCopyrightText: 2026 Mimica authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The preview of a bake by mouse: it shows by itself, follows the timeline and a setting, and undo takes it back."""

from pathlib import Path

import numpy as np
import pytest

from mimica.capture.take import TakeInfo, TakeWriter
from mimica.mapping.frame import FaceFrame
from mimica.tests.desktop.harness import Desktop
from mimica.tests.synthetic import act, photograph

pytestmark = pytest.mark.usefixtures("in_newest")

OBJECT = "bpy.data.objects['Mimica Face Rig']"
JAW = f"{OBJECT}.pose.bones['jaw'].rotation_quaternion.angle"
ON = "bpy.context.scene.mimica.preview.on"


@pytest.fixture
def project(desktop: Desktop, tmp_path: Path) -> None:
    """A saved file with a face rig, and a take beside it whose jaw opens and shuts for five seconds."""
    (tmp_path / "mimica").mkdir()
    jaw = 0.5 - 0.5 * np.cos(np.arange(150) / 30.0 * np.pi)
    with TakeWriter(tmp_path / "mimica" / "Talk.mimica", TakeInfo("Talk")) as writer:
        for i, landmarks in enumerate(photograph(act(jaw=jaw)).landmarks):
            writer.append((FaceFrame(i / 30, landmarks, None, (640, 480), 0, 1.0),))
    desktop.run("[bpy.data.objects.remove(o) for o in list(bpy.data.objects)]")
    desktop.run(f"bpy.ops.wm.save_as_mainfile(filepath={str(tmp_path / 'scene.blend')!r})")
    desktop.run("with view(): bpy.ops.mimica.create_face_rig('INVOKE_DEFAULT')")
    desktop.run("with view(): bpy.ops.ed.undo_push(message='Made')")
    desktop.run("bpy.context.scene.render.fps = 30")
    desktop.show_tab("Mimica")
    desktop.wait_until("len(bpy.context.window_manager.mimica.takes) == 1")


@pytest.mark.usefixtures("project")
def test_a_take_is_previewed_by_mouse(desktop: Desktop) -> None:
    desktop.click("Preview")
    desktop.wait_until(ON)
    desktop.run("bpy.context.scene.frame_set(31)")
    desktop.wait_until(f"{JAW} > 0.1")
    open_ = desktop.evaluate(JAW)
    assert desktop.evaluate("len(bpy.data.actions)") == 0
    desktop.find("Compare")
    desktop.screenshot("preview")

    # A setting is followed without any other event.
    desktop.run("bpy.context.scene.mimica.bake_start = 31")
    desktop.wait_until(f"{JAW} < 0.05")
    desktop.run("bpy.context.scene.mimica.bake_start = 1")
    desktop.wait_until(f"abs({JAW} - {open_}) < 1e-4")

    x, y, width, height = desktop.region_box("WINDOW")
    desktop.hover((x + width // 4, y + height // 2))
    desktop.press("ctrl+z")
    desktop.wait_until(f"not {ON} and {JAW} == 0.0")
    assert desktop.complaints() == []
