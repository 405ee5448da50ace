# SPDX-FileCopyrightText: 2026 Mimica authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Any armature's rest pose in its character's axes, and what an ordinary rig's constraints do to its controls."""

import bpy
import numpy as np
import pytest
from mathutils import Matrix

from mimica.mapping.channels import ChannelPlan
from mimica.mapping.character_map import BoneEntry, CharacterMap, own_rig_map
from mimica.mapping.fit_neutral import to_character
from mimica.mapping.landmarks import average_face, weight_matrix
from mimica.mapping.motion import Motion
from mimica.rig.face_rig import create_face_rig
from mimica.rig.response import measure_response
from mimica.rig.rest_pose import read_rest_pose

Y_UP = np.array([[1.0, 0.0, 0.0], [0.0, 0.0, 1.0], [0.0, -1.0, 0.0]])
"""From a character's axes to those of an armature that came from a program in which y is up."""
ENTRIES = tuple(e for e in own_rig_map().bones if e.drive == "landmarks")


def armature_of(entries: tuple[BoneEntry, ...], unit: float, axes: np.ndarray) -> bpy.types.Object:
    """An armature with a bone at each entry's place on the average face, along other axes and of another size."""
    bpy.ops.wm.read_homefile(use_empty=True)
    rig = bpy.data.objects.new("Rig", bpy.data.armatures.new("Rig"))
    bpy.context.scene.collection.objects.link(rig)
    bpy.context.view_layer.objects.active = rig
    bpy.ops.object.mode_set(mode="EDIT")
    places = weight_matrix([e.landmarks for e in entries]) @ to_character(average_face()) @ axes.T * unit
    for entry, place in zip(entries, places, strict=True):
        bone = rig.data.edit_bones.new(entry.bone)
        bone.head, bone.tail = place, place + np.array([0.0, unit, 0.2 * unit])
    bpy.ops.object.mode_set(mode="OBJECT")
    return rig


@pytest.mark.parametrize("axes, unit", [(np.eye(3), 0.01), (Y_UP, 1.0), (np.diag([-1.0, -1.0, 1.0]), 0.3)])
def test_whichever_way_an_armature_looks(axes, unit):
    rig = armature_of(ENTRIES, unit, axes)
    rig.matrix_world = Matrix(axes.T).to_4x4() @ Matrix.Scale(0.01 / unit, 4)
    bpy.context.view_layer.update()
    rest = read_rest_pose(rig, CharacterMap("Rig", ENTRIES))
    assert rest.unit == pytest.approx(unit, rel=0.02)
    expected = weight_matrix([e.landmarks for e in ENTRIES]) @ to_character(average_face())
    assert rest.heads - rest.heads.mean(axis=0) == pytest.approx(expected - expected.mean(axis=0), abs=0.2)
    # A bone's own axes, seen from the character.
    bone = np.array(rig.data.bones[0].matrix_local.to_3x3())
    assert rest.axes[0] == pytest.approx(axes.T @ bone, abs=1e-5)
    assert np.abs(rest.neutral - rest.neutral.mean(axis=0) - average_face() + average_face().mean(axis=0)).max() < 0.3


@pytest.mark.parametrize("axes", [np.eye(3), Y_UP])
def test_two_eyes_tell_the_size_when_nothing_else_is_known(axes):
    eyes = tuple(
        BoneEntry(f"eye.{side}", "eye", "gaze", {iris: 1.0}, side=side) for side, iris in (("L", "473"), ("R", "468"))
    )
    rig = armature_of(eyes, 2.0, axes)
    rig.matrix_world = Matrix(axes.T).to_4x4()
    bpy.context.view_layer.update()
    rest = read_rest_pose(rig, CharacterMap("Rig", eyes))
    assert rest.unit == pytest.approx(2.0, rel=0.02)
    assert rest.heads[0] == pytest.approx(to_character(average_face()[473]), abs=0.1)


def test_mimicas_own_rig_knows_its_face():
    bpy.ops.wm.read_homefile(use_empty=True)
    rig = bpy.data.objects[create_face_rig(bpy.context).armature]
    rest = read_rest_pose(rig)
    assert rest.unit == rig["mimica_unit"]
    assert rest.neutral.ravel() == pytest.approx(np.array(rig["mimica_neutral"]))
    assert rest.axes[0] == pytest.approx(np.array(rig.data.bones[0].matrix_local.to_3x3()))


@pytest.mark.parametrize("axes", [np.eye(3), Y_UP])
def test_controls_of_any_constrained_rig_go_where_they_are_wanted(axes):
    """A middle brow that follows its neighbours, one brow that takes its mirror image along, and a locked channel."""
    rig = armature_of(ENTRIES, 0.02, axes)
    for name, target, share in (
        ("brow_mid.L", "brow_inner.L", 0.5),
        ("brow_mid.L", "brow_outer.L", 0.5),
        ("brow_inner.R", "brow_inner.L", 0.3),
        ("lip_upper", "nose_wing.L", 0.2),
    ):
        constraint = rig.pose.bones[name].constraints.new("COPY_LOCATION")
        constraint.target, constraint.subtarget, constraint.influence = rig, target, share
        constraint.use_offset, constraint.owner_space, constraint.target_space = True, "LOCAL", "LOCAL"
    rig.pose.bones["chin"].lock_location[0] = True
    character = CharacterMap("Rig", ENTRIES, response=True)
    rest = read_rest_pose(rig, character)
    plan = ChannelPlan(character, rest, None, measure_response(rig, character, rest))
    motion = Motion.neutral(np.zeros(1), len(plan.groups))
    motion.displacement[:] = np.random.default_rng(0).normal(0.0, 0.3, motion.displacement.shape)
    pose, wanted = plan.evaluate(motion), plan.wanted(motion)[0]
    for name, location in zip(plan.bones, pose.location[0], strict=True):
        rig.pose.bones[name].location = location
    bpy.context.view_layer.update()
    assert pose.location[0, plan.bones.index("chin"), 0] == 0.0
    assert plan.response is not None
    for name, way in zip(plan.response.bones, wanted, strict=True):
        moved = np.array(rig.pose.bones[name].head - rig.data.bones[name].head_local) @ axes / rest.unit
        off = moved - way
        if name == "chin":
            off = rest.axes[rest.names.index(name)].T @ off * [0.0, 1.0, 1.0]
        assert np.linalg.norm(off) < 0.03, name
