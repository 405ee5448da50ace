# SPDX-FileCopyrightText: 2026 Mimica authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""How a face is seen in an image: where it is, how far it is turned, where it looks, and how light it is."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from .face_space import DEFAULT_FIELD_OF_VIEW, fit_head, lift, to_face_space
from .frame import FaceFrame, FaceFrames
from .gaze import iris_in_place, solve_gaze
from .landmarks import average_face
from .presence import turned_away

_MESH = 468
"""Landmarks of the mesh; those of the irises follow, which some models lack."""
_LUMA = np.array([0.299, 0.587, 0.114], np.float32)
"""Rec. ITU-R BT.601."""
_STEPS = 32
"""Rows and columns of pixels that are looked at for the light: more would say the same."""


@dataclass(frozen=True, slots=True, eq=False)
class Sight:
    """One face in one image."""

    face: int
    """Its number."""
    box: tuple[float, float, float, float]
    """Left, top, right, bottom as in `FaceFrame.landmarks`; beyond [0, 1] where the face is out of the picture."""
    outside: float
    """[0, 1]: share of the landmarks that are out of the picture."""
    away: float
    """Radians between where the face looks and where the camera is."""
    gaze: np.ndarray
    """(2, 2), left and right eye: where it looks as a step in the picture, x to its right, y down, shorter the more it
    looks into the camera; at most of length 1. NaN where the model has no irises."""

    @property
    def width(self) -> float:
        """As a share of the image's."""
        return self.box[2] - self.box[0]


def sights(
    faces: Sequence[FaceFrame],
    neutral: np.ndarray | None = None,
    field_of_view: float = DEFAULT_FIELD_OF_VIEW,
    gaze: Mapping[int, np.ndarray] | None = None,
) -> tuple[Sight, ...]:
    """Return how each face that was found in one image is seen. About half a millisecond.

    :param neutral: (478, 3), face space: the performer's; None for the average face.
    :param field_of_view: the camera's vertical one, degrees.
    :param gaze: of faces by number, (2, 2) as in `Motion.gaze`, where more is known of it than the irises tell. Of the
        others both eyes look alike: what one of them says alone is not to be relied on.
    """
    found = [frame for frame in faces if frame.landmarks is not None]
    if not found:
        return ()
    neutral = average_face() if neutral is None else neutral
    frames = FaceFrames.from_frames(found)
    points = lift(frames.landmarks, frames.image_sizes, field_of_view)
    pose = fit_head(points, neutral)
    face = iris_in_place(to_face_space(points, pose), points, pose, neutral)
    turns = solve_gaze(face - neutral)
    turns[:] = turns.mean(axis=1, keepdims=True)
    for i, frame in enumerate(found):
        turns[i] = (gaze or {}).get(frame.face_id, turns[i])
    yaw, pitch = np.moveaxis(turns, -1, 0)
    looks = np.stack([np.sin(yaw) * np.cos(pitch), np.sin(pitch), np.cos(yaw) * np.cos(pitch)], axis=-1)
    # The picture's axes are the camera's, y down.
    steps = np.einsum("nij,nej->nei", pose.rotation, looks)[..., :2] * np.array([1.0, -1.0])
    away = turned_away(pose)
    flat = frames.landmarks[:, :_MESH, :2]
    low, high = flat.min(axis=1).tolist(), flat.max(axis=1).tolist()
    outside = ((flat < 0.0) | (flat > 1.0)).any(axis=2).mean(axis=1)
    return tuple(
        Sight(frame.face_id, (*low[i], *high[i]), float(outside[i]), float(away[i]), steps[i])
        for i, frame in enumerate(found)
    )


def luma_of(pixels: np.ndarray, box: tuple[float, float, float, float]) -> float:
    """Return the mean luma of a part of an image, [0, 1]; NaN where nothing of it is in the image.

    :param pixels: uint8 (height, width, 3) RGB.
    :param box: see `Sight.box`.
    """
    height, width = pixels.shape[:2]
    left, right = (int(np.clip(round(x * width), 0, width)) for x in box[::2])
    top, bottom = (int(np.clip(round(y * height), 0, height)) for y in box[1::2])
    if right <= left or bottom <= top:
        return float("nan")
    step = max(1, (bottom - top) // _STEPS), max(1, (right - left) // _STEPS)
    part = pixels[top : bottom : step[0], left : right : step[1]]
    return float((part.reshape(-1, 3).mean(axis=0, dtype=np.float32) @ _LUMA) / 255.0)
