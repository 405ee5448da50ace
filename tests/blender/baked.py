# SPDX-FileCopyrightText: 2026 Mimica authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A take on disk and a rig to bake it to, and what their actions hold."""

from pathlib import Path

import bpy
import numpy as np

from mimica.capture.take import SUFFIX, TakeInfo, TakeWriter
from mimica.mapping.calibration import default_profile
from mimica.mapping.frame import FaceFrame
from mimica.rig import compat
from mimica.rig.face_rig import create_face_rig
from mimica.tests.synthetic import act, photograph

COUNT = 60
Keys = dict[tuple[str, int], np.ndarray]
BROW = ('pose.bones["brow_mid.L"].location', 1)
JAW = ('pose.bones["jaw"].rotation_quaternion', 1)


def write_take(folder: Path, name: str = "Take") -> Path:
    """Two seconds in which jaw and brows move and tremble a little."""
    time = np.arange(COUNT) / 30.0
    tremble = 0.02 * np.random.default_rng(1).normal(size=COUNT)
    frames = photograph(
        act(jaw=0.5 - 0.5 * np.cos(4.0 * time), brows=np.clip(0.5 + 0.4 * np.sin(3.0 * time) + tremble, 0, 1))
    )
    path = folder / f"{name}{SUFFIX}"
    with TakeWriter(path, TakeInfo(name, performer=default_profile().to_json())) as writer:
        for at, landmarks in zip(frames.times, frames.landmarks, strict=True):
            writer.append((FaceFrame(float(at), landmarks, None, (640, 480)),))
    return path


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
