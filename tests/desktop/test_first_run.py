# SPDX-FileCopyrightText: 2026 Mimica authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Somebody has just installed Mimica: from the scene that Blender begins with to a moving face, in five clicks."""

from pathlib import Path

from mimica.tests.desktop.harness import Desktop
from mimica.tests.desktop.mjpeg import test_clips

MODULES = "__import__('sys').modules"
LIVE = f"{MODULES}['bl_ext.user_default.mimica.rig.live']"
CAMERAS = f"{MODULES}['bl_ext.user_default.mimica.rig.cameras']"
RUNNING = f"{LIVE}.current() is not None"
RIG = "bpy.context.scene.mimica.target"
POSE = f"[round(v, 4) for b in {RIG}.pose.bones for v in (*b.location, *b.rotation_quaternion)]"
BROWSER = "[a for a in bpy.context.window_manager.windows[0].screen.areas if a.type == 'FILE_BROWSER']"
VIDEO = "bpy.context.scene.mimica.video"


def test_from_the_first_scene_to_a_moving_face(desktop: Desktop, tmp_path: Path) -> None:
    """No camera is here, so the panel says why, and a video does instead. Each press of the mouse or of N counts."""
    clip = test_clips(tmp_path)[0]
    desktop.run("bpy.ops.wm.read_homefile(app_template='')")
    desktop.run("bpy.context.preferences.view.filebrowser_display_type = 'SCREEN'")
    clicks = 0

    x, y, width, height = desktop.region_box("WINDOW")
    desktop.hover((x + width // 2, y + height // 2))
    desktop.press("n")
    clicks += 1
    desktop.wait_until("area().spaces.active.show_region_ui")
    desktop.show_tab("Mimica")  # stands for a click on the tab
    clicks += 1
    reason = desktop.wait_until(f"[{CAMERAS}.reason().sentence] if {CAMERAS}.reason() else []")[0]
    assert "camera" in reason
    desktop.settle(kind="UI")
    desktop.screenshot("first-run-no-camera")
    assert not desktop.find_all("Create Face and Start"), "nothing to start with yet"

    # What the name looks like is asked for while there is a viewport to draw it in.
    assert not desktop.find_all(clip.name, kind=None)
    desktop.click("Use a Video Instead")
    clicks += 1
    desktop.wait_until(BROWSER)
    # Stands for finding the folder, which is no part of Mimica.
    desktop.run(f"{BROWSER}[0].spaces.active.params.directory = {str(clip.parent)!r}.encode()")
    desktop.settle()
    desktop.screenshot("first-run-files")
    desktop.double_click(clip.name, kind=None)
    clicks += 1
    desktop.wait_until(f"{VIDEO} != '' and not {BROWSER}")
    assert Path(desktop.evaluate(f"bpy.path.abspath({VIDEO})")).name == clip.name

    desktop.settle(kind="UI")
    desktop.screenshot("first-run-video")
    desktop.click("Create Face and Start")
    clicks += 1
    desktop.wait_until(RUNNING)
    desktop.wait_until(f"{LIVE}.current().stats().face_found", 40)
    before = desktop.evaluate(POSE)
    desktop.wait_until(f"{POSE} != {before}")
    desktop.screenshot("first-run-moving")
    assert clicks <= 5
    assert desktop.complaints() == []
