# SPDX-FileCopyrightText: 2026 Mimica authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The feel of a performance, for buttons and shortcuts: presets, Mirror Performance, Freeze, Recentre Head."""

import bpy
from bl_operators.presets import AddPresetBase  # pyright: ignore[reportMissingImports]
from bpy.props import BoolProperty, EnumProperty

from ..mapping.face_regions import FACE_REGIONS
from ..rig import live
from ..rig.feel import presets, use_preset
from ..rig.language import say
from .redraw import redraw

PRESET_FOLDER = "mimica/feel"
"""Below the folders of Blender's presets: where the user's own are kept."""


class MIMICA_OT_feel_preset(bpy.types.Operator):
    bl_idname = "mimica.feel_preset"
    bl_label = "Use Feel"
    bl_description = "Set smoothness, strength and stepping, live and for what is baked"
    bl_options = {"REGISTER", "UNDO"}

    preset: EnumProperty(
        name="Feel",
        items=tuple((name, preset["name"], preset["description"]) for name, preset in presets().items()),
    )

    def execute(self, context: bpy.types.Context) -> set[str]:
        use_preset(context.scene.mimica, self.preset)
        # What the button says, and what the one beside it would delete: not an own preset that was used before.
        bpy.types.MIMICA_MT_feel_presets.bl_label = presets()[self.preset]["name"]
        return {"FINISHED"}


class MIMICA_OT_feel_preset_add(AddPresetBase, bpy.types.Operator):
    bl_idname = "mimica.feel_preset_add"
    bl_label = "Save Feel"
    bl_description = "Keep smoothness, strength and stepping as a preset of your own, for all files"

    @classmethod
    def description(cls, context: bpy.types.Context, properties: bpy.types.OperatorProperties) -> str:
        return say("Delete the preset that was used last, if it is one of your own") if properties.remove_active else ""

    preset_menu = "MIMICA_MT_feel_presets"
    preset_subdir = PRESET_FOLDER
    # In full: with a name defined for the scene, Blender 4.3 fails where its Python is newer than its own.
    preset_values = tuple(
        f"bpy.context.scene.mimica.{path}"
        for path in (
            "smoothness",
            "bake.strength",
            *(f"bake.{kind}_{name.lower()}" for kind in ("smoothing", "strength") for name in FACE_REGIONS),
            "bake.stepped",
            "bake.step",
        )
    )


class MIMICA_OT_mirror(bpy.types.Operator):
    bl_idname = "mimica.mirror"
    bl_label = "Mirror Performance"
    bl_description = "Let the character do on the right what the performer does on the left, or no longer"
    bl_options = {"REGISTER", "UNDO"}

    def execute(self, context: bpy.types.Context) -> set[str]:
        feel = context.scene.mimica.feel
        feel.mirror = not feel.mirror
        redraw(context, "UI")
        return {"FINISHED"}


class MIMICA_OT_freeze(bpy.types.Operator):
    bl_idname = "mimica.freeze"
    bl_label = "Freeze"
    bl_description = (
        "Hold the pose that is shown, to look at it, while capture and recording go on. Again lets the character follow"
    )

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        if live.current() is None:
            cls.poll_message_set(say("Start a capture first"))
            return False
        return True

    def execute(self, context: bpy.types.Context) -> set[str]:
        session = live.current()
        if session is None:
            return {"CANCELLED"}
        session.frozen = not session.frozen
        redraw(context, "UI")
        return {"FINISHED"}


class MIMICA_OT_recentre_head(bpy.types.Operator):
    bl_idname = "mimica.recentre_head"
    bl_label = "Recentre Head"
    bl_description = (
        "The head as you hold it now becomes straight ahead, until the neutral is set anew. Takes that are recorded "
        "from now on are baked so too"
    )

    clear: BoolProperty(
        name="Clear",
        description="Let the head as it was for the neutral be straight ahead again",
        options={"SKIP_SAVE"},
    )

    @classmethod
    def description(cls, context: bpy.types.Context, properties: bpy.types.OperatorProperties) -> str:
        return say("The head as it was for the neutral is straight ahead again") if properties.clear else ""

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        session = live.current()
        if session is None:
            cls.poll_message_set(say("Start a capture first"))
        elif context.scene.mimica.target is None:
            cls.poll_message_set(say("Pick a character, or press Create Face Rig"))
        elif not (session.profile or session.of_controls) or session.values_of_face(session.face) is None:
            cls.poll_message_set(say("Wait until your neutral is known: look into the camera for a second"))
        else:
            return True
        return False

    def execute(self, context: bpy.types.Context) -> set[str]:
        session = live.current()
        if session is None:
            return {"CANCELLED"}
        if not self.clear and session.face not in session.faces_now:
            self.report({"WARNING"}, say("Your face is not seen. Look into the camera"))
            return {"CANCELLED"}
        session.recentre(clear=self.clear)
        return {"FINISHED"}


register, unregister = bpy.utils.register_classes_factory(
    (
        MIMICA_OT_feel_preset,
        MIMICA_OT_feel_preset_add,
        MIMICA_OT_mirror,
        MIMICA_OT_freeze,
        MIMICA_OT_recentre_head,
    )
)
