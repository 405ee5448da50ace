# SPDX-FileCopyrightText: 2026 Mimica authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is done to a baked take beside moving its sliders."""

import bpy

from ..rig import baked_sliders, destination
from ..rig.bake_settings import BakeError
from ..rig.language import say, sentence
from ..rig.rebake import animated, baked_action, freeze
from ..rig.recipe import RecipeError, read_recipe


class _OfBake:
    bl_options = {"REGISTER", "UNDO"}

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        if baked_action(context.scene.mimica.target) is None:
            cls.poll_message_set(say("Bake a take to the character first"))  # pyright: ignore[reportAttributeAccessIssue]
            return False
        return True


class MIMICA_OT_reset_bake(_OfBake, bpy.types.Operator):
    bl_idname = "mimica.reset_bake"
    bl_label = "Reset"
    bl_description = "Put all sliders back to where they were when the take was baked. Your own keys stay"

    def execute(self, context: bpy.types.Context) -> set[str]:
        action = baked_action(context.scene.mimica.target)
        if action is None:
            return {"CANCELLED"}
        try:
            baked_sliders.show(action, read_recipe(action).baked)
        except RecipeError as error:
            self.report({"ERROR"}, sentence(str(error)))
            return {"CANCELLED"}
        return _follow(self, context, action)


class MIMICA_OT_rebuild_bake(_OfBake, bpy.types.Operator):
    bl_idname = "mimica.rebuild_bake"
    bl_label = "Rebuild All Keys"
    bl_description = "Make all keys on the bake's channels anew. Keys of your own on these channels are lost"

    def invoke(self, context: bpy.types.Context, event: bpy.types.Event) -> set[str]:
        return context.window_manager.invoke_confirm(self, event)

    def execute(self, context: bpy.types.Context) -> set[str]:
        action = baked_action(context.scene.mimica.target)
        return {"CANCELLED"} if action is None else _follow(self, context, action, all_keys=True)


class MIMICA_OT_freeze_bake(_OfBake, bpy.types.Operator):
    bl_idname = "mimica.freeze_bake"
    bl_label = "Freeze"
    bl_description = (
        "Make the action your own: it keeps its keys, and Mimica never changes it again. Baking the take again makes a "
        "new action"
    )

    def execute(self, context: bpy.types.Context) -> set[str]:
        target = context.scene.mimica.target
        action = baked_action(target)
        if action is None:
            return {"CANCELLED"}
        freeze(target, action)
        text = say("'{action}' is yours: Mimica leaves it alone from now on", action=action.name)
        self.report({"INFO"}, text)
        return {"FINISHED"}


class MIMICA_OT_add_hand_layer(_OfBake, bpy.types.Operator):
    bl_idname = "mimica.add_hand_layer"
    bl_label = "Add Hand-Key Layer"
    bl_description = (
        "Put the bake into a strip of the NLA editor and an empty action on top of it: what you key adds to the "
        "performance, and the sliders go on working below"
    )

    def execute(self, context: bpy.types.Context) -> set[str]:
        target = context.scene.mimica.target
        action = baked_action(target)
        if action is None:
            return {"CANCELLED"}
        try:
            layer = destination.add_hand_layer(animated(target), action, action.name)
        except BakeError as error:
            self.report({"ERROR"}, sentence(str(error)))
            return {"CANCELLED"}
        text = say("Your keys go into '{layer}', on top of '{action}'", layer=layer.name, action=action.name)
        self.report({"INFO"}, text)
        return {"FINISHED"}


def _follow(
    operator: bpy.types.Operator, context: bpy.types.Context, action: bpy.types.Action, *, all_keys: bool = False
) -> set[str]:
    if not baked_sliders.follow(context.scene, action, all_keys=all_keys):
        operator.report({"ERROR"}, sentence(baked_sliders.problem_of(action)))
        return {"CANCELLED"}
    return {"FINISHED"}


register, unregister = bpy.utils.register_classes_factory(
    (MIMICA_OT_reset_bake, MIMICA_OT_rebuild_bake, MIMICA_OT_freeze_bake, MIMICA_OT_add_hand_layer)
)
