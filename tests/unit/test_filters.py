# SPDX-FileCopyrightText: 2026 Mimica authors
# SPDX-License-Identifier: GPL-3.0-or-later
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mimica.mapping import rotation as rot
from mimica.mapping.filters import OneEuro, OneEuroRotation, OneEuroSettings, zero_phase, zero_phase_rotation

SETTINGS = OneEuroSettings(1.5, 3.0, 2.0)


def run(rate: float, signal) -> np.ndarray:
    smooth = OneEuro(SETTINGS)
    return np.array([smooth(t, np.array([signal(t)]))[0] for t in np.arange(0, 2, 1 / rate)])


def test_one_euro_calms_noise_at_rest_and_follows_fast_motion():
    noise = np.random.default_rng(1).normal(0, 0.02, 300)
    smooth = OneEuro(SETTINGS)
    calm = np.array([smooth(i / 30, np.array([v]))[0] for i, v in enumerate(noise)])
    assert calm[30:].std() < 0.6 * noise.std()
    step = run(30, lambda t: float(t >= 1.0) * 3.0)
    assert step[32] > 2.2


def test_one_euro_gives_the_same_at_any_frame_rate():
    wave = [run(rate, lambda t: np.sin(2 * np.pi * t)) for rate in (30, 60, 120)]
    assert np.abs(wave[0] - wave[1][::2]).max() < 0.12
    assert np.abs(wave[1] - wave[2][::2]).max() < 0.06


def test_one_euro_ignores_time_that_does_not_advance():
    smooth = OneEuro(SETTINGS)
    first = smooth(1.0, np.array([2.0]))
    assert smooth(1.0, np.array([9.0])) == first
    assert np.isfinite(smooth(0.5, np.array([9.0]))).all()


def test_one_euro_rotation_reaches_a_pose_it_is_held_at():
    smooth = OneEuroRotation(OneEuroSettings(1.0, 6.0, 1.5))
    goal = rot.exp(np.array([0.2, -0.7, 0.1]))
    smooth(0.0, np.array([1.0, 0.0, 0.0, 0.0]))
    values = [smooth(i / 30, goal) for i in range(1, 90)]
    assert np.allclose(np.abs(values[-1] @ goal), 1.0, atol=1e-6)


@settings(max_examples=25, deadline=None)
@given(cutoff=st.floats(2, 12), count=st.integers(4, 200), seed=st.integers(0, 99))
def test_zero_phase_keeps_constants_and_never_explodes(cutoff, count, seed):
    times = np.arange(count) / 30
    assert np.allclose(zero_phase(times, np.full((count, 2), 0.7), cutoff), 0.7)
    values = np.random.default_rng(seed).uniform(0, 1, (count, 3))
    assert np.abs(zero_phase(times, values, cutoff)).max() < 2.5


def test_zero_phase_has_no_delay_and_its_cutoff_is_where_it_says():
    times = np.arange(600) / 60
    for frequency, low, high in ((1.0, 0.98, 1.02), (6.0, 0.66, 0.75), (20.0, 0.0, 0.05)):
        wave = np.sin(2 * np.pi * frequency * times)
        out = zero_phase(times, wave[:, None], 6.0)[:, 0]
        gain = (out * wave)[100:500].mean() / (wave * wave)[100:500].mean()
        assert low <= gain <= high, frequency


def test_zero_phase_knows_uneven_times():
    rng = np.random.default_rng(3)
    times = np.cumsum(rng.choice([1 / 60, 1 / 30, 1 / 15], 400))
    wave = np.sin(2 * np.pi * times)
    out = zero_phase(times, wave[:, None], 6.0)[:, 0]
    assert np.abs(out - wave)[20:-20].max() < 0.12


def test_zero_phase_rotation_does_not_mind_signs():
    times = np.arange(120) / 30
    truth = rot.exp(np.stack([0.5 * np.sin(times), 0.2 * np.cos(times), 0 * times], -1))
    flipped = truth * np.where(np.arange(120) % 2, -1.0, 1.0)[:, None]
    out = zero_phase_rotation(times, flipped, 5.0)
    assert np.abs((out * truth).sum(axis=1)).min() > 0.9999


@pytest.mark.parametrize("count", [0, 1, 2, 3])
def test_too_few_samples_pass_unchanged(count):
    values = np.arange(count, dtype=float)[:, None]
    assert np.array_equal(zero_phase(np.arange(count) / 30, values, 5.0), values)


def test_times_that_all_but_coincide_cost_nothing():
    times = np.sort(np.concatenate([np.arange(20) / 30, np.arange(20) / 30 + 1e-9, np.arange(20) / 30 + 2e-9]))
    out = zero_phase(times, np.sin(times)[:, None], 5.0)
    assert np.abs(out[:, 0] - np.sin(times)).max() < 0.05
    still = zero_phase(np.arange(12) * 1e-9, np.random.default_rng(0).uniform(0, 1, (12, 2)), 5.0)
    assert np.isfinite(still).all() and np.abs(still).max() < 3.0
