# SPDX-FileCopyrightText: 2026 Mimica authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which frames of two performances of one face to look at, and how they are shown beside what the camera saw."""

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np

from ..cli.film import GAP, INK, PAPER, fit
from ..cli.report import figure
from ..mapping.frame import ARKIT_SHAPES

TITLES = ("source", "scores alone", "Mimica")

_LEAST, _APART, _EACH = 0.15, 0.5, 2
"""Smaller differences are not worth a picture; pictures of one control are this many seconds apart, and so many."""
_ROOM = 1.3
"""Side of the picture of the face over the larger side of its landmarks' box."""
_FOLLOWS = 20
"""Frames before and after over which the place of that picture is smoothed."""
CAPTION = 22
"""Pixels below a picture for a line of text."""


@dataclass(frozen=True, slots=True)
class Difference:
    """One frame in which one control differs."""

    frame: int
    """Index into the take's frames, from 0."""
    time: float
    """Seconds on the take's clock."""
    control: str
    scores: float
    mapped: float
    """The control's values, [0, 1]."""


def largest_differences(times: np.ndarray, scores: np.ndarray, mapped: np.ndarray, count: int) -> list[Difference]:
    """Return up to `count` frames in which two performances differ most, in order of time.

    Left and right of a control count as one, so that a sheet is not full of one brow. The worst frame of each control
    goes before the second of another.

    :param times: (N,), seconds, increasing.
    :param scores: (N, 52) in the order of `ARKIT_SHAPES`, like `mapped`.
    """
    away = np.abs(mapped - scores)
    found: list[tuple[int, float, int, int]] = []
    for columns in _pairs_of_sides():
        left = away[:, columns].copy()
        for turn in range(_EACH):
            frame, side = np.unravel_index(int(left.argmax()), left.shape)
            worst = float(left[frame, side])
            if worst < _LEAST:
                break
            found.append((turn, -worst, int(frame), columns[int(side)]))
            left[np.abs(times - times[frame]) < _APART] = 0.0
    chosen = [
        Difference(f, float(times[f]), ARKIT_SHAPES[k], float(scores[f, k]), float(mapped[f, k]))
        for _, _, f, k in sorted(found)[:count]
    ]
    return sorted(chosen, key=lambda d: d.frame)


def difference_at(times: np.ndarray, scores: np.ndarray, mapped: np.ndarray, frame: int) -> Difference:
    """Return the control that differs most in one frame; arrays as in `largest_differences`."""
    k = int(np.abs(mapped[frame] - scores[frame]).argmax())
    return Difference(frame, float(times[frame]), ARKIT_SHAPES[k], float(scores[frame, k]), float(mapped[frame, k]))


def _pairs_of_sides() -> list[list[int]]:
    pairs: dict[str, list[int]] = {}
    for k, name in enumerate(ARKIT_SHAPES):
        pairs.setdefault(name.removesuffix("Left").removesuffix("Right"), []).append(k)
    return list(pairs.values())


def face_boxes(landmarks: np.ndarray, sizes: np.ndarray) -> np.ndarray:
    """Return left, top and side in pixels, int (N, 3), of squares of one size that follow the face smoothly.

    :param landmarks: (N, P, 3) as in `FaceFrames`; NaN where the face is lost.
    :param sizes: (N, 2), width and height in pixels.
    :raises ValueError: the face is never seen.
    """
    points = landmarks[..., :2] * sizes[:, None]
    seen = np.flatnonzero(np.isfinite(points).all(axis=(1, 2)))
    if not len(seen):
        raise ValueError("There is no face in these frames.")
    low, high = points[seen].min(axis=1), points[seen].max(axis=1)
    side = _ROOM * float(np.percentile((high - low).max(axis=1), 90))
    window = np.hanning(2 * _FOLLOWS + 3)[1:-1]
    middles = np.empty((len(points), 2))
    for axis in range(2):
        middle = np.interp(np.arange(len(points)), seen, (low[:, axis] + high[:, axis]) / 2)
        middles[:, axis] = np.convolve(np.pad(middle, _FOLLOWS, "edge"), window / window.sum(), "valid")
    return np.rint(np.column_stack([middles - side / 2, np.full(len(points), side)])).astype(int)


def crop_result(picture: np.ndarray) -> np.ndarray:
    """Return the face in a picture of the own rig as `render_preview` frames it: there it takes half the height."""
    side = len(picture)
    return picture[round(0.3 * side) : round(0.92 * side), round(0.19 * side) : round(0.81 * side)]


def crop(picture: np.ndarray, box: np.ndarray) -> np.ndarray:
    """Return the part of `picture` in `box` (left, top, side); black where it reaches beyond."""
    left, top, side = box.tolist()
    height, width = picture.shape[:2]
    part = np.zeros((side, side, 3), np.uint8)
    x, y, right, foot = max(left, 0), max(top, 0), min(left + side, width), min(top + side, height)
    if right > x and foot > y:
        part[y - top : foot - top, x - left : right - left] = picture[y:foot, x:right]
    return part


def film_picture(pictures: Sequence[np.ndarray], title: str, size: int = 448) -> np.ndarray:
    """Return the three pictures of an instant beside each other, named, with `title` below. uint8, BGR."""
    row = np.hstack([fit(picture, (size, size)) for picture in pictures])
    for i, name in enumerate(TITLES):
        _write(row, name, (i * size + 8, 20), (235, 235, 235))
    foot = np.full((CAPTION, row.shape[1], 3), 24, np.uint8)
    _write(foot, title, (8, 16), (235, 235, 235))
    return np.vstack([row, foot])


def sheet(rows: Sequence[tuple[Sequence[np.ndarray], Difference]], columns: int = 3, size: int = 220) -> np.ndarray:
    """Return one picture of all instants: three pictures of each, with frame, time and the control that differs.

    :raises ValueError: there is none.
    """
    if not rows:
        raise ValueError("A contact sheet needs at least one moment.")
    columns = min(columns, len(rows))
    wide, high = 3 * (size + 1) + 2 * GAP, size + CAPTION + GAP
    count = -(-len(rows) // columns)
    paper = np.empty((count * high + GAP, columns * wide + GAP, 3), np.uint8)
    paper[:] = PAPER
    for i, (pictures, d) in enumerate(rows):
        left, top = GAP + i % columns * wide, GAP + i // columns * high
        for k, picture in enumerate(pictures):
            x = left + k * (size + 1)
            paper[top : top + size, x : x + size] = fit(picture, (size, size))
        caption = f"{d.frame}  {d.time:.2f} s  {d.control}: scores {figure(d.scores)}, Mimica {figure(d.mapped)}"
        _write(paper, caption, (left + 2, top + size + 16), INK)
    return paper


def _write(picture: np.ndarray, text: str, place: tuple[int, int], colour: tuple[int, int, int]) -> None:
    cv2.putText(picture, text, place, cv2.FONT_HERSHEY_SIMPLEX, 0.45, colour, 1, cv2.LINE_AA)
