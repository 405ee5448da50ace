# SPDX-FileCopyrightText: 2026 Mimica authors
# SPDX-License-Identifier: GPL-3.0-or-later
import numpy as np
import pytest

from mimica.mapping.expressions import Expressions, average_expressions
from mimica.mapping.frame import ARKIT_SHAPES
from mimica.mapping.learned import learned_shapes, score_change
from mimica.mapping.mirror import mirror_landmarks, mirror_shapes


def faces(count: int, seed: int) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    random = np.random.default_rng(seed)
    displacement = random.normal(0, 0.3, (count, 478, 3))
    scores = random.normal(0, 2.0, (count, len(ARKIT_SHAPES)))
    scores[:, ARKIT_SHAPES.index("tongueOut")] = 0.0
    return displacement, scores, random.uniform(-0.5, 0.5, (count, 3)), random.uniform(0, 1, (count, 52))


def lopsided() -> Expressions:
    """A face whose left side shows everything more strongly."""
    average = average_expressions()
    strength = np.where(average.displacement[..., :1] > 0, 1.3, 0.9).astype(np.float32)
    return Expressions(
        average.displacement * strength, average.scores, average.turned_displacement, average.turned_scores
    )


@pytest.mark.parametrize("with_scores", [True, False])
def test_the_neutral_gives_zeros(with_scores):
    scores = np.zeros((1, 52)) if with_scores else None
    nothing = np.zeros((1, 478, 3)), scores, np.zeros((1, 3)), np.zeros((1, 52))
    assert np.abs(learned_shapes(*nothing, average_expressions())).max() < 1e-6


@pytest.mark.parametrize("with_scores", [True, False])
def test_a_mirrored_face_gives_mirrored_shapes(with_scores):
    displacement, scores, head, measured = faces(5, 1)
    face = lopsided()
    plain = learned_shapes(displacement, scores if with_scores else None, head, measured, face)
    other = learned_shapes(
        displacement[:, mirror_landmarks()] * [-1.0, 1.0, 1.0],
        scores[:, mirror_shapes()] if with_scores else None,
        head * [-1.0, 1.0, -1.0],
        measured[:, mirror_shapes()],
        face.mirrored(),
    )
    assert np.abs(plain[:, mirror_shapes()] - other).max() < 1e-4 * np.abs(plain).max()


def test_one_face_and_many_agree():
    seen = faces(6, 2)
    together = learned_shapes(*seen, average_expressions())
    for i in range(6):
        alone = learned_shapes(*(part[i : i + 1] for part in seen), average_expressions())
        assert np.abs(alone[0] - together[i]).max() < 1e-5 * np.abs(together).max()


def test_scores_that_are_not_known_change_nothing():
    scores = np.full((2, 52), np.nan)
    assert (score_change(scores, np.full(52, 0.3)) == 0).all()
    assert (score_change(np.full((2, 52), 0.5), np.full(52, np.nan)) == 0).all()


def test_every_landmark_and_shape_has_its_other_side():
    for table in (mirror_landmarks(), mirror_shapes()):
        assert np.array_equal(table[table], np.arange(len(table)))
