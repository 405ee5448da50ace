# SPDX-FileCopyrightText: 2026 Mimica authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The tab Mimica in the 3D viewport's sidebar. Drawing only reads."""

import bpy

from ..rig import live
from ..rig.language import say
from .cast import CLASSES as CAST_CLASSES
from .cast import draw_left_alone
from .character import CLASSES as CHARACTER_CLASSES
from .character import PANELS as CHARACTER_PANELS
from .character import draw_character
from .feel import PANELS as FEEL_PANELS
from .first_run import camera_trouble, draw_camera, draw_camera_trouble, draw_video_offer, draw_welcome
from .performer import CLASSES as PERFORMER_CLASSES
from .performer import draw_performer
from .phone import draw_phone
from .picture import draw_complaints
from .preferences import draw_far_faces, draw_helper_process, draw_model
from .properties import MimicaScene
from .sentence import draw_sentence
from .streams import draw_program, draw_reception
from .takes import CLASSES as TAKES_CLASSES
from .takes import draw_takes


class _Panel:
    bl_space_type = "VIEW_3D"
    bl_region_type = "UI"
    bl_category = "Mimica"


class VIEW3D_PT_mimica_capture(_Panel, bpy.types.Panel):
    bl_label = "Capture"

    def draw(self, context: bpy.types.Context) -> None:
        layout = self.layout
        settings = context.scene.mimica
        state = context.window_manager.mimica
        session = live.current()

        draw_welcome(layout, context)
        column = layout.column()
        column.enabled = session is None
        column.use_property_split = True
        column.use_property_decorate = False
        column.prop(settings, "source")
        _draw_source(column, context, settings)
        if settings.source == "PHONE":
            draw_phone(layout, context)
        draw_camera_trouble(layout, context)

        row = layout.row()
        row.scale_y = 1.6
        if session is None:
            row.operator("mimica.start_capture", icon="PLAY")
        else:
            row.operator("mimica.stop_capture", icon="SNAP_FACE")
        if session is not None:
            _draw_status(layout, context, session)
            draw_complaints(layout, context)
        if state.problem and not (state.source_failed and camera_trouble(context)):
            draw_sentence(layout, context, state.problem, "ERROR")
            if state.source_failed and settings.source == "CAMERA":
                draw_video_offer(layout)
        if not state.model and settings.source != "PROGRAM":
            draw_model(layout, context)


class VIEW3D_PT_mimica_tracker(_Panel, bpy.types.Panel):
    bl_label = "Tracker"
    bl_parent_id = "VIEW3D_PT_mimica_capture"
    bl_options = {"DEFAULT_CLOSED"}

    def draw(self, context: bpy.types.Context) -> None:
        layout = self.layout
        layout.use_property_split = True
        layout.use_property_decorate = False
        settings = context.scene.mimica
        column = layout.column()
        column.enabled = live.current() is None
        row = column.row(align=True)
        row.prop(settings, "field_of_view")
        row.operator("mimica.estimate_field_of_view", text="", icon="VIEW_PERSPECTIVE")
        column.separator()
        column.prop(settings, "faces")
        column.prop(settings, "detection")
        column.prop(settings, "presence")
        column.prop(settings, "tracking")
        column.separator()
        draw_far_faces(column, context)
        column.separator()
        draw_helper_process(column, context)
        draw_model(column, context)


class VIEW3D_PT_mimica_performer(_Panel, bpy.types.Panel):
    bl_label = "Performer"

    def draw(self, context: bpy.types.Context) -> None:
        draw_performer(self.layout, context)


class VIEW3D_PT_mimica_character(_Panel, bpy.types.Panel):
    bl_label = "Character"

    def draw(self, context: bpy.types.Context) -> None:
        layout = self.layout
        settings = context.scene.mimica
        draw_character(layout, context)
        column = layout.column()
        column.use_property_split = True
        column.use_property_decorate = False
        if settings.faces > 1 or settings.source in ("PROGRAM", "PHONE"):
            column.prop(settings, "face")
        column = column.column()
        column.enabled = live.current() is None
        # Its name is too long for the place beside a slider.
        column.use_property_split = False
        column.prop(settings, "head_translation")
        draw_left_alone(layout, context)


class VIEW3D_PT_mimica_takes(_Panel, bpy.types.Panel):
    bl_label = "Takes"

    def draw(self, context: bpy.types.Context) -> None:
        draw_takes(self.layout, context)


def _draw_source(layout: bpy.types.UILayout, context: bpy.types.Context, settings: MimicaScene) -> None:
    if settings.source == "CAMERA":
        draw_camera(layout, context)
        if not camera_trouble(context):
            layout.prop(settings, "resolution")
            layout.prop(settings, "rate")
    elif settings.source == "VIDEO":
        layout.prop(settings, "video")
        layout.prop(settings, "loop")
    elif settings.source == "IMAGES":
        layout.prop(settings, "images")
        layout.prop(settings, "image_rate")
        layout.prop(settings, "loop")
    elif settings.source == "PROGRAM":
        draw_program(layout, context)
    elif settings.source == "STREAM":
        layout.prop(settings, "address")


def _draw_status(layout: bpy.types.UILayout, context: bpy.types.Context, session: live.LiveSession) -> None:
    stats = session.stats()
    column = layout.column(align=True)
    if session.capture.state in ("idle", "opening"):
        waiting = session.settings.devices is not None
        column.label(text="Waiting for a phone" if waiting else "Opening the source", icon="TIME")
        return
    if session.of_controls:
        draw_reception(column, context, session)
    else:
        _draw_faces(column, context, session)
    template = "{rate:.0f} frames/s   {ms:.0f} ms   {dropped} dropped"
    figures = say(template, rate=stats.rate, ms=session.latency_ms, dropped=stats.dropped)
    column.label(text=figures, icon="BLANK1", translate=False)
    if stats.recording_error:
        draw_sentence(column, context, stats.recording_error, "ERROR")


def _draw_faces(layout: bpy.types.UILayout, context: bpy.types.Context, session: live.LiveSession) -> None:
    """Say whose face is found. With Faces at 1 the tracker looks for no second one, so nothing is known of others."""
    found = session.faces_now
    if not found:
        draw_sentence(layout, context, "No face: look into the camera, with light on your face", "ERROR")
    elif session.settings.tracker.faces == 1 and session.settings.devices is None:
        layout.label(text="Face found", icon="CHECKMARK")
    elif session.face in found:
        text = say("Face {number} is used", number=session.face + 1)
        if len(found) > 1:
            text = say("{n} faces found, face {number} is used", n=len(found), number=session.face + 1)
        layout.label(text=text, icon="CHECKMARK", translate=False)
    else:
        there = ", ".join(str(face + 1) for face in found)
        text = say("Face {number} is away; in the picture: {others}", number=session.face + 1, others=there)
        layout.label(text=text, icon="ERROR", translate=False)


_CLASSES = (
    *PERFORMER_CLASSES,
    *CHARACTER_CLASSES,
    *TAKES_CLASSES,
    VIEW3D_PT_mimica_capture,
    *FEEL_PANELS,
    VIEW3D_PT_mimica_tracker,
    VIEW3D_PT_mimica_performer,
    VIEW3D_PT_mimica_character,
    *CHARACTER_PANELS,
    *CAST_CLASSES,
    VIEW3D_PT_mimica_takes,
)
register, unregister = bpy.utils.register_classes_factory(_CLASSES)
