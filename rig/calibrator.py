# SPDX-FileCopyrightText: 2026 Mimica authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""One calibration of a performer during a capture: asks, listens, learns and keeps the result, off the main thread."""

import logging
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from queue import SimpleQueue
from typing import Literal

from ..mapping.calibration import (
    PerformerProfile,
    ProfileError,
    estimate_profile,
    why_not_calm,
    with_neutral,
    without_range,
)
from ..mapping.face_space import DEFAULT_FIELD_OF_VIEW
from ..mapping.frame import FaceFrame, FaceFrames
from ..mapping.learning import learn_from_prompts
from ..mapping.lesson import Lesson, LessonView, Shown
from ..mapping.pose_meter import PoseMeter
from ..mapping.pose_reach import reached
from ..mapping.range_poses import RangePose
from .comparison import Comparison
from .performers import delete_performer, restore_previous, save_performer

logger = logging.getLogger(__name__)

Stage = Literal["asking", "learning", "review", "over"]
Command = Literal["skip", "again", "cancel", "end", "missed", "discard"]


@dataclass(frozen=True, slots=True)
class Reach:
    """How far the performer went into a pose, as the profiles of before and after read it; 1 is in full."""

    pose: str
    """Its name."""
    before: float
    after: float


@dataclass(frozen=True, slots=True)
class CalibrationView:
    """What the user sees of a calibration."""

    stage: Stage
    lesson: LessonView
    sentence: str = ""
    """What came of it so far."""
    missed: tuple[RangePose, ...] = ()
    """In review: the poses that were not seen."""
    reach: tuple[Reach, ...] = ()
    """In review: those that were."""


class Calibrator:
    """Takes a neutral, and a range if poses beside it are asked for. `view` may be read by any thread.

    In review, what was learned is in use and kept already, and `comparison` shows what it changed. "end" and "cancel"
    leave it so, "again" asks for all poses anew, "missed" for those that were not seen, and "discard" brings back the
    profile of before.
    """

    def __init__(
        self,
        poses: Sequence[RangePose],
        path: Path,
        profile: PerformerProfile | None,
        *,
        field_of_view: float = DEFAULT_FIELD_OF_VIEW,
        pace: float = 1.0,
        apply: Callable[[PerformerProfile | None], None],
        tell: Callable[[str], None],
    ) -> None:
        """:param poses: a pose without controls takes the neutral.
        :param path: the performer's file.
        :param profile: the performer's so far.
        :param pace: what the poses' times are multiplied with.
        :param apply: called from another thread with each profile that is to be used from now on.
        :param tell: called from another thread with what came of it, once.
        """
        self.poses = tuple(poses)
        self.path = path
        self._old = self._profile = profile
        self._field_of_view = field_of_view
        self._pace = pace
        self._apply = apply
        self._tell = tell
        self._lesson = self._new_lesson(self.poses)
        self._settled = profile
        """What is in use when nothing is changed: the old profile, or what was learned before another try."""
        self.comparison: Comparison | None = None
        """In review: the performer with the profile of before, and with the new one."""
        self._new = not path.exists()
        self._frames: list[FaceFrame] = []
        self._shown: dict[str, Shown] = {}
        self._missed: tuple[RangePose, ...] = ()
        self._saved = self._neutral_taken = self._ending = False
        self._doubt = ""
        self._inbox: SimpleQueue[FaceFrame | Command] = SimpleQueue()
        self.view = CalibrationView("asking", self._lesson.view())
        self._thread = threading.Thread(target=self._work, name="mimica-calibrate", daemon=True)
        self._thread.start()

    @property
    def asks_for_range(self) -> bool:
        """Whether more than the neutral is asked for."""
        return any(pose.controls for pose in self.poses)

    @property
    def over(self) -> bool:
        """Whether there is nothing left to do."""
        return self.view.stage == "over"

    def see(self, frame: FaceFrame) -> None:
        """Take the next frame of the driven face. Any thread; returns at once."""
        if self.view.stage == "asking":
            self._inbox.put(frame)

    def order(self, command: Command) -> None:
        """Skip a pose, ask again, cancel (nothing is changed), or end with what was shown so far. Returns at once."""
        self._inbox.put(command)

    # The calibration's own thread

    def _work(self) -> None:
        try:
            while not self.over:
                self._handle(self._inbox.get())
        except Exception:
            logger.exception("The calibration failed")
            self._finish("The calibration stopped because of a fault in Mimica; see the log. Nothing was changed.")

    def _handle(self, item: "FaceFrame | Command") -> None:
        if isinstance(item, FaceFrame):
            if self.view.stage != "asking":
                return
            self._lesson.see(item)
        elif self.view.stage == "review":
            if item == "again" or (item == "missed" and self._missed):
                self._ask_again(self.poses if item == "again" else self._missed)
            elif item == "discard":
                self._discard()
                return
            else:
                self._finish(self.view.sentence)
                return
        elif item == "cancel":
            self._apply(self._settled)
            kept = self._settled is not self._old
            self._finish("Cancelled. What was learned before is kept." if kept else "Cancelled. Nothing was changed.")
            return
        elif item == "skip":
            self._lesson.skip()
        elif item == "again":
            self._lesson.again()
        elif item == "end":
            self._ending = True
            self._lesson.end()
        self._take_neutral()
        if self._lesson.done:
            self._conclude()
        else:
            self.view = CalibrationView("asking", self._lesson.view())

    def _new_lesson(self, poses: Sequence[RangePose]) -> Lesson:
        lesson = Lesson(poses, pace=self._pace, moved=lambda frames: why_not_calm(frames, self._field_of_view))
        known = self._profile
        lesson.meter = None if known is None or not all(pose.controls for pose in poses) else PoseMeter(known)
        return lesson

    def _ask_again(self, poses: Sequence[RangePose]) -> None:
        if poses is self.poses:
            self._frames, self._shown, self._missed = [], {}, ()
            # From the start: what was learned first is not to colour what is learned now.
            self._profile = self._old
            self._neutral_taken = False
        self.comparison = None
        self._lesson = self._new_lesson(poses)

    def _discard(self) -> None:
        """Bring the profile of before back; the new one becomes the previous version of the performer's file."""
        self._apply(self._old)
        try:
            if self._saved and self._new:
                delete_performer(self.path)
            elif self._saved:
                restore_previous(self.path)
        except ProfileError as error:
            self._finish(f"{error} The old profile is in use until the capture ends.")
            return
        self._finish("Discarded. The profile of before is back.")

    def _take_neutral(self) -> None:
        """Use the neutral as soon as it was shown; it is kept on disk together with the range."""
        rest = next((shown for shown in self._lesson.shown if not shown.pose.controls), None)
        if rest is None:
            self._neutral_taken = False
            return
        if self._neutral_taken:
            return
        self._neutral_taken = True
        frames = self._lesson.frames_of(rest)
        self._doubt = why_not_calm(frames, self._field_of_view)
        neutral = estimate_profile(frames, name=self.path.stem, field_of_view=self._field_of_view, posed=True)
        if neutral is not None:
            self._profile = with_neutral(self._old, neutral)
            self._lesson.meter = PoseMeter(self._profile)
            self._apply(self._profile)

    def _conclude(self) -> None:
        if not self.asks_for_range:
            self._conclude_neutral()
            return
        self.view = CalibrationView("learning", self._lesson.view())
        # Not a daemon: quitting Blender in this second must not lose it.
        learning = threading.Thread(target=self._learn, name="mimica-learn")
        learning.start()
        learning.join()

    def _conclude_neutral(self) -> None:
        if not self._neutral_taken:
            self._finish("No neutral was taken. Press Set Neutral and look into the camera.")
            return
        told = ["The neutral is set."]
        if self._doubt:
            told.append(f"{self._doubt}, and press Set Neutral again for a better one.")
        self._finish(self._save() or " ".join(told))

    def _learn(self) -> None:
        try:
            sentence = self._learned_sentence()
        except Exception:
            logger.exception("The range could not be learned")
            self._apply(self._settled)
            self._finish("The range was not learned because of a fault in Mimica; see the log. Nothing was changed.")
            return
        if self._ending or not self._shown:
            self._finish(sentence)
        else:
            self.view = CalibrationView("review", self._lesson.view(), sentence, self._missed, self._reach())

    def _learned_sentence(self) -> str:
        """Learn, use and keep the range; say what came of it."""
        self._gather()
        if not self._shown:
            if self._neutral_taken:
                return self._save() or "The neutral is set. No pose was shown, so the range stays as it was."
            return "No pose was shown, so the range stays as it was."
        profile = self._profile or self._estimated()
        if profile is None:
            return "Your face was not seen, so the range stays as it was. Put light on your face and try again."
        shown = list(self._shown.values())
        learned, missed = learn_from_prompts(FaceFrames.from_frames(self._frames), [s.prompt for s in shown], profile)
        self._missed = tuple(shown[i].pose for i in missed)
        if len(missed) < len(shown):
            self._profile = self._settled = learned
            self._apply(learned)
            self.comparison = Comparison(self._before(), learned)
        told = [_learned_from(len(shown) - len(missed))]
        if missed:
            told.append(f"Not seen: {', '.join(pose.name for pose in self._missed)}.")
        return self._save() or " ".join(told)

    def _before(self) -> PerformerProfile:
        """Return what the new profile is compared with: the old one, without one the neutral alone."""
        assert self._profile is not None
        return self._old or without_range(self._profile)

    def _reach(self) -> tuple[Reach, ...]:
        if self.comparison is None or self._profile is None:
            return ()
        seen = [shown for shown in self._shown.values() if shown.pose not in self._missed]
        frames, prompts = FaceFrames.from_frames(self._frames), [shown.prompt for shown in seen]
        before, after = (reached(frames, prompts, profile) for profile in (self._before(), self._profile))
        return tuple(
            Reach(shown.pose.name, float(b), float(a)) for shown, b, a in zip(seen, before, after, strict=True)
        )

    def _gather(self) -> None:
        """Put what the lesson showed behind what earlier ones did; a pose that was asked again counts anew."""
        frames = self._lesson.frame_list()
        start = self._frames[-1].time + 10.0 if self._frames else 0.0
        self._frames += [_later(frame, start) for frame in frames]
        for shown in self._lesson.shown:
            if shown.pose.controls:
                rest = None if shown.rest is None else shown.rest + start
                self._shown[shown.pose.id] = Shown(shown.pose, shown.start + start, shown.end + start, rest)

    def _estimated(self) -> PerformerProfile | None:
        frames = FaceFrames.from_frames(self._frames)
        return estimate_profile(frames, name=self.path.stem, field_of_view=self._field_of_view)

    def _save(self) -> str:
        """Keep the profile; return what went wrong, as a sentence."""
        if self._profile is None:
            return ""
        try:
            # The version before the first change is the one worth keeping.
            save_performer(self.path, self._profile, keep_old=not self._saved)
        except ProfileError as error:
            return f"{error} It is in use until the capture ends."
        self._saved = True
        return ""

    def _finish(self, sentence: str) -> None:
        self.comparison = None
        self.view = CalibrationView("over", self._lesson.view(), sentence)
        self._tell(sentence)


def _later(frame: FaceFrame, seconds: float) -> FaceFrame:
    return FaceFrame(
        frame.time + seconds, frame.landmarks, frame.scores, frame.image_size, frame.face_id, frame.quality
    )


def _learned_from(poses: int) -> str:
    if not poses:
        return "No pose was clear, so the range stays as it was."
    return "The range is learned from 1 pose." if poses == 1 else f"The range is learned from {poses} poses."
