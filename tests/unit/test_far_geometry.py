# SPDX-FileCopyrightText: 2026 Mimica authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Squares and tiles: there and back, and nothing of an image left out."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mimica.capture.face_crop import Crop, brightened, crop_of_box, crop_of_landmarks
from mimica.capture.face_detector import FaceBox, distinct
from mimica.capture.face_search import Tile, around, plan

SIDES = st.integers(64, 4000)
CROPS = st.builds(
    Crop,
    st.floats(-500, 4000),
    st.floats(-500, 3000),
    st.floats(5, 3000),
    st.floats(-math.pi, math.pi),
)
POINTS = st.lists(st.tuples(st.floats(-1, 2), st.floats(-1, 2)), min_size=1, max_size=5)


@given(CROPS, POINTS)
def test_there_and_back(crop: Crop, points: list[tuple[float, float]]) -> None:
    np.testing.assert_allclose(crop.from_image(crop.to_image(np.array(points))), points, atol=1e-8)


@given(CROPS, st.tuples(SIDES, SIDES))
def test_landmarks_keep_their_shape(crop: Crop, size: tuple[int, int]) -> None:
    """Distances in all three directions grow alike, whatever the picture's shape."""
    landmarks = np.random.default_rng(0).random((478, 3)).astype(np.float32)
    moved = crop.landmarks_to_image(landmarks, size).astype(float) * (size[0], size[1], size[0])
    flat = landmarks.astype(float) * crop.side
    np.testing.assert_allclose(np.diff(moved[:, 2]), np.diff(flat[:, 2]), atol=1e-3 * crop.side + 1e-2)
    apart, expected = (np.linalg.norm(np.diff(points[:, :2], axis=0), axis=1) for points in (moved, flat))
    np.testing.assert_allclose(apart, expected, atol=1e-3 * crop.side + 1e-2)


@settings(max_examples=30, deadline=None)
@given(st.floats(60, 140), st.floats(60, 140), st.floats(40, 90), st.floats(-math.pi, math.pi))
def test_the_cut_shows_what_the_numbers_say(x: float, y: float, side: float, angle: float) -> None:
    """A picture whose colours are its coordinates, cut: each pixel bears the place that `to_image` gives it."""
    pytest.importorskip("cv2")
    rows, columns = np.mgrid[0:200, 0:200]
    pixels = np.dstack([columns, rows, np.zeros_like(rows)]).astype(np.uint8)
    crop = Crop(x, y, side, angle)
    out = 64
    cut = crop.cut(pixels, out).astype(float)
    middles = (np.stack(np.meshgrid(np.arange(out), np.arange(out)), axis=-1) + 0.5) / out
    place = crop.to_image(middles) - 0.5
    inside = ((place > 2) & (place < 197)).all(axis=-1)
    assert inside.any()
    assert np.abs(cut[..., :2] - place)[inside].max() < 1.1


@given(st.floats(-math.pi, math.pi), st.floats(10, 400), st.tuples(SIDES, SIDES))
def test_the_square_of_a_face_is_upright_around_it(roll: float, height: float, size: tuple[int, int]) -> None:
    flat = _oval() * height / 2
    cos, sin = math.cos(roll), math.sin(roll)
    turned = flat @ np.array([[cos, sin], [-sin, cos]]) + (300, 200)
    landmarks = np.zeros((478, 3), np.float32)
    landmarks[: len(turned), :2] = turned / size
    crop = crop_of_landmarks(landmarks, size)
    assert abs(math.remainder(crop.angle - roll, math.tau)) < 0.02
    inner = crop.from_image(turned[:468])
    assert inner.min() > 0.1 and inner.max() < 0.9
    assert crop.holds(crop) and crop.holds(Crop(crop.x + 0.05 * crop.side, crop.y, crop.side, crop.angle))
    assert not crop.holds(Crop(crop.x + 0.3 * crop.side, crop.y, crop.side, crop.angle))
    assert not crop.holds(crop.turned(math.pi / 2))


def _oval() -> np.ndarray:
    """Points of a face, y down, with the corners of the eyes where they are."""
    way = np.linspace(0, math.tau, 478, endpoint=False)
    points = np.column_stack([0.75 * np.cos(way), np.sin(way)])
    for index, place in ((33, (-0.5, -0.2)), (133, (-0.2, -0.2)), (362, (0.2, -0.2)), (263, (0.5, -0.2))):
        points[index] = place
    return points


@given(st.tuples(SIDES, SIDES))
def test_tiles_leave_nothing_out(size: tuple[int, int]) -> None:
    """Wherever a face of the smallest size is, one tile has the whole of it, large enough for the detector."""
    tiles = plan(size, 192, 12.0)
    assert (tiles[0].width, tiles[0].height) == size and len(tiles) < 400
    for tile in tiles:
        assert tile.left >= 0 and tile.top >= 0 and tile.width > 0 and tile.height > 0
        assert tile.left + tile.width <= size[0] and tile.top + tile.height <= size[1]
    chance = np.random.default_rng(1)
    fine = [tile for tile in tiles if 192 / max(tile.width, tile.height) * 30 >= 11.9]
    for x, y in chance.random((20, 2)) * (np.array(size) - 30):
        assert any(
            tile.left <= x and tile.top <= y and x + 30 <= tile.left + tile.width and y + 30 <= tile.top + tile.height
            for tile in fine
        )


@given(st.tuples(st.integers(8, 60), st.integers(8, 60)), st.integers(0, 3), st.data())
def test_turned_tiles_find_their_way_back(size: tuple[int, int], turns: int, data: st.DataObject) -> None:
    width, height = data.draw(st.integers(2, size[0])), data.draw(st.integers(2, size[1]))
    left, top = data.draw(st.integers(0, size[0] - width)), data.draw(st.integers(0, size[1] - height))
    tile = Tile(left, top, width, height, turns)
    pixels = np.zeros((size[1], size[0], 3), np.uint8)
    x, y = data.draw(st.integers(left, left + width - 1)), data.draw(st.integers(top, top + height - 1))
    pixels[y, x] = 255
    (row,), (column,) = np.nonzero(tile.cut(pixels)[..., 0])
    np.testing.assert_allclose(tile.to_image(np.array([column + 0.5, row + 0.5])), (x + 0.5, y + 0.5))
    box = np.array([column, row, column + 1, row + 1], float)
    placed = tile.place(FaceBox(box, np.full((6, 2), np.nan), 0.5))
    np.testing.assert_allclose(placed.box, (x, y, x + 1, y + 1))


def test_around_stays_in_the_picture() -> None:
    assert around(np.array([1000.0, 1000.0]), 50, (100, 100)) is None
    tile = around(np.array([95.0, 5.0]), 50, (100, 100))
    assert tile is not None and (tile.left, tile.top, tile.width, tile.height) == (70, 0, 30, 30)


def test_of_boxes_that_overlap_the_best_stays() -> None:
    boxes = np.array([[0, 0, 10, 10], [1, 1, 11, 11], [50, 50, 60, 60], [5, 5, 5, 9], [np.nan, 0, 1, 1]], float)
    faces = distinct(boxes, np.zeros((5, 6, 2)), np.array([0.6, 0.9, 0.7, 0.99, 0.99]))
    assert [face.score for face in faces] == [0.9, 0.7]


def test_eyes_tell_the_roll_of_a_box() -> None:
    points = np.full((6, 2), np.nan)
    box = np.array([0, 0, 20, 20], float)
    assert crop_of_box(FaceBox(box, points, 1.0)).angle == 0.0
    points[:2] = (10, 5), (10, 15)
    assert crop_of_box(FaceBox(box, points, 1.0)).angle == pytest.approx(math.pi / 2)


def test_only_dark_pictures_are_brightened() -> None:
    bright = np.tile(np.linspace(0, 255, 100).astype(np.uint8)[None, :, None], (80, 1, 3))
    assert brightened(bright) is bright
    dark = bright // 10
    stretched = brightened(dark)
    assert stretched.dtype == np.uint8 and np.ptp(stretched) > 200
    assert (np.diff(stretched[0, :, 0].astype(int)) >= 0).all()
    assert brightened(np.zeros((5, 5, 3), np.uint8)).max() == 0
