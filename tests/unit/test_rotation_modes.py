# SPDX-FileCopyrightText: 2026 Mimica authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Quaternions as Euler angles of any order and as axis and angle: the same rotation, and no jumps."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from mimica.mapping import rotation as rot
from mimica.mapping import rotation_modes as modes

ALL = np.arange(6)
angles = arrays(np.float64, (6, 3), elements=st.floats(-3.0, 3.0))


def same(p: np.ndarray, q: np.ndarray) -> bool:
    return bool(np.allclose(np.abs((p * q).sum(axis=-1)), 1.0, atol=1e-9))


def smooth_turns() -> np.ndarray:
    """Six bones that go round in ways of their own, far beyond a half turn, (N, 6, 4)."""
    time = np.linspace(0.0, 1.0, 1200)[:, None]
    ways = np.array([[3, 1, 0.4], [0.5, 4, 1], [1, 0.3, 5], [2, -2, 2], [-4, 0.2, 0.1], [0.1, -3, 2.0]])
    turns = [rot.exp(np.sin(time * (k + 2)) * way) for k, way in enumerate(ways)]
    return np.stack(turns, axis=1)


def test_a_turn_about_x_comes_first_in_xyz_and_last_in_zyx():
    about_x, about_z = rot.exp(np.array([0.5, 0.0, 0.0])), rot.exp(np.array([0.0, 0.0, 0.7]))
    both = np.tile([0.5, 0.0, 0.7], (2, 1))
    q = modes.quaternion_from_euler(both, np.array([0, 5]))
    assert same(q, np.stack([rot.multiply(about_z, about_x), rot.multiply(about_x, about_z)]))


@given(angles, angles)
def test_euler_angles_are_the_same_rotation_in_every_order(values, start):
    q = modes.quaternion_from_euler(values, ALL)
    found = modes.euler_from_quaternion(q[None], ALL, start)[0]
    assert same(modes.quaternion_from_euler(found, ALL), q)


@given(angles)
def test_euler_angles_stay_where_they_are(values):
    values = np.where(np.abs(np.cos(values)) < 0.05, values + 0.1, values)
    q = modes.quaternion_from_euler(values, ALL)
    assert np.allclose(modes.euler_from_quaternion(q[None], ALL, values)[0], values, atol=1e-6)


def test_euler_angles_over_time_do_not_jump():
    q = smooth_turns()
    found = modes.euler_from_quaternion(q, ALL, np.zeros((6, 3)))
    assert same(modes.quaternion_from_euler(found, ALL), q)
    # Where the middle angle is nearly upright, the outer two turn fast but not by half a turn.
    assert np.abs(np.diff(found, axis=0)).max() < 1.0


def test_a_jump_of_the_quaternions_sign_is_no_jump_of_the_angles():
    q = smooth_turns()
    flipped = q * np.where(np.arange(len(q)) % 3 == 0, -1.0, 1.0)[:, None, None]
    start = np.zeros((6, 3))
    assert np.allclose(
        modes.euler_from_quaternion(flipped, ALL, start), modes.euler_from_quaternion(q, ALL, start), atol=1e-9
    )
    assert np.abs(np.diff(modes.continuous(flipped), axis=0)).max() < 0.05


def test_axis_and_angle_over_time_do_not_jump():
    q = smooth_turns()
    start = np.tile([0.0, 0.0, 1.0, 0.0], (6, 1))
    found = modes.axis_angle_from_quaternion(q, start)
    assert same(modes.quaternion_from_axis_angle(found), q)
    assert np.abs(np.diff(found[..., 0], axis=0)).max() < 0.2
    assert np.allclose(np.linalg.norm(found[..., 1:], axis=-1), 1.0)


def test_what_does_not_turn_keeps_its_axis():
    rest = np.tile([1.0, 0.0, 0.0, 0.0], (3, 1, 1))
    start = np.array([[0.0, 0.0, 0.0, 1.0]])
    assert np.allclose(modes.axis_angle_from_quaternion(rest, start), start)
