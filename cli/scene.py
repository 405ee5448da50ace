# SPDX-FileCopyrightText: 2026 Mimica authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The part of the commands that needs Blender: a scene with a character, its keyframes, its pictures. Main thread."""

import importlib.util
import math
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from .failure import MISSING, CommandError, make_folder
from .perform import Performance

if TYPE_CHECKING:
    import argparse

    from ..mapping.performance import Performance as Played
    from ..rig.bake import BakeResult, BakeSettings
    from ..rig.performances import Choice

FACTS_SCHEMA = 1
"""Version of what `facts` returns."""


@dataclass(frozen=True, slots=True)
class Shot:
    """A character in a scene; both by name."""

    scene: str
    character: str
    """Its armature, or a mesh."""
    rate: float
    """Frames a second of the scene."""
    first: int = 1
    last: int = 1
    """First and last frame of the performance."""


def need_blender() -> None:
    """Raise CommandError when there is no Blender to work with."""
    if importlib.util.find_spec("bpy") is None:
        raise CommandError(
            "This command needs Blender. Run it inside Blender (blender --command mimica ...), or install Blender's"
            " module with: pip install bpy (for Python 3.11 or 3.13). 'mimica solve' and 'mimica take' work without.",
            MISSING,
        )


def make_shot(rate: float, neutral: np.ndarray | None) -> Shot:
    """Start an empty file of `rate` frames a second and create the face rig in it. The preferences stay.

    :param neutral: (478, 3) cm, face space; None for the average face.
    """
    import bpy

    from ..rig.face_rig import create_face_rig

    bpy.ops.wm.read_homefile(use_empty=True, use_factory_startup=True)
    render = bpy.context.scene.render
    render.fps = max(1, math.ceil(rate - 1e-3))
    render.fps_base = render.fps / rate
    rig = create_face_rig(bpy.context, neutral=neutral)
    return Shot(bpy.context.scene.name, rig.armature, rate)


def bake_settings(arguments: "argparse.Namespace") -> "BakeSettings":
    """Return what the command line says of a bake."""
    from ..mapping.reduce import Tolerances
    from ..mapping.settings import MappingSettings
    from ..mapping.strength import Strength
    from ..rig.bake import BakeSettings

    settings = BakeSettings(
        start_frame=float(arguments.start_frame),
        mapping=MappingSettings(arguments.smoothing),
        step=arguments.step,
        strength=Strength(arguments.strength),
        existing=arguments.existing.upper(),
    )
    if arguments.reduce is None:
        return settings
    return replace(settings, reduce=True, tolerances=Tolerances().scaled(arguments.reduce))


def choice_of(arguments: "argparse.Namespace", performance: Performance, output: Path) -> "Choice | None":
    """Return how Blender can open the performance again to change its keys; None where it cannot read it as here.

    :param output: the .blend, from which a take below its folder is named.
    """
    from ..rig.performances import MOST, Choice

    if arguments.performer is not None or arguments.camera_fov is not None:
        return None
    take, folder = performance.take.path.resolve(), output.parent.resolve()
    path = f"//{take.relative_to(folder).as_posix()}" if take.is_relative_to(folder) else str(take)
    face = MOST if arguments.face is None else arguments.face - 1
    return Choice(path, face, learn=arguments.learn, mirror=arguments.mirror)


def bake(
    shot: Shot,
    performance: Performance,
    settings: "BakeSettings | None" = None,
    choice: "Choice | None" = None,
    *,
    mirror: bool = False,
) -> "tuple[Shot, BakeResult]":
    """Key the performance. Raises CommandError.

    :param settings: None keys each frame from 1 on.
    :param choice: see `choice_of`.
    :param mirror: whether sides are swapped.
    """
    from ..mapping.performance import TakePerformance

    taken = TakePerformance(performance.take.info.name, performance.frames, performance.profile)
    return bake_performance(shot, taken, settings, choice, mirror=mirror)


def bake_performance(
    shot: Shot,
    performance: "Played",
    settings: "BakeSettings | None" = None,
    choice: "Choice | None" = None,
    *,
    mirror: bool = False,
) -> "tuple[Shot, BakeResult]":
    """Key what is solved already, or was never a face: see `bake`. Raises CommandError."""
    import bpy

    from ..mapping.performance import MirroredPerformance
    from ..rig import bake as baking
    from ..rig.bind import TargetError

    scene = bpy.data.scenes[shot.scene]
    keyed = MirroredPerformance(performance) if mirror else performance
    try:
        result = baking.bake(scene, bpy.data.objects[shot.character], keyed, settings=settings, choice=choice)
    except (baking.BakeError, TargetError) as error:
        raise CommandError(str(error)) from error
    return replace(shot, first=round(result.first_frame), last=round(result.last_frame)), result


def facts(
    times: np.ndarray, found: np.ndarray, quality: np.ndarray, shot: Shot, result: "BakeResult"
) -> dict[str, object]:
    """Return what was found in a performance and made of it, as JSON has it. No times of work: they would differ.

    :param times: (N,), seconds.
    :param found: bool (N,): where there was a face.
    :param quality: (N,), [0, 1].
    """
    return {
        "schema": FACTS_SCHEMA,
        "images": len(times),
        "seconds": round(float(times[-1] - times[0]), 3),
        "found": round(float(found.mean()), 4),
        "quality": round(float(quality.mean()), 4),
        "character": shot.character,
        "action": result.action,
        "first_frame": shot.first,
        "last_frame": shot.last,
        "rate": round(shot.rate, 3),
        "curves": result.curves,
        "keys": result.keys,
        "notes": list(result.notes),
    }


def set_range(shot: Shot, *, extend: bool) -> None:
    """Make the scene's range that of the performance and show its first frame, or only see that it has room for it."""
    import bpy

    scene = bpy.data.scenes[shot.scene]
    if extend:
        scene.frame_start, scene.frame_end = min(scene.frame_start, shot.first), max(scene.frame_end, shot.last)
        return
    scene.frame_start, scene.frame_end = shot.first, shot.last
    scene.frame_set(shot.first)


def set_stage(shot: Shot) -> None:
    """Give the scene a camera and lights, and let the 3D viewports look through the camera when the file is opened."""
    import bpy

    from ..rig.preview import add_stage

    add_stage(bpy.data.scenes[shot.scene], shot.character)
    for screen in bpy.data.screens:
        for area in screen.areas:
            if area.type == "VIEW_3D":
                area.spaces.active.region_3d.view_perspective = "CAMERA"


def save(path: Path) -> None:
    """Save the file; relative paths in it go on leading to the same places. Raises CommandError."""
    import bpy

    make_folder(path)
    try:
        bpy.ops.wm.save_as_mainfile(
            filepath=str(path.absolute()), compress=True, check_existing=False, relative_remap=True
        )
    except RuntimeError as error:
        raise CommandError(f"The file '{path}' cannot be saved: {error}") from error


def needs_patience() -> bool:
    """Whether there is no OpenGL here, so that Cycles renders. Takes a second or two the first time."""
    from ..rig.preview import best_engine

    return best_engine() == "CYCLES"


@contextmanager
def rendering(
    shot: Shot, frames: Sequence[int], folder: Path, progress: Callable[[float], None]
) -> Iterator[Iterator[np.ndarray]]:
    """Render the character at each of `frames`, as the pictures are asked for: uint8 (512, 512, 3), BGR.

    :raises CommandError: Blender renders nothing.
    """
    import bpy
    import cv2

    from ..rig.preview import PreviewError, PreviewSettings, best_engine, render_preview

    settings = PreviewSettings(best_engine())
    scene = bpy.data.scenes[shot.scene]
    try:
        with closing(render_preview(scene, shot.character, frames, folder, settings, progress)) as paths:
            yield (_picture(cv2.imdecode(np.fromfile(path, np.uint8), cv2.IMREAD_COLOR)) for path in paths)
    except PreviewError as error:
        raise CommandError(str(error)) from error


def _picture(decoded: Any) -> np.ndarray:
    if decoded is None:
        raise CommandError("A picture that Blender rendered cannot be read. Check the space on the disk.")
    return decoded
