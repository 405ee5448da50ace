# SPDX-FileCopyrightText: 2026 Mimica authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a panel shows in place of what needs packages that are not installed."""

import bpy

from ..bridges.extras import EXTRAS
from ..rig import extras
from ..rig.language import say
from .sentence import draw_sentence


def draw_missing(layout: bpy.types.UILayout, key: str) -> bool:
    """Draw which packages of an extra are missing and what installs them. Return whether there was anything to draw."""
    lacking = extras.missing(key)
    if not lacking:
        return False
    extra = EXTRAS[key]
    box = layout.box()
    box.label(text=say(extra.name), icon="PACKAGE", translate=False)
    if extras.needs_newer(key):
        _draw_text(box, say("Needs Blender 5.1 or later, for the NumPy 2 that comes with it."))
        return True
    _draw_text(box, say("Not installed: {packages}.", packages=", ".join(lacking)))
    words = say(
        "Install the extension {extension} from its zip, or run the line for pip in a terminal.",
        extension=extra.extension,
    )
    _draw_text(box, words)
    column = box.column(align=True)
    column.operator("mimica.install_extra", icon="IMPORT")
    column.operator("mimica.copy_pip_line", icon="COPYDOWN").key = key
    return True


def _draw_text(layout: bpy.types.UILayout, text: str) -> None:
    draw_sentence(layout, bpy.context, text, "NONE", inset=2)
