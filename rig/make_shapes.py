# SPDX-FileCopyrightText: 2026 Mimica authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""ARKit's 52 shape keys for a mesh that bones deform: each is the mesh as the bones show that shape alone.

A key is what the armature makes of the mesh, minus what it makes of it at rest, so the mesh at rest stays as it is, and
with the armature at rest a key at 1 is the pose exactly. In between keys go straight where bones turn.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import bpy
import numpy as np

from ..mapping.control_pose import motion_over
from ..mapping.frame import ARKIT_SHAPES
from ..mapping.landmarks import average_face
from .apply import PoseWriter
from .bind import Binding, TargetError, bind_map
from .character import is_registered, store_map, stored_map
from .detect import detect_character
from .kept_pose import CHANNELS, KeptPose, reevaluate

Progress = Callable[[float], None]
_STILL = 1e-4
"""Share of the mesh's size below which nothing moved."""


@dataclass(frozen=True, slots=True)
class MadeShapes:
    """What was made."""

    made: int
    kept: tuple[str, ...]
    """Keys of these names were there, and are as they were."""
    still: tuple[str, ...]
    """Shapes that move nothing of the mesh; their keys are there all the same."""


def make_arkit_shapes(mesh: bpy.types.Object, progress: Progress | None = None) -> MadeShapes:
    """Give a mesh the shape keys of ARKit's names that it lacks, from its armature's face. Main thread.

    The character goes on being driven by its bones. Pushes no undo step itself.

    :param progress: is told how much is done, [0, 1].
    :raises TargetError: no armature deforms the mesh, or its face is not known.
    """
    armature = mesh.find_armature() if mesh.type == "MESH" else None
    if armature is None:
        raise TargetError(f"No armature deforms '{mesh.name}'. Pick the mesh of a character that bones move.")
    if mesh.data.library is not None:
        raise TargetError(f"'{mesh.name}' is linked from another file. Make it local first.")
    binding = _bound(armature)
    there = mesh.data.shape_keys.key_blocks if mesh.data.shape_keys is not None else ()
    kept = tuple(name for name in ARKIT_SHAPES if name in there)
    wanted = [name for name in ARKIT_SHAPES if name not in kept]
    stood = KeptPose.of(binding)
    try:
        with _rest(armature), _armature_alone(mesh):
            ways = dict(_ways(mesh, binding, wanted, progress))
    finally:
        stood.restore()
    size = max(float(max(mesh.dimensions) / max(*np.abs(mesh.matrix_world.to_scale()), 1e-9)), 1e-9)
    still = tuple(name for name in wanted if np.abs(ways[name]).max(initial=0.0) < _STILL * size)
    if wanted and len(still) == len(wanted):
        raise TargetError(
            f"Nothing of '{mesh.name}' moves with the face. See to it that it and its armature are visible, that the "
            "armature is not set to Rest Position, and that bones of the face have weights."
        )
    if mesh.data.shape_keys is None:
        mesh.shape_key_add(name="Basis", from_mix=False)
    keys = mesh.data.shape_keys
    assert keys is not None
    basis = np.zeros(len(mesh.data.vertices) * 3, np.float32)
    keys.reference_key.points.foreach_get("co", basis)
    for name in wanted:
        key = mesh.shape_key_add(name=name, from_mix=False)
        key.points.foreach_set("co", basis + ways[name].ravel().astype(np.float32))
        key.value = 0.0
    mesh.data.update()
    return MadeShapes(len(wanted), kept, still)


def _bound(armature: bpy.types.Object) -> Binding:
    """Return how the bones of a character are driven; a map that was only detected is kept from now on.

    Detected again, the character's face would be left to the new keys.
    """
    character = stored_map(armature)
    if character is None:
        character = detect_character(armature).character
        if character.bones and is_registered():
            store_map(armature, character, detected=True)
    if not character.bones and not any(c.kind != "shape_key" for e in character.controls for c in e.channels):
        raise TargetError(
            f"'{armature.name}' has no bones that Mimica knows as a face's. Set its map up in the Character panel."
        )
    return bind_map(armature, character, average_face())


def _ways(
    mesh: bpy.types.Object, binding: Binding, names: list[str], progress: Progress | None
) -> Iterator[tuple[str, np.ndarray]]:
    """Give each shape and how far it moves the vertices, float (V, 3), in the mesh's own space."""
    writer = PoseWriter(binding, "REPLACE")
    rest = _evaluated(mesh)
    for i, name in enumerate(names):
        controls = np.zeros((1, len(ARKIT_SHAPES)))
        controls[0, ARKIT_SHAPES.index(name)] = 1.0
        writer.write(binding.plan.pose(motion_over(np.zeros(1), controls, groups=binding.plan.groups)))
        posed = _evaluated(mesh)
        if len(posed) != len(rest):
            raise TargetError(f"A modifier of '{mesh.name}' changes its number of vertices. Apply or remove it first.")
        yield name, posed - rest
        if progress is not None:
            progress((i + 1) / len(names))


def _evaluated(mesh: bpy.types.Object) -> np.ndarray:
    bpy.context.view_layer.update()
    own = mesh.evaluated_get(bpy.context.evaluated_depsgraph_get())
    data = own.to_mesh()
    try:
        points = np.zeros(len(data.vertices) * 3, np.float32)
        data.vertices.foreach_get("co", points)
    finally:
        own.to_mesh_clear()
    return points.reshape(-1, 3).astype(np.float64)


@contextmanager
def _rest(armature: bpy.types.Object) -> Iterator[None]:
    """Have all bones at rest, and as they were after that; animation does not play meanwhile."""
    bones = armature.pose.bones
    before: dict[str, np.ndarray] = {}
    axis, quaternion = [0.0, 0.0, 1.0, 0.0], [1.0, 0.0, 0.0, 0.0]
    rest = {"rotation_quaternion": quaternion, "rotation_axis_angle": axis, "scale": [1.0] * 3}
    for channel, size in CHANNELS.items():
        before[channel] = np.zeros(len(bones) * size, np.float32)
        bones.foreach_get(channel, before[channel])
        bones.foreach_set(channel, np.tile(np.array(rest.get(channel, [0.0] * size), np.float32), len(bones)))
    armature.update_tag(refresh={"OBJECT"})
    try:
        yield
    finally:
        for channel, values in before.items():
            bones.foreach_set(channel, values)
        armature.update_tag(refresh={"OBJECT"})
        reevaluate(armature)


@contextmanager
def _armature_alone(mesh: bpy.types.Object) -> Iterator[None]:
    """Have armatures alone deform a mesh: whatever comes after them comes after the new keys too."""
    others = [m.name for m in mesh.modifiers if m.type != "ARMATURE" and m.show_viewport]
    for name in others:
        mesh.modifiers[name].show_viewport = False
    try:
        yield
    finally:
        for name in others:
            mesh.modifiers[name].show_viewport = True
