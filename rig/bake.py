# SPDX-FileCopyrightText: 2026 Mimica authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Turns a take into keyframes: resampled to the scene's rate, in one Action, the same each time."""

import time
from dataclasses import dataclass, field

import bpy
import numpy as np

from ..mapping.calibration import PerformerProfile, default_profile, estimate_profile
from ..mapping.face_space import DEFAULT_FIELD_OF_VIEW
from ..mapping.frame import FaceFrames
from ..mapping.mapper import MappingSettings
from ..mapping.motion import Motion
from ..mapping.resample import resample, scene_frame_times
from ..mapping.smoothing import finish
from ..mapping.solve import solve
from . import compat
from .bind import Binding, bind
from .pose_curves import write_pose_curves

TAKE_PROPERTY = "mimica_take"
"""Custom property of an Action: the take it was baked from. Baking the take again replaces these keys."""


class BakeError(Exception):
    """The take cannot be baked; the text says why and what to do."""


@dataclass(frozen=True, slots=True)
class BakeSettings:
    """What the user chooses for a bake."""

    start_frame: float = 1.0
    """Scene frame of the range's first instant."""
    start: float = 0.0
    """Seconds after the take's first frame at which the range starts."""
    end: float = np.inf
    """Seconds after the take's first frame at which the range ends."""
    translation: float = 0.0
    """How much of the head's translation the character takes, 0 to 1."""
    mapping: MappingSettings = field(default_factory=MappingSettings)


@dataclass(frozen=True, slots=True)
class BakeResult:
    """What a bake made."""

    action: str
    first_frame: float
    last_frame: float
    keys: int
    curves: int
    seconds: float


def bake_take(
    scene: bpy.types.Scene,
    target: bpy.types.Object | None,
    frames: FaceFrames,
    *,
    name: str,
    profile: PerformerProfile | None = None,
    settings: BakeSettings | None = None,
) -> BakeResult:
    """Write a take to a character as F-curves of one Action. Main thread; pushes no undo step itself.

    :param name: the take's name: names the Action, and finds it again on a later bake.
    :param profile: the performer's; None finds the neutral in the take.
    :raises BakeError: there is nothing to bake.
    :raises TargetError: the target cannot be driven.
    """
    began = time.perf_counter()
    settings = settings or BakeSettings()
    if not frames.found.any():
        raise BakeError(f"The take '{name}' holds no face. Record it again, with your face in the picture.")
    profile = profile or estimate_profile(frames) or default_profile(DEFAULT_FIELD_OF_VIEW)
    binding = bind(target, profile.neutral, settings.translation)

    rate = scene.render.fps / scene.render.fps_base
    # Nothing faster than the scene's rate can show: leave it out rather than let it alias.
    limit = _alias_limit(frames.times, rate)
    motion = finish(solve(frames, profile, binding.plan.groups), settings.mapping, limit)
    times = scene_frame_times(frames.times, rate)
    offset = times - frames.times[0]
    chosen = (offset >= settings.start - 1e-9) & (offset <= settings.end + 1e-9)
    if not chosen.any():
        length = frames.times[-1] - frames.times[0]
        raise BakeError(f"The range to bake lies outside the take, which is {length:.2f} s long. Choose another range.")
    motion = resample(motion, times[chosen])
    keys_at = settings.start_frame + np.arange(len(motion), dtype=np.float64)

    action = _action_for(target, name)
    curves = 0
    if binding.armature:
        curves += _write_bones(bpy.data.objects[binding.armature], action, binding, motion, keys_at)
    if binding.meshes:
        values = binding.plan.shape_values(motion)
        for mesh in binding.meshes:
            curves += _write_shapes(bpy.data.objects[mesh], action, binding, values, keys_at)
    return BakeResult(
        action=action.name,
        first_frame=float(keys_at[0]),
        last_frame=float(keys_at[-1]),
        keys=curves * len(keys_at),
        curves=curves,
        seconds=time.perf_counter() - began,
    )


def _alias_limit(times: np.ndarray, rate: float) -> float:
    """Hz: below the scene's Nyquist frequency when the take is much faster than the scene, else no limit."""
    if len(times) < 2:
        return np.inf
    source = 1.0 / max(float(np.median(np.diff(times))), 1e-6)
    return 0.45 * rate if source > 1.5 * rate else np.inf


def _action_for(target: bpy.types.Object | None, take: str) -> bpy.types.Action:
    """Return the Action this take was baked into for this target before, or a new one."""
    tag = f"{target.name if target else ''}|{take}"
    for action in bpy.data.actions:
        if action.get(TAKE_PROPERTY) == tag:
            return action
    action = bpy.data.actions.new(take)
    action[TAKE_PROPERTY] = tag
    return action


def _write_bones(
    armature: bpy.types.Object, action: bpy.types.Action, binding: Binding, motion: Motion, frames: np.ndarray
) -> int:
    plan = binding.plan
    pose = plan.evaluate(motion)
    moved = np.abs(pose.location).max(axis=(0, 2)) > 0.0
    located = [bool(m) or by_location for m, by_location in zip(moved, plan.moves, strict=True)]
    turned = [not by_location for by_location in plan.moves]
    return write_pose_curves(armature, action, plan.bones, pose, frames, located=located, turned=turned)


def _write_shapes(
    mesh: bpy.types.Object, action: bpy.types.Action, binding: Binding, values: np.ndarray, frames: np.ndarray
) -> int:
    keys = mesh.data.shape_keys
    if not compat.has_slots():
        # Before slots an Action animates one type of data-block.
        action = _action_for(mesh, f"{action.name} Shape Keys")
    compat.assign_action(keys, action)
    compat.clear_fcurves(keys, action)
    curves = 0
    for column, key in enumerate(binding.plan.shape_keys):
        if key in keys.key_blocks:
            path = f'key_blocks["{bpy.utils.escape_identifier(key)}"].value'
            compat.fill_fcurve(compat.ensure_fcurve(keys, action, path, 0, "Shape Keys"), frames, values[:, column])
            curves += 1
    return curves
