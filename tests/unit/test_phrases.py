# SPDX-FileCopyrightText: 2026 Mimica authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Where performances can be cut: on motions that were made to have such places."""

from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mimica.mapping import rotation as rot
from mimica.mapping.face_regions import FACE_REGIONS
from mimica.mapping.frame import ARKIT_SHAPES
from mimica.mapping.motion import Motion
from mimica.mapping.phrases import best_cut, find_phrases

JAW = ARKIT_SHAPES.index("jawOpen")
TIMES = np.arange(241) / 30.0


def speaking(*spoken: tuple[float, float], rest: float = 0.0, times: np.ndarray = TIMES) -> Motion:
    """Return a motion whose jaw goes up and down four times a second in some spans, and trembles a little always."""
    motion = Motion.neutral(times, 0)
    jaw = rest + 0.004 * np.random.default_rng(0).standard_normal(len(times))
    for start, stop in spoken:
        inside = (times >= start) & (times <= stop)
        jaw[inside] += 0.25 * (1.0 - np.cos(2 * np.pi * 4.0 * (times[inside] - start)))
    motion.controls[:, JAW] = np.clip(jaw, 0.0, 1.0)
    return motion


def ramp(values: np.ndarray, row: int = JAW, times: np.ndarray = TIMES) -> Motion:
    motion = Motion.neutral(times, 0)
    motion.controls[:, row] = values
    return motion


@pytest.mark.parametrize("rest", [0.0, 0.15])
def test_phrases_part_in_the_middle_of_rests(rest):
    found = find_phrases(speaking((0.5, 2.5), (3.5, 5.0), (6.0, 7.5), rest=rest))
    assert [start for start, _ in found[1:]] == pytest.approx([3.0, 5.5], abs=0.15)
    assert found[0][0] == TIMES[0] and found[-1][1] == TIMES[-1]
    assert all(one[1] == other[0] for one, other in pairwise(found)), "together they are the whole"


def test_syllables_that_each_close_the_mouth_are_one_phrase():
    assert len(find_phrases(speaking((0.0, 2.0), (2.6, 5.4), (6.0, 8.0)))) == 3


def test_a_breath_is_no_rest_and_a_twitch_no_phrase():
    assert len(find_phrases(speaking((0.5, 3.0), (3.1, 6.0)))) == 1
    assert len(find_phrases(speaking((0.5, 2.0), (3.2, 3.35), (5.0, 7.0)))) == 2


def test_a_smile_in_a_pause_does_not_fill_it():
    motion = speaking((0.5, 2.5), (4.5, 7.0))
    motion.controls[:, ARKIT_SHAPES.index("mouthSmileLeft")] = np.exp(-(((TIMES - 3.5) / 0.2) ** 2))
    assert len(find_phrases(motion)) == 2


@pytest.mark.parametrize("count", [0, 1, 2, 5])
def test_almost_nothing_has_no_borders(count):
    found = find_phrases(speaking(times=TIMES[:count]))
    assert len(found) == (count > 1)


def test_who_never_rests_speaks_one_phrase():
    assert find_phrases(speaking((0.0, 8.0))) == [(0.0, 8.0)]


@settings(max_examples=40, deadline=None)
@given(cross=st.floats(3.6, 4.4), slope=st.floats(0.05, 0.2))
def test_two_takes_are_cut_where_they_cross(cross, slope):
    one, other = ramp(0.5 + slope * (TIMES - cross)), ramp(np.full(len(TIMES), 0.5))
    assert best_cut(one, other, 4.0, 0.5, ["MOUTH"]) == pytest.approx(cross, abs=0.02)


def test_of_two_crossings_the_one_with_the_same_velocity_is_taken():
    still = ramp(np.full(len(TIMES), 0.5))
    # Crosses steeply at 4.1 and touches at 3.8.
    dip = 0.5 + 4.0 * (TIMES - 3.8) ** 2 * (4.1 - TIMES)
    assert best_cut(ramp(np.clip(dip, 0, 1)), still, 4.0, 0.25, ["MOUTH"]) == pytest.approx(3.8, abs=0.03)


def test_only_the_parts_that_are_cut_count():
    still = ramp(np.full(len(TIMES), 0.5))
    brow = ramp(0.5 + 0.2 * (TIMES - 4.2), ARKIT_SHAPES.index("browInnerUp"))
    level = ramp(np.full(len(TIMES), 0.5), ARKIT_SHAPES.index("browInnerUp"))
    assert best_cut(brow, level, 4.0, 0.25, ["MOUTH"]) == pytest.approx(4.0, abs=0.01), "all are as good: the nearest"
    assert best_cut(brow, level, 4.0, 0.25, ["BROWS"]) == pytest.approx(4.2, abs=0.02)
    turned = replace(still, head_rotation=rot.exp(0.5 * (TIMES - 3.9)[:, None] * [0.0, 1.0, 0.0]))
    assert best_cut(turned, still, 4.0, 0.25, ["HEAD"]) == pytest.approx(3.9, abs=0.02)
    assert best_cut(turned, still, 4.0, 0.25, ["MOUTH"]) == pytest.approx(4.0, abs=0.01)


@given(near=st.floats(-5.0, 15.0), window=st.floats(0.01, 2.0))
@settings(max_examples=40, deadline=None)
def test_a_cut_is_where_both_takes_are_or_where_it_was(near, window):
    one, other = ramp(0.1 * TIMES), ramp(0.1 * TIMES[:100], times=TIMES[:100] + 2.0)
    cut = best_cut(one, other, near, window, FACE_REGIONS)
    assert abs(cut - near) <= window + 1e-9
    assert cut == near or 2.0 <= cut <= 2.0 + TIMES[99]


def test_there_is_no_cut_between_takes_that_do_not_meet():
    nothing = Motion.neutral(np.zeros(0), 0)
    assert best_cut(nothing, speaking(), 1.0, 0.5, FACE_REGIONS) == 1.0
    assert best_cut(speaking(), speaking(), 1.0, 0.5, ()) == 1.0
