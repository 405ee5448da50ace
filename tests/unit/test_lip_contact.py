# SPDX-FileCopyrightText: 2026 Mimica authors
# SPDX-License-Identifier: GPL-3.0-or-later
import dataclasses

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mimica.mapping.channels import ChannelPlan
from mimica.mapping.character_map import CharacterMap, own_rig_map
from mimica.mapping.data import load_table
from mimica.mapping.frame import ARKIT_SHAPES
from mimica.mapping.head_table import head_table
from mimica.mapping.landmarks import average_face, lips_joined
from mimica.mapping.lip_contact import find_pairs, meet
from mimica.mapping.motion import Motion

LIPS = [e for e in own_rig_map().bones if e.bone.startswith("lip_") and e.edge]
FACE = average_face()[:, [0, 2, 1]] * [1.0, -1.0, 1.0]
PAIRS = find_pairs(LIPS, np.zeros((len(LIPS), 3)), FACE, np.full(len(LIPS), 1.3))
UP = 2


def motion(count: int, jaw: float = 0.0, close: float = 0.0) -> Motion:
    values = np.zeros((count, len(ARKIT_SHAPES)))
    values[:, ARKIT_SHAPES.index("jawOpen")] = jaw
    values[:, ARKIT_SHAPES.index("mouthClose")] = close
    return dataclasses.replace(Motion.neutral(np.zeros(count), 0), controls=values)


def met(gap: np.ndarray, bones: float, jaw: float = 0.0, close: float = 0.0, tilt: float = 0.0) -> np.ndarray:
    """How far the character's edges are apart, (N,), cm: the performer's by `gap` (N,), the bones' means by `bones`."""
    wanted = np.zeros((len(gap), len(LIPS), 3))
    wanted[:, PAIRS.upper, UP] = bones
    apart = np.zeros((len(gap), len(PAIRS.upper), 3))
    apart[..., UP] = gap[:, None]
    tilts = np.zeros_like(apart)
    tilts[..., UP] = tilt
    meet(PAIRS, wanted, apart, tilts, motion(len(gap), jaw, close))
    return (wanted[:, PAIRS.upper] - wanted[:, PAIRS.lower] + tilts)[:, 0, UP]


def test_every_lip_of_the_own_rig_has_its_pair():
    names = [(LIPS[u].bone, LIPS[low].bone) for u, low in zip(PAIRS.upper, PAIRS.lower, strict=True)]
    assert len(names) == 5
    assert all(upper.replace("upper", "lower") == lower for upper, lower in names)
    assert np.allclose(PAIRS.apart.sum(axis=1), 0.0)
    assert names[0][0] == "lip_upper", "contact in the middle speaks for all"


@given(st.floats(-0.3, 0.06), st.floats(-0.5, 0.5), st.floats(-0.1, 0.1))
def test_edges_meet_in_contact_whatever_the_bones_do(gap: float, bones: float, tilt: float):
    assert met(np.array([gap]), bones, tilt=tilt)[0] == pytest.approx(0.0, abs=1e-9)


@given(st.floats(0.0, 0.4))
@settings(max_examples=30)
def test_no_jump_and_no_way_back_as_lips_part(more: float):
    """Bones that run ahead of the edges by up to 4 mm: the way from contact to wide open only ever goes on."""
    gap = np.linspace(-0.1, 1.5, 400)
    found = np.concatenate([met(gap[i : i + 1], 1.3 * max(gap[i], 0.0) + more) for i in range(len(gap))])
    assert (np.diff(found) >= -1e-9).all()
    assert np.diff(found).max() < 6.0 * 1.3 * (gap[1] - gap[0])
    assert found[-1] == pytest.approx(1.3 * gap[-1] + more)


def test_what_a_viewer_sees_open_opens():
    gap = np.array([0.1, 0.15, 0.2, 0.4])
    found = met(gap, 0.0)
    assert found[0] > 0.01
    assert found[2] == pytest.approx(1.3 * 0.2)
    assert found[1] > 0.5 * 1.3 * 0.15


def test_contact_that_filters_have_parted_comes_back_from_the_controls():
    gap = np.array([0.3])
    assert met(gap, 0.4, jaw=0.5, close=0.5)[0] == pytest.approx(0.0, abs=1e-9)
    assert met(gap, 0.4, jaw=0.5, close=0.3)[0] > 0.3
    assert met(gap, 0.4)[0] > 0.3, "a jaw that is closed says nothing of lips"


def test_lips_slide_as_one_when_the_head_turns():
    turns = np.random.default_rng(2).uniform(-0.5, 0.5, (20, 2))
    slid = head_table().slid(turns)
    rows = load_table("landmarks")["lip_rows"]
    assert np.allclose(slid[:, rows["upper"][0]], slid[:, rows["lower"][0]])
    assert np.abs(slid[:, 0] - slid[:, 17]).max() > 0.01


def test_joined_lips_meet_half_way():
    joined = lips_joined(FACE)
    assert np.allclose(joined[13], 0.5 * (FACE[13] + FACE[14]))
    assert np.allclose(joined[14], joined[13])
    others = np.setdiff1d(
        np.arange(478), np.ravel([load_table("landmarks")["lip_rows"][k] for k in ("upper", "lower")])
    )
    assert np.array_equal(joined[others], FACE[others])


def test_a_map_without_edges_still_drives_its_bones():
    bones = tuple(dataclasses.replace(e, edge={}, pair="" if e.drive != "lid" else e.pair) for e in own_rig_map().bones)
    plan = ChannelPlan(CharacterMap("plain", bones), None)
    assert len(plan.groups) == 0
    assert len(find_pairs(LIPS[:1], np.zeros((1, 3)), FACE, np.ones(1)).upper) == 0
