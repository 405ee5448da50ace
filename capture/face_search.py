# SPDX-FileCopyrightText: 2026 Mimica authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Where to look for small faces: the whole image, then overlapping tiles, which a detector sees larger. All pure."""

import math
from dataclasses import dataclass

import numpy as np

from .face_detector import FaceBox

SMALLEST = 30.0
"""Pixels: height of the smallest face that the finest tiles are laid out for. Smaller ones are found often, too."""
_SHARED = 2.0
"""By how many of its smallest faces a tile overlaps the next, so that a face on a border is whole in one of them."""
_STEP = 2.0
"""How much finer each row of tiles is than the one before."""


@dataclass(frozen=True, slots=True)
class Tile:
    """A part of an image, in whole pixels, and by how many quarter turns it is turned before a detector sees it."""

    left: int
    top: int
    width: int
    height: int
    turns: int = 0
    """Quarter turns against the clock, as `numpy.rot90` counts them."""

    def cut(self, pixels: np.ndarray) -> np.ndarray:
        """Return a view on this part of (h, w, 3), turned."""
        part = pixels[self.top : self.top + self.height, self.left : self.left + self.width]
        return np.rot90(part, self.turns)

    def to_image(self, points: np.ndarray) -> np.ndarray:
        """Return points (..., 2) of the turned part as points of the image."""
        x, y = points[..., 0], points[..., 1]
        for turn in reversed(range(self.turns)):
            # The turn took (x, y) of a part of this width to (y, width - x).
            width = self.height if turn % 2 else self.width
            x, y = width - y, x
        return np.stack([x + self.left, y + self.top], axis=-1)

    def place(self, face: FaceBox) -> FaceBox:
        """Return a face found in the turned part as one of the image."""
        corners = self.to_image(face.box.reshape(2, 2))
        box = np.concatenate([corners.min(axis=0), corners.max(axis=0)])
        return FaceBox(box, self.to_image(face.points), face.score)


def plan(size: tuple[int, int], detector_size: int, detector_least: float, smallest: float = SMALLEST) -> list[Tile]:
    """Return the parts of an image of `size` (width, height) to look at, the most likely first.

    First the whole, then tiles, coarse to fine, last the whole on its sides and on its head.

    :param detector_size: `FaceDetector.size`.
    :param detector_least: `FaceDetector.least`.
    :param smallest: pixels: height of the smallest face that is to be found.
    """
    width, height = size
    whole = Tile(0, 0, width, height)
    tiles = [whole]
    finest = max(detector_size * smallest / detector_least, 1.0)
    levels = max(math.ceil(math.log(max(max(size) / finest, 1.0), _STEP)), 0)
    for level in reversed(range(levels)):
        side = finest * _STEP**level
        shared = min(_SHARED * smallest * _STEP**level, side / 2)
        spans = [_spans(length, side, shared) for length in size]
        tiles += [Tile(left, top, w, h) for top, h in spans[1] for left, w in spans[0]]
    return [*tiles, *(Tile(0, 0, width, height, turns) for turns in (1, 3, 2))]


def around(centre: np.ndarray, side: float, size: tuple[int, int]) -> Tile | None:
    """Return the square part of an image around a place, cut off at the borders; None when nothing is left of it."""
    low = np.maximum(np.floor(centre - side / 2), 0).astype(int)
    high = np.minimum(np.ceil(centre + side / 2), size).astype(int)
    if (high - low < 2).any():
        return None
    return Tile(int(low[0]), int(low[1]), int(high[0] - low[0]), int(high[1] - low[1]))


def _spans(length: int, side: float, shared: float) -> list[tuple[int, int]]:
    """Return starts and lengths of evenly spaced stretches of `side` pixels that cover `length`."""
    if length <= side:
        return [(0, length)]
    count = math.ceil((length - side) / (side - shared)) + 1
    whole = min(math.ceil(side), length)
    return [(round(start), whole) for start in np.linspace(0, length - whole, count)]
