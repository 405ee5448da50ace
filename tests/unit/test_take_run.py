# SPDX-FileCopyrightText: 2026 Mimica authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""When a take begins and ends, on a clock and a timeline that the test moves by hand."""

from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mimica.rig.take_run import TakePlan, TakeRun

TICK = 1.0 / 60.0


class Stage:
    """Does what it is told as Blender does: plays at the scene's rate and goes round at the end of the range."""

    def __init__(self, plan: TakePlan, range_end: float = 250.0, stop_at: float = float("inf")) -> None:
        self.plan, self.range_end, self.stop_at = plan, range_end, stop_at
        self.now, self.frame, self.playing = 100.0, plan.point, False
        self.orders: list[tuple[float, str]] = []
        self.phases: list[str] = []
        self.run = TakeRun(plan, self.now)

    def until(self, done: Callable[[], bool], seconds: float = 60.0) -> "Stage":
        end = self.now + seconds
        while self.now < end and not done():
            order = self.run.tick(self.now, self.frame, self.playing, self.range_end)
            if not self.phases or self.phases[-1] != self.run.phase:
                self.phases.append(self.run.phase)
            if order is not None:
                self.orders.append((self.now - 100.0, order))
            if order == "begin" and self.plan.plays:
                self.playing, self.frame = True, self.plan.first_frame
            if order in ("stop playback", "end"):
                self.playing = False
            self.now += TICK
            if self.playing:
                self.frame += TICK * self.plan.rate
                if self.frame > self.range_end:
                    self.frame = 1.0
                if self.now - 100.0 > self.stop_at:
                    self.playing = False
        return self

    def to_the_end(self) -> "Stage":
        return self.until(lambda: self.run.phase == "over")


def times(stage: Stage) -> dict[str, float]:
    assert len({order for _, order in stage.orders}) == len(stage.orders), "each is told once"
    return {order: moment for moment, order in stage.orders}


def test_without_a_countdown_it_begins_at_once() -> None:
    run = TakeRun(TakePlan(countdown=0.0), 5.0)
    assert run.tick(5.0, 1.0, False, 250.0) == "begin"
    assert run.phase == "recording"


@given(countdown=st.floats(0.0, 10.0))
def test_the_countdown_lasts_as_long_as_it_says(countdown: float) -> None:
    stage = Stage(TakePlan(countdown=countdown))
    assert stage.run.left(stage.now) == pytest.approx(countdown)
    stage.until(lambda: bool(stage.orders))
    assert stage.orders[0][1] == "begin"
    assert countdown - 1e-6 <= stage.orders[0][0] <= countdown + 2 * TICK


def test_a_take_without_the_timeline_goes_on_until_it_is_stopped() -> None:
    stage = Stage(TakePlan(countdown=0.0)).until(lambda: False, 20.0)
    assert stage.phases == ["recording"] and len(stage.orders) == 1


@given(point=st.integers(0, 200), preroll=st.floats(0.0, 5.0), rate=st.sampled_from([12.0, 24.0, 60.0]))
def test_the_preroll_leads_to_the_point_and_there_is_no_sound_before_frame_0(
    point: int, preroll: float, rate: float
) -> None:
    plan = TakePlan(countdown=0.0, plays=True, point=point, preroll=preroll, rate=rate)
    assert plan.first_frame == pytest.approx(max(0.0, point - preroll * rate))
    stage = Stage(plan, 1000.0)
    stage.until(lambda: stage.run.phase == "recording")
    led = (point - plan.first_frame) / rate
    assert stage.now - 100.0 == pytest.approx(led, abs=3 * TICK + 1.0 / rate)
    assert ("rolling" in stage.phases) == (led > 0.0)


@pytest.mark.parametrize("range_end", [120.0, 101.0, 100.0, 90.0])
def test_it_ends_by_itself_after_its_post_roll_also_where_the_range_ends_first(range_end: float) -> None:
    plan = TakePlan(countdown=1.0, plays=True, point=52.0, preroll=1.0, end=100.0, postroll=0.5, rate=24.0)
    stage = Stage(plan, range_end).to_the_end()
    told = times(stage)
    reached = 1.0 + (min(100.0, range_end) - plan.first_frame) / 24.0
    assert told["end"] == pytest.approx(reached + 0.5, abs=0.1)
    assert stage.run.reached_end
    # At 101 the playback would begin again within the post-roll; it is over by itself then.
    assert ("stop playback" in told) == (range_end < 100.0) or range_end == 100.0
    assert stage.phases == ["countdown", "rolling", "recording", "over"]


def test_without_an_end_a_range_may_go_round_and_round() -> None:
    stage = Stage(TakePlan(countdown=0.0, plays=True, point=1.0), 48.0).until(lambda: False, 10.0)
    assert [order for _, order in stage.orders] == ["begin"]


def test_who_stops_the_playback_ends_the_take_before_its_end() -> None:
    plan = TakePlan(countdown=0.0, plays=True, point=1.0, end=100.0, postroll=0.5)
    stage = Stage(plan, stop_at=2.0).to_the_end()
    assert times(stage)["end"] == pytest.approx(2.0, abs=0.1)
    assert not stage.run.reached_end


def test_scrubbing_back_is_no_end() -> None:
    plan = TakePlan(countdown=0.0, plays=True, point=10.0, end=100.0)
    stage = Stage(plan)
    stage.until(lambda: stage.frame > 50.0)
    stage.frame = 20.0
    stage.until(lambda: stage.frame > 40.0)
    assert [order for _, order in stage.orders] == ["begin"]
    stage.to_the_end()
    assert stage.run.reached_end


def test_a_timeline_that_cannot_play_leaves_a_take_all_the_same() -> None:
    run = TakeRun(TakePlan(countdown=0.0, plays=True, point=50.0, preroll=1.0), 0.0)
    orders = [run.tick(i * TICK, 26.0, False, 250.0) for i in range(600)]
    assert [order for order in orders if order] == ["begin"]
    assert run.phase == "recording"
