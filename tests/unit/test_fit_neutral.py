# SPDX-FileCopyrightText: 2026 Mimica authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A character's face from the places of its bones: direction, size and proportions."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mimica.mapping.data import load_table
from mimica.mapping.fit_neutral import fit_face, from_character, to_character
from mimica.mapping.landmarks import average_face, weight_matrix

GROUPS = weight_matrix([row["landmarks"] for row in load_table("rigify")["controls"] if "landmarks" in row])
"""Of the left side and the middle."""
FACE = to_character(average_face())
UP_IS_Y = np.array([[1.0, 0.0, 0.0], [0.0, 0.0, 1.0], [0.0, -1.0, 0.0]])
BACKWARDS = np.diag([-1.0, -1.0, 1.0])


def mouth_to_eye(face: np.ndarray) -> float:
    """How wide the mouth is beside the eyes' distance."""
    return float(np.linalg.norm(face[61] - face[291]) / np.linalg.norm(face[133] - face[362]))


@pytest.mark.parametrize("turned", [np.eye(3), UP_IS_Y, BACKWARDS, BACKWARDS @ UP_IS_Y])
@settings(max_examples=12, deadline=None)
@given(
    unit=st.floats(1e-4, 1e3),
    place=st.tuples(*[st.floats(-50.0, 50.0)] * 3),
    noise=st.integers(0, 99),
)
def test_direction_and_size_come_out_however_the_rig_stands(turned, unit, place, noise):
    groups = GROUPS
    away = np.random.default_rng(noise).normal(0.0, 0.2, (len(groups), 3))
    places = (groups @ FACE + away + place) * unit @ turned
    fit = fit_face(groups, places)
    assert fit is not None
    assert np.allclose(fit.rotation, turned, atol=1e-9)
    assert fit.unit == pytest.approx(unit, rel=0.05)


@pytest.mark.parametrize("wider", [0.7, 1.0, 1.5])
def test_proportions_are_the_characters(wider):
    """A mouth as wide as the bones say, and eyes that stay as they are."""
    moved = FACE.copy()
    mouth = np.abs(FACE[:, 2] - FACE[61, 2]) < 2.5
    moved[mouth, 0] *= wider
    both = np.concatenate([GROUPS, GROUPS[:, load_table("face_topology")["mirror"]]])
    fit = fit_face(both, both @ moved * 0.02)
    assert fit is not None
    shown = to_character(fit.neutral) * fit.unit
    assert np.abs(both @ shown - both @ moved * 0.02).max() < 0.1 * 0.02
    assert mouth_to_eye(fit.neutral) == pytest.approx(mouth_to_eye(from_character(moved)), rel=0.05)


def test_one_bone_with_a_wrong_name_does_no_harm():
    places = GROUPS @ FACE
    places[3] += [20.0, 10.0, -30.0]
    fit = fit_face(GROUPS, places)
    assert fit is not None
    assert fit.unit == pytest.approx(1.0, rel=0.1)
    assert np.abs(to_character(fit.neutral) - FACE).max() < 1.0


def test_a_tilted_face_is_told_from_a_square_one():
    angle = np.radians(35.0)
    tilt = np.array([[1, 0, 0], [0, np.cos(angle), -np.sin(angle)], [0, np.sin(angle), np.cos(angle)]])
    fit = fit_face(GROUPS, GROUPS @ FACE @ tilt)
    assert fit is not None
    assert np.allclose(fit.rotation, tilt, atol=1e-3)


def test_too_few_places_tell_nothing():
    assert fit_face(GROUPS[:2], (GROUPS @ FACE)[:2]) is None
    assert fit_face(GROUPS, np.zeros((len(GROUPS), 3))) is None


def test_bones_in_a_row_look_where_they_are_said_to():
    """Brows alone could be turned about their own line."""
    row = weight_matrix([{str(i): 1.0} for i in (70, 105, 107, 336, 334, 300)])
    places = row @ FACE * [1.0, 0.0, 0.0]
    fit = fit_face(row, places @ UP_IS_Y, UP_IS_Y)
    assert fit is not None
    assert np.allclose(fit.rotation, UP_IS_Y)
