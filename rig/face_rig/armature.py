# SPDX-FileCopyrightText: 2026 Mimica authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The face's armature: bones from the table, collections, colours and display shapes."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import bpy
import numpy as np
from mathutils import Vector

from ...mapping.data import load_table
from ...mapping.landmarks import weight_matrix
from .objects import to_blender
from .shape import FaceShape
from .widgets import widget

_UP, _FORWARD = Vector((0.0, 0.0, 1.0)), Vector((0.0, -1.0, 0.0))
_BONE_LENGTH = 0.6
"""cm, of bones that are moved rather than turned."""


def build_armature(
    context: bpy.types.Context, collection: bpy.types.Collection, shape: FaceShape, unit: float, name: str
) -> bpy.types.Object:
    """Build the armature of a face. Bones that are moved have the armature's axes: X aside, Y up, Z out of the face."""
    table = load_table("face_rig")
    bones: list[dict[str, Any]] = table["bones"]
    data = bpy.data.armatures.new(name)
    armature = bpy.data.objects.new(f"{name} Rig", data)
    places = _places(bones, shape, unit)
    with _edit_mode(context, armature):
        for entry in bones:
            bone = data.edit_bones.new(entry["name"])
            bone.head, bone.tail = places[entry["name"]]
            bone.align_roll(_roll_towards(entry, bone.vector))
            bone.use_deform = entry["drive"] != "none" or entry["name"] == "root"
            if entry["parent"]:
                bone.parent = data.edit_bones[entry["parent"]]
    collection.objects.link(armature)

    for key, colour in table["collections"].items():
        group = data.collections.new(key)
        group.is_visible = key not in table["hidden"]
        for entry in bones:
            if entry["collection"] == key:
                bone = data.bones[entry["name"]]
                group.assign(bone)
                bone.color.palette = "CUSTOM"
                bone.color.custom.normal = colour
                bone.color.custom.select = [0.5 + 0.5 * c for c in colour]
                bone.color.custom.active = [0.2 + 0.8 * c for c in colour]
    for entry in bones:
        pose_bone = armature.pose.bones[entry["name"]]
        pose_bone.custom_shape = widget(context, entry["shape"])
        pose_bone.use_custom_shape_bone_size = False
        pose_bone.custom_shape_scale_xyz = [entry["size"] * unit] * 3
        pose_bone.custom_shape_translation = [v * unit for v in entry.get("shape_offset", (0.0, 0.0, 0.0))]
        if hasattr(pose_bone, "custom_shape_wire_width"):
            pose_bone.custom_shape_wire_width = 1.5
    data.show_bone_custom_shapes = True
    _aim_eyes(armature)
    return armature


@contextmanager
def _edit_mode(context: bpy.types.Context, armature: bpy.types.Object) -> Iterator[None]:
    """Edit mode on a new armature, then the user's mode, selection and active object again.

    Bones can be made in Edit Mode alone. The armature is in the scene's own collection meanwhile, because the one it
    is going to may be hidden.
    """
    layer = context.view_layer
    active, mode = layer.objects.active, context.mode
    selected = [o for o in layer.objects if o.select_get()]
    if active is not None and mode != "OBJECT":
        back = active.mode
        bpy.ops.object.mode_set(mode="OBJECT")
    else:
        back = "OBJECT"
    context.scene.collection.objects.link(armature)
    layer.objects.active = armature
    bpy.ops.object.mode_set(mode="EDIT")
    try:
        yield
    finally:
        bpy.ops.object.mode_set(mode="OBJECT")
        context.scene.collection.objects.unlink(armature)
        for each in selected:
            each.select_set(True)
        layer.objects.active = active
        if back != "OBJECT":
            bpy.ops.object.mode_set(mode=back)


def _places(bones: list[dict[str, Any]], shape: FaceShape, unit: float) -> dict[str, tuple[Vector, Vector]]:
    """Return head and tail of every bone in the armature's space."""
    groups = weight_matrix([entry.get("landmarks", {}) for entry in bones])
    heads = groups @ shape.rest.points
    places = {}
    for entry, head in zip(bones, heads, strict=True):
        name = entry["name"]
        start, end = shape.joints.get(name, (head, head + np.array([0.0, _BONE_LENGTH, 0.0])))
        places[name] = (Vector(to_blender(start, unit)), Vector(to_blender(end, unit)))
    return places


def _roll_towards(entry: dict[str, Any], along: Vector) -> Vector:
    """Return where a bone's Z axis points: upwards for bones that lie, out of the face for bones that stand.

    The jaw's X axis is the armature's, so that turning it by a positive angle opens the mouth.
    """
    if entry["drive"] == "jaw":
        return Vector((1.0, 0.0, 0.0)).cross(along)
    return _UP if abs(along.normalized().z) < 0.7 else _FORWARD


def _aim_eyes(armature: bpy.types.Object) -> None:
    """Let the eyes look at their targets as far as the object's property `eye_targets` says: at first not at all."""
    armature["eye_targets"] = 0.0
    armature.id_properties_ui("eye_targets").update(
        min=0.0, max=1.0, description="How much the eyes look at their targets instead of following their own rotation"
    )
    for side in "LR":
        aim = armature.pose.bones[f"eye.{side}"].constraints.new("DAMPED_TRACK")
        aim.name = "Look at Target"
        aim.target, aim.subtarget, aim.track_axis = armature, f"eye_target.{side}", "TRACK_Y"
        aim.influence = 0.0
        driver = aim.driver_add("influence").driver
        driver.type = "AVERAGE"
        variable = driver.variables.new()
        variable.targets[0].id = armature
        variable.targets[0].data_path = '["eye_targets"]'
