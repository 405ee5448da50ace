# SPDX-FileCopyrightText: 2026 Mimica authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the tracker does to a face that turns, and how much each landmark may tell of the head: learned, read once.

`tools/fit_head.py` learns it from our own face rig, rendered and tracked, where the head's rotation is known.
"""

from dataclasses import dataclass
from functools import cache

import numpy as np

from .data import FOLDER
from .landmarks import lips_joined


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
    """float32 (5, 478 * 3), cm in face space, depth 0: how landmarks slide over the face, for `turn_features`. The
    tracker's mesh does not stay with the skin: when a face looks down, its outline does not rise as the ears do."""

    fitted_slide: np.ndarray
    """float64 (5, K * 3): `slide` of the K landmarks alone."""
    gain_of_points: np.ndarray
    """float64 (7 * 3, K): `gain`, the landmarks last."""
    gain_of_turn: np.ndarray
    """float64 (5, 7): the gain of each of `turn_features`."""

    @classmethod
    def of(cls, landmarks: np.ndarray, gain: np.ndarray, slide: np.ndarray) -> "HeadTable":
        """Make a table. Its arrays are read-only.

        The lips' edges slide as one: how open mouths look from below is in what was learned, and lips that touch are
        seen to touch from anywhere.
        """
        slide = lips_joined(slide.reshape(len(slide), -1, 3).astype(np.float64)).reshape(slide.shape)
        gain = gain.astype(np.float64)
        fitted = slide.reshape(len(slide), -1, 3)[:, landmarks].reshape(len(slide), -1).astype(np.float64)
        by_point = gain.reshape(len(gain), -1, 3)
        table = cls(
            landmarks=landmarks.astype(int),
            gain=gain,
            slide=slide.astype(np.float32),
            fitted_slide=fitted,
            gain_of_points=by_point.transpose(0, 2, 1).reshape(-1, len(landmarks)),
            gain_of_turn=fitted @ gain.T,
        )
        for name in cls.__dataclass_fields__:
            getattr(table, name).flags.writeable = False
        return table

    def slid(self, turn: np.ndarray) -> np.ndarray:
        """Return how far each landmark has slid, float32 (N, 478, 3) cm in face space, for heads turned by `turn`."""
        return (turn_features(turn).astype(np.float32) @ self.slide).reshape(len(turn), -1, 3)


def turn_features(turn: np.ndarray) -> np.ndarray:
    """Return the products of the turn that the slide is linear in, (N, 5).

    :param turn: (N, 2): x and y of the direction of the face's z axis, as seen from the camera (`HeadPose.turn`).
    """
    features = np.empty((len(turn), 5))
    features[:, :2] = turn
    np.multiply(turn, turn[:, :1], out=features[:, 2:4])
    np.square(turn[:, 1], out=features[:, 4])
    return features


@cache
def head_table() -> HeadTable:
    """Return the shipped table."""
    with np.load(FOLDER / "head.npz") as file:
        return HeadTable.of(file["landmarks"], file["gain"], file["slide"])
