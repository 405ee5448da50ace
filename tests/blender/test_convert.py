# SPDX-FileCopyrightText: 2026 Mimica authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Bones to shape keys and back, on the own face rig and on meshes as other programs give them."""

import dataclasses
from collections.abc import Iterator

import bpy
import numpy as np
import pytest

import mimica
from mimica.mapping.character_map import own_rig_map
from mimica.mapping.control_take import ControlTake
from mimica.mapping.frame import ARKIT_SHAPES
from mimica.mapping.performance import ControlPerformance
from mimica.rig import compat
from mimica.rig.bake import bake
from mimica.rig.bake_settings import BakeSettings
from mimica.rig.bind import TargetError, bind
from mimica.rig.character import store_map, stored_map
from mimica.rig.convert import ConvertError, ConvertSettings, convert, read_controls
from mimica.rig.face_rig import create_face_rig
from mimica.rig.make_shapes import make_arkit_shapes

SPOKEN = ("jawOpen", "mouthSmileLeft", "browInnerUp", "eyeBlinkRight", "mouthPucker", "tongueOut")
SKIN = "Mimica Face Skin"


@pytest.fixture
def scene() -> Iterator[bpy.types.Scene]:
    bpy.ops.wm.read_homefile(use_empty=True)
    mimica.register()
    bpy.context.scene.render.fps = 30
    yield bpy.context.scene
    mimica.unregister()


@pytest.fixture
def rig(scene) -> bpy.types.Object:
    return bpy.data.objects[create_face_rig(bpy.context).armature]


def skin(rig: bpy.types.Object) -> bpy.types.Object:
    return max((o for o in rig.children if o.type == "MESH"), key=lambda o: len(o.data.vertices))


def acting(count: int = 12) -> ControlTake:
    """A take in which some controls come and go, one a little after the other, and the head turns."""
    phase = np.linspace(0.0, 2.0 * np.pi, count)[:, None]
    controls = np.zeros((count, len(ARKIT_SHAPES)))
    columns = [ARKIT_SHAPES.index(name) for name in SPOKEN]
    controls[:, columns] = np.clip(0.5 - 0.5 * np.cos(phase + np.arange(len(SPOKEN)) / 2), 0.0, 1.0) * 0.8
    head = np.concatenate([0.3 * np.sin(phase), 0.1 * np.sin(phase), 0.05 * np.cos(phase)], axis=1)
    return ControlTake("Acting", np.arange(count) / 30.0, controls, 30.0, head)


def keyed_mesh(names: list[str], name: str = "Head") -> bpy.types.Object:
    """A mesh as an importer makes it: keys, no armature."""
    mesh = bpy.data.objects.new(name, bpy.data.meshes.new(name))
    mesh.data.from_pydata([(0, 0, 0), (1, 0, 0), (0, 1, 0)], [], [(0, 1, 2)])
    bpy.context.scene.collection.objects.link(mesh)
    mesh.shape_key_add(name="Basis")
    for key in names:
        mesh.shape_key_add(name=key).value = 0.0
    return mesh


def curves(mesh: bpy.types.Object, frames: np.ndarray, spell=lambda name: name) -> np.ndarray:
    """Shape key values over time by their F-curves, (N, 52); what has none stands at its value."""
    keys = mesh.data.shape_keys
    values = np.tile([keys.key_blocks[spell(name)].value for name in ARKIT_SHAPES], (len(frames), 1))
    for curve in compat.fcurves_of(keys, keys.animation_data.action) or ():
        name = keys.path_resolve(curve.data_path.removesuffix(".value")).name
        column = [spell(control) for control in ARKIT_SHAPES].index(name)
        values[:, column] = [curve.evaluate(frame) for frame in frames]
    return values


def shape(obj: bpy.types.Object) -> np.ndarray:
    bpy.context.view_layer.update()
    own = obj.evaluated_get(bpy.context.evaluated_depsgraph_get())
    return np.array([vertex.co for vertex in own.data.vertices])


def camel(name: str) -> str:
    """Another spelling of ARKit's names that some programs export."""
    return name.replace("Left", "_L").replace("Right", "_R")


def test_a_bone_bake_becomes_shape_keys(scene, rig):
    take, mesh = acting(), keyed_mesh(list(ARKIT_SHAPES))
    bake(scene, rig, ControlPerformance(take), settings=BakeSettings(start_frame=5.0))
    before = {c.data_path: c.evaluate(9) for c in compat.fcurves_of(rig, rig.animation_data.action)}
    done = convert(scene, rig, mesh, ConvertSettings())
    assert (done.result.first_frame, done.result.last_frame) == (5.0, 16.0)
    error = np.abs(curves(mesh, np.arange(5.0, 17.0)) - take.controls)
    assert error.mean() < 0.002
    assert error.max() < 0.05
    assert before == {c.data_path: c.evaluate(9) for c in compat.fcurves_of(rig, rig.animation_data.action)}


@pytest.mark.parametrize("spell", [str, camel], ids=["arkit", "suffixes"])
def test_shape_keys_become_bones_and_keys_again(scene, rig, spell):
    take, mesh = acting(), keyed_mesh([spell(name) for name in ARKIT_SHAPES])
    bake(scene, mesh, ControlPerformance(take), settings=BakeSettings(start_frame=5.0))
    convert(scene, mesh, rig, ConvertSettings())
    scene.frame_set(10)
    converted = {bone.name: np.array(bone.matrix_basis) for bone in rig.pose.bones}
    rig.animation_data_clear()
    still = ControlTake("Still", take.times, take.controls, 30.0)
    bake(scene, rig, ControlPerformance(still), settings=BakeSettings(start_frame=5.0))
    scene.frame_set(10)
    for bone in rig.pose.bones:
        assert np.abs(np.array(bone.matrix_basis) - converted[bone.name]).max() < 2e-3, bone.name
    again = keyed_mesh(list(ARKIT_SHAPES), "Again")
    convert(scene, rig, again, ConvertSettings())
    error = np.abs(curves(again, np.arange(5.0, 17.0)) - take.controls)
    assert error.mean() < 0.002
    assert error.max() < 0.05


def test_the_head_goes_along_between_rigs(scene, rig):
    take = acting()
    bake(scene, rig, ControlPerformance(take), settings=BakeSettings(start_frame=1.0))
    read, first, _notes = read_controls(scene, rig, ConvertSettings())
    assert first == 1.0
    assert read.head is not None
    assert take.head is not None
    assert np.abs(read.head - take.head).max() < 1e-3


def test_a_hand_edit_after_the_bake_is_read(scene, rig):
    bake(scene, rig, ControlPerformance(acting()), settings=BakeSettings(start_frame=1.0))
    curves = compat.fcurves_of(rig, rig.animation_data.action)
    for curve in [curve for curve in curves if '"tongue' in curve.data_path]:
        curves.remove(curve)
    for bone in rig.pose.bones:
        if bone.name.startswith("tongue"):
            bone.location, bone.rotation_quaternion = (0, 0, 0), (1, 0, 0, 0)
    read, _first, _notes = read_controls(scene, rig, ConvertSettings())
    assert read.controls[:, ARKIT_SHAPES.index("tongueOut")].max() < 0.01
    assert read.controls[:, ARKIT_SHAPES.index("jawOpen")].max() > 0.7


def test_strips_are_read_as_they_play(scene, rig):
    take = acting()
    bake(scene, rig, ControlPerformance(take), settings=BakeSettings(start_frame=1.0))
    scene.frame_set(3)
    name = compat.push_down(rig, 1.0, 12.0)
    strip = rig.animation_data.nla_tracks[-1].strips[0]
    assert strip.action.name == name
    strip.frame_end += 20.0
    strip.frame_start += 20.0
    read, first, _notes = read_controls(scene, rig, ConvertSettings())
    assert scene.frame_current == 3
    assert first == 21.0
    assert np.abs(read.controls[: len(take)] - take.controls).mean() < 0.003


def test_euler_rotations_and_a_part_of_the_time(scene, rig):
    for bone in rig.pose.bones:
        bone.rotation_mode = "XYZ"
    take, mesh = acting(), keyed_mesh(list(ARKIT_SHAPES))
    bake(scene, rig, ControlPerformance(take), settings=BakeSettings(start_frame=1.0))
    done = convert(scene, rig, mesh, ConvertSettings(4, 8))
    assert (done.result.first_frame, done.result.last_frame) == (4.0, 8.0)
    assert np.abs(curves(mesh, np.arange(4.0, 9.0)) - take.controls[3:8]).max() < 0.05


def test_bones_that_constraints_move_are_read_where_they_are(scene, rig):
    other = bpy.data.objects[create_face_rig(bpy.context).armature]
    for bone in other.pose.bones:
        constraint = bone.constraints.new("COPY_TRANSFORMS")
        constraint.target, constraint.subtarget = rig, bone.name
        constraint.target_space = constraint.owner_space = "LOCAL"
    take = acting()
    bake(scene, rig, ControlPerformance(take), settings=BakeSettings(start_frame=1.0))
    read, _first, _notes = read_controls(scene, other, ConvertSettings(1, 12))
    assert np.abs(read.controls - take.controls).mean() < 0.003


def test_what_cannot_be_carried_over_is_said(scene, rig):
    mesh = keyed_mesh(["Smug"])
    with pytest.raises(ConvertError, match="are animated"):
        convert(scene, rig, keyed_mesh(list(ARKIT_SHAPES), "Good"), ConvertSettings())
    with pytest.raises(TargetError, match="Make ARKit Shape Keys"):
        convert(scene, rig, mesh, ConvertSettings())
    with pytest.raises(ConvertError, match="same object"):
        convert(scene, rig, rig, ConvertSettings())
    bake(scene, rig, ControlPerformance(acting()), settings=BakeSettings(start_frame=1.0))
    with pytest.raises(ConvertError, match="before it begins"):
        convert(scene, rig, bpy.data.objects["Good"], ConvertSettings(9, 3))


def test_controls_that_a_source_does_not_show_are_named(scene, rig):
    mesh = keyed_mesh([name for name in ARKIT_SHAPES if not name.startswith(("cheek", "nose"))])
    bake(scene, mesh, ControlPerformance(acting()), settings=BakeSettings(start_frame=1.0))
    _take, _first, notes = read_controls(scene, mesh, ConvertSettings())
    assert any("cheekPuff" in note and "stay at 0" in note for note in notes)


def test_made_keys_show_what_the_bones_do_and_the_rest_stays(scene, rig):
    mesh = skin(rig)
    rig.pose.bones["brow_mid.L"].location = (0.3, 0.0, 0.0)
    rig.pose.bones["neck"].rotation_quaternion = (0.9, 0.1, 0.2, 0.0)
    stood = shape(mesh)
    bones = {bone.name: np.array(bone.matrix_basis) for bone in rig.pose.bones}
    count = len(mesh.modifiers)
    made = make_arkit_shapes(mesh)
    assert made.made == 52
    assert made.kept == ()
    assert "jawOpen" not in made.still
    assert np.abs(shape(mesh) - stood).max() < 1e-6, "nothing of it moved"
    assert all(np.allclose(bone.matrix_basis, bones[bone.name]) for bone in rig.pose.bones)
    assert len(mesh.modifiers) == count
    assert all(modifier.show_viewport for modifier in mesh.modifiers)
    assert stored_map(rig) is not None
    assert bind(rig).plan.shapes == (), "the bones go on driving the face"

    for bone in rig.pose.bones:
        bone.matrix_basis.identity()
        bone.location, bone.rotation_quaternion = (0, 0, 0), (1, 0, 0, 0)
    rest = shape(mesh)
    for name in ("jawOpen", "eyeBlinkLeft", "mouthSmileRight", "mouthPucker"):
        controls = np.zeros((2, 52))
        controls[:, ARKIT_SHAPES.index(name)] = 1.0
        take = ControlTake(name, np.arange(2) / 30.0, controls, 30.0)
        bake(scene, rig, ControlPerformance(take), settings=BakeSettings(start_frame=1.0))
        scene.frame_set(1)
        by_bones = shape(mesh)
        rig.animation_data_clear()
        for bone in rig.pose.bones:
            bone.location, bone.rotation_quaternion = (0, 0, 0), (1, 0, 0, 0)
        mesh.data.shape_keys.key_blocks[name].value = 1.0
        by_keys = shape(mesh)
        mesh.data.shape_keys.key_blocks[name].value = 0.0
        size = np.abs(by_bones - rest).max()
        assert size > 1e-3, name
        assert np.abs(by_keys - by_bones).max() < 2e-3 * size, name


def test_made_keys_leave_others_and_say_what_does_not_move(scene, rig):
    mesh = skin(rig)
    mesh.shape_key_add(name="Basis")
    mesh.shape_key_add(name="jawOpen").points[0].co.x += 1.0
    own = mesh.data.shape_keys.key_blocks["jawOpen"].points[0].co.x
    made = make_arkit_shapes(mesh)
    assert made.kept == ("jawOpen",)
    assert made.made == 51
    assert mesh.data.shape_keys.key_blocks["jawOpen"].points[0].co.x == own
    again = make_arkit_shapes(mesh)
    assert again.made == 0


def test_bones_to_the_keys_made_of_them_moves_the_mesh_alike(scene, rig):
    mesh, take = skin(rig), acting()
    make_arkit_shapes(mesh)
    bake(scene, rig, ControlPerformance(take), settings=BakeSettings(start_frame=1.0))
    done = convert(scene, rig, mesh, ConvertSettings())
    assert any("still move" in note for note in done.notes)
    assert np.abs(curves(mesh, np.arange(1.0, 13.0)) - take.controls).max() < 0.05


def test_a_mesh_without_an_armature_has_no_keys_made(scene):
    with pytest.raises(TargetError, match="No armature"):
        make_arkit_shapes(keyed_mesh(["Smug"]))


def test_a_mesh_that_does_not_move_has_no_keys_made(scene, rig):
    rig.data.pose_position = "REST"
    with pytest.raises(TargetError, match="Rest Position"):
        make_arkit_shapes(skin(rig))
    assert skin(rig).data.shape_keys is None
    assert rig.data.pose_position == "REST"


def test_what_the_users_map_leaves_out_is_not_read(scene, rig):
    whole = own_rig_map()
    store_map(rig, dataclasses.replace(whole, bones=tuple(e for e in whole.bones if e.drive not in ("head", "neck"))))
    bake(scene, rig, ControlPerformance(acting()), settings=BakeSettings(start_frame=1.0))
    read, _first, _notes = read_controls(scene, rig, ConvertSettings())
    assert read.head is None
    assert read.controls[:, ARKIT_SHAPES.index("jawOpen")].max() > 0.7


def test_the_buttons_do_it_in_one_step_each(scene, rig):
    mesh = skin(rig)
    settings = scene.mimica.convert
    with pytest.raises(RuntimeError, match="Pick a source"):
        bpy.ops.mimica.convert()
    settings.source, settings.target = rig, mesh
    with pytest.raises(RuntimeError, match="Make ARKit Shape Keys"):
        bpy.ops.mimica.convert()
    assert bpy.ops.mimica.make_arkit_shapes() == {"FINISHED"}
    bake(scene, rig, ControlPerformance(acting()), settings=BakeSettings(start_frame=1.0))
    settings.part, settings.first, settings.last = True, 2, 6
    assert bpy.ops.mimica.convert() == {"FINISHED"}
    assert tuple(mesh.data.shape_keys.animation_data.action.frame_range) == (2.0, 6.0)
    settings.target = rig
    with pytest.raises(RuntimeError, match="an armature deforms"):
        bpy.ops.mimica.make_arkit_shapes()
