# SPDX-FileCopyrightText: 2026 Mimica authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The take on the character as a bake would key it, without a key. Holds the preview's only state.

Whether it is on is a property of the scene, so that undo and the panel agree about it. What it shows follows from what
the panels say, which is asked for again and again: a look costs microseconds while nothing changed.

The character's own pose is given back when the preview ends, and while a file is saved, a step is undone or a picture
is rendered: none of these may take what is shown for the character's own.
"""

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass

import bpy
import numpy as np

from ..mapping.performance import Performance
from . import character, compat, live
from .apply import PoseWriter
from .bake_settings import BakeError, BakeSettings
from .bind import Binding, TargetError, bind
from .kept_pose import KeptPose
from .preview_motion import MotionMaker, origin

_AGAIN_SECONDS = 0.5
"""When what could not be shown is tried again."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """What is to be shown. Asked for anew each time: the object is not kept."""

    target: bpy.types.Object
    performance: Performance
    """The same object as long as the same is to be shown."""
    settings: BakeSettings


@dataclass(frozen=True, slots=True)
class Status:
    """What the panel says."""

    frames: tuple[int, int] | None = None
    """The first and the last frame that the performance takes."""
    working: bool = False
    """Whether a motion is being worked out in the background."""
    problem: str = ""
    """Why nothing is shown, as a sentence."""


@dataclass(slots=True, eq=False)
class _Shown:
    """The character that is posed. Names and numbers only."""

    uid: int
    """What Blender knows its object by, through undo and renaming."""
    bound_to: tuple[object, ...]
    """What would have to be bound anew when it changes."""
    writer: PoseWriter
    kept: KeptPose
    """How it stands without the preview."""
    maker: MotionMaker
    settings: BakeSettings
    """What it is posed by."""


asks: Callable[[bpy.types.Scene], Wanted | str] | None = None
"""Gives what the panels say, or why there is nothing to show: set by whoever knows the panels."""
_shown: _Shown | None = None
_before: _Shown | None = None
"""What was shown last: undo may lead back into it."""
_problem = ""
_try_again_at = 0.0
rendering = threading.Event()
"""Set while a picture is rendered."""
own_pose = threading.Event()
"""Set while the character has its own pose."""
own_pose.set()


def is_on(scene: bpy.types.Scene | None) -> bool:
    """Whether a scene's preview is switched on."""
    return scene is not None and hasattr(scene, "mimica") and scene.mimica.preview.on


def status() -> Status:
    """Return what there is to say of the preview that is on."""
    if _shown is None or _problem:
        return Status(problem=_problem)
    made = _shown.maker.made
    if made is None:
        return Status(working=True)
    first, last = np.array(made.ends) + origin(_shown.settings)
    return Status((int(np.floor(first)), int(np.ceil(last))), _shown.maker.working)


def begin(scene: bpy.types.Scene) -> None:
    """Switch a scene's preview on. Main thread; pushes no undo step itself."""
    global _problem, _try_again_at
    scene.mimica.preview.on = True
    _problem, _try_again_at = "", 0.0
    look()


def end() -> None:
    """Switch the preview off, if it is on, and give the character back as it stood."""
    global _problem
    for scene in bpy.data.scenes:
        if is_on(scene):
            scene.mimica.preview.on = False
    _problem = ""
    _let_go()


def look(*, wait: bool = False) -> None:
    """Show what the panels say, at the frame where the scene is, unless that is shown already. Main thread.

    :param wait: whether to wait for what is worked out in the background.
    """
    global _problem, _try_again_at
    scene = bpy.context.scene
    if not is_on(scene) or live.current() is not None:
        end()
        return
    if asks is None or rendering.is_set() or time.monotonic() < _try_again_at:
        return
    try:
        wanted = asks(scene)
        if isinstance(wanted, str):
            raise TargetError(wanted)
        changed = _follow(scene, wanted, wait)
    except (TargetError, BakeError) as error:
        _try_again_at = time.monotonic() + _AGAIN_SECONDS
        if _problem != str(error):
            _problem = str(error)
            _let_go()
            _redraw()
        return
    if changed or _problem:
        _problem = ""
        pose()


def _follow(scene: bpy.types.Scene, wanted: Wanted, wait: bool) -> bool:
    """Bring what is shown up to what is wanted; whether something of it changed."""
    if not wanted.performance.found.any():
        raise BakeError(f"The take '{wanted.performance.name}' holds no face. Choose another take.")
    changed = _bind(wanted)
    shown, settings = _shown, wanted.settings
    assert shown is not None
    rate = scene.render.fps / scene.render.fps_base
    changed |= shown.maker.ask(
        wanted.performance, shown.writer.binding, rate, settings, frame=scene.frame_current_final, wait=wait
    )
    if shown.settings != settings:
        if shown.writer.existing != settings.existing or shown.writer.regions != settings.regions:
            # First all of it goes back to its animation, and to how it stood.
            shown.kept.restore()
            shown.writer.existing, shown.writer.regions = settings.existing, settings.regions
        shown.settings, changed = settings, True
    return changed


def _bind(wanted: Wanted) -> bool:
    """Bind the character anew if it, its map or the performer's face changed; whether that was so."""
    global _shown, _before
    target, settings = wanted.target, wanted.settings
    if not target.users_scene:
        raise TargetError("The character is in no scene any more. Pick another one in the Character panel.")
    uid = compat.session_uid(target)
    if _shown is not None and _shown.uid != uid:
        _let_go()
    if _shown is not None and _shown.bound_to == _identity(wanted):
        return False
    binding = bind(target, wanted.performance.neutral, settings.translation)
    # Binding may have made the character's map.
    identity, now = _identity(wanted), KeptPose.of(binding)
    if _shown is None:
        _shown = _Shown(uid, identity, _writer(binding, settings, now), now, MotionMaker(), settings)
        _before = None
        return True
    # What is no longer driven goes back to what it was.
    _shown.kept.renamed(now.uids).without(now).restore()
    _shown.kept = now.with_older(_shown.kept)
    _shown.bound_to, _shown.writer = identity, _writer(binding, settings, _shown.kept)
    return True


def _writer(binding: Binding, settings: BakeSettings, kept: KeptPose) -> PoseWriter:
    return PoseWriter(binding, settings.existing, kept, settings.regions)


def _identity(wanted: Wanted) -> tuple[object, ...]:
    target = wanted.target
    bones = len(target.pose.bones) if target.type == "ARMATURE" and target.pose else 0
    return (
        target.name,
        bones,
        character.revision(target),
        wanted.settings.translation,
        wanted.performance.neutral.tobytes(),
    )


def pose(*, frame_changed: bool = False) -> None:
    """Put the character into the pose of the scene's frame. Beyond the performance's ends it holds, as keys do."""
    if _shown is None or _shown.maker.made is None or rendering.is_set():
        return
    made, writer = _shown.maker.made, _shown.writer
    if made.binding is not writer.binding:
        # Another is on its way.
        return
    if frame_changed:
        writer.frame_changed()
    writer.write(made.pose(bpy.context.scene.frame_current_final, _shown.settings))
    own_pose.clear()
    _redraw()


def give_back() -> None:
    """Let the character stand as it does without the preview, for as long as nobody poses it again."""
    if _shown is not None and not own_pose.is_set():
        _shown.kept.restore()
    own_pose.set()


def _let_go() -> None:
    global _shown, _before
    if _shown is None:
        return
    give_back()
    _shown.maker.close()
    _before, _shown = _shown, None
    _redraw()


def _redraw() -> None:
    """Draw what Blender does not know to have changed: bones set in bulk, and the panel's words."""
    for window in bpy.context.window_manager.windows:
        for area in window.screen.areas:
            if area.type == "VIEW_3D":
                area.tag_redraw()


# What Blender does meanwhile: see `preview_events`


def undone() -> None:
    """Follow the step that Blender went to: with the preview on it holds what was shown, not the character's own."""
    global _shown, _before, _problem
    if not is_on(bpy.context.scene):
        if _shown is not None:
            # The step's own pose stays as it is.
            own_pose.set()
            _let_go()
        return
    shown = _shown or _before
    if shown is not None:
        if shown is _before:
            shown.maker = MotionMaker()
        shown.bound_to = ()
        _shown, _before = shown, None
        own_pose.clear()
    _problem = ""
    look()


def forget() -> None:
    """Forget what was shown: its file goes."""
    global _shown, _before, _problem
    if _shown is not None:
        _shown.maker.close()
    _shown = _before = None
    _problem = ""
    rendering.clear()
    own_pose.set()


def is_shown() -> bool:
    """Whether a character is posed, or about to be."""
    return _shown is not None
