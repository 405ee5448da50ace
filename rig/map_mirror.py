# SPDX-FileCopyrightText: 2026 Mimica authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The other side of a character: an entry of one side as the entry of the other, by Blender's rule for names."""

import re
from collections.abc import Callable
from dataclasses import replace

import bpy
import numpy as np

from ..mapping.character_map import BoneEntry, Channel, ControlEntry
from ..mapping.control_channels import other_side
from ..mapping.mirror import mirror_landmarks

_TURNS_ROUND = ("headYaw", "headRoll", "headX", "gazeYawLeft", "gazeYawRight")
"""Controls that are negative where they are positive in the mirror."""
_TOKEN = re.compile(r"(?<![A-Za-z])[LRlr](?![A-Za-z])|Left|Right|left|right|LEFT|RIGHT")
_SIDES = (("L", "R"), ("l", "r"), ("Left", "Right"), ("left", "right"), ("LEFT", "RIGHT"))
_SWAPPED = {a: b for left, right in _SIDES for a, b in ((left, right), (right, left))}
_QUOTED = re.compile(r'"((?:[^"\\]|\\.)*)"')


def flipped_name(name: str) -> str:
    """Return the name of the other side, by Blender's rule, and in the middle of names too; else the same."""
    flipped = bpy.utils.flip_name(name)
    if flipped != name:
        return flipped
    return _TOKEN.sub(lambda match: _SWAPPED[match.group()], name, count=1)


def side_of(entry: BoneEntry | ControlEntry) -> str:
    """Return the character's side that an entry is for, L or R; empty for the middle. What it moves counts first."""
    names = [entry.bone] if isinstance(entry, BoneEntry) else [c.name for c in entry.channels]
    for name in [*names, entry.control]:
        flipped = flipped_name(name)
        if flipped != name:
            # The first letter that differs tells: (L)eft or (R)ight.
            i = next(i for i, (a, b) in enumerate(zip(name, flipped, strict=False)) if a != b)
            return "L" if name[i].upper() == "L" else "R"
    return ""


def mirrored(
    entry: BoneEntry | ControlEntry, armature: bpy.types.Object | None, exists: Callable[[Channel], bool]
) -> BoneEntry | ControlEntry | None:
    """Return the entry of the other side.

    :param armature: whose bones are meant where no object is named.
    :param exists: whether the character has what a channel says.
    :return: None when the other side has no such bone, shape key or property.
    """
    if isinstance(entry, BoneEntry):
        return _mirrored_bone(entry, armature)
    channels = [_mirrored_channel(channel, armature) for channel in entry.channels]
    if not all(exists(channel) for channel in channels):
        return None
    turns_round = entry.control in _TURNS_ROUND or (bool(entry.landmarks) and entry.axis == 0)
    return replace(
        entry,
        channels=tuple(channels),
        control=_other_control(entry.control),
        landmarks=_other_landmarks(entry.landmarks),
        gain=-entry.gain if turns_round else entry.gain,
        label=flipped_name(entry.label) if entry.label else "",
    )


def _mirrored_bone(entry: BoneEntry, armature: bpy.types.Object | None) -> BoneEntry | None:
    bone = flipped_name(entry.bone)
    if armature is None or armature.pose is None or bone not in armature.pose.bones:
        return None
    (x, y, z), (a, b, c) = entry.move, entry.turn
    return replace(
        entry,
        bone=bone,
        control=_other_control(entry.control),
        landmarks=_other_landmarks(entry.landmarks),
        edge=_other_landmarks(entry.edge),
        pair=flipped_name(entry.pair) if entry.pair else "",
        side={"L": "R", "R": "L"}.get(entry.side, ""),
        move=(-x, y, z),
        turn=(a, -b, -c),
    )


def _mirrored_channel(channel: Channel, armature: bpy.types.Object | None) -> Channel:
    other = flipped_name(channel.object) if channel.object else ""
    obj = other if other in bpy.data.objects else channel.object
    if channel.kind == "property":
        name = _QUOTED.sub(lambda match: f'"{flipped_name(match.group(1))}"', channel.name)
        return replace(channel, name=name, object=obj)
    name = flipped_name(channel.name)
    if channel.kind == "shape_key":
        return replace(channel, name=name, object=obj)
    owner = bpy.data.objects.get(channel.object) if channel.object else armature
    bones = owner.data.bones if owner is not None and owner.type == "ARMATURE" else {}
    if channel.name not in bones or name not in bones:
        return replace(channel, name=name, object=obj)
    here, there = (np.array(bones[n].matrix_local.to_3x3(), np.float64) for n in (channel.name, name))
    # Ways are mirrored at the middle of the armature; the axes of turns the other way round.
    mirror = np.array([1.0, -1.0, -1.0]) if channel.kind == "rotation" else np.array([-1.0, 1.0, 1.0])
    along = there.T @ (mirror * here[:, channel.axis])
    axis = int(np.argmax(np.abs(along)))
    sign = 1.0 if channel.kind == "scale" or along[axis] >= 0.0 else -1.0
    return replace(channel, name=name, object=obj, axis=axis, amount=sign * channel.amount)


def _other_control(control: str) -> str:
    return other_side(control) if control else ""


def _other_landmarks(weights: dict[str, float]) -> dict[str, float]:
    other = mirror_landmarks()
    return {str(int(other[int(index)])): weight for index, weight in weights.items()}
