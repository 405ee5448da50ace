# SPDX-FileCopyrightText: 2026 Mimica authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The Performer panel: the list, Set Neutral, and what a calibration asks for. Drawing only reads."""

import bpy

from ..rig import live
from ..rig.calibrator import CalibrationView, Calibrator
from ..rig.language import say
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
        _draw_review(layout, context, view)
        return
    _draw_pose(layout, context, view)


def _draw_review(layout: bpy.types.UILayout, context: bpy.types.Context, view: CalibrationView) -> None:
    row = layout.row(align=True)
    row.scale_y = 1.3
    _order(row, "end", "CHECKMARK")
    _order(row, "again", "LOOP_BACK")
    _order(row, "discard", "TRASH")
    if view.missed:
        _order(layout, "missed", "ERROR")
    draw_sentence(layout, context, view.sentence, "INFO")
    if not view.reach:
        return
    draw_sentence(layout, context, "Both faces move with you. How far each pose goes, before and after:", "BLANK1")
    column = layout.column(align=True)
    column.scale_y = 0.8
    for reach in view.reach:
        line = column.row()
        line.label(text=reach.pose)
        side = line.row()
        side.alignment = "RIGHT"
        side.label(text=f"{reach.before:.2f} \u2192 {reach.after:.2f}", translate=False)


def _draw_pose(layout: bpy.types.UILayout, context: bpy.types.Context, view: CalibrationView) -> None:
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
    head.label(text=lesson.pose.name, icon="REC" if showing else "TIME")
    if lesson.asked[1] > 1:
        side = head.row()
        side.alignment = "RIGHT"
        side.label(text=say("{n} of {count}", n=lesson.asked[0], count=lesson.asked[1]), translate=False)
    # Whole tenths, so that the words do not flicker.
    left = f"{lesson.left:.1f} s"
    text, fraction = say("Hold  {left}", left=left), lesson.fraction
    if showing and lesson.bar is not None:
        text, fraction = say("Hold it") if lesson.bar >= 1.0 else say("As far as you can"), lesson.bar
    elif not showing:
        text = say("Relax") if lesson.pose.controls else say("Get ready  {left}", left=left)
        fraction = 0.0
    box.progress(factor=fraction, text=text)
    draw_sentence(box, context, lesson.pose.say, "BLANK1", 4)
    if lesson.following is not None:
        box.label(text=say("Next: {name}", name=say(lesson.following.name)), icon="BLANK1", translate=False)
    if lesson.note:
        draw_sentence(box, context, f"{lesson.note}.", "ERROR", 4)


def _order(layout: bpy.types.UILayout, order: str, icon: str) -> None:
    text = {
        "skip": "Skip",
        "again": "Again",
        "cancel": "Cancel",
        "end": "Keep",
        "missed": "Show Missed Again",
        "discard": "Discard",
    }[order]
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
