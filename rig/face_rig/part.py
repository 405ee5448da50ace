# SPDX-FileCopyrightText: 2026 Mimica authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A mesh in the making: points, faces, materials and skin weights as plain lists, in face space."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

Weights = Mapping[str, float]
"""Bone name to skin weight of one point; sums to 1."""


@dataclass(slots=True)
class Part:
    """One mesh object to be. Points in cm, face space; faces counter-clockwise seen from outside."""

    points: list[np.ndarray] = field(default_factory=list)
    faces: list[tuple[int, ...]] = field(default_factory=list)
    materials: list[str] = field(default_factory=list)
    weights: list[Weights] = field(default_factory=list)
    creases: dict[tuple[int, int], float] = field(default_factory=dict)
    """Edges (lower index first) that subdivision keeps sharp, 0 to 1."""

    def add(self, points: np.ndarray, weights: Sequence[Weights] | Weights) -> list[int]:
        """Add points (N, 3) and return their indices. One weights entry for each, or one for all."""
        start = len(self.points)
        self.points.extend(np.asarray(points, np.float64))
        each = [weights] * len(points) if isinstance(weights, Mapping) else list(weights)
        if len(each) != len(points):
            raise ValueError(f"{len(points)} points with {len(each)} weights")
        self.weights.extend(each)
        return list(range(start, len(self.points)))

    def face(self, corners: Sequence[int], material: str) -> None:
        """Add one face."""
        self.faces.append(tuple(corners))
        self.materials.append(material)

    def bridge(self, outer: Sequence[int], inner: Sequence[int], material: str, *, closed: bool = True) -> None:
        """Join two rows of equally many points with quads: outer[k], outer[k + 1], inner[k + 1], inner[k]."""
        count = len(outer)
        for k in range(count if closed else count - 1):
            n = (k + 1) % count
            self.face((outer[k], outer[n], inner[n], inner[k]), material)

    def crease(self, chain: Sequence[int], amount: float, *, closed: bool = False) -> None:
        """Keep the edges along a chain of points sharp."""
        for a, b in zip(chain, [*chain[1:], chain[0]] if closed else chain[1:], strict=False):
            self.creases[min(a, b), max(a, b)] = amount

    def cap(self, ring: Sequence[int], centre: int, material: str) -> None:
        """Close a ring with triangles to one point."""
        for k, corner in enumerate(ring):
            self.face((corner, ring[(k + 1) % len(ring)], centre), material)


def blend(*terms: tuple[float, Weights]) -> dict[str, float]:
    """Return the weighted mean of several weights, normalised to sum 1."""
    mixed: dict[str, float] = {}
    for share, weights in terms:
        if share > 0.0:
            for bone, weight in weights.items():
                mixed[bone] = mixed.get(bone, 0.0) + share * weight
    return normalised(mixed)


def normalised(weights: Weights, most: int = 4) -> dict[str, float]:
    """Return the largest weights above 0.5 %, scaled to sum 1: `most` at most (game engines take four, and speed does).

    Of weights that tie at the limit none is kept, so that both sides of the face are cut alike.
    """
    ordered = sorted(weights.values(), reverse=True)
    limit = max(0.005, ordered[most] * (1.0 + 1e-6) if len(ordered) > most else 0.0)
    kept = {bone: weight for bone, weight in weights.items() if weight > limit}
    total = sum(kept.values())
    return {bone: weight / total for bone, weight in kept.items()}
