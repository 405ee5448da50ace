# SPDX-FileCopyrightText: 2026 Mimica authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Poses over time as F-curves of an Action: what baking a take and keying ARKit controls have in common."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import bpy
import numpy as np

from ..mapping.channels import BonePose
from ..mapping.rotation_modes import (
    EULER_ORDERS,
    axis_angle_from_quaternion,
    continuous,
    euler_from_quaternion,
    with_axes_held,
)
from . import compat
from .bone_writer import held_axes
from .places import bone_path


@dataclass(frozen=True, slots=True, eq=False)
class Curve:
    """One channel over time."""

    path: str
    index: int
    group: str
    values: np.ndarray
    """float (N,)."""


def bone_curves(
    armature: bpy.types.Object,
    bones: Sequence[str],
    pose: BonePose,
    *,
    located: np.ndarray,
    turned: np.ndarray,
    scaled: np.ndarray,
) -> list[Curve]:
    """Return the channels of bones, rotations in each bone's own mode. Bones the armature lacks are left out.

    :param bones: names in the order of `pose`.
    :param located: bool (B, 3), which channels are wanted.
    :param turned: bool (B, 4), by the components of the bone's rotation mode.
    :param scaled: bool (B, 3).
    """
    curves: list[Curve] = []
    for i, name in enumerate(bones):
        bone = armature.pose.bones.get(name)
        if bone is None:
            continue
        channels = [("location", pose.location[:, i], located[i])]
        if turned[i].any():
            channels.append((*_rotation(bone, pose.rotation[:, i]), turned[i]))
        if pose.scale is not None:
            channels.append(("scale", pose.scale[:, i], scaled[i]))
        for channel, values, wanted in channels:
            path = bone_path(name, channel)
            curves += [Curve(path, k, name, values[:, k]) for k in range(values.shape[1]) if wanted[k]]
    return curves


def write_curves(datablock: bpy.types.ID, action: bpy.types.Action, curves: Iterable[Curve], frames: np.ndarray) -> int:
    """Make `action` the data-block's, with one key at each frame for each channel, and nothing else. Main thread.

    :param frames: float (N,), scene frames, increasing.
    :return: how many F-curves there are.
    """
    compat.assign_action(datablock, action)
    compat.clear_fcurves(datablock, action)
    count = 0
    for curve in curves:
        made = compat.ensure_fcurve(datablock, action, curve.path, curve.index, curve.group)
        compat.fill_fcurve(made, frames, curve.values)
        count += 1
    return count


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
    """Key the locations and rotations of bones as wholes: see `bone_curves` and `write_curves`."""
    count = len(bones)
    curves = bone_curves(
        armature,
        bones,
        pose,
        located=np.repeat(np.array(located, bool)[:, None], 3, axis=1),
        turned=np.repeat(np.array(turned, bool)[:, None], 4, axis=1),
        scaled=np.zeros((count, 3), bool),
    )
    return write_curves(armature, action, curves, frames)


def _rotation(bone: bpy.types.PoseBone, q: np.ndarray) -> tuple[str, np.ndarray]:
    """Return the channel in which a bone keeps its rotation, and its values over time."""
    mode = bone.rotation_mode
    if mode not in ("QUATERNION", "AXIS_ANGLE"):
        order = np.array([EULER_ORDERS.index(mode)])
        return "rotation_euler", euler_from_quaternion(q[:, None], order, np.zeros((1, 3)))[:, 0]
    held = held_axes(bone)
    if any(held):
        now = np.array(bone.matrix_basis.to_quaternion())
        q = with_axes_held(now[None], q[:, None], np.array([held]))[:, 0]
    if mode == "AXIS_ANGLE":
        start = np.array([[0.0, 0.0, 1.0, 0.0]])
        return "rotation_axis_angle", axis_angle_from_quaternion(q[:, None], start)[:, 0]
    return "rotation_quaternion", continuous(q)
