# SPDX-FileCopyrightText: 2026 Mimica authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The jaw as a rigid part: hinge, sideways, forward; and the motion that skin takes from it."""

from dataclasses import dataclass
from functools import cache

import numpy as np

from .data import load_table
from .frame import LANDMARK_COUNT


@dataclass(frozen=True, slots=True, eq=False)
class JawMotion:
    """N jaw poses against the neutral, in face space."""

    open: np.ndarray
    """float (N,), radians about x through the joint; > 0 opens."""
    sideways: np.ndarray
    """float (N,), radians about y through the joint; > 0 to the performer's left."""
    forward: np.ndarray
    """float (N,), cm along z."""


def jaw_joint(neutral: np.ndarray) -> np.ndarray:
    """Return the middle of the jaw's axis, (3,) cm: a little before the ears (the temporomandibular joints)."""
    table = load_table("landmarks")["jaw_joint"]
    joint = neutral[table["landmarks"]].mean(axis=0).copy()
    joint[0] = 0.0
    joint[2] += table["forward_cm"]
    return joint


def solve_jaw(displacement: np.ndarray, neutral: np.ndarray) -> JawMotion:
    """Find the jaw's motion from the chin by weighted least squares on a hinge.

    :param displacement: (N, 478, 3), cm, face space.
    :param neutral: (478, 3), cm.
    """
    table = load_table("landmarks")["chin"]
    settings = load_table("geometry")["jaw"]
    chin = np.array([int(k) for k in table])
    weights = np.array(list(table.values()))
    arm = neutral[chin] - jaw_joint(neutral)
    moved = arm + displacement[:, chin]
    # Angle between the sagittal projections; depth counts little, the tracker's z is noisy and biased.
    depth = settings["depth_weight"]
    radius = np.maximum((weights * (arm[:, 2] ** 2 + depth * arm[:, 1] ** 2)).sum(), 1e-6)
    lever = -arm[:, 2] * (moved[..., 1] - arm[:, 1]) + depth * arm[:, 1] * (moved[..., 2] - arm[:, 2])
    opening = np.arcsin(np.clip((weights * lever).sum(axis=1) / radius, -0.2, 0.9))
    share = weights / weights.sum()
    reach = np.maximum((share * arm[:, 2]).sum(), 1e-6)
    sideways = np.arcsin(np.clip((share * displacement[:, chin, 0]).sum(axis=1) / reach, -0.5, 0.5))
    hinged_z = arm[:, 1] * np.sin(opening)[:, None] + arm[:, 2] * np.cos(opening)[:, None]
    forward = (share * (moved[..., 2] - hinged_z)).sum(axis=1)
    return JawMotion(opening, sideways, forward)


def jaw_rotation(opening: np.ndarray, sideways: np.ndarray) -> np.ndarray:
    """Return the jaw's rotation matrices (N, 3, 3) in face space: first the hinge, then sideways."""
    c, s = np.cos(opening), np.sin(opening)
    cy, sy = np.cos(sideways), np.sin(sideways)
    zero, one = np.zeros_like(c), np.ones_like(c)
    hinge = np.stack([np.stack([one, zero, zero], -1), np.stack([zero, c, -s], -1), np.stack([zero, s, c], -1)], -2)
    turn = np.stack([np.stack([cy, zero, sy], -1), np.stack([zero, one, zero], -1), np.stack([-sy, zero, cy], -1)], -2)
    return turn @ hinge


@cache
def _follow() -> np.ndarray:
    weights = np.zeros(LANDMARK_COUNT)
    for share, landmarks in load_table("geometry")["jaw_follow"].items():
        if share != "comment":
            weights[landmarks] = float(share)
    return weights


def close_lips(neutral: np.ndarray) -> np.ndarray:
    """Return a face (478, 3) with its lips closed by turning the jaw, or the face itself when they are closed already.

    Who never rests with closed lips in a performance has parted lips in the calmest moment too. Taken for the neutral,
    every parted mouth would be shut on the character.
    """
    settings = load_table("geometry")["jaw"]
    gap = float(neutral[13, 1] - neutral[14, 1])
    excess = gap - settings["closed_gap"]
    if excess < settings["parted_gap"] - settings["closed_gap"]:
        return neutral
    arm = neutral - jaw_joint(neutral)
    angle = np.arcsin(np.clip(excess / max(float(arm[14, 2]), 1.0), 0.0, 0.3))
    closed = arm @ jaw_rotation(-np.atleast_1d(angle), np.zeros(1))[0].T - arm
    return neutral + _follow()[:, None] * closed


def without_jaw(displacement: np.ndarray, landmarks: np.ndarray, neutral: np.ndarray, jaw: JawMotion) -> np.ndarray:
    """Return the landmarks' displacements less the share that skin takes from the jaw's hinge and sideways motion.

    :param displacement: (N, L, 3), of the landmarks (L,) alone.
    """
    arm = neutral[landmarks] - jaw_joint(neutral)
    carried = arm @ jaw_rotation(jaw.open, jaw.sideways).transpose(0, 2, 1) - arm
    return displacement - _follow()[landmarks, None] * carried
