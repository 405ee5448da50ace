# SPDX-FileCopyrightText: 2026 Mimica authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What it costs to look into ten minutes with Rerun: reading, solving, writing; and a moment of a live capture."""

import time
from pathlib import Path

import numpy as np

from ..bridges.viewer.live import Moment, send_curves, send_points
from ..bridges.viewer.write import new_recording, read_content, write_file
from ..capture.take import SUFFIX
from ..mapping.frame import FaceFrame
from ..mapping.motion import Motion
from .common import tracked
from .ten_minutes import record_ten

MOMENTS = 320
_AT_ONCE = 8
"""Moments whose curves go together: a quarter of a second."""


def run(clip: Path, folder: Path) -> None:
    """Write ten minutes, and time the steps."""
    path = folder / f"look{SUFFIX}"
    record_ten(clip, path)
    # Its import is no part of it.
    recording = new_recording("bench")
    began = time.perf_counter()
    content = read_content(path)
    read = time.perf_counter()
    write_file(folder / "look.rrd", content)
    written = time.perf_counter()
    size = (folder / "look.rrd").stat().st_size
    print(f"read and solved in {read - began:.1f} s, written in {written - read:.1f} s, {size / 1e6:.0f} MB")
    faces: list[FaceFrame] = tracked(clip)[:1]
    recording.memory_recording()
    began = time.process_time()
    for i in range(MOMENTS):
        send_points(recording, Moment(i / 30.0, tuple(faces)), i)
    points = time.process_time()
    for i in range(0, MOMENTS, _AT_ONCE):
        moments = [
            Moment(k / 30.0, tuple(faces), {0: Motion.neutral(np.array([k / 30.0]), 0)}) for k in range(_AT_ONCE)
        ]
        send_curves(recording, list(enumerate(moments, start=i)))
    curves = time.process_time()
    costs = (points - began) / MOMENTS * 1e3, (curves - points) / MOMENTS * 1e3
    print("a live moment without its picture: points {:.1f} ms, curves {:.1f} ms of a thread".format(*costs))
    recording.disconnect()
