# SPDX-FileCopyrightText: 2026 Mimica authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What no head or face can do: frames that jump away and back, cuts that stay, controls that flash for one frame."""

from collections.abc import Sequence
from dataclasses import replace
from functools import cache
from typing import Any

import numpy as np

from .data import load_table
from .filters import median_of_three
from .motion import Motion
from .regions import controls_of

_ABSURD = 1e4
"""A hundred metres: no head is there."""
_FIELDS = ("controls", "head_rotation", "head_translation", "gaze", "displacement")


@cache
def _steady_rows() -> np.ndarray:
    """Rows of the controls whose jumps tell a cut: neither blinks nor saccades."""
    return controls_of("brows", "jaw", "mouth", "cheeks", "nose")


def _table() -> dict[str, Any]:
    return load_table("filters")


def drop_unusable(motion: Motion) -> Motion:
    """Return the motion with frames that hold NaN or absurd numbers taken as lost: NaN and confidence 0."""
    if all(float(np.abs(getattr(motion, name)).max(initial=0.0)) < _ABSURD for name in _FIELDS):
        return motion
    whole = np.ones(len(motion), bool)
    for name in _FIELDS:
        values = getattr(motion, name)
        whole &= (np.abs(values) < _ABSURD).all(axis=tuple(range(1, values.ndim)))
    return without(motion, ~whole)


def without(motion: Motion, frames: np.ndarray) -> Motion:
    """Return the motion with frames (N,) taken as lost: NaN and confidence 0."""
    changed = {}
    for name in (*_FIELDS, "confidence"):
        changed[name] = getattr(motion, name).copy()
        changed[name][frames] = 0.0 if name == "confidence" else np.nan
    return replace(motion, **changed)


def jumps(motion: Motion, before: np.ndarray, after: np.ndarray) -> np.ndarray:
    """Return bool (K,): from frame `before` to frame `after` (K,) each, more changes than can in that time.

    Further than 25 degrees, or 7 cm (15 % of the usual distance to the camera), or most of the face, or a little less
    of several, in a thirtieth of a second; in proportion in longer times. Frames that are lost never jump.
    """
    span = np.abs(motion.times[after] - motion.times[before])
    return _too_far(span, [_compared(motion, frames) for frames in (before, after)])


def _compared(motion: Motion, frames: np.ndarray | slice) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    steady = motion.controls[frames][:, _steady_rows()]
    return motion.head_rotation[frames], motion.head_translation[frames], steady


def _too_far(span: np.ndarray | float, sides: Sequence[tuple[np.ndarray, np.ndarray, np.ndarray]]) -> np.ndarray:
    table = _table()["jump"]
    (rotation, place, face), (next_rotation, next_place, next_face) = sides
    turn = np.abs(np.einsum("ni,ni->n", rotation, next_rotation))
    angle = 2.0 * np.arccos(np.minimum(turn, 1.0))
    away, change = next_place - place, next_face - face
    size = np.sqrt(
        (angle / table["rotation"]) ** 2
        + np.einsum("ni,ni->n", away, away) / table["translation"] ** 2
        + np.einsum("ni,ni->n", change, change) / (change.shape[1] * table["controls"] ** 2)
    )
    return (size > np.maximum(span / table["seconds"], 1.0)) & (span <= table["longest_seconds"])


def reject_wild(motion: Motion) -> Motion:
    """Return the motion of a whole take with the frames of `wild_frames` taken as lost."""
    wild = wild_frames(motion)
    return without(motion, wild) if wild.any() else motion


def wild_frames(motion: Motion) -> np.ndarray:
    """Return bool (N,): single frames of a whole take that jump away from both neighbours.

    The neighbours are the frames next to them in which the face was seen, and do not jump from each other.
    """
    wild = np.zeros(len(motion), bool)
    seen = np.flatnonzero(np.isfinite(motion.controls[:, 0]))
    if len(seen) < 3:
        return wild
    jumped = jumps(motion, seen[:-1], seen[1:])
    if jumped.any():
        wild[seen[1:-1]] = jumped[:-1] & jumped[1:] & ~jumps(motion, seen[:-2], seen[2:])
    return wild


def cuts(motion: Motion) -> np.ndarray:
    """Return the frames at which something new begins, int (K,): the first of them, and each after a jump or a pause.

    :param motion: without lost frames.
    """
    if len(motion) == 0:
        return np.zeros(0, int)
    frames = np.arange(len(motion))
    paused = np.diff(motion.times) > _table()["jump"]["longest_seconds"]
    return np.concatenate([[0], np.flatnonzero(jumps(motion, frames[:-1], frames[1:]) | paused) + 1])


def reject_spikes(times: np.ndarray, controls: np.ndarray, levels: np.ndarray, always: np.ndarray) -> np.ndarray:
    """Return controls (N, C) of a whole take without values that jump out and are back at the next frame.

    What `spikes` finds becomes the median of itself and its neighbours.

    :param always: rows of the controls whose median is always taken.
    """
    levels = levels.copy()
    levels[always] = 0.0
    found, middle = spikes(times, controls, levels)
    return np.where(found, middle, controls)


def spikes(times: np.ndarray, controls: np.ndarray, levels: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return which values of controls (N, C) stand out for one frame, bool (N, C), and what they should be, (N, C).

    A Hampel filter (R. Pearson, 2002) of three samples: what is further than `levels` (C,) from the median of itself
    and its neighbours, if the neighbours are so near in time that no muscle does it.
    """
    middle = median_of_three(times, controls, _table()["spike_seconds"])
    return np.abs(controls - middle) > levels, middle


class WildGate:
    """The same for a stream: one frame that jumps is not believed, a second one is a cut."""

    def __init__(self) -> None:
        self.reset()

    def reset(self) -> None:
        """Forget the past: the next frame is believed."""
        self._time = 0.0
        self._last: tuple[np.ndarray, np.ndarray, np.ndarray] | None = None
        self._doubted = False

    def __call__(self, motion: Motion, gap: bool) -> str:
        """Return "good", "wild" (do not use this frame) or "cut" (start anew with this frame).

        :param motion: one instant in which the face was seen.
        :param gap: whether the face was lost since the last one: then a jump is a cut at once.
        """
        time, now = float(motion.times[0]), _compared(motion, slice(0, 1))
        jumped = False
        if self._last is not None:
            jumped = bool(_too_far(abs(time - self._time), (self._last, now))[0])
            if jumped and not self._doubted and not gap:
                # What is as far away at the next frame is judged by the time since this one.
                self._time, self._doubted = time, True
                return "wild"
        self._doubted = False
        self._time, self._last = time, now
        return "cut" if jumped else "good"


class SpikeGate:
    """The same for a stream of controls: a jump is believed when it is still there at the next frame."""

    def __init__(self, levels: np.ndarray, always: np.ndarray) -> None:
        """`levels`, `always`: see `reject_spikes`."""
        self._always = always
        self.follow(levels)
        self.reset()

    def follow(self, levels: np.ndarray) -> None:
        """Use other levels from the next value on."""
        self._levels = levels * _table()["live_spike_share"]

    def reset(self) -> None:
        """Forget the past: the next value is believed."""
        self._time = -np.inf
        self._last: np.ndarray | None = None
        self._held = np.zeros(0, bool)
        self._three: list[np.ndarray] = []

    def __call__(self, time: float, controls: np.ndarray) -> np.ndarray:
        """Return controls (C,) to use at `time`, seconds."""
        near = time - self._time <= _table()["spike_seconds"] / 2.0 + 1e-3
        self._time = time
        if self._last is None or not near:
            self._last, self._held, self._three = controls, np.zeros(len(controls), bool), [controls[self._always]]
            return controls
        doubted = (np.abs(controls - self._last) > self._levels) & ~self._held
        self._held = doubted
        result = np.where(doubted, self._last, controls)
        self._three = [*self._three[-2:], controls[self._always]]
        if len(self._three) == 3:
            result[self._always] = np.sort(self._three, axis=0)[1]
        self._last = result
        return result
