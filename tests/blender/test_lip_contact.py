# SPDX-FileCopyrightText: 2026 Mimica authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Lips that touch on the performer touch on the face rig's mesh, and lips that part, part there; lids close."""

import bpy
import numpy as np
import pytest

from mimica.mapping.calibration import PerformerProfile, default_profile, estimate_profile
from mimica.mapping.channels import CharacterPose
from mimica.mapping.data import load_table
from mimica.mapping.jaw import jaw_joint, jaw_rotation
from mimica.mapping.landmarks import average_face
from mimica.mapping.lids import lid_aperture
from mimica.mapping.mapper import map_frames
from mimica.rig.apply import PoseWriter
from mimica.rig.bake import bake_take
from mimica.rig.bind import bind
from mimica.rig.face_rig import create_face_rig
from mimica.rig.face_rig.neutral import LOWER_LID, UPPER_LID
from mimica.tests.synthetic import photograph

UPPER = np.array([13, 82, 312, 81, 311, 80, 310])
LOWER = np.array([14, 87, 317, 178, 402, 88, 318])
FULL_JAW = 0.35
CLOSED_MM = 0.5


def mouth_of(size: float) -> np.ndarray:
    """The average face with a mouth that is wider or smaller, lips and what is around them alike."""
    face = average_face().copy()
    middle = face[[61, 291]].mean(axis=0)
    away = np.linalg.norm((face - middle)[:, :2], axis=1)
    near = np.clip((5.0 - away) / 2.5, 0.0, 1.0)[:, None]
    return middle + (face - middle) * (1.0 + (size - 1.0) * near)


def speak(face: np.ndarray, jaw: np.ndarray, closed: np.ndarray, pushed: float = 0.0) -> np.ndarray:
    """A face (478, 3) that opens its jaw by `jaw` (N,), lips as far brought together as `closed` (N,) says.

    :param pushed: cm by which lips that touch are pushed out and rolled, so that their outer rows part.
    """
    follow = np.zeros(478)
    for share, landmarks in load_table("geometry")["jaw_follow"].items():
        if share != "comment":
            follow[landmarks] = float(share)
    rows = load_table("landmarks")["lip_rows"]
    for upper, lower in zip(rows["upper"], rows["lower"], strict=True):
        follow[upper], follow[lower] = 0.1, 0.9
    arm = face - jaw_joint(face)
    swung = arm @ jaw_rotation(FULL_JAW * jaw, np.zeros(len(jaw))).transpose(0, 2, 1) - arm
    result = face + follow[:, None] * swung
    for upper, lower, share in zip(rows["upper"], rows["lower"], rows["closing"], strict=True):
        gap = result[:, rows["upper"][0]] - result[:, rows["lower"][0]]
        gap = gap - (face[rows["upper"][0]] - face[rows["lower"][0]])
        way = closed[:, None, None] * share
        result[:, upper] -= 0.3 * way * gap
        result[:, lower] += 0.7 * way * gap
        out = pushed * (1.0 - share) * np.array([0.0, 1.0, 0.5])
        result[:, upper] += closed[:, None, None] * out
        result[:, lower] += closed[:, None, None] * out * [1.0, -1.0, 1.0]
    return result


def profile_of(face: np.ndarray) -> PerformerProfile:
    found = estimate_profile(photograph(np.repeat(face[None], 10, axis=0)), posed=True)
    assert found
    return found


def edges(armature: bpy.types.Object) -> np.ndarray:
    """How far the edges of the lips are apart upwards, (7,), mm, on the mesh that the bones shape."""
    face = bpy.data.objects[armature.name.removesuffix(" Rig")]
    for modifier in face.modifiers:
        modifier.show_viewport = modifier.type == "ARMATURE"
    evaluated = face.evaluated_get(bpy.context.evaluated_depsgraph_get()).data
    points = np.empty(3 * len(evaluated.vertices), np.float32)
    evaluated.vertices.foreach_get("co", points)
    place = points.reshape(-1, 3)
    return (place[UPPER] - place[LOWER])[:, 2] * 10.0 / armature["mimica_unit"]


@pytest.fixture
def armature() -> bpy.types.Object:
    bpy.ops.wm.read_homefile(use_empty=True)
    bpy.context.scene.render.fps = 30
    return bpy.data.objects[create_face_rig(bpy.context).armature]


def baked(armature: bpy.types.Object, acted: np.ndarray, face: np.ndarray, pitch: float = 0.0) -> np.ndarray:
    """Bake a performance, and measure the edges of the lips in each of its frames, (N, 7) mm."""
    c, s = np.cos(pitch), np.sin(pitch)
    frames = photograph(acted, rotation=np.array([[1.0, 0, 0], [0, c, -s], [0, s, c]]))
    bake_take(bpy.context.scene, armature, frames, name="lips", profile=profile_of(face))
    found = []
    for key in range(1, len(acted) + 1):
        bpy.context.scene.frame_set(key)
        found.append(edges(armature))
    return np.array(found)


@pytest.mark.parametrize("size", [0.8, 1.0, 1.25])
@pytest.mark.parametrize("pushed", [0.0, 0.4])
def test_lips_stay_closed_while_the_jaw_opens(armature, size, pushed):
    """However far, whatever lips do meanwhile, and whatever the performer's mouth measures."""
    face = mouth_of(size)
    jaw = np.repeat([0.0, 0.15, 0.3, 0.6], 10)
    found = baked(armature, speak(face, jaw, np.ones(len(jaw)), pushed), face)
    assert np.abs(found).max() < CLOSED_MM


@pytest.mark.parametrize("pitch", [-0.25, 0.25])
def test_they_do_when_the_head_looks_up_or_down(armature, pitch):
    jaw = np.linspace(0.0, 0.5, 20)
    face = average_face()
    assert np.abs(baked(armature, speak(face, jaw, np.ones(20)), face, pitch)).max() < CLOSED_MM


@pytest.mark.parametrize("size", [0.8, 1.25])
def test_open_lips_stay_open(armature, size):
    """From two millimetres on the character's lips part as far as the performer's, in its own size."""
    face = mouth_of(size)
    jaw = np.repeat(np.linspace(0.0, 1.0, 9), 8)
    acted = speak(face, jaw, np.zeros(len(jaw)))
    found = baked(armature, acted, face)[4::8, 0]
    parted = 10.0 * (acted[:, 13] - acted[:, 14] - (face[13] - face[14]))[4::8, 1]
    expected = parted / size
    assert (np.diff(found) > 0.0).all()
    open_ = parted > 2.0
    assert open_.sum() >= 6
    assert found[open_] == pytest.approx(expected[open_], rel=0.25)


@pytest.mark.parametrize("live", [False, True])
def test_a_short_b_closes_the_lips_baked_and_live(armature, live):
    """Two frames of contact in the middle of a vowel, which the filters alone would part."""
    face, at = average_face(), 20
    closed = np.zeros(40)
    closed[at : at + 3] = 1.0
    acted = speak(face, np.full(40, 0.35), closed)
    if live:
        binding = bind(armature, face)
        motion = map_frames(photograph(acted), profile=profile_of(face), live=True, groups=binding.plan.groups)
        pose, writer = binding.plan.evaluate(motion), PoseWriter(binding)
        found = []
        for i in range(len(acted)):
            one = type(pose)(pose.location[i : i + 1], pose.rotation[i : i + 1])
            writer.write(CharacterPose(one, np.zeros((1, 0)), np.zeros((1, 0))))
            bpy.context.view_layer.update()
            found.append(edges(armature))
        found = np.array(found)
    else:
        found = baked(armature, acted, face)
    middle = found[:, 0]
    assert middle[at - 6] > 5.0 and middle[at + 9] > 5.0
    assert middle[at : at + 3].min() < CLOSED_MM
    assert found.min() > -CLOSED_MM


def test_both_sides_do_the_same(armature):
    jaw = np.linspace(0.0, 0.8, 12)
    face = default_profile().neutral
    face = 0.5 * (face + face[load_table("face_topology")["mirror"]] * (-1.0, 1.0, 1.0))
    found = baked(armature, speak(face, jaw, np.linspace(1.0, 0.2, 12), 0.3), face)
    assert np.abs(found[:, 1::2] - found[:, 2::2]).max() < 0.1


@pytest.mark.parametrize("size", [0.85, 1.2])
def test_a_blink_closes_the_lids_on_the_mesh(armature, size):
    face = average_face().copy()
    for side in "LR":
        eye = [*UPPER_LID[side], *LOWER_LID[side]]
        face[eye, 1] = face[eye, 1].mean() + size * (face[eye, 1] - face[eye, 1].mean())
    acted = np.repeat(face[None], 24, axis=0)
    for side in "LR":
        upper, lower = list(UPPER_LID[side]), list(LOWER_LID[side])
        acted[8:16, upper] -= 0.95 * (face[upper] - face[lower])
    assert lid_aperture(acted[10:11]).max() < 0.1
    baked(armature, acted, face)
    found = {}
    for key in (4, 13):
        bpy.context.scene.frame_set(key)
        evaluated = bpy.data.objects["Mimica Face"].evaluated_get(bpy.context.evaluated_depsgraph_get()).data
        points = np.empty(3 * len(evaluated.vertices), np.float32)
        evaluated.vertices.foreach_get("co", points)
        place = points.reshape(-1, 3) * 10.0 / armature["mimica_unit"]
        upper, lower = (np.array([lid["L"][1:-1], lid["R"][1:-1]]).ravel() for lid in (UPPER_LID, LOWER_LID))
        found[key] = (place[upper] - place[lower])[:, 2]
    assert found[4].max() > 5.0
    assert np.abs(found[13]).max() < CLOSED_MM
