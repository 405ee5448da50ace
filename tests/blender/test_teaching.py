# SPDX-FileCopyrightText: 2026 Mimica authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A rig whose names tell nothing is taught by its poses, and then plays a performance."""

import math
from collections.abc import Iterator
from dataclasses import fields

import bpy
import numpy as np
import pytest
from mathutils import Euler, Matrix, Quaternion, Vector

import mimica
from mimica.mapping import rotation as rot
from mimica.mapping.arkit_poses import arkit_pose
from mimica.mapping.calibration import default_profile
from mimica.mapping.channels import BonePose
from mimica.mapping.character_map import BoneEntry, CharacterMap, ControlEntry, shape_entry
from mimica.mapping.frame import ARKIT_SHAPES
from mimica.mapping.landmarks import average_face
from mimica.mapping.mapper import MappingSettings
from mimica.mapping.motion import Motion
from mimica.mapping.smoothing import finish
from mimica.mapping.solve import solve
from mimica.mapping.teaching import Address, Expression, at_rest, entries_of, find_expression, posed
from mimica.rig import teaching_steps
from mimica.rig.apply import PoseWriter
from mimica.rig.bake import BakeSettings, bake_take
from mimica.rig.bind import RIG_PROPERTY, Binding, bind
from mimica.rig.character import store_map, stored_map
from mimica.rig.face_rig import create_face_rig
from mimica.rig.map_mirror import symmetry_of
from mimica.rig.rest_pose import read_rest_pose
from mimica.rig.teaching import read_pose, write_pose
from mimica.tests.synthetic import act, photograph

# What the animator calls them; the rig does not. Head of the bone, and how it is turned by.
PLACES = {
    "head": ((0.0, 0.0, 0.0), "QUATERNION"),
    "jaw": ((0.0, 0.0, 0.3), "XZY"),
    "lid left": ((0.3, -0.8, 0.8), "AXIS_ANGLE"),
    "lid right": ((-0.3, -0.8, 0.8), "QUATERNION"),
    "corner left": ((0.25, -0.8, 0.2), "ZYX"),
    "corner right": ((-0.25, -0.8, 0.2), "AXIS_ANGLE"),
    "brow left": ((0.3, -0.8, 1.0), "QUATERNION"),
    "brow right": ((-0.3, -0.8, 1.0), "XYZ"),
    "eye left": ((0.3, -0.5, 0.8), "YXZ"),
    "eye right": ((-0.3, -0.5, 0.8), "QUATERNION"),
}
NAMES = {part: f"Bone.{17 + 3 * i:03d}" for i, part in enumerate(PLACES)}
KEYS = {"pucker": "Key 1", "funnel": "Key 2", "puff left": "Key 3", "puff right": "Key 4", "closed lips": "Key 5"}
MIRROR = Matrix.Diagonal((-1.0, 1.0, 1.0))


@pytest.fixture(scope="module", autouse=True)
def registered() -> Iterator[None]:
    mimica.register()
    yield
    mimica.unregister()


@pytest.fixture
def rig() -> bpy.types.Object:
    """A head with odd rest axes and mixed rotation modes, and a mesh with numbered keys, picked as the character."""
    bpy.ops.wm.read_homefile(use_empty=True)
    scene = bpy.context.scene
    rig = bpy.data.objects.new("Character", bpy.data.armatures.new("Character"))
    scene.collection.objects.link(rig)
    bpy.context.view_layer.objects.active = rig
    bpy.ops.object.mode_set(mode="EDIT")
    random = np.random.default_rng(7)
    for part, (place, _) in PLACES.items():
        bone = rig.data.edit_bones.new(NAMES[part])
        bone.head = place
        # The two of a pair end in mirrored places, and are rolled in ways of their own.
        way = Vector((0.12 * np.sign(place[0]), -0.15, 0.1))
        bone.tail = Vector(place) + way
        bone.roll = float(random.uniform(-3, 3))
        if part != "head":
            bone.parent = rig.data.edit_bones[NAMES["head"]]
    bpy.ops.object.mode_set(mode="OBJECT")
    for part, (_, mode) in PLACES.items():
        rig.pose.bones[NAMES[part]].rotation_mode = mode
    rig["Property 1"] = 0.0
    mesh = bpy.data.objects.new("Mesh", bpy.data.meshes.new("Mesh"))
    points = [(x / 10, -0.9, z / 10) for x in range(-10, 11) for z in range(-10, 11)]
    mesh.data.from_pydata(points, [], [])
    scene.collection.objects.link(mesh)
    mesh.parent = rig
    mesh.shape_key_add(name="Basis")
    for part, key in KEYS.items():
        block = mesh.shape_key_add(name=key)
        block.value = 0.0
        middle = 0.5 if "left" in part else -0.5 if "right" in part else 0.0
        for point, (x, _, z) in zip(block.data, points, strict=True):
            near = math.exp(-((x - middle) ** 2 + z**2) / 0.05)
            point.co += Vector((0.2 * middle, -0.1 - 0.05 * len(part), 0.0)) * near
    scene.mimica.target = rig
    return rig


def bone(rig: bpy.types.Object, part: str) -> bpy.types.PoseBone:
    return rig.pose.bones[NAMES[part]]


def key(part: str) -> bpy.types.ShapeKey:
    return bpy.data.objects["Mesh"].data.shape_keys.key_blocks[KEYS[part]]


def turn(rig: bpy.types.Object, part: str, axis: tuple[float, float, float], angle: float) -> None:
    """Turn a bone about an axis of the armature, on top of what it has, in its own rotation mode."""
    pose_bone = bone(rig, part)
    rest = pose_bone.bone.matrix_local.to_3x3()
    turned = (rest.inverted() @ Matrix.Rotation(angle, 3, Vector(axis)) @ rest).to_quaternion()
    turned = turned @ basis(pose_bone).to_quaternion()
    if pose_bone.rotation_mode == "QUATERNION":
        pose_bone.rotation_quaternion = turned
    elif pose_bone.rotation_mode == "AXIS_ANGLE":
        around, by = turned.to_axis_angle()
        pose_bone.rotation_axis_angle = (by, *around)
    else:
        pose_bone.rotation_euler = turned.to_euler(pose_bone.rotation_mode)


def basis(pose_bone: bpy.types.PoseBone) -> Matrix:
    if pose_bone.rotation_mode == "QUATERNION":
        return pose_bone.rotation_quaternion.to_matrix()
    if pose_bone.rotation_mode == "AXIS_ANGLE":
        by, *around = pose_bone.rotation_axis_angle
        return Quaternion(around, by).to_matrix()
    return pose_bone.rotation_euler.to_matrix()


def move(rig: bpy.types.Object, part: str, way: tuple[float, float, float]) -> None:
    """Move a bone by a way along the armature's axes."""
    pose_bone = bone(rig, part)
    pose_bone.location += pose_bone.bone.matrix_local.to_3x3().inverted() @ Vector(way)


def moved(rig: bpy.types.Object, part: str) -> Vector:
    return bone(rig, part).bone.matrix_local.to_3x3() @ bone(rig, part).location


def turned(rig: bpy.types.Object, part: str) -> Matrix:
    rest = bone(rig, part).bone.matrix_local.to_3x3()
    return rest @ basis(bone(rig, part)) @ rest.inverted()


def close(a: object, b: object) -> bool:
    return np.allclose(np.array(a), np.array(b), atol=1e-5)


def present() -> str:
    shown = teaching_steps.present(bpy.context.scene.mimica.target)
    return shown.id if shown else ""


def go_to(name: str) -> None:
    state = teaching_steps.state_of(bpy.context.scene.mimica.target)
    state.index = state.steps.find(name)


def get(name: str) -> Expression:
    found = find_expression(name)
    assert found is not None
    return found


def taught(rig: bpy.types.Object, name: str) -> tuple[ControlEntry, ...]:
    """The entries that an expression was taught by."""
    known = stored_map(rig)
    return entries_of(known, get(name)) if known is not None else ()


def all_groups() -> None:
    teaching_steps.state_of(bpy.context.scene.mimica.target).groups = {"essential", "more", "rest", "head"}


def teach_twelve(rig: bpy.types.Object) -> list[str]:
    """Go through the essential list as an animator does. Returns what was asked for."""
    poses = {
        "jawOpen": lambda: (turn(rig, "jaw", (1, 0, 0), 0.5), move(rig, "jaw", (0, -0.02, -0.05))),
        "eyeBlinkLeft": lambda: turn(rig, "lid left", (1, 0, 0), 0.7),
        "mouthSmileLeft": lambda: move(rig, "corner left", (0.1, 0.02, 0.12)),
        "mouthFrownLeft": lambda: (move(rig, "corner left", (0.02, 0, -0.1)), turn(rig, "corner left", (0, 1, 0), 0.3)),
        "browInnerUp": lambda: [
            (move(rig, part, (0, 0, 0.08)), setattr(bone(rig, part), "scale", (1, 1.2, 1)))
            for part in ("brow left", "brow right")
        ],
        "browDownLeft": lambda: move(rig, "brow left", (-0.03, -0.01, -0.07)),
        "mouthPucker": lambda: setattr(key("pucker"), "value", 0.9),
        "mouthFunnel": lambda: (setattr(key("funnel"), "value", 0.7), rig.__setitem__("Property 1", 2.0)),
    }
    bpy.ops.mimica.teach_start()
    asked = []
    while present() not in asked:
        asked.append(present())
        poses[asked[-1]]()
        assert bpy.ops.mimica.teach_learn() == {"FINISHED"}
    return asked


def test_twelve_expressions_are_taught_in_eight_poses(rig: bpy.types.Object) -> None:
    rest = read_pose(rig)
    asked = teach_twelve(rig)
    assert len(asked) == 8, "the other sides come by themselves"
    assert len(teaching_steps.learned(rig)) == 12
    state = teaching_steps.state_of(rig)
    assert len(state.steps) == 12 and {s.name for s in state.steps} == teaching_steps.learned(rig)
    assert read_pose(rig) == pytest.approx(rest), "the character is back at rest"
    names = {c.name for e in stored_map(rig).controls for c in e.channels}
    assert names <= {*NAMES.values(), *KEYS.values(), '["Property 1"]'}


def test_a_taught_expression_shows_as_it_was_posed(rig: bpy.types.Object) -> None:
    bpy.ops.mimica.teach_start()
    turn(rig, "jaw", (1, 0, 0), 0.5)
    move(rig, "jaw", (0, -0.02, -0.05))
    posed = read_pose(rig)
    bpy.ops.mimica.teach_learn()
    assert present() == "eyeBlinkLeft"
    bpy.ops.mimica.teach_back()
    assert present() == "jawOpen"
    bpy.ops.mimica.teach_show()
    assert read_pose(rig) == pytest.approx(posed, abs=1e-5)
    bpy.ops.mimica.teach_show(amount=0.5)
    assert close(moved(rig, "jaw"), (0, -0.01, -0.025))
    assert close(turned(rig, "jaw"), Matrix.Rotation(0.25, 3, "X"))
    bpy.ops.mimica.teach_reset()
    assert close(moved(rig, "jaw"), (0, 0, 0))


def test_the_other_side_is_the_mirror_image(rig: bpy.types.Object) -> None:
    teach_twelve(rig)
    go_to("mouthFrownLeft")
    bpy.ops.mimica.teach_show()
    way, spin = moved(rig, "corner left").copy(), turned(rig, "corner left")
    go_to("mouthFrownRight")
    bpy.ops.mimica.teach_show()
    assert close(moved(rig, "corner left"), (0, 0, 0))
    assert close(moved(rig, "corner right"), MIRROR @ way)
    assert close(turned(rig, "corner right"), MIRROR @ spin @ MIRROR)
    go_to("eyeBlinkRight")
    bpy.ops.mimica.teach_show()
    assert close(turned(rig, "lid right"), Matrix.Rotation(0.7, 3, "X"))


@pytest.mark.parametrize(
    "way",
    [Matrix.Rotation(math.pi / 2, 4, "X"), Matrix.Rotation(math.pi / 2, 4, "Z"), Matrix.Rotation(math.pi, 4, "Z")],
    ids=["on its back", "looking along x", "looking away"],
)
def test_the_other_side_of_a_character_that_is_turned_in_its_armature(rig: bpy.types.Object, way: Matrix) -> None:
    rig.data.transform(way)
    bpy.data.objects["Mesh"].data.transform(way, shape_keys=True)
    bpy.ops.mimica.teach_start()
    all_groups()
    go_to("mouthFrownLeft")
    move(rig, "corner left", (0.02, 0.03, -0.1))
    turn(rig, "corner left", (0, 1, 0), 0.3)
    key("puff left").value = 0.6
    shown, spin = moved(rig, "corner left").copy(), turned(rig, "corner left")
    bpy.ops.mimica.teach_learn()
    go_to("mouthFrownRight")
    bpy.ops.mimica.teach_show()
    mirror = way.to_3x3() @ MIRROR @ way.to_3x3().inverted()
    assert close(moved(rig, "corner right"), mirror @ shown)
    assert close(turned(rig, "corner right"), mirror @ spin @ mirror)
    assert key("puff right").value == pytest.approx(0.6) and key("puff left").value == 0.0


def test_looks_by_shape_keys_are_learned_for_each_eye(rig: bpy.types.Object) -> None:
    all_groups()
    bpy.ops.mimica.teach_start()
    go_to("lookLeft")
    key("puff left").value = key("puff right").value = 0.5
    bpy.ops.mimica.teach_learn()
    keys = {e.control: {c.name for c in e.channels} for e in stored_map(rig).controls if e.control.endswith("OutLeft")}
    assert keys == {"eyeLookOutLeft": {"Key 3"}}


def test_shape_keys_are_mirrored_by_what_they_do(rig: bpy.types.Object) -> None:
    all_groups()
    bpy.ops.mimica.teach_start()
    go_to("cheekSquintLeft")
    key("puff left").value = 0.6
    bpy.ops.mimica.teach_learn()
    (entry,) = taught(rig, "cheekSquintRight")
    assert [(c.name, c.object) for c in entry.channels] == [("Key 4", "")]
    assert entry.channels[0].amount == pytest.approx(0.6)


def test_only_what_comes_on_top_of_the_start_is_learned(rig: bpy.types.Object) -> None:
    bpy.ops.mimica.teach_start()
    go_to("mouthSmileLeft")
    turn(rig, "jaw", (1, 0, 0), 0.5)
    bpy.ops.mimica.teach_begin_here()
    move(rig, "corner left", (0.1, 0, 0.1))
    bpy.ops.mimica.teach_learn()
    (entry,) = taught(rig, "mouthSmileLeft")
    assert {c.name for c in entry.channels} == {NAMES["corner left"]}
    assert close(turned(rig, "jaw"), Matrix.Identity(3)), "back to rest for the next step"


def test_mouth_close_begins_with_the_open_jaw(rig: bpy.types.Object) -> None:
    all_groups()
    bpy.ops.mimica.teach_start()
    go_to("mouthClose")
    assert [e.id for e in teaching_steps.missing_before(rig, get("mouthClose"))] == ["jawOpen"]
    go_to("jawOpen")
    turn(rig, "jaw", (1, 0, 0), 0.5)
    bpy.ops.mimica.teach_learn()
    go_to("mouthClose")
    assert close(turned(rig, "jaw"), Matrix.Rotation(0.5, 3, "X"))
    key("closed lips").value = 1.0
    bpy.ops.mimica.teach_learn()
    (entry,) = taught(rig, "mouthClose")
    assert [c.name for c in entry.channels] == ["Key 5"]
    go_to("mouthClose")
    bpy.ops.mimica.teach_show()
    assert key("closed lips").value == 1.0
    assert close(turned(rig, "jaw"), Matrix.Rotation(0.5, 3, "X"))


def test_more_expressions_leave_the_present_step_alone(rig: bpy.types.Object) -> None:
    bpy.ops.mimica.teach_start()
    go_to("mouthPucker")
    move(rig, "jaw", (0, 0, -0.1))
    state = teaching_steps.state_of(rig)
    all_groups()
    assert present() == "mouthPucker" and len(state.steps) == 54
    assert close(moved(rig, "jaw"), (0, 0, -0.1)), "what is posed so far stays"
    state.groups = {"head"}
    assert present() == "headTurnLeft"
    assert close(moved(rig, "jaw"), (0, 0, 0))
    state.groups = set()
    assert present() == "jawOpen", "never nothing"


def test_a_part_of_an_expression_is_learned_as_a_part(rig: bpy.types.Object) -> None:
    bpy.ops.mimica.teach_start()
    move(rig, "jaw", (0, 0, -0.05))
    state = teaching_steps.state_of(rig)
    state.amount = 50.0
    bpy.ops.mimica.teach_learn()
    assert state.amount == 100.0, "for the next one all of it again"
    go_to("jawOpen")
    bpy.ops.mimica.teach_show()
    assert close(moved(rig, "jaw"), (0, 0, -0.1))


def test_a_group_of_objects_is_taught_too(rig: bpy.types.Object) -> None:
    group = bpy.data.objects.new("Group", None)
    bpy.context.scene.collection.objects.link(group)
    rig.parent = group
    bpy.context.scene.mimica.target = group
    bpy.ops.mimica.teach_start()
    move(rig, "jaw", (0, 0, -0.1))
    bpy.ops.mimica.teach_learn()
    assert teaching_steps.learned(group) == {"jawOpen"}
    assert close(moved(rig, "jaw"), (0, 0, 0))


def test_looks_are_learned_for_each_eye(rig: bpy.types.Object) -> None:
    all_groups()
    bpy.ops.mimica.teach_start()
    go_to("lookLeft")
    for part in ("eye left", "eye right"):
        turn(rig, part, (0, 0, 1), 0.5)
    bpy.ops.mimica.teach_learn()
    bones = {e.control: {c.name for c in e.channels} for e in stored_map(rig).controls}
    assert bones == {
        "eyeLookOutLeft": {NAMES["eye left"]},
        "eyeLookInRight": {NAMES["eye right"]},
        "eyeLookOutRight": {NAMES["eye right"]},
        "eyeLookInLeft": {NAMES["eye left"]},
    }
    go_to("lookRight")
    bpy.ops.mimica.teach_show()
    assert close(turned(rig, "eye left"), Matrix.Rotation(-0.5, 3, "Z"))


def test_relearning_replaces_and_forgetting_removes(rig: bpy.types.Object) -> None:
    teach_twelve(rig)
    before = stored_map(rig)
    go_to("jawOpen")
    move(rig, "jaw", (0, 0, -0.3))
    bpy.ops.mimica.teach_learn()
    after = stored_map(rig)
    assert [e.control for e in after.controls] == [e.control for e in before.controls]
    assert after.controls[1:] == before.controls[1:] and after.controls[0] != before.controls[0]
    go_to("jawOpen")
    bpy.ops.mimica.teach_forget()
    assert stored_map(rig).controls == before.controls[1:]
    assert not bpy.ops.mimica.teach_show.poll()


def test_a_taught_bone_no_longer_follows_by_itself(rig: bpy.types.Object) -> None:
    bones = (BoneEntry(NAMES["jaw"], "jaw", "jaw"), BoneEntry(NAMES["brow left"], "landmarks", "brows", {"105": 1.0}))
    detected = CharacterMap("Rig", bones, (shape_entry("mouthFunnel", "Key 2"), shape_entry("mouthClose", "Key 5")))
    store_map(rig, detected, detected=True)
    bpy.ops.mimica.teach_start()
    assert teaching_steps.learned(rig) == {"mouthFunnel", "mouthClose"}
    move(rig, "jaw", (0, 0, -0.1))
    bpy.ops.mimica.teach_learn()
    made = stored_map(rig)
    assert [b.enabled for b in made.bones] == [False, True]
    assert [e.control for e in made.controls] == ["mouthFunnel", "mouthClose", "jawOpen"]
    # What was not touched can still be reset to what was detected.
    assert [row.detected for row in rig.mimica.entries] == [0, 1, 2, 3, -1]


def test_a_learned_other_side_is_not_replaced_unasked(rig: bpy.types.Object) -> None:
    bpy.ops.mimica.teach_start()
    go_to("mouthSmileRight")
    move(rig, "corner right", (-0.3, 0, 0.3))
    state = teaching_steps.state_of(rig)
    state.mirror = False
    bpy.ops.mimica.teach_learn()
    assert teaching_steps.learned(rig) == {"mouthSmileRight"}
    state.mirror = True
    go_to("mouthSmileLeft")
    move(rig, "corner left", (0.1, 0, 0.1))
    bpy.ops.mimica.teach_learn()

    def right() -> float:
        (entry,) = taught(rig, "mouthSmileRight")
        return float(np.linalg.norm([c.amount for c in entry.channels]))

    assert right() == pytest.approx(0.3 * math.sqrt(2), rel=1e-4)
    go_to("mouthSmileLeft")
    bpy.ops.mimica.teach_mirror()
    assert right() == pytest.approx(0.1 * math.sqrt(2), rel=1e-4)


def test_every_press_is_one_undo_step(rig: bpy.types.Object) -> None:
    name = rig.name
    bpy.ops.mimica.teach_start("EXEC_DEFAULT", True)
    turn(rig, "jaw", (1, 0, 0), 0.5)
    bpy.ops.ed.undo_push(message="Posed")
    bpy.ops.mimica.teach_learn("EXEC_DEFAULT", True)
    assert teaching_steps.learned(rig) == {"jawOpen"}
    bpy.ops.ed.undo()
    rig = bpy.data.objects[name]
    assert teaching_steps.learned(rig) == frozenset()
    assert present() == "jawOpen"
    assert close(turned(rig, "jaw"), Matrix.Rotation(0.5, 3, "X")), "posed, as before the press"
    bpy.ops.ed.redo()
    rig = bpy.data.objects[name]
    assert (teaching_steps.learned(rig), present()) == ({"jawOpen"}, "eyeBlinkLeft")


def test_it_goes_on_after_the_file_was_closed(rig: bpy.types.Object, tmp_path) -> None:
    bpy.ops.mimica.teach_start()
    move(rig, "jaw", (0, 0, -0.1))
    bpy.ops.mimica.teach_learn()
    turn(rig, "lid left", (1, 0, 0), 0.3)
    bpy.ops.wm.save_as_mainfile(filepath=str(tmp_path / "taught.blend"))
    bpy.ops.wm.read_homefile(use_empty=True)
    bpy.ops.wm.open_mainfile(filepath=str(tmp_path / "taught.blend"))
    rig = bpy.data.objects["Character"]
    assert present() == "eyeBlinkLeft"
    turn(rig, "lid left", (1, 0, 0), 0.4)
    bpy.ops.mimica.teach_learn()
    assert teaching_steps.learned(rig) == {"jawOpen", "eyeBlinkLeft", "eyeBlinkRight"}
    assert close(turned(rig, "lid left"), Matrix.Identity(3))
    bpy.ops.mimica.teach_end()
    assert present() == ""
    bpy.ops.mimica.teach_start()
    assert present() == "mouthSmileLeft", "resumed at the first that is not learned"


def test_what_a_driver_sets_is_not_learned(rig: bpy.types.Object) -> None:
    driver = key("pucker").driver_add("value").driver
    driver.expression = "0.4"
    bpy.context.view_layer.update()
    assert not any(name == "Key 1" for _, _, name, _ in read_pose(rig))
    bpy.ops.mimica.teach_start()
    move(rig, "jaw", (0, 0, -0.1))
    bpy.ops.mimica.teach_learn()
    assert {c.name for e in stored_map(rig).controls for c in e.channels} == {NAMES["jaw"]}


def test_what_cannot_be_learned_is_said(rig: bpy.types.Object) -> None:
    assert not bpy.ops.mimica.teach_learn.poll(), "not started"
    bpy.ops.mimica.teach_start()
    with pytest.raises(RuntimeError, match="Nothing was moved"):
        bpy.ops.mimica.teach_learn()
    assert not bpy.ops.mimica.teach_mirror.poll()
    bpy.context.scene.mimica.target = None
    assert not bpy.ops.mimica.teach_start.poll()


def test_any_pose_is_read_and_put_back(rig: bpy.types.Object) -> None:
    random = np.random.default_rng(3)
    for pose_bone in rig.pose.bones:
        pose_bone.location, pose_bone.scale = random.normal(size=3), random.uniform(0.5, 2, 3)
        angles = Euler(random.uniform(-1, 1, 3))
        if pose_bone.rotation_mode == "QUATERNION":
            # Not of unit length, as Blender allows.
            pose_bone.rotation_quaternion = angles.to_quaternion() * 2.0
        elif pose_bone.rotation_mode == "AXIS_ANGLE":
            around, by = angles.to_quaternion().to_axis_angle()
            pose_bone.rotation_axis_angle = (by, *around)
        else:
            pose_bone.rotation_euler = angles
    wanted = read_pose(rig)
    matrices = {b.name: b.matrix_basis.copy() for b in rig.pose.bones}
    write_pose(rig, {})
    assert all(close(b.matrix_basis, Matrix.Identity(4)) for b in rig.pose.bones)
    write_pose(rig, wanted)
    assert all(close(b.matrix_basis, matrices[b.name]) for b in rig.pose.bones)


def test_the_two_halves_of_a_rig_without_names_are_found(rig: bpy.types.Object) -> None:
    found = symmetry_of(rig).bones
    for part, name in NAMES.items():
        other = part.replace("left", "@").replace("right", "left").replace("@", "right")
        assert found["", name].other == NAMES[other]
        assert found["", name].side == (1 if "left" in part else -1 if "right" in part else 0)


def test_every_expression_has_its_picture() -> None:
    from mimica.mapping.teaching import expressions
    from mimica.ui.teaching import PICTURES

    files = {path.stem: path.stat().st_size for path in PICTURES.glob("*.png")}
    assert set(files) == {e.id for e in expressions()}
    assert sum(files.values()) < 700_000


# What was taught, performed

WAVE = 0.5 - 0.5 * np.cos(np.linspace(0, 2 * np.pi, 21))
"""How far the performer's jaw is open and the left eye closed."""


def solved(binding: Binding) -> Motion:
    motion = solve(photograph(act(jaw=WAVE, blink_left=WAVE)), default_profile(), binding.plan.groups)
    return finish(motion, MappingSettings(smoothness=0.0), np.inf)


def at(motion: Motion, i: int) -> Motion:
    return Motion(**{f.name: getattr(motion, f.name)[i : i + 1] for f in fields(motion)})


def expected(rig: bpy.types.Object, motion: Motion, i: int) -> dict[Address, float]:
    """The pose in which every taught expression is shown as far as its control says."""
    pose = {address: at_rest(address[0]) for address in read_pose(rig)}
    for entry in stored_map(rig).controls:
        pose = posed(pose, [entry], float(motion.controls[i, ARKIT_SHAPES.index(entry.control)]))
    return pose


def check_shown(rig: bpy.types.Object, motion: Motion, i: int) -> None:
    """As Blender evaluates it: the half radian that was taught, as far as the jaw is open, and the lid alike."""
    graph = bpy.context.evaluated_depsgraph_get()
    bones = rig.evaluated_get(graph).pose.bones
    jaw, lid = bones[NAMES["jaw"]], bones[NAMES["lid left"]]
    opened, closed = motion.control("jawOpen")[i], motion.control("eyeBlinkLeft")[i]
    assert close((jaw.matrix @ jaw.bone.matrix_local.inverted()).to_3x3(), Matrix.Rotation(0.5 * opened, 3, "X"))
    assert jaw.head.z - jaw.bone.head_local.z == pytest.approx(-0.05 * opened, abs=1e-4)
    assert close((lid.matrix @ lid.bone.matrix_local.inverted()).to_3x3(), Matrix.Rotation(0.7 * closed, 3, "X"))


def test_a_performance_shows_what_was_taught_in_proportion(rig: bpy.types.Object) -> None:
    teach_twelve(rig)
    bpy.ops.mimica.teach_end()
    binding = bind(rig, default_profile().neutral)
    motion = solved(binding)
    assert motion.control("jawOpen").max() > 0.5 and motion.control("eyeBlinkLeft").max() > 0.5
    writer = PoseWriter(binding)
    for i in (0, 5, 10):
        writer.write(binding.plan.pose(at(motion, i)))
        assert read_pose(rig) == pytest.approx(expected(rig, motion, i), abs=1e-4)
        check_shown(rig, motion, i)


def test_a_taught_head_turns_as_the_performers(rig: bpy.types.Object) -> None:
    bpy.ops.mimica.teach_start()
    teaching_steps.state_of(rig).groups = {"head"}
    axes = {"headTurn": (0, 0, 1), "headDown": (1, 0, 0), "headUp": (-1, 0, 0), "headTilt": (0, 1, 0)}
    for name, angle in (("headTurnLeft", 45), ("headDown", 30), ("headUp", 30), ("headTiltLeft", 25)):
        go_to(name)
        turn(rig, "head", axes[name.removesuffix("Left")], math.radians(angle))
        bpy.ops.mimica.teach_learn()
    assert len(teaching_steps.learned(rig)) == 6
    bpy.ops.mimica.teach_end()
    binding = bind(rig, default_profile().neutral)
    # Face space: up is y and out of the face z, where Blender has z and -y.
    ways = np.array([[0, 0.3, 0], [0, -0.3, 0], [0.25, 0, 0], [-0.25, 0, 0], [0, 0, 0.2], [0, 0, -0.2]])
    faces = np.repeat(average_face()[None], len(ways), axis=0)
    frames = photograph(faces, rotation=rot.matrix_from_quaternion(rot.exp(ways)))
    motion = solve(frames, default_profile(), binding.plan.groups)
    writer = PoseWriter(binding)
    for i, (x, y, z) in enumerate(ways):
        writer.write(binding.plan.pose(at(motion, i)))
        wanted = rot.matrix_from_quaternion(rot.exp(np.array([x, -z, y])))
        assert np.allclose(np.array(turned(rig, "head")), wanted, atol=0.03), ways[i]


def test_a_baked_take_shows_what_was_taught_in_proportion(rig: bpy.types.Object) -> None:
    teach_twelve(rig)
    bpy.ops.mimica.teach_end()
    bpy.context.scene.render.fps = 30
    motion = solved(bind(rig, default_profile().neutral))
    frames = photograph(act(jaw=WAVE, blink_left=WAVE))
    settings = BakeSettings(mapping=MappingSettings(smoothness=0.0))
    bake_take(bpy.context.scene, rig, frames, name="Taught", profile=default_profile(), settings=settings)
    for i in (0, 5, 10):
        bpy.context.scene.frame_set(1 + i)
        assert read_pose(rig) == pytest.approx(expected(rig, motion, i), abs=1e-3)
        check_shown(rig, motion, i)


def test_a_whole_face_is_taught_from_its_middle_and_left_half() -> None:
    """A face rig with its bones in shuffled order: half of the poses teach all expressions, by where bones are."""
    bpy.ops.wm.read_homefile(use_empty=True)
    rig = bpy.data.objects[create_face_rig(bpy.context).armature]
    rest = read_rest_pose(rig)
    shuffled = np.random.default_rng(1).permutation(len(rest.names))
    names = [f"Bone.{i:03d}" for i in shuffled]
    for old, new in zip(rest.names, names, strict=True):
        rig.data.bones[old].name = new
    del rig[RIG_PROPERTY]
    bpy.context.scene.mimica.target = rig

    def shown(one: Expression) -> BonePose:
        row = np.zeros((1, 52))
        for control in (*one.controls, *(c for first in one.after for c in get(first).controls)):
            row[0, ARKIT_SHAPES.index(control)] = 1.0
        return arkit_pose(row, rest)

    bpy.ops.mimica.teach_start()
    state = teaching_steps.state_of(rig)
    state.groups = {"essential", "more", "rest"}
    asked = []
    while present() not in asked:
        asked.append(present())
        pose = shown(get(asked[-1]))
        for i, name in enumerate(names):
            rig.pose.bones[name].location = pose.location[0, i]
            rig.pose.bones[name].rotation_quaternion = pose.rotation[0, i]
        bpy.ops.mimica.teach_learn()
    assert (len(asked), len(teaching_steps.learned(rig))) == (31, 48)
    assert not any(name.endswith("Right") for name in asked)
    for step in state.steps:
        go_to(step.name)
        bpy.ops.mimica.teach_show()
        pose = shown(get(step.name))
        for i, name in enumerate(names):
            # A hundredth of a millimetre, and a fifth of a degree.
            assert np.allclose(rig.pose.bones[name].location, pose.location[0, i], atol=1e-3 * rest.unit)
            away = Quaternion(pose.rotation[0, i].tolist()).rotation_difference(
                rig.pose.bones[name].rotation_quaternion
            )
            assert abs(math.remainder(away.angle, 2 * math.pi)) < 3e-3
