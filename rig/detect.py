# SPDX-FileCopyrightText: 2026 Mimica authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Reads what a character in the scene consists of, for `mapping.detection` to find out how it is driven."""

import re
from collections.abc import Iterable, Iterator

import bpy
from bpy.utils import escape_identifier, unescape_identifier

from ..mapping.detection import Detection, Inventory, detect

_OWN_RIG = "mimica_rig"
"""Custom property that marks an armature made by Create Face Rig."""
_GENERATED = "rig_id"
"""Custom property that marks an armature that Rigify generated."""
_KEY_PATH = re.compile(r'key_blocks\["(.+)"\]\.value')
_BONE_PATH = re.compile(r'pose\.bones\["(.+?)"\]\.(?:location|rotation|scale)')
_VRM1_PRESETS = (
    *("aa", "ih", "ou", "ee", "oh"),
    *("blink", "blink_left", "blink_right", "look_up", "look_down", "look_left", "look_right"),
    *("happy", "angry", "sad", "relaxed", "surprised", "neutral"),
)


def detect_character(obj: bpy.types.Object) -> Detection:
    """Find out how to drive the character that an object belongs to. Main thread."""
    return detect(inventory(obj))


def inventory(obj: bpy.types.Object) -> Inventory:
    """Return what the character that an object belongs to consists of, by name. Main thread; nothing is changed."""
    armature, meshes = character_parts(obj)
    keys = tuple((mesh.name, tuple(_keys_of(mesh))) for mesh in meshes)
    driven = tuple((mesh.name, key) for mesh in meshes for key in _driven(mesh.data.shape_keys, _KEY_PATH))
    if armature is None:
        return Inventory(obj.name, meshes=keys, driven_keys=driven)
    rigify = _GENERATED in armature.data
    return Inventory(
        obj.name,
        armature.name,
        tuple((bone.name, bone.parent.name if bone.parent else "") for bone in armature.data.bones),
        keys,
        (*_properties(armature), *_vrm_previews(armature.data)),
        driven,
        tuple(dict.fromkeys(_driven(armature, _BONE_PATH))),
        own_rig=_OWN_RIG in armature,
        rigify=rigify,
        # Without Rigify enabled nothing says so, and the bones' names have to.
        metarig=not rigify and any(getattr(bone, "rigify_type", "") for bone in armature.pose.bones),
    )


def character_parts(obj: bpy.types.Object) -> tuple[bpy.types.Object | None, list[bpy.types.Object]]:
    """Return the armature of the character that an object belongs to, or None, and its meshes that have shape keys.

    :param obj: an armature; one of its meshes; or what has them below it.
    """
    armature = _armature_of(obj)
    if armature is None:
        return None, _with_keys([obj, *obj.children_recursive])
    deformed = (
        mesh
        for mesh in bpy.data.objects
        if mesh.type == "MESH" and mesh.users_scene and mesh.find_armature() == armature
    )
    return armature, _with_keys([obj, *armature.children_recursive, *obj.children_recursive, *deformed])


def _armature_of(obj: bpy.types.Object) -> bpy.types.Object | None:
    if obj.type == "ARMATURE":
        return obj
    found = obj.find_armature()
    above = obj.parent
    while found is None and above is not None:
        found = above if above.type == "ARMATURE" else None
        above = above.parent
    if found is not None:
        return found
    # Of several, that of the character: props have fewer bones.
    below = [child for child in obj.children_recursive if child.type == "ARMATURE"]
    below += [rig for child in obj.children_recursive if (rig := child.find_armature()) is not None]
    return max(below, key=lambda rig: len(rig.data.bones), default=None)


def _with_keys(objects: Iterable[bpy.types.Object]) -> list[bpy.types.Object]:
    unique = {obj.name: obj for obj in objects if obj.type == "MESH" and _keys_of(obj)}
    return [unique[name] for name in sorted(unique)]


def _keys_of(mesh: bpy.types.Object) -> list[str]:
    """Return a mesh's shape keys without the basis."""
    keys = mesh.data.shape_keys
    return [block.name for block in keys.key_blocks if block != keys.reference_key] if keys else []


def _driven(owner: bpy.types.ID, path: re.Pattern[str]) -> Iterator[str]:
    """Give what a data-block's drivers drive, by the name in their path."""
    animation = owner.animation_data
    for curve in animation.drivers if animation else ():
        found = path.match(curve.data_path)
        if found and not curve.mute:
            yield unescape_identifier(found[1])


def _properties(armature: bpy.types.Object) -> Iterator[tuple[str, str]]:
    """Give path and name of the numbers that users and importers put on an armature, its data and its bones."""
    holders = [("", armature), ("data", armature.data)]
    holders += [(f'pose.bones["{escape_identifier(bone.name)}"]', bone) for bone in armature.pose.bones]
    for start, holder in holders:
        for name in holder.keys():
            value = holder[name]
            if isinstance(value, int | float) and not isinstance(value, bool):
                yield f'{start}["{escape_identifier(name)}"]', name


def _vrm_previews(data: bpy.types.Armature) -> Iterator[tuple[str, str]]:
    """Give path and name of the VRM add-on's expressions that move something."""
    vrm = getattr(data, "vrm_addon_extension", None)
    if vrm is None:
        return
    start = "data.vrm_addon_extension"
    if str(getattr(vrm, "spec_version", "1.0")).startswith("0"):
        for i, group in enumerate(vrm.vrm0.blend_shape_master.blend_shape_groups):
            name = group.preset_name if group.preset_name != "unknown" else group.name
            if len(group.binds):
                yield f"{start}.vrm0.blend_shape_master.blend_shape_groups[{i}].preview", name
        return
    expressions = vrm.vrm1.expressions
    for name in _VRM1_PRESETS:
        if len(getattr(expressions.preset, name).morph_target_binds):
            yield f"{start}.vrm1.expressions.preset.{name}.preview", name
    for i, expression in enumerate(expressions.custom):
        if len(expression.morph_target_binds):
            yield f"{start}.vrm1.expressions.custom[{i}].preview", expression.custom_name
