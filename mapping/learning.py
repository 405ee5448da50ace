# SPDX-FileCopyrightText: 2026 Mimica authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""How one performer's expressions are learned: from poses that were asked for, or from any performance."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from .calibration import PerformerProfile, default_profile, estimate_profile, with_head_of
from .expressions import average_expressions, refine
from .face_space import DEFAULT_FIELD_OF_VIEW
from .frame import ARKIT_SHAPES, FaceFrames
from .solve import observe, solve

_MOST_FRAMES = 3000
"""More frames of a performance say little that is new."""
_MOST_TURNED = np.radians(20.0)
"""The tracker's shape of a face that is turned further says more about the turn than about the expression."""
_ROUNDS = 2
_DISPLACEMENT_UNIT, _SCORE_UNIT = 0.1, 2.0
"""Centimetres and log-odds that count alike when expressions are compared."""
_LEAST_CHANGE = 3.0
"""In these units, over all landmarks: an answer to a prompt that is smaller than this was not given. It is what the
tracker's noise comes to."""


@dataclass(frozen=True, slots=True)
class Prompt:
    """A pose that the performer was asked for, and when."""

    controls: Mapping[str, float]
    """ARKit's names and the values that count as the pose in full."""
    start: float
    """Seconds on the clock of the frames; the performer rests before and after."""
    end: float


def learn_from_prompts(
    frames: FaceFrames, prompts: Sequence[Prompt], profile: PerformerProfile
) -> tuple[PerformerProfile, list[int]]:
    """Return the profile with the expressions that the performer showed when asked.

    How far a pose was gone in each frame is measured along the pose's own change at its strongest.

    :return: the new profile, and the prompts (their places in the sequence) for which nothing was seen.
    """
    missed: list[int] = []
    seen: list[tuple[np.ndarray, np.ndarray, np.ndarray]] = []
    for i, prompt in enumerate(prompts):
        inside = np.flatnonzero((frames.times >= prompt.start) & (frames.times <= prompt.end) & frames.found)
        answer = _answer(frames.take(inside), prompt, profile) if len(inside) >= 3 else None
        if answer is None:
            missed.append(i)
        else:
            seen.append(answer)
    if not seen:
        return profile, missed
    controls, displacement, scores = (np.concatenate(part) for part in zip(*seen, strict=True))
    start = profile.expressions or average_expressions()
    return replace(profile, expressions=refine(start, controls, displacement, _known(frames, scores))), missed


def learn_from_take(frames: FaceFrames, profile: PerformerProfile) -> PerformerProfile:
    """Return the profile with its expressions refined by any performance.

    What the solve tells with the expressions known so far labels the frames, and the frames tell the expressions; two
    rounds. The profile is returned as it is when the face is hardly seen from the front.
    """
    seen = np.flatnonzero(frames.found)
    frames = frames.take(seen[np.linspace(0, len(seen) - 1, min(len(seen), _MOST_FRAMES)).astype(int)])
    start = profile.expressions or average_expressions()
    known = observe(frames, profile)
    frontal = np.abs(known.head[:, :2]).max(axis=1, initial=0.0) < _MOST_TURNED
    if frontal.sum() < 3:
        return profile
    frames = frames.take(np.flatnonzero(frontal))
    scores = None if known.scores is None else known.scores[frontal]
    for _ in range(_ROUNDS):
        told = solve(frames, profile, np.zeros((1, known.displacement.shape[1]))).controls
        profile = replace(profile, expressions=refine(start, told, known.displacement[frontal], scores))
    return profile


def profile_of_take(
    frames: FaceFrames,
    recorded: PerformerProfile | None,
    *,
    chosen: PerformerProfile | None = None,
    learn: bool = True,
    field_of_view: float = DEFAULT_FIELD_OF_VIEW,
) -> PerformerProfile:
    """Return the profile that a take is read with.

    :param recorded: what was known of the performer when the take was recorded; None finds the neutral in the take.
    :param chosen: the performer's profile from another sitting, such as one with a range learned later. The head rests
        where it did in this take: the camera may have stood elsewhere.
    :param learn: without known expressions, learn them from the take itself.
    :param field_of_view: the camera's, vertical, degrees; for takes without a recorded profile.
    """
    own = recorded or estimate_profile(frames, field_of_view=field_of_view) or default_profile(field_of_view)
    profile = own if chosen is None else with_head_of(chosen, own)
    return learn_from_take(frames, profile) if learn and profile.expressions is None else profile


def _answer(
    frames: FaceFrames, prompt: Prompt, profile: PerformerProfile
) -> tuple[np.ndarray, np.ndarray, np.ndarray] | None:
    """Return controls (N, 52), displacement and scores of the frames of one prompt; None when nothing was shown."""
    seen = observe(frames, profile)
    scores = np.zeros((len(frames), len(ARKIT_SHAPES))) if seen.scores is None else seen.scores
    flat = seen.displacement.reshape(len(frames), -1) / _DISPLACEMENT_UNIT
    change = np.concatenate([flat, scores / _SCORE_UNIT], axis=1).astype(np.float64)
    size = np.linalg.norm(change, axis=1)
    strongest = np.argsort(size)[-max(3, len(frames) // 4) :]
    full = change[strongest].mean(axis=0)
    if np.linalg.norm(full) < _LEAST_CHANGE:
        return None
    level = np.clip(change @ full / (full @ full), 0.0, 1.0)
    pose = np.zeros(len(ARKIT_SHAPES))
    for name, value in prompt.controls.items():
        pose[ARKIT_SHAPES.index(name)] = value
    return level[:, None] * pose, seen.displacement, scores


def _known(frames: FaceFrames, scores: np.ndarray) -> np.ndarray | None:
    return None if frames.scores is None else scores
