# SPDX-FileCopyrightText: 2026 Mimica authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The take file: a performance as it was captured, in one SQLite database (`.mimica`).

Two tables, which any SQLite tool can read:

- `meta`: key and value, each as JSON: the fields of `TakeInfo` (`timeline`, `sound` and `film` are null for takes
  recorded without), and what the recording itself says: `complete` (false until it ended as it should), `dropped`
  (images that were lost while it ran), `figures` (what a list shows of its frames, so that a list need not count
  them);
- `frames`: one row for each face in each image. `frame` numbers the images from 0, `time` is in seconds, `landmarks` is
  478 x 3 float32 and `scores` 52 float32, little-endian, as `mapping.frame.FaceFrame` describes them; `landmarks` is
  NULL when the face was not found, `scores` when there were none.

A take of another kind (`kind` in `meta`) is one that holds controls, of a file or of a stream: see `control_takes`. Its
table of frames is empty, and its schema is `CONTROLS_VERSION` or `STREAM_VERSION`, so that programs which look for
faces alone say that it is newer.

`PRAGMA application_id` marks the file as a take, `PRAGMA user_version` is the version of this schema: it rises only
when an older program would read a take wrongly. Rows of `meta` may come at any time, as programs pass over those that
they do not know: a take of before them is read as it is, and gets them when something is written to it.
"""

import json
import os
import sqlite3
from contextlib import closing
from dataclasses import asdict, dataclass, fields, replace
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any, Literal

from .source import SourceInfo

SUFFIX = ".mimica"
PATIENCE = 0.5
"""Seconds to wait for someone who is writing just then."""
SCHEMA_VERSION = 1
CONTROLS_VERSION = 2
"""Of takes that hold controls in place of faces, made of a file."""
STREAM_VERSION = 3
"""Of takes that hold controls as they came from another program, of several faces; the newest that can be read."""
APPLICATION_ID = 0x4D494D49
"""\"MIMI\"."""

PAGE_SIZE = 32768
"""Bytes. Five rows fit a page whole, so that reading does not follow chains of overflow pages."""

# The index answers everything that a list of takes shows, and the order of one face's rows, without touching a blob.
SCHEMA = """
CREATE TABLE meta (key TEXT PRIMARY KEY, value TEXT NOT NULL);
CREATE TABLE frames (
    frame INTEGER NOT NULL,
    face_id INTEGER NOT NULL,
    time REAL NOT NULL,
    width INTEGER NOT NULL,
    height INTEGER NOT NULL,
    quality REAL NOT NULL,
    landmarks BLOB,
    scores BLOB
);
CREATE UNIQUE INDEX frames_by_face ON frames (face_id, frame, time, quality);
"""


TakeKind = Literal["faces", "controls"]


class TakeError(Exception):
    """A take cannot be written or read; its text is a sentence for the user."""


@dataclass(frozen=True, slots=True)
class Timeline:
    """Where a take lies that was recorded while the scene's timeline played."""

    frame: float
    """Scene frame at which the take's clock showed 0."""
    rate: float
    """The scene's frames a second then."""

    def frame_at(self, time: float) -> float:
        """Return the scene frame at a time on the take's clock, seconds."""
        return self.frame + time * self.rate


@dataclass(frozen=True, slots=True)
class Sound:
    """What a microphone heard meanwhile."""

    file: str
    """Name of a WAV file in the take's folder."""
    start: float
    """Seconds on the take's clock at which its first sample was heard."""
    rate: float
    """Samples a second of the take's clock: the device's own clock may run a little fast or slow."""
    device: str


@dataclass(frozen=True, slots=True)
class Film:
    """The camera's pictures, kept on request."""

    file: str
    """Name of a film in the take's folder. Its pictures are those of the take's images, in their order."""
    first: int
    """Number of the image of its first picture."""


@dataclass(frozen=True, slots=True)
class TakeInfo:
    """What a take says about itself."""

    name: str
    source: SourceInfo | None = None
    """What was opened, None when it is not known."""
    camera_fov: float | None = None
    """The camera's vertical field of view in degrees, None when it is not known."""
    tracker: str = ""
    tracker_version: str = ""
    model_sha256: str = ""
    created: str = ""
    """ISO 8601, UTC."""
    performer: dict[str, Any] | None = None
    """The performer's profile at that time, as its own versioned JSON."""
    performer_face: int = 0
    """The face whose profile that is."""
    note: str = ""
    star: bool = False
    """Whether it is a favourite."""
    kind: TakeKind = "faces"
    """What it holds."""
    timeline: Timeline | None = None
    sound: Sound | None = None
    film: Film | None = None

    @classmethod
    def now(
        cls,
        name: str,
        source: SourceInfo | None,
        model_sha256: str,
        camera_fov: float | None,
        performer: dict[str, Any] | None = None,
        performer_face: int = 0,
    ) -> "TakeInfo":
        """Return the info of a take that begins now, with this installation's tracker."""
        return cls(
            name,
            source,
            camera_fov,
            tracker="MediaPipe Face Landmarker",
            tracker_version=version("mediapipe"),
            model_sha256=model_sha256,
            created=datetime.now(UTC).isoformat(timespec="seconds"),
            performer=performer,
            performer_face=performer_face,
        )

    @classmethod
    def imported(cls, name: str) -> "TakeInfo":
        """Return the info of a take that is made now of a file of another program."""
        return cls(name, created=datetime.now(UTC).isoformat(timespec="seconds"))

    @classmethod
    def received(cls, name: str, source: SourceInfo | None) -> "TakeInfo":
        """Return the info of a take that begins now, of controls that another program sends."""
        return replace(cls.imported(name), source=source, kind="controls")

    def to_rows(self) -> list[tuple[str, str]]:
        """Return the rows of `meta`."""
        return [(key, json.dumps(value)) for key, value in asdict(self).items()]

    @classmethod
    def from_rows(cls, rows: list[tuple[str, str]]) -> "TakeInfo":
        """Return the info of the rows of `meta`; keys of other programs are passed over.

        Raises ValueError or TypeError when the values are not what they should be.
        """
        known = {field.name for field in fields(cls)}
        values = {key: json.loads(value) for key, value in rows if key in known}
        for key, kind in _PARTS.items():
            if values.get(key) is not None:
                described = {field.name for field in fields(kind)}
                values[key] = kind(**{k: v for k, v in values[key].items() if k in described})
        return cls(**values)


_PARTS: dict[str, type[Any]] = {"source": SourceInfo, "timeline": Timeline, "sound": Sound, "film": Film}


def create_database(path: Path, meta: list[tuple[str, str]], tables: str = "", version: int = SCHEMA_VERSION) -> None:
    """Make an empty take, with further tables that make it one of another version. Raises sqlite3.Error."""
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.execute(f"PRAGMA page_size = {PAGE_SIZE}")
        connection.executescript(
            f"BEGIN; PRAGMA application_id = {APPLICATION_ID}; PRAGMA user_version = {version}; {SCHEMA} {tables}"
        )
        connection.executemany("INSERT INTO meta VALUES (?, ?)", meta)
        connection.execute("COMMIT")


def connect_to_read(path: Path) -> sqlite3.Connection:
    """Open a take for reading, also while it is being written, or after its writer was killed. Raises `TakeError`.

    SQLite itself needs to write here: it keeps readers and the writer apart through a file beside the take, and puts a
    killed writer's last commits into place. In a folder that cannot be written it does without.
    """
    if not path.is_file():
        raise TakeError(f"The take '{path}' does not exist. It was moved or deleted.")
    immutable = f"{path.absolute().as_uri()}?immutable=1"
    attempts: list[tuple[str, bool]] = [(os.fspath(path), False), (immutable, True)]
    error: sqlite3.Error | None = None
    for database, uri in attempts:
        connection = None
        try:
            connection = sqlite3.connect(database, timeout=PATIENCE, uri=uri, isolation_level=None)
            (application,) = connection.execute("PRAGMA application_id").fetchone()
            (version,) = connection.execute("PRAGMA user_version").fetchone()
            (page,) = connection.execute("PRAGMA page_size").fetchone()
        except sqlite3.Error as failure:
            if connection is not None:
                connection.close()
            error = failure
            if isinstance(failure, sqlite3.OperationalError) and not _is_busy(failure) and not _has_log(path):
                continue
            break
        if application != APPLICATION_ID:
            connection.close()
            raise TakeError(f"'{path}' is not a Mimica take. Choose a file that Mimica recorded.")
        if version > STREAM_VERSION:
            connection.close()
            raise TakeError(
                f"The take '{path.name}' was recorded by a newer Mimica (its format is {version}, this Mimica reads "
                f"up to {STREAM_VERSION}). Update Mimica to open it."
            )
        # SQLite takes what is missing of a last page for zeros, and says nothing.
        if not _has_log(path) and path.stat().st_size % page:
            connection.close()
            raise unreadable(path, sqlite3.DatabaseError("its end is missing"))
        return connection
    raise unreadable(path, error) from error


_FIGURES = (
    "SELECT face_id, MAX(frame) + 1, MIN(time), MAX(time), SUM(quality), SUM(quality > 0)"
    " FROM frames GROUP BY face_id ORDER BY 1"
)
# Each face of a stream comes by itself: the face that came most counts as the others' images.
_STREAM_FIGURES = (
    "SELECT face, (SELECT MAX(n) FROM (SELECT COUNT(*) AS n FROM stream GROUP BY face)), MIN(time), MAX(time),"
    " SUM(controls IS NOT NULL), SUM(controls IS NOT NULL) FROM stream GROUP BY face ORDER BY 1"
)


def figures(connection: sqlite3.Connection) -> dict[str, Any]:
    """Count what a list shows of a take's frames: the index answers it, about 5 ms for ten minutes."""
    (version,) = connection.execute("PRAGMA user_version").fetchone()
    faces = connection.execute(_STREAM_FIGURES if version == STREAM_VERSION else _FIGURES).fetchall()
    if not faces:
        return {}
    face_ids, counts, firsts, lasts, qualities, found = zip(*faces, strict=True)
    return {
        "duration": max(lasts) - min(firsts),
        "frames": max(counts),
        "face_ids": face_ids,
        "seen": tuple(images / max(counts) for images in found),
        "quality": max(qualities) / max(counts),
    }


def unreadable(path: Path, error: Exception | None) -> TakeError:
    """Return what to say of a take that cannot be read because of `error`."""
    code = getattr(error, "sqlite_errorcode", None)
    if _is_busy(error):
        return TakeError(f"The take '{path.name}' is being written by someone else. Try again in a moment.")
    if code is not None and code & 0xFF == sqlite3.SQLITE_NOTADB:
        return TakeError(f"'{path}' is not a Mimica take, or it is damaged. Choose another file, or try Repair Take.")
    if code is not None and code & 0xFF in (sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_READONLY, sqlite3.SQLITE_PERM):
        return TakeError(
            f"The take '{path}' cannot be opened ({error}). Check the permissions of the file and its folder."
        )
    return TakeError(
        f"The take '{path.name}' is damaged ({error}). Repair Take makes a copy of what is whole, and leaves this file "
        "as it is."
    )


def _is_busy(error: Exception | None) -> bool:
    """Whether someone else is writing, so that one must neither read past the lock nor speak of damage."""
    code = getattr(error, "sqlite_errorcode", None)
    return code is not None and code & 0xFF in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED)


def _has_log(path: Path) -> bool:
    """Whether commits wait beside the take, which an immutable opening would not see."""
    log = path.with_name(path.name + "-wal")
    return log.exists() and log.stat().st_size > 0
