# SPDX-FileCopyrightText: 2026 Mimica authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""How one character is driven: which shape key, bone or property follows which part of the face.

Two kinds of entries. A `BoneEntry` lets a bone do what its part of the performer's face does: lips follow landmarks,
lids travel to each other, eyes look, the jaw turns. A `ControlEntry` sets channels as far as one control says: shape
keys, single channels of bones, properties; a learned expression is one too.
"""

from dataclasses import dataclass, field
from typing import Literal

from .data import load_table
from .frame import ARKIT_SHAPES
from .regions import control_regions

SCHEMA = 2
Drive = Literal["landmarks", "lid", "jaw", "eye", "eye_target", "head", "neck", "control"]
ChannelKind = Literal["shape_key", "location", "rotation", "scale", "property"]
REGIONS = ("brows", "lids", "gaze", "jaw", "mouth", "cheeks", "nose", "head", "tongue")

HEAD_CONTROLS = ("headYaw", "headPitch", "headRoll", "headX", "headY", "headZ")
"""Radians, as `mapper.head_angles` has them (yaw > 0 to the performer's left, pitch > 0 down, roll > 0 the top to the
performer's right); cm along face-space axes."""
GAZE_CONTROLS = ("gazeYawLeft", "gazePitchLeft", "gazeYawRight", "gazePitchRight")
"""Radians; yaw > 0 to the performer's left, pitch > 0 up."""
CONTROLS: tuple[str, ...] = (*ARKIT_SHAPES, *HEAD_CONTROLS, *GAZE_CONTROLS)
"""Every scalar that an entry can follow."""
NO_LIMIT = 100.0
"""What an entry's limits are where there is none in practice."""


class CharacterMapError(Exception):
    """A character map cannot be used; the text names the line or entry and says what to do."""


@dataclass(frozen=True, slots=True)
class Channel:
    """One number of the character."""

    kind: ChannelKind
    name: str
    """The shape key; the bone; for a property its path from the object, such as `["smile"]`, `data["blink"]` or
    `pose.bones["jaw"]["lock"]`."""
    axis: int = 0
    """For bones: 0, 1, 2 for x, y, z of the bone's own rest frame."""
    amount: float = 1.0
    """What the entry adds here when it stands at 1: a shape key's value; scene units of the bone's own location;
    radians of its rotation vector; how much its scale grows; the property's own unit."""
    object: str = ""
    """Name of the object. Empty: every mesh of the character that has the key; else the character's armature."""


@dataclass(frozen=True, slots=True)
class ControlEntry:
    """Channels that one control, or one group of landmarks, sets. What several entries say of one channel adds up.

    y = gain * strength of the region * sign(x) * ((|x| - dead_zone) / (1 - dead_zone)) ** curve + offset, kept between
    minimum and maximum; each channel gets y * amount.
    """

    channels: tuple[Channel, ...]
    control: str = ""
    """One of `CONTROLS`; empty when landmarks are followed."""
    landmarks: dict[str, float] = field(default_factory=dict)
    """Landmark index to weight: their displacement from neutral, cm of the average face's size."""
    axis: int = 1
    """For landmarks: 0 to the character's left, 1 up, 2 out of the face."""
    region: str = ""
    """One of `REGIONS`; empty takes the control's own."""
    label: str = ""
    """What the user calls it; empty shows the control."""
    gain: float = 1.0
    offset: float = 0.0
    dead_zone: float = 0.0
    """[0, 1): what is smaller counts as nothing."""
    curve: float = 1.0
    """Exponent of the response: 1 straight, above 1 slow at first, below 1 fast at first."""
    minimum: float = -NO_LIMIT
    maximum: float = NO_LIMIT
    mirror: bool = False
    """Whether it follows the other side of the performer."""
    enabled: bool = True


@dataclass(frozen=True, slots=True)
class BoneEntry:
    """One pose bone that does what its part of the face does."""

    bone: str
    drive: Drive
    """landmarks: follows their displacement by location. lid: travels to the opposite lid as the eye closes. jaw, eye,
    head, neck: rotate. eye_target: moves by location so that an eye that looks at it turns. control: takes up a pose of
    this rig's own size as far as a control says, carried by its parent."""
    region: str
    landmarks: dict[str, float] = field(default_factory=dict)
    """Landmark index to weight, for `landmarks`."""
    pair: str = ""
    """For lids: the bone of the opposite lid. For lower lips: the bone of the upper lip that they touch. For an
    eye_target: the bone at the eye's centre."""
    edge: dict[str, float] = field(default_factory=dict)
    """For lips: the landmarks where the two touch, and their weights."""
    upper: bool = False
    """For lids: the upper one."""
    side: str = ""
    """For lids, eyes and their targets: L or R, the character's own."""
    control: str = ""
    """For `control`: which one, by ARKit's name."""
    move: tuple[float, float, float] = (0.0, 0.0, 0.0)
    """For `control`: the way at full amount, cm of an average face, face axes."""
    turn: tuple[float, float, float] = (0.0, 0.0, 0.0)
    """For `control`: the rotation at full amount about the bone's own place, rotation vector, degrees, face axes."""
    gain: float = 1.0
    limit: float = 0.0
    """For what moves by location: how far at most, softly, cm of the average face's size. 0 is no limit."""
    mirror: bool = False
    """Whether it follows the other side of the performer, mirrored."""
    enabled: bool = True


@dataclass(frozen=True, slots=True)
class CharacterMap:
    """Everything that drives one character. Immutable; `map_file` reads and writes it."""

    name: str
    bones: tuple[BoneEntry, ...] = ()
    controls: tuple[ControlEntry, ...] = ()
    strengths: dict[str, float] = field(default_factory=dict)
    """Region to factor; 1 where nothing is said."""
    neck_share: float = 0.35
    """How much of the head's rotation the neck takes."""
    translation: float = 0.0
    """How much of the head's translation the neck takes."""
    response: bool = False
    """Whether the rig's own constraints move its controls about, so that its response is measured at binding and solved
    for; else bones move as their parents alone say."""

    def strength(self, region: str) -> float:
        """Return a region's strength."""
        return self.strengths.get(region, 1.0)


def region_of(control: str) -> str:
    """Return the region that a control belongs to."""
    if control in HEAD_CONTROLS:
        return "head"
    if control in GAZE_CONTROLS:
        return "gaze"
    return control_regions()[ARKIT_SHAPES.index(control)]


def shape_entry(control: str, *keys: str, gain: float = 1.0, mesh: str = "") -> ControlEntry:
    """Return the entry that sets shape keys as a control says, within [0, 1]."""
    channels = tuple(Channel("shape_key", key, object=mesh) for key in keys)
    return ControlEntry(channels, control, gain=gain, minimum=0.0, maximum=1.0)


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
            pose = tongue[bone["name"]]
            still = (0.0, 0.0, 0.0)
            move, turn = tuple(pose.get("move", still)), tuple(pose.get("turn", still))
            entries.append(
                BoneEntry(bone["name"], "control", bone["region"], control="tongueOut", move=move, turn=turn)
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
