# SPDX-FileCopyrightText: 2026 Mimica authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Finding and testing microphones."""

import bpy

from ..rig import live, microphone
from ..rig.language import say


class MIMICA_OT_find_microphones(bpy.types.Operator):
    bl_idname = "mimica.find_microphones"
    bl_label = "Find Microphones"
    bl_description = "Look for the microphones that are connected now"

    @classmethod
    def poll(cls, _context: bpy.types.Context) -> bool:
        if microphone.is_looking():
            cls.poll_message_set(say("Microphones are being looked for"))
            return False
        return True

    def execute(self, _context: bpy.types.Context) -> set[str]:
        microphone.stop_test()
        microphone.look()
        return {"FINISHED"}


class MIMICA_OT_test_microphone(bpy.types.Operator):
    bl_idname = "mimica.test_microphone"
    bl_label = "Test Microphone"
    bl_description = "Listen to the microphone and show how loud it is, without recording. Press again to stop"

    @classmethod
    def poll(cls, _context: bpy.types.Context) -> bool:
        session = live.current()
        if session is not None and session.recording is not None:
            cls.poll_message_set(say("A take is being recorded"))
            return False
        return True

    def execute(self, context: bpy.types.Context) -> set[str]:
        if microphone.is_testing():
            microphone.stop_test()
        else:
            microphone.start_test(context.scene.mimica.microphone.device)
        return {"FINISHED"}


_register, _unregister = bpy.utils.register_classes_factory((MIMICA_OT_find_microphones, MIMICA_OT_test_microphone))


def register() -> None:
    """Register the operators."""
    _register()


def unregister() -> None:
    """Let go of the microphone, and take the operators away."""
    microphone.close()
    _unregister()
