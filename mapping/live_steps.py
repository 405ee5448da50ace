# SPDX-FileCopyrightText: 2026 Mimica authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""From one instant's raw motion to what is shown of it: what the live mappers of faces and of controls share."""

import numpy as np

from .face_regions import group_shares
from .feel import Feel, Shown
from .head_rest import HeadRest, recentred
from .live_filter import LiveFilter
from .mirror import mirrored, mirrored_groups
from .motion import Motion


class LiveSteps:
    """Filters, recentres and shows one face's motion, instant after instant. Used by one thread at a time."""

    def __init__(self, feel: Feel | None = None, groups: np.ndarray | None = None) -> None:
        """`groups`: (G, 478): what displacements are of; None: all landmarks."""
        self.groups = groups
        self.performed: Motion | None = None
        """The newest instant as it was performed: filtered, but neither mirrored nor made stronger, held or eased."""
        self.rest: HeadRest | None = None
        """Where straight ahead is; None: where the neutral is."""
        self._feel = feel or Feel()
        self._shown = Shown(self._feel)
        self._shares = group_shares(groups)
        self._face_side()

    def reset(self) -> None:
        """Forget what the filters remember: after a change of what is mapped."""
        self._filter.reset()

    def follow(self, feel: Feel) -> None:
        """Show the performance otherwise from the next frame on. The pose does not jump, the filters go on."""
        if feel is self._feel:
            return
        old, self._feel = self._feel, feel
        self._shown.follow(feel)
        if old.mirror != feel.mirror:
            # From here on displacements are of other landmarks.
            self._face_side()
        elif old.mapping != feel.mapping:
            self._filter.follow(feel.mapping)

    def recentre(self, *, clear: bool = False) -> None:
        """Let the newest pose of the head be straight ahead from the next frame on, until another neutral is given.

        :param clear: let the neutral's own be straight ahead again.
        """
        self.rest = None if clear or self.performed is None else HeadRest.of(self.performed)
        self._shown.ease()

    def _show(self, raw: Motion) -> Motion:
        """Return what is shown of one instant, filtered causally, without NaN.

        :param raw: for the groups `_solved_for`; a lost face holds NaN.
        """
        self._filter.rest = self.rest
        self.performed = motion = self._filter(raw)
        motion = recentred(motion, self.rest)
        return self._shown(mirrored(motion, self.groups) if self._feel.mirror else motion, self._shares)

    def _face_side(self) -> None:
        """Begin to solve and filter for the side of the face that is shown."""
        self._solved_for = mirrored_groups(self.groups) if self._feel.mirror else self.groups
        self._filter = LiveFilter(self._feel.mapping, self._solved_for)
