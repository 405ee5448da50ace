# SPDX-FileCopyrightText: 2026 Mimica authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the training data's faces do: only what faces can do, and all of it."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mimica.mapping.frame import ARKIT_SHAPES
from mimica.tools.training_controls import KINDS, LEAST_NEUTRAL, RANGE, Samples, random_samples, respect_meaning


@pytest.fixture(scope="module")
def samples() -> Samples:
    """Ten identities' samples."""
    each = [random_samples(np.random.default_rng(seed), 130) for seed in range(10)]
    return Samples(*(np.concatenate([getattr(s, name) for s in each]) for name in ("kinds", "controls", "head")))


def column(controls: np.ndarray, name: str) -> np.ndarray:
    return controls[:, ARKIT_SHAPES.index(name)]


def check_meaning(controls: np.ndarray) -> None:
    assert controls.min() >= 0.0 and controls.max() <= 1.0
    assert (column(controls, "mouthClose") <= column(controls, "jawOpen")).all()
    assert (column(controls, "jawOpen")[column(controls, "tongueOut") > 0] > 0).all()
    for first, second in (
        ("jawLeft", "jawRight"),
        ("mouthLeft", "mouthRight"),
        ("eyeLookUpLeft", "eyeLookDownLeft"),
        ("eyeLookInRight", "eyeLookOutRight"),
        ("eyeWideLeft", "eyeBlinkLeft"),
        ("mouthSmileRight", "mouthFrownRight"),
        ("cheekPuff", "mouthLowerDownLeft"),
    ):
        assert not ((column(controls, first) > 0) & (column(controls, second) > 0)).any(), (first, second)


@given(st.integers(0, 2**32))
def test_any_controls_become_possible_and_stay_so(seed: int) -> None:
    wild = np.random.default_rng(seed).uniform(-0.5, 1.5, (20, 52))
    kept = respect_meaning(wild)
    check_meaning(kept)
    assert np.array_equal(respect_meaning(kept), kept)


def test_samples_keep_to_what_shapes_mean(samples: Samples) -> None:
    check_meaning(samples.controls)


def test_every_shape_is_shown_alone(samples: Samples) -> None:
    alone = samples.controls[samples.kinds == KINDS.index("single")]
    helped = np.delete(alone, ARKIT_SHAPES.index("jawOpen"), axis=1)
    assert ((helped > 0).sum(axis=1) <= 1).all()
    assert (alone.max(axis=0) > 0.5).all()


def test_enough_neutral_faces_near_and_far_from_frontal() -> None:
    for count in (10, 120):
        samples = random_samples(np.random.default_rng(count), count)
        neutral = samples.kinds == KINDS.index("neutral")
        assert len(samples.kinds) == count + len(RANGE) and neutral.sum() >= LEAST_NEUTRAL
        assert not samples.controls[neutral].any()
        turned = np.abs(samples.head[neutral]).max(axis=1)
        assert turned.min() < 3.0 and turned.max() > 8.0


def test_heads_turn_both_ways_and_not_too_far(samples: Samples) -> None:
    assert (np.abs(samples.head).max(axis=0) <= (40.0, 25.0, 25.0)).all()
    assert (samples.head.max(axis=0) > (25.0, 15.0, 15.0)).all()
    assert (samples.head.min(axis=0) < (-25.0, -15.0, -15.0)).all()


def test_the_sides_of_a_combination_go_together(samples: Samples) -> None:
    mixed = samples.controls[samples.kinds == KINDS.index("mixed")]
    for name in ("mouthSmile", "browDown", "eyeBlink", "mouthUpperUp"):
        left, right = column(mixed, f"{name}Left"), column(mixed, f"{name}Right")
        assert 0.5 < np.corrcoef(left, right)[0, 1] < 0.999
