# SPDX-FileCopyrightText: 2026 Mimica authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""How good the active take is, for the Quality panel and the track in the timeline.

It is worked out in the background when something that is drawn asks for it, and kept. Who draws calls `report`, which
costs nothing; a timer calls `step`. All on the main thread, but for the work itself, which has arrays alone.
"""

import logging
import threading
import time
from collections import OrderedDict
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

import bpy
import numpy as np

from ..mapping.calibration import ProfileError
from ..mapping.performance import Performance, TakePerformance
from ..mapping.quality_track import QualityTrack, quality_of
from ..mapping.settings import MappingSettings
from . import live
from .bake_settings import BakeSettings
from .destination import find_action, tag_of
from .performances import Key, choice_of, keep, kept, reader_of
from .recipe import RecipeError, has_recipe, read_recipe
from .take_place import at_place

logger = logging.getLogger(__name__)

_KEPT = 8
"""Reports that are kept: what is drawn is small beside the take itself."""
_WANTED_SECONDS = 1.0
"""For how long a report is worked for after it was last asked for."""
_MARK = ": no face"
"""What the names of markers have after the take's."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where a take lies in the scene, or would lie when it is baked."""

    frame: float
    """Scene frame of `time`."""
    time: float
    """Seconds on the take's clock."""
    rate: float
    """The scene's frames a second."""

    def frame_at(self, seconds: float) -> float:
        """Return the scene frame of a time on the take's clock."""
        return self.frame + (seconds - self.time) * self.rate

    def times_at(self, frames: np.ndarray) -> np.ndarray:
        """Return the times on the take's clock of scene frames (K,)."""
        return self.time + (frames - self.frame) / self.rate


@dataclass(frozen=True, slots=True, eq=False)
class Report:
    """What is known of one take."""

    name: str
    """The take's."""
    track: QualityTrack | None
    problem: str = ""
    """Why there is none, as a sentence."""


class _Job:
    """One take that is looked at in the background."""

    def __init__(self, asked: "_Asked") -> None:
        self.asked = asked
        performance = kept(asked.opening)
        # Of a take nothing but frames and profile is looked at; what other performances keep is not for two threads.
        self.performance = performance if isinstance(performance, TakePerformance) else None
        self.report: Report | None = None
        self._thread = threading.Thread(target=self._run, name="mimica quality", daemon=True)
        self._thread.start()

    @property
    def done(self) -> bool:
        """Whether the report is there."""
        return not self._thread.is_alive()

    def _run(self) -> None:
        try:
            if self.performance is None:
                self.performance = self.asked.read()
            settings = MappingSettings(smoothness=1.0 if self.asked.smooth else 0.0)
            self.report = Report(self.performance.name, quality_of(self.performance, settings))
        except Exception as error:
            # Whatever it is, the panel says it: nobody waits for this thread.
            logger.info("The quality of a take cannot be told", exc_info=True)
            self.report = Report("", None, str(error) or type(error).__name__)


@dataclass(frozen=True, slots=True)
class _Asked:
    """The active take, as the panels say."""

    opening: Key
    """What tells its performance from others."""
    smooth: bool
    """Whether outliers are taken out."""
    read: Callable[[], Performance] = field(compare=False)


_reports: OrderedDict[_Asked, Report] = OrderedDict()
_job: _Job | None = None
_active: _Asked | None = None
_current: Report | None = None
_bake = BakeSettings()
"""How the active take was baked for the character, else how it would be."""
_wanted = -_WANTED_SECONDS


def report() -> Report | None:
    """Return what is known of the active take; None while it is being worked out, which this asks for."""
    global _wanted
    _wanted = time.monotonic()
    return _current


def known() -> Report | None:
    """Return the same without asking for anything."""
    return _current


def step(context: bpy.types.Context) -> bool:
    """Begin what is asked for, take in what is done; return whether the active take, its place or a report is new.

    Never waits. Nothing is begun while a capture runs: that needs the machine for itself.
    """
    global _job, _active, _current, _bake
    # Who waited for another take behind this one has stopped asking by now: drawn anew, they ask again.
    changed = _job is not None and _job.done
    if _job is not None and changed:
        if _job.report is not None:
            _reports[_job.asked] = _job.report
            while len(_reports) > _KEPT:
                _reports.popitem(last=False)
        if _job.performance is not None and kept(_job.asked.opening) is None:
            keep(_job.asked.opening, _job.performance)
        _job = None
    asked = _asked(context)
    now = None if asked is None else _reports.get(asked)
    bake = _bake_of(context, now)
    changed = changed or now is not _current or asked != _active or bake != _bake
    _active, _current, _bake = asked, now, bake
    wanted = time.monotonic() - _wanted < _WANTED_SECONDS and live.current() is None
    if asked is not None and now is None and _job is None and wanted:
        _job = _Job(asked)
    return changed


def place(context: bpy.types.Context) -> Place | None:
    """Return where the active take lies: where it was baked to for the character, else where it would be baked to.

    None as long as there is no report of it.
    """
    found = report()
    if found is None or found.track is None or not len(found.track.times):
        return None
    scene = context.scene
    return place_of(_bake, float(found.track.times[0]), scene.render.fps / scene.render.fps_base)


def place_of(baked: BakeSettings, first: float, rate: float) -> Place:
    """Return where a bake with these settings puts a take: what `instants` says of its first key.

    :param first: seconds on the take's clock of its first frame.
    :param rate: the scene's frames a second.
    """
    every = rate / baked.step
    skipped = np.ceil(baked.start * every - 1e-6) / every
    whole = np.round(baked.offset * every)
    return Place(baked.start_frame + whole * baked.step, first + skipped - (baked.offset - whole / every), rate)


def go_to(context: bpy.types.Context, where: Place, seconds: float) -> None:
    """Show the frame of a time on the take's clock."""
    context.scene.frame_current = round(where.frame_at(seconds))


def next_spot(context: bpy.types.Context, direction: int) -> int | None:
    """Return which weak spot of the report comes next from the current frame, None when there is none.

    :param direction: 1 forward, -1 back.
    """
    found, where = report(), place(context)
    if found is None or found.track is None or where is None:
        return None
    frames = np.array([round(where.frame_at(spot.start)) for spot in found.track.spots])
    now = context.scene.frame_current
    there = np.flatnonzero(frames > now if direction > 0 else frames < now)
    if not len(there):
        return None
    return int(there[0 if direction > 0 else -1])


def mark_long_gaps(context: bpy.types.Context) -> int:
    """Set a marker on the timeline at each gap that is too long to be bridged; return how many those are.

    Markers of an earlier time for the same take are replaced.
    """
    found, where = report(), place(context)
    if found is None or found.track is None or where is None:
        return 0
    markers = context.scene.timeline_markers
    for marker in _marks(context, found):
        markers.remove(marker)
    gaps = found.track.long_gaps()
    for gap in gaps:
        markers.new(f"{found.name}{_MARK} {gap.seconds:.1f} s", frame=round(where.frame_at(gap.start)))
    return len(gaps)


def has_marks(context: bpy.types.Context) -> bool:
    """Return whether there are markers of the active take's gaps."""
    found = report()
    return found is not None and bool(_marks(context, found))


def _marks(context: bpy.types.Context, found: Report) -> list[bpy.types.TimelineMarker]:
    return [marker for marker in context.scene.timeline_markers if marker.name.startswith(f"{found.name}{_MARK}")]


def forget() -> None:
    """Let go of all reports; what is being worked out is not waited for."""
    global _job, _active, _current
    _reports.clear()
    _job = _active = _current = None


def _asked(context: bpy.types.Context) -> _Asked | None:
    """Return which take is active, None when there is none that can be read."""
    state, settings = context.window_manager.mimica, context.scene.mimica
    if not 0 <= state.take_index < len(state.takes) or state.takes[state.take_index].error:
        return None
    choice = choice_of(settings, _path(context), settings.bake_face)
    try:
        opening, read = reader_of(choice)
    except ProfileError:
        # A bake says so.
        return None
    return _Asked(opening, settings.smoothness > 0.0, read)


def _bake_of(context: bpy.types.Context, found: Report | None) -> BakeSettings:
    """Return how the active take was baked for the character, else how it would be, as far as its place goes."""
    scene, settings = context.scene, context.scene.mimica
    if found is None or found.track is None:
        return BakeSettings()
    if settings.target is not None:
        action = find_action(settings.target, tag_of(settings.target, found.name))
        if action is not None and has_recipe(action):
            with suppress(RecipeError):
                return read_recipe(action).settings
    wanted = BakeSettings(
        start_frame=settings.bake_start,
        start=settings.bake_from if settings.bake_part else 0.0,
        step=settings.bake.step,
        offset=settings.bake.offset,
    )
    return at_place(scene, _path(context), found.track.times, wanted)


def _path(context: bpy.types.Context) -> Path:
    """Return the active take's file."""
    state = context.window_manager.mimica
    return Path(state.takes[state.take_index].path)
