# SPDX-FileCopyrightText: 2026 Mimica authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""When a frame was, from when it came and what the sender's clock said; and how many come in a second."""

from collections import deque
from typing import Literal

_WINDOW = 5.0
"""Seconds over which the smallest delay counts, and then as long again: clocks drift apart by less than the network
shakes in this time."""
_RESTART = 1.0
"""Seconds that a clock has to fall back to be a new one."""
_LAG = 2.0
"""Seconds behind its arrival at which a frame's clock no longer says when it was."""
_SLEW = 0.0005
"""Seconds a frame by which times may move later: what has come late for long is no jump of the face."""
_TICK = 1e-6
"""Seconds by which a time is later than the one before, at least."""

Verdict = Literal["new", "duplicate", "late"]


class ClockFit:
    """Lays one sender's clock to the moments of arrival: the frame that was fastest on its way was under way no time.

    What networks add to the rest is only delay, so the smallest difference of arrival and clock, over some seconds,
    is the clocks' own (D. L. Mills, Internet time synchronization: the network time protocol, 1991, the clock filter).
    """

    def __init__(self) -> None:
        self._clock: float | None = None
        self._back: float | None = None
        self._offset = 0.0
        self._least: list[tuple[float, float]] = []
        """(until, smallest difference) of this window and the one before."""
        self._time = float("-inf")

    def judge(self, clock: float | None) -> Verdict:
        """Return whether a frame is newer than all before; to be asked once for each, before `time_of`.

        A clock that fell back by much is a sender's that began anew, but one frame does not prove it.
        """
        if clock is None or self._clock is None or clock > self._clock:
            self._back = None
            return "new"
        if clock == self._clock:
            return "duplicate"
        if clock < self._clock - _RESTART:
            if self._back is not None and self._back < clock < self._back + _RESTART:
                self._clock, self._back, self._least = None, None, []
                return "new"
            self._back = clock
        return "late"

    def time_of(self, clock: float | None, arrived: float) -> float:
        """Return when a new frame was, on the clock of arrivals: later than all before, and hardly after it came."""
        time = arrived
        if clock is not None:
            fresh = self._clock is None
            self._clock = clock
            time = clock + self._laid(arrived - clock, arrived, fresh)
        self._time = max(min(time, arrived), self._time + _TICK)
        return self._time

    def _laid(self, difference: float, arrived: float, fresh: bool) -> float:
        if not fresh and difference > self._offset + _LAG:
            fresh, self._least = True, []
        if not self._least or arrived > self._least[-1][0]:
            self._least = [*self._least[-1:], (arrived + _WINDOW, difference)]
        else:
            until, least = self._least[-1]
            self._least[-1] = until, min(least, difference)
        least = min(least for _, least in self._least)
        self._offset = least if fresh else min(least, self._offset + _SLEW)
        return self._offset


class Rate:
    """How often something happens, over the last two seconds."""

    def __init__(self, window: float = 2.0, most: int = 512) -> None:
        self._window = window
        self._moments: deque[float] = deque(maxlen=most)

    def count(self, now: float) -> None:
        """It happened."""
        self._moments.append(now)

    def rate(self, now: float) -> float:
        """Return how often a second."""
        recent = [moment for moment in list(self._moments) if now - moment <= self._window]
        if len(recent) < 2:
            return 0.0
        # Between the first and the last; where the last was long ago, up to now.
        step = (recent[-1] - recent[0]) / (len(recent) - 1)
        return len(recent) / max(recent[-1] - recent[0] + step, now - recent[0], 1e-6)


class Allowance:
    """How much may be done: so much a second, and what was not used for a second at most."""

    def __init__(self, rate: float) -> None:
        self._rate, self._left, self._at = rate, rate, float("-inf")

    def take(self, now: float, much: float = 1.0) -> bool:
        """Use so much, and return whether there was as much."""
        if now > self._at:
            passed = min(now - self._at, 1.0)
            self._left, self._at = min(self._rate, self._left + passed * self._rate), now
        if self._left < much:
            return False
        self._left -= much
        return True
