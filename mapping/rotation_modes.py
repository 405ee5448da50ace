# SPDX-FileCopyrightText: 2026 Mimica authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Quaternions as the other ways in which a bone may keep its rotation, without jumps over time.

Euler angles of an order such as XYZ turn about x first, then y, then z, all in the bone's rest frame.
"""

import numpy as np

from .rotation import matrix_from_quaternion, multiply

EULER_ORDERS = ("XYZ", "XZY", "YXZ", "YZX", "ZXY", "ZYX")
_AXES = np.array([["XYZ".index(letter) for letter in order] for order in EULER_ORDERS])
_SIGN = np.array([1.0, -1.0, -1.0, 1.0, 1.0, -1.0])
"""Whether an order goes round with x, y, z, or against."""
_NO_TURN = 1e-9
"""Half an angle, radians, below which its axis says nothing."""


def euler_from_quaternion(q: np.ndarray, orders: np.ndarray, start: np.ndarray) -> np.ndarray:
    """Return Euler angles (N, B, 3), radians, x y z, that go on from each other and from `start` without a jump.

    :param q: float (N, B, 4), wxyz: B bones over time.
    :param orders: int (B,), indices of `EULER_ORDERS`.
    :param start: float (B, 3): the angles before the first.
    """
    axes, sign = _AXES[orders], _SIGN[orders]
    i, j, k = axes.T
    matrix = matrix_from_quaternion(q)
    bone = np.arange(len(orders))

    def cell(row: np.ndarray, column: np.ndarray) -> np.ndarray:
        return matrix[:, bone, row, column]

    flat = np.hypot(cell(i, i), cell(j, i))
    # Where the middle angle is upright the outer two are one: the first takes it all.
    locked = flat < 1e-7
    first = np.empty((*q.shape[:2], 3))
    first[:, bone, i] = np.where(
        locked, np.arctan2(-sign * cell(j, k), cell(j, j)), np.arctan2(sign * cell(k, j), cell(k, k))
    )
    first[:, bone, j] = np.arctan2(-sign * cell(k, i), flat)
    first[:, bone, k] = np.where(locked, 0.0, np.arctan2(sign * cell(j, i), cell(i, i)))
    # Each rotation has a second triple of angles.
    second = first + np.pi
    second[:, bone, j] = np.pi - first[:, bone, j]
    before = np.concatenate([start[None], first[:-1]])
    crossed = _distance(second, before) < _distance(first, before)
    # Both triples of one instant lie as far apart from both of the next: crossing over once holds for all that follow.
    other = np.logical_xor.accumulate(crossed, axis=0)
    chosen = np.where(other[..., None], second, first)
    return _unwrapped(start, chosen)


def quaternion_from_euler(angles: np.ndarray, orders: np.ndarray) -> np.ndarray:
    """Return quaternions (..., B, 4), wxyz, of Euler angles (..., B, 3), radians, of `orders` (B,)."""
    bone = np.arange(len(orders))
    parts = []
    for axis in _AXES[orders].T:
        half = angles[..., bone, axis] / 2.0
        part = np.zeros((*half.shape, 4))
        part[..., 0] = np.cos(half)
        part[..., bone, 1 + axis] = np.sin(half)
        parts.append(part)
    return multiply(parts[2], multiply(parts[1], parts[0]))


def axis_angle_from_quaternion(q: np.ndarray, start: np.ndarray) -> np.ndarray:
    """Return angle in radians and axis, (N, B, 4), that go on from each other and from `start` (B, 4); no jumps."""
    q = np.where(q[..., :1] < 0.0, -q, q)
    size = np.linalg.norm(q[..., 1:], axis=-1)
    angle = 2.0 * np.arctan2(size, q[..., 0])
    axis = np.concatenate([start[None, :, 1:], q[..., 1:] / np.maximum(size, _NO_TURN)[..., None]])
    # What does not turn keeps the axis it had.
    number = np.arange(len(axis))[:, None] * np.concatenate([np.ones((1, q.shape[1]), bool), size > _NO_TURN])
    axis = np.take_along_axis(axis, np.maximum.accumulate(number, axis=0)[..., None], axis=0)
    turned = np.where((axis[1:] * axis[:-1]).sum(axis=-1) < 0.0, -1.0, 1.0)
    side = np.cumprod(turned, axis=0)
    angle = _unwrapped(start[:, 0], angle * side)
    return np.concatenate([angle[..., None], axis[1:] * side[..., None]], axis=-1)


def quaternion_from_axis_angle(values: np.ndarray) -> np.ndarray:
    """Return quaternions (..., 4), wxyz, of angles and axes (..., 4)."""
    axis = values[..., 1:]
    length = np.linalg.norm(axis, axis=-1, keepdims=True)
    half = values[..., :1] / 2.0
    return np.concatenate([np.cos(half), np.sin(half) * axis / np.maximum(length, _NO_TURN)], axis=-1)


def with_axes_held(before: np.ndarray, wanted: np.ndarray, held: np.ndarray) -> np.ndarray:
    """Return rotations (N, B, 4) whose held angles about x, y and z are those of before.

    :param before: float (B, 4), wxyz.
    :param held: bool (B, 3).
    """
    orders = np.zeros(len(before), int)
    old = euler_from_quaternion(before[None], orders, np.zeros((len(before), 3)))
    new = euler_from_quaternion(wanted, orders, old[0])
    return quaternion_from_euler(np.where(held, old, new), orders)


def continuous(q: np.ndarray) -> np.ndarray:
    """Return quaternions (N, ..., 4) with signs that never jump to the antipode from one instant to the next."""
    flips = np.where((q[1:] * q[:-1]).sum(axis=-1) < 0.0, -1.0, 1.0)
    return q * np.concatenate([np.ones((1, *flips.shape[1:])), np.cumprod(flips, axis=0)])[..., None]


def _unwrapped(start: np.ndarray, angles: np.ndarray) -> np.ndarray:
    """Return angles (N, ...) that go on from each other, and from `start`, by less than half a turn."""
    return start + np.cumsum(_nearest(np.concatenate([(angles[0] - start)[None], angles[1:] - angles[:-1]])), axis=0)


def _distance(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    return np.abs(_nearest(a - b)).sum(axis=-1)


def _nearest(apart: np.ndarray) -> np.ndarray:
    """Return angles within half a turn."""
    return apart - 2.0 * np.pi * np.rint(apart / (2.0 * np.pi))
