# SPDX-FileCopyrightText: 2026 Mimica authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A new face that can be seen: clear of what would hide it, and large in the part of the viewport that is free."""

import bpy
import numpy as np
from mathutils import Vector

from .picture_shapes import Box, free_box
from .portrait import find_portrait

_LARGE = 12.0
"""Things more than this many times a head's size are rooms and grounds, in which a face is meant to stand."""
_ROOM = 0.9
"""How much of the free part of the viewport the face takes."""


def step_out(context: bpy.types.Context, armature: bpy.types.Object) -> str:
    """Put a new face on top of the object in which it would be hidden, as in the cube of a new scene.

    :param armature: of a face rig; it is moved.
    :return: the name of that object; empty where the face is free, and then it stays.
    """
    own = {armature, *armature.children}
    context.view_layer.update()
    low, high = _bounds([obj for obj in armature.children if obj.type == "MESH"])
    middle, size = (low + high) / 2, float((high - low).max())
    hiding, top = "", low[2]
    for obj in context.visible_objects:
        if obj in own or obj.type != "MESH" or obj.find_armature() is not None:
            continue
        below, above = _bounds([obj])
        holds = bool((below < middle).all() and (middle < above).all())
        if holds and float((above - below).max()) < _LARGE * size and above[2] > top:
            hiding, top = obj.name, above[2]
    if hiding:
        armature.location.z += float(top - low[2])
        context.view_layer.update()
    return hiding


def look_at_face(area: bpy.types.Area, armature: bpy.types.Object) -> None:
    """Turn a viewport to a face from its front, as large as it fits beside sidebar, toolbar and headers.

    :param area: a 3D viewport. A quad view and a viewport that is locked to something are left as they are.
    """
    space = area.spaces.active
    view = space.region_3d
    region = next(region for region in area.regions if region.type == "WINDOW")
    if len(space.region_quadviews) or view.lock_rotation or space.lock_object or space.lock_cursor:
        return
    meshes = [obj for obj in armature.children if obj.type == "MESH"]
    if space.local_view:
        for obj in (armature, *meshes):
            obj.local_view_set(space, True)
    portrait = find_portrait(bpy.context.scene, armature, meshes)
    right, _back, up = (Vector(axis) for axis in portrait.axes.T)
    with bpy.context.temp_override(area=area, region=region):
        # Blender's own way to the front, after which turning the view leaves its orthographic view again.
        bpy.ops.view3d.view_axis(type="FRONT")
    view.view_location = Vector(portrait.middle)
    view.view_distance = portrait.reach
    view.update()
    free = _free(area, region)
    # The window matrix tells how much of the scene the region's half width shows, at the distance that was just set.
    shown = 1.0 / view.window_matrix[0][0]
    if view.is_perspective:
        shown *= view.view_distance
    unit = 2 * shown / region.width
    zoom = portrait.reach / (_ROOM * min(free.width, free.height) / 2 * unit)
    view.view_distance *= zoom
    unit *= zoom
    aside = (free.left + free.right - region.width) / 2 * unit
    above = (free.bottom + free.top - region.height) / 2 * unit
    view.view_location = Vector(portrait.middle) - right * aside - up * above
    view.update()


def _free(area: bpy.types.Area, region: bpy.types.Region) -> Box:
    whole = Box(0.0, 0.0, float(region.width), float(region.height))
    others = [
        (other.alignment, Box(*(float(v) for v in (x, y, x + other.width, y + other.height))))
        for other in area.regions
        if other.type != "WINDOW" and other.alignment != "FLOAT"
        for x, y in [(other.x - region.x, other.y - region.y)]
    ]
    return free_box(whole, others)


def _bounds(objects: list[bpy.types.Object]) -> tuple[np.ndarray, np.ndarray]:
    """Return the lowest and the highest corner of objects in the world, float (3,) each."""
    corners = np.array([obj.matrix_world @ Vector(corner) for obj in objects for corner in obj.bound_box])
    return corners.min(axis=0), corners.max(axis=0)
