# SPDX-FileCopyrightText: 2026 Mimica authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whether lips that touch in the picture touch on the face rig too: measured on the mesh that Blender shows."""

from collections.abc import Sequence
from typing import Any

import bpy
import numpy as np

from ..cli.behaviour import LIP_PAIRS
from ..cli.scene import Shot

PARTED_MM = 1.0
"""Lips further from each other show teeth."""


def rig_lip_gap(shot: Shot, keys: Sequence[int]) -> np.ndarray:
    """Return how far the inner lips are apart where most, at scene frames, (N,), mm. Main thread; changes the frame.

    Upwards, so that lips which overlap have less than none. Taken of the rig's face, whose vertices 0 to 467 are the
    landmarks, as its bones shape it, without subdivision.
    """
    armature: Any = bpy.data.objects[shot.character]
    face: Any = bpy.data.objects[shot.character.removesuffix(" Rig")]
    scene = bpy.data.scenes[shot.scene]
    shown = {modifier.name: modifier.show_viewport for modifier in face.modifiers}
    upper, lower = np.array(LIP_PAIRS).T
    gaps = []
    try:
        for modifier in face.modifiers:
            modifier.show_viewport = modifier.type == "ARMATURE"
        points = np.empty(3 * len(face.data.vertices), np.float32)
        for key in keys:
            scene.frame_set(key)
            evaluated = face.evaluated_get(bpy.context.evaluated_depsgraph_get()).data
            evaluated.vertices.foreach_get("co", points)
            place = points.reshape(-1, 3)
            gaps.append((place[upper] - place[lower])[:, 2].max())
    finally:
        for modifier in face.modifiers:
            modifier.show_viewport = shown[modifier.name]
    return np.array(gaps) * 10.0 / float(armature["mimica_unit"])


def worst_parted(times: np.ndarray, closed: np.ndarray, gap: np.ndarray, count: int, apart: float = 0.5) -> list[int]:
    """Return up to `count` frames in which lips are closed in the picture and most parted on the rig, worst first.

    :param closed: bool (N,).
    :param gap: (N,), mm, on the rig.
    :param apart: seconds between two of them.
    """
    left = np.where(closed & (gap > PARTED_MM), gap, 0.0)
    found = []
    while len(found) < count and left.max(initial=0.0) > 0.0:
        worst = int(left.argmax())
        found.append(worst)
        left[np.abs(times - times[worst]) < apart] = 0.0
    return found
