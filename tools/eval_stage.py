# SPDX-FileCopyrightText: 2026 Mimica authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The camera and the light before which evaluation clips are rendered, and the pictures."""

import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import bpy
import cv2
import numpy as np
from mathutils import Matrix, Vector  # pyright: ignore[reportMissingImports]

from .eval_character import Character, Head

BACKGROUND = (0.18, 0.2, 0.22)
"""Linear RGB."""
_CAMERA = "Mimica Camera"


@dataclass(frozen=True, slots=True)
class Look:
    """How clips are rendered."""

    size: int = 512
    """Width and height in pixels."""
    field_of_view: float = 40.0
    """Of the camera, vertical, degrees."""
    share: float = 0.42
    """Chin to brows over the picture's height."""
    engine: Literal["workbench", "cycles"] = "workbench"
    samples: int = 8
    """Of each pixel: Workbench's smoothing, Cycles' light."""


class EvalStage:
    """A character before the camera. Main thread; `folder` holds one picture, and is best in memory."""

    def __init__(self, character: Character, look: Look, folder: Path) -> None:
        self._character = character
        self._head: Head = character.head
        self._file = folder / "picture.bmp"
        scene = bpy.context.scene
        for thing in list(scene.objects):
            if thing.type in ("LIGHT", "CAMERA"):
                bpy.data.objects.remove(thing)
        front = self._head.height / (2.0 * look.share * math.tan(math.radians(look.field_of_view) / 2.0))
        lens = bpy.data.cameras.new(_CAMERA)
        lens.sensor_fit = "VERTICAL"
        lens.angle = math.radians(look.field_of_view)
        lens.clip_start, lens.clip_end = front / 50.0, front * 50.0
        self._camera = bpy.data.objects.new(_CAMERA, lens)
        scene.collection.objects.link(self._camera)
        scene.camera = self._camera
        self._place = Matrix(self._head.axes.tolist()).to_4x4()
        self._place.translation = Vector(self._head.middle + front * self._head.axes[:, 2])
        _set_render(scene, look, self._file)
        _set_materials()
        if look.engine == "cycles":
            self._add_lamps(front)

    def picture(self, controls: np.ndarray, head: np.ndarray) -> np.ndarray:
        """Return one picture, uint8 (size, size, 3), BGR.

        :param controls: (52,), the expression.
        :param head: (3,), degrees: yaw, pitch, roll as in `EvalMotion`.
        """
        self._character.show(controls)
        # The camera goes round the head the other way, and with it the light: the picture of a turned character,
        # however many parts it has.
        yaw, pitch, roll = (math.radians(float(angle)) for angle in head)
        turn = Matrix.Rotation(yaw, 3, "Y") @ Matrix.Rotation(pitch, 3, "X") @ Matrix.Rotation(roll, 3, "Z")
        axes = Matrix(self._head.axes.tolist())
        turned = (axes @ turn @ axes.inverted()).to_4x4()
        pivot = Vector(self._head.pivot)
        motion = Matrix.Translation(pivot) @ turned @ Matrix.Translation(-pivot)
        self._camera.matrix_world = motion.inverted() @ self._place
        bpy.ops.render.render(write_still=True)
        picture: Any = cv2.imread(str(self._file))
        if picture is None:
            raise RuntimeError("Blender rendered no picture. Without OpenGL, choose --engine cycles.")
        return picture

    def _add_lamps(self, distance: float) -> None:
        """A key from the upper left and a weak fill from the right, which stay where the camera is."""
        for name, place, strength, size in (
            ("Key", (-0.7, 0.6, 0.0), 1.0, 0.8),
            ("Fill", (0.9, 0.1, 0.0), 0.35, 1.2),
        ):
            lamp = bpy.data.lights.new(f"Mimica {name}", "AREA")
            lamp.size = size * distance
            lamp.energy = 22.0 * strength * distance**2
            light = bpy.data.objects.new(lamp.name, lamp)
            offset = Vector(place) * distance
            aim = (offset - Vector((0.0, 0.0, -distance))).to_track_quat("Z", "Y")
            light.parent = self._camera
            light.matrix_local = Matrix.Translation(offset) @ aim.to_matrix().to_4x4()
            bpy.context.scene.collection.objects.link(light)


def _set_render(scene: Any, look: Look, file: Path) -> None:
    render = scene.render
    render.resolution_x = render.resolution_y = look.size
    render.resolution_percentage = 100
    render.pixel_aspect_x = render.pixel_aspect_y = 1.0
    render.use_border = False
    render.image_settings.file_format = "BMP"
    render.image_settings.color_mode = "RGB"
    render.use_file_extension = False
    render.filepath = str(file)
    render.use_compositing = render.use_sequencer = False
    render.film_transparent = False
    scene.view_settings.view_transform = "Standard"
    scene.view_settings.look = "None"
    scene.view_settings.exposure, scene.view_settings.gamma = 0.0, 1.0
    world: Any = bpy.data.worlds.new("Mimica World")
    scene.world = world
    world.color = BACKGROUND
    if look.engine == "cycles":
        render.engine = "CYCLES"
        scene.cycles.device, scene.cycles.samples, scene.cycles.seed = "CPU", look.samples, 0
        scene.cycles.use_denoising = False
        render.use_persistent_data = True
        if world.node_tree is None:
            world.use_nodes = True
        tree: Any = world.node_tree
        tree.nodes["Background"].inputs["Color"].default_value = (*BACKGROUND, 1.0)
        return
    render.engine = "BLENDER_WORKBENCH"
    known = {1: "OFF", 4: "FXAA", 5: "5", 8: "8", 11: "11", 16: "16", 32: "32"}
    scene.display.render_aa = known[max(count for count in known if count <= max(look.samples, 1))]
    scene.view_settings.exposure = 0.7
    world.color = [value / 2.0**0.7 for value in BACKGROUND]
    shading = scene.display.shading
    shading.light, shading.studio_light = "STUDIO", "Default"
    shading.color_type = "TEXTURE" if any(_images(material) for material in bpy.data.materials) else "MATERIAL"
    shading.show_cavity = True
    shading.cavity_type = "BOTH"
    shading.show_shadows = shading.show_object_outline = shading.show_backface_culling = False
    shading.show_specular_highlight = True


def _images(material: Any) -> bool:
    tree = material.node_tree
    return tree is not None and any(node.type == "TEX_IMAGE" and node.image for node in tree.nodes)


def _set_materials() -> None:
    """Give Workbench the colours that renders have: it knows a material's viewport colour alone."""
    for material in bpy.data.materials:
        tree = material.node_tree
        shader = next((n for n in tree.nodes if n.type == "BSDF_PRINCIPLED"), None) if tree else None
        if shader is None:
            continue
        base, alpha = shader.inputs["Base Color"], shader.inputs["Alpha"]
        colour = list(material.diffuse_color)
        if not base.is_linked:
            colour[:3] = base.default_value[:3]
        clear = shader.inputs.get("Transmission Weight")
        # The clear shell of an eye would hide the iris.
        colour[3] = (1.0 if alpha.is_linked else alpha.default_value) * (
            0.05 if clear and clear.default_value > 0.5 else 1
        )
        material.diffuse_color = colour
