# SPDX-FileCopyrightText: 2026 Mimica authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The tongue: the tracker's score against the performer's own level, where a tongue could be seen at all."""

from typing import Any

import numpy as np

from .calibration import PerformerProfile
from .data import load_table
from .frame import ARKIT_SHAPES

TONGUE = ARKIT_SHAPES.index("tongueOut")


def tongue_out(scores: np.ndarray | None, face: np.ndarray, away: np.ndarray, profile: PerformerProfile) -> np.ndarray:
    """Return tongueOut in [0, 1], (N,); 0 where the tracker has no score for it.

    The score is a probability that says little by itself: a tongue that is fully out gives 0.03 to 0.6 by the face, a
    red open mouth up to 0.15. What it gains over the performer's rest, on the scale of logits, says more. Lips that are
    not parted show no tongue, and a face turned away is scored at random, so both hold the value back.

    :param scores: (N, 52), the tracker's, or None.
    :param face: (N, 478, 3), cm, face space.
    :param away: (N,), radians that the heads are turned away from the camera.
    """
    if scores is None:
        return np.zeros(len(face))
    settings = load_table("geometry")["tongue"]
    gain = _ramp(_logit(scores[:, TONGUE]) - _level(profile, settings), *settings["gain"])
    parted = _ramp(_lip_gap(face) - _lip_gap(profile.neutral), *settings["gap"])
    facing = 1.0 - _ramp(away, *settings["turned"])
    told = gain * parted * facing
    return np.where(np.isnan(told), 0.0, told)


def _level(profile: PerformerProfile, settings: dict[str, Any]) -> float:
    """Return the logit at rest, kept within what rests have been seen to give; the usual one when it is not known."""
    rest = float(profile.scores[TONGUE])
    if not np.isfinite(rest):
        return settings["rest"]
    least, most = settings["rest_range"]
    return min(max(float(_logit(np.array(rest))), least), most)


def _lip_gap(face: np.ndarray) -> np.ndarray:
    """Return the height between the lips' inner edges, (...,) cm."""
    return face[..., 13, 1] - face[..., 14, 1]


def _ramp(value: np.ndarray, start: float, end: float) -> np.ndarray:
    return np.minimum(np.maximum((value - start) / (end - start), 0.0), 1.0)


def _logit(probability: np.ndarray) -> np.ndarray:
    # Beyond a hundred thousandth the tracker's float16 weights say nothing.
    bounded = np.minimum(np.maximum(probability.astype(np.float64), 1e-5), 1.0 - 1e-5)
    return np.log(bounded / (1.0 - bounded))
