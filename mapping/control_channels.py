# SPDX-FileCopyrightText: 2026 Mimica authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""From a motion's controls to single channels of a character: the entries of a map that follow a control, as arrays."""

from collections.abc import Sequence

import numpy as np

from .character_map import CONTROLS, GAZE_CONTROLS, HEAD_CONTROLS, Channel, ChannelKind, ControlEntry, region_of
from .frame import ARKIT_SHAPES
from .landmarks import weight_matrix
from .mirror import MIRROR_AXES, mirror_landmarks, mirror_shapes
from .motion import Motion
from .rotation import euler_from_matrix, matrix_from_quaternion

TURNS_ROUND = ("headYaw", "headRoll", "headX", "gazeYawLeft", "gazeYawRight")
"""Controls whose sign changes in the mirror."""


def control_values(motion: Motion) -> np.ndarray:
    """Return every scalar that an entry can follow, float (N, C), in the order of `CONTROLS` and in its units."""
    angles = euler_from_matrix(matrix_from_quaternion(motion.head_rotation))
    return np.concatenate(
        [motion.controls, angles, motion.head_translation, motion.gaze.reshape(len(motion), 4)], axis=1
    )


class ControlChannels:
    """Control entries compiled: motion in, the sum of all entries for each channel out. Immutable."""

    def __init__(
        self, entries: Sequence[ControlEntry], strengths: dict[str, float], scale: dict[str, float], groups: int
    ) -> None:
        """Compile.

        :param strengths: region to factor.
        :param scale: region to how much larger the average face is there than the performer; 1 where nothing is said.
        :param groups: where the landmark groups of these entries begin among those that the motion is solved for.
        """
        entries = [e for e in entries if e.enabled]
        regions = [entry_region(e) for e in entries]
        followers = [i for i, e in enumerate(entries) if e.landmarks]
        self.groups: np.ndarray = _weights([entries[i] for i in followers])
        """float (G, 478): the landmarks that entries follow."""
        self.channels: tuple[tuple[ChannelKind, str, str, int], ...] = tuple(
            dict.fromkeys(_key(channel) for e in entries for channel in e.channels)
        )
        """Kind, object, name and axis of each channel."""
        place = {key: column for column, key in enumerate(self.channels)}
        self._amounts = np.zeros((len(entries), len(self.channels)))
        for row, entry in enumerate(entries):
            for channel in entry.channels:
                self._amounts[row, place[_key(channel)]] += channel.amount
        # What follows landmarks comes after all controls.
        self._columns = np.zeros(len(entries), int)
        self._sign = np.ones(len(entries))
        self._follow = groups + np.arange(len(followers))
        self._axes = np.array([entries[i].axis for i in followers], int)
        for i, entry in enumerate(entries):
            if entry.landmarks:
                self._columns[i] = len(CONTROLS) + followers.index(i)
                self._sign[i] = scale.get(regions[i], 1.0) * (MIRROR_AXES[entry.axis] if entry.mirror else 1.0)
            elif entry.mirror:
                other = other_side(entry.control)
                self._columns[i] = CONTROLS.index(other)
                self._sign[i] = -1.0 if entry.control in TURNS_ROUND else 1.0
            else:
                self._columns[i] = CONTROLS.index(entry.control)
        self._gain = np.array([e.gain * strengths.get(r, 1.0) for e, r in zip(entries, regions, strict=True)])
        self._offset = np.array([e.offset for e in entries])
        self._dead = np.array([e.dead_zone for e in entries])
        self._curve = np.array([e.curve for e in entries])
        self._bent = bool((self._curve != 1.0).any())
        self._minimum = np.array([e.minimum for e in entries])
        self._maximum = np.array([e.maximum for e in entries])

    def values(self, motion: Motion) -> np.ndarray:
        """Return the channels' values, float (N, K), in the order of `channels`."""
        if not self.channels:
            return np.zeros((len(motion), 0))
        sources = control_values(motion)
        if len(self._follow):
            followed = motion.displacement[:, self._follow, self._axes]
            sources = np.concatenate([sources, followed], axis=1)
        value = sources[:, self._columns] * self._sign
        size = np.maximum(np.abs(value) - self._dead, 0.0) / (1.0 - self._dead)
        if self._bent:
            size = size**self._curve
        value = np.clip(np.copysign(size, value) * self._gain + self._offset, self._minimum, self._maximum)
        return value @ self._amounts


def entry_region(entry: ControlEntry) -> str:
    """Return the region whose strength an entry takes; empty for landmarks without one."""
    return entry.region or (region_of(entry.control) if entry.control else "")


def other_side(control: str) -> str:
    """Return the control of the other side of the face; itself for what has no side."""
    if control in HEAD_CONTROLS:
        return control
    if control in GAZE_CONTROLS:
        return GAZE_CONTROLS[(GAZE_CONTROLS.index(control) + 2) % 4]
    return ARKIT_SHAPES[int(mirror_shapes()[ARKIT_SHAPES.index(control)])]


def _key(channel: Channel) -> tuple[ChannelKind, str, str, int]:
    return channel.kind, channel.object, channel.name, channel.axis


def _weights(entries: Sequence[ControlEntry]) -> np.ndarray:
    matrix = weight_matrix([e.landmarks for e in entries])
    for row, entry in zip(matrix, entries, strict=True):
        if entry.mirror:
            row[:] = row[mirror_landmarks()]
    return matrix
