# SPDX-FileCopyrightText: 2026 Mimica authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a list of a map's entries shows: their names, whether what they drive is there, how far they go at present.

Cheap, for it is asked at every redraw; nothing is bound or detected. What belongs to a character is remembered by name
until the map, the number of objects or one of the names changes.
"""

from dataclasses import dataclass

import bpy
import numpy as np

from ..mapping.character_map import CONTROLS, Channel, region_of
from ..mapping.control_channels import other_side
from . import live, test_pose
from .character import data_of, holder_of, revision
from .detect import character_parts
from .map_rows import AUTOMATIC, NO_CONTROL, MimicaChannel, MimicaCharacter, MimicaEntry
from .places import find_slot

_DRIVE_CONTROLS = {
    "jaw": ("jawOpen",),
    "head": ("headYaw", "headPitch", "headRoll"),
    "neck": ("headYaw", "headPitch", "headRoll"),
    "lid": ("eyeBlink{side}",),
    "eye": ("gazeYaw{side}", "gazePitch{side}"),
    "eye_target": ("gazeYaw{side}", "gazePitch{side}"),
}
"""What the bar of a bone shows that has no control of its own: the largest of these."""

_DIRECTIONS = ("jawLeft", "jawRight", "mouthLeft", "mouthRight")
"""Where Left and Right are no side of the face."""
_parts: tuple[tuple[str, int, int, int], tuple[str, tuple[str, ...]]] = (("", 0, 0, 0), ("", ()))


@dataclass(frozen=True, slots=True)
class MapView:
    """A character as one redraw sees it. Holds Blender references: not to be kept."""

    target: bpy.types.Object
    holder: bpy.types.Object
    data: MimicaCharacter
    values: np.ndarray | None
    """float (C,), as `CONTROLS`: what the controls are at present, in shares of what they are in full; None: nothing
    runs."""

    @property
    def armature(self) -> bpy.types.Object | None:
        """The character's armature."""
        return armature_of(self.target)

    @property
    def active(self) -> MimicaEntry | None:
        """The entry whose settings are shown."""
        entries, index = self.data.entries, self.data.index
        return entries[index] if 0 <= index < len(entries) else None

    def value(self, row: MimicaEntry) -> float | None:
        """Return how far what a row follows is at present, [0, 1]; None when that is not known."""
        if self.values is None:
            return None
        names = (row.control,)
        if row.control == NO_CONTROL:
            side = "Right" if row.side == "R" else "Left"
            names = tuple(name.format(side=side) for name in _DRIVE_CONTROLS.get(row.drive, ()))
            if row.kind != "BONE" or not names:
                return None
        if row.mirror:
            names = tuple(other_side(name) for name in names)
        return min(max(abs(float(self.values[CONTROLS.index(name)])) for name in names), 1.0)

    def problem(self, row: MimicaEntry) -> str:
        """Return what is missing for a row to do something, as a sentence; empty when it is complete."""
        if row.kind == "BONE":
            return self._bone_problem(row.bone)
        if not row.channels:
            return "This entry sets nothing yet: add a target"
        for channel in row.channels:
            if problem := self.channel_problem(channel):
                return problem
        return ""

    def channel_problem(self, channel: MimicaChannel) -> str:
        """Return what is missing of a target, as a sentence; empty when it is there."""
        return self.missing(Channel(channel.kind, channel.target, object=channel.owner))

    def missing(self, channel: Channel) -> str:
        """Return what a channel lacks, as a sentence; empty when the character has it."""
        if not channel.name:
            return "Choose what this target sets"
        obj = bpy.data.objects.get(channel.object) if channel.object else None
        if channel.object and (obj is None or not obj.users_scene):
            # One that was deleted stays in the file while an entry remembers it.
            return f"There is no object '{channel.object}' here"
        if channel.kind == "shape_key":
            meshes = (channel.object,) if channel.object else character_meshes(self.target)
            if not any(has_key(mesh, channel.name) for mesh in meshes):
                return f"No mesh of the character has a shape key '{channel.name}'"
            return ""
        if channel.kind == "property":
            return (
                ""
                if find_slot(obj or self.armature or self.target, channel.name)
                else f"There is no property {channel.name}"
            )
        return self._bone_problem(channel.name, obj)

    def _bone_problem(self, bone: str, armature: bpy.types.Object | None = None) -> str:
        armature = armature or self.armature
        if armature is None or armature.pose is None:
            return "The character has no armature"
        if not bone:
            return "Choose a bone"
        return "" if bone in armature.pose.bones else f"There is no bone '{bone}'"


def view(target: bpy.types.Object | None) -> MapView | None:
    """Return how a character is to be shown; None when there is none, or it has no map."""
    holder, data = holder_of(target), data_of(target)
    if target is None or holder is None or data is None or not data.stored:
        return None
    session = live.current()
    values = session.values_of(target) if session is not None else test_pose.values_of(target)
    return MapView(target, holder, data, None if values is None else values / test_pose.values_range())


def title(row: MimicaEntry) -> str:
    """Return what a row is called: its label, its control, or the part of the face."""
    if row.label:
        return row.label
    if row.control != NO_CONTROL:
        return row.control
    if row.kind == "BONE" and row.drive != "landmarks":
        side = {"L": " Left", "R": " Right"}.get(row.side, "")
        return f"{row.drive.replace('_', ' ').title()}{side}"
    return "Landmarks" if row.region == AUTOMATIC else row.region.title()


def short(name: str) -> str:
    """Return a name with its side as one letter, which is not cut off so soon."""
    for side in ("Left", "Right"):
        if name.endswith(side) and name not in _DIRECTIONS:
            return f"{name.removesuffix(side).rstrip()} {side[0]}"
    return name


def targets(row: MimicaEntry) -> str:
    """Return what a row drives."""
    if row.kind == "BONE":
        return row.bone
    names = list(dict.fromkeys(channel.target for channel in row.channels))
    return f"{names[0]} +{len(names) - 1}" if len(names) > 1 else "".join(names)


def region(row: MimicaEntry) -> str:
    """Return the region whose strength a row takes; empty for landmarks that belong to none."""
    if row.region != AUTOMATIC:
        return row.region
    return region_of(row.control) if row.control != NO_CONTROL else ""


def search_text(row: MimicaEntry) -> str:
    """Return all words under which a row is found, in lower case."""
    names = [f"{channel.owner} {channel.target}" for channel in row.channels]
    return " ".join((title(row), row.control, row.bone, row.drive, *names)).lower()


def fits(row: MimicaEntry, words: list[str], of: str) -> bool:
    """Whether a row has all these words in it, in lower case, and belongs to a region; an empty one is any."""
    if of and region(row) != of:
        return False
    return not words or all(word in search_text(row) for word in words)


def character_meshes(target: bpy.types.Object) -> tuple[str, ...]:
    """Return the names of the meshes with shape keys that belong to a character."""
    return _parts_of(target)[1]


def armature_of(target: bpy.types.Object) -> bpy.types.Object | None:
    """Return the character's armature, if it has one."""
    return bpy.data.objects.get(_parts_of(target)[0])


def _parts_of(target: bpy.types.Object) -> tuple[str, tuple[str, ...]]:
    global _parts
    key = (target.name, revision(target), len(bpy.data.objects), len(bpy.data.shape_keys))
    known, (armature_name, mesh_names) = _parts
    here = bpy.data.objects
    # Renaming changes none of the numbers.
    if known != key or any(name not in here for name in (*mesh_names, *filter(None, [armature_name]))):
        armature, meshes = character_parts(target)
        _parts = (key, (armature.name if armature is not None else "", tuple(mesh.name for mesh in meshes)))
    return _parts[1]


def has_key(mesh: str, key: str) -> bool:
    """Whether the mesh object of this name has a shape key of that name."""
    obj = bpy.data.objects.get(mesh)
    keys = obj.data.shape_keys if obj is not None and obj.type == "MESH" else None
    return keys is not None and key in keys.key_blocks
