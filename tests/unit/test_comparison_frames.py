# SPDX-FileCopyrightText: 2026 Mimica authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which frames a comparison shows, and where it cuts out the face."""

import numpy as np
import pytest

from mimica.mapping.frame import ARKIT_SHAPES
from mimica.tests.synthetic import act, photograph
from mimica.tools import comparison_frames as cf

TIMES = np.arange(120) / 30.0


def curves(**peaks: tuple[int, float]) -> np.ndarray:
    """Controls (120, 52) at rest but for one frame each."""
    found = np.zeros((len(TIMES), 52))
    for name, (frame, value) in peaks.items():
        found[frame, ARKIT_SHAPES.index(name)] = value
    return found


def test_the_worst_frame_of_each_control_comes_before_the_second_of_another() -> None:
    mapped = curves(jawOpen=(10, 0.9), mouthPucker=(50, 0.3))
    mapped[80, ARKIT_SHAPES.index("jawOpen")] = 0.8
    found = cf.largest_differences(TIMES, np.zeros_like(mapped), mapped, 2)
    assert [(d.frame, d.control) for d in found] == [(10, "jawOpen"), (50, "mouthPucker")]
    assert (found[0].scores, found[0].mapped, found[0].time) == (0.0, 0.9, TIMES[10])
    found = cf.largest_differences(TIMES, np.zeros_like(mapped), mapped, 3)
    assert [(d.frame, d.control) for d in found][-1] == (80, "jawOpen")


def test_both_sides_count_as_one_control_and_neighbours_as_one_moment() -> None:
    scores = curves(eyeBlinkLeft=(20, 0.5), eyeBlinkRight=(20, 0.8))
    scores[22, ARKIT_SHAPES.index("eyeBlinkRight")] = 0.7
    found = cf.largest_differences(TIMES, scores, np.zeros_like(scores), 10)
    assert [(d.frame, d.control) for d in found] == [(20, "eyeBlinkRight")]


def test_performances_that_agree_have_nothing_to_show() -> None:
    mapped = curves(jawOpen=(10, 0.9))
    assert cf.largest_differences(TIMES, mapped - 0.1, mapped, 10) == []


def test_the_box_follows_the_face_through_frames_without_one() -> None:
    aside = np.linspace(-8.0, 8.0, 120)
    place = np.column_stack([aside, np.zeros(120), np.full(120, -60.0)])
    frames = photograph(act(jaw=np.zeros(120)), translation=place)
    landmarks = frames.landmarks.copy()
    landmarks[50:60] = np.nan
    boxes = cf.face_boxes(landmarks, frames.image_sizes)
    assert np.ptp(boxes[:, 2]) == 0
    assert np.all(np.diff(boxes[:, 0]) >= 0)
    points = frames.landmarks[30:90, :, :2] * frames.image_sizes[30:90, None]
    low, high = boxes[30:90, None, :2], boxes[30:90, None, :2] + boxes[30:90, None, 2:]
    assert ((points >= low) & (points <= high)).all()
    with pytest.raises(ValueError, match="no face"):
        cf.face_boxes(np.full_like(landmarks, np.nan), frames.image_sizes)


def test_a_box_beyond_the_picture_is_black_there() -> None:
    picture = np.full((20, 30, 3), 200, np.uint8)
    part = cf.crop(picture, np.array([-10, 5, 30]))
    assert part.shape == (30, 30, 3)
    assert (part[:15, 10:] == 200).all() and (part[:, :10] == 0).all() and (part[15:] == 0).all()


def test_a_sheet_has_a_place_for_every_picture() -> None:
    red, green, blue = (np.full((50, 50, 3), colour, np.uint8) for colour in np.eye(3, dtype=np.uint8) * 200)
    d = cf.Difference(3, 0.1, "jawOpen", 0.2, 0.8)
    paper = cf.sheet([([red, green, blue], d)] * 5, columns=2, size=60)
    for colour in np.eye(3, dtype=np.uint8) * 200:
        assert (paper == colour).all(axis=2).sum() == 5 * 60 * 60
    with pytest.raises(ValueError, match="at least one"):
        cf.sheet([])
