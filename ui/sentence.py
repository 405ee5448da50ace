# SPDX-FileCopyrightText: 2026 Mimica authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Sentences in panels."""

import bpy

from ..rig.language import sentence
from .wrapping import columns, wrap


def draw_sentence(layout: bpy.types.UILayout, context: bpy.types.Context, text: str, icon: str, inset: int = 0) -> None:
    """Draw a sentence in the interface's language, over as many lines as the region's width asks for.

    :param inset: characters by which the lines are to be shorter: inside a box.
    """
    width = max(20, int(context.region.width / (7 * context.preferences.system.ui_scale)) - 4 - inset)
    column = layout.column(align=True)
    column.scale_y = 0.8
    for line in wrap(sentence(text), lambda line: columns(line) <= width):
        column.label(text=line, icon=icon, translate=False)
        icon = icon if icon == "NONE" else "BLANK1"
