# SPDX-FileCopyrightText: 2026 Mimica authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is said of a running capture: that what is wrong is said, in time, without flicker; and how a face is seen."""

import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mimica.capture.source import Image
from mimica.mapping.data import load_table
from mimica.mapping.face_space import DEFAULT_FIELD_OF_VIEW
from mimica.mapping.frame import FaceFrame
from mimica.mapping.health import Health, Reading, severity_of
from mimica.mapping.landmarks import average_face
from mimica.mapping.sight import luma_of, sights
from mimica.mapping.strongest import Strongest
from mimica.rig.live import Seen
from mimica.rig.watch import with_face

WELL = Reading(
    0.0, 1.0, outside=0.0, away=0.1, width=0.3, luma=0.5, camera_rate=30.0, skipped=0.0, lost=0.0, latency_ms=20.0
)
WRONG = {
    "NO_FACE": {"found": 0.0},
    "LOST": {"lost": 0.1},
    "OUT": {"outside": 0.2},
    "TURNED": {"away": 1.2},
    "SMALL": {"width": 0.08},
    "DARK": {"luma": 0.1},
    "SLOW_CAMERA": {"camera_rate": 11.6},
    "SKIPPED": {"skipped": 0.5},
    "LATE": {"latency_ms": 412.0},
}


def kinds_after(health: Health, reading: Reading, start: float, seconds: float) -> list[list[str]]:
    """What is said at each of the readings, four a second."""
    count = round(seconds * 4)
    return [[c.kind for c in health.step(replace(reading, time=start + i / 4))] for i in range(count)]


def face(size: float = 0.3, yaw: float = 0.0, centre: tuple[float, float] = (0.5, 0.5), number: int = 0) -> FaceFrame:
    """The average face as a camera in front sees it, `size` wide, square image; turned to the performer's left."""
    points = average_face()
    turn = np.array([[math.cos(yaw), 0, math.sin(yaw)], [0, 1, 0], [-math.sin(yaw), 0, math.cos(yaw)]])
    points = points @ turn.T
    scale = size / np.ptp(average_face()[:468, 0])
    landmarks = points * [scale, -scale, -scale] + [*centre, 0.0]
    landmarks[:, 2] -= landmarks[:468, 2].mean()
    return FaceFrame(0.0, landmarks.astype(np.float32), None, (500, 500), number)


@pytest.mark.parametrize("kind", WRONG)
def test_what_is_wrong_is_said_and_goes_again(kind: str) -> None:
    health = Health()
    assert kinds_after(health, WELL, 0.0, 3.0)[-1] == []
    bad = kinds_after(health, replace(WELL, **WRONG[kind]), 3.0, 3.0)
    assert bad[0] == [], "not at the first sight"
    assert bad[4:] == [[kind]] * 8, "from a second on"
    good = kinds_after(health, WELL, 6.0, 3.0)
    assert good[0] == [kind]
    assert good[-1] == []


def test_every_rule_is_tried_and_tells_what_to_do() -> None:
    rules = load_table("health")["rules"]
    assert [rule["kind"] for rule in rules] == list(WRONG)
    for rule in rules:
        sentence = rule["say"].format(value=0.5)
        assert sentence.count(":") == 1, "what is wrong, then what to do"
        assert sentence.endswith(".")
        assert hasattr(WELL, rule["of"])


def test_a_value_between_its_limits_changes_nothing() -> None:
    between = replace(WELL, width=0.13)
    assert kinds_after(Health(), between, 0.0, 5.0)[-1] == [], "not small enough to be said"
    health = Health()
    kinds_after(health, replace(WELL, width=0.1), 0.0, 2.0)
    assert kinds_after(health, between, 2.0, 5.0)[-1] == ["SMALL"], "not large enough to be well again"


def test_a_value_that_jumps_about_a_limit_does_not_flicker() -> None:
    health = Health()
    said = [bool(health.step(replace(WELL, time=i / 4, luma=0.1 if i % 2 else 0.3))) for i in range(40)]
    assert said == [False] * 40
    kinds_after(health, replace(WELL, luma=0.1), 10.0, 2.0)
    said = [bool(health.step(replace(WELL, time=12.0 + i / 4, luma=0.1 if i % 2 else 0.3))) for i in range(40)]
    assert said == [True] * 40


def test_the_worst_comes_first_with_its_figure() -> None:
    health = Health()
    for i in range(8):
        said = health.step(replace(WELL, time=i / 4, camera_rate=11.6, found=0.0))
    assert [c.kind for c in said] == ["NO_FACE", "SLOW_CAMERA"]
    assert "12 images" in said[1].sentence
    assert severity_of(said) == 2
    assert severity_of(said[1:]) == 1
    assert severity_of(()) == 0


@given(st.dictionaries(st.sampled_from([*{key for wrong in WRONG.values() for key in wrong}]), st.just(math.nan)))
def test_of_what_is_not_known_nothing_is_said(unknown: dict[str, float]) -> None:
    assert kinds_after(Health(), replace(WELL, **unknown), 0.0, 3.0)[-1] == []


def test_how_a_face_is_seen() -> None:
    (seen,) = sights([face(0.3)])
    assert seen.width == pytest.approx(0.3, abs=1e-3)
    assert seen.outside == 0.0
    assert seen.away < math.radians(5)
    assert np.abs(seen.gaze).max() < 0.1, "the average face looks ahead"
    (turned,) = sights([face(0.3, yaw=math.radians(60))])
    assert turned.away == pytest.approx(math.radians(60), abs=math.radians(12))
    (out,) = sights([face(0.4, centre=(0.05, 0.5))])
    assert 0.2 < out.outside < 0.8
    assert out.box[0] < 0.0


def test_gaze_follows_the_irises_in_the_picture() -> None:
    """The performer's left is the picture's right, and down is down."""
    landmarks = np.array(face(0.3).landmarks)
    moved = landmarks.copy()
    moved[468:, 0] += 0.008
    (aside,) = sights([FaceFrame(0.0, moved, None, (500, 500))])
    assert (aside.gaze[:, 0] > 0.2).all()
    moved = landmarks.copy()
    moved[468:, 1] += 0.006
    (down,) = sights([FaceFrame(0.0, moved, None, (500, 500))])
    assert (down.gaze[:, 1] > 0.2).all()
    told = np.array([[0.0, 0.0], [0.6, 0.0]])
    (known,) = sights([FaceFrame(0.0, moved, None, (500, 500), 2)], gaze={2: told})
    assert known.gaze[:, 1] == pytest.approx([0.0, 0.0], abs=0.1), "what is known counts more"
    assert known.gaze[1, 0] - known.gaze[0, 0] == pytest.approx(np.sin(0.6), abs=0.1)
    landmarks[468:] = np.nan
    (without,) = sights([FaceFrame(0.0, landmarks, None, (500, 500))])
    assert np.isnan(without.gaze).all()
    assert without.width == pytest.approx(0.3, abs=1e-3)


def test_faces_that_were_not_found_are_left_out() -> None:
    faces = [FaceFrame.lost(0.0, (500, 500), 0), face(0.2, number=1), face(0.1, centre=(0.2, 0.2), number=2)]
    assert [sight.face for sight in sights(faces, average_face(), DEFAULT_FIELD_OF_VIEW)] == [1, 2]
    assert sights(faces[:1]) == ()


def test_luma_is_that_of_the_face_alone() -> None:
    pixels = np.full((100, 200, 3), 250, np.uint8)
    pixels[20:60, 40:100] = 30
    assert luma_of(pixels, (0.2, 0.2, 0.5, 0.6)) == pytest.approx(30 / 255, abs=1e-3)
    assert luma_of(pixels, (-1.0, -1.0, 0.1, 0.1)) == pytest.approx(250 / 255, abs=1e-3), "what of it is in the image"
    assert math.isnan(luma_of(pixels, (1.2, 0.2, 1.5, 0.6)))
    green = np.zeros((10, 10, 3), np.uint8)
    green[..., 1] = 255
    assert luma_of(green, (0.0, 0.0, 1.0, 1.0)) == pytest.approx(0.587, abs=1e-3)


def test_the_reading_is_of_the_face_that_moves_the_character() -> None:
    image = Image(np.full((500, 500, 3), 20, np.uint8), 0.0, 0)
    faces = (face(0.3), face(0.1, centre=(0.2, 0.2), number=1))
    found = sights(faces)
    empty = Reading(0.0, 0.0)
    assert with_face(empty, Seen(image, faces), found, 1).width == pytest.approx(0.1, abs=1e-3)
    assert with_face(empty, Seen(image, faces), found, 0).luma == pytest.approx(20 / 255, abs=1e-3)
    assert with_face(empty, Seen(image, faces), found, 3) == empty, "who is away is not found"


def test_the_strongest_controls_keep_their_rows() -> None:
    strongest = Strongest(3)
    values = np.zeros(62)
    values[[4, 10, 20]] = 0.5, 0.4, 0.3
    first = [name for name, _ in strongest.step(0.0, values)]
    values[[4, 10, 20]] = 0.3, 0.4, 0.5
    assert [name for name, _ in strongest.step(0.1, values)] == first, "the order stays while they change"
    values[30] = 0.9
    assert len(strongest.step(0.2, values)) == 3
    values[:] = 0.0
    values[60] = 5.0
    assert strongest.step(30.0, values) == (), "what does nothing has no row, and what is no shape neither"
