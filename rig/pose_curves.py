# SPDX-FileCopyrightText: 2026 Mimica authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Poses over time as F-curves of an Action: what baking a take and keying ARKit controls have in common."""

from collections.abc import Sequence

import bpy
import numpy as np

from ..mapping.channels import BonePose
from . import compat


def write_pose_curves(
    armature: bpy.types.Object,
    action: bpy.types.Action,
    bones: Sequence[str],
    pose: BonePose,
    frames: np.ndarray,
    *,
    located: Sequence[bool],
    turned: Sequence[bool],
) -> int:
    """Make `action` the armature's, with one key at each frame for each channel, and nothing else. Main thread.

    :param bones: names in the order of `pose`; bones the armature lacks are left out.
    :param frames: float (N,), scene frames, increasing.
    :param located: for each bone, whether its location is keyed.
    :param turned: for each bone, whether its rotation is keyed (as quaternions).
    :return: how many F-curves there are.
    """
    compat.assign_action(armature, action)
    compat.clear_fcurves(armature, action)
    curves = 0
    for i, bone in enumerate(bones):
        pose_bone = armature.pose.bones.get(bone)
        if pose_bone is None or not (located[i] or turned[i]):
            continue
        pose_bone.rotation_mode = "QUATERNION"
        path = f'pose.bones["{bpy.utils.escape_identifier(bone)}"].'
        if located[i]:
            curves += _fill(armature, action, path + "location", bone, frames, pose.location[:, i])
        if turned[i]:
            rotation = _continuous(pose.rotation[:, i])
            curves += _fill(armature, action, path + "rotation_quaternion", bone, frames, rotation)
    return curves


def _fill(
    datablock: bpy.types.ID, action: bpy.types.Action, path: str, group: str, frames: np.ndarray, values: np.ndarray
) -> int:
    for index in range(values.shape[1]):
        curve = compat.ensure_fcurve(datablock, action, path, index, group)
        compat.fill_fcurve(curve, frames, values[:, index])
    return values.shape[1]


def _continuous(quaternions: np.ndarray) -> np.ndarray:
    """Flip signs so that neighbouring quaternions (N, 4) never jump to their antipode."""
    flips = np.where((quaternions[1:] * quaternions[:-1]).sum(axis=1) < 0, -1.0, 1.0)
    return quaternions * np.concatenate([[1.0], np.cumprod(flips)])[:, None]
