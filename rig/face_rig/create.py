# SPDX-FileCopyrightText: 2026 Mimica authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Put the generated face into the scene."""

from dataclasses import dataclass

import bpy
import numpy as np

from ...mapping.landmarks import average_face
from .armature import build_armature
from .objects import build_mesh, make_materials
from .shape import face_shape

RIG_VERSION = 1
_GUARD = "eye_guard"


@dataclass(frozen=True, slots=True)
class FaceRig:
    """A generated face, by the names of its objects."""

    armature: str
    meshes: tuple[str, ...]
    """The face, the eyes, the teeth with the tongue."""


def create_face_rig(
    context: bpy.types.Context,
    *,
    neutral: np.ndarray | None = None,
    size: float = 0.0,
    name: str = "Mimica Face",
    collection: bpy.types.Collection | None = None,
) -> FaceRig:
    """Create a face with its armature at the 3D cursor. Main thread; leaves mode, selection and active object alone.

    :param neutral: the performer's neutral face, float (478, 3), face space, cm; None for the average face.
    :param size: height of the head in scene units; 0 for life size under the scene's unit scale.
    :param name: name of the face; its objects and data are called after it.
    :param collection: where a collection for the face is made; None for the active one.
    :raises ValueError: the neutral face has another shape or holds values that are not finite.
    """
    points = average_face() if neutral is None else np.asarray(neutral, np.float64)
    if points.shape != (478, 3) or not np.isfinite(points).all():
        raise ValueError("The neutral face is not complete. Set the neutral face again, or use the average face.")
    shape = face_shape(points)
    unit = _unit(context, size, np.array(shape.skin.points))

    home = bpy.data.collections.new(name)
    (collection or context.collection or context.scene.collection).children.link(home)
    armature = build_armature(context, home, shape, unit, name)
    armature["mimica_rig"] = RIG_VERSION
    armature["mimica_unit"] = unit
    armature["mimica_neutral"] = shape.rest.points.ravel().tolist()

    materials = make_materials(name, unit)
    eyes = build_mesh(f"{name} Eyes", shape.eyes, unit, armature, home, materials)
    teeth = build_mesh(f"{name} Teeth", shape.teeth, unit, armature, home, materials)
    face = build_mesh(name, shape.skin, unit, armature, home, materials)
    group = face.vertex_groups.new(name=_GUARD)
    group.add(shape.guarded, 1.0, "REPLACE")
    guard = face.modifiers.new("Lids on Eyes", "SHRINKWRAP")
    guard.target = eyes
    guard.wrap_method = "NEAREST_SURFACEPOINT"
    guard.wrap_mode = "OUTSIDE"
    guard.offset = 0.05 * unit
    guard.vertex_group = _GUARD
    guard.show_expanded = False
    for mesh in (face, teeth):
        smooth = mesh.modifiers.new("Smooth", "SUBSURF")
        smooth.levels, smooth.render_levels = 1, 2
        smooth.show_expanded = False
    armature.location = context.scene.cursor.location
    return FaceRig(armature.name, (face.name, eyes.name, teeth.name))


def _unit(context: bpy.types.Context, size: float, points: np.ndarray) -> float:
    """Return scene units per centimetre."""
    if size > 0.0:
        head = float(points[:, 1].max() - points[152, 1])
        return size / head
    scale = context.scene.unit_settings.scale_length
    return 0.01 / scale if scale > 0.0 else 0.01
