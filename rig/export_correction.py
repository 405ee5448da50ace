# SPDX-FileCopyrightText: 2026 Mimica authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Shape keys for what bones and keys alone do not show of a mesh: lids that slide on eyes, smoothing, and others.

What is missing at each frame is taken back to where the bones are at rest, and all that together is a few shapes in
amounts that change. No bpy.
"""

from dataclasses import dataclass

import numpy as np

MOST = 24
"""Corrections of a mesh at most."""
_MOST_KEPT = 96
_FINER = 0.25
"""What is collected is this much finer than what is kept of it in the end."""
_LOOKED_AT = 120


@dataclass(frozen=True, slots=True, eq=False)
class Weights:
    """Which bones move which vertices."""

    bones: np.ndarray
    """int (V, G): indices; where a weight is 0, any."""
    amounts: np.ndarray
    """float (V, G): sums of 1, or of 0 for vertices that no bone moves."""

    def matrices(self, moved: np.ndarray) -> np.ndarray:
        """Return how each vertex is moved, float (V, 4, 4), by bones that are moved from rest by (B, 4, 4)."""
        mixed = np.zeros((len(self.bones), 4, 4))
        for column in range(self.bones.shape[1]):
            mixed += self.amounts[:, column, None, None] * moved[self.bones[:, column]]
        mixed[self.amounts.sum(axis=1) == 0.0] = np.eye(4)
        return mixed


@dataclass(frozen=True, slots=True, eq=False)
class Correction:
    """A shape key and its values."""

    offsets: np.ndarray
    """float (V, 3): how far it moves each vertex at 1."""
    values: np.ndarray
    """float (N,), from 0 to 1."""


class Corrector:
    """Collects what is missing of one mesh, frame by frame."""

    def __init__(self, rest: np.ndarray, offsets: np.ndarray, tolerance: float) -> None:
        """:param rest: (V, 3), the mesh at rest, without shape keys; in the object's own space, as all that follows.

        :param offsets: (K, V, 3): how far each shape key moves the vertices.
        :param tolerance: by how much a vertex may be off in the end.
        """
        self._rest, self._offsets = rest, offsets
        self._tolerance = tolerance
        self._basis = np.zeros((0, rest.size))
        self._amounts: list[np.ndarray] = []
        self.fits = True
        """Whether all frames had as many vertices."""

    def add(self, points: np.ndarray, values: np.ndarray, carried: np.ndarray | None) -> None:
        """Take a frame up.

        :param points: (V, 3), as they are shown.
        :param values: (K,), of the shape keys.
        :param carried: (V, 4, 4): what bones do to each vertex; None without bones.
        """
        if points.shape != self._rest.shape:
            self.fits = False
            self._amounts.append(np.zeros(len(self._basis)))
            return
        if carried is not None:
            points = _taken_back(points, carried)
        missing = points - self._rest - np.tensordot(values, self._offsets, 1)
        flat = missing.ravel()
        amounts = self._basis @ flat
        left = flat - amounts @ self._basis
        size = np.linalg.norm(left.reshape(-1, 3), axis=1).max(initial=0.0)
        if size > self._tolerance * _FINER and len(self._basis) < _MOST_KEPT:
            length = float(np.linalg.norm(left))
            self._basis = np.vstack([self._basis, left / length])
            amounts = np.append(amounts, length)
        self._amounts.append(amounts)

    def corrections(self) -> list[Correction]:
        """Return the shape keys that are needed, the one with the largest share first; none where all is well."""
        if not self.fits or not len(self._basis):
            return []
        amounts = np.zeros((len(self._amounts), len(self._basis)))
        for row, found in zip(amounts, self._amounts, strict=True):
            row[: len(found)] = found
        u, s, v = np.linalg.svd(amounts, full_matrices=False)
        times, shapes = u * s, v @ self._basis
        made = []
        for i in range(self._needed(times, shapes)):
            # Some programs hold values below 0 back: what goes both ways is two shapes.
            for sign in (1.0, -1.0):
                values = np.maximum(sign * times[:, i], 0.0)
                most = float(values.max())
                offsets = sign * most * shapes[i].reshape(-1, 3)
                if most > 0.0 and np.linalg.norm(offsets, axis=1).max() > self._tolerance * _FINER:
                    made.append(Correction(offsets, values / most))
        return made

    def _needed(self, times: np.ndarray, shapes: np.ndarray) -> int:
        """Return how many shapes keep all within the tolerance."""
        most = min(len(shapes), MOST)
        looked = np.argsort(-np.abs(times).sum(axis=1))[:_LOOKED_AT]
        looked = np.unique(np.append(looked, np.linspace(0, len(times) - 1, _LOOKED_AT).round().astype(int)))
        left = times[looked] @ shapes
        for count in range(most):
            if np.linalg.norm(left.reshape(len(looked), -1, 3), axis=2).max(initial=0.0) <= self._tolerance:
                return count
            left -= np.outer(times[looked, count], shapes[count])
        return most


def _taken_back(points: np.ndarray, carried: np.ndarray) -> np.ndarray:
    """Return where vertices would be at rest that bones carry to `points`."""
    linear = carried[:, :3, :3]
    whole = np.abs(np.linalg.det(linear)) > 1e-9
    # What has shrunk to nothing is where it is, whatever it was.
    linear = np.where(whole[:, None, None], linear, np.eye(3))
    return np.linalg.solve(linear, (points - carried[:, :3, 3])[..., None])[..., 0]
