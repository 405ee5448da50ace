# SPDX-FileCopyrightText: 2026 Mimica authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Recording a take by the user's wishes: it counts down, plays the timeline along, begins, ends, and tidies up.

What happens when is in `take_run`; here it is done. A timer of its own drives it, so that it also ends as it should
when the capture does.
"""

import logging
import math
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import bpy
from bpy.app.handlers import persistent

from ..capture.timeline_fit import FrameLog
from ..mapping.face_regions import FaceRegion
from . import compat, live, playback
from .recording import Recording, Wanted
from .take_run import Phase, TakePlan, TakeRun

logger = logging.getLogger(__name__)

TICK_SECONDS = 1.0 / 60.0
TELL_EVERY = 1.0
"""Seconds between two times that the take is told where it lies on the timeline, in case of a crash."""


@dataclass(frozen=True, slots=True)
class Job:
    """One take to be recorded."""

    plan: TakePlan
    path: Path
    name: str
    wanted: Wanted
    begun: Callable[[Path], None]
    """Called when the file is begun."""
    ended: Callable[[Path, bool], None] | None = None
    """Called when nothing more is recorded, with whether it came to its planned end."""
    retaken: tuple[FaceRegion, ...] | None = None
    """The parts of the face that are performed again, see `LiveSession`; None when it is no retake."""


class _Running:
    """The take that is counted down to or recorded. Nothing of Blender's is kept in it but numbers."""

    def __init__(self, job: Job, scene: bpy.types.Scene, session: live.LiveSession) -> None:
        self.job = job
        self.run = TakeRun(job.plan, time.perf_counter())
        self.scene = compat.session_uid(scene)
        self.session = session
        self.log = FrameLog(job.plan.rate)
        self.playback: playback.Playback | None = None
        self.recording: Recording | None = None
        self.told = 0.0
        self.shown: tuple[Phase, int] | None = None


_running: _Running | None = None
_last: Recording | None = None
_fault = ""


@dataclass(frozen=True, slots=True)
class View:
    """What there is to show."""

    phase: Phase
    left: float
    """Seconds until the performance counts."""
    problems: tuple[str, ...]
    """What went wrong with sound or video so far, as sentences."""

    @property
    def number(self) -> int:
        """What a countdown shows."""
        return max(1, math.ceil(self.left))


def view() -> View | None:
    """Return what is going on; None when no take is counted down to or recorded. Drawing calls this."""
    if _running is None:
        return None
    run, recording = _running.run, _running.recording
    left = run.left(time.perf_counter())
    return View(run.phase, left, recording.problems if recording else ())


def last_problems() -> tuple[str, ...]:
    """Return what went wrong with the last take, its sound or its video, as sentences."""
    faults = (_fault,) if _fault else ()
    return faults + (_last.problems if _last is not None and _running is None else ())


def start(scene: bpy.types.Scene, job: Job) -> bool:
    """Count down to a take, or begin it at once. False when there is no capture, or a take is under way."""
    global _running, _last, _fault
    session = live.current()
    if session is None or session.recording is not None or _running is not None:
        return False
    _last, _fault = None, ""
    _running = _Running(job, scene, session)
    if _frame_changed not in bpy.app.handlers.frame_change_pre:
        bpy.app.handlers.frame_change_pre.append(_frame_changed)
    tick()
    if not bpy.app.timers.is_registered(_on_timer):
        bpy.app.timers.register(_on_timer, first_interval=TICK_SECONDS, persistent=True)
    return True


def stop() -> Path | None:
    """End what is going on: a countdown is called off, a take is kept. Returns the take's file."""
    running = _running
    if running is None:
        session = live.current()
        return session.stop_recording() if session is not None else None
    path = running.job.path if running.recording is not None else None
    _end(running, reached=running.run.reached_end)
    return path


def cancel_countdown() -> bool:
    """Call a countdown off. False when none runs."""
    if _running is None or _running.run.phase != "countdown":
        return False
    _end(_running, reached=False)
    return True


def tick() -> bool:
    """Do what is due. Main thread. False when nothing is going on any more."""
    global _fault
    running = _running
    if running is None:
        return False
    try:
        _tick(running)
    except Exception:
        # Neither the playback nor the scene's settings must stay as a take needed them.
        logger.exception("Recording failed")
        _fault = "The recording ended because of a fault in Mimica. What was recorded is kept; see the log."
        _end(running, reached=False)
    return _running is not None


def _tick(running: _Running) -> None:
    session, now = live.current(), time.perf_counter()
    if session is None or session is not running.session or not session.running:
        # The capture has come to its end and kept what was recorded.
        _end(running, reached=False)
        return
    if running.recording is not None and session.recording is not running.recording:
        _end(running, reached=False)
        return
    scene = _scene(running)
    playing = scene is not None and playback.is_playing(scene)
    frame = scene.frame_current_final if scene is not None else running.job.plan.point
    last_frame = playback.last_frame(scene) if scene is not None else frame
    order = running.run.tick(now, frame, playing, last_frame)
    if order == "begin":
        _begin(running, scene)
    elif order == "stop playback" and running.playback is not None:
        running.playback.stop()
    elif order == "end":
        _end(running, reached=running.run.reached_end)
    elif running.recording is not None and now - running.told > TELL_EVERY:
        running.told = now
        running.recording.tell()


def _begin(running: _Running, scene: bpy.types.Scene | None) -> None:
    job = running.job
    running.recording = running.session.start_recording(job.path, job.name, job.wanted, running.log)
    running.session.retaken = job.retaken
    job.begun(job.path)
    if job.plan.plays and scene is not None:
        running.playback = playback.Playback(scene)
        if running.playback.play(job.plan.first_frame):
            running.log.begin(time.perf_counter(), job.plan.first_frame)


def _end(running: _Running, reached: bool) -> None:
    """Stop the take, and give the playback and the scene's settings back."""
    global _running, _last
    _running = None
    _last = running.recording
    running.session.retaken = None
    if _frame_changed in bpy.app.handlers.frame_change_pre:
        bpy.app.handlers.frame_change_pre.remove(_frame_changed)
    try:
        if running.recording is not None and running.session.recording is running.recording:
            running.session.stop_recording()
    finally:
        if running.playback is not None:
            running.playback.end()
    if running.recording is not None and running.job.ended is not None:
        running.job.ended(running.job.path, reached)
    _redraw()


def _scene(running: _Running) -> bpy.types.Scene | None:
    return next((scene for scene in bpy.data.scenes if compat.session_uid(scene) == running.scene), None)


def _frame_changed(scene: bpy.types.Scene, *_arguments: object) -> None:
    """Note the frame. Before Blender works it out: that is the moment of the sound."""
    if bpy.app.is_job_running("RENDER"):
        # Then this is not the main thread.
        return
    running = _running
    if running is None or running.recording is None or compat.session_uid(scene) != running.scene:
        return
    if playback.is_playing(scene):
        running.log.see(time.perf_counter(), scene.frame_current_final)


def _on_timer() -> float | None:
    going_on, shown = tick(), view()
    if _running is not None and shown is not None and _running.shown != (shown.phase, shown.number):
        # No more often: the viewport may be slow, and the timeline plays.
        _running.shown = (shown.phase, shown.number)
        _redraw()
    return TICK_SECONDS if going_on else None


def _redraw() -> None:
    for window in bpy.context.window_manager.windows:
        for area in window.screen.areas:
            if area.type == "VIEW_3D":
                area.tag_redraw()


@persistent
def _on_load(*_arguments: object) -> None:
    """Another file comes: the scene is given back its settings in case it does not."""
    if _running is not None:
        _end(_running, reached=False)


@persistent
def _before_save(*_arguments: object) -> None:
    """Let the file hold the scene as the user set it."""
    if _running is not None and _running.playback is not None:
        _running.playback.follow_sound(False)


@persistent
def _after_save(*_arguments: object) -> None:
    if _running is not None and _running.playback is not None:
        _running.playback.follow_sound(True)


def _handlers() -> tuple[tuple[list, Callable[..., None]], ...]:
    handlers = bpy.app.handlers
    return ((handlers.load_pre, _on_load), (handlers.save_pre, _before_save), (handlers.save_post, _after_save))


def register() -> None:
    """Follow the loading and saving of files."""
    for handlers, handler in _handlers():
        handlers.append(handler)


def unregister() -> None:
    """End what is going on."""
    for handlers, handler in _handlers():
        handlers.remove(handler)
    if _running is not None:
        _end(_running, reached=False)
    if bpy.app.timers.is_registered(_on_timer):
        bpy.app.timers.unregister(_on_timer)
