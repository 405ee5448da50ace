# SPDX-FileCopyrightText: 2026 Mimica authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A performance at other times: from the camera's own to the scene's frames."""

import numpy as np

from . import rotation as rot
from .motion import Motion


def scene_frame_times(times: np.ndarray, rate: float) -> np.ndarray:
    """Return the take's times, (M,), at which a scene of `rate` frames/s samples it, from its first frame to its last.

    The length is the performance's to within one frame.
    """
    if len(times) == 0:
        return np.zeros(0)
    count = int(np.floor((times[-1] - times[0]) * rate + 0.5)) + 1
    return times[0] + np.arange(count) / rate


def resample(motion: Motion, times: np.ndarray) -> Motion:
    """Return the motion at other times, (M,), seconds, increasing; beyond its ends it holds.

    Scalars by PCHIP, which never overshoots its samples (F. N. Fritsch, R. E. Carlson, Monotone piecewise cubic
    interpolation, 1980); rotations along the shortest arc; confidence by the lower neighbour.
    """
    from scipy.interpolate import PchipInterpolator

    count = len(motion)
    if count == 0:
        return Motion.neutral(times, motion.displacement.shape[1])
    source = motion.times
    at = np.clip(times, source[0], source[-1])
    if count == 1:
        picked = np.zeros(len(times), int)
        return _picked(motion, picked, times)
    if len(times) == count and np.allclose(times, source, atol=1e-6):
        return _picked(motion, np.arange(count), times)

    def scalars(values: np.ndarray) -> np.ndarray:
        if values.size == 0:
            return np.zeros((len(times), *values.shape[1:]))
        return PchipInterpolator(source, values, axis=0)(at)

    right = np.clip(np.searchsorted(source, at, side="right"), 1, count - 1)
    left = right - 1
    share = (at - source[left]) / np.maximum(source[right] - source[left], 1e-12)
    start = motion.head_rotation[left]
    turn = rot.log(rot.multiply(rot.conjugate(start), motion.head_rotation[right]))
    return Motion(
        times=times,
        controls=np.clip(scalars(motion.controls), 0.0, 1.0),
        head_rotation=rot.multiply(start, rot.exp(turn * share[:, None])),
        head_translation=scalars(motion.head_translation),
        gaze=scalars(motion.gaze),
        displacement=scalars(motion.displacement),
        confidence=np.minimum(motion.confidence[left], motion.confidence[right]),
    )


def _picked(motion: Motion, rows: np.ndarray, times: np.ndarray) -> Motion:
    fields = [f for f in Motion.__dataclass_fields__ if f != "times"]
    return Motion(times, *(getattr(motion, f)[rows] for f in fields))
