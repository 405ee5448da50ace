# SPDX-FileCopyrightText: 2026 Mimica authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""How controls behave on a face whose truth nobody knows. Pure functions on arrays."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ..mapping.face_space import lift
from ..mapping.frame import ARKIT_SHAPES, FaceFrames
from ..mapping.mouth_gap import told_gap
from .scoring import correlation

REST_SECONDS = 1.0

BLINK_CLOSED, BLINK_HEIGHT = 0.5, 0.3
"""Mean closure of both eyes that a blink reaches, and by how much it stands out before and after."""

LIP_PAIRS = ((13, 14), (82, 87), (312, 317))
"""Inner lips, upper and lower: the middle and both sides of it."""
CLOSED_MM = 1.0
"""Lips nearer than this to their closed level are closed in the picture."""
OPEN_MM = 3.0
"""Lips further than this from it are open."""
CLOSED_REMAINDER = 0.05
"""jawOpen less mouthClose that a character's lips still cover: a twentieth of the jaw's way, about a millimetre."""
_CLOSED_PERCENTILE, _HIGHEST_CLOSED_MM = 5.0, 1.0

LEAKING = tuple(name for name in ARKIT_SHAPES if name.startswith(("brow", "eyeBlink", "jaw")))
"""Controls that a turning head has no business with."""

LONGEST_DELAY = 0.3
"""Seconds."""
_STEP = 0.005
"""Seconds between the samples that delays are found on."""
_WAY = 0.1
"""Between the first and the last percentile of a control that moves in a clip."""
_STILL = 0.03
"""Standard deviation below which a control says nothing about delay."""


@dataclass(frozen=True, slots=True)
class Blink:
    """One blink: both eyes closing and opening again."""

    time: float
    """Seconds on the take's clock, of the most closed frame."""
    left: float
    right: float
    """Highest closure of each eye, [0, 1]."""
    seconds: float
    """For how long the eyes are closed, but for `BLINK_HEIGHT`."""


@dataclass(frozen=True, slots=True)
class Lips:
    """Whether lips that are closed in the picture stay closed, and open ones open."""

    closed: int
    """Frames in which they are closed in the picture."""
    kept: float
    """Share of those in which jawOpen and mouthClose agree; NaN without such frames."""
    left_open: float
    """Mean of jawOpen less mouthClose in them."""
    open: int
    """Frames in which they are open in the picture."""
    shut: float
    """Share of those in which jawOpen and mouthClose would shut them."""


def calmest_second(frames: FaceFrames) -> np.ndarray:
    """Return bool (N,): the frames of the second in which the face is most still, lids and irises with it.

    The landmark that moves most in the picture, in widths of the face, decides, so that no blink or glance is in it.
    None at all when the face is never seen for that long.
    """
    points = frames.landmarks[..., :2] * frames.image_sizes[:, None]
    width = np.linalg.norm(points[:, 454] - points[:, 234], axis=-1)
    found = frames.found
    least, calmest = np.inf, np.zeros(len(frames), bool)
    for start in np.flatnonzero(found):
        stop = int(np.searchsorted(frames.times, frames.times[start] + REST_SECONDS - 1e-6))
        if stop >= len(frames) or not found[start:stop].all():
            continue
        part = points[start:stop]
        motion = np.linalg.norm(part.std(axis=0), axis=-1) / width[start:stop].mean()
        most = float(np.nanmax(motion))
        if most < least:
            least, calmest = most, np.zeros(len(frames), bool)
            calmest[start:stop] = True
    return calmest


def tremble(values: np.ndarray) -> np.ndarray:
    """Return the noise from frame to frame of signals (N, C), as a standard deviation (C,); slow motion is left out.

    The root mean square of second differences over the square root of 6, which for white noise is its standard
    deviation.
    """
    if len(values) < 3:
        return np.full(values.shape[1], np.nan)
    return np.sqrt((np.diff(values, 2, axis=0) ** 2).mean(axis=0) / 6.0)


def relative_jitter(values: np.ndarray, calm: np.ndarray) -> float:
    """Return how much signals (N, C) shake in the frames `calm` (N,), in shares of the way each has in the clip.

    The mean over those that move; what tells strong expressions from weak ones does not count as more noise. NaN when
    nothing moves, or never rests.
    """
    low, high = np.percentile(values, (1.0, 99.0), axis=0)
    moves = high - low > _WAY
    if not (calm.any() and moves.any()):
        return float("nan")
    return float((values[calm][:, moves].std(axis=0) / (high - low)[moves]).mean())


def eyes_apart(gaze: np.ndarray) -> tuple[float, float]:
    """Return by how many degrees the eyes look different ways, on average, sideways and up and down.

    :param gaze: (N, 2, 2), radians, as in `Motion`. Eyes that look at something near differ sideways by a few degrees
        (6 at 60 cm), never up and down.
    """
    yaw, pitch = np.degrees(np.abs(gaze[:, 0] - gaze[:, 1])).mean(axis=0).tolist()
    return yaw, pitch


def find_blinks(times: np.ndarray, left: np.ndarray, right: np.ndarray) -> list[Blink]:
    """Return the blinks in the closures (N,) of both eyes: peaks of their mean that stand out on both sides.

    One that the clip's start or end cuts off does not count.
    """
    closure = (left + right) / 2
    found: list[Blink] = []
    lowest = peak = start = 0
    closing = False
    for i, value in enumerate(closure):
        if not closing:
            if value < closure[lowest]:
                lowest = i
            if value >= BLINK_CLOSED and value - closure[lowest] >= BLINK_HEIGHT:
                closing, start, peak = True, lowest, i
            continue
        if value > closure[peak]:
            peak = i
        if closure[peak] - value >= BLINK_HEIGHT:
            shut = closure[start : i + 1] >= closure[peak] - BLINK_HEIGHT
            first, last = start + np.flatnonzero(shut)[[0, -1]]
            part = slice(start, i + 1)
            found.append(
                Blink(
                    float(times[peak]),
                    float(left[part].max()),
                    float(right[part].max()),
                    float(times[last] - times[first]),
                )
            )
            closing, lowest = False, i
    return found


def lip_gap(frames: FaceFrames, field_of_view: float) -> np.ndarray:
    """Return the distance of the inner lips in the picture, float (N,), mm, NaN where the face is lost."""
    points = lift(frames.landmarks, frames.image_sizes, field_of_view)
    upper, lower = np.array(LIP_PAIRS).T
    return 10.0 * np.linalg.norm(points[:, upper, :2] - points[:, lower, :2], axis=-1).mean(axis=-1)


def lips_in_picture(gap: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the frames in which lips are closed in the picture, and those in which they are open, bool (N,).

    :param gap: (N,), mm, from `lip_gap`.
    """
    level = min(float(np.nanpercentile(gap, _CLOSED_PERCENTILE)), _HIGHEST_CLOSED_MM)
    return gap < level + CLOSED_MM, gap > level + OPEN_MM


def judge_lips(gap: np.ndarray, controls: np.ndarray) -> Lips:
    """Compare the lips of the picture with the controls.

    The closed level is the gap's 5th percentile, at most 1 mm: tracked lips that touch are some tenths of a millimetre
    apart, and not every clip has its lips closed for a twentieth of the time.

    Lips are open by all that parts them, closed by jaw and mouthClose alone: a smile hardly opens them.

    :param gap: (N,), mm, from `lip_gap`.
    :param controls: (N, 52).
    """
    closed, wide = lips_in_picture(gap)
    remainder = controls[:, ARKIT_SHAPES.index("jawOpen")] - controls[:, ARKIT_SHAPES.index("mouthClose")]
    kept = remainder <= CLOSED_REMAINDER
    shut = 10.0 * told_gap(controls) < CLOSED_MM
    return Lips(
        closed=int(closed.sum()),
        kept=float(kept[closed].mean()) if closed.any() else float("nan"),
        left_open=float(remainder[closed].mean()) if closed.any() else float("nan"),
        open=int(wide.sum()),
        shut=float(shut[wide].mean()) if wide.any() else float("nan"),
    )


def swap_sides(shapes: np.ndarray) -> np.ndarray:
    """Return shapes (N, 52) with each left one in its right one's place and the other way round.

    A look in with the left eye is one in with the right eye in the mirror, so names tell it all.
    """
    swap = {"Left": "Right", "Right": "Left"}
    order = []
    for name in ARKIT_SHAPES:
        side = next((side for side in swap if name.endswith(side)), None)
        order.append(ARKIT_SHAPES.index(name.removesuffix(side) + swap[side] if side else name))
    return shapes[:, order]


def leakage(shapes: np.ndarray, angle: np.ndarray, names: Sequence[str] = LEAKING) -> dict[str, float]:
    """Return Pearson's r of controls with an angle of the head (N,), of those controls that move."""
    found = {name: shapes[:, ARKIT_SHAPES.index(name)] for name in names}
    return {name: correlation(values, angle) for name, values in found.items() if values.std() > 1e-3}


def delay(times: np.ndarray, late: np.ndarray, early: np.ndarray) -> float | None:
    """Return by how many milliseconds controls (N, C) trail the same controls elsewhere, None when nothing moves.

    The shift of the best cross-correlation, found for each control that moves and between frames; their median,
    weighted by how much each moves.
    """
    grid = np.arange(times[0], times[-1], _STEP)
    lags = np.arange(-round(LONGEST_DELAY / _STEP), round(LONGEST_DELAY / _STEP) + 1)
    edge = lags[-1]
    if len(grid) <= 2 * edge + 1:
        return None
    shifts, weights = [], []
    for k in range(early.shape[1]):
        spread = float(early[:, k].std())
        if spread < _STILL:
            continue
        a, b = np.interp(grid, times, late[:, k]), np.interp(grid, times, early[:, k])[edge:-edge]
        windows = np.lib.stride_tricks.sliding_window_view(a, len(b))
        middle = windows - windows.mean(axis=1, keepdims=True)
        fit = middle @ (b - b.mean()) / np.maximum(np.sqrt((middle**2).sum(axis=1)), 1e-12)
        best = int(fit.argmax())
        shift = float(lags[best])
        if 0 < best < len(lags) - 1:
            before, at, after = fit[best - 1 : best + 2]
            shift += 0.5 * (before - after) / min(before - 2 * at + after, -1e-12)
        shifts.append(1000 * _STEP * shift)
        weights.append(spread)
    if not shifts:
        return None
    order = np.argsort(shifts)
    share = np.cumsum(np.array(weights)[order]) / sum(weights)
    return float(shifts[order[int(np.searchsorted(share, 0.5))]])
