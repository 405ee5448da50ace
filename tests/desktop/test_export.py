# SPDX-FileCopyrightText: 2026 Mimica authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A take exported by the panel's button in a real Blender: in the background, while the window goes on."""

from pathlib import Path

import pytest

from mimica.tests.acted_take import write_take
from mimica.tests.desktop.harness import Desktop
from mimica.tests.desktop.test_capture import RIG, press

pytestmark = pytest.mark.usefixtures("in_newest")

CURRENT = "__import__('sys').modules['bl_ext.user_default.mimica.rig.export_process'].current"


def test_a_take_leaves_as_glb(desktop: Desktop, tmp_path: Path) -> None:
    """Another Blender does the work; a cancelled export leaves nothing, a finished one says how exact it is."""
    write_take(tmp_path, "Smile")
    output = tmp_path / "smile.glb"
    desktop.run("bpy.ops.wm.read_homefile(app_template='')")
    desktop.run("[bpy.data.objects.remove(o) for o in list(bpy.data.objects)]")
    desktop.run(f"bpy.context.scene.mimica.takes_folder = {str(tmp_path)!r}; bpy.context.scene.render.fps = 30")
    desktop.show_tab("Mimica")
    press(desktop, "Create Face Rig", f"{RIG} is not None")
    desktop.run("bpy.ops.mimica.refresh_takes()")
    for title in ("Capture", "Takes", "Bake", "Output"):
        desktop.click(title)
    start = f"bpy.ops.mimica.export_character(filepath={str(output)!r}, form='glb', motion='TAKE')"
    desktop.run(start)
    desktop.run("bpy.ops.mimica.cancel_export()")
    assert desktop.evaluate(f"{CURRENT}.cancelled") and not output.exists()
    objects = desktop.evaluate("len(bpy.data.objects)")
    desktop.run(start)
    assert not desktop.evaluate(f"{CURRENT}.ended"), "the window does not wait for it"
    desktop.wait_until(f"{CURRENT}.ended", 120.0)
    assert desktop.evaluate(f"{CURRENT}.error") == ""
    assert desktop.evaluate(f"{CURRENT}.result.difference['points']") < 0.5
    assert output.read_bytes()[:4] == b"glTF"
    assert desktop.evaluate("len(bpy.data.objects)") == objects
    assert desktop.evaluate(f"{RIG}.animation_data is None or {RIG}.animation_data.action is None")
    desktop.settle()
    desktop.screenshot("export")
    assert desktop.complaints() == []
