# SPDX-FileCopyrightText: 2026 Mimica authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Bake to Keyframes where a take holds several faces: the one that is chosen, by default the one seen most."""

from collections.abc import Iterator
from pathlib import Path

import bpy
import numpy as np
import pytest

import mimica
from mimica.capture.take import SUFFIX, TakeInfo, TakeWriter
from mimica.mapping.calibration import default_profile
from mimica.mapping.frame import FaceFrame
from mimica.rig import compat
from mimica.rig.face_rig import create_face_rig
from mimica.tests.synthetic import act, photograph

COUNT, COMES = 90, 30


@pytest.fixture
def scene(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[bpy.types.Scene]:
    """A rig, and a take: face 1 opens its jaw throughout, face 2 comes after a second and raises its brows."""
    bpy.ops.wm.read_homefile(use_empty=True)
    mimica.register()
    from mimica.operators import takes

    monkeypatch.setattr(takes, "takes_folder", lambda: tmp_path)
    way = np.sin(np.linspace(0.0, 6.0, COUNT)) ** 2
    jaw, brows = photograph(act(jaw=way)), photograph(act(brows=way))
    size = (640, 480)
    path = tmp_path / f"two{SUFFIX}"
    with TakeWriter(path, TakeInfo("two", performer=default_profile().to_json())) as writer:
        for i in range(COUNT):
            faces = [FaceFrame(i / 30, jaw.landmarks[i], None, size)]
            if i >= COMES:
                faces.append(FaceFrame(i / 30, brows.landmarks[i], None, size, 1))
            writer.append(tuple(faces))
    scene = bpy.context.scene
    scene.render.fps = 30
    scene.mimica.target = bpy.data.objects[create_face_rig(bpy.context).armature]
    takes.refresh_takes(bpy.context.window_manager)
    yield scene
    mimica.unregister()


def baked(scene: bpy.types.Scene) -> tuple[float, float, tuple[float, float]]:
    """How far the jaw turns and a brow goes (cm), and the frames that are keyed."""
    armature = scene.mimica.target
    curves = compat.fcurves_of(armature, armature.animation_data.action)

    def reach(bone: str, channel: str) -> float:
        found = [c for c in curves if c.data_path == f'pose.bones["{bone}"].{channel}']
        # What never moves has no keys.
        return max((float(np.ptp([p.co.y for p in c.keyframe_points])) for c in found), default=0.0)

    return (
        reach("jaw", "rotation_quaternion"),
        reach("brow_mid.L", "location") / armature["mimica_unit"],
        tuple(curves[0].range()),
    )


def test_the_list_says_that_there_are_several(scene: bpy.types.Scene) -> None:
    (item,) = bpy.context.window_manager.mimica.takes
    assert item.several_faces and item.faces == "1 (100%), 2 (67%)"


def test_the_face_seen_most_is_baked_unless_another_is_chosen(scene: bpy.types.Scene) -> None:
    assert bpy.ops.mimica.bake() == {"FINISHED"}
    jaw, brow, keyed = baked(scene)
    assert jaw > 0.1 and brow < 0.1
    scene.mimica.bake_face = "1"
    assert bpy.ops.mimica.bake() == {"FINISHED"}
    jaw, brow, later = baked(scene)
    assert jaw < 0.05 and brow > 0.2
    assert later == keyed == (1.0, float(COUNT)), "faces of one take stay in step"


def test_a_face_that_the_take_does_not_hold_is_said(scene: bpy.types.Scene) -> None:
    scene.mimica.bake_face = "3"
    with pytest.raises(RuntimeError, match=r"'two' holds no face 4\. Choose face 1 or 2"):
        bpy.ops.mimica.bake()
