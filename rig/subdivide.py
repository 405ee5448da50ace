# SPDX-FileCopyrightText: 2026 Mimica authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""One level of Catmull-Clark subdivision as fixed weights: the mesh may move, its weights stay. No bpy.

E. Catmull, J. Clark, Recursively generated B-spline surfaces on arbitrary topological meshes, 1978; sharp edges after
T. DeRose et al., Subdivision surfaces in character animation, 1998.
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

_Weights = dict[int, float]


@dataclass(frozen=True, slots=True, eq=False)
class Subdivision:
    """A finer mesh whose points are weighted means of the coarse one's."""

    quads: np.ndarray
    """int (Q, 4), corners of the finer faces."""
    origin: np.ndarray
    """int (Q,), the coarse face that each lies in."""
    weights: Any
    """Sparse (P, C): the finer points as means of the coarse ones."""


def subdivide(
    count: int, faces: Sequence[tuple[int, ...]], creases: Mapping[tuple[int, int], float] | None = None
) -> Subdivision:
    """Return one level of subdivision.

    :param count: how many points the coarse mesh has.
    :param creases: edges (lower index first) that stay sharp, 0 to 1, as Blender counts it. Open edges are sharp.
    """
    # Heavy: not before a face is drawn.
    from scipy.sparse import csr_matrix

    around: dict[tuple[int, int], list[int]] = defaultdict(list)
    for f, corners in enumerate(faces):
        for a, b in zip(corners, corners[1:] + corners[:1], strict=True):
            around[min(a, b), max(a, b)].append(f)
    sharp = {
        edge: 1.0 if len(found) != 2 else min(1.0, 10.0 * (creases or {}).get(edge, 0.0) ** 2)
        for edge, found in around.items()
    }
    centres = [_mean([{corner: 1.0} for corner in corners]) for corners in faces]
    edges = {edge: k for k, edge in enumerate(around)}
    halves = [_mean([{a: 1.0}, {b: 1.0}]) for a, b in edges]
    between = [
        _mixed((sharp[edge], half), (1.0 - sharp[edge], _mean([half, half, *(centres[f] for f in around[edge])])))
        if len(around[edge]) == 2
        else half
        for edge, half in zip(edges, halves, strict=True)
    ]
    of_point: dict[int, list[tuple[int, int]]] = defaultdict(list)
    for edge in edges:
        for point in edge:
            of_point[point].append(edge)
    points = [
        _moved(point, of_point[point], [halves[edges[e]] for e in of_point[point]], sharp, around, centres)
        for point in range(count)
    ]
    first_edge, first_centre = count, count + len(edges)
    quads, origin = [], []
    for f, corners in enumerate(faces):
        ring = [
            first_edge + edges[min(a, b), max(a, b)] for a, b in zip(corners, corners[1:] + corners[:1], strict=True)
        ]
        for k, corner in enumerate(corners):
            quads.append((corner, ring[k], first_centre + f, ring[k - 1]))
            origin.append(f)
    rows = [*points, *between, *centres]
    starts = np.cumsum([0] + [len(row) for row in rows])
    columns = np.array([column for row in rows for column in row])
    shares = np.array([share for row in rows for share in row.values()])
    return Subdivision(np.array(quads), np.array(origin), csr_matrix((shares, columns, starts), (len(rows), count)))


def _moved(
    point: int,
    edges: list[tuple[int, int]],
    halves: list[_Weights],
    sharp: Mapping[tuple[int, int], float],
    around: Mapping[tuple[int, int], list[int]],
    centres: list[_Weights],
) -> _Weights:
    here = {point: 1.0}
    if not edges:
        return here
    hard = [(edge, half) for edge, half in zip(edges, halves, strict=True) if sharp[edge] > 0.0]
    valence = len(edges)
    touching = {f for edge in edges for f in around[edge]}
    smooth = _mixed(
        (1.0 / valence, _mean([centres[f] for f in touching])),
        (2.0 / valence, _mean(halves)),
        ((valence - 3.0) / valence, here),
    )
    if len(hard) < 2:
        return smooth
    amount = float(np.mean([sharp[edge] for edge, _ in hard]))
    edged = _mixed((0.5, here), (0.5, _mean([half for _, half in hard]))) if len(hard) == 2 else here
    return _mixed((amount, edged), (1.0 - amount, smooth))


def _mean(terms: Sequence[_Weights]) -> _Weights:
    return _mixed(*((1.0 / len(terms), term) for term in terms))


def _mixed(*terms: tuple[float, _Weights]) -> _Weights:
    result: _Weights = defaultdict(float)
    for share, weights in terms:
        if share:
            for column, weight in weights.items():
                result[column] += share * weight
    return dict(result)
