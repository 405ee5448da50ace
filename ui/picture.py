# SPDX-FileCopyrightText: 2026 Mimica authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The panels of the performer's picture, and what the Capture panel says is wrong. Drawing only reads."""

import bpy

from ..rig import live, watch
from ..rig.language import say
from .sentence import draw_sentence


def draw_complaints(layout: bpy.types.UILayout, context: bpy.types.Context) -> None:
    """Say what is wrong with the running capture and what to do; a missing face is said beside."""
    watching = watch.current()
    if watching is None:
        return
    for complaint in watching.complaints:
        if complaint.kind != "NO_FACE":
            draw_sentence(layout, context, complaint.sentence, "ERROR" if complaint.severity > 1 else "INFO")
    if watching.fault:
        draw_sentence(layout, context, watching.fault, "ERROR")


class VIEW3D_PT_mimica_picture(bpy.types.Panel):
    bl_label = "Picture"
    bl_space_type = "VIEW_3D"
    bl_region_type = "UI"
    bl_category = "Mimica"
    bl_parent_id = "VIEW3D_PT_mimica_capture"
    bl_options = {"DEFAULT_CLOSED"}

    def draw_header(self, context: bpy.types.Context) -> None:
        self.layout.prop(context.scene.mimica.picture, "show", text="")

    def draw(self, context: bpy.types.Context) -> None:
        layout = self.layout
        layout.use_property_split = True
        layout.use_property_decorate = False
        settings = context.scene.mimica.picture
        column = layout.column()
        column.active = settings.show
        column.prop(settings, "corner")
        column.prop(settings, "size")
        column.prop(settings, "opacity")
        column.prop(settings, "everywhere")
        _draw_contents(layout, settings)
        row = layout.column()
        row.active = settings.show
        row.prop(settings, "bars")
        if settings.bars and live.current() is not None and context.scene.mimica.target is None:
            draw_sentence(layout, context, "Pick a character: without one nothing is mapped", "INFO")
        layout.operator("mimica.show_in_image_editor", icon="IMAGE")


class IMAGE_PT_mimica_picture(bpy.types.Panel):
    bl_label = "Camera"
    bl_space_type = "IMAGE_EDITOR"
    bl_region_type = "UI"
    bl_category = "Mimica"

    def draw(self, context: bpy.types.Context) -> None:
        layout = self.layout
        layout.use_property_split = True
        layout.use_property_decorate = False
        layout.operator("mimica.show_in_image_editor", icon="IMAGE")
        _draw_contents(layout, context.scene.mimica.picture)


def _draw_contents(layout: bpy.types.UILayout, settings: bpy.types.PropertyGroup) -> None:
    layout.prop(settings, "mirror")
    column = layout.column(heading=say("Draw"), align=True)
    for name in ("landmarks", "contours", "gaze", "box", "health"):
        column.prop(settings, name)


register, unregister = bpy.utils.register_classes_factory((VIEW3D_PT_mimica_picture, IMAGE_PT_mimica_picture))
