# SPDX-FileCopyrightText: 2026 Mimica authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Where Mimica keeps files: the user's folder, takes, performers' profiles. Never beside its own code."""

import re
from datetime import datetime
from pathlib import Path

import bpy

BASE_PACKAGE = __package__.rpartition(".")[0] if __package__ else "mimica"
"""The extension's full name, which differs from repository to repository."""
EXTENSION_FOLDER = Path(__file__).resolve().parent.parent


def user_folder() -> Path:
    """Return the user's folder for this extension's files; it survives updates. Not made here."""
    try:
        return Path(bpy.utils.extension_path_user(BASE_PACKAGE))
    except ValueError:
        # Imported as a plain package, not installed as an extension.
        return Path(bpy.utils.user_resource("DATAFILES", path="mimica"))


def takes_folder() -> Path:
    """Return where the scene's takes go; what is to be beside the .blend, to the user's folder until it is saved."""
    scene = bpy.context.scene
    chosen = (scene.mimica.takes_folder if scene is not None else "") or "//mimica"
    if chosen.startswith("//") and not bpy.data.filepath:
        return unsaved_takes_folder()
    return Path(bpy.path.abspath(chosen))


def unsaved_takes_folder() -> Path:
    """Return where takes go while the file was never saved."""
    return user_folder() / "takes"


def performers_folder() -> Path:
    """Return the folder of the performers' profiles."""
    return user_folder() / "performers"


def single_performer_file() -> Path:
    """Return where Mimica 0.1.0 kept its one performer."""
    return user_folder() / "performer.json"


def next_take(folder: Path, slate: str, suffix: str) -> tuple[str, Path]:
    """Return the next free name and path, "slate_001" onwards, fit for a file on every system.

    Free of sound and video of that name, too.
    """
    stem = re.sub(r"[^\w\- ]+", "_", slate).strip() or datetime.now().strftime("%Y-%m-%d")
    number = 1
    while any(folder.glob(f"{stem}_{number:03d}.*")):
        number += 1
    name = f"{stem}_{number:03d}"
    return name, folder / f"{name}{suffix}"
