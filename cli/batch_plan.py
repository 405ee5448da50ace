# SPDX-FileCopyrightText: 2026 Mimica authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The clips of a batch, where their results stand, and which of them are done. Needs no Blender.

Each clip has a folder of its own in the batch's folder. The record in it says what the results were made from, and
does so only when all of them are there.
"""

import json
import os
import shutil
import sqlite3
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..capture.images import SUFFIXES as IMAGE_SUFFIXES
from ..capture.take import SUFFIX
from .batch_job import FACTS
from .failure import CommandError, unwritable

VIDEO_SUFFIXES = frozenset(".3gp .avi .m2ts .m4v .mkv .mov .mp4 .mpeg .mpg .mts .mxf .ogv .webm .wmv".split())
RECORD = "batch.json"
_SCHEMA = 1
_LOCK = ".mimica-batch.lock"
_PART = ".part"
"""How the name of a folder with unfinished results ends."""
_HIDDEN = ".mimica-"


@dataclass(frozen=True, slots=True)
class Clip:
    """One input."""

    name: str
    """Of its results; no other clip of the batch has it."""
    path: Path
    size: int
    """Bytes."""
    changed: int
    """When it was, in ns: its age, not its content, tells that it is another one."""


def find_clips(folder: Path, out: Path) -> list[Clip]:
    """Return the videos, takes and folders of images in `folder`, by name.

    :param out: the folder of results, which is no clip.
    :raises CommandError: the folder cannot be read, or holds nothing.
    """
    try:
        inside = sorted(folder.iterdir())
    except OSError as error:
        raise CommandError(f"'{folder}' cannot be read ({error.strerror or error}). Name a folder of clips.") from error
    paths = [path for path in inside if not path.name.startswith(".") and path.resolve() != out.resolve()]
    paths = [path for path in paths if _is_clip(path)]
    if not paths:
        raise CommandError(
            f"There is no clip in '{folder}'. Clips are videos, takes ({SUFFIX}) and folders of images; deeper folders"
            " are not looked into."
        )
    # Not all systems tell capitals from small letters.
    stems = Counter(path.stem.casefold() for path in paths)
    clips = []
    for path in paths:
        size, changed = stamp(path)
        name = path.stem if stems[path.stem.casefold()] == 1 and path.is_file() else path.name
        clips.append(Clip(name, path.absolute(), size, changed))
    twice = [name for name, count in Counter(clip.name.casefold() for clip in clips).items() if count > 1]
    if twice:
        raise CommandError(f"Several clips in '{folder}' would be called '{twice[0]}'. Rename all but one.")
    return sorted(clips, key=lambda clip: clip.name)


def _is_clip(path: Path) -> bool:
    if path.is_dir():
        return any(_images(path))
    return path.suffix.lower() in VIDEO_SUFFIXES or path.suffix.lower() == SUFFIX


def _images(folder: Path) -> Iterator[Path]:
    return (file for file in folder.iterdir() if file.suffix.lower() in IMAGE_SUFFIXES and file.is_file())


def stamp(path: Path) -> tuple[int, int]:
    """Return size in bytes and time of the last change in ns, of a file or of the images in a folder.

    :raises CommandError: it cannot be read.
    """
    try:
        states = [file.stat() for file in (_images(path) if path.is_dir() else (path,))]
    except OSError as error:
        raise CommandError(f"'{path}' cannot be read ({error.strerror or error}). Check the name.") from error
    return sum(state.st_size for state in states), max((state.st_mtime_ns for state in states), default=0)


def asked_of(
    clip: Clip, arguments: Sequence[str], files: Sequence[Path], results: Sequence[str], around: Mapping[str, str]
) -> dict[str, Any]:
    """Return what decides a clip's results, as JSON has it: when this is the same, they are.

    :param files: those that the arguments name.
    :param around: versions of what does the work.
    """
    return {
        "clip": [str(clip.path), clip.size, clip.changed],
        "arguments": list(arguments),
        "files": [[str(path), *stamp(path)] for path in files],
        "results": list(results),
        "with": dict(around),
    }


def read_record(folder: Path) -> dict[str, Any] | None:
    """Return the record of a clip's results; None when there is none that can be read."""
    try:
        record = json.loads((folder / RECORD).read_text("utf-8"))
    except (OSError, ValueError):
        return None
    return record if isinstance(record, dict) and record.get("schema") == _SCHEMA else None


def is_done(folder: Path, record: Mapping[str, Any] | None, asked: Mapping[str, Any]) -> bool:
    """Whether the results that are asked for are there."""
    return record is not None and record["asked"] == asked and all((folder / name).is_file() for name in record["made"])


def not_ours(folder: Path, record: Mapping[str, Any] | None, results: Sequence[str]) -> str | None:
    """Return the name of a file that would be replaced and that no batch made, or that was changed since."""
    made = [record["made"], record["replaced"]] if record else []
    for name in results:
        path = folder / name
        if path.exists() and list(stamp(path)) not in [known.get(name) for known in made]:
            return name
    return None


def begin(out: Path, name: str) -> Path:
    """Make the folder that stands for an unfinished clip; its results are made beside it.

    Both are as deep as the finished results are: paths in a .blend file start from where it is. Raises CommandError.
    """
    folder = out / f"{_HIDDEN}{name}.{os.getpid()}{_PART}"
    try:
        folder.mkdir(parents=True)
    except OSError as error:
        raise unwritable(folder, error) from error
    return folder


def finish(part: Path, folder: Path, asked: Mapping[str, Any], facts: Mapping[str, Any], seconds: float) -> None:
    """Move finished results to their place, the record last. Raises CommandError.

    :param facts: what was found and made.
    :param seconds: what it took.
    """
    made = {name: stamp(part / name) for name in asked["results"]}
    record = {"schema": _SCHEMA, "asked": asked, "made": made, "replaced": {}}
    record |= {"facts": facts, "seconds": round(seconds, 2)}
    try:
        if not folder.exists():
            (part / FACTS).unlink()
            _write_record(part, record)
            part.rename(folder)
            return
        # Until the last is there, the record is of no results that anybody asks for, but knows the files as its own.
        replaced = {name: stamp(folder / name) for name in made if (folder / name).exists()}
        _write_record(folder, record | {"asked": None, "replaced": replaced})
        for name in made:
            (part / name).replace(folder / name)
        _write_record(folder, record)
    except OSError as error:
        raise unwritable(folder, error) from error
    shutil.rmtree(part, ignore_errors=True)


def _write_record(folder: Path, record: Mapping[str, Any]) -> None:
    """Write a record that is never seen half done."""
    part = folder / f".{RECORD}{_PART}"
    part.write_text(json.dumps(record, indent=1), encoding="utf-8")
    part.replace(folder / RECORD)


def sweep(out: Path) -> None:
    """Throw away what interrupted batches left unfinished. Only who holds the lock may."""
    for part in out.glob(f"{_HIDDEN}*{_PART}"):
        shutil.rmtree(part, ignore_errors=True)


@contextmanager
def locked(out: Path) -> Iterator[None]:
    """Make the folder and keep other batches out of it. The system takes the lock back when the process dies.

    :raises CommandError: another batch is at work there, or it cannot be written.
    """
    try:
        out.mkdir(parents=True, exist_ok=True)
        (out / _LOCK).touch()
    except OSError as error:
        raise unwritable(out, error) from error
    with closing(sqlite3.connect(out / _LOCK, timeout=0.0, isolation_level=None)) as lock:
        try:
            lock.execute("BEGIN EXCLUSIVE")
        except sqlite3.OperationalError as error:
            raise CommandError(
                f"Another batch is at work in '{out}'. Wait for it to end, or choose another folder."
            ) from error
        yield
