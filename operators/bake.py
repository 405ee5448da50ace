# SPDX-FileCopyrightText: 2026 Mimica authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""From a take to keyframes."""

from dataclasses import dataclass, replace
from pathlib import Path

import bpy

from ..capture.take import TakeError
from ..mapping.calibration import ProfileError
from ..mapping.face_regions import FACE_REGIONS
from ..mapping.presence import BRIDGE_SECONDS
from ..mapping.quality_track import long_gaps_within
from ..mapping.reduce import Tolerances
from ..rig import bake_preview, baked_sliders, live, test_pose
from ..rig.bake import BakeError, BakeResult, BakeSettings, bake
from ..rig.bind import TargetError
from ..rig.feel import mapping_of, strength_of
from ..rig.language import say, sentence
from ..rig.performances import PerformanceError, choice_to_bake, open_performance
from ..rig.take_place import at_place
from .sound import lay_take_sound
from .takes import active_take


class MIMICA_OT_bake(bpy.types.Operator):
    bl_idname = "mimica.bake"
    bl_label = "Bake to Keyframes"
    bl_description = "Write the active take to the character as keyframes of one action, at the scene's frame rate"
    bl_options = {"REGISTER", "UNDO"}

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        if active_take(context) is None:
            cls.poll_message_set(say("Record a take first"))
            return False
        if context.scene.mimica.target is None:
            cls.poll_message_set(say("Pick a character, or press Create Face Rig"))
            return False
        session = live.current()
        if session is not None and session.recording is not None:
            cls.poll_message_set(say("Stop the recording first"))
            return False
        return True

    def execute(self, context: bpy.types.Context) -> set[str]:
        # What is tried out by hand is no part of how the character stands.
        test_pose.end()
        bake_preview.end()
        jobs = _jobs(context)
        window_manager = context.window_manager
        window_manager.progress_begin(0, len(jobs))
        done: list[BakeResult] = []
        problems: list[str] = []
        try:
            for i, job in enumerate(jobs):
                window_manager.progress_update(i)
                try:
                    done.append(_bake(context, job))
                except (TakeError, BakeError, TargetError, ProfileError, PerformanceError) as error:
                    name = job.target.name if job.target is not None else ""
                    text = sentence(str(error))
                    problems.append(f"{name}: {text}" if len(jobs) > 1 else text)
        finally:
            window_manager.progress_end()
        for problem in problems:
            self.report({"WARNING" if done else "ERROR"}, problem)
        if not done:
            return {"CANCELLED"}
        scene = context.scene
        scene.frame_end = max(scene.frame_end, *(int(result.last_frame) for result in done))
        for result in done:
            text = "'{action}': {keys} keys in {seconds:.1f} s"
            told = say(text, action=result.action, keys=result.keys, seconds=result.seconds)
            self.report({"INFO"}, told)
            for note in result.notes:
                self.report({"INFO"}, sentence(note))
        return {"FINISHED"}


@dataclass(frozen=True, slots=True)
class _Job:
    """One take for one character."""

    target: bpy.types.Object | None
    take: Path
    face: str
    """A number, or MOST."""


def _jobs(context: bpy.types.Context) -> list[_Job]:
    """Return what is to be baked, the first character first, each character once."""
    settings, state = context.scene.mimica, context.window_manager.mimica
    active = active_take(context)
    if active is None:
        return []
    jobs = [_Job(settings.target, active, settings.bake_face)]
    if settings.bake_all:
        of_name = {item.name: Path(item.path) for item in state.takes}
        for member in settings.cast:
            if member.object is not None and all(job.target != member.object for job in jobs):
                # A name that is in no list any more is said by the take that cannot be opened.
                take = of_name.get(member.take, active.with_stem(member.take)) if member.take else active
                jobs.append(_Job(member.object, take, member.face if settings.faces > 1 else settings.bake_face))
    return jobs


def _bake(context: bpy.types.Context, job: _Job) -> BakeResult:
    """Bake one job. Raises what `bake` and `open_performance` do."""
    settings = context.scene.mimica
    choice = choice_to_bake(settings, job.take, job.face)
    performance = open_performance(choice)
    session = live.current()
    kept = session.kept_of(job.target) if session is not None else None
    wanted = at_place(context.scene, job.take, performance.times, settings_of(settings))
    result = bake(context.scene, job.target, performance, settings=wanted, kept=kept, choice=choice)
    baked_sliders.show(bpy.data.actions[result.action], wanted)
    sound = lay_take_sound(context.scene, job.take, performance.times, wanted)
    result = replace(result, notes=(*result.notes, *sound))
    gaps = long_gaps_within(performance.times, performance.found, wanted.start, wanted.end)
    if not gaps:
        return result
    seconds = f"{BRIDGE_SECONDS:g}"
    note = f"1 gap of more than {seconds} s: see Quality."
    if gaps > 1:
        note = f"{gaps} gaps of more than {seconds} s: see Quality."
    return replace(result, notes=(*result.notes, note))


def settings_of(settings: bpy.types.PropertyGroup) -> BakeSettings:
    """Return what the panels say of a bake."""
    return BakeSettings(
        start_frame=settings.bake_start,
        start=settings.bake_from if settings.bake_part else 0.0,
        end=settings.bake_to if settings.bake_part else float("inf"),
        translation=settings.head_translation,
        mapping=mapping_of(settings),
        existing=settings.existing_animation,
        reduce=settings.bake_reduce,
        tolerances=Tolerances().scaled(settings.bake_tolerance),
        step=settings.bake.step,
        stepped=settings.bake.stepped,
        offset=settings.bake.offset,
        strength=strength_of(settings),
        regions=tuple(region for region in FACE_REGIONS if getattr(settings.bake, f"bake_{region.lower()}")),
        destination=settings.bake.destination,
        blend=settings.bake.blend,
    )


register, unregister = bpy.utils.register_classes_factory((MIMICA_OT_bake,))
