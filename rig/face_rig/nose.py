# SPDX-FileCopyrightText: 2026 Mimica authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Nostrils: the landmarks leave them closed with one face each."""

import numpy as np

from .part import Part, blend

_NOSTRILS = (frozenset((250, 309, 392, 290)), frozenset((20, 79, 166, 60)))
_RINGS = ((0.92, 0.0, "skin"), (0.74, 0.12, "nostril"), (0.5, 0.5, "nostril"))
"""Size against the face they open, height above it in cm, material on the way there."""


def open_nostrils(part: Part) -> None:
    """Replace the nostrils' faces of a part whose points 0 to 467 are the face with shallow dark hollows."""
    for k, corners in reversed(list(enumerate(part.faces))):
        if frozenset(corners) not in _NOSTRILS:
            continue
        del part.faces[k], part.materials[k]
        rim = np.array([part.points[c] for c in corners])
        centre = rim.mean(axis=0)
        mean = blend(*((1.0, part.weights[c]) for c in corners))
        previous = list(corners)
        for size, height, material in _RINGS:
            weights = [blend((size, part.weights[c]), (1.0 - size, mean)) for c in corners]
            ring = part.add(centre + (rim - centre) * size + np.array([0.0, height, 0.0]), weights)
            part.bridge(previous, ring, material)
            previous = ring
        part.face(previous, "nostril")
