# SPDX-FileCopyrightText: 2026 Mimica authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Writes one instant to an armature's pose bones: all bones are read and set at once, each in its own rotation mode."""

from dataclasses import dataclass

import bpy
import numpy as np
from mathutils import Euler, Quaternion  # pyright: ignore[reportMissingImports]

from ..mapping.channels import BonePose, ChannelPlan
from ..mapping.rotation_modes import (
    EULER_ORDERS,
    axis_angle_from_quaternion,
    quaternion_from_axis_angle,
    with_axes_held,
)
from .kept_pose import CHANNELS
from .occupied import AXIS_ANGLE, QUATERNION, Existing, Occupied, writable


@dataclass(frozen=True, slots=True, eq=False)
class _Moved:
    """Bones whose location, or scale, is set."""

    rows: np.ndarray
    columns: np.ndarray
    free: np.ndarray
    """bool (b, 3)."""


@dataclass(frozen=True, slots=True, eq=False)
class _Turned:
    """Bones that keep their rotation in one way."""

    channel: str
    rows: np.ndarray
    columns: np.ndarray
    orders: tuple[str, ...]
    """Of their Euler angles; empty for what keeps none."""
    free: np.ndarray
    """bool (b, 3 or 4)."""
    held: np.ndarray
    """Which bones, of those without Euler angles, have locks of single axes."""
    held_axes: np.ndarray
    """bool (h, 3)."""


class BoneWriter:
    """Which bones of an armature are set, by their rows. Holds no Blender reference; made anew when bones change."""

    def __init__(
        self,
        armature: bpy.types.Object,
        plan: ChannelPlan,
        occupied: Occupied,
        existing: Existing,
    ) -> None:
        """Look the bones up."""
        bones = armature.pose.bones
        self._count = len(bones)
        row_of = {bone.name: i for i, bone in enumerate(bones)}
        rows = np.array([row_of.get(name, -1) for name in plan.bones], int)
        there = rows >= 0
        self._location = _moved(rows, plan.located & writable(occupied.location, existing) & there[:, None])
        self._scale = _moved(rows, plan.scaled & writable(occupied.scale, existing) & there[:, None])
        free = writable(occupied.rotation, existing) & (plan.turned & there)[:, None]
        modes = np.zeros(self._count, np.int32)
        bones.foreach_get("rotation_mode", modes)
        mode = modes[np.maximum(rows, 0)]
        locks = np.array([held_axes(bones.get(name)) for name in plan.bones], bool)
        self._turned = [
            found
            for channel, here in (
                ("rotation_quaternion", mode == QUATERNION),
                ("rotation_axis_angle", mode == AXIS_ANGLE),
                ("rotation_euler", (mode != QUATERNION) & (mode != AXIS_ANGLE)),
            )
            if (found := _turned(channel, rows, mode, free, locks.reshape(-1, 3), here)) is not None
        ]
        self._buffers = {channel: np.zeros(self._count * size, np.float32) for channel, size in CHANNELS.items()}

    def fits(self, armature: bpy.types.Object) -> bool:
        """Whether the armature has as many bones as when they were looked up."""
        return len(armature.pose.bones) == self._count

    def write(self, armature: bpy.types.Object, pose: BonePose) -> None:
        """Set the bones and tag the armature. `pose`: of one instant."""
        bones = armature.pose.bones
        if len(self._location.rows):
            self._set(bones, "location", self._location, pose.location[0])
        if len(self._scale.rows) and pose.scale is not None:
            self._set(bones, "scale", self._scale, pose.scale[0])
        for turned in self._turned:
            self._turn(bones, turned, pose.rotation[0, turned.columns])
        armature.update_tag(refresh={"OBJECT"})

    def _set(self, bones: bpy.types.bpy_prop_collection, channel: str, moved: _Moved, values: np.ndarray) -> None:
        numbers = self._read(bones, channel)
        numbers[moved.rows] = np.where(moved.free, values[moved.columns], numbers[moved.rows])
        bones.foreach_set(channel, self._buffers[channel])

    def _turn(self, bones: bpy.types.bpy_prop_collection, turned: _Turned, rotation: np.ndarray) -> None:
        channel = turned.channel
        numbers = self._read(bones, channel)
        now = numbers[turned.rows].astype(np.float64)
        if len(turned.held):
            held = turned.held
            before = quaternion_from_axis_angle(now[held]) if channel == "rotation_axis_angle" else now[held]
            rotation[held] = with_axes_held(before, rotation[None, held], turned.held_axes)[0]
        if channel == "rotation_euler":
            wanted = _euler(rotation, turned.orders, now)
        elif channel == "rotation_axis_angle":
            wanted = axis_angle_from_quaternion(rotation[None], now)[0]
        else:
            wanted = rotation
        numbers[turned.rows] = np.where(turned.free, wanted, now)
        bones.foreach_set(channel, self._buffers[channel])

    def _read(self, bones: bpy.types.bpy_prop_collection, channel: str) -> np.ndarray:
        buffer = self._buffers[channel]
        bones.foreach_get(channel, buffer)
        return buffer.reshape(self._count, -1)


def _euler(rotation: np.ndarray, orders: tuple[str, ...], now: np.ndarray) -> np.ndarray:
    """Return Euler angles (b, 3) that go on from those of now.

    For one instant of some dozens of bones a loop takes a third of the time of `euler_from_quaternion`.
    """
    each = zip(rotation.tolist(), orders, now.tolist(), strict=True)
    return np.array([Quaternion(q).to_euler(order, Euler(before, order)) for q, order, before in each])


def _moved(rows: np.ndarray, free: np.ndarray) -> _Moved:
    columns = np.flatnonzero(free.any(axis=1))
    return _Moved(rows[columns], columns, free[columns])


def _turned(
    channel: str, rows: np.ndarray, mode: np.ndarray, free: np.ndarray, locks: np.ndarray, here: np.ndarray
) -> _Turned | None:
    size = CHANNELS[channel]
    columns = np.flatnonzero(here & free[:, :size].any(axis=1))
    if not len(columns):
        return None
    held = np.flatnonzero(locks[columns].any(axis=1))
    return _Turned(
        channel,
        rows[columns],
        columns,
        tuple(EULER_ORDERS[number - 1] for number in mode[columns]) if channel == "rotation_euler" else (),
        free[columns, :size],
        held,
        locks[columns[held]],
    )


def held_axes(bone: bpy.types.PoseBone | None) -> tuple[bool, ...]:
    """Return which axes Blender holds of a rotation that is no Euler angles."""
    if bone is None or bone.rotation_mode not in ("QUATERNION", "AXIS_ANGLE") or bone.lock_rotations_4d:
        return (False,) * 3
    return tuple(bone.lock_rotation)
