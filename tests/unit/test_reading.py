# SPDX-FileCopyrightText: 2026 Mimica authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""From what is told of one face to what it shows."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mimica.mapping.frame import ARKIT_SHAPES
from mimica.mapping.reading import reading_of

SAME = np.eye(len(ARKIT_SHAPES))
ROW = {name: i for i, name in enumerate(ARKIT_SHAPES)}
LEVEL = 0.5 - 0.5 * np.cos(np.linspace(0, 2 * np.pi, 40))


def asked(*names: str) -> np.ndarray:
    """Frames (40 for each name) in which one shape after the other is shown."""
    shown = np.zeros((40 * len(names), len(ARKIT_SHAPES)))
    for i, name in enumerate(names):
        shown[40 * i : 40 * (i + 1), ROW[name]] = LEVEL
    return shown


def test_who_shows_half_as_far_is_read_in_full():
    shown = asked("mouthSmileLeft", "jawOpen")
    reading = reading_of(shown, 0.5 * shown, SAME)
    assert (0.5 * shown @ reading).max() == pytest.approx(1.0, abs=0.05)


def test_what_is_told_beside_a_shape_is_taken_off():
    shown = asked("browInnerUp", "browDownLeft", "jawOpen")
    told = shown.copy()
    told[:, ROW["browOuterUpLeft"]] = 0.4 * shown[:, ROW["browInnerUp"]]
    told[:, ROW["jawForward"]] = 0.5 * shown[:, ROW["jawOpen"]]
    read = told @ reading_of(shown, told, SAME)
    assert read[:, ROW["browOuterUpLeft"]].max() < 0.2
    assert read[:, ROW["jawForward"]].max() < 0.25
    assert np.abs(read - shown)[:, [ROW["browInnerUp"], ROW["jawOpen"]]].max() < 0.05


def test_shapes_of_speech_are_left_as_they_are():
    shown = asked("jawOpen", "mouthPucker")
    told = shown.copy()
    told[:, ROW["mouthFunnel"]] = 0.3 * shown[:, ROW["mouthPucker"]]
    assert np.allclose((told @ reading_of(shown, told, SAME))[:, ROW["mouthFunnel"]], told[:, ROW["mouthFunnel"]])


def test_lids_and_gaze_keep_their_own_measure():
    shown = asked("eyeBlinkLeft", "eyeLookUpLeft")
    reading = reading_of(shown, 0.7 * shown, SAME)
    assert reading[ROW["eyeBlinkLeft"], ROW["eyeBlinkLeft"]] < 1.35
    # One of them told too low by a half would be 2 with a range of its own.
    smile = asked("mouthSmileLeft")
    assert reading_of(smile, 0.5 * smile, SAME)[ROW["mouthSmileLeft"], ROW["mouthSmileLeft"]] > 1.9


def test_nothing_shown_keeps_what_was_known():
    before = SAME * 1.3
    assert reading_of(np.zeros((50, 52)), np.zeros((50, 52)), before) is before
    shown = asked("jawOpen")
    kept = reading_of(shown, shown, before)
    assert kept[ROW["mouthSmileLeft"], ROW["mouthSmileLeft"]] == pytest.approx(1.3)


@given(st.integers(0, 2**32 - 1))
def test_any_answers_give_a_finite_reading_of_sensible_size(seed: int):
    random = np.random.default_rng(seed)
    shown = random.uniform(0, 1, (60, 52)) * (random.random((60, 52)) < 0.1)
    reading = reading_of(shown, random.uniform(0, 1, (60, 52)), SAME)
    assert np.isfinite(reading).all() and np.abs(reading).max() < 10.0
