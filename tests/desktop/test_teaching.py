# SPDX-FileCopyrightText: 2026 Mimica authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Learn by Example by mouse: the guided list with its pictures, in a real window."""

import cv2
import numpy as np
import pytest

from mimica.tests.desktop.harness import ROOT, Desktop

pytestmark = pytest.mark.usefixtures("in_newest")

RIG = """
from mathutils import Vector
rig = bpy.data.objects.new("Character", bpy.data.armatures.new("Character"))
bpy.context.scene.collection.objects.link(rig)
bpy.context.view_layer.objects.active = rig
bpy.ops.object.mode_set(mode="EDIT")
for name, place in {"Bone.001": (0, 0, 0), "Bone.002": (0.3, 0, 1), "Bone.003": (-0.3, 0, 1)}.items():
    bone = rig.data.edit_bones.new(name)
    bone.head = place
    bone.tail = Vector(place) + Vector((0, -0.2, 0.1))
bpy.ops.object.mode_set(mode="POSE")
bpy.context.scene.mimica.target = rig
"""
TAUGHT = "sorted(e.control for e in bpy.data.objects['Character'].mimica.entries)"
PRESENT = "(lambda s: s.steps[s.index].name)(bpy.data.objects['Character'].mimica_teaching)"


def shows(desktop: Desktop, name: str) -> float:
    """How well an expression's picture is found in the sidebar, in some size near that in which it is drawn."""
    x, y, width, height = desktop.region_box("UI")
    # Half the size is enough to tell faces apart, and sixteen times as quick.
    sidebar = cv2.resize(desktop.picture()[y : y + height, x : x + width], None, fx=0.5, fy=0.5)
    picture = cv2.imread(str(ROOT / "ui" / "pictures" / f"{name}.png"))
    assert picture is not None
    best = 0.0
    for size in range(70, 86, 2):
        scaled = cv2.resize(picture, (size, size), interpolation=cv2.INTER_AREA)
        best = max(best, float(cv2.matchTemplate(sidebar, scaled, cv2.TM_CCOEFF_NORMED).max()))
    return best


def test_a_rig_is_taught_by_mouse(desktop: Desktop) -> None:
    desktop.run("[bpy.data.objects.remove(o) for o in list(bpy.data.objects)]")
    desktop.run(RIG)
    desktop.show_tab("Mimica")
    desktop.click("Learn by Example")
    desktop.click("Start Teaching")
    desktop.wait_until("bpy.data.objects['Character'].mimica_teaching.running")
    desktop.settle()
    desktop.find("Learn Pose")
    assert shows(desktop, "jawOpen") > 0.9 > shows(desktop, "mouthPucker")

    desktop.run("bpy.data.objects['Character'].pose.bones['Bone.001'].location.z = -0.1")
    desktop.run("with view(): bpy.ops.ed.undo_push(message='Posed')")
    desktop.click("Learn Pose")
    desktop.wait_until(f"{TAUGHT} == ['jawOpen'] and {PRESENT} == 'eyeBlinkLeft'")
    desktop.settle()
    assert shows(desktop, "eyeBlinkLeft") > 0.9 > shows(desktop, "jawOpen")
    assert desktop.evaluate("list(bpy.data.objects['Character'].pose.bones['Bone.001'].location)") == [0, 0, 0]

    # One press, one undo step: the pose is there again, to be mended.
    x, y, width, height = desktop.region_box("WINDOW")
    desktop.hover((x + width // 4, y + height // 2))
    desktop.press("ctrl+z")
    desktop.wait_until(f"{TAUGHT} == [] and {PRESENT} == 'jawOpen'")
    place = desktop.evaluate("list(bpy.data.objects['Character'].pose.bones['Bone.001'].location)")
    assert np.allclose(place, [0, 0, -0.1])
    desktop.press("ctrl+shift+z")
    desktop.wait_until(f"{TAUGHT} == ['jawOpen'] and {PRESENT} == 'eyeBlinkLeft'")

    # Both sides at once, though no name tells which bones are a pair.
    desktop.run("bpy.data.objects['Character'].pose.bones['Bone.002'].location.y = -0.1")
    desktop.click("Learn Pose")
    desktop.wait_until(f"{TAUGHT} == ['eyeBlinkLeft', 'eyeBlinkRight', 'jawOpen']")
    desktop.wait_until(f"{PRESENT} == 'mouthSmileLeft'")
    desktop.settle()
    desktop.screenshot("teaching")
    assert desktop.complaints() == []
