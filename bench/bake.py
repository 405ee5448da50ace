# SPDX-FileCopyrightText: 2026 Mimica authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Seconds to bake takes of several lengths onto the own rig."""

from pathlib import Path

import bpy

from ..mapping.calibration import estimate_profile
from ..rig.bake import bake_take
from .common import repeated, tracked
from .rigs import own_rig

MINUTES = (1, 10, 20, 60)


def run(clip: Path, _folder: Path) -> None:
    """Bake the clip, repeated to each length, at 30 frames/s."""
    frames = tracked(clip)
    print(f"{'minutes':>8} {'frames':>8} {'curves':>8} {'keys':>10} {'seconds':>8} {'s / 1000 frames':>16}")
    for minutes in MINUTES:
        rig = own_rig()
        bpy.context.scene.render.fps = 30
        take = repeated(frames, minutes * 1800)
        profile = estimate_profile(take)
        result = bake_take(bpy.context.scene, rig, take, name="Bench", profile=profile)
        share = result.seconds / len(take) * 1000
        print(f"{minutes:8} {len(take):8} {result.curves:8} {result.keys:10} {result.seconds:8.2f} {share:16.3f}")
        bpy.ops.wm.read_homefile(use_empty=True)
