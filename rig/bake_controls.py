# SPDX-FileCopyrightText: 2026 Mimica authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Turns a file of controls into keyframes, as a take's are made, but for what was never seen: it is not smoothed."""

import time

import bpy

from ..mapping.control_take import ControlTake, motion_of_take, slowed
from ..mapping.landmarks import average_face
from ..mapping.resample import resample
from .bake import BakeResult, BakeSettings, alias_limit, times_to_bake, write_motion
from .bind import bind
from .kept_pose import KeptPose


def bake_controls(
    scene: bpy.types.Scene,
    target: bpy.types.Object | None,
    take: ControlTake,
    *,
    settings: BakeSettings | None = None,
    kept: KeptPose | None = None,
) -> BakeResult:
    """Write a file's controls to a character as F-curves of one Action. Main thread; pushes no undo step itself.

    What follows landmarks moves as the average face's does. The values are the file's own: of the settings, the
    mapping's are not used. See `bake.bake_take` for the rest, and for what is raised.
    """
    began = time.perf_counter()
    settings = settings or BakeSettings()
    binding = bind(target, average_face(), settings.translation)
    rate = scene.render.fps / scene.render.fps_base
    times = times_to_bake(take.times, rate, settings)
    motion = motion_of_take(slowed(take, alias_limit(take.times, rate)), binding.plan.groups)
    motion = resample(motion, times)
    return write_motion(scene, target, binding, motion, name=take.name, settings=settings, kept=kept, began=began)
