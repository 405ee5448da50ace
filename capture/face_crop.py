# SPDX-FileCopyrightText: 2026 Mimica authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A square cut out of an image around one face, upright and enlarged, and the way back from it. Pure functions."""

import math
from dataclasses import dataclass

import numpy as np

from .face_detector import FaceBox

PIXELS = 384
"""Side of the picture that the landmark model's own cut of about 256 pixels is taken from."""
_ROOM = 2.2
"""Side of the square, in heights (or widths, if larger) of the points."""
_ROOM_OF_BOX = 2.0
"""The same for a detector's box, which is larger than the points."""
_AWAY, _GROWN, _TURNED = 0.12, 1.25, math.radians(15)
"""How far a face may move (in sides), grow or shrink (as a factor) and turn in its square before it is laid anew."""
_RIGHT_EYE, _LEFT_EYE = (33, 133), (362, 263)
"""Corners of the eyes among the 478 points; the subject's right eye is at the left of an upright picture."""
_DARK = 90
"""Grey levels: what lies between the darkest and brightest hundredth of a picture that is stretched."""
_GAMMA = 0.8
"""Lifts what was dark, where a picture is stretched."""
_BLUR = 1.5
"""Pixels: the spread of the softening there."""


@dataclass(frozen=True, slots=True)
class Crop:
    """Where a square lies in an image. Pixels, y down; continuous: the first pixel reaches from 0 to 1."""

    x: float
    y: float
    """Its middle."""
    side: float
    angle: float = 0.0
    """Radians: by how much it is turned clockwise in the picture: the angle of the line from right eye to left eye."""

    def to_image(self, points: np.ndarray) -> np.ndarray:
        """Return points (..., 2), [0, 1] of the square, as pixels of the image."""
        return (np.asarray(points, float) - 0.5) * self.side @ self._axes() + (self.x, self.y)

    def from_image(self, points: np.ndarray) -> np.ndarray:
        """Return pixels (..., 2) of the image as [0, 1] of the square."""
        return (np.asarray(points, float) - (self.x, self.y)) @ self._axes().T / self.side + 0.5

    def landmarks_to_image(self, landmarks: np.ndarray, size: tuple[int, int]) -> np.ndarray:
        """Return landmarks (N, 3) of the square as those of the image, float32: see `FaceFrame.landmarks`.

        Depths grow with the square as the other two do; turning it in the picture's plane leaves them as they are.
        """
        moved = np.empty(landmarks.shape, np.float64)
        moved[:, :2] = self.to_image(landmarks[:, :2]) / size
        moved[:, 2] = landmarks[:, 2].astype(float) * (self.side / size[0])
        return moved.astype(np.float32)

    def cut(self, pixels: np.ndarray, out: int = PIXELS) -> np.ndarray:
        """Return the square, uint8 (out, out, 3); beyond the image's border its last pixels go on."""
        import cv2

        scale = self.side / out
        axes = self._axes() * scale
        # The middles of the pixels lie half a pixel from their corners, in both pictures.
        origin = self.to_image(np.zeros(2)) + (0.5, 0.5) @ axes - 0.5
        way = cv2.INTER_CUBIC if scale < 1 else cv2.INTER_LINEAR
        matrix = np.column_stack([axes.T, origin])
        return cv2.warpAffine(
            pixels, matrix, (out, out), flags=way | cv2.WARP_INVERSE_MAP, borderMode=cv2.BORDER_REPLICATE
        )

    def turned(self, angle: float) -> "Crop":
        """Return it turned by `angle` more."""
        return Crop(self.x, self.y, self.side, math.remainder(self.angle + angle, math.tau))

    def holds(self, wanted: "Crop") -> bool:
        """Whether a face that would like another square can stay in this one."""
        return (
            math.hypot(wanted.x - self.x, wanted.y - self.y) <= _AWAY * self.side
            and 1 / _GROWN <= wanted.side / self.side <= _GROWN
            and abs(math.remainder(wanted.angle - self.angle, math.tau)) <= _TURNED
        )

    def _axes(self) -> np.ndarray:
        """(2, 2): the square's x and y axis in the image, as rows."""
        cos, sin = math.cos(self.angle), math.sin(self.angle)
        return np.array([[cos, sin], [-sin, cos]])


def crop_of_landmarks(landmarks: np.ndarray, size: tuple[int, int]) -> Crop:
    """Return the square for a face with these landmarks, see `FaceFrame.landmarks`."""
    points = landmarks[:468, :2].astype(float) * size
    across = points[list(_LEFT_EYE)].mean(axis=0) - points[list(_RIGHT_EYE)].mean(axis=0)
    angle = math.atan2(across[1], across[0])
    upright = Crop(0.0, 0.0, 1.0, angle)
    turned = upright.from_image(points)
    low, high = turned.min(axis=0), turned.max(axis=0)
    x, y = upright.to_image((low + high) / 2)
    return Crop(float(x), float(y), max(float((high - low).max()) * _ROOM, 1.0), angle)


def crop_of_box(face: FaceBox) -> Crop:
    """Return the square for a detector's face, upright as far as its eyes tell."""
    x, y = face.centre
    across = face.points[1] - face.points[0]
    angle = math.atan2(across[1], across[0]) if np.isfinite(across).all() else 0.0
    return Crop(float(x), float(y), max(face.side * _ROOM_OF_BOX, 1.0), angle)


def brightened(pixels: np.ndarray) -> np.ndarray:
    """Return a picture, uint8 (h, w, 3), as it is, or with its contrast stretched where it is dark or flat.

    What is stretched is softened, too: the grain of a dark picture, stretched, hides a face from the models.
    """
    sample = pixels[:: max(pixels.shape[0] // 64, 1), :: max(pixels.shape[1] // 64, 1)]
    low, high = np.percentile(sample, (1, 99))
    if high - low >= _DARK:
        return pixels
    import cv2

    levels = np.clip((np.arange(256) - low) / max(high - low, 8.0), 0, 1) ** _GAMMA
    return cv2.GaussianBlur(np.rint(levels * 255).astype(np.uint8)[pixels], (0, 0), _BLUR)
