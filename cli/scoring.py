# SPDX-FileCopyrightText: 2026 Mimica authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""How well predicted curves follow the truth. Pure functions on arrays."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

import numpy as np

from ..mapping.frame import ARKIT_SHAPES
from ..mapping.rotation import euler_from_matrix, mean_rotation
from .truth import Curves, Truth

LAGS = range(-3, 7)
"""Frames by which a prediction may trail."""

_MOVES = 0.05
"""A shape whose truth never gets there is not scored."""
_ACTIVE = 1e-3
_MARGIN = 6
"""Frames before and after the truth moves that count as the shape's own."""
_NEUTRAL_WITHOUT_SEGMENT = 20
_SETTLING = 5
"""First frames that are left out of the neutral: trackers settle."""
_HEAD_MOVES = 5.0
"""Degrees."""


@dataclass(frozen=True, slots=True)
class ShapeScore:
    """One shape in one clip."""

    r_all: float
    """Pearson's r over the whole clip."""
    r_own: float
    """Pearson's r where the truth moves, 6 frames before and after included."""
    nmae: float
    """There too: mean absolute error after the best line (slope >= 0), over that of the best constant."""
    gain: float
    """The prediction where the truth is above 0.9 of its peak, less the neutral's."""
    lag: float | None
    """Frames by which the prediction trails: the shift of the best r. None when no shift reaches 0.5."""
    crosstalk: float | None = None
    """Mean change of all wrong shapes while this one is swept, each in units of its own sweep's response, at most 2."""
    wrong: tuple[tuple[str, float], ...] = ()
    """The worst of those."""


@dataclass(frozen=True, slots=True)
class HeadScore:
    """The head's angles in one clip."""

    error: tuple[float, float, float]
    """Mean absolute error of yaw, pitch and roll in degrees, once the neutral's constant offset is taken away."""
    moves: bool
    """Whether the clip is about the head."""


@dataclass(frozen=True, slots=True)
class ClipScore:
    """One prediction of one clip."""

    shapes: dict[str, ShapeScore]
    """Of those that move in the truth."""
    head: HeadScore | None
    """None without predicted angles."""
    noise: float
    """Mean standard deviation of the shapes over the neutral's frames."""

    def mean(self, measure: str) -> float:
        """Return the mean of one measure over the shapes that have it; NaN when none has."""
        return mean_of(getattr(shape, measure) for shape in self.shapes.values())


def mean_of(values: Iterable[float | None]) -> float:
    """Return the mean of those values that are there, NaN when there is none."""
    known = [value for value in values if value is not None and np.isfinite(value)]
    return float(np.mean(known)) if known else float("nan")


def score(truth: Truth, prediction: Curves) -> ClipScore:
    """Score a prediction of as many frames as the truth has.

    Where the prediction has no value the last one holds; a shape that it lacks counts as never moving.
    """
    values, present = held(prediction.shapes)
    at_rest = _neutral_frames(truth.segments)
    base = np.median(values[at_rest], axis=0)
    moved = np.abs(values - base)
    shapes = {
        name: _score_shape(truth.curves.shapes[:, k], values[:, k], base[k])
        for k, name in enumerate(ARKIT_SHAPES)
        if truth.curves.shapes[:, k].max() >= _MOVES
    }
    return ClipScore(
        shapes=_with_crosstalk(shapes, truth, moved, present),
        head=_score_head(truth, prediction.head, at_rest),
        noise=float(values[at_rest][:, present].std(axis=0).mean()) if present.any() else float("nan"),
    )


def correlation(a: np.ndarray, b: np.ndarray) -> float:
    """Return Pearson's r of two signals (N,); 0 when one of them is constant."""
    a, b = a - a.mean(), b - b.mean()
    size = float(np.sqrt((a @ a) * (b @ b)))
    return float(a @ b) / size if size > 1e-9 else 0.0


def line_error(prediction: np.ndarray, truth: np.ndarray) -> float:
    """Return the mean absolute error of the least-squares line (slope >= 0) over that of the best constant."""
    spread = prediction - prediction.mean()
    middle = truth.mean()
    power = float((spread @ spread) / len(spread))
    slope = max(0.0, float(spread @ (truth - middle)) / len(spread) / power) if power > 1e-12 else 0.0
    constant = float(np.abs(truth - np.median(truth)).mean())
    return float(np.abs(slope * spread + middle - truth).mean()) / max(constant, 1e-9)


def best_lag(prediction: np.ndarray, truth: np.ndarray, where: np.ndarray, lags: Sequence[int] = LAGS) -> float | None:
    """Return the shift of the prediction, in frames, at which it follows the truth best; None below r = 0.5.

    :param where: bool (N,), the frames that count. The ends wrap around.
    """
    found = [correlation(np.roll(prediction, -lag)[where], truth[where]) for lag in lags]
    best = 0
    for i, r in enumerate(found):
        # A plateau counts as its first shift.
        if r > found[best] + 1e-6:
            best = i
    return float(lags[best]) if found[best] > 0.5 else None


def _score_shape(truth: np.ndarray, prediction: np.ndarray, base: float) -> ShapeScore:
    own = _widened(truth > _ACTIVE, _MARGIN)
    high = truth > 0.9 * truth.max()
    return ShapeScore(
        r_all=correlation(prediction, truth),
        r_own=correlation(prediction[own], truth[own]),
        nmae=line_error(prediction[own], truth[own]),
        gain=float(prediction[high].mean() - base),
        lag=best_lag(prediction, truth, own),
    )


def _with_crosstalk(
    shapes: dict[str, ShapeScore], truth: Truth, moved: np.ndarray, present: np.ndarray
) -> dict[str, ShapeScore]:
    """Add the cross-talk of sweeps, where at least six shapes answer to their own sweep."""
    sweeps = {
        name: (truth.segments == f"sweep:{name}") & (truth.curves.shapes[:, ARKIT_SHAPES.index(name)] > 0.5)
        for name in shapes
    }
    full = np.full(len(ARKIT_SHAPES), np.nan)
    for name, shape in shapes.items():
        k = ARKIT_SHAPES.index(name)
        swept = (truth.segments == f"sweep:{name}").any()
        if present[k] and swept and shape.r_own > 0.5 and abs(shape.gain) > 1e-3:
            full[k] = abs(shape.gain)
    if np.isfinite(full).sum() <= 5:
        return shapes
    result = dict(shapes)
    for name, frames in sweeps.items():
        if not frames.any():
            continue
        wrong = np.isfinite(full) & (truth.curves.shapes[frames].max(axis=0) <= 0.02)
        if not wrong.any():
            continue
        shares = np.minimum(moved[frames][:, wrong] / full[wrong], 2.0).mean(axis=0)
        names = [ARKIT_SHAPES[k] for k in np.flatnonzero(wrong)]
        worst = sorted(zip(names, shares.tolist(), strict=True), key=lambda item: -item[1])[:3]
        result[name] = replace(shapes[name], crosstalk=float(shares.mean()), wrong=tuple(worst))
    return result


def _score_head(truth: Truth, angles: np.ndarray, at_rest: np.ndarray) -> HeadScore | None:
    angles, present = held(angles)
    if not present.all():
        return None
    rotation = _rotations(angles)
    offset = mean_rotation(rotation[at_rest])
    against = np.degrees(euler_from_matrix(rotation @ offset.T))
    true = truth.curves.head
    moves = bool(np.abs(true).max() > _HEAD_MOVES) and any(name.startswith("head") for name in truth.segments)
    yaw, pitch, roll = np.abs(against - true).mean(axis=0).tolist()
    return HeadScore((yaw, pitch, roll), moves)


def _rotations(degrees: np.ndarray) -> np.ndarray:
    """Return Ry(yaw) Rx(pitch) Rz(roll), (N, 3, 3), of angles (N, 3)."""

    def about(axis: int, angle: np.ndarray) -> np.ndarray:
        turn = np.zeros((len(angle), 3, 3))
        u, v = (axis + 1) % 3, (axis + 2) % 3
        turn[:, axis, axis] = 1.0
        turn[:, u, u] = turn[:, v, v] = np.cos(angle)
        turn[:, v, u] = np.sin(angle)
        turn[:, u, v] = -turn[:, v, u]
        return turn

    yaw, pitch, roll = np.radians(degrees).T
    return about(1, yaw) @ about(0, pitch) @ about(2, roll)


def _neutral_frames(segments: np.ndarray) -> np.ndarray:
    """Return bool (N,): the frames in which the face rests."""
    at_rest = segments == "neutral"
    index = np.arange(len(segments))
    if not at_rest.any():
        at_rest = index < _NEUTRAL_WITHOUT_SEGMENT
    return at_rest & (index >= _SETTLING) if at_rest.sum() > 10 else at_rest


def _widened(mask: np.ndarray, frames: int) -> np.ndarray:
    return np.convolve(mask, np.ones(2 * frames + 1), mode="same") > 0.5


def held(values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return (N, C) without NaN, each gap holding the value before it (the first: after it), and which C are there."""
    known = np.isfinite(values)
    present = np.asarray(known.any(axis=0))
    last = np.maximum.accumulate(np.where(known, np.arange(len(values))[:, None], -1), axis=0)
    last = np.where(last < 0, known.argmax(axis=0), last)
    return np.where(present, np.take_along_axis(values, last, axis=0), 0.0), present
