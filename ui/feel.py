# SPDX-FileCopyrightText: 2026 Mimica authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The panel Feel: what the performer changes of the motion, live. Drawing only reads."""

from pathlib import Path

import bpy

from ..rig import live
from ..rig.language import say
from .region_properties import REGIONS


class MIMICA_MT_feel_presets(bpy.types.Menu):
    bl_label = "Presets"
    bl_description = "Ways to perform: smoothness, strength and stepping, live and for what is baked"
    preset_subdir = "mimica/feel"
    preset_operator = "script.execute_preset"

    def draw(self, context: bpy.types.Context) -> None:
        layout = self.layout
        layout.operator_enum("mimica.feel_preset", "preset")
        folders = bpy.utils.preset_paths(self.preset_subdir)
        if any(True for folder in folders for _ in Path(folder).glob("*.py")):
            layout.separator()
            bpy.types.Menu.draw_preset(self, context)


class VIEW3D_PT_mimica_feel(bpy.types.Panel):
    bl_label = "Feel"
    bl_space_type = "VIEW_3D"
    bl_region_type = "UI"
    bl_category = "Mimica"
    bl_parent_id = "VIEW3D_PT_mimica_capture"

    def draw(self, context: bpy.types.Context) -> None:
        layout = self.layout
        settings = context.scene.mimica
        session = live.current()
        row = layout.row(align=True)
        row.menu("MIMICA_MT_feel_presets", text=MIMICA_MT_feel_presets.bl_label)
        row.operator("mimica.feel_preset_add", text="", icon="ADD")
        row.operator("mimica.feel_preset_add", text="", icon="REMOVE").remove_active = True

        column = layout.column(align=True)
        column.prop(settings, "smoothness", slider=True)
        column.prop(settings.bake, "strength", slider=True)
        row = layout.row(align=True)
        row.prop(settings.bake, "stepped", toggle=True)
        row = row.row(align=True)
        row.active = settings.bake.stepped
        row.prop(settings.bake, "step")

        layout.prop(settings.feel, "mirror", icon="MOD_MIRROR", toggle=True)
        row = layout.row(align=True)
        row.operator("mimica.freeze", icon="FREEZE", depress=session is not None and session.frozen)
        row.operator("mimica.recentre_head", icon="PIVOT_CURSOR")
        if session is not None and session.rest is not None:
            row.operator("mimica.recentre_head", text="", icon="X").clear = True


class VIEW3D_PT_mimica_feel_regions(bpy.types.Panel):
    bl_label = "Feel by Region"
    bl_space_type = "VIEW_3D"
    bl_region_type = "UI"
    bl_category = "Mimica"
    bl_parent_id = "VIEW3D_PT_mimica_feel"
    bl_options = {"DEFAULT_CLOSED"}

    def draw(self, context: bpy.types.Context) -> None:
        bake = context.scene.mimica.bake
        column = self.layout.column(align=True)
        names, smoothing, strength = _cells(column)
        names.label(text="")
        smoothing.label(text=say("Smoothing"), translate=False)
        strength.label(text=say("Strength"), translate=False)
        for name, label, _ in REGIONS:
            names, smoothing, strength = _cells(column)
            names.label(text=say(label), translate=False)
            smoothing.prop(bake, f"smoothing_{name}", text="")
            strength.prop(bake, f"strength_{name}", text="")


def _cells(layout: bpy.types.UILayout) -> tuple[bpy.types.UILayout, bpy.types.UILayout, bpy.types.UILayout]:
    """Return the three cells of a row: a narrow one, and two for sliders."""
    split = layout.split(factor=0.24, align=True)
    names = split.row()
    row = split.row(align=True)
    return names, row.row(align=True), row.row(align=True)


PANELS = (MIMICA_MT_feel_presets, VIEW3D_PT_mimica_feel, VIEW3D_PT_mimica_feel_regions)
