# SPDX-FileCopyrightText: 2026 Mimica authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Exit codes, and the errors that lead to them."""

from pathlib import Path

OK = 0
BAD_INPUT = 1
"""The video, take or file cannot be used, or the result cannot be written."""
USAGE = 2
"""The command line itself is wrong."""
MISSING = 3
"""Something that Mimica needs is not installed: Blender's module, the face model."""
INTERRUPTED = 130
"""Ctrl+C; what was captured until then is kept."""


class CommandError(Exception):
    """A command cannot go on; the text is a sentence for the user."""

    def __init__(self, sentence: str, code: int = BAD_INPUT) -> None:
        super().__init__(sentence)
        self.code = code


def make_folder(path: Path) -> None:
    """Make the folder that the file `path` is to stand in. Raises CommandError."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise unwritable(path, error) from error


def unwritable(path: Path, error: OSError) -> CommandError:
    """Return what to say when the file `path` cannot be written."""
    return CommandError(f"'{path}' cannot be written ({error.strerror or error}). Choose another place.")
