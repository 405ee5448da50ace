# SPDX-FileCopyrightText: 2026 Mimica authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A known performance, baked in Blender and read back from what Blender evaluates."""

import dataclasses

import bpy
import numpy as np
import pytest
from mathutils import Matrix

from mimica.mapping import rotation as rot
from mimica.mapping.calibration import default_profile
from mimica.mapping.channels import ChannelPlan
from mimica.mapping.character_map import Channel, CharacterMap, ControlEntry
from mimica.mapping.data import load_table
from mimica.mapping.frame import ARKIT_SHAPES
from mimica.mapping.landmarks import average_face
from mimica.mapping.mapper import MappingSettings
from mimica.mapping.smoothing import finish
from mimica.rig import compat
from mimica.rig.bake import BakeError, BakeSettings, bake_take
from mimica.rig.bind import Binding, TargetError, bind
from mimica.rig.face_rig import create_face_rig
from mimica.tests.synthetic import act, photograph

RAW = BakeSettings(mapping=MappingSettings(smoothness=0.0))


@pytest.fixture
def rig() -> bpy.types.Object:
    bpy.ops.wm.read_homefile(use_empty=True)
    bpy.context.scene.render.fps = 30
    return bpy.data.objects[create_face_rig(bpy.context).armature]


def ramp(count: int) -> np.ndarray:
    return np.linspace(0.0, 1.0, count)


def evaluated_heads(armature: bpy.types.Object, frame: float) -> dict[str, np.ndarray]:
    """Bone heads in armature space, centimetres, as Blender evaluates them."""
    bpy.context.scene.frame_set(int(frame))
    posed = armature.evaluated_get(bpy.context.evaluated_depsgraph_get())
    return {b.name: np.array(b.head) / armature["mimica_unit"] for b in posed.pose.bones}


def all_keys(armature: bpy.types.Object) -> dict[tuple[str, int], np.ndarray]:
    action = armature.animation_data.action
    keys = {}
    for curve in compat.fcurves_of(armature, action):
        values = np.empty(len(curve.keyframe_points) * 2, np.float32)
        curve.keyframe_points.foreach_get("co", values)
        keys[curve.data_path, curve.array_index] = values.reshape(-1, 2)
    return keys


def test_bones_land_where_the_performers_landmarks_went(rig):
    faces = act(jaw=np.array([0.0, 0.5, 1.0]), brows=np.array([0.0, 0.5, 1.0]))
    bake_take(bpy.context.scene, rig, photograph(faces), name="Jaw", profile=default_profile(), settings=RAW)
    rest = evaluated_heads(rig, 1)
    posed = evaluated_heads(rig, 3)
    moved = (faces[2] - average_face()) @ np.array([[1.0, 0, 0], [0, 0, -1], [0, 1, 0]]).T
    checked = 0
    for bone in load_table("face_rig")["bones"]:
        if bone["drive"] == "landmarks" and not bone.get("pair"):
            wanted = sum(weight * moved[int(i)] for i, weight in bone["landmarks"].items())
            assert np.abs(posed[bone["name"]] - rest[bone["name"]] - wanted).max() < 0.15, bone["name"]
            checked += 1
    assert checked > 30
    assert (rest["lip_lower"] - posed["lip_lower"])[2] > 1.0, "the lower lip went down by a centimetre"


def test_a_head_turn_turns_the_head_and_nothing_else(rig):
    turns = rot.matrix_from_quaternion(rot.exp(ramp(10)[:, None] * [0.0, 0.4, 0.0]))
    faces = np.repeat(average_face()[None], 10, axis=0)
    frames = photograph(faces, rotation=turns)
    bake_take(bpy.context.scene, rig, frames, name="Turn", profile=default_profile(), settings=RAW)
    bpy.context.scene.frame_set(10)
    posed = rig.evaluated_get(bpy.context.evaluated_depsgraph_get()).pose.bones["head"]
    turn = (posed.matrix @ rig.data.bones["head"].matrix_local.inverted()).to_quaternion()
    assert turn.angle == pytest.approx(0.4, abs=0.03)
    assert turn.axis.z == pytest.approx(1.0, abs=0.03), "to the performer's left is about +Z"


def test_the_tongue_comes_out_between_the_lips(rig, monkeypatch):
    frames = photograph(act(jaw=np.full(3, 0.4)))
    known = finish

    def with_tongue(*arguments):
        motion = known(*arguments)
        motion.controls[:, ARKIT_SHAPES.index("tongueOut")] = ramp(3)
        return motion

    monkeypatch.setattr("mimica.mapping.performance.finish", with_tongue)
    bake_take(bpy.context.scene, rig, frames, name="Tongue", profile=default_profile(), settings=RAW)
    inside, outside = evaluated_heads(rig, 1), evaluated_heads(rig, 3)
    # Blender's -Y is ahead, Z up. The tip's bone begins two thirds along the tongue.
    assert inside["tongue_tip"][1] - inside["lip_lower"][1] > 1.0, "behind the lip while it is in"
    assert outside["tongue_tip"][1] < outside["lip_lower"][1], "ahead of it when it is out"
    assert outside["lip_lower"][2] < outside["tongue_mid"][2] < outside["lip_upper"][2], "through the open mouth"


@pytest.mark.parametrize("fps", [24, 25, 30, 60])
def test_the_length_is_the_performances_at_any_scene_rate(rig, fps):
    bpy.context.scene.render.fps = fps
    frames = photograph(act(jaw=ramp(91)), rate=45.0)
    result = bake_take(bpy.context.scene, rig, frames, name="Length", profile=default_profile())
    assert (result.last_frame - result.first_frame) / fps == pytest.approx(2.0, abs=1 / fps)
    lengths = {len(keys) for keys in all_keys(rig).values()}
    assert lengths == {int(result.last_frame - result.first_frame) + 1}


def test_baking_twice_gives_the_same_keys_in_the_same_action(rig):
    frames = photograph(act(jaw=ramp(40), blink_left=ramp(40)))
    first = bake_take(bpy.context.scene, rig, frames, name="Twice")
    keys = all_keys(rig)
    second = bake_take(bpy.context.scene, rig, frames, name="Twice")
    assert second.action == first.action
    assert len(bpy.data.actions) == 1
    again = all_keys(rig)
    assert keys.keys() == again.keys()
    assert all(np.array_equal(keys[k], again[k]) for k in keys)


def test_a_part_of_a_take_begins_at_the_chosen_frame(rig):
    frames = photograph(act(jaw=ramp(121)))
    settings = dataclasses.replace(RAW, start_frame=100, start=1.0, end=2.0)
    result = bake_take(bpy.context.scene, rig, frames, name="Part", profile=default_profile(), settings=settings)
    assert (result.first_frame, result.last_frame) == (100, 130)
    whole = bake_take(bpy.context.scene, rig, frames, name="Whole", profile=default_profile(), settings=RAW)
    assert whole.last_frame == 121


def test_lids_meet_on_the_baked_character(rig):
    frames = photograph(act(blink_left=np.array([0.0, 0.5, 1.0, 1.0])))
    bake_take(bpy.context.scene, rig, frames, name="Blink", profile=default_profile(), settings=RAW)
    open_eye, closed = evaluated_heads(rig, 1), evaluated_heads(rig, 4)
    gap = [np.linalg.norm(h["lid_upper.L"] - h["lid_lower.L"]) for h in (open_eye, closed)]
    assert gap[1] < 0.15 * gap[0]
    other = [np.linalg.norm(h["lid_upper.R"] - h["lid_lower.R"]) for h in (open_eye, closed)]
    assert other[1] == pytest.approx(other[0], rel=0.05)


def test_shape_keys_are_keyed_too():
    bpy.ops.wm.read_homefile(use_empty=True)
    mesh = bpy.data.objects.new("Head", bpy.data.meshes.new("Head"))
    mesh.data.from_pydata([(0, 0, 0), (1, 0, 0), (0, 1, 0)], [], [(0, 1, 2)])
    bpy.context.scene.collection.objects.link(mesh)
    for name in ("Basis", "jawOpen", "eyeBlinkLeft", "unrelated"):
        mesh.shape_key_add(name=name).value = 0.0
    frames = photograph(act(jaw=ramp(60), blink_left=ramp(60)[::-1]))
    result = bake_take(bpy.context.scene, mesh, frames, name="Shapes", profile=default_profile())
    assert result.curves == 2
    bpy.context.scene.frame_set(int(result.last_frame))
    blocks = mesh.data.shape_keys.key_blocks
    assert blocks["jawOpen"].value > 0.5
    assert blocks["eyeBlinkLeft"].value < 0.05
    assert blocks["unrelated"].value == 0.0


def test_one_undo_takes_a_bake_back(rig):
    bpy.ops.ed.undo_push(message="before")
    name = rig.name
    bake_take(bpy.context.scene, rig, photograph(act(jaw=ramp(20))), name="Undo")
    bpy.ops.ed.undo_push(message="bake")
    bpy.ops.ed.undo()
    assert len(bpy.data.actions) == 0
    assert bpy.data.objects[name].animation_data is None or bpy.data.objects[name].animation_data.action is None


def test_what_cannot_be_baked_is_said(rig):
    frames = photograph(act(jaw=ramp(20)))
    nothing = dataclasses.replace(frames, quality=np.zeros(20, np.float32))
    with pytest.raises(BakeError, match="holds no face"):
        bake_take(bpy.context.scene, rig, nothing, name="Empty")
    with pytest.raises(BakeError, match="outside the take"):
        bake_take(bpy.context.scene, rig, frames, name="Late", settings=BakeSettings(start=9.0))
    with pytest.raises(TargetError, match="No character"):
        bake_take(bpy.context.scene, None, frames, name="Nobody")
    cube = bpy.data.objects.new("Cube", bpy.data.meshes.new("Cube"))
    with pytest.raises(TargetError, match="'Cube' cannot be driven"):
        bind(cube)


def test_bones_are_keyed_in_their_own_rotation_mode(rig):
    rig.pose.bones["jaw"].rotation_mode = "ZXY"
    rig.pose.bones["head"].rotation_mode = "AXIS_ANGLE"
    turns = rot.matrix_from_quaternion(rot.exp(ramp(60)[:, None] * [0.0, 0.4, 0.0]))
    frames = photograph(act(jaw=ramp(60)), rotation=turns)
    bake_take(bpy.context.scene, rig, frames, name="Modes", profile=default_profile(), settings=RAW)
    keys = all_keys(rig)
    assert ('pose.bones["jaw"].rotation_euler', 0) in keys and ('pose.bones["head"].rotation_axis_angle', 3) in keys
    assert ('pose.bones["jaw"].rotation_quaternion', 0) not in keys
    assert {bone.rotation_mode for bone in rig.pose.bones if bone.name in ("jaw", "head")} == {"ZXY", "AXIS_ANGLE"}
    for channel in ('pose.bones["jaw"].rotation_euler', 'pose.bones["head"].rotation_axis_angle'):
        found = [values[:, 1] for (path, _), values in keys.items() if path == channel]
        assert np.abs(np.diff(found, axis=1)[:, 2:]).max() < 0.2, "no jumps"
    bpy.context.scene.frame_set(60)
    posed = rig.evaluated_get(bpy.context.evaluated_depsgraph_get()).pose.bones["head"]
    turn = (posed.matrix @ rig.data.bones["head"].matrix_local.inverted()).to_quaternion()
    assert turn.angle == pytest.approx(0.4, abs=0.03)


def animated(rig: bpy.types.Object) -> bpy.types.Action:
    """Let the user's own action, Walk, move a bone that nobody else does, and one of the brows by 1 along x."""
    for name in ("eye_targets", "brow_mid.L"):
        bone = rig.pose.bones[name]
        for frame, value in ((1, 0.0), (41, 1.0)):
            bone.location[0] = value
            bone.keyframe_insert("location", index=0, frame=frame)
        bone.location[0] = 0.0
    action = rig.animation_data.action
    action.name = "Walk"
    for curve in compat.fcurves_of(rig, action):
        for point in curve.keyframe_points:
            point.interpolation = "LINEAR"
    return action


def brow_at(rig: bpy.types.Object, frame: int) -> float:
    bpy.context.scene.frame_set(frame)
    return rig.pose.bones["brow_mid.L"].location[0]


@pytest.mark.parametrize("existing", ["LEAVE", "REPLACE", "ADD"])
def test_the_users_own_action_goes_on_playing(rig, existing):
    frames = photograph(act(brows=ramp(41)))
    settings = dataclasses.replace(RAW, existing=existing)
    bake_take(bpy.context.scene, rig, frames, name="Alone", profile=default_profile(), settings=RAW)
    alone = brow_at(rig, 31)
    rig.animation_data.action = None
    for bone in rig.pose.bones:
        bone.matrix_basis = Matrix()
    rig.pose.bones["jaw"].rotation_quaternion = stood = (0.96, 0.28, 0.0, 0.0)
    walk = animated(rig)
    result = bake_take(bpy.context.scene, rig, frames, name="Take", profile=default_profile(), settings=settings)
    assert walk.users > 0 and rig.animation_data.action == bpy.data.actions[result.action]
    assert "'Walk' goes on playing from an NLA track." in result.notes
    wanted = {"LEAVE": 0.75, "REPLACE": alone, "ADD": 0.75 + alone}[existing]
    assert brow_at(rig, 31) == pytest.approx(wanted, abs=1e-4)
    assert rig.pose.bones["eye_targets"].location[0] == pytest.approx(0.75, abs=1e-4)
    turned = abs(np.dot(rig.pose.bones["jaw"].rotation_quaternion, stood))
    assert (turned > 0.999) == (existing == "ADD"), "on top of the pose too"
    said = any("left alone: 1 animated by 'Walk'" in note for note in result.notes)
    assert said == (existing == "LEAVE")
    keys = all_keys(rig)
    bake_take(bpy.context.scene, rig, frames, name="Take", profile=default_profile(), settings=settings)
    assert len(rig.animation_data.nla_tracks) == 1
    again = all_keys(rig)
    assert keys.keys() == again.keys() and all(np.allclose(keys[k], again[k], atol=1e-6) for k in keys)


def test_drivers_get_no_keys_and_are_said(rig, monkeypatch):
    binding = bind(rig)
    monkeypatch.setattr("mimica.rig.bake.bind", lambda *_: binding)
    driver = rig.driver_add('pose.bones["brow_mid.L"].location', 2).driver
    driver.expression = "0.5"
    frames = photograph(act(brows=ramp(20)))
    result = bake_take(bpy.context.scene, rig, frames, name="Driven", profile=default_profile())
    assert result.notes == (f"1 channel of '{rig.name}' is left alone: 1 driven by a driver.",)
    keyed = [index for path, index in all_keys(rig) if path == 'pose.bones["brow_mid.L"].location']
    assert sorted(keyed) == [0, 1]


def test_nothing_is_touched_while_a_strip_is_edited(rig):
    walk = animated(rig)
    compat.push_down(rig, 1.0, 41.0)
    rig.animation_data.nla_tracks[0].strips[0].select = True
    rig.animation_data.nla_tracks.active = rig.animation_data.nla_tracks[0]
    rig.animation_data.use_tweak_mode = True
    before = rig.animation_data.action
    with pytest.raises(BakeError, match="Leave the tweak mode"):
        bake_take(bpy.context.scene, rig, photograph(act(jaw=ramp(20))), name="No", profile=default_profile())
    assert rig.animation_data.action == before and set(bpy.data.actions) == {walk}


def test_another_take_of_ours_gives_way_but_stays_in_the_file(rig):
    frames = photograph(act(jaw=ramp(20)))
    first = bake_take(bpy.context.scene, rig, frames, name="One")
    second = bake_take(bpy.context.scene, rig, frames, name="Two")
    assert rig.animation_data.action.name == second.action and not rig.animation_data.nla_tracks
    assert bpy.data.actions[first.action].use_fake_user


def test_shape_keys_of_several_meshes_and_properties():
    bpy.ops.wm.read_homefile(use_empty=True)
    meshes = []
    for name in ("Head", "Teeth"):
        mesh = bpy.data.objects.new(name, bpy.data.meshes.new(name))
        mesh.data.from_pydata([(0, 0, 0), (1, 0, 0), (0, 1, 0)], [], [(0, 1, 2)])
        bpy.context.scene.collection.objects.link(mesh)
        for key in ("Basis", "jawOpen"):
            mesh.shape_key_add(name=key).value = 0.0
        meshes.append(mesh)
    head, teeth = meshes
    teeth.data.shape_keys.key_blocks["jawOpen"].slider_max = 0.25
    head["steps"] = 0
    entries = (
        ControlEntry((Channel("shape_key", "jawOpen"), Channel("property", '["steps"]', amount=10.0)), "jawOpen"),
    )
    plan = ChannelPlan(CharacterMap("test", controls=entries), None)
    frames = photograph(act(jaw=ramp(60)))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("mimica.rig.bake.bind", lambda *_: Binding("Head", "", ("Head", "Teeth"), plan))
        result = bake_take(bpy.context.scene, head, frames, name="All", profile=default_profile())
    assert result.curves == 3
    bpy.context.scene.frame_set(int(result.last_frame))
    opened = head.data.shape_keys.key_blocks["jawOpen"].value
    assert opened > 0.5 and teeth.data.shape_keys.key_blocks["jawOpen"].value == pytest.approx(0.25)
    assert head["steps"] == round(opened * 10.0)
