# SPDX-FileCopyrightText: 2026 Mimica authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The live session: capture in the background, the newest pose on the character at each tick. Holds all live state.

The tracker's thread hands each face to a mapping thread, which works the channels' values out while the tracker is busy
with the next image; the main thread only fetches ready arrays and hands them to Blender.
"""

import logging
import sys
import threading
import time
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from queue import SimpleQueue

import bpy
import numpy as np

from ..capture.model import ModelFile
from ..capture.session import CaptureSession, CaptureStats, Pace
from ..capture.source import Image, SourceSpec, make_source
from ..capture.take import TakeInfo, TakeWriter
from ..capture.tracker import Tracker, TrackerSettings
from ..mapping.calibration import PerformerProfile
from ..mapping.face_space import DEFAULT_FIELD_OF_VIEW
from ..mapping.frame import FaceFrame
from ..mapping.mapper import LiveMapper, MappingSettings
from ..mapping.range_poses import RangePose
from .apply import CharacterPose, PoseWriter
from .bind import Binding, TargetError, bind
from .calibrator import Calibrator
from .performers import load_performer, set_active_performer

logger = logging.getLogger(__name__)

_SWITCH_SECONDS = 0.0005
"""Python's thread switch interval while capturing: a busy main thread must not hold the tracker up."""


@dataclass(frozen=True, slots=True)
class LiveSettings:
    """What a capture is started with."""

    source: SourceSpec
    model: ModelFile
    tracker: TrackerSettings = field(default_factory=TrackerSettings)
    mapping: MappingSettings = field(default_factory=MappingSettings)
    profile: PerformerProfile | None = None
    field_of_view: float = DEFAULT_FIELD_OF_VIEW
    translation: float = 0.0


@dataclass(slots=True)
class TickTimes:
    """Milliseconds of the last ticks that wrote a pose, on the main thread."""

    fetch: deque[float] = field(default_factory=lambda: deque(maxlen=240))
    apply: deque[float] = field(default_factory=lambda: deque(maxlen=240))
    latency: deque[float] = field(default_factory=lambda: deque(maxlen=240))
    """From the grab of the image to the pose being written."""


@dataclass(frozen=True, slots=True, eq=False)
class _Ready:
    """A pose that waits for the next tick."""

    pose: CharacterPose | None
    binding: Binding | None
    grabbed: float


@dataclass(frozen=True, slots=True, eq=False)
class _UseProfile:
    """For the mapping thread: another profile, None to find the neutral in the first good second."""

    profile: PerformerProfile | None


class _ToldTracker:
    """A tracker that hands each result on to be mapped. Lives on the tracker's thread."""

    def __init__(self, tracker: Tracker, owner: "LiveSession") -> None:
        self._tracker = tracker
        self._owner = owner

    def track(self, image: Image) -> tuple[FaceFrame, ...]:
        """Track an image, and hand on its first face."""
        faces = self._tracker.track(image)
        self._owner.tracked(faces[0], image.grabbed)
        return faces

    def close(self) -> None:
        """Release the tracker."""
        self._tracker.close()


class LiveSession:
    """One capture from start to stop. All methods are for the main thread, except `tracked`."""

    def __init__(self, settings: LiveSettings, *, pace: Pace = "realtime") -> None:
        """Nothing is opened yet. `pace`: see `CaptureSession`."""
        self.settings = settings
        self.times = TickTimes()
        self.message = ""
        """Why the session ended by itself, as a sentence; empty while all is well."""
        self.poses = 0
        """Poses written so far."""
        self.recording: TakeWriter | None = None
        self._mapper = LiveMapper(settings.profile, settings.mapping, None, settings.field_of_view)
        self._commands: SimpleQueue[Binding | _UseProfile] = SimpleQueue()
        """For the mapping thread."""
        self.calibrator: Calibrator | None = None
        """The calibration that runs, or ran last."""
        self._binding_of_mapper: Binding | None = None
        self._faces: deque[tuple[FaceFrame, float]] = deque(maxlen=1)
        self._work = threading.Event()
        self._ending = False
        self._mapping = threading.Thread(target=self._map, name="mimica-map", daemon=True)
        self._fault = ""
        self._ready: deque[_Ready] = deque(maxlen=1)
        self._writer: PoseWriter | None = None
        self._bound_to: tuple[int, int, int] | None = None
        self._had_target = False
        self._old_switch = sys.getswitchinterval()
        self._began = 0.0
        self.capture = CaptureSession(
            make_source(settings.source),
            lambda: _ToldTracker(Tracker(settings.model, settings.tracker), self),
            pace=pace,
        )

    def start(self) -> None:
        """Begin to capture; returns at once, opening happens in the background."""
        sys.setswitchinterval(_SWITCH_SECONDS)
        self._mapping.start()
        self.capture.start()

    def stop(self) -> None:
        """End the capture: the camera is released and a take that was being recorded is kept. Waits 2 s at most."""
        self.stop_recording()
        if self.calibrator is not None:
            # What was shown so far is learned and kept.
            self.calibrator.order("end")
        if not self.capture.stop():
            logger.warning("The capture's threads did not end within their time.")
        self._ending = True
        self._work.set()
        self._mapping.join(1.0)
        sys.setswitchinterval(self._old_switch)

    @property
    def profile(self) -> PerformerProfile | None:
        """The performer's profile, once the neutral is known."""
        return self._mapper.profile

    @property
    def calibrating(self) -> bool:
        """Whether a neutral is being gathered."""
        return self._mapper.calibrating

    @property
    def asking(self) -> bool:
        """Whether a calibration runs that the user asked for."""
        return self.calibrator is not None and not self.calibrator.over

    def calibrate(self, poses: Sequence[RangePose], keep_in: Path, pace: float = 1.0) -> Calibrator:
        """Lead the performer through poses, learn from them in the background and keep the result in a file.

        :param poses: see `Calibrator`.
        """
        if self.calibrator is not None:
            self.calibrator.order("cancel")
        self.calibrator = Calibrator(
            poses,
            keep_in,
            self.profile,
            field_of_view=self.settings.field_of_view,
            pace=pace,
            apply=self.use_profile,
            tell=calibrated.append,
        )
        return self.calibrator

    def use_profile(self, profile: PerformerProfile | None) -> None:
        """Use another profile from the next frame on; None finds the neutral in the next good second. Any thread."""
        self._commands.put(_UseProfile(profile))
        self._work.set()

    @property
    def running(self) -> bool:
        """Whether frames come or are about to."""
        return self.capture.state in ("idle", "opening", "running")

    @property
    def latency_ms(self) -> float:
        """Median milliseconds from the grab of an image to its pose on the character; without one, to the result."""
        times = list(self.times.latency)
        return float(np.median(times)) if times else self.stats().latency_ms

    def stats(self) -> CaptureStats:
        """Return the capture's figures."""
        return self.capture.stats()

    # The tracker's thread, and the mapping's

    def tracked(self, frame: FaceFrame, grabbed: float) -> None:
        """Take a tracked face to be mapped; the newest wins. Called on the tracker's thread."""
        if self.calibrator is not None:
            self.calibrator.see(frame)
        self._faces.append((frame, grabbed))
        self._work.set()

    def _map(self) -> None:
        try:
            while True:
                self._work.wait()
                self._work.clear()
                if self._ending:
                    return
                self._take_commands()
                while self._faces:
                    self._map_frame(*self._faces.popleft())
        except Exception:
            logger.exception("The mapping failed")
            self._fault = "The capture stopped because of a fault in Mimica's mapping. What was recorded is kept."

    def _take_commands(self) -> None:
        while not self._commands.empty():
            command = self._commands.get()
            if isinstance(command, Binding):
                self._binding_of_mapper = command
                self._mapper.groups = command.plan.groups
                self._mapper.reset()
            elif command.profile is not None:
                self._mapper.set_profile(command.profile)
            else:
                settings, groups = self.settings, self._mapper.groups
                self._mapper = LiveMapper(None, settings.mapping, groups, settings.field_of_view)

    def _map_frame(self, frame: FaceFrame, grabbed: float) -> None:
        motion = self._mapper.step(frame)
        binding = self._binding_of_mapper
        pose = None
        if binding is not None:
            pose = CharacterPose(binding.plan.evaluate(motion), binding.plan.shape_values(motion))
        self._ready.append(_Ready(pose, binding, grabbed))

    # Each tick, main thread

    def tick(self, target: bpy.types.Object | None) -> bool:
        """Put the newest pose on the target. Budget: a fraction of a millisecond, Blender's evaluation apart.

        :return: False when the session has come to its end; `message` says why.
        """
        if not self._follow_target(target):
            return False
        began = time.perf_counter()
        try:
            ready = self._ready.popleft()
        except IndexError:
            return self._still_running()
        fetched = time.perf_counter()
        if ready.pose is not None and self._writer is not None and ready.binding is self._writer.binding:
            self._writer.write(ready.pose)
            self.poses += 1
            now = time.perf_counter()
            self.times.fetch.append((fetched - began) * 1e3)
            self.times.apply.append((now - fetched) * 1e3)
            self.times.latency.append((now - ready.grabbed) * 1e3)
        return self._still_running()

    def _follow_target(self, target: bpy.types.Object | None) -> bool:
        """Bind anew when the user picked another character, or the rig changed; say so when it was deleted."""
        if target is None or not _is_in_scene(target):
            if self._had_target:
                self.message = "The character was removed, so the capture stopped. What was recorded is kept."
                return False
            return True
        bones = len(target.pose.bones) if target.type == "ARMATURE" and target.pose else 0
        profile = self.profile
        identity = (target.as_pointer(), bones, id(profile))
        if identity == self._bound_to and self._writer and self._writer.binding.target == target.name:
            return True
        self._bound_to = identity
        self._had_target = True
        try:
            binding = bind(target, profile.neutral if profile else None, self.settings.translation)
        except TargetError as error:
            self.message = str(error)
            return False
        self._writer = PoseWriter(binding)
        self._commands.put(binding)
        return True

    def _still_running(self) -> bool:
        if self._fault:
            self.message = self._fault
            return False
        if self.running or self._ready:
            return True
        self.message = self.capture.error or "The video has come to its end."
        return False

    # Recording

    def start_recording(self, path: Path, name: str) -> None:
        """Record every frame from now on into a new take file."""
        profile = self.profile
        info = TakeInfo.now(
            name,
            self.capture.info,
            self.settings.model.sha256,
            self.settings.field_of_view,
            profile.to_json() if profile else None,
        )
        self.recording = TakeWriter(path, info)
        self._began = time.monotonic()
        self.capture.start_recording(self.recording)

    def stop_recording(self) -> Path | None:
        """End the take. Its file is finished in the background; nothing waits for the disk."""
        writer = self.recording
        if writer is None:
            return None
        self.recording = None

        def close() -> None:
            # First the images that were grabbed but not yet tracked.
            self.capture.stop_recording(3.0)
            writer.close()
            finished_takes.append(writer.path)

        threading.Thread(target=close, name="mimica take close").start()
        return writer.path

    @property
    def recorded_seconds(self) -> float:
        """How long the present take is, 0 when none is recorded."""
        return time.monotonic() - self._began if self.recording else 0.0


def _is_in_scene(target: bpy.types.Object) -> bool:
    """Whether the object still lives in a scene: deleting one leaves the data behind while something points to it."""
    return bool(target.users_scene)


_session: LiveSession | None = None
finished_takes: deque[Path] = deque()
"""Takes whose files were closed since the last look: the list of takes is due for a refresh."""
calibrated: deque[str] = deque()
"""What came of calibrations since the last look, as sentences."""


def current() -> LiveSession | None:
    """Return the running session, if any."""
    return _session


def start(settings: LiveSettings) -> LiveSession:
    """Start a capture; one that is running is stopped first."""
    global _session
    stop()
    _session = LiveSession(settings)
    _session.start()
    return _session


def choose_performer(path: Path) -> None:
    """Make a performer the active one, in the running capture too. Raises `ProfileError` for a damaged file."""
    set_active_performer(path)
    profile = load_performer(path)
    if _session is not None:
        _session.use_profile(profile)


def stop() -> str:
    """Stop the running capture, if any, and return its message."""
    global _session
    session, _session = _session, None
    if session is None:
        return ""
    session.stop()
    return session.message
