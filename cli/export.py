# SPDX-FileCopyrightText: 2026 Mimica authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""`mimica export`: an animated character as GLB or FBX, from a take or as it is animated in its file."""

import argparse
import shutil
from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING

from ..mapping.performance import ControlPerformance
from . import character, controls, scene
from .console import Console
from .failure import BAD_INPUT, OK, USAGE, CommandError, make_folder
from .perform import Performance
from .report import write_json

if TYPE_CHECKING:
    from ..rig.export_job import Format, Result

Figures = list[tuple[str, str]]
Solve = Callable[[Figures], Performance]
"""Gives the performance on the command line."""
_BOUND_MM, _BOUND_DEGREES = 0.5, 0.5
"""More than this between the character and the file is said."""


def format_of(output: Path) -> "Format":
    """Return the format that a file's name tells. Raises CommandError."""
    from ..rig.export_job import FORMATS

    for form in FORMATS:
        if output.suffix.lower() == f".{form}":
            return form
    raise CommandError(f"The output '{output}' ends neither in .glb nor in .fbx. Name such a file.", USAGE)


def run(arguments: argparse.Namespace, console: Console, solve: Solve) -> int:
    """Export a character. Raises CommandError, TakeError and what `solve` raises."""
    from ..rig.export_job import ExportError, Job
    from ..rig.export_process import ExportProcess, new_folder, try_output

    output: Path = arguments.output
    form = format_of(output)
    make_folder(output)
    figures: Figures = []
    try:
        try_output(output)
        folder = new_folder()
    except ExportError as error:
        raise CommandError(str(error)) from error
    try:
        with character.stored_maps() if arguments.character is not None else nullcontext():
            shot, name = _shot(arguments, console, solve, folder, figures)
        job = Job(
            str(folder / "character.blend"),
            shot.scene,
            shot.character,
            str(output.absolute()),
            form,
            name,
            shot.first,
            shot.last,
            check=arguments.check,
        )
        with console.progress("Exporting") as progress:
            process = ExportProcess(job, folder, _blender())
            try:
                result = process.wait(progress)
            except ExportError:
                if arguments.verbose:
                    console.note("\n".join(process.log))
                raise
    except ExportError as error:
        raise CommandError(str(error)) from error
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    return _finish(arguments, console, result, figures)


def _blender() -> str:
    import bpy

    return bpy.app.binary_path


def _shot(
    arguments: argparse.Namespace, console: Console, solve: Solve, folder: Path, figures: Figures
) -> tuple[scene.Shot, str]:
    """Make the file to export from, and return what is exported of it and the animation's name."""
    own = arguments.character is not None
    source: Path | None = arguments.video
    found, notes = None, ()
    if own:
        with console.progress("Opening the character"), console.quiet():
            character.open_file(arguments.character)
            found = character.find_character(arguments.object)
        figures.append(("character", found.summary))
        for note in found.notes:
            console.note(note)
    if source is None:
        if found is None:
            raise CommandError("There is nothing to export. Name a take, or a character with --character.", USAGE)
        shot, name = _as_it_is(found.shot), arguments.character.stem
    elif controls.is_controls(source):
        controls.refuse_face_options(arguments, source)
        take = controls.read(arguments, source, console)
        with console.progress("Baking"), console.quiet():
            shot = found.shot if found is not None else scene.make_shot(arguments.fps or take.rate, None)
            settings = scene.bake_settings(arguments)
            shot, result = scene.bake_performance(shot, ControlPerformance(take), settings, mirror=arguments.mirror)
        notes = result.notes
        name = take.name
    else:
        performance = solve(figures)
        with console.progress("Baking"), console.quiet():
            neutral = None if arguments.proportions == "average" else performance.profile.neutral
            shot = found.shot if found else scene.make_shot(arguments.fps or performance.rate, neutral)
            settings = scene.bake_settings(arguments)
            shot, result = scene.bake(shot, performance, settings, mirror=arguments.mirror)
        notes = result.notes
        name = performance.take.info.name
    for note in notes:
        console.note(note)
    with console.quiet():
        scene.save(folder / "character.blend")
    return shot, name


def _as_it_is(shot: scene.Shot) -> scene.Shot:
    """Return what is animated in the file over its scene's frames."""
    import bpy

    own = bpy.data.scenes[shot.scene]
    return replace(shot, first=own.frame_start, last=own.frame_end)


def _finish(arguments: argparse.Namespace, console: Console, result: "Result", figures: Figures) -> int:
    for note in result.notes:
        console.note(note)
    figures += [
        ("frames", f"{result.frames} at {result.rate:g} frames/s"),
        ("meshes", f"{result.meshes} with {result.vertices} vertices"),
        ("bones", str(result.bones)),
        ("shape keys", str(result.keys)),
    ]
    off = result.difference
    code = OK
    if off is not None:
        figures += [
            ("imported again", f"{off['points']:.3f} mm and {off['turns']:.3f} degrees off at frames"),
            ("between frames", f"{off['points_between']:.3f} mm and {off['turns_between']:.3f} degrees off"),
        ]
        if off["missing"]:
            console.error(f"Did not come back from the file: {', '.join(off['missing'][:8])}.")
            code = BAD_INPUT
        elif off["points"] > _BOUND_MM or off["turns"] > _BOUND_DEGREES:
            console.note(f"The file differs from the character, most of all '{off['worst']}': see the figures.")
    figures += [("size", f"{result.size / 1e6:.2f} MB"), ("file", result.output)]
    if arguments.json:
        write_json(arguments.json, asdict(result))
    console.figures(figures)
    return code
