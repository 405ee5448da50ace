# SPDX-FileCopyrightText: 2026 Mimica authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The process that exports, seen from the one that starts it: its progress, its result, and what ended it.

An exporter that crashes takes nothing of the user's with it, and the window never waits for it.
"""

import atexit
import errno
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections import deque
from contextlib import suppress
from pathlib import Path

from .export_child import MARK
from .export_job import ExportError, Job, Result, unwritable

_SCRIPT = Path(__file__).with_name("export_child.py")
_KEPT_LINES = 60
_POLL = 0.05


current: "ExportProcess | None" = None
"""The export that is shown, also when it is over; None before the first."""


class ExportProcess:
    """An export that runs. Its methods are for one thread; nothing of Blender is kept."""

    def __init__(self, job: Job, folder: Path, blender: str) -> None:
        """Start it.

        :param folder: a temporary folder, which is removed with the process: the job's file may lie in it.
        :param blender: Blender's program; empty where it is a module of this Python.
        :raises ExportError: it cannot be started.
        """
        self.output = Path(job.output)
        self.progress = 0.0
        """How much is done, [0, 1]."""
        self.result: Result | None = None
        self.error = ""
        """What went wrong, as a sentence."""
        self.log: deque[str] = deque(maxlen=_KEPT_LINES)
        """The last lines that it printed."""
        self.cancelled = False
        self._folder = folder
        self._ended = False
        orders = folder / "job.json"
        path = [entry for entry in sys.path if entry and os.path.isabs(entry)]
        try:
            orders.write_text(json.dumps({"path": path, "job": job.to_json()}), "utf-8")
            self._process = subprocess.Popen(
                command(blender, orders),
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                cwd=folder,
                env={**os.environ, "TMPDIR": str(folder), "TEMP": str(folder), "TMP": str(folder)},
                creationflags=getattr(subprocess, "CREATE_NO_WINDOW", 0),
            )
        except OSError as error:
            shutil.rmtree(folder, ignore_errors=True)
            raise ExportError(
                f"The process that exports cannot be started ({error.strerror or error}). Install Blender again."
            ) from error
        self._reader = threading.Thread(target=self._listen, name="mimica-export", daemon=True)
        self._reader.start()
        # Nobody would see what becomes of it.
        atexit.register(self.cancel)

    @property
    def ended(self) -> bool:
        """What `done` said the last time; changes nothing."""
        return self._ended

    @property
    def done(self) -> bool:
        """Whether it is over, well or not; what it left is cleared up then."""
        if not self._ended and self._process.poll() is not None and not self._reader.is_alive():
            self._end()
        return self._ended

    def wait(self, tell: object = None) -> Result:
        """Wait for the result; for where there is no window. Raises `ExportError`.

        :param tell: a function that is told how much is done.
        """
        try:
            while not self.done:
                if callable(tell):
                    tell(self.progress)
                time.sleep(_POLL)
        except BaseException:
            self.cancel()
            raise
        if self.result is None:
            raise ExportError(self.error)
        return self.result

    def cancel(self) -> None:
        """End it at once. What stood in the file's place stays."""
        if self._ended:
            return
        self.cancelled = True
        self._process.kill()
        self._process.wait()
        self._reader.join(5.0)
        self._end()

    def _end(self) -> None:
        self._ended = True
        atexit.unregister(self.cancel)
        code = self._process.wait()
        if self.cancelled:
            self.result, self.error = None, "The export was cancelled."
        elif self.result is None and not self.error:
            self.error = _cause(code)
        with suppress(OSError):
            self.output.with_name(f".{self.output.name}.part").unlink(missing_ok=True)
        shutil.rmtree(self._folder, ignore_errors=True)

    def _listen(self) -> None:
        assert self._process.stdout is not None
        with self._process.stdout as lines:
            for raw in lines:
                line = raw.decode("utf-8", "replace").rstrip()
                if not line.startswith(MARK):
                    self.log.append(line)
                    continue
                told = json.loads(line.removeprefix(MARK))
                if "progress" in told:
                    self.progress = float(told["progress"])
                elif "done" in told:
                    self.result = Result.from_json(told["done"])
                else:
                    self.error = str(told["error"])


def command(blender: str, orders: Path) -> list[str]:
    """Return the command that does a job; see `ExportProcess`."""
    if blender:
        # Factory settings: no add-on of the user's is in the way, and none that is switched off is missing.
        start = [blender, "--background", "--factory-startup", "--python-exit-code", "1"]
        return [*start, "--python", str(_SCRIPT), "--", str(orders)]
    return [sys.executable, str(_SCRIPT), str(orders)]


def new_folder() -> Path:
    """Return a new temporary folder, for one process. Raises `ExportError`."""
    try:
        return Path(tempfile.mkdtemp(prefix="mimica-export-"))
    except OSError as error:
        raise ExportError(
            f"There is no room for temporary files ({error.strerror or error}). Make room on the disk."
        ) from error


def try_output(output: Path) -> None:
    """Find out whether a file can be written, without touching one that is there. Raises `ExportError`."""
    part = output.with_name(f".{output.name}.part")
    try:
        if output.is_dir():
            raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR))
        part.touch()
        part.unlink()
    except OSError as error:
        raise ExportError(unwritable(output, error)) from error


def _cause(code: int) -> str:
    """Return the sentence for a process that ended without a word."""
    if code < 0:
        known = {int(each) for each in signal.Signals}
        why = f"signal {-code}" + (f", {signal.strsignal(-code)}" if -code in known else "")
    else:
        why = f"code {code:#x}" if code > 0xFFFF else f"code {code}"
    return f"The process that exports ended unexpectedly ({why}). Nothing of yours is lost. Try the other format."
