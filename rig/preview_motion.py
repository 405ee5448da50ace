# SPDX-FileCopyrightText: 2026 Mimica authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A performance as it would be keyed, worked out anew whenever a setting changes: at once, or in the background where
that would be felt. Of settings that change faster than they are worked out, the newest wins.
"""

import time
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, replace

from ..mapping.motion import Motion
from ..mapping.performance import Performance
from .bake import BakeSettings, motion_to_bake
from .bind import Binding

_AT_ONCE = 0.08
"""Seconds that may pass between two drawings."""
_SHORT = 900
"""Images of a performance that is worked out at once while it is not known how long that takes."""


@dataclass(frozen=True, slots=True, eq=False)
class Made:
    """A motion that is ready. Immutable."""

    binding: Binding
    motion: Motion
    """Solved for the groups of the binding's plan, one instant a scene frame."""


@dataclass(frozen=True, slots=True)
class _Order:
    performance: Performance
    binding: Binding
    rate: float
    settings: BakeSettings

    def made(self) -> tuple[Made, float]:
        """Return the motion and the seconds that it took. Raises BakeError."""
        began = time.perf_counter()
        motion = motion_to_bake(self.performance, self.binding, self.rate, self.settings)
        return Made(self.binding, motion), time.perf_counter() - began


class MotionMaker:
    """Makes one character's motion. Main thread; only `close` is due at the end."""

    def __init__(self) -> None:
        self.made: Made | None = None
        """The newest that is ready."""
        self._order: _Order | None = None
        """What was asked for last."""
        self._coming: Future[tuple[Made, float]] | None = None
        self._coming_of: _Order | None = None
        self._seconds: dict[int, float] = {}
        """How long each performance took, by its id."""
        self._threads: ThreadPoolExecutor | None = None

    @property
    def working(self) -> bool:
        """Whether a motion is being worked out in the background."""
        return self._coming is not None

    def ask(self, performance: Performance, binding: Binding, rate: float, settings: BakeSettings, wait: bool) -> bool:
        """Ask for a motion; whether `made` is another now. Raises BakeError when the range holds none.

        :param rate: the scene's frames a second.
        :param wait: whether to wait for it.
        """
        # How the curves will be keyed, and where, changes nothing of the motion.
        usual = BakeSettings()
        still = replace(settings, start_frame=0.0, existing=usual.existing, reduce=False, tolerances=usual.tolerances)
        order = _Order(performance, binding, rate, still)
        fresh = self._fetch(wait)
        if order == self._order:
            return fresh
        if self._coming is not None:
            # One at a time: what was asked for before is let come first.
            return fresh
        self._order = order
        if wait or self._is_quick(performance):
            self._keep(order.made(), performance)
            return True
        self._threads = self._threads or ThreadPoolExecutor(1, "mimica-preview")
        self._coming, self._coming_of = self._threads.submit(order.made), order
        return fresh

    def close(self) -> None:
        """Wait for the background: nobody else may read the performance until then."""
        if self._threads is not None:
            self._threads.shutdown()
        self._threads = self._coming = None

    def _fetch(self, wait: bool) -> bool:
        if self._coming is None or self._coming_of is None or not (wait or self._coming.done()):
            return False
        coming, of, self._coming = self._coming, self._coming_of, None
        self._keep(coming.result(), of.performance)
        return True

    def _keep(self, result: tuple[Made, float], performance: Performance) -> None:
        self.made, seconds = result
        self._seconds = {id(performance): seconds}

    def _is_quick(self, performance: Performance) -> bool:
        known = self._seconds.get(id(performance))
        return len(performance.times) <= _SHORT if known is None else known < _AT_ONCE
