# SPDX-FileCopyrightText: 2026 Mimica authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The mapping as its users call it: a whole take at once, or a live stream frame by frame."""

from dataclasses import replace

import numpy as np

from .calibration import PerformerProfile, default_profile, estimate_profile
from .face_space import DEFAULT_FIELD_OF_VIEW
from .feel import Feel
from .frame import LANDMARK_COUNT, FaceFrame, FaceFrames
from .head_rest import recentred
from .lens import likely_field_of_view
from .live_filter import LiveFilter
from .live_steps import LiveSteps
from .motion import Motion
from .rotation import euler_from_matrix, matrix_from_quaternion
from .settings import MappingSettings
from .smoothing import finish
from .solve import solve

__all__ = ["LiveMapper", "MappingSettings", "head_angles", "map_frames"]


def map_frames(
    frames: FaceFrames,
    *,
    profile: PerformerProfile | None = None,
    camera_fov: float | None = None,
    settings: MappingSettings | None = None,
    live: bool = False,
    groups: np.ndarray | None = None,
) -> Motion:
    """Map a take.

    :param profile: the performer's; None finds the neutral in the take itself.
    :param camera_fov: the camera's vertical field of view, degrees; None takes the profile's, else what
        the take tells, live 45.
    :param live: filter as a live capture would, causally; otherwise without delay.
    :param groups: see `solve`.
    :return: a motion without NaN.
    """
    settings = settings or MappingSettings()
    if len(frames) == 0:
        return Motion.neutral(frames.times, LANDMARK_COUNT if groups is None else len(groups))
    if profile is None:
        # Live, nobody has seen the head turn yet.
        view = camera_fov or (DEFAULT_FIELD_OF_VIEW if live else likely_field_of_view(frames))
        profile = estimate_profile(frames, field_of_view=view) or default_profile(view)
    elif camera_fov:
        profile = replace(profile, field_of_view=camera_fov)
    raw = solve(frames, profile, groups)
    if live:
        stepper = LiveFilter(settings, groups)
        stepper.rest = profile.rest
        steps = [stepper(_at(raw, i)) for i in range(len(raw))]
        return recentred(_joined(steps), profile.rest)
    return finish(raw, settings, groups=groups, rest=profile.rest)


class LiveMapper(LiveSteps):
    """Maps one face, frame after frame, as they come. Used by one thread at a time.

    Until a profile is given the average face serves; the performer's own neutral is found in the first good second.
    """

    def __init__(
        self,
        profile: PerformerProfile | None = None,
        feel: Feel | None = None,
        groups: np.ndarray | None = None,
        field_of_view: float = DEFAULT_FIELD_OF_VIEW,
    ) -> None:
        super().__init__(feel, groups)
        self._field_of_view = field_of_view
        self._profile = profile
        self.rest = profile.rest if profile else None
        self._provisional: PerformerProfile | None = None
        self._collected: list[FaceFrame] | None = None if profile else []
        self._posed = False

    @property
    def profile(self) -> PerformerProfile | None:
        """The performer's profile; None while the first second is still being gathered."""
        return self._profile

    @property
    def calibrating(self) -> bool:
        """Whether a neutral is being gathered."""
        return self._collected is not None

    def set_profile(self, profile: PerformerProfile) -> None:
        """Use this profile from the next frame on."""
        old, rest = self._profile, profile.rest
        if rest is None and old is not None and _same_head(old, profile):
            # What else is known of the face says nothing about straight ahead.
            rest = self.rest
        self.rest, self._collected, self._provisional = rest, None, None
        # Kept here alone: it may be cleared.
        self._profile = profile if profile.rest is None else replace(profile, rest=None)
        self._filter.reset()

    def set_neutral(self) -> None:
        """Gather a new neutral from the next good second; the present profile serves until then."""
        self._collected = []
        self._posed = True

    def step(self, frame: FaceFrame) -> Motion:
        """Map one frame to a motion of one instant, filtered causally, without NaN."""
        self._calibrate(frame)
        profile = self._profile or self._provisional or default_profile(self._field_of_view)
        return self._show(solve(FaceFrames.from_frames([frame]), profile, self._solved_for))

    def _calibrate(self, frame: FaceFrame) -> None:
        if self._collected is None or not frame.found:
            return
        self._collected.append(frame)
        count = len(self._collected)
        done = frame.time - self._collected[0].time >= 1.0 and count >= 3
        if not done and (self._profile is not None or count not in (3, 8)):
            return
        name = self._profile.name if self._profile else ""
        found = estimate_profile(
            FaceFrames.from_frames(self._collected), name=name, field_of_view=self._field_of_view, posed=self._posed
        )
        if done and found is not None:
            self.set_profile(found)
        else:
            self._provisional = found


def _same_head(one: PerformerProfile, other: PerformerProfile) -> bool:
    """Whether two profiles have the same neutral pose of the head."""
    return np.array_equal(one.rotation, other.rotation) and np.array_equal(one.translation, other.translation)


def head_angles(motion: Motion) -> np.ndarray:
    """Return the head's yaw, pitch and roll in degrees, (N, 3), against the neutral.

    yaw > 0: the nose turns to the performer's left; pitch > 0: looks down; roll > 0: the head's top tilts to the
    performer's right. R = Ry(yaw) Rx(pitch) Rz(roll).
    """
    return np.degrees(euler_from_matrix(matrix_from_quaternion(motion.head_rotation)))


def _at(motion: Motion, index: int) -> Motion:
    return Motion(*(getattr(motion, f)[index : index + 1] for f in Motion.__dataclass_fields__))


def _joined(parts: list[Motion]) -> Motion:
    return Motion(*(np.concatenate([getattr(p, f) for p in parts]) for f in Motion.__dataclass_fields__))
