# SPDX-FileCopyrightText: 2026 Mimica authors
# SPDX-License-Identifier: GPL-3.0-or-later
import dataclasses

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mimica.mapping import rotation as rot
from mimica.mapping.channels import ChannelPlan
from mimica.mapping.character_map import (
    CONTROLS,
    BoneEntry,
    Channel,
    CharacterMap,
    ControlEntry,
    own_rig_map,
    shape_entry,
)
from mimica.mapping.control_channels import control_values, other_side
from mimica.mapping.landmarks import average_face
from mimica.mapping.mapper import head_angles
from mimica.mapping.mirror import mirror_landmarks, mirror_shapes

from .rigs import motion, simple_rest


def shape(plan: ChannelPlan, **controls: float) -> list[float]:
    return plan.pose(motion(plan, None, **controls)).shapes[0].tolist()


def test_an_entry_sets_all_its_channels_and_entries_add_up():
    entries = (shape_entry("jawOpen", "A", "B", gain=0.5), shape_entry("mouthFunnel", "B", mesh=""))
    plan = ChannelPlan(CharacterMap("x", controls=entries), None)
    assert plan.shapes == (("", "A"), ("", "B"))
    assert shape(plan, jawOpen=0.6, mouthFunnel=0.2) == pytest.approx([0.3, 0.5])


@given(
    x=st.floats(0, 1),
    gain=st.floats(-2, 2),
    offset=st.floats(-1, 1),
    dead=st.floats(0, 0.9),
    curve=st.floats(0.2, 4),
    strength=st.floats(0, 2),
)
def test_the_response_is_what_its_parts_say(x, gain, offset, dead, curve, strength):
    entry = ControlEntry(
        (Channel("shape_key", "A"),), "jawOpen", gain=gain, offset=offset, dead_zone=dead, curve=curve, minimum=-0.5,
        maximum=0.8,
    )  # fmt: skip
    plan = ChannelPlan(CharacterMap("x", controls=(entry,), strengths={"jaw": strength}), None)
    through = max(x - dead, 0.0) / (1.0 - dead)
    expected = min(max(gain * strength * through**curve + offset, -0.5), 0.8)
    assert shape(plan, jawOpen=x) == pytest.approx([expected], abs=1e-9)


def test_what_is_off_does_nothing():
    entry = dataclasses.replace(shape_entry("jawOpen", "A"), enabled=False)
    plan = ChannelPlan(CharacterMap("x", controls=(entry, shape_entry("jawOpen", "B"))), None)
    assert plan.shapes == (("", "B"),)
    lips = tuple(dataclasses.replace(e, enabled=not e.bone.startswith("lip")) for e in own_rig_map().bones)
    plan = ChannelPlan(CharacterMap("x", lips), simple_rest())
    assert not any(bone.startswith("lip") for bone in plan.bones) and "jaw" in plan.bones


def test_bone_channels_are_in_the_bones_own_frame_and_join_what_anatomy_does():
    entries = (
        ControlEntry((Channel("location", "chin", 1, 0.02), Channel("scale", "chin", 2, 0.5)), "cheekPuff"),
        ControlEntry((Channel("rotation", "jaw", 2, 0.3),), "cheekPuff"),
    )
    plan = ChannelPlan(dataclasses.replace(own_rig_map(), controls=entries), simple_rest())
    without = ChannelPlan(own_rig_map(), simple_rest())
    one = plan.pose(motion(plan, cheekPuff=0.5, jawOpen=0.4)).bones
    other = without.evaluate(motion(without, cheekPuff=0.5, jawOpen=0.4))
    chin, jaw = plan.bones.index("chin"), plan.bones.index("jaw")
    assert one.location[0, chin] - other.location[0, chin] == pytest.approx([0, 0.01, 0])
    assert one.scale is not None and one.scale[0, chin] == pytest.approx([1, 1, 1.25])
    half = [np.cos(0.075), 0, 0, np.sin(0.075)]
    assert np.allclose(one.rotation[0, jaw], rot.multiply(other.rotation[0, jaw], np.array(half)))
    assert plan.scaled[chin].tolist() == [False, False, True] and plan.located[chin].all() and plan.turned[jaw]


def test_a_bone_without_anatomy_is_driven_where_it_says():
    entry = ControlEntry((Channel("location", "lip_upper", 2, 0.1),), "jawOpen")
    plan = ChannelPlan(CharacterMap("x", controls=(entry,)), simple_rest())
    assert plan.bones == ("lip_upper",) and plan.located.tolist() == [[False, False, True]]
    assert not plan.turned.any() and not plan.scaled.any()
    gone = ControlEntry((Channel("location", "no such bone", 2, 0.1),), "jawOpen")
    assert ChannelPlan(CharacterMap("x", controls=(gone,)), simple_rest()).bones == ()


def test_landmarks_are_followed_at_the_average_faces_size():
    entry = ControlEntry((Channel("property", '["lift"]'),), landmarks={"105": 0.5, "66": 0.5}, axis=1, region="brows")
    moved = np.zeros((478, 3))
    moved[[105, 66]] = [0.1, 0.6, 0.2]
    for size in (1.0, 2.0):
        plan = ChannelPlan(dataclasses.replace(own_rig_map(), controls=(entry,)), simple_rest(), average_face() * size)
        assert plan.properties == (("", '["lift"]'),)
        assert plan.pose(motion(plan, moved * size)).properties[0] == pytest.approx([0.6])
    other = dataclasses.replace(entry, mirror=True)
    plan = ChannelPlan(CharacterMap("x", controls=(other, dataclasses.replace(other, axis=0))), None)
    assert plan.pose(motion(plan, moved)).properties[0] == pytest.approx([0.0])
    moved[[334, 296]] = [0.1, 0.5, 0.2]
    assert plan.pose(motion(plan, moved)).properties[0] == pytest.approx([0.5 - 0.1]), "mirrored; both add up"


def test_the_head_and_the_gaze_can_be_followed():
    names = ("headYaw", "headPitch", "headRoll", "headZ", "gazeYawLeft", "gazePitchRight")
    entries = tuple(ControlEntry((Channel("property", f'["{n}"]'),), n) for n in names)
    plan = ChannelPlan(CharacterMap("x", controls=entries), None)
    turned = rot.exp(np.array([[0.1, 0.3, -0.2]]))
    performed = dataclasses.replace(
        motion(plan),
        head_rotation=turned,
        head_translation=np.array([[1.0, 2.0, 3.0]]),
        gaze=np.array([[[0.4, 0.1], [0.5, 0.2]]]),
    )
    values = plan.pose(performed).properties[0]
    assert values == pytest.approx([*np.radians(head_angles(performed)[0]), 3.0, 0.4, 0.2])
    mirrored = ChannelPlan(
        CharacterMap("x", controls=tuple(dataclasses.replace(e, mirror=True) for e in entries)), None
    )
    yaw, pitch, roll = np.radians(head_angles(performed)[0])
    assert mirrored.pose(performed).properties[0] == pytest.approx([-yaw, pitch, -roll, 3.0, -0.5, 0.1])


def test_a_mirrored_entry_follows_the_other_side():
    entry = dataclasses.replace(shape_entry("mouthSmileLeft", "A"), mirror=True)
    plan = ChannelPlan(CharacterMap("x", controls=(entry,)), None)
    assert shape(plan, mouthSmileLeft=0.2, mouthSmileRight=0.7) == pytest.approx([0.7])
    assert all(other_side(other_side(name)) == name for name in CONTROLS)


def test_mirrored_bones_show_the_mirror_image():
    """A rig all of whose bones are mirrored does with a performance what it does unmirrored with the mirrored one."""
    rest = simple_rest()
    random = np.random.default_rng(3)
    both = tuple(dataclasses.replace(e, mirror=True) for e in own_rig_map().bones)
    mirrored, plain = ChannelPlan(CharacterMap("x", both), rest), ChannelPlan(own_rig_map(), rest)
    moved = random.normal(0, 0.2, (478, 3))
    controls = random.uniform(0, 0.8, (1, 52))
    gaze = random.normal(0, 0.2, (1, 2, 2))
    head = rot.exp(np.array([[0.1, 0.2, 0.3]]))
    performed = dataclasses.replace(motion(mirrored, moved), controls=controls, gaze=gaze, head_rotation=head)
    seen = moved[mirror_landmarks()] * [-1, 1, 1]
    reflected = dataclasses.replace(
        motion(plain, seen),
        controls=controls[:, mirror_shapes()],
        gaze=gaze[:, ::-1] * [-1, 1],
        head_rotation=head * [1, 1, -1, -1],
    )
    one, other = mirrored.evaluate(performed), plain.evaluate(reflected)
    assert np.allclose(one.location, other.location, atol=1e-9)
    assert np.allclose(one.rotation, other.rotation, atol=1e-9)


def test_limits_are_soft():
    entry = BoneEntry("lip_upper", "landmarks", "mouth", {"13": 1.0}, limit=0.5)
    plan = ChannelPlan(CharacterMap("x", (entry,)), simple_rest())
    ways = []
    for far in (0.05, 0.5, 5.0):
        pose = plan.evaluate(motion(plan, np.tile([0.0, far, 0.0], (478, 1))))
        ways.append(float(np.linalg.norm(pose.location[0, 0])) / 0.01)
    assert ways[0] == pytest.approx(0.05, rel=0.01) and ways[0] < ways[1] < ways[2] <= 0.5 + 1e-9


def test_an_eyes_target_stands_where_the_eye_looks():
    rest = simple_rest()
    eye = rest.heads[rest.names.index("eye.L")]
    rest = dataclasses.replace(
        rest,
        names=(*rest.names, "target"),
        parents=(*rest.parents, ""),
        heads=np.vstack([rest.heads, eye + np.array([0.0, -30.0, 0.0])]),
        axes=np.concatenate([rest.axes, np.eye(3)[None]]),
    )
    plan = ChannelPlan(CharacterMap("x", (BoneEntry("target", "eye_target", "gaze", pair="eye.L", side="L"),)), rest)
    looking = dataclasses.replace(motion(plan), gaze=np.array([[[0.3, 0.2], [0.0, 0.0]]]))
    way = plan.evaluate(looking).location[0, 0] / 0.01
    line = np.array([0.0, -30.0, 0.0]) + way
    assert np.arctan2(line[0], -line[1]) == pytest.approx(0.3)
    assert np.arcsin(line[2] / 30.0) == pytest.approx(0.2), "up"


def test_every_control_has_a_place_in_the_values():
    plan = ChannelPlan(own_rig_map(), simple_rest())
    assert control_values(motion(plan)).shape == (1, len(CONTROLS))
