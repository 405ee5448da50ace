# SPDX-FileCopyrightText: 2026 Mimica authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What of a take is shown: each of its faces, solved as baking solves it. Plain arrays, nothing of Rerun."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from ...capture.control_takes import read_control_take
from ...capture.take import Take, TakeError
from ...capture.take_schema import unreadable
from ...mapping.calibration import PerformerProfile, ProfileError, default_profile
from ...mapping.control_take import ControlTake
from ...mapping.frame import LANDMARK_COUNT, FaceFrames
from ...mapping.learning import profile_of_take
from ...mapping.lens import likely_field_of_view
from ...mapping.mapper import map_frames
from ...mapping.motion import Motion
from ...mapping.performance import ControlPerformance
from ...mapping.settings import MappingSettings
from ...mapping.solve import observe

NO_POINTS = np.zeros((0, LANDMARK_COUNT), np.float32)
"""Groups of landmarks: none, for who asks for controls alone."""
_LEAST = 3
"""Images with the face from which its neutral can be found."""
_ROWS = 512
"""Frames of which points are worked out at once."""


@dataclass(frozen=True, slots=True, eq=False)
class FaceContent:
    """One face of a take, N images."""

    face: int
    frames: FaceFrames
    profile: PerformerProfile
    motion: Motion
    """As it is baked: smoothed without delay, without NaN; where the face was lost it is bridged, confidence 0."""

    def blocks(self) -> Iterator[tuple[slice, np.ndarray]]:
        """Give the rows, and their landmarks in face space, cm, float32 (n, 478, 3); NaN without the face."""
        for start in range(0, len(self.frames), _ROWS):
            rows = slice(start, min(start + _ROWS, len(self.frames)))
            part = self.frames.slice(rows.start, rows.stop)
            if part.found.any():
                yield rows, observe(part, self.profile, own_turns=False).face
            else:
                yield rows, np.full(part.landmarks.shape, np.nan, np.float32)


@dataclass(frozen=True, slots=True, eq=False)
class ControlContent:
    """One performer of a take of another program's controls: no landmarks, no picture."""

    face: int
    take: ControlTake
    motion: Motion
    """As it is baked."""


def pixels_of(frames: FaceFrames) -> np.ndarray:
    """Return the landmarks' places in the image, float32 (N, 478, 2), pixels, y down."""
    return frames.landmarks[..., :2] * frames.image_sizes[:, None].astype(np.float32)


def read_faces(take: Take) -> tuple[FaceContent, ...]:
    """Read and solve every face of a take that was found at all, in their order. Raises `TakeError`."""
    return tuple(_face(take, face) for face in take.summary().found)


def read_controls(take: Take) -> tuple[ControlContent, ...]:
    """Read every performer of a take of controls. Raises `TakeError`."""
    # A file of controls has one, and no faces that are counted.
    return tuple(_controls(take, face) for face in take.summary().found or (None,))


def _controls(take: Take, face: int | None) -> ControlContent:
    try:
        held = ControlTake.stored(take.info.name, read_control_take(take.path, face))
    except (ValueError, TypeError, KeyError) as error:
        raise unreadable(take.path, error) from error
    return ControlContent(face or 0, held, ControlPerformance(held).motion(NO_POINTS, MappingSettings()))


def _face(take: Take, face: int) -> FaceContent:
    frames = take.frames(face)
    stored = take.info.performer if face == take.info.performer_face else None
    view = take.info.camera_fov or likely_field_of_view(frames)
    try:
        recorded = PerformerProfile.from_json(stored) if stored else None
    except ProfileError as error:
        raise TakeError(str(error)) from error
    if recorded is None and int(frames.found.sum()) < _LEAST:
        profile = default_profile(view)
    else:
        profile = profile_of_take(frames, recorded, learn=True, field_of_view=view)
    return FaceContent(face, frames, profile, map_frames(frames, profile=profile, groups=NO_POINTS))
