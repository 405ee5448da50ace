# SPDX-FileCopyrightText: 2026 Mimica authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The Takes panel: Record, the list, and its menu, to which others append. Drawing only reads."""

import bpy

from ..rig import live
from .properties import MimicaTake
from .sentence import draw_sentence


def draw_takes(layout: bpy.types.UILayout, context: bpy.types.Context) -> None:
    """Draw the panel."""
    settings = context.scene.mimica
    state = context.window_manager.mimica
    session = live.current()
    row = layout.row()
    row.scale_y = 1.3
    if session is not None and session.recording is not None:
        row.alert = True
        row.operator("mimica.record", text=f"Stop Recording  {session.recorded_seconds:.1f} s", icon="SNAP_FACE")
    else:
        row.operator("mimica.record", icon="REC")
    split = layout.column()
    split.use_property_split = True
    split.use_property_decorate = False
    split.prop(settings, "slate")
    row = layout.row()
    row.template_list("MIMICA_UL_takes", "", state, "takes", state, "take_index", rows=3)
    buttons = row.column(align=True)
    buttons.operator("mimica.refresh_takes", text="", icon="FILE_REFRESH")
    buttons.operator("mimica.delete_take", text="", icon="TRASH")
    buttons.separator()
    buttons.menu("MIMICA_MT_takes", text="", icon="DOWNARROW_HLT")
    row = layout.row()
    text = "Learning..." if state.learning else "Learn Expressions from Take"
    row.operator("mimica.learn_from_take", text=text, icon="TIME" if state.learning else "USER")
    if 0 <= state.take_index < len(state.takes) and state.takes[state.take_index].error:
        draw_sentence(layout, context, state.takes[state.take_index].error, "ERROR")


class MIMICA_UL_takes(bpy.types.UIList):
    def draw_item(
        self,
        _context: bpy.types.Context,
        layout: bpy.types.UILayout,
        _data: object,
        item: MimicaTake,
        _icon: int,
        _active_data: object,
        _active_property: str,
    ) -> None:
        row = layout.row(align=True)
        row.label(text=item.name, icon="ERROR" if item.error else "RENDER_ANIMATION", translate=False)
        if not item.error:
            side = row.row()
            side.alignment = "RIGHT"
            side.label(text=f"{item.duration:.1f} s", translate=False)
            side.label(text=f"{item.quality:.0%}", translate=False)


class MIMICA_MT_takes(bpy.types.Menu):
    bl_label = "Takes"

    def draw(self, context: bpy.types.Context) -> None:
        self.layout.operator("mimica.refresh_takes", icon="FILE_REFRESH")


CLASSES = (MIMICA_UL_takes, MIMICA_MT_takes)
