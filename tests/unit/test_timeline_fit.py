# SPDX-FileCopyrightText: 2026 Mimica authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Where a take lies on the timeline, from playbacks as Blender makes them: late, with frames left out, going round."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mimica.capture.take_schema import Timeline
from mimica.capture.timeline_fit import MOST_FRAMES, FrameLog, fit_frame

RATES = st.sampled_from([12.0, 23.976, 24.0, 25.0, 30.0, 60.0])


def playback(rate: float, start: float, seconds: float, noise: np.random.Generator, late: float, lost: float):
    """Moments and frames of a timeline that shows whole frames, rounded as playing in step with the sound does."""
    ticks = np.arange(0.0, seconds, 1.0 / rate)
    ticks = ticks[noise.random(len(ticks)) >= lost] if lost else ticks
    # Most steps are on time; some wait for the viewport.
    moments = ticks + noise.exponential(late, len(ticks)) * (noise.random(len(ticks)) < 0.5)
    frames = np.rint(start + moments * rate)
    moments = moments + noise.uniform(0.0, 0.004, len(ticks))
    kept = np.flatnonzero(np.diff(np.maximum.accumulate(frames), prepend=-np.inf) > 0)
    return moments[kept], frames[kept]


@settings(max_examples=150, deadline=None)
@given(
    rate=RATES,
    start=st.integers(-50, 100_000),
    began=st.floats(-5.0, 5.0),
    late=st.floats(0.0, 0.05),
    lost=st.floats(0.0, 0.6),
    seed=st.integers(0, 2**32 - 1),
)
def test_late_and_lost_frames_are_within_one_frame(
    rate: float, start: int, began: float, late: float, lost: float, seed: int
) -> None:
    moments, frames = playback(rate, start, 4.0, np.random.default_rng(seed), late, lost)
    found = fit_frame(moments + began, frames, rate)
    assert found is not None
    assert found == pytest.approx(start - began * rate, abs=1.0)


@settings(max_examples=60, deadline=None)
@given(
    rate=RATES,
    lengths=st.lists(st.floats(1.0, 3.0), min_size=2, max_size=5),
    seed=st.integers(0, 2**32 - 1),
)
def test_what_comes_before_the_playback_goes_round_counts(rate: float, lengths: list[float], seed: int) -> None:
    noise = np.random.default_rng(seed)
    parts = [playback(rate, 20, length, noise, 0.005, 0.1) for length in lengths]
    begins = np.cumsum([0.0, *lengths[:-1]])
    moments = np.concatenate([part[0] + begin for part, begin in zip(parts, begins, strict=True)])
    frames = np.concatenate([part[1] for part in parts])
    found = fit_frame(moments, frames, rate)
    assert found == pytest.approx(20.0, abs=1.0)


def test_a_take_that_only_later_met_a_playback_has_its_place_too() -> None:
    moments, frames = playback(24.0, 100, 2.0, np.random.default_rng(1), 0.0, 0.0)
    scrubbed = np.array([5.0, 60.0, 33.0, 90.0])
    found = fit_frame(np.concatenate([[0.1, 0.5, 0.9, 1.2], moments + 3.0]), np.concatenate([scrubbed, frames]), 24.0)
    assert found == pytest.approx(100 - 3.0 * 24.0, abs=1.0)


@settings(max_examples=60, deadline=None)
@given(shown=st.floats(1.0, 8.0), began=st.floats(-5.0, 5.0), seed=st.integers(0, 2**32 - 1))
def test_a_very_slow_viewport_that_leaves_frames_out(shown: float, began: float, seed: int) -> None:
    """In step with the sound it shows the right frames, but few: the place is exact to what it shows."""
    noise = np.random.default_rng(seed)
    moments = np.arange(0.0, 5.0, 1.0 / shown)
    frames = np.rint(1.0 + (moments - noise.uniform(0.0, 0.6 / shown, len(moments))) * 24.0)
    kept = np.flatnonzero(np.diff(np.maximum.accumulate(frames), prepend=-np.inf) > 0)
    found = fit_frame(moments[kept] + began, frames[kept], 24.0)
    assert found is not None
    assert found == pytest.approx(1.0 - began * 24.0, abs=24.0 / shown + 1.0)


@pytest.mark.parametrize("share", [0.3, 0.6, 0.8])
def test_a_playback_that_is_too_slow_has_no_place(share: float) -> None:
    times = np.arange(0.0, 10.0, 1.0 / (24.0 * share))
    assert fit_frame(times, np.arange(len(times)) + 1.0, 24.0) is None


def test_nothing_and_little_have_no_place() -> None:
    assert fit_frame(np.empty(0), np.empty(0), 24.0) is None
    times = np.arange(4) / 24.0
    assert fit_frame(times, times * 24.0, 24.0) is None, "a moment's playback may be an accident"
    still = np.arange(100) / 24.0
    assert fit_frame(still, np.full(100, 7.0), 24.0) is None, "a frame that stays is no playback"


def test_the_log_counts_from_the_takes_own_clock() -> None:
    log = FrameLog(25.0)
    assert log.fit(1000.0) is None
    for i in range(50):
        log.see(1002.0 + i / 25.0, 10.5 + i)
    place = log.fit(1000.0)
    assert place is not None and place.rate == 25.0
    assert place.frame == pytest.approx(10.5 - 50.0)
    assert Timeline(place.frame, place.rate).frame_at(2.0) == pytest.approx(10.5)


def test_an_hour_is_fitted_by_its_beginning_though_the_sounds_clock_drifts() -> None:
    log = FrameLog(24.0)
    for i in range(24 * 3600):
        log.see(i / 24.0 * (1.0 + 150e-6), 1.0 + i)
    assert len(log) == MOST_FRAMES
    place = log.fit(0.0)
    assert place is not None and place.frame == pytest.approx(1.0, abs=1.0)


def test_a_playback_that_shows_next_to_nothing_tells_by_its_beginning() -> None:
    log = FrameLog(24.0)
    log.begin(1001.0, 30.0)
    assert log.fit(1000.0) is None, "it never played"
    log.see(1001.7, 47.0)
    place = log.fit(1000.0)
    assert place is not None and place.frame == pytest.approx(30.0 - 24.0)
