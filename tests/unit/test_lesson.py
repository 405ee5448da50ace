# SPDX-FileCopyrightText: 2026 Mimica authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Guided poses, and how a performer is led through them."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mimica.mapping.frame import ARKIT_SHAPES, FaceFrame
from mimica.mapping.landmarks import average_face
from mimica.mapping.lesson import Lesson
from mimica.mapping.range_poses import RangePose, neutral_pose, range_poses

REST = RangePose("neutral", "Neutral Face", "Rest.", {}, 1.0, 1.0)
POSES = tuple(RangePose(f"pose{i}", f"Pose {i}", "Do it.", {"jawOpen": 1.0}, 1.0, 2.0) for i in range(3))
FACE = np.column_stack([0.5 + average_face()[:, 0] / 40, 0.5 - average_face()[:, 1] / 30, average_face()[:, 2] / 40])


def frame(time: float, found: bool = True) -> FaceFrame:
    if not found:
        return FaceFrame.lost(time, (640, 480))
    return FaceFrame(time, FACE.astype(np.float32), None, (640, 480))


def play(lesson: Lesson, seconds: float, start: float = 0.0, rate: float = 20.0, found: bool = True) -> float:
    """Give frames for so long; return when it ended."""
    for i in range(1, round(seconds * rate) + 1):
        lesson.see(frame(start + i / rate, found))
    return start + seconds


@pytest.mark.parametrize("full", [False, True])
def test_the_poses_can_be_shown_and_told_apart(full: bool) -> None:
    poses = range_poses("FULL" if full else "USUAL")
    assert len({pose.id for pose in poses}) == len({pose.name for pose in poses}) == len(poses)
    for pose in (neutral_pose(), *poses):
        assert pose.say.endswith(".") and pose.say[0].isupper()
        assert pose.rest > 0 and pose.show > 0
        assert all(0 < value <= 1 for value in pose.controls.values())
    for pose in poses:
        assert max(pose.controls.values()) >= 0.7, pose.id
    assert not neutral_pose().controls


def test_the_full_list_asks_for_all_that_arkit_knows() -> None:
    asked = {name for pose in range_poses("FULL") for name in pose.controls}
    # Lips that close while the jaw opens are no pose of their own.
    assert set(ARKIT_SHAPES) - asked == {"mouthClose"}


def test_the_poses_come_one_after_another_each_after_a_rest() -> None:
    lesson = Lesson(POSES)
    seen = []
    for i in range(220):
        lesson.see(frame(i / 20))
        view = lesson.view()
        assert 0.0 <= view.fraction <= 1.0
        if not seen or seen[-1] != (view.phase, view.number):
            seen.append((view.phase, view.number))
    assert seen == [(phase, number) for number in (1, 2, 3) for phase in ("rest", "show")] + [("done", 3)]
    assert [shown.pose.id for shown in lesson.shown] == ["pose0", "pose1", "pose2"]
    for shown in lesson.shown:
        assert shown.end - shown.start == pytest.approx(2.0, abs=0.06)
    assert lesson.shown[0].start == pytest.approx(1.0, abs=0.06)


@given(st.floats(0.2, 4.0))
def test_the_pace_changes_the_poses_and_not_the_neutral(pace: float) -> None:
    lesson = Lesson([REST, POSES[0]], pace=pace)
    time = play(lesson, 1.9)
    assert lesson.view().number == 1
    play(lesson, 0.3 + 3.0 * pace, time)
    assert lesson.done
    assert lesson.shown[1].end - lesson.shown[1].start == pytest.approx(2.0 * pace, abs=0.11)


def test_the_neutral_is_no_pose_to_be_counted() -> None:
    lesson = Lesson([REST, *POSES])
    seen = []
    for i in range(260):
        if lesson.view().phase == "show":
            seen.append(lesson.view().asked)
        lesson.see(frame(i / 20))
    assert sorted(set(seen)) == [(0, 0), (1, 3), (2, 3), (3, 3)]


def test_the_quick_range_has_ten_poses_of_the_usual_ones() -> None:
    quick, usual = range_poses("QUICK"), range_poses("USUAL")
    assert len(quick) == 10
    assert [pose for pose in usual if pose in quick] == list(quick)


def test_a_stream_that_hangs_uses_up_no_pose() -> None:
    lesson = Lesson(POSES)
    lesson.see(frame(0.0))
    lesson.see(frame(60.0))
    assert (lesson.view().phase, lesson.view().number) == ("rest", 1)


def test_skipping_and_asking_again() -> None:
    lesson = Lesson(POSES)
    time = play(lesson, 1.5)
    assert lesson.view().phase == "show"
    lesson.skip()
    assert (lesson.view().phase, lesson.view().number) == ("rest", 2)
    time = play(lesson, 3.2, time)
    assert (lesson.view().phase, lesson.view().number) == ("rest", 3)
    assert [shown.pose.id for shown in lesson.shown] == ["pose1"]
    lesson.again()
    assert lesson.view().number == 2, "in the rest before a pose, again means the one before"
    assert not lesson.shown
    time = play(lesson, 2.0, time)
    lesson.again()
    assert (lesson.view().phase, lesson.view().number) == ("rest", 2), "in a pose, again means this one"
    play(lesson, 7.0, time)
    assert lesson.done
    assert [shown.pose.id for shown in lesson.shown] == ["pose1", "pose2"]


def test_a_face_that_is_lost_is_asked_again_once() -> None:
    lesson = Lesson(POSES[:2])
    time = play(lesson, 1.1)
    time = play(lesson, 2.1, time, found=False)
    assert lesson.view().number == 1 and "lost" in lesson.view().note
    time = play(lesson, 1.1, time)
    play(lesson, 2.1, time, found=False)
    assert lesson.view().number == 2 and lesson.view().note == ""
    assert not lesson.shown


def test_a_rest_in_which_the_face_moved_is_asked_three_times_at_most() -> None:
    lesson = Lesson([REST, POSES[0]], moved=lambda frames: "Your face moved")
    time = 0.0
    for _ in range(2):
        time = play(lesson, 2.1, time)
        assert lesson.view().number == 1 and lesson.view().note == "Your face moved"
    play(lesson, 2.1, time)
    assert lesson.view().number == 2, "it goes on, and says so later"
    assert [shown.pose.id for shown in lesson.shown] == ["neutral"]


@pytest.mark.parametrize(("seconds", "kept"), [(1.5, 0), (2.5, 1), (3.5, 1), (5.5, 2)])
def test_what_was_shown_until_the_end_counts(seconds: float, kept: int) -> None:
    lesson = Lesson(POSES)
    play(lesson, seconds)
    lesson.end()
    assert lesson.done
    assert len(lesson.shown) == kept
