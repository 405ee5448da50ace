# SPDX-FileCopyrightText: 2026 Mimica authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a helper process costs against the thread: delay, rate, computing time and time on Blender's main thread."""

import os
import time
from pathlib import Path

import bpy
import numpy as np

from ..capture.remote import RemoteCaptureSession
from ..capture.source import SourceSpec
from ..rig.live import LiveSession, LiveSettings
from . import tick
from .common import model
from .rigs import own_rig

ROUNDS = 3
SECONDS = 5.0
COUNTED = 240
"""Images of a round as fast as possible."""
SKIPPED = 30
KINDS = {"thread": (False, False), "process": (True, False), "process, all pictures shown": (True, True)}
"""Whether source and tracker are in a process of their own, and whether each picture is asked for."""
FIGURES = (
    "start to first pose, ms",
    "grab to result, ms",
    "grab to pose, 60 Hz tick, ms",
    "fetch in a tick, ms",
    "write in a tick, ms",
    "CPU, % of one core",
    "images lost of 100",
    "images/s, as fast as possible",
)


def run(clip: Path, _folder: Path) -> None:
    """Print the medians of some rounds, each way in turn, and their ratios to the thread's."""
    rig = own_rig()
    measured: dict[str, list[list[float]]] = {name: [] for name in KINDS}
    for _ in range(ROUNDS):
        for name, (helper, shown) in KINDS.items():
            measured[name].append([*_live(rig, clip, helper, shown), _fast(clip, helper, shown)])
    medians = {name: np.nanmedian(np.array(rounds), axis=0) for name, rounds in measured.items()}
    print(f"{'':32}" + "".join(f"{name:>30}" for name in KINDS))
    for row, figure in enumerate(FIGURES):
        first = medians["thread"][row]
        cells = (
            f"{values[row]:15.2f} ({values[row] / first if first else np.nan:5.2f} x)" for values in medians.values()
        )
        print(f"{figure:32}" + "".join(f"{cell:>30}" for cell in cells))


def _settings(clip: Path, helper: bool) -> LiveSettings:
    return LiveSettings(SourceSpec("video", path=str(clip), loop=True), model(), helper=helper)


def _live(rig: bpy.types.Object, clip: Path, helper: bool, shown: bool) -> list[float]:
    """Play in real time and tick as the modal operator does."""
    session = LiveSession(_settings(clip, helper))
    started = time.perf_counter()
    session.start()
    began, first, cpu, before = 0.0, 0.0, 0.0, session.stats()
    while not began or time.perf_counter() - began < SECONDS:
        session.tick(rig)
        if session.poses and not first:
            first = time.perf_counter() - started
        if shown:
            session.capture.newest_image()
        tick.evaluate()
        if session.poses >= SKIPPED and not began:
            began, cpu, before = time.perf_counter(), _cpu(session), session.stats()
        time.sleep(1 / 60)
    stats = session.stats()
    used = (_cpu(session) - cpu) / (time.perf_counter() - began)
    session.stop()
    times = session.times
    lost = (stats.dropped - before.dropped) / max(1, stats.captured - before.captured)
    medians = [float(np.median(values)) for values in (times.latency, times.fetch, times.apply)]
    return [first * 1e3, stats.latency_ms, *medians, used * 100, lost * 100]


def _fast(clip: Path, helper: bool, shown: bool) -> float:
    """Take every image as quickly as it is tracked; return images a second."""
    session = LiveSession(_settings(clip, helper), pace="fast")
    session.start()
    began, first = 0.0, 0
    while (tracked := session.stats().tracked) < SKIPPED + COUNTED:
        if tracked >= SKIPPED and not began:
            began, first = time.perf_counter(), tracked
        if shown:
            session.capture.newest_image()
        if session.capture.state == "failed":
            raise RuntimeError(session.capture.error)
        time.sleep(0.005)
    rate = (tracked - first) / (time.perf_counter() - began)
    session.stop()
    return rate


def _cpu(session: LiveSession) -> float:
    """Return the seconds of computing of this process and the helper's until now; NaN where that is not told."""
    used = time.process_time()
    if isinstance(session.capture, RemoteCaptureSession):
        try:
            fields = Path(f"/proc/{session.capture.helper_number}/stat").read_text().rpartition(")")[2].split()
        except OSError:
            return np.nan
        used += (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
    return used
