# SPDX-FileCopyrightText: 2026 Mimica authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Poses over time as F-curves of an Action: what baking a take and keying ARKit controls have in common."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Literal, NamedTuple

import bpy
import numpy as np

from ..mapping.channels import BonePose
from ..mapping.contacts import Contacts
from ..mapping.reduce import Tolerances, Track, reduce
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

Kind = Literal["location", "rotation_quaternion", "rotation_euler", "rotation_axis_angle", "scale", "value", "steps"]
"""What a channel is: a part of a bone's transform; else a number, or one that knows whole numbers only."""
_STEP = 1e-3
"""By how much whole numbers may be off."""
_LOOSEST_AXIS = 0.1
"""By how much the axis of a bone that hardly turns may be off; it has length 1."""


@dataclass(frozen=True, slots=True, eq=False)
class Curve:
    """One channel over time. Channels with the same path are one transform."""

    path: str
    index: int
    group: str
    values: np.ndarray
    """float (N,)."""
    kind: Kind
    name: tuple[str, str] = ("", "")
    """What it belongs to, as `Contacts` calls it."""
    size: float = 1.0
    """How far a number goes, from one end to the other."""


@dataclass(frozen=True, slots=True, eq=False)
class Reduction:
    """How far curves may be from their samples, for fewer keys."""

    tolerances: Tolerances
    """Locations in scene units of the bones' own."""
    contacts: Contacts = field(default_factory=dict)


@dataclass(frozen=True, slots=True, eq=False)
class CurveKeys:
    """The keys of one channel."""

    curve: Curve
    frames: np.ndarray
    """float (K,), scene frames, increasing."""
    values: np.ndarray
    """float (K,)."""
    slopes: np.ndarray | None
    """float (K,), per frame; None: Blender places the handles."""

    @property
    def address(self) -> tuple[str, int]:
        """Path and index."""
        return self.curve.path, self.curve.index


class Written(NamedTuple):
    """What was written."""

    curves: int
    keys: int


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
        channels: list[tuple[Kind, np.ndarray, np.ndarray]] = [("location", pose.location[:, i], located[i])]
        if turned[i].any():
            channels.append((*_rotation(bone, pose.rotation[:, i]), turned[i]))
        if pose.scale is not None:
            channels.append(("scale", pose.scale[:, i], scaled[i]))
        for channel, values, wanted in channels:
            path, owner = bone_path(name, channel), ("bone", name)
            chosen = [k for k in range(values.shape[1]) if wanted[k]]
            curves += [Curve(path, k, name, values[:, k], channel, owner) for k in chosen]
    return curves


def write_curves(
    datablock: bpy.types.ID,
    action: bpy.types.Action,
    curves: Iterable[Curve],
    frames: np.ndarray,
    reduction: Reduction | None = None,
) -> Written:
    """Make `action` the data-block's, with these channels and nothing else. Main thread.

    :param frames: float (N,), scene frames, one after the other.
    :param reduction: None keys each frame; else there are as few keys as its tolerances allow.
    """
    compat.assign_action(datablock, action)
    compat.clear_fcurves(datablock, action)
    made = keyed = 0
    for keys in keys_of(list(curves), frames, reduction):
        curve = keys.curve
        fcurve = compat.ensure_fcurve(datablock, action, curve.path, curve.index, curve.group)
        compat.fill_fcurve(fcurve, keys.frames, keys.values, keys.slopes)
        made, keyed = made + 1, keyed + len(keys.frames)
    return Written(made, keyed)


def keys_of(curves: Sequence[Curve], frames: np.ndarray, reduction: Reduction | None = None) -> list[CurveKeys]:
    """Return the keys of channels, those of a transform together.

    :param frames: float (N,), scene frames, evenly spaced.
    :param reduction: None keys each frame; else there are as few keys as its tolerances allow.
    """
    transforms: dict[str, list[Curve]] = {}
    for curve in curves:
        transforms.setdefault(curve.path, []).append(curve)
    together = list(transforms.values())
    if reduction is None:
        return [CurveKeys(curve, frames, curve.values, None) for each in together for curve in each]
    step = float(frames[1] - frames[0]) if len(frames) > 1 else 1.0
    found: list[CurveKeys] = []
    for each, keys in zip(together, reduce([_track(each, reduction) for each in together]), strict=True):
        at = frames[keys.frames]
        found += [CurveKeys(c, at, keys.values[:, k], keys.slopes[:, k] / step) for k, c in enumerate(each)]
    return found


def _track(curves: Sequence[Curve], reduction: Reduction) -> Track:
    values = np.stack([curve.values for curve in curves], axis=1)
    contact = reduction.contacts.get(curves[0].name)
    return Track(
        values,
        np.array([_tolerance(curve, curves, reduction.tolerances) for curve in curves]),
        np.zeros(len(values), bool) if contact is None else contact,
    )


def _tolerance(curve: Curve, together: Sequence[Curve], allowed: Tolerances) -> float:
    """Return by how much one of the channels of a transform may be off when the others are exact."""
    if curve.kind == "location":
        return allowed.location
    if curve.kind == "rotation_quaternion":
        # The angle is twice what the quaternion turns by on its sphere.
        return allowed.rotation / 2.0
    if curve.kind == "rotation_euler":
        # At worst the first and the third axis are one, and what they are off adds up.
        return allowed.rotation / np.sqrt(2.0)
    if curve.kind == "rotation_axis_angle":
        if curve.index == 0:
            return allowed.rotation
        most = max((float(np.abs(c.values).max()) for c in together if c.index == 0), default=np.pi)
        return min(allowed.rotation / max(2.0 * np.sin(min(most, np.pi) / 2.0), 1e-6), _LOOSEST_AXIS)
    return _STEP if curve.kind == "steps" else allowed.value * curve.size


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
    """Key the locations and rotations of bones as wholes at each frame: see `bone_curves` and `write_curves`.

    :return: how many F-curves there are.
    """
    count = len(bones)
    curves = bone_curves(
        armature,
        bones,
        pose,
        located=np.repeat(np.array(located, bool)[:, None], 3, axis=1),
        turned=np.repeat(np.array(turned, bool)[:, None], 4, axis=1),
        scaled=np.zeros((count, 3), bool),
    )
    return write_curves(armature, action, curves, frames).curves


def _rotation(bone: bpy.types.PoseBone, q: np.ndarray) -> tuple[Kind, np.ndarray]:
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
