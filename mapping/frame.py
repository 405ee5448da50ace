# SPDX-FileCopyrightText: 2026 Mimica authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the tracker saw: one face in one image, and many of them as arrays.

This module is the one thing that `capture` and `mapping` share.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from .data import load_table

LANDMARK_COUNT = 478
"""Points of a face: 468 of the mesh, then 5 of the right iris (468 is its centre) and 5 of the left (473)."""

ARKIT_SHAPES: tuple[str, ...] = tuple(load_table("controls")["shapes"])
"""ARKit's 52 blend shape names in Apple's order. Left and right are the subject's."""


@dataclass(frozen=True, slots=True, eq=False)
class FaceFrame:
    """One face in one image, as the tracker gave it. Immutable: its arrays are read-only.

    An image in which no face was found is a frame too (`FaceFrame.lost`): it keeps the time and has no landmarks.
    """

    time: float
    """Seconds on the take's clock: the moment of the grab for cameras, the container's time stamp for files."""
    landmarks: np.ndarray | None
    """float32 (478, 3): x, y in [0, 1] of the image, y down; z times the image's width, smaller is nearer. The five
    points of an iris are NaN when the model has 468 points. None: no face in this image."""
    scores: np.ndarray | None
    """float32 (52,) in the order of `ARKIT_SHAPES`, NaN where the tracker has none; None without scores."""
    image_size: tuple[int, int]
    """Width and height in pixels."""
    face_id: int = 0
    quality: float = 1.0
    """[0, 1]: the tracker's trust in this frame; 0 when no face was found."""

    @classmethod
    def lost(cls, time: float, image_size: tuple[int, int], face_id: int = 0) -> "FaceFrame":
        """Return the frame of an image without this face."""
        return cls(time, None, None, image_size, face_id, 0.0)

    @property
    def found(self) -> bool:
        """Whether the face was seen."""
        return self.landmarks is not None

    def __post_init__(self) -> None:
        """Freeze the arrays, and refuse shapes that nothing downstream could use."""
        for name, shape in (("landmarks", (LANDMARK_COUNT, 3)), ("scores", (len(ARKIT_SHAPES),))):
            array = getattr(self, name)
            if array is None:
                continue
            if array.shape != shape:
                raise ValueError(f"FaceFrame.{name} has shape {array.shape}, expected {shape}.")
            if array.dtype != np.float32 or array.flags.writeable:
                array = np.array(array, dtype=np.float32)
                array.flags.writeable = False
                object.__setattr__(self, name, array)


@dataclass(frozen=True, slots=True, eq=False)
class ControlFrame:
    """One face at one instant as another program solved it: controls in place of landmarks. Immutable.

    Axes and signs are Mimica's, whatever the sender's were. Where nothing is known of a part, it is None.
    """

    time: float
    """Seconds on the take's clock: the sender's own, where it tells one, laid to the moments of arrival."""
    controls: np.ndarray | None
    """float64 (52,) in the order of `ARKIT_SHAPES`, 0 for what the sender does not tell. None: the face is lost."""
    head: np.ndarray | None = None
    """float64 (3,), radians: yaw, pitch, roll as `mapper.head_angles` has them."""
    way: np.ndarray | None = None
    """float64 (3,), centimetres in face space: the head's way from where the sender began."""
    gaze: np.ndarray | None = None
    """float64 (2, 2), radians: left and right eye's yaw and pitch, as `Motion.gaze`."""
    eye_roll: np.ndarray | None = None
    """float64 (2,), radians, left and right: > 0 as the head's. Nothing follows it; streams and files keep it."""
    face_id: int = 0

    @property
    def found(self) -> bool:
        """Whether the sender saw the face."""
        return self.controls is not None

    def __post_init__(self) -> None:
        """Freeze copies of the arrays, and refuse shapes and values that nothing downstream could use."""
        for name, shape in (
            ("controls", (len(ARKIT_SHAPES),)),
            ("head", (3,)),
            ("way", (3,)),
            ("gaze", (2, 2)),
            ("eye_roll", (2,)),
        ):
            value = getattr(self, name)
            if value is None:
                continue
            array = np.array(value, np.float64)
            if array.shape != shape or not np.isfinite(array).all():
                raise ValueError(f"ControlFrame.{name} is not {shape} finite numbers.")
            array.flags.writeable = False
            object.__setattr__(self, name, array)


@dataclass(frozen=True, slots=True, eq=False)
class FaceFrames:
    """N frames of one face as arrays, time first. Frames without the face hold NaN and quality 0."""

    times: np.ndarray
    """float64 (N,), seconds, increasing."""
    landmarks: np.ndarray
    """float32 (N, 478, 3), see `FaceFrame.landmarks`."""
    scores: np.ndarray | None
    """float32 (N, 52), or None when no frame has scores."""
    image_sizes: np.ndarray
    """int32 (N, 2): width and height in pixels."""
    quality: np.ndarray
    """float32 (N,)."""

    def __len__(self) -> int:
        return len(self.times)

    @property
    def found(self) -> np.ndarray:
        """bool (N,): the frames in which the face was seen."""
        return self.quality > 0

    @classmethod
    def from_frames(cls, frames: Sequence[FaceFrame]) -> "FaceFrames":
        """Stack frames of one face; they must be in order of time."""
        count, shapes = len(frames), len(ARKIT_SHAPES)
        landmarks = np.full((count, LANDMARK_COUNT, 3), np.nan, np.float32)
        scores = np.full((count, shapes), np.nan, np.float32)
        for i, frame in enumerate(frames):
            if frame.landmarks is not None:
                landmarks[i] = frame.landmarks
            if frame.scores is not None:
                scores[i] = frame.scores
        return cls(
            times=np.array([f.time for f in frames], np.float64),
            landmarks=landmarks,
            scores=scores if any(f.scores is not None for f in frames) else None,
            image_sizes=np.array([f.image_size for f in frames], np.int32).reshape(count, 2),
            quality=np.array([f.quality if f.found else 0.0 for f in frames], np.float32),
        )

    def slice(self, start: int, stop: int) -> "FaceFrames":
        """Return frames `start` to `stop` (exclusive) as views."""
        return _part(self, slice(start, stop))

    def take(self, rows: np.ndarray) -> "FaceFrames":
        """Return the frames of these rows, in their order, as copies."""
        return _part(self, rows)


def _part(frames: FaceFrames, rows: slice | np.ndarray) -> FaceFrames:
    scores = None if frames.scores is None else frames.scores[rows]
    return FaceFrames(
        frames.times[rows], frames.landmarks[rows], scores, frames.image_sizes[rows], frames.quality[rows]
    )
