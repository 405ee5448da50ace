# SPDX-FileCopyrightText: 2026 Mimica authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Save what is whole of a damaged take: a file cut off by a power cut, a half-done copy, a bad sector.

The pages of the file are read one by one, without the tree that SQLite finds them by, as that is what breaks first.
Rows of frames fit their pages whole (see `take_schema.PAGE_SIZE`), so each page that is there gives its rows. The file
itself is only read: what is found becomes a new take beside it.

The form of pages and records is SQLite's own, https://www.sqlite.org/fileformat2.html.
"""

import math
import sqlite3
import struct
from collections.abc import Generator
from contextlib import closing, suppress
from pathlib import Path
from typing import Any

from ..mapping.frame import ARKIT_SHAPES, LANDMARK_COUNT
from .control_takes import STREAM_SHAPES, stream_form
from .take import TakeInfo
from .take_files import companions, copy_companions, free_path
from .take_schema import PAGE_SIZE, STREAM_VERSION, TakeError, create_database
from .take_writer import FACES, TakeForm

_MAGIC = b"SQLite format 3\0"
_LOG_MAGIC = (0x377F0682, 0x377F0683)
_LEAF = 0x0D
"""First byte of a page that holds rows of a table."""
_WIDTHS = (0, 1, 2, 3, 4, 6, 8, 8, 0, 0)
"""Bytes of a value by its type; from 12 on the type tells the length."""
_LANDMARK_BYTES = 4 * 3 * LANDMARK_COUNT
_SCORE_BYTES = 4 * len(ARKIT_SHAPES)

_Value = int | float | str | bytes | None


def repair_take(path: Path) -> Path:
    """Write all that is whole of a damaged take into a new one beside it, marked as cut short. Returns the new file.

    The damaged file stays as it is. Raises `TakeError` when nothing of it is whole.
    """
    target = free_path(path.parent, f"{path.stem} repaired")
    part = target.with_name(f".{target.name}.part")
    try:
        try:
            part.unlink(missing_ok=True)
            with _Pages(path) as pages:
                form: TakeForm[Any] = stream_form() if pages.schema == STREAM_VERSION else FACES
            create_database(part, [], form.tables, form.version)
            if not _fill(part, path, target.stem, form):
                raise TakeError(f"Nothing of the take '{path}' is whole. Restore it from a copy, or delete it.")
            part.replace(target)
        finally:
            part.unlink(missing_ok=True)
    except (OSError, sqlite3.Error) as error:
        raise TakeError(
            f"The take '{path.name}' cannot be repaired ({error}). The repaired copy needs a folder that can be "
            "written, and as much room as the take."
        ) from error
    # Its own, as the damaged take may be deleted. Without room for them it names those of the damaged one.
    with suppress(OSError):
        copy_companions(companions(path), target)
    return target


def _fill(part: Path, path: Path, name: str, form: TakeForm[Any]) -> int:
    """Put what is whole of a take into an empty one of its form. Returns how many rows of frames that is."""
    meta: dict[str, str] = {}
    is_whole, table = (_is_frame, "frames") if form is FACES else (_is_told, "stream")
    with closing(sqlite3.connect(part, isolation_level=None)) as connection:
        connection.execute("BEGIN")
        for row in _rows(path):
            if is_whole(row):
                connection.execute(form.insert.replace("INSERT", "INSERT OR IGNORE", 1), row)
            elif len(row) == 2 and isinstance(row[0], str) and isinstance(row[1], str):
                meta.setdefault(row[0], row[1])
        (count,) = connection.execute(f"SELECT COUNT(*) FROM {table}").fetchone()
        try:
            TakeInfo.from_rows(list(meta.items()))
        except (ValueError, TypeError, AttributeError):
            # What the take said of itself is gone; the performance is worth keeping without it.
            meta = {}
        for key, value in (*TakeInfo(name, kind="faces" if form is FACES else "controls").to_rows(), *form.meta):
            meta.setdefault(key, value)
        meta |= {key: value for key, value in TakeInfo(name).to_rows() if key == "name"}
        meta["complete"] = "false"
        meta.pop("figures", None)
        connection.executemany("INSERT INTO meta VALUES (?, ?)", meta.items())
        connection.execute("COMMIT")
    return count


def _is_frame(row: tuple[_Value, ...]) -> bool:
    if len(row) != 8:
        return False
    *numbers, quality, landmarks, scores = row
    frame, face, time, width, height = numbers
    return (
        all(isinstance(number, int) for number in (frame, face, width, height))
        and all(isinstance(number, int | float) for number in (time, quality))
        and (landmarks is None or (isinstance(landmarks, bytes) and len(landmarks) == _LANDMARK_BYTES))
        and (scores is None or (isinstance(scores, bytes) and len(scores) == _SCORE_BYTES))
    )


def _is_told(row: tuple[_Value, ...]) -> bool:
    """Whether it is a row of a stream."""
    if len(row) != 8:
        return False
    frame, face, time, *blobs = row
    return (
        isinstance(frame, int)
        and isinstance(face, int)
        and isinstance(time, int | float)
        and all(
            blob is None or (isinstance(blob, bytes) and len(blob) == 8 * math.prod(shape))
            for blob, shape in zip(blobs, STREAM_SHAPES.values(), strict=True)
        )
    )


def _rows(path: Path) -> Generator[tuple[_Value, ...], None, None]:
    """Yield the rows of all tables that can be read, in the order of the pages."""
    with _Pages(path) as pages:
        # The first page holds no rows of ours.
        for number in range(2, pages.count + 1):
            page = pages.page(number)
            if page is None or page[0] != _LEAF:
                continue
            (cells,) = struct.unpack_from(">H", page, 3)
            for i in range(min(cells, (pages.size - 8) // 2)):
                try:
                    (offset,) = struct.unpack_from(">H", page, 8 + 2 * i)
                    yield _record(_payload(pages, page, offset))
                except (IndexError, ValueError, struct.error):
                    # This row is not whole; the next may be.
                    continue


class _Pages:
    """The pages of a database, the newest of each: in its log, or in the file."""

    def __init__(self, path: Path) -> None:
        self._file = path.open("rb")
        header = self._file.read(100)
        size = int.from_bytes(header[16:18], "big")
        known = header.startswith(_MAGIC) and (size == 1 or (size >= 512 and size & (size - 1) == 0))
        self.size = (65536 if size == 1 else size) if known else PAGE_SIZE
        """Bytes of a page."""
        self.schema = int.from_bytes(header[60:64], "big")
        """The version of the take's schema, 0 where that is not whole."""
        self._log: dict[int, bytes] = _logged(path.with_name(path.name + "-wal"), self.size)
        whole = self._file.seek(0, 2) // self.size
        self._in_file = whole
        self.count = max([whole, *self._log])
        """The number of the last page, from 1."""

    def page(self, number: int) -> bytes | None:
        """Return a page, None when it is not there whole."""
        if number in self._log:
            return self._log[number]
        if not 1 <= number <= self._in_file:
            return None
        self._file.seek((number - 1) * self.size)
        return self._file.read(self.size)

    def __enter__(self) -> "_Pages":
        return self

    def __exit__(self, *exception: object) -> None:
        self._file.close()


def _logged(log: Path, size: int) -> dict[int, bytes]:
    """Return the pages that were committed to a write-ahead log, by number."""
    committed: dict[int, bytes] = {}
    if not log.is_file():
        return committed
    with log.open("rb") as stream:
        header = stream.read(32)
        if len(header) < 32 or int.from_bytes(header[:4], "big") not in _LOG_MAGIC:
            return committed
        waiting: dict[int, bytes] = {}
        while len(frame := stream.read(24 + size)) == 24 + size and frame[8:16] == header[16:24]:
            number, pages = struct.unpack_from(">II", frame)
            waiting[number] = frame[24:]
            # The last page of a commit says how many pages the database then has.
            if pages:
                committed |= waiting
                waiting = {}
    return committed


def _payload(pages: _Pages, page: bytes, offset: int) -> bytes:
    """Return the record of the cell at `offset`, with what of it lies on other pages."""
    length, offset = _varint(page, offset)
    _, offset = _varint(page, offset)
    most = pages.size - 35
    if length <= most:
        return _part(page, offset, length)
    if length > pages.size * pages.count:
        raise ValueError("longer than the file")
    least = (pages.size - 12) * 32 // 255 - 23
    here = least + (length - least) % (pages.size - 4)
    here = here if here <= most else least
    payload = _part(page, offset, here)
    following = int.from_bytes(_part(page, offset + here, 4), "big")
    while len(payload) < length:
        more = pages.page(following)
        if more is None:
            raise ValueError("a page is missing")
        following = int.from_bytes(more[:4], "big")
        payload += more[4 : 4 + length - len(payload)]
    return payload


def _record(payload: bytes) -> tuple[_Value, ...]:
    """Return the values of a record."""
    end, offset = _varint(payload, 0)
    types: list[int] = []
    while offset < end:
        kind, offset = _varint(payload, offset)
        types.append(kind)
    values: list[_Value] = []
    for kind in types:
        width = _WIDTHS[kind] if kind < 10 else (kind - 12) // 2
        content = _part(payload, offset, width)
        offset += width
        values.append(_value(kind, content))
    return tuple(values)


def _value(kind: int, content: bytes) -> _Value:
    if kind == 0:
        return None
    if kind == 7:
        return struct.unpack(">d", content)[0]
    if kind < 7:
        return int.from_bytes(content, "big", signed=True)
    if kind in (8, 9):
        return kind - 8
    if kind < 12:
        raise ValueError("no such type")
    return content.decode() if kind % 2 else content


def _varint(data: bytes, offset: int) -> tuple[int, int]:
    """Return SQLite's integer of one to nine bytes at `offset`, and where it ends."""
    value = 0
    for i in range(8):
        byte = data[offset + i]
        value = value << 7 | byte & 0x7F
        if byte < 0x80:
            return value, offset + i + 1
    return value << 8 | data[offset + 8], offset + 9


def _part(data: bytes, offset: int, length: int) -> bytes:
    if length < 0 or offset + length > len(data):
        raise ValueError("beyond the end")
    return data[offset : offset + length]
