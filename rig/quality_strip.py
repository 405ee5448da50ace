# SPDX-FileCopyrightText: 2026 Mimica authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The shapes of the quality track in a timeline: plain numbers, for whoever draws them."""

from dataclasses import dataclass
from functools import cache, lru_cache

import numpy as np

from ..mapping.presence import trust_in
from ..mapping.quality_track import worst_between
from .quality import Place, Report

_LEAST = 2.0
"""Pixels: no spot is narrower, however far out the view is zoomed."""
_MARK = 0.55
"""Height of a mark, in heights of the track."""
_COLOURS = np.array([[0.78, 0.16, 0.12], [0.86, 0.68, 0.16], [0.25, 0.62, 0.28]], np.float32)
"""Seen badly, half, well."""
_STEPS = 16
"""Colours between these: neighbours of the same one are one rectangle."""
_BACK = (0.08, 0.08, 0.08, 0.85)
_MARKS = {"OUTLIER": (1.0, 0.55, 0.1, 1.0), "CUT": (0.95, 0.95, 0.95, 1.0)}


@dataclass(frozen=True, slots=True)
class View:
    """What the editor shows: the scene frames at its left and right edges, and its width in pixels."""

    left: float
    right: float
    width: int

    @property
    def scale(self) -> float:
        """Pixels a frame."""
        return self.width / max(self.right - self.left, 1e-9)


@dataclass(frozen=True, slots=True, eq=False)
class Strip:
    """Shapes in pixels of the region, y from 0 to 1 for the track and from 1 up for marks."""

    boxes: np.ndarray
    """float32 (B, 4): left, bottom, right, top; in the order of drawing."""
    colours: np.ndarray
    """float32 (B, 4): RGBA."""
    hatched: np.ndarray
    """float32 (H, 2): left and right of what is hatched."""


def make_strip(report: Report, place: Place, view: View) -> Strip:
    """Return what is to be drawn of a report in a view; nothing when the take is out of sight."""
    track = report.track
    if track is None or not len(track.times):
        return Strip(np.zeros((0, 4), np.float32), np.zeros((0, 4), np.float32), np.zeros((0, 2), np.float32))

    def pixels(seconds: np.ndarray) -> np.ndarray:
        return (place.frame + (seconds - place.time) * place.rate - view.left) * view.scale

    ends = pixels(track.times[[0, -1]])
    start, end = max(0, int(np.floor(ends[0]))), min(view.width, int(np.ceil(ends[1])) + 1)
    boxes, colours = [np.zeros((0, 4))], [np.zeros((0, 4))]
    if end > start:
        edges = np.arange(start, end + 1)
        worst = worst_between(track, place.times_at(view.left + edges / view.scale))
        level = np.where(np.isnan(worst), -1, np.rint(trust_in(np.nan_to_num(worst)) * (_STEPS - 1))).astype(int)
        first = np.concatenate([[0], np.flatnonzero(np.diff(level)) + 1])
        last = np.append(first[1:], len(level))
        known = level[first] >= 0
        boxes += [np.array([[start, 0.0, end, 1.0]]), _upright(start + first[known], start + last[known], 0.0, 1.0)]
        colours += [np.array([_BACK]), _palette()[level[first[known]]]]
    kinds, spans = _spots(report)
    left = pixels(spans[:, 0])
    right = np.maximum(pixels(spans[:, 1]), left + _LEAST)
    shown = (right > 0.0) & (left < view.width)
    for kind, colour in _MARKS.items():
        marked = shown & (kinds == kind)
        boxes.append(_upright(left[marked], right[marked], 1.0, 1.0 + _MARK))
        colours.append(np.tile(colour, (int(marked.sum()), 1)))
    gaps = shown & ((kinds == "EASED") | (kinds == "BRIDGED"))
    hatched = np.column_stack([np.maximum(left[gaps], 0.0), np.minimum(right[gaps], view.width)])
    drawn = [np.concatenate(parts).astype(np.float32) for parts in (boxes, colours)]
    return Strip(drawn[0], drawn[1], hatched.astype(np.float32))


def _upright(left: np.ndarray, right: np.ndarray, bottom: float, top: float) -> np.ndarray:
    """Return boxes (B, 4) that stand side by side."""
    return np.column_stack([left, np.full(len(left), bottom), right, np.full(len(left), top)])


@lru_cache(maxsize=8)
def _spots(report: Report) -> tuple[np.ndarray, np.ndarray]:
    """Return the kinds of a report's weak spots, (S,), and when they begin and end, seconds, (S, 2)."""
    spots = report.track.spots if report.track is not None else ()
    return np.array([spot.kind for spot in spots], "U8"), np.array([(s.start, s.end) for s in spots]).reshape(-1, 2)


@cache
def _palette() -> np.ndarray:
    """Return the colours from not relied on at all to wholly, (`_STEPS`, 4)."""
    at = np.linspace(0.0, len(_COLOURS) - 1.0, _STEPS)
    mixed = [np.interp(at, np.arange(len(_COLOURS)), channel) for channel in _COLOURS.T]
    return np.column_stack([*mixed, np.ones(_STEPS)])


def hatching(hatched: np.ndarray, height: float, step: float) -> np.ndarray:
    """Return lines at 45 degrees across boxes (H, 2) of a height, float32 (2 K, 2): their ends, two and two.

    They lie where they are in the region, not in the box: what scrolls keeps its pattern whole.
    """
    left, right = hatched.astype(np.float64).T
    first = np.floor((left - height) / step).astype(int)
    count = np.maximum(np.ceil(right / step).astype(int) - first, 0)
    box = np.repeat(np.arange(len(left)), count)
    foot = (np.arange(count.sum()) - np.repeat(np.cumsum(count) - count, count) + first[box]) * step
    a, b = np.maximum(foot, left[box]), np.minimum(foot + height, right[box])
    ends = np.stack([np.column_stack([a, a - foot]), np.column_stack([b, b - foot])], axis=1)
    return ends[b > a].reshape(-1, 2).astype(np.float32)
