# SPDX-FileCopyrightText: 2026 Mimica authors
# SPDX-License-Identifier: GPL-3.0-or-later
import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from mimica.mapping import rotation as rot
from mimica.mapping.face_space import fit_head, lift, to_face_space
from mimica.mapping.landmarks import average_face
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
    # The lift takes the distance from the tracker's mean depth: exact to a percent when the head is off its axis.
    assert np.allclose(pose.translation[0], place, rtol=0.02, atol=0.3)
    error = rot.matrix_from_quaternion(rot.exp(turn)).T @ pose.rotation[0]
    assert np.degrees(np.linalg.norm(rot.log(rot.quaternion_from_matrix(error)))) < 1.0
    face = to_face_space(points, pose)[0]
    assert np.abs(face[:468] - average_face()[:468]).max() < 0.15


def test_an_expression_does_not_turn_the_head():
    calm = photograph(act(jaw=np.zeros(1)))
    open_wide = photograph(act(jaw=np.ones(1), brows=np.ones(1)))
    poses = [fit_head(lift(f.landmarks, f.image_sizes)) for f in (calm, open_wide)]
    turn = poses[0].rotation[0].T @ poses[1].rotation[0]
    assert np.degrees(np.linalg.norm(rot.log(rot.quaternion_from_matrix(turn)))) < 0.5


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
