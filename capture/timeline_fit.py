# SPDX-FileCopyrightText: 2026 Mimica authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Where a take lies on the timeline: found from the scene frames that came by while it was recorded."""

import numpy as np

from .take_schema import Timeline

LEAST_SECONDS = 0.4
"""For how long the timeline must have played at its own rate to be recognised."""
LEAST_FRAMES = 3
MOST_FRAMES = 5000
"""Of a playback that are looked at: three minutes and more. Later ones would only say how far the sound's clock and the
computer's have drifted apart by then.
"""
_WINDOW = 2.0
"""Scene frames within which moments agree: playback shows a frame up to one too early or late. More where it leaves
many out, as a viewport that is so slow also shows them at odd moments.
"""
_SHARE = 0.3
"""The share of the frames that must agree. Where Blender plays slower than the scene's rate, none do for long."""


class FrameLog:
    """The scene's frames as they changed while the timeline played. One thread."""

    def __init__(self, rate: float) -> None:
        """`rate`: the scene's frames a second."""
        self.rate = rate
        self._moments: list[float] = []
        self._frames: list[float] = []
        self._begun: tuple[float, float] | None = None

    def __len__(self) -> int:
        return len(self._moments)

    def begin(self, moment: float, frame: float) -> None:
        """Note that a playback that leaves frames out rather than being late was begun at a frame."""
        self._begun = moment, frame

    def see(self, moment: float, frame: float) -> None:
        """Note that the scene came to a frame at a moment on the clock of `time.perf_counter`."""
        if len(self._moments) < MOST_FRAMES:
            self._moments.append(moment)
            self._frames.append(frame)

    def fit(self, clock: float) -> Timeline | None:
        """Return where a take lies whose clock showed 0 at the moment `clock`; None when nothing played for long.

        A playback that shows too few frames to tell still tells by its beginning, if that is known.
        """
        frame = fit_frame(np.array(self._moments) - clock, np.array(self._frames), self.rate)
        if frame is None and self._begun is not None and self._moments:
            moment, first = self._begun
            frame = first - (moment - clock) * self.rate
        return None if frame is None else Timeline(frame, self.rate)


def fit_frame(times: np.ndarray, frames: np.ndarray, rate: float) -> float | None:
    """Return the scene frame at time 0 of a timeline that played at a known rate; None when it did not.

    Late and missing frames, and stretches in which the user moved about, do no harm. Where the playback went back to
    its beginning, what came before counts: there the take began.

    :param times: (N,), seconds on the take's clock, at which the scene came to `frames`, (N,).
    :param rate: the scene's frames a second.
    """
    if len(times) < LEAST_FRAMES:
        return None
    back = np.flatnonzero(np.diff(frames) < 0.0) + 1
    for part in np.split(np.arange(len(times)), back):
        step = float(np.median(np.diff(frames[part]))) if len(part) > 1 else 1.0
        found = _agreed(frames[part] - rate * times[part], times[part], max(_WINDOW, step + 1.0))
        if found is not None:
            return found
    return None


def _agreed(offsets: np.ndarray, times: np.ndarray, window: float) -> float | None:
    """Return the middle of the offsets that most of the moments agree on, within so many frames."""
    order = np.argsort(offsets, kind="stable")
    ordered = offsets[order]
    ends = np.searchsorted(ordered, ordered + window, side="right")
    start = int(np.argmax(ends - np.arange(len(ordered))))
    agreed = order[start : ends[start]]
    if len(agreed) < max(LEAST_FRAMES, _SHARE * len(offsets)) or np.ptp(times[agreed]) < LEAST_SECONDS:
        return None
    return float(np.median(offsets[agreed]))
