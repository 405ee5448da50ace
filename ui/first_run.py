# SPDX-FileCopyrightText: 2026 Mimica authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the Capture panel says to somebody who has no character or no camera yet. Drawing only reads."""

import bpy

from ..rig import cameras, live
from ..rig.bind import can_be_target
from ..rig.language import say
from .sentence import draw_sentence

_INSET = 4
"""Characters that a box takes of a line."""


def lacks_character(context: bpy.types.Context) -> bool:
    """Whether there is nothing yet that a capture could move, nor an active object that it would take."""
    active = context.active_object
    return context.scene.mimica.target is None and (active is None or not can_be_target(active))


def has_source(context: bpy.types.Context) -> bool:
    """Whether a capture that starts now has pictures to begin with, as far as that is known."""
    settings = context.scene.mimica
    if settings.source == "CAMERA":
        return bool(cameras.found())
    if settings.source == "PROGRAM":
        return True
    if settings.source == "VIDEO":
        return bool(settings.video)
    if settings.source == "PHONE":
        return False
    return bool(settings.images if settings.source == "IMAGES" else settings.address.strip())


def camera_trouble(context: bpy.types.Context) -> tuple[str, ...]:
    """Return why there is no camera and what to do, as sentences; nothing where one is there or none is wanted."""
    reason = cameras.reason()
    if context.scene.mimica.source != "CAMERA" or live.current() is not None or reason is None:
        return ()
    return (reason.sentence, *reason.advice)


def draw_welcome(layout: bpy.types.UILayout, context: bpy.types.Context) -> None:
    """Offer a face to those who have no character."""
    if not lacks_character(context):
        return
    box = layout.box()
    box.label(text="No character yet", icon="OUTLINER_OB_ARMATURE")
    text = "Begin with a ready-made face. A character of your own is chosen below, under Character."
    draw_sentence(box, context, text, "BLANK1", _INSET)
    column = box.column(align=True)
    column.scale_y = 1.4
    looking = context.scene.mimica.source == "CAMERA" and cameras.found() is None
    if live.current() is None and (looking or has_source(context)):
        # While cameras are looked for it keeps its place, so that no button moves under the mouse.
        row = column.row(align=True)
        row.enabled = not looking
        row.operator("mimica.create_and_start", icon="PLAY")
    column.operator("mimica.create_face_rig", icon="ARMATURE_DATA")


def draw_camera_trouble(layout: bpy.types.UILayout, context: bpy.types.Context) -> None:
    """Say why there is no camera and what to do, with the way around it."""
    said = camera_trouble(context)
    if not said:
        return
    box = layout.box()
    draw_sentence(box, context, said[0], "ERROR", _INSET)
    for text in said[1:]:
        draw_sentence(box, context, text, "DOT", _INSET)
    column = box.column(align=True)
    draw_video_offer(column)
    column.operator("mimica.refresh_cameras", text="Look Again", icon="FILE_REFRESH")


def draw_video_offer(layout: bpy.types.UILayout) -> None:
    """Offer a video to those whose camera cannot be used."""
    layout.operator("mimica.use_video", text="Use a Video Instead", icon="FILE_MOVIE")


def draw_camera(layout: bpy.types.UILayout, context: bpy.types.Context) -> None:
    """Draw which camera is used."""
    cameras.look_once()
    settings = context.scene.mimica
    state = context.window_manager.mimica
    row = layout.row(align=True)
    row.prop_search(settings, "camera", state, "cameras", icon="OUTLINER_OB_CAMERA")
    row.operator("mimica.refresh_cameras", text="", icon="FILE_REFRESH")
    found = cameras.found()
    if found is None:
        layout.label(text="Looking for cameras", icon="TIME")
    elif found and settings.camera not in ("", *found):
        text = say("'{name}' is not connected", name=settings.camera)
        draw_sentence(layout, context, text, "ERROR")
