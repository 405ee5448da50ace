# SPDX-FileCopyrightText: 2026 Mimica authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The performer's neutral."""

import bpy

from ..mapping.calibration import PerformerProfile
from ..rig import live
from ..rig.paths import performer_file


def stored_profile() -> PerformerProfile | None:
    """Return the neutral that the user has set, None when there is none. Raises `ProfileError`."""
    path = performer_file()
    return PerformerProfile.load(path) if path.is_file() else None


class MIMICA_OT_set_neutral(bpy.types.Operator):
    bl_idname = "mimica.set_neutral"
    bl_label = "Set Neutral"
    bl_description = (
        "Take your resting face from the next second: lips closed, eyes open, brows relaxed, looking at the camera. "
        "It is kept for later captures"
    )

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        session = live.current()
        if session is None:
            cls.poll_message_set("Start a capture first")
            return False
        if session.calibrating:
            cls.poll_message_set("A neutral is being taken: keep a calm face")
            return False
        return True

    def execute(self, context: bpy.types.Context) -> set[str]:
        session = live.current()
        if session is None:
            return {"CANCELLED"}
        session.set_neutral(performer_file())
        self.report({"INFO"}, "Keep a calm face for a second")
        return {"FINISHED"}


class MIMICA_OT_reset_neutral(bpy.types.Operator):
    bl_idname = "mimica.reset_neutral"
    bl_label = "Reset Neutral"
    bl_description = "Forget the neutral that was set; each capture then finds it in its first good second"

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        if not performer_file().is_file():
            cls.poll_message_set("No neutral was set")
            return False
        return True

    def execute(self, context: bpy.types.Context) -> set[str]:
        try:
            performer_file().unlink(missing_ok=True)
        except OSError as error:
            self.report({"ERROR"}, f"The neutral cannot be deleted: {error.strerror}")
            return {"CANCELLED"}
        return {"FINISHED"}


register, unregister = bpy.utils.register_classes_factory((MIMICA_OT_set_neutral, MIMICA_OT_reset_neutral))
