# SPDX-FileCopyrightText: 2026 Mimica authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A baked take whose slider is dragged with the mouse: the keys follow, and one undo takes that back."""

from pathlib import Path

import pytest

from mimica.tests.acted_take import write_take
from mimica.tests.desktop.harness import Desktop
from mimica.tests.desktop.test_capture import RIG, press

pytestmark = pytest.mark.usefixtures("in_newest")

ACTION = f"__import__('sys').modules['bl_ext.user_default.mimica.rig.rebake'].baked_action({RIG})"
CURVES = f"__import__('sys').modules['bl_ext.user_default.mimica.rig.compat'].fcurves_of({RIG}, {ACTION})"
BROW = f"{CURVES}.find('pose.bones[\"brow_mid.L\"].location', index=1)"
REACH = f"max(abs(p.co.y) for p in {BROW}.keyframe_points)"


@pytest.fixture
def baked(desktop: Desktop, tmp_path: Path) -> Desktop:
    """A face rig with a baked take."""
    write_take(tmp_path, "Smile")
    desktop.run("bpy.ops.wm.read_homefile(app_template='')")
    desktop.run("[bpy.data.objects.remove(o) for o in list(bpy.data.objects)]")
    desktop.run(f"bpy.context.scene.mimica.takes_folder = {str(tmp_path)!r}; bpy.context.scene.render.fps = 30")
    desktop.show_tab("Mimica")
    press(desktop, "Create Face Rig", f"{RIG} is not None")
    # It has a Smoothness of its own.
    desktop.click("Capture")
    desktop.run("bpy.ops.mimica.refresh_takes()")
    press(desktop, "Bake to Keyframes", f"{ACTION} is not None")
    return desktop


def test_a_dragged_slider_and_one_undo(baked: Desktop) -> None:
    slider = f"{ACTION}.mimica_baked.smoothness"
    reach, plain = baked.evaluate(REACH), baked.evaluate(slider)
    pose = f"list({RIG}.pose.bones['brow_mid.L'].location)"
    baked.run("bpy.context.scene.frame_set(20)")
    before = baked.evaluate(pose)
    # Its value stands right of the middle, its name left of that.
    _, y = baked.find("Smoothness")
    x, _, width, _ = baked.region_box("UI")
    baked.drag((x + int(0.75 * width), y), (x + int(0.75 * width) + 120, y))
    baked.wait_until(f"{slider} > {plain} + 0.5")
    baked.settle()
    baked.screenshot("baked-take")
    assert baked.evaluate(REACH) < reach, "the calmer, the less it reaches"
    assert baked.evaluate(pose) != before, "the viewport follows"
    view_x, view_y, view_width, view_height = baked.region_box("WINDOW")
    baked.hover((view_x + view_width // 3, view_y + view_height // 2))
    baked.press("ctrl+z")
    baked.wait_until(f"{slider} == {plain}")
    assert baked.evaluate(REACH) == reach
    assert baked.complaints() == []
