# SPDX-FileCopyrightText: 2026 Mimica authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A plain copy of a character: meshes with shape keys, bones and keyframes, and nothing that other programs lack.

The copies of the meshes are written to a file of their own, and an empty file takes them in: so nothing of the
character's file is in the way, and nothing has to be removed again. For a process of its own.
"""

from collections.abc import Callable, Sequence
from pathlib import Path

import bpy
import numpy as np
from mathutils import Matrix

from . import compat
from .export_correction import Corrector, Weights
from .export_motion import Track, basis_tracks, moves, track_of
from .export_sample import MeshSample, Sample, armatures_on, local_points, needs_correction, some

Progress = Callable[[float], None]
CORRECTION = "correction_"
"""How the names of shape keys begin that are made of what bones and shape keys do not show."""
_STILL = 1e-6
_TOLERANCE, _SHARE = 1e-4, 2e-5
"""How far a vertex may be off: in units, and in parts of the mesh's size where this is more."""


def make_meshes(scene: bpy.types.Scene, sample: Sample, progress: Progress | None = None) -> list[bpy.types.Object]:
    """Make plain copies of a character's meshes, at rest and in their own space, as `sample.meshes` has them.

    Modifiers are applied, those of the armature apart, and to each shape key. Main thread. What is to be collected at
    each frame is set up in the sample.
    """
    armature = bpy.data.objects.get(sample.armature) if sample.armature else None
    before = "POSE"
    if armature is not None:
        before, armature.data.pose_position = armature.data.pose_position, "REST"
    scene.frame_set(scene.frame_current)
    made = []
    for i, one in enumerate(sample.meshes):
        made.append(_plain_mesh(scene, sample, one, armature))
        if progress is not None:
            progress((i + 1) / len(sample.meshes))
    if armature is not None:
        armature.data.pose_position = before
    return made


def write_meshes(sample: Sample, made: Sequence[bpy.types.Object], path: Path) -> list[str]:
    """Write what `make_meshes` made to a .blend, with what was found meanwhile, and return the names there."""
    for one, obj in zip(sample.meshes, made, strict=True):
        place = _place(sample, one)
        if one.corrector is not None:
            _correct(sample, one, obj)
        mirrored = np.linalg.det(place[:3, :3]) < 0
        obj.data.transform(Matrix(place.tolist()), shape_keys=True)
        if mirrored:
            obj.data.flip_normals()
        if skinned(one):
            _weigh(obj, one, sample)
        _limit(obj, one)
    bpy.data.libraries.write(str(path), set(made), path_remap="ABSOLUTE", fake_user=False)
    return [obj.name for obj in made]


def build(sample: Sample, path: Path, names: Sequence[str], name: str) -> None:
    """Make the plain character with its keyframes, from frame 0 on, in an empty file. Main thread.

    :param path: what `write_meshes` wrote; `names` is what it returned.
    :param name: of the animation.
    """
    bpy.ops.wm.read_homefile(use_empty=True, use_factory_startup=True)
    scene = bpy.context.scene
    scene.name = name
    set_rate(scene, sample.rate)
    scene.frame_start, scene.frame_end = 0, max(sample.frames - 1, 1)
    with bpy.data.libraries.load(str(path)) as (_, wanted):
        wanted.objects = list(names)
    rig = _build_armature(scene, sample, name) if sample.bones else None
    taken: list[bpy.types.Object] = list(wanted.objects)  # pyright: ignore[reportAssignmentType]: names became objects
    for one, obj in zip(sample.meshes, taken, strict=True):
        obj.name = one.name
        obj.data.name = one.name
        scene.collection.objects.link(obj)
        if rig is not None:
            obj.parent = rig
        if skinned(one):
            obj.modifiers.new("Armature", "ARMATURE").object = rig
        else:
            places = one.worlds if rig is None else np.linalg.inv(sample.worlds) @ one.worlds
            _key_object(obj, places, name)
        keys = obj.data.shape_keys
        if keys is not None:
            for key in keys.key_blocks:
                key.value = 0.0
            channels = [
                (f'key_blocks["{bpy.utils.escape_identifier(key)}"].value', 0, one.values[:, i], key)
                for i, key in enumerate(one.keys)
                if key in keys.key_blocks
            ]
            _key(keys, channels, name)
    scene.frame_set(0)


def skinned(one: MeshSample) -> bool:
    """Whether a mesh is moved by bones alone."""
    return one.deformed or bool(one.bone)


def set_rate(scene: bpy.types.Scene, rate: float) -> None:
    """Give a scene this many frames a second."""
    scene.render.fps = max(1, int(np.ceil(rate - 1e-3)))
    scene.render.fps_base = scene.render.fps / rate


# Meshes


def _plain_mesh(
    scene: bpy.types.Scene, sample: Sample, one: MeshSample, armature: bpy.types.Object | None
) -> bpy.types.Object:
    source = bpy.data.objects[one.name]
    copy = source.copy()
    copy.data = source.data.copy()
    copy.animation_data_clear()
    keys = copy.data.shape_keys
    if keys is not None:
        keys.animation_data_clear()
    for modifier in armatures_on(copy, armature):
        copy.modifiers.remove(modifier)
    copy.constraints.clear()
    world = source.matrix_world.copy()
    copy.parent = None
    copy.matrix_world = world
    copy.show_only_shape_key = False
    scene.collection.objects.link(copy)
    blocks = [] if keys is None else [keys.key_blocks[key] for key in one.keys]
    for block in keys.key_blocks if keys is not None and keys.use_relative else ():
        block.slider_min, block.slider_max, block.value = 0.0, 1.0, 0.0
    layer = scene.view_layers[0]
    layer.update()
    graph = layer.depsgraph
    mesh = bpy.data.meshes.new_from_object(copy.evaluated_get(graph), preserve_all_data_layers=True, depsgraph=graph)
    made = bpy.data.objects.new(one.name, mesh)
    there = [group.name for group in made.vertex_groups]
    for group in source.vertex_groups:
        # Weights know their group by its number.
        if group.name not in there:
            made.vertex_groups.new(name=group.name)
    shapes = {}
    base = local_points(copy, graph)
    for block in blocks:
        block.value = 1.0
        layer.update()
        points = local_points(copy, layer.depsgraph)
        block.value = 0.0
        if len(points) == len(base) == len(mesh.vertices):
            shapes[block.name] = points
        else:
            sample.notes.append(
                f"The shape key '{block.name}' of '{one.name}' is left out: a modifier gives it other vertices."
            )
    _hide(copy)
    one.values = one.values[:, [key in shapes for key in one.keys]]
    one.keys = tuple(shapes)
    for name, points in shapes.items():
        add_key(made, name, points)
    if needs_correction(source, armature, sample.bendy):
        size = float(np.ptp(base, axis=0).max(initial=0.0))
        offsets = np.array([points - base for points in shapes.values()]).reshape(len(shapes), *base.shape)
        one.corrector = Corrector(base, offsets, max(_TOLERANCE, _SHARE * size))
        one.weights = _weights_of(made, sample) if one.deformed else None
    return made


def add_key(obj: bpy.types.Object, name: str, points: np.ndarray) -> None:
    """Give a mesh a shape key of these points, (V, 3)."""
    if obj.data.shape_keys is None:
        obj.shape_key_add(name="Basis", from_mix=False)
    key = obj.shape_key_add(name=name, from_mix=False)
    key.points.foreach_set("co", points.ravel().astype(np.float32))
    key.value = 0.0


def _hide(copy: bpy.types.Object) -> None:
    # It is evaluated no more; nothing is removed, which old versions of Blender do not always survive.
    copy.hide_viewport = True


def _correct(sample: Sample, one: MeshSample, obj: bpy.types.Object) -> None:
    """Add the shape keys for what is missing."""
    assert one.corrector is not None
    found = one.corrector.corrections()
    if not one.corrector.fits:
        sample.notes.append(f"A modifier of '{one.name}' changes its vertices over time: it is exported as it begins.")
    if not found:
        return
    base = np.zeros(len(obj.data.vertices) * 3, np.float32)
    obj.data.vertices.foreach_get("co", base)
    names = [f"{CORRECTION}{i + 1:02d}" for i in range(len(found))]
    for name, correction in zip(names, found, strict=True):
        add_key(obj, name, base.reshape(-1, 3) + correction.offsets)
    one.keys += tuple(names)
    one.corrections = len(names)
    one.values = np.concatenate([one.values, np.stack([each.values for each in found], axis=1)], axis=1)


def _limit(obj: bpy.types.Object, one: MeshSample) -> None:
    """Let sliders reach whatever a driver or a key says."""
    for i, name in enumerate(one.keys):
        key = obj.data.shape_keys.key_blocks[name]
        key.slider_max = min(max(1.0, float(one.values[:, i].max())), 10.0)
        key.slider_min = max(min(0.0, float(one.values[:, i].min())), -10.0)


def _weights_of(made: bpy.types.Object, sample: Sample) -> Weights:
    """Return the weights by which bones move a mesh, as Blender has them."""
    armature = bpy.data.objects[sample.armature].data.bones
    bones = {name: i for i, name in enumerate(sample.bones) if armature[name].use_deform}
    number = [bones.get(group.name, -1) for group in made.vertex_groups]
    rows = [
        [(number[each.group], each.weight) for each in vertex.groups if number[each.group] >= 0 and each.weight > 0.0]
        for vertex in made.data.vertices
    ]
    width = max((len(row) for row in rows), default=0)
    indices, amounts = np.zeros((len(rows), width), np.int64), np.zeros((len(rows), width))
    for i, row in enumerate(rows):
        for j, (bone, weight) in enumerate(row):
            indices[i, j], amounts[i, j] = bone, weight
    total = amounts.sum(axis=1, keepdims=True)
    return Weights(indices, np.divide(amounts, total, out=np.zeros_like(amounts), where=total > 0.0))


def _place(sample: Sample, one: MeshSample) -> np.ndarray:
    """Return what brings a mesh's points to where its copy has them: the armature's space at rest, if it has one."""
    if one.deformed:
        return np.linalg.inv(sample.worlds[0]) @ one.worlds[0]
    if one.bone:
        bone = sample.bones.index(one.bone)
        return sample.rest[bone] @ np.linalg.inv(sample.worlds[0] @ sample.poses[0, bone]) @ one.worlds[0]
    return np.eye(4)


def _weigh(made: bpy.types.Object, one: MeshSample, sample: Sample) -> None:
    """Keep the weights of bones that deform, or give a mesh that hangs from a bone to this one."""
    if not one.deformed:
        made.vertex_groups.clear()
        made.vertex_groups.new(name=one.bone).add(range(len(made.data.vertices)), 1.0, "REPLACE")
        return
    bones = bpy.data.objects[sample.armature].data.bones
    for group in list(made.vertex_groups):
        bone = bones.get(group.name)
        if group.name not in sample.bones or bone is None or not bone.use_deform:
            made.vertex_groups.remove(group)


# Bones and keys


def _build_armature(scene: bpy.types.Scene, sample: Sample, name: str) -> bpy.types.Object:
    tracks, parents = basis_tracks(sample.poses, sample.rest, sample.parents)
    loose = [bone for bone, old, new in zip(sample.bones, sample.parents, parents, strict=True) if old != new]
    if loose:
        sample.notes.append(f"Taken out from below stretched bones, so that they do not become askew: {some(loose)}.")
    rig = bpy.data.objects.new(sample.armature, bpy.data.armatures.new(sample.armature))
    scene.collection.objects.link(rig)
    bpy.context.view_layer.objects.active = rig
    bpy.ops.object.mode_set(mode="EDIT")
    for bone, rest, length in zip(sample.bones, sample.rest, sample.lengths, strict=True):
        edit = rig.data.edit_bones.new(bone)
        edit.head, edit.tail = (0.0, 0.0, 0.0), (0.0, max(length, 1e-4), 0.0)
        edit.matrix = Matrix(rest.tolist())
        edit.use_connect = False
    for bone, parent in zip(sample.bones, parents, strict=True):
        rig.data.edit_bones[bone].parent = rig.data.edit_bones[sample.bones[parent]] if parent >= 0 else None
    bpy.ops.object.mode_set(mode="OBJECT")
    # Where the bones came to rest, to the last digit: what they do to the meshes is to stay the same.
    rest = np.array([np.array(rig.data.bones[bone].matrix_local) for bone in sample.bones])
    poses = sample.poses @ np.linalg.inv(sample.rest) @ rest
    tracks, _ = basis_tracks(poses, rest, parents)
    channels = []
    for bone, track in zip(sample.bones, tracks, strict=True):
        pose = rig.pose.bones[bone]
        pose.rotation_mode = "QUATERNION"
        path = f'pose.bones["{bpy.utils.escape_identifier(bone)}"].'
        pose.location, pose.rotation_quaternion, pose.scale = track.location[0], track.rotation[0], track.scale[0]
        channels += _channels(path, track, bone)
    _key(rig, channels, name)
    _key_object(rig, sample.worlds, name, of_armature=True)
    return rig


def _key_object(obj: bpy.types.Object, places: np.ndarray, name: str, *, of_armature: bool = False) -> None:
    track = track_of(places)
    obj.rotation_mode = "QUATERNION"
    obj.location, obj.rotation_quaternion, obj.scale = track.location[0], track.rotation[0], track.scale[0]
    _key(obj, _channels("", track, obj.name), name)


_Channel = tuple[str, int, np.ndarray, str]
"""Path, index, values and group."""


def _channels(path: str, track: Track, group: str) -> list[_Channel]:
    parts = (("location", track.location), ("rotation_quaternion", track.rotation), ("scale", track.scale))
    return [
        (f"{path}{part}", i, values[:, i], group)
        for part, values in parts
        if moves(values, _STILL)
        for i in range(values.shape[1])
    ]


def _key(datablock: bpy.types.ID, channels: Sequence[_Channel], name: str) -> None:
    """Key each frame from 0 on, straight from key to key. Nothing without channels."""
    if not channels:
        return
    animation = datablock.animation_data_create()
    action = animation.action
    if action is None:
        action = bpy.data.actions.new(name)
        compat.assign_action(datablock, action)
    for path, index, values, group in channels:
        curve = compat.ensure_fcurve(datablock, action, path, index, group)
        compat.fill_fcurve(curve, np.arange(len(values), dtype=float), values, linear=True)
