# SPDX-FileCopyrightText: 2026 Mimica authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Render clips with known motion of a character with ARKit shapes, for `mimica bench accuracy`.

    python -m mimica.tools.make_eval head.glb --out FOLDER
    python -m mimica.tools.make_eval --own-rig --out FOLDER
    mimica bench accuracy --clips FOLDER --camera-fov 40 --out RESULTS

The character is a .blend, .glb, .gltf or .fbx file whose meshes have shape keys with ARKit names in any of the usual
spellings (eyeBlinkLeft, EyeBlink_L, Head_eye_blink_left), or Mimica's own face rig. The head is found by what the
shapes move. There are four clips, NAME_sweep, NAME_pairs, NAME_speech and NAME_head: MP4 at 30 frames a second, and
beside each the truth of every frame as CSV: frame, time, segment, ARKit's 52 shapes, head_yaw, head_pitch, head_roll
(degrees, R = Ry(yaw) Rx(pitch) Rz(roll); the nose to the picture's right, down, the head's top to the picture's left).

Needs Blender as a module. Workbench, the quick way, needs OpenGL; Cycles does not.
"""

import argparse
import csv
import os
import re
import sys
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path

from ..cli.console import Console
from ..cli.failure import CommandError, make_folder, unwritable
from ..cli.film import FilmWriter
from ..cli.truth import HEAD
from ..mapping.frame import ARKIT_SHAPES
from .eval_character import Character, CharacterError, OwnRig, ShapeKeys
from .eval_motion import RATE, EvalMotion, clips
from .eval_stage import EvalStage, Look

KINDS = ("sweep", "pairs", "speech", "head")


def write_truth(path: Path, motion: EvalMotion) -> None:
    """Write what a clip shows in the form that `read_truth` reads. Raises CommandError when it cannot be written."""
    make_folder(path)
    try:
        with path.open("w", newline="", encoding="utf-8") as file:
            rows = csv.writer(file, lineterminator="\n")
            rows.writerow(["frame", "time", "segment", *ARKIT_SHAPES, *HEAD])
            for i, segment in enumerate(motion.segments):
                shapes = (f"{value:.5f}" for value in motion.controls[i])
                angles = (f"{value + 0.0:.4f}" for value in motion.head[i])
                rows.writerow([i, f"{i / RATE:.5f}", segment, *shapes, *angles])
    except OSError as error:
        raise unwritable(path, error) from error


def render_clip(stage: EvalStage, motion: EvalMotion, path: Path, size: int, progress: Callable[[float], None]) -> None:
    """Render a clip to `path` (.mp4), and its truth beside it. Raises CommandError."""
    with FilmWriter(path, RATE, (size, size)) as film:
        for i in range(len(motion)):
            film.write(stage.picture(motion.controls[i], motion.head[i]))
            progress((i + 1) / len(motion))
    write_truth(path.with_suffix(".csv"), motion)


def _clip_name(text: str) -> str:
    """The last part of a clip's name is its kind, so that the rig's may have underscores too."""
    return re.sub(r"[^A-Za-z0-9-]+", "_", text).strip("_") or "rig"


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    who = parser.add_mutually_exclusive_group(required=True)
    who.add_argument("file", type=Path, nargs="?", metavar="FILE", help=".blend, .glb, .gltf or .fbx")
    who.add_argument("--own-rig", action="store_true", help="Mimica's own face rig, posed by its table of ARKit poses")
    parser.add_argument("--out", type=Path, required=True, metavar="FOLDER", help="where the clips go")
    parser.add_argument("--name", help="the clips are named after it (default: the file's name, or own)")
    parser.add_argument("--kinds", nargs="+", choices=KINDS, default=KINDS, help="which clips (default: all)")
    parser.add_argument("--shapes", nargs="+", choices=ARKIT_SHAPES, metavar="SHAPE", help="only these move")
    parser.add_argument("--size", type=int, default=512, metavar="PIXELS", help="width and height (default: 512)")
    parser.add_argument("--camera-fov", type=float, default=40.0, metavar="DEGREES", help="vertical (default: 40)")
    parser.add_argument(
        "--share", type=float, default=0.42, help="chin to brows over the picture's height (default: 0.42)"
    )
    parser.add_argument("--engine", choices=("workbench", "cycles"), default="workbench")
    parser.add_argument("--samples", type=int, default=8, metavar="N", help="of each pixel (default: 8)")
    parser.add_argument("--seed", type=int, default=0, help="another seed, other speech (default: 0)")
    arguments = parser.parse_args(argv)
    if not 16 <= arguments.size <= 4096 or not 5 <= arguments.camera_fov <= 120 or not 0.05 <= arguments.share <= 0.8:
        parser.error("Choose 16 to 4096 pixels, 5 to 120 degrees, and a share from 0.05 to 0.8.")
    console = Console()
    try:
        with console.progress("Loading"), console.quiet():
            character: Character = OwnRig() if arguments.own_rig else ShapeKeys(arguments.file)
        for note in character.notes:
            console.note(note)
        chosen = [name for name in character.shapes if not arguments.shapes or name in arguments.shapes]
        name = _clip_name(arguments.name or ("own" if arguments.own_rig else arguments.file.stem))
        look = Look(arguments.size, arguments.camera_fov, arguments.share, arguments.engine, arguments.samples)
        with tempfile.TemporaryDirectory(dir=_memory()) as folder:
            stage = EvalStage(character, look, Path(folder))
            for kind, make in clips(chosen, arguments.seed).items():
                if kind not in arguments.kinds:
                    continue
                path = arguments.out / f"{name}_{kind}.mp4"
                with console.progress(f"Rendering {path.stem}") as progress, console.quiet():
                    render_clip(stage, make(), path, look.size, progress)
                console.say(str(path))
    except (CommandError, CharacterError) as error:
        console.error(str(error))
        return 1
    return 0


def _memory() -> str | None:
    """Return a folder in memory, where the system has one."""
    return "/dev/shm" if os.access("/dev/shm", os.W_OK) else None


if __name__ == "__main__":
    sys.exit(main())
