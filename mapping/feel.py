# SPDX-FileCopyrightText: 2026 Mimica authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a performer can change of the motion while it is captured, and how that is shown without a jump."""

from dataclasses import dataclass, field, replace

import numpy as np

from . import rotation as rot
from .face_regions import FACE_REGIONS
from .gaze import with_gaze
from .motion import Motion
from .settings import MappingSettings
from .strength import Strength, multiplied

EASE_SECONDS = 0.2
"""How long the way takes from what was shown to something else."""
_FOLLOW_SECONDS = 0.06
"""Time constant with which a strength that changed is followed: less than is seen while a slider is dragged."""


@dataclass(frozen=True, slots=True)
class Feel:
    """What is done with a motion live. Immutable: it is swapped for another while a capture runs."""

    mapping: MappingSettings = field(default_factory=MappingSettings)
    strength: Strength = field(default_factory=Strength)
    mirror: bool = False
    """Whether the performer's left is the character's right."""
    frozen: bool = False
    """Whether the pose that is shown stays."""
    hold: float = 0.0
    """Seconds for which each pose is shown, as in animation on twos; 0: until the next one comes."""


class Shown:
    """What of a filtered motion is shown, one instant after another: its strength, holds, freezes, and eased changes.

    Used by one thread at a time.
    """

    def __init__(self, feel: Feel) -> None:
        self._feel = feel
        self._last: Motion | None = None
        self._time = 0.0
        self._factors: np.ndarray | None = None
        self._wanted = feel.strength.factors()
        self._from: Motion | None = None
        self._since = 0.0
        self._slot = 0

    def follow(self, feel: Feel) -> None:
        """Show what comes as another feel says."""
        old, self._feel = self._feel, feel
        self._wanted = feel.strength.factors()
        if old.frozen or old.mirror != feel.mirror or _let_through(old.mapping) != _let_through(feel.mapping):
            self.ease()

    def ease(self) -> None:
        """Go softly from what is shown to what comes next: it will be something else."""
        self._from, self._since = self._last, self._time

    def __call__(self, motion: Motion, shares: np.ndarray) -> Motion:
        """Return what to show of one instant.

        :param shares: (G, R): how much each group of landmarks belongs to each part of the face, see `group_shares`.
        """
        time = float(motion.times[0])
        factors = self._followed(time - self._time)
        last = self._last
        if last is not None and last.displacement.shape != motion.displacement.shape:
            # Another character: nothing of what was shown fits.
            last = self._from = None
        self._time = time
        slot = int(np.floor(time / self._feel.hold + 1e-6)) if self._feel.hold > 0.0 else None
        if last is None or not (self._feel.frozen or (slot is not None and slot == self._slot)):
            last = self._eased(time, multiplied(motion, factors, shares))
            self._slot = slot
        self._last = last = replace(last, times=motion.times, confidence=motion.confidence)
        return last

    def _followed(self, step: float) -> np.ndarray:
        """Return the factor of each part of the face (R,), on its way to what is wanted."""
        factors = self._wanted if self._factors is None else self._factors
        if factors is not self._wanted:
            way = self._wanted - factors
            share = 1.0 - np.exp(-max(step, 0.0) / _FOLLOW_SECONDS)
            factors = self._wanted if np.abs(way).max() < 1e-3 else factors + share * way
        self._factors = factors
        return factors

    def _eased(self, time: float, motion: Motion) -> Motion:
        if self._from is None:
            return motion
        share = (time - self._since) / EASE_SECONDS
        # A film that begins again goes back in time.
        if not 0.0 <= share < 1.0:
            self._from = None
            return motion
        return between(self._from, motion, share * share * (3.0 - 2.0 * share))


def between(one: Motion, other: Motion, share: float) -> Motion:
    """Return the motion `other` on its way from `one`, both of the same instants: 0 is `one`, 1 is `other`."""

    def mixed(name: str) -> np.ndarray:
        start = getattr(one, name)
        return start + share * (getattr(other, name) - start)

    start, gaze = one.head_rotation, mixed("gaze")
    turn = rot.log(rot.multiply(rot.conjugate(start), other.head_rotation))
    return replace(
        other,
        controls=with_gaze(mixed("controls"), gaze),
        head_rotation=rot.multiply(start, rot.exp(turn * share)),
        head_translation=mixed("head_translation"),
        gaze=gaze,
        displacement=mixed("displacement"),
    )


def _let_through(mapping: MappingSettings) -> tuple[bool, ...]:
    """Return for each part of the face whether nothing at all is smoothed: there is no soft way into that."""
    return tuple(mapping.smoothness * mapping.smoothing.get(region, 1.0) <= 0.0 for region in FACE_REGIONS)
