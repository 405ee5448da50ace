# SPDX-FileCopyrightText: 2026 Mimica authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Rotations over time: matrices, wxyz quaternions, angles. Vectorised; the last axes hold the rotation."""

import numpy as np

_CONJUGATE = np.array([1.0, -1.0, -1.0, -1.0])


def _candidates() -> np.ndarray:
    """Return the matrix (9, 16) from a rotation matrix to 4 q q^T - 1: four times its quaternion, times each part."""
    to = np.zeros((3, 3, 4, 4))
    for i, j, k in ((0, 1, 2), (1, 2, 0), (2, 0, 1)):
        to[i, i] = -np.eye(4)
        to[i, i, 0, 0] = to[i, i, i + 1, i + 1] = 1.0
        to[k, j, 0, i + 1] = to[k, j, i + 1, 0] = 1.0
        to[j, k, 0, i + 1] = to[j, k, i + 1, 0] = -1.0
        for a, b in ((j, k), (k, j)):
            to[a, b, j + 1, k + 1] = to[a, b, k + 1, j + 1] = 1.0
    return to.reshape(9, 16)


_CANDIDATES, _CONSTANT = _candidates(), np.eye(4).ravel()


def quaternion_from_matrix(matrix: np.ndarray) -> np.ndarray:
    """Return unit quaternions (..., 4), wxyz with w >= 0, of rotation matrices (..., 3, 3).

    Takes the largest of the four candidates (S. W. Shepperd, Quaternion from rotation matrix, 1978).
    """
    m = np.asarray(matrix, np.float64)
    candidates = (m.reshape(-1, 9) @ _CANDIDATES + _CONSTANT).reshape(-1, 4, 4)
    # Any of the four of a NaN is NaN, so it does not matter which one argmax picks.
    best = candidates.reshape(-1, 16)[:, ::5].argmax(axis=1)
    q = candidates[np.arange(len(best)), best]
    # w >= 0, and the length 1.
    q /= np.copysign(np.sqrt(np.einsum("ni,ni->n", q, q)), q[:, 0])[:, None]
    return q.reshape(*m.shape[:-2], 4)


def matrix_from_quaternion(q: np.ndarray) -> np.ndarray:
    """Return rotation matrices (..., 3, 3) of unit quaternions (..., 4), wxyz."""
    w, x, y, z = q[..., 0], q[..., 1], q[..., 2], q[..., 3]
    out = np.empty((*q.shape[:-1], 3, 3))
    out[..., 0, 0] = 1 - 2 * (y * y + z * z)
    out[..., 0, 1] = 2 * (x * y - w * z)
    out[..., 0, 2] = 2 * (x * z + w * y)
    out[..., 1, 0] = 2 * (x * y + w * z)
    out[..., 1, 1] = 1 - 2 * (x * x + z * z)
    out[..., 1, 2] = 2 * (y * z - w * x)
    out[..., 2, 0] = 2 * (x * z - w * y)
    out[..., 2, 1] = 2 * (y * z + w * x)
    out[..., 2, 2] = 1 - 2 * (x * x + y * y)
    return out


def multiply(p: np.ndarray, q: np.ndarray) -> np.ndarray:
    """Return the products p q of quaternions (..., 4), wxyz: first q, then p."""
    pw, px, py, pz = p[..., 0], p[..., 1], p[..., 2], p[..., 3]
    qw, qx, qy, qz = q[..., 0], q[..., 1], q[..., 2], q[..., 3]
    w = pw * qw - px * qx - py * qy - pz * qz
    out = np.empty((*w.shape, 4))
    out[..., 0] = w
    out[..., 1] = pw * qx + px * qw + py * qz - pz * qy
    out[..., 2] = pw * qy - px * qz + py * qw + pz * qx
    out[..., 3] = pw * qz + px * qy - py * qx + pz * qw
    return out


def conjugate(q: np.ndarray) -> np.ndarray:
    """Return the inverse of unit quaternions (..., 4)."""
    return q * _CONJUGATE


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
    out = np.empty(m.shape[:-1], m.dtype)
    out[..., 0] = np.arctan2(m[..., 0, 2], m[..., 2, 2])
    out[..., 1] = -np.arcsin(np.minimum(np.maximum(m[..., 1, 2], -1.0), 1.0))
    out[..., 2] = np.arctan2(m[..., 1, 0], m[..., 1, 1])
    return out


def mean_rotation(matrices: np.ndarray) -> np.ndarray:
    """Return the rotation (3, 3) nearest to the mean of rotations (N, 3, 3)."""
    u, _, vt = np.linalg.svd(np.asarray(matrices).mean(axis=0))
    u[:, 2] *= np.sign(np.linalg.det(u @ vt))
    return u @ vt
