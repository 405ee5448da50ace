# SPDX-FileCopyrightText: 2026 Mimica authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A long capture: does memory grow, is anything left behind, does the take's time drift from the clock on the wall?

`--real` captures from a network camera for as long as that takes, in one go. `--fast` plays as many minutes of the clip
as fast as it is tracked, with a start and a stop for each part of it, by thread and by helper process in turn. Both
record all along, move a face rig, take the neutral or a range now and then, and undo. `--desktop` is as `--real`, in a
Blender with its window, which draws the camera's picture and the panel.
"""

import argparse
import faulthandler
import itertools
import os
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import bpy
import numpy as np

from ..capture.remote import RemoteCaptureSession
from ..capture.source import SourceSpec
from ..capture.take import SUFFIX, Take
from ..mapping.range_poses import neutral_pose, range_poses
from ..rig import live
from ..rig.recording import Wanted
from . import soak_desktop
from .common import model
from .rigs import own_rig
from .soak_camera import SoakCamera
from .soak_report import WARM, Recorded, print_drift, print_memory
from .soak_watch import Curve, Held, held, peak_mb, resident_mb
from .tick import evaluate

TICK = 1 / 60
UNDO_EVERY, TEACH_EVERY, STEP_EVERY = 20.0, 300.0, 0.25
TEACHING = 60.0
"""Seconds after which a range is ended with what was shown so far."""


@dataclass(slots=True)
class Work:
    """What a user does during a capture, each thing now and then."""

    rig: str
    folder: Path
    session: live.LiveSession
    ranges: Iterator[bool] = field(default_factory=lambda: itertools.cycle((False, True)))
    """Of each calibration, whether it asks for a range or for the neutral alone."""
    takes: list[Recorded] = field(default_factory=list)
    undone: float = field(default_factory=time.perf_counter)
    taught: float = field(default_factory=time.perf_counter)
    """When a calibration began last."""
    stepped: float = 0.0
    steps: int = 0

    def begin_take(self, film: bool = False) -> None:
        """Record a take from now on."""
        path = self.folder / f"take {time.time_ns()}{SUFFIX}"
        self.session.start_recording(path, path.stem, Wanted(film=film))
        self.takes.append(Recorded(path))

    def end_take(self) -> None:
        """End the take that is recorded."""
        if self.session.recording is not None:
            self.takes[-1].clock = self.session.capture.clock
            self.session.stop_recording()

    def tick(self) -> bool:
        """Do what is due. False when the capture has come to its end."""
        poses, now = self.session.poses, time.perf_counter()
        if not self.session.tick(bpy.data.objects.get(self.rig)):
            return False
        if now - self.stepped > STEP_EVERY:
            self.stepped, self.steps = now, self.steps + 1
            bpy.context.scene.frame_set(self.steps % 250)
        elif self.session.poses != poses:
            evaluate()
        if now - self.undone > UNDO_EVERY:
            self.undone = now
            bpy.ops.ed.undo_push(message="Soak")
            if int(now) % 2 and bpy.ops.ed.undo.poll():
                bpy.ops.ed.undo()
        self._teach(now)
        # As the operator does that shows them.
        live.finished_takes.clear()
        live.calibrated.clear()
        return True

    def _teach(self, now: float) -> None:
        if now - self.taught > TEACH_EVERY:
            self.taught = now
            poses = range_poses("USUAL") if next(self.ranges) else (neutral_pose(),)
            self.session.calibrate(poses, self.folder / "performer.json", pace=0.3)
        elif self.session.asking and now - self.taught > TEACHING and self.session.calibrator is not None:
            self.session.calibrator.order("end")


def _tick_until(work: Work, curve: Curve, until: float, note: str = "", images: int = 0) -> bool:
    """Tick until a moment of the curve, or until so many images are tracked. False when the capture ended."""
    capture = work.session.capture
    while curve.seconds < until:
        began = time.perf_counter()
        if not work.tick():
            return False
        curve.look(capture.helper_number if isinstance(capture, RemoteCaptureSession) else None, note)
        if images and work.session.stats().tracked >= images:
            break
        time.sleep(max(0.0, TICK - (time.perf_counter() - began)))
    return True


def _start(source: SourceSpec, helper: bool, *, fast: bool = False) -> live.LiveSession:
    session = live.LiveSession(live.LiveSettings(source, model(), helper=helper), pace="fast" if fast else "realtime")
    session.start()
    return session


def _animated_rig() -> str:
    """Return the name of a face rig one of whose bones is animated, so that the timeline has something to set."""
    rig = own_rig()
    bone = rig.pose.bones[0]
    bone.keyframe_insert("location", frame=1)
    bone.keyframe_insert("location", frame=250)
    bpy.ops.ed.undo_push(message="Soak begins")
    return rig.name


def real(clip: Path, folder: Path, options: argparse.Namespace) -> None:
    """One capture from a camera, for as long as was asked for."""
    rig, seconds = _animated_rig(), options.minutes * 60
    with SoakCamera(clip, options.rate, options.width, folder / "sent") as camera:
        before = held()
        source = SourceSpec("stream", address=camera.address)
        session = _start(source, options.helper)
        work = Work(rig, folder, session)
        curve = Curve(options.curve or folder / "curve.csv")
        ended = False
        while not ended and curve.seconds < seconds:
            work.begin_take()
            until = min(seconds, curve.seconds + options.take_minutes * 60)
            ended = not _tick_until(work, curve, until, f"take {len(work.takes)}")
            work.end_take()
        stats = session.stats()
        helper = session.capture.helper_number if isinstance(session.capture, RemoteCaptureSession) else None
        peaks = peak_mb(), peak_mb(helper) if helper else 0.0
        session.stop()
        curve.close()
        after = _at_rest()
        if ended:
            print(f"The capture ended by itself after {curve.seconds:.0f} s: {session.message}")
        print(f"{stats.captured} images, {stats.dropped} dropped, {session.poses} poses, {len(work.takes)} takes")
        print_memory(curve, seconds * WARM, peaks)
        print("left behind after the stop:", "; ".join(after.more_than(before)) or "nothing")
        print_drift(camera.sent(), work.takes)


def fast(clip: Path, folder: Path, options: argparse.Namespace) -> None:
    """Many captures of the clip, together so many of its minutes."""
    rig = _animated_rig()
    frames, cycles = round(options.minutes * 60 * 30), options.cycles
    source = SourceSpec("video", path=str(clip), loop=True)
    curve = Curve(options.curve or folder / "curve.csv")
    ranges = itertools.cycle((False, True))
    rests: list[Held] = []
    takes: list[Recorded] = []
    tracked = 0
    heads = f"{'start':>6} {'way':>8} {'images':>7} {'at rest MB':>11} {'files':>6} {'threads':>8}"
    print(f"{heads}  more than after the second")
    for i in range(cycles):
        helper = i % 2 == 1 if options.helper is None else options.helper
        session = _start(source, helper, fast=True)
        work = Work(rig, folder, session, ranges=ranges)
        if i % 5 == 2:
            work.taught -= TEACH_EVERY
        work.begin_take(film=i % 4 >= 2)
        if not _tick_until(work, curve, float("inf"), f"capture {i + 1}", frames // cycles):
            print(f"capture {i + 1} ended by itself: {session.message}")
        if i % 3:
            work.end_take()
        tracked += session.stats().tracked
        session.stop()
        takes += work.takes
        del session, work
        rests.append(_at_rest())
        now, more = rests[-1], rests[-1].more_than(rests[min(i, 1)])
        print(
            f"{i + 1:6} {'helper' if helper else 'thread':>8} {tracked:7} {now.resident_mb:11.1f} "
            f"{now.files.total():6} {now.native_threads.total():8}  {'; '.join(more) or 'nothing'}",
            flush=True,
        )
        for take in takes[:-1]:
            take.path.with_suffix(".mp4").unlink(missing_ok=True)
    curve.close()
    print(f"{tracked} images in {curve.seconds:.0f} s")
    tenth = max(1, cycles // 10)
    values = [rest.resident_mb for rest in rests]
    first, last = np.median(values[tenth : 2 * tenth]), np.median(values[-tenth:])
    print(f"at rest, captures {tenth + 1} to {2 * tenth}: {first:.1f} MB; the last {tenth}: {last:.1f} MB", end=" ")
    print(f"({last / first - 1:+.1%}); the most ever {peak_mb():.1f} MB")
    kept = sum(len(Take.open(take.path).frames()) for take in takes)
    print(f"{kept} images in {len(takes)} takes")


def _at_rest() -> Held:
    """Return what is held when the takes are closed, which happens in the background."""
    deadline = time.perf_counter() + 10.0
    while time.perf_counter() < deadline and any("mimica" in name for name in held().threads):
        time.sleep(0.05)
    return held()


def run(clip: Path, folder: Path, words: Sequence[str] = ()) -> None:
    """Do what the command line asks for."""
    parser = argparse.ArgumentParser(prog="dev.py bench soak", description=__doc__)
    parser.add_argument("--minutes", type=float, default=60.0)
    parser.add_argument("--fast", action="store_true", help="only the clip's time, as fast as it goes")
    parser.add_argument("--real", action="store_true", help="only the real time")
    parser.add_argument("--desktop", action="store_true", help="only the real time, in a Blender with its window")
    parser.add_argument("--helper", action=argparse.BooleanOptionalAction, help="a helper process, or none")
    parser.add_argument("--cycles", type=int, default=50, help="fast: starts and stops")
    parser.add_argument("--take-minutes", type=float, default=5.0, help="real: length of a take")
    parser.add_argument("--rate", type=float, default=30.0, help="real: the camera's pictures a second")
    parser.add_argument("--width", type=int, default=320, help="real: the camera's pixels across")
    parser.add_argument("--curve", type=Path, help="a CSV file for what was read every 10 seconds")
    options = parser.parse_args(words)
    faulthandler.enable()
    print(f"process {os.getpid()}, {resident_mb():.0f} MB")
    ways = {"fast": fast, "real": real, "desktop": soak_desktop.run}
    asked = [name for name in ways if getattr(options, name)]
    for name in asked or ("fast", "real"):
        print(f"\n{name}, {options.minutes:g} minutes")
        within = folder / name
        within.mkdir()
        ways[name](clip, within, options)
