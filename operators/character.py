# SPDX-FileCopyrightText: 2026 Mimica authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A character's map as a whole: detecting it, files, presets, and the pose it is tried out with."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import bpy
from bpy.app.handlers import persistent
from bpy.props import StringProperty
from bpy_extras.io_utils import ExportHelper, ImportHelper  # pyright: ignore[reportMissingImports]

from ..mapping.character_map import CharacterMap, CharacterMapError
from ..rig import character, map_presets, test_pose
from ..rig.bind import TargetError
from ..rig.detect import detect_character
from ..rig.language import say, sentence


def target_of(context: bpy.types.Context) -> Any:
    """Return the object that is picked as the character, if any."""
    return context.scene.mimica.target


def data_of(context: bpy.types.Context) -> character.MimicaCharacter:
    """Return what the picked character holds. For operators whose `poll` has found one."""
    data = character.data_of(target_of(context))
    assert data is not None
    return data


def holder_of(context: bpy.types.Context) -> bpy.types.Object:
    """Return the object that holds the picked character's map. For operators whose `poll` has found one."""
    holder = character.holder_of(target_of(context))
    assert holder is not None
    return holder


def detect_into(obj: bpy.types.Object) -> CharacterMap:
    """Detect how a character is driven, and keep the map and the report on it. Raises `TargetError`."""
    detection = detect_character(obj)
    character.store_map(obj, detection.character, detected=True)
    character.store_report(obj, detection.report.to_json())
    return detection.character


class OnCharacter(bpy.types.Operator):
    """Works on the map of the character that is picked."""

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        holder = character.holder_of(target_of(context))
        if holder is None:
            cls.poll_message_set(say("Pick a character first, or press Create Face Rig"))
            return False
        if holder.library is not None:
            cls.poll_message_set(say("The character is linked from another file. Make a library override of it first"))
            return False
        return True


class OnMap(OnCharacter):
    """Works on a map that is there."""

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        if not super().poll(context):
            return False
        if not data_of(context).stored:
            cls.poll_message_set(say("The character has no mapping yet. Press Detect, or load one"))
            return False
        return True


class MIMICA_OT_detect(OnCharacter):
    bl_idname = "mimica.detect"
    bl_label = "Detect"
    bl_description = (
        "Find out by names and shapes what of this character follows which part of the face, and list it for editing"
    )
    bl_options = {"REGISTER", "UNDO"}

    def invoke(self, context: bpy.types.Context, event: bpy.types.Event) -> set[str]:
        if not character.is_edited(target_of(context)):
            return self.execute(context)
        return context.window_manager.invoke_confirm(
            self,
            event,
            title="Detect Anew",
            message="The mapping was edited. Detecting anew replaces it.",
            confirm_text="Replace",
            icon="WARNING",
        )

    def execute(self, context: bpy.types.Context) -> set[str]:
        obj = target_of(context)
        try:
            found = detect_into(obj)
        except TargetError as error:
            self.report({"ERROR"}, sentence(str(error)))
            return {"CANCELLED"}
        if count := len(found.bones) + len(found.controls):
            self.report({"INFO"}, say("'{name}': {count} entries", name=obj.name, count=count))
        else:
            notes = ("Nothing was found that follows a face.", *character.stored_report(obj)["notes"])
            self.report({"WARNING"}, sentence(" ".join(notes)))
        return {"FINISHED"}


class MIMICA_OT_own_mapping(OnMap):
    bl_idname = "mimica.own_mapping"
    bl_label = "Edit Mapping Here"
    bl_description = "Copy the linked character's mapping into this file, to change it for this file alone"
    bl_options = {"REGISTER", "UNDO"}

    def execute(self, context: bpy.types.Context) -> set[str]:
        character.own_map(target_of(context))
        return {"FINISHED"}


class MIMICA_OT_clear_mapping(OnMap):
    bl_idname = "mimica.clear_mapping"
    bl_label = "Clear Mapping"
    bl_description = "Forget this character's mapping. It is detected by itself at the next capture"
    bl_options = {"REGISTER", "UNDO"}

    def execute(self, context: bpy.types.Context) -> set[str]:
        character.forget_map(target_of(context))
        return {"FINISHED"}


class _FileOrder(bpy.types.Operator):
    """Something that a file may refuse, said as a sentence."""

    def _try(self, order: Callable[[], str]) -> set[str]:
        try:
            self.report({"INFO"}, order())
        except CharacterMapError as error:
            self.report({"ERROR"}, sentence(str(error)))
            return {"CANCELLED"}
        return {"FINISHED"}

    def _use(self, context: bpy.types.Context, path: Path) -> set[str]:
        def use() -> str:
            found = map_presets.load_map(path)
            character.store_map(target_of(context), found)
            return say("'{name}': {count} entries", name=path.stem, count=len(found.bones) + len(found.controls))

        return self._try(use)


def _stored(context: bpy.types.Context) -> CharacterMap:
    stored = character.stored_map(target_of(context))
    assert stored is not None
    return stored


class MIMICA_OT_save_map(_FileOrder, OnMap, ExportHelper):
    bl_idname = "mimica.save_map"
    bl_label = "Save Mapping"
    bl_description = "Save this character's mapping as a file: readable text, one entry a line"

    filename_ext = map_presets.SUFFIX
    filter_glob: StringProperty(default=f"*{map_presets.SUFFIX}", options={"HIDDEN"})

    def invoke(self, context: bpy.types.Context, event: bpy.types.Event) -> set[str]:
        self.filepath = bpy.path.clean_name(holder_of(context).name) + self.filename_ext
        return super().invoke(context, event)

    def execute(self, context: bpy.types.Context) -> set[str]:
        def save() -> str:
            path = Path(bpy.path.abspath(self.filepath))
            map_presets.save_map(path, _stored(context))
            return say("Saved: {path}", path=path)

        return self._try(save)


class MIMICA_OT_load_map(_FileOrder, OnCharacter, ImportHelper):
    bl_idname = "mimica.load_map"
    bl_label = "Load Mapping"
    bl_description = "Replace this character's mapping by one from a file"
    bl_options = {"REGISTER", "UNDO"}

    filename_ext = map_presets.SUFFIX
    filter_glob: StringProperty(default=f"*{map_presets.SUFFIX}", options={"HIDDEN"})

    def execute(self, context: bpy.types.Context) -> set[str]:
        return self._use(context, Path(bpy.path.abspath(self.filepath)))


class MIMICA_OT_use_preset(_FileOrder, OnCharacter):
    bl_idname = "mimica.use_preset"
    bl_label = "Use Preset"
    bl_description = "Replace this character's mapping by this preset. What the character does not have is marked red"
    bl_options = {"REGISTER", "UNDO"}

    path: StringProperty(options={"HIDDEN", "SKIP_SAVE"})

    def execute(self, context: bpy.types.Context) -> set[str]:
        return self._use(context, Path(self.path))


class MIMICA_OT_save_preset(_FileOrder, OnMap):
    bl_idname = "mimica.save_preset"
    bl_label = "Add Preset"
    bl_description = "Keep this character's mapping as a preset for other characters, in all files"

    name: StringProperty(name="Name", description="How the preset is called; one of that name is replaced")

    def invoke(self, context: bpy.types.Context, event: bpy.types.Event) -> set[str]:
        self.name = self.name or holder_of(context).name
        return context.window_manager.invoke_props_dialog(self, title="Add Preset", confirm_text=say("Add"))

    def execute(self, context: bpy.types.Context) -> set[str]:
        def save() -> str:
            path = map_presets.save_preset(self.name, _stored(context))
            return say("Preset '{name}' is saved", name=path.stem)

        return self._try(save)


class MIMICA_OT_remove_preset(_FileOrder):
    bl_idname = "mimica.remove_preset"
    bl_label = "Remove Preset"
    bl_description = "Delete this preset. Characters that use it keep their mapping"

    path: StringProperty(options={"HIDDEN", "SKIP_SAVE"})

    def invoke(self, context: bpy.types.Context, event: bpy.types.Event) -> set[str]:
        return context.window_manager.invoke_confirm(
            self,
            event,
            title="Remove Preset",
            message=say("'{name}' is deleted.", name=Path(self.path).stem),
            confirm_text="Delete",
            icon="WARNING",
        )

    def execute(self, context: bpy.types.Context) -> set[str]:
        def remove() -> str:
            map_presets.remove_preset(Path(self.path))
            return say("Preset '{name}' is deleted", name=Path(self.path).stem)

        return self._try(remove)


class MIMICA_OT_reset_test(bpy.types.Operator):
    bl_idname = "mimica.reset_test"
    bl_label = "Reset Test"
    bl_description = "Give the character back the pose it had before the test"

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        if not test_pose.share():
            cls.poll_message_set(say("Nothing is being tested"))
            return False
        return True

    def execute(self, context: bpy.types.Context) -> set[str]:
        test_pose.end()
        return {"FINISHED"}


@persistent
def _end_test(*_arguments: object) -> None:
    # A tested pose is not the user's: it does not go into files, and undo knows nothing of the slider.
    test_pose.end()


_CLASSES = (
    MIMICA_OT_detect,
    MIMICA_OT_own_mapping,
    MIMICA_OT_clear_mapping,
    MIMICA_OT_save_map,
    MIMICA_OT_load_map,
    MIMICA_OT_use_preset,
    MIMICA_OT_save_preset,
    MIMICA_OT_remove_preset,
    MIMICA_OT_reset_test,
)
_register, _unregister = bpy.utils.register_classes_factory(_CLASSES)
_HANDLERS = ("save_pre", "load_pre", "undo_post", "redo_post")


def register() -> None:
    """Register the operators, and end a test before files are saved or loaded."""
    _register()
    test_pose.register()
    for name in _HANDLERS:
        getattr(bpy.app.handlers, name).append(_end_test)


def unregister() -> None:
    """Undo `register`."""
    for name in _HANDLERS:
        getattr(bpy.app.handlers, name).remove(_end_test)
    test_pose.unregister()
    _unregister()
