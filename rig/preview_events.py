# SPDX-FileCopyrightText: 2026 Mimica authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""When the preview of a bake looks, poses and gives back: what Blender calls while it plays, saves, undoes, renders."""

import logging
import threading
from collections.abc import Callable

import bpy
from bpy.app.handlers import persistent

from . import bake_preview
from .bake_preview import Wanted

logger = logging.getLogger(__name__)

_LOOK_SECONDS, _IDLE_SECONDS = 0.03, 0.25
"""How often what the panels say is compared with what is shown, and how often it is seen whether the preview is on."""
_RENDER_SECONDS = 1.0
"""How long a render waits at most for the character's own pose."""


def _tick() -> float:
    if not bake_preview.is_on(bpy.context.scene) and not bake_preview.is_shown():
        return _IDLE_SECONDS
    if bake_preview.rendering.is_set():
        bake_preview.give_back()
        if not bpy.app.is_job_running("RENDER"):
            bake_preview.rendering.clear()
            bake_preview.pose()
    try:
        bake_preview.look()
    except Exception:
        # The user must not be left with a pose that is not the character's own.
        logger.exception("A look of the preview failed")
        bake_preview.end()
    return _LOOK_SECONDS


@persistent
def _frame_changed(*_arguments: object) -> None:
    """Pose the character after Blender set what is animated: nothing flickers as the timeline plays."""
    if not bake_preview.is_shown() or bpy.app.is_job_running("RENDER"):
        # In a render's job this is not the main thread.
        return
    bake_preview.look()
    bake_preview.pose(frame_changed=True)


@persistent
def _give_back(*_arguments: object) -> None:
    bake_preview.give_back()


@persistent
def _pose_again(*_arguments: object) -> None:
    bake_preview.pose()


@persistent
def _undone(*_arguments: object) -> None:
    bake_preview.undone()


@persistent
def _loading(*_arguments: object) -> None:
    bake_preview.forget()


@persistent
def _loaded(*_arguments: object) -> None:
    bake_preview.end()


@persistent
def _render_begins(*_arguments: object) -> None:
    """See to it that what is rendered is the file's own. A render's job is a thread: the main thread poses."""
    if not bake_preview.is_shown():
        return
    bake_preview.rendering.set()
    if threading.current_thread() is threading.main_thread():
        bake_preview.give_back()
    else:
        bake_preview.own_pose.wait(_RENDER_SECONDS)


@persistent
def _render_ended(*_arguments: object) -> None:
    """Pose again, where no job rendered; after a job the next look does."""
    if threading.current_thread() is threading.main_thread():
        bake_preview.rendering.clear()
        bake_preview.pose()


def _handlers() -> list[tuple[list, Callable[..., None]]]:
    """Return Blender's lists of what it calls, and what belongs there."""
    lists = bpy.app.handlers
    return [
        (lists.frame_change_post, _frame_changed),
        (lists.save_pre, _give_back),
        (lists.save_post, _pose_again),
        (lists.undo_pre, _give_back),
        (lists.undo_post, _undone),
        (lists.redo_pre, _give_back),
        (lists.redo_post, _undone),
        (lists.load_pre, _loading),
        (lists.load_post, _loaded),
        (lists.render_init, _render_begins),
        (lists.render_complete, _render_ended),
        (lists.render_cancel, _render_ended),
    ]


def register(asks: Callable[[bpy.types.Scene], Wanted | str]) -> None:
    """Let previews be switched on.

    :param asks: gives what the panels say, or a sentence why there is nothing to show.
    """
    bake_preview.asks = asks
    for handlers, handler in _handlers():
        handlers.append(handler)
    bpy.app.timers.register(_tick, first_interval=_IDLE_SECONDS, persistent=True)


def unregister() -> None:
    """End a preview, and undo `register`."""
    bake_preview.end()
    bake_preview.asks = None
    if bpy.app.timers.is_registered(_tick):
        bpy.app.timers.unregister(_tick)
    for handlers, handler in _handlers():
        handlers.remove(handler)
