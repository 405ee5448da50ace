# SPDX-FileCopyrightText: 2026 Mimica authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""More characters than one: in the list, in a capture, in a bake; and one bake in one undo step."""

from collections.abc import Iterator
from pathlib import Path

import bpy
import numpy as np
import pytest

import mimica
from mimica.capture.take import SUFFIX, TakeInfo, TakeWriter
from mimica.mapping.calibration import default_profile
from mimica.mapping.frame import FaceFrame
from mimica.rig.face_rig import create_face_rig
from mimica.tests.synthetic import act, photograph

COUNT = 30


def write_take(folder: Path, name: str, **acted: np.ndarray) -> None:
    frames = photograph(act(**acted))
    with TakeWriter(folder / f"{name}{SUFFIX}", TakeInfo(name, performer=default_profile().to_json())) as writer:
        for i in range(COUNT):
            writer.append((FaceFrame(i / 30, frames.landmarks[i], None, (640, 480)),))


@pytest.fixture
def scene(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[bpy.types.Scene]:
    """Three rigs, the first one chosen; a take of a jaw, which is active, and one of brows."""
    bpy.ops.wm.read_homefile(use_empty=True)
    mimica.register()
    from mimica.operators import takes

    monkeypatch.setattr(takes, "takes_folder", lambda: tmp_path)
    way = np.sin(np.linspace(0.0, 6.0, COUNT)) ** 2
    write_take(tmp_path, "Jaw", jaw=way)
    write_take(tmp_path, "Brows", brows=way)
    scene, state = bpy.context.scene, bpy.context.window_manager.mimica
    scene.render.fps = 30
    for name in ("Ann", "Ben", "Cleo"):
        bpy.data.objects[create_face_rig(bpy.context).armature].name = name
    scene.mimica.target = bpy.data.objects["Ann"]
    takes.refresh_takes(bpy.context.window_manager)
    state.take_index = list(state.takes.keys()).index("Jaw")
    yield scene
    mimica.unregister()


def add(name: str, take: str = "") -> bpy.types.PropertyGroup:
    bpy.context.view_layer.objects.active = bpy.data.objects[name]
    assert bpy.ops.mimica.add_character() == {"FINISHED"}
    settings = bpy.context.scene.mimica
    member = settings.cast[settings.cast_index]
    assert member.object == bpy.data.objects[name]
    member.take = take
    return member


def keyed(name: str) -> bool:
    animation = bpy.data.objects[name].animation_data
    return animation is not None and animation.action is not None


def reach(name: str) -> tuple[float, float]:
    """How far the jaw turns, radians, and how far a brow goes, cm, over all frames."""
    rig = bpy.data.objects[name]
    jaw, brow = [], []
    for frame in range(1, COUNT + 1, 3):
        bpy.context.scene.frame_set(frame)
        jaw.append(rig.pose.bones["jaw"].rotation_quaternion.angle)
        brow.append(rig.pose.bones["brow_mid.L"].location.length / rig["mimica_unit"])
    return max(jaw), max(brow)


def test_characters_come_and_go_in_the_list(scene):
    add("Ben")
    add("Cleo")
    settings = scene.mimica
    assert [member.object.name for member in settings.cast] == ["Ben", "Cleo"]
    bpy.ops.mimica.add_character()
    assert settings.cast[2].object is None, "the active one is in the list already"
    settings.cast_index = 0
    for left in (["Cleo", None], [None], []):
        bpy.ops.mimica.remove_character()
        assert [member.object and member.object.name for member in settings.cast] == left
    assert not bpy.ops.mimica.remove_character.poll()


def test_a_capture_drives_all_of_them_each_by_its_face(scene):
    from mimica.operators.cast import parts_of

    add("Ben").face = "2"
    add("Cleo").face = "1"
    scene.mimica.cast.add()
    ann, ben, cleo = (bpy.data.objects[name] for name in ("Ann", "Ben", "Cleo"))
    assert parts_of(scene.mimica) == [(ann, 0), (ben, 0), (cleo, 0)], "there is one face only"
    scene.mimica.faces = 3
    assert parts_of(scene.mimica) == [(ann, 0), (ben, 2), (cleo, 1)]


def test_all_characters_are_baked_each_with_its_own_take(scene):
    add("Ben")
    add("Cleo", take="Brows")
    assert bpy.ops.mimica.bake() == {"FINISHED"}
    assert not keyed("Ben")
    scene.mimica.bake_all = True
    bpy.ops.ed.undo_push(message="before")
    assert bpy.ops.mimica.bake("EXEC_DEFAULT", True) == {"FINISHED"}
    for name in ("Ann", "Ben"):
        jaw, brow = reach(name)
        assert jaw > 0.1 and brow < 0.1
    jaw, brow = reach("Cleo")
    assert jaw < 0.05 and brow > 0.2
    bpy.ops.ed.undo()
    assert [name for name in ("Ann", "Ben", "Cleo") if keyed(name)] == ["Ann"], "one step"


def test_a_problem_with_one_does_not_keep_the_others(scene, capsys):
    add("Ben", take="Lost")
    cube = bpy.data.objects.new("Cube", bpy.data.meshes.new("Cube"))
    scene.collection.objects.link(cube)
    scene.mimica.cast.add().object = cube
    add("Cleo")
    scene.mimica.bake_all = True
    assert bpy.ops.mimica.bake() == {"FINISHED"}
    said = capsys.readouterr().out
    assert "Cube: 'Cube' cannot be driven" in said and "Ben: " in said and "Lost" in said
    assert reach("Ann")[0] > 0.1 and reach("Cleo")[0] > 0.1
    assert not keyed("Ben")


def test_a_bake_starts_from_how_the_character_stood_before_a_control_was_tried_out(scene):
    """Even where the bake adds to the pose that is there."""
    from mimica.rig import test_pose

    rig = bpy.data.objects["Ann"]
    rig.pose.bones["brow_mid.L"].location = (0.0, 0.001, 0.0)
    scene.mimica.existing_animation = "ADD"
    test_pose.show(rig, "browOuterUpLeft", 1.0)
    assert rig.pose.bones["brow_mid.L"].location[1] > 0.003
    assert bpy.ops.mimica.bake() == {"FINISHED"}
    assert not test_pose.share()
    scene.frame_set(1)
    assert rig.pose.bones["brow_mid.L"].location[1] == pytest.approx(0.001, abs=5e-4)
