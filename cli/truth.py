# SPDX-FileCopyrightText: 2026 Mimica authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a face did and what was predicted of it, as curves and as tables on disk."""

import csv
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ..mapping.frame import ARKIT_SHAPES
from .failure import CommandError, make_folder, unwritable

HEAD = ("head_yaw", "head_pitch", "head_roll")


@dataclass(frozen=True, slots=True, eq=False)
class Curves:
    """N frames of shapes and head angles."""

    shapes: np.ndarray
    """float (N, 52) in the order of `ARKIT_SHAPES`; a column of NaN is a shape that is not there, other NaN are frames
    without a value."""
    head: np.ndarray
    """float (N, 3), degrees, R = Ry(yaw) Rx(pitch) Rz(roll) in camera space (x to the image's right, y up, z towards
    the viewer); NaN as in `shapes`."""

    def __len__(self) -> int:
        return len(self.shapes)


def shape_of(curves: Curves, name: str) -> np.ndarray:
    """Return one shape over time, (N,)."""
    return curves.shapes[:, ARKIT_SHAPES.index(name)]


@dataclass(frozen=True, slots=True, eq=False)
class Truth:
    """What was rendered: every shape known, in named segments."""

    curves: Curves
    segments: np.ndarray
    """str (N,): the segment each frame belongs to; `neutral` is the face at rest, `sweep:X` moves shape X alone."""


def read_truth(path: Path) -> Truth:
    """Read `frame,time,segment,<ARKit names>,head_yaw,head_pitch,head_roll`, one row a frame.

    A shape without a column never moves. Raises CommandError when the file is not of this form.
    """
    try:
        with path.open(newline="", encoding="utf-8") as file:
            header, *rows = [row for row in csv.reader(file) if row]
        place = {name.strip(): i for i, name in enumerate(header)}
        segments = np.array([row[place["segment"]] for row in rows])
        columns = {name: [float(row[place[name]]) for row in rows] for name in (*ARKIT_SHAPES, *HEAD) if name in place}
    except (OSError, KeyError, ValueError, IndexError) as error:
        raise CommandError(
            f"'{path}' is no table of ground truth ({error}). It needs the columns frame, time, segment, ARKit's names,"
            " head_yaw, head_pitch and head_roll, and a row for each frame."
        ) from error
    still = [0.0] * len(rows)
    shapes = np.array([columns.get(name, still) for name in ARKIT_SHAPES]).T
    head = np.array([columns.get(name, still) for name in HEAD]).T
    return Truth(Curves(shapes, head), segments)


def rounded(curves: Curves) -> Curves:
    """Return the curves as `write_curves` writes them, so that what is scored here is what stands in the file."""
    return Curves(np.round(curves.shapes, 5), np.round(curves.head, 4))


def write_curves(path: Path, curves: Curves) -> None:
    """Write `frame,<ARKit names>,head_yaw,head_pitch,head_roll`; columns that are not there are left out.

    Frames without any value have no row. Raises CommandError when the file cannot be written.
    """
    values = np.column_stack([curves.shapes, curves.head])
    digits = np.array([5] * len(ARKIT_SHAPES) + [4] * len(HEAD))
    known = np.isfinite(values)
    columns = np.flatnonzero(known.any(axis=0))
    names = np.array((*ARKIT_SHAPES, *HEAD))
    make_folder(path)
    try:
        with path.open("w", newline="", encoding="utf-8") as file:
            rows = csv.writer(file, lineterminator="\n")
            rows.writerow(["frame", *names[columns]])
            rows.writerows(
                [i, *(f"{values[i, k]:.{digits[k]}f}" if known[i, k] else "" for k in columns)]
                for i in np.flatnonzero(known.any(axis=1))
            )
    except OSError as error:
        raise unwritable(path, error) from error
