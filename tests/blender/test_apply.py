# SPDX-FileCopyrightText: 2026 Mimica authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""One instant written to characters of all kinds: rotation modes, several meshes, properties; locks are kept to."""

import time

import bpy
import numpy as np
import pytest
from mathutils import Euler, Quaternion, Vector

from mimica.mapping import rotation as rot
from mimica.mapping.channels import BonePose, ChannelPlan, CharacterPose, RestPose
from mimica.mapping.character_map import Channel, CharacterMap, ControlEntry, shape_entry
from mimica.mapping.frame import ARKIT_SHAPES
from mimica.mapping.landmarks import average_face
from mimica.mapping.rotation_modes import EULER_ORDERS
from mimica.rig.apply import PoseWriter
from mimica.rig.bind import Binding

MODES = (*EULER_ORDERS, "QUATERNION", "AXIS_ANGLE")


@pytest.fixture(autouse=True)
def scene() -> bpy.types.Scene:
    bpy.ops.wm.read_homefile(use_empty=True)
    return bpy.context.scene


def make_armature(names: list[str]) -> bpy.types.Object:
    armature = bpy.data.objects.new("Rig", bpy.data.armatures.new("Rig"))
    bpy.context.scene.collection.objects.link(armature)
    bpy.context.view_layer.objects.active = armature
    bpy.ops.object.mode_set(mode="EDIT")
    for i, name in enumerate(names):
        bone = armature.data.edit_bones.new(name)
        bone.head, bone.tail = (i, 0.0, 0.0), (i, 0.0, 0.5)
    bpy.ops.object.mode_set(mode="OBJECT")
    return armature


def make_mesh(name: str, keys: list[str]) -> bpy.types.Object:
    mesh = bpy.data.objects.new(name, bpy.data.meshes.new(name))
    mesh.data.from_pydata([(0, 0, 0), (1, 0, 0), (0, 1, 0)], [], [(0, 1, 2)])
    bpy.context.scene.collection.objects.link(mesh)
    for key in ("Basis", *keys):
        mesh.shape_key_add(name=key).value = 0.0
    return mesh


def bound(
    *channels: Channel, armature: bpy.types.Object | None = None, meshes: tuple[bpy.types.Object, ...] = ()
) -> Binding:
    """A character of which each channel follows a control of its own."""
    entries = [ControlEntry((channel,), ARKIT_SHAPES[i % 52]) for i, channel in enumerate(channels)]
    rest = None
    if armature is not None:
        bones = armature.data.bones
        count = len(bones)
        rest = RestPose(
            tuple(bone.name for bone in bones),
            ("",) * count,
            np.zeros((count, 3)),
            np.tile(np.eye(3), (count, 1, 1)),
            0.01,
            average_face(),
        )
    plan = ChannelPlan(CharacterMap("test", controls=tuple(entries)), rest)
    name = armature.name if armature else meshes[0].name
    return Binding(name, armature.name if armature else "", tuple(mesh.name for mesh in meshes), plan)


def pose_of(
    binding: Binding,
    *,
    location: np.ndarray | None = None,
    rotation: np.ndarray | None = None,
    scale: np.ndarray | None = None,
    shapes: np.ndarray | None = None,
    properties: np.ndarray | None = None,
) -> CharacterPose:
    """One instant; what is not said is at rest."""
    plan = binding.plan
    count = len(plan.bones)
    location = np.zeros((count, 3)) if location is None else location
    rotation = np.tile([1.0, 0, 0, 0], (count, 1)) if rotation is None else rotation
    shapes = np.zeros(len(plan.shapes)) if shapes is None else shapes
    properties = np.zeros(len(plan.properties)) if properties is None else properties
    bones = BonePose(location[None], rotation[None], None if scale is None else scale[None])
    return CharacterPose(bones, np.asarray(shapes, float)[None], np.asarray(properties, float)[None])


def quaternion_of(bone: bpy.types.PoseBone) -> Quaternion:
    """A bone's rotation as Blender reads its own channels."""
    if bone.rotation_mode == "QUATERNION":
        return bone.rotation_quaternion
    if bone.rotation_mode == "AXIS_ANGLE":
        angle, *axis = bone.rotation_axis_angle
        return Quaternion(Vector(axis), angle)
    return Euler(bone.rotation_euler, bone.rotation_mode).to_quaternion()


def turning(names: list[str]) -> tuple[Channel, ...]:
    return tuple(Channel("rotation", name, axis) for name in names for axis in range(3))


def test_each_bone_turns_in_its_own_rotation_mode():
    armature = make_armature(list(MODES))
    for bone in armature.pose.bones:
        bone.rotation_mode = bone.name
    binding = bound(*turning(list(MODES)), armature=armature)
    writer = PoseWriter(binding)
    random = np.random.default_rng(3)
    for _ in range(5):
        turns = rot.exp(random.normal(0.0, 0.8, (len(MODES), 3)))
        assert writer.write(pose_of(binding, rotation=turns))
        for name, wanted in zip(binding.plan.bones, turns, strict=True):
            bone = armature.pose.bones[name]
            assert bone.rotation_mode == name
            assert abs(quaternion_of(bone).dot(Quaternion(wanted))) == pytest.approx(1.0, abs=1e-5), name


def test_angles_go_on_where_they_were():
    names = [*EULER_ORDERS, "AXIS_ANGLE"]
    armature = make_armature(names)
    for bone in armature.pose.bones:
        bone.rotation_mode = bone.name
    binding = bound(*turning(names), armature=armature)
    writer = PoseWriter(binding)
    way = np.random.default_rng(5).normal(0.0, 1.0, (len(names), 3))
    before = None
    for step in np.linspace(0.0, 8.0, 400):
        writer.write(pose_of(binding, rotation=rot.exp(way * step)))
        now = np.array([[*b.rotation_euler, b.rotation_axis_angle[0]] for b in armature.pose.bones])
        if before is not None:
            assert np.abs(now - before).max() < 1.5
        before = now


def test_locked_channels_are_the_users():
    armature = make_armature(["a", "b", "c"])
    a, b, c = armature.pose.bones
    a.lock_location[1] = True
    a.location = b.location = (0.5, 0.5, 0.5)
    a.lock_rotation = (True, True, True)
    b.rotation_mode, b.lock_rotation = "XYZ", (False, True, False)
    b.rotation_euler = (0.0, 0.25, 0.0)
    c.lock_rotation, c.lock_rotations_4d = (False, True, False), False
    c.rotation_quaternion = Euler((0.0, 0.25, 0.0)).to_quaternion()
    names = ["a", "b", "c"]
    moves = [Channel("location", "a", axis) for axis in range(3)] + [Channel("location", "b", 2)]
    binding = bound(*turning(names), *moves, armature=armature)
    turns = np.tile(Euler((0.3, -0.4, 0.2)).to_quaternion(), (3, 1))
    PoseWriter(binding).write(pose_of(binding, rotation=turns, location=np.ones((3, 3))))
    assert tuple(a.location) == (1.0, 0.5, 1.0)
    assert tuple(b.location) == (0.5, 0.5, 1.0), "axes that nobody drives stay"
    assert tuple(a.rotation_quaternion) == (1.0, 0.0, 0.0, 0.0)
    assert tuple(b.rotation_euler) == pytest.approx((0.3, 0.25, 0.2), abs=1e-6)
    assert tuple(c.rotation_quaternion.to_euler()) == pytest.approx((0.3, 0.25, 0.2), abs=1e-5)


def test_what_the_user_changes_midway_is_kept_to(monkeypatch):
    monkeypatch.setattr("mimica.rig.apply._LOOK_SECONDS", 0.0)
    armature = make_armature(["a"])
    bone = armature.pose.bones["a"]
    binding = bound(*turning(["a"]), armature=armature)
    writer = PoseWriter(binding)
    turn = rot.exp(np.array([[0.0, 0.0, 0.5]]))
    writer.write(pose_of(binding, rotation=turn))
    bone.rotation_mode = "ZXY"
    writer.write(pose_of(binding, rotation=turn))
    assert bone.rotation_mode == "ZXY" and tuple(bone.rotation_euler) == pytest.approx((0.0, 0.0, 0.5), abs=1e-6)


def test_scale_is_written_where_it_is_driven():
    armature = make_armature(["a", "b"])
    armature.pose.bones["b"].scale = (2.0, 2.0, 2.0)
    binding = bound(Channel("scale", "a", 1), Channel("location", "b"), armature=armature)
    PoseWriter(binding).write(pose_of(binding, scale=np.array([[9.0, 1.5, 9.0], [9.0, 9.0, 9.0]])))
    assert tuple(armature.pose.bones["a"].scale) == (1.0, 1.5, 1.0)
    assert tuple(armature.pose.bones["b"].scale) == (2.0, 2.0, 2.0)


def test_shape_keys_of_several_meshes_stay_within_their_sliders():
    head, teeth = make_mesh("Head", ["smile", "open"]), make_mesh("Teeth", ["open", "other"])
    head.data.shape_keys.key_blocks["smile"].slider_min = -0.5
    teeth.data.shape_keys.key_blocks["open"].slider_max = 0.5
    teeth.data.shape_keys.key_blocks["other"].value = 0.3
    binding = bound(Channel("shape_key", "smile"), Channel("shape_key", "open"), meshes=(head, teeth))
    PoseWriter(binding).write(pose_of(binding, shapes=np.array([-2.0, 0.8])))
    here, there = head.data.shape_keys.key_blocks, teeth.data.shape_keys.key_blocks
    assert (here["smile"].value, here["open"].value) == pytest.approx((-0.5, 0.8))
    assert (there["open"].value, there["other"].value) == pytest.approx((0.5, 0.3))


def test_what_is_said_twice_of_one_key_adds_up():
    head = make_mesh("Head", ["smile"])
    twin = bpy.data.objects.new("Twin", head.data)
    bpy.context.scene.collection.objects.link(twin)
    channels = (Channel("shape_key", "smile"), Channel("shape_key", "smile", object="Twin"))
    binding = bound(*channels, meshes=(head, twin))
    PoseWriter(binding).write(pose_of(binding, shapes=np.array([0.25, 0.5])))
    assert head.data.shape_keys.key_blocks["smile"].value == pytest.approx(0.75)


def test_a_mesh_that_goes_and_keys_that_come_do_no_harm():
    head, teeth = make_mesh("Head", ["smile"]), make_mesh("Teeth", ["smile"])
    binding = bound(Channel("shape_key", "smile"), meshes=(head, teeth))
    writer = PoseWriter(binding)
    assert writer.write(pose_of(binding, shapes=np.array([0.5])))
    bpy.data.objects.remove(teeth)
    first = head.shape_key_add(name="first")
    first.value = 0.1
    assert writer.write(pose_of(binding, shapes=np.array([0.6])))
    assert writer.write(pose_of(binding, shapes=np.array([0.7])))
    blocks = head.data.shape_keys.key_blocks
    assert (blocks["smile"].value, blocks["first"].value) == pytest.approx((0.7, 0.1))
    bpy.data.objects.remove(head)
    assert not writer.write(pose_of(binding, shapes=np.array([0.8])))


def test_properties_by_path_and_kind():
    armature = make_armature(["jaw"])
    armature["smile"], armature["steps"], armature["on"] = 0.0, 0, False
    armature.id_properties_ui("smile").update(min=0.0, max=2.0)
    armature.pose.bones["jaw"]["lock"] = 0.0
    armature.data["blink"] = 0.0
    camera = bpy.data.objects.new("Camera", bpy.data.cameras.new("Camera"))
    names = (
        Channel("property", '["smile"]'),
        Channel("property", '["steps"]'),
        Channel("property", '["on"]'),
        Channel("property", 'pose.bones["jaw"]["lock"]'),
        Channel("property", 'data["blink"]'),
        Channel("property", "data.dof.focus_distance", object="Camera"),
        Channel("property", '["missing"]'),
        Channel("property", '["smile"]', object="Rig"),
    )
    binding = bound(*names, armature=armature)
    values = np.array([1.5, 2.6, 0.7, 0.4, 0.3, 5.0, 1.0, 3.0])
    writer = PoseWriter(binding)
    assert writer.write(pose_of(binding, properties=values))
    assert armature["smile"] == pytest.approx(2.0), "the sum, within its ends"
    assert armature["steps"] == 3 and isinstance(armature["steps"], int)
    assert armature["on"] is True
    assert armature.pose.bones["jaw"]["lock"] == pytest.approx(0.4)
    assert armature.data["blink"] == pytest.approx(0.3)
    assert camera.data.dof.focus_distance == pytest.approx(5.0)
    del armature["steps"]
    assert writer.write(pose_of(binding, properties=values)), "what was deleted is left out"
    assert "steps" not in armature


def test_what_follows_a_property_by_a_driver_moves_along():
    head = make_mesh("Head", ["smile"])
    head["smile"] = 0.0
    curve = head.data.shape_keys.driver_add('key_blocks["smile"].value')
    variable = curve.driver.variables.new()
    variable.targets[0].id, variable.targets[0].data_path = head, '["smile"]'
    curve.driver.expression = variable.name
    binding = bound(Channel("property", '["smile"]'), meshes=(head,))
    bpy.context.view_layer.update()
    PoseWriter(binding).write(pose_of(binding, properties=np.array([0.6])))
    bpy.context.view_layer.update()
    assert head.data.shape_keys.key_blocks["smile"].value == pytest.approx(0.6)


def test_auto_keying_keys_nothing(scene):
    scene.tool_settings.use_keyframe_insert_auto = True
    armature, head = make_armature(["a"]), make_mesh("Head", ["smile"])
    armature["x"] = 0.0
    channels = (Channel("location", "a"), Channel("shape_key", "smile"), Channel("property", '["x"]'))
    binding = bound(*channels, *turning(["a"]), armature=armature, meshes=(head,))
    PoseWriter(binding).write(pose_of(binding, shapes=np.array([0.6]), properties=np.array([0.2])))
    bpy.context.view_layer.update()
    assert len(bpy.data.actions) == 0


def test_bones_that_come_and_go_in_edit_mode():
    armature = make_armature(["a", "b"])
    binding = bound(Channel("location", "b"), armature=armature)
    writer = PoseWriter(binding)
    pose = pose_of(binding, location=np.array([[1.0, 0.0, 0.0]]))
    writer.write(pose)
    bpy.ops.object.mode_set(mode="EDIT")
    assert writer.write(pose)
    armature.data.edit_bones.remove(armature.data.edit_bones["a"])
    armature.data.edit_bones.new("c").tail = (0, 0, 1)
    bpy.ops.object.mode_set(mode="OBJECT")
    armature.pose.bones["b"].location = (0.0, 0.0, 0.0)
    writer.write(pose)
    assert tuple(armature.pose.bones["b"].location) == (1.0, 0.0, 0.0)
    assert tuple(armature.pose.bones["c"].location) == (0.0, 0.0, 0.0)


def test_a_tick_of_many_channels_is_quick():
    meshes = tuple(make_mesh(f"Mesh {i}", list(ARKIT_SHAPES)) for i in range(4))
    names = [f"bone {i}" for i in range(918)]
    armature = make_armature(names)
    driven = names[::10][:90]
    for name in driven[::3]:
        armature.pose.bones[name].rotation_mode = "XYZ"
    moves = [Channel("location", name, axis) for name in driven for axis in range(3)]
    keys = [shape_entry(name, name).channels[0] for name in ARKIT_SHAPES]
    binding = bound(*moves, *turning(driven), *keys, armature=armature, meshes=meshes)
    writer = PoseWriter(binding)
    pose = pose_of(binding, location=np.full((90, 3), 0.1), shapes=np.full(52, 0.5))
    times = []
    for _ in range(60):
        began = time.perf_counter()
        writer.write(pose)
        times.append(time.perf_counter() - began)
    # A fifth of this on its own: what is guarded against is a loop over bones or keys.
    assert np.median(times) < 2.5e-3
