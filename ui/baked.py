# SPDX-FileCopyrightText: 2026 Mimica authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The panel Baked Take: what can be changed of a bake that is on the character. Drawing only reads."""

import bpy

from ..rig import baked_sliders
from ..rig.rebake import baked_action
from .bake import draw_factors
from .sentence import draw_sentence


class _Panel:
    bl_space_type = "VIEW_3D"
    bl_region_type = "UI"
    bl_category = "Mimica"

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        return baked_action(context.scene.mimica.target) is not None


class VIEW3D_PT_mimica_baked(_Panel, bpy.types.Panel):
    bl_label = "Baked Take"

    def draw(self, context: bpy.types.Context) -> None:
        layout = self.layout
        action = baked_action(context.scene.mimica.target)
        if action is None:
            return
        sliders = action.mimica_baked
        layout.label(text=action.name, icon="ACTION", translate=False)
        problem = baked_sliders.problem_of(action)
        if problem:
            draw_sentence(layout, context, problem, "ERROR")
        if baked_sliders.keys_are_unknown(action):
            layout.operator("mimica.rebuild_bake", icon="FILE_REFRESH")
        elif baked_sliders.is_waiting(action):
            layout.label(text="Keys follow when the slider rests", icon="TIME")
        column = layout.column()
        column.use_property_split = True
        column.use_property_decorate = False
        column.prop(sliders, "smoothness")
        column.prop(sliders, "strength")
        column.prop(sliders, "offset")
        column.prop(sliders, "reduce")
        row = column.row()
        row.active = sliders.reduce
        row.prop(sliders, "tolerance")
        layout.operator("mimica.add_hand_layer", icon="NLA_PUSHDOWN")
        row = layout.row(align=True)
        row.operator("mimica.reset_bake", icon="LOOP_BACK")
        row.operator("mimica.freeze_bake", icon="FREEZE")


class VIEW3D_PT_mimica_baked_smoothing(_Panel, bpy.types.Panel):
    bl_label = "Smoothing by Region"
    bl_parent_id = "VIEW3D_PT_mimica_baked"
    bl_options = {"DEFAULT_CLOSED"}

    def draw(self, context: bpy.types.Context) -> None:
        action = baked_action(context.scene.mimica.target)
        if action is not None:
            draw_factors(self.layout, action.mimica_baked, "smoothing")


class VIEW3D_PT_mimica_baked_strength(_Panel, bpy.types.Panel):
    bl_label = "Strength by Region"
    bl_parent_id = "VIEW3D_PT_mimica_baked"
    bl_options = {"DEFAULT_CLOSED"}

    def draw(self, context: bpy.types.Context) -> None:
        action = baked_action(context.scene.mimica.target)
        if action is not None:
            draw_factors(self.layout, action.mimica_baked, "strength")


register, unregister = bpy.utils.register_classes_factory(
    (VIEW3D_PT_mimica_baked, VIEW3D_PT_mimica_baked_smoothing, VIEW3D_PT_mimica_baked_strength)
)
