# SPDX-FileCopyrightText: 2026 Mimica authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a face looks like for each of ARKit's shapes: the average face's expressions, and one performer's own.

Delta blendshapes, in other words: an expression is the change against the rest, and shapes shown together roughly add
up (J. P. Lewis et al., Practice and Theory of Blendshape Facial Models, Eurographics STAR 2014).
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
_SIZES = {"displacement": (_COUNT, LANDMARK_COUNT, 3), "scores": (_COUNT, _COUNT)}
_INERTIA = 3.0
"""Frames of a full expression that the starting expressions count as, when they are refined."""


@dataclass(frozen=True, slots=True, eq=False)
class Expressions:
    """One face's 52 shapes, each in full."""

    displacement: np.ndarray
    """float32 (52, 478, 3), cm, face space: landmarks against the rest."""
    scores: np.ndarray
    """float32 (52, 52): log-odds of the tracker's scores against the rest (`learned.score_change`); a row a shape."""

    def mirrored(self) -> "Expressions":
        """Return the expressions of the mirrored face."""
        swap = mirror_shapes()
        return Expressions(self.displacement[swap][:, mirror_landmarks()] * MIRROR_AXES, self.scores[swap][:, swap])

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


def refine(
    start: Expressions, controls: np.ndarray, displacement: np.ndarray, scores: np.ndarray | None
) -> Expressions:
    """Return expressions that explain what a face did while it showed known shapes.

    Ridge regression towards `start`: shapes that hardly moved stay as they were, shapes always shown together share
    what is new.

    :param controls: (N, 52): what the face showed in each frame.
    :param displacement: (N, 478, 3), cm, face space, finite.
    :param scores: (N, 52), log-odds against the rest, or None: those of `start` are kept.
    """
    controls = np.asarray(controls, np.float64)
    gram = controls.T @ controls + _INERTIA * np.eye(_COUNT)

    def better(old: np.ndarray, seen: np.ndarray) -> np.ndarray:
        flat = old.reshape(_COUNT, -1).astype(np.float64)
        missing = seen.reshape(len(seen), -1) - controls @ flat
        return (flat + np.linalg.solve(gram, controls.T @ missing)).reshape(old.shape).astype(np.float32)

    return Expressions(
        better(start.displacement, displacement), start.scores if scores is None else better(start.scores, scores)
    )


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
