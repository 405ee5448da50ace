# SPDX-FileCopyrightText: 2026 Mimica authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The face of a character of which only some places are known: the average face, warped until its landmarks lie there.

First a similarity, which tells which way the character looks and how large it is; then a smooth warp takes up its
proportions, so that the width of its mouth or the height of its eyes can be measured as on any other face.
"""

from dataclasses import dataclass

import numpy as np

from .landmarks import average_face
from .rotation import mean_rotation

_LEAST = 4
"""Fewer known places tell neither a size nor a direction."""
_FLAT = 0.05
"""Places that are spread less than this share in their second direction lie on a line, and tell no direction."""
_SQUARE_COS = 0.9
"""Axes that are off the armature's own by less than 25 degrees are meant to be these: rigs are built along them."""
_OUTLIER, _FAR = 3.0, 5.0
"""Places that are so many times further off than the usual one, and so many cm, do not pull at the warp: a bone that is
no part of the face. A character's mouth or eyes may be centimetres away from where the average face has them."""
_REWEIGHTED = 4
"""Fits of the similarity, each trusting less what was far off before."""
_WARPS = 3
"""Repetitions until the mean of a group's warped landmarks, and not the mean itself, is in its place."""


@dataclass(frozen=True, slots=True, eq=False)
class FaceFit:
    """Where a face is in an armature, and what it looks like."""

    rotation: np.ndarray
    """(3, 3): from the armature's axes to the character's: it looks along -y, x to its left, z up."""
    unit: float
    """Armature units per centimetre of the face: the face is then of about the average size."""
    neutral: np.ndarray
    """float (478, 3), cm: face space's axes, the armature's origin."""


def fit_face(groups: np.ndarray, places: np.ndarray, upright: np.ndarray | None = None) -> FaceFit | None:
    """Fit the average face to known places.

    :param groups: (G, 478): weights of the landmarks that lie at each place.
    :param places: (G, 3), armature units and axes.
    :param upright: (3, 3), rotation from the armature's axes to upright ones, for faces whose places do not tell which
        way they look; None: the armature's are upright.
    :return: None when there are too few places to tell the size of the face.
    """
    if len(places) < _LEAST or np.ptp(places, axis=0).max() < 1e-9:
        return None
    # Face space (x, y, z) is (x, -z, y) along the character's axes.
    face = to_character(average_face())
    sources = groups @ face
    off = np.zeros(len(places))
    rotation = np.eye(3) if upright is None else upright
    unit, shift = 1.0, np.zeros(3)
    for _ in range(_REWEIGHTED):
        weights = 1.0 / np.maximum(1.0, off / max(2.0 * float(np.median(off)), 1e-6))
        rotation = _direction(sources, places, weights, rotation)
        target = places @ rotation.T
        unit = _size(sources, target, weights)
        shift = np.average(target / unit - sources, axis=0, weights=weights)
        off = np.linalg.norm(target / unit - sources - shift, axis=1)
    target = places @ rotation.T / unit
    kept = off < max(_OUTLIER * float(np.median(off)), _FAR)
    warped = face + shift
    for _ in range(_WARPS):
        warped = _warped(warped, groups[kept] @ warped, target[kept])
    return FaceFit(rotation, unit, from_character(warped))


def to_character(points: np.ndarray) -> np.ndarray:
    """Return points (..., 3) of face space along a character's axes: it looks along -y, z is up."""
    return np.stack([points[..., 0], -points[..., 2], points[..., 1]], axis=-1)


def from_character(points: np.ndarray) -> np.ndarray:
    """Return points (..., 3) of a character's axes along those of face space."""
    return np.stack([points[..., 0], points[..., 2], -points[..., 1]], axis=-1)


def _direction(sources: np.ndarray, places: np.ndarray, weights: np.ndarray, fallback: np.ndarray) -> np.ndarray:
    """Return the rotation (3, 3) from the places' axes to the sources'."""
    a = sources - np.average(sources, axis=0, weights=weights)
    b = places - np.average(places, axis=0, weights=weights)
    u, spread, vt = np.linalg.svd((a * weights[:, None]).T @ b)
    if spread[1] < _FLAT * spread[0]:
        return fallback
    turned = mean_rotation((u @ np.diag([1.0, 1.0, np.sign(np.linalg.det(u @ vt))]) @ vt)[None])
    square = np.zeros((3, 3))
    square[np.arange(3), np.abs(turned).argmax(axis=1)] = 1.0
    square *= np.sign(turned)
    is_rotation = np.linalg.det(square) > 0.5
    return square if is_rotation and (turned * square).sum(axis=1).min() > _SQUARE_COS else turned


def _size(sources: np.ndarray, target: np.ndarray, weights: np.ndarray) -> float:
    """Return how much larger the target is than the sources, upwards and sideways: depths of controls are anyone's."""
    a = (sources - np.average(sources, axis=0, weights=weights))[:, [0, 2]]
    b = (target - np.average(target, axis=0, weights=weights))[:, [0, 2]]
    return float(np.sqrt((weights @ b**2).sum() / max((weights @ a**2).sum(), 1e-12)))


def _warped(points: np.ndarray, sources: np.ndarray, targets: np.ndarray) -> np.ndarray:
    """Return points (N, 3) moved as smoothly as can be so that the sources (G, 3) come to lie on the targets.

    Radial basis functions r, the kernel of a thin plate in three dimensions, and a shift.
    """
    count = len(sources)
    system = np.zeros((count + 1, count + 1))
    system[:count, :count] = -np.linalg.norm(sources[:, None] - sources, axis=2)
    # Two controls at one place must not tear the face apart.
    system[np.arange(count), np.arange(count)] -= 1e-3
    system[:count, count] = system[count, :count] = 1.0
    solved = np.linalg.lstsq(system, np.vstack([targets - sources, np.zeros(3)]), rcond=None)[0]
    return points - np.linalg.norm(points[:, None] - sources, axis=2) @ solved[:count] + solved[count]
