# SPDX-FileCopyrightText: 2026 Mimica authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Making a face for those who have no character."""

import bpy
from bpy.props import BoolProperty, FloatProperty

from ..mapping.calibration import ProfileError
from ..rig import live
from ..rig.face_rig import create_face_rig
from ..rig.face_view import look_at_face, step_out
from ..rig.language import say, sentence
from ..rig.performances import stored_profile


class MIMICA_OT_create_face_rig(bpy.types.Operator):
    bl_idname = "mimica.create_face_rig"
    bl_label = "Create Face Rig"
    bl_description = (
        "Add a face with a ready armature at the 3D cursor, or on the object in which it would be hidden there, and "
        "choose it as the character"
    )
    bl_options = {"REGISTER", "UNDO"}

    size: FloatProperty(
        name="Head Height",
        description="0 is life size in the scene's units",
        subtype="DISTANCE",
        min=0.0,
        soft_max=10.0,
        default=0.0,
    )
    own_proportions: BoolProperty(
        name="Performer's Proportions",
        description="Shape the face after the performer's neutral, where one is known",
        default=True,
    )

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        if context.mode != "OBJECT":
            cls.poll_message_set(say("Switch to Object Mode first"))
            return False
        return True

    def execute(self, context: bpy.types.Context) -> set[str]:
        rig = create_face_rig(context, neutral=self._neutral(), size=self.size)
        armature = bpy.data.objects[rig.armature]
        context.scene.mimica.target = armature
        for obj in context.selected_objects:
            obj.select_set(False)
        # Active but not selected: a click on the character or Tab goes on from here, and no outline hides the face.
        context.view_layer.objects.active = armature
        if hiding := step_out(context, armature):
            self.report({"INFO"}, say("The face stands on '{name}', which would hide it", name=hiding))
        return {"FINISHED"}

    def invoke(self, context: bpy.types.Context, event: bpy.types.Event) -> set[str]:
        result = self.execute(context)
        if context.area and context.area.type == "VIEW_3D":
            look_at_face(context.area, context.scene.mimica.target)
        return result

    def _neutral(self):
        if not self.own_proportions:
            return None
        session = live.current()
        profile = session.profile if session is not None else None
        if profile is None:
            try:
                profile = stored_profile()
            except ProfileError as error:
                self.report({"WARNING"}, sentence(str(error)))
        return profile.neutral if profile is not None else None


register, unregister = bpy.utils.register_classes_factory((MIMICA_OT_create_face_rig,))
