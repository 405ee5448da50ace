# SPDX-FileCopyrightText: 2026 Mimica authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Takes that hold controls in place of faces: made of a file of another program, listed and baked as others are.

Beside `meta` (with `kind` "controls", and `controls`: rate, which controls the file told, what was left out and noted)
there is the table `controls`, a row an instant, all BLOBs being little-endian float64: `controls` 52 in the order of
`mapping.frame.ARKIT_SHAPES`, `head` yaw, pitch and roll, `gaze` left and right eye's yaw and pitch, `eye_roll` left and
right, in radians and with the signs of `mapping.control_take`; the last three are NULL in all rows where the file did
not tell them. `time` is in seconds on the file's clock. Nothing is rounded: an export gives back what was imported.
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

from ..mapping.frame import ARKIT_SHAPES
from .take_schema import CONTROLS_VERSION, TakeError, TakeInfo, connect_to_read, create_database, unreadable

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


def read_control_take(path: Path) -> dict[str, Any]:
    """Return what a take of controls holds: the fields of `mapping.control_take.ControlTake` but for its name.

    Raises `TakeError`.
    """
    connection = connect_to_read(path)
    try:
        (said,) = connection.execute("SELECT value FROM meta WHERE key = 'controls'").fetchone() or (None,)
        if said is None:
            raise TakeError(f"The take '{path.name}' holds faces, not controls.")
        told = json.loads(said)
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
    except (sqlite3.Error, ValueError, TypeError, KeyError) as error:
        raise unreadable(path, error) from error
    finally:
        connection.close()


def _blobs(values: np.ndarray | None, count: int) -> list[bytes | None]:
    if values is None:
        return [None] * count
    return [row.tobytes() for row in np.ascontiguousarray(values, "<f8")]


def _array(blobs: Sequence[bytes | None], key: str) -> np.ndarray | None:
    """Join one column. Raises ValueError when a row is not of the right form."""
    whole = [blob for blob in blobs if blob is not None]
    if not whole:
        return None
    shape = _SHAPES[key]
    values = np.frombuffer(b"".join(whole), "<f8")
    if len(whole) != len(blobs) or any(len(blob) != 8 * int(np.prod(shape)) for blob in whole):
        raise ValueError(f"{key} has the wrong length")
    if not np.isfinite(values).all():
        raise ValueError(f"{key} holds what is no number")
    return values.reshape(len(blobs), *shape)
