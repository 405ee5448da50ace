# SPDX-FileCopyrightText: 2026 Mimica authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The list of performers: choosing, naming, copying, resetting."""

from collections.abc import Callable
from pathlib import Path

import bpy
from bpy.app.handlers import persistent
from bpy.props import BoolProperty, EnumProperty, StringProperty

from ..mapping.calibration import ProfileError, without_range
from ..rig import live, performers
from ..rig.language import say, sentence
from ..rig.paths import performers_folder, single_performer_file
from .redraw import redraw

_FILTER = f"*{performers.SUFFIX}"


_RESETS = (
    ("RANGE", "Reset Range", "Forget the range: the average face's expressions serve again"),
    ("ALL", "Reset Neutral and Range", "Forget neutral and range: each capture finds the neutral in its first second"),
)


def active_path(context: bpy.types.Context) -> Path | None:
    """Return the file of the performer that is active in the list."""
    state = context.window_manager.mimica
    if 0 <= state.performer_index < len(state.performers):
        return Path(state.performers[state.performer_index].path)
    return None


def path_to_keep(context: bpy.types.Context) -> Path:
    """Return the active performer's file; the first performer is added when there is none. Raises `ProfileError`."""
    path = performers.active_performer(performers_folder())
    if path is None:
        path = performers.new_performer(performers_folder())
        refresh_performers(context.window_manager)
    return path


def refresh_performers(window_manager: bpy.types.WindowManager) -> None:
    """Read the folder of performers into the panel's list."""
    state = window_manager.mimica
    folder = performers_folder()
    try:
        performers.adopt_single_profile(single_performer_file(), folder)
    except ProfileError as error:
        state.calibration = str(error)
    active = performers.active_performer(folder)
    state.performers.clear()
    chosen = 0
    for i, performer in enumerate(performers.list_performers(folder)):
        item = state.performers.add()
        item.name = performer.name
        item.path = str(performer.path)
        item.has_neutral, item.has_range = performer.has_neutral, performer.has_range
        item.error = performer.error
        if performer.path == active:
            chosen = i
    state.performer_index = chosen


class _OfPerformer(bpy.types.Operator):
    """Works on the performer that is active in the list, and never in the middle of a calibration."""

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        if active_path(context) is None:
            cls.poll_message_set(say("There is no performer yet. Press New Performer, or Set Neutral in a capture"))
            return False
        session = live.current()
        if session is not None and session.asking:
            cls.poll_message_set(say("Finish or cancel the calibration first"))
            return False
        return True

    def _change(self, context: bpy.types.Context, change: Callable[[Path], Path | None]) -> set[str]:
        """Do something with the active performer's file; what it returns is the file to be active from now on."""
        path = active_path(context)
        if path is None:
            return {"CANCELLED"}
        return _changed(self, context, lambda: change(path))


def _changed(operator: bpy.types.Operator, context: bpy.types.Context, change: Callable[[], Path | None]) -> set[str]:
    context.window_manager.mimica.calibration = ""
    try:
        chosen = change() or performers.active_performer(performers_folder())
        if chosen is not None:
            live.choose_performer(chosen)
    except ProfileError as error:
        operator.report({"ERROR"}, sentence(str(error)))
        return {"CANCELLED"}
    finally:
        refresh_performers(context.window_manager)
    return {"FINISHED"}


class MIMICA_OT_new_performer(bpy.types.Operator):
    bl_idname = "mimica.new_performer"
    bl_label = "New Performer"
    bl_description = (
        "Add a performer. Until a neutral is set, each capture finds this performer's in its first good second"
    )

    name: StringProperty(name="Name", description="How the performer is called in the list", default="Performer")

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        session = live.current()
        if session is not None and session.asking:
            cls.poll_message_set(say("Finish or cancel the calibration first"))
            return False
        return True

    def invoke(self, context: bpy.types.Context, event: bpy.types.Event) -> set[str]:
        return context.window_manager.invoke_props_dialog(self, title="New Performer", confirm_text=say("Add"))

    def execute(self, context: bpy.types.Context) -> set[str]:
        return _changed(self, context, lambda: performers.new_performer(performers_folder(), self.name))


class MIMICA_OT_rename_performer(_OfPerformer):
    bl_idname = "mimica.rename_performer"
    bl_label = "Rename Performer"
    bl_description = "Give the active performer another name"

    name: StringProperty(name="Name", description="The new name")

    def invoke(self, context: bpy.types.Context, event: bpy.types.Event) -> set[str]:
        path = active_path(context)
        self.name = path.stem if path else ""
        return context.window_manager.invoke_props_dialog(self, title="Rename Performer", confirm_text="Rename")

    def execute(self, context: bpy.types.Context) -> set[str]:
        return self._change(context, lambda path: performers.rename_performer(path, self.name))


class MIMICA_OT_duplicate_performer(_OfPerformer):
    bl_idname = "mimica.duplicate_performer"
    bl_label = "Duplicate Performer"
    bl_description = "Copy the active performer, for trying another calibration beside the one that works"

    def execute(self, context: bpy.types.Context) -> set[str]:
        return self._change(context, performers.duplicate_performer)


class MIMICA_OT_delete_performer(_OfPerformer):
    bl_idname = "mimica.delete_performer"
    bl_label = "Delete Performer"
    bl_description = "Delete the active performer's neutral and range. Takes keep what they were recorded with"

    def invoke(self, context: bpy.types.Context, event: bpy.types.Event) -> set[str]:
        path = active_path(context)
        message = say("'{name}' loses neutral and range. Takes stay.", name=path.stem) if path else ""
        return context.window_manager.invoke_confirm(
            self, event, title="Delete Performer", message=message, confirm_text="Delete", icon="WARNING"
        )

    def execute(self, context: bpy.types.Context) -> set[str]:
        return self._change(context, performers.delete_performer)


class MIMICA_OT_reset_performer(_OfPerformer):
    bl_idname = "mimica.reset_performer"
    bl_label = "Reset Performer"

    what: EnumProperty(items=_RESETS, options={"HIDDEN"})

    @classmethod
    def description(cls, _context: bpy.types.Context, properties: bpy.types.OperatorProperties) -> str:
        effect = next(text for what, _, text in _RESETS if what == properties.what)
        return say("{effect}. Restore Previous brings it back", effect=say(effect))

    def execute(self, context: bpy.types.Context) -> set[str]:
        return self._change(context, self._reset)

    def _reset(self, path: Path) -> None:
        profile = performers.load_performer(path) if self.what == "RANGE" else None
        performers.save_performer(path, None if profile is None else without_range(profile))


class MIMICA_OT_restore_performer(_OfPerformer):
    bl_idname = "mimica.restore_performer"
    bl_label = "Restore Previous"
    bl_description = "Bring back neutral and range from before the last change. Press again to undo that"

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        if not super().poll(context):
            return False
        path = active_path(context)
        if path is None or not performers.has_previous(path):
            cls.poll_message_set(say("This performer was not changed yet"))
            return False
        return True

    def execute(self, context: bpy.types.Context) -> set[str]:
        return self._change(context, performers.restore_previous)


class _WithFile:
    """Asks for a file of a performer."""

    filepath: StringProperty(name="File", description="A performer's profile", subtype="FILE_PATH")
    filter_glob: StringProperty(default=_FILTER, options={"HIDDEN"})


class MIMICA_OT_import_performer(_WithFile, bpy.types.Operator):
    bl_idname = "mimica.import_performer"
    bl_label = "Import Performer"
    bl_description = "Add a performer from a file that was exported here or elsewhere"

    def invoke(self, context: bpy.types.Context, event: bpy.types.Event) -> set[str]:
        context.window_manager.fileselect_add(self)
        return {"RUNNING_MODAL"}

    def execute(self, context: bpy.types.Context) -> set[str]:
        return _changed(self, context, lambda: performers.import_performer(performers_folder(), Path(self.filepath)))


class MIMICA_OT_export_performer(_WithFile, _OfPerformer):
    bl_idname = "mimica.export_performer"
    bl_label = "Export Performer"
    bl_description = "Save the active performer's neutral and range as a file, for another computer"

    check_existing: BoolProperty(default=True, options={"HIDDEN"})

    def invoke(self, context: bpy.types.Context, event: bpy.types.Event) -> set[str]:
        path = active_path(context)
        self.filepath = path.name if path else ""
        context.window_manager.fileselect_add(self)
        return {"RUNNING_MODAL"}

    def execute(self, context: bpy.types.Context) -> set[str]:
        path = active_path(context)
        if path is None:
            return {"CANCELLED"}
        try:
            performers.export_performer(path, Path(self.filepath).with_suffix(performers.SUFFIX))
        except ProfileError as error:
            self.report({"ERROR"}, sentence(str(error)))
            return {"CANCELLED"}
        self.report({"INFO"}, say("Saved: {path}", path=self.filepath))
        return {"FINISHED"}


class MIMICA_OT_refresh_performers(bpy.types.Operator):
    bl_idname = "mimica.refresh_performers"
    bl_label = "Refresh Performers"
    bl_description = "Look again at the folder of performers"

    def execute(self, context: bpy.types.Context) -> set[str]:
        refresh_performers(context.window_manager)
        return {"FINISHED"}


def _watch() -> float:
    """Show what came of a calibration that ended in the background."""
    if live.calibrated:
        manager = bpy.context.window_manager
        refresh_performers(manager)
        manager.mimica.calibration = live.calibrated.popleft()
        manager.mimica.learning = False
        # The panel, and the pose that is shown large over the viewport.
        redraw(bpy.context, "UI")
        redraw(bpy.context, "WINDOW")
    return 0.25


def _look_once() -> None:
    refresh_performers(bpy.context.window_manager)


@persistent
def _on_load(*_arguments: object) -> None:
    # What belongs to the window manager goes with the old file.
    refresh_performers(bpy.context.window_manager)


_CLASSES = (
    MIMICA_OT_new_performer,
    MIMICA_OT_rename_performer,
    MIMICA_OT_duplicate_performer,
    MIMICA_OT_delete_performer,
    MIMICA_OT_reset_performer,
    MIMICA_OT_restore_performer,
    MIMICA_OT_import_performer,
    MIMICA_OT_export_performer,
    MIMICA_OT_refresh_performers,
)
_register, _unregister = bpy.utils.register_classes_factory(_CLASSES)
_TIMERS = (_look_once, _watch)


def register() -> None:
    """Register the operators, and read the list as soon as Blender is ready and after each load of a file."""
    _register()
    bpy.app.handlers.load_post.append(_on_load)
    for function in _TIMERS:
        bpy.app.timers.register(function, first_interval=0.1, persistent=True)


def unregister() -> None:
    """Undo `register`."""
    for function in _TIMERS:
        if bpy.app.timers.is_registered(function):
            bpy.app.timers.unregister(function)
    bpy.app.handlers.load_post.remove(_on_load)
    _unregister()
