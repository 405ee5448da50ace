# SPDX-FileCopyrightText: 2026 Mimica authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The other side of the face: landmarks, shapes and axes of the mirror image."""

from functools import cache

import numpy as np

from .data import load_table
from .frame import ARKIT_SHAPES

MIRROR_AXES = np.array([-1.0, 1.0, 1.0], np.float32)
"""Factors of x, y, z in face space."""


@cache
def mirror_landmarks() -> np.ndarray:
    """Return the landmark on the other side of each, int (478,)."""
    return np.array(load_table("face_topology")["mirror"], int)


@cache
def mirror_shapes() -> np.ndarray:
    """Return the shape on the other side of each, int (52,)."""
    swapped = [name.replace("Left", "@").replace("Right", "Left").replace("@", "Right") for name in ARKIT_SHAPES]
    return np.array([ARKIT_SHAPES.index(name) for name in swapped])
