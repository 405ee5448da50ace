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
    sizes = np.asarray(image_sizes, np.float64)
    height = 2.0 * math.tan(math.radians(min(max(field_of_view, 5.0), 160.0)) / 2.0)
    scale = np.empty((len(sizes), 1, 3))
    scale[:, 0, 0] = scale[:, 0, 2] = height * sizes[:, 0] / sizes[:, 1]
    scale[:, 0, 1] = -height
    # Single precision: 1e-6 of half a metre is far below what the tracker resolves, and takes are long.
    points = (landmarks - _IMAGE_MIDDLE) * scale.astype(np.float32)
    depth = points[..., 2]
    away = depth + (1.0 - np.add.reduce(depth[:, :468], axis=1, keepdims=True) / 468)
    points[..., :2] *= away[..., None]
    np.negative(away, out=depth)
    indices, weights = rigid_set()
    # Size is proportional to distance.
    distance = _reference_extent() / _extent(points[:, indices], weights)
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
    indices = table.landmarks
    face = (average_face() if reference is None else reference)[indices]
    view = view_frames(points)
    target = points[:, indices] @ view
    count, size = len(target), len(face)
    state = (
        np.broadcast_to(_EYE, (count, 3, 3)),
        (np.add.reduce(target, axis=1, keepdims=True) - np.add.reduce(face)) / size,
        np.ones((count, 1, 1)),
    )
    # Residuals are linear in a few numbers of the pose, so the gain is first put together with the landmarks.
    gain = np.empty((count, 7, 9 + 8))
    products = (target.transpose(0, 2, 1) @ table.gain_of_points).reshape(count, 3, 7, 3)
    gain[:, :, :9].reshape(count, 7, 3, 3)[...] = products.transpose(0, 2, 1, 3)
    gain[:, :, 9:] = -table.gain_of_all
    rest = table.gain @ face.ravel()
    numbers = np.empty((count, 9 + 8, 1))
    for _ in range(_FREE_ROUNDS):
        rotation, translation, scale = state
        numbers[:, :9, 0] = (rotation / scale).reshape(count, 9)
        numbers[:, 9:12, 0] = (translation @ rotation / scale)[:, 0]
        numbers[:, 12:, 0] = turn_features(rotation[:, :2, 2])
        state = _stepped((gain @ numbers)[..., 0] - rest, *state)
    residual = _residual(target, face, table.fitted_slide, *state)
    squares = np.einsum("nki,nki->nk", residual, residual)
    residual *= (_OUTLIER_CM / np.maximum(np.sqrt(squares), _OUTLIER_CM))[..., None]
    rotation, translation, scale = _stepped(residual.reshape(count, -1) @ table.gain.T, *state)
    return HeadPose(
        rotation=view @ rotation,
        translation=(translation @ view.transpose(0, 2, 1))[:, 0],
        scale=scale[:, 0, 0],
        residual=np.sqrt(np.add.reduce(squares, axis=1) / size),
        turn=rotation[:, :2, 2],
    )


def _stepped(
    step: np.ndarray, rotation: np.ndarray, translation: np.ndarray, scale: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return the pose's parts after a step (N, 7); see `HeadTable.gain`."""
    return (
        rotation @ _small_rotation(step[:, :3]),
        translation + scale * (step[:, None, 4:] @ rotation.transpose(0, 2, 1)),
        scale * np.exp(step[:, 3, None, None]),
    )


def _residual(
    target: np.ndarray,
    face: np.ndarray,
    slide: np.ndarray,
    rotation: np.ndarray,
    translation: np.ndarray,
    scale: np.ndarray,
) -> np.ndarray:
    """How far landmarks (N, K, 3) in face space are from where the face (K, 3) has them, at this turn."""
    expected = (turn_features(rotation[:, :2, 2]) @ slide).reshape(target.shape)
    residual = (target - translation) @ (rotation / scale)
    residual -= face
    residual -= expected
    return residual


def _small_rotation(vector: np.ndarray) -> np.ndarray:
    """Rotation matrices (N, 3, 3) of small rotation vectors (N, 3): Cayley's, right to the third order."""
    cross = (vector @ _CROSS).reshape(-1, 3, 3)
    share = 4.0 / (4.0 + np.einsum("ni,ni->n", vector, vector))
    return _EYE + share[:, None, None] * (cross @ (_EYE + 0.5 * cross))


def view_frames(points: np.ndarray) -> np.ndarray:
    """Return the view frame's axes as columns in camera space, float64 (N, 3, 3), for points (N, 478, 3) there.

    z from the face to the camera, x along the line of the eyes as the picture shows it, so y up on the face: the frame
    that the tracker works in, since it cuts the face out of the picture and turns it upright.
    """
    middle = np.add.reduce(points[:, rigid_set()[0]], axis=1, dtype=np.float64)
    z = middle / -np.sqrt(np.einsum("ni,ni->n", middle, middle))[:, None]
    eyes = (points[:, _LEFT_EYE] - points[:, _RIGHT_EYE]).astype(np.float64)
    x = eyes - np.einsum("ni,ni->n", eyes, z)[:, None] * z
    x /= np.sqrt(np.einsum("ni,ni->n", x, x))[:, None]
    view = np.empty((len(points), 3, 3))
    view[:, :, 0], view[:, :, 2] = x, z
    # y = z cross x.
    view[:, :, 1] = ((z @ _CROSS).reshape(-1, 3, 3) @ x[..., None])[..., 0]
    return view


def to_face_space(points: np.ndarray, pose: HeadPose, table: HeadTable | None = None) -> np.ndarray:
    """Return points of camera space (N, 478, 3) in face space, cm, of their own precision.

    The head's pose and scale are removed, and what landmarks slide over the skin when the head turns: an expression
    looks the same whichever way the head faces.

    :param table: None for the shipped one.
    """
    kind = points.dtype
    turned = (points - pose.translation[:, None].astype(kind)) @ (pose.rotation / pose.scale[:, None, None]).astype(
        kind
    )
    turned -= (table or head_table()).slid(pose.turn)
    return turned
