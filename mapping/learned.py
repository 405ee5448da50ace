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

from .data import FOLDER, load_table
from .frame import ARKIT_SHAPES, LANDMARK_COUNT

_FLIP = np.array([-1.0, 1.0, 1.0])
_SCORE_FLOOR = 0.01


@cache
def mirror_landmarks() -> np.ndarray:
    """Return the landmark on the other side of each, int (478,)."""
    return np.array(load_table("face_topology")["mirror"], int)


@cache
def mirror_shapes() -> np.ndarray:
    """Return the shape on the other side of each, int (52,)."""
    swapped = [name.replace("Left", "@").replace("Right", "Left").replace("@", "Right") for name in ARKIT_SHAPES]
    return np.array([ARKIT_SHAPES.index(name) for name in swapped])


@dataclass(frozen=True, slots=True, eq=False)
class Network:
    """One hidden layer beside a linear path. F inputs, H hidden, 52 outputs."""

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


def network_inputs(components: np.ndarray, scores: np.ndarray | None, head: np.ndarray) -> np.ndarray:
    """Return what the network sees, float32 (N, F).

    :param components: (N, K), displacement (N, 478, 3) in cm of face space, times the basis.
    :param scores: (N, 52), log-odds against the neutral's (`score_change`), or None for a network without scores.
    :param head: (N, 3), yaw, pitch, roll against the neutral, radians.
    """
    parts = [components, head] if scores is None else [components, head, scores]
    return np.concatenate([part.astype(np.float32, copy=False) for part in parts], axis=1)


def mirrored_basis(basis: np.ndarray) -> np.ndarray:
    """Return the basis (478 * 3, K) that gives a face the components of its mirror image."""
    points = basis.reshape(LANDMARK_COUNT, 3, -1)
    return np.ascontiguousarray((points[mirror_landmarks()] * _FLIP[:, None]).reshape(basis.shape), dtype=basis.dtype)


@lru_cache(maxsize=4)
def _both_bases(network: Network) -> np.ndarray:
    return np.concatenate([network.basis, mirrored_basis(network.basis)], axis=1)


def score_change(scores: np.ndarray, neutral: np.ndarray) -> np.ndarray:
    """Return log-odds of scores (N, 52) against those of the neutral (52,); 0 where either is not known.

    The scores are probabilities of a logistic output: their log-odds are what the tracker's network added up.
    """

    def log_odds(p: np.ndarray) -> np.ndarray:
        p = np.clip(p, _SCORE_FLOOR, 1.0 - _SCORE_FLOOR)
        return np.log(p / (1.0 - p))

    change = np.nan_to_num(log_odds(scores) - log_odds(neutral))
    # The tongue has a solve of its own (`tongue.py`), and not every model tells of it.
    change[:, ARKIT_SHAPES.index("tongueOut")] = 0.0
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


def learned_shapes(displacement: np.ndarray, scores: np.ndarray | None, head: np.ndarray) -> np.ndarray:
    """Return ARKit's shapes, float (N, 52), not clipped.

    :param displacement: (N, 478, 3), cm, face space, finite. For the others see `network_inputs`.
    """
    return evaluate(_network("solver" if scores is not None else "solver_geometry"), displacement, scores, head)


def evaluate(network: Network, displacement: np.ndarray, scores: np.ndarray | None, head: np.ndarray) -> np.ndarray:
    """Ask a network as the face is, mirrored, and at rest; see `learned_shapes`."""
    flat = displacement.reshape(len(displacement), -1).astype(np.float32, copy=False)
    size = network.basis.shape[1]
    # One product for both: mirroring the basis costs nothing, mirroring every face would.
    components = flat @ _both_bases(network)
    same = network(network_inputs(components[:, :size], scores, head))
    swapped = None if scores is None else scores[:, mirror_shapes()]
    other = network(network_inputs(components[:, size:], swapped, head * np.array([-1.0, 1.0, -1.0])))
    at_rest = network(np.zeros((1, network.inner.shape[0]), np.float32))
    return 0.5 * (same - at_rest + (other - at_rest)[:, mirror_shapes()])
