# SPDX-FileCopyrightText: 2026 Mimica authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Recording takes, and the list of them."""

from pathlib import Path

import bpy
from bpy.app.handlers import persistent

from ..capture.take import SUFFIX, TakeError, delete_take, list_takes
from ..rig import live
from ..rig.paths import next_take, takes_folder
from .redraw import redraw


def refresh_takes(window_manager: bpy.types.WindowManager, select: str = "") -> None:
    """Read the folder of takes into the panel's list; `select` is the path to make active."""
    state = window_manager.mimica
    if not select and 0 <= state.take_index < len(state.takes):
        select = state.takes[state.take_index].path
    state.takes.clear()
    for i, summary in enumerate(list_takes(takes_folder())):
        item = state.takes.add()
        item.name = summary.name
        item.path = str(summary.path)
        item.duration = summary.duration
        item.frames = summary.frames
        item.quality = summary.quality
        item.error = summary.error or ""
        item.several_faces = len(summary.found) > 1
        item.faces = ", ".join(f"{face + 1} ({share:.0%})" for face, share in summary.found.items())
        if item.path == select:
            state.take_index = i
    state.take_index = max(0, min(state.take_index, len(state.takes) - 1))


def active_take(context: bpy.types.Context) -> Path | None:
    """Return the file of the take that is active in the list."""
    state = context.window_manager.mimica
    if 0 <= state.take_index < len(state.takes):
        return Path(state.takes[state.take_index].path)
    return None


class MIMICA_OT_record(bpy.types.Operator):
    bl_idname = "mimica.record"
    bl_label = "Record"
    bl_description = "Record a take: every frame is kept on disk, raw, from now until you press again"

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        session = live.current()
        if session is None or session.capture.state != "running":
            cls.poll_message_set("Start a capture first")
            return False
        return True

    def execute(self, context: bpy.types.Context) -> set[str]:
        session = live.current()
        if session is None:
            return {"CANCELLED"}
        if session.recording is not None:
            path = session.stop_recording()
            self.report({"INFO"}, f"The take is kept: {path}")
            return {"FINISHED"}
        folder = takes_folder()
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            sentence = f"Takes cannot be kept in '{folder}' ({error.strerror}). Save the file elsewhere first."
            context.window_manager.mimica.problem = sentence
            self.report({"ERROR"}, sentence)
            return {"CANCELLED"}
        context.window_manager.mimica.problem = ""
        name, path = next_take(folder, context.scene.mimica.slate, SUFFIX)
        session.start_recording(path, name)
        return {"FINISHED"}


class MIMICA_OT_refresh_takes(bpy.types.Operator):
    bl_idname = "mimica.refresh_takes"
    bl_label = "Refresh Takes"
    bl_description = "Look again at the folder of takes"

    def execute(self, context: bpy.types.Context) -> set[str]:
        refresh_takes(context.window_manager)
        return {"FINISHED"}


class MIMICA_OT_delete_take(bpy.types.Operator):
    bl_idname = "mimica.delete_take"
    bl_label = "Delete Take"
    bl_description = "Delete the active take's file. This cannot be undone"

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        if active_take(context) is None:
            cls.poll_message_set("There is no take to delete")
            return False
        return True

    def invoke(self, context: bpy.types.Context, event: bpy.types.Event) -> set[str]:
        return context.window_manager.invoke_confirm(self, event)

    def execute(self, context: bpy.types.Context) -> set[str]:
        path = active_take(context)
        session = live.current()
        if path is None:
            return {"CANCELLED"}
        if session is not None and session.recording is not None and session.recording.path == path:
            self.report({"ERROR"}, "This take is being recorded. Stop the recording first")
            return {"CANCELLED"}
        try:
            delete_take(path)
        except (TakeError, OSError) as error:
            self.report({"ERROR"}, str(error))
            return {"CANCELLED"}
        refresh_takes(context.window_manager)
        return {"FINISHED"}


def _watch() -> float:
    """Refresh the list when a take's file was finished in the background."""
    if live.finished_takes:
        path = live.finished_takes.popleft()
        refresh_takes(bpy.context.window_manager, str(path))
        redraw(bpy.context, "UI")
    return 0.25


@persistent
def _on_load(*_arguments: object) -> None:
    refresh_takes(bpy.context.window_manager)


def _look_once() -> None:
    refresh_takes(bpy.context.window_manager)


_CLASSES = (MIMICA_OT_record, MIMICA_OT_refresh_takes, MIMICA_OT_delete_take)
_register, _unregister = bpy.utils.register_classes_factory(_CLASSES)


def register() -> None:
    """Register the operators; the list follows file loads, saves and finished takes."""
    _register()
    bpy.app.handlers.load_post.append(_on_load)
    bpy.app.handlers.save_post.append(_on_load)
    bpy.app.timers.register(_look_once, first_interval=0.1, persistent=True)
    bpy.app.timers.register(_watch, first_interval=0.25, persistent=True)


def unregister() -> None:
    """Undo `register`."""
    for function in (_watch, _look_once):
        if bpy.app.timers.is_registered(function):
            bpy.app.timers.unregister(function)
    bpy.app.handlers.save_post.remove(_on_load)
    bpy.app.handlers.load_post.remove(_on_load)
    _unregister()
