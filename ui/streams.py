# SPDX-FileCopyrightText: 2026 Mimica authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Streams in the Capture panel and in the panel Output. Drawing only reads."""

import bpy

from ..rig import live, streams
from ..rig.language import say
from .extras import draw_missing
from .sentence import draw_sentence
from .streams_properties import MimicaStreams


class VIEW3D_PT_mimica_streams(bpy.types.Panel):
    bl_label = "Streams"
    bl_space_type = "VIEW_3D"
    bl_region_type = "UI"
    bl_category = "Mimica"
    bl_parent_id = "VIEW3D_PT_mimica_output"

    def draw(self, context: bpy.types.Context) -> None:
        layout = self.layout
        settings, sending = context.scene.mimica.streams, context.window_manager.mimica.sending
        for key in MimicaStreams.KEYS:
            _draw_stream(layout, context, settings, sending, key)
        _draw_take(layout, context)


def _draw_stream(
    layout: bpy.types.UILayout,
    context: bpy.types.Context,
    settings: bpy.types.PropertyGroup,
    sending: bpy.types.PropertyGroup,
    key: str,
) -> None:
    extra = streams.needs(key)
    if extra is not None and draw_missing(layout, extra):
        return
    column = layout.column(align=True)
    head = column.row()
    head.prop(sending, key)
    health = streams.health_of(key)
    if health is not None:
        side = head.row()
        side.alignment = "RIGHT"
        side.label(text=say("{rate:.0f} frames/s", rate=health.rate), translate=False)
    row = column.row(align=True)
    row.prop(settings, f"{key}_address", text="")
    port = row.row(align=True)
    port.ui_units_x = 4
    port.prop(settings, f"{key}_port", text="")
    if problem := streams.problem_of(key):
        draw_sentence(layout, context, problem, "ERROR")


def _draw_take(layout: bpy.types.UILayout, context: bpy.types.Context) -> None:
    player = streams.playing()
    if player is None:
        layout.operator("mimica.send_take", icon="PLAY")
        if streams.last_problem:
            draw_sentence(layout, context, streams.last_problem, "ERROR")
        return
    row = layout.row(align=True)
    row.progress(factor=player.share, text=player.name)
    row.operator("mimica.send_take", text="", icon="SNAP_FACE")


def draw_program(layout: bpy.types.UILayout, context: bpy.types.Context) -> None:
    """Draw the settings of the source Other Program."""
    program = context.scene.mimica.program
    layout.prop(program, "protocol")
    layout.prop(program, "port")
    if streams.asks_phone(program.protocol):
        layout.prop(program, "phone")
    extra = streams.needs(program.protocol)
    if extra is not None:
        draw_missing(layout, extra)


def draw_reception(layout: bpy.types.UILayout, context: bpy.types.Context, session: live.LiveSession) -> None:
    """Say what comes from the other program, and what is wrong with it."""
    reception = streams.reception()
    if reception is None:
        return
    source, health = reception
    if not health.faces:
        text = "Nothing came at port {port} yet. Let the other program send to this computer and this port"
        draw_sentence(layout, context, say(text, port=source.port), "ERROR")
    for face in health.faces:
        used = face.face_id in session.faces_now
        text = say("Face {number}: {name}", number=face.face_id + 1, name=face.subject)
        row = layout.row()
        row.label(text=text, icon="CHECKMARK" if used else "ERROR", translate=False)
        side = row.row()
        side.alignment = "RIGHT"
        side.label(text=say("{rate:.0f} frames/s", rate=face.rate) if used else say("Silent"), translate=False)
    if health.refused:
        text = say("{n} packets were not understood. {reason}", n=health.refused, reason=say(health.refusal))
        draw_sentence(layout, context, text, "INFO")


register, unregister = bpy.utils.register_classes_factory((VIEW3D_PT_mimica_streams,))
