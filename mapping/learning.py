# SPDX-FileCopyrightText: 2026 Mimica authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""How one performer's expressions are learned: from poses that were asked for, or from any performance."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from .calibration import PerformerProfile, default_profile, estimate_profile, with_head_of
from .expressions import INERTIA, Expressions, average_expressions, refine
from .face_space import DEFAULT_FIELD_OF_VIEW
from .frame import ARKIT_SHAPES, LANDMARK_COUNT, FaceFrames
from .reading import reading_of
from .solve import observe, solve

_MOST_FRAMES = 3000
"""More frames of a performance say little that is new."""
_MOST_TURNED = np.radians(45.0)
"""The tracker's shape of a face that is turned further says more about the turn than about the expression."""
_LEAST_FRAMES = 30
_SHOWN_INERTIA = 60.0
"""Frames of a full expression that expressions count as which the performer has shown on purpose: they are better
known than what a solve tells of a performance, which teaches then little more than how turns of the head look."""
_GLANCES = np.array([name.startswith("eyeLook") for name in ARKIT_SHAPES])
_NO_GROUPS = np.zeros((1, LANDMARK_COUNT))
"""For a solve whose displacements nobody wants."""
_DISPLACEMENT_UNIT, _SCORE_UNIT = 0.1, 2.0
"""Centimetres and log-odds that count alike when expressions are compared."""
_LEAST_CHANGE = 8.0
"""In these units, over all landmarks: an answer to a prompt that is smaller than this was not given. The tracker's
noise in a face at rest comes to half of it."""
_LEAST_ALIKE, _SAME_WAY = 4.0, 0.5
"""A smaller one still, as of squinting, counts when it goes the same way as the average face's, by the cosine."""
STEADY = 8.0
"""A face that moves further than this in the rest before a prompt does not rest: it was late, or begins early."""
PLAIN_CHANGE = 16.0
"""A change of this size is an answer, whatever it looks like: faces differ. A smaller one, ..."""
_LEAST_LIKENESS = 0.1
"""... such as a blink, must hold this share of what the average face does for the pose."""
_REST_SECONDS = 0.5
"""How much of the rest before a prompt its answer is measured against."""


@dataclass(frozen=True, slots=True)
class Prompt:
    """A pose that the performer was asked for, and when."""

    controls: Mapping[str, float]
    """ARKit's names and the values that count as the pose in full."""
    start: float
    """Seconds on the clock of the frames; the performer rests before and after."""
    end: float
    rest: float | None = None
    """Since when the face was seen to rest before; None takes it to be so for half a second."""


def learn_from_prompts(
    frames: FaceFrames, prompts: Sequence[Prompt], profile: PerformerProfile
) -> tuple[PerformerProfile, list[int]]:
    """Return the profile with the expressions that the performer showed when asked.

    How far a pose was gone in each frame is measured along the pose's own change at its strongest, against the rest
    right before it, if there was one: a face hardly comes back to where it was in the neutral, nor a head.

    :return: the new profile, and the prompts (their places in the sequence) for which nothing was seen.
    """
    missed: list[int] = []
    answers: list[_Answer] = []
    for i, prompt in enumerate(prompts):
        answer = _answer(frames, prompt, _rest_before(i, prompts), profile)
        if answer is None:
            missed.append(i)
        else:
            answers.append(answer)
    if not answers:
        return profile, missed
    rows = np.concatenate([answer.rows for answer in answers])
    controls = np.concatenate([answer.controls for answer in answers])
    found = refine(
        profile.expressions or average_expressions(),
        controls,
        np.concatenate([answer.head for answer in answers]),
        np.concatenate([answer.displacement for answer in answers]),
        None if frames.scores is None else np.concatenate([answer.scores for answer in answers]),
    )
    known = replace(profile, expressions=found, reading=np.eye(len(ARKIT_SHAPES)))
    told = solve(frames.take(rows), known, _NO_GROUPS).controls
    return replace(known, reading=reading_of(controls, told, profile.reading)), missed


def learn_from_take(frames: FaceFrames, profile: PerformerProfile) -> PerformerProfile:
    """Return the profile with its expressions refined by any performance.

    What the solve tells with the expressions known so far labels the frames, and the frames tell the expressions. Once:
    with what was learned the labels change, and what is wrong in them grows from round to round. The profile is
    returned as it is when the face is hardly seen from the front.
    """
    seen = np.flatnonzero(frames.found)
    if len(seen) < 3:
        return profile
    frames = frames.take(seen[np.linspace(0, len(seen) - 1, min(len(seen), _MOST_FRAMES)).astype(int)])
    start = profile.expressions or average_expressions()
    seen_frontal = np.abs(observe(frames, profile).head[:, :2]).max(axis=1, initial=0.0) < _MOST_TURNED
    if seen_frontal.sum() < _LEAST_FRAMES:
        return profile
    frames = frames.take(np.flatnonzero(seen_frontal))
    raw = observe(frames, profile, own_turns=False)
    inertia = INERTIA if profile.expressions is None else _SHOWN_INERTIA
    # Without the reading: what it makes larger, it makes larger where it is wrong too.
    told = solve(frames, replace(profile, reading=np.eye(len(ARKIT_SHAPES))), _NO_GROUPS).controls
    found = refine(start, told, raw.head, raw.displacement, raw.scores, inertia)
    return replace(profile, expressions=_as_strong_as(start, found))


def _as_strong_as(start: Expressions, found: Expressions) -> Expressions:
    """Return `found` with each shape as strong as it was, and glances as they were.

    A performance says what a shape looks like on a face, but not how much of it is full: labels that are a little low
    would make every shape stronger, and the next labels lower. Where the eyes look is an angle, the same on all faces;
    learned from itself it would only grow what is wrong with it.
    """
    found = replace(
        found,
        displacement=np.where(_GLANCES[:, None, None], start.displacement, found.displacement),
        scores=np.where(_GLANCES[:, None], start.scores, found.scores),
    )

    def strength(expressions: Expressions) -> np.ndarray:
        return np.linalg.norm(expressions.displacement.reshape(len(ARKIT_SHAPES), -1), axis=1)

    factor = (strength(start) / np.maximum(strength(found), 1e-6)).astype(np.float32)
    return replace(
        found, displacement=found.displacement * factor[:, None, None], scores=found.scores * factor[:, None]
    )


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
    :param learn: learn from the take itself too: without known expressions what they look like, with them mostly what
        turns of the head look like.
    :param field_of_view: the camera's, vertical, degrees; for takes without a recorded profile.
    """
    own = recorded or estimate_profile(frames, field_of_view=field_of_view) or default_profile(field_of_view)
    profile = own if chosen is None else with_head_of(chosen, own)
    return learn_from_take(frames, profile) if learn else profile


def _rest_before(i: int, prompts: Sequence[Prompt]) -> float:
    """Return when the rest before a prompt begins: no earlier than the end of what was asked for before it."""
    start, rest = prompts[i].start, prompts[i].rest
    if rest is not None:
        return rest
    ends = [other.end for other in prompts if other.end <= start]
    return max([start - _REST_SECONDS, *ends])


@dataclass(frozen=True, slots=True, eq=False)
class _Answer:
    """What a performer did when asked, N frames."""

    rows: np.ndarray
    """Of all frames."""
    controls: np.ndarray
    """(N, 52): the pose asked for, as far as it was gone."""
    head: np.ndarray
    displacement: np.ndarray
    scores: np.ndarray


def _answer(frames: FaceFrames, prompt: Prompt, rest_from: float, profile: PerformerProfile) -> _Answer | None:
    """Return the answer to one prompt; None when nothing was shown.

    :param rest_from: when the rest before the prompt begins.
    """
    inside = np.flatnonzero((frames.times >= rest_from) & (frames.times <= prompt.end) & frames.found)
    resting = frames.times[inside] < prompt.start
    if np.count_nonzero(~resting) < 3:
        return None
    seen = observe(frames.take(inside), profile, own_turns=False)
    scores = np.zeros((len(inside), len(ARKIT_SHAPES))) if seen.scores is None else seen.scores
    displacement, head = seen.displacement, seen.head
    rested = _is_steady(displacement[resting], scores[resting])
    if rested and np.count_nonzero(resting) >= 3:
        displacement = displacement - np.median(displacement[resting], axis=0)
        scores = scores - np.median(scores[resting], axis=0)
        head = head - np.median(head[resting], axis=0)
    displacement, scores = displacement[~resting], scores[~resting]

    change = change_of(displacement, scores)
    size = np.linalg.norm(change, axis=1)
    # The median leaves out a blink beside the pose.
    full = np.median(change[np.argsort(size)[-max(3, len(change) // 4) :]], axis=0)
    pose = pose_vector(prompt.controls)
    if not is_answer(full, rested, pose, seen.scores is not None):
        return None
    level = np.clip(change @ full / (full @ full), 0.0, 1.0)
    return _Answer(inside[~resting], level[:, None] * pose, head[~resting], displacement, scores)


def change_of(displacement: np.ndarray, scores: np.ndarray) -> np.ndarray:
    """Return displacements (N, 478, 3), cm, and scores (N, 52), log-odds, as one vector a frame, in like units."""
    flat = displacement.reshape(len(displacement), -1) / _DISPLACEMENT_UNIT
    return np.concatenate([flat, scores / _SCORE_UNIT], axis=1).astype(np.float64)


def pose_vector(controls: Mapping[str, float]) -> np.ndarray:
    """Return ARKit's names and values as float (52,)."""
    pose = np.zeros(len(ARKIT_SHAPES))
    for name, value in controls.items():
        pose[ARKIT_SHAPES.index(name)] = value
    return pose


def expected_change(pose: np.ndarray, with_scores: bool) -> np.ndarray:
    """Return what the average face does for a pose (52,), as `change_of` has it."""
    usual = average_expressions()
    displacement = np.einsum("s,spa->pa", pose, usual.displacement)
    return change_of(displacement[None], (pose @ usual.scores)[None] * with_scores)[0]


def _is_steady(displacement: np.ndarray, scores: np.ndarray) -> bool:
    """Whether a face rested in these frames, or there are too few to tell."""
    if len(displacement) < 3:
        return True
    early, late = np.array_split(change_of(displacement, scores), 2)
    return float(np.linalg.norm(np.median(early, axis=0) - np.median(late, axis=0))) <= STEADY


def is_answer(full: np.ndarray, rested: bool, pose: np.ndarray, with_scores: bool) -> bool:
    """Whether a change is the answer to a pose (52,), rather than noise, a drift or a blink.

    :param rested: whether it is measured against a rest; a change against the neutral may be older than the prompt.
    """
    size = float(np.linalg.norm(full))
    expected = expected_change(pose, with_scores)
    alike = float(full @ expected) >= _LEAST_LIKENESS * float(expected @ expected)
    if not rested:
        return size >= PLAIN_CHANGE and alike
    if size < _LEAST_CHANGE:
        same_way = float(full @ expected) >= _SAME_WAY * size * float(np.linalg.norm(expected))
        return size >= _LEAST_ALIKE and same_way
    return size >= PLAIN_CHANGE or alike
