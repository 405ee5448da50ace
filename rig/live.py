# SPDX-FileCopyrightText: 2026 Mimica authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The live session: capture in the background, the newest pose on the character at each tick. Holds all live state.

The tracker's thread hands the faces of each image to a mapping thread, which works the channels' values out while the
tracker is busy with the next image; the main thread only fetches ready arrays and hands them to Blender.

Every face has its own mapper, with its own neutral and filters. A part is a character and the face that moves it.
"""

import logging
import sys
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from queue import SimpleQueue
from typing import Any, cast

import bpy
import numpy as np

from ..capture.control_session import ControlSession, ControlSource
from ..capture.control_takes import stream_form
from ..capture.devices import DeviceSource, DeviceTrackers
from ..capture.memory import give_back
from ..capture.model import ModelFile
from ..capture.remote import RemoteCaptureSession
from ..capture.session import CaptureSession, CaptureStats, FaceTracker, Pace
from ..capture.source import Image, SourceSpec, make_source
from ..capture.take import TakeInfo
from ..capture.timeline_fit import FrameLog
from ..capture.tracker import Tracker, TrackerSettings
from ..mapping.calibration import PerformerProfile
from ..mapping.channels import CharacterPose
from ..mapping.control_channels import control_values
from ..mapping.control_mapper import ControlMapper
from ..mapping.control_take import frames_of_motion
from ..mapping.face_regions import FACE_REGIONS, FaceRegion
from ..mapping.face_space import DEFAULT_FIELD_OF_VIEW
from ..mapping.feel import Feel
from ..mapping.frame import ControlFrame, FaceFrame
from ..mapping.head_rest import HeadRest
from ..mapping.mapper import LiveMapper
from ..mapping.motion import Motion
from ..mapping.range_poses import RangePose
from . import character, compat
from .apply import PoseWriter
from .bind import Binding, TargetError, bind
from .calibrator import Calibrator
from .kept_pose import KeptPose
from .occupied import Existing, OccupiedChannel
from .performers import load_performer, set_active_performer
from .recording import Recording, Wanted

logger = logging.getLogger(__name__)

_EARLIER = 8
"""Bindings of one character whose poses may still come."""
_OTHERS_SECONDS = 1.0
"""For how long the picture of a device stays before another one's is shown in its place."""
_AWAY_SECONDS = 1.5
"""Without an image of its device, after which a face that was found counts as lost."""
_LOST_SECONDS = 0.1
"""The same of a face that was lost already: it must not stop half-way on its way to rest."""
_BEAT = 1 / 30
"""Seconds between two steps of a face whose device sends nothing."""
_SOUND_SECONDS = 0.5
"""For how long the end of a capture waits for the microphone."""
Faces = tuple[FaceFrame, ...] | tuple[ControlFrame, ...]
"""What a capture hands over of one instant: faces that were tracked, or those of another program."""
Mapper = LiveMapper | ControlMapper
Outlet = Callable[[list[ControlFrame]], None]
Watcher = Callable[[Faces, dict[int, Motion], dict[int, PerformerProfile | None]], None]
"""Is given the frames of an instant, and by face: the motion that is shown, and the profile it is read with."""
_SWITCH_SECONDS = 0.0005
"""Python's thread switch interval while capturing: a busy main thread must not hold the tracker up."""


@dataclass(frozen=True, slots=True)
class LiveSettings:
    """What a capture is started with."""

    source: SourceSpec
    model: ModelFile | None = None
    """Needed by every source but `controls`."""
    tracker: TrackerSettings = field(default_factory=TrackerSettings)
    feel: Feel = field(default_factory=Feel)
    """At first; see `LiveSession.feel`."""
    profile: PerformerProfile | None = None
    """Of `face`; every other face's neutral is found in its own first good second."""
    face: int = 0
    """The face that moves the character at first."""
    field_of_view: float = DEFAULT_FIELD_OF_VIEW
    translation: float = 0.0
    helper: bool = False
    """Whether source and tracker run in a process of their own, whose crash leaves Blender alone."""
    controls: ControlSource | None = None
    """Another program that has solved the face already: there are neither images nor a tracker."""
    devices: DeviceSource | None = None
    """Phones, in place of what `source` would open. They are tracked in this process."""


@dataclass(slots=True)
class TickTimes:
    """Milliseconds of the last ticks that wrote a pose, on the main thread."""

    fetch: deque[float] = field(default_factory=lambda: deque(maxlen=240))
    apply: deque[float] = field(default_factory=lambda: deque(maxlen=240))
    latency: deque[float] = field(default_factory=lambda: deque(maxlen=240))
    """From the grab of the image to the pose being written."""


@dataclass(frozen=True, slots=True, eq=False)
class _Role:
    """A bound character and the face that moves it. Immutable: the mapping thread has it too."""

    uid: int
    """The character's: see `_Part`."""
    face: int
    binding: Binding
    rows: slice
    """Its landmark groups among all those that its face is mapped for."""


@dataclass(slots=True, eq=False)
class _Part:
    """What the main thread knows of one part."""

    uid: int
    """What Blender knows the character's object by, through undo and renaming."""
    writer: PoseWriter
    face: int
    bound_to: tuple[object, ...]
    """What would have to be bound anew when it changes: name and bones, its map, the face's neutral."""
    kept: KeptPose
    """How the character stood before it was first posed."""
    earlier: tuple[PoseWriter, ...] = ()
    """Newest first, of bindings whose poses may still come: nothing must stand still while a gain is dragged."""
    pose: CharacterPose | None = None
    """The newest that was written, by `writer`."""

    def writer_for(self, binding: Binding) -> PoseWriter | None:
        """Return who writes the poses of a binding; None when it is long gone."""
        if binding is self.writer.binding:
            return self.writer
        return next((writer for writer in self.earlier if writer.binding is binding), None)

    def shows(self, binding: Binding) -> bool:
        """Whether a pose of that binding is what the character shows."""
        return self.pose is not None and binding is self.writer.binding

    def write(self, binding: Binding, pose: CharacterPose) -> bool:
        """Write a pose that was made for a binding; whether it still could be."""
        writer = self.writer_for(binding)
        if writer is None:
            return False
        writer.write(pose)
        if writer is self.writer:
            self.pose = pose
            self.earlier = ()
        return True

    def bound_anew(
        self, binding: Binding, existing: Existing, face: int, bound_to: tuple[object, ...], now: KeptPose
    ) -> "_Part":
        """Return the part with another binding of the same character. `now`: how that one's channels stand.

        What is no longer driven goes back to what it was.
        """
        self.kept.renamed(now.uids).without(now).restore()
        kept = now.with_older(self.kept)
        # A pose on its way must not set what just went back.
        same = _channels(binding) == _channels(self.writer.binding)
        earlier = (self.writer, *self.earlier)[:_EARLIER] if same else ()
        return _Part(self.uid, PoseWriter(binding, existing, kept), face, bound_to, kept, earlier)


def _channels(binding: Binding) -> tuple[object, ...]:
    """Return what tells whether two bindings drive the same channels."""
    plan = binding.plan
    driven = (plan.located.tobytes(), plan.turned.tobytes(), plan.scaled.tobytes())
    return binding.meshes, plan.bones, plan.shapes, plan.properties, driven


@dataclass(frozen=True, slots=True, eq=False)
class _Ready:
    """Poses of one instant that wait for the next tick."""

    poses: tuple[tuple[_Role, CharacterPose], ...]
    grabbed: float


@dataclass(frozen=True, slots=True, eq=False)
class _UseProfile:
    """For the mapping thread: another profile for a face, None to find the neutral in its next good second."""

    face: int
    profile: PerformerProfile | None


@dataclass(frozen=True, slots=True, eq=False)
class _Recentre:
    """For the mapping thread: a face's present pose of the head is straight ahead, or its neutral's again."""

    face: int
    clear: bool


@dataclass(frozen=True, slots=True, eq=False)
class Seen:
    """An image and the faces that were found in it."""

    image: Image
    faces: tuple[FaceFrame, ...]


class _ToldTracker:
    """A tracker that hands each result on to be mapped. Lives on the tracker's thread."""

    def __init__(self, tracker: FaceTracker, owner: "LiveSession") -> None:
        self._tracker = tracker
        self._owner = owner

    def track(self, image: Image) -> tuple[FaceFrame, ...]:
        """Track an image, and hand on its faces."""
        faces = self._tracker.track(image)
        self._owner.tracked(faces, image.grabbed, image.device)
        self._owner.saw(image, faces)
        return faces

    def close(self) -> None:
        """Release the tracker."""
        self._tracker.close()


class LiveSession:
    """One capture from start to stop. All methods are for the main thread, except `tracked` and `saw`."""

    def __init__(self, settings: LiveSettings, *, pace: Pace = "realtime") -> None:
        """Nothing is opened yet. `pace`: see `CaptureSession`."""
        self.settings = settings
        self.times = TickTimes()
        self.message = ""
        """Why the session ended by itself, as a sentence; empty while all is well."""
        self.poses = 0
        """Poses written so far."""
        self.seen: Seen | None = None
        """The newest image and its faces. Set on the tracker's thread; see `saw`."""
        self.seen_anew = threading.Event()
        """Set with each; who waits for it clears it."""
        self.recording: Recording | None = None
        self._ending_take: Recording | None = None
        self.existing: Existing = "LEAVE"
        """What happens to channels that are animated. May change at any time."""
        self.retaken: tuple[FaceRegion, ...] | None = None
        """The parts of the face that are performed again: they move though they are animated, and the others are left
        to their animation. None: all move. May change at any time.
        """
        self.feel = settings.feel
        """What is done with the motion. May be swapped for another at any time: each image is mapped by one of them."""
        self.frozen = False
        """Whether the pose that is shown is to stay, see `follow_feel`; capture and recording go on."""
        self.keep_pose = False
        """Whether characters stay as they are when they are no longer driven; else they go back to how they stood."""
        self.face = settings.face
        """The face of the first part; the performer's settings are its."""
        self.outlet: Outlet | None = None
        """Who is told what is shown, for other programs. Called on the mapping thread; may be swapped at any time."""
        self.watcher: Watcher | None = None
        """Who is told what is seen and what becomes of it. As `outlet`."""
        self._mappers = {settings.face: self._new_mapper(settings.profile)}
        """By face; made on the mapping thread when a face is first seen or driven."""
        self._cast: tuple[_Role, ...] = ()
        self._commands: SimpleQueue[tuple[_Role, ...] | _UseProfile | _Recentre] = SimpleQueue()
        """For the mapping thread: who plays what from now on, or another profile or rest for a face."""
        self.calibrator: Calibrator | None = None
        """The calibration that runs, or ran last."""
        self._calibrated_face = settings.face
        self._faces: dict[int, tuple[Faces, float]] = {}
        """What waits to be mapped, by device: of each the newest wins."""
        self._found: dict[int, tuple[int, ...]] = {}
        """The faces found in each device's newest image."""
        self._heard: dict[int, tuple[FaceFrame, float]] = {}
        """Each face's newest frame and when it was mapped, where several devices send."""
        self._beat = 0.0
        self._poses: dict[int, tuple[_Role, CharacterPose]] = {}
        """The newest of each part: the faces of several devices come one after another."""
        self._work = threading.Event()
        self._ending = False
        self._mapping = threading.Thread(target=self._map, name="mimica-map", daemon=True)
        self._fault = ""
        self._ready: deque[_Ready] = deque(maxlen=1)
        self._parts: list[_Part] = []
        self._led = False
        """Whether there is a first character, without which the capture ends."""
        self._values: dict[int, np.ndarray] = {}
        """Newest control values by face."""
        self._old_switch = sys.getswitchinterval()
        self._began = 0.0
        self.capture = self._make_capture(pace)

    def _make_capture(self, pace: Pace) -> CaptureSession | RemoteCaptureSession | ControlSession:
        """Return what captures. Raises ValueError without a model where one is needed."""
        settings, model = self.settings, self.settings.model
        if settings.controls is not None:
            return ControlSession(settings.controls, self.tracked)
        if model is None:
            raise ValueError("A capture of images needs a face model.")
        devices = settings.devices
        if devices is not None:
            make = partial(Tracker, model)
            return CaptureSession(
                devices, lambda: _ToldTracker(DeviceTrackers(devices, make, settings.tracker), self), pace=pace
            )
        if settings.helper:
            return RemoteCaptureSession(
                settings.source, model, settings.tracker, pace=pace, told=self.tracked, shown=self.saw
            )
        return CaptureSession(
            make_source(settings.source), lambda: _ToldTracker(Tracker(model, settings.tracker), self), pace=pace
        )

    @property
    def of_controls(self) -> bool:
        """Whether another program's controls come, so that there is no face to calibrate and no picture."""
        return self.settings.controls is not None

    def start(self) -> None:
        """Begin to capture; returns at once, opening happens in the background."""
        sys.setswitchinterval(_SWITCH_SECONDS)
        for handlers, handler in self._handlers():
            handlers.append(handler)
        self._mapping.start()
        self.capture.start()

    def stop(self) -> None:
        """End the capture: the camera is released and a take that was being recorded is kept. Waits 2 s at most.

        The characters go back to how they stood, unless `keep_pose`.
        """
        self.stop_recording()
        if self._ending_take is not None:
            # What is known of the sound must be told before the take is closed below.
            self._ending_take.sound_ended.wait(_SOUND_SECONDS)
        if self.calibrator is not None:
            # What was shown so far is learned and kept.
            self.calibrator.order("end")
        if not self.capture.stop():
            logger.warning("The capture's threads did not end within their time.")
        self._ending = True
        self._work.set()
        self._mapping.join(1.0)
        sys.setswitchinterval(self._old_switch)
        for handlers, handler in self._handlers():
            # Loading a file takes them away.
            if handler in handlers:
                handlers.remove(handler)
        self._let_go(self._parts)
        self._parts = []

    @property
    def profile(self) -> PerformerProfile | None:
        """The profile of the face that moves the first character, once its neutral is known."""
        return self._profile_of(self.face)

    @property
    def calibrating(self) -> bool:
        """Whether a neutral of that face is being gathered."""
        mapper = self._mappers.get(self.face)
        return mapper is not None and mapper.calibrating

    @property
    def asking(self) -> bool:
        """Whether a calibration runs that the user asked for."""
        return self.calibrator is not None and not self.calibrator.over

    def calibrate(self, poses: Sequence[RangePose], keep_in: Path, pace: float = 1.0) -> Calibrator:
        """Lead that performer through poses, learn from them in the background and keep the result in a file.

        :param poses: see `Calibrator`.
        """
        if self.calibrator is not None:
            self.calibrator.order("cancel")
        face = self._calibrated_face = self.face
        before, rest = self.profile, self.rest

        def apply(profile: PerformerProfile | None) -> None:
            # Who gets the profile of before back has not set a neutral anew.
            if profile is not None and profile is before:
                profile = replace(profile, rest=rest)
            self.use_profile(profile, face)

        self.calibrator = Calibrator(
            poses,
            keep_in,
            before,
            field_of_view=self.settings.field_of_view,
            pace=pace,
            apply=apply,
            tell=_calibrated,
        )
        return self.calibrator

    def use_profile(self, profile: PerformerProfile | None, face: int | None = None) -> None:
        """Use another profile from the next image on; None finds the neutral in the next good second. Any thread.

        :param face: whose; None is the face that moves the first character.
        """
        self._commands.put(_UseProfile(self.face if face is None else face, profile))
        self._work.set()

    @property
    def rest(self) -> HeadRest | None:
        """Where straight ahead is for the face that moves the first character; None: where its neutral is."""
        mapper = self._mappers.get(self.face)
        return mapper.rest if mapper is not None else None

    def recentre(self, *, clear: bool = False) -> None:
        """Let that face's present pose of the head be straight ahead, until its neutral is set anew.

        :param clear: let its neutral's be straight ahead again.
        """
        self._commands.put(_Recentre(self.face, clear))
        self._work.set()

    @property
    def faces_now(self) -> tuple[int, ...]:
        """The faces that were found in the newest image."""
        return tuple(sorted(face for found in self._found.copy().values() for face in found))

    @property
    def running(self) -> bool:
        """Whether frames come or are about to."""
        return self.capture.state in ("idle", "opening", "running")

    @property
    def latency_ms(self) -> float:
        """Median milliseconds from the grab of an image to its pose on the character; without one, to the result."""
        times = list(self.times.latency)
        return float(np.median(times)) if times else self.stats().latency_ms

    def values_of(self, obj: bpy.types.Object | None) -> np.ndarray | None:
        """Return the newest control values, float (C,) as `CONTROLS`, of the face that moves a character, if any."""
        part = self._part_of(obj)
        return self._values.get(part.face) if part is not None else None

    def values_of_face(self, face: int) -> np.ndarray | None:
        """Return the same of a face, None when it moves nothing. Any thread."""
        return self._values.get(face)

    def gaze_of_face(self, face: int) -> np.ndarray | None:
        """Return where a face that moves something looks itself, (2, 2) as `Motion.gaze`, else None. Any thread."""
        mapper = self._mappers.get(face)
        performed = mapper.performed if mapper is not None and face in self._values else None
        return performed.gaze[0] if performed is not None else None

    @property
    def left_alone(self) -> tuple[str, ...]:
        """What is not written because it is driven, animated or locked: a sentence for each character."""
        sentences = (part.writer.occupied.summary(self.existing) for part in self._parts)
        return tuple(sentence for sentence in sentences if sentence)

    def left_alone_of(self, obj: bpy.types.Object | None) -> tuple[OccupiedChannel, ...]:
        """Return the channels of a character that are not written, each with its reason."""
        part = self._part_of(obj)
        return part.writer.occupied.left_alone(self.existing) if part is not None else ()

    def kept_of(self, obj: bpy.types.Object | None) -> KeptPose | None:
        """Return how a character stood before the capture posed it; None when it does not."""
        part = self._part_of(obj)
        return part.kept if part is not None else None

    def keep_this_pose(self) -> None:
        """Let the characters' present poses be the ones that they go back to."""
        for part in self._parts:
            part.kept = KeptPose.of(part.writer.binding)

    def stats(self) -> CaptureStats:
        """Return the capture's figures."""
        return self.capture.stats()

    # The tracker's thread, and the mapping's

    def tracked(self, faces: Faces, grabbed: float, device: int = 0) -> None:
        """Take the faces of an image, or of another program, to be mapped; the newest wins. On the capture's thread.

        :param device: the one that the image is from. Of what others see nothing is known then, but that they are gone.
        """
        found = tuple(frame.face_id for frame in faces if frame.found)
        lost = {frame.face_id for frame in faces if not frame.found}
        others = {d: tuple(f for f in there if f not in lost) for d, there in self._found.items()}
        self._found = {**others, device: found}
        if self.calibrator is not None and isinstance(faces[0], FaceFrame):
            of_face = [f for f in faces if isinstance(f, FaceFrame) and f.face_id == self._calibrated_face]
            if of_face:
                self.calibrator.see(of_face[0])
            elif self.settings.devices is None:
                self.calibrator.see(FaceFrame.lost(faces[0].time, faces[0].image_size, self._calibrated_face))
        self._faces[device] = (faces, grabbed)
        self._work.set()

    def saw(self, image: Image, faces: tuple[FaceFrame, ...]) -> None:
        """Take an image with its faces to be shown. From a helper process not every image comes. Any thread.

        Of several devices, the one is shown whose face moves the first character, while it sends.
        """
        before = self.seen.image if self.seen is not None else image
        stays = before.device != image.device and image.grabbed - before.grabbed < _OTHERS_SECONDS
        if stays and self.face not in (frame.face_id for frame in faces if frame.found):
            return
        self.seen = Seen(image, faces)
        self.seen_anew.set()

    def _map(self) -> None:
        try:
            while True:
                self._work.wait(None if self.settings.devices is None else _BEAT)
                self._work.clear()
                if self._ending:
                    return
                self._take_commands()
                for device in tuple(self._faces):
                    self._map_faces(*self._hear(*self._faces.pop(device)))
                self._rest_silent()
        except Exception:
            logger.exception("The mapping failed")
            self._fault = "The capture stopped because of a fault in Mimica's mapping. What was recorded is kept."

    def _take_commands(self) -> None:
        while not self._commands.empty():
            command = self._commands.get()
            if isinstance(command, _Recentre):
                self._mapper_of(command.face).recentre(clear=command.clear)
            elif not isinstance(command, _UseProfile):
                self._recast(command)
            elif command.profile is not None:
                mapper = self._mapper_of(command.face)
                # The other program has calibrated; a profile is of faces that are tracked here.
                if isinstance(mapper, LiveMapper):
                    mapper.set_profile(command.profile)
            else:
                self._mappers[command.face] = self._new_mapper(None, self._mapper_of(command.face).groups)

    def _recast(self, cast: tuple[_Role, ...]) -> None:
        """Map each face for the characters it moves from now on.

        Filters go on as long as the same landmarks are followed: a gain that changes must not make the pose jump.
        """
        driven = {role.face for role in self._cast}
        self._cast = cast
        for face in {role.face for role in cast}:
            groups = np.concatenate([role.binding.plan.groups for role in cast if role.face == face])
            old = self._mapper_of(face)
            if old.groups is not None and np.array_equal(old.groups, groups):
                if face not in driven:
                    old.reset()
                continue
            mapper = self._mappers[face] = self._new_mapper(old.profile, groups)
            mapper.rest = old.rest
            if isinstance(mapper, LiveMapper) and old.profile is not None and old.calibrating:
                mapper.set_neutral()

    def _hear(self, faces: Faces, grabbed: float) -> tuple[Faces, float]:
        """Remember what came of which face, for `_rest_silent`."""
        if self.settings.devices is not None:
            now = time.perf_counter()
            self._heard |= {frame.face_id: (frame, now) for frame in faces if isinstance(frame, FaceFrame)}
        return faces, grabbed

    def _rest_silent(self) -> None:
        """Map faces whose device sends nothing as lost, for as long as it does: no image says so."""
        now = time.perf_counter()
        if now - self._beat < _BEAT:
            return
        self._beat = now
        silent = tuple(
            FaceFrame.lost(frame.time + now - heard, frame.image_size, face)
            for face, (frame, heard) in self._heard.items()
            if now - heard > (_AWAY_SECONDS if frame.found else _LOST_SECONDS)
        )
        if silent:
            self._map_faces(silent, now)

    def _map_faces(self, faces: Faces, grabbed: float) -> None:
        seen = {frame.face_id: frame for frame in faces}
        driven = {role.face for role in self._cast}
        if self.settings.devices is None:
            for face in driven - seen.keys():
                seen[face] = _lost_with(faces[0], face)
        outlet = self.outlet
        motions: dict[int, Motion] = {}
        feel = self.feel
        for face, frame in seen.items():
            mapper = self._mapper_of(face)
            mapper.follow(feel)
            # Who moves nothing is only watched until the neutral is known, unless somebody else is told of it.
            if face in driven or outlet is not None or (mapper.calibrating and frame.found):
                # A capture has frames of one kind alone, and mappers of that kind.
                motions[face] = cast(Any, mapper).step(frame)
        self._poses = {role.uid: self._poses[role.uid] for role in self._cast if role.uid in self._poses}
        for role in self._cast:
            if role.face in motions:
                motion = motions[role.face]
                motion = replace(motion, displacement=motion.displacement[:, role.rows])
                self._poses[role.uid] = (role, role.binding.plan.pose(motion))
        values = {face: control_values(motions[face])[0] for face in driven & motions.keys()}
        self._values = {face: self._values[face] for face in driven & self._values.keys()} | values
        self._ready.append(_Ready(tuple(self._poses.values()), grabbed))
        if outlet is not None:
            outlet([frame for face, motion in motions.items() for frame in frames_of_motion(motion, face)])
        if (watcher := self.watcher) is not None:
            watcher(faces, motions, {face: self._profile_of(face) for face in motions})
        comparison = self.calibrator.comparison if self.calibrator is not None else None
        calibrated = seen.get(self._calibrated_face)
        if comparison is not None and isinstance(calibrated, FaceFrame):
            # After the pose, which must not wait for it.
            comparison.see(calibrated)

    def _mapper_of(self, face: int) -> Mapper:
        if face not in self._mappers:
            self._mappers[face] = self._new_mapper(None)
        return self._mappers[face]

    def _new_mapper(self, profile: PerformerProfile | None, groups: np.ndarray | None = None) -> Mapper:
        if self.of_controls:
            return ControlMapper(self.feel, groups)
        return LiveMapper(profile, self.feel, groups, self.settings.field_of_view)

    def _profile_of(self, face: int) -> PerformerProfile | None:
        mapper = self._mappers.get(face)
        return mapper.profile if mapper is not None else None

    # Each tick, main thread

    def tick(self, target: bpy.types.Object | None, face: int = 0) -> bool:
        """Put the newest pose of a face on one character: see `tick_all`."""
        return self.tick_all([(target, face)])

    def tick_all(self, parts: Sequence[tuple[bpy.types.Object | None, int]]) -> bool:
        """Put the newest poses on the characters. Budget: a fraction of a millisecond, Blender's evaluation apart.

        :param parts: characters, and for each the number of the face that moves it. They may change at any time.
        :return: False when the session has come to its end; `message` says why.
        """
        self.face = parts[0][1] if parts else self.face
        if not self._follow_parts(parts):
            return False
        began = time.perf_counter()
        try:
            ready = self._ready.popleft()
        except IndexError:
            return self._still_running()
        fetched = time.perf_counter()
        by_uid = {part.uid: part for part in self._parts}
        shown = [(by_uid[role.uid], role, pose) for role, pose in ready.poses if role.uid in by_uid]
        if self.frozen:
            # Who has a pose keeps that one, also when a mapper begins anew because something else of its face changed.
            shown = [(part, role, pose) for part, role, pose in shown if not part.shows(role.binding)]
        written = [part.write(role.binding, pose) for part, role, pose in shown]
        if any(written):
            self.poses += 1
            now = time.perf_counter()
            self.times.fetch.append((fetched - began) * 1e3)
            self.times.apply.append((now - fetched) * 1e3)
            self.times.latency.append((now - ready.grabbed) * 1e3)
        return self._still_running()

    def _follow_parts(self, wanted: Sequence[tuple[bpy.types.Object | None, int]]) -> bool:
        """Bind anew what changed: another character or face was picked, a rig or map changed; say so when one is gone.

        Without its first character a capture ends; others may come and go.
        """
        known = {part.uid: part for part in self._parts}
        parts: dict[int, _Part] = {}
        for i, (target, face) in enumerate(wanted):
            if target is None or not _is_in_scene(target):
                if i == 0 and self._led:
                    self.message = "The character was removed, so the capture stopped. What was recorded is kept."
                    return False
                continue
            uid = compat.session_uid(target)
            part = self._bound(target, face, known.get(uid)) if uid not in parts else parts[uid]
            if part is None:
                return False
            parts[uid] = part
            self._led |= i == 0
        now = list(parts.values())
        if now != self._parts:
            gone = [part for uid, part in known.items() if uid not in parts]
            self._parts = now
            self._let_go(gone)
            self._commands.put(_roles(now))
        return True

    def _bound(self, target: bpy.types.Object, face: int, old: _Part | None) -> _Part | None:
        """Return the part as it was if it still holds, else bound anew; None, with the message said, if it cannot."""
        bones = len(target.pose.bones) if target.type == "ARMATURE" and target.pose else 0
        profile = self._profile_of(face)
        identity = (target.name, bones, character.revision(target), id(profile))
        if old is not None and old.face == face and old.bound_to == identity:
            if (old.writer.existing, old.writer.regions) != self._written:
                self._treat_existing(old)
            return old
        try:
            binding = bind(target, profile.neutral if profile else None, self.settings.translation)
        except TargetError as error:
            self.message = str(error)
            return None
        # Binding may have made the character's map.
        identity = (target.name, bones, character.revision(target), id(profile))
        now = KeptPose.of(binding)
        if old is not None:
            return old.bound_anew(binding, self.existing, face, identity, now)
        return _Part(compat.session_uid(target), PoseWriter(binding, self.existing, now), face, identity, now)

    def _treat_existing(self, part: _Part) -> None:
        """Treat animated channels otherwise from now on: first all of them go back to their animation."""
        part.kept.restore()
        part.earlier = ()
        part.writer.existing, part.writer.regions = self._written

    @property
    def _written(self) -> tuple[Existing, tuple[FaceRegion, ...]]:
        """What happens to animated channels at present, and the parts of the face that are written."""
        return (self.existing, FACE_REGIONS) if self.retaken is None else ("REPLACE", self.retaken)

    def _let_go(self, parts: Sequence[_Part]) -> None:
        if not self.keep_pose:
            for part in parts:
                part.kept.restore()

    def _part_of(self, obj: bpy.types.Object | None) -> _Part | None:
        uid = compat.session_uid(obj) if obj is not None else None
        return next((part for part in self._parts if part.uid == uid), None)

    def _frame_changed(self, *_arguments: object) -> None:
        """Put the newest poses back after Blender set what is animated: nothing flickers as the timeline plays."""
        if bpy.app.is_job_running("RENDER"):
            # Then this is not the main thread.
            return
        for part in self._parts:
            part.writer.frame_changed()
        self._pose_again()

    def _before_save(self, *_arguments: object) -> None:
        """Let the file hold how the characters stood: nobody could give it back when it is opened again."""
        self._let_go(self._parts)

    def _pose_again(self, *_arguments: object) -> None:
        for part in self._parts:
            if part.pose is not None:
                part.writer.write(part.pose)

    def _handlers(self) -> list[tuple[list, Callable[..., None]]]:
        """Return Blender's lists of what it calls, and what of this session belongs there."""
        lists = bpy.app.handlers
        return [
            (lists.frame_change_post, self._frame_changed),
            (lists.save_pre, self._before_save),
            (lists.save_post, self._pose_again),
        ]

    def _still_running(self) -> bool:
        if self._fault:
            self.message = self._fault
            return False
        if self.running or self._ready:
            return True
        self.message = self.capture.error or "The video has come to its end."
        return False

    # Recording

    def start_recording(
        self, path: Path, name: str, wanted: Wanted | None = None, log: FrameLog | None = None
    ) -> Recording:
        """Record every frame from now on into a new take file.

        :param wanted: what is kept beside it.
        :param log: the scene's frames, which the caller notes there; they tell where the take lies on the timeline.
        """
        profile = self.profile
        if profile is not None and self.rest is not None:
            # So that a bake shows what was seen.
            profile = replace(profile, rest=self.rest)
        wanted, form = wanted or Wanted(), None
        if self.settings.model is None or self.of_controls:
            info = TakeInfo.received(name, self.capture.info)
            form = stream_form(self.face, self.rest.to_json() if self.rest is not None else None)
            # There are no pictures.
            wanted = replace(wanted, film=False)
        else:
            info = TakeInfo.now(
                name,
                self.capture.info,
                self.settings.model.sha256,
                self.settings.field_of_view,
                profile.to_json() if profile else None,
                self.face,
            )
        recording = self.recording = Recording(path, info, wanted, log, lambda: self.capture.clock, form)
        before = self.stats().dropped
        recording.writer.dropped = lambda: self.stats().dropped - before
        self._began = time.monotonic()
        self.capture.start_recording(recording.writer, recording.film)
        return recording

    def stop_recording(self) -> Path | None:
        """End the take. Its files are finished in the background; nothing waits for the disk."""
        recording = self.recording
        if recording is None:
            return None
        self.recording = None
        self._ending_take = recording
        recording.end()

        def close() -> None:
            recording.end_sound()
            # First the images that were grabbed but not yet tracked.
            self.capture.stop_recording(3.0)
            recording.close()
            finished_takes.append(recording.path)

        threading.Thread(target=close, name="mimica take close").start()
        return recording.path

    @property
    def recorded_seconds(self) -> float:
        """How long the present take is, 0 when none is recorded."""
        return time.monotonic() - self._began if self.recording else 0.0


def _roles(parts: Sequence[_Part]) -> tuple[_Role, ...]:
    """Return the parts for the mapping thread; characters of one face share its landmark groups, one after another."""
    used: dict[int, int] = {}
    roles: list[_Role] = []
    for part in parts:
        start = used.get(part.face, 0)
        used[part.face] = stop = start + len(part.writer.binding.plan.groups)
        roles.append(_Role(part.uid, part.face, part.writer.binding, slice(start, stop)))
    return tuple(roles)


def _lost_with(frame: FaceFrame | ControlFrame, face: int) -> FaceFrame | ControlFrame:
    """Return a face that is lost in the instant of another one's frame."""
    if isinstance(frame, ControlFrame):
        return ControlFrame(frame.time, None, face_id=face)
    return FaceFrame.lost(frame.time, frame.image_size, face)


def _is_in_scene(target: bpy.types.Object) -> bool:
    """Whether the object still lives in a scene: deleting one leaves the data behind while something points to it."""
    return bool(target.users_scene)


_session: LiveSession | None = None
finished_takes: deque[Path] = deque()
"""Takes whose files were closed since the last look: the list of takes is due for a refresh."""
calibrated: deque[str] = deque()
"""What came of calibrations since the last look, as sentences."""


def _calibrated(sentence: str) -> None:
    """Keep what came of a calibration to be shown. Called on its thread."""
    calibrated.append(sentence)
    # Learning takes much memory for a moment.
    give_back()


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
