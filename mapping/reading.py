# SPDX-FileCopyrightText: 2026 Mimica authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""From what the solve tells of one face to what that face shows: how much is full, and what is told beside it."""

from functools import cache

import numpy as np

from .data import load_table
from .frame import ARKIT_SHAPES

_LEAST_SHOWN = 2.0
"""Frames of a full expression (sum of squares) below which nothing is known of a shape's range."""
_FULL_RANGE = (0.4, 1.2)
"""What a full expression may be told as: less is no expression, more would be another one's."""
_DOUBT = 0.4
"""Weight of "as told" against what was shown, in shares of the mean shape's frames."""


def reading_of(shown: np.ndarray, told: np.ndarray, before: np.ndarray) -> np.ndarray:
    """Return the matrix (52, 52) from what was told, (N, 52), to what was shown in the same frames, (N, 52).

    Ridge regression, shape by shape, first of the shape's own range and then of what others told beside it. Which may
    count against which is in the table `reading`: shapes that speech is made of are left as they are, since sounds run
    into each other in ways that shapes shown alone say nothing of.

    :param before: (52, 52), what was known: kept for shapes that were not shown.
    """
    power = (shown**2).sum(axis=0)
    seen = power > _LEAST_SHOWN
    if not seen.any():
        return before
    level = (shown * told).sum(axis=0) / np.maximum(power, 1e-6)
    full = np.where(seen & _scaled(), np.clip(level, *_FULL_RANGE), 1.0)
    scaled = told / full
    doubt = _DOUBT * float(power[seen].mean())
    reading = np.where(seen, np.eye(len(ARKIT_SHAPES)), before)
    for shape, against in _against().items():
        known = scaled[:, against]
        start = reading[against, shape]
        missing = shown[:, shape] - scaled @ reading[:, shape]
        gram = known.T @ known + doubt * np.eye(len(against))
        reading[against, shape] = start + np.linalg.solve(gram, known.T @ missing)
    return reading / full[:, None]


@cache
def _scaled() -> np.ndarray:
    """Return the shapes whose range is the performer's own, bool (52,)."""
    # Lids and gaze have a measure of their own: a closed lid is closed, and an angle an angle.
    return np.array(
        [not name.startswith(tuple(load_table("geometry")["reading"]["absolute"])) for name in ARKIT_SHAPES]
    )


@cache
def _against() -> dict[int, np.ndarray]:
    """Return the shapes from which something may be taken off, each with those that count against it, and itself."""
    table = load_table("geometry")["reading"]
    together = np.array([name.startswith(tuple(table["among_themselves"])) for name in ARKIT_SHAPES])
    any_of = np.array([name.startswith(tuple(table["against_all"])) for name in ARKIT_SHAPES])
    return {int(shape): np.flatnonzero(any_of[shape] | together) for shape in np.flatnonzero(any_of | together)}
