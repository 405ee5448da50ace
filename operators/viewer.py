# SPDX-FileCopyrightText: 2026 Mimica authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Rerun's viewer: a take is opened in it, and captures are followed."""

import bpy
from bpy.app.handlers import persistent

from ..rig import extras, viewer
from ..rig.language import say, sentence
from .redraw import redraw
from .takes import active_take

_EVERY = 0.5
"""Seconds between two looks."""
_was_opening = False
"""Whether a take was on its way at the last look: panels show it until they are drawn again."""


class MIMICA_OT_view_take(bpy.types.Operator):
    bl_idname = "mimica.view_take"
    bl_label = "Open in Rerun"
    bl_description = (
        "Show the active take in Rerun's viewer: the picture with the landmarks, the face in 3D, scores, controls, "
        "head and confidence over time. Another program does it, and Blender does not wait"
    )

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        if active_take(context) is None:
            cls.poll_message_set(say("There is no take yet. Record one, or import one"))
            return False
        if extras.needs_newer("rerun"):
            cls.poll_message_set(say("Needs Blender 5.1 or later, for the NumPy 2 that comes with it."))
            return False
        if extras.missing("rerun"):
            cls.poll_message_set(say("Its packages are not installed. See Output, Rerun Viewer"))
            return False
        if viewer.opening() is not None:
            cls.poll_message_set(say("A take is on its way to the viewer"))
            return False
        return True

    def execute(self, context: bpy.types.Context) -> set[str]:
        path = active_take(context)
        if path is None:
            return {"CANCELLED"}
        try:
            viewer.show_take(path)
        except (viewer.ExtraMissing, viewer.ViewerError) as error:
            self.report({"ERROR"}, sentence(str(error)))
            return {"CANCELLED"}
        self.report({"INFO"}, say("The viewer opens in a moment"))
        return {"FINISHED"}


def _look() -> float:
    """Follow captures that come and go, and let panels say what went wrong with takes."""
    global _was_opening
    viewer.follow()
    problems, opening = viewer.problems(), viewer.opening() is not None
    if problems or viewer.is_on() or opening or _was_opening:
        redraw(bpy.context, "UI")
    _was_opening = opening
    return _EVERY


@persistent
def _off_for_load(*_arguments: object) -> None:
    # The address is the file's.
    viewer.switch(None)


@persistent
def _after_undo(*_arguments: object) -> None:
    # An address that came back is shown, so it has to be the one that is sent to.
    address = bpy.context.scene.mimica.viewer.address
    if viewer.goes_to() not in (None, address):
        viewer.switch(address)


_register, _unregister = bpy.utils.register_classes_factory((MIMICA_OT_view_take,))


def _handlers() -> tuple[tuple[list, object], ...]:
    handlers = bpy.app.handlers
    return (
        (handlers.load_pre, _off_for_load),
        (handlers.undo_post, _after_undo),
        (handlers.redo_post, _after_undo),
    )


def register() -> None:
    """Register the operator; captures are followed from now on."""
    _register()
    for handlers, handler in _handlers():
        handlers.append(handler)
    bpy.app.timers.register(_look, first_interval=_EVERY, persistent=True)


def unregister() -> None:
    """End what goes on."""
    if bpy.app.timers.is_registered(_look):
        bpy.app.timers.unregister(_look)
    for handlers, handler in _handlers():
        handlers.remove(handler)
    viewer.close()
    _unregister()
