# SPDX-FileCopyrightText: 2026 Mimica authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Memory and disk of an hour's recording at 30 frames/s, fed faster than real time, and opening it."""

import dataclasses
import time
from pathlib import Path

from ..capture.take import SUFFIX, Take, TakeInfo, TakeWriter
from .common import resident_mb, tracked

HOUR = 108_000
RATE = 2000.0
"""Frames fed a second: 66 times real time."""


def run(clip: Path, folder: Path) -> None:
    """Record the clip over and over, an hour of it."""
    frames = tracked(clip)
    path = folder / f"hour{SUFFIX}"
    writer = TakeWriter(path, TakeInfo(name="hour"))
    print(f"{'minutes':>8} {'memory MB':>10}")
    began = time.perf_counter()
    for i in range(HOUR):
        writer.append((dataclasses.replace(frames[i % len(frames)], time=i / 30),))
        if i % 18_000 == 0:
            print(f"{i // 1800:8} {resident_mb():10.0f}")
        if i % 200 == 0:
            time.sleep(max(0.0, began + i / RATE - time.perf_counter()))
    print(f"{60:8} {resident_mb():10.0f}")
    writer.close()
    size = path.stat().st_size
    began = time.perf_counter()
    taken = Take.open(path).frames()
    opened = time.perf_counter() - began
    print(f"file {size / 1e6:.0f} MB, {size / HOUR:.0f} bytes a frame; {len(taken)} frames open in {opened:.2f} s")
    if writer.error:
        print(writer.error)
