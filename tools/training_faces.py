# SPDX-FileCopyrightText: 2026 Mimica authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Random human faces: the average face with other proportions, and the small asymmetry that every face has.

Face space throughout: centimetres, x to the subject's left, y up, z out of the face. Proportions go as far as measures
of adult heads do, whose standard deviations are 4 to 10 % (L. G. Farkas, Anthropometry of the Head and Face, 1994).
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from ..mapping.data import load_table
from ..mapping.landmarks import average_face

Warp = Callable[[np.ndarray], np.ndarray]
"""Points (P, 3) to points (P, 3), face space."""

_Vector = tuple[float, float, float]
_NONE: _Vector = (0.0, 0.0, 0.0)


@dataclass(frozen=True, slots=True)
class _Trait:
    """A proportion in which people differ. It fades with distance, as a Gaussian about the mean of some landmarks."""

    landmarks: tuple[int, ...]
    """Of the subject's left half or the middle; a trait beside the middle is mirrored to the right."""
    reach: _Vector
    """Standard deviations of the Gaussian, cm."""
    stretch: _Vector = _NONE
    """Standard deviations of the scale's logarithm along x, y, z."""
    shift: _Vector = _NONE
    """Standard deviations of the displacement, cm."""


_TRAITS = (
    # The whole: width, height, depth.
    _Trait((1,), (99.0, 99.0, 99.0), (0.05, 0.05, 0.05)),
    # Jaw's width, lower face's length, chin.
    _Trait((152, 17), (9.0, 4.5, 99.0), (0.07, 0.0, 0.0), (0.0, 0.25, 0.15)),
    _Trait((152,), (2.2, 2.0, 3.0), (0.08, 0.0, 0.0), (0.0, 0.2, 0.2)),
    _Trait((397, 365), (2.5, 2.5, 4.0), _NONE, (0.2, 0.15, 0.2)),
    # Forehead, brow ridge, cheekbones, hollow cheeks.
    _Trait((10, 151), (9.0, 4.0, 99.0), (0.04, 0.06, 0.0), (0.0, 0.2, 0.3)),
    _Trait((334, 296), (3.0, 0.9, 3.0), _NONE, (0.0, 0.16, 0.1)),
    _Trait((300,), (1.6, 0.9, 2.0), _NONE, (0.0, 0.12, 0.0)),
    _Trait((280, 352), (2.5, 1.8, 3.0), _NONE, (0.2, 0.1, 0.2)),
    _Trait((426, 411), (1.8, 1.8, 2.5), _NONE, (0.12, 0.0, 0.18)),
    # Eyes: size, opening, place.
    _Trait((386, 374, 263, 362), (1.7, 1.3, 2.0), (0.05, 0.1, 0.0), (0.12, 0.1, 0.1)),
    _Trait((263,), (0.9, 0.7, 1.5), _NONE, (0.0, 0.08, 0.0)),
    # Nose: length and width, bridge, tip.
    _Trait((4, 195), (1.7, 2.2, 3.0), (0.1, 0.08, 0.08), (0.0, 0.1, 0.1)),
    _Trait((6, 197), (0.9, 1.6, 2.0), (0.1, 0.0, 0.0), (0.0, 0.0, 0.15)),
    _Trait((4,), (1.0, 0.9, 1.5), _NONE, (0.0, 0.12, 0.15)),
    _Trait((327, 294), (0.8, 0.8, 1.2), _NONE, (0.1, 0.06, 0.0)),
    # Mouth: width, thickness of the lips, place.
    _Trait((13, 14), (2.4, 1.0, 2.5), (0.08, 0.16, 0.05), (0.0, 0.1, 0.12)),
    _Trait((0,), (1.6, 0.5, 1.2), _NONE, (0.0, 0.05, 0.06)),
    _Trait((17,), (1.6, 0.5, 1.2), _NONE, (0.0, 0.05, 0.06)),
)
_LIMIT = 1.8
"""Standard deviations beyond which no trait goes."""
_FIELD_COUNT, _FIELD_REACH, _FIELD_CM = 6, 3.5, 0.1
"""The smooth rest, in which no measure has a name: how many Gaussians, their reach and their displacement."""
_ASYMMETRY_COUNT, _ASYMMETRY_REACH, _ASYMMETRY_CM = 5, 4.0, 0.08
"""Sides of a face differ by 1 to 2 mm. So wide that what meets, like the lids, still meets."""


def random_neutral(random: np.random.Generator) -> np.ndarray:
    """Return a symmetric neutral face, float64 (478, 3)."""
    face = average_face().copy()
    for trait in _TRAITS:
        centre = average_face()[list(trait.landmarks)].mean(axis=0)
        scale = np.exp(_normal(random, trait.stretch))
        shift = _normal(random, trait.shift)
        face += _both_sides(average_face(), centre, np.array(trait.reach), scale - 1.0, shift)
    for _ in range(_FIELD_COUNT):
        centre = average_face()[random.integers(468)]
        shift = _normal(random, (_FIELD_CM,) * 3)
        face += _both_sides(average_face(), centre, np.full(3, _FIELD_REACH), np.zeros(3), shift)
    mirror = np.array(load_table("face_topology")["mirror"])
    return 0.5 * (face + face[mirror] * (-1.0, 1.0, 1.0))


def random_asymmetry(random: np.random.Generator) -> Warp:
    """Return a smooth warp that moves points by about a millimetre, each side of the face otherwise."""
    centres = average_face()[random.integers(468, size=_ASYMMETRY_COUNT)]
    shifts = np.array([_normal(random, (_ASYMMETRY_CM,) * 3) for _ in centres])

    def warp(points: np.ndarray) -> np.ndarray:
        away = ((points[:, None] - centres) ** 2).sum(axis=2)
        return points + np.exp(-0.5 * away / _ASYMMETRY_REACH**2) @ shifts

    return warp


def _normal(random: np.random.Generator, deviations: tuple[float, ...]) -> np.ndarray:
    return np.clip(random.standard_normal(len(deviations)), -_LIMIT, _LIMIT) * deviations


def _both_sides(
    points: np.ndarray, centre: np.ndarray, reach: np.ndarray, stretch: np.ndarray, shift: np.ndarray
) -> np.ndarray:
    """Return displacements (P, 3): scaled about the centre and shifted, and the mirror image of that."""
    if abs(centre[0]) < 0.1:
        return _bump(points, centre * (0.0, 1.0, 1.0), reach, stretch, shift * (0.0, 1.0, 1.0))
    turned = np.array([-1.0, 1.0, 1.0])
    return _bump(points, centre, reach, stretch, shift) + _bump(points, centre * turned, reach, stretch, shift * turned)


def _bump(
    points: np.ndarray, centre: np.ndarray, reach: np.ndarray, stretch: np.ndarray, shift: np.ndarray
) -> np.ndarray:
    offset = points - centre
    weight = np.exp(-0.5 * ((offset / reach) ** 2).sum(axis=1, keepdims=True))
    return weight * (stretch * offset + shift)
