# SPDX-FileCopyrightText: 2026 Mimica authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Start the helper process with the Python that runs here, and say in a sentence what ended it."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict
from pathlib import Path
from typing import IO

from .helper_memory import Handle
from .model import ModelFile
from .session import Pace
from .source import SourceKind, SourceSpec
from .tracker import TrackerSettings

_SCRIPT = Path(__file__).with_name("helper_main.py")
_KEPT = "What was recorded is kept. Press Start Capture to go on."


class HelperError(Exception):
    """The helper process cannot be started; its text is a sentence for the user."""


class Helper:
    """The helper process and the pipe to it."""

    def __init__(self, memory: Handle) -> None:
        """Start the process; it waits for its orders. Raises `HelperError`."""
        inherited = () if memory.descriptor is None else (memory.descriptor,)
        try:
            self._process = subprocess.Popen(
                [find_python(), "-I", str(_SCRIPT)],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                pass_fds=inherited,
                # Windows: no console window.
                creationflags=getattr(subprocess, "CREATE_NO_WINDOW", 0),
            )
        except OSError as error:
            raise HelperError(cannot_start(error.strerror or str(error))) from error
        assert self._process.stdin is not None and self._process.stdout is not None
        self._commands: IO[bytes] = self._process.stdin
        self.answers: IO[bytes] = self._process.stdout
        """Lines of JSON; they end with the process."""

    @property
    def number(self) -> int:
        """The process's number in the system."""
        return self._process.pid

    def send(self, *words: object) -> None:
        """Send a command. One that is gone hears nothing, which its answers tell."""
        self._write(words)

    def order(self, source: SourceSpec, model: ModelFile, tracker: TrackerSettings, pace: Pace, memory: Handle) -> None:
        """Send the orders, which come before any command."""
        self._write(
            {
                # Its own folder and those of the system, in the same order: no user's packages that are not used here.
                "path": [entry for entry in sys.path if os.path.isabs(entry)],
                "source": asdict(source),
                "model": {**asdict(model), "path": str(model.path)},
                "tracker": asdict(tracker),
                "pace": pace,
                "descriptor": memory.descriptor,
                "tag": memory.tag,
            }
        )

    def kill(self) -> None:
        """End the process at once."""
        self._process.kill()

    def end(self) -> int:
        """Wait for the end of the process, which has let go of its answers, and return its code; free what it held."""
        try:
            code = self._process.wait(2.0)
        except subprocess.TimeoutExpired:
            self._process.kill()
            code = self._process.wait()
        self.answers.close()
        with _survived():
            # This writes what could not be written before.
            self._commands.close()
        return code

    def _write(self, words: object) -> None:
        with _survived():
            self._commands.write(json.dumps(words).encode() + b"\n")
            self._commands.flush()


@contextmanager
def _survived() -> Iterator[None]:
    """Let it be harmless that nobody reads a pipe any more: Blender 4 does not ignore that signal, and would end."""
    if sys.platform == "win32":
        with suppress(OSError, ValueError):
            yield
        return
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGPIPE})
    try:
        with suppress(OSError, ValueError):
            yield
        if signal.SIGPIPE in signal.sigpending():
            signal.sigwait({signal.SIGPIPE})
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def find_python() -> str:
    """Return the Python that this program runs. Raises `HelperError`.

    Blender says where the files of its own lie. What it calls its executable may be any Python of that version that
    the system found first.
    """
    name = f"python{sys.version_info[0]}.{sys.version_info[1]}"
    prefix = Path(sys.prefix)
    candidates = [prefix / "bin" / name, prefix / "bin" / "python.exe", prefix / "python.exe"]
    if Path(sys.executable).name.startswith("python"):
        # In an environment made by `venv` on Windows, and wherever else.
        candidates.append(Path(sys.executable))
    for candidate in candidates:
        if candidate.is_file():
            return str(candidate)
    raise HelperError(cannot_start(f"there is no Python in '{sys.prefix}'"))


def cannot_start(reason: str) -> str:
    """Return the sentence for a helper process that does not come up."""
    return (
        f"The camera's helper process cannot be started ({reason}). Set Helper Process to Off under Tracker, or "
        "install Mimica again."
    )


def cause_of_end(code: int, kind: SourceKind, pictures_came: bool) -> str:
    """Return the sentence for a helper process that ended by itself with a code, below 0 for a signal."""
    if sys.platform == "darwin" and kind == "camera" and code < 0 and not pictures_came:
        return (
            "macOS ended the camera's helper process, most likely because Blender may not use the camera. Start "
            "Blender from the Terminal, and allow the Terminal under System Settings, Privacy & Security, Camera."
        )
    if code < 0:
        cause = f"signal {-code}"
        if -code in {int(known) for known in signal.Signals}:
            cause += f", {signal.strsignal(-code)}"
    else:
        cause = f"code {code:#x}" if code > 0xFFFF else f"code {code}"
    return f"The camera's helper process ended unexpectedly ({cause}). {_KEPT}"


NO_ANSWER = f"The camera's helper process stopped answering and was ended. {_KEPT}"
