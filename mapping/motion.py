# SPDX-FileCopyrightText: 2026 Mimica authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The mapped performance: what a character needs to know of a face, time first."""

from dataclasses import dataclass

import numpy as np

from .frame import ARKIT_SHAPES, LANDMARK_COUNT


@dataclass(frozen=True, slots=True, eq=False)
class Motion:
    """N instants of a performance in face space (centimetres; x to the performer's left, y up, z out of the face)."""

    times: np.ndarray
    """float64 (N,), seconds on the take's clock."""
    controls: np.ndarray
    """float (N, 52) in the order of `ARKIT_SHAPES`, [0, 1]."""
    head_rotation: np.ndarray
    """float (N, 4), wxyz: the head against its neutral, turning about face-space axes."""
    head_translation: np.ndarray
    """float (N, 3), cm, against the neutral place, along face-space axes of the neutral head."""
    gaze: np.ndarray
    """float (N, 2, 2), radians: [left eye, right eye] x [yaw, pitch]; yaw > 0 to the performer's left, pitch > 0 up."""
    displacement: np.ndarray
    """float (N, P, 3), cm: each landmark against the neutral face, head motion removed. P is 478, or the number of
    landmark groups that the motion was solved for."""
    confidence: np.ndarray
    """float (N,), [0, 1]: 1 seen well, 0 invented (held, eased or bridged)."""

    def __len__(self) -> int:
        return len(self.times)

    @classmethod
    def neutral(cls, times: np.ndarray, points: int = LANDMARK_COUNT) -> "Motion":
        """Return a motion of `points` landmarks or groups that rests at neutral, with confidence 0."""
        n = len(times)
        rotation = np.zeros((n, 4))
        rotation[:, 0] = 1.0
        return cls(
            times=np.asarray(times, np.float64),
            controls=np.zeros((n, len(ARKIT_SHAPES))),
            head_rotation=rotation,
            head_translation=np.zeros((n, 3)),
            gaze=np.zeros((n, 2, 2)),
            displacement=np.zeros((n, points, 3)),
            confidence=np.zeros(n),
        )

    def control(self, name: str) -> np.ndarray:
        """Return one control over time, (N,)."""
        return self.controls[:, ARKIT_SHAPES.index(name)]
