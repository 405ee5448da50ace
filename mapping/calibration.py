# SPDX-FileCopyrightText: 2026 Mimica authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is learned about one performer's face, and how it is learned."""

import json
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np

from .expressions import Expressions
from .face_space import DEFAULT_FIELD_OF_VIEW, fit_head, lift, to_face_space
from .frame import ARKIT_SHAPES, LANDMARK_COUNT, FaceFrames
from .gaze import iris_aside, iris_in_place, look_ahead, place_irises
from .head_rest import HeadRest
from .jaw import close_lips
from .landmarks import average_face
from .lids import lid_aperture
from .rotation import euler_from_matrix, mean_rotation

SCHEMA = 2
"""1: without expressions and range."""
NEUTRAL_SECONDS = 1.0
"""How much of a performance the neutral is taken from."""

_BLOCKS, _BLOCK_FRAMES = 30, 100
_STILL_FACE = 0.12
"""Centimetres, for the twentieth of the landmarks that moved most, so that brows alone count: tracking noise and breath
come to half of it in a calm face."""
_STILL_HEAD = 3.0
"""Degrees; a head that is held still sways by one."""
_FACING = 20.0
"""Degrees; of a face that is turned further, the camera sees one half badly."""


class ProfileError(Exception):
    """A performer profile cannot be used; the text says why and what to do."""


@dataclass(frozen=True, slots=True, eq=False)
class PerformerProfile:
    """One performer's neutral face and ranges. Immutable; saved as versioned JSON."""

    name: str
    neutral: np.ndarray
    """float64 (478, 3), cm, face space: the face at rest."""
    rotation: np.ndarray
    """float64 (3, 3): the head's rotation in camera space while at rest."""
    translation: np.ndarray
    """float64 (3,), cm: the head's place in camera space while at rest."""
    scores: np.ndarray
    """float64 (52,): the tracker's scores at rest, NaN where it gives none."""
    lid_open: np.ndarray
    """float64 (2,), left and right: lid aperture over eye width, eyes at rest."""
    field_of_view: float = DEFAULT_FIELD_OF_VIEW
    """The camera's vertical field of view in degrees that the neutral was lifted with."""
    expressions: Expressions | None = None
    """What this face does for each shape; None: not learned yet, the average face's serve."""
    reading: np.ndarray = field(default_factory=lambda: np.eye(len(ARKIT_SHAPES)))
    """float64 (52, 52): from what the solve tells (rows) to what this performer shows: how much of each shape is full,
    and what is told beside it without being shown. The identity where nothing is known."""
    rest: HeadRest | None = None
    """Where straight ahead was in one sitting; None: where the neutral is. Kept with takes, not with performers."""

    def to_json(self) -> dict[str, Any]:
        """Return the profile as plain JSON data."""
        numbers = {
            key: np.where(np.isfinite(value), value, -1.0).round(5).tolist()
            for key, value in (
                ("neutral", self.neutral),
                ("rotation", self.rotation),
                ("translation", self.translation),
                ("scores", self.scores),
                ("lid_open", self.lid_open),
                ("reading", self.reading),
            )
        }
        more = {} if self.expressions is None else {"expressions": self.expressions.to_json()}
        if self.rest is not None:
            more["rest"] = self.rest.to_json()
        return {"schema": SCHEMA, "name": self.name, "field_of_view": self.field_of_view, **numbers, **more}

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> "PerformerProfile":
        """Read what `to_json` wrote.

        :raises ProfileError: the data is of a newer version, or incomplete.
        """
        schema = data.get("schema") if isinstance(data, dict) else None
        if not isinstance(schema, int):
            raise ProfileError("This is no performer profile. Choose another file, or set a new neutral.")
        if schema > SCHEMA:
            raise ProfileError("A newer Mimica made this performer profile. Update Mimica, or set a new neutral.")
        shapes = {
            "neutral": (LANDMARK_COUNT, 3),
            "rotation": (3, 3),
            "translation": (3,),
            "scores": (len(ARKIT_SHAPES),),
            "lid_open": (2,),
            **({"reading": (len(ARKIT_SHAPES), len(ARKIT_SHAPES))} if schema >= 2 else {}),
        }
        arrays: dict[str, np.ndarray] = {}
        for key, shape in shapes.items():
            try:
                arrays[key] = np.asarray(data[key], np.float64)
            except (KeyError, TypeError, ValueError):
                raise ProfileError(f"This performer profile is damaged: it lacks '{key}'. Set a new neutral.") from None
            if arrays[key].shape != shape:
                raise ProfileError(f"This performer profile is damaged: '{key}' has the wrong size. Set a new neutral.")
        arrays["scores"] = np.where(arrays["scores"] < 0, np.nan, arrays["scores"])
        try:
            expressions = Expressions.from_json(data["expressions"]) if data.get("expressions") else None
        except (KeyError, TypeError, ValueError):
            raise ProfileError(
                "This performer profile is damaged: 'expressions' cannot be read. Learn the range again."
            ) from None
        try:
            rest = HeadRest.from_json(data["rest"]) if data.get("rest") else None
        except (KeyError, TypeError, ValueError):
            raise ProfileError("This performer profile is damaged: 'rest' cannot be read. Set a new neutral.") from None
        return cls(
            str(data.get("name", "")),
            field_of_view=float(data["field_of_view"]),
            expressions=expressions,
            rest=rest,
            **arrays,
        )

    def save(self, path: Path) -> None:
        """Write the profile to a JSON file; the old file stays whole until the new one is."""
        scratch = path.with_suffix(path.suffix + ".new")
        scratch.write_text(json.dumps(self.to_json()), encoding="utf-8")
        scratch.replace(path)

    @classmethod
    def load(cls, path: Path) -> "PerformerProfile":
        """Read a profile from a JSON file. Raises `ProfileError` with a sentence."""
        try:
            data = json.loads(path.read_text(encoding="utf-8"))
        except (OSError, ValueError) as error:
            raise ProfileError(f"The performer profile '{path.name}' cannot be read ({error}).") from error
        return cls.from_json(data)


def default_profile(field_of_view: float = DEFAULT_FIELD_OF_VIEW) -> PerformerProfile:
    """Return the average face as a profile: what is used until a performer's own neutral is known."""
    face = place_irises(average_face())
    return PerformerProfile(
        name="",
        neutral=face,
        rotation=np.eye(3),
        translation=np.zeros(3),
        scores=np.full(len(ARKIT_SHAPES), np.nan),
        lid_open=lid_aperture(face[None])[0],
        field_of_view=field_of_view,
    )


def estimate_profile(
    frames: FaceFrames, *, name: str = "", field_of_view: float = DEFAULT_FIELD_OF_VIEW, posed: bool = False
) -> PerformerProfile | None:
    """Find the performer's neutral in a performance: the median of the calmest second.

    A frame counts as calm when the lips are closed, the eyes open, width of the mouth and height of the brows usual
    for this performance, the head towards the camera and everything slow. Frames need not be next to each other, so a
    performance that never rests for a whole second has a neutral too.

    :param posed: the performer holds the neutral on purpose, so it is taken as it is; otherwise lips that never come
        to rest are closed, and eyes that look aside look ahead.
    :return: None when the face is in fewer than three frames.
    """
    seen = _sampled(np.flatnonzero(frames.found))
    if len(seen) < 3:
        return None
    points = lift(frames.landmarks[seen], frames.image_sizes[seen], field_of_view)
    pose = fit_head(points)
    face = iris_in_place(to_face_space(points, pose), points, pose, average_face())
    times = frames.times[seen]

    interval = max(float(np.median(np.diff(times))), 1e-3)
    wanted = int(np.clip(round(NEUTRAL_SECONDS / interval), 3, len(seen)))
    calm = np.argsort(_restlessness(face, pose.rotation, times), kind="stable")[:wanted]

    neutral = np.median(face[calm], axis=0)
    missing = ~np.isfinite(neutral)
    neutral[missing] = average_face()[missing]
    # Fitted once more with the performer's own shape, so that the same face later gives the identity.
    again = fit_head(points[calm], neutral)
    refitted = iris_in_place(to_face_space(points[calm], again), points[calm], again, neutral)
    neutral = np.where(missing, neutral, np.median(refitted, axis=0))
    if not posed:
        neutral = look_ahead(close_lips(neutral))
    again = fit_head(points[calm], neutral)
    scores = np.full(len(ARKIT_SHAPES), np.nan)
    if frames.scores is not None:
        picked = frames.scores[seen[calm]]
        known = np.isfinite(picked).any(axis=0)
        scores[known] = np.nanmedian(picked[:, known], axis=0)
    return PerformerProfile(
        name=name,
        neutral=neutral,
        rotation=mean_rotation(again.rotation),
        translation=np.median(again.translation, axis=0),
        scores=scores,
        lid_open=np.median(lid_aperture(face[calm]), axis=0),
        field_of_view=field_of_view,
    )


def why_not_calm(frames: FaceFrames, field_of_view: float = DEFAULT_FIELD_OF_VIEW) -> str:
    """Say what is wrong with frames in which the performer was to hold still, as a sentence; empty when all is well.

    A blink is no fault: the median frame counts.
    """
    seen = np.flatnonzero(frames.found)
    if len(seen) < 3:
        return "Your face was not seen. Look into the camera"
    points = lift(frames.landmarks[seen], frames.image_sizes[seen], field_of_view)
    pose = fit_head(points)
    angles = np.degrees(euler_from_matrix(pose.rotation))
    if np.abs(np.median(angles[:, 0])) > _FACING:
        return "Your head was turned. Look into the camera"
    if np.percentile(np.abs(angles - np.median(angles, axis=0)).max(axis=1), 80) > _STILL_HEAD:
        return "Your head moved. Keep it still"
    face = to_face_space(points, pose)[:, :468]
    moved = np.percentile(np.linalg.norm(face - np.median(face, axis=0), axis=2), 95, axis=1)
    if np.median(moved) > _STILL_FACE:
        return "Your face moved. Relax it and keep it still"
    return ""


def with_neutral(profile: PerformerProfile | None, neutral: PerformerProfile) -> PerformerProfile:
    """Return the profile with another neutral; its name, expressions and range stay."""
    if profile is None:
        return neutral
    return replace(neutral, name=profile.name, expressions=profile.expressions, reading=profile.reading)


def without_range(profile: PerformerProfile) -> PerformerProfile:
    """Return the profile with its neutral alone."""
    return replace(profile, expressions=None, reading=np.eye(len(ARKIT_SHAPES)), rest=None)


def with_head_of(profile: PerformerProfile, other: PerformerProfile) -> PerformerProfile:
    """Return the profile with the head at rest where it was in another sitting: the camera stood elsewhere then."""
    return replace(
        profile,
        rotation=other.rotation,
        translation=other.translation,
        field_of_view=other.field_of_view,
        rest=other.rest,
    )


def _sampled(seen: np.ndarray) -> np.ndarray:
    """Bound the work for long takes: at most `_BLOCKS` stretches of a few seconds, spread evenly."""
    if len(seen) <= _BLOCKS * _BLOCK_FRAMES:
        return seen
    starts = np.linspace(0, len(seen) - _BLOCK_FRAMES, _BLOCKS).astype(int)
    return seen[np.unique(starts[:, None] + np.arange(_BLOCK_FRAMES))]


def _restlessness(face: np.ndarray, rotation: np.ndarray, times: np.ndarray) -> np.ndarray:
    """How far each frame is from rest, float (N,); each term is 1 where a person would say 'not neutral any more'."""
    gap = np.abs(face[:, 13, 1] - face[:, 14, 1])
    width = face[:, 291, 0] - face[:, 61, 0]
    # Each for itself: one raised brow is no rest.
    brows = np.stack([face[:, [107, 105], 1].mean(axis=1), face[:, [336, 334], 1].mean(axis=1)], axis=1)
    # Without irises nobody looks anywhere.
    aside = np.nan_to_num(iris_aside(face))
    aperture = lid_aperture(face).mean(axis=1)
    wide_awake = np.percentile(aperture, 80)
    yaw, pitch = np.degrees(euler_from_matrix(rotation)[:, :2]).T
    turned = np.abs(yaw) + np.abs(pitch - np.median(pitch))
    speed = np.zeros(len(face))
    if len(face) > 1:
        step = np.linalg.norm(np.diff(face[:, :468], axis=0), axis=2).mean(axis=1)
        speed[1:] = step / np.maximum(np.diff(times), 1e-3)
        speed[0] = speed[1]
    return (
        gap / 0.3
        + np.abs(width - np.median(width)) / 0.4
        + np.abs(brows - np.median(brows, axis=0)).sum(axis=1) / 0.3
        + np.maximum(0.0, 0.85 * wide_awake - aperture) / (0.2 * wide_awake + 1e-6)
        + np.abs(aside - np.median(aside)) / 0.2
        + speed / 2.0
        + turned / 15.0
    )
