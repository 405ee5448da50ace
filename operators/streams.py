# SPDX-FileCopyrightText: 2026 Mimica authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Send Take: a take that is there goes out as a stream, in real time."""

import bpy
from bpy.app.handlers import persistent

from ..mapping.calibration import ProfileError
from ..rig import streams
from ..rig.language import say, sentence
from ..rig.performances import choice_to_bake
from .redraw import redraw
from .takes import active_take

_REDRAW = 0.25
"""Seconds between two looks at a take that is sent."""


class MIMICA_OT_send_take(bpy.types.Operator):
    bl_idname = "mimica.send_take"
    bl_label = "Send Take"
    bl_description = (
        "Play the active take to the streams that are on, in real time and as it would be baked. Pressed while one is "
        "sent, it ends"
    )

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        if streams.playing() is not None:
            return True
        if not any(map(streams.is_on, context.scene.mimica.streams.KEYS)):
            cls.poll_message_set(say("Switch a stream on first"))
            return False
        if active_take(context) is None:
            cls.poll_message_set(say("Record a take first"))
            return False
        return True

    def execute(self, context: bpy.types.Context) -> set[str]:
        if streams.playing() is not None:
            streams.stop_take()
            return {"FINISHED"}
        path, settings = active_take(context), context.scene.mimica
        if path is None:
            return {"CANCELLED"}
        try:
            choice = choice_to_bake(settings, path, settings.bake_face)
            streams.send_take(path.stem, choice, settings.smoothness)
        except ProfileError as error:
            self.report({"ERROR"}, sentence(str(error)))
            return {"CANCELLED"}
        if not bpy.app.timers.is_registered(_look):
            bpy.app.timers.register(_look, first_interval=_REDRAW)
        return {"FINISHED"}


def _look() -> float | None:
    """Draw how far it is, until it is over."""
    there = streams.playing() is not None
    redraw(bpy.context, "UI")
    return _REDRAW if there else None


@persistent
def _close_for_load(*_arguments: object) -> None:
    streams.close()


@persistent
def _after_undo(*_arguments: object) -> None:
    # An address that came back is shown, so it has to be the one that is sent to.
    settings = bpy.context.scene.mimica.streams
    for key in settings.KEYS:
        if streams.goes_to(key) not in (None, settings.place_of(key)):
            streams.switch(key, settings.place_of(key))


_register, _unregister = bpy.utils.register_classes_factory((MIMICA_OT_send_take,))


def _handlers() -> tuple[tuple[list, object], ...]:
    handlers = bpy.app.handlers
    return (
        (handlers.load_pre, _close_for_load),
        (handlers.undo_post, _after_undo),
        (handlers.redo_post, _after_undo),
    )


def register() -> None:
    """Register the operator; loading another file ends what goes out, for the addresses are the file's."""
    _register()
    for handlers, handler in _handlers():
        handlers.append(handler)


def unregister() -> None:
    """End what goes out."""
    streams.close()
    if bpy.app.timers.is_registered(_look):
        bpy.app.timers.unregister(_look)
    for handlers, handler in _handlers():
        handlers.remove(handler)
    _unregister()
