# SPDX-FileCopyrightText: 2026 Mimica authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a performance is added to: each channel as its animation has it at some frames, the others as they stood.

F-curves are evaluated, so nothing of the scene moves. Of NLA strips the uppermost that has a channel counts as it is:
strips that blend into each other are not told apart. What Mimica baked is as it stood before, which the action
remembers: so a take can be baked again and again.
"""

import json
from collections.abc import Iterable
from dataclasses import dataclass

import bpy
import numpy as np

from ..mapping import rotation as rot
from ..mapping.channels import BonePose, CharacterPose
from ..mapping.rotation_modes import EULER_ORDERS, quaternion_from_axis_angle, quaternion_from_euler
from . import compat
from .bind import Binding
from .kept_pose import KeptPose
from .occupied import ANIMATED, BAKED, Occupied, is_baked, is_hand_layer
from .places import address, bone_path, shape_path

STILL_PROPERTY = "mimica_still"
"""Custom property of an Action that was baked on top of a pose: how what it keys stood before. JSON."""
_AT_REST = [[0.0] * 3, [1.0, 0.0, 0.0, 0.0], [1.0] * 3]
"""A bone's location, rotation and scale."""
_Playing = tuple[bpy.types.FCurve, "bpy.types.NlaStrip | None"]


@dataclass(frozen=True, slots=True, eq=False)
class BasePose:
    """Channels at N instants."""

    location: np.ndarray
    """float (N, B, 3), in the order of `ChannelPlan.bones`."""
    rotation: np.ndarray
    """float (N, B, 4), wxyz."""
    scale: np.ndarray
    """float (N, B, 3)."""
    shapes: np.ndarray
    """float (N, P), in the order of `Occupied.shape_places`."""
    properties: np.ndarray
    """float (N, Q), in the order of `Occupied.property_places`."""

    def under(self, bones: BonePose) -> BonePose:
        """Return the bones with a performance added: locations add up, rotations and scales multiply."""
        return BonePose(
            self.location + bones.location,
            rot.multiply(self.rotation, bones.rotation),
            self.scale * (1.0 if bones.scale is None else bones.scale),
        )


def base_pose(binding: Binding, occupied: Occupied, kept: KeptPose, frames: np.ndarray) -> BasePose:
    """Return what there is without a performance.

    :param kept: what is not animated stands as here.
    :param frames: float (N,), scene frames.
    """
    curves, still = _Curves(frames), _remembered(binding, occupied)
    count, bones = len(frames), binding.plan.bones
    location = np.zeros((count, len(bones), 3))
    rotation = np.zeros((count, len(bones), 4))
    rotation[..., 0] = 1.0
    scale = np.ones((count, len(bones), 3))
    armature = bpy.data.objects.get(binding.armature) if binding.armature else None
    for i, name in enumerate(bones):
        state = kept.bones.get(name)
        bone = armature.pose.bones.get(name) if armature is not None and armature.pose is not None else None
        if state is None or armature is None or bone is None:
            continue
        before = still["bones"].get(name, _AT_REST)
        for channel, owners, values, stood in (
            ("location", occupied.location[i], location[:, i], before[0]),
            ("scale", occupied.scale[i], scale[:, i], before[2]),
        ):
            values[:] = np.where(owners == BAKED, stood, state.values[channel])
            for axis in np.flatnonzero(owners == ANIMATED):
                curves.read(armature, bone_path(name, channel), int(axis), values[:, axis])
        if (occupied.rotation[i] == BAKED).any():
            rotation[:, i] = before[1]
        else:
            mode = bone.rotation_mode
            channel = f"rotation_{mode.lower()}" if mode in ("QUATERNION", "AXIS_ANGLE") else "rotation_euler"
            numbers = np.tile(state.values[channel].astype(np.float64), (count, 1))
            for part in np.flatnonzero(occupied.rotation[i] == ANIMATED):
                curves.read(armature, bone_path(name, channel), int(part), numbers[:, part])
            rotation[:, i] = _quaternion(mode, numbers)
    shapes = np.zeros((count, len(occupied.shapes)))
    for i, (place, owner) in enumerate(zip(occupied.shape_places, occupied.shapes, strict=True)):
        before = still["shapes"].get(f"{place.mesh}|{place.key}", 0.0)
        shapes[:, i] = before if owner == BAKED else kept.shape_value(place.mesh, place.key)
        if owner == ANIMATED:
            curves.read(bpy.data.objects[place.mesh].data.shape_keys, shape_path(place.key), 0, shapes[:, i])
    properties = np.zeros((count, len(occupied.properties)))
    for i, (place, owner) in enumerate(zip(occupied.property_places, occupied.properties, strict=True)):
        before = still["properties"].get(f"{place.object}|{place.path}", 0.0)
        properties[:, i] = before if owner == BAKED else float(kept.properties.get((place.object, place.path), 0.0))
        found = address(bpy.data.objects[place.object], place.path)
        if owner == ANIMATED and found is not None:
            curves.read(*found, 0, properties[:, i])
    return BasePose(location, rotation, scale, shapes, properties)


def remember(actions: Iterable[bpy.types.Action], binding: Binding, occupied: Occupied, base: BasePose) -> None:
    """Note on actions how what they key stood before, as far as that was not animated."""
    turning = (occupied.rotation == ANIMATED).any(axis=1, keepdims=True)
    moving = (occupied.location == ANIMATED, turning, occupied.scale == ANIMATED)
    numbers = [
        np.round(np.where(animated, rest, values[0]), 6).tolist()
        for animated, rest, values in zip(moving, _AT_REST, (base.location, base.rotation, base.scale), strict=True)
    ]
    bones = {name: list(each) for name, *each in zip(binding.plan.bones, *numbers, strict=True)}
    still_shapes = np.where(occupied.shapes == ANIMATED, 0.0, base.shapes[0])
    shapes = zip(occupied.shape_places, still_shapes.tolist(), strict=True)
    still_properties = np.where(occupied.properties == ANIMATED, 0.0, base.properties[0])
    properties = zip(occupied.property_places, still_properties.tolist(), strict=True)
    text = json.dumps(
        {
            "bones": {name: stood for name, stood in bones.items() if stood != _AT_REST},
            "shapes": {f"{place.mesh}|{place.key}": value for place, value in shapes if value},
            "properties": {f"{place.object}|{place.path}": value for place, value in properties if value},
        }
    )
    for action in actions:
        action[STILL_PROPERTY] = text


def _remembered(binding: Binding, occupied: Occupied) -> dict[str, dict]:
    """Return what a baked action of the character remembers."""
    objects = [bpy.data.objects.get(name) for name in (binding.armature, binding.target) if name]
    keys = [bpy.data.objects[place.mesh].data.shape_keys for place in occupied.shape_places]
    for datablock in (*objects, *dict.fromkeys(keys)):
        if datablock is not None:
            for action, _, _ in compat.playing(datablock):
                if is_baked(action) and STILL_PROPERTY in action:
                    return json.loads(action[STILL_PROPERTY])
    return {"bones": {}, "shapes": {}, "properties": {}}


def summed(columns: Iterable[tuple[int, ...]], values: np.ndarray) -> np.ndarray:
    """Return for each place the sum of its columns of (N, C), float (N, places)."""
    places = list(columns)
    if not places:
        return np.zeros((len(values), 0))
    starts = np.concatenate([[0], np.cumsum([len(place) for place in places])[:-1]]).astype(int)
    return np.add.reduceat(values[:, np.concatenate(places).astype(int)], starts, axis=1)


def added(pose: CharacterPose, occupied: Occupied, base: BasePose | None) -> tuple[BonePose, np.ndarray, np.ndarray]:
    """Return bones, shape keys and properties by place, with what they are added to if anything."""
    shapes = summed((place.columns for place in occupied.shape_places), pose.shapes)
    properties = summed((place.columns for place in occupied.property_places), pose.properties)
    if base is None:
        return pose.bones, shapes, properties
    return base.under(pose.bones), shapes + base.shapes, properties + base.properties


class _Curves:
    """The F-curves that play, looked up once for each data-block."""

    def __init__(self, frames: np.ndarray) -> None:
        self._frames = frames
        self._known: dict[str, dict[tuple[str, int], list[_Playing]]] = {}

    def read(self, datablock: bpy.types.ID, path: str, index: int, into: np.ndarray) -> None:
        """Put what the animation says at the frames into a column (N,), where it says something."""
        key = f"{datablock.bl_rna.identifier} {datablock.name_full}"
        if key not in self._known:
            known = self._known[key] = {}
            for action, curves, strip in compat.playing(datablock):
                if not is_baked(action) and not is_hand_layer(action):
                    for curve in curves:
                        if not curve.mute:
                            known.setdefault((curve.data_path, curve.array_index), []).append((curve, strip))
        for curve, strip in self._known[key].get((path, index), ()):
            for row, frame in enumerate(self._frames.tolist()):
                at = frame if strip is None else _frame_in(strip, frame)
                if at is not None:
                    into[row] = curve.evaluate(at)


def _frame_in(strip: bpy.types.NlaStrip, frame: float) -> float | None:
    """Return the frame of a strip's action that shows at a scene frame; None where the strip says nothing."""
    start, end = strip.frame_start, strip.frame_end
    if (frame > end and strip.extrapolation == "NOTHING") or (frame < start and strip.extrapolation != "HOLD"):
        return None
    length = strip.action_frame_end - strip.action_frame_start
    inside = (min(max(frame, start), end) - start) / max(strip.scale, 1e-6)
    if inside > length > 0.0:
        # The end of the last round is its end, and not the beginning of another.
        inside = (inside % length) or length
    return strip.action_frame_end - inside if strip.use_reverse else strip.action_frame_start + inside


def _quaternion(mode: str, numbers: np.ndarray) -> np.ndarray:
    """Return a bone's rotation over time, (N, 4), from the channels of its mode."""
    if mode == "QUATERNION":
        return numbers / np.maximum(np.linalg.norm(numbers, axis=1, keepdims=True), 1e-9)
    if mode == "AXIS_ANGLE":
        return quaternion_from_axis_angle(numbers)
    return quaternion_from_euler(numbers[:, None], np.array([EULER_ORDERS.index(mode)]))[:, 0]
