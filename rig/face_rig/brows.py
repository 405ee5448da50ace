# SPDX-FileCopyrightText: 2026 Mimica authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Eyebrows: two smooth bodies on the brow ridge, so that every move of the brows reads."""

from itertools import pairwise

import numpy as np

from .part import Part, blend

_COLUMNS = {
    "L": ((285, 336), (295, 296), (282, 334), (283, 293), (276, 300)),
    "R": ((55, 107), (65, 66), (52, 105), (53, 63), (46, 70)),
}
"""Lower and upper landmark of each column, from the nose outwards."""
_THICKNESS = (1.0, 1.25, 1.25, 1.0, 0.4)
"""Height of the brow in each column, in proportion to the landmarks' distance."""
_OUT = 0.17
"""How far the brow stands out of the skin, cm."""
_IN = 0.12


def add_brows(part: Part) -> None:
    """Add both brows to a part whose points 0 to 467 are the face, moving with the skin beneath."""
    normals = _normals(part)
    for side, columns in _COLUMNS.items():
        rows = []
        for (low, high), share in zip(columns, _THICKNESS, strict=True):
            bottom, top = part.points[low], part.points[high]
            out = normals[low] + normals[high]
            out /= np.linalg.norm(out)
            middle, half = 0.5 * (bottom + top), 0.5 * share * (top - bottom)
            weights = blend((0.5, part.weights[low]), (0.5, part.weights[high]))
            ring = [middle - half - out * _IN * 0.3, middle + out * _OUT, middle + half - out * _IN * 0.3,
                    middle - out * _IN]  # fmt: skip
            rows.append(part.add(np.array(ring), weights))
        for first, second in pairwise(rows):
            if side == "L":
                part.bridge(second, first, "brows")
            else:
                part.bridge(first, second, "brows")
        ends = (rows[0], rows[-1][::-1]) if side == "L" else (rows[0][::-1], rows[-1])
        for end in ends:
            part.face(end, "brows")


def _normals(part: Part) -> np.ndarray:
    points = np.array(part.points[:468])
    normals = np.zeros_like(points)
    for corners in part.faces:
        if max(corners) < 468:
            a, b = points[corners[2]] - points[corners[0]], points[corners[-1]] - points[corners[1]]
            normals[list(corners)] += np.cross(a, b)
    return normals / np.maximum(np.linalg.norm(normals, axis=1, keepdims=True), 1e-9)
