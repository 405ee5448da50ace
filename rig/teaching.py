# SPDX-FileCopyrightText: 2026 Mimica authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A character's pose as numbers: read from its bones, shape keys and custom properties, and put back. Main thread."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import bpy
import numpy as np
from mathutils import Quaternion  # pyright: ignore[reportMissingImports]

from ..mapping import rotation as rot
from ..mapping.character_map import ChannelKind
from ..mapping.teaching import Address, Pose, at_rest
from .detect import character_parts

_KEPT = 1e-6
"""What a channel may be off without being written: what is put back stays what it was to the last digit."""
_OWN = ("mimica", "cycles", "_")
"""Beginnings of names of properties that are not the animator's."""


@dataclass(frozen=True, slots=True)
class _Property:
    """A custom property that is a number."""

    path: str
    object: str
    name: str
    owner: bpy.types.bpy_struct


def read_pose(character: bpy.types.Object) -> dict[Address, float]:
    """Return what stands in every channel of a character that can be posed by hand.

    What a driver sets is left out: it follows from the rest. Bone channels are as in `Channel`, whatever the bone's
    rotation mode.
    """
    armature, meshes = parts_of(character)
    pose: dict[Address, float] = {}
    if armature is not None:
        pose.update(_read_bones(armature))
    for mesh in meshes:
        driven = _driven(mesh.data.shape_keys)
        for block in shapes_of(mesh):
            if f'key_blocks["{bpy.utils.escape_identifier(block.name)}"].value' not in driven:
                pose["shape_key", mesh.name, block.name, 0] = block.value
    for found in _properties(character):
        pose["property", found.object, found.path, 0] = float(found.owner[found.name])
    return pose


def write_pose(character: bpy.types.Object, pose: Pose) -> None:
    """Put a character into a pose. Channels that it does not name go to rest, and properties stay as they are."""
    armature, meshes = parts_of(character)
    change = {
        address: wanted
        for address, value in read_pose(character).items()
        if abs((wanted := pose.get(address, value if address[0] == "property" else at_rest(address[0]))) - value)
        > _KEPT
    }
    if armature is not None:
        _write_bones(armature, pose, change)
    for mesh in meshes:
        blocks = mesh.data.shape_keys.key_blocks if mesh.data.shape_keys else {}
        for kind, obj, name, _ in change:
            if kind == "shape_key" and obj == mesh.name and name in blocks:
                blocks[name].value = change[kind, obj, name, 0]
    for found in _properties(character):
        value = change.get(("property", found.object, found.path, 0))
        if value is not None:
            whole = isinstance(found.owner[found.name], int)
            found.owner[found.name] = round(value) if whole else value
    for obj in (*meshes, *([armature] if armature is not None else [])):
        obj.update_tag(refresh={"OBJECT", "DATA"})


def size_of(character: bpy.types.Object) -> float:
    """Return how large the character's armature is, along its longest side in its own units; 1 without bones."""
    armature, _ = parts_of(character)
    if armature is None or not armature.data.bones:
        return 1.0
    ends = np.array([end for b in armature.data.bones for end in (b.head_local, b.tail_local)])
    return float(np.ptp(ends, axis=0).max()) or 1.0


def parts_of(character: bpy.types.Object) -> tuple[bpy.types.Object | None, tuple[bpy.types.Object, ...]]:
    """Return a character's armature, if it has one, and its meshes."""
    armature, _ = character_parts(character)
    beneath = {character, *character.children_recursive, *(armature.children_recursive if armature else ())}
    meshes = [
        obj
        for obj in bpy.data.objects
        if obj.type == "MESH" and (obj in beneath or (armature is not None and obj.find_armature() == armature))
    ]
    return armature, tuple(meshes)


def _read_bones(armature: bpy.types.Object) -> dict[Address, float]:
    pose: dict[Address, float] = {}
    driven = _driven(armature)
    bones = list(armature.pose.bones)
    vectors = rot.log(np.array([_quaternion(bone) for bone in bones], np.float64).reshape(-1, 4))
    for bone, vector in zip(bones, vectors.tolist(), strict=True):
        path = f'pose.bones["{bpy.utils.escape_identifier(bone.name)}"].'
        channels: dict[ChannelKind, Any] = {"location": bone.location, "rotation": vector, "scale": bone.scale}
        for kind, values in channels.items():
            if path + (_turning(bone) if kind == "rotation" else kind) not in driven:
                pose.update({(kind, "", bone.name, axis): float(values[axis]) for axis in range(3)})
    return pose


def _write_bones(armature: bpy.types.Object, pose: Pose, change: Pose) -> None:
    bones = armature.pose.bones
    for kind, _, name, axis in change:
        if kind in ("location", "scale"):
            getattr(bones[name], kind)[axis] = change[kind, "", name, axis]
    for name in {a[2]: None for a in change if a[0] == "rotation"}:
        vector = np.array([pose.get(("rotation", "", name, axis), 0.0) for axis in range(3)])
        bone, turned = bones[name], Quaternion(rot.exp(vector).tolist())
        if bone.rotation_mode == "QUATERNION":
            bone.rotation_quaternion = turned
        elif bone.rotation_mode == "AXIS_ANGLE":
            axis, angle = turned.to_axis_angle()
            bone.rotation_axis_angle = (angle, *axis)
        else:
            bone.rotation_euler = turned.to_euler(bone.rotation_mode, bone.rotation_euler)


def _quaternion(bone: bpy.types.PoseBone) -> Quaternion:
    if bone.rotation_mode == "QUATERNION":
        turned = bone.rotation_quaternion.copy()
        return turned.normalized() if turned.magnitude > 0.0 else Quaternion()
    if bone.rotation_mode == "AXIS_ANGLE":
        angle, *axis = bone.rotation_axis_angle
        return Quaternion(axis, angle)
    return bone.rotation_euler.to_quaternion()


def _turning(bone: bpy.types.PoseBone) -> str:
    """Return the property that a bone is turned by."""
    return {"QUATERNION": "rotation_quaternion", "AXIS_ANGLE": "rotation_axis_angle"}.get(
        bone.rotation_mode, "rotation_euler"
    )


def shapes_of(mesh: bpy.types.Object) -> list[bpy.types.ShapeKey]:
    """Return a mesh's shape keys without the one that is its rest."""
    keys = mesh.data.shape_keys
    return [block for block in keys.key_blocks if block != keys.reference_key] if keys and keys.use_relative else []


def _driven(datablock: bpy.types.ID | None) -> set[str]:
    """Return the paths of a data-block's properties that drivers set."""
    animation = datablock.animation_data if datablock is not None else None
    return {curve.data_path for curve in animation.drivers} if animation is not None else set()


def _properties(character: bpy.types.Object) -> Iterator[_Property]:
    """Return the custom properties that are numbers and that no driver sets, of the objects, bones and armature."""
    armature, meshes = parts_of(character)
    for obj in ([armature] if armature is not None else []) + list(meshes):
        name = "" if obj == (armature or character) else obj.name
        yield from _numbers(obj, name, "", _driven(obj))
        if obj == armature:
            yield from _numbers(obj.data, name, "data.", _driven(obj.data))
            for bone in obj.pose.bones:
                path = f'pose.bones["{bpy.utils.escape_identifier(bone.name)}"]'
                yield from _numbers(bone, name, path, _driven(obj))


def _numbers(owner: bpy.types.bpy_struct, obj: str, path: str, driven: set[str]) -> Iterator[_Property]:
    for name in owner.keys():
        value = owner[name]
        place = f'["{bpy.utils.escape_identifier(name)}"]'
        if isinstance(value, bool) or not isinstance(value, int | float) or name.startswith(_OWN):
            continue
        if (place if path == "data." else path + place) not in driven:
            yield _Property(path + place, obj, name, owner)
