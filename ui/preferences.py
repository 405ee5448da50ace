# SPDX-FileCopyrightText: 2026 Mimica authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Settings of this computer."""

import bpy
from bpy.props import EnumProperty, StringProperty

from ..rig.paths import BASE_PACKAGE
from .extras import draw_missing
from .keymap import draw_keys
from .self_test import draw_self_test


class MimicaPreferences(bpy.types.AddonPreferences):
    bl_idname = BASE_PACKAGE

    model_path: StringProperty(
        name="Face Model",
        description="A face_landmarker.task of your own. Empty uses the one that comes with Mimica or was downloaded",
        subtype="FILE_PATH",
    )

    helper_process: EnumProperty(
        name="Helper Process",
        description="Where the camera is opened and faces are tracked. Kept for all files on this computer",
        items=(
            ("AUTO", "Automatic", "In a process of its own on macOS, in Blender elsewhere"),
            (
                "ON",
                "On",
                "In a process of its own: when a camera's driver or the tracker crashes, Blender goes on and what was "
                "recorded is kept. Costs a few milliseconds of delay and some memory",
            ),
            ("OFF", "Off", "In Blender itself: the least delay, but a crash takes Blender along"),
        ),
    )

    def draw(self, context: bpy.types.Context) -> None:
        layout = self.layout
        layout.use_property_split = True
        layout.prop(self, "model_path")
        draw_model(layout, context)
        layout.prop(self, "helper_process")
        draw_keys(layout, context)
        draw_self_test(layout, context)


def draw_helper_process(layout: bpy.types.UILayout, context: bpy.types.Context) -> None:
    """Draw where the camera is opened."""
    addon = context.preferences.addons.get(BASE_PACKAGE)
    if addon is not None and addon.preferences is not None:
        layout.prop(addon.preferences, "helper_process")


def draw_far_faces(layout: bpy.types.UILayout, context: bpy.types.Context) -> None:
    """Draw the search for faces far away, and what it lacks."""
    settings = context.scene.mimica
    layout.prop(settings, "far")
    if not settings.far:
        return
    layout.prop(settings, "detector_file")
    if settings.detector_file.lower().endswith(".onnx"):
        draw_missing(layout, "detector")
    elif not settings.detector_file and not context.window_manager.mimica.detector:
        layout.label(text="No face detector for this yet", icon="INFO")
        layout.operator("mimica.fetch_detector", icon="PACKAGE")


def draw_model(layout: bpy.types.UILayout, context: bpy.types.Context) -> None:
    """Draw which model is in use, and the ways to get one."""
    state = context.window_manager.mimica
    if state.progress >= 0.0:
        layout.progress(factor=state.progress, text="Fetching the face model")
        return
    row = layout.row()
    row.label(text=state.model or "No face model yet", icon="CHECKMARK" if state.model else "ERROR")
    row.operator("mimica.find_model", text="", icon="FILE_REFRESH")
    if not state.model:
        column = layout.column(align=True)
        column.operator("mimica.download_model", icon="IMPORT")
        column.operator("mimica.build_offline_model", icon="PACKAGE")


_CLASSES = (MimicaPreferences,)
register, unregister = bpy.utils.register_classes_factory(_CLASSES)
