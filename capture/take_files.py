# SPDX-FileCopyrightText: 2026 Mimica authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is done with takes as files: name, note, star, copies, and a trash from which they come back.

No frame is ever altered: what the user says of a take is in its table `meta`. A take's companions, its sound and the
camera's video, go where it goes and are named as it is.
"""

import json
import re
import shutil
import sqlite3
import time
from contextlib import closing, suppress
from dataclasses import asdict, replace
from pathlib import Path

from .take import Take, summarize
from .take_schema import PATIENCE, SUFFIX, TakeError, connect_to_read, unreadable

TRASH = ".trash"
"""Folder beside the takes, with one folder for each that was deleted."""
COMPANIONS = (".wav", ".avi")
"""What may lie beside a take under its name: its sound and the camera's video."""
_LOGS = ("", "-wal", "-shm")


def file_stem(name: str) -> str:
    """Return a name of a take as it can be a file's on every system; empty when nothing of it can."""
    return re.sub(r"[^\w\- ]+", "_", name).strip()


def free_path(folder: Path, stem: str) -> Path:
    """Return a path in `folder` that is not used yet, nor by a companion: "stem", "stem 2", ..."""
    path, number = folder / f"{stem}{SUFFIX}", 2
    while any((folder / f"{path.stem}{suffix}").exists() for suffix in (SUFFIX, *COMPANIONS)):
        path = folder / f"{stem} {number}{SUFFIX}"
        number += 1
    return path


def companions(path: Path) -> dict[str, Path]:
    """Return the files that belong to a take and are there, by what they are: `sound`, `film`.

    Of a take that cannot be read: those of its name.
    """
    try:
        info = Take.open(path).info
    except TakeError:
        found = dict(zip(("sound", "film"), (path.with_suffix(suffix) for suffix in COMPANIONS), strict=True))
    else:
        parts = {"sound": info.sound, "film": info.film}
        found = {key: path.with_name(part.file) for key, part in parts.items() if part and _is_companion(part.file)}
    return {key: file for key, file in found.items() if file.is_file()}


def _is_companion(name: object) -> bool:
    """Whether it names what may lie beside a take: one from elsewhere must not point at other files."""
    return isinstance(name, str) and Path(name).name == name and Path(name).suffix in COMPANIONS


def label_take(path: Path, *, name: str | None = None, note: str | None = None, star: bool | None = None) -> None:
    """Write what the user says of a take; None leaves as it is. Raises `TakeError`."""
    said = {"name": name, "note": note, "star": star}
    _write_meta(path, [(key, json.dumps(value)) for key, value in said.items() if value is not None])


def name_companions(path: Path, files: dict[str, str]) -> None:
    """Let a take say what its companions are called now: `sound` and `film`. Raises `TakeError`.

    One that cannot be read is left as it is: its companions are found by its name.
    """
    try:
        info = Take.open(path).info
    except TakeError:
        return
    parts = {"sound": info.sound, "film": info.film}
    renamed = {key: replace(part, file=files[key]) for key, part in parts.items() if part is not None and key in files}
    changed = [(key, json.dumps(asdict(part))) for key, part in renamed.items() if part != parts[key]]
    if changed:
        _write_meta(path, changed)


def _write_meta(path: Path, rows: list[tuple[str, str]]) -> None:
    """Replace rows of what a take says. Raises `TakeError`."""
    # Says in sentences what cannot be written because it cannot be read.
    connect_to_read(path).close()
    try:
        with closing(sqlite3.connect(path, timeout=PATIENCE, isolation_level=None)) as connection:
            connection.execute("BEGIN IMMEDIATE")
            connection.executemany("INSERT OR REPLACE INTO meta VALUES (?, ?)", rows)
            connection.execute("COMMIT")
    except sqlite3.Error as error:
        code = (getattr(error, "sqlite_errorcode", None) or 0) & 0xFF
        if code in (sqlite3.SQLITE_READONLY, sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_PERM):
            raise TakeError(
                f"The take '{path}' cannot be written, so nothing can be noted in it. Check the permissions of the "
                "file and its folder, or import it into another folder."
            ) from error
        if code == sqlite3.SQLITE_FULL:
            raise TakeError(f"The disk is full, so nothing can be noted in '{path.name}'. Free some space.") from error
        raise unreadable(path, error) from error


def rename_take(path: Path, name: str) -> Path:
    """Give a take another name, and its file too. Returns the file. Raises `TakeError`."""
    stem = file_stem(name)
    if not stem:
        raise TakeError("A take needs a name. Type one.")
    _refuse_while_recording(path)
    label_take(path, name=name.strip())
    if stem == path.stem:
        return path
    renamed = free_path(path.parent, stem)
    _move(path, renamed)
    return renamed


def copy_take(path: Path, folder: Path, name: str | None = None) -> Path:
    """Copy a take into a folder; `name` is the copy's, None keeps it. Returns the copy. Raises `TakeError`."""
    _refuse_while_recording(path)
    beside = companions(path)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        target = free_path(folder, file_stem(name) if name else path.stem)
        part = target.with_name(f".{target.name}.part")
        try:
            shutil.copyfile(path, part)
            log = path.with_name(path.name + "-wal")
            if log.exists():
                shutil.copyfile(log, part.with_name(part.name + "-wal"))
                connect_to_read(part).close()
            part.replace(target)
        finally:
            _remove(part)
        try:
            copy_companions(beside, target)
        except OSError:
            _remove(target)
            raise
    except OSError as error:
        raise TakeError(
            f"The take '{path.name}' cannot be copied to '{folder}' ({error.strerror or error}). Choose another "
            "folder, or free some space."
        ) from error
    if name:
        label_take(target, name=name)
    return target


def copy_companions(beside: dict[str, Path], target: Path) -> None:
    """Copy the companions of another take beside `target`, under its name, and let it say so: all of them or none.

    Raises `TakeError` and OSError.
    """
    copies = {key: target.with_suffix(file.suffix) for key, file in beside.items()}
    try:
        for key, file in beside.items():
            shutil.copyfile(file, copies[key])
    except OSError:
        for copy in copies.values():
            copy.unlink(missing_ok=True)
        raise
    name_companions(target, {key: copy.name for key, copy in copies.items()})


def duplicate_take(path: Path) -> Path:
    """Copy a take beside itself, under a name of its own. Returns the copy. Raises `TakeError`."""
    return copy_take(path, path.parent, free_path(path.parent, path.stem).stem)


def move_take(path: Path, folder: Path) -> Path:
    """Move a take into a folder, under another name when its own is used. Returns its file. Raises `TakeError`."""
    _refuse_while_recording(path)
    target = free_path(folder, path.stem)
    _move(path, target)
    return target


def trash_take(path: Path) -> None:
    """Put a take into the trash beside it, also one that cannot be read. Raises `TakeError`."""
    _refuse_while_recording(path)
    _move(path, path.parent / TRASH / str(time.time_ns()) / path.name)


def trashed_takes(folder: Path) -> tuple[Path, ...]:
    """Return what the trash of a folder holds, the last deleted first."""
    return tuple(sorted((folder / TRASH).glob(f"*/*{SUFFIX}"), key=lambda path: path.parent.name, reverse=True))


def restore_last(folder: Path) -> Path:
    """Bring the take that was deleted last back into its folder. Returns its file. Raises `TakeError`."""
    deleted = trashed_takes(folder)
    if not deleted:
        raise TakeError("The trash is empty: there is no take to restore.")
    target = free_path(folder, deleted[0].stem)
    _move(deleted[0], target)
    _tidy(deleted[0].parent)
    return target


def empty_trash(folder: Path) -> int:
    """Delete for good what the trash holds. Returns how many takes that were. Raises `TakeError`."""
    deleted = trashed_takes(folder)
    try:
        for path in deleted:
            for file in companions(path).values():
                file.unlink(missing_ok=True)
            _remove(path)
            _tidy(path.parent)
    except OSError as error:
        raise TakeError(f"The trash cannot be emptied ({error.strerror or error}). A take may be in use.") from error
    return len(deleted)


def _refuse_while_recording(path: Path) -> None:
    try:
        recording = summarize(path).recording
    except TakeError:
        if not path.is_file():
            raise
        # Also what is damaged can be put away.
        recording = False
    if recording:
        raise TakeError(f"The take '{path.name}' is being recorded. Stop the recording first.")


def _move(path: Path, target: Path) -> None:
    """Move a take with its log and its companions, all of them or none."""
    beside = companions(path)
    named = {key: target.stem + file.suffix for key, file in beside.items()}
    # The log before the take: a take without it is older, a log without its take is lost.
    ways = [(file, target.with_name(named[key])) for key, file in beside.items()]
    ways += [(path.with_name(path.name + suffix), target.with_name(target.name + suffix)) for suffix in reversed(_LOGS)]
    moved: list[tuple[Path, Path]] = []
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        for old, new in ways:
            if old.exists():
                shutil.move(old, new)
                moved.append((old, new))
    except OSError as error:
        for old, new in moved:
            with suppress(OSError):
                shutil.move(new, old)
        raise TakeError(
            f"The take '{path}' cannot be moved to '{target.parent}' ({error.strerror or error}). It may be in use, "
            "or the folder read only."
        ) from error
    if target.stem != path.stem:
        name_companions(target, named)


def _remove(path: Path) -> None:
    for suffix in _LOGS:
        path.with_name(path.name + suffix).unlink(missing_ok=True)


def _tidy(folder: Path) -> None:
    """Remove an emptied folder of the trash, and the trash itself with the last."""
    for emptied in (folder, folder.parent):
        try:
            emptied.rmdir()
        except OSError:
            # Something else is in it.
            return
