# SPDX-FileCopyrightText: 2026 Mimica authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Writes one instant of a performance to the scene, as fast as Blender takes it.

Everything is read and set in bulk, which keys nothing even with Auto Keying. Channels that nobody drives keep what they
have; so do those that are locked or that belong to a driver or, as the user chooses, to an animation: see `occupied`.
"""

import time
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby

import bpy
import numpy as np

from ..mapping.channels import CharacterPose
from ..mapping.face_regions import FACE_REGIONS, FaceRegion
from . import compat
from .base_pose import BasePose, base_pose
from .bind import Binding
from .bone_writer import BoneWriter
from .kept_pose import KeptPose
from .occupied import Existing, Occupied, animation_state, find_occupied, writable
from .places import PropertyPlace, ShapePlace, find_slot, shape_keys_of
from .region_channels import within

_LOOK_SECONDS = 1.0
"""How often locks, rotation modes, drivers and actions are looked at: the user may change them at any time."""
_LOCKS = {"lock_location": 3, "lock_rotation": 3, "lock_scale": 3, "lock_rotation_w": 1, "lock_rotations_4d": 1}


class PoseWriter:
    """Writes poses to one bound character. Main thread only; holds names and buffers, no Blender reference."""

    def __init__(
        self,
        binding: Binding,
        existing: Existing = "LEAVE",
        kept: KeptPose | None = None,
        regions: tuple[FaceRegion, ...] = FACE_REGIONS,
    ) -> None:
        """Nothing is looked at yet.

        :param existing: what happens to channels that are animated. ADD adds the performance to what there is.
        :param kept: for ADD: how the character stands without the performance; None takes it before the first pose.
        :param regions: the parts of the face that are written.
        """
        self.binding = binding
        self._existing: Existing = existing
        self._regions = regions
        self._kept = kept
        self._base: BasePose | None = None
        """For ADD: what is added to at the present frame."""
        self._occupied: Occupied | None = None
        self._bones: BoneWriter | None = None
        self._shapes: list[_Shapes] = []
        self._properties: list[_Property] = []
        self._state: tuple[object, ...] | None = None
        self._look_at = 0.0

    @property
    def occupied(self) -> Occupied:
        """Which channels belong to somebody else."""
        if self._occupied is None:
            self._look()
        assert self._occupied is not None
        return self._occupied

    @property
    def existing(self) -> Existing:
        """What happens to channels that are animated."""
        return self._existing

    @existing.setter
    def existing(self, existing: Existing) -> None:
        if existing != self._existing:
            self._existing = existing
            self._forget()

    @property
    def regions(self) -> tuple[FaceRegion, ...]:
        """The parts of the face that are written."""
        return self._regions

    @regions.setter
    def regions(self, regions: tuple[FaceRegion, ...]) -> None:
        if regions != self._regions:
            self._regions = regions
            self._forget()

    def write(self, pose: CharacterPose) -> bool:
        """Set the channels and tag the character for evaluation.

        :param pose: of one instant.
        :return: False when nothing of the character is left in the file.
        """
        armature = _posed(self.binding)
        editing = armature is not None and armature.mode == "EDIT"
        if editing:
            # Bones come and go while they are edited; the pose goes on when the user leaves.
            self._forget()
        elif time.monotonic() >= self._look_at or not self._fits():
            self._look()
        if self._bones is not None and armature is not None and not editing:
            self._bones.write(armature, pose.bones if self._base is None else self._base.under(pose.bones))
        done = [shapes.write(pose.shapes[0]) for shapes in self._shapes]
        done += [prop.write(pose.properties[0]) for prop in self._properties]
        if not all(done):
            # Something came or went: the next pose finds it.
            self._look_at = 0.0
        return armature is not None or any(done) or any(name in bpy.data.objects for name in self.binding.meshes)

    def frame_changed(self) -> None:
        """For ADD: add to what the animation says now. Before `write`."""
        if self._existing == "ADD":
            self._prepare()

    def _forget(self) -> None:
        """Look again before the next pose."""
        self._state, self._look_at = None, 0.0

    def _fits(self) -> bool:
        armature = _posed(self.binding)
        if armature is None or self._bones is None:
            return armature is None and self._bones is None
        return self._bones.fits(armature)

    def _look(self) -> None:
        """Find out what is there and what of it may be written."""
        self._look_at = time.monotonic() + _LOOK_SECONDS
        binding = self.binding
        armature = _posed(binding)
        state = (*_bone_state(armature), *_key_state(binding), *animation_state(binding))
        if state != self._state:
            self._state = state
            self._occupied = within(find_occupied(binding), binding, self._regions)
            self._prepare()

    def _prepare(self) -> None:
        """Look up what is written."""
        binding, existing, occupied = self.binding, self._existing, self.occupied
        armature = _posed(binding)
        base = None
        if existing == "ADD":
            self._kept = self._kept or KeptPose.of(binding)
            base = base_pose(binding, occupied, self._kept, np.array([bpy.context.scene.frame_current_final]))
        self._base = base
        self._bones = BoneWriter(armature, binding.plan, occupied, existing) if armature is not None else None
        self._shapes = _shapes_of(occupied, existing, base)
        self._properties = [
            _Property.of(occupied.property_places[i], float(base.properties[0, i]) if base is not None else 0.0)
            for i in np.flatnonzero(writable(occupied.properties, existing))
        ]


@dataclass(frozen=True, slots=True, eq=False)
class _Shapes:
    """The shape keys of one data-block that are set."""

    mesh: str
    rows: np.ndarray
    columns: np.ndarray
    """What is added up for the rows, one row's after the other's."""
    starts: np.ndarray
    """Where each row's begins."""
    base: np.ndarray | None
    buffer: np.ndarray

    @classmethod
    def of(cls, mesh: str, places: Sequence[ShapePlace], base: np.ndarray | None) -> "_Shapes":
        """Look keys up by name."""
        blocks = bpy.data.objects[mesh].data.shape_keys.key_blocks
        row_of = {block.name: i for i, block in enumerate(blocks)}
        counts = [len(place.columns) for place in places]
        return cls(
            mesh,
            np.array([row_of[place.key] for place in places]),
            np.concatenate([place.columns for place in places]).astype(int),
            np.concatenate([[0], np.cumsum(counts)[:-1]]).astype(int),
            base,
            np.zeros(len(blocks), np.float32),
        )

    def write(self, values: np.ndarray) -> bool:
        """Set the keys; whether they are there as before. Blender keeps each within its own slider's ends."""
        keys = shape_keys_of(self.mesh)
        if keys is None or len(keys.key_blocks) != len(self.buffer):
            return False
        blocks, buffer = keys.key_blocks, self.buffer
        wanted = np.add.reduceat(values[self.columns], self.starts)
        blocks.foreach_get("value", buffer)
        buffer[self.rows] = wanted if self.base is None else wanted + self.base
        blocks.foreach_set("value", buffer)
        # On 4.2 foreach_set does not tag.
        keys.update_tag()
        return True


@dataclass(frozen=True, slots=True, eq=False)
class _Property:
    """One property that is set."""

    place: PropertyPlace
    base: float
    is_bool: bool
    is_whole: bool
    least: float
    most: float

    @classmethod
    def of(cls, place: PropertyPlace, base: float) -> "_Property":
        """Look the property up."""
        slot = find_slot(bpy.data.objects.get(place.object), place.path)
        value = slot.get() if slot is not None else 0.0
        least, most = slot.limits() if slot is not None else (-np.inf, np.inf)
        is_bool = isinstance(value, bool)
        return cls(place, base, is_bool, isinstance(value, int) and not is_bool, least, most)

    def write(self, values: np.ndarray) -> bool:
        """Set the property; whether it is there."""
        slot = find_slot(bpy.data.objects.get(self.place.object), self.place.path)
        if slot is None:
            return False
        value = self.base + sum(float(values[column]) for column in self.place.columns)
        value = min(max(value, self.least), self.most)
        slot.set(value >= 0.5 if self.is_bool else round(value) if self.is_whole else value)
        slot.tag()
        return True


def _shapes_of(occupied: Occupied, existing: Existing, base: BasePose | None) -> list[_Shapes]:
    places = occupied.shape_places
    found = []
    # Those of one mesh stand together.
    for mesh, group in groupby(np.flatnonzero(writable(occupied.shapes, existing)), key=lambda i: places[i].mesh):
        here = list(group)
        found.append(_Shapes.of(mesh, [places[i] for i in here], base.shapes[0, here] if base is not None else None))
    return found


def _posed(binding: Binding) -> bpy.types.Object | None:
    """Return the armature, if it is there and has bones to be driven."""
    armature = bpy.data.objects.get(binding.armature) if binding.armature and binding.plan.bones else None
    return armature if armature is not None and armature.pose is not None else None


def _bone_state(armature: bpy.types.Object | None) -> tuple[object, ...]:
    """Return something that changes when bones, their rotation modes or their locks do."""
    if armature is None:
        return ()
    bones = armature.pose.bones
    modes = np.zeros(len(bones), np.int32)
    bones.foreach_get("rotation_mode", modes)
    state: list[object] = [compat.session_uid(armature.data), len(bones), modes.tobytes()]
    for name, size in _LOCKS.items():
        locks = np.zeros(len(bones) * size, bool)
        bones.foreach_get(name, locks)
        state.append(locks.tobytes())
    return tuple(state)


def _key_state(binding: Binding) -> tuple[object, ...]:
    """Return something that changes when shape keys come, go or are renamed."""
    named = {mesh for mesh, _ in binding.plan.shapes if mesh}
    state: list[object] = []
    for mesh in (*binding.meshes, *sorted(named)):
        keys = shape_keys_of(mesh)
        if keys is not None:
            state.append((mesh, keys.name_full, tuple(block.name for block in keys.key_blocks)))
    return tuple(state)
