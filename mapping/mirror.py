# SPDX-FileCopyrightText: 2026 Mimica authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The other side of the face: landmarks, shapes and axes of the mirror image, and whole motions in the mirror."""

from dataclasses import replace
from functools import cache

import numpy as np

from .data import load_table
from .frame import ARKIT_SHAPES
from .motion import Motion

MIRROR_AXES = np.array([-1.0, 1.0, 1.0], np.float32)
"""Factors of x, y, z in face space."""
_TURNS = np.array([1.0, 1.0, -1.0, -1.0])
"""Factors of a quaternion, wxyz."""
_LOOKS = np.array([-1.0, 1.0])
"""Factors of a gaze's yaw and pitch."""


@cache
def mirror_landmarks() -> np.ndarray:
    """Return the landmark on the other side of each, int (478,)."""
    return np.array(load_table("face_topology")["mirror"], int)


@cache
def mirror_shapes() -> np.ndarray:
    """Return the shape on the other side of each, int (52,)."""
    swapped = [name.replace("Left", "@").replace("Right", "Left").replace("@", "Right") for name in ARKIT_SHAPES]
    return np.array([ARKIT_SHAPES.index(name) for name in swapped])


def mirrored_groups(groups: np.ndarray | None) -> np.ndarray | None:
    """Return the groups (G, 478) to solve for, so that `mirrored` has what these groups do in the mirror."""
    return None if groups is None else groups[:, mirror_landmarks()]


def mirrored_face(face: np.ndarray) -> np.ndarray:
    """Return faces (..., 478, 3), or displacements of all landmarks, in face space as a mirror shows them."""
    return face[..., mirror_landmarks(), :] * MIRROR_AXES


def mirrored(motion: Motion, groups: np.ndarray | None = None) -> Motion:
    """Return the motion as a mirror shows it: what the performer does on the left, the character does on the right.

    :param groups: (G, 478): what displacements are to be of. The motion must have been solved for
        `mirrored_groups(groups)`. None: all landmarks.
    """
    moved = motion.displacement
    return replace(
        motion,
        controls=motion.controls[:, mirror_shapes()],
        head_rotation=motion.head_rotation * _TURNS,
        head_translation=motion.head_translation * MIRROR_AXES,
        gaze=motion.gaze[:, ::-1] * _LOOKS,
        displacement=mirrored_face(moved) if groups is None else moved * MIRROR_AXES,
    )
