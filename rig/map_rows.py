# SPDX-FileCopyrightText: 2026 Mimica authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The rows in which a scene holds a character's map.

What a panel shows is a property with a range; the rest of an entry is JSON beside it.
"""

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict
from typing import Any

import bpy
import numpy as np
from bpy.props import (
    BoolProperty,
    CollectionProperty,
    EnumProperty,
    FloatProperty,
    IntProperty,
    PointerProperty,
    StringProperty,
)

from ..mapping.character_map import (
    CONTROLS,
    NO_LIMIT,
    REGIONS,
    BoneEntry,
    Channel,
    ControlEntry,
    region_of,
)

NO_CONTROL = "NONE"
AUTOMATIC = "AUTO"

_REGION_TEXTS = {
    "brows": "Raising, lowering and drawing together the brows",
    "lids": "Blinking, squinting and wide eyes",
    "gaze": "Where the eyes look",
    "jaw": "Opening and shifting the jaw",
    "mouth": "Lips and corners of the mouth",
    "cheeks": "Puffed and raised cheeks",
    "nose": "The wings of the nose",
    "head": "Turning and moving the head, neck included",
    "tongue": "Sticking the tongue out",
}
_DRIVES = (
    ("landmarks", "Landmarks", "Follows its place on the performer's face by location"),
    ("lid", "Lid", "Travels to the opposite lid as the eye closes"),
    ("jaw", "Jaw", "Turns as the performer's jaw opens and shifts"),
    ("eye", "Eye", "Turns to where the performer's eye looks"),
    ("eye_target", "Eye Target", "Moves so that the eye that looks at it turns as the performer's"),
    ("head", "Head", "Turns as the performer's head, without the neck's share"),
    ("neck", "Neck", "Takes the neck's share of the head's turn"),
    ("control", "Control", "Takes up a pose as far as one control says"),
)
_KINDS = (
    ("shape_key", "Shape Key", "The value of a shape key", "SHAPEKEY_DATA", 0),
    ("location", "Bone Location", "Where a bone is, along one axis of its own", "BONE_DATA", 1),
    ("rotation", "Bone Rotation", "How a bone is turned, about one axis of its own", "BONE_DATA", 2),
    ("scale", "Bone Scale", "How large a bone is, along one axis of its own", "BONE_DATA", 3),
    ("property", "Property", "Any number of an object or its data, by its data path", "RNA", 4),
)
_BONE_NUMBERS = ("gain", "limit")
_CONTROL_NUMBERS = ("gain", "offset", "dead_zone", "curve", "minimum", "maximum")


def _control_items() -> tuple[tuple[Any, ...], ...]:
    """Return the controls for a menu, a column a region; numbers stay the same when controls are added."""
    items: list[tuple[Any, ...]] = [(NO_CONTROL, "Landmarks", "Follows landmarks of the face instead of a control", 0)]
    for region in REGIONS:
        names = [name for name in CONTROLS if region_of(name) == region]
        items.append(("", region.capitalize(), ""))
        items += [(name, name, _REGION_TEXTS[region], CONTROLS.index(name) + 1) for name in names]
    return tuple(items)


CONTROL_ITEMS = _control_items()
"""For an EnumProperty; the texts must live as long as Blender."""
REGION_ITEMS = tuple((region, region.capitalize(), _REGION_TEXTS[region], i + 1) for i, region in enumerate(REGIONS))
KIND_ITEMS = _KINDS
DRIVE_ITEMS = _DRIVES

_quiet = False
_last_revision = 0
listeners: "list[Callable[[MimicaCharacter], None]]" = []
"""Called with the map that was just edited, or of which another entry was picked."""


@contextmanager
def collect_changes(data: "MimicaCharacter") -> Iterator[None]:
    """Let many changes count as one."""
    global _quiet
    before, _quiet = _quiet, True
    try:
        yield
    finally:
        _quiet = before
    changed(data, None)


def changed(self: bpy.types.PropertyGroup, _context: bpy.types.Context | None) -> None:
    """Give the map a number that no state of it had before, so that what is bound to it is bound anew."""
    global _last_revision
    if _quiet:
        return
    data = _map_of(self)
    # After an undo the old number is there again, and so is what it stood for.
    _last_revision = max(_last_revision, data.revision) + 1
    data.revision = _last_revision
    for listener in listeners:
        listener(data)


def _picked(self: "MimicaCharacter", _context: bpy.types.Context) -> None:
    if not _quiet:
        for listener in listeners:
            listener(self)


def _map_of(part: bpy.types.PropertyGroup) -> "MimicaCharacter":
    """Return the map that a row, or what belongs to one, is a part of."""
    holder = part.id_data
    if isinstance(holder, bpy.types.Object):
        return holder.mimica
    # A linked character's, which the scene holds: `mimica_linked[0].entries[3].channels[0]`.
    return holder.path_resolve(part.path_from_id().partition(".")[0])


def _raise_maximum(self: "MimicaEntry", context: bpy.types.Context) -> None:
    if not _quiet and self.maximum < self.minimum:
        self.maximum = self.minimum
    changed(self, context)


def _lower_minimum(self: "MimicaEntry", context: bpy.types.Context) -> None:
    if not _quiet and self.minimum > self.maximum:
        self.minimum = self.maximum
    changed(self, context)


def _get_amount(self: "MimicaChannel") -> float:
    return self.amount


def _set_amount(self: "MimicaChannel", value: float) -> None:
    self.amount = value


def _get_owner(self: "MimicaChannel") -> str:
    return self.found.name if self.found is not None else self.object


def _set_owner(self: "MimicaChannel", name: str) -> None:
    self.object, self.found = name, bpy.data.objects.get(name) if name else None
    changed(self, None)


class MimicaChannel(bpy.types.PropertyGroup):
    """One thing that an entry sets."""

    kind: EnumProperty(name="Kind", description="What is set", items=_KINDS, update=changed)
    target: StringProperty(
        name="Target",
        description=(
            'The shape key, the bone, or the data path from the object, such as ["smile"]; data.["smile"] for one of '
            "the object's data"
        ),
        update=changed,
    )
    object: StringProperty(options={"HIDDEN"})
    """The name that the object had when it was chosen; it need not be there."""
    found: PointerProperty(type=bpy.types.Object, options={"HIDDEN"})
    """The object itself, so that it is known under another name too, and a copy of the character drives its own."""
    owner: StringProperty(
        name="Object",
        description="The object. Empty is each of the character's meshes that has the shape key, or its armature",
        get=_get_owner,
        set=_set_owner,
    )
    axis: EnumProperty(
        name="Axis",
        description="Which of the bone's own axes",
        items=(("0", "X", "The bone's own X"), ("1", "Y", "Along the bone"), ("2", "Z", "The bone's own Z")),
        update=changed,
    )
    amount: FloatProperty(
        name="Amount",
        description="What is added here when the entry stands at 1; negative goes the other way",
        soft_min=-2.0,
        soft_max=2.0,
        step=1,
        precision=3,
        default=1.0,
        update=changed,
    )
    angle: FloatProperty(
        name="Amount",
        description="How far the bone is turned when the entry stands at 1; negative goes the other way",
        subtype="ANGLE",
        get=_get_amount,
        set=_set_amount,
    )
    distance: FloatProperty(
        name="Amount",
        description="How far the bone is moved when the entry stands at 1; negative goes the other way",
        subtype="DISTANCE",
        precision=4,
        get=_get_amount,
        set=_set_amount,
    )
    rest: StringProperty(options={"HIDDEN"})
    """JSON: the exact amount, and what the property made of it."""


class MimicaEntry(bpy.types.PropertyGroup):
    """One row of the map: a bone that does as its part of the face, or channels that a control sets."""

    kind: EnumProperty(items=(("BONE", "Bone", ""), ("CONTROL", "Control", "")), default="CONTROL")
    enabled: BoolProperty(name="Enabled", description="Whether this moves the character", default=True, update=changed)
    gain: FloatProperty(
        name="Gain",
        description="How strongly it answers: 2 goes twice as far, negative the other way",
        soft_min=0.0,
        soft_max=3.0,
        step=5,
        default=1.0,
        update=changed,
    )
    offset: FloatProperty(
        name="Offset",
        description="Where it stands while the performer's face is at rest",
        soft_min=-1.0,
        soft_max=1.0,
        step=1,
        precision=3,
        update=changed,
    )
    dead_zone: FloatProperty(
        name="Dead Zone",
        description="What is smaller counts as nothing: against trembling at rest",
        subtype="FACTOR",
        min=0.0,
        max=0.95,
        soft_max=0.5,
        precision=3,
        update=changed,
    )
    curve: FloatProperty(
        name="Curve",
        description="Exponent of the answer: 1 is straight, above 1 slow at first, below 1 fast at first",
        min=0.05,
        max=20.0,
        soft_min=0.25,
        soft_max=4.0,
        step=5,
        default=1.0,
        update=changed,
    )
    minimum: FloatProperty(
        name="Minimum",
        description=f"Never goes below this; -{NO_LIMIT:g} is no limit",
        soft_min=-NO_LIMIT,
        soft_max=NO_LIMIT,
        step=5,
        default=-NO_LIMIT,
        update=_raise_maximum,
    )
    maximum: FloatProperty(
        name="Maximum",
        description=f"Never goes above this; {NO_LIMIT:g} is no limit",
        soft_min=-NO_LIMIT,
        soft_max=NO_LIMIT,
        step=5,
        default=NO_LIMIT,
        update=_lower_minimum,
    )
    mirror: BoolProperty(
        name="Follow Other Side", description="Follow the other side of the performer's face", update=changed
    )
    limit: FloatProperty(
        name="Limit",
        description="How far it moves at most, softly, centimetres on a face of average size; 0 is no limit",
        min=0.0,
        soft_max=5.0,
        step=5,
        update=changed,
    )
    region: EnumProperty(
        name="Region",
        description="Whose strength counts here",
        items=((AUTOMATIC, "Automatic", "The control's own region", 0), *REGION_ITEMS),
        default=AUTOMATIC,
        update=changed,
    )
    control: EnumProperty(
        name="Control",
        description="Which part of the performance is followed",
        items=CONTROL_ITEMS,
        default=NO_CONTROL,
        update=changed,
    )
    label: StringProperty(name="Label", description="What the list calls it; empty shows the control", update=changed)
    drive: EnumProperty(name="Drive", description="What the bone does", items=_DRIVES, update=changed)
    bone: StringProperty(name="Bone", description="The bone that is driven", update=changed)
    pair: StringProperty(
        name="Partner",
        description=(
            "Lids: the bone of the opposite lid. Lower lips: the bone of the upper lip that they touch. "
            "Eye targets: the bone at the eye's centre"
        ),
        update=changed,
    )
    side: EnumProperty(
        name="Side",
        description="The character's own side",
        items=(("NONE", "Middle", "Neither"), ("L", "Left", "The character's left"), ("R", "Right", "The other")),
        update=changed,
    )
    channels: CollectionProperty(type=MimicaChannel)
    detected: IntProperty(default=-1, options={"HIDDEN"})
    """Its place among the detected map's entries, bones first; -1 for what was added."""
    rest: StringProperty(options={"HIDDEN"})
    """JSON: the fields that have no property, and under "exact" each number as it was, and as its property took it."""


def _strength(region: str) -> Any:
    return FloatProperty(
        name=region.capitalize(),
        description=f"{_REGION_TEXTS[region]}: 1 as far as the performer, 0 not at all, 2 twice as far",
        soft_min=0.0,
        soft_max=2.0,
        step=5,
        default=1.0,
        update=changed,
    )


class MimicaStrengths(bpy.types.PropertyGroup):
    """How far each region of the face goes."""

    __annotations__ = {region: _strength(region) for region in REGIONS}


class MimicaCharacter(bpy.types.PropertyGroup):
    """How a character is driven: `Object.mimica`, or one of `Scene.mimica_linked`, `name` being the object's then."""

    title: StringProperty(name="Name", description="What the mapping is called", options={"HIDDEN"})
    stored: BoolProperty(options={"HIDDEN"})
    """Whether there is a map here."""
    entries: CollectionProperty(type=MimicaEntry)
    index: IntProperty(name="Entry", description="The entry whose settings are shown", update=_picked)
    strengths: PointerProperty(type=MimicaStrengths)
    neck_share: FloatProperty(
        name="Neck Share",
        description="How much of the head's turn the neck takes",
        subtype="FACTOR",
        min=0.0,
        max=1.0,
        default=0.35,
        update=changed,
    )
    response: BoolProperty(
        name="Measure Response",
        description=(
            "Measure how the rig's controls move each other and take it into account: for rigs whose constraints move "
            "controls about. Takes a moment at the start of a capture"
        ),
        update=changed,
    )
    rest: StringProperty(options={"HIDDEN"})
    """JSON: as an entry's, for the map as a whole."""
    detected: StringProperty(options={"HIDDEN"})
    """JSON: the map as it was detected."""
    report: StringProperty(options={"HIDDEN"})
    """JSON: what detection found."""
    revision: IntProperty(options={"HIDDEN"})
    """Another number after each change."""


def entry_of(row: MimicaEntry) -> BoneEntry | ControlEntry | None:
    """Return the entry that a row stands for; None while something of it is missing."""
    rest = json.loads(row.rest or "{}")
    control = "" if row.control == NO_CONTROL else row.control
    if row.kind == "BONE":
        if not row.bone or (row.drive == "control" and not control):
            return None
        return BoneEntry(
            row.bone,
            row.drive,
            row.region if row.region != AUTOMATIC else _region_of_drive(row.drive, control),
            rest.get("landmarks", {}),
            row.pair,
            rest.get("edge", {}),
            rest.get("upper", False),
            "" if row.side == "NONE" else row.side,
            control,
            tuple(rest.get("move", (0.0, 0.0, 0.0))),
            tuple(rest.get("turn", (0.0, 0.0, 0.0))),
            **{name: exact_number(row, name, rest) for name in _BONE_NUMBERS},
            mirror=row.mirror,
            enabled=row.enabled,
        )
    channels = tuple(_channel_of(channel) for channel in row.channels if channel.target)
    landmarks = rest.get("landmarks", {}) if not control else {}
    if not channels or not (control or landmarks):
        return None
    return ControlEntry(
        channels,
        control,
        landmarks,
        rest.get("axis", 1),
        "" if row.region == AUTOMATIC else row.region,
        row.label,
        **{name: exact_number(row, name, rest) for name in _CONTROL_NUMBERS},
        mirror=row.mirror,
        enabled=row.enabled,
    )


def fill_entry(row: MimicaEntry, entry: BoneEntry | ControlEntry) -> None:
    """Make a row stand for an entry."""
    with collect_changes(_map_of(row)):
        rest = asdict(entry)
        row.control = entry.control or NO_CONTROL
        row.region = entry.region or AUTOMATIC
        row.mirror, row.enabled = entry.mirror, entry.enabled
        row.channels.clear()
        if isinstance(entry, BoneEntry):
            row.kind, row.bone, row.drive, row.pair = "BONE", entry.bone, entry.drive, entry.pair
            row.side = entry.side or "NONE"
            kept, numbers = ("landmarks", "edge", "upper", "move", "turn"), _BONE_NUMBERS
        else:
            row.kind, row.label = "CONTROL", entry.label
            for channel in entry.channels:
                fill_channel(row.channels.add(), channel)
            kept, numbers = ("landmarks", "axis"), _CONTROL_NUMBERS
        exact: dict[str, Any] = {name: rest[name] for name in kept}
        for name in numbers:
            keep_number(row, name, rest[name], exact)
        row.rest = json.dumps(exact)


def fill_channel(row: MimicaChannel, channel: Channel) -> None:
    """Make a row stand for a channel."""
    row.kind, row.target, row.owner, row.axis = channel.kind, channel.name, channel.object, str(channel.axis)
    rest: dict[str, Any] = {}
    keep_number(row, "amount", channel.amount, rest)
    row.rest = json.dumps(rest)


def _channel_of(row: MimicaChannel) -> Channel:
    amount = exact_number(row, "amount", json.loads(row.rest or "{}"))
    return Channel(row.kind, row.target, int(row.axis), amount, row.owner)


def _region_of_drive(drive: str, control: str) -> str:
    if drive == "control":
        return region_of(control)
    return {"lid": "lids", "eye": "gaze", "eye_target": "gaze", "jaw": "jaw", "landmarks": "mouth"}.get(drive, "head")


def keep_number(owner: bpy.types.PropertyGroup, name: str, value: float, rest: dict[str, Any]) -> None:
    """Set a property, and remember what it made of the number: it has half the digits, and a range."""
    setattr(owner, name, value)
    rest.setdefault("exact", {})[name] = (value, getattr(owner, name))


def exact_number(owner: bpy.types.PropertyGroup, name: str, rest: dict[str, Any]) -> float:
    """Return a property's number as it was stored, or as few digits as tell it when it was edited since."""
    now = getattr(owner, name)
    value, shown = rest.get("exact", {}).get(name, (None, None))
    return value if value is not None and now == shown else float(str(np.float32(now)))


CLASSES = (MimicaChannel, MimicaEntry, MimicaStrengths, MimicaCharacter)
