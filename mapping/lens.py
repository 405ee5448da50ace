# SPDX-FileCopyrightText: 2026 Mimica authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The camera's field of view, from a performance in which the head turns.

With the right field of view the face keeps its shape while it turns: perspective makes its near side larger, the more
the nearer the camera is, and how near that is follows from the field of view.
"""

import numpy as np

from .face_space import DEFAULT_FIELD_OF_VIEW, fit_head, lift, to_face_space
from .frame import FaceFrames
from .landmarks import average_face

TURNED = 0.26
"""Sine of 15 degrees: a head turned that far counts."""
LEAST_TURNED = 12
"""Frames with the head turned below which nothing is told."""

_MOST_FRAMES = 300
_WEIGHT_FROM, _WEIGHT_OVER = 0.1, 0.3
"""A frame's weight rises from 0 at the first to 1 at their sum, in sines of the turn."""
_ABOVE_CM = -4.5
"""Height on the face, cm, above which landmarks count: those below move with jaw and lips."""
_SOFT_CM = 0.1
"""Residuals well above this count by their size, not by its square."""
_COARSE, _FINE = (25.0, 35.0, 45.0, 55.0, 65.0), (-6.0, -3.0, 0.0, 3.0, 6.0)
"""Fields of view that are tried, degrees: first these, then these about the best."""


def estimate_field_of_view(frames: FaceFrames) -> float | None:
    """Return the camera's vertical field of view in degrees, between 25 and 65; None when the head turns too little.

    A rough measure: the tracker's mesh leans towards a mean face. For our own rig, seen by the real tracker through
    lenses of 30 to 60 degrees, it is wrong by 5 degrees in the mean, where 45 for all is wrong by 9; for two other
    heads it told 48 and 56 instead of 40 and 42. What is known of the camera is better.
    """
    seen = np.flatnonzero(frames.found)
    if len(seen) < LEAST_TURNED:
        return None
    turn = _turn(frames, seen)
    if np.count_nonzero(turn > TURNED) < LEAST_TURNED:
        return None
    if len(seen) > _MOST_FRAMES:
        # As many turned frames as there are, spread over the performance.
        turned = seen[turn > 0.5 * TURNED]
        seen = turned[np.linspace(0, len(turned) - 1, min(_MOST_FRAMES, len(turned))).astype(int)]
    best = _lowest(frames, seen, np.array(_COARSE))
    if best is None:
        return None
    finer = _lowest(frames, seen, np.clip(best + np.array(_FINE), 20.0, 75.0))
    return float(np.clip(best if finer is None else finer, _COARSE[0], _COARSE[-1]))


def likely_field_of_view(frames: FaceFrames) -> float:
    """Return the field of view to believe in where nobody knows the camera's, degrees.

    The mean of what the turning head tells and of what is usual: neither is worth more than that.
    """
    told = estimate_field_of_view(frames)
    return DEFAULT_FIELD_OF_VIEW if told is None else 0.5 * (told + DEFAULT_FIELD_OF_VIEW)


def _turn(frames: FaceFrames, seen: np.ndarray) -> np.ndarray:
    pose = fit_head(lift(frames.landmarks[seen], frames.image_sizes[seen]))
    return np.hypot(pose.turn[:, 0], pose.turn[:, 1])


def _lowest(frames: FaceFrames, seen: np.ndarray, degrees: np.ndarray) -> float | None:
    """Return where a parabola through the costs is lowest, degrees, within the range tried; None when it has no such
    place."""
    size = np.tan(np.radians(degrees) / 2.0)
    cost = [_change_of_shape(frames, seen, view) for view in degrees.tolist()]
    curved, slope, _ = np.polyfit(size, cost, 2)
    if curved <= 0.0:
        return None
    lowest = np.clip(-slope / (2.0 * curved), size[0], size[-1])
    return float(2.0 * np.degrees(np.arctan(lowest)))


def _change_of_shape(frames: FaceFrames, seen: np.ndarray, field_of_view: float) -> float:
    """Return how much the face seems to change its shape when it turns, cm. Across the line of sight alone: the
    tracker's depth is the mean face's."""
    points = lift(frames.landmarks[seen], frames.image_sizes[seen], field_of_view)
    upper = average_face()[:468, 1] > _ABOVE_CM
    pose = fit_head(points)
    face = to_face_space(points, pose)
    for _ in range(2):
        neutral = np.median(face, axis=0).astype(np.float64)
        pose = fit_head(points, neutral)
        face = to_face_space(points, pose)
    away = (face - np.median(face, axis=0))[:, :468][:, upper, :2]
    change = np.sqrt((away * away).sum(axis=2) + _SOFT_CM**2).mean(axis=1)
    turn = np.hypot(pose.turn[:, 0], pose.turn[:, 1])
    weight = np.clip((turn - _WEIGHT_FROM) / _WEIGHT_OVER, 0.0, 1.0)
    return float((weight @ change) / max(float(weight.sum()), 1e-6))
