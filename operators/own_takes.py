# SPDX-FileCopyrightText: 2026 Mimica authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which takes belong to a scene: recorded or imported there. So one that is gone is missed, and they can move together.

Files are not undone, so what is known of them must not be either: the scene only carries it into the .blend.
"""

from pathlib import Path

import bpy
from bpy.app.handlers import persistent

from ..rig import compat, layers

_takes: dict[int, list[Path]] = {}
"""By the scene's uid."""
_renamed: dict[str, str] = {}
"""Names that takes had before, in this file and since it was loaded."""


def own_takes(scene: bpy.types.Scene) -> tuple[Path, ...]:
    """Return the files of the scene's takes, whether they are there or not."""
    return tuple(_of(scene))


def remember(scene: bpy.types.Scene, path: Path) -> None:
    """Let a take belong to the scene."""
    if path not in _of(scene):
        _of(scene).append(path)
        _store(scene)


def forget(path: Path) -> None:
    """Let a take belong to no scene any more."""
    for scene in bpy.data.scenes:
        if path in _of(scene):
            _of(scene).remove(path)
            _store(scene)


def moved(old: Path, new: Path) -> None:
    """Follow a take to its new file."""
    layers.take_moved(old, new)
    for scene in bpy.data.scenes:
        takes = _of(scene)
        if old in takes:
            takes[takes.index(old)] = new
            _store(scene)


def renamed(old: str, new: str) -> None:
    """Follow a take to its new name: the list of characters names takes."""
    _renamed[old] = new
    _renamed.pop(new, None)
    _rename_in_casts()


def _of(scene: bpy.types.Scene) -> list[Path]:
    uid = compat.session_uid(scene)
    if uid not in _takes:
        _takes[uid] = [Path(bpy.path.abspath(item.path)) for item in scene.mimica.own_takes]
    return _takes[uid]


def _store(scene: bpy.types.Scene, folder: str = "") -> None:
    """Write them into the scene, relative to the .blend where they are beside it.

    :param folder: of the .blend, empty for where it is now.
    """
    folder = folder or bpy.path.abspath("//")
    stored: list[str] = []
    for path in _of(scene):
        beside = bool(folder) and path.is_relative_to(folder)
        stored.append(f"//{path.relative_to(folder).as_posix()}" if beside else str(path))
    own = scene.mimica.own_takes
    if [item.path for item in own] != stored:
        own.clear()
        for path in stored:
            own.add().path = path


def _rename_in_casts() -> None:
    listed = set(bpy.context.window_manager.mimica.takes.keys())
    for scene in bpy.data.scenes:
        for member in scene.mimica.cast:
            name = member.take
            while name in _renamed and name not in listed:
                name = _renamed[name]
            if name != member.take:
                member.take = name


@persistent
def _after_undo(*_arguments: object) -> None:
    for scene in bpy.data.scenes:
        _store(scene)
    _rename_in_casts()


@persistent
def _after_load(*_arguments: object) -> None:
    _takes.clear()
    _renamed.clear()


@persistent
def _before_save(path: object = None, *_arguments: object) -> None:
    # Under its new name, of which Blender itself knows only after saving.
    if isinstance(path, str) and path:
        for scene in bpy.data.scenes:
            _store(scene, str(Path(path).parent))


@persistent
def _after_save(*_arguments: object) -> None:
    # The file may have been saved as a copy elsewhere.
    for scene in bpy.data.scenes:
        _store(scene)


def _handlers() -> tuple[tuple[list, object], ...]:
    handlers = bpy.app.handlers
    return (
        (handlers.undo_post, _after_undo),
        (handlers.redo_post, _after_undo),
        (handlers.load_post, _after_load),
        (handlers.save_pre, _before_save),
        (handlers.save_post, _after_save),
    )


def register() -> None:
    """Follow undo, saving and loading. Before the list of takes does, which asks here."""
    _after_load()
    for handlers, handler in _handlers():
        handlers.append(handler)


def unregister() -> None:
    """Undo `register`."""
    for handlers, handler in _handlers():
        handlers.remove(handler)
    _after_load()
