# SPDX-FileCopyrightText: 2026 Mimica authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What `make_training_data` rendered, read as the mapping itself would see it."""

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from ..mapping.calibration import PerformerProfile, estimate_profile
from ..mapping.expressions import Expressions, turn_terms
from ..mapping.frame import ARKIT_SHAPES, LANDMARK_COUNT, FaceFrames
from ..mapping.gaze import solve_gaze
from ..mapping.jaw import solve_jaw
from ..mapping.mirror import MIRROR_AXES, mirror_landmarks, mirror_shapes
from ..mapping.solve import measured_shapes, observe
from .training_controls import KINDS

FRONTAL_DEGREES = 8.0
_CLOSE, _OPEN, _TONGUE = (ARKIT_SHAPES.index(name) for name in ("mouthClose", "jawOpen", "tongueOut"))
_CAREFUL = 1.0
"""Frames of nothing in the regressions."""


@dataclass(frozen=True, slots=True, eq=False)
class Samples:
    """M samples of one identity."""

    displacement: np.ndarray
    """float32 (M, 478, 3), cm, face space, against the neutral. Iris depth, which carries no information, is 0."""
    scores: np.ndarray
    """float32 (M, 52), log-odds against the neutral's."""
    head: np.ndarray
    """float32 (M, 3): yaw, pitch, roll against the neutral, radians."""
    measured: np.ndarray
    """float32 (M, 52): what anatomy says."""
    controls: np.ndarray
    """float32 (M, 52): the truth."""
    kind: np.ndarray
    """uint8 (M,), rows of `KINDS`."""

    def mirrored(self) -> "Samples":
        """Return the samples of the mirrored face."""
        swap = mirror_shapes()
        return Samples(
            self.displacement[:, mirror_landmarks()] * MIRROR_AXES,
            self.scores[:, swap],
            self.head * np.array([-1.0, 1.0, -1.0], np.float32),
            self.measured[:, swap],
            self.controls[:, swap],
            self.kind,
        )


def read_identity(path: Path, assumed_view: float) -> Samples | None:
    """Read one identity through the mapping's own calibration; None when it has no usable neutral.

    :param assumed_view: vertical field of view, degrees, that the mapping believes in; nobody knows their camera's.
    """
    with np.load(path) as d:
        # A face that still moves after many looks at one picture is no measurement.
        found = d["found"] & np.isfinite(d["scores"][:, 0]) & (d["jitter"] < 1.0)
        frames = FaceFrames(
            times=np.arange(len(found), dtype=np.float64),
            landmarks=d["landmarks"],
            scores=d["scores"],
            image_sizes=np.tile(d["image_size"], (len(found), 1)),
            quality=found.astype(np.float32),
        )
        controls, turned, kind = d["controls"], np.abs(d["head"]).max(axis=1), d["kind"]
    calm = np.flatnonzero(found & (kind == KINDS.index("neutral")) & (turned < FRONTAL_DEGREES))
    if not len(calm):
        return None
    rest = frames.take(np.resize(calm, max(3, len(calm))))
    profile = estimate_profile(
        replace(rest, times=np.arange(len(rest), dtype=np.float64)), field_of_view=assumed_view, posed=True
    )
    return (
        None if profile is None else _samples(frames.take(np.flatnonzero(found)), profile, controls[found], kind[found])
    )


def _samples(frames: FaceFrames, profile: PerformerProfile, controls: np.ndarray, kind: np.ndarray) -> Samples:
    seen = observe(frames, profile)
    jaw, gaze = solve_jaw(seen.displacement, profile.neutral), solve_gaze(seen.displacement)
    measured, _ = measured_shapes(profile, seen.face, seen.displacement, jaw, gaze)
    displacement = seen.displacement.copy()
    displacement[:, 468:, 2] = 0.0
    assert seen.scores is not None
    return Samples(
        displacement.astype(np.float32),
        seen.scores.astype(np.float32),
        seen.head.astype(np.float32),
        measured.astype(np.float32),
        controls,
        kind,
    )


def average_of(identities: list[Samples]) -> Expressions:
    """Return the mean of what faces do for each shape in full, and for turns of the head; symmetric."""
    shown = [_shown(samples) for samples in identities]
    closing, turned = _effects(identities, "displacement")
    closing_scores, turned_scores = _effects(identities, "scores")
    displacement, scores = (_mean([part[i] for part in shown]) for i in (0, 1))
    displacement[_CLOSE], scores[_CLOSE] = closing, closing_scores
    found = Expressions(*(array.astype(np.float32) for array in (displacement, scores, turned, turned_scores)))
    other = found.mirrored()
    return Expressions(*(0.5 * (getattr(found, f) + getattr(other, f)) for f in Expressions.__dataclass_fields__))


def _mean(arrays: list[np.ndarray]) -> np.ndarray:
    """Return the mean of those that are known, 0 where none is."""
    known = [np.isfinite(array) for array in arrays]
    return np.sum([np.nan_to_num(array) for array in arrays], axis=0) / np.maximum(np.sum(known, axis=0), 1)


def expressions_of(samples: Samples, average: Expressions) -> Expressions:
    """Return what one face does for each shape in full; shapes that it was not seen with are the average's."""
    displacement, scores = _shown(samples)
    missing = ~np.isfinite(displacement[:, 0, 0])
    displacement[missing], scores[missing] = average.displacement[missing], average.scores[missing]
    return replace(average, displacement=displacement.astype(np.float32), scores=scores.astype(np.float32))


def _shown(samples: Samples) -> tuple[np.ndarray, np.ndarray]:
    """Return displacement (52, 478, 3) and scores (52, 52) of the samples of the face's range, NaN where not seen."""
    displacement = np.full((len(ARKIT_SHAPES), LANDMARK_COUNT, 3), np.nan)
    scores = np.full((len(ARKIT_SHAPES), len(ARKIT_SHAPES)), np.nan)
    jaw = np.zeros(len(ARKIT_SHAPES))
    for row in np.flatnonzero(samples.kind == KINDS.index("range")):
        shape = int(np.argmax(samples.controls[row]))
        displacement[shape], scores[shape] = samples.displacement[row], samples.scores[row]
        jaw[shape] = samples.controls[row, _OPEN]
    # The tongue comes out of an open mouth: what the jaw did is not its.
    displacement[_TONGUE] -= jaw[_TONGUE] * displacement[_OPEN]
    scores[_TONGUE] -= jaw[_TONGUE] * scores[_OPEN]
    return displacement, scores


def _effects(identities: list[Samples], name: str) -> tuple[np.ndarray, np.ndarray]:
    """Return what mouthClose, which is never shown alone, and turns of the head do to `displacement` or `scores`, by regression."""
    causes = np.concatenate([np.concatenate([s.controls, turn_terms(s.head)], axis=1) for s in identities])
    seen = np.concatenate([getattr(s, name) for s in identities])
    gram = causes.T @ causes + _CAREFUL * np.eye(causes.shape[1])
    effect = np.linalg.solve(gram, causes.T @ seen.reshape(len(seen), -1)).reshape(-1, *seen.shape[1:])
    return effect[_CLOSE], effect[len(ARKIT_SHAPES) :]
