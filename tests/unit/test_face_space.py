# SPDX-FileCopyrightText: 2026 Mimica authors
# SPDX-License-Identifier: GPL-3.0-or-later
import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from mimica.mapping import rotation as rot
from mimica.mapping.face_space import fit_head, lift, to_face_space
from mimica.mapping.frame import FaceFrames
from mimica.mapping.head_table import head_table
from mimica.mapping.landmarks import average_face
from mimica.mapping.learned import mirror_landmarks
from mimica.mapping.lens import estimate_field_of_view
from mimica.tests.synthetic import act, photograph

turns = st.tuples(st.floats(-0.6, 0.6), st.floats(-0.5, 0.5), st.floats(-0.8, 0.8)).map(np.array)
places = st.tuples(st.floats(-6, 6), st.floats(-6, 6), st.floats(-90, -35)).map(np.array)


@settings(max_examples=40, deadline=None)
@given(turn=turns, place=places, fov=st.floats(35, 70))
def test_the_head_is_found_where_it_was_put(turn, place, fov):
    rotation = rot.matrix_from_quaternion(rot.exp(turn))
    frames = photograph(average_face()[None], rotation=rotation, translation=place, field_of_view=fov)
    points = lift(frames.landmarks, frames.image_sizes, fov)
    pose = fit_head(points)
    # The lift takes the distance from the tracker's mean depth: exact to a percent when the head is off its axis. It
    # sees the size of a face whose outline slides, so the scale tells the distance too.
    assert np.allclose(pose.translation[0] / pose.scale[0], place, rtol=0.02, atol=0.3)
    error = rot.matrix_from_quaternion(rot.exp(turn)).T @ pose.rotation[0]
    assert np.degrees(np.linalg.norm(rot.log(rot.quaternion_from_matrix(error)))) < 1.0
    face = to_face_space(points, pose)[0]
    assert np.abs(face[:468] - average_face()[:468]).max() < 0.15


def angle_between(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Degrees between rotations (N, 3, 3)."""
    turn = rot.log(rot.quaternion_from_matrix(a.transpose(0, 2, 1) @ b))
    return np.degrees(np.linalg.norm(turn, axis=1))


@settings(max_examples=25, deadline=None)
@given(turn=turns, jaw=st.floats(0, 1), brows=st.floats(0, 1), blink=st.floats(0, 1))
def test_an_expression_does_not_turn_the_head(turn, jaw, brows, blink):
    # A jaw of 1 is 20 degrees open.
    rotation = rot.matrix_from_quaternion(rot.exp(turn))
    parts = {"jaw": jaw, "brows": brows, "blink_left": blink}
    frames = photograph(act(**{name: np.array([0.0, value]) for name, value in parts.items()}), rotation=rotation)
    pose = fit_head(lift(frames.landmarks, frames.image_sizes))
    assert angle_between(pose.rotation[:1], pose.rotation[1:])[0] < 0.5
    pitch = np.degrees(rot.euler_from_matrix(pose.rotation)[:, 1])
    assert abs(pitch[1] - pitch[0]) < 0.5


@settings(max_examples=25, deadline=None)
@given(turn=turns, roll=st.floats(-0.8, 0.8), near=st.floats(35, 60), far=st.floats(60, 120))
def test_distance_and_roll_do_not_turn_the_head(turn, roll, near, far):
    rotation = rot.matrix_from_quaternion(rot.exp(turn))
    rolled = rot.matrix_from_quaternion(rot.exp(np.array([0.0, 0.0, roll])))
    frames = photograph(
        average_face()[None].repeat(2, axis=0),
        rotation=np.stack([rotation, rolled @ rotation]),
        translation=np.array([[0.0, 0.0, -near], [0.0, 0.0, -far]]),
        size=(480, 480),
    )
    pose = fit_head(lift(frames.landmarks, frames.image_sizes))
    assert angle_between(rolled[None] @ pose.rotation[:1], pose.rotation[1:])[0] < 0.5


@settings(max_examples=25, deadline=None)
@given(turn=turns, size=st.floats(0.6, 1.6))
def test_a_larger_face_is_the_same_face(turn, size):
    frames = photograph(average_face()[None], rotation=rot.matrix_from_quaternion(rot.exp(turn)))
    points = lift(frames.landmarks, frames.image_sizes).astype(np.float64)
    one, other = fit_head(points), fit_head(size * points)
    assert angle_between(one.rotation, other.rotation)[0] < 0.1
    assert np.allclose(other.scale, size * one.scale, rtol=5e-3)
    assert np.allclose(to_face_space(points, one), to_face_space(size * points, other), atol=0.05)


def test_a_hand_before_the_forehead_hardly_turns_the_head():
    frames = photograph(average_face()[None].repeat(2, axis=0))
    points = lift(frames.landmarks, frames.image_sizes)
    points[1, [10, 109, 67, 151, 108, 69]] += np.array([1.0, -2.0, 1.0], np.float32)
    pose = fit_head(points)
    assert angle_between(pose.rotation[:1], pose.rotation[1:])[0] < 2.5


def test_what_is_learned_of_the_head_is_the_same_for_both_sides():
    table = head_table()
    flip = np.array([-1.0, 1.0, 1.0])
    mirror = mirror_landmarks()
    turn = np.array([[0.4, -0.2]])
    other = table.slid(turn * [-1, 1])[:, mirror] * flip
    assert np.allclose(table.slid(turn), other, atol=1e-5)
    place = {landmark: i for i, landmark in enumerate(table.landmarks.tolist())}
    swap = [place[int(mirror[landmark])] for landmark in table.landmarks]
    gain = table.gain.reshape(7, -1, 3)
    signs = np.array([1, -1, -1, 1, -1, 1, 1])
    assert np.allclose(gain, gain[:, swap] * flip * signs[:, None, None], atol=1e-4)


def turning(field_of_view: float, largest: float) -> FaceFrames:
    """A talking head of its own shape that turns by up to `largest` radians."""
    phase = np.linspace(0, 12, 150)
    turn = largest * np.stack([0.5 * np.sin(1.7 * phase), np.sin(phase), np.zeros(150)], axis=1)
    faces = act(jaw=np.sin(2.5 * phase) ** 2, brows=np.sin(1.3 * phase) ** 2) * [0.97, 1.05, 1.06]
    distance = 18.0 / np.tan(np.radians(field_of_view) / 2)
    return photograph(
        faces,
        rotation=rot.matrix_from_quaternion(rot.exp(turn)),
        translation=np.array([1.0, 0.0, -distance]),
        field_of_view=field_of_view,
    )


@settings(max_examples=5, deadline=None)
@given(field_of_view=st.floats(32, 60))
def test_the_field_of_view_is_found_when_the_head_turns(field_of_view):
    found = estimate_field_of_view(turning(field_of_view, 0.5))
    assert found is not None
    assert abs(found - field_of_view) < 3.0


def test_the_field_of_view_is_not_guessed_when_the_head_does_not_turn():
    assert estimate_field_of_view(turning(40.0, 0.1)) is None
    assert estimate_field_of_view(turning(40.0, 0.5).slice(0, 5)) is None


def test_frames_without_a_face_stay_empty_and_harm_no_other():
    frames = photograph(np.repeat(average_face()[None], 3, axis=0))
    landmarks = frames.landmarks.copy()
    landmarks[1] = np.nan
    pose = fit_head(lift(landmarks, frames.image_sizes))
    assert np.isnan(pose.translation[1]).all()
    assert np.allclose(pose.translation[0], pose.translation[2])


def test_one_frame_and_many_agree():
    frames = photograph(act(jaw=np.linspace(0, 1, 7)))
    together = fit_head(lift(frames.landmarks, frames.image_sizes))
    for i in range(7):
        alone = fit_head(lift(frames.landmarks[i : i + 1], frames.image_sizes[i : i + 1]))
        assert np.allclose(alone.rotation[0], together.rotation[i], atol=1e-12)
