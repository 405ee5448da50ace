# SPDX-FileCopyrightText: 2026 Mimica authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The panel Bake: from the active take to keys. Drawing only reads."""

import bpy

from ..rig.language import say
from .region_properties import REGIONS
from .takes import is_placed


class _Panel:
    bl_space_type = "VIEW_3D"
    bl_region_type = "UI"
    bl_category = "Mimica"


class VIEW3D_PT_mimica_bake(_Panel, bpy.types.Panel):
    bl_label = "Bake"

    def draw(self, context: bpy.types.Context) -> None:
        layout = _split(self.layout)
        settings = context.scene.mimica
        state = context.window_manager.mimica
        if 0 <= state.take_index < len(state.takes) and state.takes[state.take_index].several_faces:
            layout.prop(settings, "bake_face")
            row = layout.row()
            row.alignment = "RIGHT"
            row.label(
                text=say("Faces in the take: {faces}", faces=state.takes[state.take_index].faces), translate=False
            )
        layout.prop(settings, "bake_performer")
        layout.prop(settings, "bake_learn")
        layout.prop(settings.feel, "mirror")
        if settings.cast:
            layout.prop(settings, "bake_all")
        layout.prop(settings.bake, "destination")
        if settings.bake.destination == "STRIP":
            layout.prop(settings.bake, "blend")
        row = layout.row()
        row.scale_y = 1.3
        row.operator("mimica.bake", icon="KEYFRAME_HLT")


class VIEW3D_PT_mimica_bake_timing(_Panel, bpy.types.Panel):
    bl_label = "Timing"
    bl_parent_id = "VIEW3D_PT_mimica_bake"
    bl_options = {"DEFAULT_CLOSED"}

    def draw(self, context: bpy.types.Context) -> None:
        layout = _split(self.layout)
        settings = context.scene.mimica
        row = layout.row()
        row.active = not (settings.recording.at_place and is_placed(context))
        row.prop(settings, "bake_start")
        row = layout.row()
        row.active = is_placed(context)
        row.prop(settings.recording, "at_place", text="At Its Place")
        layout.prop(settings.bake, "offset")
        layout.prop(settings, "bake_part")
        if settings.bake_part:
            column = layout.column(align=True)
            column.prop(settings, "bake_from")
            column.prop(settings, "bake_to")


class VIEW3D_PT_mimica_bake_keys(_Panel, bpy.types.Panel):
    bl_label = "Keys"
    bl_parent_id = "VIEW3D_PT_mimica_bake"
    bl_options = {"DEFAULT_CLOSED"}

    def draw(self, context: bpy.types.Context) -> None:
        layout = _split(self.layout)
        settings = context.scene.mimica
        layout.prop(settings.bake, "step")
        layout.prop(settings.bake, "stepped")
        column = layout.column()
        column.enabled = not settings.bake.stepped
        column.prop(settings, "bake_reduce")
        row = column.row()
        row.active = settings.bake_reduce
        row.prop(settings, "bake_tolerance")


class VIEW3D_PT_mimica_bake_regions(_Panel, bpy.types.Panel):
    bl_label = "Regions"
    bl_parent_id = "VIEW3D_PT_mimica_bake"
    bl_options = {"DEFAULT_CLOSED"}

    def draw(self, context: bpy.types.Context) -> None:
        bake = context.scene.mimica.bake
        grid = self.layout.grid_flow(row_major=True, columns=3, even_columns=True, align=True)
        for name, _, _ in REGIONS:
            grid.prop(bake, f"bake_{name}", toggle=True)


class VIEW3D_PT_mimica_bake_smoothing(_Panel, bpy.types.Panel):
    bl_label = "Smoothing"
    bl_parent_id = "VIEW3D_PT_mimica_bake"
    bl_options = {"DEFAULT_CLOSED"}

    def draw(self, context: bpy.types.Context) -> None:
        settings = context.scene.mimica
        _split(self.layout).prop(settings, "smoothness")
        draw_factors(self.layout, settings.bake, "smoothing")


class VIEW3D_PT_mimica_bake_strength(_Panel, bpy.types.Panel):
    bl_label = "Strength"
    bl_parent_id = "VIEW3D_PT_mimica_bake"
    bl_options = {"DEFAULT_CLOSED"}

    def draw(self, context: bpy.types.Context) -> None:
        bake = context.scene.mimica.bake
        _split(self.layout).prop(bake, "strength")
        draw_factors(self.layout, bake, "strength")


def draw_factors(layout: bpy.types.UILayout, group: bpy.types.PropertyGroup, kind: str) -> None:
    """Draw what is said of each part of the face: `smoothing` or `strength`."""
    column = _split(layout).column(align=True)
    for name, _, _ in REGIONS:
        column.prop(group, f"{kind}_{name}")


def _split(layout: bpy.types.UILayout) -> bpy.types.UILayout:
    layout.use_property_split = True
    layout.use_property_decorate = False
    return layout


register, unregister = bpy.utils.register_classes_factory(
    (
        VIEW3D_PT_mimica_bake,
        VIEW3D_PT_mimica_bake_timing,
        VIEW3D_PT_mimica_bake_keys,
        VIEW3D_PT_mimica_bake_regions,
        VIEW3D_PT_mimica_bake_smoothing,
        VIEW3D_PT_mimica_bake_strength,
    )
)
