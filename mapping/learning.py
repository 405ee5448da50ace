# SPDX-FileCopyrightText: 2026 Mimica authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""How one performer's expressions are learned: from poses that were asked for, or from any performance."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from .calibration import PerformerProfile
from .expressions import INERTIA, Expressions, average_expressions, refine
from .frame import ARKIT_SHAPES, LANDMARK_COUNT, FaceFrames
from .solve import observe, solve

_MOST_FRAMES = 3000
"""More frames of a performance say little that is new."""
_MOST_TURNED = np.radians(45.0)
"""The tracker's shape of a face that is turned further says more about the turn than about the expression."""
_ROUNDS = 3
_LEAST_FRAMES = 30
_LEAST_SHOWN = 2.0
"""Frames of a full expression (sum of squares) below which a prompt says nothing of the range."""
_NO_GROUPS = np.zeros((1, LANDMARK_COUNT))
"""For a solve whose displacements nobody wants."""
_FULL_RANGE = (0.4, 1.2)
"""What a full expression may be told as: less is no expression, more would be another one's."""
_SHOWN_INERTIA = 60.0
"""Frames of a full expression that expressions count as which the performer has shown on purpose: they are better
known than what a solve tells of a performance, which teaches then little more than how turns of the head look."""
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
    places: list[np.ndarray] = []
    seen: list[tuple[np.ndarray, ...]] = []
    for i, prompt in enumerate(prompts):
        inside = np.flatnonzero((frames.times >= prompt.start) & (frames.times <= prompt.end) & frames.found)
        answer = _answer(frames.take(inside), prompt, profile) if len(inside) >= 3 else None
        if answer is None:
            missed.append(i)
        else:
            seen.append(answer)
            places.append(inside)
    if not seen:
        return profile, missed
    controls, head, displacement, scores = (np.concatenate(part) for part in zip(*seen, strict=True))
    start = profile.expressions or average_expressions()
    known = replace(
        profile,
        expressions=refine(start, controls, head, displacement, _known(frames, scores)),
        full=np.ones(len(ARKIT_SHAPES)),
    )
    rows = np.concatenate(places)
    told = solve(frames.take(rows), known, _NO_GROUPS).controls
    return replace(known, full=_full(controls, told)), missed


def learn_from_take(frames: FaceFrames, profile: PerformerProfile) -> PerformerProfile:
    """Return the profile with its expressions refined by any performance.

    What the solve tells with the expressions known so far labels the frames, and the frames tell the expressions; a
    few rounds. The profile is returned as it is when the face is hardly seen from the front.
    """
    seen = np.flatnonzero(frames.found)
    if not len(seen):
        return profile
    frames = frames.take(seen[np.linspace(0, len(seen) - 1, min(len(seen), _MOST_FRAMES)).astype(int)])
    start = profile.expressions or average_expressions()
    seen_frontal = np.abs(observe(frames, profile).head[:, :2]).max(axis=1, initial=0.0) < _MOST_TURNED
    if seen_frontal.sum() < _LEAST_FRAMES:
        return profile
    frames = frames.take(np.flatnonzero(seen_frontal))
    raw = observe(frames, profile, own_turns=False)
    inertia = INERTIA if profile.expressions is None else _SHOWN_INERTIA
    for _ in range(_ROUNDS):
        # Without the range: what it makes larger, it makes larger where it is wrong too.
        told = solve(frames, replace(profile, full=np.ones(len(ARKIT_SHAPES))), _NO_GROUPS).controls
        found = refine(start, told, raw.head, raw.displacement, raw.scores, inertia)
        profile = replace(profile, expressions=_as_strong_as(start, found))
    return profile


def _as_strong_as(start: Expressions, found: Expressions) -> Expressions:
    """Return `found` with each shape as strong as it was.

    A performance says what a shape looks like on a face, but not how much of it is full: labels that are a little low
    would make every shape stronger, and the next labels lower.
    """

    def strength(expressions: Expressions) -> np.ndarray:
        return np.linalg.norm(expressions.displacement.reshape(len(ARKIT_SHAPES), -1), axis=1)

    factor = (strength(start) / np.maximum(strength(found), 1e-6)).astype(np.float32)
    return replace(
        found, displacement=found.displacement * factor[:, None, None], scores=found.scores * factor[:, None]
    )


def _answer(
    frames: FaceFrames, prompt: Prompt, profile: PerformerProfile
) -> tuple[np.ndarray, ...] | None:
    """Return controls (N, 52), head, displacement and scores of one prompt's frames; None when nothing was shown."""
    seen = observe(frames, profile, own_turns=False)
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
    return level[:, None] * pose, seen.head, seen.displacement, scores


def _full(shown: np.ndarray, told: np.ndarray) -> np.ndarray:
    """Return what the solve tells of each shape in full, (52,), by regression of what it told on what was shown."""
    power = (shown**2).sum(axis=0)
    level = (shown * told).sum(axis=0) / np.maximum(power, 1e-6)
    # Lids and gaze have a measure of their own: a closed lid is closed, and an angle an angle.
    free = np.array([not name.startswith(("eyeBlink", "eyeLook", "mouthClose")) for name in ARKIT_SHAPES])
    return np.where(free & (power > _LEAST_SHOWN), np.clip(level, *_FULL_RANGE), 1.0)


def _known(frames: FaceFrames, scores: np.ndarray) -> np.ndarray | None:
    return None if frames.scores is None else scores
