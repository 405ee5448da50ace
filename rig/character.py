# SPDX-FileCopyrightText: 2026 Mimica authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A character's map as a part of the scene: kept on its object, so that it is saved, undone and edited like all else.

`Object.mimica` holds one row for each entry, see `map_rows`; nothing of a map is lost on its way through the scene. For
characters that are linked from another file, `Scene.mimica_linked` holds what was changed here. `register` adds both:
the extension does, and the command line and tests do it with plain bpy.
"""

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import lru_cache
from typing import Any

import bpy
from bpy.props import CollectionProperty, PointerProperty

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
    "is_librarys",
    "is_registered",
    "listeners",
    "one_change",
    "own_map",
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
    """Return what is held for a character, a map or nothing yet; None without an object or `register`. Only to be read.

    A linked character's own map is its library's, until it is changed here.
    """
    holder = holder_of(obj)
    if holder is None or not is_registered():
        return None
    return _own_of_linked(holder) or holder.mimica


def is_librarys(obj: bpy.types.Object | None) -> bool:
    """Whether the character's map is that of the file it is linked from, and was not changed here."""
    holder = holder_of(obj)
    return holder is not None and holder.override_library is not None and _own_of_linked(holder) is None


def _own_of_linked(holder: bpy.types.Object) -> MimicaCharacter | None:
    """Return what this file's scenes hold for an object that overrides a linked one: of those, lists cannot be kept."""
    if holder.override_library is None:
        return None
    found = (scene.mimica_linked.get(holder.name) for scene in bpy.data.scenes)
    return next((data for data in found if data is not None), None)


def _own(obj: bpy.types.Object) -> MimicaCharacter:
    """Return what is held for a character, to be changed."""
    holder = _holder(obj)
    if not is_librarys(holder):
        return data_of(holder) or holder.mimica
    theirs, own = holder.mimica, bpy.context.scene.mimica_linked.add()
    own.name = holder.name
    if theirs.stored:
        _write(own, _read(theirs))
        for mine, row in zip(own.entries, theirs.entries, strict=True):
            mine.detected = row.detected
        own.index, own.detected, own.report = theirs.index, theirs.detected, theirs.report
    return own


def revision(obj: bpy.types.Object | None) -> int:
    """Return a number that changes with every edit of the character's map; 0 where there is none."""
    data = data_of(obj)
    return data.revision if data is not None and data.stored else 0


# Whole maps


def stored_map(obj: bpy.types.Object | None) -> CharacterMap | None:
    """Return the map that the character holds; None when it holds none. Entries that are not complete are left out."""
    data = data_of(obj)
    return _read(data) if data is not None and data.stored else None


def store_map(obj: bpy.types.Object, character: CharacterMap, detected: bool = False) -> None:
    """Make this the character's map.

    :param detected: whether to remember it as what Reset to Detected goes back to.
    """
    data = _own(obj)
    _write(data, character)
    if detected:
        data.detected = json.dumps(to_json(character))
        for i, row in enumerate(data.entries):
            row.detected = i


def own_map(obj: bpy.types.Object) -> None:
    """Copy a linked character's map into this file, to be edited here."""
    _own(obj)


def forget_map(obj: bpy.types.Object) -> None:
    """Take the map away: the character is detected again when it is captured."""
    data = _own(obj)
    with collect_changes(data):
        for name in ("stored", "entries", "index", "strengths", "neck_share", "response", "rest", "detected", "report"):
            data.property_unset(name)


def _read(data: MimicaCharacter) -> CharacterMap:
    rest = json.loads(data.rest)
    entries = [entry for entry in map(entry_of, data.entries) if entry is not None]
    strengths = {
        region: value
        for region in REGIONS
        if (value := exact_number(data.strengths, region, rest)) != 1.0 or region in rest["strengths"]
    }
    return CharacterMap(
        data.title,
        tuple(e for e in entries if isinstance(e, BoneEntry)),
        tuple(e for e in entries if isinstance(e, ControlEntry)),
        {region: strengths[region] for region in sorted(strengths, key=_order_in(rest["strengths"]))},
        exact_number(data, "neck_share", rest),
        rest["translation"],
        data.response,
    )


def _write(data: MimicaCharacter, character: CharacterMap) -> None:
    with collect_changes(data):
        data.stored = True
        data.title = character.name
        data.entries.clear()
        for entry in (*character.bones, *character.controls):
            fill_entry(data.entries.add(), entry)
        data.index = min(max(data.index, 0), max(len(data.entries) - 1, 0))
        rest: dict[str, Any] = {"translation": character.translation, "strengths": list(character.strengths)}
        for region in REGIONS:
            keep_number(data.strengths, region, character.strength(region), rest)
        keep_number(data, "neck_share", character.neck_share, rest)
        data.response = character.response
        data.rest = json.dumps(rest)


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
    _own(obj).report = json.dumps(report, ensure_ascii=False)


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
    data = _own(obj)
    if not data.stored:
        _write(data, CharacterMap(obj.name))
    with collect_changes(data):
        fill_entry(data.entries.add(), entry)
        place = len(data.entries) - 1
        if after is not None and after + 1 < place:
            data.entries.move(place, after + 1)
            place = after + 1
        data.index = place
    return data.entries[place]


def remove_entry(obj: bpy.types.Object, index: int) -> None:
    """Take an entry out of the character's map."""
    data = _own(obj)
    with collect_changes(data):
        data.entries.remove(index)
        data.index = max(min(data.index, len(data.entries) - 1), 0)


@contextmanager
def one_change(obj: bpy.types.Object) -> Iterator[MimicaCharacter]:
    """Edit several things of the character's map as one change."""
    data = _own(obj)
    with collect_changes(data):
        yield data


def _order_in(names: list[str]) -> Callable[[str], int]:
    return lambda name: names.index(name) if name in names else len(names) + REGIONS.index(name)


def is_registered() -> bool:
    """Whether `Object.mimica` is there."""
    return hasattr(bpy.types.Object, "mimica")


def register() -> None:
    """Add `Object.mimica` and `Scene.mimica_linked`."""
    for cls in CLASSES:
        bpy.utils.register_class(cls)
    bpy.types.Object.mimica = PointerProperty(type=MimicaCharacter)
    bpy.types.Scene.mimica_linked = CollectionProperty(type=MimicaCharacter)


def unregister() -> None:
    """Take them away again; what files hold stays in them."""
    del bpy.types.Scene.mimica_linked
    del bpy.types.Object.mimica
    for cls in reversed(CLASSES):
        bpy.utils.unregister_class(cls)
