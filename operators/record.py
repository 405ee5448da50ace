# SPDX-FileCopyrightText: 2026 Mimica authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Record and Retake: from the panel's settings to a take that is recorded."""

import logging
from dataclasses import dataclass, replace
from pathlib import Path

import bpy
from bpy.props import EnumProperty

from ..capture.take import SUFFIX, TakeError
from ..capture.take_room import check_folder
from ..mapping.face_regions import FACE_REGIONS
from ..rig import compat, layers, live, playback, recorder
from ..rig.language import say, sentence
from ..rig.paths import next_take, takes_folder
from ..rig.recording import Wanted
from ..rig.take_run import TakePlan
from .own_takes import remember
from .takes import active_take, when_finished

logger = logging.getLogger(__name__)

_USUAL_RATE = 30.0
POSTROLL = 0.5
"""Seconds that a retake goes on after its range."""


@dataclass(frozen=True, slots=True)
class _Retake:
    """A range that was performed again, to be laid over a take as soon as its file is finished."""

    scene: int
    base: Path
    first: float
    last: float
    regions: frozenset[str]


_retakes: dict[Path, _Retake] = {}
"""By the new take's file."""


def _can_record(operator: type[bpy.types.Operator]) -> bool:
    session = live.current()
    if session is None or session.capture.state != "running":
        operator.poll_message_set(say("Start a capture first"))
        return False
    return True


def _job(context: bpy.types.Context, plan: TakePlan) -> recorder.Job:
    """Return the next take, with the room on the disk looked at. Raises `TakeError`."""
    session = live.current()
    info = session.capture.info if session is not None else None
    folder = takes_folder()
    faces = session.settings.tracker.faces if session is not None else 1
    check_folder(folder, (info.rate if info else None) or _USUAL_RATE, faces)
    name, path = next_take(folder, context.scene.mimica.slate, SUFFIX)
    scene = compat.session_uid(context.scene)
    return recorder.Job(plan, path, name, wanted_of(context.scene.mimica), lambda path: _remember(scene, path))


def wanted_of(settings: bpy.types.PropertyGroup) -> Wanted:
    """Return what the panels want to be kept beside a take."""
    microphone = settings.microphone
    return Wanted(settings.recording.film, microphone.device if microphone.use else None)


def _remember(uid: int, path: Path) -> None:
    scene = _scene(uid)
    if scene is not None:
        remember(scene, path)


def _scene(uid: int) -> bpy.types.Scene | None:
    return next((scene for scene in bpy.data.scenes if compat.session_uid(scene) == uid), None)


def _prepare(operator: bpy.types.Operator, context: bpy.types.Context, plan: TakePlan) -> recorder.Job | None:
    """Return the job for a plan; None, with the reason said, when takes cannot be kept."""
    state = context.window_manager.mimica
    try:
        job = _job(context, plan)
    except TakeError as error:
        state.problem = str(error)
        operator.report({"ERROR"}, sentence(str(error)))
        return None
    state.problem = ""
    return job


class MIMICA_OT_record(bpy.types.Operator):
    bl_idname = "mimica.record"
    bl_label = "Record"
    bl_description = (
        "Record a take after the countdown: every frame is kept on disk, raw, until you press again. Pressed while it "
        "counts down, it is called off"
    )

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        return _can_record(cls)

    def execute(self, context: bpy.types.Context) -> set[str]:
        session = live.current()
        if recorder.cancel_countdown():
            self.report({"INFO"}, "The recording was called off")
            return {"FINISHED"}
        if session is not None and session.recording is not None:
            path = recorder.stop()
            self.report({"INFO"}, say("The take is kept: {path}", path=path))
            return {"FINISHED"}
        scene, wishes = context.scene, context.scene.mimica.recording
        plan = TakePlan(
            countdown=wishes.countdown,
            plays=wishes.play,
            point=scene.frame_current_final,
            preroll=wishes.preroll,
            end=playback.last_frame(scene) if wishes.play and wishes.stop_at_end else None,
            rate=playback.frame_rate(scene),
        )
        job = _prepare(self, context, plan)
        return {"FINISHED"} if job is not None and recorder.start(scene, job) else {"CANCELLED"}


class MIMICA_OT_retake(bpy.types.Operator):
    bl_idname = "mimica.retake"
    bl_label = "Retake"
    bl_description = (
        "Perform a range of the timeline again: it plays with its sound, and what you perform in the range is laid "
        "over the active take"
    )

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        if not _can_record(cls):
            return False
        state = context.window_manager.mimica
        if active_take(context) is None:
            cls.poll_message_set(say("There is no take yet to perform a part of again. Record one first"))
            return False
        if state.takes[state.take_index].error:
            cls.poll_message_set(say("The active take cannot be read. Choose another one"))
            return False
        if recorder.view() is not None:
            cls.poll_message_set(say("A take is being recorded. Stop it first"))
            return False
        if not context.scene.mimica.recording.regions:
            cls.poll_message_set(say("Choose what of the face is performed again"))
            return False
        return True

    def execute(self, context: bpy.types.Context) -> set[str]:
        scene, wishes, base = context.scene, context.scene.mimica.recording, active_take(context)
        if base is None:
            return {"CANCELLED"}
        first, last = wishes.first, wishes.last
        if scene.use_preview_range:
            first, last = scene.frame_preview_start, scene.frame_preview_end
        if last <= first:
            text = say("The range to perform again ends at {last}, before it begins. Set In and Out anew", last=last)
            self.report({"ERROR"}, text)
            return {"CANCELLED"}
        if last > playback.last_frame(scene):
            text = say(
                "The playback goes back to its beginning at frame {end}, before Out at {last}. Set Out, or the End of "
                "the scene's range, anew",
                end=scene.frame_end,
                last=last,
            )
            self.report({"ERROR"}, text)
            return {"CANCELLED"}
        plan = TakePlan(
            countdown=wishes.countdown,
            plays=True,
            point=first,
            preroll=wishes.preroll,
            end=last,
            postroll=POSTROLL,
            rate=playback.frame_rate(scene),
        )
        job = _prepare(self, context, plan)
        if job is None:
            return {"CANCELLED"}
        retake = _Retake(compat.session_uid(scene), base, first, last, frozenset(wishes.regions))
        job = replace(
            job,
            ended=lambda path, whole: _performed(path, whole, retake),
            retaken=tuple(region for region in FACE_REGIONS if region in retake.regions),
        )
        return {"FINISHED"} if recorder.start(scene, job) else {"CANCELLED"}


class MIMICA_OT_retake_frame(bpy.types.Operator):
    bl_idname = "mimica.retake_frame"
    bl_label = "Set from Current Frame"
    bl_description = "Take the scene's current frame"
    bl_options = {"REGISTER", "UNDO"}

    end: EnumProperty(
        name="End",
        description="Which end of the range is set",
        items=(("first", "In", "Where the range begins"), ("last", "Out", "Where the range ends")),
    )

    def execute(self, context: bpy.types.Context) -> set[str]:
        setattr(context.scene.mimica.recording, self.end, context.scene.frame_current)
        return {"FINISHED"}


def _performed(path: Path, whole: bool, retake: _Retake) -> None:
    """Remember what is to become of a retake; one that was stopped is a take like any other."""
    if whole:
        _retakes[path] = retake


def _lay_over(path: Path) -> None:
    """Lay a retake whose file is finished over its take."""
    retake = _retakes.pop(path, None)
    scene = _scene(retake.scene) if retake is not None else None
    if retake is None or scene is None:
        return
    state = bpy.context.window_manager.mimica
    try:
        layers.add_layer(scene, retake.base, path, first=retake.first, last=retake.last, regions=retake.regions)
    except (TakeError, layers.LayerError) as error:
        state.problem = f"The retake is kept as a take of its own. {error}"
        logger.info("%s: %s", path, error)
        return
    paths = [item.path for item in state.takes]
    if str(retake.base) in paths:
        # The next retake is for the same take.
        state.take_index = paths.index(str(retake.base))
    with bpy.context.temp_override(window=bpy.context.window_manager.windows[0]):
        bpy.ops.ed.undo_push(message="Retake")


_CLASSES = (MIMICA_OT_record, MIMICA_OT_retake, MIMICA_OT_retake_frame)
_register, _unregister = bpy.utils.register_classes_factory(_CLASSES)


def register() -> None:
    """Register the operators; retakes are laid over their takes when their files are finished."""
    _register()
    when_finished.append(_lay_over)


def unregister() -> None:
    """Undo `register`."""
    when_finished.remove(_lay_over)
    _retakes.clear()
    _unregister()
