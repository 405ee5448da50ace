# SPDX-FileCopyrightText: 2026 Mimica authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whether takes can be kept in a folder: asked before a recording starts, while something can still be done."""

import shutil
import tempfile
from pathlib import Path

from .take_schema import TakeError
from .take_writer import LOG_ROOM

IMAGE_BYTES = 6600
"""Bytes of one face in one image, with its share of the pages."""
_LEAST_SECONDS = 60.0


def check_folder(folder: Path, rate: float = 30.0, faces: int = 1) -> None:
    """Make the folder for takes, and see that it can be written and has room for a minute at least.

    Raises `TakeError`, a sentence that says what to do.

    :param rate: images a second.
    :param faces: faces in each image.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        # Permissions tell nothing where a disk was mounted to be read only, or on a network.
        with tempfile.TemporaryFile(dir=folder) as trial:
            trial.write(b"mimica")
        free = shutil.disk_usage(folder).free
    except OSError as error:
        raise TakeError(
            f"Takes cannot be kept in '{folder}' ({error.strerror or error}). Choose another folder in the Takes panel."
        ) from error
    if free < LOG_ROOM + IMAGE_BYTES * rate * faces * _LEAST_SECONDS:
        raise TakeError(
            f"The disk of '{folder}' has only {free / 1e6:.0f} MB free, not enough for a minute of recording. Free "
            "some space, or choose another folder in the Takes panel."
        )
