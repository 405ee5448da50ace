# SPDX-FileCopyrightText: 2026 Mimica authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""How a character stood before Mimica posed it, to be given back. Names and numbers only: undo, renaming and deleting
in between are normal.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

import bpy
import numpy as np

from . import compat
from .bind import Binding
from .places import find_slot, property_places, shape_keys_of, shape_places

CHANNELS = {"location": 3, "rotation_quaternion": 4, "rotation_euler": 3, "rotation_axis_angle": 4, "scale": 3}
"""What a pose bone can hold, and of how many numbers."""


@dataclass(frozen=True, slots=True, eq=False)
class BoneState:
    """One pose bone."""

    row: int
    """Its number among the armature's pose bones."""
    values: dict[str, np.ndarray]
    """By `CHANNELS`."""
    driven: dict[str, np.ndarray]
    """Which of these numbers may be written; bool, by `CHANNELS`."""


@dataclass(frozen=True, slots=True)
class _ShapeState:
    row: int
    value: float


@dataclass(frozen=True, slots=True, eq=False)
class KeptPose:
    """All driven channels of a character, by names, as they were at one moment."""

    armature: str
    bone_count: int
    bones: Mapping[str, BoneState]
    shapes: Mapping[tuple[str, str], _ShapeState]
    """By object and key."""
    shape_counts: Mapping[str, int]
    """How many keys each object had."""
    properties: Mapping[tuple[str, str], bool | int | float]
    """By object and path."""
    uids: Mapping[str, int] = field(default_factory=dict)
    """Object name to what Blender knows it by when it is renamed."""

    @classmethod
    def of(cls, binding: Binding) -> "KeptPose":
        """Read a character as it stands. Main thread."""
        bones, count = _read_bones(binding)
        shapes: dict[tuple[str, str], _ShapeState] = {}
        counts: dict[str, int] = {}
        for place in shape_places(binding):
            blocks = bpy.data.objects[place.mesh].data.shape_keys.key_blocks
            counts[place.mesh] = len(blocks)
            shapes[place.mesh, place.key] = _ShapeState(blocks.find(place.key), blocks[place.key].value)
        properties = {}
        for place in property_places(binding):
            slot = find_slot(bpy.data.objects[place.object], place.path)
            if slot is not None:
                properties[place.object, place.path] = slot.get()
        names = {binding.armature, *(mesh for mesh, _ in shapes), *(obj for obj, _ in properties)}
        found = (bpy.data.objects.get(name) for name in names)
        uids = {obj.name: compat.session_uid(obj) for obj in found if obj is not None}
        return cls(binding.armature, count, bones, shapes, counts, properties, uids)

    def with_older(self, older: "KeptPose") -> "KeptPose":
        """Return this, with what an earlier look saw wherever that saw the same channel."""
        older = older.renamed(self.uids)
        return KeptPose(
            self.armature,
            self.bone_count,
            {name: _older(state, older.bones.get(name)) for name, state in self.bones.items()},
            {key: older.shapes.get(key, state) for key, state in self.shapes.items()},
            self.shape_counts,
            {key: older.properties.get(key, value) for key, value in self.properties.items()},
            self.uids,
        )

    def renamed(self, uids: Mapping[str, int]) -> "KeptPose":
        """Return this with the names that its objects have now."""
        name_of = {uid: name for name, uid in uids.items()}
        now = {name: name_of.get(uid, name) for name, uid in self.uids.items()}
        if all(old == new for old, new in now.items()):
            return self
        return KeptPose(
            now.get(self.armature, self.armature),
            self.bone_count,
            self.bones,
            {(now.get(mesh, mesh), key): state for (mesh, key), state in self.shapes.items()},
            {now.get(mesh, mesh): count for mesh, count in self.shape_counts.items()},
            {(now.get(obj, obj), path): value for (obj, path), value in self.properties.items()},
            {now[name]: uid for name, uid in self.uids.items()},
        )

    def without(self, other: "KeptPose") -> "KeptPose":
        """Return what this holds and another does not."""
        return KeptPose(
            self.armature,
            self.bone_count,
            {name: _rest_of(state, other.bones.get(name)) for name, state in self.bones.items()},
            {key: state for key, state in self.shapes.items() if key not in other.shapes},
            self.shape_counts,
            {key: value for key, value in self.properties.items() if key not in other.properties},
            self.uids,
        )

    def shape_value(self, mesh: str, key: str) -> float:
        """Return what a shape key stood at, 0 where it was not looked at."""
        state = self.shapes.get((mesh, key))
        return state.value if state is not None else 0.0

    def restore(self) -> None:
        """Give all of it back that is still there; what is animated goes back to its animation. Main thread."""
        changed: dict[str, bpy.types.ID] = {}
        if self.bones and (armature := self._object(self.armature)) is not None and armature.pose is not None:
            self._restore_bones(armature)
            changed[armature.name_full] = armature
        self._restore_shapes(changed)
        for (name, path), value in self.properties.items():
            obj = self._object(name)
            slot = find_slot(obj, path)
            if obj is not None and slot is not None:
                slot.set(value)
                slot.tag()
                changed[obj.name_full] = obj
        for datablock in changed.values():
            reevaluate(datablock)

    def _object(self, name: str) -> bpy.types.Object | None:
        obj = bpy.data.objects.get(name)
        uid = self.uids.get(name)
        if uid is None or (obj is not None and compat.session_uid(obj) == uid):
            return obj
        return next((o for o in bpy.data.objects if compat.session_uid(o) == uid), obj)

    def _restore_bones(self, armature: bpy.types.Object) -> None:
        bones = armature.pose.bones
        row_of = {bone.name: i for i, bone in enumerate(bones)}
        same = len(bones) == self.bone_count
        rows = {name: row_of.get(name, state.row if same else -1) for name, state in self.bones.items()}
        rows = {name: row for name, row in rows.items() if row >= 0}
        for channel, size in CHANNELS.items():
            mine = [(row, self.bones[name]) for name, row in rows.items() if self.bones[name].driven[channel].any()]
            if not mine:
                continue
            buffer = np.zeros(len(bones) * size, np.float32)
            bones.foreach_get(channel, buffer)
            numbers = buffer.reshape(-1, size)
            for row, state in mine:
                mask = state.driven[channel]
                numbers[row, mask] = state.values[channel][mask]
            bones.foreach_set(channel, buffer)
        armature.update_tag(refresh={"OBJECT"})

    def _restore_shapes(self, changed: dict[str, bpy.types.ID]) -> None:
        for (mesh, key), state in self.shapes.items():
            obj = self._object(mesh)
            keys = shape_keys_of(obj.name) if obj is not None else None
            if keys is None:
                continue
            blocks = keys.key_blocks
            block = blocks.get(key)
            if block is None and len(blocks) == self.shape_counts[mesh]:
                block = blocks[state.row]
            if block is not None:
                block.value = state.value
                keys.update_tag()
                changed[f"{keys.name_full} Key"] = keys


def reevaluate(datablock: bpy.types.ID) -> None:
    """Let Blender set what is animated to what the animation says at the present frame."""
    if datablock.animation_data is not None:
        datablock.update_tag(refresh={"TIME"})


def _read_bones(binding: Binding) -> tuple[dict[str, BoneState], int]:
    armature = bpy.data.objects.get(binding.armature) if binding.armature else None
    if armature is None or armature.pose is None:
        return {}, 0
    bones, plan = armature.pose.bones, binding.plan
    row_of = {bone.name: i for i, bone in enumerate(bones)}
    values = {}
    for channel, size in CHANNELS.items():
        buffer = np.zeros(len(bones) * size, np.float32)
        bones.foreach_get(channel, buffer)
        values[channel] = buffer.reshape(-1, size)
    found = {}
    for i, name in enumerate(plan.bones):
        row = row_of.get(name)
        if row is None:
            continue
        turned = bool(plan.turned[i])
        driven = {"location": plan.located[i], "scale": plan.scaled[i]}
        driven |= {channel: np.full(size, turned) for channel, size in CHANNELS.items() if channel not in driven}
        found[name] = BoneState(row, {c: values[c][row].copy() for c in CHANNELS}, driven)
    return found, len(bones)


def _older(state: BoneState, older: BoneState | None) -> BoneState:
    """Return a bone as it is driven now, with the older numbers wherever these were kept."""
    if older is None:
        return state
    values = {c: np.where(older.driven[c], older.values[c], state.values[c]) for c in CHANNELS}
    return BoneState(state.row, values, state.driven)


def _rest_of(state: BoneState, other: BoneState | None) -> BoneState:
    """Return a bone with what another look drives taken away."""
    if other is None:
        return state
    return BoneState(state.row, state.values, {c: state.driven[c] & ~other.driven[c] for c in CHANNELS})
