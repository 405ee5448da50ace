# SPDX-FileCopyrightText: 2026 Mimica authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""ARKit controls on the own face rig: a table of the 52 shapes over time becomes an Action."""

import bpy
import numpy as np

from ..mapping.arkit_poses import arkit_pose
from ..mapping.frame import ARKIT_SHAPES
from .bind import TargetError, is_own_rig
from .pose_curves import write_pose_curves
from .rest_pose import read_rest_pose


def key_controls(armature: bpy.types.Object, controls: np.ndarray, frames: np.ndarray, action: bpy.types.Action) -> int:
    """Show ARKit controls on a rig that Create Face Rig made, one key at each frame. Main thread.

    The action becomes the rig's; what it held for the rig before is replaced. Bones that the controls never move get
    no keys, head and neck therefore none.

    :param controls: float (N, 52) in the order of `ARKIT_SHAPES`.
    :param frames: float (N,), scene frames, increasing.
    :return: how many F-curves there are.
    :raises TargetError: the object is no such rig.
    :raises ValueError: controls and frames do not fit together, or are not finite.
    """
    if not is_own_rig(armature):
        raise TargetError(f"'{armature.name}' is no Mimica face rig. Pick one, or press Create Face Rig.")
    if controls.shape != (len(frames), len(ARKIT_SHAPES)) or not np.isfinite(controls).all():
        raise ValueError(f"{len(frames)} frames need as many rows of {len(ARKIT_SHAPES)} numbers.")
    rest = read_rest_pose(armature)
    pose = arkit_pose(controls, rest)
    located = [bool((np.abs(pose.location[:, i]) > 1e-9).any()) for i in range(len(rest.names))]
    spun = np.abs(pose.rotation - [1.0, 0.0, 0.0, 0.0]) > 1e-9
    turned = [bool(spun[:, i].any()) for i in range(len(rest.names))]
    return write_pose_curves(armature, action, rest.names, pose, frames, located=located, turned=turned)
