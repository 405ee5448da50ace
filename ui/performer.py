# SPDX-FileCopyrightText: 2026 Mimica authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The Performer panel: the list, Set Neutral, and what a calibration asks for. Drawing only reads."""

import bpy

from ..rig import live
from ..rig.calibrator import CalibrationView, Calibrator
from .properties import MimicaPerformer
from .sentence import draw_sentence


def draw_performer(layout: bpy.types.UILayout, context: bpy.types.Context) -> None:
    """Draw the panel: in a calibration what it asks for, else the list of performers."""
    session = live.current()
    calibrator = session.calibrator if session is not None else None
    if calibrator is not None and not calibrator.over:
        _draw_calibration(layout, context, calibrator)
        return
    settings = context.scene.mimica
    state = context.window_manager.mimica
    row = layout.row()
    row.template_list("MIMICA_UL_performers", "", state, "performers", state, "performer_index", rows=3)
    buttons = row.column(align=True)
    buttons.operator("mimica.new_performer", text="", icon="ADD")
    buttons.operator("mimica.delete_performer", text="", icon="REMOVE")
    buttons.separator()
    buttons.menu("MIMICA_MT_performer", text="", icon="DOWNARROW_HLT")
    if 0 <= state.performer_index < len(state.performers) and state.performers[state.performer_index].error:
        draw_sentence(layout, context, state.performers[state.performer_index].error, "ERROR")

    if not state.performers:
        draw_sentence(layout, context, "Your first neutral or range adds you to the list.", "INFO")

    column = layout.column(align=True)
    column.operator("mimica.set_neutral", icon="USER")
    column.operator("mimica.learn_range", icon="SHAPEKEY_DATA")
    split = layout.column()
    split.use_property_split = True
    split.use_property_decorate = False
    split.row().prop(settings, "range_poses", expand=True)
    split.prop(settings, "range_seconds")
    if session is not None and session.calibrating:
        layout.label(text="Keep a calm face for a second", icon="TIME")
    if state.calibration:
        draw_sentence(layout, context, state.calibration, "INFO")


def _draw_calibration(layout: bpy.types.UILayout, context: bpy.types.Context, calibrator: Calibrator) -> None:
    view = calibrator.view
    if view.stage == "learning":
        layout.label(text="Learning from what you showed", icon="TIME")
        return
    if view.stage == "review":
        draw_sentence(layout, context, view.sentence, "INFO")
        draw_sentence(layout, context, "Show these once more, or go on without?", "BLANK1")
        row = layout.row(align=True)
        row.scale_y = 1.3
        _order(row, "again", "LOOP_BACK")
        _order(row, "end", "CHECKMARK")
        return
    _draw_pose(layout, context, view, calibrator)


def _draw_pose(
    layout: bpy.types.UILayout, context: bpy.types.Context, view: CalibrationView, calibrator: Calibrator
) -> None:
    lesson = view.lesson
    if lesson.pose is None:
        return
    # Above the sentence, whose length differs from pose to pose: buttons stay where they are.
    row = layout.row(align=True)
    if lesson.count > 1:
        _order(row, "skip", "FORWARD")
        _order(row, "again", "LOOP_BACK")
    _order(row, "cancel", "CANCEL")
    showing = lesson.phase == "show"
    box = layout.box()
    head = box.row()
    head.label(text=lesson.pose.name, icon="REC" if showing else "TIME", translate=False)
    if lesson.count > 1:
        side = head.row()
        side.alignment = "RIGHT"
        side.label(text=f"{lesson.number} of {lesson.count}", translate=False)
    draw_sentence(box, context, lesson.pose.say, "BLANK1", 4)
    # Whole tenths, so that the words do not flicker.
    text = f"Hold  {lesson.left:.1f} s" if showing else f"Relax, then show it in  {lesson.left:.1f} s"
    if not lesson.pose.controls and not showing:
        text = f"Get ready  {lesson.left:.1f} s"
    box.progress(factor=lesson.fraction if showing else 0.0, text=text)
    if lesson.note:
        draw_sentence(box, context, f"{lesson.note}.", "ERROR", 4)


def _order(layout: bpy.types.UILayout, order: str, icon: str) -> None:
    text = {"skip": "Skip", "again": "Again", "cancel": "Cancel", "end": "Done"}[order]
    layout.operator("mimica.calibration_order", text=text, icon=icon).order = order


class MIMICA_UL_performers(bpy.types.UIList):
    def draw_item(
        self,
        _context: bpy.types.Context,
        layout: bpy.types.UILayout,
        _data: object,
        item: MimicaPerformer,
        _icon: int,
        _active_data: object,
        _active_property: str,
    ) -> None:
        row = layout.row(align=True)
        row.label(text=item.name, icon="ERROR" if item.error else "USER", translate=False)
        if item.error:
            return
        side = row.row()
        side.alignment = "RIGHT"
        side.active = item.has_neutral
        side.label(text="Neutral, Range" if item.has_range else "Neutral" if item.has_neutral else "New")


class MIMICA_MT_performer(bpy.types.Menu):
    bl_label = "Performer"

    def draw(self, context: bpy.types.Context) -> None:
        layout = self.layout
        layout.operator("mimica.rename_performer", icon="GREASEPENCIL")
        layout.operator("mimica.duplicate_performer", icon="DUPLICATE")
        layout.separator()
        layout.operator("mimica.import_performer", icon="IMPORT")
        layout.operator("mimica.export_performer", icon="EXPORT")
        layout.separator()
        layout.operator("mimica.reset_performer", text="Reset Range", icon="LOOP_BACK").what = "RANGE"
        layout.operator("mimica.reset_performer", text="Reset Neutral and Range").what = "ALL"
        layout.operator("mimica.restore_performer", icon="RECOVER_LAST")
        layout.separator()
        layout.operator("mimica.refresh_performers", icon="FILE_REFRESH")


CLASSES = (MIMICA_UL_performers, MIMICA_MT_performer)
