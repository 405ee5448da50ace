# SPDX-FileCopyrightText: 2026 Mimica authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The learned part of the solve: from landmarks, scores and head angles to ARKit's shapes.

A small network in numpy, trained by `tools/train_solver.py` on our own face rig, rendered and tracked. It sees what
changed against the performer's neutral, so the neutral itself always gives zeros; it is asked twice, as the face is and
mirrored, so mirrored input always gives mirrored output.
"""

from dataclasses import dataclass
from functools import cache

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

    landmarks: np.ndarray
    """int (L,): the landmarks it looks at."""
    basis: np.ndarray
    """float32 (L * 3, K): displacement to components of unit variance."""
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


def network_inputs(
    basis: np.ndarray, landmarks: np.ndarray, displacement: np.ndarray, scores: np.ndarray | None, head: np.ndarray
) -> np.ndarray:
    """Return what the network sees, float32 (N, F).

    :param displacement: (N, 478, 3), cm, face space, finite.
    :param scores: (N, 52), log-odds against the neutral's (`score_change`), or None for a network without scores.
    :param head: (N, 3), yaw, pitch, roll against the neutral, radians.
    """
    count = len(displacement)
    parts = [displacement[:, landmarks].reshape(count, -1).astype(np.float32) @ basis, head.astype(np.float32)]
    if scores is not None:
        parts.append(scores.astype(np.float32))
    return np.concatenate(parts, axis=1)


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
            stored["landmarks"].astype(int),
            stored["basis"].astype(np.float32),
            bool(stored["uses_scores"]),
            stored["inner"].astype(np.float32),
            stored["inner_bias"].astype(np.float32),
            stored["outer"].astype(np.float32),
            stored["linear"].astype(np.float32),
        )


def learned_shapes(displacement: np.ndarray, scores: np.ndarray | None, head: np.ndarray) -> np.ndarray:
    """Return ARKit's shapes, float (N, 52), not clipped; see `network_inputs` for the arguments."""
    return evaluate(_network("solver" if scores is not None else "solver_geometry"), displacement, scores, head)


def evaluate(network: Network, displacement: np.ndarray, scores: np.ndarray | None, head: np.ndarray) -> np.ndarray:
    """Ask a network as the face is, mirrored, and at rest."""
    mirrored = displacement[:, mirror_landmarks()] * _FLIP
    head_mirrored = head * np.array([-1.0, 1.0, -1.0])
    scores_mirrored = None if scores is None else scores[:, mirror_shapes()]

    def ask(d: np.ndarray, s: np.ndarray | None, h: np.ndarray) -> np.ndarray:
        return network(network_inputs(network.basis, network.landmarks, d, s, h))

    rest = np.zeros((1, LANDMARK_COUNT, 3)), None if scores is None else np.zeros((1, len(ARKIT_SHAPES)))
    at_rest = ask(*rest, np.zeros((1, 3)))
    same = ask(displacement, scores, head) - at_rest
    other = (ask(mirrored, scores_mirrored, head_mirrored) - at_rest)[:, mirror_shapes()]
    return 0.5 * (same + other)
