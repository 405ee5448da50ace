# SPDX-FileCopyrightText: 2026 Mimica authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Time of the mapping by itself: each frame as it comes, and ten minutes at once, for the own rig's bones."""

import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

from ..mapping.calibration import PerformerProfile, estimate_profile
from ..mapping.character_map import own_rig_map
from ..mapping.frame import FaceFrame
from ..mapping.landmarks import weight_matrix
from ..mapping.learning import learn_from_take
from ..mapping.mapper import LiveMapper, map_frames
from .common import repeated, spread, tracked

SKIPPED = 50
"""Frames at the start that do not count: tables load."""
ROUNDS = 10
"""How often the clip goes through the live mapping."""
MINUTES = 10


def run(clip: Path, _folder: Path) -> None:
    """Map the clip's frames live, then repeated to ten minutes at 30 frames/s."""
    frames = tracked(clip)
    groups = weight_matrix([bone.landmarks for bone in own_rig_map().bones if bone.drive == "landmarks"])
    take = repeated(frames, MINUTES * 1800)
    profile = estimate_profile(take)
    if profile is None:
        print("There is no face in this clip.")
        return
    own = learn_from_take(take, profile)
    print(f"{len(groups)} landmark groups")
    print(f"{'milliseconds a frame, live':32} {'median':>8} {'p95':>8}")
    for title, known in (("neutral known", profile), ("expressions learned", own)):
        milliseconds = [value for _ in range(ROUNDS) for value in _live(frames, known, groups)]
        print(f"{title:32} {spread(milliseconds)}")
    print(f"{f'seconds for {MINUTES} minutes':32} {'median':>8}")
    for title, work in (
        ("mapping, neutral known", lambda: map_frames(take, profile=profile, groups=groups)),
        ("mapping, expressions learned", lambda: map_frames(take, profile=own, groups=groups)),
        ("learning expressions from it", lambda: learn_from_take(take, profile)),
    ):
        print(f"{title:32} {np.median([_seconds(work) for _ in range(3)]):8.2f}")


def _live(frames: list[FaceFrame], profile: PerformerProfile, groups: np.ndarray) -> list[float]:
    """Milliseconds of each frame after the first ones."""
    mapper = LiveMapper(profile, None, groups)
    times = [time.perf_counter()]
    for frame in frames:
        mapper.step(frame)
        times.append(time.perf_counter())
    return (np.diff(times)[SKIPPED:] * 1e3).tolist()


def _seconds(work: Callable[[], object]) -> float:
    began = time.perf_counter()
    work()
    return time.perf_counter() - began
