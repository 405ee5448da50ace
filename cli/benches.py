# SPDX-FileCopyrightText: 2026 Mimica authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What `mimica bench ...` does."""

import argparse
from collections.abc import Sequence
from pathlib import Path

from ..capture.model import ModelFile
from ..mapping.frame import FaceFrames
from . import accuracy, real, tracked
from .accuracy_page import write_page
from .console import Console
from .failure import OK
from .report import as_markdown


def bench_accuracy(arguments: argparse.Namespace, console: Console, model: ModelFile) -> int:
    """Predict clips whose truth is known, score the predictions, print tables, write figures and a page."""
    out: Path = arguments.out
    paths = accuracy.find_clips(arguments.clips, arguments.only)
    variants = accuracy.find_variants(arguments.variants, learned=arguments.profile, scores=model.has_scores)
    teachers = accuracy.find_teachers(paths) if any(variant.profile for variant in variants) else {}
    frames = _tracked([*paths, *teachers.values()], model, out / "takes", arguments.track_again, console)
    clips = [accuracy.load_clip(path, frames[path], dict(arguments.camera_fov)) for path in paths]
    with console.progress("Solving and scoring") as progress:
        taught = {rig: accuracy.load_teacher(path, frames[path]) for rig, path in teachers.items()}
        results = accuracy.run(clips, variants, taught, out / "predictions", progress)
    accuracy.write_report(out / "report.json", clips, results, model.sha256)
    write_page(out / "report.html", clips, variants, results)
    for variant in variants:
        rows = accuracy.table(clips, {name: result.score for name, result in results[variant.name].items()})
        console.say(f"\n{variant.title}\n\n{as_markdown(rows)}")
    console.say()
    console.figures([("page", str(out / "report.html")), ("figures", str(out / "report.json"))])
    return OK


def bench_real(arguments: argparse.Namespace, console: Console, model: ModelFile) -> int:
    """Measure how the controls of real clips behave, print tables, write figures."""
    out: Path = arguments.out
    paths = real.find_videos(arguments.clips)
    frames = _tracked(paths, model, out / "takes", arguments.track_again, console)
    mirrors = _tracked(paths, model, out / "takes", arguments.track_again, console, mirrored=True)
    with console.progress("Solving and measuring"):
        found = {path.stem: real.measure(frames[path], mirrors[path], arguments.camera_fov) for path in paths}
    real.write_report(out / "real.json", found, model.sha256)
    for mode, title in real.MODES:
        if any(mode in modes for modes in found.values()):
            console.say(f"\n{title}\n\n{as_markdown(real.table(found, mode))}")
    console.say()
    console.figures([("figures", str(out / "real.json"))])
    return OK


BENCHES = {"accuracy": bench_accuracy, "real": bench_real}


def _tracked(
    clips: Sequence[Path], model: ModelFile, folder: Path, again: bool, console: Console, *, mirrored: bool = False
) -> dict[Path, FaceFrames]:
    """Return the frames of each clip; tracks those that have no take in `folder` yet."""
    found: dict[Path, FaceFrames] = {}
    for clip in dict.fromkeys(clips):
        take = tracked.take_of(clip, model, folder, mirrored=mirrored)
        if again or not take.exists():
            label = f"Tracking {clip.stem}" + (", mirrored" if mirrored else "")
            with console.progress(label) as progress, console.quiet():
                tracked.track(clip, model, take, progress, mirrored=mirrored)
        found[clip] = tracked.frames_of(take)
    return found
