# SPDX-FileCopyrightText: 2026 Mimica authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Rigs known by the names of their bones, from the table `data/bone_families.json`: what each bone does.

A bone that lies where one of Mimica's own rig lies does what that one does.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cache
from typing import Any

from .character_map import BoneEntry, own_rig_map
from .data import load_table
from .mirror import mirror_landmarks
from .naming import sides, words

_TUPLES = ("turn", "move")


@dataclass(frozen=True, slots=True)
class BoneFamily:
    """A rig that was recognised."""

    name: str
    entries: tuple[BoneEntry, ...]
    both: tuple[str, ...] = ()
    """Regions whose bones are driven also where shape keys do the same."""
    response: bool = False
    """As `CharacterMap.response`."""


def known_rig(bones: Mapping[str, str]) -> BoneFamily | None:
    """Return the rig that these bones tell, or None.

    :param bones: name to parent's name.
    """
    for family in load_table("bone_families")["families"]:
        for prefix in family.get("prefixes", ("",)):
            if all(prefix + name in bones for name in family["all"]) and any(
                prefix + n in bones for n in family["any"]
            ):
                entries = _entries(family["rows"], prefix, bones)
                return BoneFamily(family["name"], entries, tuple(family.get("both", ())), family.get("response", False))
    return None


def plain_bones(bones: Mapping[str, str]) -> tuple[BoneEntry, ...]:
    """Return entries for a head, neck, jaw and eyes with any of the usual names.

    :param bones: name to parent's name.
    """
    table = load_table("bone_families")["plain"]
    found: dict[str, str] = {}
    for part in table["parts"]:
        ranked = [
            (part["names"].index(name), start, bone)
            for bone in bones
            for name, start in _readings(bone, table["prefixes"])
            if name in part["names"]
        ]
        if ranked:
            # The first of those that are alike: sorting by name would prefer one of many characters' copies.
            best = min(ranked, key=lambda entry: entry[:2])
            found[part["as"]] = best[2]
    if "head" in found and "neck" in found and not _is_above(found["neck"], found["head"], bones):
        del found["neck"]
    for eye in ("eye.L", "eye.R"):
        other = "eye.R" if eye == "eye.L" else "eye.L"
        if eye in found and other not in found:
            # One eye alone is probably something else, such as a target for both.
            del found[eye]
    return tuple(replace(_own()[part], bone=bone) for part, bone in found.items())


def _readings(bone: str, prefixes: list[str]) -> list[tuple[str, int]]:
    """Return what the bone's name can be without a prefix, joined, and how many words that has."""
    parts = words(bone)
    return [
        ("".join(parts[start:]), start)
        for start in range(len(parts))
        if all(word in prefixes or word.isdigit() for word in parts[:start])
    ]


def _is_above(ancestor: str, bone: str, bones: Mapping[str, str]) -> bool:
    parent = bones.get(bone, "")
    while parent and parent != ancestor:
        parent = bones.get(parent, "")
    return bool(parent)


@cache
def _own() -> dict[str, BoneEntry]:
    return {entry.bone: entry for entry in own_rig_map().bones}


def _entries(rows: list[dict[str, Any]], prefix: str, bones: Mapping[str, str]) -> tuple[BoneEntry, ...]:
    """Return the entries of a family's bones that there are; lids without their pair are left out."""
    found: list[tuple[str, BoneEntry]] = []
    for row in rows:
        for side in sides("".join((*row["bone"], row["as"]))):
            names = [prefix + name.format_map(side) for name in row["bone"]]
            bone = next((name for name in names if name in bones), None)
            if bone is None or prefix + row.get("without", "").format_map(side) in bones:
                continue
            found.append((row["as"].format_map(side), _entry(row, side, bone)))
    # What pairs with what is told by Mimica's own bones.
    places = {place: entry.bone for place, entry in reversed(found)}
    paired = [
        entry if entry.drive in ("control", "eye_target") else replace(entry, pair=places.get(entry.pair, ""))
        for _, entry in found
    ]
    return tuple(entry for entry in paired if entry.pair or entry.drive != "lid")


def _entry(row: dict[str, Any], side: Mapping[str, str], bone: str) -> BoneEntry:
    own = _own()[row["as"].format_map(side)]
    own = replace(own, bone=bone, limit=_limit(own.region) if own.drive == "landmarks" else 0.0)
    given: dict[str, Any] = {
        key: value.format_map(side) if isinstance(value, str) else tuple(value) if key in _TUPLES else value
        for key, value in row.items()
        if key not in ("bone", "as", "without")
    }
    if "landmarks" in row and side["L"] == "R":
        other = mirror_landmarks()
        given["landmarks"] = {str(other[int(index)]): weight for index, weight in row["landmarks"].items()}
    if given.get("drive") == "control":
        own = BoneEntry(bone, "control", own.region)
    return replace(own, **given)


def _limit(region: str) -> float:
    return load_table("bone_families")["limits"].get(region, 0.0)
