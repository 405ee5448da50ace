# SPDX-FileCopyrightText: 2026 Mimica authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A baked action made again with other settings, in place: Mimica's own keys change, an animator's stay."""

import time
from collections.abc import Iterator
from dataclasses import dataclass, replace

import bpy

from ..mapping.performance import Performance
from . import bake_preview, compat, destination
from .bake import reduction_of, sampled
from .bake_channels import KeyedBlock, gather, rests
from .bake_settings import BakeError, BakeSettings
from .base_pose import added, base_pose
from .bind import bind
from .detect import character_parts
from .kept_pose import KeptPose
from .key_marks import MARKS_PROPERTY, Marks, read_marks, write_marks
from .occupied import TAKE_PROPERTY, find_occupied, is_baked
from .performances import open_performance
from .pose_curves import Curve, CurveKeys, keys_of
from .recipe import forget, has_recipe, read_recipe, write_recipe
from .written_keys import merge_keys, replace_keys

_Address = tuple[int, str, int]
"""What Blender knows a data-block by; path and index."""


@dataclass(frozen=True, slots=True)
class Rebuilt:
    """What came of making an action again."""

    keys: int
    """Mimica's own."""
    seconds: float


def baked_action(target: bpy.types.Object | None) -> bpy.types.Action | None:
    """Return the baked action of a character that can be changed: the active one, else that of the uppermost strip."""
    for datablock in animated(target):
        for action in destination.actions_of(datablock):
            if has_recipe(action):
                return action
    return None


def animated(target: bpy.types.Object | None) -> Iterator[bpy.types.ID]:
    """Yield the data-blocks of a character that have animation."""
    if target is None:
        return
    armature, meshes = character_parts(target)
    keys = (mesh.data.shape_keys for mesh in meshes)
    found = dict.fromkeys(block for block in (armature, target, *meshes, *keys) if block is not None)
    yield from (block for block in found if block.animation_data is not None)


def rebuild(
    scene: bpy.types.Scene,
    target: bpy.types.Object | None,
    action: bpy.types.Action,
    settings: BakeSettings,
    *,
    all_keys: bool = False,
    performance: Performance | None = None,
) -> Rebuilt:
    """Make a baked action again. Main thread; pushes no undo step itself. Nothing is changed where it raises.

    Keys that an animator added, moved, changed or deleted stay as they are, and so do curves that Mimica did not make.

    :param all_keys: whether all keys on the bake's own channels are made anew, the animator's too.
    :param performance: what was baked, where it is open already; None: as the action's recipe says.
    :raises RecipeError: the action does not say how it was made.
    :raises MarksError: it cannot be told which keys are the animator's.
    :raises BakeError: there is nothing to bake, or no place for it.
    :raises TargetError: the character cannot be driven any more.
    :raises TakeError: the take is not there or cannot be read.
    :raises ProfileError: the performer is not there.
    :raises PerformanceError: the take no longer holds what was chosen.
    """
    began = time.perf_counter()
    recipe = read_recipe(action)
    if action.library is not None:
        raise BakeError(f"'{action.name}' is linked from another file and cannot be changed.")
    # What the panels say is no part of how the character stands, and would hide what is made.
    bake_preview.end()
    performance = performance or open_performance(recipe.choice)
    binding = bind(target, performance.neutral, settings.translation)
    motion, frames = sampled(performance, binding, scene.render.fps / scene.render.fps_base, settings)
    occupied = find_occupied(binding)
    base = base_pose(binding, occupied, KeptPose.of(binding), frames) if settings.existing == "ADD" else None
    values = added(binding.plan.pose(motion), occupied, base)
    # What was keyed stays Mimica's, whatever else animates it by now.
    blocks = gather(binding, occupied, values, "REPLACE", settings.regions)
    free = _addresses(gather(binding, occupied, values, settings.existing, settings.regions))
    destination.check([block.datablock for block in blocks], action.get(TAKE_PROPERTY, ""))
    places = [(block, place) for block in blocks if (place := _place_of(block.datablock, action)) is not None]
    if not places:
        raise BakeError(f"'{action.name}' is not on '{binding.target}' any more. Assign it, or bake the take again.")
    known = {place.action.name: {} if all_keys else read_marks(place.action) for _, place in places}

    reduction = reduction_of(binding, motion, settings)
    written: dict[str, tuple[bpy.types.Action, Marks]] = {}
    for block, place in places:
        marks = known[place.action.name]
        there = {curve.data_path for curve in place.curves} if all_keys else set()
        wanted = [c for c in block.curves if c.path in there or (place.handle, c.path, c.index) in marks]
        new = _moving_now(block, place, marks, free)
        planned = keys_of([*wanted, *new], frames, reduction)
        made = _put(place, planned, marks, settings)
        written.setdefault(place.action.name, (place.action, dict(marks)))[1].update(made)
        destination.fit_strips(block.datablock, place.action, *(float(f) for f in place.action.frame_range))
    for own, marks in written.values():
        write_marks(own, marks)
    write_recipe(action, replace(recipe, settings=settings))
    keys = sum(len(mark.frames) for _, marks in written.values() for mark in marks.values())
    return Rebuilt(keys, time.perf_counter() - began)


def freeze(target: bpy.types.Object | None, action: bpy.types.Action) -> None:
    """Make a baked action the animator's own, on all of a character's data-blocks: Mimica never changes it again."""
    actions = {action.name: action}
    for datablock in animated(target):
        place = _place_of(datablock, action)
        if place is not None:
            actions[place.action.name] = place.action
            for curve in place.curves:
                compat.show_as_keyframes(curve)
    for own in actions.values():
        forget(own)


def _addresses(blocks: list[KeyedBlock]) -> set[_Address]:
    return {
        (compat.session_uid(block.datablock), curve.path, curve.index) for block in blocks for curve in block.curves
    }


def _place_of(datablock: bpy.types.ID, main: bpy.types.Action) -> destination.Place | None:
    """Return where a data-block has the keys of a baked action. Before slots a further data-block has an own action."""
    actions = destination.actions_of(datablock)
    own = main if main in actions else None
    if own is None and not compat.has_slots():
        own = next((each for each in actions if is_baked(each) and MARKS_PROPERTY in each), None)
    return destination.Place(datablock, own, compat.slot_of(datablock, own)) if own is not None else None


def _moving_now(block: KeyedBlock, place: destination.Place, marks: Marks, free: set[_Address]) -> list[Curve]:
    """Return the channels that had no keys because they never moved, and do now. A curve of the animator's stays."""
    there = {curve.data_path for curve in place.curves}
    noted = {path for slot, path, _ in marks if slot == place.handle}
    together: dict[str, list[Curve]] = {}
    for curve in block.curves:
        if curve.path not in there | noted and (compat.session_uid(block.datablock), curve.path, curve.index) in free:
            together.setdefault(curve.path, []).append(curve)
    return [curve for curves in together.values() if not rests(curves) for curve in curves]


def _put(place: destination.Place, planned: list[CurveKeys], marks: Marks, settings: BakeSettings) -> Marks:
    """Write keys among those of the animator; a curve that he deleted does not come back."""
    curves, slot = place.curves, place.handle
    there = {(curve.data_path, curve.array_index): curve for curve in curves}
    made: Marks = {}
    fresh: list[CurveKeys] = []
    for keys in planned:
        at = keys.address
        mark = marks.get((slot, *at))
        if mark is None:
            fresh.append(keys)
        elif at in there:
            made[slot, *at] = merge_keys(there[at], mark, keys, stepped=settings.stepped)
        else:
            made[slot, *at] = mark
    return made | replace_keys(curves, fresh, slot, stepped=settings.stepped)
