# SPDX-FileCopyrightText: 2026 Mimica authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the character does while the face is not seen, or not well: hold, ease to neutral, and come back softly."""

from dataclasses import dataclass, replace

import numpy as np

from . import rotation as rot
from .data import load_table
from .face_space import HeadPose
from .motion import Motion
from .outliers import jumps

HOLD_SECONDS = 0.15
EASE_SECONDS = 0.4
"""Time constant of the way to neutral."""
RETURN_SECONDS = 0.2
BRIDGE_SECONDS = 0.25
"""Gaps up to this long are bridged when the whole take is known."""


class Presence:
    """How much of the pose shows, instant by instant: 1 while the face is seen, falling while it is lost."""

    def __init__(self) -> None:
        self._seen_at: float | None = None
        self._level = 0.0
        self._fall_from = 0.0
        self._rise_at = 0.0
        self._rise_from = 0.0
        self._lost = True

    def __call__(self, time: float, found: bool) -> float:
        """Return the level in [0, 1] at `time` (seconds, increasing)."""
        if found:
            if self._seen_at is None:
                # The very first sight of a face: no jump to hide, the character rests at neutral anyway.
                self._rise_at, self._rise_from = time, 1.0
            elif self._lost:
                self._rise_at, self._rise_from = time, self._level
            self._lost = False
            self._seen_at = time
            rise = (time - self._rise_at) / RETURN_SECONDS
            self._level = min(1.0, self._rise_from + (1.0 - self._rise_from) * rise)
            self._fall_from = self._level
        elif self._seen_at is not None:
            self._lost = True
            gone = max(0.0, time - self._seen_at - HOLD_SECONDS)
            self._level = self._fall_from * float(np.exp(-gone / EASE_SECONDS))
        return self._level


@dataclass(frozen=True, slots=True, eq=False)
class Gaps:
    """Where a whole take has no face, frame by frame."""

    lost: np.ndarray
    """bool (N,)"""
    before: np.ndarray
    """int (N,): the last frame up to this one that has a face; the first of all before that."""
    after: np.ndarray
    """int (N,): the first frame from this one on that has a face; the last of all after that."""
    bridged: np.ndarray
    """bool (N,): lost frames across which the face can be interpolated."""


def find_gaps(motion: Motion) -> Gaps:
    """Return where a whole take has no face, and which of it is short enough to be bridged."""
    gaps = gaps_between(motion.times, ~np.isfinite(motion.controls[:, 0]))
    # A cut often costs the tracker a frame: there is nothing between its two sides.
    return replace(gaps, bridged=gaps.bridged & ~jumps(motion, gaps.before, gaps.after))


def gaps_between(times: np.ndarray, lost: np.ndarray) -> Gaps:
    """Return the gaps of instants (N,) of which some are lost, bool (N,), by their lengths alone."""
    every = np.arange(len(times))
    seen = np.flatnonzero(~lost)
    if len(seen) == 0:
        return Gaps(lost, every, every, np.zeros(len(times), bool))
    held = np.maximum.accumulate(np.where(lost, -1, every))
    before = np.where(held < 0, seen[0], held)
    after = seen[np.minimum(np.searchsorted(seen, every), len(seen) - 1)]
    bridged = lost & (held >= 0) & (after > before) & (times[after] - times[before] <= BRIDGE_SECONDS)
    return Gaps(lost, before, after, bridged)


def fill_lost(motion: Motion, *, bridge: bool) -> Motion:
    """Return the motion with every lost frame filled: no NaN is left.

    :param bridge: interpolate across gaps of up to a quarter of a second (only where the future is known); longer
        gaps hold, ease to neutral and return as `Presence` says.
    """
    gaps = find_gaps(motion)
    lost, before, after = gaps.lost, gaps.before, gaps.after
    if not lost.any():
        return motion
    if lost.all():
        return Motion.neutral(motion.times, motion.displacement.shape[1])
    bridged = gaps.bridged & bridge
    span = motion.times[after] - motion.times[before]
    share = np.where(bridged, (motion.times - motion.times[before]) / np.where(span > 0, span, 1.0), 0.0)

    presence = Presence()
    level = np.array(
        [presence(t, bool(f)) for t, f in zip(motion.times.tolist(), (~lost | bridged).tolist(), strict=True)]
    )

    def filled(values: np.ndarray) -> np.ndarray:
        extra = (slice(None),) + (None,) * (values.ndim - 1)
        mixed = values[before] * (1.0 - share[extra]) + values[after] * share[extra]
        return mixed * level[extra]

    start, end = motion.head_rotation[before], motion.head_rotation[after]
    turn = rot.log(rot.multiply(rot.conjugate(start), end))
    between = rot.multiply(start, rot.exp(turn * share[:, None]))
    return replace(
        motion,
        controls=filled(motion.controls),
        head_rotation=rot.exp(rot.log(between) * level[:, None]),
        head_translation=filled(motion.head_translation),
        gaze=filled(motion.gaze),
        displacement=filled(motion.displacement),
    )


def turned_away(pose: HeadPose) -> np.ndarray:
    """Return the angle between where the face looks and where the camera is, (N,) radians."""
    place = pose.translation
    distance = np.maximum(np.sqrt(np.einsum("ni,ni->n", place, place)), 1e-6)
    facing = np.einsum("ni,ni->n", pose.rotation[:, :, 2], place) / -distance
    return np.arccos(np.minimum(np.maximum(facing, -1.0), 1.0))


def facing_share(away: np.ndarray) -> np.ndarray:
    """Return how well the face can be seen for its turning, (N,) in [0, 1]: it shows half of itself from the side.

    1 up to 50 degrees away from the camera, falling to 0 at 65, where the tracker invents the far side. NaN stays NaN.

    :param away: (N,), radians; see `turned_away`.
    """
    start, end = load_table("filters")["trust"]["turned"]
    return np.minimum(np.maximum((end - away) / (end - start), 0.0), 1.0)


def follow_share(confidence: np.ndarray | float, step: np.ndarray | float) -> np.ndarray:
    """Return which share of the way to a new value to go in a time: all when it is sure, none when it is not at all."""
    trust, seconds = trust_in(confidence), load_table("filters")["trust"]["seconds"]
    return 1.0 - np.exp(-np.maximum(step, 0.0) * trust / (seconds * np.maximum(1.0 - trust, 1e-9)))


def trust_in(confidence: np.ndarray | float) -> np.ndarray:
    """Return how far a confidence is relied on: 1 followed at once, 0 held. Same shape."""
    table = load_table("filters")["trust"]
    return np.minimum(np.maximum((confidence - table["none"]) / (table["full"] - table["none"]), 0.0), 1.0)


def hold_unsure(motion: Motion) -> Motion:
    """Return the motion whose face is drawn after slowly, or held, while it is seen badly: half out of the picture, or
    turned away. The head goes on as it is seen. Lost frames stay lost.
    """
    seen = np.flatnonzero(np.isfinite(motion.controls[:, 0]))
    if len(seen) < 2:
        return motion
    share = follow_share(motion.confidence[seen[1:]], np.diff(motion.times[seen]))
    unsure = np.flatnonzero(share < 1.0 - 1e-9)
    if len(unsure) == 0:
        return motion
    changed = {name: getattr(motion, name).copy() for name in ("controls", "gaze", "displacement")}
    for k in unsure:
        before, now = seen[k], seen[k + 1]
        for values in changed.values():
            values[now] = values[before] + share[k] * (values[now] - values[before])
    return replace(motion, **changed)


class UnsureHold:
    """The same for a stream of signals."""

    def __init__(self) -> None:
        self.reset()

    def reset(self) -> None:
        """Forget the past: the next value is taken as it is."""
        self._time = -np.inf
        self._last: np.ndarray | None = None

    def __call__(self, time: float, values: np.ndarray, confidence: float, free: slice) -> np.ndarray:
        """Return the signals (C,) to use at `time`, seconds; those of `free` are never held."""
        result = values
        if self._last is not None:
            share = float(follow_share(confidence, time - self._time))
            if share < 1.0 - 1e-9:
                result = self._last + share * (values - self._last)
                result[free] = values[free]
        self._time, self._last = time, result
        return result
