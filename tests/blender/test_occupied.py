# SPDX-FileCopyrightText: 2026 Mimica authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Drivers, the user's own animation and locks: left alone and said, or added to. And a pose that is given back."""

import bpy
import numpy as np
import pytest

from mimica.mapping import rotation as rot
from mimica.mapping.channels import BonePose, ChannelPlan, CharacterPose, RestPose
from mimica.mapping.character_map import Channel, CharacterMap, ControlEntry
from mimica.mapping.landmarks import average_face
from mimica.rig import compat
from mimica.rig.apply import PoseWriter
from mimica.rig.bind import Binding
from mimica.rig.kept_pose import KeptPose
from mimica.rig.occupied import TAKE_PROPERTY, find_occupied

BONES = ("jaw", "brow", "eye", "lip")
IDENTITY = (1.0, 0.0, 0.0, 0.0)


class Character:
    """Four bones, a mesh with three shape keys, a property; all of it is driven by a performance."""

    def __init__(self) -> None:
        self.rig = bpy.data.objects.new("Rain", bpy.data.armatures.new("Rain"))
        self.head = bpy.data.objects.new("Head", bpy.data.meshes.new("Head"))
        self.head.data.from_pydata([(0, 0, 0), (1, 0, 0), (0, 1, 0)], [], [(0, 1, 2)])
        for obj in (self.rig, self.head):
            bpy.context.scene.collection.objects.link(obj)
        bpy.context.view_layer.objects.active = self.rig
        bpy.ops.object.mode_set(mode="EDIT")
        for name in BONES:
            self.rig.data.edit_bones.new(name).tail = (0.0, 0.0, 1.0)
        bpy.ops.object.mode_set(mode="OBJECT")
        for key in ("Basis", "smile", "open", "blink"):
            self.head.shape_key_add(name=key).value = 0.0
        self.rig["grin"] = 0.0
        channels = [Channel("location", name, axis) for name in BONES for axis in range(3)]
        channels += [Channel("rotation", name, axis) for name in BONES for axis in range(3)]
        channels += [Channel("shape_key", key) for key in ("smile", "open", "blink")]
        channels += [Channel("property", '["grin"]')]
        count = len(BONES)
        rest = RestPose(
            BONES, ("",) * count, np.zeros((count, 3)), np.tile(np.eye(3), (count, 1, 1)), 0.01, average_face()
        )
        entries = tuple(ControlEntry((channel,), "jawOpen") for channel in channels)
        self.binding = Binding("Rain", "Rain", ("Head",), ChannelPlan(CharacterMap("test", controls=entries), rest))

    @property
    def keys(self) -> bpy.types.Key:
        return self.head.data.shape_keys

    @property
    def smile(self) -> float:
        return self.keys.key_blocks["smile"].value

    def bone(self, name: str) -> bpy.types.PoseBone:
        return self.rig.pose.bones[name]

    def pose(self, way: float = 0.25) -> CharacterPose:
        """Everything goes as far, bones turn about z."""
        count = len(BONES)
        turns = np.tile(rot.exp(np.array([0.0, 0.0, way])), (1, count, 1))
        bones = BonePose(np.full((1, count, 3), way), turns)
        return CharacterPose(bones, np.full((1, 3), way), np.full((1, 1), way))

    def walk(self) -> bpy.types.Action:
        """An action that moves the jaw along x, turns the brow and smiles, from 0 at frame 1 to 1 at frame 11."""
        bone = self.bone("brow")
        bone.rotation_mode = "XYZ"
        for frame, value in ((1, 0.0), (11, 1.0)):
            self.bone("jaw").location[0] = value
            self.rig.keyframe_insert('pose.bones["jaw"].location', index=0, frame=frame)
            bone.rotation_euler[0] = value
            self.rig.keyframe_insert('pose.bones["brow"].rotation_euler', index=0, frame=frame)
            self.keys.key_blocks["smile"].value = value
            self.keys.key_blocks["smile"].keyframe_insert("value", frame=frame)
        self.rig.animation_data.action.name = "Walk"
        self.keys.animation_data.action.name = "Smiling"
        for datablock in (self.rig, self.keys):
            for curve in compat.fcurves_of(datablock, datablock.animation_data.action):
                for point in curve.keyframe_points:
                    point.interpolation = "LINEAR"
        bpy.context.scene.frame_set(1)
        return self.rig.animation_data.action


@pytest.fixture
def character() -> Character:
    bpy.ops.wm.read_homefile(use_empty=True)
    return Character()


def drive(datablock: bpy.types.ID, path: str, index: int = -1) -> None:
    curve = datablock.driver_add(path, index) if index >= 0 else datablock.driver_add(path)
    curve.driver.expression = "0.125"


def test_nothing_is_occupied_where_nobody_is(character):
    copy = character.bone("jaw").constraints.new("COPY_ROTATION")
    copy.target = character.head
    occupied = find_occupied(character.binding)
    assert occupied.channels == () and occupied.summary("LEAVE") == ""


def test_drivers_are_left_alone_whatever_is_chosen(character):
    drive(character.rig, 'pose.bones["jaw"].location', 1)
    drive(character.rig, 'pose.bones["eye"].rotation_quaternion', 0)
    drive(character.keys, 'key_blocks["open"].value')
    drive(character.rig, '["grin"]')
    bpy.context.view_layer.update()
    kept = KeptPose.of(character.binding)
    for existing in ("LEAVE", "REPLACE", "ADD"):
        writer = PoseWriter(character.binding, existing, kept)
        assert writer.occupied.summary(existing) == "4 channels of 'Rain' are left alone: 4 driven by drivers."
        writer.write(character.pose())
        bpy.context.view_layer.update()
        assert tuple(character.bone("jaw").location) == pytest.approx((0.25, 0.125, 0.25))
        assert character.bone("eye").rotation_quaternion[3] == 0.0, "a part of a quaternion is no rotation"
        assert character.keys.key_blocks["open"].value == pytest.approx(0.125)
        assert character.rig["grin"] == pytest.approx(0.125)
        assert character.smile == pytest.approx(0.25)
    labels = {c.label: c.reason for c in writer.occupied.channels}
    assert labels["jaw: Location Y"] == labels["eye: Rotation"] == labels["Head: open"] == "driven by a driver"


def test_the_users_animation_is_left_alone_and_named(character):
    character.walk()
    bpy.context.scene.frame_set(6)
    character.bone("lip").lock_location[2] = True
    writer = PoseWriter(character.binding)
    assert writer.occupied.summary("LEAVE") == (
        "4 channels of 'Rain' are left alone: 1 locked, 1 animated by 'Smiling', 2 animated by 'Walk'."
    )
    writer.write(character.pose())
    assert tuple(character.bone("jaw").location) == pytest.approx((0.5, 0.25, 0.25))
    assert tuple(character.bone("brow").rotation_euler) == pytest.approx((0.5, 0.0, 0.25), abs=1e-3)
    assert character.smile == pytest.approx(0.5)
    assert writer.occupied.summary("REPLACE") == "1 channel of 'Rain' is left alone: 1 locked."
    writer.existing = "REPLACE"
    writer.write(character.pose())
    assert tuple(character.bone("jaw").location) == pytest.approx((0.25, 0.25, 0.25))
    assert character.smile == pytest.approx(0.25)


def test_strips_count_muted_ones_do_not(character):
    character.walk()
    name = compat.push_down(character.rig, 1.0, 11.0)
    assert name == "Walk" and character.rig.animation_data.action is None
    reasons = [c.reason for c in find_occupied(character.binding).channels]
    assert reasons.count("animated by 'Walk'") == 2
    character.rig.animation_data.nla_tracks[0].mute = True
    reasons = [c.reason for c in find_occupied(character.binding).channels]
    assert reasons == ["animated by 'Smiling'"]


def test_what_mimica_baked_is_free(character):
    character.walk()[TAKE_PROPERTY] = "Rain|take"
    reasons = [c.reason for c in find_occupied(character.binding).channels]
    assert reasons == ["animated by 'Smiling'"]


def test_a_driver_that_comes_midway_is_seen(character, monkeypatch):
    monkeypatch.setattr("mimica.rig.apply._LOOK_SECONDS", 0.0)
    writer = PoseWriter(character.binding)
    writer.write(character.pose())
    assert character.smile == pytest.approx(0.25)
    drive(character.keys, 'key_blocks["smile"].value')
    writer.write(character.pose(0.5))
    bpy.context.view_layer.update()
    assert character.smile == pytest.approx(0.125)


@pytest.mark.parametrize("in_strip", [False, True])
def test_add_on_top_adds_to_the_animation_at_each_frame(character, in_strip):
    character.bone("lip").location = (0.0, 0.5, 0.0)
    character.walk()
    if in_strip:
        compat.push_down(character.rig, 1.0, 11.0)
    writer = PoseWriter(character.binding, "ADD")
    for frame, there in ((1, 0.0), (6, 0.5), (11, 1.0), (3, 0.2)):
        bpy.context.scene.frame_set(frame)
        writer.frame_changed()
        writer.write(character.pose())
        assert character.bone("jaw").location[0] == pytest.approx(there + 0.25, abs=1e-5)
        assert character.bone("lip").location[1] == pytest.approx(0.75)
        assert character.smile == pytest.approx(min(there + 0.25, 1.0), abs=1e-5)
        wanted = rot.multiply(rot.exp(np.array([there, 0.0, 0.0])), rot.exp(np.array([0.0, 0.0, 0.25])))
        turned = character.bone("brow").matrix_basis.to_quaternion()
        assert abs(np.dot(turned, wanted)) == pytest.approx(1.0, abs=1e-5)


def test_a_pose_is_given_back_in_all_channels(character):
    jaw = character.bone("jaw")
    jaw.location, jaw.scale = (0.1, 0.2, 0.3), (1.5, 1.0, 1.0)
    character.bone("eye").rotation_mode = "AXIS_ANGLE"
    character.bone("eye").rotation_axis_angle = (0.5, 1.0, 0.0, 0.0)
    character.keys.key_blocks["open"].value = 0.75
    character.rig["grin"] = 0.5
    kept = KeptPose.of(character.binding)
    PoseWriter(character.binding).write(character.pose())
    assert character.smile == pytest.approx(0.25) and character.rig["grin"] == pytest.approx(0.25)
    jaw.scale = (2.0, 1.0, 1.0)
    kept.restore()
    assert tuple(jaw.location) == pytest.approx((0.1, 0.2, 0.3))
    assert tuple(jaw.rotation_quaternion) == IDENTITY
    assert jaw.scale[0] == 2.0, "what nobody drives is the user's meanwhile"
    assert tuple(character.bone("eye").rotation_axis_angle) == pytest.approx((0.5, 1.0, 0.0, 0.0))
    assert character.keys.key_blocks["open"].value == pytest.approx(0.75)
    assert character.smile == 0.0 and character.rig["grin"] == pytest.approx(0.5)


def test_a_pose_is_given_back_to_what_was_renamed_and_not_to_what_is_gone(character):
    kept = KeptPose.of(character.binding)
    PoseWriter(character.binding).write(character.pose())
    character.rig.name, character.head.name = "Snow", "Face"
    character.bone("jaw").name = "chin"
    character.keys.key_blocks["smile"].name = "grin"
    character.head.shape_key_remove(character.keys.key_blocks["blink"])
    del character.rig["grin"]
    bpy.data.objects.new("Rain", None)
    kept.restore()
    assert tuple(character.bone("chin").location) == (0.0, 0.0, 0.0)
    assert tuple(character.bone("brow").location) == (0.0, 0.0, 0.0)
    assert character.keys.key_blocks["open"].value == 0.0
    assert "grin" not in character.rig


def test_what_is_animated_goes_back_to_its_animation(character):
    character.walk()
    kept = KeptPose.of(character.binding)
    bpy.context.scene.frame_set(6)
    PoseWriter(character.binding, "REPLACE").write(character.pose())
    kept.restore()
    bpy.context.view_layer.update()
    assert character.bone("jaw").location[0] == pytest.approx(0.5)
    assert character.smile == pytest.approx(0.5)


def test_undo_in_between_does_no_harm(character):
    bpy.ops.ed.undo_push(message="before")
    kept = KeptPose.of(character.binding)
    writer, pose, binding = PoseWriter(character.binding), character.pose(), character.binding
    writer.write(pose)
    bpy.ops.ed.undo_push(message="posed")
    bpy.data.objects.new("Thing", None)
    bpy.ops.ed.undo_push(message="made")
    bpy.ops.ed.undo()
    assert writer.write(pose)
    rig, keys = bpy.data.objects["Rain"], bpy.data.objects["Head"].data.shape_keys
    assert keys.key_blocks["smile"].value == pytest.approx(0.25)
    kept.restore()
    assert keys.key_blocks["smile"].value == 0.0
    assert tuple(rig.pose.bones["jaw"].location) == (0.0, 0.0, 0.0)
    assert KeptPose.of(binding).uids == kept.uids
