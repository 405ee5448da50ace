# SPDX-FileCopyrightText: 2026 Mimica authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""From one weak spot of the active take to the next, and markers for them on the timeline."""

import bpy

from ..rig import quality
from ..rig.language import say
from .redraw import redraw

_EVERY = 0.25
"""Seconds between two looks at which take is active and what is known of it."""
_listed: quality.Report | None = None
"""What the panel's list shows."""
_NOT_YET = "Pick a take; its quality is worked out while the Quality panel or the timeline shows it"


def _can_jump(operator: type[bpy.types.Operator]) -> bool:
    found = quality.report()
    if found is None or found.track is None:
        operator.poll_message_set(say(_NOT_YET))
        return False
    if not found.track.spots:
        operator.poll_message_set(say("The take has no weak spots"))
        return False
    return True


def _jump(operator: bpy.types.Operator, context: bpy.types.Context, direction: int) -> set[str]:
    index = quality.next_spot(context, direction)
    if index is None:
        after, before = "There is no weak spot after this frame", "There is no weak spot before this frame"
        operator.report({"INFO"}, say(after if direction > 0 else before))
        return {"CANCELLED"}
    # The list's own update goes there.
    context.window_manager.mimica.quality.index = index
    return {"FINISHED"}


class MIMICA_OT_next_weak_spot(bpy.types.Operator):
    bl_idname = "mimica.next_weak_spot"
    bl_label = "Next Weak Spot"
    bl_description = "Go to the next frame at which the active take was seen badly, lost the face, or has outliers"

    @classmethod
    def poll(cls, _context: bpy.types.Context) -> bool:
        return _can_jump(cls)

    def execute(self, context: bpy.types.Context) -> set[str]:
        return _jump(self, context, 1)


class MIMICA_OT_previous_weak_spot(bpy.types.Operator):
    bl_idname = "mimica.previous_weak_spot"
    bl_label = "Previous Weak Spot"
    bl_description = "Go back to the last frame at which the active take was seen badly, lost the face, or has outliers"

    @classmethod
    def poll(cls, _context: bpy.types.Context) -> bool:
        return _can_jump(cls)

    def execute(self, context: bpy.types.Context) -> set[str]:
        return _jump(self, context, -1)


class MIMICA_OT_mark_weak_spots(bpy.types.Operator):
    bl_idname = "mimica.mark_weak_spots"
    bl_label = "Mark on Timeline"
    bl_description = (
        "Set a marker at each gap without a face of more than 0.25 seconds, where the character's face eases to "
        "neutral. Those set before for this take are replaced"
    )
    bl_options = {"REGISTER", "UNDO"}

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        found = quality.report()
        if found is None or found.track is None:
            cls.poll_message_set(say(_NOT_YET))
            return False
        if not found.track.long_gaps() and not quality.has_marks(context):
            cls.poll_message_set(say("The take has no gaps of more than 0.25 seconds"))
            return False
        return True

    def execute(self, context: bpy.types.Context) -> set[str]:
        count = quality.mark_long_gaps(context)
        self.report({"INFO"}, say("1 marker is set") if count == 1 else say("{n} markers are set", n=count))
        return {"FINISHED"}


def _watch() -> float:
    """Work on what is drawn, and show what is new of it."""
    global _listed
    context = bpy.context
    if quality.step(context):
        if quality.known() is not _listed:
            _listed = quality.known()
            _list(context)
        redraw(context, "UI")
        redraw(context, "WINDOW", "DOPESHEET_EDITOR")
    return _EVERY


def _list(context: bpy.types.Context) -> None:
    """Put the weak spots into the panel's list."""
    found, shown = quality.known(), context.window_manager.mimica.quality
    shown.spots.clear()
    shown.index = -1
    if found is None or found.track is None:
        return
    for spot in found.track.spots:
        item = shown.spots.add()
        item.name, item.kind, item.start, item.seconds = spot.sentence, spot.kind, spot.start, spot.seconds


_CLASSES = (MIMICA_OT_next_weak_spot, MIMICA_OT_previous_weak_spot, MIMICA_OT_mark_weak_spots)
_register, _unregister = bpy.utils.register_classes_factory(_CLASSES)
_keys: list[tuple[bpy.types.KeyMap, bpy.types.KeyMapItem]] = []


def register() -> None:
    """Register the operators, with entries in the keymap to which users can give keys; watch which take is active."""
    _register()
    configuration = bpy.context.window_manager.keyconfigs.addon
    if configuration is not None:
        keymap = configuration.keymaps.new(name="Dopesheet", space_type="DOPESHEET_EDITOR")
        names = (MIMICA_OT_next_weak_spot.bl_idname, MIMICA_OT_previous_weak_spot.bl_idname)
        _keys.extend((keymap, keymap.keymap_items.new(name, "NONE", "PRESS")) for name in names)
    bpy.app.timers.register(_watch, first_interval=_EVERY, persistent=True)


def unregister() -> None:
    """Undo `register`."""
    global _listed
    _listed = None
    if bpy.app.timers.is_registered(_watch):
        bpy.app.timers.unregister(_watch)
    quality.forget()
    for keymap, item in _keys:
        keymap.keymap_items.remove(item)
    _keys.clear()
    _unregister()
