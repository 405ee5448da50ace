# SPDX-FileCopyrightText: 2026 Mimica authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The list of takes."""

import logging
from collections.abc import Callable
from pathlib import Path

import bpy
from bpy.app.handlers import persistent

from ..capture.take import SUFFIX, TakeSummary
from ..capture.take_files import trashed_takes
from ..capture.take_shelf import TakeShelf
from ..rig import live
from ..rig.paths import takes_folder, unsaved_takes_folder
from .own_takes import forget, own_takes
from .redraw import redraw

logger = logging.getLogger(__name__)

_shelf = TakeShelf()
_shown: list[Path] = []
"""The folder that the list shows."""
_READ_SECONDS = 0.1
"""For how long the list is read at once; the rest follows bit by bit."""
when_finished: list[Callable[[Path], None]] = []
"""What is to be done with each take whose file was just finished."""


def refresh_takes(window_manager: bpy.types.WindowManager, select: str = "") -> None:
    """Read the takes of the scene into the panel's list; `select` is the path to make active.

    Only files that changed are read, and no more than a tenth of a second long: `_watch` goes on.
    """
    state = window_manager.mimica
    if not select and 0 <= state.take_index < len(state.takes):
        select = state.takes[state.take_index].path
    folder = takes_folder()
    _shown[:] = [folder]
    scene = bpy.context.scene
    own = own_takes(scene) if scene is not None else ()
    there = {path for path in own if path.is_file()}
    state.takes.clear()
    for summary in _shelf.look({*folder.glob(f"*{SUFFIX}"), *there}, _READ_SECONDS):
        _show(state.takes.add(), summary)
    for path in own:
        if path not in there:
            item = state.takes.add()
            item.name, item.path, item.missing = path.stem, str(path), True
            item.error = (
                f"The take '{path}' is not there any more. Relink it to where it is now, or take it off the list."
            )
    paths = [item.path for item in state.takes]
    if select in paths:
        state.take_index = paths.index(select)
    state.take_index = max(0, min(state.take_index, len(state.takes) - 1))
    state.takes_trashed = len(trashed_takes(folder))
    state.takes_to_move = len(takes_to_move())


def takes_to_move() -> tuple[Path, ...]:
    """Return the scene's takes that were recorded before its file was saved, and could move beside it by now."""
    before = unsaved_takes_folder()
    scene = bpy.context.scene
    if scene is None or takes_folder() == before:
        return ()
    return tuple(path for path in own_takes(scene) if path.parent == before and path.is_file())


def active_take(context: bpy.types.Context) -> Path | None:
    """Return the file of the take that is active in the list."""
    state = context.window_manager.mimica
    if 0 <= state.take_index < len(state.takes):
        return Path(state.takes[state.take_index].path)
    return None


def _show(item: bpy.types.PropertyGroup, summary: TakeSummary) -> None:
    item.name = summary.name
    item.path = str(summary.path)
    item.duration = summary.duration
    item.frames = summary.frames
    item.rate = summary.rate
    item.dropped = -1 if summary.dropped is None else summary.dropped
    item.quality = summary.quality
    item.note = summary.note
    item.star = summary.star
    item.cut_short = summary.cut_short
    item.error = summary.error or ""
    item.placed = summary.placed
    item.several_faces = len(summary.found) > 1
    item.faces = ", ".join(f"{face + 1} ({share:.0%})" for face, share in summary.found.items())


class MIMICA_OT_refresh_takes(bpy.types.Operator):
    bl_idname = "mimica.refresh_takes"
    bl_label = "Refresh Takes"
    bl_description = "Look again at the folder of takes"

    def execute(self, context: bpy.types.Context) -> set[str]:
        refresh_takes(context.window_manager)
        return {"FINISHED"}


def _watch() -> float:
    """Refresh the list when a take was finished in the background, another folder is shown, or more is to be read."""
    finished = live.finished_takes.popleft() if live.finished_takes else None
    if finished is not None and not finished.is_file():
        # It could not even be begun; the panel has said so.
        forget(finished)
    if finished is not None or not _shelf.complete or _shown != [takes_folder()]:
        refresh_takes(bpy.context.window_manager, str(finished or ""))
        redraw(bpy.context, "UI")
    if finished is not None and finished.is_file():
        for function in when_finished:
            try:
                function(finished)
            except Exception:
                # The list must go on being refreshed.
                logger.exception("%s: not all was done with the finished take", finished)
    return 0.25 if _shelf.complete else 0.05


@persistent
def _on_load(*_arguments: object) -> None:
    refresh_takes(bpy.context.window_manager)


def _look_once() -> None:
    refresh_takes(bpy.context.window_manager)


_register, _unregister = bpy.utils.register_classes_factory((MIMICA_OT_refresh_takes,))


def register() -> None:
    """Register the operators; the list follows file loads, saves and finished takes."""
    _register()
    bpy.app.handlers.load_post.append(_on_load)
    bpy.app.handlers.save_post.append(_on_load)
    bpy.app.timers.register(_look_once, first_interval=0.1, persistent=True)
    bpy.app.timers.register(_watch, first_interval=0.25, persistent=True)


def unregister() -> None:
    """Undo `register`."""
    for function in (_watch, _look_once):
        if bpy.app.timers.is_registered(function):
            bpy.app.timers.unregister(function)
    bpy.app.handlers.save_post.remove(_on_load)
    bpy.app.handlers.load_post.remove(_on_load)
    _unregister()
