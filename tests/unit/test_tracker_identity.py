# SPDX-FileCopyrightText: 2026 Mimica authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Settings, MediaPipe's clock, lasting identities and quality: all of it without the model."""

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mimica.capture.landmarker import Detection
from mimica.capture.tracker import Identities, StampClock, TrackerError, TrackerSettings

SIZE = (1000, 500)
SHAPE = np.random.default_rng(3).uniform(-1, 1, (478, 2))


def face(x: float, y: float = 250, width: float = 120, tag: float = 0.0) -> Detection:
    """A face centred at (x, y) pixels; `tag` is carried in z."""
    landmarks = np.full((478, 3), tag, np.float32)
    landmarks[:, :2] = (np.array([x, y]) + SHAPE * width / 2) / SIZE
    return Detection(landmarks, None)


def tags(frames) -> dict[int, float | None]:
    return {f.face_id: None if f.landmarks is None else float(f.landmarks[0, 2]) for f in frames}


@pytest.mark.parametrize(
    "settings",
    [{"faces": 0}, {"faces": 5}, {"faces": 1.5}, {"detection": -0.1}, {"presence": 1.1}, {"tracking": float("nan")}],
)
def test_settings_out_of_range(settings: dict[str, float]) -> None:
    with pytest.raises(TrackerError, match="Choose"):
        TrackerSettings(**settings)  # type: ignore[arg-type]


@given(st.lists(st.floats(allow_nan=True, allow_infinity=True), max_size=50))
def test_stamps_always_rise_and_never_run_over(times: list[float]) -> None:
    clock = StampClock()
    stamps = [0] + [clock.next(time) for time in times]
    steps = np.diff(stamps)
    assert (steps >= 1).all()
    # A million hours at this rate still fit int64 microseconds.
    assert (steps <= 10_000_000).all()


def test_stamps_are_dilated() -> None:
    clock = StampClock()
    first = clock.next(3.0)
    assert clock.next(3.04) - first == 400_000


def test_one_face_is_always_number_0() -> None:
    identities = Identities(1)
    for i, x in enumerate((100, 900, 500, 110)):
        assert tags(identities.assign([face(x, tag=i)], i / 30, SIZE)) == {0: i}


@given(st.permutations([0, 1, 2, 3]), st.lists(st.tuples(*[st.floats(-20, 20)] * 4), min_size=1, max_size=20))
def test_order_does_not_matter(order: list[int], moves: list[tuple[float, ...]]) -> None:
    """Four faces side by side that move less than the space between them keep their numbers."""
    identities = Identities(4)
    centres = np.array([125.0, 375.0, 625.0, 875.0])
    first = tags(identities.assign([face(c, tag=i) for i, c in enumerate(centres)], 0.0, SIZE))
    for step, move in enumerate(moves):
        faces = [face(centres[i] + move[i], tag=i) for i in order]
        assert tags(identities.assign(faces, step / 30, SIZE)) == first


def test_a_lost_face_keeps_its_number_for_its_return() -> None:
    identities = Identities(2)
    identities.assign([face(200, tag=1), face(800, tag=2)], 0.0, SIZE)
    assert tags(identities.assign([face(810, tag=2)], 0.1, SIZE)) == {0: None, 1: 2}
    assert tags(identities.assign([], 0.2, SIZE)) == {0: None, 1: None}
    assert tags(identities.assign([face(790, tag=2), face(230, tag=1)], 0.3, SIZE)) == {0: 1, 1: 2}


def test_a_newcomer_takes_an_unused_number_first() -> None:
    identities = Identities(3)
    identities.assign([face(100, tag=1)], 0.0, SIZE)
    assert tags(identities.assign([face(900, tag=2)], 0.1, SIZE)) == {0: None, 1: 2}
    assert tags(identities.assign([face(900, tag=2), face(500, tag=3)], 0.2, SIZE)) == {0: None, 1: 2, 2: 3}
    # All numbers are used: the one unseen for longest goes to whoever comes.
    assert tags(identities.assign([face(900, tag=2), face(500, tag=3), face(500, 60, 40, tag=4)], 0.3, SIZE)) == {
        0: 4,
        1: 2,
        2: 3,
    }


def test_more_faces_than_asked_for() -> None:
    frames = Identities(2).assign([face(100), face(500), face(900)], 0.0, SIZE)
    assert [frame.face_id for frame in frames] == [0, 1]


def quality(*sequence: Detection | None, step: float = 1 / 30) -> float:
    identities = Identities(1)
    frames = [
        identities.assign([] if detection is None else [detection], i * step, SIZE)
        for i, detection in enumerate(sequence)
    ]
    return frames[-1][0].quality


def test_quality_of_an_ordinary_face_is_1() -> None:
    assert quality(face(500)) == 1.0
    # Half a face's width in an image: a quick turn of the head.
    assert quality(face(500), face(540), step=1 / 15) == 1.0


def test_quality_falls_as_the_face_leaves_the_picture() -> None:
    values = [quality(face(x)) for x in (500, 960, 990, 1000, 1200)]
    assert values[0] == 1.0
    assert all(a > b for a, b in itertools.pairwise(values[:4]))
    assert values[-1] == pytest.approx(0.05)


def test_quality_falls_when_the_motion_is_no_heads() -> None:
    assert quality(face(300), face(700)) < 0.2
    assert quality(face(500), face(500, width=200)) < 0.2
    # A face that was lost or unseen for long may be anywhere.
    assert quality(face(300), None, face(700)) == 1.0
    assert quality(face(300), face(700), step=2.0) == 1.0


def test_a_lost_face_has_no_quality() -> None:
    assert quality(face(300), None) == 0.0
