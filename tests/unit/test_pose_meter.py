# SPDX-FileCopyrightText: 2026 Mimica authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The performer's bar: full when a pose is held, also a small one, and never from noise or the pose of before."""

from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mimica.mapping.calibration import PerformerProfile, default_profile
from mimica.mapping.expressions import average_expressions
from mimica.mapping.frame import FaceFrame
from mimica.mapping.landmarks import average_face
from mimica.mapping.learning import pose_vector
from mimica.mapping.lesson import Lesson
from mimica.mapping.pose_meter import FULL, LEAST, PoseMeter, progress
from mimica.mapping.range_poses import RangePose, range_poses
from mimica.tests.synthetic import photograph

RATE = 30.0
USUAL = {pose.id: pose for pose in range_poses("USUAL")}
SMILE, PUCKER, BROWS = USUAL["smile"], USUAL["pucker"], USUAL["brows_up"]

courses = st.lists(st.floats(-3.0, 3.0), min_size=1, max_size=90)


@given(courses)
def test_the_bar_is_a_share_whatever_the_face_does(levels: Sequence[float]) -> None:
    found = progress(np.arange(len(levels)) / RATE, levels)
    assert 0.0 <= found.bar <= 1.0


@given(st.floats(LEAST, 2.0), st.integers(2, 30), st.floats(10.0, 60.0))
def test_a_pose_that_is_held_is_done_however_small_it_is(height: float, rise: int, rate: float) -> None:
    levels = [*np.linspace(0.0, height, rise), *[height] * round(rate)]
    done = [i for i in range(1, len(levels) + 1) if progress(np.arange(i) / rate, levels[:i]).done]
    assert done, "held for a second"
    assert done[0] / rate > 0.3, "not as soon as it is reached"
    assert progress(np.arange(done[0]) / rate, levels[: done[0]]).bar == pytest.approx(1.0, abs=0.2)


@given(st.floats(LEAST, FULL - 0.2))
def test_a_small_pose_takes_longer_than_a_full_one(height: float) -> None:
    def seconds(height: float) -> float:
        levels = np.full(90, height)
        return next(i for i in range(1, 91) if progress(np.arange(i) / RATE, levels[:i]).done) / RATE

    assert seconds(height) > seconds(FULL + 0.1) + 0.2


@given(st.lists(st.floats(-0.9 * LEAST, 0.9 * LEAST), min_size=1, max_size=120))
def test_noise_completes_nothing(levels: Sequence[float]) -> None:
    assert not progress(np.arange(len(levels)) / RATE, levels).done


@given(st.integers(0, 59), st.floats(0.5, 3.0))
def test_a_single_picture_completes_nothing(at: int, height: float) -> None:
    levels = np.zeros(60)
    levels[at] = height
    found = progress(np.arange(60) / RATE, levels)
    assert not found.done and found.bar == 0.0


@given(st.floats(0.5, 2.0))
def test_a_face_on_its_way_is_not_done(height: float) -> None:
    levels = np.linspace(0.0, height, 60)
    assert not any(progress(np.arange(i) / RATE, levels[:i]).done for i in range(1, 55))


class Performer:
    """The average face acting poses, pictures of which come one after another."""

    def __init__(self, profile: PerformerProfile | None = None) -> None:
        self.meter = PoseMeter(profile or default_profile())
        self.time = 0.0
        self._noise = np.random.default_rng(5)

    def pictures(self, pose: RangePose, amounts: Sequence[float] | np.ndarray, noise: float = 0.0) -> list[FaceFrame]:
        """Return pictures of a pose, gone so far in each."""
        found = []
        for amount in amounts:
            shown = np.einsum("s,spa->pa", amount * pose_vector(pose.controls), average_expressions().displacement)
            shown = shown + self._noise.normal(0.0, 1.0, shown.shape) * noise
            frames = photograph((average_face() + shown)[None])
            self.time += 1.0 / RATE
            found.append(FaceFrame(self.time, frames.landmarks[0], None, (640, 480)))
        return found

    def rest(self, pose: RangePose = SMILE, amount: float = 0.0, noise: float = 0.0) -> None:
        """Half a second between two poses."""
        for frame in self.pictures(pose, np.full(15, amount), noise):
            self.meter.rest(frame)

    def show(
        self, asked: RangePose, done: RangePose, amounts: Sequence[float] | np.ndarray, noise: float = 0.0
    ) -> bool:
        """Whether what is done completes what was asked."""
        self.meter.begin(asked)
        complete = any([self.meter.see(frame).done for frame in self.pictures(done, amounts, noise)])
        self.meter.end()
        return complete


HELD = np.concatenate([np.linspace(0.0, 1.0, 10), np.ones(30)])


@pytest.mark.parametrize("pose", [SMILE, PUCKER, BROWS], ids=lambda pose: pose.id)
@pytest.mark.parametrize("size", [1.0, 0.35])
def test_a_performer_who_does_as_asked_passes(pose: RangePose, size: float) -> None:
    performer = Performer()
    performer.rest()
    assert performer.meter.calm
    assert performer.show(pose, pose, size * HELD, noise=0.01)


def test_a_face_at_rest_passes_nothing() -> None:
    performer = Performer()
    for pose in USUAL.values():
        performer.rest(noise=0.02)
        assert not performer.show(pose, pose, np.zeros(30), noise=0.02), pose.id


def test_staying_in_the_pose_of_before_is_neither_rest_nor_the_next_pose() -> None:
    performer = Performer()
    performer.rest()
    assert performer.show(SMILE, SMILE, HELD)
    performer.rest(SMILE, 1.0)
    assert not performer.meter.calm
    assert not performer.show(PUCKER, SMILE, np.ones(40))


def test_leaving_the_pose_of_before_late_does_not_count_as_the_next_one() -> None:
    performer = Performer()
    performer.rest()
    assert performer.show(SMILE, SMILE, HELD)
    performer.rest(SMILE, 1.0)
    # Lips that come back from a smile move as for a kiss.
    assert not performer.show(PUCKER, SMILE, np.concatenate([np.linspace(1.0, 0.0, 10), np.zeros(30)]))


def test_who_begins_early_is_measured_against_the_neutral() -> None:
    performer = Performer()
    performer.rest(BROWS, 1.0)
    assert performer.show(BROWS, BROWS, np.ones(30))


def test_a_lesson_goes_on_as_soon_as_poses_are_held_and_waits_no_longer_than_their_time() -> None:
    poses = [SMILE, PUCKER, BROWS]
    performer = Performer()
    lesson = Lesson(poses)
    lesson.meter = performer.meter
    began = {}
    while not lesson.done:
        view = lesson.view()
        assert view.pose is not None and (view.bar is None or 0.0 <= view.bar <= 1.0)
        began.setdefault((view.number, view.phase), performer.time)
        since = performer.time - began[view.number, view.phase]
        # The last one is not done at all.
        amount = min(since / 0.3, 1.0) if view.phase == "show" and view.pose is not BROWS else 0.0
        lesson.see(performer.pictures(view.pose, [amount])[0])
    assert began[2, "rest"] - began[1, "show"] < 1.2, "done when it was held"
    assert began[2, "show"] - began[2, "rest"] < 1.0, "on when the face rests"
    assert performer.time - began[3, "show"] == pytest.approx(BROWS.show, abs=0.1)
    assert [shown.pose for shown in lesson.shown] == poses
    assert all(shown.rest is not None and shown.rest < shown.start for shown in lesson.shown)
