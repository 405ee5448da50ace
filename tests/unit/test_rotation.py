# SPDX-FileCopyrightText: 2026 Mimica authors
# SPDX-License-Identifier: GPL-3.0-or-later
import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from mimica.mapping import rotation as rot

angles = st.floats(-3.1, 3.1)
vectors = st.tuples(angles, angles, angles).map(np.array).filter(lambda v: np.linalg.norm(v) < 3.1)


@given(vectors)
def test_exponential_and_logarithm_undo_each_other(vector):
    assert np.allclose(rot.log(rot.exp(vector)), vector, atol=1e-9)


@given(vectors)
def test_matrix_and_quaternion_undo_each_other(vector):
    q = rot.exp(vector)
    back = rot.quaternion_from_matrix(rot.matrix_from_quaternion(q))
    assert np.allclose(back, q if q[0] >= 0 else -q, atol=1e-9)


@given(vectors, vectors)
def test_products_of_quaternions_are_products_of_matrices(a, b):
    p, q = rot.exp(a), rot.exp(b)
    together = rot.matrix_from_quaternion(rot.multiply(p, q))
    assert np.allclose(together, rot.matrix_from_quaternion(p) @ rot.matrix_from_quaternion(q), atol=1e-9)
    assert np.allclose(rot.multiply(p, rot.conjugate(p)), [1, 0, 0, 0], atol=1e-12)


def test_half_turns_are_found():
    for axis in np.eye(3):
        q = rot.quaternion_from_matrix(2 * np.outer(axis, axis) - np.eye(3))
        assert np.allclose(np.abs(q), [0, *axis], atol=1e-12)


@given(st.floats(-1.5, 1.5), st.floats(-1.4, 1.4), st.floats(-1.5, 1.5))
def test_euler_angles_in_the_documented_order(yaw, pitch, roll):
    turn = [rot.matrix_from_quaternion(rot.exp(a * np.eye(3)[i])) for a, i in ((yaw, 1), (pitch, 0), (roll, 2))]
    assert np.allclose(rot.euler_from_matrix(turn[0] @ turn[1] @ turn[2]), [yaw, pitch, roll], atol=1e-9)
