# SPDX-FileCopyrightText: 2026 Mimica authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Faces seen by an ideal camera: landmarks whose truth is known."""

from dataclasses import replace

import numpy as np

from mimica.cli.behaviour import swap_sides
from mimica.mapping.data import load_table
from mimica.mapping.face_space import DEFAULT_FIELD_OF_VIEW, view_frames
from mimica.mapping.frame import FaceFrames
from mimica.mapping.head_table import head_table
from mimica.mapping.landmarks import average_face


def photograph(
    faces: np.ndarray,
    *,
    rotation: np.ndarray | None = None,
    translation: np.ndarray | None = None,
    size: tuple[int, int] = (640, 480),
    field_of_view: float = DEFAULT_FIELD_OF_VIEW,
    rate: float = 30.0,
) -> FaceFrames:
    """Frames of faces (N, 478, 3) cm in face space, before a pinhole camera, in the tracker's coordinates.

    With the tracker's habit: landmarks slide over the skin when the head turns.

    rotation (3, 3) or (N, 3, 3), translation (3,) or (N, 3), both into camera space.
    """
    count = len(faces)
    rotation = np.eye(3) if rotation is None else rotation
    rotation = np.broadcast_to(rotation, (count, 3, 3))
    translation = np.broadcast_to([0.0, 0.0, -45.0] if translation is None else translation, (count, 3))
    unslid = np.einsum("nij,npj->npi", rotation, faces) + translation[:, None]
    turn = (view_frames(unslid).transpose(0, 2, 1) @ rotation)[:, :2, 2]
    points = unslid + np.einsum("nij,npj->npi", rotation, head_table().slid(turn))
    height = 2 * np.tan(np.radians(field_of_view) / 2)
    width = height * size[0] / size[1]
    depth = -points[..., 2]
    rays = points[..., :2] / depth[..., None]
    relative = depth / depth[:, :468].mean(axis=1, keepdims=True) - 1
    landmarks = np.stack([rays[..., 0] / width + 0.5, 0.5 - rays[..., 1] / height, relative / width], axis=-1)
    return FaceFrames(
        times=np.arange(count) / rate,
        landmarks=landmarks.astype(np.float32),
        scores=None,
        image_sizes=np.tile(np.array(size, np.int32), (count, 1)),
        quality=np.ones(count, np.float32),
    )


def mirrored(frames: FaceFrames) -> FaceFrames:
    """What an ideal tracker would have seen in a mirror: left and right of the picture and of the face swapped."""
    landmarks = frames.landmarks[:, load_table("face_topology")["mirror"]].copy()
    landmarks[..., 0] = 1.0 - landmarks[..., 0]
    scores = None if frames.scores is None else swap_sides(frames.scores)
    return replace(frames, landmarks=landmarks, scores=scores)


def act(**parts: np.ndarray) -> np.ndarray:
    """The average face acting: each part is amounts (N,) in [0, 1] of `jaw`, `blink_left`, `brows`, `gaze_left`."""
    count = len(next(iter(parts.values())))
    face = np.repeat(average_face()[None], count, axis=0).copy()
    if "jaw" in parts:
        angle = 0.35 * parts["jaw"]
        joint = average_face()[[234, 454]].mean(axis=0) + np.array([0.0, 0.0, 1.0])
        moved = [152, 148, 377, 176, 400, 175, 171, 396, 199, 200, 17, 14, 84, 314, 87, 317, 18]
        arm = average_face()[moved] - joint
        c, s = np.cos(angle)[:, None], np.sin(angle)[:, None]
        face[:, moved, 1] = joint[1] + arm[:, 1] * c - arm[:, 2] * s
        face[:, moved, 2] = joint[2] + arm[:, 1] * s + arm[:, 2] * c
    if "blink_left" in parts:
        for upper, lower in ((387, 373), (386, 374), (385, 380)):
            gap = face[:, upper] - face[:, lower]
            face[:, upper] -= 0.95 * parts["blink_left"][:, None] * gap
    if "brows" in parts:
        brows = [107, 66, 336, 296, 105, 334, 63, 293, 70, 300, 55, 65, 52, 53, 46, 285, 295, 282, 283, 276]
        face[:, brows, 1] += 0.6 * parts["brows"][:, None]
    if "gaze_left" in parts:
        face[:, 468:, 0] += 0.45 * parts["gaze_left"][:, None]
    return face
