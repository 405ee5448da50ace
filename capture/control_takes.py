# SPDX-FileCopyrightText: 2026 Mimica authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Takes that hold controls in place of faces: made of a file of another program, or recorded as it sends them. They are
listed and baked as others are.

Of a file: beside `meta` (with `kind` "controls", and `controls`: rate, which controls the file told, what was left out
and noted) there is the table `controls`, a row an instant, all BLOBs being little-endian float64: `controls` 52 in the
order of `mapping.frame.ARKIT_SHAPES`, `head` yaw, pitch and roll, `gaze` left and right eye's yaw and pitch, `eye_roll`
left and right, in radians and with the signs of `mapping.control_take`; the last three are NULL in all rows where the
file did not tell them. `time` is in seconds on the file's clock. Nothing is rounded: an export gives back what was
imported.

Of a stream: the table `stream` in its stead, a row for each frame of each `face` in the order of arrival, where further
`way` is the head's in centimetres, and `controls` is NULL where the sender lost the face or fell silent; `meta` has
`stream`: where straight ahead was, and for which face.
"""

import json
import os
import sqlite3
from collections.abc import Sequence
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from ..mapping.frame import ARKIT_SHAPES, ControlFrame
from .take_schema import (
    CONTROLS_VERSION,
    STREAM_VERSION,
    TakeError,
    TakeInfo,
    connect_to_read,
    create_database,
    unreadable,
)
from .take_writer import TakeForm

_TABLE = """
CREATE TABLE controls (
    frame INTEGER PRIMARY KEY,
    time REAL NOT NULL,
    controls BLOB NOT NULL,
    head BLOB,
    gaze BLOB,
    eye_roll BLOB
);
"""
_SHAPES: dict[str, tuple[int, ...]] = {
    "controls": (len(ARKIT_SHAPES),),
    "head": (3,),
    "gaze": (2, 2),
    "eye_roll": (2,),
}
_SAID = ("known", "unknown", "notes")
_STREAM_TABLE = """
CREATE TABLE stream (
    frame INTEGER NOT NULL,
    face INTEGER NOT NULL,
    time REAL NOT NULL,
    controls BLOB,
    head BLOB,
    gaze BLOB,
    eye_roll BLOB,
    way BLOB
);
CREATE INDEX stream_by_face ON stream (face, frame, time);
"""
STREAM_SHAPES: dict[str, tuple[int, ...]] = {**_SHAPES, "way": (3,)}
"""Columns of BLOBs of a stream's rows, in their order."""


class Controls(Protocol):
    """What such a take holds, as `mapping.control_take.ControlTake` has it."""

    @property
    def times(self) -> np.ndarray: ...  # noqa: D102
    @property
    def controls(self) -> np.ndarray: ...  # noqa: D102
    @property
    def rate(self) -> float: ...  # noqa: D102
    @property
    def head(self) -> np.ndarray | None: ...  # noqa: D102
    @property
    def gaze(self) -> np.ndarray | None: ...  # noqa: D102
    @property
    def eye_roll(self) -> np.ndarray | None: ...  # noqa: D102
    @property
    def known(self) -> Sequence[str]: ...  # noqa: D102
    @property
    def unknown(self) -> Sequence[str]: ...  # noqa: D102
    @property
    def notes(self) -> Sequence[str]: ...  # noqa: D102


def write_control_take(path: Path, info: TakeInfo, take: Controls) -> None:
    """Make a take of controls at `path`, which must not exist yet; its folder is made. Raises `TakeError`.

    :param info: its `kind` is set here.
    """
    count = len(take.times)
    said = {"rate": take.rate} | {key: list(getattr(take, key)) for key in _SAID}
    # All of it was told: there is no image in which a face could have been missed.
    figures = {
        "duration": float(take.times[-1] - take.times[0]) if count else 0.0,
        "frames": count,
        "face_ids": [],
        "seen": [],
        "quality": 1.0,
    }
    meta = [
        *replace(info, kind="controls").to_rows(),
        *((key, json.dumps(value)) for key, value in (("controls", said), ("figures", figures), ("complete", True))),
    ]
    columns = [take.times.tolist(), *(_blobs(getattr(take, key), count) for key in _SHAPES)]
    part = path.with_name(f".{path.name}.part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        if path.exists():
            raise TakeError(f"The take '{path}' is there already. Choose another name.")
        part.unlink(missing_ok=True)
        try:
            create_database(part, meta, _TABLE, CONTROLS_VERSION)
            with closing(sqlite3.connect(part, isolation_level=None)) as connection:
                connection.execute("BEGIN")
                rows = zip(range(count), *columns, strict=True)
                connection.executemany("INSERT INTO controls VALUES (?, ?, ?, ?, ?, ?)", rows)
                connection.execute("COMMIT")
            os.replace(part, path)
        finally:
            part.unlink(missing_ok=True)
    except (OSError, sqlite3.Error) as error:
        raise TakeError(
            f"The take '{path}' cannot be written ({error}). Choose another folder, or free some space."
        ) from error


def stream_form(face: int = 0, rest: dict[str, Any] | None = None) -> TakeForm[ControlFrame]:
    """Return how a take of a stream is written by `TakeWriter`, whose info's `kind` is to be "controls".

    :param rest: where straight ahead is for that face, as `mapping.head_rest.HeadRest` has it in JSON.
    """
    insert = "INSERT INTO stream VALUES (?, ?, ?, ?, ?, ?, ?, ?)"
    meta = (("stream", json.dumps({"face": face, "rest": rest})),)
    return TakeForm(STREAM_VERSION, _STREAM_TABLE, insert, _stream_row, meta)


def read_control_take(path: Path, face: int | None = None) -> dict[str, Any]:
    """Return what a take of controls holds: what `mapping.control_take.ControlTake.stored` takes beside a name.

    :param face: of a stream; None: the face that was seen most.

    Raises `TakeError`.
    """
    connection = connect_to_read(path)
    try:
        said = dict(connection.execute("SELECT key, value FROM meta WHERE key IN ('controls', 'stream')"))
        if "stream" in said:
            return _read_stream(connection, json.loads(said["stream"]), face)
        if "controls" not in said:
            raise TakeError(f"The take '{path.name}' holds faces, not controls.")
        told = json.loads(said["controls"])
        rows = connection.execute(f"SELECT time, {', '.join(_SHAPES)} FROM controls ORDER BY frame").fetchall()
        if not rows:
            raise ValueError("there are no instants in it")
        times, *blobs = zip(*rows, strict=True)
        arrays = {key: _array(column, key) for key, column in zip(_SHAPES, blobs, strict=True)}
        if arrays["controls"] is None or not (np.diff(times) > 0.0).all():
            raise ValueError("its instants are out of order")
        rate = float(told["rate"])
        return {
            "times": np.array(times, np.float64),
            "rate": rate,
            **arrays,
            **{key: tuple(str(item) for item in told.get(key, ())) for key in _SAID},
        }
    except (sqlite3.Error, ValueError, TypeError, KeyError, AttributeError) as error:
        raise unreadable(path, error) from error
    finally:
        connection.close()


_MOST = "SELECT face FROM stream GROUP BY face ORDER BY SUM(controls IS NOT NULL) DESC, face LIMIT 1"


def _read_stream(connection: sqlite3.Connection, said: dict[str, Any], face: int | None) -> dict[str, Any]:
    """Read one face of a stream. Parts that some instants tell are zero in the others, those that none tells are None.

    Instants that are not later than those before are passed over: the sender began again.
    """
    if face is None:
        (face,) = connection.execute(_MOST).fetchone() or (0,)
    columns = ", ".join(STREAM_SHAPES)
    rows = connection.execute(f"SELECT time, {columns} FROM stream WHERE face = ? ORDER BY frame", (face,)).fetchall()
    if not rows:
        raise ValueError("there are no instants in it")
    times = np.array([row[0] for row in rows], np.float64)
    later = np.flatnonzero(np.diff(np.maximum.accumulate(times), prepend=-np.inf) > 0.0)
    found = np.array([rows[i][1] is not None for i in later])
    told: dict[str, np.ndarray | None] = {}
    for (key, shape), column in zip(STREAM_SHAPES.items(), list(zip(*rows, strict=True))[1:], strict=True):
        rest = bytes(8 * int(np.prod(shape)))
        blobs = [column[i] for i in later]
        told[key] = None if all(b is None for b in blobs) else _array([rest if b is None else b for b in blobs], key)
    if told["controls"] is None:
        told["controls"] = np.zeros((len(later), len(ARKIT_SHAPES)))
    straight = said.get("rest") if face == said.get("face") else None
    return {"times": times[later], "rate": None, **told, "found": found, "rest": straight}


def _blobs(values: np.ndarray | None, count: int) -> list[bytes | None]:
    if values is None:
        return [None] * count
    return [row.tobytes() for row in np.ascontiguousarray(values, "<f8")]


def _array(blobs: Sequence[bytes | None], key: str) -> np.ndarray | None:
    """Join one column. Raises ValueError when a row is not of the right form."""
    whole = [blob for blob in blobs if blob is not None]
    if not whole:
        return None
    shape = STREAM_SHAPES[key]
    values = np.frombuffer(b"".join(whole), "<f8")
    if len(whole) != len(blobs) or any(len(blob) != 8 * int(np.prod(shape)) for blob in whole):
        raise ValueError(f"{key} has the wrong length")
    if not np.isfinite(values).all():
        raise ValueError(f"{key} holds what is no number")
    return values.reshape(len(blobs), *shape)


def _stream_row(number: int, frame: ControlFrame) -> tuple[Any, ...]:
    blobs = (getattr(frame, key) for key in STREAM_SHAPES)
    return number, frame.face_id, frame.time, *(None if b is None else b.astype("<f8").tobytes() for b in blobs)
