# SPDX-FileCopyrightText: 2026 Mimica authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which channels of a character belong to somebody else: to a driver, to an animation of the user's, to a lock.

What Mimica baked is nobody else's: a character with a baked take can be previewed and baked again. Constraints do not
count: they come after the channels.
"""

from collections import Counter
from dataclasses import dataclass
from typing import Literal

import bpy
import numpy as np

from . import compat
from .bind import Binding
from .language import later
from .places import PropertyPlace, ShapePlace, address, bone_path, property_places, shape_path, shape_places

Existing = Literal["LEAVE", "REPLACE", "ADD"]
"""What happens to channels that are animated: left alone, written all the same, or added to."""
TAKE_PROPERTY = "mimica_take"
"""Custom property of an Action: the take it was baked from. Baking the take again replaces these keys."""
LAYER_PROPERTY = "mimica_layer"
"""Custom property of an Action with an animator's keys on top of a baked take: it does not stand in the take's way."""

FREE, BAKED, ANIMATED, LOCKED, DRIVEN = range(5)
"""Whose a channel is: of nobody, of a take that Mimica baked, of an animation, ...; of several the last one counts."""
QUATERNION, AXIS_ANGLE = 0, -1
"""Rotation modes as `foreach_get` tells them; the six Euler orders are 1 to 6."""
_AXES = "XYZ"


@dataclass(frozen=True, slots=True)
class OccupiedChannel:
    """One driven channel that is not free."""

    label: str
    """What the user calls it."""
    owner: int
    """ANIMATED, LOCKED or DRIVEN."""
    action: str
    """The action's name, if it is animated."""

    @property
    def reason(self) -> str:
        """Say why, such as "animated by 'Walk'"."""
        if self.owner == ANIMATED:
            return f"animated by '{self.action}'"
        return "driven by a driver" if self.owner == DRIVEN else "locked"


@dataclass(frozen=True, slots=True)
class _Claim:
    owner: int
    action: str = ""


_FREE = _Claim(FREE)
_LOCKED = _Claim(LOCKED)


@dataclass(frozen=True, slots=True, eq=False)
class Occupied:
    """Whose each channel of a bound character is, at one moment. Arrays of FREE, BAKED, ANIMATED, LOCKED, DRIVEN."""

    target: str
    location: np.ndarray
    """int8 (B, 3), in the order of `ChannelPlan.bones`."""
    rotation: np.ndarray
    """int8 (B, 4), by the components of the bone's own rotation mode; Euler modes use three."""
    scale: np.ndarray
    """int8 (B, 3)."""
    shape_places: tuple[ShapePlace, ...]
    shapes: np.ndarray
    """int8, in the order of `shape_places`."""
    property_places: tuple[PropertyPlace, ...]
    properties: np.ndarray
    """int8, in the order of `property_places`."""
    channels: tuple[OccupiedChannel, ...]
    """All that belong to somebody else. A bone's rotation counts once."""

    def left_alone(self, existing: Existing) -> tuple[OccupiedChannel, ...]:
        """Return the channels that are not written."""
        return tuple(c for c in self.channels if c.owner != ANIMATED or existing == "LEAVE")

    def summary(self, existing: Existing) -> str:
        """Say in one sentence what is left alone; empty when nothing is."""
        left = self.left_alone(existing)
        if not left:
            return ""
        owners = Counter((c.owner, c.action) for c in left)
        parts = []
        for (owner, action), count in sorted(owners.items(), key=lambda item: (-item[0][0], item[0][1])):
            if owner == DRIVEN:
                parts.append(f"{count} driven by drivers" if count > 1 else f"{count} driven by a driver")
            else:
                parts.append(f"{count} animated by '{action}'" if owner == ANIMATED else later(f"{count} locked"))
        if len(left) == 1:
            return f"1 channel of '{self.target}' is left alone: {parts[0]}."
        return f"{len(left)} channels of '{self.target}' are left alone: {', '.join(parts)}."


def writable(owners: np.ndarray, existing: Existing) -> np.ndarray:
    """Return which channels may be written, bool, of an array of `Occupied`."""
    return (owners <= BAKED) | ((owners == ANIMATED) & (existing != "LEAVE"))


def find_occupied(binding: Binding) -> Occupied:
    """Look at the drivers, actions, NLA strips and locks of a character. Main thread; milliseconds on a large rig."""
    claims = _Claims()
    plan = binding.plan
    count = len(plan.bones)
    location, scale = np.zeros((count, 3), np.int8), np.zeros((count, 3), np.int8)
    rotation = np.zeros((count, 4), np.int8)
    channels: list[OccupiedChannel] = []
    armature = bpy.data.objects.get(binding.armature) if binding.armature else None
    if armature is not None and armature.pose is not None:
        for i, name in enumerate(plan.bones):
            bone = armature.pose.bones.get(name)
            if bone is None:
                continue
            for kind, owners, driven, locks in (
                ("location", location, plan.located, bone.lock_location),
                ("scale", scale, plan.scaled, bone.lock_scale),
            ):
                path = bone_path(name, kind)
                for axis in np.flatnonzero(driven[i]):
                    claim = claims.of(armature, path, int(axis), _LOCKED if locks[int(axis)] else _FREE)
                    owners[i, axis] = claim.owner
                    _note(channels, f"{name}: {kind.title()} {_AXES[axis]}", claim)
            if plan.turned[i]:
                rotation[i] = _note_rotation(channels, claims, armature, bone)
    shapes = shape_places(binding)
    shape_owners = np.zeros(len(shapes), np.int8)
    for i, place in enumerate(shapes):
        keys = bpy.data.objects[place.mesh].data.shape_keys
        claim = claims.of(keys, shape_path(place.key), 0)
        shape_owners[i] = claim.owner
        _note(channels, f"{place.mesh}: {place.key}", claim)
    properties = property_places(binding)
    property_owners = np.zeros(len(properties), np.int8)
    for i, place in enumerate(properties):
        found = address(bpy.data.objects[place.object], place.path)
        claim = claims.of(*found, 0) if found else _FREE
        property_owners[i] = claim.owner
        _note(channels, f"{place.object}: {place.path}", claim)
    return Occupied(
        binding.target, location, rotation, scale, shapes, shape_owners, properties, property_owners, tuple(channels)
    )


def animation_state(binding: Binding) -> tuple[object, ...]:
    """Return something that changes when drivers, actions or strips of the character's data do. Microseconds."""
    plan = binding.plan
    named = {binding.target, binding.armature, *(name for name, _ in (*plan.shapes, *plan.properties))} - {""}
    found = (bpy.data.objects.get(name) for name in sorted(named.union(binding.meshes)))
    objects = [obj for obj in found if obj is not None]
    keys = (getattr(obj.data, "shape_keys", None) for obj in objects)
    datablocks: list[bpy.types.ID] = [*objects, *(key for key in keys if key is not None)]
    state: list[object] = []
    for datablock in datablocks:
        animation = datablock.animation_data
        if animation is None:
            continue
        action = animation.action
        strips = tuple(len(track.strips) for track in animation.nla_tracks if not track.mute)
        curves = compat.fcurves_of(datablock, action) if action is not None else None
        state.append((datablock.name, action and action.name, len(curves or ()), len(animation.drivers), strips))
    return tuple(state)


def is_baked(action: bpy.types.Action | None) -> bool:
    """Whether an action is one that Mimica made."""
    return action is not None and TAKE_PROPERTY in action


def is_hand_layer(action: bpy.types.Action | None) -> bool:
    """Whether an action was made for an animator's keys on top of a baked take."""
    return action is not None and LAYER_PROPERTY in action


class _Claims:
    """What drives or animates paths of data-blocks, looked up once for each data-block."""

    def __init__(self) -> None:
        self._known: dict[str, dict[tuple[str, int], _Claim]] = {}

    def of(self, datablock: bpy.types.ID, path: str, index: int, known: _Claim = _FREE) -> _Claim:
        """Return the strongest claim on a channel; `known`: one that is known already."""
        key = f"{datablock.bl_rna.identifier} {datablock.name_full}"
        if key not in self._known:
            self._known[key] = _claims_on(datablock)
        found = self._known[key].get((path, index), _FREE)
        return found if found.owner > known.owner else known


def _claims_on(datablock: bpy.types.ID) -> dict[tuple[str, int], _Claim]:
    animation = datablock.animation_data
    if animation is None:
        return {}
    claims: dict[tuple[str, int], _Claim] = {}
    for action, curves, _ in compat.playing(datablock):
        claim = _Claim(BAKED) if is_baked(action) or is_hand_layer(action) else _Claim(ANIMATED, action.name)
        for curve in curves:
            channel = curve.data_path, curve.array_index
            if not curve.mute and claims.get(channel, _FREE).owner <= claim.owner:
                claims[channel] = claim
    driver = _Claim(DRIVEN)
    claims.update({(c.data_path, c.array_index): driver for c in animation.drivers if not c.mute})
    return claims


def _note_rotation(
    channels: list[OccupiedChannel], claims: _Claims, armature: bpy.types.Object, bone: bpy.types.PoseBone
) -> np.ndarray:
    """Return whose a bone's rotation is, (4,), in its own mode."""
    owners = np.zeros(4, np.int8)
    axes = [_LOCKED if lock else _FREE for lock in bone.lock_rotation]
    euler = bone.rotation_mode not in ("QUATERNION", "AXIS_ANGLE")
    if euler:
        path, locks = bone_path(bone.name, "rotation_euler"), axes
    else:
        path = bone_path(bone.name, f"rotation_{bone.rotation_mode.lower()}")
        if all(bone.lock_rotation):
            locks = [_LOCKED] * 4
        elif bone.lock_rotations_4d:
            locks = [_LOCKED if bone.lock_rotation_w else _FREE, *axes]
        else:
            # These are locks of angles about axes: the writer keeps those.
            locks = [_FREE] * 4
    found = [claims.of(armature, path, i, lock) for i, lock in enumerate(locks)]
    strongest = max(found, key=lambda claim: claim.owner)
    if not euler and strongest.owner in (BAKED, ANIMATED, DRIVEN):
        # A part of a quaternion alone is no rotation.
        found = [strongest] * 4
    owners[: len(found)] = [claim.owner for claim in found]
    _note(channels, f"{bone.name}: Rotation", strongest)
    return owners


def _note(channels: list[OccupiedChannel], label: str, claim: _Claim) -> None:
    if claim.owner > BAKED:
        channels.append(OccupiedChannel(label, claim.owner, claim.action))
