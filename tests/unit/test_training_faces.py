# SPDX-FileCopyrightText: 2026 Mimica authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The training data's faces: different, and human."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from mimica.mapping.data import load_table
from mimica.mapping.landmarks import average_face
from mimica.tools.training_faces import random_asymmetry, random_neutral


def distance(face: np.ndarray, a: int, b: int) -> float:
    return float(np.linalg.norm(face[a] - face[b]))


@given(st.integers(0, 2**32))
def test_faces_are_symmetric_and_of_human_size(seed: int) -> None:
    face = random_neutral(np.random.default_rng(seed))
    mirror = np.array(load_table("face_topology")["mirror"])
    assert np.allclose(face, face[mirror] * (-1.0, 1.0, 1.0), atol=1e-9)
    average = average_face()
    # Hairline to chin, cheek to cheek, mouth, eye, nose, eyes' distance.
    for a, b in ((10, 152), (234, 454), (61, 291), (33, 133), (6, 2), (133, 362)):
        assert 0.65 < distance(face, a, b) / distance(average, a, b) < 1.5, (a, b)
    # The order of things from top to bottom.
    heights = face[[10, 105, 386, 374, 4, 2, 0, 13, 17, 152], 1]
    assert (np.diff(heights) < 0).all()


def test_faces_differ() -> None:
    faces = np.array([random_neutral(np.random.default_rng(seed)) for seed in range(30)])
    spread = faces.std(axis=0)
    assert 0.1 < np.sqrt((spread**2).sum(axis=1)).mean() < 0.8


@given(st.integers(0, 2**32))
def test_asymmetry_is_small_and_smooth(seed: int) -> None:
    face = average_face()
    warped = random_asymmetry(np.random.default_rng(seed))(face)
    assert np.linalg.norm(warped - face, axis=1).max() < 1.0
    # What meets still meets: neighbours across the lids and the lips.
    for a, b in ((386, 374), (159, 145), (13, 14)):
        change = np.linalg.norm((warped[a] - warped[b]) - (face[a] - face[b]))
        assert change < 0.12
