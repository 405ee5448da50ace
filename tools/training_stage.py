# SPDX-FileCopyrightText: 2026 Mimica authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Pictures of one random face rig, as a camera would see it: skin, light, background and lens drawn at random.

A picture takes some 40 ms of one core. What made it quick: Workbench without its multisampling, one level of
subdivision on the CPU without the limit surface, and files without compression.
"""

import math
from pathlib import Path
from typing import Any

import bpy
import cv2
import numpy as np
from mathutils import Matrix, Vector  # pyright: ignore[reportMissingImports]

from ..mapping.channels import BonePose
from ..rig.face_rig import create_face_rig
from ..rig.rest_pose import read_rest_pose
from .training_faces import Warp, random_asymmetry, random_neutral

PIXELS = 320
"""Width and height of a picture; the tracker looks at 256 x 256 of the face."""

_FACE_SHARE = (0.35, 0.8)
"""Height of the face, hairline to chin, over the picture's."""
_FIELD_OF_VIEW = (30.0, 60.0)
"""Degrees, vertical: webcams and phones."""
_NEAREST_CM = 25.0
_FACE_TO_BLENDER = Matrix(((1.0, 0.0, 0.0), (0.0, 0.0, -1.0), (0.0, 1.0, 0.0)))
"""Of face space, and of the camera's frame too (x right, y up, z to the viewer)."""
_MATCAPS = ("basic_bright.exr", "basic_grey.exr", "basic_side.exr", "clay_studio.exr", "ceramic_lightbulb.exr")
_STUDIOS = ("Default", "basic.sl", "outdoor.sl", "paint.sl", "studio.sl")
_ANTIALIASING = ("OFF", "FXAA", "5")
_SKIN_LIGHT, _SKIN_DARK = np.array([0.85, 0.58, 0.46]), np.array([0.09, 0.042, 0.025])
"""Linear RGB of very light and very dark skin; others lie between, by proportion."""
_BROWS = np.array([[0.012, 0.009, 0.008], [0.06, 0.03, 0.018], [0.2, 0.11, 0.05], [0.35, 0.32, 0.3], [0.2, 0.06, 0.02]])
_IRISES = np.array([[0.03, 0.015, 0.01], [0.1, 0.05, 0.02], [0.1, 0.22, 0.28], [0.12, 0.18, 0.1], [0.2, 0.22, 0.24]])


class Stage:
    """One face, its camera and its light. Main thread; replaces the file that is open in Blender."""

    def __init__(self, random: np.random.Generator, folder: Path) -> None:
        """Make the face and all that stays the same for it. `folder` holds one picture, and is best in memory."""
        bpy.ops.wm.read_factory_settings(use_empty=True)
        # In software, subdivision by shaders takes four times as long.
        bpy.context.preferences.system.use_gpu_subdivision = False
        self._random = random
        self._file = folder / "picture.bmp"
        neutral, warp = random_neutral(random), random_asymmetry(random)
        rig = create_face_rig(bpy.context, neutral=neutral)
        self._armature: Any = bpy.data.objects[rig.armature]
        meshes: list[Any] = [bpy.data.objects[name] for name in rig.meshes]
        self._unit = float(self._armature["mimica_unit"])
        self.neutral: np.ndarray = warp(np.array(self._armature["mimica_neutral"]).reshape(-1, 3))
        """float64 (478, 3), face space, cm: the face at rest, as it was built."""
        self._armature["mimica_neutral"] = self.neutral.ravel().tolist()
        self._armature.hide_render = True
        self.rest = read_rest_pose(self._armature)
        for mesh in meshes:
            _warp_mesh(mesh, warp, self._unit)
            for modifier in mesh.modifiers:
                if modifier.type == "SUBSURF":
                    modifier.render_levels, modifier.use_limit_surface = 1, False
        pose_bones = self._armature.pose.bones
        self._rows = np.array([pose_bones.find(name) for name in self.rest.names])
        self._location = np.zeros((len(pose_bones), 3), np.float32)
        self._rotation = np.zeros((len(pose_bones), 4), np.float32)

        _colour(random, rig.meshes)
        self.field_of_view = float(random.uniform(*_FIELD_OF_VIEW))
        self._lens = bpy.data.cameras.new("Camera")
        self._lens.sensor_fit = "VERTICAL"
        self._lens.angle = math.radians(self.field_of_view)
        self._lens.clip_start = self._unit
        self._camera = bpy.data.objects.new("Camera", self._lens)
        self._camera.rotation_euler = (math.pi / 2, 0.0, 0.0)
        bpy.context.scene.collection.objects.link(self._camera)
        self._share = float(random.uniform(*_FACE_SHARE))
        _set_render(random, self._file)
        _light(random)
        self._softness = float(random.uniform(0.0, 0.8))
        self._noise = float(random.uniform(0.0, 5.0))
        self._gamma = float(np.exp(random.normal(0.0, 0.15)))

    def picture(self, pose: BonePose, index: int, head: np.ndarray) -> np.ndarray:
        """Return one picture, uint8 (PIXELS, PIXELS, 3) RGB.

        :param pose: bones in the order of `rest.names`; instant `index` is shown.
        :param head: (3,), degrees: yaw, pitch, roll in the camera's frame, R = Ry(yaw) Rx(pitch) Rz(roll); the nose to
            the picture's right, down, the top of the head to the picture's left.
        """
        self._location[self._rows] = pose.location[index]
        self._rotation[self._rows] = pose.rotation[index]
        bones = self._armature.pose.bones
        bones.foreach_set("location", self._location.ravel())
        bones.foreach_set("rotation_quaternion", self._rotation.ravel())
        self._armature.update_tag(refresh={"OBJECT"})
        self._place(head)
        bpy.ops.render.render(write_still=True)
        return self._photograph(cv2.imread(str(self._file), cv2.IMREAD_COLOR_RGB))

    def _place(self, head: np.ndarray) -> None:
        """Turn the head about its middle, and put it somewhere near the middle of the picture."""
        top, chin = self.neutral[10], self.neutral[152]
        height = float(top[1] - chin[1])
        share = self._share * float(self._random.uniform(0.92, 1.08))
        front = height / (2.0 * math.tan(math.radians(self.field_of_view) / 2.0) * share)
        front = max(front, _NEAREST_CM)
        middle = Vector((0.0, float(top[1] + chin[1]) / 2.0, float(self.neutral[[234, 454], 2].mean())))
        distance = front + float(chin[2]) - middle.z
        room = 0.35 * max(2.0 * front * math.tan(math.radians(self.field_of_view) / 2.0) - height, 0.0)
        aside = np.clip(self._random.normal(0.0, 0.35, 2), -1.0, 1.0) * room
        turn = _FACE_TO_BLENDER @ _head_rotation(head) @ _FACE_TO_BLENDER.inverted()
        pivot = _FACE_TO_BLENDER @ middle * self._unit
        there = Vector((float(aside[0]), 0.0, float(aside[1]))) * self._unit
        self._armature.matrix_world = Matrix.Translation(there) @ turn.to_4x4() @ Matrix.Translation(-pivot)
        self._camera.location = (0.0, -distance * self._unit, 0.0)

    def _photograph(self, pixels: np.ndarray) -> np.ndarray:
        """Add what a cheap camera adds: softness, noise, its own contrast."""
        image = pixels.astype(np.float32)
        if self._softness > 0.3:
            image = cv2.GaussianBlur(image, (0, 0), self._softness)
        image = 255.0 * (image / 255.0) ** self._gamma
        image += self._random.standard_normal(image.shape, np.float32) * self._noise
        return np.clip(image, 0.0, 255.0).astype(np.uint8)


def _head_rotation(head: np.ndarray) -> Matrix:
    yaw, pitch, roll = (math.radians(float(angle)) for angle in head)
    return Matrix.Rotation(yaw, 3, "Y") @ Matrix.Rotation(pitch, 3, "X") @ Matrix.Rotation(roll, 3, "Z")


def _warp_mesh(mesh: Any, warp: Warp, unit: float) -> None:
    """Warp a mesh of the rig; its bones stay, a millimetre does not matter to them."""
    stored = np.empty(len(mesh.data.vertices) * 3, np.float32)
    mesh.data.vertices.foreach_get("co", stored)
    turn = np.array(_FACE_TO_BLENDER)
    points = warp(stored.reshape(-1, 3) @ turn / unit) @ turn.T * unit
    mesh.data.vertices.foreach_set("co", points.ravel().astype(np.float32))
    mesh.data.update()


def _colour(random: np.random.Generator, meshes: tuple[str, ...]) -> None:
    """Give the face's materials a person's colours."""
    dark = float(random.uniform(0.0, 1.0))
    skin = _SKIN_LIGHT ** (1.0 - dark) * _SKIN_DARK**dark * np.exp(random.normal(0.0, 0.06, 3))
    lips = skin * (1.0, random.uniform(0.45, 0.85), random.uniform(0.5, 0.9)) * random.uniform(0.6, 1.0)
    # Fair brows go with fair skin.
    brows = _BROWS[random.integers(len(_BROWS) if dark < 0.5 else 2)] * np.exp(random.normal(0.0, 0.2))
    iris = _IRISES[random.integers(len(_IRISES) if dark < 0.6 else 2)] * np.exp(random.normal(0.0, 0.2))
    colours = {
        "Skin": skin,
        "Lips": lips,
        "Lid Rims": 0.5 * (skin + lips),
        "Nostrils": 0.2 * skin,
        "Brows": brows,
        "Eye White": np.array([0.85, 0.83, 0.8]) * random.uniform(0.75, 1.1),
        "Iris": iris,
        "Iris Rim": 0.4 * iris,
    }
    for name in meshes:
        for material in bpy.data.objects[name].data.materials:
            for ending, colour in colours.items():
                if material.name.endswith(f" {ending}"):
                    material.diffuse_color = (*np.clip(colour, 0.0, 1.0), 1.0)


def _set_render(random: np.random.Generator, file: Path) -> None:
    scene = bpy.context.scene
    scene.camera = bpy.data.objects["Camera"]
    render = scene.render
    render.engine = "BLENDER_WORKBENCH"
    render.resolution_x = render.resolution_y = PIXELS
    render.resolution_percentage = 100
    render.image_settings.file_format = "BMP"
    render.image_settings.color_mode = "RGB"
    render.use_file_extension = False
    render.filepath = str(file)
    render.use_compositing = render.use_sequencer = False
    scene.view_settings.view_transform = "Standard"
    scene.world = bpy.data.worlds.new("World")
    grey = random.uniform(0.0, 0.9)
    scene.world.color = np.clip(grey * np.exp(random.normal(0.0, 0.35, 3)), 0.0, 1.0)


def _light(random: np.random.Generator) -> None:
    """Draw a light: the studio's, random lamps, or a material capture."""
    scene, preferences = bpy.context.scene, bpy.context.preferences.system
    scene.display.render_aa = str(random.choice(_ANTIALIASING, p=(0.15, 0.8, 0.05)))
    shading = scene.display.shading
    shading.color_type = "MATERIAL"
    shading.show_cavity = bool(random.random() < 0.6)
    shading.cavity_type = str(random.choice(("SCREEN", "WORLD", "BOTH")))
    shading.curvature_ridge_factor, shading.curvature_valley_factor = random.uniform(0.0, 1.0, 2)
    shading.cavity_ridge_factor, shading.cavity_valley_factor = random.uniform(0.0, 1.0, 2)
    scene.display.matcap_ssao_samples = 8
    shading.show_specular_highlight = bool(random.random() < 0.7)
    kind = random.random()
    preferences.use_studio_light_edit = False
    if kind < 0.2:
        shading.light = "MATCAP"
        shading.studio_light = str(random.choice(_MATCAPS))
        return
    shading.light = "STUDIO"
    if kind < 0.5:
        shading.studio_light = str(random.choice(_STUDIOS))
        if random.random() < 0.5:
            shading.use_world_space_lighting = True
            shading.studiolight_rotate_z = random.uniform(-math.pi, math.pi)
    else:
        shading.studio_light = "Default"
        preferences.use_studio_light_edit = True
        for lamp in preferences.solid_lights:
            # From the viewer's half of the room; z is towards the viewer.
            direction = random.standard_normal(3)
            direction[2] = abs(direction[2])
            lamp.direction = direction
            lamp.smooth = random.uniform(0.0, 0.8)
            lamp.diffuse_color = random.uniform(0.05, 0.6) * np.exp(random.normal(0.0, 0.12, 3))
            lamp.specular_color = [random.uniform(0.0, 0.4)] * 3
        preferences.light_ambient = [random.uniform(0.0, 0.25)] * 3
    scene.view_settings.exposure = float(random.uniform(-0.4, 1.0))
