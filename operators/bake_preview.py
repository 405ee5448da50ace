# SPDX-FileCopyrightText: 2026 Mimica authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The preview of a bake: what the panels say is handed to `rig.bake_preview`."""

from dataclasses import replace

import bpy

from ..capture.take import TakeError
from ..mapping.calibration import ProfileError
from ..rig import bake_preview, live, preview_events, test_pose
from ..rig.language import say, sentence
from ..rig.performances import PerformanceError, choice_to_bake, open_performance
from ..rig.take_place import at_place
from .bake import settings_of
from .takes import active_take


class MIMICA_OT_preview_bake(bpy.types.Operator):
    bl_idname = "mimica.preview_bake"
    bl_label = "Preview"
    bl_description = (
        "Show the active take on the character as it would be baked, at the frame of the timeline, without keying "
        "anything. Settings show at once. Press again to give the character back as it stood"
    )
    bl_options = {"REGISTER", "UNDO"}

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        if bake_preview.is_on(context.scene):
            return True
        if live.current() is not None:
            cls.poll_message_set(say("Stop the capture first"))
            return False
        wanted = active_take(context), context.scene.mimica.target
        if wanted[0] is None:
            cls.poll_message_set(say("Record a take first"))
            return False
        if wanted[1] is None:
            cls.poll_message_set(say("Pick a character, or press Create Face Rig"))
            return False
        return True

    def execute(self, context: bpy.types.Context) -> set[str]:
        if bake_preview.is_on(context.scene):
            bake_preview.end()
            return {"FINISHED"}
        # What is tried out by hand is no part of how the character stands.
        test_pose.end()
        bake_preview.begin(context.scene)
        problem = bake_preview.status().problem
        if problem:
            bake_preview.end()
            self.report({"ERROR"}, sentence(problem))
            return {"CANCELLED"}
        return {"FINISHED"}


def _wanted(scene: bpy.types.Scene) -> bake_preview.Wanted | str:
    """Return what the panels say of the first character's bake, or why there is none."""
    settings, take = scene.mimica, active_take(bpy.context)
    if take is None:
        return "There is no take to preview. Pick one in the Takes panel."
    if settings.target is None:
        return "There is no character to preview on. Pick one in the Character panel."
    try:
        performance = open_performance(choice_to_bake(settings, take, settings.bake_face))
    except (TakeError, ProfileError, PerformanceError) as error:
        return str(error)
    chosen = at_place(scene, take, performance.times, settings_of(settings))
    if settings.preview.raw:
        chosen = replace(chosen, mapping=replace(chosen.mapping, smoothness=0.0))
    return bake_preview.Wanted(settings.target, performance, chosen)


_register, _unregister = bpy.utils.register_classes_factory((MIMICA_OT_preview_bake,))


def register() -> None:
    """Register the operator; the preview follows the panels."""
    _register()
    preview_events.register(_wanted)


def unregister() -> None:
    """Undo `register`."""
    preview_events.unregister()
    _unregister()
