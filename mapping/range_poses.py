# SPDX-FileCopyrightText: 2026 Mimica authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The poses that a performer is asked for, from `data/range_poses.json`."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any, Literal

from .data import load_table
from .frame import ARKIT_SHAPES

Choice = Literal["QUICK", "USUAL", "FULL"]


@dataclass(frozen=True, slots=True)
class RangePose:
    """One guided pose."""

    id: str
    name: str
    say: str
    """What the performer is told, one sentence."""
    controls: Mapping[str, float]
    """ARKit's names and the values that count as the pose in full, as people do it."""
    rest: float
    """Seconds of rest before it."""
    show: float
    """Seconds for which it is shown at most."""


@cache
def range_poses(choice: Choice) -> tuple[RangePose, ...]:
    """Return the guided poses in the order in which they are asked for.

    :param choice: quick: those that matter most; full: also those that few projects need, such as each side alone.
    """
    table = load_table("range_poses")
    entries = table["poses"] + (table["more"] if choice == "FULL" else [])
    return tuple(_pose(entry, table) for entry in entries if choice != "QUICK" or entry["id"] in table["quick"])


@cache
def neutral_pose() -> RangePose:
    """Return the rest that the neutral is taken from: a pose without controls."""
    table = load_table("range_poses")
    return _pose(table["neutral"], table)


def _pose(entry: Mapping[str, Any], table: Mapping[str, Any]) -> RangePose:
    controls = dict(entry.get("controls", {}))
    for name, value in entry.get("both", {}).items():
        controls[f"{name}Left"] = controls[f"{name}Right"] = value
    unknown = controls.keys() - set(ARKIT_SHAPES)
    if unknown:
        raise ValueError(f"The pose '{entry['id']}' names no shapes of ARKit: {', '.join(sorted(unknown))}.")
    return RangePose(
        entry["id"],
        entry["name"],
        entry["say"],
        controls,
        entry.get("rest", table["rest_seconds"]),
        entry.get("show", table["show_seconds"]),
    )
