# SPDX-FileCopyrightText: 2026 Mimica authors
# SPDX-License-Identifier: GPL-3.0-or-later
import json

import numpy as np
import pytest

from mimica.mapping.expressions import TURNS, Expressions, average_expressions, own_turning, refine, turn_terms
from mimica.mapping.frame import ARKIT_SHAPES

SMILE = ARKIT_SHAPES.index("mouthSmileLeft")


def random_face(seed: int) -> Expressions:
    """The average face with expressions a little its own."""
    random = np.random.default_rng(seed)
    average = average_expressions()
    return Expressions(
        *(
            (array + random.normal(0, 0.1, array.shape)).astype(np.float32)
            for array in (
                average.displacement,
                average.scores,
                average.turned_displacement,
                average.turned_scores,
            )
        )
    )


def performance(face: Expressions, frames: int, seed: int) -> tuple[np.ndarray, ...]:
    """What a face shows while shapes and head move at random: controls, head, displacement, scores."""
    random = np.random.default_rng(seed)
    controls = random.uniform(0, 1, (frames, 52)) * (random.random((frames, 52)) < 0.3)
    head = random.uniform(-0.4, 0.4, (frames, 3))
    terms = turn_terms(head)

    def seen(shown: np.ndarray, turned: np.ndarray) -> np.ndarray:
        flat = controls @ shown.reshape(52, -1) + terms @ turned.reshape(TURNS, -1)
        return flat.reshape(frames, *shown.shape[1:])

    return (
        controls,
        head,
        seen(face.displacement, face.turned_displacement),
        seen(face.scores, face.turned_scores),
    )


def test_the_average_face_is_symmetric():
    average = average_expressions()
    other = average.mirrored()
    # Half precision on disk.
    assert np.abs(average.displacement - other.displacement).max() < 0.01
    assert np.abs(average.turned_displacement - other.turned_displacement).max() < 0.01
    assert np.abs(average.scores - other.scores).max() < 0.05


def test_smiling_lifts_the_corner_of_the_mouth_and_blinking_lowers_the_lid():
    average = average_expressions().displacement
    assert average[SMILE, 291, 1] > 0.2 and abs(average[SMILE, 61, 1]) < 0.1
    assert average[ARKIT_SHAPES.index("eyeBlinkRight"), 159, 1] < -0.2


def test_mirroring_twice_changes_nothing():
    face = random_face(1)
    twice = face.mirrored().mirrored()
    for name in Expressions.__dataclass_fields__:
        assert np.allclose(getattr(face, name), getattr(twice, name), atol=1e-6)


def test_a_performance_tells_a_faces_own_expressions():
    face, average = random_face(2), average_expressions()
    learned = refine(average, *performance(face, 900, 3))
    for name in Expressions.__dataclass_fields__:
        away = np.abs(getattr(average, name) - getattr(face, name)).mean()
        assert np.abs(getattr(learned, name) - getattr(face, name)).mean() < 0.4 * away, name


def test_shapes_that_were_not_shown_stay_as_they_were():
    face, average = random_face(4), average_expressions()
    controls, head, displacement, scores = performance(face, 200, 5)
    displacement = displacement - np.tensordot(controls[:, SMILE], face.displacement[SMILE], 0)
    controls[:, SMILE] = 0.0
    learned = refine(average, controls, head, displacement, scores)
    assert np.allclose(learned.displacement[SMILE], average.displacement[SMILE], atol=1e-5)


def test_without_scores_those_known_are_kept():
    controls, head, displacement, _ = performance(random_face(6), 100, 7)
    average = average_expressions()
    learned = refine(average, controls, head, displacement, None)
    assert np.array_equal(learned.scores, average.scores)
    assert np.array_equal(learned.turned_scores, average.turned_scores)


def test_the_average_face_has_no_turning_of_its_own():
    head = np.random.default_rng(8).uniform(-1.5, 1.5, (20, 3))
    moved, told = own_turning(average_expressions(), head)
    assert not moved.any() and not told.any()


def test_the_json_keeps_a_hundredth_of_a_millimetre():
    face = random_face(9)
    text = json.dumps(face.to_json())
    assert len(text) < 400_000
    again = Expressions.from_json(json.loads(text))
    assert np.abs(again.displacement - face.displacement).max() < 2e-3
    assert np.abs(again.scores - face.scores).max() < 1e-2


@pytest.mark.parametrize("damage", ["", "abc", "%%%", None, 5])
def test_damaged_text_is_refused(damage):
    data = {**random_face(10).to_json(), "scores": damage}
    with pytest.raises((ValueError, TypeError)):
        Expressions.from_json(data)
