# SPDX-FileCopyrightText: 2026 Mimica authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Set Neutral, the range wizard, and learning from a take."""

import logging
import threading
from dataclasses import replace
from pathlib import Path

import bpy
from bpy.props import EnumProperty

from ..capture.take import Take, TakeError
from ..mapping.calibration import PerformerProfile, ProfileError, estimate_profile, with_head_of, without_range
from ..mapping.learning import learn_from_take
from ..mapping.lens import likely_field_of_view
from ..mapping.range_poses import neutral_pose, range_poses
from ..rig import live, performers
from ..rig.language import say, sentence
from .performer import path_to_keep
from .takes import active_take

logger = logging.getLogger(__name__)

_USUAL_POSE = 2.0
"""Seconds for which most poses are shown at most, as the table of poses has them."""


_ORDERS = (
    ("skip", "Skip", "Go on without this pose"),
    (
        "again",
        "Again",
        "Ask once more: for this pose; in the rest before a pose for the one before; at the end for all",
    ),
    (
        "cancel",
        "Cancel",
        "End the calibration, nothing is changed. Esc over the viewport does the same",
    ),
    ("end", "Keep", "Go on with what was learned. It is kept already, also when the capture ends now"),
    ("missed", "Show Missed Again", "Ask once more for the poses that were not seen; what was learned stays"),
    (
        "discard",
        "Discard",
        "Bring the profile of before back. What was learned becomes the performer's previous version: Restore Previous "
        "in the performer's menu brings it back",
    ),
)


class _Calibration(bpy.types.Operator):
    """Begins a calibration of the running capture."""

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        session = live.current()
        if session is None or session.capture.state != "running":
            cls.poll_message_set(say("Start a capture first"))
            return False
        if session.of_controls:
            cls.poll_message_set(say("The other program calibrates your face. Recentre Head works here too"))
            return False
        if session.calibrator is not None and session.calibrator.view.stage in ("asking", "learning"):
            cls.poll_message_set(say("A calibration is running"))
            return False
        return True

    def execute(self, context: bpy.types.Context) -> set[str]:
        session = live.current()
        if session is None:
            return {"CANCELLED"}
        try:
            path = path_to_keep(context)
        except ProfileError as error:
            self.report({"ERROR"}, sentence(str(error)))
            return {"CANCELLED"}
        context.window_manager.mimica.calibration = ""
        self._begin(context, session, path)
        return {"FINISHED"}

    def _begin(self, context: bpy.types.Context, session: live.LiveSession, path: Path) -> None:
        raise NotImplementedError


class MIMICA_OT_set_neutral(_Calibration):
    bl_idname = "mimica.set_neutral"
    bl_label = "Set Neutral"
    bl_description = (
        "Take your resting face anew: three seconds to get ready, then one still second with lips closed, eyes open, "
        "brows at rest. It is kept for later captures"
    )

    def _begin(self, context: bpy.types.Context, session: live.LiveSession, path: Path) -> None:
        session.calibrate([neutral_pose()], path)


class MIMICA_OT_learn_range(_Calibration):
    bl_idname = "mimica.learn_range"
    bl_label = "Learn Range"
    bl_description = (
        "Show your resting face and a few poses when asked, about twenty seconds. The character's expressions then go "
        "as far as yours do. Works for takes that are there already too"
    )

    def _begin(self, context: bpy.types.Context, session: live.LiveSession, path: Path) -> None:
        settings = context.scene.mimica
        poses = [neutral_pose(), *range_poses(settings.range_poses)]
        session.calibrate(poses, path, settings.range_seconds / _USUAL_POSE)


class MIMICA_OT_calibration_order(bpy.types.Operator):
    bl_idname = "mimica.calibration_order"
    bl_label = "Calibration"
    bl_options = {"INTERNAL"}

    order: EnumProperty(items=_ORDERS, options={"HIDDEN"})

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        session = live.current()
        return session is not None and session.asking

    @classmethod
    def description(cls, _context: bpy.types.Context, properties: bpy.types.OperatorProperties) -> str:
        return say(next(text for order, _, text in _ORDERS if order == properties.order))

    def execute(self, context: bpy.types.Context) -> set[str]:
        session = live.current()
        if session is None or session.calibrator is None:
            return {"CANCELLED"}
        session.calibrator.order(self.order)
        return {"FINISHED"}


class MIMICA_OT_learn_from_take(bpy.types.Operator):
    bl_idname = "mimica.learn_from_take"
    bl_label = "Learn Expressions from Take"
    bl_description = (
        "Learn from the active take what the active performer's expressions and turns of the head look like. Any "
        "performance will do; lively ones tell more. How far they go, Learn Range tells. Restore Previous in the "
        "performer's menu takes it back"
    )

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        if active_take(context) is None:
            cls.poll_message_set(say("Record a take first"))
            return False
        session = live.current()
        if session is not None and (session.recording is not None or session.asking):
            cls.poll_message_set(say("Stop the recording or the calibration first"))
            return False
        if context.window_manager.mimica.learning:
            cls.poll_message_set(say("Learning from a take already"))
            return False
        return True

    def execute(self, context: bpy.types.Context) -> set[str]:
        take = active_take(context)
        state = context.window_manager.mimica
        try:
            path = path_to_keep(context)
        except ProfileError as error:
            self.report({"ERROR"}, sentence(str(error)))
            return {"CANCELLED"}
        if take is None:
            return {"CANCELLED"}
        state.calibration, state.learning = "", True
        session = live.current()

        def work() -> None:
            try:
                profile = learn_take_into(take, path)
                if session is not None:
                    session.use_profile(profile)
                told = f"'{path.stem}' learned from the take '{take.stem}'."
            except (TakeError, ProfileError) as error:
                told = str(error)
            except Exception:
                logger.exception("Learning from a take failed")
                told = "Nothing was learned because of a fault in Mimica; see the log."
            live.calibrated.append(told)

        if bpy.app.background:
            work()
        else:
            threading.Thread(target=work, name="mimica-learn").start()
        return {"FINISHED"}


def learn_take_into(take_path: Path, performer: Path) -> PerformerProfile:
    """Refine a performer's range by a take and keep it. Any thread; a second for long takes.

    A performer without a neutral gets the take's. Raises `TakeError` or `ProfileError`.
    """
    take = Take.open(take_path)
    if take.info.kind == "controls":
        raise TakeError(f"The take '{take.info.name}' holds controls of another program, and no face to learn from.")
    summary = take.summary()
    face = take.info.performer_face if take.info.performer_face in summary.found else summary.main_face or 0
    frames = take.frames(face)
    view = take.info.camera_fov or likely_field_of_view(frames)
    stored = take.info.performer if face == take.info.performer_face else None
    own = PerformerProfile.from_json(stored) if stored else estimate_profile(frames, field_of_view=view)
    if own is None:
        raise TakeError(f"The take '{take.info.name}' holds no face, so there is nothing to learn from it.")
    known = performers.load_performer(performer) or without_range(own)
    learned = learn_from_take(frames, with_head_of(known, own))
    profile = replace(known, expressions=learned.expressions)
    performers.save_performer(performer, profile)
    return profile


_CLASSES = (
    MIMICA_OT_set_neutral,
    MIMICA_OT_learn_range,
    MIMICA_OT_calibration_order,
    MIMICA_OT_learn_from_take,
)
register, unregister = bpy.utils.register_classes_factory(_CLASSES)
