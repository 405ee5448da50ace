# SPDX-FileCopyrightText: 2026 Mimica authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The channels of an animated character over time, whoever animated them.

Where one action animates a character its F-curves are evaluated, and the scene stands still. Strips, drivers and
constraints have Blender work each frame out, which shows what they come to together.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import bpy
import numpy as np

from ..mapping.channels import BonePose, CharacterPose
from ..mapping.rotation_modes import EULER_ORDERS, quaternion_from_axis_angle, quaternion_from_euler
from . import compat
from .bind import Binding
from .kept_pose import CHANNELS, KeptPose
from .places import address, bone_path, property_places, shape_path, shape_places

Progress = Callable[[float], None]
_ROTATIONS = {"QUATERNION": "rotation_quaternion", "AXIS_ANGLE": "rotation_axis_angle"}


@dataclass(frozen=True, slots=True)
class Animation:
    """How a character is animated."""

    first: float
    """The first frame with a key."""
    last: float
    evaluated: bool
    """Whether strips or drivers take part, so that single curves do not tell."""
    constrained: bool
    """Whether constraints move its bones, and nothing animates them."""


def find_animation(binding: Binding) -> Animation | None:
    """Return how the driven channels of a character are animated; None where nothing animates them. Main thread."""
    wanted = set(_addresses(binding))
    first, last, evaluated = np.inf, -np.inf, False
    for datablock in _datablocks(binding):
        animation = datablock.animation_data
        if animation is None:
            continue
        evaluated |= any((curve.data_path, curve.array_index) in wanted for curve in animation.drivers)
        for _, curves, strip in compat.playing(datablock):
            own = [c for c in curves if not c.mute and (c.data_path, c.array_index) in wanted]
            if not own:
                continue
            evaluated |= strip is not None
            ends = [c.range() for c in own] if strip is None else [(strip.frame_start, strip.frame_end)]
            first, last = min(first, *(a for a, _ in ends)), max(last, *(b for _, b in ends))
    if last < first and not evaluated:
        armature = bpy.data.objects.get(binding.armature) if binding.armature else None
        bones = armature.pose.bones if armature is not None and armature.pose is not None else {}
        held = (c for name in binding.plan.bones if name in bones for c in bones[name].constraints)
        if any(not constraint.mute and constraint.influence > 0.0 for constraint in held):
            return Animation(np.inf, -np.inf, True, True)
        return None
    return Animation(first, last, evaluated, False)


def read_channels(
    scene: bpy.types.Scene,
    binding: Binding,
    animation: Animation,
    frames: np.ndarray,
    progress: Progress | None = None,
) -> CharacterPose:
    """Return the driven channels at scene frames (N,), in the orders of the binding's plan. Main thread.

    The scene is at the frame where it was when this returns.

    :param progress: is told how much is done, [0, 1].
    """
    if not animation.evaluated:
        return _Read(binding, len(frames)).by_curves(binding, frames)
    now, within = scene.frame_current, scene.frame_subframe
    found = _Read(binding, len(frames), visual=animation.constrained)
    try:
        for row, frame in enumerate(frames.tolist()):
            scene.frame_set(int(np.floor(frame)), subframe=frame % 1.0)
            found.look(binding, row)
            if progress is not None:
                progress(row / len(frames))
    finally:
        scene.frame_set(now, subframe=within)
    return found.pose(binding)


class _Read:
    """Channels as they are read, in each bone's own rotation mode. Starts with all as it stands now."""

    def __init__(self, binding: Binding, count: int, *, visual: bool = False) -> None:
        self.visual = visual
        """Whether bones are read where constraints put them, and not what their channels say."""
        plan, kept = binding.plan, KeptPose.of(binding)
        rest = {"rotation_quaternion": [1.0, 0.0, 0.0, 0.0], "scale": [1.0] * 3}
        self.bones = {
            channel: np.tile(
                np.array(
                    [
                        kept.bones[name].values[channel] if name in kept.bones else rest.get(channel, [0.0] * size)
                        for name in plan.bones
                    ],
                    np.float64,
                ).reshape(-1, size),
                (count, 1, 1),
            )
            for channel, size in CHANNELS.items()
        }
        self.shapes = np.zeros((count, len(plan.shapes)))
        self.properties = np.zeros((count, len(plan.properties)))
        for place in shape_places(binding):
            # What several entries say of one key adds up, so one of them may say it all.
            self.shapes[:, place.columns[0]] = kept.shape_value(place.mesh, place.key)
        for place in property_places(binding):
            self.properties[:, place.columns[0]] = float(kept.properties.get((place.object, place.path), 0.0))

    def by_curves(self, binding: Binding, frames: np.ndarray) -> CharacterPose:
        """Return the channels as the F-curves have them."""
        at = frames.tolist()
        curves = {_key(datablock): _curves_of(datablock) for datablock in _datablocks(binding)}
        for datablock, path, index, into in self._targets(binding):
            curve = curves[_key(datablock)].get((path, index))
            if curve is not None:
                into[:] = [curve.evaluate(frame) for frame in at]
        return self.pose(binding)

    def look(self, binding: Binding, row: int) -> None:
        """Read the scene as it is now."""
        now = _Read(binding, 1)
        for channel, values in self.bones.items():
            values[row] = now.bones[channel][0]
        self.shapes[row], self.properties[row] = now.shapes[0], now.properties[0]
        if self.visual:
            self._look_at_places(binding, row)

    def pose(self, binding: Binding) -> CharacterPose:
        """Return the channels in the orders of the plan."""
        armature = bpy.data.objects.get(binding.armature) if binding.armature else None
        rotation = self.bones["rotation_quaternion"].copy()
        for i, name in enumerate(binding.plan.bones):
            bone = armature.pose.bones.get(name) if armature is not None else None
            if bone is not None:
                mode = "QUATERNION" if self.visual else bone.rotation_mode
                rotation[:, i] = _quaternion(mode, self.bones[_ROTATIONS.get(mode, "rotation_euler")][:, i])
        bones = BonePose(self.bones["location"], rotation, self.bones["scale"])
        return CharacterPose(bones, self.shapes, self.properties)

    def _look_at_places(self, binding: Binding, row: int) -> None:
        armature = bpy.data.objects[binding.armature]
        posed = armature.evaluated_get(bpy.context.evaluated_depsgraph_get())
        for i, name in enumerate(binding.plan.bones):
            bone = posed.pose.bones.get(name)
            if bone is None:
                continue
            own = armature.convert_space(pose_bone=bone, matrix=bone.matrix, from_space="POSE", to_space="LOCAL")
            place, turn, size = own.decompose()
            self.bones["location"][row, i], self.bones["scale"][row, i] = place, size
            self.bones["rotation_quaternion"][row, i] = turn

    def _targets(self, binding: Binding) -> Iterator[tuple[bpy.types.ID, str, int, np.ndarray]]:
        """Give each channel's data-block, path and index, and where its values go, (N,)."""
        armature = bpy.data.objects.get(binding.armature) if binding.armature else None
        for i, name in enumerate(binding.plan.bones):
            if armature is not None and name in armature.pose.bones:
                for channel, size in CHANNELS.items():
                    for k in range(size):
                        yield armature, bone_path(name, channel), k, self.bones[channel][:, i, k]
        for place in shape_places(binding):
            keys = bpy.data.objects[place.mesh].data.shape_keys
            yield keys, shape_path(place.key), 0, self.shapes[:, place.columns[0]]
        for place in property_places(binding):
            found = address(bpy.data.objects[place.object], place.path)
            if found is not None:
                yield *found, 0, self.properties[:, place.columns[0]]


def _addresses(binding: Binding) -> Iterator[tuple[str, int]]:
    for name in binding.plan.bones:
        for channel, size in CHANNELS.items():
            yield from ((bone_path(name, channel), k) for k in range(size))
    for place in shape_places(binding):
        yield shape_path(place.key), 0
    for place in property_places(binding):
        found = address(bpy.data.objects[place.object], place.path)
        if found is not None:
            yield found[1], 0


def _datablocks(binding: Binding) -> list[bpy.types.ID]:
    found: dict[str, bpy.types.ID] = {}
    armature = bpy.data.objects.get(binding.armature) if binding.armature else None
    each: list[bpy.types.ID] = [] if armature is None else [armature]
    each += [bpy.data.objects[place.mesh].data.shape_keys for place in shape_places(binding)]
    for place in property_places(binding):
        holder = address(bpy.data.objects[place.object], place.path)
        if holder is not None:
            each.append(holder[0])
    for datablock in each:
        found.setdefault(_key(datablock), datablock)
    return list(found.values())


def _key(datablock: bpy.types.ID) -> str:
    return f"{datablock.bl_rna.identifier} {datablock.name_full}"


def _curves_of(datablock: bpy.types.ID) -> dict[tuple[str, int], bpy.types.FCurve]:
    """Return the F-curves of a data-block that play, by path and index."""
    playing = (curves for _, curves, _ in compat.playing(datablock))
    return {(c.data_path, c.array_index): c for curves in playing for c in curves if not c.mute}


def _quaternion(mode: str, numbers: np.ndarray) -> np.ndarray:
    """Return rotations (N, 4), wxyz, from the channels of a mode."""
    if mode == "AXIS_ANGLE":
        return quaternion_from_axis_angle(numbers)
    if mode != "QUATERNION":
        return quaternion_from_euler(numbers[:, None], np.array([EULER_ORDERS.index(mode)]))[:, 0]
    return numbers / np.maximum(np.linalg.norm(numbers, axis=1, keepdims=True), 1e-9)
