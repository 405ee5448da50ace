# SPDX-FileCopyrightText: 2026 Mimica authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is done in Blender for each of the documentation's pictures."""

from mimica.tests.desktop.test_capture import FACE, LIVE, RIG, RUNNING, press
from mimica.tests.desktop.test_teaching import RIG as BARE_RIG

from .picture_stage import Stage

JAW_OPEN = f"{RIG}.pose.bones['jaw'].rotation_quaternion.x > 0.1"


def live(stage: Stage) -> None:
    """A first capture on Mimica's own rig."""
    desktop = stage.fresh()
    stage.use_camera()
    press(desktop, "Create Face Rig", f"{RIG} is not None")
    press(desktop, "Start Capture", RUNNING)
    # Until the figures in the panel are of a capture that runs.
    desktop.wait_until(f"{FACE} and {LIVE}.current().poses > 150", 60)
    desktop.settle()
    while not desktop.evaluate(JAW_OPEN):
        pass
    # The window is a moment behind, and the mouth still open by then.
    stage.keep("live", stage.viewport(), desktop.picture())


def teaching(stage: Stage) -> None:
    """Learn by Example, with the first picture."""
    desktop = stage.fresh()
    desktop.run(BARE_RIG)
    desktop.click("Learn by Example")
    press(desktop, "Start Teaching", "bpy.data.objects['Character'].mimica_teaching.running")
    stage.keep("teaching", stage.panel("Learn by Example", until="Takes"))


def before_after(stage: Stage) -> None:
    """A range that was learned, and on the way there the picture of the wizard."""
    desktop = stage.fresh()
    stage.use_camera()
    press(desktop, "Create Face Rig", f"{RIG} is not None")
    # Beside the card, not below it.
    desktop.run("bpy.context.scene.mimica.picture.show = False")
    press(desktop, "Start Capture", RUNNING)
    desktop.wait_until(f"{FACE} and {LIVE}.current().profile is not None", 60)
    desktop.run("bpy.context.scene.mimica.range_seconds = 10")
    press(desktop, "Learn Range", f"{LIVE}.current().asking")
    view = f"{LIVE}.current().calibrator.view"
    # The clip does not do as it is asked; sometimes it happens to.
    desktop.wait_until(f"{view}.lesson.number > 2 and 0.5 < ({view}.lesson.bar or 0.0) < 0.95", 120)
    stage.keep("range", stage.viewport(), desktop.picture())
    desktop.run("bpy.context.scene.mimica.range_seconds = 1")
    desktop.wait_until(f"{view}.stage == 'review' and {LIVE}.current().calibrator.comparison.shapes is not None", 240)
    desktop.settle()
    stage.keep("before_after", stage.viewport())
    desktop.run("bpy.ops.mimica.calibration_order(order='end')")
