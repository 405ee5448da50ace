# SPDX-FileCopyrightText: 2026 Mimica authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The rest pose of any armature, as the mapping needs it: which way the character looks, its size, its face."""

import bpy
import numpy as np

from ..mapping.channels import RestPose
from ..mapping.character_map import BoneEntry, CharacterMap
from ..mapping.fit_neutral import FaceFit, fit_face, to_character
from ..mapping.frame import LANDMARK_COUNT
from ..mapping.landmarks import average_face, weight_matrix

_UNIT_PROPERTY, _NEUTRAL_PROPERTY = "mimica_unit", "mimica_neutral"
"""What Create Face Rig stores: scene units per centimetre, and the face's landmarks."""
_DEFAULT_UNIT = 0.01
_EYES_APART = 6.57
"""cm between an average face's eyes, for a character of which only the eyes are known."""


def read_rest_pose(armature: bpy.types.Object, character: CharacterMap | None = None) -> RestPose:
    """Read an armature's rest pose, in the character's axes: it looks along -y, its left is x, z is up.

    :param character: tells which bone is which place of the face; None: a rig of Mimica's own, which knows its face.
    """
    bones = armature.data.bones
    matrices = np.array([bone.matrix_local for bone in bones], np.float64).reshape(-1, 4, 4)
    names = tuple(bone.name for bone in bones)
    stored = np.array(armature.get(_NEUTRAL_PROPERTY, ()), np.float64)
    if stored.size == LANDMARK_COUNT * 3:
        fit = FaceFit(np.eye(3), float(armature.get(_UNIT_PROPERTY, _DEFAULT_UNIT)), stored.reshape(LANDMARK_COUNT, 3))
    else:
        heads = dict(zip(names, matrices[:, :3, 3], strict=True))
        fit = _fitted(armature, character.bones if character else (), heads)
    return RestPose(
        names=names,
        parents=tuple(bone.parent.name if bone.parent else "" for bone in bones),
        heads=matrices[:, :3, 3] @ fit.rotation.T / fit.unit,
        axes=fit.rotation @ matrices[:, :3, :3],
        unit=fit.unit,
        neutral=fit.neutral,
    )


def _fitted(armature: bpy.types.Object, entries: tuple[BoneEntry, ...], heads: dict[str, np.ndarray]) -> FaceFit:
    """Return the face that the bones of a map tell, as far as they do."""
    # Weights that do not add up to 1 are a difference of landmarks, not a place.
    known = [e for e in entries if e.bone in heads and abs(sum(e.landmarks.values()) - 1.0) < 0.05]
    upright = _upright(armature)
    if known:
        groups = weight_matrix([e.landmarks for e in known])
        fit = fit_face(groups, np.array([heads[e.bone] for e in known]), upright)
        if fit is not None:
            return fit
    return _by_eyes(armature, entries, heads, upright)


def _by_eyes(
    armature: bpy.types.Object, entries: tuple[BoneEntry, ...], heads: dict[str, np.ndarray], upright: np.ndarray
) -> FaceFit:
    """Return the average face, as large as the distance of the eyes says, or else the head."""
    eyes = [
        heads[e.pair or e.bone] for e in entries if e.drive in ("eye", "eye_target") and (e.pair or e.bone) in heads
    ]
    face = average_face()
    if len(eyes) == 2:
        apart = float(np.linalg.norm(eyes[0] - eyes[1]))
        unit = apart / _EYES_APART if apart > 1e-6 else _DEFAULT_UNIT
        middle = np.mean(eyes, axis=0) @ upright.T / unit - to_character(face[[468, 473]].mean(axis=0))
        return FaceFit(upright, unit, face + np.array([middle[0], middle[2], -middle[1]]))
    return FaceFit(upright, _DEFAULT_UNIT / max(*armature.matrix_world.to_scale(), 1e-6), face)


def _upright(armature: bpy.types.Object) -> np.ndarray:
    """Return the rotation (3, 3) from the armature's axes to the world's, of quarter turns about x alone.

    Characters from other programs come lying on their back, and are set upright by their object; how a character is
    turned round in the scene does not matter.
    """
    up = np.array(armature.matrix_world.to_3x3().normalized().inverted(), np.float64) @ [0.0, 0.0, 1.0]
    axis = int(np.abs(up).argmax())
    if axis == 1:
        sign = float(np.sign(up[1]))
        return np.array([[1.0, 0.0, 0.0], [0.0, 0.0, -sign], [0.0, sign, 0.0]])
    return np.eye(3)
