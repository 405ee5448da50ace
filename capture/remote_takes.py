# SPDX-FileCopyrightText: 2026 Mimica authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The takes of a capture in a helper process, which are written in this one: by the numbers that the helper knows."""

import logging
import threading

import numpy as np

from ..mapping.frame import FaceFrame
from .film import FilmWriter
from .take_writer import TakeWriter

log = logging.getLogger(__name__)

_NO_ROOM = "The pictures are too large for the helper process, so the video ends early. Choose a lower resolution."


class RemoteTakes:
    """Takes that results may still belong to: the last images of a recording come after its end. Any thread."""

    def __init__(self) -> None:
        self.newest = 0
        """Number of the take that was begun last; the first is 1."""
        self.shown: TakeWriter | None = None
        """The writer whose figures are shown, also after its recording."""
        self._writers: dict[int, TakeWriter] = {}
        self._films: dict[int, FilmWriter] = {}
        self._row: int | None = None
        self._lock = threading.Lock()

    def begin(self, writer: TakeWriter, film: FilmWriter | None) -> int:
        """Begin a take and return its number."""
        with self._lock:
            self.newest += 1
            self.shown = self._writers[self.newest] = writer
            if film is not None:
                self._films[self.newest] = film
            return self.newest

    def is_open(self, take: int) -> bool:
        """Whether results may still go to a take."""
        return take in self._writers

    def record(self, take: int, faces: tuple[FaceFrame, ...]) -> None:
        """Append a result to a take, if it is still open."""
        with self._lock:
            writer = self._writers.get(take)
            self._row = writer.append(faces) if writer is not None else None

    def film(self, take: int, pixels: np.ndarray | None) -> None:
        """Give the picture of the result that was recorded last to a take's film; None: it could not be had."""
        with self._lock:
            film = self._films.get(take)
            if film is None or self._row is None:
                return
            if pixels is not None:
                film.add(self._row, pixels)
            elif film.error is None:
                film.error = _NO_ROOM

    def forget(self, take: int) -> None:
        """Hand a take back to who began it: nothing more goes to it."""
        with self._lock:
            self._writers.pop(take, None)
            self._films.pop(take, None)

    def close(self, timeout: float) -> bool:
        """Close all that are open. Return False if one is still being written to after `timeout` seconds."""
        if not self._lock.acquire(timeout=timeout):
            log.error("The take is not closed: its disk does not answer.")
            return False
        try:
            left = [*self._writers.values(), *self._films.values()]
            self._writers.clear()
            self._films.clear()
        finally:
            self._lock.release()
        for writer in left:
            writer.close(timeout)
        return True
