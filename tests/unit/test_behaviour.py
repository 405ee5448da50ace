# SPDX-FileCopyrightText: 2026 Mimica authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Measures of clips without truth, on signals and faces that were made to have a known one."""

from dataclasses import replace

import numpy as np
import pytest
from pytest import approx

from mimica.cli import behaviour
from mimica.mapping.face_space import DEFAULT_FIELD_OF_VIEW
from mimica.mapping.frame import ARKIT_SHAPES, FaceFrames
from mimica.tests.synthetic import act, mirrored, photograph

RATE = 30.0
TIMES = np.arange(300) / RATE


def bumps(*centres: float, width: float = 0.08, height: float = 0.95) -> np.ndarray:
    return sum((height * np.exp(-(((TIMES - c) / width) ** 2)) for c in centres), np.zeros(len(TIMES)))


def face(**parts: np.ndarray) -> FaceFrames:
    return photograph(act(**parts), rate=RATE)


def test_blinks_are_found_where_they_are() -> None:
    closure = bumps(1.0, 3.5, 3.9, 8.0)
    blinks = behaviour.find_blinks(TIMES, closure, 0.9 * closure)
    assert [blink.time for blink in blinks] == approx([1.0, 3.5, 3.9, 8.0], abs=0.5 / RATE)
    assert all(blink.left > blink.right > 0.7 for blink in blinks)


@pytest.mark.parametrize(
    "closure",
    [
        bumps(2.0, height=0.4),  # looks down a little
        0.55 + 0.1 * np.sin(TIMES),  # half closed all the time
        np.where(TIMES > 5.0, 1.0, 0.0),  # falls asleep
        np.zeros(len(TIMES)),
    ],
)
def test_what_is_no_blink(closure: np.ndarray) -> None:
    assert behaviour.find_blinks(TIMES, closure, closure) == []


def test_a_wink_is_no_blink() -> None:
    assert behaviour.find_blinks(TIMES, bumps(2.0, height=0.9), np.zeros(len(TIMES))) == []


def test_closed_eyes_stay_one_blink_however_they_tremble() -> None:
    rng = np.random.default_rng(0)
    closure = np.where((TIMES > 2.0) & (TIMES < 4.0), 0.9, 0.0) + rng.normal(0, 0.03, len(TIMES))
    (blink,) = behaviour.find_blinks(TIMES, closure, closure)
    assert blink.seconds == approx(2.0, abs=0.1)


def test_the_calmest_second_has_no_blink_and_no_talk() -> None:
    talk = np.where(TIMES < 4.0, 0.5 + 0.5 * np.sin(9 * TIMES), 0.0)
    frames = face(jaw=talk, blink_left=bumps(4.6, 6.2))
    calm = behaviour.calmest_second(frames)
    assert calm.sum() == RATE
    assert TIMES[calm].min() > 6.2


def test_a_face_that_is_hardly_seen_has_no_calmest_second() -> None:
    frames = face(jaw=np.zeros(60))
    seen = np.arange(60) % 20 != 0
    landmarks = np.where(seen[:, None, None], frames.landmarks, np.nan).astype(np.float32)
    lost = replace(frames, landmarks=landmarks, quality=seen.astype(np.float32))
    assert not behaviour.calmest_second(lost).any()


def test_tremble_is_noise_without_motion() -> None:
    noise = np.random.default_rng(0).normal(0, 0.02, (3000, 1))
    ramp = np.linspace(0, 1, 3000)[:, None]
    found = behaviour.tremble(np.hstack([noise, ramp, noise + ramp]))
    assert found == approx([0.02, 0.0, 0.02], rel=0.05, abs=1e-9)


def test_the_lip_gap_is_in_millimetres_whatever_the_distance() -> None:
    opening = np.array([0.0, 0.5, 1.0])
    still = photograph(act(jaw=np.zeros(3)))
    near = photograph(act(jaw=opening), translation=np.array([0.0, 0.0, -30.0]))
    far = photograph(act(jaw=opening), translation=np.array([0.0, 0.0, -90.0]))
    gaps = [behaviour.lip_gap(frames, DEFAULT_FIELD_OF_VIEW) for frames in (near, far)]
    assert np.all(np.diff(gaps[0]) > 5.0)
    # Near by, the same face is seen more from below, and the tracker's lips slide a little.
    assert gaps[0] == approx(gaps[1], rel=0.08, abs=1.0)
    assert np.ptp(behaviour.lip_gap(still, DEFAULT_FIELD_OF_VIEW)) == approx(0.0, abs=1e-3)


def mouth(count: int, **shapes: np.ndarray | float) -> np.ndarray:
    controls = np.zeros((count, len(ARKIT_SHAPES)))
    for name, values in shapes.items():
        controls[:, ARKIT_SHAPES.index(name)] = values
    return controls


def test_lips_that_are_kept_closed_and_lips_that_are_not() -> None:
    gap = np.repeat([0.2, 0.3, 12.0, 1.0, 9.0], 20)
    jaw_open = np.repeat([0.0, 0.4, 0.5, 0.3, 0.3], 20)
    mouth_close = np.repeat([0.0, 0.4, 0.0, 0.1, 0.28], 20)
    found = behaviour.judge_lips(gap, mouth(100, jawOpen=jaw_open, mouthClose=mouth_close))
    assert (found.closed, found.open) == (60, 40)
    assert found.kept == approx(2 / 3)
    assert found.left_open == approx(0.2 / 3)
    assert found.shut == approx(0.5)


def test_a_mouth_that_never_closes_has_no_closed_frames() -> None:
    found = behaviour.judge_lips(np.full(50, 8.0), mouth(50, jawOpen=0.3))
    assert found.closed == 0 and np.isnan(found.kept)
    assert found.open == 50 and found.shut == 0.0


def test_lips_that_part_over_clenched_teeth_are_open() -> None:
    lips = {
        name: 0.4 for name in ("mouthUpperUpLeft", "mouthUpperUpRight", "mouthLowerDownLeft", "mouthLowerDownRight")
    }
    assert behaviour.judge_lips(np.full(50, 8.0), mouth(50, **lips)).shut == 0.0
    assert behaviour.judge_lips(np.full(50, 8.0), mouth(50, mouthSmileLeft=0.5)).shut == 1.0


def test_mirror() -> None:
    frames = face(blink_left=bumps(1.0), gaze_left=bumps(5.0))
    scores = np.random.default_rng(0).random((len(TIMES), 52)).astype(np.float32)
    frames = replace(frames, scores=scores)
    reflected = mirrored(frames)
    assert reflected.scores is not None
    names = {name: k for k, name in enumerate(ARKIT_SHAPES)}
    for left in ("eyeBlinkLeft", "mouthLeft", "jawLeft", "eyeLookInLeft"):
        right = left.replace("Left", "Right")
        assert np.array_equal(reflected.scores[:, names[left]], scores[:, names[right]])
    assert np.array_equal(reflected.scores[:, names["jawOpen"]], scores[:, names["jawOpen"]])
    # What the left lid did, the right one does.
    aperture = frames.landmarks[:, 386, 1] - frames.landmarks[:, 374, 1]
    assert reflected.landmarks[:, 159, 1] - reflected.landmarks[:, 145, 1] == approx(aperture)
    again = mirrored(reflected)
    assert again.landmarks == approx(frames.landmarks, abs=1e-6)
    assert again.scores is not None and np.array_equal(again.scores, scores)


def test_leakage_is_of_controls_that_move_with_the_head() -> None:
    turn = 20 * np.sin(TIMES)
    shapes = np.zeros((len(TIMES), 52))
    shapes[:, ARKIT_SHAPES.index("browInnerUp")] = 0.3 + 0.01 * turn
    shapes[:, ARKIT_SHAPES.index("jawOpen")] = bumps(2.0, 7.0)
    found = behaviour.leakage(shapes, turn)
    assert set(found) == {"browInnerUp", "jawOpen"}
    assert found["browInnerUp"] == approx(1.0)
    assert abs(found["jawOpen"]) < 0.5


@pytest.mark.parametrize("late", [-0.04, 0.0, 0.012, 0.05])
def test_delay_is_found_between_frames_and_at_an_uneven_rate(late: float) -> None:
    rng = np.random.default_rng(0)
    times = np.sort(TIMES + rng.uniform(-0.01, 0.01, len(TIMES)))

    def signals(at: np.ndarray) -> np.ndarray:
        return np.column_stack([np.sin(3 * at) ** 2, np.sin(2 * at + 1) ** 2, np.zeros(len(at))])

    assert behaviour.delay(times, signals(times - late), signals(times)) == approx(1000 * late, abs=2.0)


def test_nothing_that_moves_has_no_delay() -> None:
    still = np.zeros((len(TIMES), 52))
    assert behaviour.delay(TIMES, still, still) is None


def test_jitter_in_shares_of_the_way_is_the_same_for_weak_and_strong_expressions() -> None:
    calm = TIMES < 1.0
    noise = np.random.default_rng(0).normal(0, 0.01, len(TIMES)) * calm
    strong = bumps(3.0, 5.0, width=0.6) + noise
    still = np.full(len(TIMES), 0.4)
    found = behaviour.relative_jitter(np.column_stack([strong, still]), calm)
    assert found == approx(0.01 / 0.97, rel=0.2)
    assert behaviour.relative_jitter(np.column_stack([0.3 * strong, still]), calm) == approx(found)
    assert np.isnan(behaviour.relative_jitter(still[:, None], calm))
    assert np.isnan(behaviour.relative_jitter(strong[:, None], np.zeros(len(TIMES), bool)))


def test_eyes_that_look_different_ways() -> None:
    gaze = np.zeros((4, 2, 2))
    gaze[:, :, 0] = 0.3
    gaze[:2, 0, 0] += np.radians(6.0)
    gaze[:, 1, 1] = np.radians(-3.0)
    assert behaviour.eyes_apart(gaze) == approx((3.0, 3.0))
