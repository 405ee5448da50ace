# SPDX-FileCopyrightText: 2026 Mimica authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a face detector is to Mimica: an image in, boxes with key points out. And what all detectors need."""

from dataclasses import dataclass
from typing import Protocol

import numpy as np

POINT_NAMES = ("right eye", "left eye", "nose", "mouth", "right ear", "left ear")
"""The key points of a box, in order. Left and right are the subject's."""
_OVERLAP = 0.3
"""Boxes that share more than this of what both cover are one face."""


class DetectorError(Exception):
    """A detector cannot be loaded, or failed; its text is a sentence for the user."""


@dataclass(frozen=True, slots=True, eq=False)
class FaceBox:
    """A face that a detector found. Pixels of the image that it was given, y down."""

    box: np.ndarray
    """float64 (4,): left, top, right, bottom; may reach beyond the image."""
    points: np.ndarray
    """float64 (6, 2) in the order of `POINT_NAMES`; NaN for those that the detector does not give."""
    score: float
    """[0, 1]: the detector's trust."""

    @property
    def centre(self) -> np.ndarray:
        """(2,): the middle of the box."""
        return (self.box[:2] + self.box[2:]) / 2

    @property
    def side(self) -> float:
        """The box's longer side."""
        return float((self.box[2:] - self.box[:2]).max())


class FaceDetector(Protocol):
    """Finds faces in one image at a time. Used from one thread at a time."""

    @property
    def size(self) -> int:
        """Pixels: the longer side that images are brought to before the detector looks at them."""
        ...

    @property
    def least(self) -> float:
        """Pixels: height, at that size, of the smallest face that is found for sure."""
        ...

    def detect(self, pixels: np.ndarray, least_score: float) -> list[FaceBox]:
        """Return the faces in uint8 (h, w, 3) RGB that score `least_score` or more, the best first.

        The array may be a view with gaps. Blocks for a few milliseconds. Raises `DetectorError`.
        """
        ...

    def close(self) -> None:
        """Free it. May be called twice."""
        ...


def fit_square(pixels: np.ndarray, size: int) -> tuple[np.ndarray, float]:
    """Return the image at the top left of a black square of `size`, uint8 (size, size, 3), and by what it was scaled.

    The square has the channels of `pixels`, uint8 (h, w, 3), in their order.
    """
    import cv2

    height, width = pixels.shape[:2]
    scale = size / max(height, width)
    inner = (max(round(width * scale), 1), max(round(height * scale), 1))
    square = np.zeros((size, size, 3), np.uint8)
    way = cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR
    square[: inner[1], : inner[0]] = cv2.resize(np.ascontiguousarray(pixels), inner, interpolation=way)
    return square, scale


def distinct(boxes: np.ndarray, points: np.ndarray, scores: np.ndarray) -> list[FaceBox]:
    """Return one face for each bunch of boxes that overlap, the best first: the one that scores most.

    :param boxes: (N, 4) left, top, right, bottom.
    :param points: (N, 6, 2).
    :param scores: (N,).
    """
    kept: list[FaceBox] = []
    sound = np.isfinite(boxes).all(axis=1) & (boxes[:, 2:] > boxes[:, :2]).all(axis=1) & np.isfinite(scores)
    for i in np.argsort(-scores, kind="stable"):
        if sound[i] and all(overlap(boxes[i], face.box) <= _OVERLAP for face in kept):
            kept.append(FaceBox(boxes[i].astype(float), points[i].astype(float), float(scores[i])))
    return kept


def overlap(a: np.ndarray, b: np.ndarray) -> float:
    """Return what two boxes share, of what both cover, [0, 1]."""
    shared = np.prod(np.clip(np.minimum(a[2:], b[2:]) - np.maximum(a[:2], b[:2]), 0, None))
    both = np.prod(a[2:] - a[:2]) + np.prod(b[2:] - b[:2]) - shared
    return float(shared / both) if both > 0 else 0.0
