# SPDX-FileCopyrightText: 2026 Mimica authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is done with the takes of the list: name, note, star, copies, trash, import, moving beside the file.

None of it is a step of Blender's undo, as files are not undone: what is deleted comes back with Restore.
"""

from collections.abc import Callable
from pathlib import Path

import bpy
from bpy.props import CollectionProperty, StringProperty

from ..capture import take_files
from ..capture.take import SUFFIX, TakeError, summarize
from ..capture.take_repair import repair_take
from ..rig import live
from ..rig.language import say, sentence
from . import own_takes, takes
from .takes import active_take, refresh_takes, takes_to_move

_FILTER = f"*{SUFFIX}"


def _active(context: bpy.types.Context) -> bpy.types.PropertyGroup | None:
    state = context.window_manager.mimica
    return state.takes[state.take_index] if 0 <= state.take_index < len(state.takes) else None


def _change(operator: bpy.types.Operator, context: bpy.types.Context, change: Callable[[], Path | None]) -> set[str]:
    """Do something with files; what it returns is the file to be active from now on."""
    select = ""
    try:
        select = str(change() or "")
    except TakeError as error:
        operator.report({"ERROR"}, sentence(str(error)))
        return {"CANCELLED"}
    finally:
        refresh_takes(context.window_manager, select)
    return {"FINISHED"}


class _OfTake(bpy.types.Operator):
    """Works on the take that is active in the list, whose file is there."""

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        item = _active(context)
        if item is None:
            cls.poll_message_set(say("There is no take yet. Record one, or import one"))
        elif item.missing:
            cls.poll_message_set(say("The take's file is missing. Relink it first"))
        return item is not None and not item.missing

    def _change(self, context: bpy.types.Context, change: Callable[[Path], Path | None]) -> set[str]:
        path = active_take(context)
        session = live.current()
        if path is None:
            return {"CANCELLED"}
        if session is not None and session.recording is not None and session.recording.path == path:
            self.report({"ERROR"}, "This take is being recorded. Stop the recording first")
            return {"CANCELLED"}
        return _change(self, context, lambda: change(path))


class MIMICA_OT_star_take(bpy.types.Operator):
    bl_idname = "mimica.star_take"
    bl_label = "Star"
    bl_description = "Mark the take as a favourite, or take the mark off. The list can show favourites alone or first"

    path: StringProperty(options={"HIDDEN", "SKIP_SAVE"})

    def execute(self, context: bpy.types.Context) -> set[str]:
        item = next((item for item in context.window_manager.mimica.takes if item.path == self.path), None)
        if item is None:
            return {"CANCELLED"}
        star = not item.star
        return _change(self, context, lambda: take_files.label_take(Path(self.path), star=star))


class MIMICA_OT_note_take(_OfTake):
    bl_idname = "mimica.note_take"
    bl_label = "Note"
    bl_description = "Write a note into the active take. Its frames stay as they are"

    note: StringProperty(name="Note", description="What is to be known of the take")

    def invoke(self, context: bpy.types.Context, event: bpy.types.Event) -> set[str]:
        item = _active(context)
        self.note = item.note if item else ""
        return context.window_manager.invoke_props_dialog(self, title="Note", confirm_text="Write", width=400)

    def execute(self, context: bpy.types.Context) -> set[str]:
        return self._change(context, lambda path: take_files.label_take(path, note=self.note))


class MIMICA_OT_rename_take(_OfTake):
    bl_idname = "mimica.rename_take"
    bl_label = "Rename Take"
    bl_description = "Give the active take and its file another name"

    name: StringProperty(name="Name", description="The new name")

    def invoke(self, context: bpy.types.Context, event: bpy.types.Event) -> set[str]:
        item = _active(context)
        self.name = item.name if item else ""
        return context.window_manager.invoke_props_dialog(self, title="Rename Take", confirm_text="Rename")

    def execute(self, context: bpy.types.Context) -> set[str]:
        item = _active(context)
        before = item.name if item else ""
        done = self._change(context, self._rename)
        item = _active(context)
        if done == {"FINISHED"} and item is not None and item.name != before:
            own_takes.renamed(before, item.name)
        return done

    def _rename(self, path: Path) -> Path:
        renamed = take_files.rename_take(path, self.name)
        own_takes.moved(path, renamed)
        return renamed


class MIMICA_OT_duplicate_take(_OfTake):
    bl_idname = "mimica.duplicate_take"
    bl_label = "Duplicate Take"
    bl_description = "Copy the active take's file under another name"

    def execute(self, context: bpy.types.Context) -> set[str]:
        return self._change(context, lambda path: _added(context, take_files.duplicate_take(path)))


class MIMICA_OT_delete_take(bpy.types.Operator):
    bl_idname = "mimica.delete_take"
    bl_label = "Delete Take"
    bl_description = "Put the active take into the trash beside the takes, from which Restore Deleted brings it back"

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        if active_take(context) is None:
            cls.poll_message_set(say("There is no take to delete"))
            return False
        return True

    def execute(self, context: bpy.types.Context) -> set[str]:
        path, session = active_take(context), live.current()
        if path is None:
            return {"CANCELLED"}
        if session is not None and session.recording is not None and session.recording.path == path:
            self.report({"ERROR"}, "This take is being recorded. Stop the recording first")
            return {"CANCELLED"}
        return _change(self, context, lambda: self._delete(path))

    def _delete(self, path: Path) -> None:
        # A missing one only leaves the list.
        if path.is_file():
            take_files.trash_take(path)
        own_takes.forget(path)


class MIMICA_OT_restore_take(bpy.types.Operator):
    bl_idname = "mimica.restore_take"
    bl_label = "Restore Deleted"
    bl_description = "Bring the take that was deleted last back from the trash"

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        return _has_trash(cls, context)

    def execute(self, context: bpy.types.Context) -> set[str]:
        return _change(self, context, lambda: _added(context, take_files.restore_last(takes.takes_folder())))


class MIMICA_OT_empty_takes_trash(bpy.types.Operator):
    bl_idname = "mimica.empty_takes_trash"
    bl_label = "Empty Trash"
    bl_description = "Delete the takes in the trash for good"

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        return _has_trash(cls, context)

    def invoke(self, context: bpy.types.Context, event: bpy.types.Event) -> set[str]:
        count = context.window_manager.mimica.takes_trashed
        message = say("1 take is deleted for good.") if count == 1 else say("{n} takes are deleted for good.", n=count)
        return context.window_manager.invoke_confirm(
            self, event, title="Empty Trash", message=message, confirm_text="Delete", icon="WARNING"
        )

    def execute(self, context: bpy.types.Context) -> set[str]:
        return _change(self, context, self._empty)

    def _empty(self) -> None:
        take_files.empty_trash(takes.takes_folder())


class MIMICA_OT_relink_take(bpy.types.Operator):
    bl_idname = "mimica.relink_take"
    bl_label = "Relink Take"
    bl_description = "Choose the missing take's file anew. Other missing takes are looked for in the same folder"

    filepath: StringProperty(name="File", description="Where the take is now", subtype="FILE_PATH")
    filter_glob: StringProperty(default=_FILTER, options={"HIDDEN"})

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        item = _active(context)
        if item is None or not item.missing:
            cls.poll_message_set(say("The take's file is there"))
            return False
        return True

    def invoke(self, context: bpy.types.Context, event: bpy.types.Event) -> set[str]:
        context.window_manager.fileselect_add(self)
        return {"RUNNING_MODAL"}

    def execute(self, context: bpy.types.Context) -> set[str]:
        path = active_take(context)
        if path is None:
            return {"CANCELLED"}
        return _change(self, context, lambda: self._relink(context, path, Path(bpy.path.abspath(self.filepath))))

    def _relink(self, context: bpy.types.Context, path: Path, found: Path) -> Path:
        own_takes.moved(path, summarize(found).path)
        for other in own_takes.own_takes(context.scene):
            beside = found.parent / other.name
            if not other.is_file() and beside.is_file():
                own_takes.moved(other, beside)
        return found


class MIMICA_OT_import_take(bpy.types.Operator):
    bl_idname = "mimica.import_take"
    bl_label = "Import Takes"
    bl_description = "Copy takes from elsewhere into the folder of takes. Files can also be dropped onto the viewport"

    filepath: StringProperty(subtype="FILE_PATH", options={"HIDDEN", "SKIP_SAVE"})
    directory: StringProperty(subtype="DIR_PATH", options={"HIDDEN", "SKIP_SAVE"})
    files: CollectionProperty(type=bpy.types.OperatorFileListElement, options={"HIDDEN", "SKIP_SAVE"})
    filter_glob: StringProperty(default=_FILTER, options={"HIDDEN"})

    def invoke(self, context: bpy.types.Context, event: bpy.types.Event) -> set[str]:
        if self.filepath or self.files:
            return self.execute(context)
        context.window_manager.fileselect_add(self)
        return {"RUNNING_MODAL"}

    def execute(self, context: bpy.types.Context) -> set[str]:
        named = [Path(self.directory) / file.name for file in self.files if file.name]
        paths = [Path(bpy.path.abspath(str(path))) for path in named or [Path(self.filepath)]]
        return _change(self, context, lambda: self._import(context, paths))

    def _import(self, context: bpy.types.Context, paths: list[Path]) -> Path | None:
        imported = None
        for path in paths:
            # Says what cannot be read, before anything is copied.
            summarize(path)
            inside = path.parent == takes.takes_folder()
            imported = _added(context, path if inside else take_files.copy_take(path, takes.takes_folder()))
        return imported


class MIMICA_OT_move_takes(bpy.types.Operator):
    bl_idname = "mimica.move_takes"
    bl_label = "Move Takes beside the File"
    bl_description = "Move the scene's takes that were recorded before the file was saved to the folder of takes"

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        if not context.window_manager.mimica.takes_to_move:
            cls.poll_message_set(say("All takes of the scene are where they belong"))
            return False
        return True

    def execute(self, context: bpy.types.Context) -> set[str]:
        return _change(self, context, self._move)

    def _move(self) -> None:
        for path in takes_to_move():
            own_takes.moved(path, take_files.move_take(path, takes.takes_folder()))


class MIMICA_OT_repair_take(_OfTake):
    bl_idname = "mimica.repair_take"
    bl_label = "Repair Take"
    bl_description = "Copy what is whole of a damaged take into a new one. The damaged file stays as it is"

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        if not super().poll(context):
            return False
        item = _active(context)
        if item is None or not item.error:
            cls.poll_message_set(say("This take is not damaged"))
            return False
        return True

    def execute(self, context: bpy.types.Context) -> set[str]:
        return self._change(context, lambda path: _added(context, repair_take(path)))


class MIMICA_OT_reveal_takes(bpy.types.Operator):
    bl_idname = "mimica.reveal_takes"
    bl_label = "Show in File Manager"
    bl_description = "Open the folder of the active take in the system's file manager"

    def execute(self, context: bpy.types.Context) -> set[str]:
        path = active_take(context)
        folder = path.parent if path is not None and path.is_file() else takes.takes_folder()
        if not folder.is_dir():
            text = say("The folder '{folder}' is not there yet. It is made with the first take", folder=folder)
            self.report({"ERROR"}, text)
            return {"CANCELLED"}
        return bpy.ops.wm.path_open(filepath=str(folder))


class MIMICA_FH_takes(bpy.types.FileHandler):
    bl_idname = "MIMICA_FH_takes"
    bl_label = "Mimica Takes"
    bl_import_operator = "mimica.import_take"
    bl_file_extensions = SUFFIX

    @classmethod
    def poll_drop(cls, context: bpy.types.Context) -> bool:
        return context.area is not None and context.area.type == "VIEW_3D"


def _added(context: bpy.types.Context, path: Path) -> Path:
    own_takes.remember(context.scene, path)
    return path


def _has_trash(operator: type[bpy.types.Operator], context: bpy.types.Context) -> bool:
    if not context.window_manager.mimica.takes_trashed:
        operator.poll_message_set(say("The trash is empty"))
        return False
    return True


_CLASSES = (
    MIMICA_OT_star_take,
    MIMICA_OT_note_take,
    MIMICA_OT_rename_take,
    MIMICA_OT_duplicate_take,
    MIMICA_OT_delete_take,
    MIMICA_OT_restore_take,
    MIMICA_OT_empty_takes_trash,
    MIMICA_OT_relink_take,
    MIMICA_OT_import_take,
    MIMICA_OT_move_takes,
    MIMICA_OT_repair_take,
    MIMICA_OT_reveal_takes,
    MIMICA_FH_takes,
)
register, unregister = bpy.utils.register_classes_factory(_CLASSES)
