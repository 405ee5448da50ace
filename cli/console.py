# SPDX-FileCopyrightText: 2026 Mimica authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the commands say: results on stdout, progress and errors on stderr, and quiet for chatty libraries."""

import logging
import os
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import TextIO

_WIDTH = 28
"""Characters of the progress bar."""
_LABEL = 22
_REDRAW = 0.1
"""Seconds between two drawings of the bar on a terminal."""
_REPORT = 5.0
"""Seconds between two lines of progress where there is no terminal."""


class Console:
    """Writes for one run of a command. Main thread; one progress bar at a time."""

    def __init__(self, *, verbose: bool = False) -> None:
        """:param verbose: also let through what the libraries say, and their log."""
        self.verbose = verbose
        self._errors = _own(sys.stderr, 2)
        self._terminal = self._errors.isatty()
        self._bar_line = ""
        if verbose:
            logging.basicConfig(stream=self._errors, level=logging.INFO, format="%(name)s: %(message)s")

    def say(self, text: str = "") -> None:
        """Write a line of the result to stdout."""
        print(text, flush=True)

    def note(self, text: str) -> None:
        """Write a line beside the result, to stderr; above the progress bar if there is one."""
        start = "\r\x1b[K" if self._bar_line else ""
        self._errors.write(f"{start}{text}\n{self._bar_line}")
        self._errors.flush()

    def error(self, sentence: str) -> None:
        """Write an error to stderr."""
        self.note(f"mimica: {sentence}")

    def figures(self, rows: Sequence[tuple[str, str]]) -> None:
        """Write a table of names and figures to stdout."""
        width = max(len(name) for name, _ in rows)
        for name, figure in rows:
            self.say(f"  {name:<{width}}  {figure}")

    @contextmanager
    def progress(self, label: str) -> Iterator[Callable[[float], None]]:
        """Show the progress of a step; the function it gives takes the fraction done, [0, 1].

        A bar that fills on a terminal, a line now and then elsewhere; at the end one line with the time it took.
        """
        began = shown = time.perf_counter()
        if self._terminal:
            self._bar(label, 0.0)

        def update(fraction: float) -> None:
            nonlocal shown
            now = time.perf_counter()
            if now - shown < (_REDRAW if self._terminal else _REPORT):
                return
            shown = now
            if self._terminal:
                self._bar(label, min(max(fraction, 0.0), 1.0))
            else:
                self.note(f"{label:<{_LABEL}} {fraction:4.0%}")

        try:
            yield update
        except BaseException:
            if self._terminal:
                self._bar_line = ""
                self._errors.write("\n")
            raise
        took = f"{time.perf_counter() - began:.1f} s"
        start = "\r\x1b[K" if self._terminal else ""
        self._bar_line = ""
        self.note(f"{start}{label:<{_LABEL}} done in {took}")

    @contextmanager
    def quiet(self) -> Iterator[None]:
        """Keep what native libraries and Blender write to the process's stdout and stderr out of sight.

        This console goes on writing. On an error, the last of it is logged. Does nothing when verbose.
        """
        if self.verbose:
            yield
            return
        sys.stdout.flush()
        sys.stderr.flush()
        kept = os.dup(1), os.dup(2)
        with tempfile.TemporaryFile() as sink:
            os.dup2(sink.fileno(), 1)
            os.dup2(sink.fileno(), 2)
            try:
                yield
            finally:
                sys.stdout.flush()
                sys.stderr.flush()
                for descriptor, original in enumerate(kept, 1):
                    os.dup2(original, descriptor)
                    os.close(original)

    def _bar(self, label: str, fraction: float) -> None:
        done = round(fraction * _WIDTH)
        self._bar_line = f"{label:<{_LABEL}} [{'#' * done}{'.' * (_WIDTH - done)}] {fraction:4.0%}"
        self._errors.write(f"\r\x1b[K{self._bar_line}")
        self._errors.flush()


def _own(stream: TextIO, descriptor: int) -> TextIO:
    """Return a stream that still reaches the user while the process's own descriptor is turned away."""
    try:
        if stream.fileno() != descriptor:
            return stream
    except (OSError, ValueError):  # replaced by something that is no file
        return stream
    return os.fdopen(os.dup(descriptor), "w", encoding=stream.encoding, errors="replace")
