# SPDX-FileCopyrightText: 2026 Mimica authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The channels of a character that a bake keys, by data-block, with their values over time."""

from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass, field, replace

import bpy
import numpy as np

from ..mapping.channels import BonePose
from ..mapping.face_regions import FaceRegion
from ..mapping.map_regions import ChannelKey, channel_regions
from . import compat
from .bind import Binding
from .occupied import Existing, Occupied, writable
from .places import address, find_slot, shape_path
from .pose_curves import Curve, Kind, bone_curves

_WIDEST = 1000.0
"""Ends of a property that are further apart say nothing of how far it goes."""
_AT_REST = 1e-6
"""By how much a channel may be off its rest and still be at it."""
_REST: dict[Kind, tuple[float, ...]] = {
    "location": (0.0,) * 3,
    "rotation_quaternion": (1.0, 0.0, 0.0, 0.0),
    "rotation_euler": (0.0,) * 3,
    "scale": (1.0,) * 3,
}


@dataclass(slots=True)
class KeyedBlock:
    """A data-block and its channels. Holds a Blender reference: not to be kept."""

    datablock: bpy.types.ID
    curves: list[Curve] = field(default_factory=list)


def gather(
    binding: Binding,
    occupied: Occupied,
    values: tuple[BonePose, np.ndarray, np.ndarray],
    existing: Existing,
    regions: Collection[FaceRegion],
) -> list[KeyedBlock]:
    """Return the channels that may be written, of the chosen parts of the face, by data-block.

    :param values: bones, shape keys and properties, as `added` returns them.
    """
    found: dict[str, KeyedBlock] = {}

    def add(datablock: bpy.types.ID, curves: list[Curve]) -> None:
        if curves:
            key = f"{datablock.bl_rna.identifier} {datablock.name_full}"
            found.setdefault(key, KeyedBlock(datablock)).curves.extend(curves)

    plan, (bones, shapes, properties) = binding.plan, values
    parts = channel_regions(plan.character)

    def wanted(keys: Iterator[ChannelKey]) -> bool:
        return any(not parts.get(key, set()).isdisjoint(regions) for key in keys)

    if binding.armature and plan.bones:
        armature = bpy.data.objects[binding.armature]
        here = np.array([wanted(iter([("bone", "", name)])) for name in plan.bones])[:, None]
        curves = bone_curves(
            armature,
            plan.bones,
            bones,
            located=here & plan.located & writable(occupied.location, existing),
            turned=here & plan.turned[:, None] & writable(occupied.rotation, existing),
            scaled=here & plan.scaled & writable(occupied.scale, existing),
        )
        add(armature, curves)
    for i in np.flatnonzero(writable(occupied.shapes, existing)):
        place = occupied.shape_places[i]
        if not wanted(("shape_key", *plan.shapes[column]) for column in place.columns):
            continue
        keys = bpy.data.objects[place.mesh].data.shape_keys
        block = keys.key_blocks[place.key]
        kept = np.clip(shapes[:, i], block.slider_min, block.slider_max)
        owner = ("shape_key", place.key)
        add(keys, [Curve(shape_path(place.key), 0, "Shape Keys", kept, "value", owner)])
    for i in np.flatnonzero(writable(occupied.properties, existing)):
        place = occupied.property_places[i]
        if not wanted(("property", *plan.properties[column]) for column in place.columns):
            continue
        obj = bpy.data.objects[place.object]
        way, slot = address(obj, place.path), find_slot(obj, place.path)
        if way is not None and slot is not None:
            least, most = slot.limits()
            kept = np.clip(properties[:, i], least, most)
            owner, size = ("property", place.path), most - least if most - least < _WIDEST else 1.0
            curve = Curve(way[1], 0, "Properties", kept, "value", owner, size)
            if not isinstance(slot.get(), float):
                curve = replace(curve, values=np.rint(kept), kind="steps")
            add(way[0], [curve])
    return list(found.values())


def rests(together: list[Curve]) -> bool:
    """Whether the channels of one transform never leave their rest. Of properties it is not known where that is."""
    first = together[0]
    if first.kind == "rotation_axis_angle":
        return all(np.abs(curve.values).max() <= _AT_REST for curve in together if curve.index == 0)
    return all(
        (rest := _rest_of(curve)) is not None and np.abs(curve.values - rest).max() <= _AT_REST for curve in together
    )


def without_resting(block: KeyedBlock, action: bpy.types.Action, gives_way: bpy.types.Action | None) -> list[Curve]:
    """Return a data-block's channels without the transforms that a bake need not key: which stay at rest throughout.

    They stand there already and nothing else moves them; or what moves them gives way, and they are put there.

    :param action: the one that is baked; what it has keyed it goes on keying.
    :param gives_way: an action that animates the data-block until now.
    """
    together: dict[str, list[Curve]] = {}
    for curve in block.curves:
        together.setdefault(curve.path, []).append(curve)
    moved = _moved(block.datablock, action, gives_way)
    before = _moved_by(block.datablock, gives_way) if gives_way is not None else set()
    kept: list[Curve] = []
    for path, curves in together.items():
        if path in moved or not rests(curves):
            kept += curves
        elif path in before:
            for curve in curves:
                _set(block.datablock, curve)
        elif not all(_stands(block.datablock, curve) for curve in curves):
            kept += curves
    return kept


def _rest_of(curve: Curve) -> float | None:
    if curve.name[0] == "shape_key":
        return 0.0
    return _REST[curve.kind][curve.index] if curve.kind in _REST else None


def _moved(datablock: bpy.types.ID, action: bpy.types.Action, gives_way: bpy.types.Action | None) -> set[str]:
    """Return the paths that something moves, or that the action itself moved before."""
    others = (curves for playing, curves, _ in compat.playing(datablock) if playing not in (action, gives_way))
    return _moved_by(datablock, action).union(*({curve.data_path for curve in curves} for curves in others))


def _moved_by(datablock: bpy.types.ID, action: bpy.types.Action) -> set[str]:
    return {curve.data_path for curve in compat.curves_in(action, compat.slot_of(datablock, action)) or ()}


def _stands(datablock: bpy.types.ID, curve: Curve) -> bool:
    """Whether a channel stands at rest now."""
    return _at(datablock, curve, lambda owner, name: _is_rest(owner, name, curve))


def _is_rest(owner: bpy.types.bpy_struct, name: str, curve: Curve) -> bool:
    if curve.kind == "rotation_axis_angle":
        return abs(getattr(owner, name)[0]) <= _AT_REST
    rest, value = _rest_of(curve), getattr(owner, name)
    return rest is not None and abs((value if curve.kind == "value" else value[curve.index]) - rest) <= _AT_REST


def _set(datablock: bpy.types.ID, curve: Curve) -> None:
    """Put a channel to the value that it has throughout."""

    def put(owner: bpy.types.bpy_struct, name: str) -> bool:
        value = float(curve.values[0])
        if curve.kind == "value":
            setattr(owner, name, value)
        else:
            getattr(owner, name)[curve.index] = value
        return True

    _at(datablock, curve, put)


def _at(datablock: bpy.types.ID, curve: Curve, do: Callable[[bpy.types.bpy_struct, str], bool]) -> bool:
    """Return what `do` says of the owner of a channel and its property; False where there is none."""
    way, _, name = curve.path.rpartition(".")
    try:
        return do(datablock.path_resolve(way), name)
    except (ValueError, AttributeError):
        return False
