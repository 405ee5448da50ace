# SPDX-FileCopyrightText: 2026 Mimica authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Mesh objects and materials of the generated face."""

from collections import defaultdict

import bpy
import numpy as np

from ...mapping.data import load_table
from .part import Part

_SUBSURFACE_CM = 0.4
"""How far light wanders in skin."""


def to_blender(points: np.ndarray, unit: float) -> np.ndarray:
    """Return points (..., 3) of face space (cm) in the armature's space: the face looks along -Y, Z is up."""
    return np.stack([points[..., 0], -points[..., 2], points[..., 1]], axis=-1) * unit


def make_materials(name: str, unit: float) -> dict[str, bpy.types.Material]:
    """Make the face's materials: one Principled shader each, the same colour in the Solid viewport."""
    materials = {}
    for key, entry in load_table("face_materials")["materials"].items():
        material = bpy.data.materials.new(f"{name} {entry['name']}")
        if material.node_tree is None:
            material.use_nodes = True
        colour = (*entry["colour"], 1.0)
        material.diffuse_color = colour
        material.roughness = entry["roughness"]
        tree = material.node_tree
        assert tree is not None, "a material with nodes has a tree"
        shader = next(n for n in tree.nodes if n.type == "BSDF_PRINCIPLED")
        shader.inputs["Base Color"].default_value = colour
        shader.inputs["Roughness"].default_value = entry["roughness"]
        shader.inputs["Subsurface Weight"].default_value = entry.get("subsurface", 0.0)
        shader.inputs["Subsurface Scale"].default_value = _SUBSURFACE_CM * unit
        materials[key] = material
    return materials


def build_mesh(
    name: str,
    part: Part,
    unit: float,
    armature: bpy.types.Object,
    collection: bpy.types.Collection,
    materials: dict[str, bpy.types.Material],
) -> bpy.types.Object:
    """Build one mesh object, skinned to the armature and parented to it."""
    mesh = bpy.data.meshes.new(name)
    mesh.from_pydata(to_blender(np.array(part.points), unit), [], part.faces)
    used = list(dict.fromkeys(part.materials))
    for key in used:
        mesh.materials.append(materials[key])
    mesh.polygons.foreach_set("material_index", [used.index(key) for key in part.materials])
    mesh.polygons.foreach_set("use_smooth", [True] * len(part.faces))
    if part.creases:
        edges = np.empty(2 * len(mesh.edges), np.int32)
        mesh.edges.foreach_get("vertices", edges)
        pairs = np.sort(edges.reshape(-1, 2), axis=1)
        amounts = [part.creases.get((int(a), int(b)), 0.0) for a, b in pairs]
        mesh.attributes.new("crease_edge", "FLOAT", "EDGE").data.foreach_set("value", amounts)
    mesh.update()
    built = bpy.data.objects.new(name, mesh)
    collection.objects.link(built)

    members: dict[str, dict[float, list[int]]] = defaultdict(lambda: defaultdict(list))
    for index, weights in enumerate(part.weights):
        for bone, weight in weights.items():
            members[bone][weight].append(index)
    for bone in armature.data.bones.keys():
        if bone in members:
            group = built.vertex_groups.new(name=bone)
            for weight, indices in members[bone].items():
                group.add(indices, weight, "REPLACE")
    built.parent = armature
    deform = built.modifiers.new("Armature", "ARMATURE")
    deform.object = armature
    deform.show_expanded = False
    return built
