# SPDX-FileCopyrightText: 2026 Mimica authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""When a take begins and ends: countdown, pre-roll, recording, post-roll. Times and frames alone, without Blender."""

from dataclasses import dataclass
from typing import Literal

Phase = Literal["countdown", "rolling", "recording", "over"]
Order = Literal["begin", "stop playback", "end"]

_START_PATIENCE = 2.0
"""Seconds that a playback may take to begin before the take counts as one without."""


@dataclass(frozen=True, slots=True)
class TakePlan:
    """What the user asked for."""

    countdown: float = 3.0
    """Seconds until the recording begins."""
    plays: bool = False
    """Whether the timeline plays along."""
    point: float = 1.0
    """Scene frame from which on the performance counts."""
    preroll: float = 0.0
    """Seconds that the timeline plays, and is recorded, before that."""
    end: float | None = None
    """Scene frame at which it ends by itself."""
    postroll: float = 0.0
    """Seconds that are recorded after that."""
    rate: float = 24.0
    """Scene frames a second."""

    @property
    def first_frame(self) -> float:
        """The scene frame from which the timeline plays: there is no sound before frame 0."""
        return max(self.point - self.preroll * self.rate, min(0.0, self.point))


class TakeRun:
    """Leads through one take; asked about 60 times a second. Any clock in seconds will do, as long as it is one."""

    def __init__(self, plan: TakePlan, now: float) -> None:
        self.plan = plan
        self.phase: Phase = "countdown"
        self.reached_end = False
        """Whether it came to its planned end, rather than being stopped."""
        self._began = now + plan.countdown
        """When the recording begins."""
        self._ended: float | None = None
        self._played = False
        self._last: tuple[float, float] | None = None

    def left(self, now: float) -> float:
        """Return the seconds until the performance counts: of the countdown first, then of the pre-roll."""
        if self.phase == "countdown":
            return max(0.0, self._began - now)
        if self.phase == "rolling":
            frame = self._last[1] if self._last else self.plan.first_frame
            return max(0.0, (self.plan.point - frame) / self.plan.rate)
        return 0.0

    def tick(self, now: float, frame: float, playing: bool, last_frame: float) -> Order | None:
        """Return what is to be done now, once each.

        :param frame: the scene's present frame.
        :param playing: whether the timeline plays.
        :param last_frame: the frame after which the playback goes back to the beginning.
        """
        if self.phase == "over":
            return None
        if self.phase == "countdown":
            if now < self._began:
                return None
            self._began = now
            self.phase = "rolling" if self.plan.plays and self.plan.first_frame < self.plan.point else "recording"
            return "begin"
        if not self.plan.plays:
            return None
        return self._follow(now, frame, playing, last_frame)

    def _follow(self, now: float, frame: float, playing: bool, last_frame: float) -> Order | None:
        wrapped = self._wrapped(now, frame, last_frame)
        self._last = (now, frame) if self._last is None or frame != self._last[1] else self._last
        self._played |= playing
        if self.phase == "rolling" and (frame >= self.plan.point or self._never_played(now)):
            self.phase = "recording"
        if self._ended is not None:
            return self._over() if now >= self._ended + self.plan.postroll else None
        if self.plan.end is not None and (frame >= self.plan.end or wrapped):
            self._ended = now
            self.reached_end = True
            if wrapped and self.plan.postroll > 0.0:
                return "stop playback"
            return self._over() if self.plan.postroll <= 0.0 else None
        if self._played and not playing:
            # Who stops the playback by hand is done.
            return self._over()
        return None

    def _over(self) -> Order:
        self.phase = "over"
        return "end"

    def _never_played(self, now: float) -> bool:
        return not self._played and now > self._began + _START_PATIENCE

    def _wrapped(self, now: float, frame: float, last_frame: float) -> bool:
        """Whether the playback just went back to its beginning, rather than the user going about."""
        if self._last is None or frame >= self._last[1]:
            return False
        seen, before = self._last
        limit = last_frame if self.plan.end is None else min(self.plan.end, last_frame)
        return before + (now - seen) * self.plan.rate + 1.0 >= limit
