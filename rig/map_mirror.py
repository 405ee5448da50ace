# SPDX-FileCopyrightText: 2026 Mimica authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""How a character in the scene mirrors itself: what `mapping.symmetry` asks of Blender. Main thread."""

import re
from collections.abc import Iterable, Sequence
from dataclasses import replace

import bpy
import numpy as np
from mathutils import Matrix  # pyright: ignore[reportMissingImports]

from ..mapping.character_map import BoneEntry, Channel, ControlEntry
from ..mapping.symmetry import (
    MirroredBone,
    MirroredValue,
    Place,
    Symmetry,
    find_left,
    mirror_bone,
    mirror_bones,
    mirror_control,
    mirror_keys,
    side_by_name,
)
from .character import stored_map
from .detect import character_parts
from .places import find_slot
from .rest_pose import read_rest_pose
from .teaching import shapes_of

_TOKEN = re.compile(r"(?<![A-Za-z])[LRlr](?![A-Za-z])|Left|Right|left|right|LEFT|RIGHT")
_SIDES = (("L", "R"), ("l", "r"), ("Left", "Right"), ("left", "right"), ("LEFT", "RIGHT"))
_SWAPPED = {a: b for left, right in _SIDES for a, b in ((left, right), (right, left))}
_QUOTED = re.compile(r'(?P<bone>\bbones\[)?"(?P<name>(?:[^"\\]|\\.)*)"')


def flipped_name(name: str) -> str:
    """Return the name of the other side, by Blender's rule, and in the middle of names too; else the same."""
    flipped = bpy.utils.flip_name(name)
    if flipped != name:
        return flipped
    return _TOKEN.sub(lambda match: _SWAPPED[match.group()], name, count=1)


def mirrored(
    entry: BoneEntry | ControlEntry, symmetry: Symmetry
) -> tuple[BoneEntry | ControlEntry | None, tuple[str, ...]]:
    """Return the entry of the other side, None when it has no counterpart; and the names of what of it has none."""
    if isinstance(entry, BoneEntry):
        return mirror_bone(entry, symmetry), ()
    other, missing = mirror_control(entry, symmetry)
    return replace(other, label=flipped_name(other.label) if other.label else "") if other else None, missing


def symmetry_of(character: bpy.types.Object, entries: Iterable[BoneEntry | ControlEntry] = ()) -> Symmetry:
    """Find out how a character's bones, and the shape keys and properties of entries, mirror each other."""
    armature, meshes = character_parts(character)
    channels = {c: None for e in entries if isinstance(e, ControlEntry) for c in e.channels}
    left = _left(character, armature)
    bones: dict[Place, MirroredBone] = {}
    for name in {"": None, **{c.object: None for c in channels}}:
        owner = bpy.data.objects.get(name) if name else armature
        if owner is not None and owner.type == "ARMATURE":
            bones.update({(name, bone): one for bone, one in _mirrored_bones(owner, left).items()})
    wanted: dict[str, list[str]] = {}
    for channel in channels:
        if channel.kind == "shape_key":
            wanted.setdefault(channel.object, []).append(channel.name)
    keys: dict[Place, MirroredValue] = {}
    for name, mine in wanted.items():
        for mesh in meshes if not name else filter(None, [bpy.data.objects.get(name)]):
            here = [key for key in mine if (name, key) not in keys]
            keys.update({(name, key): one for key, one in _mirrored_keys(armature, mesh, name, here, left).items()})
    properties = {
        (c.object, c.name): _mirrored_property(armature or character, c, bones)
        for c in channels
        if c.kind == "property"
    }
    return Symmetry(bones, keys, properties)


def _left(character: bpy.types.Object, armature: bpy.types.Object | None) -> np.ndarray:
    """Return the way to the character's left in its armature, (3,)."""
    known, told = stored_map(character), None
    if armature is None or not armature.data.bones:
        return np.eye(3)[0]
    bones = armature.data.bones
    if known is not None and known.bones:
        # The map tells which bone is which place of the face, and so which way it looks.
        first = np.array(bones[0].matrix_local.to_3x3(), np.float64)
        told = (read_rest_pose(armature, known).axes[0] @ first.T)[0]
    return find_left([bone.name for bone in bones], *_ends(bones), flipped_name, told)


def _ends(bones: Sequence[bpy.types.Bone]) -> tuple[np.ndarray, np.ndarray]:
    """Return the heads and the tails at rest, (B, 3)."""
    ends = np.array([(bone.head_local, bone.tail_local) for bone in bones], np.float64).reshape(-1, 2, 3)
    return ends[:, 0], ends[:, 1]


def _mirrored_bones(armature: bpy.types.Object, left: np.ndarray) -> dict[str, MirroredBone]:
    bones = armature.data.bones
    return mirror_bones(
        [bone.name for bone in bones],
        *_ends(bones),
        np.array([bone.matrix_local.to_3x3() for bone in bones], np.float64).reshape(-1, 3, 3),
        [bone.use_local_location for bone in bones],
        flipped_name,
        left,
    )


def _mirrored_keys(
    armature: bpy.types.Object | None, mesh: bpy.types.Object, owner: str, names: Sequence[str], left: np.ndarray
) -> dict[str, MirroredValue]:
    """Return the counterparts of those shape keys that a mesh has: by their names, else by what they do to the mesh.

    :param owner: the object as channels name it, empty for any mesh of the character.
    """
    shapes = shapes_of(mesh) if mesh.type == "MESH" else []
    there = {block.name for block in shapes}
    twin = _twin(owner)
    theirs = {block.name for block in shapes_of(twin)} if twin is not None and twin.type == "MESH" else set()
    found, unnamed = {}, []
    for name in there.intersection(names):
        flipped = flipped_name(name)
        side = side_by_name(name, flipped)
        if twin is not None and (other := next((n for n in (flipped, name) if n in theirs), "")):
            found[name] = MirroredValue(other, side or side_by_name(owner, twin.name), twin.name)
        elif side and flipped in there:
            found[name] = MirroredValue(flipped, side, owner)
        else:
            unnamed.append(name)
    if not unnamed:
        return found
    matrix = armature.matrix_world.inverted() @ mesh.matrix_world if armature is not None else Matrix()
    linear = np.array(matrix.to_3x3()).T
    keys = mesh.data.shape_keys
    rest = _points(keys.reference_key)

    def offset(block: bpy.types.ShapeKey) -> np.ndarray:
        start = rest if block.relative_key == keys.reference_key else _points(block.relative_key)
        return (_points(block) - start) @ linear

    by_shape = mirror_keys(
        rest @ linear + np.array(matrix.translation),
        {name: offset(keys.key_blocks[name]) for name in unnamed},
        ((block.name, offset(block)) for block in shapes),
        left,
    )
    for name, one in by_shape.items():
        found[name] = replace(one, side=side_by_name(name, flipped_name(name)) or one.side, object=owner)
    return found


def _mirrored_property(holder: bpy.types.Object, channel: Channel, bones: dict[Place, MirroredBone]) -> MirroredValue:
    """Return the counterpart of a property: the one of the other bone, or of the other name.

    :param holder: the object that is meant where a channel names none.
    """
    sides = []

    def swapped(match: re.Match[str]) -> str:
        name = bpy.utils.unescape_identifier(match["name"])
        other = flipped_name(name)
        bone = bones.get((channel.object, name)) if match["bone"] else None
        sides.append(bone.side if bone is not None else side_by_name(name, other))
        other = bone.other if bone is not None else other
        return f'{match["bone"] or ""}"{bpy.utils.escape_identifier(other)}"'

    path, twin = _QUOTED.sub(swapped, channel.name), _twin(channel.object)
    places = [(twin, path), (twin, channel.name)] if twin is not None else []
    if path != channel.name:
        places.append((bpy.data.objects.get(channel.object) if channel.object else holder, path))
    if twin is not None:
        sides.append(side_by_name(channel.object, twin.name))
    side = next(filter(None, sides), 0)
    for obj, other in places:
        if find_slot(obj, other):
            return MirroredValue(other, side, twin.name if twin is not None and obj == twin else channel.object)
    return MirroredValue("", side)


def _twin(name: str) -> bpy.types.Object | None:
    """Return the object of the other side's name, None when there is none."""
    other = flipped_name(name) if name else ""
    return bpy.data.objects.get(other) if other != name else None


def _points(block: bpy.types.ShapeKey) -> np.ndarray:
    """Return a shape key's vertices, float (V, 3)."""
    points = np.zeros(len(block.data) * 3, np.float32)
    block.data.foreach_get("co", points)
    return points.reshape(-1, 3)
