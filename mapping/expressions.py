# SPDX-FileCopyrightText: 2026 Mimica authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a face looks like for each of ARKit's shapes, and when the head turns: the average face and a performer's own.

Delta blendshapes, in other words: an expression is the change against the rest, and shapes shown together roughly add
up (J. P. Lewis et al., Practice and Theory of Blendshape Facial Models, Eurographics STAR 2014). Turning the head
changes nothing of a face, but what the tracker makes of it: where its idea of the face's depth is wrong, landmarks
seem to move. That is smooth in the angles, and each performer's own.
"""

import base64
import zlib
from dataclasses import dataclass
from functools import cache

import numpy as np

from .data import FOLDER
from .frame import ARKIT_SHAPES, LANDMARK_COUNT
from .mirror import MIRROR_AXES, mirror_landmarks, mirror_shapes

_COUNT = len(ARKIT_SHAPES)
TURNS = 9
"""Terms of `turn_terms`."""
_SIZES = {
    "displacement": (_COUNT, LANDMARK_COUNT, 3),
    "scores": (_COUNT, _COUNT),
    "turned_displacement": (TURNS, LANDMARK_COUNT, 3),
    "turned_scores": (TURNS, _COUNT),
}
_TURN_UNIT = 0.3
"""Radians: a turn of which the terms are near 1."""
_MOST_TURNED = 0.9
"""Radians beyond which the terms stay as they are: polynomials run away."""
INERTIA = 3.0
"""Frames of a full expression that the starting expressions count as, when they are refined."""


@dataclass(frozen=True, slots=True, eq=False)
class Expressions:
    """One face's 52 shapes, each in full."""

    displacement: np.ndarray
    """float32 (52, 478, 3), cm, face space: landmarks against the rest."""
    scores: np.ndarray
    """float32 (52, 52): log-odds of the tracker's scores against the rest (`learned.score_change`); a row a shape."""
    turned_displacement: np.ndarray
    """float32 (TURNS, 478, 3), cm, face space: what seems to move with each of `turn_terms`, the face at rest."""
    turned_scores: np.ndarray
    """float32 (TURNS, 52): log-odds, likewise."""

    def mirrored(self) -> "Expressions":
        """Return the expressions of the mirrored face."""
        swap, points = mirror_shapes(), mirror_landmarks()
        sign = _MIRRORED_TERMS[:, None].astype(np.float32)
        return Expressions(
            self.displacement[swap][:, points] * MIRROR_AXES,
            self.scores[swap][:, swap],
            self.turned_displacement[:, points] * MIRROR_AXES * sign[..., None],
            self.turned_scores[:, swap] * sign,
        )

    def to_json(self) -> dict[str, str]:
        """Return the expressions as text: half precision (a hundredth of a millimetre), packed, 150 kB."""
        return {key: _packed(getattr(self, key)) for key in _SIZES}

    @classmethod
    def from_json(cls, data: dict[str, str]) -> "Expressions":
        """Read what `to_json` wrote. Raises ValueError, KeyError or TypeError for anything else."""
        return cls(**{key: _unpacked(data[key], shape) for key, shape in _SIZES.items()})


@cache
def average_expressions() -> Expressions:
    """Return the mean of many faces' expressions, made by `tools/train_solver.py`."""
    with np.load(FOLDER / "expressions.npz") as stored:
        return Expressions(*(stored[key].astype(np.float32) for key in _SIZES))


_MIRRORED_TERMS = np.array([-1.0, 1.0, -1.0, 1.0, 1.0, -1.0, -1.0, 1.0, 1.0])
"""Signs of `turn_terms` in the mirror, where yaw and roll change theirs."""


def turn_terms(head: np.ndarray) -> np.ndarray:
    """Return the terms (N, TURNS) that the look of a turned face depends on, for yaw, pitch, roll (N, 3) in radians."""
    yaw, pitch, roll = np.clip(np.asarray(head, np.float64), -_MOST_TURNED, _MOST_TURNED).T
    terms = [yaw, pitch, roll, yaw**2, pitch**2, yaw * pitch, yaw**3, pitch**3, yaw**2 * pitch]
    return np.stack(terms, axis=1) / _TURN_UNIT


def own_turning(expressions: Expressions, head: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return what turning the head changes on this face beyond the average's, which the solve knows about.

    :param head: (N, 3), yaw, pitch, roll against the neutral, radians.
    :return: displacement float32 (N, 478, 3), cm, and scores float32 (N, 52), log-odds.
    """
    terms, average = turn_terms(head).astype(np.float32), average_expressions()
    moved = expressions.turned_displacement - average.turned_displacement
    return (
        (terms @ moved.reshape(TURNS, -1)).reshape(len(terms), LANDMARK_COUNT, 3),
        terms @ (expressions.turned_scores - average.turned_scores),
    )


def refine(
    start: Expressions,
    controls: np.ndarray,
    head: np.ndarray,
    displacement: np.ndarray,
    scores: np.ndarray | None,
    inertia: float = INERTIA,
) -> Expressions:
    """Return expressions that explain what a face did while it showed known shapes.

    Ridge regression towards `start`: shapes that hardly moved stay as they were, shapes always shown together share
    what is new.

    :param controls: (N, 52): what the face showed in each frame.
    :param head: (N, 3): yaw, pitch, roll against the neutral, radians.
    :param displacement: (N, 478, 3), cm, face space, finite: as it was seen, no `own_turning` taken off.
    :param scores: (N, 52), log-odds against the rest, or None: those of `start` are kept.
    :param inertia: frames of a full expression that the shapes of `start` count as.
    """
    causes = np.concatenate([controls, turn_terms(head)], axis=1)
    gram = causes.T @ causes + np.diag([inertia] * _COUNT + [INERTIA] * TURNS)

    def better(shown: np.ndarray, turned: np.ndarray, seen: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        old = np.concatenate([shown, turned]).reshape(len(gram), -1).astype(np.float64)
        missing = seen.reshape(len(seen), -1) - causes @ old
        new = (old + np.linalg.solve(gram, causes.T @ missing)).astype(np.float32)
        return new[:_COUNT].reshape(shown.shape), new[_COUNT:].reshape(turned.shape)

    moved, turned = better(start.displacement, start.turned_displacement, displacement)
    if scores is None:
        return Expressions(moved, start.scores, turned, start.turned_scores)
    told, told_turned = better(start.scores, start.turned_scores, scores)
    return Expressions(moved, told, turned, told_turned)


def _packed(array: np.ndarray) -> str:
    return base64.b64encode(zlib.compress(array.astype("<f2").tobytes(), 9)).decode("ascii")


def _unpacked(text: str, shape: tuple[int, ...]) -> np.ndarray:
    try:
        array = np.frombuffer(zlib.decompress(base64.b64decode(text, validate=True)), "<f2").astype(np.float32)
    except zlib.error as error:
        raise ValueError(str(error)) from error
    if not np.isfinite(array).all():
        raise ValueError("not all values are numbers")
    return array.reshape(shape)
