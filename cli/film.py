# SPDX-FileCopyrightText: 2026 Mimica authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Films and contact sheets that show the source beside the result."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any

import numpy as np

from .failure import CommandError, make_folder, unwritable

GAP = 4
"""Pixels between two pictures."""
PAPER = (250, 250, 250)
INK = (40, 40, 40)


class FilmWriter:
    """Writes pictures (uint8 (height, width, 3), BGR) into an MP4 file. A context manager.

    The codec is MPEG-4 part 2, which OpenCV can write on every system.
    """

    def __init__(self, path: Path, rate: float, size: tuple[int, int]) -> None:
        """Begin a film of `size` (width, height). Raises CommandError when it cannot be written."""
        import cv2

        self._path = path
        self._size = size
        make_folder(path)
        self._writer: Any = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*"mp4v"), rate, size)
        if not self._writer.isOpened():
            raise CommandError(f"The film '{path}' cannot be written. Choose a place, and a name that ends in .mp4.")

    def write(self, picture: np.ndarray) -> None:
        """Add one picture of the film's size."""
        if picture.shape[1::-1] != self._size:
            raise ValueError(f"A picture of {picture.shape[1::-1]} does not fit a film of {self._size}.")
        self._writer.write(np.ascontiguousarray(picture))

    def close(self) -> None:
        """Finish the file."""
        self._writer.release()

    def __enter__(self) -> "FilmWriter":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


@dataclass(frozen=True, slots=True, eq=False)
class Moment:
    """One instant of the performance."""

    time: float
    """Seconds on the take's clock."""
    source: np.ndarray
    """uint8 (h, w, 3), BGR: what the camera saw."""
    result: np.ndarray
    """uint8 (h, w, 3), BGR: what Blender shows."""


def fit(picture: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """Scale `picture` into `size` (width, height) with its proportions kept, on a dark ground."""
    import cv2

    height, width = picture.shape[:2]
    scale = min(size[0] / width, size[1] / height)
    inner = max(1, round(width * scale)), max(1, round(height * scale))
    method = cv2.INTER_AREA if scale < 1 else cv2.INTER_CUBIC
    framed = np.full((size[1], size[0], 3), 24, np.uint8)
    left, top = (size[0] - inner[0]) // 2, (size[1] - inner[1]) // 2
    framed[top : top + inner[1], left : left + inner[0]] = cv2.resize(picture, inner, interpolation=method)
    return framed


def side_by_side(moment: Moment, height: int = 512) -> np.ndarray:
    """Return source and result beside each other, each `height` pixels high and wide."""
    size = (height, height)
    return np.hstack([fit(moment.source, size), fit(moment.result, size)])


def contact_sheet(moments: Sequence[Moment], columns: int = 6, size: int = 240) -> np.ndarray:
    """Return one picture of all moments: the source above the result, the time below. uint8, BGR.

    :raises ValueError: there is no moment.
    """
    import cv2

    if not moments:
        raise ValueError("A contact sheet needs at least one moment.")
    columns = min(columns, len(moments))
    rows = -(-len(moments) // columns)
    caption = 22
    cell_width, cell_height = size + GAP, 2 * size + caption + 2 * GAP
    sheet = np.empty((rows * cell_height + GAP, columns * cell_width + GAP, 3), np.uint8)
    sheet[:] = PAPER
    for i, moment in enumerate(moments):
        left, top = GAP + i % columns * cell_width, GAP + i // columns * cell_height
        sheet[top : top + size, left : left + size] = fit(moment.source, (size, size))
        sheet[top + size + 1 : top + 2 * size + 1, left : left + size] = fit(moment.result, (size, size))
        label = f"{moment.time:.2f} s"
        place = (left + 2, top + 2 * size + 16)
        cv2.putText(sheet, label, place, cv2.FONT_HERSHEY_SIMPLEX, 0.45, INK, 1, cv2.LINE_AA)
    return sheet


def write_picture(path: Path, picture: np.ndarray) -> None:
    """Write `picture` (uint8, BGR) in the format of the file's ending. Raises CommandError."""
    import cv2

    make_folder(path)
    # cv2.imwrite takes no path beyond ASCII on Windows.
    try:
        _, data = cv2.imencode(path.suffix, picture)
        path.write_bytes(data.tobytes())
    except cv2.error:
        raise CommandError(f"'{path}' cannot be written. Choose a name that ends in .png or .jpg.") from None
    except OSError as error:
        raise unwritable(path, error) from error
