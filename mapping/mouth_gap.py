# SPDX-FileCopyrightText: 2026 Mimica authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The gap between the lips: what a viewer sees first is closed when it is closed, and open when it is open."""

from functools import cache

import numpy as np

from .data import load_table
from .expressions import average_expressions
from .frame import ARKIT_SHAPES
from .jaw import JawMotion

_UPPER, _LOWER = 13, 14
"""Landmarks: the middles of the lips' inner edges."""
_OPEN, _CLOSE = ARKIT_SHAPES.index("jawOpen"), ARKIT_SHAPES.index("mouthClose")
_RAISING = np.array([ARKIT_SHAPES.index(f"mouthUpperUp{side}") for side in ("Left", "Right")])
_LOWERING = np.array([ARKIT_SHAPES.index(f"mouthLowerDown{side}") for side in ("Left", "Right")])


@cache
def _ways() -> np.ndarray:
    """Return how far each shape in full raises the upper and the lower lip's middle on the average face, (52, 2) cm."""
    ways = average_expressions().displacement[:, [_UPPER, _LOWER], 1].astype(np.float64)
    ways[_CLOSE] = 0.0
    return ways


def with_gap_seen(controls: np.ndarray, displacement: np.ndarray, neutral: np.ndarray, jaw: JawMotion) -> np.ndarray:
    """Return controls (N, 52) whose lips are as far apart as the performer's.

    Lips that touch are closed by mouthClose whatever the jaw does. Lips that are further apart than all shapes together
    tell get what is missing as mouthUpperUp and mouthLowerDown, each from its own lip.

    :param displacement: (N, 478, 3), cm, face space, finite.
    :param neutral: (478, 3), cm.
    """
    table = load_table("geometry")["mouth_gap"]
    moved = displacement[:, [_UPPER, _LOWER], 1].astype(np.float64)
    gap = moved[:, 0] - moved[:, 1]
    result = controls.copy()
    result[:, _CLOSE] = result[:, _OPEN] * _closed(gap, neutral, jaw)

    told = result @ _ways()
    # What mouthClose takes back is no gap that the other shapes fail to tell.
    missing = gap - (told[:, 0] - told[:, 1])
    wanted = np.maximum(missing - table["tolerance"], 0.0)
    upper, lower = np.maximum(moved[:, 0] - told[:, 0], 0.0), np.maximum(told[:, 1] - moved[:, 1], 0.0)
    share = upper / np.maximum(upper + lower, 1e-6)
    raising, lowering = _full()
    result[:, _RAISING] += (wanted * share / raising)[:, None]
    result[:, _LOWERING] += (wanted * (1.0 - share) / lowering)[:, None]
    return np.minimum(result, 1.0, out=result)


@cache
def _full() -> tuple[float, float]:
    """Return how far mouthUpperUp of both sides raises the upper lip, and mouthLowerDown lowers the lower one, cm."""
    return abs(float(_ways()[_RAISING, 0].sum())), abs(float(_ways()[_LOWERING, 1].sum()))


def told_gap(controls: np.ndarray) -> np.ndarray:
    """Return how far controls (N, 52) part the lips of the average face, (N,) cm.

    mouthClose over jawOpen is the share of the gap that the lips undo.
    """
    upper, lower = (controls @ _ways()).T
    share = np.minimum(controls[:, _CLOSE] / np.maximum(controls[:, _OPEN], 1e-3), 1.0)
    return (upper - lower) * (1.0 - share)


def _closed(gap: np.ndarray, neutral: np.ndarray, jaw: JawMotion) -> np.ndarray:
    """Return the share of the gap that the open jaw would leave which the lips undo, (N,) in [0, 1]."""
    table = load_table("geometry")["mouth_gap"]
    reach = float(neutral[_LOWER, 2]) - float(neutral[234, 2] + neutral[454, 2]) / 2.0
    expected = max(reach, 1.0) * np.sin(np.maximum(jaw.open, 0.0))
    undone = 1.0 - np.maximum(gap, 0.0) / np.maximum(expected, 1e-3)
    noise, sure = table["ratio_from"]
    believed = np.minimum(np.maximum((expected - noise) / (sure - noise), 0.0), 1.0)
    undone = np.minimum(np.maximum(undone, 0.0), 1.0) * believed
    # Where the neutral's lips touch, no ratio is needed to see others touch.
    rest = max(float(neutral[_UPPER, 1] - neutral[_LOWER, 1]), 0.0)
    touching, parted = table["touch"]
    near = np.minimum(np.maximum((parted - gap - rest) / (parted - touching), 0.0), 1.0)
    return np.maximum(undone, near * near * (3.0 - 2.0 * near))
