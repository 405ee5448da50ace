# SPDX-FileCopyrightText: 2026 Mimica authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A calibration from its first picture to the file, with a synthetic performer who does as asked, or does not."""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pytest

from mimica.mapping.calibration import PerformerProfile, default_profile
from mimica.mapping.frame import ARKIT_SHAPES, FaceFrame
from mimica.mapping.range_poses import RangePose, neutral_pose
from mimica.rig.calibrator import Calibrator, Command
from mimica.rig.performers import load_performer, restore_previous, save_performer
from mimica.tests.synthetic import act, photograph

JAW = RangePose("jaw", "Jaw Open", "Open.", {"jawOpen": 1.0}, 1.0, 2.0)
BROWS = RangePose("brows", "Brows Up", "Raise.", {"browInnerUp": 1.0}, 1.0, 2.0)
PUFF = RangePose("puff", "Cheeks Puffed", "Puff.", {"cheekPuff": 1.0}, 1.0, 2.0)
DOES = {"jaw": "jaw", "brows": "brows"}
"""Which part of the synthetic face a pose moves; cheeks cannot puff."""
NOTHING: Mapping[str, str] = {}
PATIENCE = 20.0


@dataclass
class Sitting:
    """A calibration, and the performer before the camera."""

    path: Path
    poses: Sequence[RangePose]
    profile: PerformerProfile | None = None
    applied: list[PerformerProfile | None] = field(default_factory=list)
    told: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.calibrator = Calibrator(
            self.poses, self.path, self.profile, apply=self.applied.append, tell=self.told.append
        )
        self.restless = False
        self._time = 0.0

    def perform(self, does: Mapping[str, str] = DOES, until: Callable[[], bool] = lambda: False) -> None:
        """Do as asked, picture by picture, until nothing is asked any more or `until` holds."""
        deadline = time.monotonic() + PATIENCE
        while self.calibrator.view.stage == "asking" and not until():
            assert time.monotonic() < deadline
            lesson = self.calibrator.view.lesson
            part = does.get(lesson.pose.id, "jaw") if lesson.pose else "jaw"
            amount = float(lesson.phase == "show" and lesson.pose is not None and lesson.pose.id in does)
            self._picture(part, amount)
        self.wait(lambda: self.calibrator.view.stage != "learning")

    def _picture(self, part: str, amount: float) -> None:
        self._time += 0.1
        tremble = np.array([0.5 + 0.5 * np.sin(6.0 * self._time)])
        parts = {"jaw": tremble, "brows": tremble} if self.restless else {part: np.array([amount])}
        frames = photograph(act(**parts))
        before = self.calibrator.view
        self.calibrator.see(FaceFrame(self._time, frames.landmarks[0], None, (640, 480)))
        self.wait(lambda: self.calibrator.view is not before)

    def order(self, command: Command) -> None:
        before = self.calibrator.view
        self.calibrator.order(command)
        self.wait(lambda: self.calibrator.view is not before)

    def wait(self, done: Callable[[], bool]) -> None:
        deadline = time.monotonic() + PATIENCE
        while not done():
            assert time.monotonic() < deadline, self.calibrator.view
            time.sleep(0.001)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "people" / "Ann.json"


def test_a_neutral_is_set_kept_and_told(path: Path) -> None:
    sitting = Sitting(path, [neutral_pose()])
    sitting.perform()
    assert sitting.told == ["The neutral is set."]
    kept = load_performer(path)
    assert kept is not None and kept.name == "Ann" and kept.expressions is None
    assert sitting.applied[-1] is not None
    assert np.abs(sitting.applied[-1].neutral - kept.neutral).max() < 1e-4


def test_the_range_is_learned_used_and_kept(path: Path) -> None:
    sitting = Sitting(path, [neutral_pose(), JAW, BROWS])
    sitting.perform()
    view = sitting.calibrator.view
    assert view.stage == "review" and view.sentence == "The range is learned from 2 poses."
    kept = load_performer(path)
    assert kept is not None and kept.expressions is not None
    assert sitting.applied[-1] is not None and sitting.applied[-1].expressions is not None
    sitting.order("end")
    assert sitting.calibrator.over and sitting.told == [view.sentence]


def test_before_and_after_are_shown_in_faces_and_figures(path: Path) -> None:
    sitting = Sitting(path, [neutral_pose(), JAW, BROWS])
    sitting.perform()
    reach = {each.pose: each for each in sitting.calibrator.view.reach}
    assert set(reach) == {"Jaw Open", "Brows Up"}
    assert all(0.0 <= figure <= 1.0 for each in reach.values() for figure in (each.before, each.after))
    # This performer's brows go less far than the average face's.
    assert reach["Brows Up"].after > reach["Brows Up"].before + 0.05
    comparison = sitting.calibrator.comparison
    assert comparison is not None and comparison.shapes is None
    frames = photograph(act(brows=np.array([1.0])))
    for i in range(20):
        comparison.see(FaceFrame(100.0 + i / 30, frames.landmarks[0], None, (640, 480)))
    assert comparison.shapes is not None
    brows = ARKIT_SHAPES.index("browInnerUp")
    assert comparison.shapes[1][brows] > comparison.shapes[0][brows] + 0.05


def test_a_range_can_be_discarded(path: Path) -> None:
    old = default_profile()
    save_performer(path, old)
    sitting = Sitting(path, [JAW, BROWS], old)
    sitting.perform()
    learned = load_performer(path)
    assert learned is not None and learned.expressions is not None
    sitting.order("discard")
    assert sitting.calibrator.over and sitting.applied[-1] is old
    back = load_performer(path)
    assert back is not None and back.expressions is None
    restore_previous(path)
    again = load_performer(path)
    assert again is not None and again.expressions is not None, "nothing is lost"


def test_discarding_the_first_range_of_all_leaves_no_profile(path: Path) -> None:
    sitting = Sitting(path, [neutral_pose(), JAW])
    sitting.perform()
    sitting.order("discard")
    assert sitting.applied[-1] is None and not path.exists()


def test_the_whole_range_can_be_shown_again_and_cancelling_that_keeps_the_first(path: Path) -> None:
    sitting = Sitting(path, [neutral_pose(), JAW, BROWS])
    sitting.perform()
    learned = sitting.applied[-1]
    sitting.order("again")
    assert sitting.calibrator.view.lesson.number == 1 and sitting.calibrator.view.lesson.count == 3
    sitting.order("cancel")
    assert sitting.applied[-1] is learned and sitting.told == ["Cancelled. What was learned before is kept."]
    kept = load_performer(path)
    assert kept is not None and kept.expressions is not None


def test_a_face_that_moves_in_its_neutral_is_told(path: Path) -> None:
    sitting = Sitting(path, [neutral_pose()])
    sitting.restless = True
    sitting.perform()
    assert sitting.told and "Your face moved. Relax it and keep it still" in sitting.told[0]


def test_what_was_not_seen_is_named_and_can_be_shown_again(path: Path) -> None:
    sitting = Sitting(path, [neutral_pose(), PUFF, JAW])
    sitting.perform()
    view = sitting.calibrator.view
    assert view.stage == "review" and view.sentence.endswith("Not seen: Cheeks Puffed.")
    first = load_performer(path)
    assert first is not None and first.expressions is not None, "what was learned is kept already"
    sitting.order("missed")
    assert sitting.calibrator.view.lesson.pose is PUFF and sitting.calibrator.view.lesson.count == 1
    # This time something happens: the jaw, for want of cheeks.
    sitting.perform({"puff": "jaw"})
    sitting.order("end")
    assert sitting.told == ["The range is learned from 2 poses."]


def test_going_on_without(path: Path) -> None:
    sitting = Sitting(path, [PUFF, JAW], default_profile())
    sitting.perform()
    sitting.order("end")
    assert sitting.calibrator.over
    assert sitting.told == ["The range is learned from 1 pose. Not seen: Cheeks Puffed."]


def test_cancelling_changes_nothing(path: Path) -> None:
    old = default_profile()
    sitting = Sitting(path, [neutral_pose(), JAW], old)
    sitting.perform(until=lambda: sitting.calibrator.view.lesson.number == 2)
    assert sitting.applied and sitting.applied[-1] is not old
    sitting.order("cancel")
    assert sitting.calibrator.over and sitting.applied[-1] is old
    assert not path.exists()
    assert sitting.told == ["Cancelled. Nothing was changed."]


def test_a_capture_that_ends_in_the_middle_keeps_what_was_shown(path: Path) -> None:
    sitting = Sitting(path, [neutral_pose(), JAW, BROWS, PUFF])
    sitting.perform(until=lambda: sitting.calibrator.view.lesson.number == 3)
    sitting.calibrator.order("end")
    sitting.wait(lambda: sitting.calibrator.over)
    assert sitting.told == ["The range is learned from 1 pose."]
    kept = load_performer(path)
    assert kept is not None and kept.expressions is not None


def test_a_capture_that_ends_at_once_says_so(path: Path) -> None:
    for poses, sentence in (([neutral_pose()], "No neutral was taken"), ([neutral_pose(), JAW], "No pose was shown")):
        sitting = Sitting(path, poses)
        sitting.calibrator.order("end")
        sitting.wait(lambda sitting=sitting: sitting.calibrator.over)
        assert sitting.told[0].startswith(sentence)
    assert not path.exists()


def test_a_capture_that_ends_after_poses_that_were_not_seen_asks_no_more(path: Path) -> None:
    sitting = Sitting(path, [neutral_pose(), PUFF, JAW, BROWS])
    sitting.perform(until=lambda: sitting.calibrator.view.lesson.number == 4)
    sitting.calibrator.order("end")
    sitting.wait(lambda: sitting.calibrator.over)
    assert sitting.told == ["The range is learned from 1 pose. Not seen: Cheeks Puffed."]


def test_a_performer_who_shows_nothing_changes_no_range(path: Path) -> None:
    sitting = Sitting(path, [JAW, BROWS], default_profile())
    sitting.perform(NOTHING)
    assert sitting.calibrator.view.stage == "review"
    assert "stays as it was" in sitting.calibrator.view.sentence
    assert all(profile is None or profile.expressions is None for profile in sitting.applied)


def test_a_folder_that_cannot_be_written_is_said_and_the_range_is_in_use(path: Path) -> None:
    path.parent.write_text("a file where the folder should be")
    sitting = Sitting(path, [JAW], default_profile())
    sitting.perform()
    assert "cannot be written" in sitting.calibrator.view.sentence
    assert sitting.applied[-1] is not None and sitting.applied[-1].expressions is not None


def test_a_fault_is_said_and_changes_nothing(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from mimica.rig import calibrator

    def fail(*_: object) -> None:
        raise RuntimeError("fault")

    monkeypatch.setattr(calibrator, "learn_from_prompts", fail)
    old = default_profile()
    sitting = Sitting(path, [JAW], old)
    sitting.perform()
    assert "fault in Mimica" in sitting.told[0]
    assert sitting.applied[-1] is old and not path.exists()
