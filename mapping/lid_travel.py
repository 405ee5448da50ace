# SPDX-FileCopyrightText: 2026 Mimica authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Lids of a character with bones: on their way around the eyeball, to the line where they meet.

Axes are the armature's: x to the character's left, -y forwards, z up; centimetres.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from .character_map import BoneEntry
from .motion import Motion

_CONTACT_SHARE = 0.2
"""Where lids meet: this share of the opening above the lower lid at rest (the upper lid does most of the travel)."""
_WIDE_SHARE = 0.35
"""How far eyeWide lifts the upper lid, in openings."""
_SQUINT_SHARE = 0.2
"""How far eyeSquint lifts the lower lid, in openings."""


@dataclass(frozen=True, slots=True, eq=False)
class Lids:
    """All lid bones of a character, each array by lid."""

    rows: np.ndarray
    sides: np.ndarray
    """The performer's lid that it follows: 0 left, 1 right."""
    eyes: np.ndarray
    """The character's eye that it belongs to: 0 left, 1 right."""
    upper: np.ndarray
    here: np.ndarray
    way: np.ndarray
    """(L, 3): from rest to where the lids meet."""
    centre: np.ndarray
    radius: np.ndarray
    gain: np.ndarray


def compile_lids(
    entries: Sequence[BoneEntry],
    row: Mapping[str, int],
    heads: np.ndarray,
    gain: np.ndarray,
    eyes: Mapping[str, np.ndarray],
) -> Lids | None:
    """Return the lids among the entries of a map; None when there are none.

    :param row: place of each bone among the entries. :param heads: (A, 3), of their bones. :param gain: (A,).
    :param eyes: the eyeballs' centres by side, as far as they are known.
    """
    lids = [(i, e) for i, e in enumerate(entries) if e.drive == "lid" and e.pair in row]
    if not lids:
        return None
    here = np.array([heads[i] for i, _ in lids])
    there = np.array([heads[row[e.pair]] for _, e in lids])
    is_upper = np.array([e.upper for _, e in lids])
    lower = np.where(is_upper[:, None], there, here)
    upper = np.where(is_upper[:, None], here, there)
    # Without an eyeball a lid moves on a straight line: about a centre that is very far away.
    centre = np.array([eyes.get(e.side, heads[i] + [0.0, 1e4, 0.0]) for i, e in lids])
    rows = np.array([i for i, _ in lids])
    return Lids(
        rows=rows,
        sides=np.array([0 if (e.side == "L") != e.mirror else 1 for _, e in lids]),
        eyes=np.array([0 if e.side == "L" else 1 for _, e in lids]),
        upper=is_upper,
        here=here,
        way=lower + _CONTACT_SHARE * (upper - lower) - here,
        centre=centre,
        radius=np.linalg.norm(here - centre, axis=1),
        gain=gain[rows],
    )


def lid_travel(lids: Lids, motion: Motion, carried: np.ndarray | None = None) -> np.ndarray:
    """Displacements (N, L, 3) of the lids on their way around the eyeball; at full closure both share one line.

    :param carried: (N, L, 3): how far the eyes take the lids along, which closed ones do not follow.
    """

    def by_lid(name: str) -> np.ndarray:
        both = np.stack([motion.control(f"{name}Left"), motion.control(f"{name}Right")], axis=1)
        return both[:, lids.sides]

    closure = by_lid("eyeBlink")
    squint = _SQUINT_SHARE / _CONTACT_SHARE * by_lid("eyeSquint")
    raised = np.where(lids.upper, -_WIDE_SHARE * by_lid("eyeWide"), squint)
    share = np.clip((closure + (1.0 - closure) * raised) * lids.gain, -1.0, 1.0)
    ray = lids.here + share[..., None] * lids.way - lids.centre
    if carried is not None:
        ray += (1.0 - lid_closure(lids, motion))[..., None] * carried
    # A straight line between two points of a sphere cuts through it: keep each lid's own distance to the centre.
    length = np.linalg.norm(ray, axis=2, keepdims=True)
    return lids.centre + ray * (lids.radius[:, None] / np.maximum(length, 1e-9)) - lids.here


def lid_closure(lids: Lids, motion: Motion) -> np.ndarray:
    """Return how far each lid is closed, (N, L), 0 to 1."""
    both = np.stack([motion.control("eyeBlinkLeft"), motion.control("eyeBlinkRight")], axis=1)
    return np.clip(both[:, lids.sides] * lids.gain, 0.0, 1.0)
