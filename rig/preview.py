# SPDX-FileCopyrightText: 2026 Mimica authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Pictures of an animated character without a window: a stage of camera, lights and background, and its rendering.

Workbench needs OpenGL, which a machine without a screen may or may not have in software. Blender ends the whole process
when it has none, so a child process tries first. Cycles needs none and is the slower way out.
"""

import logging
import math
import subprocess
import sys
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, Literal

from .detect import character_parts
from .portrait import find_portrait

logger = logging.getLogger(__name__)

Engine = Literal["BLENDER_WORKBENCH", "CYCLES"]

STAGE = "Mimica Stage"
"""Name of the collection that holds camera and lights."""
BACKGROUND = (0.225, 0.25, 0.285)
"""Colour behind the character, linear."""
_FIELD_OF_VIEW = math.radians(22.0)  # a portrait lens: little perspective in the face
_WORKBENCH_EXPOSURE = 0.7
"""Stops by which Workbench's modelling light is too dark for a portrait."""
_CYCLES_SAMPLES = 8
_TRY_SECONDS = 120.0

_TRY = """
import os, sys, tempfile
sys.path += {path!r}
import bpy
bpy.ops.wm.read_factory_settings(use_empty=True)
scene = bpy.context.scene
scene.camera = bpy.data.objects.new("Camera", bpy.data.cameras.new("Camera"))
scene.collection.objects.link(scene.camera)
scene.render.engine = "BLENDER_WORKBENCH"
scene.render.resolution_x = scene.render.resolution_y = 8
with tempfile.TemporaryDirectory() as folder:
    scene.render.filepath = os.path.join(folder, "try.png")
    bpy.ops.render.render(write_still=True)
    sys.exit(0 if os.path.exists(scene.render.filepath) else 1)
"""


class PreviewError(Exception):
    """The preview cannot be rendered; the text is a sentence for the user."""


@cache
def best_engine() -> Engine:
    """Return the quickest engine that works here: Workbench where there is OpenGL, else Cycles.

    Without a window this takes some seconds at the first call: a child process renders a tiny picture, because a
    Blender that finds no OpenGL does not survive it. Main thread.
    """
    import bpy

    if not bpy.app.background:
        return "BLENDER_WORKBENCH"
    code = _TRY.format(path=[p for p in sys.path if p])
    blender = bpy.app.binary_path
    if blender:
        command = [blender, "--background", "--factory-startup", "--python-exit-code", "1", "--python-expr", code]
    else:
        command = [sys.executable, "-c", code]
    try:
        done = subprocess.run(command, capture_output=True, timeout=_TRY_SECONDS, check=False)
    except (OSError, subprocess.TimeoutExpired) as error:
        logger.info("Could not try Workbench: %s", error)
        return "CYCLES"
    if done.returncode:
        logger.info("Workbench does not render here (exit code %d): %s", done.returncode, done.stderr[-2000:])
        return "CYCLES"
    return "BLENDER_WORKBENCH"


@dataclass(frozen=True, slots=True)
class PreviewSettings:
    """How a preview is rendered."""

    engine: Engine
    size: int = 512
    """Width and height in pixels."""


def add_stage(scene: Any, name: str) -> tuple[str, ...]:
    """Put a camera that frames the character's face, and three lights, into `scene`; return the names of the objects.

    They go to the collection "Mimica Stage", and the camera becomes the scene's. Main thread.

    :param name: an object of the character: its armature, or a mesh.
    :raises PreviewError: the scene has no such object.
    """
    import bpy
    from mathutils import Matrix, Vector  # pyright: ignore[reportMissingImports]

    things = character_objects(scene, name)
    portrait = find_portrait(scene, things[0], [thing for thing in things if not thing.hide_render])
    reach = portrait.reach
    distance = reach / math.tan(_FIELD_OF_VIEW / 2)
    place = Matrix.Translation(portrait.middle) @ Matrix(portrait.axes.tolist()).to_4x4()

    collection = bpy.data.collections.new(STAGE)
    scene.collection.children.link(collection)

    lens = bpy.data.cameras.new(f"{STAGE} Camera")
    lens.sensor_fit = "AUTO"
    lens.angle = _FIELD_OF_VIEW
    lens.clip_start, lens.clip_end = distance / 100, distance * 20
    camera = bpy.data.objects.new(lens.name, lens)
    camera.matrix_world = place @ Matrix.Translation(Vector((0, -distance, 0))) @ Matrix.Rotation(math.pi / 2, 4, "X")
    collection.objects.link(camera)
    scene.camera = camera
    objects = [camera]

    # Key from the upper left of the picture, a weak fill from the right, a rim from behind.
    for title, direction, strength, size in (
        ("Key", (-0.7, -1.0, 0.75), 1.0, 1.6),
        ("Fill", (1.1, -0.8, 0.1), 0.4, 2.0),
        ("Rim", (0.6, 0.9, 0.9), 0.35, 1.2),
    ):
        lamp = bpy.data.lights.new(f"{STAGE} {title}", "AREA")
        offset = Vector(direction).normalized() * reach * 4
        lamp.size = size * reach * 2
        lamp.energy = strength * 9.0 * offset.length_squared
        light = bpy.data.objects.new(lamp.name, lamp)
        aim = offset.to_track_quat("Z", "Y").to_matrix().to_4x4()
        light.matrix_world = place @ Matrix.Translation(offset) @ aim
        collection.objects.link(light)
        objects.append(light)
    return tuple(o.name for o in objects)


def render_preview(
    scene: Any,
    name: str,
    frames: Sequence[int],
    folder: Path,
    settings: PreviewSettings,
    progress: Callable[[float], None] = lambda fraction: None,
) -> Generator[Path, None, None]:
    """Render the character at each of `frames` into PNG files in `folder`, and give the path of each when it is there.

    Renders in a scene of its own with the stage of `add_stage`, so nothing of `scene` changes; that scene is the
    window's until the last picture is taken, and then removed. The camera stands where the first of the frames wants
    it. Main thread.

    :param name: an object of the character: its armature, or a mesh.
    :raises PreviewError: the scene has no such object, or Blender renders nothing.
    """
    import bpy

    folder.mkdir(parents=True, exist_ok=True)
    with _preview_scene(scene, name, settings, frames[:1]) as stage:
        for i, frame in enumerate(frames):
            path = folder / f"{frame:06d}.png"
            stage.frame_set(frame)
            stage.render.filepath = str(path)
            bpy.ops.render.render(write_still=True)
            if not path.is_file():
                raise PreviewError("Blender rendered no picture of the preview. Run again with --verbose to see why.")
            progress((i + 1) / len(frames))
            yield path


def character_objects(scene: Any, name: str) -> list[Any]:
    """Return the objects of `scene` that the character consists of, its own first. Raises PreviewError."""
    obj = scene.objects.get(name)
    if obj is None:
        raise PreviewError(f"'{name}' is not in the scene '{scene.name}'. Choose another character.")
    armature, _ = character_parts(obj)

    def moved(thing: Any) -> bool:
        targets = [m.object for m in thing.modifiers if m.type == "ARMATURE"]
        targets += [c.target for c in thing.constraints if hasattr(c, "target")]
        return armature in targets

    moving = [o for o in scene.objects if moved(o)] if armature is not None else []
    things = [obj, armature or obj, *(armature or obj).children_recursive, *obj.children_recursive, *moving]
    there = _rendered(scene.view_layers[0].layer_collection)
    return [obj, *(o for o in dict.fromkeys(things) if o != obj and (o == armature or o.name in there))]


def _rendered(layer: Any) -> set[str]:
    """Return the names of the objects in a layer collection that are not left out of pictures with their collection."""
    if layer.exclude or layer.collection.hide_render:
        return set()
    return set(layer.collection.objects.keys()).union(*map(_rendered, layer.children))


@contextmanager
def _preview_scene(scene: Any, name: str, settings: PreviewSettings, first: Sequence[int]) -> Iterator[Any]:
    import bpy

    character = character_objects(scene, name)
    stage = bpy.data.scenes.new("Mimica Preview")
    world = bpy.data.worlds.new("Mimica Preview")
    made: Iterable[str] = ()
    # Blender evaluates the animation for a render only in the scene that a window shows.
    window = bpy.context.window or bpy.context.window_manager.windows[0]
    shown = window.scene
    try:
        for thing in character:
            stage.collection.objects.link(thing)
        stage.render.fps, stage.render.fps_base = scene.render.fps, scene.render.fps_base
        stage.unit_settings.scale_length = scene.unit_settings.scale_length
        stage.world = world
        world.color = BACKGROUND
        window.scene = stage
        for frame in first:
            stage.frame_set(frame)
        made = add_stage(stage, name)
        _set_render(stage, settings)
        if settings.engine == "CYCLES":
            _set_cycles(stage)
        else:
            _set_workbench(stage)
        yield stage
    finally:
        window.scene = shown
        things = [bpy.data.objects[name] for name in made]
        data = [thing.data for thing in things]
        collections = list(stage.collection.children)
        bpy.data.batch_remove([*things, *data, *collections, stage, world])


def _set_render(scene: Any, settings: PreviewSettings) -> None:
    render = scene.render
    render.engine = settings.engine
    render.resolution_x = render.resolution_y = settings.size
    render.resolution_percentage = 100
    render.image_settings.file_format = "PNG"
    render.image_settings.color_mode = "RGB"
    render.image_settings.compression = 5
    render.use_file_extension = False
    render.use_compositing = render.use_sequencer = False
    scene.view_settings.view_transform = "Standard"


def _set_workbench(scene: Any) -> None:
    scene.display.render_aa = "5"
    scene.view_settings.exposure = _WORKBENCH_EXPOSURE
    scene.world.color = [value / 2**_WORKBENCH_EXPOSURE for value in BACKGROUND]
    shading = scene.display.shading
    shading.light = "STUDIO"
    shading.studio_light = "basic.sl"
    shading.color_type = "MATERIAL"
    shading.show_cavity = True
    shading.cavity_type = "BOTH"
    shading.cavity_ridge_factor, shading.cavity_valley_factor = 0.4, 0.9
    shading.curvature_ridge_factor, shading.curvature_valley_factor = 0.5, 0.8
    scene.display.matcap_ssao_samples = 16
    shading.show_shadows = False  # they take three times as long, in software, as all the rest
    shading.show_specular_highlight = True
    shading.show_object_outline = False


def _set_cycles(scene: Any) -> None:
    scene.cycles.device = "CPU"
    scene.cycles.samples = _CYCLES_SAMPLES
    scene.cycles.use_denoising = False
    scene.cycles.max_bounces = 2
    scene.render.use_persistent_data = True
    if scene.world.node_tree is None:
        scene.world.use_nodes = True
    tree: Any = scene.world.node_tree
    tree.nodes["Background"].inputs["Color"].default_value = (*BACKGROUND, 1.0)
