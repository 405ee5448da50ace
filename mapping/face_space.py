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

_REFITS = 2
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
    :return: float32 (N, 478, 3), cm.
    """
    sizes = np.asarray(image_sizes, np.float64)
    height = 2.0 * np.tan(np.radians(np.clip(field_of_view, 5.0, 160.0)) / 2.0)
    width = height * sizes[:, 0] / sizes[:, 1]
    # Single precision: 1e-6 of half a metre is far below what the tracker resolves, and takes are long.
    rays = np.empty((*landmarks.shape[:2], 2), np.float32)
    rays[..., 0] = (landmarks[..., 0] - 0.5) * width[:, None]
    rays[..., 1] = (0.5 - landmarks[..., 1]) * height
    depth = landmarks[..., 2] * width[:, None].astype(np.float32)
    depth = depth - depth[:, :468].mean(axis=1, keepdims=True)

    indices, weights = rigid_set()
    reference = average_face()[indices]
    extent = _extent(reference[None], weights)
    near_rays, near_depth = rays[:, indices].astype(np.float64), depth[:, indices].astype(np.float64)
    distance = np.ones(len(rays))
    for _ in range(3):
        # Distance and perspective depend on each other; each round divides the error by about ten.
        seen = _place(near_rays, near_depth, distance)
        distance = distance * extent / _extent(seen, weights)
    return _place(rays, depth, distance.astype(np.float32))


def _place(rays: np.ndarray, depth: np.ndarray, distance: np.ndarray) -> np.ndarray:
    """Points (N, K, 3) in camera space of rays (N, K, 2) and relative depths (N, K), for faces at distances (N,)."""
    away = distance[:, None] * (1.0 + depth)
    return np.concatenate([rays * away[..., None], -away[..., None]], axis=-1)


def _extent(points: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Weighted RMS distance of points (N, K, 3) from their mean, (N,); the scale of B. K. P. Horn, 1987."""
    mean = np.einsum("k,nkc->nc", weights, points)
    return np.sqrt(np.einsum("k,nkc->n", weights, (points - mean[:, None]) ** 2))


def fit_head(points: np.ndarray, reference: np.ndarray | None = None) -> HeadPose:
    """Fit the reference's rigid landmarks to each frame by weighted, robust Procrustes.

    Kabsch with iteratively reweighted least squares: a landmark whose residual exceeds 1.5 mm loses weight in
    proportion, so that skin pulled by an expression does not turn the head.

    :param points: (N, 478, 3), camera space, cm.
    :param reference: float64 (478, 3), face space, cm: the performer's neutral; None for the average face.
    """
    indices, base = rigid_set()
    source = (average_face() if reference is None else reference)[indices]
    target = points[:, indices].astype(np.float64)
    weights = np.broadcast_to(base, target.shape[:2])
    rotation, translation, scale = _similarity(source, target, weights)
    error = _distance(source, target, rotation, translation, scale)
    for _ in range(_REFITS):
        weights = base / np.maximum(1.0, error / _OUTLIER_CM)
        rotation, translation, scale = _similarity(source, target, weights)
        error = _distance(source, target, rotation, translation, scale)
    residual = np.sqrt((base * error**2).sum(axis=1))
    return HeadPose(rotation, translation, scale, residual)


def _distance(
    source: np.ndarray, target: np.ndarray, rotation: np.ndarray, translation: np.ndarray, scale: np.ndarray
) -> np.ndarray:
    fitted = scale[:, None, None] * (source @ rotation.transpose(0, 2, 1)) + translation[:, None]
    return np.sqrt(((fitted - target) ** 2).sum(axis=2))


def to_face_space(points: np.ndarray, pose: HeadPose) -> np.ndarray:
    """Return (N, P, 3) of the points' own precision: points of camera space, head pose and scale removed, cm."""
    kind = points.dtype
    turned = (points - pose.translation[:, None].astype(kind)) @ pose.rotation.astype(kind)
    return turned / pose.scale[:, None, None].astype(kind)


def _similarity(
    source: np.ndarray, target: np.ndarray, weights: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Least-squares similarity from source (K, 3) to each target (N, K, 3) under weights (N, K).

    S. Umeyama, Least-squares estimation of transformation parameters between two point patterns, PAMI 13(4), 1991.
    Frames that hold NaN, or no extent, give NaN.
    """
    share = weights / weights.sum(axis=1)[:, None]
    weighted = target * share[..., None]
    source_mean = share @ source
    target_mean = weighted.sum(axis=1)
    covariance = weighted.transpose(0, 2, 1) @ source - target_mean[:, :, None] * source_mean[:, None, :]
    good = np.isfinite(covariance).all(axis=(1, 2))
    if not good.all():
        covariance = np.where(good[:, None, None], covariance, np.eye(3))
    u, singular, vt = np.linalg.svd(covariance)
    sign = np.where(np.linalg.det(u @ vt) < 0, -1.0, 1.0)
    singular[:, 2] *= sign
    u[:, :, 2] *= sign[:, None]
    rotation = u @ vt
    spread = share @ (source**2).sum(axis=1) - (source_mean**2).sum(axis=1)
    scale = singular.sum(axis=1) / np.where(spread > 0, spread, np.nan)
    scale[~good] = np.nan
    rotation[~good] = np.nan
    translation = target_mean - scale[:, None] * np.einsum("nij,nj->ni", rotation, source_mean)
    return rotation, translation, scale
