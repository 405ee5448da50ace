# SPDX-FileCopyrightText: 2026 Mimica authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A list of takes that costs next to nothing to look at again: only files that changed are read."""

import time
from collections.abc import Iterable
from pathlib import Path

from .take import TakeSummary, newest_first, summary_or_error

_Stamp = tuple[int, int, int]


class TakeShelf:
    """Remembers what takes say of themselves, by file. One thread."""

    def __init__(self) -> None:
        self._known: dict[Path, tuple[_Stamp, TakeSummary]] = {}
        self._left: list[Path] = []

    @property
    def complete(self) -> bool:
        """Whether all that was asked for last is read."""
        return not self._left

    def look(self, paths: Iterable[Path], seconds: float) -> tuple[TakeSummary, ...]:
        """Return the takes, the newest first. What could not be read within `seconds` comes with its name alone.

        At least one more is read with each call.
        """
        until = time.monotonic() + seconds
        asked = {path: _stamp(path) for path in paths}
        known = {path: known for path, known in self._known.items() if path in asked and known[0] == asked[path]}
        summaries = [summary for _, summary in known.values()]
        self._left = []
        read = False
        # Newest first: these are at the top of the list.
        for path in sorted(asked.keys() - known.keys(), key=lambda path: asked[path], reverse=True):
            if read and time.monotonic() > until:
                self._left.append(path)
                summaries.append(TakeSummary(path, path.stem))
                continue
            read = True
            summary = summary_or_error(path)
            summaries.append(summary)
            # Reading may have put a log away.
            known[path] = _stamp(path), summary
        self._known = known
        return newest_first(summaries)


def _stamp(path: Path) -> _Stamp:
    """Return what differs when a take was written to: the file's time and size, and its log's size."""
    try:
        status = path.stat()
        log = path.with_name(path.name + "-wal")
        return status.st_mtime_ns, status.st_size, log.stat().st_size if log.exists() else -1
    except OSError:
        return 0, 0, -1
