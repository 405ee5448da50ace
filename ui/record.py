# SPDX-FileCopyrightText: 2026 Mimica authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Record and Retake in the Takes panel, their settings, and the countdown over the viewport. Drawing only reads."""

from typing import Any

import blf
import bpy

from ..rig import live, recorder, watch
from ..rig.language import say
from .picture_draw import MARK, draw_mark
from .prompter import draw_box, free_width, text_size
from .sentence import draw_sentence

_FEW_MINUTES = 10.0
_NUMBER, _LINE = 150, 19
"""Font sizes in points."""
_TOP = 96
"""Pixels below the region's upper edge, free of Blender's own text and buttons."""
_WHITE, _PALE, _RED = (1.0, 1.0, 1.0, 1.0), (0.85, 0.85, 0.85, 1.0), (1.0, 0.35, 0.3, 1.0)
_SHADE = (0.08, 0.08, 0.08, 0.75)

_handle: Any = None


def draw_record(layout: bpy.types.UILayout, context: bpy.types.Context) -> None:
    """Draw the buttons, and what there is to say of a recording."""
    session, view = live.current(), recorder.view()
    row = layout.row(align=True)
    row.scale_y = 1.3
    if session is not None and session.recording is not None:
        row.alert = True
        text = say("Stop Recording  {seconds:.1f} s", seconds=session.recorded_seconds)
        row.operator("mimica.record", text=text, icon="SNAP_FACE", translate=False)
        left = session.recording.minutes_left
        if left is not None and left < _FEW_MINUTES:
            text = say("The disk has room for {minutes:.0f} more minutes. Free some space.", minutes=left)
            draw_sentence(layout, context, text, "ERROR")
    elif view is not None:
        row.alert = True
        row.operator("mimica.record", text=say("Cancel  {number}", number=view.number), icon="X", translate=False)
    else:
        row.operator("mimica.record", icon="REC")
        row.operator("mimica.retake", icon="FILE_REFRESH")
    for problem in view.problems if view is not None else recorder.last_problems():
        draw_sentence(layout, context, problem, "ERROR")


class VIEW3D_PT_mimica_recording(bpy.types.Panel):
    bl_label = "Recording"
    bl_space_type = "VIEW_3D"
    bl_region_type = "UI"
    bl_category = "Mimica"
    bl_parent_id = "VIEW3D_PT_mimica_takes"
    bl_options = {"DEFAULT_CLOSED"}

    def draw(self, context: bpy.types.Context) -> None:
        layout = self.layout
        layout.use_property_split = True
        layout.use_property_decorate = False
        settings = context.scene.mimica.recording
        column = layout.column()
        column.enabled = recorder.view() is None
        column.prop(settings, "countdown")
        column.prop(settings, "play")
        part = column.column()
        part.active = settings.play
        part.prop(settings, "preroll")
        part.prop(settings, "stop_at_end")
        column.prop(settings, "film")
        session = live.current()
        if settings.film and session is not None and session.recording is not None and session.recording.film:
            draw_sentence(layout, context, say("Kept as {path}", path=session.recording.film.path), "FILE_MOVIE")
        elif settings.film:
            draw_sentence(layout, context, "Kept beside the take: the same name, .avi", "FILE_MOVIE")


class VIEW3D_PT_mimica_retake(bpy.types.Panel):
    bl_label = "Retake"
    bl_space_type = "VIEW_3D"
    bl_region_type = "UI"
    bl_category = "Mimica"
    bl_parent_id = "VIEW3D_PT_mimica_takes"
    bl_options = {"DEFAULT_CLOSED"}

    def draw(self, context: bpy.types.Context) -> None:
        layout = self.layout
        layout.use_property_split = True
        layout.use_property_decorate = False
        scene = context.scene
        settings = scene.mimica.recording
        column = layout.column()
        column.enabled = recorder.view() is None
        if scene.use_preview_range:
            first, last = scene.frame_preview_start, scene.frame_preview_end
            text = say("The preview range: {first} to {last}", first=first, last=last)
            column.label(text=text, icon="PREVIEW_RANGE", translate=False)
        else:
            ends = column.column(align=True)
            for end in ("first", "last"):
                row = ends.row(align=True)
                row.prop(settings, end)
                row.operator("mimica.retake_frame", text="", icon="TIME").end = end
        column.prop(settings, "preroll")
        grid = column.column(heading=say("Regions"), align=True)
        grid.use_property_split = False
        grid.prop(settings, "regions")


def _draw() -> None:
    view = recorder.view()
    if view is None:
        return
    scale = bpy.context.preferences.system.ui_scale
    if view.phase == "countdown":
        _draw_number(str(view.number), say("Get ready. Esc calls the recording off"), _WHITE, scale)
    elif view.phase == "rolling":
        _draw_number(str(view.number), say("Recording already. The timeline leads in"), _RED, scale)
    elif view.phase == "recording":
        _draw_sign(scale)


def _draw_number(number: str, line: str, tint: tuple[float, ...], scale: float) -> None:
    """Draw a number as large as it can be read from where a performer sits, and a line below it."""
    region = bpy.context.region
    left, right = free_width(bpy.context.area, region)
    middle = (left + right) / 2
    size = min(_NUMBER * scale, 0.35 * region.height)
    width, height = text_size(number, size)
    line_width, line_height = text_size(line, _LINE * scale)
    half, pad = max(line_width, width) / 2 + 24 * scale, 20 * scale
    low = region.height / 2 - (height + line_height + 3 * pad) / 2
    draw_box(middle - half, low, middle + half, low + height + line_height + 3 * pad, _SHADE)
    _write(line, middle - line_width / 2, low + pad, _LINE * scale, _PALE)
    _write(number, middle - width / 2, low + 2 * pad + line_height, size, tint)


def _draw_sign(scale: float) -> None:
    """Say that a take is being recorded, out of the character's way."""
    session = live.current()
    if session is None:
        return
    region = bpy.context.region
    left, right = free_width(bpy.context.area, region)
    text = say("Recording  {seconds:.1f} s", seconds=session.recorded_seconds)
    width, height = text_size(text, _LINE * scale)
    pad = 10 * scale
    # The picture has this mark too, but may be hidden.
    watching, dot = watch.current(), 3 * MARK * scale
    x, y = (left + right - width + dot) / 2, region.height - _TOP * scale
    draw_box(x - dot - pad, y - pad, x + width + pad, y + height + pad, _SHADE)
    if watching is not None:
        draw_mark(watching, (x - 2 * dot / 3, y + height / 2), scale)
    _write(text, x, y, _LINE * scale, _RED)


def _write(text: str, x: float, y: float, points: float, tint: tuple[float, ...]) -> None:
    blf.size(0, points)
    blf.color(0, *tint)
    blf.position(0, x, y, 0)
    blf.draw(0, text)


_register, _unregister = bpy.utils.register_classes_factory((VIEW3D_PT_mimica_recording, VIEW3D_PT_mimica_retake))


def register() -> None:
    """Add the panels, and draw over every 3D viewport while a take is counted down to or recorded."""
    global _handle
    _register()
    _handle = bpy.types.SpaceView3D.draw_handler_add(_draw, (), "WINDOW", "POST_PIXEL")


def unregister() -> None:
    """Undo `register`."""
    global _handle
    if _handle is not None:
        bpy.types.SpaceView3D.draw_handler_remove(_handle, "WINDOW")
        _handle = None
    _unregister()
