# SPDX-FileCopyrightText: 2026 Mimica authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What filters, lids, gaze and outliers promise, on motions whose truth is known, live and for a whole take."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from mimica.mapping import rotation as rot
from mimica.mapping.calibration import default_profile
from mimica.mapping.frame import ARKIT_SHAPES
from mimica.mapping.gaze import GazeHold, across_blinks, gaze_of, with_gaze
from mimica.mapping.landmarks import average_face
from mimica.mapping.lids import close_lids
from mimica.mapping.lips import keep_contact
from mimica.mapping.live_filter import LiveFilter
from mimica.mapping.motion import Motion
from mimica.mapping.regions import control_regions, control_spikes, controls_of, region_filters
from mimica.mapping.settings import MappingSettings
from mimica.mapping.smoothing import finish
from mimica.mapping.solve import solve
from mimica.tests.synthetic import photograph

ROW = {name: i for i, name in enumerate(ARKIT_SHAPES)}
LIVE = pytest.mark.parametrize("live", [False, True])
SETTINGS = MappingSettings()


def motion(count: int, rate: float = 30.0, /, **controls: np.ndarray) -> Motion:
    """A motion of two landmarks at rest, with some controls."""
    made = replace(Motion.neutral(np.arange(count) / rate, 2), confidence=np.ones(count))
    for name, values in controls.items():
        made.controls[:, ROW[name]] = values
    return replace(made, gaze=gaze_of(made.controls))


def cleaned(solved: Motion, live: bool, chosen: MappingSettings = SETTINGS) -> Motion:
    if not live:
        return finish(solved, chosen)
    step = LiveFilter(chosen)
    names = Motion.__dataclass_fields__
    parts = [step(Motion(*(getattr(solved, f)[i : i + 1] for f in names))) for i in range(len(solved))]
    return Motion(*(np.concatenate([getattr(part, f) for part in parts]) for f in names))


def both_eyes(solved: Motion, yaw: np.ndarray | float, pitch: np.ndarray | float) -> Motion:
    gaze = np.zeros((len(solved), 2, 2))
    gaze[..., 0], gaze[..., 1] = np.atleast_1d(yaw)[:, None], np.atleast_1d(pitch)[:, None]
    return replace(solved, gaze=gaze, controls=with_gaze(solved.controls, gaze))


# Regions


def test_every_control_has_a_region_with_a_filter() -> None:
    regions = control_regions()
    assert len(regions) == 52
    assert set(regions) <= set(region_filters())
    assert regions[ROW["mouthClose"]] == "mouth" and regions[ROW["eyeLookInLeft"]] == "gaze"
    spikes = control_spikes(region_filters())
    assert np.isinf(spikes[controls_of("lids", "gaze")]).all() and np.isfinite(spikes[controls_of("mouth")]).all()


@LIVE
@settings(max_examples=15, deadline=None)
@given(frequency=st.floats(0.2, 1.5), name=st.sampled_from(["jawOpen", "browInnerUp", "mouthSmileLeft", "cheekPuff"]))
def test_twice_the_frame_rate_gives_the_same(live: bool, frequency: float, name: str) -> None:
    def at(rate: float) -> np.ndarray:
        times = np.arange(int(3 * rate)) / rate
        wave = 0.5 - 0.5 * np.cos(2 * np.pi * frequency * times)
        return cleaned(motion(len(times), rate, **{name: wave}), live).control(name)

    assert np.abs(at(30.0) - at(60.0)[::2]).max() < 0.06


@LIVE
def test_rest_is_calm_and_speech_keeps_its_height(live: bool) -> None:
    times = np.arange(300) / 30
    noise = np.random.default_rng(0).normal(0.3, 0.02, 300)
    calm = cleaned(motion(300, jawOpen=noise), live).control("jawOpen")
    assert calm[30:-30].std() < 0.65 * noise[30:-30].std()
    talk = 0.5 + 0.4 * np.sin(2 * np.pi * 4 * times)
    heard = cleaned(motion(300, jawOpen=talk), live).control("jawOpen")
    assert np.ptp(heard[30:-30]) > 0.85 * np.ptp(talk)


def test_live_trails_by_less_than_25_ms() -> None:
    times = np.arange(0, 6, 1 / 30)
    for name in ("jawOpen", "browInnerUp", "mouthSmileLeft", "noseSneerLeft"):
        wave = 0.4 - 0.4 * np.cos(2 * np.pi * 2 * times)
        seen = cleaned(motion(len(times), 30.0, **{name: wave}), True).control(name)
        late = np.arange(0, 0.1, 0.001)
        fit = [np.corrcoef(np.interp(times[30:-30] + d, times, seen), wave[30:-30])[0, 1] for d in late]
        assert late[int(np.argmax(fit))] < 0.025, name


def test_smoothness_softens_and_zero_changes_nothing() -> None:
    noise = np.random.default_rng(0).uniform(0.2, 0.4, 200)
    solved = motion(200, jawOpen=noise)
    for live in (False, True):
        tremble = [np.diff(cleaned(solved, live, MappingSettings(s)).control("jawOpen")).std() for s in (0, 1, 2, 3)]
        assert tremble == sorted(tremble, reverse=True), live
        assert np.array_equal(cleaned(solved, live, MappingSettings(0.0)).controls, solved.controls)


# Lids


@LIVE
@pytest.mark.parametrize("frames", [3, 4, 6])
def test_a_blink_closes_and_a_wink_stays_on_its_side(live: bool, frames: int) -> None:
    blink = np.zeros(90)
    blink[40 : 40 + frames] = 0.92 * np.sin(np.linspace(0, np.pi, frames + 2))[1:-1] ** 0.5
    seen = cleaned(motion(90, eyeBlinkLeft=blink), live)
    assert seen.control("eyeBlinkLeft").max() == 1.0
    assert seen.control("eyeBlinkLeft")[:38].max() < 0.04 and seen.control("eyeBlinkLeft")[60:].max() < 0.05
    assert seen.control("eyeBlinkRight").max() == 0.0


def test_closed_lids_do_not_flutter() -> None:
    """Between the two levels a trembling lid stays what it was."""
    tremble = 0.78 + 0.06 * np.sin(np.arange(60) * 2.1)
    shut = np.concatenate([[0.9], tremble])[:, None] * np.ones(2)
    controls = np.zeros((61, 52))
    controls[:, [ROW["eyeBlinkLeft"], ROW["eyeBlinkRight"]]] = shut
    closed, state = close_lids(controls)
    assert (closed[:, ROW["eyeBlinkLeft"]] == 1.0).all() and state.all()
    never, state = close_lids(controls[1:])
    assert never[:, ROW["eyeBlinkLeft"]].min() < 1.0 and not state.any()


@settings(deadline=None)
@given(arrays(float, st.integers(0, 40), elements=st.floats(0, 1)), st.integers(0, 40))
def test_lids_are_the_same_at_once_and_in_parts(values: np.ndarray, split: int) -> None:
    controls = np.zeros((len(values), 52))
    controls[:, ROW["eyeBlinkRight"]] = values
    whole, end = close_lids(controls)
    first, state = close_lids(controls[:split])
    second, state = close_lids(controls[split:], state)
    assert np.array_equal(whole, np.concatenate([first, second])) and np.array_equal(end, state)
    assert (whole[:, ROW["eyeBlinkRight"]] >= values - 1e-12).all() and (whole <= 1.0).all()


@settings(deadline=None)
@given(st.floats(0, 1), st.floats(-0.02, 0.02), st.booleans())
def test_snapping_never_pops(value: float, step: float, closed: bool) -> None:
    controls = np.zeros((2, 52))
    controls[:, ROW["eyeBlinkLeft"]] = np.clip([value, value + step], 0, 1)
    controls[:, ROW["eyeBlinkRight"]] = controls[:, ROW["eyeBlinkLeft"]]
    result, _ = close_lids(controls, np.full(2, closed))
    assert abs(np.diff(result[:, ROW["eyeBlinkLeft"]])[0]) <= 4.0 * abs(step) + 1e-9


@LIVE
def test_a_turned_head_is_believed_of_its_near_eye(live: bool) -> None:
    """The far eye follows it, unless it winked before the head turned."""
    turn = np.clip((np.arange(90) - 30) / 15, 0, 1) * np.radians(40)
    rotation = rot.exp(turn[:, None] * np.array([0.0, 1.0, 0.0]))
    false = replace(motion(90, eyeBlinkLeft=np.where(turn > 0.6, 0.4, 0.0)), head_rotation=rotation)
    assert cleaned(false, live).control("eyeBlinkLeft")[60:].max() < 0.02
    near = replace(motion(90, eyeBlinkRight=np.where(turn > 0.6, 0.95, 0.0)), head_rotation=rotation)
    seen = cleaned(near, live)
    assert seen.control("eyeBlinkLeft")[60:].min() > 0.9 and seen.control("eyeBlinkRight")[60:].min() > 0.9
    wink = replace(motion(90, eyeBlinkLeft=np.where(np.arange(90) > 20, 0.95, 0.0)), head_rotation=rotation)
    seen = cleaned(wink, live)
    assert seen.control("eyeBlinkLeft")[60:].min() > 0.9 and seen.control("eyeBlinkRight").max() < 0.02


# Gaze


@settings(deadline=None)
@given(arrays(float, (3, 2, 2), elements=st.floats(-0.44, 0.44)))
def test_gaze_and_controls_agree(gaze: np.ndarray) -> None:
    once = gaze_of(with_gaze(np.zeros((3, 52)), gaze))
    assert (once[:, 0, 0] - once[:, 1, 0] <= np.maximum(gaze[:, 0, 0] - gaze[:, 1, 0], 0.11) + 1e-9).all()
    assert np.allclose(once.mean(axis=1), gaze.mean(axis=1)), "where both look together is kept"
    crossed = gaze[:, 0, 0] < gaze[:, 1, 0]
    assert np.allclose(once[crossed][..., 0], gaze[crossed][..., 0]), "eyes that converge stay as they are"
    near = np.abs(gaze[:, 0, 1] - gaze[:, 1, 1]) < 0.03
    assert np.allclose(once[near, 0, 1], once[near, 1, 1])


@LIVE
def test_after_all_filters_gaze_and_controls_agree(live: bool) -> None:
    rng = np.random.default_rng(0)
    solved = both_eyes(motion(60), np.repeat(rng.uniform(-0.4, 0.4, 12), 5), np.repeat(rng.uniform(-0.3, 0.3, 12), 5))
    seen = cleaned(solved, live)
    assert np.allclose(with_gaze(seen.controls, seen.gaze), seen.controls)


@LIVE
def test_a_blink_does_not_move_the_gaze(live: bool) -> None:
    closing = np.zeros(90)
    closing[40:47] = [0.35, 0.9, 1.0, 1.0, 0.8, 0.45, 0.15]
    drop = np.where(closing > 0.3, -0.3 * closing, 0.0)
    solved = both_eyes(motion(90, eyeBlinkLeft=closing, eyeBlinkRight=closing), 0.2, drop)
    seen = cleaned(solved, live)
    assert np.abs(seen.gaze[38:, :, 1]).max() < (0.06 if live else 0.03)
    assert np.abs(seen.gaze[10:, :, 0] - 0.2).max() < 0.01


@LIVE
def test_a_gaze_that_changed_behind_the_lids_comes_without_a_jump(live: bool) -> None:
    closing = np.zeros(90)
    closing[40:46] = 0.95
    yaw = np.where(np.arange(90) < 43, 0.0, 0.3)
    seen = cleaned(both_eyes(motion(90, eyeBlinkLeft=closing, eyeBlinkRight=closing), yaw, 0.0), live).gaze[:, 0, 0]
    assert np.abs(np.diff(seen)).max() < 0.2
    assert seen[38] == pytest.approx(0.0, abs=0.02) and seen[55] == pytest.approx(0.3, abs=0.02)


def test_a_winking_eye_goes_with_the_other() -> None:
    yaw = np.where(np.arange(60) < 30, 0.0, 0.3)
    gaze = np.zeros((60, 2, 2))
    gaze[:, 0, 0], gaze[:, 1, 0] = yaw, yaw + 0.1
    seen = gaze.copy()
    closure = np.zeros((60, 2))
    closure[20:40, 1] = 1.0
    seen[20:40, 1] = -0.4
    assert np.allclose(across_blinks(np.arange(60) / 30, seen, closure), gaze)
    hold = GazeHold()
    live = np.array([hold(i / 30, seen[i], closure[i]) for i in range(60)])
    assert np.abs(live - gaze).max() < 1e-9


def test_eyes_that_are_never_open_look_ahead() -> None:
    gaze = np.random.default_rng(0).normal(0, 0.3, (20, 2, 2))
    assert not across_blinks(np.arange(20) / 30, gaze, np.ones((20, 2))).any()


def test_saccades_stay_sharp_and_fixations_are_calm() -> None:
    rng = np.random.default_rng(0)
    clean = np.where(np.arange(120) < 60, -0.15, 0.15)
    noise = rng.normal(0, 0.012, 120)
    seen = cleaned(both_eyes(motion(120), clean + noise, 0.0), False).gaze[:, 0, 0]
    assert np.abs(seen - clean).max() < 0.03, "neither a slope nor an overshoot"
    assert (seen - clean)[:55].std() < 0.6 * noise[:55].std()
    late = cleaned(both_eyes(motion(120), clean + noise, 0.0), True).gaze[:, 0, 0]
    assert late[61] > 0.05 and late[63] > 0.12


# Lips


def test_contact_outlives_the_filter() -> None:
    seen, blurred = np.zeros((3, 52)), np.zeros((3, 52))
    seen[:, ROW["jawOpen"]], seen[:, ROW["mouthClose"]] = 0.4, [0.0, 0.4, 0.0]
    blurred[:, ROW["jawOpen"]], blurred[:, ROW["mouthClose"]] = 0.38, [0.12, 0.2, 0.5]
    kept = keep_contact(blurred, seen)[:, ROW["mouthClose"]]
    assert kept == pytest.approx([0.12, 0.38, 0.38]), "open as it was, closed, and never more than the jaw opened"


@LIVE
def test_a_bilabial_closes(live: bool) -> None:
    closed = np.zeros(90)
    closed[40:42] = 0.5
    seen = cleaned(motion(90, jawOpen=np.full(90, 0.5), mouthClose=closed), live)
    gap = seen.control("jawOpen") - seen.control("mouthClose")
    assert gap[40:42].max() < 0.02 and gap[[30, 50]].min() > 0.45


# Outliers


@LIVE
@pytest.mark.parametrize("kind", ["turned", "moved", "face"])
def test_one_wild_frame_is_not_shown(live: bool, kind: str) -> None:
    solved = motion(60, jawOpen=np.full(60, 0.3))
    if kind == "turned":
        solved.head_rotation[30] = rot.exp(np.array([0.0, 0.8, 0.0]))
    elif kind == "moved":
        solved.head_translation[30] = [0.0, 0.0, 15.0]
    else:
        solved.controls[30, controls_of("brows", "mouth", "cheeks")] = 1.0
    seen = cleaned(solved, live)
    assert np.abs(rot.log(seen.head_rotation)).max() < 1e-6 and np.abs(seen.head_translation).max() < 1e-6
    assert np.abs(seen.controls - seen.controls[10]).max() < 0.02
    assert seen.confidence[30] == 0.0 and seen.confidence[[29, 31]].min() == 1.0


@LIVE
@pytest.mark.parametrize("lost", [False, True])
def test_a_cut_is_a_cut(live: bool, lost: bool) -> None:
    """Nothing slides across it: at the second frame at the latest the new place is there, before it nothing of it."""
    solved = motion(60, browInnerUp=np.where(np.arange(60) < 30, 0.1, 0.6))
    solved.head_rotation[30:] = rot.exp(np.array([0.0, 0.7, 0.0]))
    solved.head_translation[30:] = [10.0, 0.0, -10.0]
    if lost:
        solved.controls[30] = solved.head_rotation[30] = solved.gaze[30] = np.nan
        solved.head_translation[30] = solved.displacement[30] = np.nan
    seen = cleaned(solved, live)
    yaw = rot.log(seen.head_rotation)[:, 1]
    first = 30 + (live or lost)
    assert np.abs(yaw[:first]).max() < 1e-3 and np.abs(yaw[first:] - 0.7).max() < 1e-3
    assert np.abs(seen.head_translation[:first]).max() < 1e-3
    assert seen.head_translation[first:, 0] == pytest.approx(10.0)
    brow = seen.control("browInnerUp")
    assert brow[:first] == pytest.approx(0.1, abs=1e-3) and brow[first:] == pytest.approx(0.6, abs=1e-3)


def test_a_fast_turn_is_no_cut() -> None:
    """500 degrees a second, as fast as heads turn."""
    yaw = np.clip((np.arange(60) - 30) / 30 * np.radians(500), 0, 0.8)
    solved = replace(motion(60), head_rotation=rot.exp(yaw[:, None] * np.array([0.0, 1.0, 0.0])))
    for live in (False, True):
        seen = cleaned(solved, live)
        assert (seen.confidence == 1.0).all()
        assert np.abs(rot.log(seen.head_rotation)[:, 1] - yaw).max() < 0.2


@LIVE
def test_a_control_that_flashes_for_one_frame_is_not_shown(live: bool) -> None:
    for name, height, lasting in (("mouthLeft", 0.9, 0.02), ("browDownLeft", 0.9, 0.02), ("tongueOut", 0.9, 0.02)):
        values = np.zeros(60)
        values[30] = height
        assert cleaned(motion(60, 30.0, **{name: values}), live).control(name).max() < lasting, name
    stays = np.where(np.arange(60) < 30, 0.0, 0.9)
    for name in ("mouthLeft", "tongueOut"):
        seen = cleaned(motion(60, 30.0, **{name: stays}), live).control(name)
        assert seen[33] > 0.6, f"{name} is a frame late at most"


# Confidence


@LIVE
def test_a_face_half_out_of_the_picture_is_held(live: bool) -> None:
    rng = np.random.default_rng(0)
    wild = np.where((np.arange(90) >= 30) & (np.arange(90) < 60), rng.uniform(0, 1, 90), 0.3)
    solved = motion(90, mouthLeft=wild, jawOpen=wild)
    solved.confidence[30:60] = 0.3
    seen = cleaned(solved, live)
    for name in ("mouthLeft", "jawOpen"):
        assert np.abs(seen.control(name)[:60] - 0.3).max() < 0.15, name
        assert seen.control(name)[75] == pytest.approx(0.3, abs=0.02)


def test_a_face_seen_from_the_side_says_little() -> None:
    angles = np.radians([0.0, 30.0, 47.0, 57.0, 68.0, 85.0])
    turns = rot.matrix_from_quaternion(rot.exp(angles[:, None] * np.array([0.0, 1.0, 0.0])))
    frames = photograph(np.repeat(average_face()[None], len(angles), axis=0), rotation=turns)
    share = solve(frames, default_profile()).confidence
    assert (share[:3] == 1.0).all() and 0.2 < share[3] < 0.8 and (share[4:] < 0.2).all()


# Always


@LIVE
@settings(max_examples=60, deadline=None)
@given(st.data())
def test_nothing_makes_nan(live: bool, data: st.DataObject) -> None:
    count = data.draw(st.integers(0, 8))
    odd = st.one_of(st.floats(width=64), st.floats(0, 1))
    solved = motion(count)
    for name in ("controls", "head_rotation", "head_translation", "gaze", "displacement"):
        values = getattr(solved, name)
        for _ in range(data.draw(st.integers(0, 3)) if count else 0):
            values[data.draw(st.integers(0, count - 1)), ..., data.draw(st.integers(0, values.shape[-1] - 1))] = (
                data.draw(odd)
            )
    steps = data.draw(st.lists(st.sampled_from([0.0, 1e-9, 0.01, 0.04, 0.3, 2.0]), min_size=count, max_size=count))
    solved = replace(solved, times=np.cumsum(np.array(steps, float)))
    if count == 0 and live:
        return
    seen = cleaned(solved, live)
    for name in Motion.__dataclass_fields__:
        assert np.isfinite(getattr(seen, name)).all(), name
    assert len(seen) == count


@LIVE
@settings(max_examples=20, deadline=None)
@given(st.integers(0, 2**16))
def test_a_mirrored_motion_comes_out_mirrored(live: bool, seed: int) -> None:
    rng = np.random.default_rng(seed)
    swap = [ROW[n.replace("Left", "@").replace("Right", "Left").replace("@", "Right")] for n in ARKIT_SHAPES]
    values = np.clip(np.cumsum(rng.normal(0, 0.1, (40, 52)), axis=0), 0, 1)
    solved = replace(motion(40), controls=values, gaze=gaze_of(values))
    other = replace(solved, controls=values[:, swap], gaze=solved.gaze[:, ::-1] * np.array([-1.0, 1.0]))
    a, b = cleaned(solved, live), cleaned(other, live)
    assert np.allclose(a.controls[:, swap], b.controls, atol=1e-9)
    assert np.allclose(a.gaze[:, ::-1] * np.array([-1.0, 1.0]), b.gaze, atol=1e-9)
