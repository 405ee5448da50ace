# SPDX-FileCopyrightText: 2026 Mimica authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which instants of a performance a film and a contact sheet show, and what the camera saw at each."""

from collections.abc import Iterator, Sequence

import numpy as np

from ..capture.source import SourceSpec, make_source
from ..mapping.frame import FaceFrames
from ..mapping.mapper import head_angles
from ..mapping.motion import Motion

_FULL_TURN = 25.0
"""Degrees of head rotation that count as much as one control at its full."""


def film_frames(first: int, last: int, rate: float, film_rate: float, seconds: float) -> tuple[list[int], float]:
    """Return the scene frames of a film from `first` on, and the film's rate in frames a second.

    Every n-th frame, so that the film's rate comes near `film_rate` and time runs true; at most `seconds` (0: all).
    """
    step = max(1, round(rate / film_rate))
    if seconds > 0:
        last = min(last, first + round(seconds * rate) - 1)
    return list(range(first, last + 1, step)), rate / step


def telling_moments(motion: Motion, count: int, apart: float = 0.2) -> list[int]:
    """Return up to `count` indices into `motion` that show most of what the performer does, in order of time.

    The first is the calmest face; each next one is the instant that is least like those chosen (farthest-point
    sampling over controls and head angles), at least `apart` seconds from each.
    """
    features = np.column_stack([motion.controls, head_angles(motion) / _FULL_TURN])
    chosen = [int(np.argmin(np.linalg.norm(features, axis=1)))]
    distance = np.full(len(motion), np.inf)
    while len(chosen) < count:
        distance = np.minimum(distance, np.linalg.norm(features - features[chosen[-1]], axis=1))
        distance[np.abs(motion.times - motion.times[chosen[-1]]) < apart] = -1.0
        if distance.max() < 0:
            break
        chosen.append(int(np.argmax(distance)))
    return sorted(chosen)


def source_pictures(spec: SourceSpec, times: Sequence[float]) -> Iterator[np.ndarray]:
    """Give the picture (uint8 (h, w, 3), BGR) that is on screen at each of `times`, which increase, seconds.

    :raises SourceError: the source cannot be opened or was lost.
    """
    source = make_source(spec)
    try:
        source.open()
        shown = source.read()
        following = source.read()
        for time in times:
            while following is not None and following.time <= time + 1e-3:
                shown, following = following, source.read()
            if shown is not None:
                yield np.ascontiguousarray(shown.pixels[..., ::-1])
    finally:
        source.close()


def landmark_pictures(frames: FaceFrames, times: Sequence[float], height: int = 512) -> Iterator[np.ndarray]:
    """Draw the landmarks of the take at each of `times`: what to show of a take whose video is elsewhere."""
    import cv2

    for time in times:
        i = int(np.clip(np.searchsorted(frames.times, time + 1e-3, side="right") - 1, 0, len(frames) - 1))
        width = round(height * frames.image_sizes[i, 0] / frames.image_sizes[i, 1])
        picture = np.full((height, width, 3), 24, np.uint8)
        if frames.found[i]:
            for x, y in np.nan_to_num(frames.landmarks[i, :, :2], nan=-1.0) * (width, height):
                cv2.circle(picture, (round(float(x)), round(float(y))), 1, (220, 220, 220), -1, cv2.LINE_AA)
        yield picture
