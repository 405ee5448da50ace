# SPDX-FileCopyrightText: 2026 Mimica authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The whole face as plain arrays: every mesh part, and the places of the bones that no landmark gives."""

from dataclasses import dataclass

import numpy as np

from ...mapping.data import load_table
from .brows import add_brows
from .ears import add_ears
from .eyes import eyeballs, open_lids
from .head import fit_to, grow_head
from .mouth import mouth_bag, teeth_and_tongue
from .neutral import RestFace, rest_face
from .nose import open_nostrils
from .part import Part
from .weights import landmark_weights

_UP, _FORWARD = np.array([0.0, 1.0, 0.0]), np.array([0.0, 0.0, 1.0])
_TARGET_DISTANCE = 30.0
"""From the eyes to what they look at, cm."""
_LIPS = frozenset(
    (61, 146, 91, 181, 84, 17, 314, 405, 321, 375, 291, 185, 40, 39, 37, 0, 267, 269, 270, 409,
     76, 77, 90, 180, 85, 16, 315, 404, 320, 307, 306, 184, 74, 73, 72, 11, 302, 303, 304, 408,
     62, 96, 89, 179, 86, 15, 316, 403, 319, 325, 292, 183, 42, 41, 38, 12, 268, 271, 272, 407,
     78, 95, 88, 178, 87, 14, 317, 402, 318, 324, 308, 191, 80, 81, 82, 13, 312, 311, 310, 415)
)  # fmt: skip


@dataclass(frozen=True, slots=True, eq=False)
class FaceShape:
    """A face ready to be built. Face space, cm."""

    rest: RestFace
    skin: Part
    """Points 0 to 467 are the landmarks in order."""
    eyes: Part
    teeth: Part
    guarded: list[int]
    """Points of the skin that must stay outside of the eyeballs."""
    joints: dict[str, tuple[np.ndarray, np.ndarray]]
    """Head and tail of the bones that no landmark places."""


def face_shape(neutral: np.ndarray) -> FaceShape:
    """Return the face for a tracked neutral, float (478, 3), face space, cm."""
    rest = rest_face(neutral)
    points = rest.points
    skin = Part()
    skin.add(points[:468], landmark_weights(rest))
    for corners in load_table("face_topology")["faces"]:
        skin.face(corners, "lips" if _LIPS.issuperset(corners) else "skin")
    joints = _joints(points)
    add_brows(skin)
    open_nostrils(skin)
    grow_head(skin)
    add_ears(skin)
    mouth_bag(skin)
    guarded = open_lids(skin, rest)
    teeth, tongue = teeth_and_tongue(points)
    for k, name in enumerate(("tongue", "tongue_mid", "tongue_tip")):
        joints[name] = (tongue[k], tongue[k + 1])
    for eye in rest.eyes:
        joints[f"eye.{eye.side}"] = (eye.centre, eye.centre + eye.radius * _FORWARD)
        target = eye.centre + _TARGET_DISTANCE * _FORWARD
        joints[f"eye_target.{eye.side}"] = (target, target + _UP)
    target = 0.5 * (rest.eyes[0].centre + rest.eyes[1].centre) + _TARGET_DISTANCE * _FORWARD
    joints["eye_targets"] = (target, target + _UP)
    return FaceShape(rest, skin, eyeballs(rest), teeth, guarded, joints)


def _joints(points: np.ndarray) -> dict[str, tuple[np.ndarray, np.ndarray]]:
    scale, offset = fit_to(points)

    def place(y: float, z: float) -> np.ndarray:
        result = np.array([0.0, y, z]) * scale + offset
        result[0] = 0.0
        return result

    # The joints of the jaw lie about a centimetre in front of the landmarks before the ears.
    jaw = points[[234, 454]].mean(axis=0) + _FORWARD
    neck, skull, top = place(-15.3, -4.6), place(-4.0, -4.4), place(8.0, -4.4)
    return {
        "root": (neck, neck - 3.0 * _FORWARD),
        "neck": (neck, skull),
        "head": (skull, top),
        "jaw": (jaw, 0.85 * points[152] + 0.15 * jaw),
    }
