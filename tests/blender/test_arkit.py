# SPDX-FileCopyrightText: 2026 Mimica authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""ARKit controls keyed on the own rig, and read back from the meshes Blender evaluates."""

import bpy
import numpy as np
import pytest

from mimica.mapping.frame import ARKIT_SHAPES
from mimica.rig import compat
from mimica.rig.arkit import key_controls
from mimica.rig.bind import TargetError
from mimica.rig.face_rig import FaceRig, create_face_rig


@pytest.fixture
def face() -> FaceRig:
    bpy.ops.wm.read_homefile(use_empty=True)
    return create_face_rig(bpy.context)


def row(**values: float) -> np.ndarray:
    controls = np.zeros(len(ARKIT_SHAPES))
    for name, value in values.items():
        controls[ARKIT_SHAPES.index(name)] = value
    return controls


def landmarks(face: FaceRig, controls: np.ndarray) -> np.ndarray:
    """Landmarks 0 to 467 in each row's expression, (N, 468, 3), face space, cm; without subdivision."""
    armature, mesh = bpy.data.objects[face.armature], bpy.data.objects[face.meshes[0]]
    for modifier in mesh.modifiers:
        modifier.show_viewport = modifier.type == "ARMATURE"
    key_controls(armature, controls, np.arange(len(controls), dtype=float), bpy.data.actions.new("Shapes"))
    result = []
    for frame in range(len(controls)):
        bpy.context.scene.frame_set(frame)
        evaluated = mesh.evaluated_get(bpy.context.evaluated_depsgraph_get()).data
        points = np.empty(len(evaluated.vertices) * 3, np.float32)
        evaluated.vertices.foreach_get("co", points)
        x, y, z = points.reshape(-1, 3)[:468].T / armature["mimica_unit"]
        result.append(np.column_stack([x, z, -y]))
    return np.array(result)


def test_lips_closed_on_an_open_jaw_meet(face: FaceRig):
    rest, opened, closed, half = landmarks(
        face, np.array([row(), row(jawOpen=1), row(jawOpen=1, mouthClose=1), row(jawOpen=0.5, mouthClose=0.5)])
    )
    pairs = ((13, 14), (82, 87), (81, 178), (312, 317), (311, 402))

    def gap(points: np.ndarray) -> float:
        return max(float(np.linalg.norm(points[a] - points[b])) for a, b in pairs)

    assert gap(rest) < 0.01
    assert gap(opened) > 1.5
    assert gap(closed) < 0.2
    assert gap(half) < 0.1
    assert closed[152, 1] < rest[152, 1] - 1.0


def test_a_blink_closes_the_eye_and_a_pucker_narrows_the_mouth(face: FaceRig):
    rest, blink, pucker, smile = landmarks(
        face,
        np.array(
            [row(), row(eyeBlinkLeft=1), row(mouthPucker=1), row(mouthSmileLeft=1, mouthSmileRight=1)],
        ),
    )
    for upper, lower in ((386, 374), (385, 380), (387, 373)):
        assert np.linalg.norm(blink[upper] - blink[lower]) < 0.03
    assert np.linalg.norm(blink[159] - blink[145]) == pytest.approx(np.linalg.norm(rest[159] - rest[145]), abs=1e-3)
    width = [np.linalg.norm(points[291] - points[61]) for points in (rest, pucker, smile)]
    assert 0.55 < width[1] / width[0] < 0.75
    assert 1.1 < width[2] / width[0] < 1.4


def test_what_the_controls_do_not_move_is_not_keyed(face: FaceRig):
    armature = bpy.data.objects[face.armature]
    action = bpy.data.actions.new("Brows")
    key_controls(armature, np.array([row(), row(browInnerUp=1)]), np.array([1.0, 5.0]), action)
    curves = compat.fcurves_of(armature, action)
    assert curves is not None
    paths = {curve.data_path for curve in curves}
    assert any("brow_inner.L" in path for path in paths)
    assert not any(name in path for path in paths for name in ('"jaw"', '"head"', '"neck"', '"eye.L"', "tongue"))
    assert all(len(curve.keyframe_points) == 2 for curve in curves)


def test_only_an_own_rig_can_be_keyed(face: FaceRig):
    other = bpy.data.objects.new("Other", bpy.data.armatures.new("Other"))
    with pytest.raises(TargetError, match="Other"):
        key_controls(other, row()[None], np.array([1.0]), bpy.data.actions.new("Shapes"))
    with pytest.raises(ValueError, match="frames"):
        key_controls(bpy.data.objects[face.armature], row()[None], np.arange(3.0), bpy.data.actions.new("Shapes"))
