# SPDX-FileCopyrightText: 2026 Mimica authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Time on Blender's main thread for each pose, and from the camera's grab to the pose, in real time."""

import time
from pathlib import Path

import bpy
import numpy as np

from ..capture.source import SourceSpec
from ..mapping.motion import Motion
from ..rig import character
from ..rig.apply import CharacterPose, PoseWriter
from ..rig.bind import Binding, bind
from ..rig.live import LiveSession, LiveSettings
from .common import model, spread
from .rigs import many_channels, own_rig, rigify

SECONDS = 8.0
WRITES = 1000
CHARACTERS = {
    "own rig": own_rig,
    "52 keys on 4 meshes, 90 bones": lambda: many_channels(90),
    "52 keys on 4 meshes, 90 of 918 bones": lambda: many_channels(918),
    "Rigify, old face": lambda: rigify(False),
    "Rigify, modular face": lambda: rigify(True),
}


def evaluate() -> None:
    """Blender's own evaluation of what changed."""
    bpy.context.view_layer.update()


def run(clip: Path, _folder: Path) -> None:
    """Play the clip in real time on each character and tick as the modal operator does."""
    registered = character.is_registered()
    if not registered:
        character.register()
    try:
        for name, make in CHARACTERS.items():
            rig = make()
            print(f"\n{name}")
            if rig is None:
                print("this Blender has no Rigify")
            else:
                _measure(rig, clip)
    finally:
        if not registered:
            character.unregister()


def _written(binding: Binding) -> list[float]:
    """Return how long poses take to write while nothing else is going on, milliseconds each."""
    writer, random = PoseWriter(binding), np.random.default_rng(0)
    poses: list[CharacterPose] = []
    for _ in range(50):
        motion = Motion.neutral(np.zeros(1), len(binding.plan.groups))
        motion.controls[:] = random.uniform(0.0, 1.0, motion.controls.shape)
        poses.append(binding.plan.pose(motion))
    times: list[float] = []
    for i in range(WRITES):
        start = time.perf_counter()
        writer.write(poses[i % len(poses)])
        times.append((time.perf_counter() - start) * 1e3)
    evaluate()
    return times


def _measure(rig: bpy.types.Object, clip: Path) -> None:
    print(f"{'milliseconds':32} {'median':>8} {'p95':>8}")
    for text in ("bind, fresh", "bind, again"):
        start = time.perf_counter()
        binding = bind(rig)
        print(f"{text:32} {(time.perf_counter() - start) * 1e3:8.1f}")
    print(f"{'write, without a capture':32} {spread(_written(binding))}")
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
    print(f"{'fetch':32} {spread(list(session.times.fetch))}")
    print(f"{'write':32} {spread(list(session.times.apply))}")
    print(f"{'evaluation, Blender’s own':32} {spread(evaluation)}")
    print(f"{'grab to result':32} {stats.latency_ms:8.3f}")
    print(f"{'grab to pose, with a 60 Hz tick':32} {spread(list(session.times.latency))}")
    plan = binding.plan
    print(f"{len(rig.pose.bones)} bones, {len(plan.bones)} of them and {len(plan.shapes)} shapes driven")
    print(f"{stats.rate:.0f} frames/s, {stats.dropped} dropped")
