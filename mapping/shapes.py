# SPDX-FileCopyrightText: 2026 Mimica authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""ARKit's shapes: measured on the landmarks, taken from the tracker's scores, and the two fused."""

from dataclasses import dataclass
from functools import cache

import numpy as np

from .data import load_table
from .frame import ARKIT_SHAPES, LANDMARK_COUNT

_AXES = {"x": 0, "y": 1, "z": 2}


@dataclass(frozen=True, slots=True, eq=False)
class _Measures:
    landmarks: np.ndarray
    """int (L,): the landmarks that any measure uses."""
    matrix: np.ndarray
    """(52, L * 3): their displacement to measure over full."""
    trust: np.ndarray
    """(52,): geometry's share beside scores."""
    known: np.ndarray
    """bool (52,): shapes that have a measure."""


@cache
def _measures() -> _Measures:
    matrix = np.zeros((len(ARKIT_SHAPES), LANDMARK_COUNT, 3))
    trust = np.zeros(len(ARKIT_SHAPES))
    known = np.zeros(len(ARKIT_SHAPES), bool)
    for name, shape in load_table("geometry")["shapes"].items():
        row = ARKIT_SHAPES.index(name)
        for landmarks, axis, weight in shape["terms"]:
            matrix[row, landmarks, _AXES[axis]] += weight / len(landmarks) / shape["full"]
        trust[row] = shape["trust"]
        known[row] = True
    used = np.flatnonzero(matrix.any(axis=(0, 2)))
    return _Measures(used, matrix[:, used].reshape(len(ARKIT_SHAPES), -1), trust, known)


def measured_landmarks() -> np.ndarray:
    """Return the landmarks that `measure_shapes` wants, int (L,)."""
    return _measures().landmarks


def measure_shapes(residual: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Measure shapes on landmarks whose jaw motion was taken out.

    :param residual: (N, L, 3), cm, face space, of `measured_landmarks`, finite.
    :return: values (N, 52) in [0, 1], and trust (52,): 0 where there is no measure.
    """
    measures = _measures()
    values = residual.reshape(len(residual), -1) @ measures.matrix.T
    return np.clip(values, 0.0, 1.0), np.where(measures.known, measures.trust, 0.0)


@cache
def _score_full() -> np.ndarray:
    table = load_table("geometry")["score_full"]
    return np.array([table.get(name, table["default"]) for name in ARKIT_SHAPES])


def calibrate_scores(scores: np.ndarray, neutral: np.ndarray) -> np.ndarray:
    """Return scores with the neutral's level as 0 and the level of a full expression as 1, clipped to [0, 1].

    :param scores: (N, 52), NaN where the tracker has none.
    :param neutral: (52,), the scores at rest, NaN where unknown (taken as 0).
    """
    rest = np.nan_to_num(neutral)
    # A shape that already scores high at rest keeps a fifth of full scale to move in, or noise would fill it.
    room = np.maximum(_score_full() - rest, 0.2)
    return np.clip((scores - rest) / room, 0.0, 1.0)


def fuse(geometry: np.ndarray, trust: np.ndarray, scores: np.ndarray | None) -> np.ndarray:
    """Return (N, 52): geometry and scores by trust (52,); geometry alone where there is no score."""
    if scores is None:
        return geometry
    mixed = trust * geometry + (1.0 - trust) * scores
    return np.where(np.isfinite(scores), mixed, geometry)
