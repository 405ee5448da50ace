# SPDX-FileCopyrightText: 2026 Mimica authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Writes one instant of a performance to the scene, as fast as Blender takes it."""

from dataclasses import dataclass

import bpy
import numpy as np

from ..mapping.channels import BonePose
from .bind import Binding


@dataclass(frozen=True, slots=True, eq=False)
class CharacterPose:
    """One instant for one character."""

    bones: BonePose
    """N = 1."""
    shapes: np.ndarray
    """float (1, S)."""


class PoseWriter:
    """Writes poses to one bound character. Main thread only; holds names and buffers, no Blender reference."""

    def __init__(self, binding: Binding) -> None:
        self.binding = binding
        self._bone_count = -1
        self._rows = np.zeros(0, int)
        self._location = np.zeros(0, np.float32)
        self._rotation = np.zeros(0, np.float32)
        self._moves = np.flatnonzero(binding.plan.moves)
        self._keys: dict[str, tuple[int, np.ndarray, np.ndarray]] = {}

    def write(self, pose: CharacterPose) -> bool:
        """Set the channels and tag the character for evaluation.

        :return: False when nothing of the character is left in the file.
        """
        written = False
        if self.binding.armature:
            written |= self._write_bones(bpy.data.objects.get(self.binding.armature), pose.bones)
        for name in self.binding.meshes:
            written |= self._write_shapes(bpy.data.objects.get(name), pose.shapes[0])
        return written

    def _write_bones(self, armature: bpy.types.Object | None, pose: BonePose) -> bool:
        if armature is None or armature.type != "ARMATURE":
            return False
        if armature.mode == "EDIT":
            # Bones come and go while they are edited; the pose goes on when the user leaves.
            self._bone_count = -1
            return True
        bones = armature.pose.bones
        if len(bones) != self._bone_count:
            self._find_rows(bones)
        # All bones are read and written at once, and the user's own bones get back what they had.
        bones.foreach_get("location", self._location)
        bones.foreach_get("rotation_quaternion", self._rotation)
        self._location.reshape(-1, 3)[self._rows] = pose.location[0]
        self._rotation.reshape(-1, 4)[self._rows] = pose.rotation[0]
        bones.foreach_set("location", self._location)
        bones.foreach_set("rotation_quaternion", self._rotation)
        armature.update_tag(refresh={"OBJECT"})
        return True

    def _find_rows(self, bones: bpy.types.bpy_prop_collection) -> None:
        self._bone_count = len(bones)
        self._location = np.zeros(len(bones) * 3, np.float32)
        self._rotation = np.zeros(len(bones) * 4, np.float32)
        rows = [bones.find(name) for name in self.binding.plan.bones]
        self._rows = np.array(rows, int)
        for row in rows:
            if row >= 0 and bones[row].rotation_mode != "QUATERNION":
                bones[row].rotation_mode = "QUATERNION"

    def _write_shapes(self, mesh: bpy.types.Object | None, values: np.ndarray) -> bool:
        if mesh is None or mesh.type != "MESH" or mesh.data.shape_keys is None:
            return False
        keys = mesh.data.shape_keys
        blocks = keys.key_blocks
        count, rows, columns = self._keys.get(mesh.name, (-1, self._rows, self._rows))
        if count != len(blocks):
            found = [(blocks.find(key), column) for column, key in enumerate(self.binding.plan.shape_keys)]
            pairs = np.array([pair for pair in found if pair[0] >= 0], int).reshape(-1, 2)
            rows, columns = pairs[:, 0], pairs[:, 1]
            self._keys[mesh.name] = (len(blocks), rows, columns)
        buffer = np.zeros(len(blocks), np.float32)
        blocks.foreach_get("value", buffer)
        buffer[rows] = values[columns]
        blocks.foreach_set("value", buffer)
        # On 4.2 foreach_set does not tag.
        keys.update_tag()
        return True
