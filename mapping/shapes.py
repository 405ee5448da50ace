# SPDX-FileCopyrightText: 2026 Mimica authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""ARKit's shapes: measured on the landmarks, taken from the tracker's scores, and the two fused."""

from dataclasses import dataclass
from functools import cache

import numpy as np

from .data import load_table
from .frame import ARKIT_SHAPES, LANDMARK_COUNT
from .jaw import JawHinge

_AXES = {"x": 0, "y": 1, "z": 2}


@dataclass(frozen=True, slots=True, eq=False)
class _Measures:
    landmarks: np.ndarray
    """int (L,): the landmarks that any measure uses."""
    matrix: np.ndarray
    """(L * 3, 52): their displacement to measure over full."""
    trust: np.ndarray
    """(52,): geometry's share beside scores."""


@cache
def _measures() -> _Measures:
    matrix = np.zeros((len(ARKIT_SHAPES), LANDMARK_COUNT, 3))
    trust = np.zeros(len(ARKIT_SHAPES))
    for name, shape in load_table("geometry")["shapes"].items():
        row = ARKIT_SHAPES.index(name)
        for landmarks, axis, weight in shape["terms"]:
            matrix[row, landmarks, _AXES[axis]] += weight / len(landmarks) / shape["full"]
        trust[row] = shape["trust"]
    used = np.flatnonzero(matrix.any(axis=(0, 2)))
    return _Measures(used, np.ascontiguousarray(matrix[:, used].reshape(len(ARKIT_SHAPES), -1).T), trust)


def jaw_in_measures(hinge: JawHinge) -> np.ndarray:
    """Return what the jaw's motion adds to the measures, float (9, 52), for a product with `jaw.turned`."""
    measures = _measures()
    return hinge.carried(measures.landmarks) @ measures.matrix


def measure_shapes(displacement: np.ndarray) -> np.ndarray:
    """Measure shapes on landmarks, the jaw's motion included, (N, 52), not clipped; 0 where there is no measure.

    :param displacement: (N, 478, 3), cm, face space, finite.
    """
    measures = _measures()
    return displacement.take(measures.landmarks, axis=1).reshape(len(displacement), -1) @ measures.matrix


def measured_trust() -> np.ndarray:
    """Return geometry's share beside scores, (52,): 0 where there is no measure. Not to be changed."""
    return _measures().trust


@cache
def _score_full() -> np.ndarray:
    table = load_table("geometry")["score_full"]
    return np.array([table.get(name, table["default"]) for name in ARKIT_SHAPES])


def calibrate_scores(scores: np.ndarray, neutral: np.ndarray) -> np.ndarray:
    """Return scores with the neutral's level as 0 and the level of a full expression as 1, clipped to [0, 1].

    :param scores: (N, 52), NaN where the tracker has none.
    :param neutral: (52,), the scores at rest, NaN where unknown (taken as 0).
    """
    rest = np.where(np.isnan(neutral), 0.0, neutral)
    # A shape that already scores high at rest keeps a fifth of full scale to move in, or noise would fill it.
    room = np.maximum(_score_full() - rest, 0.2)
    return np.minimum(np.maximum((scores - rest) / room, 0.0), 1.0)


def fuse(geometry: np.ndarray, trust: np.ndarray, scores: np.ndarray | None) -> np.ndarray:
    """Return (N, 52): geometry and scores by trust (52,); geometry alone where there is no score."""
    if scores is None:
        return geometry
    return np.where(np.isnan(scores), geometry, scores + trust * (geometry - scores))
