# SPDX-FileCopyrightText: 2026 Mimica authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""From an object in the scene to something the mapping can drive: its map, its rest pose, its channels.

No Blender reference is kept: objects are named, and looked up again by whoever writes to them.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace

import bpy
import numpy as np

from ..mapping.channels import ChannelPlan, RestPose
from ..mapping.character_map import CharacterMap
from ..mapping.response import Response
from . import compat
from .character import stored_map
from .detect import character_parts, detect_character
from .response import measure_response
from .rest_pose import read_rest_pose

RIG_PROPERTY = "mimica_rig"
"""Custom property that marks an armature made by Create Face Rig."""
_KEPT = 8
"""Characters whose measured response is remembered."""


class TargetError(Exception):
    """The object cannot be driven; the text says why and what to do."""


@dataclass(frozen=True, slots=True, eq=False)
class Binding:
    """One character, ready to be driven."""

    target: str
    """Name of the object the user picked."""
    armature: str
    """Name of the armature object, empty without bones."""
    meshes: tuple[str, ...]
    """Names of the character's mesh objects that have shape keys."""
    plan: ChannelPlan


def is_own_rig(obj: bpy.types.Object | None) -> bool:
    """Whether the object is an armature that Create Face Rig made."""
    return obj is not None and obj.type == "ARMATURE" and RIG_PROPERTY in obj


def can_be_target(obj: bpy.types.Object) -> bool:
    """Whether the object may be a character: an armature, a mesh with shape keys, or what has such below it. Cheap."""
    if obj.type == "ARMATURE":
        return True
    if obj.type == "MESH":
        return obj.data.shape_keys is not None or obj.find_armature() is not None
    return obj.type == "EMPTY" and any(child.type in ("ARMATURE", "MESH") for child in obj.children)


def bind(
    obj: bpy.types.Object | None, performer_neutral: np.ndarray | None = None, translation: float = 0.0
) -> Binding:
    """Find out how to drive an object: by the map that its character holds, else by what is detected.

    :param performer_neutral: (478, 3), cm, face space; None: the character has the performer's proportions.
    :param translation: how much of the head's own translation the character takes, 0 to 1.
    :raises TargetError: there is nothing that Mimica could drive.
    """
    if obj is None:
        raise TargetError("No character is chosen. Pick one in the Character panel, or press Create Face Rig.")
    character = stored_map(obj)
    if character is None:
        detection = detect_character(obj)
        character = detection.character
        if not character.bones and not character.controls:
            raise TargetError(f"'{obj.name}' cannot be driven yet. {' '.join(detection.report.notes)}")
    elif not character.bones and not character.controls:
        raise TargetError(f"The mapping list of '{obj.name}' is empty. Press Detect, or add entries to it.")
    return bind_map(obj, character, performer_neutral, translation)


def bind_map(
    obj: bpy.types.Object,
    character: CharacterMap,
    performer_neutral: np.ndarray | None = None,
    translation: float = 0.0,
) -> Binding:
    """Return how a map that is not empty drives an object's character; see `bind`."""
    armature, meshes = character_parts(obj)
    character = replace(character, translation=translation)
    rest = read_rest_pose(armature, character) if armature is not None and armature.data.bones else None
    response = None
    if character.response and armature is not None and rest is not None:
        response = _response_of(armature, character, rest)
    return Binding(
        obj.name,
        armature.name if armature is not None else "",
        tuple(mesh.name for mesh in meshes),
        ChannelPlan(character, rest, performer_neutral, response),
    )


_responses: dict[int, tuple[tuple[object, ...], Response]] = {}
"""By what Blender knows the armature by: of what it was measured, and the response."""


def _response_of(armature: bpy.types.Object, character: CharacterMap, rest: RestPose) -> Response:
    """Return the rig's response, measured anew only when the rig or what is driven of it has changed."""
    measured_of = (
        rest.heads.tobytes(),
        rest.axes.tobytes(),
        # Gains, limits and regions change what is wanted of the rig, and not how it responds.
        tuple(
            (e.bone, e.drive, e.pair, e.side, e.upper, e.gain if e.drive == "jaw" else 0.0)
            for e in character.bones
            if e.enabled
        ),
        tuple(_settings_of(armature, _driven_properties(character))),
    )
    key = compat.session_uid(armature)
    if key in _responses and _responses[key][0] == measured_of:
        return _responses[key][1]
    response = measure_response(armature, character, rest)
    _responses[key] = (measured_of, response)
    while len(_responses) > _KEPT:
        del _responses[next(iter(_responses))]
    return response


def _driven_properties(character: CharacterMap) -> set[str]:
    """Return the paths of the properties that the map sets."""
    return {c.name for entry in character.controls for c in entry.channels if c.kind == "property"}


def _settings_of(armature: bpy.types.Object, driven: set[str]) -> Iterator[tuple[object, ...]]:
    """Give what of a rig's settings makes its controls follow each other: constraints, locks, the rig's own sliders.

    :param driven: paths of sliders that are the performance's own, and so change all the time.
    """
    for bone in armature.pose.bones:
        yield bone.name, tuple(bone.lock_location)
        for constraint in bone.constraints:
            yield bone.name, constraint.name, constraint.influence, constraint.mute
        for name, value in bone.items():
            path = f"pose.bones{_key(bone.name)}{_key(name)}"
            if isinstance(value, int | float) and path not in driven:
                yield bone.name, name, value


def _key(name: str) -> str:
    return f'["{bpy.utils.escape_identifier(name)}"]'
