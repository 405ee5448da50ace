# SPDX-FileCopyrightText: 2026 Mimica authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Rotations over time: matrices, wxyz quaternions, angles. Vectorised; the last axes hold the rotation."""

import numpy as np


def quaternion_from_matrix(matrix: np.ndarray) -> np.ndarray:
    """Return unit quaternions (..., 4), wxyz with w >= 0, of rotation matrices (..., 3, 3).

    Takes the largest of the four candidates (S. W. Shepperd, Quaternion from rotation matrix, 1978).
    """
    m = np.asarray(matrix, np.float64)
    t = np.stack(
        [
            1 + m[..., 0, 0] + m[..., 1, 1] + m[..., 2, 2],
            1 + m[..., 0, 0] - m[..., 1, 1] - m[..., 2, 2],
            1 - m[..., 0, 0] + m[..., 1, 1] - m[..., 2, 2],
            1 - m[..., 0, 0] - m[..., 1, 1] + m[..., 2, 2],
        ],
        axis=-1,
    )
    a = m[..., 2, 1] - m[..., 1, 2]
    b = m[..., 0, 2] - m[..., 2, 0]
    c = m[..., 1, 0] - m[..., 0, 1]
    d = m[..., 1, 0] + m[..., 0, 1]
    e = m[..., 0, 2] + m[..., 2, 0]
    f = m[..., 2, 1] + m[..., 1, 2]
    candidates = np.stack(
        [
            np.stack([t[..., 0], a, b, c], -1),
            np.stack([a, t[..., 1], d, e], -1),
            np.stack([b, d, t[..., 2], f], -1),
            np.stack([c, e, f, t[..., 3]], -1),
        ],
        axis=-2,
    )
    best = np.argmax(np.nan_to_num(t, nan=-1.0), axis=-1)
    q = np.take_along_axis(candidates, best[..., None, None], axis=-2)[..., 0, :]
    q = q / np.linalg.norm(q, axis=-1, keepdims=True)
    return np.where(q[..., :1] < 0, -q, q)


def matrix_from_quaternion(q: np.ndarray) -> np.ndarray:
    """Return rotation matrices (..., 3, 3) of unit quaternions (..., 4), wxyz."""
    w, x, y, z = np.moveaxis(np.asarray(q, np.float64), -1, 0)
    return np.stack(
        [
            np.stack([1 - 2 * (y * y + z * z), 2 * (x * y - w * z), 2 * (x * z + w * y)], -1),
            np.stack([2 * (x * y + w * z), 1 - 2 * (x * x + z * z), 2 * (y * z - w * x)], -1),
            np.stack([2 * (x * z - w * y), 2 * (y * z + w * x), 1 - 2 * (x * x + y * y)], -1),
        ],
        axis=-2,
    )


def multiply(p: np.ndarray, q: np.ndarray) -> np.ndarray:
    """Return the products p q of quaternions (..., 4), wxyz: first q, then p."""
    pw, px, py, pz = np.moveaxis(np.asarray(p, np.float64), -1, 0)
    qw, qx, qy, qz = np.moveaxis(np.asarray(q, np.float64), -1, 0)
    return np.stack(
        [
            pw * qw - px * qx - py * qy - pz * qz,
            pw * qx + px * qw + py * qz - pz * qy,
            pw * qy - px * qz + py * qw + pz * qx,
            pw * qz + px * qy - py * qx + pz * qw,
        ],
        axis=-1,
    )


def conjugate(q: np.ndarray) -> np.ndarray:
    """Return the inverse of unit quaternions (..., 4)."""
    return np.asarray(q) * np.array([1.0, -1.0, -1.0, -1.0])


def log(q: np.ndarray) -> np.ndarray:
    """Return rotation vectors (..., 3), radians, of unit quaternions (..., 4); |angle| <= pi."""
    q = np.where(q[..., :1] < 0, -q, q)
    norm = np.linalg.norm(q[..., 1:], axis=-1, keepdims=True)
    angle = 2.0 * np.arctan2(norm, q[..., :1])
    return q[..., 1:] * np.where(norm > 1e-12, angle / np.maximum(norm, 1e-12), 2.0)


def exp(vector: np.ndarray) -> np.ndarray:
    """Return unit quaternions (..., 4), wxyz, of rotation vectors (..., 3), radians."""
    angle = np.linalg.norm(vector, axis=-1, keepdims=True)
    share = np.where(angle > 1e-12, np.sin(angle / 2) / np.maximum(angle, 1e-12), 0.5)
    return np.concatenate([np.cos(angle / 2), vector * share], axis=-1)


def euler_from_matrix(matrix: np.ndarray) -> np.ndarray:
    """Return yaw, pitch, roll (..., 3) in radians with R = Ry(yaw) Rx(pitch) Rz(roll).

    In camera space yaw > 0 turns the nose to the image's right, pitch > 0 looks down, roll > 0 tilts the top of the
    head to the image's left.
    """
    m = np.asarray(matrix)
    return np.stack(
        [
            np.arctan2(m[..., 0, 2], m[..., 2, 2]),
            np.arcsin(np.clip(-m[..., 1, 2], -1.0, 1.0)),
            np.arctan2(m[..., 1, 0], m[..., 1, 1]),
        ],
        axis=-1,
    )


def mean_rotation(matrices: np.ndarray) -> np.ndarray:
    """Return the rotation (3, 3) nearest to the mean of rotations (N, 3, 3)."""
    u, _, vt = np.linalg.svd(np.asarray(matrices).mean(axis=0))
    u[:, 2] *= np.sign(np.linalg.det(u @ vt))
    return u @ vt
