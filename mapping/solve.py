# SPDX-FileCopyrightText: 2026 Mimica authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""From face frames to motion: every frame for itself, no filter, no memory."""

from dataclasses import dataclass
from functools import cache, lru_cache

import numpy as np

from .calibration import PerformerProfile
from .data import load_table
from .expressions import average_expressions, own_turning
from .face_space import HeadPose, fit_head, lift, to_face_space
from .frame import ARKIT_SHAPES, FaceFrames
from .gaze import gaze_of, iris_in_place, irises_seen, solve_gaze, with_gaze
from .jaw import JawHinge, JawMotion, turned
from .learned import learned_shapes, score_change
from .lids import lid_aperture, lid_controls
from .motion import Motion
from .mouth_gap import with_gap_seen
from .presence import facing_share, turned_away
from .rotation import euler_from_matrix, quaternion_from_matrix
from .shapes import calibrate_scores, fuse, jaw_in_measures, measure_shapes, measured_trust
from .tongue import TONGUE, tongue_out

_JAW_OPEN, _JAW_LEFT, _JAW_RIGHT, _JAW_FORWARD = (
    ARKIT_SHAPES.index(f"jaw{name}") for name in ("Open", "Left", "Right", "Forward")
)
_BLINK = [ARKIT_SHAPES.index(f"eyeBlink{side}") for side in ("Left", "Right")]
_WIDE = [ARKIT_SHAPES.index(f"eyeWide{side}") for side in ("Left", "Right")]

_MOST_TOLD = 1.2
"""What may be told of a shape before the performer's own reading: more than 1 where they go further than others."""
_CHUNK = 1024
"""Frames solved at once: bounds memory (a frame needs about 0.1 MB while it is solved)."""


def solve(frames: FaceFrames, profile: PerformerProfile, groups: np.ndarray | None = None) -> Motion:
    """Map frames to motion, each by itself; frames without the face hold NaN and confidence 0.

    :param groups: (G, 478) weights that average landmarks into groups; `Motion.displacement` is then (N, G, 3). A long
        take's 478 points need not be kept that way. None keeps every landmark.
    """
    if groups is not None:
        groups = groups.astype(np.float32, copy=False)
    if len(frames) <= _CHUNK:
        return _solve_chunk(frames, profile, groups)
    parts = [_solve_chunk(frames.slice(i, i + _CHUNK), profile, groups) for i in range(0, len(frames), _CHUNK)]
    return Motion(*(np.concatenate([getattr(p, f) for p in parts]) for f in Motion.__dataclass_fields__))


@dataclass(frozen=True, slots=True, eq=False)
class Observed:
    """What is seen of one face against its rest, N frames."""

    pose: HeadPose
    face: np.ndarray
    """float32 (N, 478, 3), cm, face space; NaN where there is no face."""
    displacement: np.ndarray
    """float32 (N, 478, 3), cm, face space: against the neutral; 0 where nothing is known."""
    scores: np.ndarray | None
    """float (N, 52): log-odds against the neutral's, or None without scores."""
    rotation: np.ndarray
    """float64 (N, 3, 3): the head against the neutral; NaN where there is no face."""
    head: np.ndarray
    """float (N, 3): yaw, pitch, roll of that, radians; 0 where there is no face."""


def observe(frames: FaceFrames, profile: PerformerProfile, *, own_turns: bool = True) -> Observed:
    """Remove the head's pose and scale, and the performer's rest.

    :param own_turns: remove also what is known to change with the turning head on this performer's face alone.
    """
    points = lift(frames.landmarks, frames.image_sizes, profile.field_of_view)
    pose = fit_head(points, profile.neutral)
    face = iris_in_place(to_face_space(points, pose), points, pose, profile.neutral)
    scores = None if frames.scores is None else score_change(frames.scores, profile.scores)
    rotation = profile.rotation.T @ pose.rotation
    head = euler_from_matrix(rotation)
    head[np.isnan(head)] = 0.0
    if own_turns and profile.expressions is not None:
        moved, told = own_turning(profile.expressions, head)
        face = face - moved
        scores = None if scores is None else scores - told
    # Frames without the face count as resting until the end, and points that the model lacks as still.
    displacement = face - profile.neutral.astype(face.dtype)
    displacement[np.isnan(displacement)] = 0.0
    return Observed(pose, face, displacement, scores, rotation, head)


def _solve_chunk(frames: FaceFrames, profile: PerformerProfile, groups: np.ndarray | None) -> Motion:
    seen = observe(frames, profile)
    face, displacement, pose = seen.face, seen.displacement, seen.pose
    jaw = _jaw_of(profile).hinge.solve(displacement)
    gaze = solve_gaze(displacement)
    rotation = quaternion_from_matrix(seen.rotation)
    translation = (pose.translation - profile.translation) @ profile.rotation
    away = turned_away(pose)
    values, trust = measured_shapes(profile, face, displacement, jaw, gaze)
    scores = None if frames.scores is None else calibrate_scores(frames.scores, profile.scores)
    controls = _with_learned(fuse(values, trust, scores), values, profile, seen)
    controls = with_gap_seen(controls, displacement, profile.neutral, jaw)
    controls[:, TONGUE] = tongue_out(frames.scores, face, away, profile)
    # The controls know more of the gaze than the irises alone; from here on both say the same.
    gaze = gaze_of(controls)
    if frames.scores is None:
        gaze = np.where(irises_seen(face)[:, None, None], gaze, 0.0)
    controls = with_gaze(controls, gaze)
    lost = ~frames.found
    displacement = (displacement if groups is None else groups @ displacement).astype(np.float64)
    if lost.any():
        for array in (controls, rotation, translation, gaze, displacement):
            array[lost] = np.nan
    return Motion(
        times=frames.times,
        controls=controls,
        head_rotation=rotation,
        head_translation=translation,
        gaze=gaze,
        displacement=displacement,
        confidence=np.where(lost, 0.0, frames.quality * facing_share(away)).astype(np.float64),
    )


@dataclass(frozen=True, slots=True, eq=False)
class _Jaw:
    """What of the jaw depends on the performer alone."""

    hinge: JawHinge
    in_measures: np.ndarray
    """See `jaw_in_measures`."""


@lru_cache(maxsize=8)
def _jaw_of(profile: PerformerProfile) -> _Jaw:
    hinge = JawHinge(profile.neutral)
    return _Jaw(hinge, jaw_in_measures(hinge))


def measured_shapes(
    profile: PerformerProfile, face: np.ndarray, displacement: np.ndarray, jaw: JawMotion, gaze: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Return what anatomy says of the shapes from landmarks alone: values (N, 52), and trust (52,) beside scores."""
    values = measure_shapes(displacement) - turned(jaw) @ _jaw_of(profile).in_measures
    full = load_table("geometry")["jaw"]
    values[:, _JAW_OPEN] = jaw.open / full["open_full"]
    values[:, _JAW_LEFT] = jaw.sideways / full["sideways_full"]
    values[:, _JAW_RIGHT] = -values[:, _JAW_LEFT]
    values[:, _JAW_FORWARD] = jaw.forward / full["forward_full"]
    values[:, _BLINK], values[:, _WIDE] = lid_controls(lid_aperture(face), profile.lid_open)
    values = np.minimum(np.maximum(values, 0.0, out=values), 1.0, out=values)
    return with_gaze(values, gaze), _trust()


@cache
def _trust() -> np.ndarray:
    """Return the landmarks' share beside scores, (52,)."""
    trust = measured_trust().copy()
    trust[[row for row, name in enumerate(ARKIT_SHAPES) if name.startswith(("jaw", "eyeWide", "eyeLook"))]] = 1.0
    trust[_BLINK] = load_table("geometry")["lids"]["blink_trust"]
    return trust


@cache
def _learned_share() -> np.ndarray:
    """Return the network's share of each shape, (52,)."""
    table = load_table("geometry")["learned"]
    return np.array([table["shares"].get(name, table["share"]) for name in ARKIT_SHAPES])


def _with_learned(fused: np.ndarray, measured: np.ndarray, profile: PerformerProfile, seen: Observed) -> np.ndarray:
    """Mix what anatomy and scores tell with what the network reads; each is wrong in other places.

    What is left of small errors is taken off at the bottom: a face at rest should rest.
    """
    expressions = profile.expressions or average_expressions()
    told = learned_shapes(seen.displacement, seen.scores, seen.head, measured, expressions)
    mixed = fused + _learned_share() * (told - fused)
    floor = load_table("geometry")["learned"]["floor"]
    rested = np.minimum(np.maximum((mixed - floor) / (1.0 - floor), 0.0), _MOST_TOLD)
    return np.minimum(np.maximum(rested @ profile.reading, 0.0), 1.0)
