# SPDX-FileCopyrightText: 2026 Mimica authors
# SPDX-License-Identifier: GPL-3.0-or-later
import dataclasses

import numpy as np
import pytest

from mimica.mapping import rotation as rot
from mimica.mapping.arkit_poses import arkit_pose
from mimica.mapping.channels import ChannelPlan
from mimica.mapping.character_map import own_rig_map
from mimica.mapping.frame import ARKIT_SHAPES
from mimica.mapping.landmarks import average_face

from .rigs import motion, simple_rest


def test_the_neutral_leaves_every_bone_at_rest():
    plan = ChannelPlan(own_rig_map(), simple_rest())
    pose = plan.evaluate(motion(plan))
    assert np.abs(pose.location).max() < 1e-12
    assert np.allclose(pose.rotation, [1, 0, 0, 0])


def test_a_bone_follows_its_landmarks_along_blenders_axes_and_in_scene_units():
    plan = ChannelPlan(own_rig_map(), simple_rest())
    pose = plan.evaluate(motion(plan, np.tile([1.0, 2.0, 3.0], (478, 1))))
    i = plan.bones.index("brow_inner.L")
    assert np.allclose(pose.location[0, i], [0.01, -0.03, 0.02])


def test_a_child_does_not_repeat_what_its_parent_does():
    plan = ChannelPlan(own_rig_map(), simple_rest())
    pose = plan.evaluate(motion(plan, np.tile([0.5, 0.0, 0.0], (478, 1))))
    assert np.allclose(pose.location[0, plan.bones.index("nose_tip")], 0.0)
    assert np.allclose(pose.location[0, plan.bones.index("nose")], [0.005, 0, 0])


def test_the_jaw_opens_by_a_positive_turn_about_x_and_the_lip_on_it_makes_up_the_difference():
    rest = simple_rest()
    plan = ChannelPlan(own_rig_map(), rest)
    pose = plan.evaluate(motion(plan, jawOpen=1.0))
    jaw, lip = plan.bones.index("jaw"), plan.bones.index("lip_lower")
    assert pose.rotation[0, jaw, 1] > 0.1
    # Landmarks did not move, so the lip must travel back by what the jaw carries it: up.
    assert pose.location[0, lip, 2] > 0.01


@pytest.mark.parametrize("back", [0.25, 0.5, 1.0, 3.0])
def test_lips_and_chin_do_not_sink_into_the_teeth(back: float):
    plan = ChannelPlan(own_rig_map(), simple_rest())
    pose = plan.evaluate(motion(plan, np.tile([0.0, 0.0, -back], (478, 1))))
    for name in ("lip_upper", "lip_lower", "chin"):
        way = pose.location[0, plan.bones.index(name), 1] / 0.01
        assert way == pytest.approx(back) if back < 0.3 else 0.3 < way <= 0.6
    assert pose.location[0, plan.bones.index("lip_corner.L"), 1] == pytest.approx(0.01 * back)


def test_lips_and_chin_go_with_an_open_jaw_and_forwards_as_far_as_they_do():
    plan = ChannelPlan(own_rig_map(), simple_rest())
    pose = plan.evaluate(motion(plan, np.tile([0.0, 0.0, 3.0], (478, 1))))
    assert pose.location[0, plan.bones.index("chin"), 1] == pytest.approx(-0.03)
    jawless = dataclasses.replace(own_rig_map(), bones=tuple(e for e in own_rig_map().bones if e.drive != "jaw"))
    without = ChannelPlan(jawless, simple_rest())
    pose = without.evaluate(motion(without, np.tile([0.0, -2.0, -1.5], (478, 1))))
    assert pose.location[0, without.bones.index("chin"), 1] == pytest.approx(0.015)


@pytest.mark.parametrize("closure", [0.0, 0.3, 0.7, 1.0])
def test_lids_stay_on_their_sphere_and_meet_when_closed(closure):
    rest = simple_rest()
    plan = ChannelPlan(own_rig_map(), rest)
    pose = plan.evaluate(motion(plan, eyeBlinkLeft=closure))
    names = list(rest.names)
    centre = rest.heads[names.index("eye.L")]
    at = {}
    for name in ("lid_upper.L", "lid_lower.L"):
        here = rest.heads[names.index(name)]
        at[name] = here + pose.location[0, plan.bones.index(name)] / rest.unit
        assert np.linalg.norm(at[name] - centre) == pytest.approx(np.linalg.norm(here - centre), rel=1e-6)
    directions = [(p - centre) / np.linalg.norm(p - centre) for p in at.values()]
    gap = np.degrees(np.arccos(np.clip(directions[0] @ directions[1], -1, 1)))
    assert gap < 1e-3 if closure == 1.0 else gap > 0.5
    assert np.abs(pose.location[0, plan.bones.index("lid_upper.R")]).max() < 1e-12


def test_wide_eyes_lift_the_upper_lid():
    plan = ChannelPlan(own_rig_map(), simple_rest())
    pose = plan.evaluate(motion(plan, eyeWideRight=1.0))
    assert pose.location[0, plan.bones.index("lid_upper.R"), 2] > 0.0005


def test_a_larger_mouth_moves_further():
    rest = simple_rest()
    performer = average_face() * 0.5
    moved = np.tile([0.0, 0.4, 0.0], (478, 1))
    plans = [ChannelPlan(own_rig_map(), rest, n) for n in (None, performer)]
    ways = [p.evaluate(motion(p, moved)).location[0, p.bones.index("lip_upper"), 2] for p in plans]
    assert ways[1] == pytest.approx(2 * ways[0])


def test_gaze_turns_the_eyes_to_the_named_side():
    plan = ChannelPlan(own_rig_map(), simple_rest())
    looking = dataclasses.replace(motion(plan), gaze=np.array([[[0.3, 0.0], [0.3, 0.2]]]))
    pose = plan.evaluate(looking)
    left, right = pose.rotation[0, plan.bones.index("eye.L")], pose.rotation[0, plan.bones.index("eye.R")]
    assert np.allclose(left, [np.cos(0.15), 0, 0, np.sin(0.15)])
    assert right[1] < 0, "looking up turns about -x"


def test_head_and_neck_share_one_turn():
    plan = ChannelPlan(own_rig_map(), simple_rest())
    half = 0.2
    turned = dataclasses.replace(motion(plan), head_rotation=np.array([[np.cos(half), 0.0, np.sin(half), 0.0]]))
    pose = plan.evaluate(turned)
    neck, head = pose.rotation[0, plan.bones.index("neck")], pose.rotation[0, plan.bones.index("head")]
    angles = [2 * np.arctan2(q[3], q[0]) for q in (neck, head)]
    assert sum(angles) == pytest.approx(2 * half)
    assert angles[0] == pytest.approx(0.35 * 2 * half)


@pytest.mark.parametrize("size", [1.0, 1.3])
def test_the_tongue_comes_out_as_the_table_of_arkit_poses_says(size: float):
    """Whatever its bones' axes are, and the larger the mouth the further."""
    rest = simple_rest()
    axes = rot.matrix_from_quaternion(rot.exp(np.random.default_rng(4).normal(size=(len(rest.names), 3))))
    rest = dataclasses.replace(rest, axes=axes, heads=rest.heads * size, neutral=rest.neutral * size)
    plan = ChannelPlan(own_rig_map(), rest)
    tongue = [i for i, bone in enumerate(plan.bones) if bone.startswith("tongue")]
    assert len(tongue) == 3
    for amount in (0.5, 1.0):
        pose = plan.evaluate(motion(plan, tongueOut=amount))
        values = np.zeros((1, len(ARKIT_SHAPES)))
        values[0, ARKIT_SHAPES.index("tongueOut")] = amount
        expected = arkit_pose(values, rest)
        for i in tongue:
            k = rest.names.index(plan.bones[i])
            assert np.allclose(pose.location[0, i], expected.location[0, k], atol=1e-9)
            assert np.allclose(pose.rotation[0, i], expected.rotation[0, k], atol=1e-9)
    away = [i for i in range(len(plan.bones)) if i not in tongue]
    assert np.abs(pose.location[0, away]).max() < 1e-12, "lips are where the landmarks see them"
