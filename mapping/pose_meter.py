# SPDX-FileCopyrightText: 2026 Mimica authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""How far a performer's face goes into a pose that was asked for, while it does; and when that is enough."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from .calibration import PerformerProfile
from .frame import FaceFrame, FaceFrames
from .learning import PLAIN_CHANGE, STEADY, change_of, expected_change, is_answer, pose_vector
from .range_poses import RangePose
from .solve import observe

FULL = 0.8
"""Of what the average face does: a face that goes so far has reached the pose."""
LEAST = 0.1
"""Below it nothing counts as held, however long: that is what noise and the tracker's drift come to."""
HELD, HELD_SMALL = 0.4, 0.8
"""Seconds for which a pose is held at its height: one that was reached, and a smaller one, which is as far as this
performer goes when it gets no larger for so long."""
_STAYS = 0.85
"""Share of the height so far above which a face is still at it."""
CALM = 0.3
"""Seconds for which a face must be still to be at rest."""
_STUCK = 0.35
"""Share of the pose of before, or of the one to come, above which a still face is not at rest, but in that pose."""
_OWN = 0.5
"""What a change counts as against the average face's that is as large, but goes another way: faces differ, and of some
poses, such as puffed cheeks, the tracker sees hardly more than that something happens."""
_LEAST_OWN = 2.5 * PLAIN_CHANGE
"""Of poses that are smaller than this, such as glances, every blink would count as more than they are."""
_HEAD_STILL = np.radians(6.0)
"""A head that turns further makes landmarks seem to move: then a change that goes another way counts for nothing."""


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a pose is done."""

    bar: float = 0.0
    """[0, 1]: how full the bar is."""
    done: bool = False
    """Whether the pose was held."""


def progress(times: Sequence[float] | np.ndarray, levels: Sequence[float] | np.ndarray) -> Progress:
    """Return how far a pose is done from its course so far.

    The bar is full where the average face's pose nearly is, or, of a face that stays at its own height below that,
    there: the longer it does, the lower is what counts as full.

    :param times: seconds (N,), not decreasing.
    :param levels: (N,), how far along the average face's pose the performer's is; 1 is as far as that face goes.
    """
    times, raw = np.asarray(times, np.float64), np.nan_to_num(np.asarray(levels, np.float64), posinf=0.0, neginf=0.0)
    if not len(raw):
        return Progress()
    # Of three neighbours the middle one: a single picture says nothing.
    smooth = np.median([np.concatenate([raw[:1].repeat(k), raw])[: len(raw)] for k in range(3)], axis=0)
    height = float(smooth.max())
    share = 0.0
    if height >= LEAST:
        below = np.flatnonzero(smooth < _STAYS * height)
        first = below[-1] + 1 if len(below) else 0
        # Three pictures at least, whatever the rate.
        if len(smooth) - first >= 3:
            held = float(times[-1] - times[first])
            share = min(held / (HELD if height >= FULL else HELD_SMALL), 1.0)
    goal = FULL + share * (min(height, FULL) - FULL)
    return Progress(float(np.clip(smooth[-1] / goal, 0.0, 1.0)), share >= 1.0)


class PoseMeter:
    """Follows one performer from pose to pose. For one thread.

    A pose is measured against the rest right before it. Where there was none, because the face was still in the pose of
    before, it is measured against the rest of then, and what the pose of before does counts for nothing.
    """

    def __init__(self, profile: PerformerProfile) -> None:
        self._profile = profile
        self._rest: list[tuple[float, np.ndarray]] = []
        self._seen: list[tuple[float, np.ndarray]] = []
        self._head = self._head_at_rest = np.zeros(3)
        self._levels: list[float] = []
        self._pose: RangePose | None = None
        self._base = self._toward = self._height = np.zeros(0)
        self._aside: np.ndarray | None = None
        self._rested = self._with_scores = False
        self._before: tuple[np.ndarray, np.ndarray] | None = None
        """The pose of before: what it was measured against, and how far it went from there."""

    def rest(self, frame: FaceFrame) -> None:
        """Take a frame from between two poses."""
        change = self._change(frame)
        if change is not None:
            self._rest.append((frame.time, change))

    @property
    def calm(self) -> bool:
        """Whether the face is still, and out of the pose of before."""
        still = self._still()
        return still is not None and not self._is_stuck(still)

    def begin(self, pose: RangePose) -> bool:
        """Measure this pose from now on. Returns whether the frames right before show a face at rest."""
        self._pose, self._seen, self._levels = pose, [], []
        still, self._rest = self._still(), []
        vector = pose_vector(pose.controls)
        self._height, self._aside, self._head_at_rest = vector, None, self._head
        self._toward = expected_change(vector, self._with_scores)
        size = max(float(self._toward @ self._toward), 1e-9)
        self._rested = False
        nothing = np.zeros_like(self._toward)
        if still is not None and self._is_stuck(still) and self._before is not None:
            self._base = self._before[0]
            self._aside = self._before[1] / np.linalg.norm(self._before[1])
            self._toward = self._without_before(self._toward)
        elif still is None or float(still @ self._toward) / size > _STUCK:
            self._base = nothing
        else:
            self._base, self._rested = still, True
        return self._rested

    def see(self, frame: FaceFrame) -> Progress:
        """Take a frame of the pose."""
        change = self._change(frame)
        if change is None or self._pose is None:
            return self.progress
        went = self._without_before(change - self._base)
        self._seen.append((frame.time, went))
        self._levels.append(self._level(went))
        return self.progress

    def _level(self, went: np.ndarray) -> float:
        size, far = max(float(np.linalg.norm(self._toward)), 1e-9), float(np.linalg.norm(went))
        along = float(went @ self._toward) / size**2
        still = np.abs(self._head - self._head_at_rest).max() < _HEAD_STILL
        own = _OWN * far / max(size, _LEAST_OWN) if far >= PLAIN_CHANGE and along > 0.0 and still else 0.0
        return max(along, own)

    def _without_before(self, change: np.ndarray) -> np.ndarray:
        return change if self._aside is None else change - (change @ self._aside) * self._aside

    @property
    def progress(self) -> Progress:
        """How far the pose is done."""
        times = [time for time, _ in self._seen]
        found = progress(times, self._levels)
        if not found.done:
            return found
        held = np.median([change for time, change in self._seen if time >= times[-1] - HELD], axis=0)
        if is_answer(held, self._rested, self._height, self._with_scores):
            return found
        return Progress(found.bar)

    def end(self) -> None:
        """Note what was shown: the next pose is not to be mistaken for it."""
        if not self._seen or self._pose is None:
            return
        most = np.argsort(self._levels)[-max(3, len(self._levels) // 4) :]
        went = np.median([self._seen[i][1] for i in most], axis=0)
        self._before = (self._base, went) if np.linalg.norm(went) > STEADY else None
        self._pose = None

    def _change(self, frame: FaceFrame) -> np.ndarray | None:
        if not frame.found:
            return None
        seen = observe(FaceFrames.from_frames([frame]), self._profile)
        self._with_scores = seen.scores is not None
        self._head = seen.head[0]
        scores = np.zeros((1, len(self._profile.scores))) if seen.scores is None else seen.scores
        return change_of(seen.displacement, scores)[0]

    def _still(self) -> np.ndarray | None:
        """Return how the face is when it is still, else None."""
        if not self._rest or self._rest[-1][0] - self._rest[0][0] < CALM:
            return None
        last = np.array([change for time, change in self._rest if time >= self._rest[-1][0] - CALM])
        if len(last) < 3:
            return None
        early, late = np.array_split(last, 2)
        if np.linalg.norm(np.median(early, axis=0) - np.median(late, axis=0)) > STEADY:
            return None
        return np.median(last, axis=0)

    def _is_stuck(self, still: np.ndarray) -> bool:
        if self._before is None:
            return False
        base, went = self._before
        return float((still - base) @ went) > _STUCK * float(went @ went)
