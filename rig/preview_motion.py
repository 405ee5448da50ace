# SPDX-FileCopyrightText: 2026 Mimica authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A performance as it would be keyed, worked out anew whenever a setting changes: at once, or in the background where
that would be felt. Of settings that change faster than they are worked out, the newest wins.
"""

import time
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, fields, replace

import numpy as np

from ..mapping import rotation as rot
from ..mapping.channels import BonePose, CharacterPose
from ..mapping.motion import Motion
from ..mapping.performance import Performance
from .bake import sampled
from .bake_settings import BakeSettings
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
    """Solved for the groups of the binding's plan, one instant a key."""
    frames: np.ndarray
    """float (M,): the keys' frames, counted from the frame at which the bake starts."""

    def pose(self, frame: float, settings: BakeSettings) -> CharacterPose:
        """Return the pose at a scene frame. Beyond the ends it holds, as keys do; between keys it goes straight."""
        last = len(self.frames) - 1
        place = (frame - settings.start_frame - self.frames[0]) / settings.step
        place = min(max(place, 0.0), float(last))
        if settings.stepped or abs(place - round(place)) < 1e-6:
            row = int(place + 1e-6)
            return self.binding.plan.pose(_instants(self.motion, slice(row, row + 1)))
        row = int(place)
        return _between(self.binding.plan.pose(_instants(self.motion, slice(row, row + 2))), place - row)


@dataclass(frozen=True, slots=True)
class _Order:
    performance: Performance
    binding: Binding
    rate: float
    settings: BakeSettings

    def made(self) -> tuple[Made, float]:
        """Return the motion and the seconds that it took. Raises BakeError."""
        began = time.perf_counter()
        motion, frames = sampled(self.performance, self.binding, self.rate, self.settings)
        return Made(self.binding, motion, frames), time.perf_counter() - began


def _instants(motion: Motion, rows: slice) -> Motion:
    return Motion(*(getattr(motion, each.name)[rows] for each in fields(Motion)))


def _between(two: CharacterPose, share: float) -> CharacterPose:
    """Return the pose on the way from the first to the second of two instants."""

    def mixed(values: np.ndarray) -> np.ndarray:
        return values[:1] * (1.0 - share) + values[1:] * share

    bones = two.bones
    start = bones.rotation[:1]
    turn = rot.log(rot.multiply(rot.conjugate(start), bones.rotation[1:]))
    rotation = rot.multiply(start, rot.exp(turn * share))
    scale = None if bones.scale is None else mixed(bones.scale)
    return CharacterPose(BonePose(mixed(bones.location), rotation, scale), mixed(two.shapes), mixed(two.properties))


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
        still = replace(
            settings,
            start_frame=0.0,
            existing=usual.existing,
            reduce=False,
            tolerances=usual.tolerances,
            stepped=False,
            regions=usual.regions,
            destination=usual.destination,
            blend=usual.blend,
        )
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
