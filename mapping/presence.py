# SPDX-FileCopyrightText: 2026 Mimica authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the character does while the face is not seen: hold, ease to neutral, and come back softly."""

from dataclasses import replace

import numpy as np

from . import rotation as rot
from .motion import Motion

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


def fill_lost(motion: Motion, *, bridge: bool) -> Motion:
    """Return the motion with every lost frame filled: no NaN is left.

    :param bridge: interpolate across gaps of up to a quarter of a second (only where the future is known); longer
        gaps hold, ease to neutral and return as `Presence` says.
    """
    lost = ~np.isfinite(motion.controls[:, 0])
    if not lost.any():
        return motion
    if lost.all():
        return Motion.neutral(motion.times, motion.displacement.shape[1])
    seen = np.flatnonzero(~lost)
    held = np.maximum.accumulate(np.where(lost, -1, np.arange(len(motion))))
    before = np.where(held < 0, seen[0], held)
    after = seen[np.minimum(np.searchsorted(seen, np.arange(len(motion))), len(seen) - 1)]
    span = motion.times[after] - motion.times[before]
    bridged = lost & bridge & (held >= 0) & (after > before) & (span <= BRIDGE_SECONDS)
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
