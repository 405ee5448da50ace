# SPDX-FileCopyrightText: 2026 Mimica authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""When recorded samples were heard: from the stamps of the blocks in which a device hands them over."""

from dataclasses import dataclass, field
from statistics import median

import numpy as np

_WINDOW = 1.0
"""Seconds whose stamps make one point of the line: its median, so that late stamps do not count."""
_SHORTEST = 8.0
"""Seconds of sound from which the device's rate can be told; below, it would be made of the stamps' own scatter."""
_FURTHEST = 2000e-6
"""Part of the nominal rate by which a device's clock may be off; a line that says more is made of bad stamps."""
_RECENT = 2.0
"""Seconds of stamps against which a block counts as late."""
_LATE = {True: 0.003, False: 0.05}
"""Seconds of lateness that are samples lost, where the system says that it lost some, and where it says nothing."""


@dataclass(slots=True)
class SoundClock:
    """The moments of samples, a straight line: moment = start + index / rate. `line` may be called by any thread.

    A stamp is the number of a block's first sample and the moment, seconds, at which that was heard. Stamps scatter by
    a few ms, and single ones come late.
    """

    nominal: float
    """Samples a second as the device says."""
    _points: list[tuple[float, float]] = field(default_factory=list)
    """Index and moment, one a window."""
    _window: list[tuple[int, float]] = field(default_factory=list)
    _recent: list[tuple[int, float]] = field(default_factory=list)
    """Index, and the moment at which sample 0 would have been heard."""

    @property
    def stamped(self) -> bool:
        """Whether there was a stamp."""
        return bool(self._window)

    def stamp(self, index: int, moment: float) -> None:
        """Take a stamp; they come in order."""
        self._recent.append((index, moment - index / self.nominal))
        while index - self._recent[0][0] > _RECENT * self.nominal:
            self._recent.pop(0)
        if self._window and index - self._window[0][0] >= _WINDOW * self.nominal:
            self._points.append(_middle(self._window, self.nominal))
            self._window = [(index, moment)]
        else:
            self._window.append((index, moment))

    def lost(self, stamps: list[tuple[int, float]], said: bool) -> int:
        """Return how many samples were lost just before a block.

        A block that is late by itself was only handed over late: only when those after it are late too, something is
        missing.

        :param stamps: of the block and of those after it, counted as if nothing were missing.
        :param said: whether the system said that it lost something there.
        """
        if not self._recent or not stamps:
            return 0
        expected = min(zero for _, zero in self._recent) if said else median(zero for _, zero in self._recent)
        late = min(moment - i / self.nominal for i, moment in stamps) - expected
        return round(late * self.nominal) if late > _LATE[said] else 0

    def line(self) -> tuple[float, float]:
        """Return the moment of sample 0 and the samples a second, by least squares. Needs one stamp at least.

        What lies further off than three times the usual distance is left out of a second fit.
        """
        # May be asked by another thread than the one that stamps: what changes is looked at once.
        window = self._window
        points = [*self._points, *([_middle(window, self.nominal)] if window else [])]
        index, moment = np.array(points).T
        zero = moment - index / self.nominal
        if index[-1] - index[0] < _SHORTEST * self.nominal:
            return float(np.median(zero)), self.nominal
        seconds = index / self.nominal
        kept = np.ones(len(seconds), bool)
        slope = start = 0.0
        for _ in range(2):
            slope, start = np.polyfit(seconds[kept], zero[kept], 1)
            distance = np.abs(zero - start - slope * seconds)
            kept = distance <= max(1e-4, 3.0 * float(np.median(distance)))
        if abs(slope) > _FURTHEST:
            return float(np.median(zero)), self.nominal
        return float(start), float(self.nominal / (1.0 + slope))


def _middle(stamps: list[tuple[int, float]], rate: float) -> tuple[float, float]:
    """Return one stamp in place of many: at the middle index, as late as the median."""
    index = (stamps[0][0] + stamps[-1][0]) / 2
    return index, median(moment - i / rate for i, moment in stamps) + index / rate
