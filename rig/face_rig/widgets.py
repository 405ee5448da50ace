# SPDX-FileCopyrightText: 2026 Mimica authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Display shapes of bones: wire meshes, shared by all face rigs of a file, in one hidden collection."""

import bpy
import numpy as np

_COLLECTION = "Mimica Widgets"


def widget(context: bpy.types.Context, shape: str) -> bpy.types.Object:
    """Return the object that draws a shape, made at first use. In the bone's axes, about 1 unit in radius."""
    name = f"WGT-mimica_{shape}"
    found = bpy.data.objects.get(name)
    if found is not None and found.type == "MESH":
        return found
    points, closed = _outline(shape)
    count = len(points)
    mesh = bpy.data.meshes.new(name)
    mesh.from_pydata(points, [(k, (k + 1) % count) for k in range(count if closed else count - 1)], [])
    made = bpy.data.objects.new(name, mesh)
    _collection(context).objects.link(made)
    return made


def _collection(context: bpy.types.Context) -> bpy.types.Collection:
    found = bpy.data.collections.get(_COLLECTION)
    if found is None:
        found = bpy.data.collections.new(_COLLECTION)
        found.hide_viewport = found.hide_render = True
    if found.name not in context.scene.collection.children:
        context.scene.collection.children.link(found)
    return found


def _outline(shape: str) -> tuple[np.ndarray, bool]:
    turn = 2.0 * np.pi * np.arange(32) / 32.0
    zero = np.zeros_like(turn)
    if shape == "circle":
        return np.column_stack([np.cos(turn), np.sin(turn), zero]), True
    if shape == "ring":
        return np.column_stack([np.cos(turn), zero, np.sin(turn)]), True
    if shape == "square":
        return np.array([(0.8, 0.8, 0.0), (-0.8, 0.8, 0.0), (-0.8, -0.8, 0.0), (0.8, -0.8, 0.0)]), True
    if shape == "diamond":
        return np.array([(1.0, 0.0, 0.0), (0.0, 1.0, 0.0), (-1.0, 0.0, 0.0), (0.0, -1.0, 0.0)]), True
    if shape == "frame":
        # A stadium about both eye targets.
        right, left = turn[:16] - np.pi / 2.0, turn[16:] - np.pi / 2.0
        x = np.concatenate([np.cos(right) + 2.0, np.cos(left) - 2.0])
        return np.column_stack([x, np.concatenate([np.sin(right), np.sin(left)]), zero]), True
    if shape == "jaw":
        # An arc below the chin.
        angle = np.linspace(-1.0, 1.0, 17)
        return np.column_stack([np.sin(angle), 0.35 * np.cos(angle), np.zeros(17)]), False
    raise ValueError(f"No display shape is called '{shape}'.")
