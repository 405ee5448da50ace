# SPDX-FileCopyrightText: 2026 Mimica authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The feel of a performance in Blender: what the panel says is seen live, and baked."""

import time
from collections.abc import Callable, Iterator
from pathlib import Path

import bpy
import numpy as np
import pytest

import mimica
from mimica.capture.model import verify_model
from mimica.capture.source import SourceSpec
from mimica.capture.take import SUFFIX, Take, TakeInfo, TakeWriter
from mimica.cli import main
from mimica.mapping.calibration import PerformerProfile, default_profile
from mimica.mapping.character_map import CONTROLS, GAZE_CONTROLS
from mimica.mapping.frame import FaceFrame
from mimica.rig import live
from mimica.rig.face_rig import create_face_rig
from mimica.rig.feel import feel_of, follow_feel, presets
from mimica.rig.rebake import baked_action
from mimica.rig.recipe import read_recipe
from mimica.tests.blender.baked import keys_in, new_rig
from mimica.tests.synthetic import act, photograph

PATIENCE = 60.0
_LEFT_CORNER = [291, 375, 409, 308, 415, 324, 306, 292, 325, 307, 287, 432]
_PRESETS = [*presets()]


@pytest.fixture
def scene() -> Iterator[bpy.types.Scene]:
    rig = new_rig()
    mimica.register()
    bpy.context.scene.mimica.target = rig
    yield bpy.context.scene
    live.stop()
    live.finished_takes.clear()
    # As with Blender's own presets, the menu bears the name of the one that was used.
    bpy.types.MIMICA_MT_feel_presets.bl_label = "Presets"
    mimica.unregister()


@pytest.fixture
def capture(scene: bpy.types.Scene, sample_clip: Path, model_path: Path) -> live.LiveSession:
    source = SourceSpec("video", path=str(sample_clip), loop=True)
    return live.start(live.LiveSettings(source, verify_model(model_path), feel=feel_of(scene)))


def tick_until(capture: live.LiveSession, scene: bpy.types.Scene, done: Callable[[], bool]) -> None:
    """Tick as the modal operator does."""
    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline:
        follow_feel(capture, scene)
        assert capture.tick(scene.mimica.target)
        if done():
            return
        time.sleep(1 / 60)
    raise AssertionError("waited in vain")


def tick_poses(capture: live.LiveSession, scene: bpy.types.Scene, count: int) -> np.ndarray:
    """Return the next poses of the rig, (count, V)."""
    poses = []
    for _ in range(count):
        before = capture.poses
        tick_until(capture, scene, lambda before=before: capture.poses > before)
        poses.append(pose_of(scene.mimica.target))
    return np.array(poses)


def pose_of(rig: bpy.types.Object) -> np.ndarray:
    return np.array([v for bone in rig.pose.bones for v in (*bone.location, *bone.rotation_quaternion)])


def changed(poses: np.ndarray) -> np.ndarray:
    return np.abs(np.diff(poses, axis=0)).max(axis=1) > 1e-7


def half_a_smile(path: Path, count: int = 50) -> None:
    """A take in which the left corner of the mouth goes up and out, and the head turns a little."""
    wave = np.sin(np.linspace(0, np.pi, count)) ** 2
    faces = act(jaw=np.zeros(count))
    faces[:, _LEFT_CORNER] += wave[:, None, None] * np.array([0.6, 0.5, 0.0])
    frames = photograph(faces)
    with TakeWriter(path, TakeInfo(path.stem, performer=default_profile().to_json())) as writer:
        for at, landmarks in zip(frames.times, frames.landmarks, strict=True):
            writer.append((FaceFrame(float(at), landmarks, None, (640, 480)),))


def corners(keys: dict[tuple[str, int], np.ndarray]) -> dict[str, float]:
    """How far each corner of the mouth goes by the keys."""
    still = np.zeros((1, 2))
    bones = {side: f'pose.bones["lip_corner.{side}"].location' for side in "LR"}
    return {side: max(np.ptp(keys.get((bone, i), still)[:, 1]) for i in range(3)) for side, bone in bones.items()}


def test_frozen_the_pose_stays_while_the_capture_goes_on(capture: live.LiveSession, scene: bpy.types.Scene) -> None:
    # When the neutral is found, the same motion becomes another pose.
    tick_until(capture, scene, lambda: capture.profile is not None)
    assert changed(tick_poses(capture, scene, 15)).any()
    assert bpy.ops.mimica.freeze() == {"FINISHED"}
    held, tracked = pose_of(scene.mimica.target), capture.stats().tracked
    tick_until(capture, scene, lambda: capture.stats().tracked > tracked + 15)
    assert np.array_equal(pose_of(scene.mimica.target), held)
    # Another character of the same face gets a mapper that knows nothing of what is held.
    other = bpy.data.objects[create_face_rig(bpy.context).armature]
    rest, tracked = pose_of(other), capture.stats().tracked
    while capture.stats().tracked < tracked + 15:
        assert capture.tick_all([(scene.mimica.target, 0), (other, 0)])
        time.sleep(1 / 60)
    assert np.array_equal(pose_of(scene.mimica.target), held)
    assert not np.array_equal(pose_of(other), rest)
    bpy.ops.mimica.freeze()
    again = tick_poses(capture, scene, 15)
    assert changed(again[3:]).any()


def test_sliders_act_while_it_is_captured(capture: live.LiveSession, scene: bpy.types.Scene) -> None:
    assert changed(tick_poses(capture, scene, 15)).any()
    scene.mimica.bake.strength = 0.0
    tick_poses(capture, scene, 30)
    assert not changed(tick_poses(capture, scene, 10)).any()
    scene.mimica.bake.strength = 1.0
    assert changed(tick_poses(capture, scene, 10)).all()
    bpy.ops.mimica.feel_preset(preset="TWOS")
    scene.render.fps = 4
    assert changed(tick_poses(capture, scene, 25)[2:]).sum() < 8


def test_straight_ahead_goes_with_the_take(capture: live.LiveSession, scene: bpy.types.Scene, tmp_path: Path) -> None:
    with pytest.raises(RuntimeError, match="Wait until your neutral is known"):
        bpy.ops.mimica.recentre_head()
    tick_until(capture, scene, lambda: capture.profile is not None and capture.values_of_face(0) is not None)
    tick_poses(capture, scene, 30)
    assert bpy.ops.mimica.recentre_head() == {"FINISHED"}
    tick_until(capture, scene, lambda: capture.rest is not None)
    path = tmp_path / "take.mimica"
    capture.start_recording(path, "take")
    tick_until(capture, scene, lambda: capture.stats().recorded > 5)
    rest = capture.rest
    capture.stop_recording()
    tick_until(capture, scene, lambda: bool(live.finished_takes))
    stored = PerformerProfile.from_json(Take.open(path).info.performer or {})
    assert rest is not None and stored.rest is not None
    assert np.allclose(stored.rest.rotation, rest.rotation, atol=1e-5)
    assert capture.profile is not None and capture.profile.rest is None
    assert bpy.ops.mimica.recentre_head(clear=True) == {"FINISHED"}
    tick_until(capture, scene, lambda: capture.rest is None)


def test_live_is_mirrored_and_the_gaze_in_the_picture_is_not(capture: live.LiveSession, scene: bpy.types.Scene) -> None:
    assert bpy.ops.mimica.mirror() == {"FINISHED"} and scene.mimica.feel.mirror
    tick_poses(capture, scene, 40)
    live.stop()
    performed, values = capture.gaze_of_face(0), capture.values_of_face(0)
    assert performed is not None and values is not None
    shown = values[[CONTROLS.index(name) for name in GAZE_CONTROLS]].reshape(2, 2)
    assert np.allclose(shown, performed[::-1] * [-1.0, 1.0]) and np.abs(performed).max() > 1e-3


def test_without_a_capture_buttons_say_why(scene: bpy.types.Scene) -> None:
    for name in ("freeze", "recentre_head"):
        with pytest.raises(RuntimeError, match="Start a capture first"):
            getattr(bpy.ops.mimica, name)()
    assert bpy.ops.mimica.mirror() == {"FINISHED"} and scene.mimica.feel.mirror
    assert bpy.ops.mimica.mirror() == {"FINISHED"} and not scene.mimica.feel.mirror


@pytest.mark.parametrize("name", _PRESETS)
def test_what_a_preset_shows_is_what_is_baked(scene: bpy.types.Scene, name: str) -> None:
    from mimica.operators.bake import settings_of

    scene.mimica.smoothness, scene.mimica.bake.strength_head = 3.0, 0.1
    scene.mimica.bake.stepped, scene.mimica.bake.step = True, 4.0
    bpy.ops.mimica.feel_preset(preset=name)
    feel, baked = feel_of(scene), settings_of(scene.mimica)
    assert feel.mapping == baked.mapping and feel.strength == baked.strength
    rate = scene.render.fps / scene.render.fps_base
    assert feel.hold == pytest.approx(baked.step / rate if baked.stepped else 0.0)
    assert (name == "NATURAL") == (feel == type(feel)())
    assert baked.stepped == (name == "TWOS")


def test_an_own_preset_comes_back(scene: bpy.types.Scene, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bpy.utils, "user_resource", lambda *_args, **_named: str(tmp_path))
    scene.mimica.smoothness, scene.mimica.bake.strength_brows, scene.mimica.bake.stepped = 2.25, 1.75, True
    assert bpy.ops.mimica.feel_preset_add(name="Mine") == {"FINISHED"}
    (path,) = tmp_path.rglob("*.py")
    bpy.ops.mimica.feel_preset(preset="NATURAL")
    bpy.ops.script.execute_preset(filepath=str(path), menu_idname="MIMICA_MT_feel_presets")
    assert scene.mimica.smoothness == 2.25 and scene.mimica.bake.strength_brows == 1.75 and scene.mimica.bake.stepped
    # The minus beside the menu deletes the one whose name it bears, which has to be the one in use.
    bpy.ops.mimica.feel_preset(preset="TALK")
    assert bpy.types.MIMICA_MT_feel_presets.bl_label == "Talk"
    bpy.ops.mimica.feel_preset_add(remove_active=True)
    assert path.exists()


def test_a_mirrored_bake_swaps_sides_and_can_be_changed_afterwards(
    scene: bpy.types.Scene, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from mimica.operators import takes

    monkeypatch.setattr(takes, "takes_folder", lambda: tmp_path)
    half_a_smile(tmp_path / f"Smile{SUFFIX}")
    takes.refresh_takes(bpy.context.window_manager)
    moved = {}
    for mirror in (False, True):
        scene.mimica.feel.mirror = mirror
        assert bpy.ops.mimica.bake() == {"FINISHED"}
        action = baked_action(scene.mimica.target)
        assert action is not None and read_recipe(action).choice.mirror == mirror
        moved[mirror] = corners(keys_in(scene.mimica.target, action))
    assert moved[False]["L"] > 3.0 * moved[False]["R"]
    assert moved[True]["R"] == pytest.approx(moved[False]["L"], rel=0.05) and moved[True]["R"] > 3.0 * moved[True]["L"]
    # Other keys of the same performance, still mirrored.
    action.mimica_baked.strength = 0.5
    half = corners(keys_in(scene.mimica.target, action))
    assert half["R"] == pytest.approx(0.5 * moved[True]["R"], rel=0.05)


def test_the_command_line_mirrors(tmp_path: Path) -> None:
    take = tmp_path / f"smile{SUFFIX}"
    half_a_smile(take)
    moved = []
    for i, more in enumerate(([], ["--mirror"])):
        output = tmp_path / f"{i}.blend"
        assert main(["run", str(take), "--output", str(output), "--proportions", "average", *more]) == 0
        bpy.ops.wm.open_mainfile(filepath=str(output))
        rig = next(obj for obj in bpy.context.scene.objects if obj.type == "ARMATURE")
        action = rig.animation_data.action
        assert read_recipe(action).choice.mirror == bool(more)
        moved.append(corners(keys_in(rig, action)))
    assert moved[0]["L"] > 3.0 * moved[0]["R"] and moved[1]["R"] > 3.0 * moved[1]["L"]


def test_an_old_choice_is_not_mirrored() -> None:
    from mimica.rig.performances import Choice

    old = Choice("//a.mimica").to_json()
    del old["mirror"]
    assert Choice.from_json(old) == Choice("//a.mimica") and not Choice.from_json(old).mirror
