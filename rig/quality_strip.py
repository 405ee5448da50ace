# SPDX-FileCopyrightText: 2026 Mimica authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The shapes of the quality track in a timeline: plain numbers, for whoever draws them."""

from dataclasses import dataclass

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

    def pixels(seconds: float) -> float:
        return (place.frame_at(seconds) - view.left) * view.scale

    start = max(0, int(np.floor(pixels(float(track.times[0])))))
    end = min(view.width, int(np.ceil(pixels(float(track.times[-1])))) + 1)
    boxes: list[tuple[float, float, float, float]] = []
    colours: list[tuple[float, ...]] = []
    if end > start:
        edges = np.arange(start, end + 1)
        worst = worst_between(track, place.times_at(view.left + edges / view.scale))
        level = np.where(np.isnan(worst), -1, np.rint(trust_in(np.nan_to_num(worst)) * (_STEPS - 1)))
        firsts = np.concatenate([[0], np.flatnonzero(np.diff(level)) + 1, [len(level)]])
        boxes.append((start, 0.0, end, 1.0))
        colours.append(_BACK)
        for a, b in zip(firsts[:-1].tolist(), firsts[1:].tolist(), strict=True):
            if level[a] >= 0:
                boxes.append((start + a, 0.0, start + b, 1.0))
                colours.append(_colour(float(level[a]) / (_STEPS - 1)))
    hatched: list[tuple[float, float]] = []
    for spot in track.spots:
        left = pixels(spot.start)
        right = max(pixels(spot.end), left + _LEAST)
        if right <= 0.0 or left >= view.width:
            continue
        if spot.kind in _MARKS:
            boxes.append((left, 1.0, max(right, left + _LEAST), 1.0 + _MARK))
            colours.append(_MARKS[spot.kind])
        elif spot.kind in ("EASED", "BRIDGED"):
            hatched.append((max(left, 0.0), min(right, float(view.width))))
    return Strip(
        np.array(boxes, np.float32).reshape(-1, 4),
        np.array(colours, np.float32).reshape(-1, 4),
        np.array(hatched, np.float32).reshape(-1, 2),
    )


def _colour(trust: float) -> tuple[float, ...]:
    """Return the colour of how far what is seen is relied on, [0, 1]."""
    at = trust * (len(_COLOURS) - 1)
    below = min(int(at), len(_COLOURS) - 2)
    mixed = _COLOURS[below] + (at - below) * (_COLOURS[below + 1] - _COLOURS[below])
    return (*mixed.tolist(), 1.0)


def hatching(hatched: np.ndarray, height: float, step: float) -> np.ndarray:
    """Return lines at 45 degrees across boxes of a height, float32 (2 K, 2): their ends, two and two.

    They lie where they are in the region, not in the box: what scrolls keeps its pattern whole.
    """
    lines: list[tuple[float, float]] = []
    for left, right in hatched.tolist():
        for foot in np.arange(np.floor((left - height) / step) * step, right, step).tolist():
            a, b = max(foot, left), min(foot + height, right)
            if b > a:
                lines += [(a, a - foot), (b, b - foot)]
    return np.array(lines, np.float32).reshape(-1, 2)
