# SPDX-FileCopyrightText: 2026 Mimica authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Show clips beside what the tracker's scores alone and what Mimica make of them, on the same face.

    python -m mimica.tools.make_comparison VIDEO... --out FOLDER

Each clip gives NAME.mp4 (the source, the scores put straight on the own face rig as most tools do, Mimica's mapping on
it; frame and time below), NAME.png (the frames in which a control of the two differs most, and those whose lips touch
in the picture and not on the rig) and NAME.json (those frames, how much each control differs, how often lips part).
`--frames 100:160:5` adds NAME_100-160.png of these frames. The head turns alike in both, so that faces alone differ.
Takes stay in FOLDER/takes: run it again after each change of the solve.

Needs MIMICA_MODEL (`python dev.py model` prints one) and Blender as a module.
"""

import argparse
import os
import sys
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import bpy
import cv2
import numpy as np

from ..capture.model import verify_model
from ..capture.source import SourceError
from ..capture.take import Take
from ..cli import perform, scene, tracked
from ..cli.behaviour import lip_gap, lips_in_picture
from ..cli.console import Console
from ..cli.failure import CommandError
from ..cli.film import FilmWriter, write_picture
from ..cli.moments import source_pictures
from ..cli.report import write_json
from ..cli.scoring import held
from ..mapping.frame import ARKIT_SHAPES
from ..rig import compat
from ..rig.arkit import key_controls
from ..rig.preview import PreviewSettings, best_engine, render_preview
from .comparison_contacts import PARTED_MM, rig_lip_gap, worst_parted
from .comparison_frames import (
    CAPTION,
    Difference,
    crop,
    crop_result,
    difference_at,
    face_boxes,
    film_picture,
    largest_differences,
    sheet,
)

_PIXELS = 360
_RENDERED = 512
"""Of a rendered picture, of which the face is cut out."""
_WORST_LIPS = 6
"""Frames with parted lips on the sheet."""
_HEAD_BONES = ("head", "neck")


@dataclass(frozen=True, slots=True, eq=False)
class Clip:
    """One clip, tracked and mapped."""

    path: Path
    performance: perform.Performance
    scores: np.ndarray
    """float (N, 52), gaps held."""

    def difference(self, frame: int) -> Difference:
        """Return the control that differs most in a frame."""
        motion = self.performance.motion
        return difference_at(motion.times, self.scores, motion.controls, frame)

    def differences(self, count: int) -> list[Difference]:
        """Return the frames that differ most."""
        motion = self.performance.motion
        return largest_differences(motion.times, self.scores, motion.controls, count)


def load(path: Path, take: Path, field_of_view: float | None) -> Clip:
    """Map the take of a clip. Raises CommandError when it has no face or no scores."""
    performance = perform.solve(Take.open(take), perform.source_spec(path), field_of_view)
    if performance.frames.scores is None:
        raise CommandError("This face model gives no scores to compare with. Name one that does in MIMICA_MODEL.")
    return Clip(path, performance, held(performance.frames.scores)[0])


def show(
    clip: Clip, out: Path, console: Console, *, moments: int, every: int, wanted: Sequence[range]
) -> list[Difference]:
    """Write film, sheets and figures of a clip; return the frames on its sheet. Replaces the open file.

    :param every: the film has every n-th frame; 0: no film.
    :param wanted: frames that get a sheet of their own.
    """
    name, motion, seen = clip.path.stem, clip.performance.motion, clip.performance.frames
    with console.progress(f"Posing, {name}"), console.quiet():
        stage = _Stage(clip)
        lips = stage.lips()
    chosen = sorted([*clip.differences(moments), *lips.worst(motion.times)], key=lambda d: d.frame)
    filmed = set(range(0, len(motion), every)) if every else set[int]()
    sheets = [[i for i in frames if i < len(motion)] for frames in wanted]
    on_sheets = {d.frame for d in chosen}.union(*sheets)
    frames = sorted(filmed | on_sheets)
    boxes = face_boxes(seen.landmarks, seen.image_sizes)[frames]
    kept: dict[int, list[np.ndarray]] = {}
    rate = clip.performance.rate / max(every, 1)
    film = FilmWriter(out / f"{name}.mp4", rate, (3 * _PIXELS, _PIXELS + CAPTION)) if every else None
    try:
        with tempfile.TemporaryDirectory(prefix="mimica-") as folder:
            for frame, pictures in zip(frames, stage.pictures(frames, boxes, Path(folder), console), strict=True):
                if film and frame in filmed:
                    title = f"{name}   frame {frame}   {motion.times[frame]:.2f} s"
                    film.write(film_picture(pictures, title, _PIXELS))
                if frame in on_sheets:
                    kept[frame] = pictures
    finally:
        if film:
            film.close()
    if chosen:
        write_picture(out / f"{name}.png", sheet([(kept[d.frame], d) for d in chosen]))
    for numbers in filter(None, sheets):
        rows = [(kept[i], clip.difference(i)) for i in numbers]
        write_picture(out / f"{name}_{numbers[0]}-{numbers[-1]}.png", sheet(rows))
    write_json(out / f"{name}.json", _figures(clip, chosen, lips))
    return chosen


@dataclass(frozen=True, slots=True, eq=False)
class Lips:
    """How far lips are apart on the rig, (N,) each."""

    closed: np.ndarray
    """bool: closed in the picture."""
    scores: np.ndarray
    mapped: np.ndarray
    """mm, by the scores and by the mapping."""

    def worst(self, times: np.ndarray) -> list[Difference]:
        """Return the frames whose lips touch in the picture and are furthest apart by the mapping."""
        return [
            Difference(i, float(times[i]), "lips apart, mm", float(self.scores[i]), float(self.mapped[i]))
            for i in worst_parted(times, self.closed, self.mapped, _WORST_LIPS)
        ]

    def figures(self) -> dict[str, object]:
        """Return what the report says of them."""
        parted = self.closed & (self.mapped > PARTED_MM)
        return {
            "closed": int(self.closed.sum()),
            "scores_parted": int((self.closed & (self.scores > PARTED_MM)).sum()),
            "mapped_parted": int(parted.sum()),
            "mapped_parted_frames": np.flatnonzero(parted).tolist(),
        }


class _Stage:
    """The own rig with the clip's two performances, an Action each. Replaces the open file."""

    def __init__(self, clip: Clip) -> None:
        self._clip = clip
        performance, times = clip.performance, clip.performance.motion.times
        shot = scene.make_shot(performance.rate, performance.profile.neutral)
        self._shot, _ = scene.bake(shot, performance)
        self._at = 1.0 + (times - times[0]) * shot.rate
        self._mapped = self._armature.animation_data.action
        self._scores = self._put_scores()

    @property
    def _armature(self) -> Any:
        return bpy.data.objects[self._shot.character]

    def lips(self) -> Lips:
        """Measure the rig's lips in all frames."""
        performance, keys = self._clip.performance, self._keys(range(len(self._at)))
        gaps = []
        for action in (self._scores, self._mapped):
            self._use(action)
            gaps.append(rig_lip_gap(self._shot, keys))
        closed, _ = lips_in_picture(lip_gap(performance.frames, performance.profile.field_of_view))
        return Lips(closed, *gaps)

    def pictures(
        self, frames: Sequence[int], boxes: np.ndarray, folder: Path, console: Console
    ) -> Iterator[list[np.ndarray]]:
        """Give source, scores and mapping at each of `frames`, uint8, BGR."""
        performance, keys = self._clip.performance, self._keys(frames)
        name = self._clip.path.stem
        self._use(self._scores)
        alone = self._rendered(keys, folder / "scores", f"Scores, {name}", console)
        self._use(self._mapped)
        mapped = self._rendered(keys, folder / "mapped", f"Mimica, {name}", console)
        assert performance.source is not None
        sources = source_pictures(performance.source, [float(performance.motion.times[i]) for i in frames])
        for source, box, *paths in zip(sources, boxes, alone, mapped, strict=True):
            yield [crop(source, box), *(crop_result(_read(path)) for path in paths)]

    def _keys(self, frames: Sequence[int]) -> list[int]:
        return [round(float(self._at[i])) for i in frames]

    def _use(self, action: Any) -> None:
        compat.assign_action(self._armature, action)
        # What the other Action moved and this one does not would keep its last pose.
        for bone in self._armature.pose.bones:
            bone.matrix_basis.identity()

    def _rendered(self, keys: Sequence[int], folder: Path, label: str, console: Console) -> list[Path]:
        """Render the rig at scene frames, each once."""
        settings = PreviewSettings(best_engine(), _RENDERED)
        once, shot = list(dict.fromkeys(keys)), self._shot
        with console.progress(label) as progress, console.quiet():
            paths = list(render_preview(bpy.data.scenes[shot.scene], shot.character, once, folder, settings, progress))
        found = dict(zip(once, paths, strict=True))
        return [found[key] for key in keys]

    def _put_scores(self) -> Any:
        """Key the scores into an Action of their own, in which the head turns as in the mapping."""
        armature = self._armature
        turns = []
        for curve in compat.fcurves_of(armature, self._mapped) or ():
            if any(f'"{bone}"' in curve.data_path for bone in _HEAD_BONES):
                keys = np.empty(2 * len(curve.keyframe_points), np.float32)
                curve.keyframe_points.foreach_get("co", keys)
                turns.append((curve.data_path, curve.array_index, keys.reshape(-1, 2)))
        action = bpy.data.actions.new("Scores")
        key_controls(armature, self._clip.scores, self._at, action)
        for path, index, keys in turns:
            curve = compat.ensure_fcurve(armature, action, path, index, "Head")
            compat.fill_fcurve(curve, keys[:, 0], keys[:, 1])
        return action


def _read(path: Path) -> np.ndarray:
    picture: Any = cv2.imread(str(path))
    if picture is None:
        raise CommandError("A picture that Blender rendered cannot be read. Check the space on the disk.")
    return picture


def _figures(clip: Clip, chosen: Sequence[Difference], lips: Lips) -> dict[str, object]:
    motion = clip.performance.motion
    away = np.abs(motion.controls - clip.scores)
    worst = away.argmax(axis=0)
    controls = {
        name: {
            "mean_difference": float(away[:, k].mean()),
            "largest": float(away[worst[k], k]),
            "frame": int(worst[k]),
            "time": float(motion.times[worst[k]]),
        }
        for k, name in sorted(enumerate(ARKIT_SHAPES), key=lambda item: -away[:, item[0]].mean())
    }
    return {
        "schema": 1,
        "clip": clip.path.name,
        "frames": [asdict(d) for d in chosen],
        "lips": lips.figures(),
        "controls": controls,
    }


def _frames(text: str) -> range:
    first, last, step = ([int(part) for part in text.split(":")] + [1])[:3]
    return range(first, last + 1, step)


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("videos", type=Path, nargs="+", metavar="VIDEO", help="clips of one face each")
    parser.add_argument("--out", type=Path, required=True, metavar="FOLDER", help="where films and sheets go")
    parser.add_argument("--moments", type=int, default=24, metavar="N", help="frames on the sheet (default: 24)")
    parser.add_argument("--every", type=int, default=2, metavar="N", help="every N-th frame is filmed (default: 2)")
    parser.add_argument("--no-film", action="store_true", help="sheets and figures alone, which is much quicker")
    parser.add_argument(
        "--frames", type=_frames, nargs="+", default=[], metavar="FIRST:LAST[:STEP]", help="more sheets, of these"
    )
    parser.add_argument("--camera-fov", type=float, metavar="DEGREES", help="vertical field of view of the camera")
    arguments = parser.parse_args(argv)
    if not os.environ.get("MIMICA_MODEL"):
        parser.error("Set MIMICA_MODEL to a face model; 'python dev.py model' prints where one is.")
    if arguments.every < 1 or arguments.moments < 1:
        parser.error("Choose at least 1 moment, and to film at least every frame.")
    console = Console()
    try:
        model = verify_model(Path(os.environ["MIMICA_MODEL"]), "environment")
        for path in arguments.videos:
            take = tracked.take_of(path, model, arguments.out / "takes")
            if not take.exists():
                with console.progress(f"Tracking {path.stem}") as progress, console.quiet():
                    tracked.track(path, model, take, progress)
            clip = load(path, take, arguments.camera_fov)
            chosen = show(
                clip,
                arguments.out,
                console,
                moments=arguments.moments,
                every=0 if arguments.no_film else arguments.every,
                wanted=arguments.frames,
            )
            for d in chosen:
                console.say(
                    f"{path.stem}  {d.frame:5}  {d.time:7.2f} s  {d.control:20} {d.scores:.2f} -> {d.mapped:.2f}"
                )
    except (CommandError, SourceError) as error:
        console.error(str(error))
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
