# SPDX-FileCopyrightText: 2026 Mimica authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is done in Blender for each of the documentation's pictures."""

from ..tests.desktop.test_capture import FACE, LIVE, RIG, RUNNING, press
from ..tests.desktop.test_teaching import RIG as BARE_RIG
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
