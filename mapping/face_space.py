# SPDX-FileCopyrightText: 2026 Mimica authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""From image landmarks to face space: metric lift, then removal of the head's pose and scale.

Camera space: centimetres, the camera at the origin looking along -z, x to the image's right, y up (the frame of
MediaPipe's facial transformation matrix). Face space: centimetres, x to the performer's left, y up, z out of the face.
Time is the first axis everywhere; nothing here depends on the frame before.
"""

from dataclasses import dataclass

import numpy as np

from .landmarks import average_face, rigid_set

DEFAULT_FIELD_OF_VIEW = 45.0
"""Vertical, degrees: the middle of what laptop cameras and webcams have (40 to 50)."""

_ITERATIONS = 4
_OUTLIER_CM = 0.15
"""Residual at which a landmark starts to lose weight: skin on bone moves less than 1.5 mm."""


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
    """float64 (N,), cm: weighted RMS distance of the rigid landmarks after the fit."""


def lift(landmarks: np.ndarray, image_sizes: np.ndarray, field_of_view: float = DEFAULT_FIELD_OF_VIEW) -> np.ndarray:
    """Return metric landmarks in camera space.

    The tracker's z is weak-perspective depth in units of the image's width. As in MediaPipe's geometry pipeline
    (face_geometry/libs/geometry_pipeline.cc), the distance to the camera is the one at which the face has the size of
    the reference, here the project's average face; x and y then follow the rays.

    :param landmarks: float (N, 478, 3) as in `FaceFrame.landmarks`; NaN rows stay NaN.
    :param image_sizes: int (N, 2), width and height in pixels.
    :param field_of_view: the camera's vertical field of view in degrees, between 5 and 160.
    :return: float64 (N, 478, 3), cm.
    """
    sizes = np.asarray(image_sizes, np.float64)
    height = 2.0 * np.tan(np.radians(np.clip(field_of_view, 5.0, 160.0)) / 2.0)
    width = height * sizes[:, :1] / sizes[:, 1:]
    plane = np.empty(landmarks.shape, np.float64)
    plane[..., 0] = (landmarks[..., 0] - 0.5) * width
    plane[..., 1] = (0.5 - landmarks[..., 1]) * height
    depth = landmarks[..., 2] * width
    depth = depth - depth[:, :468].mean(axis=1, keepdims=True)
    plane[..., 2] = -depth

    indices, weights = rigid_set()
    reference = average_face()[indices]
    rays = plane[..., :2].copy()
    distance = np.ones(len(plane))
    for _ in range(2):
        # Distance and perspective depend on each other; the second round leaves less than 0.1 % of error.
        _, _, scale = _similarity(reference, plane[:, indices], np.broadcast_to(weights, (len(plane), len(indices))))
        distance = distance / np.where(scale > 0, scale, np.nan)
        plane[..., 2] = -depth * distance[:, None]
        plane[..., :2] = rays * (distance[:, None] - plane[..., 2])[..., None]
    plane[..., 2] -= distance[:, None]
    return plane


def fit_head(points: np.ndarray, reference: np.ndarray | None = None) -> HeadPose:
    """Fit the reference's rigid landmarks to each frame by weighted, robust Procrustes.

    Kabsch with iteratively reweighted least squares: a landmark whose residual exceeds 1.5 mm loses weight in
    proportion, so that skin pulled by an expression does not turn the head.

    :param points: float64 (N, 478, 3), camera space, cm.
    :param reference: float64 (478, 3), face space, cm: the performer's neutral; None for the average face.
    """
    indices, base = rigid_set()
    source = (average_face() if reference is None else reference)[indices]
    target = points[:, indices]
    weights = np.broadcast_to(base, target.shape[:2])
    for _ in range(_ITERATIONS):
        rotation, translation, scale = _similarity(source, target, weights)
        fitted = scale[:, None, None] * (source @ rotation.transpose(0, 2, 1)) + translation[:, None]
        error = np.linalg.norm(fitted - target, axis=2)
        weights = base / np.maximum(1.0, error / _OUTLIER_CM)
    residual = np.sqrt((base * error**2).sum(axis=1))
    return HeadPose(rotation, translation, scale, residual)


def to_face_space(points: np.ndarray, pose: HeadPose) -> np.ndarray:
    """Return float64 (N, P, 3): points (N, P, 3) of camera space with the head's pose and scale removed, cm."""
    return ((points - pose.translation[:, None]) @ pose.rotation) / pose.scale[:, None, None]


def _similarity(
    source: np.ndarray, target: np.ndarray, weights: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Least-squares similarity from source (K, 3) to each target (N, K, 3) under weights (N, K).

    S. Umeyama, Least-squares estimation of transformation parameters between two point patterns, PAMI 13(4), 1991.
    Frames that hold NaN, or no extent, give NaN.
    """
    total = weights.sum(axis=1)
    share = weights / total[:, None]
    source_mean = share @ source
    target_mean = np.einsum("nk,nkc->nc", share, target)
    centred = source[None] - source_mean[:, None]
    moved = target - target_mean[:, None]
    covariance = np.einsum("nki,nkj->nij", moved * share[..., None], centred)
    good = np.isfinite(covariance).all(axis=(1, 2))
    u, singular, vt = np.linalg.svd(np.where(good[:, None, None], covariance, np.eye(3)))
    sign = np.ones_like(singular)
    sign[:, 2] = np.where(np.linalg.det(u @ vt) < 0, -1.0, 1.0)
    rotation = (u * sign[:, None]) @ vt
    spread = np.einsum("nk,nkc->n", share, centred**2)
    scale = (singular * sign).sum(axis=1) / np.where(spread > 0, spread, np.nan)
    scale = np.where(good, scale, np.nan)
    rotation = np.where(good[:, None, None], rotation, np.nan)
    translation = target_mean - scale[:, None] * np.einsum("nij,nj->ni", rotation, source_mean)
    return rotation, translation, scale
