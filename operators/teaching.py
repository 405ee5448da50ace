# SPDX-FileCopyrightText: 2026 Mimica authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Learning by example: each button one undo step."""

from contextlib import suppress

import bpy
from bpy.props import FloatProperty

from ..mapping.teaching import Expression, TeachingError
from ..rig import bake_preview, live, teaching_steps, test_pose
from ..rig.bind import TargetError
from ..rig.character import data_of
from ..rig.language import say, sentence
from .character import OnCharacter, detect_into, target_of


class _Teaching(OnCharacter):
    """Poses the character that is chosen, and never one that a capture poses."""

    bl_options = {"REGISTER", "UNDO"}

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        if not super().poll(context):
            return False
        if live.current() is not None:
            cls.poll_message_set(say("Stop the capture first: it poses the character too"))
            return False
        return True

    def execute(self, context: bpy.types.Context) -> set[str]:
        test_pose.end()
        bake_preview.end()
        try:
            done = self.do(target_of(context))
        except TeachingError as error:
            self.report({"ERROR"}, sentence(str(error)))
            return {"CANCELLED"}
        if done:
            self.report({"INFO"}, done)
        return {"FINISHED"}

    def do(self, character: bpy.types.Object) -> str:
        """Do it, and return what to tell the user. Raises TeachingError."""
        raise NotImplementedError


class _InStep(_Teaching):
    """Works on the expression that is taught now."""

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        if not super().poll(context):
            return False
        if teaching_steps.present(target_of(context)) is None:
            cls.poll_message_set(say("Press Start Teaching first"))
            return False
        return True


class _OfLearned(_InStep):
    """Works on an expression that was learned."""

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        if not super().poll(context):
            return False
        character = target_of(context)
        if _present(character).id not in teaching_steps.learned(character):
            cls.poll_message_set(say("This expression is not learned yet. Pose the character and press Learn Pose"))
            return False
        return True


class MIMICA_OT_teach_start(_Teaching):
    bl_idname = "mimica.teach_start"
    bl_label = "Start Teaching"
    bl_description = (
        "Go through a list of expressions and show each on the character, for rigs whose names tell nothing. "
        "The pose that the character has now counts as its rest"
    )

    def do(self, character: bpy.types.Object) -> str:
        data = data_of(character)
        if data is not None and not data.stored:
            # Where names tell nothing, the map begins with what is learned.
            with suppress(TargetError):
                detect_into(character)
        teaching_steps.start(character)
        return ""


class MIMICA_OT_teach_end(_InStep):
    bl_idname = "mimica.teach_end"
    bl_label = "Finish"
    bl_description = "End here and put the character back to rest. What was learned stays, and Resume goes on"

    def do(self, character: bpy.types.Object) -> str:
        teaching_steps.end(character)
        return ""


class MIMICA_OT_teach_learn(_InStep):
    bl_idname = "mimica.teach_learn"
    bl_label = "Learn Pose"
    bl_description = (
        "Take what the character's pose has of its own, against the pose that this step began with, as this "
        "expression, in the place of what was learned before. Then go on to the next one"
    )

    def do(self, character: bpy.types.Object) -> str:
        shown = _present(character)
        result = teaching_steps.learn(character)
        label = say(shown.label)
        both, one = "Learned: {label}, both sides", "Learned: {label}"
        parts = [say(both if result.mirrored else one, label=label)]
        if result.missing:
            parts.append(say("The other side has no {names}", names=_listed(result.missing)))
        if result.not_mirrored:
            parts.append(sentence(result.not_mirrored))
        if result.released:
            parts.append(say("Moved by what is learned alone from now on: {names}", names=_listed(result.released)))
        return ". ".join(parts)


class MIMICA_OT_teach_mirror(_OfLearned):
    bl_idname = "mimica.teach_mirror"
    bl_label = "Mirror to Other Side"
    bl_description = (
        "Make the mirror image of this expression the other side's, also where that side was learned before. The "
        "other side's bones and shape keys are found by name, else by place"
    )

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        if not super().poll(context):
            return False
        if not _present(target_of(context)).other:
            cls.poll_message_set(say("This expression has no other side"))
            return False
        return True

    def do(self, character: bpy.types.Object) -> str:
        missing = teaching_steps.mirror(character)
        text = "The other side has no {names}"
        return say(text, names=_listed(missing)) if missing else say("Learned: the other side")


class MIMICA_OT_teach_show(_OfLearned):
    bl_idname = "mimica.teach_show"
    bl_label = "Show"
    bl_description = "Put the character into the expression as it was learned, to check it or to pose on from there"

    amount: FloatProperty(
        name="Amount",
        description="How much of the expression is shown",
        subtype="FACTOR",
        min=0.0,
        max=1.0,
        default=1.0,
        options={"SKIP_SAVE"},
    )

    def do(self, character: bpy.types.Object) -> str:
        teaching_steps.show(character, self.amount)
        return ""


class MIMICA_OT_teach_forget(_OfLearned):
    bl_idname = "mimica.teach_forget"
    bl_label = "Forget"
    bl_description = "Forget what was learned of this expression"

    def do(self, character: bpy.types.Object) -> str:
        teaching_steps.unlearn(character)
        return ""


class MIMICA_OT_teach_reset(_InStep):
    bl_idname = "mimica.teach_reset"
    bl_label = "Reset Pose"
    bl_description = "Put the character back into the pose that this step began with"

    def do(self, character: bpy.types.Object) -> str:
        teaching_steps.reset(character)
        return ""


class MIMICA_OT_teach_begin_here(_InStep):
    bl_idname = "mimica.teach_begin_here"
    bl_label = "Start from This Pose"
    bl_description = (
        "Let this step begin with the pose that the character has now: only what is posed from here on is learned, "
        "such as a smile on top of an open jaw"
    )

    def do(self, character: bpy.types.Object) -> str:
        teaching_steps.begin_here(character)
        return "Only what is posed from here on is learned"


class MIMICA_OT_teach_skip(_InStep):
    bl_idname = "mimica.teach_skip"
    bl_label = "Skip"
    bl_description = "Go on to the next expression without this one"

    def do(self, character: bpy.types.Object) -> str:
        teaching_steps.go(character, 1)
        return ""


class MIMICA_OT_teach_back(_InStep):
    bl_idname = "mimica.teach_back"
    bl_label = "Back"
    bl_description = "Go back to the expression before"

    def do(self, character: bpy.types.Object) -> str:
        teaching_steps.go(character, -1)
        return ""


def _present(character: bpy.types.Object) -> Expression:
    shown = teaching_steps.present(character)
    assert shown is not None
    return shown


def _listed(names: tuple[str, ...]) -> str:
    shown = ", ".join(names[:3])
    return say("{names} and {n} more", names=shown, n=len(names) - 3) if len(names) > 3 else shown


_CLASSES = (
    MIMICA_OT_teach_start,
    MIMICA_OT_teach_end,
    MIMICA_OT_teach_learn,
    MIMICA_OT_teach_mirror,
    MIMICA_OT_teach_show,
    MIMICA_OT_teach_forget,
    MIMICA_OT_teach_reset,
    MIMICA_OT_teach_begin_here,
    MIMICA_OT_teach_skip,
    MIMICA_OT_teach_back,
)
register, unregister = bpy.utils.register_classes_factory(_CLASSES)
