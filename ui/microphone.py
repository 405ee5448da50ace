# SPDX-FileCopyrightText: 2026 Mimica authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The Microphone panel. Drawing only reads."""

import math

import bpy

from ..rig import live, microphone
from ..rig.language import say
from .sentence import draw_sentence

_FLOOR = -60.0
"""Decibels at which the meter is empty."""
_CLIPPED = 0.99


class VIEW3D_PT_mimica_microphone(bpy.types.Panel):
    bl_label = "Microphone"
    bl_space_type = "VIEW_3D"
    bl_region_type = "UI"
    bl_category = "Mimica"
    bl_parent_id = "VIEW3D_PT_mimica_takes"
    bl_options = {"DEFAULT_CLOSED"}

    def draw_header(self, context: bpy.types.Context) -> None:
        row = self.layout.row()
        row.enabled = not _is_recording()
        row.prop(context.scene.mimica.microphone, "use", text="")

    def draw(self, context: bpy.types.Context) -> None:
        layout = self.layout
        settings = context.scene.mimica.microphone
        column = layout.column()
        column.active = settings.use
        column.use_property_split = True
        column.use_property_decorate = False
        row = column.row(align=True)
        row.enabled = not _is_recording()
        row.prop(settings, "device", icon="SPEAKER", placeholder="System Default")
        row.operator("mimica.find_microphones", text="", icon="FILE_REFRESH")
        column.prop(settings, "offset")
        column.prop(settings, "bake_sound")
        level, testing = microphone.level(), microphone.is_testing()
        row = layout.row() if level is None else layout.split(factor=0.35)
        row.operator("mimica.test_microphone", text="Stop" if testing else "Test", depress=testing, icon="PLAY_SOUND")
        if level is not None:
            _draw_meter(row, level)
        if microphone.is_looking():
            layout.label(text="Looking for microphones", icon="TIME")
        elif problem := microphone.problem():
            draw_sentence(layout, context, problem, "ERROR")


def _draw_meter(layout: bpy.types.UILayout, level: float) -> None:
    decibels = 20.0 * math.log10(max(level, 1e-4))
    row = layout.row()
    row.alert = level > _CLIPPED
    text = say("Too loud") if row.alert else f"{decibels:.0f} dB" if decibels > _FLOOR else say("Silence")
    row.progress(factor=min(1.0, max(0.0, 1.0 - decibels / _FLOOR)), type="BAR", text=text, translate=False)


def _is_recording() -> bool:
    session = live.current()
    return session is not None and session.recording is not None


register, unregister = bpy.utils.register_classes_factory((VIEW3D_PT_mimica_microphone,))
