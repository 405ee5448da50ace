# SPDX-FileCopyrightText: 2026 Mimica authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The camera's field of view, from a take in which the head turns."""

import math

import bpy

from ..capture.take import Take, TakeError
from ..mapping.lens import estimate_field_of_view
from ..rig import live
from ..rig.language import say, sentence
from .takes import active_take


class MIMICA_OT_estimate_field_of_view(bpy.types.Operator):
    bl_idname = "mimica.estimate_field_of_view"
    bl_label = "Estimate from Take"
    bl_description = (
        "Tell the camera's field of view from the active take: how the face's near side grows while the head turns. "
        "It is right to about 5 degrees; what the camera's maker says is better"
    )
    bl_options = {"REGISTER", "UNDO"}

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        if live.current() is not None:
            cls.poll_message_set(say("Stop the capture first"))
            return False
        if active_take(context) is None:
            cls.poll_message_set(say("Record a take in which the head turns first"))
            return False
        return True

    def execute(self, context: bpy.types.Context) -> set[str]:
        path = active_take(context)
        if path is None:
            return {"CANCELLED"}
        try:
            take = Take.open(path)
            found = estimate_field_of_view(take.frames(take.summary().main_face or 0))
        except TakeError as error:
            self.report({"ERROR"}, sentence(str(error)))
            return {"CANCELLED"}
        if found is None:
            self.report({"WARNING"}, "The head turns too little in this take. Turn it 20 degrees or more to each side")
            return {"CANCELLED"}
        context.scene.mimica.field_of_view = math.radians(found)
        self.report({"INFO"}, say("The field of view seems to be {found:.0f} degrees", found=found))
        return {"FINISHED"}


register, unregister = bpy.utils.register_classes_factory((MIMICA_OT_estimate_field_of_view,))
