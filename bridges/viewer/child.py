# SPDX-FileCopyrightText: 2026 Mimica authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A take in the viewer, shown by a process of its own: what it does, and how it is started.

It reads and solves the take, writes a recording for the viewer, waits until the viewer is closed, and cleans up.
"""

import json
import os
import subprocess
import sys
import tempfile
import threading
from contextlib import suppress
from pathlib import Path
from typing import Any

from ...capture.helper_start import HelperError, find_python
from ...capture.source import SourceError
from ...capture.take import TakeError
from .. import extras
from .open import show
from .pictures import PicturesError
from .write import SUFFIX, ViewerError, read_content, write_file

_SCRIPT = Path(__file__).with_name("child_main.py")


class Showing:
    """A process that shows a take. All is for any thread; nothing waits."""

    def __init__(self, take: Path) -> None:
        """Start the process. Raises `extras.ExtraMissing` or `ViewerError`."""
        extras.require("rerun")
        self.name = take.stem
        self.share = 0.0
        """[0, 1]: how much of the recording is written."""
        self.problem = ""
        """Why the take cannot be shown, as a sentence."""
        self.open = False
        """Whether the viewer was started."""
        try:
            self._process = subprocess.Popen(
                [find_python(), "-I", str(_SCRIPT)],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                start_new_session=sys.platform != "win32",
                creationflags=getattr(subprocess, "CREATE_NO_WINDOW", 0),
            )
        except (OSError, HelperError) as error:
            raise ViewerError(f"The take cannot be shown, because no process can be started ({error}).") from error
        self._thread = threading.Thread(target=self._follow, args=(take,), name="mimica-view", daemon=True)
        self._thread.start()

    @property
    def over(self) -> bool:
        """Whether the viewer was closed, or never opened."""
        return not self._thread.is_alive()

    def end(self) -> None:
        """End the process before the viewer is open; one that is open stays."""
        if not self.open:
            self._process.kill()

    def _follow(self, take: Path) -> None:
        orders = {"path": [entry for entry in sys.path if os.path.isabs(entry)], "take": str(take.absolute())}
        assert self._process.stdin is not None and self._process.stdout is not None
        with suppress(OSError):
            self._process.stdin.write(json.dumps(orders).encode() + b"\n")
            self._process.stdin.close()
        for line in self._process.stdout:
            with suppress(ValueError, TypeError, AttributeError):
                self._told(json.loads(line))
        if self._process.wait() and not self.problem and not self.open:
            self.problem = f"The take '{self.name}' cannot be shown: its process ended unexpectedly. Try again."

    def _told(self, answer: dict[str, Any]) -> None:
        self.share = float(answer.get("share", self.share))
        self.problem = str(answer.get("problem", self.problem))
        self.open = bool(answer.get("open", self.open))


def run(orders: dict[str, Any]) -> int:
    """Show a take and return when the viewer was closed: 0, or 1 after telling a problem. In the process itself."""
    take = Path(orders["take"])
    try:
        with tempfile.TemporaryDirectory(prefix="mimica-", ignore_cleanup_errors=True) as folder:
            file = Path(folder) / f"{take.stem}{SUFFIX}"
            write_file(file, read_content(take), lambda share: _tell(share=round(share, 3)))
            _tell(share=1.0, open=True)
            show(file, Path(folder) / "viewer.log")
    except (TakeError, ViewerError, PicturesError, SourceError, extras.ExtraMissing) as error:
        _tell(problem=str(error), open=False)
        return 1
    return 0


def _tell(**answer: object) -> None:
    # Blender may have ended meanwhile; what it asked for is done all the same.
    with suppress(OSError, ValueError):
        sys.stdout.write(json.dumps(answer) + "\n")
        sys.stdout.flush()
