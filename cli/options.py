# SPDX-FileCopyrightText: 2026 Mimica authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the command line understands: commands, options and their help."""

import argparse
import math
from collections.abc import Callable, Mapping
from pathlib import Path

from ..capture.take import SUFFIX
from ..mapping.controls_file import FORMATS
from . import streams
from .pictures import MOMENTS, RATE, SECONDS

_EXIT_CODES = """\
exit codes:
  0    done
  1    the video, take or file cannot be used; a sentence on stderr says why
  2    the command line is wrong
  3    something is not installed: Blender's module, or the face model
  130  interrupted with Ctrl+C; what was captured until then is kept as a take
"""

_ACCURACY = """\
Predict the 52 shapes and the head's angles of clips whose truth is known, and score the predictions.

A clip is RIG_KIND.mp4 with its truth RIG_KIND.csv beside it: frame, time, segment, ARKit's 52 names, head_yaw,
head_pitch, head_roll; one row a frame, angles in degrees. Prints a table for the tracker's scores alone, geometry
alone (scores withheld) and the whole, offline and live. Writes report.json and predictions/VARIANT/CLIP.csv.

  r_all       Pearson's r over the whole clip, mean over shapes
  r_own       the same where the truth moves, 6 frames before and after included
  nMAE        there too: mean absolute error after the best line, over that of the best constant (0 good, 1 useless)
  cross-talk  mean change of the wrong shapes while one is swept, each in units of its own sweep's response
  lag         frames by which the prediction trails
"""

_REAL = """\
Measure how the controls of real clips behave, for the tracker's scores alone and the whole, offline and live.
Prints tables, and writes real.json with all figures and the time of each blink.

  jitter at rest    mean standard deviation of the 52 controls in the second in which the landmarks move least
  of its way        the same in shares of each control's own way in the clip
  tremble           the jitter of what changes from frame to frame alone
  head              the jitter of the head's three angles
  eyes apart        by how much the eyes look different ways, sideways / up and down
  blinks            peaks of both eyes' mean closure above 0.5 that stand out by 0.3
  closed lips kept  of the frames whose inner lips are less than 1 mm above their closed level in the picture, those
                    in which mouthClose makes up for jawOpen, but for 0.05
  open lips shut    the same share of the frames whose inner lips are more than 3 mm above it
  leak              |r| of brows, blinks and jaw with the head's angle, mean and worst; a performer who raises the
                    brows when the head turns has some of it too
  asymmetry         mean difference of the controls from those of the mirrored clip, sides swapped: what the tracker
                    and the mapping do to one side and not to the other
  delay             by how much live trails offline, from the cross-correlation of each control
"""

_PERFORMER = """\
Learn a performer's face from a video or take: the neutral, and how far the expressions go.

Without prompts it learns from whatever the performer does. A file of prompts says which pose is shown when:

  name,start,end

with times in seconds after the first image. A name is a guided pose of Mimica's (jaw_open, smile, brows_up, ...: see
mapping/data/range_poses.json), one of ARKit's shapes, or neutral. A .json file holds a list of objects with the same
names, and may give each its own "controls": {"jawOpen": 1.0}.
"""

_STREAM = """\
PROTOCOL is one of livelink (Live Link Face), vmc, ifacialmocap and json. A take goes out as it is baked, a video as it
is tracked while it plays, each at its own speed.
"""

_RECEIVE = """\
PROTOCOL is one of livelink (Live Link Face), vmc, ifacialmocap and json. The take is baked and exported as others are.
"""

_SERVE = """\
Serve a page on the local network, and print its address as a QR code. A phone or another computer that opens it sends
its camera's picture, and gets the tracked mesh back. Several may: each is a performer with a face of its own in the
take. Only who has the code gets the page. Needs pip install mimica[phone].
"""

_BATCH = """\
Each clip becomes a folder X in the folder of results: X.blend, X.mimica (the take), X.csv (the controls), X.png
(telling moments). index.html shows all of them, report.json says the same for programs and is the same for the same
input, timings.json has the times. A clip that fails does not stop the others: the report says why.

The same command goes on where an interrupted one ended, and does again what has changed: the clip, a file that is
named, the options, Mimica. Clips are videos, takes and folders of images; deeper folders are not looked into.

With --scheduler the clips are spread over the workers of a Dask cluster (pip install mimica[dask]). All machines have
to see the clips, the results and the files that are named under the same paths, and to have the same Mimica, Blender
and model: each is asked before anything begins.
"""

_CHARACTER_FILE = """\
Write an animated character as GLB or FBX, with its meshes, bones and shape keys, as other programs read them.

Needs Blender. The character is a face rig that Mimica makes, or the one in your file, driven as 'mimica run' does; your
file is not changed. Without a take it is exported as it is animated in its file. Drivers, constraints and modifiers are
baked; what bones and shape keys do not show becomes shape keys of its own. The file is imported again and compared with
the character: the largest differences are printed.
"""

_EXPORT = """\
Write the controls of a take as a file that other programs read. The take is solved as 'mimica solve' does. A file of
controls is taken too, and written in another format. docs/formats.md describes the formats:

  livelink  the table that Live Link Face writes, for Unreal and what imports its recordings
  csv       the table of 'mimica solve', and where the eyes look
  json      the same as JSON
"""

_VIEW = """\
Shows the picture with the landmarks on it, the face in 3D, the tracker's scores above the controls, head, gaze and
confidence over time, each face by itself. Needs the package rerun-sdk. Without options the viewer opens, and what was
written for it is deleted when it is closed. It runs on this computer and listens to no other.

The picture is there where the take has one: the camera's video that was kept with it, or the video that it was made of
when that lies beside it.
"""

Command = Callable[..., int]


def make_parser(program: str, do: Mapping[str, Command]) -> argparse.ArgumentParser:
    """Return the parser. Its result has `run`, the entry of `do` for the command that was given.

    :param program: how the user calls this.
    """
    plain = argparse.RawDescriptionHelpFormatter
    parser = argparse.ArgumentParser(
        prog=program,
        description="Facial motion capture: from a video to a take, to controls, to an animated face in Blender.",
        epilog=_EXIT_CODES,
        formatter_class=plain,
    )
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")

    def add(name: str, text: str, more: str = "") -> argparse.ArgumentParser:
        about = f"{text[0].upper()}{text[1:]}.\n{more}"
        command = commands.add_parser(name, help=text, description=about, epilog=_EXIT_CODES, formatter_class=plain)
        command.add_argument("--verbose", action="store_true", help="show what the libraries and Blender say")
        command.set_defaults(run=do[name])
        return command

    run = add(
        "run",
        "video or take to keyframes on a character in a .blend file",
        "Needs Blender. The take is kept beside the .blend file, so that it can be baked again with other settings.\n"
        "Without --character the character is a face rig that Mimica makes. With it, it is the one in your file,\n"
        "driven by the mapping that it holds, else by what its names tell; what has drivers, locks or an animation of\n"
        "yours is left alone. Camera, lights and frame rate stay as they are, and scripts in the file are not run.\n"
        "A file of controls, of Live Link Face, Audio2Face or Mimica, is baked as it is.",
    )
    run.add_argument(
        "video",
        metavar="VIDEO",
        type=Path,
        help=f"video, folder of images, take ({SUFFIX}), or file of controls (.csv, .json)",
    )
    run.add_argument("--output", metavar="X.blend", type=Path, required=True, help="Blender file to write")
    _add_own_character_options(run)
    run.add_argument("--take", metavar="FILE", type=Path, help=f"where to keep the take (default: X{SUFFIX})")
    run.add_argument("--film", metavar="FILE.mp4", type=Path, help="also render a film of source beside result")
    run.add_argument("--sheet", metavar="FILE.png", type=Path, help="also render a contact sheet of telling moments")
    run.add_argument("--csv", metavar="FILE.csv", type=Path, help="also write the table of controls, as 'solve' does")
    run.add_argument("--json", metavar="FILE.json", type=Path, help="also write what was found and made, for programs")
    _add_character_options(run)
    _add_film_options(run)
    _add_performer_options(run)
    _add_capture_options(run)
    _add_controls_options(run)

    batch = add("batch", "a folder of clips to keyframes on a character, with a report", _BATCH)
    batch.add_argument("folder", metavar="FOLDER", type=Path, help="folder of clips")
    batch.add_argument("--out", metavar="DIR", type=Path, required=True, help="folder of results")
    batch.add_argument("--overwrite", action="store_true", help="do all clips anew, whatever is there")
    batch.add_argument("--sheet", action=argparse.BooleanOptionalAction, default=True, help="render contact sheets")
    group = batch.add_argument_group("machines")
    where = group.add_mutually_exclusive_group()
    where.add_argument(
        "--jobs", type=_count, metavar="N", help="clips at once on this machine (default: one for two cores)"
    )
    where.add_argument("--scheduler", metavar="ADDRESS", help="a Dask scheduler's address, as in tcp://host:8786")
    mine = len(batch._actions)
    _add_own_character_options(batch)
    batch.add_argument(
        "--moments", type=_count, default=6, metavar="N", help="pictures on each contact sheet (default: 6)"
    )
    _add_character_options(batch)
    _add_performer_options(batch)
    _add_capture_options(batch, overwrite=False)
    # Each clip is a `run`, which is given these as they are.
    batch.set_defaults(passed_on=batch._actions[mine:])

    export = add("export", "an animated character as GLB or FBX, from a take in one step", _CHARACTER_FILE)
    export.add_argument(
        "video",
        metavar="TAKE",
        type=Path,
        nargs="?",
        help=f"take ({SUFFIX}), video, folder of images, or file of controls (default: what is animated in the file)",
    )
    export.add_argument("--output", metavar="X.glb|X.fbx", type=Path, required=True, help="file to write")
    _add_own_character_options(export)
    export.add_argument("--take", metavar="FILE", type=Path, help="also keep the take of a video")
    export.add_argument("--json", metavar="FILE.json", type=Path, help="also write what was made, for programs")
    export.add_argument(
        "--check",
        action=argparse.BooleanOptionalAction,
        default=True,
        help="import the file again and compare it with the character (default: yes)",
    )
    _add_character_options(export)
    _add_performer_options(export)
    _add_capture_options(export)
    _add_controls_options(export)

    solve = add(
        "solve",
        "video or take to a table of controls; needs no Blender",
        "One row a frame: frame, time in seconds, ARKit's 52 controls in [0, 1], head_yaw, head_pitch, head_roll\n"
        "in degrees (yaw > 0: nose to the image's right; pitch > 0: down; roll > 0: top to the left), and each eye's\n"
        "gaze_yaw and gaze_pitch. The same table as 'mimica take export' writes.",
    )
    solve.add_argument("video", metavar="VIDEO", type=Path, help=f"video, folder of images, or take ({SUFFIX})")
    solve.add_argument("--csv", metavar="OUT.csv", type=Path, required=True, help="table to write")
    solve.add_argument("--take", metavar="FILE", type=Path, help="also keep the take")
    _add_performer_options(solve)
    _add_capture_options(solve)

    demo = add(
        "demo",
        "show everything: video to take, face rig, keyframes, film and contact sheet",
        "Writes demo.blend, demo.mimica, demo.mp4 and demo.png. Without a video it makes one from a photograph.",
    )
    demo.add_argument("video", metavar="VIDEO", type=Path, nargs="?", help="video (default: a sample, made first)")
    demo.add_argument("--output", metavar="FOLDER", type=Path, default=Path("out"), help="where to (default: out)")
    demo.set_defaults(csv=None, json=None)
    _add_character_options(demo)
    _add_film_options(demo)
    _add_performer_options(demo)
    _add_capture_options(demo, overwrite=False)

    take = add("take", "look into takes and files of controls, and export what is in them")
    actions = take.add_subparsers(dest="action", required=True, metavar="ACTION")
    info = actions.add_parser("info", help="say what is in a take", description="Say what is in a take.")
    info.add_argument("file", metavar="FILE", type=Path, help=f"take ({SUFFIX}), or file of controls (.csv, .json)")
    _add_controls_options(info)
    export = actions.add_parser(
        "export",
        help="controls of a take, for other programs",
        description=_EXPORT,
        epilog=_EXIT_CODES,
        formatter_class=plain,
    )
    export.add_argument("file", metavar="FILE", type=Path, help=f"take ({SUFFIX}), or file of controls (.csv, .json)")
    export.add_argument("--out", metavar="FILE", type=Path, required=True, help="file to write; .csv or .json")
    export.add_argument("--format", choices=FORMATS, help="format to write (default: csv or json, as the file's name)")
    export.add_argument("--overwrite", action="store_true", help="replace the file if it is there already")
    export.add_argument("--camera-fov", type=_angle, metavar="DEGREES", help="vertical field of view of the camera")
    export.add_argument("--face", type=_count, metavar="N", help="the face to use, from 1 (default: seen most)")
    _add_performer_options(export)
    _add_controls_options(export)
    importing = actions.add_parser(
        "import",
        help="make a take of a file of controls",
        description="Make a take of a file of controls: of Live Link Face, Audio2Face or Mimica. It is listed, baked\n"
        "and exported as others are, and holds no face that could be solved again.",
        epilog=_EXIT_CODES,
        formatter_class=plain,
    )
    importing.add_argument("file", metavar="FILE", type=Path, help="file of controls (.csv, .json)")
    importing.add_argument("-o", "--out", metavar="TAKE", type=Path, help=f"take to write (default: FILE{SUFFIX})")
    importing.add_argument("--overwrite", action="store_true", help="replace the take if it is there already")
    _add_controls_options(importing)

    view = add("view", "look into a take with Rerun's viewer", _VIEW)
    view.add_argument("take", metavar="TAKE", type=Path, help=f"take ({SUFFIX})")
    view.add_argument("-o", "--output", metavar="F.rrd", type=Path, help="recording to write and keep")
    view.add_argument(
        "--open",
        action=argparse.BooleanOptionalAction,
        default=None,
        help="open the viewer (default: yes without --output, no with it)",
    )
    view.add_argument("--address", metavar="HOST:PORT", help="show it in a viewer that runs there")
    view.add_argument("--video", metavar="FILE", type=Path, help="the video that the take was made of")
    view.add_argument(
        "--picture-width",
        type=_pixels,
        default=640,
        metavar="N",
        help="pixels at most, 0 for no picture (default: 640)",
    )
    view.add_argument("--overwrite", action="store_true", help="replace the recording if it is there already")

    stream = add("stream", "send a take or video to other programs, in real time", _STREAM)
    stream.add_argument(
        "file", metavar="FILE", type=Path, help=f"take ({SUFFIX}), file of controls, video or folder of images"
    )
    stream.add_argument(
        "--to",
        metavar="PROTOCOL:HOST:PORT",
        type=streams.target,
        action="append",
        required=True,
        help="where to, such as json:127.0.0.1:47800; host and port may be left out; may be given several times",
    )
    _add_capture_options(stream, overwrite=False)
    stream.add_argument("--performer", metavar="FILE.json", type=Path, help="whose neutral and range it is read with")
    _add_controls_options(stream)

    receive = add("receive", "record what another program sends as a take", _RECEIVE)
    receive.add_argument(
        "source", metavar="PROTOCOL:PORT", type=streams.place, help="what to receive; the port may be left out"
    )
    receive.add_argument("--take", metavar=f"FILE{SUFFIX}", type=Path, required=True, help="take to record")
    receive.add_argument(
        "--seconds", type=_positive, metavar="N", help="how long to record (default: until Ctrl+C is pressed)"
    )
    receive.add_argument("--host", default="", metavar="ADDRESS", help="of this computer (default: all it has)")
    receive.add_argument(
        "--phone", default="", metavar="ADDRESS", help="the phone's, where it sends only when it is asked"
    )
    receive.add_argument("--overwrite", action="store_true", help="replace the take if it is there already")

    serve = add("serve", "be the computer to which phones send their cameras' pictures", _SERVE)
    serve.add_argument("--take", metavar="TAKE", type=Path, help=f"record all faces into a take ({SUFFIX})")
    serve.add_argument("--seconds", metavar="N", type=_positive, help="end after so many seconds with a picture")
    serve.add_argument("--faces", type=int, default=1, choices=range(1, 5), help="most faces of a phone (default: 1)")
    serve.add_argument("--port", type=int, default=8443, metavar="N", help="port to listen on (default: 8443)")
    serve.add_argument(
        "--host", default="0.0.0.0", metavar="ADDRESS", help="address to listen on (default: all of this computer's)"
    )
    serve.add_argument(
        "--ice",
        action="append",
        default=[],
        metavar="SERVER",
        help="STUN or TURN server for phones in other networks: stun:HOST:PORT or turn:USER:PASSWORD@HOST:PORT",
    )
    serve.add_argument("--overwrite", action="store_true", help="replace the take if it is there already")
    _add_model_option(serve)

    performer = add("performer", "learn a performer's face, or look into what was learned")
    actions = performer.add_subparsers(dest="action", required=True, metavar="ACTION")
    learn = actions.add_parser(
        "learn",
        help="neutral and range of a face, from a video or take",
        description=_PERFORMER,
        epilog=_EXIT_CODES,
        formatter_class=plain,
    )
    learn.add_argument("video", metavar="VIDEO", type=Path, help=f"video, folder of images, or take ({SUFFIX})")
    learn.add_argument("--out", metavar="FILE.json", type=Path, required=True, help="profile to write")
    learn.add_argument("--prompts", metavar="FILE", type=Path, help="which pose is shown when; .csv or .json")
    _add_capture_options(learn)
    info = actions.add_parser("info", help="say what is in a profile", description="Say what is in a profile.")
    info.add_argument("file", metavar="FILE.json", type=Path, help="performer profile")

    model = add("model", "say which face model is in use, or get one")
    way = model.add_mutually_exclusive_group()
    way.add_argument("--where", action="store_true", help="print the path of the model in use (the default)")
    way.add_argument("--download", action="store_true", help="download it from Google's address, hash checked")
    way.add_argument(
        "--offline",
        action="store_true",
        help="build one from the package registry's mediapipe 0.10.21 wheel (needs pip; has no expression scores)",
    )
    way.add_argument(
        "--detector",
        action="store_true",
        help="get the detector for faces far away out of the same wheel (needs pip); --offline has it, too",
    )
    _add_model_option(model)

    check = add(
        "self-test",
        "check everything that a bug report needs, and print a report without personal data",
        "The camera is opened for a second; nothing is sent or kept. The exit code is 1 when a check fails.",
    )
    check.add_argument("--camera", metavar="NAME", help="camera to open (default: the first one)")
    check.add_argument("--no-camera", action="store_true", help="open no camera")
    check.add_argument("--helper", action="store_true", help="open the camera in a helper process")
    check.add_argument("--microphone", action="store_true", help="also list microphones; nothing is recorded")
    check.add_argument("--out", metavar="FILE.txt", type=Path, help="write the report there instead of printing it")
    check.add_argument("--overwrite", action="store_true", help="replace the file if it is there already")
    _add_model_option(check)

    bench = add("bench", "measure how good the controls are")
    benches = bench.add_subparsers(dest="bench", required=True, metavar="BENCH")
    accuracy = benches.add_parser(
        "accuracy",
        help="on clips whose truth is known",
        description=_ACCURACY,
        epilog=_EXIT_CODES,
        formatter_class=plain,
    )
    accuracy.add_argument("--clips", metavar="FOLDER", type=Path, required=True, help="videos X.mp4 and truths X.csv")
    _add_bench_options(accuracy)
    accuracy.add_argument("--only", metavar="TEXT", nargs="+", default=[], help="clips with one of these in the name")
    accuracy.add_argument(
        "--variants",
        metavar="TEXT",
        nargs="+",
        default=[],
        help="variants with one of these in the name, as in whole-off",
    )
    accuracy.add_argument(
        "--camera-fov",
        metavar="[RIG=]DEGREES",
        type=_rig_angle,
        nargs="+",
        default=[],
        help="vertical field of view of the camera, of all clips or of a rig's (default: not known)",
    )
    accuracy.add_argument(
        "--profile",
        action="store_true",
        help="also with expressions learned: from each clip itself, and a profile from each rig's clip RIG_sweep",
    )

    real = benches.add_parser(
        "real",
        help="on clips whose truth nobody knows",
        description=_REAL,
        epilog=_EXIT_CODES,
        formatter_class=plain,
    )
    real.add_argument("--clips", metavar="FOLDER", type=Path, required=True, help="videos of one face each")
    _add_bench_options(real)
    real.add_argument("--camera-fov", type=_angle, metavar="DEGREES", help="vertical field of view of the camera")
    return parser


def _add_bench_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--verbose", action="store_true", default=argparse.SUPPRESS, help=argparse.SUPPRESS)
    parser.add_argument(
        "--out", metavar="FOLDER", type=Path, required=True, help="where to; takes stay there for the next time"
    )
    parser.add_argument("--track-again", action="store_true", help="track clips also when their takes are there")
    _add_model_option(parser)


def _add_own_character_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--character", metavar="FILE.blend", type=Path, help="your own character's file (default: a new face rig)"
    )
    parser.add_argument(
        "--object", metavar="NAME", help="the character's armature or mesh, where the file holds several characters"
    )


def _add_character_options(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group("character and keyframes")
    group.add_argument(
        "--fps", type=_positive, metavar="N", help="frames a second of a new scene (default: the video's)"
    )
    group.add_argument("--start-frame", type=int, default=1, metavar="N", help="frame of the first image (default: 1)")
    group.add_argument(
        "--reduce",
        type=_positive,
        nargs="?",
        const=1.0,
        metavar="FACTOR",
        help="fewer keys, within 0.2 mm on an average face, 0.25 degrees and 0.005 of a shape key of each frame, times"
        " FACTOR (default: a key at each frame)",
    )
    group.add_argument(
        "--step",
        type=_positive,
        default=1.0,
        metavar="FRAMES",
        help="frames from key to key: 2 for twos, 0.5 for keys between frames too (default: 1)",
    )
    group.add_argument(
        "--smoothing",
        type=_not_negative,
        default=1.0,
        metavar="S",
        help="0 lets everything through, each step up halves what passes (default: 1)",
    )
    group.add_argument(
        "--strength",
        type=_not_negative,
        default=1.0,
        metavar="FACTOR",
        help="how much of the performance is shown: 1 as it was, 0 nothing (default: 1)",
    )
    group.add_argument(
        "--mirror", action="store_true", help="what the performer does on the left, the character does on the right"
    )
    group.add_argument(
        "--existing",
        choices=("leave", "replace", "add"),
        default="leave",
        help="your own character's animation: leave its channels alone, key them too, or add to it (default: leave)",
    )
    group.add_argument(
        "--proportions",
        choices=("performer", "average"),
        help="proportions of a new rig: the performer's own, or the average face (default: performer)",
    )


def _add_capture_options(parser: argparse.ArgumentParser, *, overwrite: bool = True) -> None:
    group = parser.add_argument_group("capture")
    group.add_argument("--camera-fov", type=_angle, metavar="DEGREES", help="vertical field of view of the camera")
    group.add_argument("--faces", type=int, default=1, metavar="N", help="most faces to track at once, 1 to 4")
    group.add_argument(
        "--face", type=_count, metavar="N", help="the face to use, from 1; 'take info' lists them (default: seen most)"
    )
    group.add_argument(
        "--far-faces",
        action=argparse.BooleanOptionalAction,
        default=True,
        help="search for faces that are not found at once: far away, on their side, in the dark (default: yes, where "
        "there is a face detector)",
    )
    group.add_argument(
        "--detector",
        metavar="FILE",
        type=Path,
        help="face detector for that: MediaPipe's full-range .tflite, or SCRFD or RetinaFace as .onnx (default: "
        "MIMICA_DETECTOR, else what is found)",
    )
    if overwrite:
        group.add_argument("--overwrite", action="store_true", help="replace files that are there already")
    _add_model_option(parser)


def _add_performer_options(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group("performer")
    group.add_argument(
        "--performer",
        metavar="FILE.json",
        type=Path,
        help="whose neutral and range it is read with (default: what the take recorded, else found in it)",
    )
    group.add_argument(
        "--learn",
        action=argparse.BooleanOptionalAction,
        default=True,
        help="learn from the performance itself what expressions and turns look like on this face (default: yes)",
    )


def _add_controls_options(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group("reading files of controls")
    group.add_argument(
        "--unit",
        choices=("auto", "radians", "degrees"),
        default="auto",
        help="unit of the angles in a table of Live Link Face (default: told by their size)",
    )
    group.add_argument(
        "--landscape", action="store_true", help="the phone lay on its side: the head's yaw and pitch change their sign"
    )
    group.add_argument("--rate", type=_positive, metavar="N", help="frames a second of a file without times")


def _add_model_option(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--model", metavar="FILE.task", type=Path, help="face model (default: MIMICA_MODEL, else what is found)"
    )


def _add_film_options(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group("film and contact sheet")
    group.add_argument("--film-rate", type=_positive, metavar="N", help=f"frames a second (default: {RATE:g})")
    group.add_argument(
        "--film-seconds",
        type=_not_negative,
        default=SECONDS,
        metavar="S",
        help=f"length of the film at most, 0 for the whole performance (default: {SECONDS:g})",
    )
    group.add_argument("--moments", type=_count, default=MOMENTS, metavar="N", help=f"pictures (default: {MOMENTS})")


def _positive(text: str) -> float:
    value = _not_negative(text)
    if value == 0:
        raise argparse.ArgumentTypeError("must be more than 0")
    return value


def _not_negative(text: str) -> float:
    value = float(text)
    if not 0 <= value < math.inf:
        raise argparse.ArgumentTypeError("must be 0 or more")
    return value


def _pixels(text: str) -> int:
    value = int(text)
    if not 0 <= value <= 7680:
        raise argparse.ArgumentTypeError("must be from 0 to 7680")
    return value


def _angle(text: str) -> float:
    value = float(text)
    if not 5 <= value <= 150:
        raise argparse.ArgumentTypeError("must be from 5 to 150")
    return value


def _rig_angle(text: str) -> tuple[str, float]:
    rig, _, angle = text.rpartition("=")
    return rig, _angle(angle)


def _count(text: str) -> int:
    value = int(text)
    if not 1 <= value <= 100:
        raise argparse.ArgumentTypeError("must be from 1 to 100")
    return value
