# SPDX-FileCopyrightText: 2026 Mimica authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""More characters than one, and what becomes of their poses."""

import bpy

from ..rig import live
from ..rig.bind import can_be_target
from ..rig.language import say
from .redraw import redraw


def parts_of(settings: bpy.types.PropertyGroup) -> list[tuple[bpy.types.Object | None, int]]:
    """Return the characters that a capture drives, the first one first, each with the number of its face."""
    several = settings.faces > 1 or settings.source == "PHONE"
    parts: list[tuple[bpy.types.Object | None, int]] = [(settings.target, int(settings.face) if several else 0)]
    parts += [(member.object, int(member.face) if several else 0) for member in settings.cast if member.object]
    return parts


class MIMICA_OT_add_character(bpy.types.Operator):
    bl_idname = "mimica.add_character"
    bl_label = "Add Character"
    bl_description = "Add a character beside the first one. The active object is taken if it can be driven"
    bl_options = {"REGISTER", "UNDO"}

    def execute(self, context: bpy.types.Context) -> set[str]:
        settings = context.scene.mimica
        there = {settings.target, *(member.object for member in settings.cast)}
        member = settings.cast.add()
        active = context.active_object
        if active is not None and active not in there and can_be_target(active):
            member.object = active
        settings.cast_index = len(settings.cast) - 1
        return {"FINISHED"}


class MIMICA_OT_remove_character(bpy.types.Operator):
    bl_idname = "mimica.remove_character"
    bl_label = "Remove Character"
    bl_description = "Take the character off the list. It stays in the scene, and goes back to how it stood"
    bl_options = {"REGISTER", "UNDO"}

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        settings = context.scene.mimica
        if not 0 <= settings.cast_index < len(settings.cast):
            cls.poll_message_set(say("There is no character in the list"))
            return False
        return True

    def execute(self, context: bpy.types.Context) -> set[str]:
        settings = context.scene.mimica
        settings.cast.remove(settings.cast_index)
        settings.cast_index = max(0, min(settings.cast_index, len(settings.cast) - 1))
        return {"FINISHED"}


class MIMICA_OT_keep_pose(bpy.types.Operator):
    bl_idname = "mimica.keep_pose"
    bl_label = "Keep This Pose"
    bl_description = "Let the characters end up in the pose they have now, instead of how they stood before the capture"
    bl_options = {"REGISTER", "UNDO"}

    @classmethod
    def poll(cls, _context: bpy.types.Context) -> bool:
        if live.current() is None:
            cls.poll_message_set(say("Start a capture first"))
            return False
        return True

    def execute(self, context: bpy.types.Context) -> set[str]:
        session = live.current()
        if session is None:
            return {"CANCELLED"}
        session.keep_this_pose()
        redraw(context, "UI")
        self.report({"INFO"}, "This is the pose that stays when the capture ends")
        return {"FINISHED"}


register, unregister = bpy.utils.register_classes_factory(
    (MIMICA_OT_add_character, MIMICA_OT_remove_character, MIMICA_OT_keep_pose)
)
