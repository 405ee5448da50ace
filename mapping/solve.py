# SPDX-FileCopyrightText: 2026 Mimica authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""From face frames to motion: every frame for itself, no filter, no memory."""

from dataclasses import dataclass

import numpy as np

from .calibration import PerformerProfile
from .data import load_table
from .expressions import average_expressions, own_turning
from .face_space import HeadPose, fit_head, lift, to_face_space
from .frame import ARKIT_SHAPES, FaceFrames
from .gaze import gaze_controls, gaze_of, iris_in_place, irises_seen, solve_gaze, with_gaze
from .jaw import JawMotion, solve_jaw, without_jaw
from .learned import learned_shapes, score_change
from .lids import lid_aperture, lid_controls
from .motion import Motion
from .mouth_gap import with_gap_seen
from .presence import facing_share
from .rotation import euler_from_matrix, quaternion_from_matrix
from .shapes import calibrate_scores, fuse, measure_shapes, measured_landmarks
from .tongue import TONGUE, tongue_out

_CHUNK = 1024
"""Frames solved at once: bounds memory (a frame needs about 0.1 MB while it is solved)."""


def solve(frames: FaceFrames, profile: PerformerProfile, groups: np.ndarray | None = None) -> Motion:
    """Map frames to motion, each by itself; frames without the face hold NaN and confidence 0.

    :param groups: (G, 478) weights that average landmarks into groups; `Motion.displacement` is then (N, G, 3). A long
        take's 478 points need not be kept that way. None keeps every landmark.
    """
    parts = [_solve_chunk(frames.slice(i, i + _CHUNK), profile, groups) for i in range(0, max(len(frames), 1), _CHUNK)]
    if len(parts) == 1:
        return parts[0]
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
    head: np.ndarray
    """float (N, 3): yaw, pitch, roll against the neutral, radians; 0 where there is no face."""


def observe(frames: FaceFrames, profile: PerformerProfile, *, own_turns: bool = True) -> Observed:
    """Remove the head's pose and scale, and the performer's rest.

    :param own_turns: remove also what is known to change with the turning head on this performer's face alone.
    """
    points = lift(frames.landmarks, frames.image_sizes, profile.field_of_view)
    pose = fit_head(points, profile.neutral)
    face = iris_in_place(to_face_space(points, pose), points, pose, profile.neutral)
    scores = None if frames.scores is None else score_change(frames.scores, profile.scores)
    head = np.nan_to_num(euler_from_matrix(profile.rotation.T @ pose.rotation))
    if own_turns and profile.expressions is not None:
        moved, told = own_turning(profile.expressions, head)
        face = face - moved
        scores = None if scores is None else scores - told
    # Frames without the face count as resting until the end, and points that the model lacks as still.
    displacement = np.nan_to_num(face - profile.neutral.astype(face.dtype), copy=False)
    return Observed(pose, face, displacement, scores, head)


def _solve_chunk(frames: FaceFrames, profile: PerformerProfile, groups: np.ndarray | None) -> Motion:
    seen = observe(frames, profile)
    face, displacement, pose = seen.face, seen.displacement, seen.pose
    jaw = solve_jaw(displacement, profile.neutral)
    gaze = solve_gaze(displacement)
    rotation, translation = _head(pose, profile)
    values, trust = measured_shapes(profile, face, displacement, jaw, gaze)
    scores = None if frames.scores is None else calibrate_scores(frames.scores, profile.scores)
    controls = _with_learned(fuse(values, trust, scores), values, profile, seen)
    controls = with_gap_seen(controls, displacement, profile.neutral, jaw)
    controls[:, TONGUE] = tongue_out(frames.scores, face, pose, profile)
    # The controls know more of the gaze than the irises alone; from here on both say the same.
    gaze = gaze_of(controls)
    if frames.scores is None:
        gaze = np.where(irises_seen(face)[:, None, None], gaze, 0.0)
    controls = with_gaze(controls, gaze)
    lost = ~frames.found
    displacement = displacement.astype(np.float64) if groups is None else groups @ displacement
    for array in (controls, rotation, translation, gaze, displacement):
        array[lost] = np.nan
    return Motion(
        times=frames.times,
        controls=controls,
        head_rotation=rotation,
        head_translation=translation,
        gaze=gaze,
        displacement=displacement,
        confidence=np.where(lost, 0.0, frames.quality * facing_share(pose)).astype(np.float64),
    )


def _head(pose: HeadPose, profile: PerformerProfile) -> tuple[np.ndarray, np.ndarray]:
    rotation = quaternion_from_matrix(profile.rotation.T @ pose.rotation)
    translation = (pose.translation - profile.translation) @ profile.rotation
    return rotation, translation


def measured_shapes(
    profile: PerformerProfile, face: np.ndarray, displacement: np.ndarray, jaw: JawMotion, gaze: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Return what anatomy says of the shapes from landmarks alone: values (N, 52), and trust (52,) beside scores."""
    measured = measured_landmarks()
    values, trust = measure_shapes(without_jaw(displacement[:, measured], measured, profile.neutral, jaw))
    trust = trust.copy()
    table = load_table("geometry")

    def put(name: str, value: np.ndarray, share: float) -> None:
        row = ARKIT_SHAPES.index(name)
        values[:, row] = np.clip(value, 0.0, 1.0)
        trust[row] = share

    full = table["jaw"]
    put("jawOpen", jaw.open / full["open_full"], 1.0)
    put("jawLeft", jaw.sideways / full["sideways_full"], 1.0)
    put("jawRight", -jaw.sideways / full["sideways_full"], 1.0)
    put("jawForward", jaw.forward / full["forward_full"], 1.0)
    closure, wide = lid_controls(lid_aperture(face), profile.lid_open)
    share = table["lids"]["blink_trust"]
    for i, side in enumerate(("Left", "Right")):
        put(f"eyeBlink{side}", closure[:, i], share)
        put(f"eyeWide{side}", wide[:, i], 1.0)
    for name, value in gaze_controls(gaze).items():
        put(name, value, 1.0)
    return values, trust


def _with_learned(fused: np.ndarray, measured: np.ndarray, profile: PerformerProfile, seen: Observed) -> np.ndarray:
    """Mix what anatomy and scores tell with what the network reads; each is wrong in other places.

    What is left of small errors is taken off at the bottom: a face at rest should rest.
    """
    table = load_table("geometry")["learned"]
    expressions = profile.expressions or average_expressions()
    told = learned_shapes(seen.displacement, seen.scores, seen.head, measured, expressions)
    share = np.full(len(ARKIT_SHAPES), table["share"])
    for name, own in table["shares"].items():
        share[ARKIT_SHAPES.index(name)] = own
    mixed = (1.0 - share) * fused + share * told
    floor = table["floor"]
    return np.clip((mixed - floor) / (1.0 - floor) / profile.full, 0.0, 1.0)
