# SPDX-FileCopyrightText: 2026 Mimica authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Keep the camera's pictures beside a take, by a thread that never holds up the tracker.

The film is Motion JPEG in an AVI: each picture stands by itself, so a film whose writer was killed is whole until
then.
"""

import logging
import queue
import shutil
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from .source import SourceError, load_cv2
from .take_schema import Film

logger = logging.getLogger(__name__)

SUFFIX = ".avi"
WAITING_BYTES = 256 * 2**20
"""Pixels that may wait in memory for the encoder or the disk: 290 pictures of 640 x 480."""
WAITING_LIMIT = 300
KEPT_FREE = 512 * 2**20
"""Bytes of the disk that a film leaves to the take itself and to everything else."""
ROOM_EVERY = 30
"""Pictures between two looks at the room on the disk."""
GROWTH_EVERY = 600
"""Pictures between two looks at whether the film grows. They reach it a quarter of a megabyte at a time."""
_USUAL_RATE = 30.0


class FilmWriter:
    """Writes a new film. `add` is for the tracker's thread, the rest for any.

    Nothing here raises: what goes wrong is a sentence in `error`; the film then ends, and the take goes on.
    """

    def __init__(self, path: Path, rate: float | None, begun: Callable[[Film], None]) -> None:
        """Begin a film at `path`, which must not exist yet.

        :param rate: pictures a second, for who plays the film by itself. The true times are the take's.
        :param begun: called once, on a thread of the film's, when its first picture is written.
        """
        self.path = path
        self.error: str | None = None
        """What ended the film early, as a sentence for the user."""
        self.count = 0
        """Pictures written."""
        self._rate = rate or _USUAL_RATE
        self._begun = begun
        self._next: int | None = None
        self._waiting: queue.Queue[tuple[int, np.ndarray] | None] = queue.Queue()
        self._bytes = 0
        self._grown = 0
        self._lock = threading.Lock()
        self._ended = False
        self._thread = threading.Thread(target=self._run, name="mimica film writer", daemon=True)
        self._thread.start()

    def add(self, number: int, pixels: np.ndarray) -> None:
        """Take the picture of the take's image `number`, uint8 (height, width, 3) RGB. Returns at once."""
        if self.error is not None or self._ended:
            return
        with self._lock:
            full = self._waiting.qsize() >= WAITING_LIMIT or self._bytes + pixels.nbytes > WAITING_BYTES
            if not full:
                self._bytes += pixels.nbytes
        if full:
            self._fail("The computer is too slow to keep the camera's video, so the video ends early.")
        elif self._next is not None and number != self._next:
            # Pictures and images would no longer belong together.
            self._fail("A picture is missing in the camera's video, so the video ends early.")
        else:
            self._next = number + 1
            self._waiting.put((number, pixels))

    def close(self, timeout: float = 10.0) -> None:
        """Write what waits and finish the file. May be called twice; blocks for as long as that takes."""
        if not self._ended:
            self._ended = True
            self._waiting.put(None)
        self._thread.join(timeout)
        if self._thread.is_alive():
            self._fail("The disk does not answer, so the end of the camera's video may be missing.")

    def _run(self) -> None:
        writer: Any = None
        try:
            cv2 = load_cv2()
            size = (0, 0)
            while (item := self._waiting.get()) is not None and self.error is None:
                number, pixels = item
                if writer is None:
                    size = (pixels.shape[1], pixels.shape[0])
                    writer = self._open(cv2, size)
                if self.count % ROOM_EVERY == 0:
                    self._check_room()
                if self.count % GROWTH_EVERY == GROWTH_EVERY - 1:
                    self._check_growth()
                same = (pixels.shape[1], pixels.shape[0]) == size
                fitting = pixels if same else cv2.resize(pixels, size, interpolation=cv2.INTER_AREA)
                writer.write(cv2.cvtColor(fitting, cv2.COLOR_RGB2BGR))
                with self._lock:
                    self._bytes -= pixels.nbytes
                self.count += 1
                if self.count == 1:
                    self._begun(Film(self.path.name, number))
        except _FilmError as error:
            self._fail(str(error))
        except SourceError as error:
            self._fail(f"The camera's video is not kept. {error}")
        except Exception as error:
            logger.exception("The film cannot be written")
            self._fail(f"The camera's video ends early, because of an error ({error}).")
        finally:
            if writer is not None:
                writer.release()
            while not self._waiting.empty():
                self._waiting.get()

    def _open(self, cv2: Any, size: tuple[int, int]) -> Any:
        """Open the file. OpenCV's own writer takes over where its FFmpeg is missing."""
        if self.path.exists():
            raise _FilmError(f"The camera's video is not kept: '{self.path}' exists already and was not touched.")
        for backend in (cv2.CAP_FFMPEG, cv2.CAP_OPENCV_MJPEG):
            writer = cv2.VideoWriter(str(self.path), backend, cv2.VideoWriter.fourcc(*"MJPG"), self._rate, size)
            if writer.isOpened():
                return writer
        raise _FilmError(
            f"The camera's video cannot be kept in '{self.path.parent}'. Choose a folder you may write to."
        )

    def _check_room(self) -> None:
        if shutil.disk_usage(self.path.parent).free < KEPT_FREE:
            raise _FilmError("The disk is nearly full, so the camera's video ends early. Free some space.")

    def _check_growth(self) -> None:
        """See that the pictures reach the file: OpenCV does not say when they do not."""
        size = self.path.stat().st_size if self.path.exists() else 0
        if size <= self._grown:
            raise _FilmError("The disk does not take the camera's video any more, so the video ends early.")
        self._grown = size

    def _fail(self, sentence: str) -> None:
        logger.error(sentence)
        self.error = self.error or sentence
        # A thread that waits for pictures sees it.
        self._waiting.put(None)


class _FilmError(Exception):
    """The film ends; its text is a sentence for the user."""
