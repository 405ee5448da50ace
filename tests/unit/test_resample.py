# SPDX-FileCopyrightText: 2026 Mimica authors
# SPDX-License-Identifier: GPL-3.0-or-later
import dataclasses

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mimica.mapping import rotation as rot
from mimica.mapping.motion import Motion
from mimica.mapping.resample import resample, scene_frame_times


def moving(times: np.ndarray) -> Motion:
    base = Motion.neutral(times, 2)
    controls = base.controls.copy()
    controls[:, 0] = 0.5 + 0.5 * np.sin(2 * np.pi * times)
    turn = rot.exp(np.stack([0 * times, 0.4 * np.sin(2 * np.pi * times), 0 * times], -1))
    return dataclasses.replace(base, controls=controls, head_rotation=turn)


@settings(max_examples=30, deadline=None)
@given(rate=st.sampled_from([24, 25, 29.97, 30, 60]), count=st.integers(2, 400), seed=st.integers(0, 50))
def test_the_length_is_the_performances_to_within_a_frame(rate, count, seed):
    times = 3.0 + np.cumsum(np.random.default_rng(seed).uniform(0.01, 0.09, count))
    at = scene_frame_times(times, rate)
    assert abs((at[-1] - at[0]) - (times[-1] - times[0])) <= 1 / rate
    assert at[0] == times[0]


@pytest.mark.parametrize("rate", [24, 25, 29.97, 60])
def test_uneven_times_are_put_where_they_belong(rate):
    times = np.cumsum(np.random.default_rng(5).choice([1 / 60, 1 / 30, 1 / 20], 300))
    at = scene_frame_times(times, rate)
    out = resample(moving(times), at)
    assert np.abs(out.controls[:, 0] - moving(at).controls[:, 0])[:-1].max() < 0.02
    assert np.abs((out.head_rotation * moving(at).head_rotation).sum(axis=1))[:-1].min() > 0.9995


def test_the_same_times_give_the_same_samples():
    motion = moving(np.arange(50) / 30)
    assert np.array_equal(resample(motion, motion.times).controls, motion.controls)


def test_nothing_overshoots():
    times = np.arange(40) / 30
    controls = np.zeros((40, 52))
    controls[20:] = 1.0
    motion = dataclasses.replace(Motion.neutral(times, 0), controls=controls)
    out = resample(motion, np.linspace(0, times[-1], 777)).controls
    assert out.min() >= 0.0
    assert out.max() <= 1.0


@pytest.mark.parametrize("count", [0, 1])
def test_almost_nothing_resamples(count):
    motion = moving(np.arange(count) / 30)
    out = resample(motion, np.arange(3) / 24)
    assert len(out) == 3
    assert np.isfinite(out.controls).all()
