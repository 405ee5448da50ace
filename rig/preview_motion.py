# SPDX-FileCopyrightText: 2026 Mimica authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A performance as it would be keyed, worked out anew whenever a setting changes: at once, or in the background where
that would be felt: then what is about the present frame comes first. Of settings that change faster than they are
worked out, the newest wins.
"""

import time
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, fields, replace

import numpy as np

from ..mapping import rotation as rot
from ..mapping.channels import BonePose, CharacterPose
from ..mapping.motion import Motion
from ..mapping.performance import Performance, TakePerformance
from ..mapping.resample import resample
from ..mapping.smoothing import finish
from ..mapping.strength import strengthened
from .bake import sampled
from .bake_settings import BakeSettings, alias_limit, instants
from .bind import Binding

_AT_ONCE = 0.03
"""Seconds that may pass between two drawings."""
_SHORT = 900
"""Images of a performance that is worked out at once while it is not known how long that takes."""
_NEAR, _NEAR_SEEN = 1.0, 2.5
"""Seconds to each side of the present frame that are worked out first where the whole takes longer, and that are looked
at for it: what filters reach."""


@dataclass(frozen=True, slots=True, eq=False)
class Made:
    """A motion that is ready. Immutable."""

    binding: Binding
    motion: Motion
    """Solved for the groups of the binding's plan, one instant a key."""
    frames: np.ndarray
    """float (M,): the keys' frames, counted from `origin`."""
    ends: tuple[float, float]
    """The first and the last of the whole performance's."""

    @property
    def whole(self) -> bool:
        """Whether it is the whole performance; else a part of it, for a moment."""
        return (self.frames[0], self.frames[-1]) == self.ends

    def shows(self, frame: float) -> bool:
        """Whether it holds what is at a frame, counted from `origin`."""
        first, last = self.ends
        return bool(self.frames[0] <= min(max(frame, first), last) <= self.frames[-1])

    def pose(self, frame: float, settings: BakeSettings) -> CharacterPose:
        """Return the pose at a scene frame. Beyond the ends it holds, as keys do; between keys it goes straight."""
        last = len(self.frames) - 1
        place = (frame - origin(settings) - self.frames[0]) / settings.step
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
        made = Made(self.binding, motion, frames, (float(frames[0]), float(frames[-1])))
        return made, time.perf_counter() - began

    def near(self, take: TakePerformance, frame: float) -> Made:
        """Return the motion about a frame, counted from `origin`. Raises BakeError.

        It is the whole one's but for what filters learn of a whole take. Quick once the take is solved.
        """
        settings, times, groups = self.settings, take.times, self.binding.plan.groups
        at, frames = instants(times, self.rate, settings)
        row = round(float(np.clip((frame - frames[0]) / settings.step, 0, len(at) - 1)))
        reach = int(_NEAR * self.rate / settings.step) + 1
        here = slice(max(row - reach, 0), row + reach + 1)
        seen = slice(*np.searchsorted(times, [at[row] - _NEAR_SEEN, at[row] + _NEAR_SEEN]).tolist())
        if seen.stop - seen.start < 2:
            seen = slice(max(seen.start - 1, 0), seen.stop + 1)
        limit = alias_limit(times, self.rate, settings.step)
        motion = finish(_instants(take.solved(groups), seen), settings.mapping, limit, groups, take.profile.rest)
        motion = resample(strengthened(motion, settings.strength, groups), at[here])
        return Made(self.binding, motion, frames[here], (float(frames[0]), float(frames[-1])))


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


def origin(settings: BakeSettings) -> float:
    """Return the whole scene frame from which the keys of a bake are counted."""
    return float(np.round(settings.start_frame))


class MotionMaker:
    """Makes one character's motion. Main thread; only `close` is due at the end."""

    def __init__(self) -> None:
        self.made: Made | None = None
        """The newest that is ready."""
        self._made_of: _Order | None = None
        self._coming: Future[tuple[Made, float]] | None = None
        self._coming_of: _Order | None = None
        self._solved: tuple[_Order, float] | None = None
        """What was worked out last, and how long the whole of it took."""
        self._threads: ThreadPoolExecutor | None = None

    @property
    def working(self) -> bool:
        """Whether a motion is being worked out in the background."""
        return self._coming is not None

    def ask(
        self,
        performance: Performance,
        binding: Binding,
        rate: float,
        settings: BakeSettings,
        *,
        frame: float,
        wait: bool,
    ) -> bool:
        """Ask for a motion; whether `made` is another now. Raises BakeError when the range holds none.

        :param rate: the scene's frames a second.
        :param frame: where the scene is: what is about it comes first.
        :param wait: whether to wait for the whole.
        """
        order = _Order(performance, binding, rate, _for_motion(settings))
        changed = self._fetch(order, wait)
        if self.made is not None and self.made.whole and self._made_of == order:
            return changed
        if self._coming is None:
            if wait or self._is_quick(performance):
                self._keep(order, order.made())
                return True
            self._threads = self._threads or ThreadPoolExecutor(1, "mimica-preview")
            self._coming, self._coming_of = self._threads.submit(order.made), order
        since = frame - origin(settings)
        if self._made_of == order and self.made is not None and self.made.shows(since):
            return changed
        if isinstance(performance, TakePerformance) and self._is_solved(order):
            self.made, self._made_of = order.near(performance, since), order
            return True
        return changed

    def close(self) -> None:
        """Wait for the background: nobody else may read the performance until then."""
        if self._threads is not None:
            self._threads.shutdown()
        self._threads = self._coming = None

    def _fetch(self, wanted: _Order, wait: bool) -> bool:
        """Take what came from the background, unless a part of what is wanted now is shown already."""
        if self._coming is None or self._coming_of is None or not (wait or self._coming.done()):
            return False
        coming, of, self._coming = self._coming, self._coming_of, None
        made, seconds = coming.result()
        self._solved = of, seconds
        if of != wanted and self._made_of == wanted:
            return False
        self.made, self._made_of = made, of
        return True

    def _keep(self, order: _Order, result: tuple[Made, float]) -> None:
        self.made, seconds = result
        self._made_of, self._solved = order, (order, seconds)

    def _is_quick(self, performance: Performance) -> bool:
        if self._solved is None or self._solved[0].performance is not performance:
            return len(performance.times) <= _SHORT
        return self._solved[1] < _AT_ONCE

    def _is_solved(self, order: _Order) -> bool:
        """Whether the performance has been solved for the character's landmarks."""
        if self._solved is None or self._solved[0].performance is not order.performance:
            return False
        return np.array_equal(self._solved[0].binding.plan.groups, order.binding.plan.groups)


def _for_motion(settings: BakeSettings) -> BakeSettings:
    """Return settings with all as usual that changes nothing of the motion: how it is keyed, and on which frames."""
    usual = BakeSettings()
    return replace(
        settings,
        start_frame=settings.start_frame - origin(settings),
        existing=usual.existing,
        reduce=usual.reduce,
        tolerances=usual.tolerances,
        stepped=usual.stepped,
        regions=usual.regions,
        destination=usual.destination,
        blend=usual.blend,
    )
