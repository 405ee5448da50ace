# SPDX-FileCopyrightText: 2026 Mimica authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A rig without Blender, and motions for it."""

import dataclasses

import numpy as np

from mimica.mapping.channels import ChannelPlan, RestPose
from mimica.mapping.character_map import own_rig_map
from mimica.mapping.frame import ARKIT_SHAPES
from mimica.mapping.landmarks import average_face
from mimica.mapping.motion import Motion

FACE_TO_ARMATURE = np.array([[1.0, 0, 0], [0, 0, -1], [0, 1, 0]])


def simple_rest() -> RestPose:
    """Bones of the own rig with axes along the armature's, at the places of their landmarks."""
    character = own_rig_map()
    names = [e.bone for e in character.bones]
    face = average_face() @ FACE_TO_ARMATURE.T
    table = {e.bone: e for e in character.bones}
    heads = []
    for name in names:
        weights = {int(k): v for k, v in table[name].landmarks.items()}
        if table[name].drive == "lid":
            pick = {"lid_upper": 386, "lid_lower": 374} if name.endswith(".L") else {"lid_upper": 159, "lid_lower": 145}
            weights = {next(v for k, v in pick.items() if name.startswith(k)): 1.0}
        if table[name].drive == "eye":
            weights = {468 if name.endswith("R") else 473: 1.0}
        point = sum(face[i] * w for i, w in weights.items()) if weights else np.zeros(3)
        if table[name].drive == "eye":
            point = point + np.array([0.0, 1.2, 0.0])
        heads.append(point)
    parents = ["jaw" if n in ("lip_lower", "chin") else "nose" if n == "nose_tip" else "head" for n in names]
    parents = ["" if n == "neck" else "neck" if n == "head" else p for n, p in zip(names, parents, strict=True)]
    axes = np.tile(np.eye(3), (len(names), 1, 1))
    return RestPose(tuple(names), tuple(parents), np.array(heads), axes, 0.01, average_face())


def motion(plan: ChannelPlan, displacement: np.ndarray | None = None, **controls: float) -> Motion:
    values = np.zeros((1, len(ARKIT_SHAPES)))
    for name, value in controls.items():
        values[0, ARKIT_SHAPES.index(name)] = value
    moved = np.zeros((1, 478, 3)) if displacement is None else displacement[None]
    return dataclasses.replace(
        Motion.neutral(np.zeros(1), len(plan.groups)), controls=values, displacement=plan.groups @ moved
    )
