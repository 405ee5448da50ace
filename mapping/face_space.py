# SPDX-FileCopyrightText: 2026 Mimica authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""From image landmarks to face space: metric lift, then removal of the head's pose and scale.

Camera space: centimetres, the camera at the origin looking along -z, x to the image's right, y up (the frame of
MediaPipe's facial transformation matrix). Face space: centimetres, x to the performer's left, y up, z out of the face.
Time is the first axis everywhere; nothing here depends on the frame before.
"""

import math
from dataclasses import dataclass
from functools import cache

import numpy as np

from .head_table import HeadTable, head_table, turn_features
from .landmarks import average_face, rigid_set

DEFAULT_FIELD_OF_VIEW = 45.0
"""Vertical, degrees: the middle of what laptop cameras and webcams have (40 to 50)."""

_FREE_ROUNDS = 3
"""Rounds of the fit before the one in which residuals are bounded. Each divides what is left by ten or more: a turn of
60 degrees is found to 0.1. Residuals are the pose's own until the last one."""
_OUTLIER_CM = 0.6
"""Residual beyond which a landmark pulls no harder: what the face's expressions do is in the gain's statistics, this
is for hands and hair."""
_RIGHT_EYE, _LEFT_EYE = 33, 263
_IMAGE_MIDDLE = np.array([0.5, 0.5, 0.0], np.float32)
_CROSS = np.zeros((3, 9))
"""Rotation vector to its cross-product matrix."""
_CROSS[0, [7, 5]] = _CROSS[1, [2, 6]] = _CROSS[2, [3, 1]] = 1.0, -1.0
_EYE = np.eye(3)


@dataclass(frozen=True, slots=True, eq=False)
class HeadPose:
    """N similarity transforms from face space to camera space: X = scale * rotation @ x + translation."""

    rotation: np.ndarray
    """float64 (N, 3, 3), proper rotations."""
    translation: np.ndarray
    """float64 (N, 3), cm."""
    scale: np.ndarray
    """float64 (N,), near 1: the performer's head against the reference face."""
    residual: np.ndarray
    """float64 (N,), cm: RMS distance of the fitted landmarks."""
    turn: np.ndarray
    """float64 (N, 2): x and y of the face's z axis in the view frame (z from the face to the camera, x along the line
    of the eyes in the picture): 0 when the performer looks into the camera, however the head is rolled or placed."""


def lift(landmarks: np.ndarray, image_sizes: np.ndarray, field_of_view: float = DEFAULT_FIELD_OF_VIEW) -> np.ndarray:
    """Return metric landmarks in camera space.

    The tracker's z is weak-perspective depth in units of the image's width. As in MediaPipe's geometry pipeline
    (face_geometry/libs/geometry_pipeline.cc), the distance to the camera is the one at which the face has the size of
    the reference, here the project's average face; x and y then follow the rays.

    :param landmarks: float (N, 478, 3) as in `FaceFrame.landmarks`; NaN rows stay NaN.
    :param image_sizes: int (N, 2), width and height in pixels.
    :param field_of_view: the camera's vertical field of view in degrees, between 5 and 160.
    :return: float32 (N, 478, 3), cm.
    """
    height = 2.0 * math.tan(math.radians(min(max(field_of_view, 5.0), 160.0)) / 2.0)
    scale = np.full((len(image_sizes), 1, 3), -height)
    scale[:, 0, ::2] = height * (image_sizes[:, :1] / image_sizes[:, 1:])
    # Single precision: 1e-6 of half a metre is far below what the tracker resolves, and takes are long.
    points = (landmarks - _IMAGE_MIDDLE) * scale.astype(np.float32)
    depth = points[..., 2]
    away = depth + (1.0 - np.add.reduce(depth[:, :468], axis=1, keepdims=True) / 468)
    points[..., :2] *= away[..., None]
    np.negative(away, out=depth)
    indices, weights = rigid_set()
    # Size is proportional to distance.
    distance = _reference_extent() / _extent(points.take(indices, axis=1), weights)
    points *= distance.astype(np.float32)[:, None, None]
    return points


def _extent(points: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Weighted RMS distance of points (N, K, 3) from their mean, (N,); the scale of B. K. P. Horn, 1987."""
    away = points - (weights @ points)[:, None]
    return np.sqrt(np.einsum("nki,nki->nk", away, away) @ weights)


@cache
def _reference_extent() -> float:
    indices, weights = rigid_set()
    return float(_extent(average_face()[None, indices], weights)[0])


def fit_head(points: np.ndarray, reference: np.ndarray | None = None, table: HeadTable | None = None) -> HeadPose:
    """Find the head's pose in each frame from landmarks that hardly move on it.

    A fixed gain takes the residuals in face space to what the pose lacks, a few times over: an M-estimate whose
    weights are learned (`HeadTable`), with bounded residuals (P. J. Huber, Robust Statistics, 1981). Where landmarks
    slide when the head turns is taken into account.

    :param points: (N, 478, 3), camera space, cm. Frames that hold NaN give NaN.
    :param reference: float64 (478, 3), face space, cm: the performer's neutral; None for the average face.
    :param table: None for the shipped one.
    """
    table = table or head_table()
    face = (average_face() if reference is None else reference)[table.landmarks]
    view = view_frames(points)
    count, size = len(points), len(face)
    seen = np.ones((count, size, 4))
    seen[..., :3] = points.take(table.landmarks, axis=1)
    # The pose as what it does to a landmark: (N, 3, 4), from camera space (x, y, z, 1) to face space.
    into = np.empty((count, 3, 4))
    into[..., :3] = view.transpose(0, 2, 1)
    middle = np.add.reduce(seen, axis=1)[:, :3, None] / size
    into[..., 3:] = (np.add.reduce(face) / size)[:, None] - into[..., :3] @ middle
    scale = np.ones((count, 1, 1))
    # What the pose does is linear in it, so the gain can be put together with the landmarks once.
    gain = (table.gain_of_points @ seen).reshape(count, 7, 12)
    rest = table.gain @ face.ravel()
    for _ in range(_FREE_ROUNDS):
        step = (gain @ into.reshape(count, 12, 1))[..., 0]
        step -= turn_features(_turn(into, scale, view)) @ table.gain_of_turn + rest
        into, scale = _stepped(into, scale, step)
    expected = (turn_features(_turn(into, scale, view)) @ table.fitted_slide).reshape(count, size, 3)
    residual = seen @ into.transpose(0, 2, 1) - face - expected
    length = np.sqrt(np.einsum("nki,nki->nk", residual, residual))
    residual *= (_OUTLIER_CM / np.maximum(length, _OUTLIER_CM))[..., None]
    into, scale = _stepped(into, scale, residual.reshape(count, -1) @ table.gain.T)
    rotation = (into[..., :3] * scale).transpose(0, 2, 1)
    return HeadPose(
        rotation=rotation,
        translation=-(scale * (rotation @ into[..., 3:]))[..., 0],
        scale=scale[:, 0, 0],
        residual=np.sqrt(np.einsum("nk,nk->n", length, length) / size),
        turn=_turn(into, scale, view),
    )


def _turn(into: np.ndarray, scale: np.ndarray, view: np.ndarray) -> np.ndarray:
    """Return `HeadPose.turn` of the pose in `fit_head`."""
    return (scale * (into[:, 2:, :3] @ view[..., :2]))[:, 0]


def _stepped(into: np.ndarray, scale: np.ndarray, step: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the pose in `fit_head`, and its scale, after a step (N, 7), see `HeadTable.gain`. `into` is used up."""
    into[..., 3] -= step[:, 4:]
    growth = np.exp(step[:, 3, None, None])
    # The inverse of a small rotation is that of the opposite vector.
    return (_small_rotation(-step[:, :3]) / growth) @ into, scale * growth


def _small_rotation(vector: np.ndarray) -> np.ndarray:
    """Rotation matrices (N, 3, 3) of small rotation vectors (N, 3): Cayley's, right to the third order."""
    cross = (vector @ _CROSS).reshape(-1, 3, 3)
    share = 4.0 / (4.0 + vector[:, None] @ vector[..., None])
    return _EYE + share * (cross @ (_EYE + 0.5 * cross))


def view_frames(points: np.ndarray) -> np.ndarray:
    """Return the view frame's axes as columns in camera space, float64 (N, 3, 3), for points (N, 478, 3) there.

    z from the face to the camera, x along the line of the eyes as the picture shows it, so y up on the face: the frame
    that the tracker works in, since it cuts the face out of the picture and turns it upright.
    """
    middle = np.add.reduce(points.take(rigid_set()[0], axis=1), axis=1, dtype=np.float64)
    eyes = (points[:, _LEFT_EYE] - points[:, _RIGHT_EYE]).astype(np.float64)
    view = np.empty((len(points), 3, 3))
    z = np.divide(middle, -_length(middle), out=view[..., 2])
    eyes -= (eyes[:, None] @ z[..., None])[..., 0] * z
    x = np.divide(eyes, _length(eyes), out=view[..., 0])
    # y is the cross product of z and x.
    view[..., 1] = (x[:, None] @ (z @ -_CROSS).reshape(-1, 3, 3))[:, 0]
    return view


def _length(vectors: np.ndarray) -> np.ndarray:
    """Length of vectors (N, 3), (N, 1)."""
    return np.sqrt(vectors[:, None] @ vectors[..., None])[..., 0]


def to_face_space(points: np.ndarray, pose: HeadPose, table: HeadTable | None = None) -> np.ndarray:
    """Return points of camera space (N, 478, 3) in face space, cm, of their own precision.

    The head's pose and scale are removed, and what landmarks slide over the skin when the head turns: an expression
    looks the same whichever way the head faces.

    :param table: None for the shipped one.
    """
    kind = points.dtype
    back = pose.rotation / pose.scale[:, None, None]
    turned = (points - pose.translation[:, None].astype(kind)) @ back.astype(kind)
    turned -= (table or head_table()).slid(pose.turn)
    return turned
