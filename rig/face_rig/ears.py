# SPDX-FileCopyrightText: 2026 Mimica authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Simple ears, set into the head behind the face's border."""

from itertools import pairwise

import numpy as np

from .head import fit_to
from .part import Part

_OUTLINE = (
    (0.25, 1.2), (0.35, 2.3), (1.0, 3.15), (2.0, 3.4), (2.9, 2.95), (3.35, 2.0), (3.3, 0.9), (2.85, -0.3),
    (2.2, -1.3), (1.75, -2.3), (1.05, -2.85), (0.4, -2.5), (0.1, -1.6), (0.0, -0.6), (0.05, 0.3),
)  # fmt: skip
"""cm backwards and upwards from the ear's front: helix, lobe, tragus."""
_MIDDLE = (1.35, 0.35)
_RINGS = (
    (0.72, -0.7), (0.86, 0.25), (1.0, 0.75), (0.99, 0.95), (0.86, 0.92), (0.74, 0.55), (0.6, 0.62), (0.42, 0.5),
    (0.26, 0.1),
)  # fmt: skip
"""Size of each ring against the outline, and its height above the head, from the root over the rim into the bowl."""
_LEAN = np.radians(10.0)
_FRONT = (-2.6, 0.3)
"""z, y of the ear's front in the average face's frame."""


def add_ears(part: Part) -> None:
    """Add both ears to a part that holds face and head."""
    scale, offset = fit_to(np.array(part.points[:468]))
    points = np.array(part.points)
    lean = np.array([[np.cos(_LEAN), -np.sin(_LEAN)], [np.sin(_LEAN), np.cos(_LEAN)]])
    outline, middle = np.array(_OUTLINE) @ lean, np.array(_MIDDLE) @ lean
    back = np.clip(outline[:, 0] / outline[:, 0].max(), 0.0, 1.0)
    for sign in (1.0, -1.0):
        rings = []
        for size, height in _RINGS:
            flat = middle + (outline - middle) * size
            # The front of the ear lies on the cheek, the rim stands off the head.
            out = np.where(height > 0.0, height * (0.3 + 1.0 * back), height)
            rings.append(_place(flat, out, points, scale, offset, sign))
        rows = [part.add(ring, {"head": 1.0}) for ring in rings]
        for outer, inner in pairwise(rows):
            part.bridge(outer, inner, "skin") if sign < 0 else part.bridge(inner, outer, "skin")
        centre = part.add(rings[-1].mean(axis=0)[None] - [(sign * 0.1, 0.0, 0.0)], {"head": 1.0})[0]
        part.cap(rows[-1] if sign < 0 else rows[-1][::-1], centre, "skin")
        root = part.add(rings[0].mean(axis=0)[None], {"head": 1.0})[0]
        part.cap(rows[0][::-1] if sign < 0 else rows[0], root, "skin")


def _place(
    flat: np.ndarray, out: np.ndarray, head: np.ndarray, scale: np.ndarray, offset: np.ndarray, sign: float
) -> np.ndarray:
    """Return points for (backwards, upwards) cm and a height above the head's side."""
    y = (_FRONT[1] + flat[:, 1]) * scale[1] + offset[1]
    z = (_FRONT[0] - flat[:, 0]) * scale[2] + offset[2]
    side = head[head[:, 0] > 4.0 * scale[0]]
    distance = (side[None, :, 1] - y[:, None]) ** 2 + (side[None, :, 2] - z[:, None]) ** 2
    near = 1.0 / (distance + 0.3) ** 3
    x = (near * side[:, 0]).sum(axis=1) / near.sum(axis=1)
    return np.column_stack([sign * (x + out * scale[0]), y, z])
