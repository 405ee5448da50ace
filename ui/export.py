# SPDX-FileCopyrightText: 2026 Mimica authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Export in the panel Output: its button, its progress, what came of it. Drawing only reads."""

import bpy

from ..rig import export_process
from ..rig.export_job import Result
from ..rig.language import say
from .sentence import draw_sentence


class VIEW3D_PT_mimica_export(bpy.types.Panel):
    bl_label = "Export"
    bl_space_type = "VIEW_3D"
    bl_region_type = "UI"
    bl_category = "Mimica"
    bl_parent_id = "VIEW3D_PT_mimica_output"

    def draw(self, context: bpy.types.Context) -> None:
        layout = self.layout
        process = export_process.current
        if process is None or process.ended:
            layout.operator("mimica.export_character", icon="EXPORT")
        else:
            row = layout.row(align=True)
            row.progress(factor=process.progress, text=process.output.name, translate=False)
            row.operator("mimica.cancel_export", text="", icon="X")
            return
        if process is None:
            return
        if process.result is not None:
            _draw_result(layout, context, process.result, process.output.name)
        else:
            draw_sentence(layout, context, process.error, "INFO" if process.cancelled else "ERROR")


def _draw_result(layout: bpy.types.UILayout, context: bpy.types.Context, result: Result, name: str) -> None:
    column = layout.column(align=True)
    size = result.size / 1e6
    told = say("{name}: {frames} frames, {size:.1f} MB", name=name, frames=result.frames, size=size)
    column.label(text=told, icon="CHECKMARK", translate=False)
    off = result.difference
    if off is not None:
        figures = say("Imported again: {mm:.2f} mm, {degrees:.2f}° off", mm=off["points"], degrees=off["turns"])
        column.label(text=figures, icon="BLANK1", translate=False)
        if off["missing"]:
            lost = say("Did not come back: {names}", names=", ".join(off["missing"][:8]))
            draw_sentence(layout, context, lost, "ERROR")
    for note in result.notes:
        draw_sentence(layout, context, note, "INFO")


register, unregister = bpy.utils.register_classes_factory((VIEW3D_PT_mimica_export,))
