# SPDX-FileCopyrightText: 2026 Mimica authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""How far an exported file is from the character: it is imported again, and points and bones are compared over time."""

from dataclasses import asdict, dataclass
from pathlib import Path

import bpy
import numpy as np

from ..mapping.rotation import quaternion_from_matrix
from . import export_write
from .export_job import Format
from .export_motion import angles_between, farthest
from .export_plain import set_rate
from .export_sample import Sample, matrices_of, points_of, turns_of


@dataclass(frozen=True, slots=True)
class Difference:
    """The largest differences from the character, in the world."""

    points: float
    """Millimetres, at frames."""
    points_between: float
    """Millimetres, halfway between frames."""
    turns: float
    """Degrees, of bones, at frames."""
    turns_between: float
    worst: str
    """The mesh with the largest one."""
    missing: tuple[str, ...] = ()
    """Meshes, bones and shape keys that did not come back."""

    def to_json(self) -> dict[str, object]:
        """Return it as JSON has it."""
        return asdict(self)


def check(path: Path, form: Format, sample: Sample) -> Difference:
    """Import a file into an empty one, and compare. Main thread. Raises `ExportError`.

    Vertices that no face uses count only where a mesh has no faces at all.
    """
    bpy.ops.wm.read_homefile(use_empty=True, use_factory_startup=True)
    scene = bpy.context.scene
    set_rate(scene, sample.rate)
    export_write.read(path, form)
    # Blender's importer gives a mesh whose shape keys are animated an object above it, which takes its name.
    meshes = {obj.data.name: obj for obj in bpy.data.objects if obj.type == "MESH"}
    rig = next((obj for obj in bpy.data.objects if obj.type == "ARMATURE"), None)
    place = {bone.name: i for i, bone in enumerate(rig.data.bones)} if rig is not None else {}
    missing = [one.name for one in sample.meshes if one.name not in meshes]
    missing += [bone for bone in sample.bones if bone not in place]
    missing += [
        f"{one.name}: {key}"
        for one in sample.meshes
        if one.name in meshes
        for key in one.keys
        if key not in _keys_of(meshes[one.name])
    ]
    first = _first_frame()
    bones = [(i, place[bone]) for i, bone in enumerate(sample.bones) if bone in place]
    mine, theirs = (np.array([pair[k] for pair in bones], int) for k in (0, 1))
    rest = np.array([np.array(bone.matrix_local) for bone in rig.data.bones]) if rig is not None else None
    found: dict[str, list[np.ndarray]] = {name: [] for name in meshes}
    angles = []
    for instant in sample.instants:
        frame = first + instant.index
        scene.frame_set(int(np.floor(frame)), subframe=float(frame % 1.0))
        graph = bpy.context.evaluated_depsgraph_get()
        for name, obj in meshes.items():
            found[name].append(points_of(obj, graph)[0])
        if rig is not None and rest is not None and len(bones):
            own = rig.evaluated_get(graph)
            turns = turns_of(np.array(own.matrix_world), matrices_of(own)[theirs], rest[theirs])
            wanted = quaternion_from_matrix(instant.turns[mine])
            angles.append(float(angles_between(quaternion_from_matrix(turns), wanted).max()))
        else:
            angles.append(0.0)
    between = np.array([instant.index % 1.0 > 0.0 for instant in sample.instants])
    worst, at, halfway = "", 0.0, 0.0
    for one in sample.meshes:
        if one.name not in meshes:
            continue
        source = np.stack([instant.points[one.name] for instant in sample.instants], axis=1)
        back = np.stack(found[one.name], axis=1)
        off = farthest(source[:, ~between], back[:, ~between]).max(initial=0.0)
        # Between frames a program goes straight on; which point is which was told at the frames.
        off_between = farthest(source, back).max(initial=0.0) if between.any() else 0.0
        if off >= at:
            worst = one.name
        at, halfway = max(at, float(off)), max(halfway, float(off_between))
    turned = np.array(angles)
    return Difference(
        at * 1000.0,
        halfway * 1000.0,
        float(turned[~between].max(initial=0.0)),
        float(turned[between].max(initial=0.0)),
        worst,
        tuple(missing),
    )


def _keys_of(obj: bpy.types.Object) -> list[str]:
    keys = obj.data.shape_keys
    return [] if keys is None else keys.key_blocks.keys()


def _first_frame() -> float:
    """Return the frame at which the animation begins in the file that took it in."""
    return float(min((action.frame_range[0] for action in bpy.data.actions), default=0.0))
