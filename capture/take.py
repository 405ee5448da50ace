# SPDX-FileCopyrightText: 2026 Mimica authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Read takes: one into arrays, or what a folder holds.

Writing is in `take_writer`, the format of the file in `take_schema`.
"""

import json
import sqlite3
import time
from collections.abc import Generator, Iterable, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from itertools import chain, islice
from pathlib import Path
from typing import Any

import numpy as np

from ..mapping.frame import ARKIT_SHAPES, LANDMARK_COUNT, FaceFrames
from .take_schema import SUFFIX, TakeError, TakeInfo, connect_to_read, figures, unreadable
from .take_writer import TakeWriter

__all__ = [
    "SUFFIX",
    "Take",
    "TakeError",
    "TakeInfo",
    "TakeSummary",
    "TakeWriter",
    "delete_take",
    "list_takes",
    "newest_first",
    "summarize",
    "summary_or_error",
]

_BLOCK = 256
"""Rows that are read at once: enough to be quick, few enough to need no memory beside the arrays."""
_LISTED = ("name", "created", "note", "star", "dropped", "complete", "figures", "timeline")
"""What a list needs of `meta`: the performer's profile alone may be a megabyte."""
_SILENCE = 10.0
"""Seconds after which nobody seems to record any more; a recording writes four times a second."""
_NO_LANDMARKS = np.full((LANDMARK_COUNT, 3), np.nan, "<f4").tobytes()
_NO_SCORES = np.full(len(ARKIT_SHAPES), np.nan, "<f4").tobytes()

# Who was there first is in every image, found or lost, and the index leads to those rows alone.
_EARLIER = """
SELECT time, width, height, 0.0, NULL, NULL FROM frames
WHERE face_id = (SELECT face_id FROM frames GROUP BY face_id ORDER BY MIN(frame), face_id LIMIT 1) AND frame < ?
ORDER BY frame
"""


@dataclass(frozen=True, slots=True)
class TakeSummary:
    """What a list of takes shows."""

    path: Path
    name: str
    created: str = ""
    note: str = ""
    duration: float = 0.0
    """Seconds from the first image to the last."""
    frames: int = 0
    """Images."""
    face_ids: tuple[int, ...] = ()
    seen: tuple[float, ...] = ()
    """[0, 1], for each of them: the share of the images in which it was found."""
    quality: float = 0.0
    """[0, 1]: mean quality of the face that was tracked best, images without it counting 0."""
    star: bool = False
    """Whether it is a favourite."""
    dropped: int | None = None
    """Images that were lost while it was recorded, None when the take does not say."""
    placed: bool = False
    """Whether it was recorded while the timeline played, and knows its place."""
    cut_short: bool = False
    """Whether the recording did not end as it should: a crash, a power cut, a full disk."""
    recording: bool = False
    """Whether it is being recorded just now."""
    error: str | None = None
    """Why it cannot be read, as a sentence; the other fields but `path` and `name` are then empty."""

    @property
    def rate(self) -> float:
        """Images a second, 0 when there are not two."""
        return (self.frames - 1) / self.duration if self.duration > 0.0 else 0.0

    @property
    def found(self) -> dict[int, float]:
        """The faces that were found at all, each with the share of the images in which it was."""
        return {face: share for face, share in zip(self.face_ids, self.seen, strict=True) if share > 0.0}

    @property
    def main_face(self) -> int | None:
        """The face that was seen most, the first of equals; None when there is no face at all."""
        found = self.found
        return max(found, key=lambda face: found[face], default=None)


class Take:
    """One take on disk. Holds no file open between calls, so that it can be deleted or moved at any time.

    Works while the take is being written: each call sees what is committed by then. Any thread. All but `info` read the
    disk and raise `TakeError`.
    """

    def __init__(self, path: Path, info: TakeInfo) -> None:
        """Use `Take.open`."""
        self.path = path
        self.info = info

    @staticmethod
    def open(path: Path) -> "Take":
        """Open the take at `path`. Raises `TakeError` for a file that is damaged, newer, or no take."""
        with _reading(path) as connection:
            return Take(path, _info(connection))

    def summary(self) -> TakeSummary:
        """Return what a list shows of it."""
        return summarize(self.path)

    @property
    def duration(self) -> float:
        """Seconds from the first image to the last."""
        return self.summary().duration

    @property
    def face_ids(self) -> tuple[int, ...]:
        """The identities that were seen, in order."""
        return self.summary().face_ids

    def frames(self, face_id: int = 0) -> FaceFrames:
        """Return all frames of one face, in the order they were captured; none when the face was never seen.

        It is lost in the images before it was first seen, so that all faces of a take have the same times. Ten minutes
        at 60 a second are 214 MB and take about 0.15 s.
        """
        with _reading(self.path) as connection:
            first, count = connection.execute(
                "SELECT MIN(frame), COUNT(*) FROM frames WHERE face_id = ?", (face_id,)
            ).fetchone()
            early = connection.execute(_EARLIER, (first,)).fetchall() if first else []
            rows = connection.execute(
                "SELECT time, width, height, quality, landmarks, scores FROM frames WHERE face_id = ? ORDER BY frame",
                (face_id,),
            )
            return _stack(chain(early, rows), len(early) + count)


def summarize(path: Path) -> TakeSummary:
    """Return what a list shows of a take, without reading its frames: 1 ms, 5 ms for ten minutes that were cut short.

    Raises `TakeError`.
    """
    with _reading(path) as connection:
        summary, complete = _summary(path, connection)
    if complete:
        return summary
    # Who reads a take last puts its log away, unless its writer is still there; but not on a full disk.
    try:
        recording = time.time() - path.with_name(path.name + "-wal").stat().st_mtime < _SILENCE
    except OSError:
        recording = False
    return replace(summary, recording=recording, cut_short=not recording)


def list_takes(folder: Path) -> tuple[TakeSummary, ...]:
    """Return the takes in `folder`, the newest first, without reading their frames. A missing folder has none.

    A file that cannot be read is listed too, with its `error`.
    """
    return newest_first(summary_or_error(path) for path in folder.glob(f"*{SUFFIX}"))


def summary_or_error(path: Path) -> TakeSummary:
    """Return what a list shows of a file: its `error` when it cannot be read."""
    try:
        return summarize(path)
    except TakeError as error:
        return TakeSummary(path, path.stem, error=str(error))


def newest_first(summaries: Iterable[TakeSummary]) -> tuple[TakeSummary, ...]:
    """Return takes in the order of a list."""
    return tuple(sorted(summaries, key=lambda s: (s.created, s.path.name), reverse=True))


def delete_take(path: Path) -> None:
    """Delete a take and what SQLite may have left beside it. Raises `TakeError`."""
    try:
        for suffix in ("", "-wal", "-shm"):
            path.with_name(path.name + suffix).unlink(missing_ok=True)
    except OSError as error:
        raise TakeError(
            f"The take '{path}' cannot be deleted ({error.strerror or error}). It may be in use."
        ) from error


@contextmanager
def _reading(path: Path) -> Generator[sqlite3.Connection, None, None]:
    """Give a connection that sees one state of the take; what fails inside becomes a `TakeError`."""
    connection = connect_to_read(path)
    try:
        connection.execute("BEGIN")
        yield connection
    except (sqlite3.Error, ValueError, TypeError, KeyError) as error:
        raise unreadable(path, error) from error
    finally:
        connection.close()


def _info(connection: sqlite3.Connection) -> TakeInfo:
    return TakeInfo.from_rows(connection.execute("SELECT key, value FROM meta").fetchall())


def _summary(path: Path, connection: sqlite3.Connection) -> tuple[TakeSummary, bool]:
    """Return what a list shows, and whether the recording ended as it should."""
    keys = ", ".join(f"'{key}'" for key in _LISTED)
    rows = connection.execute(f"SELECT key, value FROM meta WHERE key IN ({keys})").fetchall()
    said: dict[str, Any] = {key: json.loads(value) for key, value in rows}
    complete = said.pop("complete", True)
    stored = said.pop("figures", None)
    placed = said.pop("timeline", None) is not None
    count = stored if complete and stored is not None else figures(connection)
    counted: dict[str, Any] = {key: tuple(v) if isinstance(v, list) else v for key, v in count.items()}
    return TakeSummary(path, said.pop("name"), placed=placed, **said, **counted), complete


def _stack(rows: Iterable[tuple[Any, ...]], count: int) -> FaceFrames:
    """Return `count` rows as arrays. Raises ValueError when a row is not of the right form."""
    times, quality = np.empty(count, np.float64), np.empty(count, np.float32)
    image_sizes = np.empty((count, 2), np.int32)
    landmarks = np.empty((count, LANDMARK_COUNT, 3), np.float32)
    scores = np.empty((count, len(ARKIT_SHAPES)), np.float32)
    has_scores = False
    start = 0
    left = iter(rows)
    while block := tuple(islice(left, _BLOCK)):
        part = slice(start, start + len(block))
        start += len(block)
        row_times, widths, heights, qualities, points, values = zip(*block, strict=True)
        times[part], quality[part] = row_times, qualities
        image_sizes[part, 0], image_sizes[part, 1] = widths, heights
        landmarks[part] = _unpack(points, _NO_LANDMARKS).reshape(-1, LANDMARK_COUNT, 3)
        if any(value is not None for value in values):
            has_scores = True
        scores[part] = _unpack(values, _NO_SCORES).reshape(-1, len(ARKIT_SHAPES))
    return FaceFrames(times, landmarks, scores if has_scores else None, image_sizes, quality)


def _unpack(blobs: Sequence[bytes | None], missing: bytes) -> np.ndarray:
    """Join blobs of float32, `missing` where there is none."""
    whole = [missing if blob is None else blob for blob in blobs]
    if any(len(blob) != len(missing) for blob in whole):
        raise ValueError("a frame has the wrong length")
    return np.frombuffer(b"".join(whole), "<f4")
