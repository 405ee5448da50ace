# SPDX-FileCopyrightText: 2026 Mimica authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the tracker does to a face that turns, and how much each landmark may tell of the head: learned, read once.

`tools/fit_head.py` learns it from our own face rig, rendered and tracked, where the head's rotation is known.
"""

from dataclasses import dataclass
from functools import cache

import numpy as np

from .data import FOLDER


@dataclass(frozen=True, slots=True, eq=False)
class HeadTable:
    """Generic constants of the head's fit, for K landmarks. The same mirrored."""

    landmarks: np.ndarray
    """int (K,)."""
    gain: np.ndarray
    """float64 (7, K * 3): what has to be added to the head's rotation vector (face's axes, radians), log scale and
    translation (face space, cm) for K residuals in face space, cm. A generalised least-squares estimate: landmarks
    that expressions move, alone or together, count as little as they deserve."""
    slide: np.ndarray
    """float64 (5, 478 * 3), cm in face space, depth 0: how landmarks slide over the face, for `turn_features`. The
    tracker's mesh does not stay with the skin: when a face looks down, its outline does not rise as the ears do."""

    fitted_slide: np.ndarray
    """float64 (5, K * 3): `slide` of the K landmarks alone."""

    @classmethod
    def of(cls, landmarks: np.ndarray, gain: np.ndarray, slide: np.ndarray) -> "HeadTable":
        """Make a table. Its arrays are read-only."""
        fitted = slide.reshape(len(slide), -1, 3)[:, landmarks].reshape(len(slide), -1)
        table = cls(landmarks.astype(int), gain.astype(np.float64), slide.astype(np.float64), fitted.astype(np.float64))
        for array in (table.landmarks, table.gain, table.slide, table.fitted_slide):
            array.flags.writeable = False
        return table

    def slid(self, turn: np.ndarray) -> np.ndarray:
        """Return how far each landmark has slid, (N, 478, 3) cm in face space, for heads turned by `turn` (N, 2)."""
        return (turn_features(turn) @ self.slide).reshape(len(turn), -1, 3)


def turn_features(turn: np.ndarray) -> np.ndarray:
    """Return the products of the turn that the slide is linear in, (N, 5).

    :param turn: (N, 2): x and y of the direction of the face's z axis, as seen from the camera (`HeadPose.turn`).
    """
    a, b = turn[:, 0], turn[:, 1]
    return np.stack([a, b, a * a, a * b, b * b], axis=1)


@cache
def head_table() -> HeadTable:
    """Return the shipped table."""
    with np.load(FOLDER / "head.npz") as file:
        return HeadTable.of(file["landmarks"], file["gain"], file["slide"])
