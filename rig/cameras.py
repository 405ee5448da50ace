# SPDX-FileCopyrightText: 2026 Mimica authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The cameras of this computer as the panel shows them: looked for when the tab is first drawn, and when asked.

Looking loads OpenCV and asks the system, which takes up to some seconds: that is done beside the main thread. A timer
then hands on what was found.
"""

import logging
import threading
import time

import bpy
from bpy.app.handlers import persistent

from ..capture.camera import list_cameras
from ..capture.camera_reasons import Reason, look_around, why_no_camera
from ..capture.source import SourceError

logger = logging.getLogger(__name__)

_TICK = 0.1
_PATIENCE = 20.0
"""Seconds after which a driver that does not answer holds nobody up any more."""
_HANGS = Reason(
    "libraries", "The system does not answer about its cameras.", ("Unplug the camera and plug it in again.",)
)


class _Look:
    """One look for cameras, on a thread of its own."""

    def __init__(self, replace: bool) -> None:
        self.names: tuple[str, ...] = ()
        self.reason: Reason | None = None
        self.replace = replace
        """Whether a camera that is chosen but not connected gives way to one that is."""
        self.published = False
        self._given_up = time.monotonic() + _PATIENCE
        self._thread = threading.Thread(target=self._run, name="mimica cameras", daemon=True)
        self._thread.start()

    @property
    def done(self) -> bool:
        return not self._thread.is_alive() or self.hangs

    @property
    def hangs(self) -> bool:
        return self._thread.is_alive() and time.monotonic() > self._given_up

    def _run(self) -> None:
        try:
            self.names = tuple(camera.name for camera in list_cameras())
            self.reason = None if self.names else why_no_camera(look_around())
        except SourceError as error:
            self.reason = Reason("libraries", str(error), ())
        except Exception as error:
            logger.exception("Looking for cameras failed.")
            self.reason = Reason("libraries", f"Cameras cannot be looked for: {error}.", ())


_look: _Look | None = None


def found() -> tuple[str, ...] | None:
    """Return the names of the cameras that were there when they were looked for last; None before that is known."""
    return _look.names if _look is not None and _look.done else None


def reason() -> Reason | None:
    """Return why no camera was found; None while one was, or while that is not known yet."""
    if _look is not None and _look.hangs:
        return _HANGS
    return _look.reason if _look is not None and _look.done else None


def is_looking() -> bool:
    """Return whether cameras are being looked for."""
    return _look is not None and not _look.done


def look_once() -> None:
    """Look for cameras unless that was done since the start; returns at once. May be called while drawing."""
    if _look is None:
        look(replace=False)
    elif not _look.published:
        _watch()


def look(replace: bool = True) -> None:
    """Look for the cameras that are connected now; returns at once.

    :param replace: whether a camera that is chosen but not connected gives way to the first one that is.
    """
    global _look
    if not is_looking():
        _look = _Look(replace)
    _watch()


def publish() -> None:
    """Fill the list of the interface with what was found, and choose the first camera where none is chosen."""
    if _look is None or not _look.done:
        return
    _look.published = True
    context = bpy.context
    cameras = context.window_manager.mimica.cameras
    cameras.clear()
    for name in _look.names:
        cameras.add().name = name
    settings = context.scene.mimica
    if _look.names and (not settings.camera or (_look.replace and settings.camera not in _look.names)):
        settings.camera = _look.names[0]
    for window in context.window_manager.windows:
        for area in window.screen.areas:
            if area.type == "VIEW_3D":
                for region in area.regions:
                    if region.type == "UI":
                        region.tag_redraw()


def _watch() -> None:
    if not bpy.app.timers.is_registered(_tick):
        bpy.app.timers.register(_tick, first_interval=0.0, persistent=True)


def _tick() -> float | None:
    if is_looking():
        return _TICK
    publish()
    return None


@persistent
def _on_load(*_arguments: object) -> None:
    """What the window manager knew is forgotten with the file before: it is handed on again."""
    if _look is not None:
        _look.published = False


def register() -> None:
    """Nothing is looked for yet."""
    bpy.app.handlers.load_post.append(_on_load)


def unregister() -> None:
    """Forget what was found."""
    global _look
    _look = None
    if bpy.app.timers.is_registered(_tick):
        bpy.app.timers.unregister(_tick)
    bpy.app.handlers.load_post.remove(_on_load)
