# SPDX-FileCopyrightText: 2026 Mimica authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Where straight ahead is: a pose of the head that counts as rest in the neutral's stead."""

from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from . import rotation as rot
from .motion import Motion


@dataclass(frozen=True, slots=True, eq=False)
class HeadRest:
    """A pose of the head against the neutral's, which is shown as none."""

    rotation: np.ndarray
    """float (4,), wxyz: as `Motion.head_rotation`."""
    translation: np.ndarray
    """float (3,), cm: as `Motion.head_translation`."""

    @classmethod
    def of(cls, motion: Motion) -> "HeadRest":
        """Return the pose of a motion's last instant."""
        return cls(motion.head_rotation[-1].copy(), motion.head_translation[-1].copy())

    def to_json(self) -> dict[str, Any]:
        """Return it as JSON has it."""
        return {"rotation": self.rotation.round(6).tolist(), "translation": self.translation.round(5).tolist()}

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> "HeadRest":
        """Return what `to_json` gave. Raises KeyError, TypeError or ValueError."""
        rotation, translation = (np.array(data[key], np.float64) for key in ("rotation", "translation"))
        length = float(np.linalg.norm(rotation))
        if rotation.shape != (4,) or translation.shape != (3,) or not (0.5 < length < 2.0):
            raise ValueError("no pose of a head")
        return cls(rotation / length, translation)


def recentred(motion: Motion, rest: HeadRest | None) -> Motion:
    """Return the motion with the head's way and turning against this rest; None: the neutral's own."""
    if rest is None:
        return motion
    back = rot.conjugate(rest.rotation)
    moved = motion.head_translation - rest.translation
    return replace(
        motion,
        head_rotation=rot.multiply(back, motion.head_rotation),
        # Along the axes of the head that rests there.
        head_translation=moved @ rot.matrix_from_quaternion(rest.rotation),
    )


def unrecentred(motion: Motion, rest: HeadRest | None) -> Motion:
    """Return the motion that `recentred` was given."""
    if rest is None:
        return motion
    return replace(
        motion,
        head_rotation=rot.multiply(rest.rotation, motion.head_rotation),
        head_translation=motion.head_translation @ rot.matrix_from_quaternion(rest.rotation).T + rest.translation,
    )
