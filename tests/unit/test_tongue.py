# SPDX-FileCopyrightText: 2026 Mimica authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""tongueOut from the tracker's score: against the performer's level, and only where a tongue could be seen."""

import dataclasses

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mimica.mapping import rotation as rot
from mimica.mapping.calibration import PerformerProfile, default_profile
from mimica.mapping.frame import ARKIT_SHAPES, FaceFrames
from mimica.mapping.solve import solve
from mimica.tests.synthetic import act, photograph

TONGUE = ARKIT_SHAPES.index("tongueOut")


def scored(probability: np.ndarray, *, jaw: float = 0.8, yaw: float = 0.0) -> FaceFrames:
    turn = rot.matrix_from_quaternion(rot.exp(np.array([0.0, yaw, 0.0])))
    frames = photograph(act(jaw=np.full(len(probability), jaw)), rotation=turn)
    scores = np.zeros((len(probability), len(ARKIT_SHAPES)), np.float32)
    scores[:, TONGUE] = probability
    return dataclasses.replace(frames, scores=scores)


def resting_at(probability: float) -> PerformerProfile:
    profile = default_profile()
    scores = profile.scores.copy()
    scores[TONGUE] = probability
    return dataclasses.replace(profile, scores=scores)


def tongue(frames: FaceFrames, profile: PerformerProfile | None = None) -> np.ndarray:
    return solve(frames, profile or default_profile()).control("tongueOut")


def test_an_open_mouth_shows_none_and_a_tongue_shows_itself() -> None:
    values = tongue(scored(np.array([0.0, 0.002, 0.02, 0.1, 0.3, 0.6, 1.0])))
    assert (values[:3] == 0).all()
    assert 0.1 < values[3] < 0.9
    assert (values[4:] > 0.9).all()


@settings(deadline=None)
@given(st.lists(st.floats(0, 1, width=32), min_size=2, max_size=5), st.floats(0, 1))
def test_it_stays_in_its_range_and_never_falls_as_the_score_rises(probabilities: list[float], rest: float) -> None:
    values = tongue(scored(np.sort(np.array(probabilities))), resting_at(rest))
    assert (values >= 0).all() and (values <= 1).all()
    assert (np.diff(values) > -1e-6).all()


def test_the_performers_own_level_counts() -> None:
    """The same score says more of a performer who rests low, but an odd rest moves the level only so far."""
    frames = scored(np.array([0.1]))
    low, usual, high = (float(tongue(frames, resting_at(p))[0]) for p in (0.0008, 0.002, 0.007))
    assert low > usual > high == 0.0
    assert tongue(frames)[0] == pytest.approx(usual, abs=0.1)
    assert tongue(scored(np.array([0.5])), resting_at(0.9))[0] > 0.5


@pytest.mark.parametrize(("jaw", "yaw"), [(0.0, 0.0), (0.8, 0.6), (0.8, -0.6)])
def test_closed_lips_and_a_face_turned_away_show_none(jaw: float, yaw: float) -> None:
    assert tongue(scored(np.array([0.8]), jaw=jaw, yaw=yaw))[0] == 0.0


def test_without_a_score_it_is_zero() -> None:
    frames = scored(np.array([np.nan, 0.8]))
    values = tongue(frames)
    assert values[0] == 0.0 and values[1] == 1.0
    assert (tongue(dataclasses.replace(frames, scores=None)) == 0).all()
    lost = dataclasses.replace(frames, quality=np.array([1.0, 0.0], np.float32))
    assert np.isnan(tongue(lost)[1])
