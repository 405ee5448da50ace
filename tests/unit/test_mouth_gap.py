# SPDX-FileCopyrightText: 2026 Mimica authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Closed lips are closed and open ones open, whatever the rest of the solve makes of the mouth."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mimica.mapping.calibration import default_profile
from mimica.mapping.expressions import average_expressions
from mimica.mapping.frame import ARKIT_SHAPES
from mimica.mapping.jaw import JawMotion
from mimica.mapping.mouth_gap import told_gap, with_gap_seen

NEUTRAL = default_profile().neutral
OPEN, CLOSE = ARKIT_SHAPES.index("jawOpen"), ARKIT_SHAPES.index("mouthClose")
LIPS = [ARKIT_SHAPES.index(f"mouth{part}{side}") for part in ("UpperUp", "LowerDown") for side in ("Left", "Right")]


def jaw(degrees: float) -> JawMotion:
    return JawMotion(np.array([np.radians(degrees)]), np.zeros(1), np.zeros(1))


def lips(upper: float, lower: float) -> np.ndarray:
    """A displacement in which only the lips' middles moved, up, cm."""
    displacement = np.zeros((1, 478, 3))
    displacement[0, 13, 1], displacement[0, 14, 1] = upper, lower
    return displacement


def controls(**values: float) -> np.ndarray:
    row = np.zeros((1, 52))
    for name, value in values.items():
        row[0, ARKIT_SHAPES.index(name)] = value
    return row


@given(st.floats(0.0, 1.0), st.floats(0.0, 20.0), st.floats(-0.2, 0.2))
def test_lips_that_touch_are_closed_by_mouth_close(told: float, degrees: float, aside: float):
    found = with_gap_seen(controls(jawOpen=told), lips(aside, aside), NEUTRAL, jaw(degrees))
    assert found[0, CLOSE] == pytest.approx(found[0, OPEN])
    assert not found[0, LIPS].any()


@given(st.floats(0.0, 0.3), st.floats(0.0, 1.0))
def test_lips_over_clenched_teeth_part_by_themselves(upper: float, lower: float):
    seen = upper + lower
    found = with_gap_seen(controls(), lips(upper, -lower), NEUTRAL, jaw(0.0))
    assert found[0, OPEN] == 0.0
    # The upper lip's shape moves the lower lip a little too, so each may do a little more than its own part.
    assert min(seen - 0.1, 0.9) - 0.05 <= told_gap(found)[0] <= seen + 0.35
    assert (found[0, LIPS] > 0).any() == (seen > 0.1 + 1e-9)


def test_a_gap_that_the_shapes_explain_changes_nothing():
    told = controls(jawOpen=0.5, mouthUpperUpLeft=0.3, mouthUpperUpRight=0.3)
    seen = np.tensordot(told[0], average_expressions().displacement, 1)[None]
    found = with_gap_seen(told, seen, NEUTRAL, jaw(12.0))
    assert np.allclose(np.delete(found, CLOSE, axis=1), np.delete(told, CLOSE, axis=1))
    assert found[0, CLOSE] < 0.15


@given(st.floats(-3.0, 3.0), st.floats(-3.0, 3.0), st.floats(-10.0, 40.0))
def test_controls_stay_controls(upper: float, lower: float, degrees: float):
    found = with_gap_seen(controls(jawOpen=0.7, mouthLowerDownLeft=0.9), lips(upper, lower), NEUTRAL, jaw(degrees))
    assert np.isfinite(found).all() and found.min() >= 0.0 and found.max() <= 1.0
    assert found[0, CLOSE] <= found[0, OPEN]
