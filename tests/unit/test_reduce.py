# SPDX-FileCopyrightText: 2026 Mimica authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Fewer keys: never further from a sample than allowed, and no way around what an animator would key."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from mimica.mapping.calibration import default_profile
from mimica.mapping.character_map import BoneEntry, Channel, CharacterMap, ControlEntry
from mimica.mapping.contacts import find_contacts
from mimica.mapping.frame import ARKIT_SHAPES
from mimica.mapping.mapper import map_frames
from mimica.mapping.motion import Motion
from mimica.mapping.reduce import Keys, Tolerances, Track, reduce
from mimica.tests.synthetic import act, photograph

QUARTERS = 4


def track(values: np.ndarray, tolerance: float = 0.01, contact: np.ndarray | None = None) -> Track:
    values = values.reshape(len(values), -1)
    none = np.zeros(len(values), bool)
    return Track(values, np.full(values.shape[1], tolerance), none if contact is None else contact)


def error(keys: Keys, of: Track) -> np.ndarray:
    """How far off at each frame, in tolerances, (N,)."""
    off = (keys.at(np.arange(len(of.values))) - of.values) / of.tolerance
    return np.sqrt((off * off).sum(axis=1))


def between(keys: Keys, first: int, last: int) -> np.ndarray:
    """The curves at each quarter of a frame."""
    return keys.at(np.linspace(first, last, (last - first) * QUARTERS + 1))


def smooth(seed: int, count: int, channels: int, width: int) -> np.ndarray:
    """Random motion with nothing faster than `width` frames, of size 1."""
    noise = np.random.default_rng(seed).normal(size=(count + 4 * width, channels))
    window = np.hanning(2 * width + 3)
    columns = [np.convolve(column, window / np.linalg.norm(window), "same") for column in noise.T]
    return np.stack(columns, axis=1)[2 * width : 2 * width + count]


@st.composite
def tracks(draw: st.DrawFn) -> list[Track]:
    """Any tracks of one length: noise, jumps, holds and contacts among them."""
    count = draw(st.integers(1, 90))
    made = []
    for _ in range(draw(st.integers(1, 4))):
        channels = draw(st.integers(1, 4))
        values = smooth(draw(st.integers(0, 99)), count, channels, draw(st.integers(1, 12)))
        values += draw(st.sampled_from([0.0, 0.1, 1.0])) * draw(
            arrays(float, (count, channels), elements=st.floats(-1, 1, width=32))
        )
        if draw(st.booleans()):
            values = np.clip(values, -0.3, 0.3)
        contact = draw(arrays(bool, count))
        made.append(Track(values, np.full(channels, draw(st.sampled_from([1e-3, 0.05, 3.0]))), contact))
    return made


@settings(max_examples=60, deadline=None)
@given(tracks())
def test_no_sample_is_missed_by_more_than_the_tolerance(given_tracks):
    found = reduce(given_tracks)
    assert len(found) == len(given_tracks)
    for keys, of in zip(found, given_tracks, strict=True):
        assert error(keys, of).max() <= 1.0 + 1e-6
        assert keys.frames[0] == 0 and keys.frames[-1] == len(of.values) - 1
        assert (np.diff(keys.frames) > 0).all()
        assert keys.values.shape == keys.slopes.shape == (len(keys.frames), of.values.shape[1])


@settings(max_examples=30, deadline=None)
@given(tracks())
def test_contacts_keep_their_ends_exactly_and_a_quarter_of_the_tolerance_around_them(given_tracks):
    for keys, of in zip(reduce(given_tracks), given_tracks, strict=True):
        touching = np.concatenate([[False], of.contact, [False]])
        ends = np.flatnonzero(of.contact & ~(touching[:-2] & touching[2:]))
        inner = ends[(ends > 0) & (ends < len(of.contact) - 1)]
        assert set(inner) <= set(keys.frames)
        assert keys.at(inner) == pytest.approx(of.values[inner], abs=1e-6)
        frames = np.arange(len(of.contact))
        away = np.abs(frames[:, None] - frames[~of.contact]).min(axis=1, initial=len(frames))
        assert error(keys, of)[of.contact & (away <= 4)].max(initial=0.0) <= 0.25 + 1e-6
        assert error(keys, of)[of.contact].max(initial=0.0) <= 0.5 + 1e-6


@settings(max_examples=30, deadline=None)
@given(seed=st.integers(0, 999), count=st.integers(100, 400))
def test_a_smooth_motion_needs_few_keys(seed, count):
    of = track(smooth(seed, count, 3, 12), 0.05)
    assert len(reduce([of])[0].frames) < 0.34 * count


@settings(max_examples=40, deadline=None)
@given(seed=st.integers(0, 999), width=st.integers(0, 3), tolerance=st.sampled_from([1e-3, 0.01, 0.1]))
def test_between_frames_nothing_swings_out(seed, width, tolerance):
    """Where most frames need a key no sample bounds what is between them."""
    values = smooth(seed, 200, 2, width)
    curve = between(reduce([track(values, tolerance)])[0], 0, 199)
    for frame in range(1, 198):
        piece = curve[frame * QUARTERS : (frame + 1) * QUARTERS + 1]
        around = values[frame - 1 : frame + 3]
        room = 0.2 * np.ptp(around, axis=0) + 1.5 * tolerance
        assert (piece >= around.min(axis=0) - room).all() and (piece <= around.max(axis=0) + room).all()


@pytest.mark.parametrize("seed", range(8))
@pytest.mark.parametrize("tolerance", [0.05, 0.3])
def test_no_curve_goes_beyond_what_is_held(seed, tolerance):
    """What is cut off at its ends, as shape keys are at 0 and 1."""
    values = np.clip(smooth(seed, 400, 1, 6), -0.6, 0.6)
    keys = reduce([track(values, tolerance)])[0]
    held = np.abs(values[:, 0]) == 0.6
    curve = between(keys, 0, 399)[:, 0]
    for frame in np.flatnonzero(held[1:-1] & held[:-2] & held[2:]) + 1:
        assert curve[frame * QUARTERS] == pytest.approx(values[frame, 0], abs=1e-9)
        near = curve[max(frame - 2, 0) * QUARTERS : (frame + 2) * QUARTERS + 1]
        assert np.abs(near).max() <= 0.6 + 1e-9


def blink(closed: int) -> np.ndarray:
    """A lid that closes in three frames, stays so for `closed`, and opens in six."""
    down, up = np.array([0.2, 0.6]), np.linspace(1.0, 0.0, 8)[1:-1]
    return np.concatenate([np.zeros(20), down, np.ones(closed), up, np.zeros(20)])


@pytest.mark.parametrize("closed", [1, 2, 3, 8, 60])
@pytest.mark.parametrize("factor", [0.25, 1.0, 4.0])
def test_a_blink_closes_fully_and_never_goes_beyond(closed, factor):
    lid = blink(closed)
    keys = reduce([track(lid, 0.005 * factor, lid >= 0.999)])[0]
    shut = keys.at(np.arange(22, 22 + closed))[:, 0]
    assert shut == pytest.approx(1.0, abs=1e-9), "no drift while it is shut"
    curve = between(keys, 0, len(lid) - 1)
    assert curve.max() <= 1.0 + 1e-9
    assert between(keys, 22, 21 + closed) == pytest.approx(1.0, abs=1e-9)
    assert curve.min() >= -1e-9, "nor does an open one open further"
    assert (keys.slopes[np.isin(keys.frames, [22, 21 + closed])] == 0.0).all(), "flat handles"


def test_a_hold_is_two_keys_with_flat_handles():
    values = np.concatenate([np.linspace(0, 1, 20), np.ones(300), np.linspace(1, 0, 20)])
    keys = reduce([track(values)])[0]
    inside = (keys.frames >= 19) & (keys.frames <= 320)
    assert inside.sum() <= 4
    assert between(keys, 20, 319) == pytest.approx(1.0, abs=1e-9)


def test_what_never_moves_has_two_keys():
    keys = reduce([track(np.full((18000, 3), 0.3))])[0]
    assert keys.frames.tolist() == [0, 17999] and (keys.slopes == 0.0).all()


def test_an_extreme_is_a_key_with_flat_handles():
    values = np.sin(np.linspace(0.0, 4.0 * np.pi, 161))
    keys = reduce([track(values)])[0]
    for extreme in (20, 60, 100, 140):
        (place,) = np.flatnonzero(keys.frames == extreme)
        assert keys.slopes[place] == 0.0 and keys.values[place] == pytest.approx(values[extreme])
    assert len(keys.frames) < 24


def test_a_quaternion_stays_on_its_sphere():
    angle = np.radians(40.0) * smooth(3, 300, 1, 10)[:, 0]
    turns = np.stack([np.cos(angle / 2), np.sin(angle / 2), np.zeros(300), np.zeros(300)], axis=1)
    allowed = Tolerances().rotation
    keys = reduce([track(turns, allowed / 2)])[0]
    curve = keys.at(np.arange(300))
    assert np.abs(np.linalg.norm(curve, axis=1) - 1.0).max() <= allowed / 2
    unit = curve / np.linalg.norm(curve, axis=1, keepdims=True)
    assert 2.0 * np.arccos(np.clip((unit * turns).sum(axis=1), -1.0, 1.0)).max() <= allowed * 1.01
    assert len(keys.frames) < 150


def test_wider_tolerances_need_fewer_keys():
    values = smooth(5, 600, 3, 4)
    counts = [len(reduce([track(values, 0.02 * factor)])[0].frames) for factor in (0.25, 1.0, 4.0)]
    assert counts[0] > counts[1] > counts[2]
    assert Tolerances().scaled(2.0).location == 2.0 * Tolerances().location


def test_tracks_do_not_depend_on_each_other():
    several = [track(smooth(seed, 200, 1 + seed % 3, 4), 0.05) for seed in range(5)]
    alone = [reduce([one])[0] for one in several]
    for one, other in zip(alone, reduce(several), strict=True):
        assert np.array_equal(one.frames, other.frames)
        assert one.values == pytest.approx(other.values, abs=1e-6)


def test_what_is_not_finite_is_said():
    with pytest.raises(ValueError, match="not finite"):
        reduce([track(np.array([0.0, np.nan, 1.0]))])


def test_contacts_are_told_for_what_takes_part_in_them():
    motion = map_frames(photograph(act(jaw=np.zeros(30))), profile=default_profile(), live=False)
    controls = motion.controls.copy()
    opened, closes = np.repeat([0.0, 0.8, 0.8], 10), np.repeat([0.0, 0.8, 0.0], 10)
    for name, values in (("jawOpen", opened), ("mouthClose", closes), ("eyeBlinkLeft", opened >= 0.8)):
        controls[:, ARKIT_SHAPES.index(name)] = values
    motion = Motion(motion.times, controls, *(getattr(motion, f) for f in list(Motion.__dataclass_fields__)[2:]))
    character = CharacterMap(
        "Any",
        bones=(
            BoneEntry("upper", "landmarks", "mouth"),
            BoneEntry("lower", "landmarks", "mouth", pair="upper"),
            BoneEntry("lid", "lid", "lids", pair="other", side="L"),
            BoneEntry("brow", "landmarks", "brows"),
        ),
        controls=(ControlEntry((Channel("shape_key", "Blink"),), "eyeBlinkLeft"),),
    )
    found = find_contacts(character, motion)
    assert set(found) == {("bone", "upper"), ("bone", "lower"), ("bone", "lid"), ("shape_key", "Blink")}
    assert found["bone", "upper"].tolist() == found["bone", "lower"].tolist() == [True] * 20 + [False] * 10
    assert found["bone", "lid"].tolist() == found["shape_key", "Blink"].tolist() == [False] * 10 + [True] * 20
