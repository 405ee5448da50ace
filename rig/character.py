# SPDX-FileCopyrightText: 2026 Mimica authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A character's map as a part of the scene: kept on its object, so that it is saved, undone and edited like all else.

`Object.mimica` holds one row for each entry, see `map_rows`; nothing of a map is lost on its way through the scene.
`register` adds `Object.mimica`: the extension does, and the command line and tests do it with plain bpy.
"""

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import lru_cache
from typing import Any

import bpy
from bpy.props import PointerProperty

from ..mapping.character_map import REGIONS, BoneEntry, CharacterMap, ControlEntry
from ..mapping.map_file import from_json, to_json
from .map_rows import (
    CLASSES,
    MimicaCharacter,
    MimicaEntry,
    collect_changes,
    entry_of,
    exact_number,
    fill_entry,
    keep_number,
    listeners,
)

__all__ = [
    "MimicaCharacter",
    "MimicaEntry",
    "add_entry",
    "data_of",
    "detected_map",
    "entry_of",
    "fill_entry",
    "forget_map",
    "holder_of",
    "is_edited",
    "is_registered",
    "listeners",
    "one_change",
    "remove_entry",
    "revision",
    "store_map",
    "store_report",
    "stored_map",
    "stored_report",
]

# Which object


def holder_of(obj: bpy.types.Object | None) -> bpy.types.Object | None:
    """Return the object that holds the map of the character that `obj` belongs to: its armature, else itself."""
    return _holder(obj) if obj is not None else None


def _holder(obj: bpy.types.Object) -> bpy.types.Object:
    if obj.type == "ARMATURE":
        return obj
    armature = obj.find_armature()
    parent = obj.parent
    while armature is None and parent is not None:
        armature = parent if parent.type == "ARMATURE" else None
        parent = parent.parent
    return armature or obj


def data_of(obj: bpy.types.Object | None) -> MimicaCharacter | None:
    """Return what the character's object holds, a map or nothing yet; None without an object or `register`."""
    return getattr(holder_of(obj), "mimica", None)


def revision(obj: bpy.types.Object | None) -> int:
    """Return a number that changes with every edit of the character's map; 0 where there is none."""
    data = data_of(obj)
    return data.revision if data is not None and data.stored else 0


# Whole maps


def stored_map(obj: bpy.types.Object | None) -> CharacterMap | None:
    """Return the map that the character holds; None when it holds none. Entries that are not complete are left out."""
    data = data_of(obj)
    if data is None or not data.stored:
        return None
    rest = json.loads(data.rest)
    entries = [entry for entry in map(entry_of, data.entries) if entry is not None]
    strengths = {
        region: value
        for region in REGIONS
        if (value := exact_number(data.strengths, region, rest)) != 1.0 or region in rest["strengths"]
    }
    return CharacterMap(
        data.name,
        tuple(e for e in entries if isinstance(e, BoneEntry)),
        tuple(e for e in entries if isinstance(e, ControlEntry)),
        {region: strengths[region] for region in sorted(strengths, key=_order_in(rest["strengths"]))},
        exact_number(data, "neck_share", rest),
        rest["translation"],
        data.response,
    )


def store_map(obj: bpy.types.Object, character: CharacterMap, detected: bool = False) -> None:
    """Make this the character's map.

    :param detected: whether to remember it as what Reset to Detected goes back to.
    """
    holder = _holder(obj)
    data = holder.mimica
    with collect_changes(holder):
        data.stored = True
        data.name = character.name
        data.entries.clear()
        for i, entry in enumerate((*character.bones, *character.controls)):
            row = data.entries.add()
            fill_entry(row, entry)
            row.detected = i if detected else -1
        data.index = min(max(data.index, 0), max(len(data.entries) - 1, 0))
        rest: dict[str, Any] = {"translation": character.translation, "strengths": list(character.strengths)}
        for region in REGIONS:
            keep_number(data.strengths, region, character.strength(region), rest)
        keep_number(data, "neck_share", character.neck_share, rest)
        data.response = character.response
        data.rest = json.dumps(rest)
        if detected:
            data.detected = json.dumps(to_json(character))


def forget_map(obj: bpy.types.Object) -> None:
    """Take the map away: the character is detected again when it is captured."""
    holder = _holder(obj)
    with collect_changes(holder):
        for name in ("stored", "entries", "index", "strengths", "neck_share", "response", "rest", "detected", "report"):
            holder.mimica.property_unset(name)


def detected_map(obj: bpy.types.Object | None) -> CharacterMap | None:
    """Return the map as it was detected; None when it was not."""
    data = data_of(obj)
    return from_json(json.loads(data.detected)) if data is not None and data.detected else None


def is_edited(obj: bpy.types.Object | None) -> bool:
    """Whether the character's map is another than detection made it."""
    stored = stored_map(obj)
    return stored is not None and stored != detected_map(obj)


def store_report(obj: bpy.types.Object, report: Any) -> None:
    """Keep what detection said: anything that JSON can hold."""
    data = data_of(obj)
    if data is not None:
        data.report = json.dumps(report, ensure_ascii=False)


def stored_report(obj: bpy.types.Object | None) -> Any:
    """Return what `store_report` kept, not to be changed; None when there is nothing."""
    data = data_of(obj)
    return _parsed(data.report) if data is not None and data.report else None


@lru_cache(maxsize=4)
def _parsed(text: str) -> Any:
    # Asked for at every redraw.
    return json.loads(text)


# Single entries


def add_entry(obj: bpy.types.Object, entry: BoneEntry | ControlEntry, after: int | None = None) -> MimicaEntry:
    """Add an entry to the character's map, as the last or after another, and make it the active one.

    A character without a map gets one that has this entry only.
    """
    holder = _holder(obj)
    if not holder.mimica.stored:
        store_map(holder, CharacterMap(holder.name))
    data = holder.mimica
    with collect_changes(holder):
        fill_entry(data.entries.add(), entry)
        place = len(data.entries) - 1
        if after is not None and after + 1 < place:
            data.entries.move(place, after + 1)
            place = after + 1
        data.index = place
    return data.entries[place]


def remove_entry(obj: bpy.types.Object, index: int) -> None:
    """Take an entry out of the character's map."""
    holder = _holder(obj)
    with collect_changes(holder):
        holder.mimica.entries.remove(index)
        holder.mimica.index = max(min(holder.mimica.index, len(holder.mimica.entries) - 1), 0)


@contextmanager
def one_change(obj: bpy.types.Object) -> Iterator[MimicaCharacter]:
    """Edit several things of the character's map as one change."""
    holder = _holder(obj)
    with collect_changes(holder):
        yield holder.mimica


def _order_in(names: list[str]) -> Callable[[str], int]:
    return lambda name: names.index(name) if name in names else len(names) + REGIONS.index(name)


def is_registered() -> bool:
    """Whether `Object.mimica` is there."""
    return hasattr(bpy.types.Object, "mimica")


def register() -> None:
    """Add `Object.mimica`."""
    for cls in CLASSES:
        bpy.utils.register_class(cls)
    bpy.types.Object.mimica = PointerProperty(type=MimicaCharacter)


def unregister() -> None:
    """Take it away again; what files hold stays in them."""
    del bpy.types.Object.mimica
    for cls in reversed(CLASSES):
        bpy.utils.unregister_class(cls)
