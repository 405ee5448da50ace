# SPDX-FileCopyrightText: 2026 Mimica authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What an animator waits for with a take of ten minutes: to see it in the list, to open it, and to bake it again."""

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import bpy

from ..capture.take import SUFFIX, Take, TakeInfo, TakeWriter, list_takes
from ..mapping.calibration import estimate_profile
from ..mapping.frame import FaceFrame
from ..mapping.mapper import MappingSettings
from ..mapping.performance import TakePerformance
from ..mapping.quality_track import quality_of
from ..rig.bake import BakeSettings, bake
from .common import repeated, tracked
from .rigs import own_rig

FRAMES = 18_000
"""Ten minutes at 30 a second."""


def run(clip: Path, folder: Path) -> None:
    """Record the clip over and over, ten minutes of it, and time each step."""
    path = folder / f"ten{SUFFIX}"
    record_ten(clip, path)
    print(f"{'step':<44} {'seconds':>8}")
    _timed("list the folder", lambda: list_takes(folder))
    take = _timed("open", lambda: Take.open(path))
    frames = _timed("read the frames", take.frames)
    profile = _timed("find the neutral", lambda: estimate_profile(frames))
    performance = TakePerformance("Ten", frames, profile)
    rig = own_rig()
    bpy.context.scene.render.fps = 30

    def baked(smoothness: float) -> None:
        settings = BakeSettings(mapping=MappingSettings(smoothness=smoothness))
        bake(bpy.context.scene, rig, performance, settings=settings)

    _timed("bake onto the own rig", lambda: baked(1.0))
    _timed("bake again with other smoothing", lambda: baked(2.0))
    found = _timed("quality: confidence and weak spots", lambda: quality_of(performance))
    print(f"{len(found.spots)} weak spots, confidence {found.mean:.0%}")
    bpy.ops.wm.read_homefile(use_empty=True)


def record_ten(clip: Path, path: Path) -> None:
    """Record a clip over and over into a take at `path`."""
    frames = repeated(tracked(clip), FRAMES)
    with TakeWriter(path, TakeInfo("Ten")) as writer:
        for i in range(len(frames)):
            landmarks = frames.landmarks[i] if frames.found[i] else None
            scores = None if frames.scores is None or landmarks is None else frames.scores[i]
            size = (int(frames.image_sizes[i, 0]), int(frames.image_sizes[i, 1]))
            face = FaceFrame(float(frames.times[i]), landmarks, scores, size, quality=float(frames.quality[i]))
            writer.append((face,))
            # No faster than the writer's queue is emptied.
            if i % 200 == 0:
                time.sleep(0.05)
    if writer.error:
        raise SystemExit(writer.error)


def _timed(step: str, do: Callable[[], Any]) -> Any:
    began = time.perf_counter()
    result = do()
    print(f"{step:<44} {time.perf_counter() - began:8.3f}")
    return result
