# SPDX-FileCopyrightText: 2026 Mimica authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Leads a performer through poses, one after another, and keeps what was shown. Knows no window and no thread."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Literal

from .frame import FaceFrame, FaceFrames
from .learning import Prompt
from .pose_meter import CALM, PoseMeter, Progress
from .range_poses import RangePose

Phase = Literal["rest", "show", "done"]

_LONGEST_STEP = 0.5
"""Seconds: pictures that are further apart count as this far apart, so that a stream that hangs uses up no pose."""
_SEEN = 0.6
"""Share of a pose's pictures that must show the face."""
_LEAST_REST = 0.6
"""Seconds of rest at least: the next pose's name is read in it."""
_MOST_TRIES = {"lost": 2, "moved": 3}
"""How often a pose is asked for when the face was lost, and a rest when the face moved. Then it goes on."""


@dataclass(frozen=True, slots=True)
class LessonView:
    """What the performer is told at this moment."""

    phase: Phase
    pose: RangePose | None
    """The pose that is being shown or comes next; None when there is none left."""
    number: int
    """Of the pose, from 1."""
    count: int
    fraction: float
    """How much of the phase is over, [0, 1]."""
    left: float
    """Seconds until the phase ends."""
    note: str = ""
    """Why a pose is asked for again, as a sentence."""
    bar: float | None = None
    """How far the face is in the pose, [0, 1]; None while that is not measured."""
    following: RangePose | None = None
    """The pose after this one."""
    asked: tuple[int, int] = (0, 0)
    """The same as number and count, without the rest that the neutral is taken from; (0, 0) in it."""


@dataclass(frozen=True, slots=True)
class Shown:
    """A pose that was shown, in seconds on the lesson's clock."""

    pose: RangePose
    start: float
    end: float
    rest: float | None = None
    """Since when the face was seen to rest before."""

    @property
    def prompt(self) -> Prompt:
        """What `learn_from_prompts` takes."""
        return Prompt(self.pose.controls, self.start, self.end, self.rest)


class Lesson:
    """One pass through a list of poses, driven by the frames themselves. For one thread.

    A pose without controls is the rest itself: `moved` looks at what was shown, and a sentence from it asks again.

    With a `meter` it goes on as soon as a pose was held, or the face came to rest; the fixed times are then the most.
    """

    meter: PoseMeter | None = None
    """Measures the poses from now on; may be set at any time."""

    def __init__(
        self,
        poses: Sequence[RangePose],
        *,
        pace: float = 1.0,
        moved: Callable[[FaceFrames], str] = lambda frames: "",
    ) -> None:
        """:param pace: what the poses' times are multiplied with; a rest keeps its own."""
        self._poses = tuple(poses)
        self._pace = pace
        self._moved = moved
        self._step = 0
        self._phase: Phase = "rest" if poses else "done"
        self._clock = self._began = 0.0
        self._last_time: float | None = None
        self._tries = 0
        self._note = ""
        self._progress: Progress | None = None
        self._rested: float | None = None
        self._frames: list[FaceFrame] = []
        self._shown: dict[int, Shown] = {}

    @property
    def done(self) -> bool:
        """Whether all poses were asked for."""
        return self._phase == "done"

    @property
    def shown(self) -> tuple[Shown, ...]:
        """The poses that were shown so far, in order."""
        return tuple(self._shown[step] for step in sorted(self._shown))

    def frame_list(self) -> list[FaceFrame]:
        """Return all frames so far, on the lesson's clock."""
        return list(self._frames)

    def frames_of(self, shown: Shown) -> FaceFrames:
        """Return the frames of one pose."""
        return FaceFrames.from_frames([f for f in self._frames if shown.start <= f.time <= shown.end])

    def see(self, frame: FaceFrame) -> None:
        """Take the next frame of the driven face, also one without the face, and go on when it is time."""
        if self.done:
            return
        if self._last_time is not None:
            self._clock += min(max(frame.time - self._last_time, 0.0), _LONGEST_STEP)
        self._last_time = frame.time
        self._frames.append(replace(frame, time=self._clock))
        pose = self._poses[self._step]
        ready = self._measure(pose) or self._clock - self._began >= self._length(pose)
        if not ready:
            return
        if self._phase == "rest":
            self._begin_show(pose)
        else:
            self._end_show(Shown(pose, self._began, self._clock, self._rested))

    def skip(self) -> None:
        """Go on to the next pose without this one."""
        if not self.done:
            self._shown.pop(self._step, None)
            self._next()

    def again(self) -> None:
        """Ask once more: for the pose that is being shown, or, between two, for the one before."""
        if self.done:
            return
        if self._phase == "rest" and self._step > 0:
            self._step -= 1
        self._shown.pop(self._step, None)
        self._tries, self._note = 0, ""
        self._enter("rest")

    def end(self) -> None:
        """End here; a pose that was shown for half of its time counts."""
        if self.done:
            return
        pose = self._poses[self._step]
        if self._phase == "show" and pose.controls and self._clock - self._began >= 0.5 * self._length(pose):
            self._shown[self._step] = Shown(pose, self._began, self._clock, self._rested)
        self._phase = "done"

    def view(self) -> LessonView:
        """Return what to tell the performer."""
        count = len(self._poses)
        if self.done:
            return LessonView("done", None, count, count, 1.0, 0.0)
        pose = self._poses[self._step]
        length, over = self._length(pose), self._clock - self._began
        fraction = min(over / length, 1.0) if length > 0 else 1.0
        bar = self._progress.bar if self._phase == "show" and self._progress is not None else None
        left = max(length - over, 0.0)
        following = self._poses[self._step + 1] if self._step + 1 < count else None
        places = [i for i, other in enumerate(self._poses) if other.controls]
        asked = (places.index(self._step) + 1, len(places)) if self._step in places else (0, 0)
        return LessonView(self._phase, pose, self._step + 1, count, fraction, left, self._note, bar, following, asked)

    def _measure(self, pose: RangePose) -> bool:
        """Whether the phase is over before its time."""
        if self.meter is None or not pose.controls:
            return False
        if self._phase == "rest":
            self.meter.rest(self._frames[-1])
            return self._clock - self._began >= _LEAST_REST and self.meter.calm
        if self._progress is None:
            return False
        self._progress = self.meter.see(self._frames[-1])
        return self._progress.done

    def _begin_show(self, pose: RangePose) -> None:
        self._enter("show")
        self._rested = None
        if self.meter is not None and pose.controls:
            self._rested = self._began - CALM if self.meter.begin(pose) else self._began
            self._progress = Progress()

    def _length(self, pose: RangePose) -> float:
        length = pose.rest if self._phase == "rest" else pose.show
        return self._pace * length if pose.controls else length

    def _enter(self, phase: Phase) -> None:
        if self.meter is not None:
            self.meter.end()
        self._phase, self._began, self._progress = phase, self._clock, None

    def _next(self) -> None:
        self._step += 1
        self._tries, self._note = 0, ""
        self._enter("rest" if self._step < len(self._poses) else "done")

    def _end_show(self, shown: Shown) -> None:
        frames = self.frames_of(shown)
        self._tries += 1
        lost = float(frames.found.mean()) < _SEEN
        why, most = "", 1
        if lost:
            why, most = "Your face was lost. Once more", _MOST_TRIES["lost"]
        elif not shown.pose.controls:
            why, most = self._moved(frames), _MOST_TRIES["moved"]
        if why and self._tries < most:
            self._note = why
            self._enter("rest")
            return
        if not lost:
            self._shown[self._step] = shown
        self._next()
