# SPDX-FileCopyrightText: 2026 Mimica authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The part of the commands that needs Blender: a scene with a character, its keyframes, its pictures. Main thread."""

import importlib.util
import math
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from ..mapping.calibration import PerformerProfile
from ..mapping.frame import FaceFrames
from .failure import MISSING, CommandError


def need_blender() -> None:
    """Raise CommandError when there is no Blender to work with."""
    if importlib.util.find_spec("bpy") is None:
        raise CommandError(
            "This command needs Blender. Run it inside Blender (blender --command mimica ...), or install Blender's"
            " module with: pip install bpy (for Python 3.11 or 3.13). 'mimica solve' and 'mimica take' work without.",
            MISSING,
        )


def new_scene(rate: float) -> Any:
    """Start an empty file and return its scene, which plays `rate` frames a second. The preferences stay."""
    import bpy

    bpy.ops.wm.read_homefile(use_empty=True, use_factory_startup=True)
    scene = bpy.context.scene
    scene.render.fps = max(1, math.ceil(rate - 1e-3))
    scene.render.fps_base = scene.render.fps / rate
    return scene


def make_character(neutral: np.ndarray | None) -> str:
    """Create the face rig and return its armature's name. `neutral`: (478, 3) cm, or None for the average face."""
    import bpy

    from ..rig.face_rig import create_face_rig

    return create_face_rig(bpy.context, neutral=neutral).armature


def bake(scene: Any, armature: str, frames: FaceFrames, name: str, profile: PerformerProfile, start: int) -> Any:
    """Key the performance from frame `start` on, set the scene's range to it, and return `rig.bake.BakeResult`.

    :raises CommandError: it cannot be baked.
    """
    import bpy

    from ..rig.bake import BakeError, BakeSettings, bake_take
    from ..rig.bind import TargetError

    try:
        result = bake_take(
            scene,
            bpy.data.objects[armature],
            frames,
            name=name,
            profile=profile,
            settings=BakeSettings(start_frame=float(start)),
        )
    except (BakeError, TargetError) as error:
        raise CommandError(str(error)) from error
    scene.frame_start, scene.frame_end = round(result.first_frame), round(result.last_frame)
    scene.frame_set(scene.frame_start)
    return result


def set_stage(scene: Any, armature: str) -> None:
    """Give the scene a camera and lights, and let the 3D viewports look through the camera when the file is opened."""
    import bpy

    from ..rig.preview import add_stage

    add_stage(scene, armature)
    for screen in bpy.data.screens:
        for area in screen.areas:
            if area.type == "VIEW_3D":
                area.spaces.active.region_3d.view_perspective = "CAMERA"


def save(path: Path) -> None:
    """Save the file. Raises CommandError."""
    import bpy

    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        bpy.ops.wm.save_as_mainfile(filepath=str(path.absolute()), compress=True, check_existing=False)
    except (OSError, RuntimeError) as error:
        raise CommandError(f"The file '{path}' cannot be saved: {error}") from error


def needs_patience() -> bool:
    """Whether there is no OpenGL here, so that pictures are rendered by Cycles. Takes a second or two the first time."""
    from ..rig.preview import best_engine

    return best_engine() == "CYCLES"


def render(
    scene: Any, armature: str, frames: Sequence[int], folder: Path, progress: Callable[[float], None]
) -> Iterator[np.ndarray]:
    """Render the character at each of `frames`: uint8 (512, 512, 3), BGR. Raises CommandError."""
    import cv2

    from ..rig.preview import PreviewError, PreviewSettings, best_engine, render_preview

    try:
        for path in render_preview(scene, armature, frames, folder, PreviewSettings(best_engine()), progress):
            yield cv2.imdecode(np.fromfile(path, np.uint8), cv2.IMREAD_COLOR)
    except PreviewError as error:
        raise CommandError(str(error)) from error
