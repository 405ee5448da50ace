# SPDX-FileCopyrightText: 2026 Mimica authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Character maps as files: where the user saves them, and presets, Mimica's own and the user's."""

import re
from dataclasses import dataclass
from pathlib import Path

import bpy

from ..mapping.character_map import CharacterMap, CharacterMapError
from ..mapping.map_file import read_map, write_map
from .paths import EXTENSION_FOLDER

SUFFIX = ".json"


@dataclass(frozen=True, slots=True)
class Preset:
    """One preset as a menu shows it."""

    name: str
    path: Path
    own: bool
    """Whether the user made it."""


def own_folder() -> Path:
    """Return the folder of the user's presets, among Blender's own. Not made here."""
    return Path(bpy.utils.user_resource("SCRIPTS", path="presets/mimica/character"))


def shipped_folder() -> Path:
    """Return the folder of the presets that come with Mimica."""
    return EXTENSION_FOLDER / "mapping" / "data" / "presets"


def list_presets() -> list[Preset]:
    """Return Mimica's presets and then the user's, each by name. A folder that cannot be read has none."""
    found: list[Preset] = []
    for folder, own in ((shipped_folder(), False), (own_folder(), True)):
        paths = sorted(folder.glob(f"*{SUFFIX}"), key=lambda path: path.stem.casefold())
        found += [Preset(path.stem, path, own) for path in paths]
    return found


def save_preset(name: str, character: CharacterMap) -> Path:
    """Keep a map as a preset of the user's; one of that name is replaced.

    :raises CharacterMapError: the name cannot be one, or the folder cannot be written to.
    """
    stem = re.sub(r"[^\w\-. ]+", "_", name).strip(" .")
    if not stem:
        raise CharacterMapError("A preset needs a name. Type one.")
    path = own_folder() / f"{stem}{SUFFIX}"
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise CharacterMapError(
            f"The folder for presets, {path.parent}, cannot be made: {_why(error)}. Save the map as a file elsewhere."
        ) from error
    save_map(path, character)
    return path


def remove_preset(path: Path) -> None:
    """Delete a preset of the user's. Raises `CharacterMapError` when it is none, or cannot be deleted."""
    if path.parent.resolve() != own_folder().resolve():
        raise CharacterMapError("This preset comes with Mimica and stays.")
    try:
        path.unlink(missing_ok=True)
    except OSError as error:
        raise CharacterMapError(f"'{path.name}' cannot be deleted: {_why(error)}.") from error


def save_map(path: Path, character: CharacterMap) -> None:
    """Write a map to a file. Raises `CharacterMapError`; what was there before stays then."""
    part = path.with_name(path.name + ".part")
    try:
        part.write_text(write_map(character), "utf-8")
        part.replace(path)
    except OSError as error:
        part.unlink(missing_ok=True)
        raise CharacterMapError(f"'{path}' cannot be written: {_why(error)}. Choose another folder.") from error


def load_map(path: Path) -> CharacterMap:
    """Read a map from a file. Raises `CharacterMapError`, which names the file and the line."""
    try:
        text = path.read_text("utf-8")
    except UnicodeDecodeError:
        raise CharacterMapError(f"'{path.name}' is no character map. Choose another file.") from None
    except OSError as error:
        raise CharacterMapError(f"'{path}' cannot be read: {_why(error)}. Choose another file.") from error
    try:
        return read_map(text)
    except CharacterMapError as error:
        raise CharacterMapError(f"'{path.name}': {error}") from None


def _why(error: OSError) -> str:
    return (error.strerror or str(error)).lower()
