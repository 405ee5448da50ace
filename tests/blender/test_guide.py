# SPDX-FileCopyrightText: 2026 Mimica authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The face that shows performers what to do: the rig's own, worked out without objects."""

import time

import bpy
import numpy as np
import pytest

from mimica.mapping.frame import ARKIT_SHAPES
from mimica.mapping.range_poses import range_poses
from mimica.rig.arkit import key_controls
from mimica.rig.face_rig import create_face_rig
from mimica.rig.guide_face import guide_face
from mimica.rig.pose_guide import LOOP, FaceMaker, guide_shapes, swing

UNIT = 100.0
"""Centimetres in one of the scene's units."""


def test_every_pose_can_be_drawn() -> None:
    face = guide_face()
    assert face.triangles.min() == 0 and face.triangles.max() == len(face.colours) - 1
    assert ((face.colours >= 0) & (face.colours <= 1)).all() and ((face.gloss >= 0) & (face.gloss <= 1)).all()
    for pose in range_poses("FULL"):
        drawn = face.drawn(guide_shapes(pose, 1.0))
        assert np.isfinite(drawn.points).all() and np.isfinite(drawn.normals).all()
        assert np.allclose(np.linalg.norm(drawn.normals, axis=1), 1.0, atol=1e-3)


@pytest.mark.parametrize("name", ["jawOpen", "mouthSmileLeft", "eyeBlinkRight", "tongueOut", "eyeLookUpLeft"])
def test_it_is_the_face_of_the_rig_in_the_scene(name: str) -> None:
    bpy.ops.wm.read_homefile(use_empty=True)
    rig = create_face_rig(bpy.context)
    controls = np.zeros((1, len(ARKIT_SHAPES)))
    controls[0, ARKIT_SHAPES.index(name)] = 1.0
    key_controls(bpy.data.objects[rig.armature], controls, np.array([1.0]), bpy.data.actions.new("Pose"))
    bpy.context.scene.frame_set(1)
    graph = bpy.context.evaluated_depsgraph_get()
    drawn = guide_face().drawn(controls[0]).points
    for mesh in rig.meshes:
        evaluated = bpy.data.objects[mesh].evaluated_get(graph)
        points = np.array([evaluated.matrix_world @ v.co for v in evaluated.to_mesh().vertices]) * UNIT
        evaluated.to_mesh_clear()
        face = np.column_stack([points[:, 0], points[:, 2], -points[:, 1]])
        # Blender's subdivision goes to the limit surface, this one a step of the way.
        nearest = [np.linalg.norm(drawn - point, axis=1).min() for point in face[::7]]
        assert np.percentile(nearest, 95) < 0.1, f"{mesh}: millimetres apart"


def test_the_guide_comes_from_rest_and_goes_back() -> None:
    levels = [swing(seconds) for seconds in np.linspace(0.0, LOOP, 200, endpoint=False)]
    assert min(levels) == 0.0 and max(levels) == 1.0
    assert max(abs(a - b) for a, b in zip(levels, levels[1:] + levels[:1], strict=True)) < 0.1, "no jumps"


def test_faces_are_made_in_the_background() -> None:
    maker = FaceMaker()
    smile, rest = guide_shapes(range_poses("QUICK")[1], 1.0), np.zeros(len(ARKIT_SHAPES))
    until = time.monotonic() + 20.0
    before = after = None
    while before is None or after is None or before is after:
        assert time.monotonic() < until
        before, after = maker.ask("before", rest), maker.ask("after", smile)
        time.sleep(0.01)
    assert maker.face is not None
    assert np.abs(before.points - after.points).max() > 0.3
