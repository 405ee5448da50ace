# SPDX-FileCopyrightText: 2026 Mimica authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Record a take: every frame to disk while it is captured, by a thread that never holds up the tracker."""

import atexit
import json
import logging
import os
import shutil
import sqlite3
import threading
import time
from collections import deque
from collections.abc import Callable
from contextlib import closing
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Generic, TypeVar

import numpy as np

from ..mapping.frame import FaceFrame
from .take_schema import PAGE_SIZE, SCHEMA_VERSION, Film, Sound, TakeError, TakeInfo, Timeline, create_database, figures

logger = logging.getLogger(__name__)

COMMIT_EVERY = 0.25
"""Seconds between commits. What waits in memory is lost with the process: no more than a second is promised."""
WAITING_LIMIT = 7200
"""Images that may wait in memory for a disk that does not answer: two minutes at 60 a second, 45 MB a face."""
CHECKPOINT_PAGES = 256
"""Pages (8 MB) of the write-ahead log before SQLite moves them into the take."""
ROOM_EVERY = 2.0
"""Seconds between two looks at the room on the disk."""
LOG_ROOM = 2 * CHECKPOINT_PAGES * PAGE_SIZE
"""Bytes that must stay free for the log."""
F = TypeVar("F")
"""What is recorded: `FaceFrame`, or `ControlFrame`."""
READER_PATIENCE = 200
"""Milliseconds that closing waits for someone who is reading the take just then."""


@dataclass(frozen=True, slots=True)
class TakeForm(Generic[F]):
    """How frames become rows of a take."""

    version: int
    """Of the schema."""
    tables: str
    """SQL that makes tables beside those that every take has."""
    insert: str
    """SQL that puts a row in."""
    row: Callable[[int, F], tuple[Any, ...]]
    """Makes a row of the number of an image and a frame. Called on the writer's thread."""
    meta: tuple[tuple[str, str], ...] = ()
    """What the take says of itself besides."""


class TakeWriter(Generic[F]):
    """Writes a new take. `append` is for the tracker's thread, the rest for any.

    Nothing here raises: what goes wrong is a sentence in `error`, frames that were committed before stay in the file,
    and later ones are dropped. The file appears a moment after the writer was made. Used as a context manager it closes
    itself.
    """

    def __init__(self, path: Path, info: TakeInfo, form: "TakeForm[F] | None" = None) -> None:
        """Begin a take at `path`, which must not exist yet. `form`: of its rows; None: of tracked faces."""
        self.path = path
        self.info = info
        self._form: TakeForm[Any] = form or FACES
        self._meta = [*info.to_rows(), *self._form.meta, ("complete", "false")]
        self.error: str | None = None
        """What went wrong, as a sentence for the user."""
        self.dropped: Callable[[], int] | None = None
        """Tells how many images were lost since the take began; called on the writer's thread."""
        self.minutes_left: float | None = None
        """For how long the disk has room at the present rate; None while that is not known."""
        self._bytes = 0
        self._dropped = 0
        self._waiting: deque[tuple[int, tuple[F, ...]]] = deque()
        self._told: deque[tuple[str, str]] = deque()
        self._accepted = 0
        self._written = 0
        self._file: tuple[int, int] | None = None
        self._closing = threading.Event()
        self._thread = threading.Thread(target=self._run, name="mimica take writer", daemon=True)
        self._thread.start()
        atexit.register(self.close)

    @property
    def count(self) -> int:
        """Images recorded so far; after an error, those that are safely in the file."""
        return self._accepted if self.error is None else self._written

    def append(self, faces: tuple[F, ...]) -> int | None:
        """Take the faces of one image, later than the last one's. Returns at once and never raises.

        :return: the image's number in the take; None when it is not taken any more.
        """
        if self.error is not None or self._closing.is_set():
            return None
        if len(self._waiting) >= WAITING_LIMIT:
            self._fail(f"The disk is too slow to record the take '{self.path.name}'. What it took until now is kept.")
            return None
        number = self._accepted
        self._waiting.append((number, faces))
        self._accepted += 1
        return number

    def tell(self, key: str, value: Timeline | Sound | Film) -> None:
        """Say something of the take that only became known now; it is on the disk with the next commit. Any thread.

        Returns at once. What was told before under the same key is replaced.
        """
        self._told.append((key, json.dumps(asdict(value))))

    def close(self, timeout: float = 10.0) -> None:
        """Write what waits, make the take one file, and end the thread. May be called twice.

        Blocks, usually for some 20 ms.
        """
        self._closing.set()
        self._thread.join(timeout)
        if self._thread.is_alive():
            self._fail(f"The disk does not answer, so the end of the take '{self.path.name}' may be missing.")
        atexit.unregister(self.close)

    def __enter__(self) -> "TakeWriter[F]":
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()

    def _run(self) -> None:
        try:
            connection = self._create()
        except TakeError as error:
            self._fail(str(error))
            return
        except (OSError, sqlite3.Error) as error:
            self._fail(self._explain(error))
            return
        try:
            closing = False
            looked = began = time.monotonic()
            while not closing and self.error is None:
                closing = self._closing.wait(COMMIT_EVERY)
                if not self._is_there():
                    raise FileNotFoundError(self.path)
                self._write(connection)
                now = time.monotonic()
                if now - looked >= ROOM_EVERY:
                    looked = now
                    self._look_for_room(now - began)
            if self.error is None:
                self._complete(connection)
        except (OSError, sqlite3.Error) as error:
            self._fail(self._explain(error))
        finally:
            self._waiting.clear()
            self._finish(connection)

    def _create(self) -> sqlite3.Connection:
        """Make the take and open it. On the writer's thread, to which SQLite ties the connection.

        It is made complete under another name, so that whoever looks into the folder sees a take or nothing.
        """
        self.path.parent.mkdir(parents=True, exist_ok=True)
        if self.path.exists():
            raise TakeError(f"The take '{self.path}' exists already and was not touched. Choose another name.")
        part = self.path.with_name(f".{self.path.name}.part")
        try:
            part.unlink(missing_ok=True)
            create_database(part, self._meta, self._form.tables, self._form.version)
            with closing(sqlite3.connect(part, isolation_level=None)) as connection:
                (mode,) = connection.execute("PRAGMA journal_mode = WAL").fetchone()
            status = part.stat()
            part.replace(self.path)
        except (OSError, sqlite3.Error):
            part.unlink(missing_ok=True)
            raise
        self._file = (status.st_dev, status.st_ino)
        if mode != "wal":
            logger.warning("%s: SQLite keeps the journal mode '%s': reading while recording may wait.", self.path, mode)
        connection = sqlite3.connect(self.path, isolation_level=None)
        # Every commit reaches the disk, so that a power cut loses no more than a crash.
        connection.execute("PRAGMA synchronous = FULL")
        connection.execute(f"PRAGMA wal_autocheckpoint = {CHECKPOINT_PAGES}")
        return connection

    def _write(self, connection: sqlite3.Connection) -> None:
        """Commit all that waits."""
        images = [self._waiting.popleft() for _ in range(len(self._waiting))]
        told = [self._told.popleft() for _ in range(len(self._told))]
        if not images and not told:
            return
        rows = [self._form.row(number, face) for number, faces in images for face in faces]
        connection.execute("BEGIN")
        connection.executemany(self._form.insert, rows)
        connection.executemany("INSERT OR REPLACE INTO meta VALUES (?, ?)", told)
        dropped = self.dropped() if self.dropped is not None else None
        if dropped is not None and (dropped != self._dropped or self._written == 0):
            connection.execute("INSERT OR REPLACE INTO meta VALUES ('dropped', ?)", (json.dumps(dropped),))
            self._dropped = dropped
        connection.execute("COMMIT")
        self._written += len(images)
        self._bytes += sum(len(part) for row in rows for part in row if isinstance(part, bytes))

    def _complete(self, connection: sqlite3.Connection) -> None:
        """Say in the take that it ended as it should, and what a list shows of it."""
        rows = [("complete", "true"), ("figures", json.dumps(figures(connection)))]
        connection.execute("BEGIN")
        connection.executemany("INSERT OR REPLACE INTO meta VALUES (?, ?)", rows)
        connection.execute("COMMIT")

    def _look_for_room(self, seconds: float) -> None:
        """Work out for how long there is room; `seconds` is how long the take is."""
        if not self._bytes:
            return
        try:
            free = shutil.disk_usage(self.path.parent).free
        except OSError:
            self.minutes_left = None
            return
        self.minutes_left = max(0.0, free - LOG_ROOM) / (self._bytes / seconds) / 60.0

    def _is_there(self) -> bool:
        """Whether the path still names the take: where that is allowed, a deleted file is written on to nowhere."""
        try:
            status = os.stat(self.path)
        except FileNotFoundError:
            return False
        return (status.st_dev, status.st_ino) == self._file

    def _finish(self, connection: sqlite3.Connection) -> None:
        """Put the log's pages into the take and leave one plain file, readable also where nothing can be written."""
        try:
            if connection.in_transaction:
                connection.execute("ROLLBACK")
            connection.execute(f"PRAGMA busy_timeout = {READER_PATIENCE}")
            connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
            # Refused while someone reads; the take is as good with its log, which the last reader puts away.
            connection.execute("PRAGMA journal_mode = DELETE").fetchall()
        except sqlite3.Error as error:
            logger.info("%s: the log stays beside the take (%s)", self.path, error)
        finally:
            connection.close()

    def _fail(self, sentence: str) -> None:
        logger.error(sentence)
        self.error = self.error or sentence

    def _explain(self, error: Exception) -> str:
        """Return the sentence for an error of the disk."""
        logger.info("%s: %s", self.path, error)
        if self._file is not None and not self._is_there():
            return f"The take '{self.path}' was deleted or replaced while it was recorded. Record it again."
        code = getattr(error, "sqlite_errorcode", 0) & 0xFF
        if code == sqlite3.SQLITE_FULL:
            return (
                f"The disk is full, so recording of the take '{self.path.name}' stopped. "
                f"The {self._written} images until then are kept. Free some space."
            )
        if self._written == 0 and code in (0, sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_READONLY, sqlite3.SQLITE_PERM):
            reason = getattr(error, "strerror", None) or error
            return f"The take cannot be recorded in '{self.path.parent}' ({reason}). Choose a folder you may write to."
        return (
            f"Recording of the take '{self.path.name}' stopped, as the disk reported an error ({error}). "
            f"The {self._written} images until then are kept."
        )


def _pack(array: np.ndarray | None) -> bytes | None:
    return None if array is None else array.astype("<f4", copy=False).tobytes()


def _face_row(number: int, face: FaceFrame) -> tuple[Any, ...]:
    return (number, face.face_id, face.time, *face.image_size, face.quality, _pack(face.landmarks), _pack(face.scores))


FACES = TakeForm(SCHEMA_VERSION, "", "INSERT INTO frames VALUES (?, ?, ?, ?, ?, ?, ?, ?)", _face_row)
"""Of faces that were tracked."""
