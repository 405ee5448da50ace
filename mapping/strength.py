# SPDX-FileCopyrightText: 2026 Mimica authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A finished motion made stronger or weaker, as a whole and by part of the face."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cache

import numpy as np

from . import rotation as rot
from .face_regions import FACE_REGIONS, FaceRegion, control_face_regions, group_shares
from .motion import Motion


@dataclass(frozen=True, slots=True)
class Strength:
    """How much of a performance is shown. 1 as it was performed, 0 nothing."""

    overall: float = 1.0
    regions: Mapping[FaceRegion, float] = field(default_factory=dict)
    """By part of the face, a factor of the overall one; 1 where nothing is said."""

    def of(self, region: FaceRegion) -> float:
        """Return the factor of one part."""
        return self.overall * self.regions.get(region, 1.0)

    def factors(self) -> np.ndarray:
        """Return the factors in the order of `FACE_REGIONS`, (R,)."""
        return np.array([self.of(region) for region in FACE_REGIONS])


def strengthened(motion: Motion, strength: Strength, groups: np.ndarray | None = None) -> Motion:
    """Return the motion with what it does multiplied; the motion itself where every factor is 1.

    Controls end at 1. What belongs to several parts takes the mean of their factors, weighted as `group_shares` says.

    :param groups: (G, 478): what the motion was solved for; None: all landmarks.
    """
    factors = strength.factors()
    return motion if (factors == 1.0).all() else multiplied(motion, factors, group_shares(groups))


def multiplied(motion: Motion, factors: np.ndarray, shares: np.ndarray) -> Motion:
    """Return the motion with each part of the face multiplied; see `strengthened`.

    :param factors: (R,), in the order of `FACE_REGIONS`.
    :param shares: (G, R): see `group_shares`.
    """
    if (factors == 1.0).all():
        return motion
    head, eyes = (float(factors[FACE_REGIONS.index(region)]) for region in ("HEAD", "EYES"))
    rotation = motion.head_rotation
    return replace(
        motion,
        controls=np.minimum(np.maximum(motion.controls * factors[_rows()], 0.0), 1.0),
        head_rotation=rotation if head == 1.0 else rot.exp(rot.log(rotation) * head),
        head_translation=motion.head_translation * head,
        gaze=motion.gaze * eyes,
        # Exact where all parts that a group belongs to have the same factor.
        displacement=motion.displacement * (1.0 + shares @ (factors - 1.0))[:, None],
    )


@cache
def _rows() -> np.ndarray:
    """Return the part of the face of each control, int (52,), as rows of `FACE_REGIONS`."""
    return np.array([FACE_REGIONS.index(region) for region in control_face_regions()])
