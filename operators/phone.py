# SPDX-FileCopyrightText: 2026 Mimica authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Phones as cameras: the server's switch, and the link to the clipboard."""

import bpy

from ..bridges.extras import ExtraMissing
from ..rig import phone
from ..rig.language import say, sentence
from .redraw import redraw

_LOOK_SECONDS = 0.5
"""How often the panel's figures of the phones are drawn anew."""


class MIMICA_OT_phone_on(bpy.types.Operator):
    bl_idname = "mimica.phone_on"
    bl_label = "Switch On"
    bl_description = (
        "Serve a page on the local network with which phones and other computers become cameras. Only who scans the "
        "code gets it"
    )

    def execute(self, context: bpy.types.Context) -> set[str]:
        # Here, because it brings more of Python's own library than an add-on that is only enabled should load.
        from ..bridges.phone.server import ServerError

        settings = context.scene.mimica.phone
        helpers = tuple(settings.helpers.replace(",", " ").split())
        try:
            phone.start(settings.port, helpers)
        except (ExtraMissing, ServerError) as error:
            self.report({"ERROR"}, sentence(str(error)))
            return {"CANCELLED"}
        if not bpy.app.timers.is_registered(_look):
            # The server stays on while files come and go.
            bpy.app.timers.register(_look, first_interval=0.1, persistent=True)
        return {"FINISHED"}


class MIMICA_OT_phone_off(bpy.types.Operator):
    bl_idname = "mimica.phone_off"
    bl_label = "Switch Off"
    bl_description = "Disconnect all phones and close the port. The next time the code is another one"

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        if phone.current() is None:
            cls.poll_message_set(say("The server for phones is off"))
            return False
        return True

    def execute(self, context: bpy.types.Context) -> set[str]:
        phone.stop()
        redraw(context, "UI")
        return {"FINISHED"}


class MIMICA_OT_phone_copy_link(bpy.types.Operator):
    bl_idname = "mimica.phone_copy_link"
    bl_label = "Copy Link"
    bl_description = "Put the page's address on the clipboard, for a computer that scans no codes. Keep it to yourself"

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        server = phone.current()
        if server is None or not server.link:
            cls.poll_message_set(say("The server for phones is off"))
            return False
        return True

    def execute(self, context: bpy.types.Context) -> set[str]:
        server = phone.current()
        if server is not None:
            context.window_manager.clipboard = server.link
        return {"FINISHED"}


def _look() -> float | None:
    """Draw the panel anew while the server is on."""
    redraw(bpy.context, "UI")
    return _LOOK_SECONDS if phone.current() is not None else None


_CLASSES = (MIMICA_OT_phone_on, MIMICA_OT_phone_off, MIMICA_OT_phone_copy_link)
_register, _unregister = bpy.utils.register_classes_factory(_CLASSES)


def register() -> None:
    """Register the operators."""
    _register()


def unregister() -> None:
    """Stop looking."""
    if bpy.app.timers.is_registered(_look):
        bpy.app.timers.unregister(_look)
    _unregister()
