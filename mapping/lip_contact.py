# SPDX-FileCopyrightText: 2026 Mimica authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Lips of a character with bones: they part as far as the performer's do, and meet where the performer's touch.

A lip's bone follows the mean of the landmarks around it, which move apart too when lips are pressed, rolled or pushed
out while their edges touch; and the jaw tilts the lip that it carries. So the edges themselves are watched, pair by
pair: near contact the bones are moved until the character's edges are as far apart as the performer's.

Axes are the armature's: x to the character's left, -y forwards, z up; centimetres.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from .character_map import BoneEntry
from .data import load_table
from .landmarks import weight_matrix
from .mirror import mirror_landmarks
from .motion import Motion


@dataclass(frozen=True, slots=True, eq=False)
class LipPairs:
    """P pairs of bones whose lips touch, each array by pair."""

    upper: np.ndarray
    lower: np.ndarray
    """int (P,): places among the bones that follow landmarks."""
    apart: np.ndarray
    """(P, 478): weights of the landmarks whose displacement is how far the performer's edges have parted."""
    scale: np.ndarray
    """(P,): from the performer's size to the character's."""
    upper_edge: np.ndarray
    lower_edge: np.ndarray
    """(P, 3): from the bone's head to the lip's edge, at rest."""
    reach: float
    """cm from the jaw's joints to the lips: what tells how far an open jaw parts them."""


def find_pairs(followers: Sequence[BoneEntry], heads: np.ndarray, face: np.ndarray, scale: np.ndarray) -> LipPairs:
    """Find the lips among bones that follow landmarks.

    :param heads: (G, 3), of the bones at rest.
    :param face: (478, 3): the character's face at rest.
    :param scale: (G,): from the performer's size to the character's.
    """
    place = {e.bone: i for i, e in enumerate(followers)}
    lower = [i for i, e in enumerate(followers) if e.drive == "landmarks" and e.pair in place]
    upper = [place[followers[i].pair] for i in lower]
    edges = weight_matrix([e.edge for e in followers])
    away = edges @ face - heads
    seen = np.array([row[mirror_landmarks()] if e.mirror else row for row, e in zip(edges, followers, strict=True)])
    seen = seen.reshape(edges.shape)
    return LipPairs(
        np.array(upper, int),
        np.array(lower, int),
        seen[upper] - seen[lower],
        0.5 * (scale[upper] + scale[lower]),
        away[upper],
        away[lower],
        float(face[[234, 454], 1].mean() - face[14, 1]),
    )


def meet(pairs: LipPairs, wanted: np.ndarray, apart: np.ndarray, tilt: np.ndarray, motion: Motion) -> None:
    """Change the bones' displacements `wanted` (N, G, 3) so that lips that touch do, and no lip passes the other.

    :param apart: (N, P, 3): how far the performer's edges have parted, performer's size.
    :param tilt: (N, P, 3): how much further the edges part than their bones' heads do, because parents turn.
    """
    table = load_table("lip_contact")
    gap = apart[..., 2] - _blurred(pairs, apart, motion)[:, None]
    parted = _smoothstep(gap, *table["contact"])
    free = _smoothstep(gap, *table["free"])
    has = wanted[:, pairs.upper] - wanted[:, pairs.lower] + tilt
    change = np.zeros_like(has)
    # Sideways lips slide over each other; what is in front of what, the tracker hardly sees: in contact they are level.
    change[..., 1] = -has[..., 1] * (1.0 - parted)
    should = pairs.scale * np.maximum(gap, 0.0) * parted
    change[..., 2] = (should - has[..., 2]) * (1.0 - free)
    wanted[:, pairs.upper] += table["upper_share"] * change
    wanted[:, pairs.lower] -= (1.0 - table["upper_share"]) * change


def _blurred(pairs: LipPairs, apart: np.ndarray, motion: Motion) -> np.ndarray:
    """Return how far filters have parted lips that touch, (N,), cm: the controls know of contact that was that short.

    mouthClose over jawOpen is how much of the jaw's gap the lips close, and is kept through the filters.
    """
    table = load_table("lip_contact")
    way = load_table("geometry")["jaw"]["open_full"] * pairs.reach
    opened = motion.control("jawOpen")
    left = (opened - motion.control("mouthClose")) * way
    touch = (1.0 - _smoothstep(left, *table["contact"])) * _smoothstep(opened * way, *table["jaw"])
    # The middle pair comes first.
    return touch * np.maximum(apart[:, 0, 2], 0.0)


def _smoothstep(value: np.ndarray, start: float, stop: float) -> np.ndarray:
    share = np.minimum(np.maximum((value - start) / (stop - start), 0.0), 1.0)
    return share * share * (3.0 - 2.0 * share)
