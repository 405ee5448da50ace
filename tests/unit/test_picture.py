# SPDX-FileCopyrightText: 2026 Mimica authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Where the performer's picture and what is drawn on it lie in the editor, and what the graphics card is given."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mimica.mapping.frame import LANDMARK_COUNT
from mimica.mapping.sight import Sight
from mimica.rig.picture_shapes import (
    Box,
    box_lines,
    contour_lines,
    contour_pairs,
    disc,
    dots,
    free_box,
    gaze_lines,
    iris_lines,
    letterbox,
    place,
    to_pixels,
)
from mimica.rig.watch import shown_pixels

pytest.importorskip("cv2")

REGION = Box(0.0, 0.0, 1000.0, 700.0)
CORNERS = ("TOP_LEFT", "TOP_RIGHT", "BOTTOM_LEFT", "BOTTOM_RIGHT")


def test_what_overlaps_a_viewport_is_kept_free() -> None:
    others = [
        ("LEFT", Box(0, 0, 58, 640)),
        ("RIGHT", Box(780, 0, 1000, 640)),
        ("TOP", Box(0, 640, 1000, 700)),
        ("BOTTOM", Box(0, 0, 1, 1)),
        ("BOTTOM", Box(0, -30, 1000, -4)),
    ]
    assert free_box(REGION, others) == (58, 0, 780, 640)
    assert free_box(REGION, [("LEFT", Box(0, 0, 990, 640))]) == REGION, "what leaves nothing is drawn over"


@pytest.mark.parametrize("corner", CORNERS)
def test_the_picture_is_in_its_corner(corner: str) -> None:
    free = Box(58.0, 10.0, 780.0, 640.0)
    box = place(free, corner, 0.3, 4 / 3, 1.0)
    assert box.width == pytest.approx(0.3 * free.width, abs=1)
    assert box.width / box.height == pytest.approx(4 / 3, abs=0.02)
    across = box.left - free.left if corner.endswith("LEFT") else free.right - box.right
    up = box.bottom - free.bottom if corner.startswith("BOTTOM") else free.top - box.top
    assert (across, up) == (pytest.approx(12, abs=1), pytest.approx(12, abs=1))


@given(
    corner=st.sampled_from(CORNERS),
    width=st.floats(60, 4000),
    height=st.floats(60, 3000),
    share=st.floats(0.05, 1.0),
    aspect=st.floats(0.3, 3.0),
    scale=st.sampled_from((0.75, 1.0, 2.0)),
)
def test_the_picture_never_leaves_what_is_free(
    corner: str, width: float, height: float, share: float, aspect: float, scale: float
) -> None:
    free = Box(40.0, 20.0, 40.0 + width, 20.0 + height)
    box = place(free, corner, share, aspect, scale)
    assert box.left >= free.left - 1
    assert box.right <= free.right + 1
    assert box.bottom >= free.bottom - 1
    assert box.top <= free.top + 1
    assert box.height <= 0.75 * height + 1


def test_the_panel_of_the_last_operation_is_not_covered() -> None:
    panel = Box(60.0, 0.0, 260.0, 150.0)
    free = Box(58.0, 0.0, 1000.0, 640.0)
    assert place(free, "BOTTOM_LEFT", 0.25, 4 / 3, 1.0, [panel]).bottom == 162
    assert place(free, "BOTTOM_RIGHT", 0.25, 4 / 3, 1.0, [panel]).bottom == 12
    assert place(free, "BOTTOM_LEFT", 0.25, 4 / 3, 1.0, [Box(60, 0, 260, 600)]).bottom == 12, "no room above"


def test_letterbox() -> None:
    assert letterbox(Box(0, 0, 200, 100), 1.0) == (50, 0, 150, 100)
    assert letterbox(Box(10, 10, 110, 210), 2.0) == (10, 85, 110, 135)
    assert letterbox(Box(0, 0, 160, 90), 16 / 9) == pytest.approx((0, 0, 160, 90))


def test_landmarks_lie_on_the_pixels_of_the_image() -> None:
    box = Box(100.0, 200.0, 300.0, 300.0)
    points = np.array([[0.0, 0.0], [1.0, 1.0], [0.25, 0.5]])
    assert to_pixels(points, box, mirror=False).tolist() == [[100, 300], [300, 200], [150, 250]]
    assert to_pixels(points, box, mirror=True).tolist() == [[300, 300], [100, 200], [250, 250]]


def test_what_is_out_of_the_picture_is_not_drawn() -> None:
    box = Box(0.0, 0.0, 100.0, 100.0)
    inside = np.full((LANDMARK_COUNT, 3), 0.5)
    assert len(contour_lines(inside)) == 2 * len(contour_pairs())
    assert len(dots(inside, box, False, 2.0)) == 6 * LANDMARK_COUNT
    out = inside.copy()
    out[10, 0] = 1.2
    # The top of the forehead, where two lines of the oval meet.
    assert len(contour_lines(out)) == 2 * (len(contour_pairs()) - 2)
    assert len(dots(out, box, False, 2.0)) == 6 * (LANDMARK_COUNT - 1)
    blind = inside.copy()
    blind[468:] = np.nan
    assert len(iris_lines(blind, 1.5)) == 0, "a model without irises"
    assert len(dots(blind, box, False, 2.0)) == 6 * 468


def test_contours_join_landmarks_that_exist() -> None:
    pairs = contour_pairs()
    assert pairs.min() >= 0
    assert pairs.max() < LANDMARK_COUNT
    assert len({frozenset(pair) for pair in pairs.tolist()}) == len(pairs), "no line twice"


def test_irises_are_round_on_the_screen() -> None:
    landmarks = np.full((LANDMARK_COUNT, 3), 0.5)
    for centre, x in ((473, 0.6), (468, 0.4)):
        landmarks[centre : centre + 5, :2] = x, 0.4
        # Around the middle, 10 pixels away in an image of 400 x 200.
        landmarks[centre + 1 : centre + 5, :2] += [[0.025, 0], [0, 0.05], [-0.025, 0], [0, -0.05]]
    pixels = to_pixels(iris_lines(landmarks, 2.0), Box(0.0, 0.0, 400.0, 200.0), mirror=False)
    away = np.minimum(*(np.hypot(*(pixels - np.array([x * 400, 120])).T) for x in (0.4, 0.6)))
    assert away == pytest.approx(np.full(len(away), 10.0), abs=1e-3)
    assert len(away) > 60


def test_a_disc_is_filled() -> None:
    a, b, c = np.moveaxis(disc((50.0, 20.0), 10.0).reshape(-1, 3, 2), 1, 0)
    area = np.abs((b - a)[:, 0] * (c - a)[:, 1] - (b - a)[:, 1] * (c - a)[:, 0]).sum() / 2
    assert area == pytest.approx(np.pi * 100, rel=0.01)


def sight(gaze: list[list[float]], box: tuple[float, float, float, float] = (0.4, 0.3, 0.6, 0.7)) -> Sight:
    return Sight(0, box, 0.0, 0.0, np.array(gaze))


def test_gaze_begins_at_the_irises() -> None:
    landmarks = np.full((LANDMARK_COUNT, 3), 0.5)
    landmarks[473, :2], landmarks[468, :2] = (0.6, 0.4), (0.4, 0.4)
    lines = gaze_lines(landmarks, sight([[1.0, 0.0], [0.0, 1.0]]), aspect=2.0)
    length = 0.35 * 0.2
    assert lines == pytest.approx(np.array([[0.6, 0.4], [0.6 + length, 0.4], [0.4, 0.4], [0.4, 0.4 + 2 * length]]))
    assert len(gaze_lines(landmarks, sight([[np.nan, np.nan], [0.0, 1.0]]), 2.0)) == 2


def test_the_box_is_cut_at_the_edge() -> None:
    lines = box_lines(sight([[0, 0], [0, 0]], (-0.2, 0.1, 0.5, 1.3)))
    assert lines.shape == (8, 2)
    assert (lines.min(axis=0).tolist(), lines.max(axis=0).tolist()) == ([0.0, 0.1], [0.5, 1.0])


def test_the_card_gets_the_image_as_it_is_and_no_larger() -> None:
    pixels = np.zeros((100, 200, 3), np.uint8)
    pixels[:50, :100] = (255, 128, 0)
    shown = shown_pixels(pixels, 50)
    assert (shown.shape, shown.dtype) == ((25, 50, 4), np.float32)
    assert shown[5, 5] == pytest.approx([1.0, 128 / 255, 0.0, 1.0], abs=1e-3)
    assert shown[20, 45] == pytest.approx([0.0, 0.0, 0.0, 1.0], abs=1e-3), "neither mirrored nor upside down"
    assert shown.flags.c_contiguous
    assert shown_pixels(pixels[:99, :199], 16).shape == (8, 16, 4)
    assert shown_pixels(np.zeros((1, 300, 3), np.uint8), 16).shape == (1, 16, 4)
    stripes = np.zeros((64, 640, 3), np.uint8)
    stripes[:, ::2] = 255
    assert np.abs(shown_pixels(stripes, 100)[..., 0] - 0.5).max() < 0.05, "fine patterns do not shimmer"
    assert shown_pixels(pixels, 1000).shape == (100, 200, 4)
