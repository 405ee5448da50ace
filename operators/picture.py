# SPDX-FileCopyrightText: 2026 Mimica authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Showing the camera's picture in an Image Editor."""

import bpy

from ..rig import live, picture_place
from ..rig.language import say

_USUAL_SIZE = (640, 480)


def _editor(context: bpy.types.Context) -> bpy.types.Area | None:
    """Return the Image Editor that is meant: the one in which the button was pressed, else the largest."""
    area = context.area
    if area is not None and area.type == "IMAGE_EDITOR":
        return area
    return picture_place.image_editor(context.window.screen) if context.window is not None else None


class MIMICA_OT_show_in_image_editor(bpy.types.Operator):
    bl_idname = "mimica.show_in_image_editor"
    bl_label = "Show in Image Editor"
    bl_description = "Show what the camera sees in an Image Editor, as large as you like, while a capture runs"
    bl_options = {"UNDO"}

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        if _editor(context) is None:
            cls.poll_message_set(say("Open an Image Editor beside the viewport first"))
            return False
        return True

    def execute(self, context: bpy.types.Context) -> set[str]:
        area = _editor(context)
        if area is None:
            return {"CANCELLED"}
        session = live.current()
        info = session.capture.info if session is not None else None
        size = (info.width, info.height) if info and info.width else _USUAL_SIZE
        area.spaces.active.image = picture_place.camera_image(*size)
        area.tag_redraw()
        return {"FINISHED"}


register, unregister = bpy.utils.register_classes_factory((MIMICA_OT_show_in_image_editor,))
