# SPDX-FileCopyrightText: 2026 Mimica authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The performers known on this computer: one profile file each, in the user's folder. Any thread.

Files are replaced whole, and the version before is kept beside them as `NAME.json.bak`. A performer who was not
calibrated yet is a file too, whose `neutral` is null.
"""

import json
import re
import shutil
from dataclasses import dataclass, replace
from pathlib import Path

from ..mapping.calibration import SCHEMA, PerformerProfile, ProfileError

SUFFIX = ".json"
_BACKUP = ".bak"
_ACTIVE = "active.txt"
_FIRST = "Performer"


@dataclass(frozen=True, slots=True)
class Performer:
    """One performer as the list shows it."""

    name: str
    path: Path
    has_neutral: bool = False
    has_range: bool = False
    error: str = ""
    """Why the file cannot be read, as a sentence."""


def list_performers(folder: Path) -> tuple[Performer, ...]:
    """Return the performers in the folder by name. A file that cannot be read is listed with its `error`."""
    found = []
    for path in folder.glob(f"*{SUFFIX}"):
        try:
            profile = load_performer(path)
            has_range = profile is not None and profile.expressions is not None
            found.append(Performer(path.stem, path, profile is not None, has_range))
        except ProfileError as error:
            found.append(Performer(path.stem, path, error=str(error)))
    return tuple(sorted(found, key=lambda performer: performer.name.casefold()))


def load_performer(path: Path) -> PerformerProfile | None:
    """Read a performer's profile; None when it was not calibrated yet. Raises `ProfileError`."""
    profile = PerformerProfile.load(path) if not _is_blank(path) else None
    # The file's name is what the user sees and may change outside Blender.
    return None if profile is None else replace(profile, name=path.stem)


def save_performer(path: Path, profile: PerformerProfile | None, *, keep_old: bool = True) -> None:
    """Write a profile, or None for a performer who is not calibrated. Raises `ProfileError`."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        if keep_old and path.is_file():
            shutil.copyfile(path, _backup_of(path))
        if profile is None:
            path.write_text(json.dumps({"schema": SCHEMA, "name": path.stem, "neutral": None}), encoding="utf-8")
        else:
            replace(profile, name=path.stem).save(path)
    except OSError as error:
        raise _unwritable(path, error) from error


def new_performer(folder: Path, name: str = "") -> Path:
    """Add a performer who is not calibrated yet. Raises `ProfileError`."""
    path = _free(folder, name or _FIRST)
    save_performer(path, None)
    return path


def rename_performer(path: Path, name: str) -> Path:
    """Give a performer another name and return the new file. Raises `ProfileError`."""
    stem = _stem(name)
    if stem == path.stem:
        return path
    target = path.with_name(f"{stem}{SUFFIX}")
    if stem.casefold() in {other.stem.casefold() for other in path.parent.glob(f"*{SUFFIX}") if other != path}:
        raise ProfileError(f"There is a performer '{stem}' already. Choose another name.")
    active = active_performer(path.parent) == path
    try:
        path.rename(target)
        if _backup_of(path).exists():
            _backup_of(path).replace(_backup_of(target))
    except OSError as error:
        raise _unwritable(target, error) from error
    if active:
        set_active_performer(target)
    return target


def duplicate_performer(path: Path) -> Path:
    """Copy a performer and return the copy's file. Raises `ProfileError`."""
    target = _free(path.parent, path.stem)
    _copy(path, target)
    return target


def delete_performer(path: Path) -> None:
    """Delete a performer's file; its last version stays beside it as `.bak`. Raises `ProfileError`."""
    try:
        if path.exists():
            path.replace(_backup_of(path))
    except OSError as error:
        raise _unwritable(path, error) from error


def import_performer(folder: Path, source: Path) -> Path:
    """Copy a profile from elsewhere into the folder and return its file there. Raises `ProfileError`."""
    load_performer(source)
    target = _free(folder, source.stem)
    _copy(source, target)
    return target


def export_performer(path: Path, target: Path) -> None:
    """Copy a performer's file elsewhere. Raises `ProfileError`."""
    _copy(path, target)


def has_previous(path: Path) -> bool:
    """Whether the version before the last change is there."""
    return _backup_of(path).is_file()


def restore_previous(path: Path) -> None:
    """Exchange a performer's file with its version before the last change. Raises `ProfileError`."""
    old, scratch = _backup_of(path), path.with_name(path.name + ".new")
    try:
        path.replace(scratch)
        old.replace(path)
        scratch.replace(old)
    except OSError as error:
        raise _unwritable(path, error) from error


def active_performer(folder: Path) -> Path | None:
    """Return the file of the performer that was chosen last, the first one when that is gone, None without any."""
    try:
        chosen = folder / (folder / _ACTIVE).read_text(encoding="utf-8").strip()
        if chosen.suffix == SUFFIX and chosen.is_file():
            return chosen
    except (OSError, ValueError):
        pass
    return min(folder.glob(f"*{SUFFIX}"), key=lambda path: path.stem.casefold(), default=None)


def set_active_performer(path: Path) -> None:
    """Remember which performer is chosen. Raises `ProfileError`."""
    try:
        (path.parent / _ACTIVE).write_text(path.name, encoding="utf-8")
    except OSError as error:
        raise _unwritable(path, error) from error


def adopt_single_profile(old: Path, folder: Path) -> None:
    """Make the one profile that Mimica 0.1.0 kept the first performer. Does nothing when there is none."""
    if not old.is_file():
        return
    try:
        folder.mkdir(parents=True, exist_ok=True)
        path = _free(folder, _FIRST)
        old.rename(path)
    except OSError as error:
        raise _unwritable(old, error) from error
    set_active_performer(path)


def _is_blank(path: Path) -> bool:
    try:
        data = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return False
    return isinstance(data, dict) and data.get("schema") in range(SCHEMA + 1) and data.get("neutral", 0) is None


def _copy(source: Path, target: Path) -> None:
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(source, target)
    except OSError as error:
        raise _unwritable(target, error) from error


def _stem(name: str) -> str:
    """Return a name that is fit for a file on every system."""
    return re.sub(r"[^\w\- ]+", "_", name).strip() or _FIRST


def _free(folder: Path, name: str) -> Path:
    """Return the first free file for a name: "Ann", "Ann 2" and so on."""
    stem = _stem(name)
    taken = {path.stem.casefold() for path in folder.glob(f"*{SUFFIX}")}
    number, base = 1, re.sub(r" \d+$", "", stem)
    while stem.casefold() in taken:
        number += 1
        stem = f"{base} {number}"
    return folder / f"{stem}{SUFFIX}"


def _backup_of(path: Path) -> Path:
    return path.with_name(path.name + _BACKUP)


def _unwritable(path: Path, error: OSError) -> ProfileError:
    return ProfileError(f"The performer profile '{path.name}' cannot be written ({error.strerror or error}).")
