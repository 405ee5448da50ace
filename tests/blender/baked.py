# SPDX-FileCopyrightText: 2026 Mimica authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A rig to bake to, and what its actions hold."""

import bpy
import numpy as np

from mimica.rig import compat
from mimica.rig.face_rig import create_face_rig

Keys = dict[tuple[str, int], np.ndarray]
BROW = ('pose.bones["brow_mid.L"].location', 1)
JAW = ('pose.bones["jaw"].rotation_quaternion', 1)


def new_rig() -> bpy.types.Object:
    """A face rig in an empty file of 30 frames a second."""
    bpy.ops.wm.read_homefile(use_empty=True)
    bpy.context.scene.render.fps = 30
    return bpy.data.objects[create_face_rig(bpy.context).armature]


def keys_in(datablock: bpy.types.ID, action: bpy.types.Action) -> Keys:
    """Frames and values, (N, 2), of each curve of an action, active or not."""
    found = {}
    for curve in compat.curves_in(action, compat.slot_of(datablock, action)) or ():
        values = np.empty(len(curve.keyframe_points) * 2, np.float32)
        curve.keyframe_points.foreach_get("co", values)
        found[curve.data_path, curve.array_index] = values.reshape(-1, 2)
    return found


def same_keys(one: Keys, other: Keys) -> bool:
    return one.keys() == other.keys() and all(np.array_equal(one[k], other[k]) for k in one)


def curve_of(rig: bpy.types.Object, action: bpy.types.Action, at: tuple[str, int]) -> bpy.types.FCurve:
    curves = compat.curves_in(action, compat.slot_of(rig, action))
    assert curves is not None
    return curves.find(at[0], index=at[1])
