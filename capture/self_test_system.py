# SPDX-FileCopyrightText: 2026 Mimica authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The self-test's look at the computer: its disk, its memory, its system."""

import ctypes
import os
import platform
import shutil
import sqlite3
import sys
import tempfile
import time
from collections.abc import Mapping
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from .self_test import Finding

_TRIAL_BYTES = 8 * 2**20
_BLOCK = 64 * 2**10
"""Bytes that are written at once: some ten images' results."""
_LOW_ROOM = 1e9
_SLOW_DISK = 2e6
"""Bytes a second: ten times what the results of one face at 30 images a second need."""
_LOW_MEMORY = 4e9


@dataclass(frozen=True, slots=True)
class Trial:
    """How a folder took a trial file."""

    journal: str
    """SQLite's journal there: `wal` where takes survive a crash as they should."""
    rate: float
    """Bytes a second that reached the disk."""
    free: int
    """Bytes."""


def check_disk(folders: Mapping[str, Path]) -> Finding:
    """Write and remove a file of 8 MB in each folder, as takes are written.

    :param folders: by what they are called. One that is not there yet is tried in the nearest one above that is.
    """
    details: list[tuple[str, str]] = []
    problems: list[tuple[str, str]] = []
    failed = False
    done: dict[Path, Trial | OSError | sqlite3.Error] = {}
    for name, folder in folders.items():
        place = nearest_folder(folder)
        if place not in done:
            try:
                done[place] = try_folder(place)
            except (OSError, sqlite3.Error) as error:
                done[place] = error
        trial = done[place]
        if not isinstance(trial, Trial):
            failed = True
            said = trial.strerror if isinstance(trial, OSError) and trial.strerror else str(trial)
            details.append((name, f"cannot be written: {said}"))
            problems.insert(
                0, (f"The {name} cannot be written ({said}).", "Choose another folder, or free some space.")
            )
            continue
        there = "" if place == folder else ", not made yet"
        details.append((name, f"{trial.free / 1e9:.1f} GB free, {trial.rate / 1e6:.0f} MB/s, {trial.journal}{there}"))
        if trial.journal != "wal":
            sentence = f"The {name} is on a disk where a crash could damage a take."
            problems.append((sentence, "Choose a folder on this computer's own disk, not on a network."))
        if trial.free < _LOW_ROOM:
            problems.append((f"The disk of the {name} is nearly full.", "Free some space, or choose another folder."))
        if trial.rate < _SLOW_DISK:
            problems.append((f"The disk of the {name} is slow.", "Choose a folder on another disk."))
    if not problems:
        return Finding("ok", "Takes can be written, fast enough and safely.", "", tuple(details))
    sentence = " ".join(dict.fromkeys(problem for problem, _ in problems))
    advice = " ".join(dict.fromkeys(advice for _, advice in problems))
    return Finding("failure" if failed else "warning", sentence, advice, tuple(details))


def try_folder(folder: Path, size: int = _TRIAL_BYTES) -> Trial:
    """Write so many bytes into a folder that is there, by SQLite, and remove them. Raises OSError, sqlite3.Error."""
    free = shutil.disk_usage(folder).free
    with tempfile.TemporaryDirectory(prefix=".mimica-self-test-", dir=folder, ignore_cleanup_errors=True) as trial:
        with closing(sqlite3.connect(Path(trial) / "trial.mimica")) as database:
            journal = str(database.execute("PRAGMA journal_mode=WAL").fetchone()[0])
            # Each of the writes reaches the disk, as it must before a crash.
            database.execute("PRAGMA synchronous=FULL")
            database.execute("CREATE TABLE trial (data BLOB)")
            database.commit()
            data = os.urandom(_BLOCK)
            began = time.perf_counter()
            for number in range(size // _BLOCK):
                database.execute("INSERT INTO trial VALUES (?)", (data,))
                if number % 16 == 15:
                    database.commit()
            database.commit()
            taken = time.perf_counter() - began
    return Trial(journal, size / taken, free)


def nearest_folder(folder: Path) -> Path:
    """Return the folder, or the nearest one above it that is there."""
    return next((place for place in (folder, *folder.parents) if place.is_dir()), folder)


def check_system() -> Finding:
    """Say what kind of computer this is, without its name."""
    memory, cores = memory_bytes(), os.cpu_count() or 0
    details = [
        ("system", system_name()),
        ("processor", f"{platform.machine()}, {cores or 'unknown number of'} logical cores"),
        ("memory", f"{memory / 1e9:.1f} GB" if memory else "unknown"),
        ("Python", f"{platform.python_version()}, {platform.architecture()[0]}"),
    ]
    if session := os.environ.get("XDG_SESSION_TYPE"):
        details.append(("session", session))
    if sys.platform.startswith("linux") and (box := sandbox()):
        details.append(("sandbox", box))
    if memory and memory < _LOW_MEMORY:
        sentence = f"This computer has only {memory / 1e9:.1f} GB of memory."
        return Finding("warning", sentence, "Close other programs while you capture.", tuple(details))
    if cores == 1:
        sentence = "This computer has one processor core: tracking and Blender share it."
        return Finding("warning", sentence, "Choose a lower Resolution or Rate.", tuple(details))
    return Finding("ok", f"{details[0][1]}, {cores} cores.", "", tuple(details))


def system_name() -> str:
    """Return the system and its version, as in `Linux 6.1 (Debian GNU/Linux 13)`."""
    if sys.platform == "darwin":
        return f"macOS {platform.mac_ver()[0]}"
    if sys.platform == "win32":
        return f"Windows {platform.release()}, build {platform.version()}"
    try:
        kind = platform.freedesktop_os_release().get("PRETTY_NAME", "")
    except OSError:
        kind = ""
    return f"{platform.system()} {platform.release()}{f' ({kind})' if kind else ''}"


def sandbox() -> str:
    """Return the kind of package that shuts this program in: Flatpak, Snap, or none."""
    if Path("/.flatpak-info").exists():
        return "Flatpak"
    return "Snap" if os.environ.get("SNAP") and sys.prefix.startswith(os.environ["SNAP"]) else ""


def memory_bytes() -> int:
    """Return how much memory there is; 0 where the system does not say."""
    if sys.platform == "win32":
        return _windows_memory()
    try:
        return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    except (ValueError, OSError, AttributeError):
        return 0


def _windows_memory() -> int:
    class Status(ctypes.Structure):
        _fields_ = [("length", ctypes.c_ulong), ("load", ctypes.c_ulong)] + [
            (name, ctypes.c_ulonglong)
            for name in ("total", "free", "page", "free_page", "virtual", "free_virtual", "more")
        ]

    status = Status(length=ctypes.sizeof(Status))
    windows = getattr(ctypes, "windll", None)
    if windows is None or not windows.kernel32.GlobalMemoryStatusEx(ctypes.byref(status)):
        return 0
    return int(status.total)
