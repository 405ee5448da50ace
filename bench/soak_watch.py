# SPDX-FileCopyrightText: 2026 Mimica authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a process holds of the system: memory, open files by kind, threads by name, children, shared memory. Linux."""

import csv
import os
import re
import threading
import time
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

SHARED = Path("/dev/shm")
_NUMBER = re.compile(r"\d+")


@dataclass(frozen=True, slots=True)
class Reading:
    """One moment of the curve."""

    seconds: float
    own_mb: float
    """Resident memory of the process."""
    helper_mb: float
    """The same of the helper process, 0 without one."""
    files: int
    threads: int
    """All of the system's threads of that process, not Python's alone."""
    note: str


@dataclass(frozen=True, slots=True)
class Held:
    """What is held at one moment, to be compared with another."""

    files: Counter[str]
    threads: Counter[str]
    native_threads: Counter[str]
    """All of the system's, with the names that libraries give them."""
    children: Counter[str]
    shared: frozenset[str]
    resident_mb: float

    def more_than(self, other: "Held") -> list[str]:
        """Return what is held now and was not then, as words; memory apart."""
        said = [
            f"{count} {kind} {name}"
            for kind, now, then in (
                ("file", self.files, other.files),
                ("thread", self.threads, other.threads),
                ("child process", self.children, other.children),
                ("of the system's threads named", self.native_threads, other.native_threads),
            )
            for name, count in (now - then).items()
        ]
        said += [f"shared memory {name}" for name in sorted(self.shared - other.shared)]
        return said


def held(process: int | str = "self", threads: Iterable[str] | None = None) -> Held:
    """Return what a process holds now.

    :param threads: the names of its Python threads; None: this process's.
    """
    if threads is None:
        threads = [thread.name for thread in threading.enumerate()]
    return Held(
        Counter(_open_files(process)),
        Counter(_NUMBER.sub("#", name) for name in threads),
        Counter(_native_threads(process)),
        Counter(_children(process)),
        frozenset(os.listdir(SHARED)) if SHARED.is_dir() else frozenset(),
        resident_mb(process),
    )


def resident_mb(process: int | str = "self") -> float:
    """Return the resident memory of a process, MB; 0 when it is gone."""
    return _status_mb(process, "VmRSS")


def peak_mb(process: int | str = "self") -> float:
    """Return the most that was ever resident of a process, MB; 0 when it is gone."""
    return _status_mb(process, "VmHWM")


def _status_mb(process: int | str, field: str) -> float:
    try:
        text = Path(f"/proc/{process}/status").read_text()
    except OSError:
        return 0.0
    found = re.search(rf"^{field}:\s+(\d+) kB", text, re.MULTILINE)
    return int(found[1]) / 1024 if found else 0.0


def _native_threads(process: int | str) -> list[str]:
    names: list[str] = []
    for task in Path(f"/proc/{process}/task").iterdir():
        try:
            names.append(_NUMBER.sub("#", (task / "comm").read_text().strip()))
        except OSError:
            continue  # it ended meanwhile
    return names


def _open_files(process: int | str) -> list[str]:
    """Return each open file's kind: "socket", "pipe", "anon_inode:..." or a file's path without its numbers."""
    kinds: list[str] = []
    for number in os.listdir(f"/proc/{process}/fd"):
        try:
            target = os.readlink(f"/proc/{process}/fd/{number}")
        except OSError:
            continue  # that of the listing itself
        kind = target.split(":[")[0]
        kinds.append(_NUMBER.sub("#", Path(kind).name) if kind.startswith("/") else kind)
    return kinds


def _children(process: int | str) -> list[str]:
    names: list[str] = []
    for task in Path(f"/proc/{process}/task").iterdir():
        try:
            numbers = (task / "children").read_text().split()
        except OSError:
            continue
        for number in numbers:
            try:
                names.append(Path(f"/proc/{number}/comm").read_text().strip())
            except OSError:
                continue
    return names


class Curve:
    """Readings every `every` seconds from the moment it is made, printed and written to a CSV file as they come."""

    def __init__(self, path: Path, process: int | str = "self", every: float = 10.0) -> None:
        self.readings: list[Reading] = []
        self._process = process
        self._every = every
        self._began = time.perf_counter()
        self._file = path.open("w", newline="", buffering=1)
        self._rows = csv.writer(self._file)
        self._rows.writerow(Reading.__slots__)

    @property
    def seconds(self) -> float:
        """Seconds since it was made."""
        return time.perf_counter() - self._began

    def look(self, helper: int | None, note: str = "") -> None:
        """Take a reading if one is due."""
        if self.seconds < len(self.readings) * self._every:
            return
        helper_mb = resident_mb(helper) if helper else 0.0
        files, threads = (len(os.listdir(f"/proc/{self._process}/{kind}")) for kind in ("fd", "task"))
        reading = Reading(round(self.seconds, 1), resident_mb(self._process), helper_mb, files, threads, note)
        self.readings.append(reading)
        self._rows.writerow([getattr(reading, name) for name in Reading.__slots__])
        if len(self.readings) % 6 == 1:
            print(
                f"{reading.seconds:8.0f} s {reading.own_mb:8.1f} MB {reading.helper_mb:8.1f} MB "
                f"{reading.files:4} files {reading.threads:4} threads  {note}",
                flush=True,
            )

    def close(self) -> None:
        """Close the file."""
        self._file.close()

    def growth(self, column: str, warm: float) -> tuple[float, float, float]:
        """Return the median of `column` in the tenth of the time after `warm` seconds, in the last tenth, and the most.

        Medians, because single readings jump by what happens to be on its way.
        """
        times = np.array([reading.seconds for reading in self.readings])
        values = np.array([getattr(reading, column) for reading in self.readings])
        tenth = (times[-1] - warm) / 10
        first = values[(times >= warm) & (times <= max(warm + tenth, times[times >= warm][0]))]
        return float(np.median(first)), float(np.median(values[times >= times[-1] - tenth])), float(values.max())
