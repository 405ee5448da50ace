# SPDX-FileCopyrightText: 2026 Mimica authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A performance as controls over time and nothing else: what files of other programs hold."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from . import rotation as rot
from .control_pose import motion_over
from .filters import zero_phase
from .frame import ARKIT_SHAPES, ControlFrame
from .gaze import with_gaze
from .head_rest import HeadRest
from .motion import Motion
from .outliers import without

RATES = (23.976, 24.0, 25.0, 29.97, 30.0, 48.0, 50.0, 59.94, 60.0, 120.0)
"""Frames a second that cameras and programs have."""
_NEAR_RATE = 0.003
"""Share by which a measured rate may differ from one of these to be taken for it."""
_LONE_RATE = 30.0
"""Of a file with one frame."""


class ControlsFileError(Exception):
    """A file of controls cannot be used; the text names the line and column and says what to do."""


@dataclass(frozen=True, slots=True, eq=False)
class ControlTake:
    """N instants of a performance: no landmarks, so no take that could be solved again.

    Axes and signs are Mimica's, whatever the file's were.
    """

    name: str
    times: np.ndarray
    """float64 (N,), seconds on the file's clock, increasing."""
    controls: np.ndarray
    """float64 (N, 52) in the order of `ARKIT_SHAPES`, as the file has them; 0 for what it has not."""
    rate: float
    """Frames a second."""
    head: np.ndarray | None = None
    """float64 (N, 3), radians: yaw, pitch, roll as `mapper.head_angles` has them."""
    gaze: np.ndarray | None = None
    """float64 (N, 2, 2), radians, as `Motion.gaze`."""
    eye_roll: np.ndarray | None = None
    """float64 (N, 2), radians, left and right: > 0 as the head's. Nothing follows it; files keep it."""
    known: tuple[str, ...] = ARKIT_SHAPES
    """The controls that the file told."""
    unknown: tuple[str, ...] = ()
    """Names in the file that mean nothing to Mimica."""
    notes: tuple[str, ...] = ()
    """What was found out or left out on reading, as sentences."""
    way: np.ndarray | None = None
    """float64 (N, 3), centimetres in face space: the head's way."""
    found: np.ndarray | None = None
    """bool (N,): where the sender saw the face, of a take that was recorded live; None: a file, all of it told. What
    came live jitters and has gaps, and is smoothed as a tracked face is; a file's values are its own."""
    rest: HeadRest | None = None
    """Where straight ahead was when it was recorded live; None: where the sender says."""

    def __len__(self) -> int:
        return len(self.times)

    @classmethod
    def stored(cls, name: str, fields: dict[str, Any]) -> "ControlTake":
        """Return what a take on disk holds. Raises ValueError, TypeError or KeyError.

        :param fields: by name; a `rate` of None is told by the times, and `rest` is as JSON has it.
        """
        rest, rate = fields.get("rest"), fields["rate"]
        known: dict[str, Any] = {
            **fields,
            "rate": rate_of(fields["times"]) if rate is None else rate,
            "rest": HeadRest.from_json(rest) if rest else None,
        }
        return cls(name, **known)

    @property
    def duration(self) -> float:
        """Seconds from the first instant to the last."""
        return float(self.times[-1] - self.times[0])


def rate_of(times: np.ndarray) -> float:
    """Return the frames a second of instants (N,): a usual rate where one is near. Gaps do not count."""
    steps = np.diff(times)
    if not len(steps):
        return _LONE_RATE
    steps = steps[steps < 1.5 * np.median(steps)] if len(steps) > 2 else steps
    rate = 1.0 / float(steps.mean())
    near = min(RATES, key=lambda usual: abs(rate / usual - 1.0))
    return near if abs(rate / near - 1.0) < _NEAR_RATE else round(rate, 3)


def take_of_motion(name: str, motion: Motion, rate: float) -> ControlTake:
    """Return what a solved performance's controls are."""
    head = rot.euler_from_matrix(rot.matrix_from_quaternion(motion.head_rotation))
    return ControlTake(name, motion.times, motion.controls, rate, head, motion.gaze)


def motion_of_take(take: ControlTake, groups: np.ndarray | None = None) -> Motion:
    """Return the motion of the average face that a file's controls tell, all of them trusted.

    :param groups: see `control_pose.motion_over`.
    """
    controls = np.clip(take.controls, 0.0, 1.0)
    looks = [i for i, name in enumerate(ARKIT_SHAPES) if name.startswith("eyeLook")]
    # A recording with the eyes' angles switched off has them all at zero.
    gaze = take.gaze if take.gaze is not None and take.gaze.any() else None
    if gaze is not None and not controls[:, looks].any():
        controls = with_gaze(controls, gaze)
    motion = motion_over(take.times, controls, head=take.head, way=take.way, gaze=gaze, groups=groups)
    return motion if take.found is None else without(motion, ~take.found)


def take_of_frames(name: str, frames: Sequence[ControlFrame]) -> ControlTake:
    """Return frames of one face, in order of time, as they came. Raises ValueError when there are none.

    A part that a frame does not tell is at rest there; a part that no frame tells is None.
    """

    def column(key: str, shape: tuple[int, ...]) -> np.ndarray | None:
        told = [getattr(frame, key) for frame in frames]
        if all(values is None for values in told):
            return None
        return np.stack([np.zeros(shape) if values is None else values for values in told])

    controls = column("controls", (len(ARKIT_SHAPES),))
    times = np.array([frame.time for frame in frames], np.float64)
    return ControlTake(
        name,
        times,
        np.zeros((len(frames), len(ARKIT_SHAPES))) if controls is None else controls,
        rate_of(times),
        column("head", (3,)),
        column("gaze", (2, 2)),
        column("eye_roll", (2,)),
        way=column("way", (3,)),
        found=np.array([frame.found for frame in frames]),
    )


def frames_of_motion(motion: Motion, face: int = 0) -> list[ControlFrame]:
    """Return a motion's instants as other programs are told them."""
    head = rot.euler_from_matrix(rot.matrix_from_quaternion(motion.head_rotation))
    return [
        ControlFrame(time, controls, angles, way, gaze, face_id=face)
        for time, controls, angles, way, gaze in zip(
            motion.times.tolist(), motion.controls, head, motion.head_translation, motion.gaze, strict=True
        )
    ]


def slowed(take: ControlTake, limit: float) -> ControlTake:
    """Return the take without what is faster than `limit`, Hz: for one that will be sampled at a lower rate."""
    if not np.isfinite(limit):
        return take

    def low(values: np.ndarray | None) -> np.ndarray | None:
        if values is None:
            return None
        return zero_phase(take.times, values.reshape(len(take), -1), limit).reshape(values.shape)

    controls = zero_phase(take.times, take.controls, limit)
    return replace(take, controls=controls, head=low(take.head), way=low(take.way), gaze=low(take.gaze))
