# SPDX-FileCopyrightText: 2026 Mimica authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The character map of a face that Rigify generated: the old face of one piece, or the modular one.

Its controls move each other by constraints, so that the rig's response is measured and solved for.
"""

from collections.abc import Collection
from typing import Any

from .character_map import BoneEntry, CharacterMap
from .data import load_table
from .mirror import mirror_landmarks

_NECK_SHARE = 0.35


def rigify_map(bones: Collection[str]) -> CharacterMap | None:
    """Return the map of a generated Rigify face, or None where the names of the bones tell none.

    Controls that the rig lacks are left out: users generate faces of their own making.
    """
    table = load_table("rigify")
    names = set(bones)
    if not any(names.issuperset(table[face]) for face in ("old", "new")):
        return None
    entries: list[BoneEntry] = []
    for row in table["controls"]:
        sides = "LR" if ".L" in row["bone"] else "L"
        found = (_entry(row, side, names) for side in sides)
        entries.extend(entry for entry in found if entry is not None)
    return CharacterMap("Rigify Face", tuple(entries), neck_share=_NECK_SHARE, response=True)


def is_metarig(bones: Collection[str]) -> bool:
    """Whether these are the bones of a metarig with a face, from which the rig is yet to be generated."""
    names = set(bones)
    return names.issuperset(load_table("rigify")["metarig"]) and "jaw_master" not in names


def _entry(row: dict[str, Any], side: str, names: set[str]) -> BoneEntry | None:
    """Return what a row of the table says for one side; None when the rig has no such control."""
    called = [_on_side(name, side) for name in (row["bone"], *row.get("names", ()))]
    bone = next((name for name in called if name in names), None)
    if bone is None:
        return None
    return BoneEntry(
        bone,
        row["drive"],
        row["region"],
        _landmarks(row.get("landmarks", {}), side),
        _on_side(row.get("pair", ""), side),
        _landmarks(row.get("edge", {}), side),
        row.get("upper", False),
        side if row.get("side") else "",
        row.get("control", ""),
        tuple(row.get("move", (0.0, 0.0, 0.0))),
        limit=row.get("limit", 0.0),
        enabled=row.get("enabled", True),
    )


def _on_side(name: str, side: str) -> str:
    return name if side == "L" else name.replace(".L", ".R")


def _landmarks(weights: dict[str, float], side: str) -> dict[str, float]:
    if side == "L":
        return dict(weights)
    other = mirror_landmarks()
    return {str(other[int(index)]): weight for index, weight in weights.items()}
