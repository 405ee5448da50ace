# SPDX-FileCopyrightText: 2026 Mimica authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Learning by example: the pose that a character is put into becomes the entry by which an expression moves it.

The expressions and their order are in `data/teaching.json`. A pose is what stands in the character's channels; only
what it has of its own against the pose that a step began with is learned.
"""

import json
import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache
from typing import Any, Literal

import numpy as np

from .character_map import ARKIT_SHAPES, Channel, ChannelKind, CharacterMap, ControlEntry, region_of
from .data import load_table

Group = Literal["essential", "more", "rest", "head"]
Address = tuple[ChannelKind, str, str, int]
"""Kind, object, name and axis of one channel, as in `Channel`. Bones have no object: they are the character's own."""
Pose = Mapping[Address, float]
"""What stands in channels. A channel that is left out stands at rest: a scale at 1, anything else at 0."""

_PLACE_TOLERANCE = 2e-5
"""Shares of the character's size that a bone may move without having been moved."""
_TOLERANCE = 1e-4
"""The same for radians, scales, shape keys and properties: what undoing a pose by hand leaves behind."""


class TeachingError(Exception):
    """A pose teaches nothing, or cannot be mirrored; the text says why and what to do."""


@dataclass(frozen=True, slots=True)
class Expression:
    """One expression that a character is taught."""

    id: str
    label: str
    say: str
    """What to pose, one sentence."""
    group: Group
    controls: tuple[str, ...]
    """What the pose counts as. Where there are two, the first is the left side's, the second the right's."""
    full: float
    """What the control stands at in the pose: 1, or radians with their sign."""
    after: tuple[str, ...]
    """Ids of the expressions that the pose begins with."""

    @property
    def region(self) -> str:
        """One of the map's regions."""
        return region_of(self.controls[0])

    @property
    def other(self) -> str:
        """The id of the same expression of the other side, empty where it has no sides."""
        swapped = _other_side(self.id)
        return swapped if swapped != self.id else ""

    @property
    def is_angle(self) -> bool:
        """Whether its control is an angle, which one pose shows one direction of."""
        return self.controls[0] not in ARKIT_SHAPES


@cache
def expressions() -> tuple[Expression, ...]:
    """Return all expressions in the order in which they are asked for."""
    return tuple(expression for row in load_table("teaching")["expressions"] for expression in _from_row(row))


@cache
def find_expression(name: str) -> Expression | None:
    """Return the expression with this id, None where there is none."""
    return next((e for e in expressions() if e.id == name), None)


def _from_row(row: Mapping[str, Any]) -> Iterable[Expression]:
    for side in ("Left", "Right") if row.get("sides") else ("",):
        fill = {"side": side.lower(), "Side": side}
        name = row["id"].replace("+", side)
        full = math.radians(row["full"]) if "full" in row else 1.0
        yield Expression(
            name,
            row["label"].format(**fill),
            row["say"].format(**fill),
            row["group"],
            tuple(row.get("controls", [name])),
            full,
            tuple(row.get("after", ())),
        )


def difference(start: Pose, now: Pose, size: float = 1.0) -> dict[Address, float]:
    """Return what was done to each channel between two poses; channels that were left alone are left out.

    Rotation vectors are subtracted, as entries add them up, so that what is learned on top of another pose gives
    exactly the pose that was shown. A shape key that several meshes have and that moved alike in all is one channel.

    :param size: the character's, in its own units: what counts as moved depends on it.
    """
    found = {}
    for address, value in _nearest_turns(start, now).items():
        change = value - start.get(address, at_rest(address[0]))
        if abs(change) > (_PLACE_TOLERANCE * size if address[0] == "location" else _TOLERANCE):
            found[address] = change
    return _common_keys(found, now)


def entries_from_pose(
    shown: Expression, change: Mapping[Address, float], sides: Mapping[str, int], amount: float = 1.0
) -> tuple[ControlEntry, ...]:
    """Return the entries that a pose teaches: one, or one for each side of an expression that has two controls.

    :param change: from `difference`.
    :param sides: for bones and shape keys 1 for the character's left, -1 for its right, 0 for both or the middle, which
        is shared between both controls. Names that are left out are in the middle.
    :param amount: how much of the expression the pose shows, above 0; 1 is all of it.
    :raises TeachingError: nothing was moved.
    """
    if not change:
        raise TeachingError("Nothing was moved since this step began. Pose the character, then press Learn Pose")
    if len(shown.controls) == 1:
        control = shown.controls[0]
        return (entry_from_pose(control, change, amount, shown.full, label_of(shown, control)),)
    entries = []
    for control, side in zip(shown.controls, (1, -1), strict=True):
        shares = {1: 1.0, 0: 0.5, -1: 0.0}
        part = {a: v * shares[sides.get(a[2], 0) * side] for a, v in change.items()}
        part = {a: v for a, v in part.items() if v}
        if part:
            entries.append(entry_from_pose(control, part, amount, shown.full, label_of(shown, control)))
    return tuple(entries)


def entry_from_pose(
    control: str, change: Mapping[Address, float], amount: float = 1.0, full: float = 1.0, label: str = ""
) -> ControlEntry:
    """Return the entry by which a control moves channels as a pose did.

    :param change: what the pose does to each channel, from `difference`.
    :param amount: how much of the expression the pose shows, above 0.
    :param full: the control's value in the full expression: 1, or radians, whose sign is the direction that is learned.
    """
    share = 1.0 / (amount * abs(full))
    channels = tuple(
        Channel(kind, name, axis, float(f"{value * share:.7g}"), obj)
        for (kind, obj, name, axis), value in change.items()
    )
    entry = ControlEntry(channels, control, label=label, gain=math.copysign(1.0, full), minimum=0.0)
    return entry if control not in ARKIT_SHAPES else replace(entry, maximum=1.0)


def label_of(shown: Expression, control: str) -> str:
    """Return what an expression's entry for a control is called."""
    if len(shown.controls) == 1:
        return shown.label
    return f"{shown.label} ({'Left' if control == shown.controls[0] else 'Right'} Eye)"


def posed(start: Pose, entries: Iterable[ControlEntry], amount: float = 1.0) -> dict[Address, float]:
    """Return the pose of learned entries at an amount of the full expression, on top of another pose.

    Only the channels of `start` and of the entries are in it. Channels for every mesh go to each that is in `start`.
    """
    pose = dict(start)
    for entry in entries:
        for address, value in change_of(entry).items():
            for place in _places(address, start):
                pose[place] = pose.get(place, at_rest(place[0])) + value * amount
    return pose


def change_of(entry: ControlEntry) -> dict[Address, float]:
    """Return what an entry does to each channel when its control stands at its full value."""
    taught = next((e for e in expressions() if means(entry, e)), None)
    full = abs(taught.full) if taught is not None else 1.0
    level = min(max(abs(entry.gain) * full + entry.offset, entry.minimum), entry.maximum)
    return {(c.kind, c.object, c.name, c.axis): c.amount * level for c in entry.channels}


def means(entry: ControlEntry, shown: Expression) -> bool:
    """Whether an entry is one that an expression drives the character by."""
    return entry.control in shown.controls and (not shown.is_angle or (entry.gain < 0.0) == (shown.full < 0.0))


def entries_of(character: CharacterMap, shown: Expression) -> tuple[ControlEntry, ...]:
    """Return the entries of a map that an expression drives the character by."""
    return tuple(entry for entry in character.controls if means(entry, shown))


def learned_ids(driving: Iterable[tuple[str, float]]) -> frozenset[str]:
    """Return the ids of all expressions that a character is driven by.

    :param driving: control and gain of the entries of its map.
    """
    known = {(control, gain < 0.0) for control, gain in driving}
    return frozenset(e.id for e in expressions() if any((c, e.full < 0.0) in known for c in e.controls))


def following(
    names: Sequence[str], present: str, wanted: Callable[[str], bool] = lambda name: True, step: int = 1
) -> str:
    """Return the next name in a list, round its end, that is wanted; where none is, the present one."""
    place = names.index(present) if present in names else -1
    order = [names[(place + step * i) % len(names)] for i in range(1, len(names) + 1)]
    return next(filter(wanted, order), present)


def pose_to_text(pose: Pose) -> str:
    """Return a pose as text. What stands at rest is left out, but for properties, whose rest nobody knows."""
    kept = {a: value for a, value in pose.items() if a[0] == "property" or value != at_rest(a[0])}
    return json.dumps([[*address, value] for address, value in kept.items()])


def pose_from_text(text: str) -> dict[Address, float]:
    """Read what `pose_to_text` wrote. No text is a pose at rest."""
    return {(kind, obj, name, axis): value for kind, obj, name, axis, value in json.loads(text or "[]")}


def at_rest(kind: ChannelKind) -> float:
    """Return what a channel stands at when nothing was done to it."""
    return 1.0 if kind == "scale" else 0.0


def _other_side(name: str) -> str:
    return name.replace("Left", "@").replace("Right", "Left").replace("@", "Right")


def _nearest_turns(start: Pose, now: Pose) -> dict[Address, float]:
    """Return a pose with each rotation vector as the one of its two forms that is nearer to where it began."""
    pose = dict(now)
    for name in {a[2]: None for a in now if a[0] == "rotation"}:
        axes: list[Address] = [("rotation", "", name, i) for i in range(3)]
        vector, began = (np.array([p.get(a, 0.0) for a in axes]) for p in (now, start))
        angle = float(np.linalg.norm(vector))
        if angle > 1e-9:
            other = vector * (1.0 - 2.0 * math.pi / angle)
            if np.linalg.norm(other - began) < np.linalg.norm(vector - began):
                pose.update(zip(axes, other.tolist(), strict=True))
    return pose


def _common_keys(change: dict[Address, float], now: Pose) -> dict[Address, float]:
    """Return changes with one channel for shape keys that did the same in every mesh that has them."""
    result: dict[Address, float] = {}
    for address, value in change.items():
        if address[0] == "shape_key":
            others = [change.get(a, 0.0) for a in now if a[0] == "shape_key" and a[2] == address[2]]
            if max(others) - min(others) <= _TOLERANCE:
                address = ("shape_key", "", address[2], 0)
        result.setdefault(address, value)
    return result


def _places(address: Address, pose: Pose) -> list[Address]:
    """Return the channels of a pose that an entry's channel stands for."""
    kind, obj, name, _axis = address
    if kind != "shape_key" or obj:
        return [address]
    return [a for a in pose if a[0] == "shape_key" and a[2] == name]
