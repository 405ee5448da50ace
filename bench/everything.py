# SPDX-FileCopyrightText: 2026 Mimica authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A tick's time on Blender's main thread with everything on, against everything off, and with each thing alone.

A tick does what the modal operator and the timers beside it do, Blender's own evaluation and drawing apart.
"""

import time
from dataclasses import dataclass
from pathlib import Path

import bpy
import numpy as np

from .. import register, unregister
from ..capture.source import SourceSpec
from ..capture.take import SUFFIX
from ..mapping.face_regions import FACE_REGIONS
from ..rig import live, quality, recorder, watch
from ..rig.face_rig import create_face_rig
from ..rig.feel import follow_feel, use_preset
from ..rig.recording import Wanted
from ..rig.take_run import TakePlan
from .common import model
from .rigs import own_rig
from .tick import evaluate

ROUNDS, SECONDS, SKIPPED = 3, 5.0, 30
WIDTH = 480
"""Pixels of the picture that is made ready to be shown."""
QUALITY_EVERY = 0.25
USUAL = "NATURAL"


@dataclass(frozen=True, slots=True)
class Case:
    """What is on."""

    characters: int = 1
    records: bool = False
    film: bool = False
    shows: bool = False
    """The camera's picture is made ready, and what is wrong is worked out."""
    rates: bool = False
    """The quality of takes is asked for."""
    feels: bool = False
    """Each part of the face has its own smoothness and strength, the mirror is on, and a slider is dragged."""


CASES = {
    "everything off": Case(),
    "two characters": Case(characters=2),
    "recording": Case(records=True),
    "recording, with the camera's video": Case(records=True, film=True),
    "picture and health": Case(shows=True),
    "quality of takes asked for": Case(rates=True),
    "feel, a slider dragged": Case(feels=True),
    "everything on": Case(2, True, True, True, True, True),
}


def run(clip: Path, folder: Path) -> None:
    """Print the medians of some rounds, each case in turn."""
    register()
    try:
        own_rig()
        create_face_rig(bpy.context)
        rigs = [obj.name for obj in bpy.data.objects if obj.type == "ARMATURE"]
        measured: dict[str, list[np.ndarray]] = {name: [] for name in CASES}
        for i in range(ROUNDS):
            for name, case in CASES.items():
                path = folder / f"{name} {i}{SUFFIX}"
                measured[name].append(_ticks(rigs[: case.characters], clip, path, case))
        print(f"{'milliseconds of a tick':36} {'with a pose':>17} {'of computing':>17} {'without a pose':>17}")
        print(f"{'':36}" + f" {'median':>8} {'p95':>8}" * 3)
        for name, rounds in measured.items():
            wall, computing, posed = np.concatenate(rounds).T
            kinds = (wall[posed > 0], computing[posed > 0], wall[posed == 0])
            print(f"{name:36}" + "".join(f" {np.median(kind):8.3f} {np.percentile(kind, 95):8.3f}" for kind in kinds))
    finally:
        unregister()


def _ticks(rigs: list[str], clip: Path, path: Path, case: Case) -> np.ndarray:
    """Play the clip in real time. Return for each tick, (N, 3): milliseconds, those of computing, whether it posed."""
    session = live.start(live.LiveSettings(SourceSpec("video", path=str(clip), loop=True), model()))
    scene, rows = bpy.context.scene, list[tuple[float, float, bool]]()
    use_preset(scene.mimica, USUAL)
    for i, region in enumerate(FACE_REGIONS if case.feels else ()):
        setattr(scene.mimica.bake, f"smoothing_{region.lower()}", 0.5 + 0.1 * i)
        setattr(scene.mimica.bake, f"strength_{region.lower()}", 0.8 + 0.05 * i)
    scene.mimica.feel.mirror = case.feels
    looked, began = 0.0, 0.0
    while not began or time.perf_counter() - began < SECONDS:
        if case.feels:
            scene.mimica.bake.strength = 0.8 + 0.2 * np.sin(time.perf_counter())
        start, computing, poses = time.perf_counter(), time.thread_time(), session.poses
        follow_feel(session, scene)
        session.tick_all([(bpy.data.objects[name], 0) for name in rigs])
        if case.shows:
            watching = watch.follow(session)
            watching.due(session.poses != poses, time.monotonic())
            watching.ask("bench", WIDTH)
        if case.records:
            recorder.tick()
        if case.rates and start - looked > QUALITY_EVERY:
            looked = start
            quality.report()
            quality.step(bpy.context)
        now = time.perf_counter()
        if began:
            rows.append(((now - start) * 1e3, (time.thread_time() - computing) * 1e3, session.poses != poses))
        elif session.poses > SKIPPED:
            if case.records:
                job = recorder.Job(TakePlan(countdown=0.0), path, path.stem, Wanted(film=case.film), lambda path: None)
                recorder.start(scene, job)
            began = time.perf_counter()
        if session.poses != poses:
            evaluate()
        time.sleep(max(0.0, 1 / 60 - (time.perf_counter() - start)))
    recorder.stop()
    live.stop()
    return np.array(rows, float)
