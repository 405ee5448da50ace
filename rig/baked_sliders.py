# SPDX-FileCopyrightText: 2026 Mimica authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The sliders of a baked take: moving one rebuilds its keys, at once where that is quick, else when the slider rests.

They are properties of the Action itself, so undo, copies and files hold sliders and keys alike. Holds no Blender
reference between calls.
"""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

import bpy
from bpy.app.handlers import persistent

from ..capture.take import TakeError
from ..mapping.calibration import ProfileError
from ..mapping.face_regions import FACE_REGIONS, FaceRegion
from ..mapping.reduce import Tolerances
from ..mapping.strength import Strength
from . import compat
from .bake_settings import BakeError, BakeSettings
from .bind import TargetError
from .destination import actions_of
from .key_marks import MarksError, has_marks
from .performances import PerformanceError
from .rebake import animated, baked_action, rebuild
from .recipe import RecipeError, has_recipe, read_recipe, settings_to_json

ERRORS = (BakeError, TargetError, TakeError, ProfileError, PerformanceError, RecipeError, MarksError)
"""What a rebuild raises: sentences."""
_REST_SECONDS = 0.25
"""How long a slider must rest before its keys are rebuilt, where that takes long."""
_AT_ONCE = 0.12
"""Seconds that a rebuild may take to follow the mouse."""
_SHORT = 1800
"""Frames of an action that is rebuilt at once while it is not known how long that takes."""

_problems: dict[int, Exception] = {}
_seconds: dict[int, float] = {}
"""By what Blender knows the action by: why it could not be rebuilt; how long that took last."""
_pending: dict[int, float] = {}
"""Actions that wait, and when they are due."""
_quiet = False


def problem_of(action: bpy.types.Action) -> str:
    """Return why the sliders of an action could not be followed, as a sentence; empty when they were."""
    return str(_problems.get(compat.session_uid(action), ""))


def keys_are_unknown(action: bpy.types.Action) -> bool:
    """Whether it is known that the animator's keys of an action can no longer be told from the bake's."""
    return not has_marks(action) or isinstance(_problems.get(compat.session_uid(action)), MarksError)


def is_waiting(action: bpy.types.Action) -> bool:
    """Whether an action is rebuilt as soon as its sliders rest."""
    return compat.session_uid(action) in _pending


def changed(action: bpy.types.Action) -> None:
    """Follow the sliders of an action. Called when one was moved; main thread."""
    if _quiet:
        return
    uid = compat.session_uid(action)
    start, end = action.frame_range
    quick = _seconds[uid] <= _AT_ONCE if uid in _seconds else end - start <= _SHORT
    if quick or in_background():
        follow(bpy.context.scene, action)
    else:
        _wait(uid)


def in_background() -> bool:
    """Whether Blender has no window, so that nothing would ever come to rest."""
    return bpy.app.background


def follow(scene: bpy.types.Scene, action: bpy.types.Action, *, all_keys: bool = False) -> bool:
    """Rebuild an action as its sliders say; whether that went well, else `problem_of` says why it did not."""
    uid = compat.session_uid(action)
    _pending.pop(uid, None)
    began = time.perf_counter()
    try:
        rebuild(scene, owner_of(scene, action), action, wanted(action), all_keys=all_keys)
    except ERRORS as error:
        _problems[uid] = error
        return False
    _problems.pop(uid, None)
    _seconds[uid] = time.perf_counter() - began
    return True


def flush(scene: bpy.types.Scene) -> None:
    """Rebuild everything that waits."""
    for action in list(bpy.data.actions):
        if compat.session_uid(action) in _pending:
            follow(scene, action)
    _pending.clear()


def owner_of(scene: bpy.types.Scene, action: bpy.types.Action) -> bpy.types.Object | None:
    """Return the character of the scene that an action moves, the picked one first; None when there is none."""
    members = [scene.mimica.target, *(member.object for member in scene.mimica.cast)]
    for obj in members:
        if any(action in actions_of(datablock) for datablock in animated(obj)):
            return obj
    return None


def wanted(action: bpy.types.Action) -> BakeSettings:
    """Return the settings that an action was made with, as its sliders say now. Raises RecipeError."""
    made, sliders = read_recipe(action).settings, action.mimica_baked
    return replace(
        made,
        mapping=replace(made.mapping, smoothness=round(sliders.smoothness, 6), smoothing=_told(sliders, "smoothing")),
        strength=Strength(round(sliders.strength, 6), _told(sliders, "strength")),
        offset=round(sliders.offset, 6),
        reduce=sliders.reduce,
        tolerances=Tolerances().scaled(round(sliders.tolerance, 6)),
    )


def show(action: bpy.types.Action, settings: BakeSettings) -> None:
    """Put the sliders of an action where settings are, without rebuilding it."""
    sliders = action.mimica_baked
    with _silence():
        sliders.smoothness, sliders.strength = settings.mapping.smoothness, settings.strength.overall
        for region in FACE_REGIONS:
            setattr(sliders, f"smoothing_{region.lower()}", settings.mapping.smoothing.get(region, 1.0))
            setattr(sliders, f"strength_{region.lower()}", settings.strength.regions.get(region, 1.0))
        sliders.offset, sliders.reduce = settings.offset, settings.reduce
        sliders.tolerance = settings.tolerances.location / Tolerances().location
    _problems.pop(compat.session_uid(action), None)


def _told(sliders: bpy.types.PropertyGroup, kind: str) -> dict[FaceRegion, float]:
    """Return what sliders say of parts of the face, where it is not 1."""
    found: dict[FaceRegion, float] = {
        region: round(getattr(sliders, f"{kind}_{region.lower()}"), 6) for region in FACE_REGIONS
    }
    return {region: factor for region, factor in found.items() if factor != 1.0}


@contextmanager
def _silence() -> Iterator[None]:
    global _quiet
    before, _quiet = _quiet, True
    try:
        yield
    finally:
        _quiet = before


def _wait(uid: int) -> None:
    _pending[uid] = time.monotonic() + _REST_SECONDS
    if not bpy.app.timers.is_registered(_tick):
        bpy.app.timers.register(_tick, first_interval=_REST_SECONDS)


def _tick() -> float | None:
    """Rebuild what has waited long enough."""
    now = time.monotonic()
    if _pending and max(_pending.values()) > now:
        return max(_pending.values()) - now
    flush(bpy.context.scene)
    for window in bpy.context.window_manager.windows:
        for area in window.screen.areas:
            if area.type in ("VIEW_3D", "DOPESHEET_EDITOR", "GRAPH_EDITOR", "NLA_EDITOR"):
                area.tag_redraw()
    return None


@persistent
def _after_undo(*_: object) -> None:
    """Where a step was kept while a slider still waited for its keys, they follow now."""
    scene = bpy.context.scene
    action = baked_action(scene.mimica.target) if scene is not None else None
    if action is None:
        return
    try:
        made = read_recipe(action).settings
        if not _alike(made, wanted(action)):
            _wait(compat.session_uid(action))
    except RecipeError:
        return


@persistent
def _after_load(*_: object) -> None:
    """Let sliders stand where the keys are: what was baked without a panel, on the command line, has only a recipe."""
    for action in bpy.data.actions:
        if has_recipe(action) and action.library is None:
            try:
                show(action, read_recipe(action).settings)
            except RecipeError as error:
                _problems[compat.session_uid(action)] = error


@persistent
def _forget(*_: object) -> None:
    for known in (_problems, _seconds, _pending):
        known.clear()


def _alike(one: BakeSettings, other: BakeSettings) -> bool:
    def rounded(settings: BakeSettings) -> dict[str, object]:
        told = settings_to_json(settings)
        told["tolerances"] = {name: round(value, 5) for name, value in told["tolerances"].items()}
        for name in ("smoothing", "strengths"):
            told[name] = {region: round(value, 5) for region, value in told[name].items() if round(value, 5) != 1.0}
        return {name: round(value, 5) if isinstance(value, float) else value for name, value in told.items()}

    return rounded(one) == rounded(other)


_HANDLERS = (("undo_post", _after_undo), ("redo_post", _after_undo), ("load_pre", _forget), ("load_post", _after_load))


def register() -> None:
    """Follow undo and file load."""
    for name, handler in _HANDLERS:
        getattr(bpy.app.handlers, name).append(handler)


def unregister() -> None:
    """Undo `register`; what waits is left as it is."""
    for name, handler in reversed(_HANDLERS):
        getattr(bpy.app.handlers, name).remove(handler)
    if bpy.app.timers.is_registered(_tick):
        bpy.app.timers.unregister(_tick)
    _forget()
