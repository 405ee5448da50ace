# SPDX-FileCopyrightText: 2026 Mimica authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Settings, MediaPipe's clock, lasting identities and quality: all of it without the model."""

import itertools
from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mimica.capture.identity import Identities
from mimica.capture.landmarker import Detection
from mimica.capture.likeness import difference, likeness
from mimica.capture.tracker import StampClock, TrackerError, TrackerSettings
from mimica.mapping.landmarks import average_face
from mimica.mapping.rotation import exp, matrix_from_quaternion

SIZE = (1600, 800)
# What makes these people: cm by which the nose reaches further, the eyes stand apart, the nose is longer, the cheeks
# wider. Ordinary differences between adults.
PEOPLE = ((0, 0, 0, 0), (0.5, 0.2, -0.6, 0.5), (-0.35, -0.2, 0.4, 0.35), (0.1, 0.35, 0.4, -0.45), (0.9, -0.6, 0.5, 0.9))


def person(number: int) -> np.ndarray:
    """A face of its own, (478, 3) cm, face space."""
    reach, apart, length, width = PEOPLE[number]
    points = average_face().copy()
    nose = np.exp(-np.sum((points - points[4]) ** 2, axis=1) / 2.0)
    eyes = np.exp(-((points[:, 1] - points[33, 1]) ** 2) / 1.5)
    cheeks = np.exp(-((points[:, 1] - points[50, 1]) ** 2) / 3.0)
    points[:, 2] += reach * nose
    points[:, 1] -= length * nose
    points[:, 0] += np.sign(points[:, 0]) * (apart * eyes + width * cheeks) / 2
    return points


def face(x: float, y: float = 400, width: float = 200, who: int = 0, tag: float | None = None) -> Detection:
    """A face centred at (x, y) pixels, `width` pixels wide; `tag` is carried in the last iris point's z."""
    points = person(who)
    points = (points - points[:468].mean(axis=0)) * (width / np.ptp(average_face()[:, 0])) * (1, -1, -1)
    landmarks = np.zeros((478, 3), np.float32)
    landmarks[:, :2] = (points[:, :2] + (x, y)) / SIZE
    landmarks[:, 2] = points[:, 2] / SIZE[0]
    landmarks[477, 2] = who if tag is None else tag
    return Detection(landmarks, None)


def test_people_differ_and_one_person_does_not() -> None:
    """Wherever the face is and however large."""
    seen = [likeness(face(800, who=k).landmarks, SIZE).proportions for k in range(len(PEOPLE))]
    for a, b in itertools.combinations(seen, 2):
        assert difference(a, b) > 2.5
    again = likeness(face(300, 500, 120, who=1).landmarks, SIZE)
    assert difference(again.proportions, seen[1]) < 0.05
    assert again.trust > 0.8


@settings(deadline=None)
@given(st.floats(-60, 60), st.floats(-30, 30), st.floats(-40, 40))
def test_turning_a_face_keeps_its_proportions_and_costs_trust(yaw: float, pitch: float, roll: float) -> None:
    turn = np.eye(3)
    for axis, angle in ((0, pitch), (1, yaw), (2, roll)):
        turn = matrix_from_quaternion(exp(np.radians(angle) * np.eye(3)[axis])) @ turn

    def seen(rotation: np.ndarray):
        points = person(1) @ rotation.T * (10, -10, -10)
        landmarks = np.zeros((478, 3), np.float32)
        landmarks[:] = points / (SIZE[0], SIZE[1], SIZE[0]) + (0.5, 0.5, 0.0)
        return likeness(landmarks, SIZE)

    straight, turned = seen(np.eye(3)), seen(turn)
    assert difference(straight.proportions, turned.proportions) < 0.01
    assert turned.trust <= straight.trust + 0.2
    if abs(yaw) > 40:
        assert turned.trust < 0.1


def tags(frames) -> dict[int, float | None]:
    return {f.face_id: None if f.landmarks is None else float(f.landmarks[477, 2]) for f in frames}


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


def watch(identities: Identities, script: Sequence[Sequence[Detection]], start: float = 0.0) -> list[dict]:
    """Give one image after the other, 30 a second; what each showed."""
    return [tags(identities.assign(list(faces), start + i / 30, SIZE)) for i, faces in enumerate(script)]


def walk(count: int, *ways: tuple[int, float, float]) -> list[list[Detection]]:
    """Images of people on their ways: who, from x, to x."""
    return [[face(a + (b - a) * i / (count - 1), who=who) for who, a, b in ways] for i in range(count)]


def test_one_face_is_always_number_0() -> None:
    identities = Identities(1)
    for i, x in enumerate((150, 1400, 800, 180)):
        assert tags(identities.assign([face(x, who=i % 2, tag=i)], i / 30, SIZE)) == {0: i}


@settings(deadline=None)
@given(st.permutations([0, 1, 2, 3]), st.lists(st.tuples(*[st.floats(-20, 20)] * 4), min_size=1, max_size=20))
def test_order_does_not_matter(order: list[int], moves: list[tuple[float, ...]]) -> None:
    """Four faces side by side, alike as twins, that move less than the space between them keep their numbers."""
    identities = Identities(4)
    centres = np.array([200.0, 600.0, 1000.0, 1400.0])
    first = tags(identities.assign([face(centres[i], tag=i) for i in order], 0.0, SIZE))
    assert first == {0: 0, 1: 1, 2: 2, 3: 3}, "those who come together are numbered from the left"
    for step, move in enumerate(moves):
        faces = [face(centres[i] + move[i], tag=i) for i in order]
        assert tags(identities.assign(faces, (step + 1) / 30, SIZE)) == first


def test_a_lost_face_keeps_its_number_for_its_return() -> None:
    identities = Identities(2)
    watch(identities, walk(30, (0, 300, 300), (1, 1300, 1300)))
    assert watch(identities, [[face(1310, who=1)], []], 1.0) == [{0: None, 1: 1}, {0: None, 1: None}]
    assert watch(identities, [[face(1290, who=1), face(330, who=0)]], 1.1) == [{0: 0, 1: 1}]


@pytest.mark.parametrize("comes_back_at", [1300, 300])
def test_who_comes_back_after_long_is_known_wherever(comes_back_at: float) -> None:
    identities = Identities(2)
    watch(identities, walk(30, (0, 800, 800), (1, 1300, 1300)))
    watch(identities, walk(90, (0, 800, 800)), 1.0)
    seen = watch(identities, walk(30, (0, 800, 800), (1, comes_back_at, comes_back_at)), 4.0)
    assert all(row[0] == 0 for row in seen)
    assert seen[-1] == {0: 0, 1: 1}
    assert [row[1] for row in seen].count(None) <= 6, "known within a fifth of a second"


def test_two_who_change_places_while_away_are_told_apart() -> None:
    identities = Identities(2)
    watch(identities, walk(30, (0, 300, 300), (1, 1300, 1300)))
    watch(identities, [[]] * 60, 1.0)
    assert watch(identities, walk(15, (0, 1300, 1300), (1, 300, 300)), 3.0)[-1] == {0: 0, 1: 1}


def test_two_who_pass_each_other_keep_their_numbers() -> None:
    """In the middle one hides the other, and MediaPipe finds the one in front twice."""
    identities = Identities(2)
    script = walk(90, (0, 300, 1300), (1, 1300, 300))
    for row in script:
        x0, x1 = (float(f.landmarks[4, 0]) * SIZE[0] for f in row)
        if abs(x0 - x1) < 120:
            row[1] = face(x0 + 4, who=0)
    seen = watch(identities, script)
    assert all(row.get(0, 0) == 0 for row in seen)
    assert seen[0] == seen[-1] == {0: 0, 1: 1}
    assert {row[1] for row in seen} == {1, None}, "the face that is there twice is nobody else's"


def test_after_a_cut_everybody_is_found_again() -> None:
    identities = Identities(2)
    watch(identities, walk(30, (0, 300, 300), (1, 1300, 1300)))
    seen = watch(identities, walk(30, (0, 1300, 1300), (1, 300, 300)), 1.0)
    assert all(row == {0: 0, 1: 1} for row in seen[10:])


def test_a_newcomer_takes_a_number_of_its_own() -> None:
    identities = Identities(2)
    watch(identities, walk(30, (0, 300, 300), (1, 1300, 1300)))
    watch(identities, walk(30, (0, 300, 300)), 1.0)
    seen = watch(identities, walk(30, (0, 300, 300), (2, 1300, 1300)), 2.0)
    assert seen[-1] == {0: 0, 1: None, 2: 2}
    assert all(row[1] is None for row in seen[6:])


def test_when_all_numbers_are_used_the_one_unseen_for_longest_goes() -> None:
    identities = Identities(2)
    for k in range(4):
        assert watch(identities, walk(30, (k, 800, 800)), 10.0 * k)[-1][k] == k
    assert watch(identities, walk(30, (4, 800, 800)), 40.0)[-1] == {0: 4, 1: None, 2: None, 3: None}


def test_more_faces_than_asked_for() -> None:
    frames = Identities(2).assign([face(200), face(800), face(1400)], 0.0, SIZE)
    assert [frame.face_id for frame in frames] == [0, 1]


def quality(*sequence: Detection | None, step: float = 1 / 30) -> float:
    identities = Identities(1)
    frames = [
        identities.assign([] if detection is None else [detection], i * step, SIZE)
        for i, detection in enumerate(sequence)
    ]
    return frames[-1][0].quality


def test_quality_of_an_ordinary_face_is_1() -> None:
    assert quality(face(800)) == 1.0
    # Half a face's width in an image: a quick turn of the head.
    assert quality(face(800), face(866), step=1 / 15) == 1.0


def test_quality_falls_as_the_face_leaves_the_picture() -> None:
    values = [quality(face(x)) for x in (800, 1540, 1590, 1620, 1920)]
    assert values[0] == 1.0
    assert all(a > b for a, b in itertools.pairwise(values[:4]))
    assert values[-1] == pytest.approx(0.05)


def test_quality_falls_when_the_motion_is_no_heads() -> None:
    assert quality(face(480), face(1120)) < 0.2
    assert quality(face(800), face(800, width=330)) < 0.2
    # A face that was lost or unseen for long may be anywhere.
    assert quality(face(480), None, face(1120)) == 1.0
    assert quality(face(480), face(1120), step=2.0) == 1.0


def test_a_lost_face_has_no_quality() -> None:
    assert quality(face(480), None) == 0.0
