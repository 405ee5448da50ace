# SPDX-FileCopyrightText: 2026 Mimica authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The preview of a bake: the pose is the baked one, nothing is keyed, and the character gets its own pose back."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import bpy
import numpy as np
import pytest

import mimica
from mimica.capture.take import TakeInfo, TakeWriter
from mimica.mapping.character_map import own_rig_map
from mimica.mapping.frame import ARKIT_SHAPES, FaceFrame
from mimica.operators import bake as bake_operators
from mimica.operators import bake_preview as preview_operators
from mimica.operators import takes as operators_takes
from mimica.rig import bake_preview, preview_motion, test_pose
from mimica.rig.character import store_map
from mimica.rig.face_rig import create_face_rig
from mimica.tests.synthetic import act, photograph

STOOD = (0.3, 0.0, 0.0)
"""Where a brow stands before the preview, scene units."""
Pose = dict[str, np.ndarray]


def record(path: Path, jaw: np.ndarray) -> None:
    path.parent.mkdir(exist_ok=True)
    with TakeWriter(path, TakeInfo(path.stem)) as writer:
        for i, landmarks in enumerate(photograph(act(jaw=jaw)).landmarks):
            writer.append((FaceFrame(i / 30, landmarks, None, (640, 480), 0, 1.0),))


@pytest.fixture
def scene(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[bpy.types.Scene]:
    """A face rig that does not stand at rest, and a take of three seconds in which it talks."""
    monkeypatch.setattr(operators_takes, "takes_folder", lambda: tmp_path / "takes")
    rng = np.random.default_rng(1)
    jaw = np.clip(0.4 - 0.4 * np.cos(np.arange(90) / 4) + rng.normal(0, 0.05, 90), 0.0, 1.0)
    record(tmp_path / "takes" / "talk.mimica", jaw)
    record(tmp_path / "takes" / "shut.mimica", np.zeros(90))
    bpy.ops.wm.read_homefile(use_empty=True)
    mimica.register()
    scene = bpy.context.scene
    scene.render.fps = 30
    rig = bpy.data.objects[create_face_rig(bpy.context).armature]
    rig.pose.bones["brow_mid.L"].location = STOOD
    scene.mimica.target = rig
    pick("talk")
    yield scene
    bake_preview.end()
    mimica.unregister()


def pick(take: str) -> None:
    operators_takes.refresh_takes(bpy.context.window_manager)
    state = bpy.context.window_manager.mimica
    state.take_index = [item.name for item in state.takes].index(take)


def rig() -> bpy.types.Object:
    return bpy.data.objects["Mimica Face Rig"]


def pose() -> Pose:
    """What the bones' channels are, in whichever way each turns."""
    return {bone.name: np.array(bone.matrix_basis) for bone in rig().pose.bones}


def gap(one: Pose, other: Pose) -> float:
    return max(float(np.abs(one[name] - other[name]).max()) for name in one)


def jaw() -> float:
    return rig().pose.bones["jaw"].rotation_quaternion.angle


def shown(frame: int) -> Pose:
    bpy.context.scene.frame_set(frame)
    bake_preview.look(wait=True)
    return pose()


def stands() -> bool:
    return jaw() == 0.0 and tuple(rig().pose.bones["brow_mid.L"].location) == pytest.approx(STOOD)


def start() -> None:
    assert bpy.ops.mimica.preview_bake() == {"FINISHED"}
    bake_preview.look(wait=True)


@pytest.mark.parametrize("rate", [24, 30])
def test_it_shows_what_a_bake_keys_and_gives_the_pose_back(scene, rate):
    scene.render.fps = rate
    scene.mimica.bake_start = 11
    frames = [5, 11, 20, 37, 60, 200]
    start()
    previewed = {frame: shown(frame) for frame in frames}
    assert max(gap(a, b) for a in previewed.values() for b in previewed.values()) > 0.1
    status = bake_preview.status()
    assert len(bpy.data.actions) == 0
    bpy.ops.mimica.preview_bake()
    assert stands()
    before = pose()
    bpy.ops.mimica.bake()
    assert status.frames == tuple(round(end) for end in rig().animation_data.action.frame_range)
    for frame, seen in previewed.items():
        scene.frame_set(frame)
        assert gap(seen, pose()) < 1e-5, frame
    assert gap(before, pose()) > 0.01


def test_a_bake_ends_it_and_is_the_same_as_without(scene):
    scene.mimica.existing_animation = "ADD"
    bpy.ops.ed.undo_push(message="before")
    bpy.ops.mimica.bake()
    scene.frame_set(30)
    alone = pose()
    bpy.ops.ed.undo_push(message="baked")
    bpy.ops.ed.undo()
    assert len(bpy.data.actions) == 0
    assert stands()
    start()
    shown(45)
    bpy.ops.mimica.bake()
    assert not bake_preview.is_on(bpy.context.scene)
    bpy.context.scene.frame_set(30)
    assert gap(alone, pose()) < 1e-6


def test_a_slider_of_what_is_baked_ends_it(scene):
    bpy.ops.mimica.bake()
    start()
    shown(15)
    assert bpy.ops.mimica.rebuild_bake() == {"FINISHED"}
    assert not bake_preview.is_on(scene)


def test_settings_show_at_once(scene):
    start()
    first = shown(30)
    scene.mimica.smoothness = 4.0
    bake_preview.look(wait=True)
    calm = pose()
    assert gap(first, calm) > 1e-3
    scene.mimica.preview.raw = True
    bake_preview.look(wait=True)
    raw = pose()
    scene.mimica.preview.raw = False
    scene.mimica.smoothness = 0.0
    bake_preview.look(wait=True)
    assert gap(raw, pose()) == 0.0
    assert gap(calm, raw) > 1e-3
    scene.mimica.bake_start = 16
    bake_preview.look(wait=True)
    later = pose()
    scene.mimica.bake_start = 1
    assert gap(later, shown(15)) == 0.0
    pick("shut")
    bake_preview.look(wait=True)
    assert jaw() < 0.03
    scene.mimica.bake_part, scene.mimica.bake_from, scene.mimica.bake_to = True, 1.0, 2.0
    bake_preview.look(wait=True)
    assert bake_preview.status().frames == (1, 31)


def test_what_the_map_no_longer_drives_goes_back(scene):
    start()
    shown(15)
    assert rig().pose.bones["brow_mid.L"].location.x < 0.1
    whole = own_rig_map()
    store_map(rig(), replace(whole, bones=tuple(e for e in whole.bones if e.bone != "brow_mid.L")))
    bake_preview.look(wait=True)
    assert tuple(rig().pose.bones["brow_mid.L"].location) == pytest.approx(STOOD)
    assert jaw() > 0.1
    bake_preview.end()
    assert stands()


def test_a_long_take_is_worked_out_in_the_background(scene, monkeypatch):
    monkeypatch.setattr(preview_motion, "_SHORT", 10)
    assert bpy.ops.mimica.preview_bake() == {"FINISHED"}
    assert bake_preview.status().working
    assert stands()
    bake_preview.look(wait=True)
    assert not bake_preview.status().working
    scene.frame_set(15)
    assert jaw() > 0.1
    bake_preview.end()
    assert stands()


def test_of_a_long_take_what_is_about_the_frame_comes_first(scene, monkeypatch):
    """A change of settings shows before the whole take is worked out, wherever the timeline is."""
    monkeypatch.setattr(preview_motion, "_AT_ONCE", 0.0)
    monkeypatch.setattr(preview_motion, "_NEAR", 0.2)
    start()
    shown(60)
    scene.mimica.smoothness = 3.0
    bake_preview.look()
    first = pose()
    scene.frame_set(15)
    second = pose()
    assert bake_preview.status().frames == (1, 90)
    bake_preview.look(wait=True)
    assert gap(second, pose()) < 0.02
    assert gap(first, shown(60)) < 0.02
    assert gap(first, second) > 0.05


@pytest.mark.parametrize(("existing", "follows"), [("LEAVE", False), ("REPLACE", True), ("ADD", True)])
def test_animation_that_is_there_is_treated_as_in_a_bake(scene, existing, follows):
    bone = rig().pose.bones["jaw"]
    for frame, angle in ((1, 0.0), (40, 0.3)):
        bone.rotation_quaternion = (np.cos(angle / 2), np.sin(angle / 2), 0.0, 0.0)
        bone.keyframe_insert("rotation_quaternion", frame=frame)
    scene.frame_set(20)
    own = np.array(bone.rotation_quaternion)
    scene.mimica.existing_animation = existing
    start()
    changed = not np.allclose(np.array(shown(20)["jaw"]), np.array(bone.matrix_basis)) or not np.allclose(
        own, bone.rotation_quaternion, atol=1e-3
    )
    assert changed == follows
    there = pose()
    bake_preview.end()
    bpy.context.view_layer.update()
    assert np.allclose(own, rig().pose.bones["jaw"].rotation_quaternion, atol=1e-6)
    if existing != "REPLACE":
        bpy.ops.mimica.bake()
        scene.frame_set(20)
        assert gap(there, pose()) < 1e-5


def test_a_saved_file_holds_the_characters_own_pose(scene, tmp_path):
    start()
    shown(15)
    path = str(tmp_path / "saved.blend")
    bpy.ops.wm.save_as_mainfile(filepath=path)
    assert jaw() > 0.1, "it goes on after the save"
    bpy.ops.wm.open_mainfile(filepath=path)
    assert stands()
    assert not bake_preview.is_on(bpy.context.scene)
    bake_preview.look(wait=True)
    assert stands()


def test_undo_to_before_it_and_back_into_it(scene):
    bpy.ops.ed.undo_push(message="before")
    start()
    shown(15)
    bpy.ops.ed.undo_push(message="Preview")
    talking = pose()
    bpy.context.scene.mimica.smoothness = 3.0
    bake_preview.look(wait=True)
    bpy.ops.ed.undo_push(message="Smoothness")
    bpy.ops.ed.undo()
    assert bake_preview.is_on(bpy.context.scene)
    assert gap(talking, pose()) < 1e-6
    bpy.ops.ed.undo()
    assert not bake_preview.is_on(bpy.context.scene)
    assert stands()
    bpy.ops.ed.redo()
    assert bake_preview.is_on(bpy.context.scene)
    assert gap(talking, pose()) < 1e-6
    bake_preview.end()
    assert stands()


def test_undo_after_it_ended_does_not_leave_its_pose(scene):
    bpy.ops.ed.undo_push(message="before")
    start()
    shown(15)
    bpy.ops.ed.undo_push(message="Preview")
    bpy.ops.mimica.preview_bake()
    bpy.ops.ed.undo_push(message="Preview")
    assert stands()
    bpy.ops.ed.undo()
    assert bake_preview.is_on(bpy.context.scene)
    assert jaw() > 0.1
    bpy.ops.mimica.preview_bake()
    assert stands()


def test_renaming_and_deleting_the_character_do_no_harm(scene):
    start()
    shown(15)
    rig().name = "Rita"
    bake_preview.look(wait=True)
    assert bpy.data.objects["Rita"].pose.bones["jaw"].rotation_quaternion.angle > 0.1
    bpy.data.objects["Rita"].name = "Mimica Face Rig"
    bake_preview.look(wait=True)
    bpy.data.objects.remove(rig())
    bake_preview.look(wait=True)
    assert "character" in bake_preview.status().problem


def test_another_character_takes_over(scene):
    start()
    shown(15)
    other = bpy.data.objects[create_face_rig(bpy.context).armature]
    scene.mimica.target = other
    bake_preview.look(wait=True)
    assert stands()
    assert other.pose.bones["jaw"].rotation_quaternion.angle > 0.1


def test_a_take_that_cannot_be_read_is_said(scene, tmp_path, monkeypatch):
    monkeypatch.setattr(bake_preview, "_AGAIN_SECONDS", 0.0)
    start()
    shown(15)
    good = (tmp_path / "takes" / "shut.mimica").read_bytes()
    (tmp_path / "takes" / "shut.mimica").write_bytes(b"nonsense")
    bpy.context.window_manager.mimica.take_index = 1 - bpy.context.window_manager.mimica.take_index
    bake_preview.look(wait=True)
    assert "shut.mimica" in bake_preview.status().problem
    assert stands()
    (tmp_path / "takes" / "shut.mimica").write_bytes(good)
    bake_preview.look(wait=True)
    assert bake_preview.status().problem == ""
    assert not stands()


def test_a_test_pose_ends_it(scene):
    start()
    shown(15)
    test_pose.show(rig(), "browInnerUp", 1.0)
    assert not bake_preview.is_on(scene)
    assert jaw() == 0.0
    test_pose.end()
    assert stands()


def test_without_a_take_it_is_greyed(scene):
    bpy.context.window_manager.mimica.takes.clear()
    with pytest.raises(RuntimeError, match="poll"):
        bpy.ops.mimica.preview_bake()


def test_shape_keys_are_previewed_too(scene):
    mesh = bpy.data.objects.new("Head", bpy.data.meshes.new("Head"))
    mesh.data.from_pydata([(0, 0, 0)], [], [])
    scene.collection.objects.link(mesh)
    mesh.shape_key_add(name="Basis")
    for name in ARKIT_SHAPES:
        mesh.shape_key_add(name=name)
    key = mesh.data.shape_keys.key_blocks["jawOpen"]
    key.value = 0.25
    scene.mimica.target = mesh
    start()
    scene.frame_set(14)
    assert key.value > 0.4
    bake_preview.end()
    assert key.value == 0.25
    assert mesh.data.shape_keys.animation_data is None


def test_a_render_shows_the_files_own_animation(scene):
    rendered: list[float] = []

    def see(*_arguments: object) -> None:
        rendered.append(jaw())

    scene.render.engine, scene.cycles.samples = "CYCLES", 1
    scene.render.resolution_x = scene.render.resolution_y = 8
    scene.camera = bpy.data.objects.new("Camera", bpy.data.cameras.new("Camera"))
    scene.collection.objects.link(scene.camera)
    start()
    shown(15)
    bpy.app.handlers.render_pre.append(see)
    try:
        bpy.ops.render.render()
    finally:
        bpy.app.handlers.render_pre.remove(see)
    assert rendered == [0.0]
    assert jaw() > 0.1, "it goes on after the render"


def test_parts_of_the_face_steps_strength_and_offset_are_the_bakes(scene):
    bake = scene.mimica.bake
    bake.bake_brows = False
    bake.strength, bake.offset, bake.step, bake.stepped = 0.5, 0.1, 2.0, True
    start()
    previewed = {frame: shown(frame) for frame in (1, 4, 5, 8, 21, 22)}
    assert tuple(rig().pose.bones["brow_mid.L"].location) == pytest.approx(STOOD)
    bake.bake_brows, bake.bake_mouth = True, False
    bake_preview.look(wait=True)
    assert jaw() == 0.0
    assert rig().pose.bones["brow_mid.L"].location.x < 0.1
    bake.bake_brows, bake.bake_mouth = False, True
    bpy.ops.mimica.bake()
    for frame, seen in previewed.items():
        scene.frame_set(frame)
        assert gap(seen, pose()) < 1e-5, frame


@pytest.mark.parametrize("begins", [10.4, 10.5, 11.5, 10.75])
def test_a_performance_that_begins_between_two_frames(scene, monkeypatch, begins):
    """As one does that was recorded while the timeline played."""
    plain = bake_operators.settings_of
    monkeypatch.setattr(bake_operators, "settings_of", lambda s: replace(plain(s), start_frame=begins))
    monkeypatch.setattr(preview_operators, "settings_of", bake_operators.settings_of)
    start()
    previewed = {frame: shown(frame) for frame in (10, 11, 12, 25, 26)}
    bpy.ops.mimica.bake()
    for frame, seen in previewed.items():
        scene.frame_set(frame)
        assert gap(seen, pose()) < 1e-5, frame


def test_between_keys_it_goes_straight(scene):
    scene.mimica.bake.step = 2.0
    start()
    first, between, second = (np.array(shown(frame)["lip_lower"]) for frame in (5, 6, 7))
    assert np.allclose(between, (first + second) / 2, atol=1e-4)
