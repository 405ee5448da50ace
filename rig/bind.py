# SPDX-FileCopyrightText: 2026 Mimica authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""From an object in the scene to something the mapping can drive: what it is, its rest pose, its channels.

No Blender reference is kept: objects are named, and looked up again by whoever writes to them.
"""

from dataclasses import dataclass, replace

import bpy
import numpy as np

from ..mapping.channels import ChannelPlan, RestPose
from ..mapping.character_map import CharacterMap, own_rig_map, shape_entry
from ..mapping.frame import ARKIT_SHAPES, LANDMARK_COUNT
from ..mapping.landmarks import average_face

RIG_PROPERTY = "mimica_rig"
"""Custom property that marks an armature made by Create Face Rig."""


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
    """Names of the mesh objects whose shape keys are driven."""
    plan: ChannelPlan


def is_own_rig(obj: bpy.types.Object | None) -> bool:
    """Whether the object is an armature that Create Face Rig made."""
    return obj is not None and obj.type == "ARMATURE" and RIG_PROPERTY in obj


def can_be_target(obj: bpy.types.Object) -> bool:
    """Whether Mimica can drive this object, or something that belongs to it. Cheap."""
    return is_own_rig(obj) or bool(_shape_meshes(obj))


def bind(
    obj: bpy.types.Object | None, performer_neutral: np.ndarray | None = None, translation: float = 0.0
) -> Binding:
    """Find out how to drive an object.

    :param performer_neutral: (478, 3), cm, face space; None: the character has the performer's proportions.
    :param translation: how much of the head's own translation the character takes, 0 to 1.
    :raises TargetError: there is nothing that Mimica could drive.
    """
    if obj is None:
        raise TargetError("No character is chosen. Pick one in the Character panel, or press Create Face Rig.")
    armature = obj if is_own_rig(obj) else _own_armature_of(obj)
    meshes = _shape_meshes(obj)
    if armature is None and not meshes:
        raise TargetError(
            f"'{obj.name}' has neither a Mimica face rig nor shape keys with ARKit names. "
            "Pick another character, or press Create Face Rig."
        )
    keys = [block.name for mesh in meshes for block in mesh.data.shape_keys.key_blocks]
    base = own_rig_map() if armature else CharacterMap(obj.name)
    shapes = tuple(shape_entry(control, key) for control, key in _arkit_keys(keys))
    character = replace(base, controls=shapes, translation=translation)
    rest = read_rest_pose(armature) if armature else None
    return Binding(
        obj.name,
        armature.name if armature else "",
        tuple(mesh.name for mesh in meshes),
        ChannelPlan(character, rest, performer_neutral),
    )


def read_rest_pose(armature: bpy.types.Object) -> RestPose:
    """Read an armature's rest pose; its size comes from the rig's own properties."""
    bones = armature.data.bones
    unit = float(armature.get("mimica_unit", 0.01))
    matrices = np.array([bone.matrix_local for bone in bones], np.float64).reshape(-1, 4, 4)
    stored = np.array(armature.get("mimica_neutral", ()), np.float64)
    return RestPose(
        names=tuple(bone.name for bone in bones),
        parents=tuple(bone.parent.name if bone.parent else "" for bone in bones),
        heads=matrices[:, :3, 3] / unit,
        axes=matrices[:, :3, :3],
        unit=unit,
        neutral=stored.reshape(LANDMARK_COUNT, 3) if stored.size == LANDMARK_COUNT * 3 else average_face(),
    )


def _shape_meshes(obj: bpy.types.Object) -> list[bpy.types.Object]:
    """Meshes of the character with at least one ARKit-named shape key: the object itself, or what it deforms."""
    candidates = [obj, *obj.children_recursive] if obj.type == "ARMATURE" else [obj]
    return [
        candidate
        for candidate in candidates
        if candidate.type == "MESH"
        and candidate.data.shape_keys
        and _arkit_keys([block.name for block in candidate.data.shape_keys.key_blocks])
    ]


def _arkit_keys(keys: list[str]) -> list[tuple[str, str]]:
    """Return control and key for each shape key that bears an ARKit name, whatever its case."""
    known = {name.lower(): name for name in ARKIT_SHAPES}
    return [(known[key.lower()], key) for key in dict.fromkeys(keys) if key.lower() in known]


def _own_armature_of(obj: bpy.types.Object) -> bpy.types.Object | None:
    found = obj.find_armature() if obj.type == "MESH" else None
    return found if is_own_rig(found) else None
