# SPDX-FileCopyrightText: 2026 Mimica authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The learned part of the solve: from landmarks, scores and head angles to ARKit's shapes.

A small network in numpy, trained by `tools/train_solver.py` on our own face rig, rendered and tracked. It sees what
changed against the performer's neutral, so the neutral itself always gives zeros; it is asked twice, as the face is and
mirrored, so mirrored input always gives mirrored output.
"""

from dataclasses import dataclass
from functools import cache, lru_cache

import numpy as np

from .data import FOLDER
from .expressions import Expressions
from .frame import ARKIT_SHAPES, LANDMARK_COUNT
from .mirror import MIRROR_AXES, mirror_landmarks, mirror_shapes

_HEAD_FLIP = np.array([-1.0, 1.0, -1.0], np.float32)
_SCORE_FLOOR = 0.01
_TONGUE = ARKIT_SHAPES.index("tongueOut")
_SCORE_UNIT = 1.5
"""Log-odds that count as much as a standard deviation of a component of the displacement."""
_DOUBTS = (0.03, 0.3)
"""Shares of the mean expression's strength by which the two ridge regressions hold back."""


@dataclass(frozen=True, slots=True, eq=False)
class Network:
    """One hidden layer beside a linear path. F inputs, H hidden, 52 outputs; see `network_inputs`."""

    basis: np.ndarray
    """float32 (478 * 3, K): displacement to components of unit variance."""
    uses_scores: bool
    inner: np.ndarray
    """float32 (F, H)."""
    inner_bias: np.ndarray
    outer: np.ndarray
    """float32 (H, 52)."""
    linear: np.ndarray
    """float32 (F, 52)."""

    def __call__(self, inputs: np.ndarray) -> np.ndarray:
        """Return (N, 52) of inputs (N, F), before the neutral is taken off."""
        return np.tanh(inputs @ self.inner + self.inner_bias) @ self.outer + inputs @ self.linear


def explanation(basis: np.ndarray, expressions: Expressions, uses_scores: bool) -> np.ndarray:
    """Return how what is seen is explained by a face's expressions, float32 (K or K + 52, 156).

    Three linear answers to "how much of each shape is in this": ridge regression on all expressions together, once
    trusting and once careful, and each expression by itself.

    :param basis: (478 * 3, K), see `Network`.
    """
    components = expressions.displacement.reshape(len(ARKIT_SHAPES), -1) @ basis
    shown = seen_by(components, expressions.scores if uses_scores else None).astype(np.float64)
    gram = shown @ shown.T
    size = np.trace(gram) / len(gram)
    answers = [np.linalg.solve(gram + doubt * size * np.eye(len(gram)), shown).T for doubt in _DOUBTS]
    alone = shown.T / np.maximum(np.diagonal(gram), 1e-6)
    return np.concatenate([*answers, alone], axis=1).astype(np.float32)


def network_inputs(
    components: np.ndarray, explained: np.ndarray, head: np.ndarray, measured: np.ndarray, scores: np.ndarray | None
) -> np.ndarray:
    """Return what the network sees, float32 (N, F).

    :param components: (N, K), displacement (N, 478, 3) in cm of face space, times the basis.
    :param explained: (N, 156), see `explanation`.
    :param head: (N, 3), yaw, pitch, roll against the neutral, radians.
    :param measured: (N, 52), what anatomy says of the shapes from the landmarks.
    :param scores: (N, 52), log-odds against the neutral's (`score_change`), or None for a network without scores.
    """
    parts = [components, explained, head, measured] + ([] if scores is None else [scores])
    return np.concatenate([part.astype(np.float32, copy=False) for part in parts], axis=1)


def seen_by(components: np.ndarray, scores: np.ndarray | None) -> np.ndarray:
    """Return what `explanation` is multiplied with, (N, K or K + 52)."""
    return components if scores is None else np.concatenate([components, scores / _SCORE_UNIT], axis=1)


def mirrored_basis(basis: np.ndarray) -> np.ndarray:
    """Return the basis (478 * 3, K) that gives a face the components of its mirror image."""
    points = basis.reshape(LANDMARK_COUNT, 3, -1)
    mirrored = points[mirror_landmarks()] * MIRROR_AXES[:, None]
    return np.ascontiguousarray(mirrored.reshape(basis.shape), dtype=basis.dtype)


class Reader:
    """A network with one face's expressions: reads that face. Immutable.

    All that comes before the network's hidden layer is linear, so it is one matrix for the face as it is, and one for
    the mirrored face.
    """

    def __init__(self, network: Network, expressions: Expressions) -> None:
        self.network = network
        # One product for both: mirroring the basis costs nothing, mirroring every face would.
        self._bases = np.concatenate([network.basis, mirrored_basis(network.basis)], axis=1)
        size, swap = network.basis.shape[1], mirror_shapes()
        plain, mirrored = _inputs_of_seen(network, expressions), _inputs_of_seen(network, expressions, mirrored=True)
        # What is seen stands as: components, what both sides share, components of the mirror image. Each side sees
        # its own components and the middle.
        mirrored = np.concatenate([mirrored[size:], mirrored[:size]])
        self._sides = [
            (part, (inputs @ network.inner).astype(np.float32), 0.5 * outer)
            for part, inputs, outer in (
                (slice(None, len(plain)), plain, network.outer),
                (slice(size, None), mirrored, network.outer[:, swap]),
            )
        ]
        linear = np.zeros((len(plain) + size, len(ARKIT_SHAPES)))
        linear[: len(plain)] += 0.5 * (plain @ network.linear)
        linear[size:] += 0.5 * (mirrored @ network.linear[:, swap])
        self._linear = linear.astype(np.float32)
        rest = network(np.zeros((1, len(network.inner)), np.float32))
        self._rest = 0.5 * (rest + rest[:, swap])

    def __call__(
        self, displacement: np.ndarray, scores: np.ndarray | None, head: np.ndarray, measured: np.ndarray
    ) -> np.ndarray:
        """Ask the network as the face is, mirrored, and at rest; see `learned_shapes`."""
        size = self.network.basis.shape[1]
        components = displacement.reshape(len(displacement), -1).astype(np.float32, copy=False) @ self._bases
        shared = [head, measured] if scores is None else [head, measured, scores]
        seen = np.concatenate([components[:, :size], *shared, components[:, size:]], axis=1, dtype=np.float32)
        told = seen @ self._linear - self._rest
        for part, inner, outer in self._sides:
            told += np.tanh(seen[:, part] @ inner + self.network.inner_bias) @ outer
        return told


def _inputs_of_seen(network: Network, expressions: Expressions, *, mirrored: bool = False) -> np.ndarray:
    """Return the matrix from components, head, measured shapes and scores, side by side, to `network_inputs`."""
    shapes, size = len(ARKIT_SHAPES), network.basis.shape[1]
    each = np.eye(size + 3 + shapes + (shapes if network.uses_scores else 0))
    components, head, measured, scores = np.split(each, np.cumsum([size, 3, shapes]), axis=1)
    told = scores if network.uses_scores else None
    if mirrored:
        expressions, swap = expressions.mirrored(), mirror_shapes()
        head, measured, told = head * _HEAD_FLIP, measured[:, swap], None if told is None else told[:, swap]
    explained = seen_by(components, told) @ explanation(network.basis, expressions, network.uses_scores)
    return network_inputs(components, explained, head, measured, told).astype(np.float64)


def score_change(scores: np.ndarray, neutral: np.ndarray) -> np.ndarray:
    """Return log-odds of scores (N, 52) against those of the neutral (52,); 0 where either is not known.

    The scores are probabilities of a logistic output: their log-odds are what the tracker's network added up.
    """

    def log_odds(p: np.ndarray) -> np.ndarray:
        p = np.minimum(np.maximum(p, _SCORE_FLOOR), 1.0 - _SCORE_FLOOR)
        return np.log(p / (1.0 - p))

    change = log_odds(scores) - log_odds(neutral)
    change[np.isnan(change)] = 0.0
    # The tongue has a solve of its own (`tongue.py`), and not every model tells of it.
    change[:, _TONGUE] = 0.0
    return change


@cache
def _network(name: str) -> Network:
    with np.load(FOLDER / f"{name}.npz") as stored:
        return Network(
            stored["basis"].astype(np.float32),
            bool(stored["uses_scores"]),
            stored["inner"].astype(np.float32),
            stored["inner_bias"].astype(np.float32),
            stored["outer"].astype(np.float32),
            stored["linear"].astype(np.float32),
        )


@lru_cache(maxsize=4)
def _reader(name: str, expressions: Expressions) -> Reader:
    return Reader(_network(name), expressions)


def learned_shapes(
    displacement: np.ndarray,
    scores: np.ndarray | None,
    head: np.ndarray,
    measured: np.ndarray,
    expressions: Expressions,
) -> np.ndarray:
    """Return ARKit's shapes, float (N, 52), not clipped.

    :param displacement: (N, 478, 3), cm, face space, finite. For the others see `network_inputs`.
    """
    return _reader("solver" if scores is not None else "solver_geometry", expressions)(
        displacement, scores, head, measured
    )
