# SPDX-FileCopyrightText: 2026 Mimica authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Rigify's faces make the performer's face: nothing counts twice, and what touches meets."""

import os
from pathlib import Path

import bpy
import numpy as np
import pytest

from mimica.capture.model import verify_model
from mimica.capture.source import Image
from mimica.capture.tracker import Tracker
from mimica.mapping.channels import BonePose
from mimica.mapping.frame import ARKIT_SHAPES, FaceFrames
from mimica.mapping.mapper import map_frames
from mimica.mapping.motion import Motion
from mimica.mapping.rotation import matrix_from_quaternion
from mimica.rig import response as response_module
from mimica.rig.bind import Binding, bind
from mimica.rig.response import measure_response
from mimica.rig.rest_pose import read_rest_pose
from mimica.tests.blender.rigify_rigs import generate
from mimica.tests.blender.test_lip_contact import mouth_of, profile_of, speak
from mimica.tests.synthetic import photograph

LID_PAIRS = [(f"lid.T.{s}.00{upper}", f"lid.B.{s}.00{4 - upper}") for s in "LR" for upper in (1, 2, 3)]
LIP_PAIRS = [("lip.T", "lip.B"), ("lip.T.L.001", "lip.B.L.001"), ("lip.T.R.001", "lip.B.R.001")]
CLOSED_MM = 1.0


class Character:
    """A bound rig whose bones can be posed and looked at. Lengths in mm of its face."""

    def __init__(self, face: str) -> None:
        self.rig = generate(face)
        self.binding: Binding = bind(self.rig)
        self.plan = self.binding.plan
        self.rest = read_rest_pose(self.rig, self.plan.character)
        self.controls = [e.bone for e in self.plan.character.bones if e.enabled and e.drive in ("landmarks", "lid")]
        self._rows = [self.rig.pose.bones.find(name) for name in self.plan.bones]

    def show(self, pose: BonePose, instant: int, still: tuple[str, ...] = ()) -> None:
        """Put one instant on the rig; bones named in `still` rest."""
        for i, name in enumerate(self.plan.bones):
            bone = self.rig.pose.bones[name]
            bone.rotation_mode = "QUATERNION"
            bone.location = (0.0, 0.0, 0.0) if name in still else pose.location[instant, i]
            bone.rotation_quaternion = (1.0, 0.0, 0.0, 0.0) if name in still else pose.rotation[instant, i]
        bpy.context.view_layer.update()

    def places(self, names: list[str]) -> np.ndarray:
        """Where bones are, (b, 3) mm."""
        return np.array([self.rig.pose.bones[name].head for name in names]) * 10.0 / self.rest.unit

    def at_rest(self, names: list[str]) -> np.ndarray:
        """Where they are at rest, (b, 3) mm."""
        return 10.0 * self.rest.heads[[self.rest.names.index(name) for name in names]]

    def deformed(self, control: str) -> np.ndarray:
        """Where the skin at a control is, (3,) mm: the end of a deforming bone that rests there."""
        bones = self.rig.data.bones
        place = bones[control].head_local
        for bone in bones:
            for end in ("head", "tail"):
                if bone.use_deform and (getattr(bone, f"{end}_local") - place).length < 1e-4:
                    return np.array(getattr(self.rig.pose.bones[bone.name], end)) * 10.0 / self.rest.unit
        raise AssertionError(f"nothing deforms the skin at {control}")

    def apart(self, pairs: list[tuple[str, str]]) -> np.ndarray:
        """How far the skin of the upper control is above that of the lower one, mm."""
        return np.array([self.deformed(upper)[2] - self.deformed(lower)[2] for upper, lower in pairs])


@pytest.fixture(scope="module", params=["old", "modular"])
def character(request: pytest.FixtureRequest) -> Character:
    return Character(request.param)


def motion_of(character: Character, count: int) -> Motion:
    return Motion.neutral(np.arange(count) / 30.0, len(character.plan.groups))


def put(motion: Motion, name: str, values: object) -> None:
    for side in ("Left", "Right") if f"{name}Left" in ARKIT_SHAPES else ("",):
        motion.controls[:, ARKIT_SHAPES.index(name + side)] = values


def test_every_control_goes_where_it_is_wanted_and_no_further(character):
    """Also with an open jaw that turns aside, eyes that look about, and half closed lids."""
    motion = motion_of(character, 6)
    rng = np.random.default_rng(1)
    motion.displacement[:] = rng.normal(0.0, 0.25, motion.displacement.shape)
    put(motion, "jawOpen", np.linspace(0.0, 0.4, 6))
    put(motion, "jawLeft", [0.0, 0.3, 0.5, 0.0, 0.0, 0.0])
    put(motion, "eyeBlink", [0.0, 0.3, 0.6, 1.0, 0.0, 1.0])
    motion.gaze[:] = rng.uniform(-0.3, 0.3, (6, 1, 2))
    pose, wanted = character.plan.evaluate(motion), 10.0 * character.plan.wanted(motion)
    rest = character.at_rest(character.controls)
    order = [character.plan.response.bones.index(name) for name in character.controls]
    for instant in range(6):
        character.show(pose, instant)
        off = character.places(character.controls) - rest - wanted[instant, order]
        assert np.linalg.norm(off, axis=1).max() < 1.5
        assert np.linalg.norm(off, axis=1).mean() < 0.3


@pytest.mark.parametrize("gaze", [(0.0, 0.0), (0.0, -0.35), (0.0, 0.35), (0.4, 0.0), (-0.3, 0.2)])
def test_lids_meet_wherever_the_eyes_look(character, gaze):
    motion = motion_of(character, 5)
    put(motion, "eyeBlink", [0.0, 0.5, 0.8, 1.0, 0.0])
    motion.gaze[:] = gaze
    pose = character.plan.evaluate(motion)
    found = []
    for instant in range(5):
        character.show(pose, instant)
        found.append(character.apart(LID_PAIRS))
    assert np.abs(found[3]).max() < CLOSED_MM
    assert (found[0] > found[1]).all() and (found[1] > found[2]).all() and (found[2] > found[3]).all()
    assert np.min(found[0]) > 4.0


def test_open_lids_follow_the_gaze_as_the_rig_has_it(character):
    motion = motion_of(character, 2)
    motion.gaze[1, :, 1] = -0.3
    pose = character.plan.evaluate(motion)
    names = ["lid.T.L.002", "lid.T.R.002"]
    character.show(pose, 1)
    ours = character.places(names)
    targets = tuple(set(character.plan.bones) - {"eye.L", "eye.R"})
    character.show(pose, 1, still=targets)
    # The old face moves lids straight ahead; on the eyeball they are as high.
    assert ours[:, 2] == pytest.approx(character.places(names)[:, 2], abs=0.3)
    assert (character.at_rest(names)[:, 2] - ours[:, 2] > 1.0).all()


@pytest.mark.parametrize("size", [0.8, 1.25])
def test_lips_that_touch_touch_however_far_the_jaw_opens_and_parted_ones_part(character, size):
    face = mouth_of(size)
    jaw = np.repeat([0.0, 0.2, 0.5, 0.2, 0.5], 4)
    closed = np.repeat([1.0, 1.0, 1.0, 0.0, 0.0], 4)
    profile = profile_of(face)
    binding = bind(character.rig, profile.neutral)
    motion = map_frames(photograph(speak(face, jaw, closed)), profile=profile, groups=binding.plan.groups)
    pose = binding.plan.evaluate(motion)
    found = []
    for instant in (2, 6, 10, 14, 18):
        character.show(pose, instant, still=("head", "neck"))
        arms = rolled_edges(character)
        found.append(character.apart(LIP_PAIRS) - arms)
    rest = np.array([character.at_rest([u])[0, 2] - character.at_rest([b])[0, 2] for u, b in LIP_PAIRS])
    parted = np.array(found) - rest
    assert np.abs(parted[:3]).max() < CLOSED_MM
    assert parted[3].min() > 1.0 and (parted[4] > parted[3]).all()
    assert parted[4, 0] > 5.0


def rolled_edges(character: Character) -> np.ndarray:
    """How far the jaw's tilt brings the lips' edges nearer to each other than their controls, mm, by pair.

    The edge of a lower lip lies above its control, and comes down as the control turns.
    """
    found = []
    for upper, lower in LIP_PAIRS:
        half = 0.5 * (character.at_rest([upper]) - character.at_rest([lower]))[0]
        ways = []
        for name, arm in ((upper, -half), (lower, half)):
            bone = character.rig.pose.bones[name]
            turn = np.array((bone.matrix.to_3x3() @ bone.bone.matrix_local.to_3x3().inverted()), float)
            ways.append((turn @ arm - arm)[2])
        found.append(ways[1] - ways[0])
    return np.array(found)


def test_the_head_turns_as_far_as_the_performers(character):
    """In these rigs the head does not follow the neck."""
    motion = motion_of(character, 1)
    motion.head_rotation[0] = [np.cos(0.2), 0.0, np.sin(0.2), 0.0]
    character.show(character.plan.evaluate(motion), 0)
    bone = character.rig.pose.bones["head"]
    turned = np.array(bone.matrix.to_3x3() @ bone.bone.matrix_local.to_3x3().inverted())
    expected = matrix_from_quaternion(np.array([np.cos(0.2), 0.0, 0.0, np.sin(0.2)]))
    assert turned == pytest.approx(expected, abs=1e-3)


def test_eyes_look_where_the_performers_do(character):
    motion = motion_of(character, 1)
    motion.gaze[0] = [0.3, -0.2]
    character.show(character.plan.evaluate(motion), 0)
    bone = character.rig.pose.bones["MCH-eye.L"]
    way = np.array(bone.tail) - np.array(bone.head)
    assert np.arctan2(way[0], -way[1]) == pytest.approx(0.3, abs=0.01)
    assert np.arcsin(way[2] / np.linalg.norm(way)) == pytest.approx(-0.2, abs=0.01)


@pytest.mark.parametrize("follows", [True, False])
def test_eyes_do_so_with_a_turned_head_whatever_their_target_is_parented_to(character, follows):
    rig = character.rig
    bones = rig.pose.bones
    holder, name = (bones["eyes"], "eyes_follow") if "eyes" in bones else (bones["eye_common"], "parent_switch")
    before = holder[name]
    if not follows:
        holder[name] = type(before)(0)
        rig.update_tag()
    try:
        plan = bind(rig).plan
        motion = Motion.neutral(np.zeros(1), len(plan.groups))
        motion.gaze[0] = [0.2, 0.1]
        motion.head_rotation[0] = [np.cos(0.2), 0.0, np.sin(0.2), 0.0]
        character.show(plan.evaluate(motion), 0)
        eye, head = rig.pose.bones["MCH-eye.L"], rig.pose.bones["head"]
        turned = head.matrix.to_3x3() @ head.bone.matrix_local.to_3x3().inverted()
        way = np.array(turned.inverted() @ (eye.tail - eye.head))
    finally:
        holder[name] = before
        rig.update_tag()
    assert plan.response is not None
    assert min(plan.response.targets_follow) > 0.9 if follows else max(plan.response.targets_follow) < 0.1
    assert np.arctan2(way[0], -way[1]) == pytest.approx(0.2, abs=0.03)
    assert np.arcsin(way[2] / np.linalg.norm(way)) == pytest.approx(0.1, abs=0.03)


def scene_state(rig: bpy.types.Object) -> list[object]:
    """What a measurement must leave as it was."""
    pose = [(tuple(b.location), tuple(b.rotation_quaternion), b.rotation_mode) for b in rig.pose.bones]
    return [
        pose,
        rig.mode,
        rig.hide_viewport,
        rig.hide_get(),
        rig.select_get(),
        rig.data.pose_position,
        bpy.context.object,
        bpy.context.scene,
        [len(getattr(bpy.data, kind)) for kind in ("objects", "armatures", "scenes", "collections", "actions")],
        [bone.name for bone in rig.data.bones if bone.hide],
    ]


@pytest.mark.parametrize("fails", [False, True])
def test_measuring_leaves_everything_as_it_was(character, monkeypatch, fails):
    rig = character.rig
    rig.pose.bones["jaw_master"].rotation_quaternion = (0.98, 0.2, 0.0, 0.0)
    rig.pose.bones["torso"].location = (0.3, 0.1, 0.0)
    bpy.ops.object.mode_set(mode="POSE")
    rig.hide_set(True)
    before = scene_state(rig)
    if fails:
        monkeypatch.setattr(response_module._Measuring, "with_bend", lambda *_: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            measure_response(rig, character.plan.character, character.rest)
        found = None
    else:
        found = measure_response(rig, character.plan.character, character.rest)
    assert scene_state(rig) == before
    rig.hide_set(False)
    bpy.ops.object.mode_set(mode="OBJECT")
    if found is not None:
        # Nor does it matter how the character stands.
        assert np.abs(found.jacobian - character.plan.response.jacobian).max() < 0.01
    for name in ("jaw_master", "torso"):
        rig.pose.bones[name].matrix_basis.identity()


def test_a_control_that_something_else_drives_is_left_alone(character):
    rig = character.rig
    bone = rig.pose.bones["brow.T.L.003"]
    constraint = bone.constraints.new("COPY_TRANSFORMS")
    constraint.target, constraint.subtarget = rig, "ORG-face"
    try:
        plan = bind(rig).plan
        motion = Motion.neutral(np.zeros(1), len(plan.groups))
        motion.displacement[:] = [0.0, 0.5, 0.0]
        pose = plan.evaluate(motion)
    finally:
        bone.constraints.remove(constraint)
    moved = {name: np.linalg.norm(way) for name, way in zip(plan.bones, pose.location[0], strict=True)}
    assert moved["brow.T.L.003"] == 0.0
    assert moved["brow.T.R.003"] > 0.0


@pytest.fixture(scope="module")
def acted(model_path: Path) -> FaceFrames:
    """A stretch of a real performance with blinks, a mouth wide open, and speech."""
    cv2 = pytest.importorskip("cv2")
    clips = sorted(Path(os.environ.get("MIMICA_TEST_CLIPS", os.devnull)).glob("mouth*.mp4"))
    if not clips:
        pytest.skip("needs real clips: name their folder in MIMICA_TEST_CLIPS")
    video, pictures = cv2.VideoCapture(str(clips[0])), []
    while len(pictures) < 240 and (got := video.read())[0]:
        pictures.append(cv2.cvtColor(got[1], cv2.COLOR_BGR2RGB))
    with Tracker(verify_model(model_path)) as tracker:
        seen = [tracker.track(Image(np.ascontiguousarray(p), i / 30, i))[0] for i, p in enumerate(pictures)]
    return FaceFrames.from_frames(seen)


def test_a_real_performance(character, acted):
    motion = map_frames(acted, groups=character.plan.groups)
    pose = character.plan.evaluate(motion)
    # Nothing flips, and no control leaves the face.
    assert np.abs((pose.rotation[1:] * pose.rotation[:-1]).sum(axis=2)).min() > 0.95
    faces = [i for i, name in enumerate(character.plan.bones) if name in character.controls]
    assert np.abs(pose.location[:, faces]).max() / character.rest.unit < 4.0
    # The jaw slides as it opens wide, so that the chin stays on it.
    chin = pose.location[:, character.plan.bones.index("chin")] / character.rest.unit
    assert np.linalg.norm(chin, axis=1).max() < 1.5
    blinks = np.minimum(motion.control("eyeBlinkLeft"), motion.control("eyeBlinkRight"))
    shut = np.flatnonzero(blinks > 0.999)
    assert len(shut)
    for instant in shut[:4]:
        character.show(pose, instant, still=("head", "neck"))
        assert np.abs(character.apart(LID_PAIRS)).max() < CLOSED_MM
    widest, opened = int(motion.control("jawOpen").argmax()), motion.control("jawOpen").max()
    character.show(pose, widest, still=("head", "neck"))
    assert opened > 0.7
    assert character.at_rest(["chin"])[0, 2] - character.places(["chin"])[0, 2] > 15.0 * opened
    assert character.apart(LIP_PAIRS[:1])[0] > 15.0
