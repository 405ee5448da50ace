# SPDX-FileCopyrightText: 2026 Mimica authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Where in the file the shape keys and properties of a bound character lie. Names go in, Blender's data comes out.

A map may name the same place more than once, with and without its object, or for two meshes that share their shape
keys: what is said of one place adds up, as several entries for one channel do.
"""

import math
import re
from dataclasses import dataclass
from functools import lru_cache

import bpy

from .bind import Binding

_LAST = re.compile(r"""^(?P<owner>.*?)(?:\.?\[(?P<index>"(?:[^"\\]|\\.)*"|\d+)\]|(?:^|\.)(?P<attribute>\w+))$""")


@dataclass(frozen=True, slots=True)
class ShapePlace:
    """One shape key of one shape-key data-block."""

    mesh: str
    """Name of an object that has it."""
    key: str
    columns: tuple[int, ...]
    """Those of `ChannelPlan.shapes` that are added up here."""


@dataclass(frozen=True, slots=True)
class PropertyPlace:
    """One property of one object, or of what it leads to."""

    object: str
    path: str
    columns: tuple[int, ...]
    """Those of `ChannelPlan.properties` that are added up here."""


@dataclass(frozen=True, slots=True)
class Slot:
    """A property that was found. Holds Blender references: not to be kept."""

    owner: bpy.types.bpy_struct
    name: str | int
    """An attribute's name, or with `is_item` a key or an index."""
    is_item: bool

    def get(self) -> object:
        """Return its value."""
        return self.owner[self.name] if self.is_item else getattr(self.owner, str(self.name))  # pyright: ignore[reportIndexIssue]

    def set(self, value: object) -> None:
        """Set its value."""
        if self.is_item:
            self.owner[self.name] = value  # pyright: ignore[reportIndexIssue]
        else:
            setattr(self.owner, str(self.name), value)

    def limits(self) -> tuple[float, float]:
        """Return the ends of a custom property; Blender keeps to those of its own by itself."""
        if not self.is_item or not isinstance(self.name, str):
            return -math.inf, math.inf
        try:
            known = self.owner.id_properties_ui(self.name).as_dict()
        except TypeError:
            # Booleans have none.
            return -math.inf, math.inf
        return float(known.get("min", -math.inf)), float(known.get("max", math.inf))

    def tag(self) -> None:
        """Tell Blender that what depends on it is due."""
        holder = self.owner.id_data
        if isinstance(holder, bpy.types.ID):
            holder.update_tag()


def shape_places(binding: Binding) -> tuple[ShapePlace, ...]:
    """Return the shape keys that are there, each once, those of one mesh together."""
    found: dict[tuple[str, str], tuple[str, list[int]]] = {}
    for column, (name, key) in enumerate(binding.plan.shapes):
        for mesh in (name,) if name else binding.meshes:
            keys = shape_keys_of(mesh)
            if keys is not None and key in keys.key_blocks:
                found.setdefault((keys.name_full, key), (mesh, []))[1].append(column)
    order = list(dict.fromkeys(block for block, _ in found))
    places = [ShapePlace(mesh, key, tuple(dict.fromkeys(columns))) for (_, key), (mesh, columns) in found.items()]
    blocks = [block for block, _ in found]
    return tuple(place for _, place in sorted(zip(blocks, places, strict=True), key=lambda pair: order.index(pair[0])))


def property_places(binding: Binding) -> tuple[PropertyPlace, ...]:
    """Return the properties that are there and are numbers, each once."""
    found: dict[tuple[str, str], list[int]] = {}
    for column, (name, path) in enumerate(binding.plan.properties):
        owner = name or binding.armature or binding.target
        slot = find_slot(bpy.data.objects.get(owner), path)
        if slot is not None and isinstance(slot.get(), (bool, int, float)):
            found.setdefault((owner, path), []).append(column)
    return tuple(PropertyPlace(owner, path, tuple(columns)) for (owner, path), columns in found.items())


def shape_keys_of(mesh: str) -> bpy.types.Key | None:
    """Return the shape keys of an object of that name, if there are any."""
    obj = bpy.data.objects.get(mesh)
    return getattr(obj.data, "shape_keys", None) if obj is not None else None


@lru_cache(maxsize=4096)
def _parts(path: str) -> tuple[str, str | int, bool] | None:
    """Return the way to the owner, the last part, and whether that is a key or index."""
    match = _LAST.match(path)
    if match is None:
        return None
    index = match["index"]
    if index is None:
        return match["owner"], match["attribute"], False
    return match["owner"], int(index) if index.isdigit() else re.sub(r"\\(.)", r"\1", index[1:-1]), True


def find_slot(obj: bpy.types.Object | None, path: str) -> Slot | None:
    """Return the property at a path from an object, such as `["x"]`, `pose.bones["b"]["x"]` or `data.a.b`, if any."""
    parts = _parts(path)
    if obj is None or parts is None:
        return None
    way, name, is_item = parts
    try:
        slot = Slot(obj.path_resolve(way) if way else obj, name, is_item)
        slot.get()
    except (ValueError, KeyError, AttributeError, IndexError, TypeError):
        return None
    return slot


def address(obj: bpy.types.Object, path: str) -> tuple[bpy.types.ID, str] | None:
    """Return the data-block that holds the property at a path from an object, and the path from there."""
    slot = find_slot(obj, path)
    if slot is None:
        return None
    owner = slot.owner
    holder = owner.id_data
    if not isinstance(owner, bpy.types.bpy_struct) or not isinstance(holder, bpy.types.ID):
        return obj, path
    way = "" if owner == holder else owner.path_from_id()
    if slot.is_item:
        return holder, way + (f"[{slot.name}]" if isinstance(slot.name, int) else item(slot.name))
    return holder, f"{way}.{slot.name}" if way else str(slot.name)


def item(name: str) -> str:
    """Return a name as the key of a data path."""
    return f'["{bpy.utils.escape_identifier(name)}"]'


def bone_path(bone: str, channel: str) -> str:
    """Return the data path of a pose bone's channel."""
    return f"pose.bones{item(bone)}.{channel}"


def shape_path(key: str) -> str:
    """Return the data path of a shape key's value, from its data-block."""
    return f"key_blocks{item(key)}.value"
