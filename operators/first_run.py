# SPDX-FileCopyrightText: 2026 Mimica authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The shortest ways to a moving face: what the Capture panel offers somebody who has nothing yet."""

from pathlib import Path

import bpy
from bpy.props import BoolProperty, StringProperty

from ..rig import live
from ..rig.language import say, sentence


class MIMICA_OT_create_and_start(bpy.types.Operator):
    bl_idname = "mimica.create_and_start"
    bl_label = "Create Face and Start"
    bl_description = "Add a face rig, as Create Face Rig does, and begin to capture at once"
    bl_options = {"UNDO"}

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        if live.current() is not None:
            cls.poll_message_set(say("A capture is running"))
            return False
        return bpy.ops.mimica.create_face_rig.poll()

    def invoke(self, context: bpy.types.Context, event: bpy.types.Event) -> set[str]:
        bpy.ops.mimica.create_face_rig("INVOKE_DEFAULT")
        _start(self, context)
        # The face is there in any case.
        return {"FINISHED"}


class MIMICA_OT_use_video(bpy.types.Operator):
    bl_idname = "mimica.use_video"
    bl_label = "Use Video"
    bl_description = "Choose a video of a face to capture from, such as one that a phone has made"
    bl_options = {"UNDO"}

    filepath: StringProperty(subtype="FILE_PATH", options={"SKIP_SAVE"})
    filter_movie: BoolProperty(default=True, options={"HIDDEN"})
    filter_folder: BoolProperty(default=True, options={"HIDDEN"})

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        if live.current() is not None:
            cls.poll_message_set(say("A capture is running"))
            return False
        return True

    def invoke(self, context: bpy.types.Context, event: bpy.types.Event) -> set[str]:
        context.window_manager.fileselect_add(self)
        return {"RUNNING_MODAL"}

    def execute(self, context: bpy.types.Context) -> set[str]:
        if not Path(bpy.path.abspath(self.filepath)).is_file():
            self.report({"ERROR"}, say("No video was chosen"))
            return {"CANCELLED"}
        settings = context.scene.mimica
        settings.source, settings.video = "VIDEO", self.filepath
        state = context.window_manager.mimica
        state.problem, state.source_failed = "", False
        return {"FINISHED"}


class MIMICA_OT_toggle_capture(bpy.types.Operator):
    bl_idname = "mimica.toggle_capture"
    bl_label = "Start or Stop Capture"
    bl_description = "Begin to capture; while a capture runs, end it. For a key"

    def execute(self, context: bpy.types.Context) -> set[str]:
        if live.current() is None:
            return _start(self, context)
        return bpy.ops.mimica.stop_capture()


def _start(operator: bpy.types.Operator, context: bpy.types.Context) -> set[str]:
    """Start a capture; what keeps it from starting is reported."""
    try:
        return bpy.ops.mimica.start_capture("INVOKE_DEFAULT")
    except RuntimeError:
        # An operator that reports an error raises it where Python has called it.
        problem = context.window_manager.mimica.problem
        if not problem:
            raise
        operator.report({"ERROR"}, sentence(problem))
        return {"CANCELLED"}


_CLASSES = (MIMICA_OT_create_and_start, MIMICA_OT_use_video, MIMICA_OT_toggle_capture)
register, unregister = bpy.utils.register_classes_factory(_CLASSES)
