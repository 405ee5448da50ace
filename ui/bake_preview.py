# SPDX-FileCopyrightText: 2026 Mimica authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The preview of a bake, below the button that bakes."""

import bpy

from ..rig import bake_preview
from ..rig.language import say
from .sentence import draw_sentence


def _draw(self: bpy.types.Panel, context: bpy.types.Context) -> None:
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
        first, last = status.frames
        words = say("Frames {first} to {last}, nothing is keyed", first=first, last=last)
        layout.label(text=words, icon="TIME" if status.working else "INFO", translate=False)
    else:
        layout.label(text="Reading the take", icon="TIME")


def register() -> None:
    """Draw it at the end of the panel Bake."""
    bpy.types.VIEW3D_PT_mimica_bake.append(_draw)


def unregister() -> None:
    """Undo `register`."""
    bpy.types.VIEW3D_PT_mimica_bake.remove(_draw)
