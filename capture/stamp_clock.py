# SPDX-FileCopyrightText: 2026 Mimica authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The clock that MediaPipe is shown: so fast that its smoothing lets everything through."""

import math

DILATION = 10_000
"""Time stamps given to MediaPipe run this many times faster than real time. Its One Euro filter then sees such slow
changes that it lets them through (alpha about 0.99). Tracking from image to image, which IMAGE mode lacks, stays."""

MAX_STEP = 1.0
"""Seconds: the longest step of MediaPipe's clock between two images. Its clock counts int64 microseconds, so with this
it can never run over (29 years of steps), whatever the source says."""
USUAL_STEP = 1 / 30
"""Seconds: the step when the source's time stood still or went back (a seek, a loop, the same image again)."""


class StampClock:
    """MediaPipe's own running clock: strictly increasing ints, dilated, whatever the source's times do."""

    def __init__(self) -> None:
        """Start at zero."""
        self._stamp = 0
        self._time: float | None = None

    def next(self, time: float) -> int:
        """Return the stamp (MediaPipe's milliseconds) of an image at `time` (the source's seconds)."""
        step = USUAL_STEP
        if self._time is not None and time > self._time:
            step = min(time - self._time, MAX_STEP)
        if math.isfinite(time):
            self._time = time
        self._stamp += max(1, round(step * 1000 * DILATION))
        return self._stamp
