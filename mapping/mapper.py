# SPDX-FileCopyrightText: 2026 Mimica authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The mapping as its users call it: a whole take at once, or a live stream frame by frame."""

from dataclasses import dataclass, field, replace

import numpy as np

from .calibration import PerformerProfile, default_profile, estimate_profile
from .face_space import DEFAULT_FIELD_OF_VIEW
from .filters import OneEuro, OneEuroRotation, OneEuroSettings, zero_phase, zero_phase_rotation
from .frame import FaceFrame, FaceFrames
from .lids import close_lids
from .motion import Motion
from .presence import Presence, fill_lost
from .rotation import euler_from_matrix, exp, log, matrix_from_quaternion
from .solve import solve

_RESET_SECONDS = 0.5
"""A longer silence, a seek or a cut: filters start anew."""


@dataclass(frozen=True, slots=True)
class SignalFilter:
    """How one class of signal is smoothed."""

    live: OneEuroSettings
    offline_cutoff: float
    """Hz."""


@dataclass(frozen=True, slots=True)
class MappingSettings:
    """What a user may change of the mapping. Units of `beta`: per (cm/s), (rad/s) or (1/s)."""

    smoothness: float = 1.0
    """0 lets everything pass, 1 is the default, each step more halves every cut-off."""
    controls: SignalFilter = field(default=SignalFilter(OneEuroSettings(2.0, 4.0, 2.0), 9.0))
    head: SignalFilter = field(default=SignalFilter(OneEuroSettings(1.0, 6.0, 1.5), 5.0))
    head_translation: SignalFilter = field(default=SignalFilter(OneEuroSettings(1.0, 0.5, 1.5), 4.0))
    gaze: SignalFilter = field(default=SignalFilter(OneEuroSettings(1.5, 20.0, 3.0), 9.0))
    displacement: SignalFilter = field(default=SignalFilter(OneEuroSettings(1.5, 3.0, 2.0), 9.0))


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
    :param camera_fov: the camera's vertical field of view, degrees; None takes the profile's, else 45.
    :param live: filter as a live capture would, causally; otherwise without delay.
    :param groups: see `solve`.
    :return: a motion without NaN.
    """
    settings = settings or MappingSettings()
    if profile is None:
        view = camera_fov or DEFAULT_FIELD_OF_VIEW
        profile = estimate_profile(frames, field_of_view=view) or default_profile(view)
    elif camera_fov:
        profile = replace(profile, field_of_view=camera_fov)
    raw = solve(frames, profile, groups)
    if live:
        stepper = _LiveFilter(settings)
        steps = [stepper(_at(raw, i)) for i in range(len(raw))]
        return _joined(steps) if steps else raw
    return smooth(fill_lost(raw, bridge=True), settings)


def smooth(motion: Motion, settings: MappingSettings, limit: float = np.inf) -> Motion:
    """Return the motion low-passed without delay.

    :param limit: Hz: no cut-off above this, for motion that will be sampled at a lower rate.
    """
    if settings.smoothness <= 0.0 and not np.isfinite(limit):
        return replace(motion, controls=close_lids(motion.controls))
    factor = 2.0 ** (1.0 - settings.smoothness) if settings.smoothness > 0.0 else np.inf
    times = motion.times

    def cutoff(signal: SignalFilter) -> float:
        return min(signal.offline_cutoff * factor, limit)

    return replace(
        motion,
        controls=close_lids(np.clip(zero_phase(times, motion.controls, cutoff(settings.controls)), 0.0, 1.0)),
        head_rotation=zero_phase_rotation(times, motion.head_rotation, cutoff(settings.head)),
        head_translation=zero_phase(times, motion.head_translation, cutoff(settings.head_translation)),
        gaze=zero_phase(times, motion.gaze, cutoff(settings.gaze)),
        displacement=zero_phase(times, motion.displacement, cutoff(settings.displacement)),
    )


class LiveMapper:
    """Maps one face, frame after frame, as they come. Used by one thread at a time.

    Until a profile is given the average face serves; the performer's own neutral is found in the first good second.
    """

    def __init__(
        self,
        profile: PerformerProfile | None = None,
        settings: MappingSettings | None = None,
        groups: np.ndarray | None = None,
        field_of_view: float = DEFAULT_FIELD_OF_VIEW,
    ) -> None:
        self.groups = groups
        self._field_of_view = field_of_view
        self._filter = _LiveFilter(settings or MappingSettings())
        self._profile = profile
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

    def reset(self) -> None:
        """Forget what the filters remember: after a change of what is mapped."""
        self._filter.reset()

    def set_profile(self, profile: PerformerProfile) -> None:
        """Use this profile from the next frame on."""
        self._profile, self._collected, self._provisional = profile, None, None
        self._filter.reset()

    def set_neutral(self) -> None:
        """Gather a new neutral from the next good second; the present profile serves until then."""
        self._collected = []
        self._posed = True

    def step(self, frame: FaceFrame) -> Motion:
        """Map one frame to a motion of one instant, filtered causally, without NaN."""
        self._calibrate(frame)
        profile = self._profile or self._provisional or default_profile(self._field_of_view)
        return self._filter(solve(FaceFrames.from_frames([frame]), profile, self.groups))

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


class _LiveFilter:
    """Causal filters and the lost-face policy, one instant after another."""

    def __init__(self, settings: MappingSettings) -> None:
        self._enabled = settings.smoothness > 0.0
        s = settings.smoothness
        self._controls = OneEuro(settings.controls.live.softened(s))
        self._head = OneEuroRotation(settings.head.live.softened(s))
        self._translation = OneEuro(settings.head_translation.live.softened(s))
        self._gaze = OneEuro(settings.gaze.live.softened(s))
        self._displacement = OneEuro(settings.displacement.live.softened(s))
        self._presence = Presence()
        self._last: Motion | None = None
        self._last_seen = -np.inf

    def reset(self) -> None:
        for part in (self._controls, self._head, self._translation, self._gaze, self._displacement):
            part.reset()

    def __call__(self, raw: Motion) -> Motion:
        time = float(raw.times[0])
        found = bool(np.isfinite(raw.controls[0, 0]))
        level = self._presence(time, found)
        if found:
            if abs(time - self._last_seen) > _RESET_SECONDS:
                self.reset()
            self._last_seen = time
            pose = self._filtered(time, raw) if self._enabled else raw
            self._last = replace(pose, controls=close_lids(pose.controls))
        elif self._last is None:
            return Motion.neutral(raw.times, raw.displacement.shape[1])
        pose = self._last
        if level < 1.0:
            pose = replace(
                pose,
                controls=pose.controls * level,
                head_rotation=exp(log(pose.head_rotation) * level),
                head_translation=pose.head_translation * level,
                gaze=pose.gaze * level,
                displacement=pose.displacement * level,
            )
        return replace(pose, times=raw.times, confidence=raw.confidence)

    def _filtered(self, time: float, raw: Motion) -> Motion:
        return replace(
            raw,
            controls=self._controls(time, raw.controls),
            head_rotation=self._head(time, raw.head_rotation[0])[None],
            head_translation=self._translation(time, raw.head_translation),
            gaze=self._gaze(time, raw.gaze),
            displacement=self._displacement(time, raw.displacement),
        )


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
