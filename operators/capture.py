# SPDX-FileCopyrightText: 2026 Mimica authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Start Capture and Stop: the modal operator that puts the newest pose on the character at each tick."""

import logging
import math
import re
import sys
import time

import bpy
from bpy.app.handlers import persistent

from ..capture.model import ModelError
from ..capture.tracker import TrackerSettings
from ..mapping.calibration import ProfileError
from ..rig import bake_preview, live, phone, picture_place, recorder, self_test, streams, test_pose, watch
from ..rig.bind import can_be_target
from ..rig.feel import feel_of, follow_feel
from ..rig.language import say, sentence
from ..rig.paths import BASE_PACKAGE
from ..rig.performances import stored_profile
from .cast import parts_of
from .model import detector_in_use, model_in_use
from .redraw import redraw
from .sources import source_spec

logger = logging.getLogger(__name__)

_FIRST_SENTENCE = re.compile(r"(?:(?<!\w)'.*?'(?!\w)|[^.]|\.(?!\s|$))+\.?")
TICK_SECONDS = 1.0 / 60.0
PANEL_SECONDS = 0.25
"""How often the panel's figures are drawn anew."""
ASKING_SECONDS = 0.1
"""The same while a calibration counts down."""
ASIDE_EVERY = 20.0
"""Seconds after which the modal operator steps aside. Blender puts an autosave off while any modal operator runs and
tries again each 10 ms, so a due autosave happens in the gap."""
ASIDE_FOR = 0.1
"""Seconds of the gap."""


class MIMICA_OT_start_capture(bpy.types.Operator):
    bl_idname = "mimica.start_capture"
    bl_label = "Start Capture"
    bl_description = "Capture the performer and move the character along while you go on working. Esc stops it"

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        if live.current() is not None:
            cls.poll_message_set(say("A capture is running"))
            return False
        if self_test.uses_camera():
            cls.poll_message_set(say("The self-test is using the camera"))
            return False
        return True

    def execute(self, context: bpy.types.Context) -> set[str]:
        state = context.window_manager.mimica
        state.problem, state.source_failed = "", False
        settings = context.scene.mimica
        program = settings.program
        controls = None
        if settings.source == "PROGRAM":
            controls = streams.source_of(program.protocol, program.port, program.phone)
        try:
            model = model_in_use(context) if controls is None else None
            profile = stored_profile()
        except (ModelError, ProfileError) as error:
            return self._refuse(state, str(error))
        if model is None and controls is None:
            return self._refuse(state, "There is no face model yet. Download it, or build the offline model, below.")
        tracker = TrackerSettings(
            settings.faces,
            settings.detection,
            settings.presence,
            settings.tracking,
            far=settings.far,
            detector=detector_in_use(context),
        )
        devices = phone.source(tracker) if settings.source == "PHONE" else None
        if settings.source == "PHONE" and devices is None:
            return self._refuse(state, "The server for phones is off. Switch it on, then start the capture again.")
        if settings.target is None and context.active_object is not None and can_be_target(context.active_object):
            settings.target = context.active_object
        # The pose that the character goes back to is not one that was tried out by hand.
        test_pose.end()
        bake_preview.end()
        live.start(
            live.LiveSettings(
                source=source_spec(context.scene),
                model=model,
                tracker=tracker,
                feel=feel_of(context.scene),
                profile=profile,
                face=parts_of(settings)[0][1],
                field_of_view=math.degrees(settings.field_of_view),
                translation=settings.head_translation,
                helper=helper_wanted(context),
                controls=controls,
                devices=devices,
            )
        )
        picture_place.started_in(context.area)
        bpy.ops.mimica.follow("INVOKE_DEFAULT")
        return {"FINISHED"}

    def _refuse(self, state: bpy.types.PropertyGroup, problem: str) -> set[str]:
        state.problem = problem
        self.report({"ERROR"}, sentence(problem))
        return {"CANCELLED"}


def helper_wanted(context: bpy.types.Context) -> bool:
    """Whether the camera is opened in a process of its own: on macOS, unless the preferences say otherwise."""
    addon = context.preferences.addons.get(BASE_PACKAGE)
    choice = addon.preferences.helper_process if addon and addon.preferences else "AUTO"
    return sys.platform == "darwin" if choice == "AUTO" else choice == "ON"


class MIMICA_OT_stop_capture(bpy.types.Operator):
    bl_idname = "mimica.stop_capture"
    bl_label = "Stop"
    bl_description = "End the capture and release the camera. A take that is being recorded is kept"

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        return live.current() is not None

    def execute(self, context: bpy.types.Context) -> set[str]:
        live.stop()
        _redraw_all(context)
        return {"FINISHED"}


class MIMICA_OT_follow(bpy.types.Operator):
    bl_idname = "mimica.follow"
    bl_label = "Follow the Performer"
    bl_description = "Move the character while a capture runs"
    bl_options = {"INTERNAL"}

    _timer: bpy.types.Timer | None = None

    def invoke(self, context: bpy.types.Context, event: bpy.types.Event) -> set[str]:
        if live.current() is None:
            return {"CANCELLED"}
        self._aside_at = time.monotonic() + ASIDE_EVERY
        self._draw_at = 0.0
        self._timer = context.window_manager.event_timer_add(TICK_SECONDS, window=context.window)
        context.window_manager.modal_handler_add(self)
        return {"RUNNING_MODAL"}

    def modal(self, context: bpy.types.Context, event: bpy.types.Event) -> set[str]:
        session = live.current()
        if session is None:
            self._end(context)
            return {"CANCELLED"}
        if event.type == "ESC" and event.value == "PRESS" and _over_viewport(context, event):
            if recorder.cancel_countdown():
                return {"RUNNING_MODAL"}
            if session.asking and session.calibrator is not None:
                session.calibrator.order("cancel")
                return {"RUNNING_MODAL"}
            self._end(context)
            live.stop()
            self.report({"INFO"}, "The capture was stopped")
            return {"CANCELLED"}
        if event.type != "TIMER":
            return {"PASS_THROUGH"}
        now = time.monotonic()
        if not self._tick(context, session):
            self._end(context)
            return {"CANCELLED"}
        if now >= self._draw_at:
            self._draw_at = now + (ASKING_SECONDS if session.asking else PANEL_SECONDS)
            redraw(context, "UI")
            if session.asking:
                redraw(context, "WINDOW")
        if now >= self._aside_at:
            self._end(context)
            bpy.app.timers.register(_come_back, first_interval=ASIDE_FOR)
            return {"FINISHED"}
        return {"PASS_THROUGH"}

    def cancel(self, context: bpy.types.Context) -> None:
        """Blender ends the operator: a file is loaded, the window closes, or Blender quits."""
        self._end(context)
        live.stop()

    def _tick(self, context: bpy.types.Context, session: live.LiveSession) -> bool:
        """Apply the newest pose. False when the capture has ended, by itself or through a fault."""
        try:
            posed = session.poses
            settings = context.scene.mimica
            session.existing, session.keep_pose = settings.existing_animation, settings.keep_pose
            follow_feel(session, context.scene)
            streams.follow()
            running = session.tick_all(parts_of(settings))
            if session.poses != posed:
                # Blender evaluates values set in bulk by itself, but draws them only where the character is selected.
                redraw(context, "WINDOW")
            if watch.follow(session).due(session.poses != posed, time.monotonic()):
                _redraw_picture(context)
            if running:
                return True
            message = session.message
        except Exception:
            # The user must not be left with a dead picture and a running camera.
            logger.exception("A tick of the live capture failed")
            message = "The capture stopped because of a fault in Mimica. What was recorded is kept; see the log."
        failed = session.capture.state != "ended"
        live.stop()
        if failed:
            state = context.window_manager.mimica
            state.problem, state.source_failed = message, session.capture.info is None
            if state.source_failed:
                # A report has one line; the panel says what to do as well.
                message = first_sentence(message)
        self.report({"ERROR" if failed else "INFO"}, sentence(message))
        return False

    def _end(self, context: bpy.types.Context) -> None:
        if self._timer is not None:
            context.window_manager.event_timer_remove(self._timer)
            self._timer = None
        _redraw_all(context)


def _redraw_all(context: bpy.types.Context) -> None:
    """Draw the panel, and the characters that went back to how they stood."""
    redraw(context, "UI")
    redraw(context, "WINDOW")
    picture_place.tag_image_editors(context.window_manager)


def _redraw_picture(context: bpy.types.Context) -> None:
    picture = context.scene.mimica.picture
    if picture.show:
        picture_place.tag_redraw(context.window_manager, picture.everywhere, picture.corner)
    else:
        picture_place.tag_image_editors(context.window_manager)


def _come_back() -> None:
    """Go on after stepping aside for an autosave; the capture itself never paused."""
    if live.current() is None:
        return
    window = bpy.context.window or bpy.context.window_manager.windows[0]
    with bpy.context.temp_override(window=window):
        bpy.ops.mimica.follow("INVOKE_DEFAULT")


def first_sentence(text: str) -> str:
    """Return a text's first sentence. A full stop within quotes, as in a camera's name, ends none."""
    found = _FIRST_SENTENCE.match(text)
    return found.group() if found else text


def _over_viewport(context: bpy.types.Context, event: bpy.types.Event) -> bool:
    for area in context.window.screen.areas:
        inside = 0 <= event.mouse_x - area.x < area.width and 0 <= event.mouse_y - area.y < area.height
        if inside:
            return area.type == "VIEW_3D"
    return False


@persistent
def _stop_for_load(*_arguments: object) -> None:
    live.stop()


_CLASSES = (MIMICA_OT_start_capture, MIMICA_OT_stop_capture, MIMICA_OT_follow)
_register, _unregister = bpy.utils.register_classes_factory(_CLASSES)


def register() -> None:
    """Register the operators; loading another file ends a capture."""
    _register()
    bpy.app.handlers.load_pre.append(_stop_for_load)


def unregister() -> None:
    """Stop a running capture first: Blender does not call `cancel` of an operator whose class goes away."""
    live.stop()
    if bpy.app.timers.is_registered(_come_back):
        bpy.app.timers.unregister(_come_back)
    bpy.app.handlers.load_pre.remove(_stop_for_load)
    _unregister()
