# SPDX-FileCopyrightText: 2026 Mimica authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What moves of a character, frame by frame, as it is evaluated: bones, keys, objects, and points to compare with.

Drivers, constraints, custom properties and whatever else moves it are in these values, so nothing of them need be
carried. For a process of its own: what is hidden is shown, and the frame changes.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import bpy
import numpy as np

from .detect import character_parts
from .export_correction import Corrector, Weights
from .export_job import ExportError
from .export_motion import exported_parents, rotation_of
from .preview import character_objects

Progress = Callable[[float], None]

MOST_POINTS = 3000
"""Vertices of a mesh that are compared at most."""
_INSTANTS = 8
"""Frames at which the result is compared, and as many instants between frames."""
_CONSTANT = 1e-5
"""By how much, in parts of its size and in units, a place may change and still count as standing still."""


@dataclass(slots=True, eq=False)
class MeshSample:
    """A mesh over time. Names only."""

    name: str
    keys: tuple[str, ...]
    """Its shape keys, without the basis and those that are muted."""
    deformed: bool
    """Whether the armature deforms it."""
    bone: str
    """The bone that it stands still to; empty when there is none."""
    values: np.ndarray
    """float (N, K): the keys' values."""
    worlds: np.ndarray
    """float (N, 4, 4)."""
    corrector: Corrector | None = None
    """Collects what bones and shape keys do not show; None where they show all."""
    weights: Weights | None = None
    corrections: int = 0
    """How many of the keys were made of that; the last ones."""


@dataclass(slots=True, eq=False)
class Instant:
    """A character as it is seen at an instant, to compare with."""

    index: float
    """Frames after the first one."""
    points: dict[str, np.ndarray] = field(default_factory=dict)
    """By mesh, float (V, 3): places of vertices in the world."""
    turns: np.ndarray = field(default_factory=lambda: np.zeros((0, 3, 3)))
    """float (B, 3, 3): how each bone is turned in the world from how it rests."""


@dataclass(slots=True, eq=False)
class Sample:
    """A character over time. Names and arrays only."""

    name: str
    rate: float
    """Frames a second."""
    frames: int
    armature: str
    """Empty without bones."""
    bones: tuple[str, ...]
    """All that deform something, or carry a mesh."""
    parents: tuple[int, ...]
    """Indices into `bones` of those that they hang from in the character; -1 for none."""
    lengths: tuple[float, ...]
    rest: np.ndarray
    """float (B, 4, 4), in the armature's space."""
    poses: np.ndarray
    """float (N, B, 4, 4), in the armature's space."""
    worlds: np.ndarray
    """float (N, 4, 4): of the armature; the identity without one."""
    meshes: list[MeshSample]
    instants: list[Instant]
    notes: list[str]
    chosen: tuple[int, ...]
    """Where `bones` are among the armature's."""
    bendy: bool
    """Whether some of them bend."""


def prepare(scene: bpy.types.Scene, obj: bpy.types.Object, first: int, last: int) -> Sample:
    """Return what a character consists of, with room for the frames `first` to `last`, both included.

    Main thread; what is hidden is shown. Raises `ExportError` when there is nothing to export.
    """
    if last < first:
        raise ExportError("The last frame comes before the first one. Choose another range.")
    armature, _ = character_parts(obj)
    things = [thing for thing in character_objects(scene, obj.name) if thing == obj or not thing.hide_render]
    notes = _left_out(things, armature)
    meshes = [thing for thing in things if thing.type == "MESH" and len(thing.data.vertices)]
    if not meshes:
        raise ExportError(
            f"'{obj.name}' has no mesh that is rendered. Let its meshes be rendered, or pick another one."
        )
    _show(scene, [*meshes, *([armature] if armature is not None else [])])
    chosen, names, parents = _chosen_bones(armature, meshes)
    notes += (
        []
        if armature is None or armature.data.pose_position == "POSE"
        else [f"'{armature.name}' is set to Rest Position: its bones do not move."]
    )
    count = last - first + 1
    samples = []
    for mesh in meshes:
        keys = _live_keys(mesh)
        hangs = mesh.parent == armature and mesh.parent_type == "BONE"
        deformed = _deforms(armature, mesh) and bool(chosen)
        bone = mesh.parent_bone if hangs and not deformed else ""
        room = np.zeros((count, len(keys))), np.zeros((count, 4, 4))
        samples.append(MeshSample(mesh.name, keys, deformed, bone, *room))
    data = armature.data.bones if armature is not None else []
    return Sample(
        obj.name,
        scene.render.fps / scene.render.fps_base,
        count,
        armature.name if armature is not None else "",
        tuple(names[i] for i in chosen),
        tuple(exported_parents(names, parents, chosen)),
        tuple(data[i].length for i in chosen),
        _rest(armature, chosen),
        np.zeros((count, len(chosen), 4, 4)),
        np.tile(np.eye(4), (count, 1, 1)),
        samples,
        [],
        notes,
        tuple(chosen),
        any(data[i].bbone_segments > 1 for i in chosen),
    )


def fill(scene: bpy.types.Scene, sample: Sample, first: int, progress: Progress | None = None) -> None:
    """Go through the frames, from `first` on, and take up what moves. Main thread. Raises `ExportError`."""
    armature = bpy.data.objects[sample.armature] if sample.armature else None
    meshes = [bpy.data.objects[one.name] for one in sample.meshes]
    at = _instants(sample.frames)
    for i in range(sample.frames):
        scene.frame_set(first + i)
        graph = _graph(scene)
        moved = np.zeros((0, 4, 4))
        if armature is not None:
            sample.poses[i] = _poses(armature, sample.chosen, graph)
            sample.worlds[i] = np.array(armature.evaluated_get(graph).matrix_world)
            moved = sample.poses[i] @ np.linalg.inv(sample.rest) if sample.bones else moved
        for one, mesh in zip(sample.meshes, meshes, strict=True):
            one.values[i] = _values(mesh, one.keys, graph)
            one.worlds[i] = np.array(mesh.evaluated_get(graph).matrix_world)
            if one.corrector is None:
                continue
            points = local_points(mesh, graph)
            carried = None
            if one.weights is not None:
                # From the mesh's own space at the first frame to that of now, by way of the bones.
                place = np.linalg.inv(sample.worlds[i]) @ one.worlds[i]
                before = np.linalg.inv(sample.worlds[0]) @ one.worlds[0]
                carried = np.linalg.inv(place) @ one.weights.matrices(moved) @ before
            one.corrector.add(points, one.values[i], carried)
        if i in at:
            sample.instants.append(_seen(float(i), sample, meshes, armature, graph))
            if i + 1 < sample.frames:
                scene.frame_set(first + i, subframe=0.5)
                sample.instants.append(_seen(i + 0.5, sample, meshes, armature, _graph(scene)))
        if progress is not None:
            progress((i + 1) / sample.frames)
    for one in sample.meshes:
        if one.bone and not _stands_still(
            np.linalg.inv(sample.worlds @ sample.poses[:, sample.bones.index(one.bone)]) @ one.worlds
        ):
            one.bone = ""
    if not np.isfinite(sample.poses).all() or not all(np.isfinite(one.worlds).all() for one in sample.meshes):
        raise ExportError(f"'{sample.name}' has bones or objects that are nowhere. Look at its constraints.")


def local_points(obj: bpy.types.Object, graph: bpy.types.Depsgraph) -> np.ndarray:
    """Return the vertices of a mesh as it is evaluated, in its own space, float (V, 3)."""
    own = obj.evaluated_get(graph)
    mesh = own.to_mesh()
    try:
        flat = np.zeros(len(mesh.vertices) * 3, np.float32)
        mesh.vertices.foreach_get("co", flat)
    finally:
        own.to_mesh_clear()
    return flat.reshape(-1, 3).astype(np.float64)


def needs_correction(mesh: bpy.types.Object, armature: bpy.types.Object | None, bendy: bool) -> bool:
    """Whether a mesh may be shown otherwise than bones and shape keys alone have it."""
    own = armatures_on(mesh, armature)
    others = [m for m in mesh.modifiers if m.show_viewport and m not in own]
    special = any(
        m.use_deform_preserve_volume or m.use_bone_envelopes or m.vertex_group or m.use_multi_modifier for m in own
    )
    keys = mesh.data.shape_keys
    return bool(others) or special or len(own) > 1 or bendy or (keys is not None and not keys.use_relative)


def points_of(obj: bpy.types.Object, graph: bpy.types.Depsgraph) -> tuple[np.ndarray, np.ndarray]:
    """Return the vertices of a mesh as it is evaluated, in the world, float (V, 3), and whether faces use them."""
    own = obj.evaluated_get(graph)
    mesh = own.to_mesh()
    try:
        flat = np.zeros(len(mesh.vertices) * 3, np.float32)
        mesh.vertices.foreach_get("co", flat)
        corners = np.zeros(len(mesh.loops), np.int32)
        mesh.loops.foreach_get("vertex_index", corners)
    finally:
        own.to_mesh_clear()
    world = np.array(own.matrix_world)
    used = np.zeros(len(flat) // 3, bool)
    used[corners] = True
    return flat.reshape(-1, 3).astype(np.float64) @ world[:3, :3].T + world[:3, 3], used


def matrices_of(armature: bpy.types.Object) -> np.ndarray:
    """Return where the bones of an armature that is evaluated are, float (B, 4, 4), in its own space."""
    bones = armature.pose.bones
    flat = np.zeros(len(bones) * 16, np.float32)
    bones.foreach_get("matrix", flat)
    return flat.reshape(-1, 4, 4).transpose(0, 2, 1).astype(np.float64)


def turns_of(world: np.ndarray, poses: np.ndarray, rest: np.ndarray) -> np.ndarray:
    """Return how bones are turned in the world from how they rest, float (B, 3, 3).

    Without regard to which way a bone's own axes look, which programs choose for themselves.

    :param world: (4, 4), of the armature.
    :param poses: (B, 4, 4), in the armature's space; so is `rest`.
    """
    frame = rotation_of(world)
    return frame @ rotation_of(poses) @ np.swapaxes(rotation_of(rest), -1, -2) @ frame.T


def _left_out(things: Sequence[bpy.types.Object], armature: bpy.types.Object | None) -> list[str]:
    kinds = ("CURVE", "SURFACE", "META", "FONT", "CURVES", "POINTCLOUD", "VOLUME", "GREASEPENCIL", "GPENCIL", "LATTICE")
    others = [thing.name for thing in things if thing.type in kinds]
    rigs = [thing.name for thing in things if thing.type == "ARMATURE" and thing != armature]
    notes = []
    if others:
        notes.append(f"Left out, since only meshes are exported: {some(others)}.")
    if rigs:
        notes.append(f"Left out, since one armature is exported: {some(rigs)}.")
    return notes


def _show(scene: bpy.types.Scene, things: Sequence[bpy.types.Object]) -> None:
    """Have all of a character evaluated, whatever is hidden."""
    collection = bpy.data.collections.new("Export")
    scene.collection.children.link(collection)
    for thing in things:
        thing.hide_viewport = False
        collection.objects.link(thing)
        thing.hide_set(False, view_layer=scene.view_layers[0])


def _chosen_bones(
    armature: bpy.types.Object | None, meshes: Sequence[bpy.types.Object]
) -> tuple[list[int], list[str], list[int]]:
    """Return the bones to export as indices, and the names and parents of all bones."""
    if armature is None:
        return [], [], []
    bones = armature.data.bones
    place = {bone.name: i for i, bone in enumerate(bones)}
    weighted = {group.name for mesh in meshes if _deforms(armature, mesh) for group in mesh.vertex_groups}
    carrying = {mesh.parent_bone for mesh in meshes if mesh.parent == armature and mesh.parent_type == "BONE"}
    # Of an armature whose meshes hang from bones only, nothing deforms.
    chosen = [i for i, bone in enumerate(bones) if (bone.use_deform and bone.name in weighted) or bone.name in carrying]
    wanted = set(chosen)
    for i in chosen:
        # What lies between two bones of the skeleton keeps it together, if it is a bone that may deform.
        above = bones[i].parent
        while above is not None:
            if above.use_deform:
                wanted.add(place[above.name])
            above = above.parent
    parents = [place[bone.parent.name] if bone.parent is not None else -1 for bone in bones]
    return sorted(wanted), list(place), parents


def some(names: Sequence[str]) -> str:
    """Return names for a sentence, as many as one can read."""
    more = [f"+{len(names) - 5}"] if len(names) > 5 else []
    return ", ".join([*names[:5], *more])


def armatures_on(mesh: bpy.types.Object, armature: bpy.types.Object | None) -> list[bpy.types.ArmatureModifier]:
    """Return the modifiers by which an armature deforms a mesh as it is shown."""
    return [m for m in mesh.modifiers if m.type == "ARMATURE" and m.object == armature and m.show_viewport]


def _deforms(armature: bpy.types.Object | None, mesh: bpy.types.Object) -> bool:
    if armature is None:
        return False
    by_parent = mesh.parent == armature and mesh.parent_type == "ARMATURE"
    return by_parent or any(m.use_vertex_groups for m in armatures_on(mesh, armature))


def _live_keys(mesh: bpy.types.Object) -> tuple[str, ...]:
    keys = mesh.data.shape_keys
    if keys is None or not keys.use_relative:
        return ()
    return tuple(block.name for block in keys.key_blocks if block != keys.reference_key and not block.mute)


def _instants(count: int) -> set[int]:
    """Return the frames at which a sample is compared, counted from 0."""
    return set(np.linspace(0, count - 1, min(count, _INSTANTS)).round().astype(int).tolist())


def _graph(scene: bpy.types.Scene) -> bpy.types.Depsgraph:
    layer = scene.view_layers[0]
    return layer.depsgraph if layer.depsgraph is not None else bpy.context.evaluated_depsgraph_get()


def _rest(armature: bpy.types.Object | None, chosen: Sequence[int]) -> np.ndarray:
    if armature is None or not chosen:
        return np.zeros((0, 4, 4))
    bones = armature.data.bones
    return np.array([np.array(bones[i].matrix_local) for i in chosen])


def _poses(armature: bpy.types.Object, chosen: Sequence[int], graph: bpy.types.Depsgraph) -> np.ndarray:
    return matrices_of(armature.evaluated_get(graph))[list(chosen)]


def _values(mesh: bpy.types.Object, keys: Sequence[str], graph: bpy.types.Depsgraph) -> list[float]:
    if not keys:
        return []
    blocks = mesh.data.shape_keys.evaluated_get(graph).key_blocks
    return [blocks[key].value for key in keys]


def _seen(
    index: float,
    sample: Sample,
    meshes: Sequence[bpy.types.Object],
    armature: bpy.types.Object | None,
    graph: bpy.types.Depsgraph,
) -> Instant:
    seen = Instant(index)
    for mesh in meshes:
        points, used = points_of(mesh, graph)
        there = np.flatnonzero(used) if used.any() else np.arange(len(points))
        if len(there) > MOST_POINTS:
            # The same ones at each instant.
            there = np.sort(np.random.default_rng(len(points)).choice(there, MOST_POINTS, replace=False))
        seen.points[mesh.name] = points[there]
    if armature is not None and sample.bones:
        world = np.array(armature.evaluated_get(graph).matrix_world)
        seen.turns = turns_of(world, _poses(armature, sample.chosen, graph), sample.rest)
    return seen


def _stands_still(places: np.ndarray) -> bool:
    size = max(1.0, float(np.abs(places).max(initial=0.0)))
    return float(np.ptp(places, axis=0).max(initial=0.0)) < _CONSTANT * size
