# SPDX-FileCopyrightText: 2026 Mimica authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""How the training data's faces read the shapes: each in its own way, but as shapes of that name."""

import numpy as np
import pytest

from mimica.mapping.data import load_table
from mimica.mapping.frame import ARKIT_SHAPES
from mimica.mapping.mirror import mirror_shapes
from mimica.tools.training_rigs import RigReading, random_reading

BONES = tuple(bone["name"] for bone in load_table("face_rig")["bones"])
ROW = {name: i for i, name in enumerate(ARKIT_SHAPES)}


@pytest.fixture(scope="module")
def readings() -> list[RigReading]:
    return [random_reading(np.random.default_rng(seed), BONES) for seed in range(20)]


def test_readings_differ_and_a_shape_stays_itself(readings: list[RigReading]) -> None:
    own = np.array([np.diagonal(reading.mix) for reading in readings])
    assert own[:, ROW["mouthSmileLeft"]].std() > 0.1
    assert own.min() > 0.4 and own.max() < 2.0
    others = np.array([reading.mix - np.diag(np.diagonal(reading.mix)) for reading in readings])
    assert np.abs(others).max() < 0.5 * own.min() + 0.1


def test_sides_are_nearly_alike(readings: list[RigReading]) -> None:
    swap = mirror_shapes()
    for reading in readings:
        assert np.abs(np.diagonal(reading.mix) / np.diagonal(reading.mix)[swap] - 1.0).max() < 0.35


def test_closed_stays_closed(readings: list[RigReading]) -> None:
    controls = np.zeros((2, len(ARKIT_SHAPES)))
    controls[0, [ROW["eyeBlinkLeft"], ROW["eyeBlinkRight"]]] = 1.0
    controls[1, [ROW["jawOpen"], ROW["mouthClose"]]] = 0.8
    for reading in readings:
        shown = reading.read(controls)
        assert np.allclose(shown[0, [ROW["eyeBlinkLeft"], ROW["eyeBlinkRight"]]], 1.0)
        assert shown[1, ROW["mouthClose"]] == pytest.approx(shown[1, ROW["jawOpen"]], rel=0.2)
        assert (reading.gains[ROW["eyeBlinkLeft"]] == 1.0).all()


def test_rest_is_rest_and_nothing_is_shown_the_wrong_way(readings: list[RigReading]) -> None:
    controls = np.random.default_rng(0).uniform(0, 1, (50, len(ARKIT_SHAPES)))
    for reading in readings:
        assert not reading.read(np.zeros((1, len(ARKIT_SHAPES)))).any()
        assert reading.read(controls).min() >= 0.0
        assert reading.gains.shape == (len(ARKIT_SHAPES), len(BONES), 3) and reading.gains.min() > 0.0
