# SPDX-FileCopyrightText: 2026 Mimica authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whose face it is, as far as its proportions say: a few numbers that people differ in, and expressions do not.

Points that expressions move least (eye corners, nose, forehead, cheekbones) are turned and scaled onto a mean face.
What remains is projected on the directions in which people differ most, in units of how much one person varies there
(Fisher's linear discriminants). `likeness.json` holds them; `tools/fit_likeness.py` made it from rendered faces.
"""

import json
from functools import cache
from pathlib import Path
from typing import NamedTuple

import numpy as np

_LIPS = (13, 14)
"""The inner lips' middle."""
_TURNED = np.radians(20)
"""Head turn at which the trust falls to 1/e: from 15 degrees on the tracker's proportions begin to drift."""
_OPEN = 0.5
"""The same for the gap between the lips, in sizes of the points' cloud: a wide open mouth pulls the nose along."""
_TABLE = Path(__file__).with_name("likeness.json")


class _Table(NamedTuple):
    points: np.ndarray
    """int (P,): landmarks."""
    mean: np.ndarray
    """float (P, 3): the mean face, centred, root mean square distance from its centre 1."""
    directions: np.ndarray
    """float (P * 3, K)."""


@cache
def _table() -> _Table:
    data = json.loads(_TABLE.read_text(encoding="utf-8"))
    return _Table(np.array(data["points"]), np.array(data["mean"], float), np.array(data["directions"], float).T)


class Likeness(NamedTuple):
    """What one image says of whose face it is."""

    proportions: np.ndarray
    """float (K,), in standard deviations of one person's own."""
    trust: float
    """(0, 1]: near 1 for a calm face towards the camera; nearly nothing for one in profile or with a wide open mouth,
    whose proportions are not seen as they are."""


def likeness(landmarks: np.ndarray, image_size: tuple[int, int]) -> Likeness:
    """Measure one face. Any thread.

    :param landmarks: float (468 or more, 3), as in `FaceFrame.landmarks`.
    """
    table = _table()
    width, height = image_size
    # The tracker's y points down and its z away from the viewer: both turned round, a face is no mirror image.
    face = landmarks.astype(np.float64) * (width, -height, -width)
    points, size = _normal(face[table.points])
    turn = _rotation(points, table.mean)
    numbers = ((points @ turn).ravel() - table.mean.ravel()) @ table.directions
    gap = np.linalg.norm(face[_LIPS[0]] - face[_LIPS[1]]) / size
    angle = np.arccos(np.clip(turn[2, 2], -1.0, 1.0))
    return Likeness(numbers, float(np.exp(-((angle / _TURNED) ** 2) - (gap / _OPEN) ** 2)))


def difference(a: np.ndarray, b: np.ndarray) -> float:
    """Return how much two faces differ: about 1 between two images of one person, 2 and more between two people."""
    return float(np.sqrt(np.mean((a - b) ** 2)))


def aligned(shape: np.ndarray, onto: np.ndarray) -> np.ndarray:
    """Return points (P, 3) centred, at a root mean square of 1, and turned to lie on `onto` as well as can be."""
    points, _ = _normal(shape)
    return points @ _rotation(points, onto)


def _normal(shape: np.ndarray) -> tuple[np.ndarray, float]:
    """Return points centred, with their root mean square distance from the centre made 1, and what that was."""
    shape = shape - shape.mean(axis=0)
    size = max(float(np.sqrt(np.mean(np.sum(shape**2, axis=1)))), 1e-9)
    return shape / size, size


def _rotation(points: np.ndarray, onto: np.ndarray) -> np.ndarray:
    """Return R (3, 3) for which `points @ R` is nearest to `onto` (Kabsch, Acta Crystallographica A32, 1976)."""
    u, _, v = np.linalg.svd(points.T @ onto)
    u[:, 2] *= np.sign(np.linalg.det(u @ v))
    return u @ v
