# SPDX-FileCopyrightText: 2026 Mimica authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Playing the timeline with its sound for a take, and giving everything back afterwards."""

import logging
import math

import bpy

from . import compat

logger = logging.getLogger(__name__)


def plays(window: bpy.types.Window) -> bool:
    """Whether a window plays its scene's timeline."""
    return window.screen is not None and window.screen.is_animation_playing


def begin(window: bpy.types.Window) -> None:
    """Let a window play from the present frame on."""
    with bpy.context.temp_override(window=window):
        # Frames are dropped where there is no sound device to follow, too.
        bpy.ops.screen.animation_play(sync=True)


def cancel(window: bpy.types.Window) -> None:
    """Stop what a window plays, at its present frame. Raises RuntimeError where there is nothing left to stop."""
    with bpy.context.temp_override(window=window):
        bpy.ops.screen.animation_cancel(restore_frame=False)


def is_playing(scene: bpy.types.Scene) -> bool:
    """Whether a window plays this scene's timeline."""
    return any(window.scene == scene and plays(window) for window in bpy.context.window_manager.windows)


def last_frame(scene: bpy.types.Scene) -> float:
    """Return the frame after which the playback goes back to its beginning."""
    return float(scene.frame_preview_end if scene.use_preview_range else scene.frame_end)


def frame_rate(scene: bpy.types.Scene) -> float:
    """Return the scene's frames a second."""
    return scene.render.fps / scene.render.fps_base


class Playback:
    """A playback that was begun for a take. Main thread. Keeps no reference to anything of Blender's."""

    def __init__(self, scene: bpy.types.Scene) -> None:
        """Remember how the scene is set. Nothing plays yet."""
        self._scene = compat.session_uid(scene)
        self._sync = str(scene.sync_mode)

    def play(self, frame: float) -> bool:
        """Play from a frame on, in step with the sound. False where no window shows the scene."""
        scene = self._find()
        window = _window_of(scene) if scene is not None else None
        if scene is None or window is None:
            return False
        self.follow_sound(True)
        if is_playing(scene):
            cancel(window)
        whole = math.floor(frame)
        with bpy.context.temp_override(window=window):
            scene.frame_set(whole, subframe=frame - whole)
        begin(window)
        return True

    def stop(self) -> None:
        """Stop the playback; the scene stays at its present frame."""
        scene = self._find()
        window = _window_of(scene) if scene is not None else None
        if scene is None or window is None or not is_playing(scene):
            return
        try:
            cancel(window)
        except RuntimeError:
            # While Blender quits or loads a file there may be nothing left to stop.
            logger.info("The playback could not be stopped.", exc_info=True)

    def end(self) -> None:
        """Stop the playback and set the scene's sync mode as it was."""
        self.stop()
        self.follow_sound(False)

    def follow_sound(self, follow: bool) -> None:
        """Let the playback follow the sound, or set the scene as it was; what the user set meanwhile stays."""
        scene = self._find()
        if scene is not None and scene.sync_mode == (self._sync if follow else "AUDIO_SYNC"):
            scene.sync_mode = "AUDIO_SYNC" if follow else self._sync

    def _find(self) -> bpy.types.Scene | None:
        return next((scene for scene in bpy.data.scenes if compat.session_uid(scene) == self._scene), None)


def _window_of(scene: bpy.types.Scene) -> bpy.types.Window | None:
    windows = [window for window in bpy.context.window_manager.windows if window.scene == scene]
    playing = (window for window in windows if plays(window))
    return next(playing, windows[0] if windows else None)
