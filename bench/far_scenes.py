# SPDX-FileCopyrightText: 2026 Mimica authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Pictures with faces far away and turned, whose landmarks are known from the same face seen from near."""

import math
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ..capture.model import ModelFile
from ..capture.source import Image, SourceSpec, make_source
from ..capture.tracker import Tracker, TrackerSettings

SIZE = (1920, 1080)


@dataclass(frozen=True)
class Near:
    """Images of a face from near, with its landmarks there."""

    images: list[np.ndarray]
    points: list[np.ndarray]
    """(468, 2) each, pixels."""
    height: float
    """Pixels from the highest to the lowest point of the first."""


def near_faces(clip: Path, model: ModelFile, count: int) -> Near:
    """The first images of a clip, tracked plainly."""
    source = make_source(SourceSpec("video", path=str(clip)))
    source.open()
    images, points = [], []
    with Tracker(model, TrackerSettings(far=False)) as tracker:
        while len(images) < count and (image := source.read()) is not None:
            (face,) = tracker.track(image)
            assert face.landmarks is not None
            images.append(image.pixels.copy())
            points.append(face.landmarks[:468, :2].astype(float) * face.image_size)
    source.close()
    return Near(images, points, float(np.ptp(points[0][:, 1])))


def busy_background(size: tuple[int, int] = SIZE) -> np.ndarray:
    """Soft patches of colour with grain, uint8 (h, w, 3)."""
    import cv2

    chance = np.random.default_rng(4)
    patches = chance.integers(20, 235, (size[1] // 40, size[0] // 40, 3), np.uint8)
    soft = cv2.resize(patches, size, interpolation=cv2.INTER_CUBIC).astype(int)
    return np.clip(soft + chance.integers(-15, 16, soft.shape), 0, 255).astype(np.uint8)


def pasted(
    near: Near, index: int, background: np.ndarray, height: float, at: tuple[float, float], roll: float = 0.0
) -> tuple[np.ndarray, np.ndarray]:
    """The background with the face `height` pixels high, its picture's middle at `at`, turned by `roll` degrees.

    Returns the image and the landmarks in it, (468, 2) pixels.
    """
    import cv2

    picture = near.images[index]
    scale = height / near.height
    if scale < 1:
        small = (round(picture.shape[1] * scale), round(picture.shape[0] * scale))
        picture = cv2.resize(picture, small, interpolation=cv2.INTER_AREA)
    ratio = picture.shape[1] / near.images[index].shape[1], picture.shape[0] / near.images[index].shape[0]
    rest = scale / ratio[0] if scale >= 1 else 1.0
    cos, sin = rest * math.cos(math.radians(roll)), rest * math.sin(math.radians(roll))
    turn = np.array([[cos, -sin], [sin, cos]])
    middle = np.array([picture.shape[1], picture.shape[0]]) / 2
    # In continuous pixels; OpenCV counts from the middle of the first one.
    shift = np.array(at) - turn @ middle
    matrix = np.column_stack([turn, shift + turn @ (0.5, 0.5) - 0.5])
    size = background.shape[1], background.shape[0]
    there = cv2.warpAffine(np.full(picture.shape[:2], 255, np.uint8), matrix, size) > 250
    image = background.copy()
    image[there] = cv2.warpAffine(picture, matrix, size, borderMode=cv2.BORDER_REPLICATE)[there]
    return image, near.points[index] * ratio @ turn.T + shift


def error_of(landmarks: np.ndarray, size: tuple[int, int], truth: np.ndarray) -> float:
    """Mean distance of the points from where they belong, in shares of the face's longer side."""
    apart = np.linalg.norm(landmarks[:468, :2] * size - truth, axis=1)
    return float(apart.mean() / np.ptp(truth, axis=0).max())


def image_of(pixels: np.ndarray, index: int) -> Image:
    """The picture as a source gives it, 30 a second."""
    return Image(pixels, index / 30, index)
