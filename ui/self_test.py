# SPDX-FileCopyrightText: 2026 Mimica authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The self-test in the preferences: its button, its progress, what it found. Drawing only reads."""

import bpy

from ..rig import self_test
from ..rig.language import say, sentence
from .sentence import draw_sentence

_ICONS = {"ok": "CHECKMARK", "warning": "ERROR", "failure": "CANCEL", "skipped": "REMOVE"}
_INSET = 34
"""Characters of a line that icon, title and margins take."""


def draw_self_test(layout: bpy.types.UILayout, context: bpy.types.Context) -> None:
    """Draw all of it."""
    layout.use_property_split = False
    column = layout.column()
    column.separator()
    test = self_test.current
    if test is None or test.done:
        row = column.row()
        row.operator("mimica.self_test", icon="VIEWZOOM")
        row.operator("mimica.copy_self_test", icon="COPYDOWN")
        row.operator("mimica.save_self_test", icon="FILE_TICK")
    else:
        row = column.row(align=True)
        text = say("Checking: {title}", title=say(test.current)) if test.current else ""
        row.progress(factor=test.progress, text=text, translate=False)
        row.operator("mimica.cancel_self_test", text="", icon="X")
    if test is None:
        return
    box = column.box().column()
    for result in test.results:
        split = box.split(factor=0.22)
        split.label(text=result.title, icon=_ICONS[result.outcome])
        told = split.column(align=True)
        draw_sentence(told, context, sentence(result.sentence), "NONE", _INSET)
        if result.advice:
            draw_sentence(told, context, sentence(result.advice), "NONE", _INSET)
