# SPDX-FileCopyrightText: 2026 Mimica authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The self-test in the preferences: its button, its progress, what it found. Drawing only reads."""

import bpy

from ..rig import self_test
from ..rig.language import say
from .sentence import draw_sentence

_ICONS = {"ok": "CHECKMARK", "warning": "ERROR", "failure": "CANCEL", "skipped": "REMOVE"}
_TITLES = 0.22
"""Share of the width that the titles take."""
_LINE = 0.8
"""Height of a line, as sentences have it."""


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
    inset = int(_TITLES * context.region.width / (7 * context.preferences.system.ui_scale)) + 1
    for result in test.results:
        split = box.split(factor=_TITLES)
        title = split.column()
        title.scale_y = _LINE
        title.label(text=result.title, icon=_ICONS[result.outcome])
        told = split.column()
        said = told.column()
        said.alert = result.outcome == "failure"
        draw_sentence(said, context, result.sentence, "NONE", inset)
        if result.advice:
            draw_sentence(told, context, result.advice, "NONE", inset)
