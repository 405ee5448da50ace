# SPDX-FileCopyrightText: 2026 Mimica authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The jaw as a rigid part: hinge, sideways, forward; and the motion that skin takes from it."""

from dataclasses import dataclass
from functools import cache

import numpy as np

from .data import load_table
from .frame import LANDMARK_COUNT

_NO_TURN = np.eye(3).ravel()


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


class JawHinge:
    """The jaw of one neutral face (478, 3), cm, on its joint. Immutable."""

    def __init__(self, neutral: np.ndarray) -> None:
        table = load_table("landmarks")["chin"]
        self._chin = np.array([int(k) for k in table])
        weights = np.array(list(table.values()))
        self._arm = neutral - jaw_joint(neutral)
        _, y, z = self._arm[self._chin].T
        # Angle between the sagittal projections; depth counts little, the tracker's z is noisy and biased.
        depth = load_table("geometry")["jaw"]["depth_weight"]
        radius = max(float(weights @ (z**2 + depth * y**2)), 1e-6)
        share = weights / weights.sum()
        self._reach = share @ np.stack([y, z], axis=1)
        # From the chin's displacement to the sines of the two angles and to its mean z, all by weighted least squares.
        matrix = np.zeros((len(weights), 3, 3))
        matrix[:, 1, 0], matrix[:, 2, 0] = -weights * z / radius, weights * depth * y / radius
        matrix[:, 0, 1] = share / max(float(self._reach[1]), 1e-6)
        matrix[:, 2, 2] = share
        self._matrix = matrix.reshape(-1, 3)

    def solve(self, displacement: np.ndarray) -> JawMotion:
        """Find the jaw's motion from the chin in displacements (N, 478, 3), cm, face space."""
        chin = displacement.take(self._chin, axis=1).reshape(len(displacement), -1)
        hinge, aside, forward = (chin @ self._matrix).T
        hinge = np.minimum(np.maximum(hinge, -0.2), 0.9)
        y, z = self._reach
        # The hinge moves the chin in z too.
        forward = forward + z - y * hinge - z * np.sqrt(1.0 - hinge * hinge)
        return JawMotion(np.arcsin(hinge), np.arcsin(np.minimum(np.maximum(aside, -0.5), 0.5)), forward)

    def carried(self, landmarks: np.ndarray) -> np.ndarray:
        """Return what the jaw's rotation does to skin: float (9, L * 3), cm, for a product with `turned`.

        The displacement of landmarks (L,) by the share that skin takes from the jaw's hinge and sideways motion.
        """
        arm = _follow()[landmarks, None] * self._arm[landmarks]
        matrix = np.zeros((3, 3, len(landmarks), 3))
        for axis in range(3):
            matrix[axis, :, :, axis] = arm.T
        return matrix.reshape(9, -1)


def turned(jaw: JawMotion) -> np.ndarray:
    """Return the jaw's rotation matrices less the identity, (N, 9)."""
    return jaw_rotation(jaw.open, jaw.sideways).reshape(-1, 9) - _NO_TURN


def solve_jaw(displacement: np.ndarray, neutral: np.ndarray) -> JawMotion:
    """Find the jaw's motion from the chin by weighted least squares on a hinge.

    :param displacement: (N, 478, 3), cm, face space.
    :param neutral: (478, 3), cm.
    """
    return JawHinge(neutral).solve(displacement)


def jaw_rotation(opening: np.ndarray, sideways: np.ndarray) -> np.ndarray:
    """Return the jaw's rotation matrices (N, 3, 3) in face space: first the hinge, then sideways."""
    c, s = np.cos(opening), np.sin(opening)
    cy, sy = np.cos(sideways), np.sin(sideways)
    rotation = np.zeros((len(c), 3, 3))
    rotation[:, 0, 0], rotation[:, 0, 1], rotation[:, 0, 2] = cy, sy * s, sy * c
    rotation[:, 1, 1], rotation[:, 1, 2] = c, -s
    rotation[:, 2, 0], rotation[:, 2, 1], rotation[:, 2, 2] = -sy, cy * s, cy * c
    return rotation


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
