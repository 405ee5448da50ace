# SPDX-FileCopyrightText: 2026 Mimica authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Named groups of landmarks, and the average face they are measured on."""

from collections.abc import Mapping, Sequence
from functools import cache

import numpy as np

from .data import load_table
from .frame import LANDMARK_COUNT

SIDES = ("left", "right")
"""The subject's sides, in the order of every side axis in this package."""


def weight_matrix(groups: Sequence[Mapping[str, float]]) -> np.ndarray:
    """Return float64 (G, 478): each group's weights, landmark index (as text, the way JSON holds it) to weight."""
    matrix = np.zeros((len(groups), LANDMARK_COUNT))
    for row, group in zip(matrix, groups, strict=True):
        for index, weight in group.items():
            row[int(index)] = weight
    return matrix


@cache
def average_face() -> np.ndarray:
    """Return the average neutral face: float64 (478, 3), cm, face space, read-only."""
    points = np.array(load_table("average_face")["points"], np.float64)
    points.flags.writeable = False
    return points


@cache
def rigid_set() -> tuple[np.ndarray, np.ndarray]:
    """Return the landmarks that expression hardly moves: indices int (K,), weights float (K,) that sum to 1."""
    table: dict[str, float] = load_table("landmarks")["rigid"]
    weights = np.array(list(table.values()))
    return np.array([int(k) for k in table]), weights / weights.sum()


def lips_joined(values: np.ndarray) -> np.ndarray:
    """Return vectors of all landmarks, float (..., 478, 3), with those of the lips' edges made equal, pair by pair.

    What is taken off fades towards the outer rows of the lips.
    """
    rows = load_table("landmarks")["lip_rows"]
    upper, lower = np.array(rows["upper"]), np.array(rows["lower"])
    half = 0.5 * (values[..., upper[:1], :] - values[..., lower[:1], :]) * np.reshape(rows["closing"], (-1, 1, 1))
    joined = values.copy()
    joined[..., upper, :] -= half
    joined[..., lower, :] += half
    return joined
