# SPDX-FileCopyrightText: 2026 Mimica authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""How one character is driven: which bone or shape key follows which part of the face."""

from dataclasses import dataclass, field
from typing import Any, Literal, get_args

from .data import load_table
from .frame import ARKIT_SHAPES

SCHEMA = 1
Drive = Literal["landmarks", "lid", "jaw", "eye", "head", "neck", "control"]
REGIONS = ("brows", "lids", "gaze", "jaw", "mouth", "cheeks", "nose", "head", "tongue")


class CharacterMapError(Exception):
    """A character map cannot be used; the text names the entry and says what to do."""


@dataclass(frozen=True, slots=True)
class BoneEntry:
    """One pose bone and what moves it."""

    bone: str
    drive: Drive
    """landmarks: follows their displacement by location. lid: travels to the opposite lid as the eye closes. jaw, eye,
    head, neck: rotate. control: takes up a pose as far as a control says, carried by its parent."""
    region: str
    landmarks: dict[str, float] = field(default_factory=dict)
    """Landmark index to weight, for `landmarks`."""
    pair: str = ""
    """For lids: the bone of the opposite lid. For lower lips: the bone of the upper lip that they touch."""
    edge: dict[str, float] = field(default_factory=dict)
    """For lips: the landmarks where the two touch, and their weights."""
    upper: bool = False
    """For lids: the upper one."""
    side: str = ""
    """For lids and eyes: L or R, the character's own."""
    control: str = ""
    """For `control`: which one, by ARKit's name."""
    move: tuple[float, float, float] = (0.0, 0.0, 0.0)
    """For `control`: the way at full amount, cm of an average face, face axes."""
    turn: tuple[float, float, float] = (0.0, 0.0, 0.0)
    """For `control`: the rotation at full amount about the bone's own place, rotation vector, degrees, face axes."""
    gain: float = 1.0


@dataclass(frozen=True, slots=True)
class ShapeEntry:
    """One shape key, by name on every mesh of the character that has it."""

    control: str
    key: str
    gain: float = 1.0


@dataclass(frozen=True, slots=True)
class CharacterMap:
    """Everything that drives one character. Immutable; read from and written to JSON."""

    name: str
    bones: tuple[BoneEntry, ...] = ()
    shapes: tuple[ShapeEntry, ...] = ()
    neck_share: float = 0.35
    """How much of the head's rotation the neck takes."""
    translation: float = 0.0
    """How much of the head's translation the neck takes."""

    def to_json(self) -> dict[str, Any]:
        """Return the map as plain JSON data."""
        return {
            "schema": SCHEMA,
            "name": self.name,
            "neck_share": self.neck_share,
            "translation": self.translation,
            "bones": [{f: getattr(e, f) for f in BoneEntry.__dataclass_fields__} for e in self.bones],
            "shapes": [{f: getattr(e, f) for f in ShapeEntry.__dataclass_fields__} for e in self.shapes],
        }

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> "CharacterMap":
        """Read what `to_json` wrote.

        :raises CharacterMapError: naming the entry that cannot be used.
        """
        schema = data.get("schema") if isinstance(data, dict) else None
        if not isinstance(schema, int):
            raise CharacterMapError("This is no character map. Choose another file.")
        if schema > SCHEMA:
            raise CharacterMapError("This character map was made by a newer Mimica. Update Mimica to use it.")
        try:
            bones = tuple(BoneEntry(**entry) for entry in data.get("bones", []))
            shapes = tuple(ShapeEntry(**entry) for entry in data.get("shapes", []))
        except TypeError as error:
            raise CharacterMapError(f"This character map has an entry that Mimica does not know ({error}).") from None
        for bone in bones:
            if bone.drive not in get_args(Drive) or bone.region not in REGIONS:
                raise CharacterMapError(f"Bone '{bone.bone}' in the character map has an unknown drive or region.")
            if bone.drive == "control" and bone.control not in ARKIT_SHAPES:
                raise CharacterMapError(f"Bone '{bone.bone}' follows '{bone.control}', which is no ARKit shape.")
        for shape in shapes:
            if shape.control not in ARKIT_SHAPES:
                raise CharacterMapError(f"Shape key '{shape.key}' follows '{shape.control}', which is no ARKit shape.")
        return cls(
            str(data.get("name", "")),
            bones,
            shapes,
            float(data.get("neck_share", 0.35)),
            float(data.get("translation", 0.0)),
        )


def own_rig_map() -> CharacterMap:
    """Return the map of the rig that Create Face Rig makes, from its bone table."""
    entries: list[BoneEntry] = []
    tongue = load_table("arkit_poses")["shapes"]["tongueOut"]["bones"]
    for bone in load_table("face_rig")["bones"]:
        drive = bone["drive"]
        if drive == "none":
            # Nothing tracked moves these: they are the animator's.
            continue
        if drive == "tongue":
            entries.append(
                BoneEntry(bone["name"], "control", bone["region"], control="tongueOut", **tongue[bone["name"]])
            )
            continue
        pair = bone.get("pair", "")
        entries.append(
            BoneEntry(
                bone=bone["name"],
                drive="lid" if pair else drive,
                region=bone["region"],
                landmarks=bone.get("landmarks", {}) if drive == "landmarks" and not pair else {},
                pair=pair or bone.get("meets", ""),
                edge=bone.get("edge", {}),
                upper="upper" in bone["name"],
                side=bone.get("eye", ""),
            )
        )
    return CharacterMap("Mimica Face", tuple(entries))


def shape_key_map(keys: list[str]) -> tuple[ShapeEntry, ...]:
    """Return an entry for each shape key that bears an ARKit name, whatever its case."""
    known = {name.lower(): name for name in ARKIT_SHAPES}
    return tuple(ShapeEntry(known[key.lower()], key) for key in dict.fromkeys(keys) if key.lower() in known)
