# SPDX-FileCopyrightText: 2026 Mimica authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Time on Blender's main thread for each pose, and from the camera's grab to the pose, in real time."""

import time
from pathlib import Path

import bpy

from ..capture.source import SourceSpec
from ..rig.face_rig import create_face_rig
from ..rig.live import LiveSession, LiveSettings
from .common import model, spread

SECONDS = 12.0


def make_rig() -> bpy.types.Object:
    """A face rig in an empty scene."""
    bpy.ops.wm.read_homefile(use_empty=True)
    return bpy.data.objects[create_face_rig(bpy.context).armature]


def evaluate() -> None:
    """Blender's own evaluation of what changed."""
    bpy.context.view_layer.update()


def run(clip: Path, _folder: Path) -> None:
    """Play the clip in real time and tick as the modal operator does."""
    rig = make_rig()
    session = LiveSession(LiveSettings(SourceSpec("video", path=str(clip), loop=True), model()))
    session.start()
    evaluation: list[float] = []
    began = 0.0
    while not began or time.perf_counter() - began < SECONDS:
        poses = session.poses
        session.tick(rig)
        if session.poses != poses:
            start = time.perf_counter()
            evaluate()
            evaluation.append((time.perf_counter() - start) * 1e3)
            began = began or time.perf_counter()
        time.sleep(1 / 60)
    stats = session.stats()
    session.stop()
    print(f"{len(rig.pose.bones)} bones, {stats.rate:.0f} frames/s, {stats.dropped} dropped")
    print(f"{'milliseconds':32} {'median':>8} {'p95':>8}")
    print(f"{'fetch':32} {spread(list(session.times.fetch))}")
    print(f"{'apply':32} {spread(list(session.times.apply))}")
    print(f"{'evaluation, Blender’s own':32} {spread(evaluation)}")
    print(f"{'grab to result':32} {stats.latency_ms:8.3f}")
    print(f"{'grab to pose, with a 60 Hz tick':32} {spread(list(session.times.latency))}")
