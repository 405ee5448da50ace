# SPDX-FileCopyrightText: 2026 Mimica authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""More characters than one, and what a capture does to poses and animation that are there."""

import bpy

from ..rig import live
from ..rig.language import say
from .properties import MimicaCastMember
from .sentence import draw_sentence


def draw_left_alone(layout: bpy.types.UILayout, context: bpy.types.Context) -> None:
    """Say what of the characters a running capture leaves alone."""
    session = live.current()
    if session is not None:
        for sentence in session.left_alone:
            draw_sentence(layout, context, sentence, "INFO")


class MIMICA_UL_cast(bpy.types.UIList):
    def draw_item(
        self,
        context: bpy.types.Context,
        layout: bpy.types.UILayout,
        _data: object,
        item: MimicaCastMember,
        _icon: int,
        _active_data: object,
        _active_property: str,
    ) -> None:
        row = layout.row(align=True)
        row.prop(item, "object", text="", emboss=False, icon="OUTLINER_OB_ARMATURE")
        if context.scene.mimica.faces > 1 or context.scene.mimica.source == "PHONE":
            row.prop(item, "face", text="", emboss=False)


class VIEW3D_PT_mimica_cast(bpy.types.Panel):
    bl_label = "More Characters"
    bl_space_type = "VIEW_3D"
    bl_region_type = "UI"
    bl_category = "Mimica"
    bl_parent_id = "VIEW3D_PT_mimica_character"
    bl_order = 2
    bl_options = {"DEFAULT_CLOSED"}

    def draw(self, context: bpy.types.Context) -> None:
        layout = self.layout
        settings = context.scene.mimica
        row = layout.row()
        row.template_list("MIMICA_UL_cast", "", settings, "cast", settings, "cast_index", rows=2)
        buttons = row.column(align=True)
        buttons.operator("mimica.add_character", text="", icon="ADD")
        buttons.operator("mimica.remove_character", text="", icon="REMOVE")
        if 0 <= settings.cast_index < len(settings.cast):
            member = settings.cast[settings.cast_index]
            column = layout.column()
            column.use_property_split = True
            column.use_property_decorate = False
            column.prop(member, "object")
            if settings.faces > 1 or settings.source == "PHONE":
                column.prop(member, "face")
            column.prop_search(member, "take", context.window_manager.mimica, "takes", icon="RENDER_ANIMATION")


class VIEW3D_PT_mimica_existing(bpy.types.Panel):
    bl_label = "Pose and Animation"
    bl_space_type = "VIEW_3D"
    bl_region_type = "UI"
    bl_category = "Mimica"
    bl_parent_id = "VIEW3D_PT_mimica_character"
    bl_order = 3
    bl_options = {"DEFAULT_CLOSED"}

    def draw(self, context: bpy.types.Context) -> None:
        layout = self.layout
        settings = context.scene.mimica
        column = layout.column()
        column.use_property_split = True
        column.use_property_decorate = False
        # Its name is too long for the place beside it.
        column.label(text=say("Existing Animation"), translate=False)
        column.prop(settings, "existing_animation", text="")
        column.prop(settings, "keep_pose")
        layout.operator("mimica.keep_pose", icon="PINNED")


CLASSES = (MIMICA_UL_cast, VIEW3D_PT_mimica_cast, VIEW3D_PT_mimica_existing)
