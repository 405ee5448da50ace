# SPDX-FileCopyrightText: 2026 Mimica authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Files of controls on the command line: what is in them, from takes to them, and from them to takes and keyframes."""

import argparse
from contextlib import nullcontext
from pathlib import Path

import numpy as np

from ..capture.control_takes import read_control_take, write_control_take
from ..capture.take import SUFFIX, Take, TakeInfo, delete_take
from ..mapping.control_take import ControlsFileError, ControlTake, take_of_motion
from ..mapping.controls_file import SUFFIXES, Format, read_controls, write_controls
from ..mapping.frame import ARKIT_SHAPES
from ..mapping.performance import ControlPerformance
from ..mapping.read_table import ReadSettings
from . import character, perform, performer, scene
from .console import Console
from .failure import OK, USAGE, CommandError, make_folder
from .report import write_json

_NAMED = 8
"""As many unknown names are given in a sentence."""
_OF_FACES = ("take", "film", "sheet", "performer", "camera_fov", "face", "model")
"""Options for what a tracker saw."""


def is_controls(path: Path) -> bool:
    """Whether `path` is named as a file of controls, or is a take that was made of one. Raises `TakeError`."""
    if perform.is_take(path):
        return Take.open(path).info.kind == "controls"
    return path.suffix.lower() in SUFFIXES.values()


def read(arguments: argparse.Namespace, path: Path, console: Console) -> ControlTake:
    """Read controls as the command line says, and say what is to be said of them. Raises CommandError or TakeError."""
    if perform.is_take(path):
        take = Take.open(path)
        return ControlTake.stored(take.info.name, read_control_take(path, _face(arguments, take)))
    settings = ReadSettings(arguments.unit, arguments.landscape, arguments.rate)
    try:
        take = read_controls(path, settings)
    except ControlsFileError as error:
        raise CommandError(str(error)) from error
    for note in take.notes:
        console.note(note)
    if take.unknown:
        more = f" and {len(take.unknown) - _NAMED} more" if len(take.unknown) > _NAMED else ""
        console.note(f"Not understood, and left out: {', '.join(take.unknown[:_NAMED])}{more}.")
    return take


def _face(arguments: argparse.Namespace, take: Take) -> int | None:
    """Return the face that is asked for as the take counts them, of a stream; None: the one that was seen most."""
    number, found = getattr(arguments, "face", None), take.summary().found
    if number is None or not found:
        return None
    if number - 1 not in found:
        there = " or ".join(str(face + 1) for face in found)
        raise CommandError(f"The take '{take.info.name}' holds no face {number}. Choose face {there}.")
    return number - 1


def info(arguments: argparse.Namespace, console: Console) -> int:
    """Say what is in a file of controls."""
    console.figures(_figures(read(arguments, arguments.file, console)))
    return OK


def _figures(take: ControlTake) -> list[tuple[str, str]]:
    return [
        ("name", take.name),
        ("length", f"{take.duration:.2f} s, {len(take)} frames"),
        ("rate", f"{take.rate:g} frames/s"),
        ("controls", f"{len(take.known)} of {len(ARKIT_SHAPES)}"),
        ("head", "yes" if take.head is not None else "no"),
        ("eyes", "yes" if take.gaze is not None else "no"),
        ("landmarks", "none: it can be baked, and not be solved again"),
    ]


def make_take(arguments: argparse.Namespace, console: Console) -> int:
    """Make a take of a file of controls. Raises CommandError or TakeError."""
    source: Path = arguments.file
    output: Path = arguments.out or source.with_suffix(SUFFIX)
    if perform.is_take(source):
        raise CommandError(f"'{source}' is a take already. Name a file of controls (.csv, .json).", USAGE)
    if not perform.is_take(output):
        raise CommandError(f"The output '{output}' does not end in {SUFFIX}. Name such a file.", USAGE)
    if output.exists() and not arguments.overwrite:
        raise CommandError(f"'{output}' is there already. Choose another name, or add --overwrite.")
    take = read(arguments, source, console)
    if output.exists():
        Take.open(output)  # only a take is ever deleted
        delete_take(output)
    write_control_take(output, TakeInfo.imported(take.name), take)
    console.figures([*_figures(take), ("take", str(output))])
    return OK


def export(arguments: argparse.Namespace, console: Console) -> int:
    """Write the controls of a take, or of a file of controls, in a format. Raises CommandError or TakeError."""
    output, form = arguments.out, _format(arguments)
    if is_controls(arguments.file):
        take = read(arguments, arguments.file, console)
    elif perform.is_take(arguments.file):
        take = _solved(arguments, console)
    else:
        raise CommandError(
            f"'{arguments.file}' is neither a take ({SUFFIX}) nor a file of controls (.csv, .json). For a video"
            " there is 'mimica solve'.",
            USAGE,
        )
    _write(output, take, form)
    console.figures([("frames", f"{len(take)} at {take.rate:g} frames/s"), ("format", form), ("file", str(output))])
    return OK


def _write(output: Path, take: ControlTake, form: Format) -> None:
    make_folder(output)
    try:
        write_controls(output, take, form)
    except ControlsFileError as error:
        raise CommandError(str(error)) from error


def _format(arguments: argparse.Namespace) -> Format:
    """Return the format to write: the one that is named, else the one that the file's name tells."""
    suffix = arguments.out.suffix.lower()
    form: Format = arguments.format or ("json" if suffix == SUFFIXES["json"] else "csv")
    if suffix != SUFFIXES[form]:
        raise CommandError(f"The output '{arguments.out}' does not end in {SUFFIXES[form]}. Name such a file.", USAGE)
    return form


def _solved(arguments: argparse.Namespace, console: Console) -> ControlTake:
    chosen = performer.load_profile(arguments.performer) if arguments.performer else None
    take = Take.open(arguments.file)
    with console.progress("Solving"):
        solved = perform.solve(
            take, None, arguments.camera_fov, arguments.face, performer=chosen, learn=arguments.learn
        )
    return take_of_motion(take.info.name, solved.motion, solved.rate)


def refuse_face_options(arguments: argparse.Namespace, path: Path) -> None:
    """Raise CommandError when the command line says what goes with a face alone."""
    if given := [name for name in _OF_FACES if getattr(arguments, name, None) is not None]:
        option = f"--{given[0].replace('_', '-')}"
        raise CommandError(
            f"{option} is for a face that was seen. '{path.name}' holds controls alone: leave it out.", USAGE
        )


def run(arguments: argparse.Namespace, console: Console) -> int:
    """Bake a file of controls onto a new face rig or a user's character, and save the file. Raises CommandError."""
    refuse_face_options(arguments, arguments.video)
    take = read(arguments, arguments.video, console)
    figures: list[tuple[str, str]] = []
    own = arguments.character is not None
    with character.stored_maps() if own else nullcontext():
        if own:
            with console.progress("Opening the character"), console.quiet():
                character.open_file(arguments.character)
                found = character.find_character(arguments.object)
            shot = found.shot
            figures.append(("character", found.summary))
            for note in found.notes:
                console.note(note)
        else:
            with console.progress("Creating the face rig"), console.quiet():
                shot = scene.make_shot(arguments.fps or take.rate, None)
        with console.progress("Baking and saving"), console.quiet():
            settings = scene.bake_settings(arguments)
            shot, result = scene.bake_performance(shot, ControlPerformance(take), settings, mirror=arguments.mirror)
            scene.set_range(shot, extend=own)
            if not own:
                scene.set_stage(shot)
            scene.save(arguments.output)
    if arguments.csv:
        _write(arguments.csv, take, "csv")
    if arguments.json:
        seen = np.ones(len(take))
        write_json(arguments.json, scene.facts(take.times, seen, seen, shot, result))
    for note in result.notes:
        console.note(note)
    figures += [
        ("frames baked", f"{shot.last - shot.first + 1} at {shot.rate:g} frames/s"),
        ("keys", f"{result.keys} on {result.curves} curves"),
        ("baked in", f"{result.seconds:.2f} s"),
        ("action", result.action),
        ("file", str(arguments.output)),
    ]
    console.figures(figures)
    return OK
