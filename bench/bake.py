# SPDX-FileCopyrightText: 2026 Mimica authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Seconds to bake takes of several lengths onto the own rig, and what Reduce Keys makes of the clip."""

from pathlib import Path

import bpy
import numpy as np

from ..mapping.calibration import estimate_profile
from ..mapping.frame import FaceFrames
from ..mapping.performance import TakePerformance
from ..mapping.reduce import Tolerances
from ..mapping.settings import MappingSettings
from ..rig import compat
from ..rig.bake import BakeResult, BakeSettings, bake, bake_take
from ..rig.performances import Choice
from ..rig.rebake import rebuild
from .common import repeated, tracked
from .rigs import own_rig

MINUTES = (1, 10, 20, 60)
FACTORS = (0.5, 1.0, 2.0, 4.0)
_REBUILT_MINUTES = 10
_QUARTER = 0.25
_CLOSED_MM = 0.05
"""Lids that are no further apart than this touch."""


def run(clip: Path, _folder: Path) -> None:
    """Bake the clip, repeated to each length, at 30 frames/s; then the clip itself with fewer keys."""
    frames = tracked(clip)
    print(
        f"{'minutes':>8} {'frames':>8} {'curves':>8} {'keys':>10} {'seconds':>8} {'s / 1000 frames':>16}"
        f" {'reduced':>10} {'seconds':>8}"
    )
    for minutes in MINUTES:
        rig = _rig()
        take = repeated(frames, minutes * 1800)
        result = _bake(rig, take)
        share = result.seconds / len(take) * 1000
        few = _bake(rig, take, 1.0)
        print(
            f"{minutes:8} {len(take):8} {result.curves:8} {result.keys:10} {result.seconds:8.2f} {share:16.3f}"
            f" {few.keys:10} {few.seconds:8.2f}"
        )
        bpy.ops.wm.read_homefile(use_empty=True)
    _rebuild(repeated(frames, _REBUILT_MINUTES * 1800))
    _reduce(repeated(frames, len(frames)))


def _rebuild(take: FaceFrames) -> None:
    """Print how long a bake takes to follow a slider, an animator's keys being looked for on every curve."""
    rig, scene = _rig(), bpy.context.scene
    performance = TakePerformance("Bench", take, estimate_profile(take))
    action = bpy.data.actions[bake(scene, rig, performance, choice=Choice("")).action]
    for curve in list(compat.fcurves_of(rig, action) or ())[::10]:
        for point in list(curve.keyframe_points)[100:110]:
            point.co.y += 0.01
    print(f"\nrebuilding {_REBUILT_MINUTES} minutes of {len(take)} frames, hand keys kept: seconds")
    for what, settings in (
        ("smoothness", BakeSettings(mapping=MappingSettings(1.5))),
        ("smoothing of one part", BakeSettings(mapping=MappingSettings(1.5, smoothing={"BROWS": 2.0}))),
        ("offset", BakeSettings(offset=0.01)),
        ("fewer keys", BakeSettings(reduce=True)),
    ):
        print(f"{what:>24} {rebuild(scene, rig, action, settings, performance=performance).seconds:8.2f}")
    bpy.ops.wm.read_homefile(use_empty=True)


def _reduce(take: FaceFrames) -> None:
    """Print how many keys are left at each tolerance, and how far Blender's curves are off."""
    rig = _rig()
    dense = _bake(rig, take)
    count = int(dense.last_frame - dense.first_frame) + 1
    at = dense.first_frame + np.arange(count)
    quarters = np.arange(dense.first_frame, dense.last_frame, _QUARTER)
    wanted, apart = _curves(rig, at), _lids(rig, quarters)
    shut = apart.min(axis=1, keepdims=True) + _CLOSED_MM
    # Between two frames at which they touch, they touch.
    touching = apart <= shut
    print(
        f"\n{count} frames, {dense.curves} channels: frames keyed per channel; how far locations and rotations are off"
        f" at frames; lids that touch, at quarter frames: how far they part, or pass each other"
    )
    print(
        f"{'factor':>8} {'keys':>8} {'mean':>7} {'median':>7} {'most':>7} {'mm':>7} {'degrees':>8}"
        f" {'part mm':>8} {'pass mm':>8} {'seconds':>8}"
    )
    for factor in FACTORS:
        few = _bake(rig, take, factor)
        shares = np.array(list(_key_counts(rig).values())) / count
        millimetres, degrees = _off(wanted, _curves(rig, at), rig["mimica_unit"])
        lids = _lids(rig, quarters)
        part = float((lids - apart)[touching].max(initial=0.0))
        beyond = float((apart.min(axis=1) - lids.min(axis=1)).max(initial=0.0))
        print(
            f"{factor:8g} {few.keys:8} {shares.mean():7.1%} {np.median(shares):7.1%} {shares.max():7.1%}"
            f" {millimetres:7.3f} {degrees:8.3f} {part:8.3f} {beyond:8.3f} {few.seconds:8.2f}"
        )
    bpy.ops.wm.read_homefile(use_empty=True)


def _rig() -> bpy.types.Object:
    rig = own_rig()
    bpy.context.scene.render.fps = 30
    return rig


def _bake(rig: bpy.types.Object, take: FaceFrames, factor: float | None = None) -> BakeResult:
    settings = BakeSettings()
    if factor is not None:
        settings = BakeSettings(reduce=True, tolerances=Tolerances().scaled(factor))
    profile = estimate_profile(take)
    return bake_take(bpy.context.scene, rig, take, name="Bench", profile=profile, settings=settings)


def _key_counts(rig: bpy.types.Object) -> dict[tuple[str, int], int]:
    curves = compat.fcurves_of(rig, rig.animation_data.action) or ()
    return {(curve.data_path, curve.array_index): len(curve.keyframe_points) for curve in curves}


def _curves(rig: bpy.types.Object, at: np.ndarray) -> dict[str, np.ndarray]:
    """Return each transform's components at frames (M,), (M, C)."""
    found: dict[str, list[list[float]]] = {}
    for curve in compat.fcurves_of(rig, rig.animation_data.action) or ():
        found.setdefault(curve.data_path, []).append([curve.evaluate(frame) for frame in at.tolist()])
    return {path: np.array(columns).T for path, columns in found.items()}


def _off(wanted: dict[str, np.ndarray], found: dict[str, np.ndarray], unit: float) -> tuple[float, float]:
    """Return by how much bones are off at most: millimetres of their own place, degrees of their own turn."""
    millimetres = degrees = 0.0
    for path, values in wanted.items():
        if path.endswith("location"):
            off = np.linalg.norm(found[path] - values, axis=1).max() / unit * 10.0
            millimetres = max(millimetres, float(off))
        elif path.endswith("quaternion"):
            a, b = (q / np.linalg.norm(q, axis=1, keepdims=True) for q in (values, found[path]))
            degrees = max(degrees, float(np.degrees(4.0 * np.arcsin(np.linalg.norm(a - b, axis=1).max() / 2.0))))
    return millimetres, degrees


def _lids(rig: bpy.types.Object, at: np.ndarray) -> np.ndarray:
    """Return how far upper lids are above lower ones as Blender evaluates them, mm, (6, M)."""
    pairs = [
        (f"lid_upper{part}.{side}", f"lid_lower{part}.{side}") for part in ("", "_inner", "_outer") for side in "LR"
    ]
    scene, apart = bpy.context.scene, np.empty((len(pairs), len(at)))
    for column, frame in enumerate(at.tolist()):
        scene.frame_set(int(frame), subframe=frame % 1.0)
        bones = rig.evaluated_get(bpy.context.evaluated_depsgraph_get()).pose.bones
        up = bones["head"].matrix.to_3x3() @ bones["head"].bone.matrix_local.to_3x3().inverted().col[2]
        apart[:, column] = [(bones[upper].head - bones[lower].head).dot(up) for upper, lower in pairs]
    return apart / rig["mimica_unit"] * 10.0
