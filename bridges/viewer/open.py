# SPDX-FileCopyrightText: 2026 Mimica authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Start Rerun's viewer, which is a program of its own that comes with the package."""

import os
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path
from typing import IO

from .. import extras
from .write import ViewerError

_LOCAL = "127.0.0.1"
"""What it listens on: Rerun's own choice would be every network."""


def viewer_program() -> Path:
    """Return the viewer's program. Raises `extras.ExtraMissing` or `ViewerError`."""
    extras.require("rerun")
    spec = find_spec("rerun_cli")
    folders = list(spec.submodule_search_locations or ()) if spec else []
    for folder in folders:
        for name in ("rerun", "rerun.exe"):
            path = Path(folder) / name
            if path.is_file():
                return path
    raise ViewerError("The package rerun-sdk came without its viewer. Install it again.")


def start_viewer(
    file: Path | None = None, *, port: int | None = None, log: IO[bytes] | None = None
) -> subprocess.Popen:
    """Start the viewer with a recording, or empty. Returns at once; the viewer lives on by itself.

    Raises `extras.ExtraMissing` or `ViewerError`.

    :param port: where it listens for captures, on this computer alone; None takes any that is free.
    :param log: what it has to say goes there; None: nowhere.
    """
    program = viewer_program()
    if sys.platform.startswith("linux") and not _has_display():
        raise ViewerError("There is no display to open the viewer on. Write a file (--output), and open it elsewhere.")
    command = [str(program), "--bind", _LOCAL, "--port", "auto" if port is None else str(port)]
    if file is not None:
        command.append(str(file))
    said = subprocess.DEVNULL if log is None else log
    try:
        return subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=said,
            stderr=said,
            # Ctrl+C in the terminal is for who started it.
            start_new_session=sys.platform != "win32",
            creationflags=getattr(subprocess, "CREATE_NO_WINDOW", 0),
        )
    except OSError as error:
        raise ViewerError(f"The viewer cannot be started ({error.strerror or error}). Install it again.") from error


def show(file: Path, log: Path) -> None:
    """Show a recording and wait until the user closes the viewer.

    Raises `extras.ExtraMissing`, or `ViewerError` when the viewer cannot show anything.

    :param log: a file that may be written, for what the viewer says.
    """
    with log.open("wb") as said:
        process = start_viewer(file, log=said)
        try:
            code = process.wait()
        except BaseException:
            process.terminate()
            raise
    if code:
        raise ViewerError(
            f"The viewer ended with an error ({last_words(log) or f'code {code}'}). It needs a graphics driver with "
            "Vulkan, Metal or OpenGL. Write a file (--output), and open it elsewhere."
        )


def last_words(log: Path) -> str:
    """Return the last line in which the viewer speaks of an error; empty when there is none."""
    try:
        lines = log.read_text("utf-8", "replace").splitlines()
    except OSError:
        return ""
    told = [line.strip() for line in lines if "rror" in line or "panicked" in line]
    return told[-1][:300] if told else ""


def _has_display() -> bool:
    return bool(os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY"))
