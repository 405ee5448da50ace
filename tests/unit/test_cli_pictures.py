# SPDX-FileCopyrightText: 2026 Mimica authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Films and contact sheets: which instants, which picture of the source, how they are put together."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mimica.capture.source import SourceSpec
from mimica.cli.failure import CommandError
from mimica.cli.film import FilmWriter, Moment, contact_sheet, fit, side_by_side, write_picture
from mimica.cli.moments import film_frames, landmark_pictures, source_pictures, telling_moments
from mimica.mapping.frame import ARKIT_SHAPES, FaceFrame, FaceFrames
from mimica.mapping.landmarks import average_face
from mimica.mapping.motion import Motion

cv2 = pytest.importorskip("cv2")
RED, BLUE = np.array([0, 0, 255], np.uint8), np.array([255, 0, 0], np.uint8)


def plain(colour: np.ndarray, height: int = 60, width: int = 80) -> np.ndarray:
    return np.broadcast_to(colour, (height, width, 3)).copy()


@given(
    first=st.integers(-100, 1000),
    length=st.integers(1, 2000),
    rate=st.sampled_from([12.0, 24.0, 29.97, 30.0, 60.0, 120.0]),
    wanted=st.floats(1.0, 60.0),
    seconds=st.sampled_from([0.0, 0.5, 10.0]),
)
def test_film_runs_in_true_time(first: int, length: int, rate: float, wanted: float, seconds: float) -> None:
    last = first + length - 1
    frames, film_rate = film_frames(first, last, rate, wanted, seconds)
    assert frames[0] == first and frames[-1] <= last
    steps = set(np.diff(frames))
    assert len(steps) <= 1
    for step in steps:
        assert film_rate * step == pytest.approx(rate)
    assert film_rate <= rate
    if seconds:
        assert len(frames) / film_rate <= seconds + 1 / film_rate + 1e-9
    else:
        assert last - frames[-1] < rate / film_rate


def test_sheet_shows_what_happens() -> None:
    """A blink, an open mouth and a turned head in a long calm performance are all chosen, and the calm face is too."""
    motion = Motion.neutral(np.arange(300) / 30)
    controls, rotation = motion.controls.copy(), motion.head_rotation.copy()
    controls[50, [ARKIT_SHAPES.index("eyeBlinkLeft"), ARKIT_SHAPES.index("eyeBlinkRight")]] = 1.0
    controls[120, ARKIT_SHAPES.index("jawOpen")] = 0.9
    rotation[200] = [np.cos(0.2), 0.0, np.sin(0.2), 0.0]
    motion = replace(motion, controls=controls, head_rotation=rotation)
    chosen = telling_moments(motion, 4)
    assert {50, 120, 200} < set(chosen)
    assert chosen == sorted(chosen) and len(chosen) == 4


def test_moments_are_apart_and_few_in_a_short_take() -> None:
    motion = Motion.neutral(np.arange(15) / 30)
    chosen = telling_moments(motion, 12, apart=0.2)
    assert 1 <= len(chosen) <= 3
    assert (np.diff(motion.times[chosen]) >= 0.2 - 1e-9).all()
    assert telling_moments(Motion.neutral(np.zeros(1)), 12) == [0]


def test_source_shows_the_picture_of_the_time(tmp_path: Path) -> None:
    """Picture i has the grey 20 i: at each time the one on screen, also before the first and after the last."""
    path = tmp_path / "steps.avi"
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*"MJPG"), 10.0, (64, 64))
    for i in range(10):
        writer.write(np.full((64, 64, 3), 20 * i, np.uint8))
    writer.release()
    times = [0.0, 0.05, 0.1, 0.45, 0.45, 0.9, 3.0]
    pictures = list(source_pictures(SourceSpec("video", path=str(path)), times))
    assert [round(picture.mean() / 20) for picture in pictures] == [0, 0, 1, 4, 4, 9, 9]


def test_landmarks_stand_in_for_a_video() -> None:
    face = average_face()
    points = np.column_stack([0.5 + face[:, 0] / 60, 0.5 - face[:, 1] / 60, face[:, 2] / 60]).astype(np.float32)
    frames = FaceFrames.from_frames([FaceFrame(0.0, points, None, (640, 480)), FaceFrame.lost(0.1, (640, 480))])
    seen, lost = landmark_pictures(frames, [0.05, 0.15], 240)
    assert seen.shape == lost.shape == (240, 320, 3)
    assert seen.max() > 200 and lost.max() < 50


@given(st.integers(1, 900), st.integers(1, 900))
def test_fit_keeps_the_proportions(width: int, height: int) -> None:
    picture = fit(plain(RED, height, width), (96, 96))
    assert picture.shape == (96, 96, 3)
    red = (picture == RED).all(axis=2)
    inside = red.any(axis=0).sum() / max(red.any(axis=1).sum(), 1)
    wide, high = min(96, 96 * width / height), min(96, 96 * height / width)
    assert red.any()
    assert red.any(axis=0).sum() == pytest.approx(max(wide, 1), abs=1) and inside > 0
    assert red.any(axis=1).sum() == pytest.approx(max(high, 1), abs=1)


def test_source_is_left_of_the_result_and_above_it_on_a_sheet() -> None:
    moment = Moment(1.5, plain(RED, 64, 64), plain(BLUE, 64, 64))
    beside = side_by_side(moment, 64)
    assert beside.shape == (64, 128, 3)
    assert (beside[:, :64] == RED).all() and (beside[:, 64:] == BLUE).all()
    sheet = contact_sheet([moment] * 7, columns=3, size=50)
    middle = sheet[:, 30]
    first_red, first_blue = ((middle == colour).all(axis=1).argmax() for colour in (RED, BLUE))
    assert 0 < first_red < first_blue
    count = (sheet == RED).all(axis=2).sum() // (50 * 50)
    assert count == 7


def test_unwritable_film_and_picture_are_sentences(tmp_path: Path) -> None:
    blocked = tmp_path / "file"
    blocked.touch()
    for write in (
        lambda: FilmWriter(blocked / "film.mp4", 30.0, (64, 64)),
        lambda: write_picture(blocked / "sheet.png", plain(RED)),
        lambda: write_picture(tmp_path / "sheet.nonsense", plain(RED)),
    ):
        with pytest.raises(CommandError) as caught:
            write()
        assert str(tmp_path) in str(caught.value) and str(caught.value).endswith(".")
