# SPDX-FileCopyrightText: 2026 Mimica authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The shapes of the performer's picture in an editor: plain numbers, for whoever draws them.

Pixels count from the region's lower left corner; landmarks from the image's upper left one, in [0, 1].
"""

from collections.abc import Sequence
from functools import cache
from itertools import pairwise
from typing import NamedTuple

import numpy as np

from ..mapping.data import load_table
from ..mapping.frame import LANDMARK_COUNT
from ..mapping.sight import Sight

_MARGIN = 12.0
"""Pixels around the picture, at a resolution scale of 1."""
_LEAST_WIDTH = 120.0
_MOST_HEIGHT = 0.75
"""Of what is free: the character is what the viewport is for."""
_IRISES = {"left": 473, "right": 468}
_IRIS_SIDES = 20
_GAZE = 0.35
"""Length of a gaze that goes along the picture, in widths of the face."""


class Box(NamedTuple):
    """A rectangle in pixels."""

    left: float
    bottom: float
    right: float
    top: float

    @property
    def width(self) -> float:
        """From left to right."""
        return self.right - self.left

    @property
    def height(self) -> float:
        """From bottom to top."""
        return self.top - self.bottom

    def overlaps(self, other: "Box") -> bool:
        """Whether the two have something in common."""
        across = self.left < other.right and other.left < self.right
        return across and self.bottom < other.top and other.bottom < self.top


def free_box(region: Box, others: Sequence[tuple[str, Box]]) -> Box:
    """Return what toolbar, sidebar, headers and shelves leave free of a region that they overlap.

    :param others: alignment and place of the area's other regions, in the same pixels.
    """
    left, bottom, right, top = region
    for side, other in others:
        if not region.overlaps(other) or other.width <= 1 or other.height <= 1:
            continue
        if side == "LEFT":
            left = max(left, other.right)
        elif side == "RIGHT":
            right = min(right, other.left)
        elif side == "BOTTOM":
            bottom = max(bottom, other.top)
        elif side == "TOP":
            top = min(top, other.bottom)
    return Box(left, bottom, right, top) if right - left > 50 and top - bottom > 50 else region


def place(free: Box, corner: str, share: float, aspect: float, scale: float, floating: Sequence[Box] = ()) -> Box:
    """Return where the picture goes.

    :param corner: TOP or BOTTOM, an underscore, LEFT or RIGHT.
    :param share: its width as a share of the free one.
    :param aspect: its width over its height.
    :param scale: the interface's resolution scale.
    :param floating: what else lies over the region; the picture goes above it.
    """
    margin = _MARGIN * scale
    room = max(1.0, free.width - 2 * margin), max(1.0, _MOST_HEIGHT * (free.height - 2 * margin))
    width = min(max(share * free.width, _LEAST_WIDTH * scale), room[0], room[1] * aspect)
    height = width / aspect
    left = free.left + margin if corner.endswith("LEFT") else free.right - margin - width
    bottom = free.bottom + margin if corner.startswith("BOTTOM") else free.top - margin - height
    # Whole pixels: the picture is made for just as many.
    box = Box(*(float(round(value)) for value in (left, bottom, left + width, bottom + height)))
    if corner.startswith("BOTTOM"):
        above = max((other.top for other in floating if box.overlaps(other)), default=None)
        if above is not None and above + margin + box.height <= free.top:
            rise = round(above + margin) - box.bottom
            box = Box(box.left, box.bottom + rise, box.right, box.top + rise)
    return box


def letterbox(box: Box, aspect: float) -> Box:
    """Return the largest rectangle of an aspect in the middle of another."""
    width = min(box.width, box.height * aspect)
    height = width / aspect
    left, bottom = (box.left + box.right - width) / 2, (box.bottom + box.top - height) / 2
    return Box(left, bottom, left + width, bottom + height)


def to_pixels(points: np.ndarray, box: Box, mirror: bool) -> np.ndarray:
    """Return points of the image, (..., 2), as pixels of the region, float32."""
    x = 1.0 - points[..., 0] if mirror else points[..., 0]
    pixels = np.stack([box.left + x * box.width, box.top - points[..., 1] * box.height], axis=-1)
    return pixels.astype(np.float32)


@cache
def contour_pairs() -> np.ndarray:
    """Return the landmarks at both ends of each line of the face's contours, int (P, 2), read-only."""
    lines = [line for part in load_table("face_contours")["lines"].values() for line in part]
    pairs = np.array([pair for line in lines for pair in pairwise(line)])
    pairs.flags.writeable = False
    return pairs


def contour_lines(landmarks: np.ndarray) -> np.ndarray:
    """Return the contours of a face as ends of lines in the image, (2 K, 2); what is out of the picture is left out.

    :param landmarks: (478, 2 or more).
    """
    return _inside(landmarks[contour_pairs()][..., :2])


def iris_lines(landmarks: np.ndarray, aspect: float) -> np.ndarray:
    """Return the irises as circles, as ends of lines in the image, (2 K, 2): the tracker gives four points of each.

    :param aspect: the image's width over its height.
    """
    turns = np.linspace(0.0, 2.0 * np.pi, _IRIS_SIDES + 1)
    round_about = np.stack([np.cos(turns), np.sin(turns) * aspect], axis=1)
    circles = []
    for centre in _IRISES.values():
        middle, ring = landmarks[centre, :2], landmarks[centre + 1 : centre + 5, :2]
        radius = np.hypot(*((ring - middle) / [1.0, aspect]).T).mean()
        circle = middle + radius * round_about
        circles.append(np.stack([circle[:-1], circle[1:]], axis=1))
    return _inside(np.concatenate(circles))


def disc(middle: tuple[float, float], radius: float) -> np.ndarray:
    """Return a filled circle as triangles, float32 (3 K, 2), pixels."""
    turns = np.linspace(0.0, 2.0 * np.pi, 33)
    edge = np.array(middle) + radius * np.stack([np.cos(turns), np.sin(turns)], axis=1)
    centre = np.broadcast_to(middle, edge[1:].shape)
    return np.stack([centre, edge[:-1], edge[1:]], axis=1).reshape(-1, 2).astype(np.float32)


def gaze_lines(landmarks: np.ndarray, sight: Sight, aspect: float) -> np.ndarray:
    """Return where the eyes look as ends of lines in the image, (2 K, 2): from the iris outwards.

    :param aspect: the image's width over its height.
    """
    start = landmarks[[_IRISES["left"], _IRISES["right"]], :2]
    step = sight.gaze * _GAZE * sight.width * np.array([1.0, aspect])
    # Beyond the picture's edge there is nothing to draw on.
    return _inside(np.stack([start, np.clip(start + step, 0.0, 1.0)], axis=1))


def box_lines(sight: Sight) -> np.ndarray:
    """Return the face's box as ends of lines in the image, (8, 2), cut at the picture's edge."""
    left, top, right, bottom = (min(max(value, 0.0), 1.0) for value in sight.box)
    corners = np.array([(left, top), (right, top), (right, bottom), (left, bottom)])
    return np.stack([corners, np.roll(corners, -1, axis=0)], axis=1).reshape(-1, 2)


def _inside(lines: np.ndarray) -> np.ndarray:
    """Return those of lines (K, 2, 2) that are known and in the picture, (2 K, 2)."""
    with np.errstate(invalid="ignore"):
        good = ((lines >= 0.0) & (lines <= 1.0)).all(axis=(1, 2))
    return lines[good].reshape(-1, 2)


def dots(landmarks: np.ndarray, box: Box, mirror: bool, size: float) -> np.ndarray:
    """Return the landmarks as little squares of pixels, float32 (6 K, 2): two triangles each.

    :param size: pixels from side to side.
    """
    points = landmarks[:LANDMARK_COUNT, :2]
    with np.errstate(invalid="ignore"):
        points = points[((points >= 0.0) & (points <= 1.0)).all(axis=1)]
    corners = np.array([(-1, -1), (1, -1), (1, 1), (-1, -1), (1, 1), (-1, 1)], np.float32) * (size / 2)
    return (to_pixels(points, box, mirror)[:, None] + corners).reshape(-1, 2)
