# SPDX-FileCopyrightText: 2026 Mimica authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""When a take is, and how well its face is seen when: what is asked of a take that lies beside others."""

import sqlite3
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from .take import Take, summarize
from .take_schema import CONTROLS_VERSION, STREAM_VERSION, Timeline, connect_to_read, unreadable

_OF_FACE = "SELECT time, MAX((face_id = ?) * quality) FROM frames GROUP BY frame ORDER BY frame"
_OF_CONTROLS = "SELECT time, 1.0 FROM controls ORDER BY frame"
_OF_STREAM = "SELECT time, controls IS NOT NULL FROM stream WHERE face = ? ORDER BY frame"


@dataclass(frozen=True, slots=True, eq=False)
class TakeSpan:
    """What of a take its index tells, without its landmarks."""

    name: str
    timeline: Timeline | None
    """Where it was recorded to, None when the timeline did not play."""
    times: np.ndarray
    """float64 (N,), seconds on its own clock, of all its images."""
    quality: np.ndarray
    """float64 (N,), [0, 1], of the face that is in most of its images; 0 where that is not found. Controls of a file
    have 1."""

    def mean_quality(self, start: float, end: float) -> float:
        """Return the mean quality between two times on its clock, 0 when it has nothing there."""
        inside = (self.times >= start) & (self.times <= end)
        return float(self.quality[inside].mean()) if inside.any() else 0.0


def read_span(path: Path) -> TakeSpan:
    """Read when a take is: below 0.1 s for ten minutes, as the index answers. Any thread. Raises `TakeError`."""
    info, face = Take.open(path).info, summarize(path).main_face or 0
    with closing(connect_to_read(path)) as connection:
        try:
            (version,) = connection.execute("PRAGMA user_version").fetchone()
            query = _OF_STREAM if version == STREAM_VERSION else _OF_FACE
            query, chosen = (_OF_CONTROLS, ()) if version == CONTROLS_VERSION else (query, (face,))
            rows = connection.execute(query, chosen).fetchall()
        except sqlite3.Error as error:
            raise unreadable(path, error) from error
    table = np.array(rows, np.float64).reshape(-1, 2)
    return TakeSpan(info.name, info.timeline, table[:, 0], table[:, 1])
