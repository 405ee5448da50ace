# SPDX-FileCopyrightText: 2026 Mimica authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The preview of a bake."""

import bpy

from ..rig import bake_preview
from .sentence import draw_sentence


class VIEW3D_PT_mimica_preview(bpy.types.Panel):
    bl_label = "Preview"
    bl_space_type = "VIEW_3D"
    bl_region_type = "UI"
    bl_category = "Mimica"
    bl_parent_id = "VIEW3D_PT_mimica_bake"

    def draw(self, context: bpy.types.Context) -> None:
        layout = self.layout
        on = bake_preview.is_on(context.scene)
        row = layout.row(align=True)
        row.operator("mimica.preview_bake", icon="HIDE_OFF" if on else "HIDE_ON", depress=on)
        compare = row.row(align=True)
        compare.enabled = on
        compare.prop(context.scene.mimica.preview, "raw", toggle=True)
        if not on:
            return
        status = bake_preview.status()
        if status.problem:
            draw_sentence(layout, context, status.problem, "ERROR")
        elif status.frames is not None:
            words = f"Frames {status.frames[0]} to {status.frames[1]}, nothing is keyed"
            layout.label(text=words, icon="INFO", translate=False)
        if status.working:
            layout.label(text="Reading the take", icon="TIME")


register, unregister = bpy.utils.register_classes_factory((VIEW3D_PT_mimica_preview,))
