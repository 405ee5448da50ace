# SPDX-FileCopyrightText: 2026 Mimica authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Turns a take into keyframes: resampled to the scene's rate, in one Action, the same each time."""

import time
from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace

import bpy
import numpy as np

from ..mapping.calibration import PerformerProfile
from ..mapping.contacts import find_contacts
from ..mapping.frame import FaceFrames
from ..mapping.landmarks import average_face
from ..mapping.motion import Motion
from ..mapping.performance import Performance, TakePerformance
from ..mapping.reduce import Tolerances
from ..mapping.resample import resample
from ..mapping.strength import strengthened
from . import compat, destination
from .bake_channels import KeyedBlock, gather, without_resting
from .bake_settings import BakeError, BakeSettings, alias_limit, instants
from .base_pose import added, base_pose, remember
from .bind import Binding, bind
from .destination import Place
from .kept_pose import KeptPose
from .key_marks import Marks, MarksError, read_marks, write_marks
from .occupied import find_occupied, is_baked
from .performances import Choice
from .pose_curves import CurveKeys, Reduction, Written, keys_of
from .recipe import Recipe, forget, forget_recipe, portable, write_recipe
from .rest_pose import read_rest_pose
from .written_keys import has_animators_keys, replace_keys

ChannelAddress = tuple[str, int]
"""Path and index."""


@dataclass(frozen=True, slots=True)
class BakeResult:
    """What a bake made."""

    action: str
    first_frame: float
    last_frame: float
    keys: int
    curves: int
    seconds: float
    notes: tuple[str, ...] = ()
    """What was left alone, and what became of the user's own actions, as sentences."""


def bake_take(
    scene: bpy.types.Scene,
    target: bpy.types.Object | None,
    frames: FaceFrames,
    *,
    name: str,
    profile: PerformerProfile | None = None,
    settings: BakeSettings | None = None,
    kept: KeptPose | None = None,
) -> BakeResult:
    """Write a take's face to a character: see `bake`.

    :param name: the take's name.
    :param profile: the performer's; None finds the neutral in the take.
    """
    if not frames.found.any():
        raise _faceless(name)
    return bake(scene, target, TakePerformance(name, frames, profile), settings=settings, kept=kept)


def bake(
    scene: bpy.types.Scene,
    target: bpy.types.Object | None,
    performance: Performance,
    *,
    settings: BakeSettings | None = None,
    kept: KeptPose | None = None,
    choice: Choice | None = None,
    binding: Binding | None = None,
) -> BakeResult:
    """Write a performance to a character as F-curves of one Action. Main thread; pushes no undo step itself.

    Channels that are driven or locked get no keys. An action of the user's goes on playing below, from an NLA track.
    The performance's name names the Action, and finds it again on a later bake.

    :param kept: how the character stands without a preview, where one runs; None: as it stands now.
    :param choice: how to open the performance again, so that the Action can be changed later; None: it cannot.
    :param binding: how the target is driven; None: as its character's map says.
    :raises BakeError: there is nothing to bake, or no place for it.
    :raises TargetError: the target cannot be driven.
    """
    began = time.perf_counter()
    settings = settings or BakeSettings()
    if not performance.found.any():
        raise _faceless(performance.name)
    if not settings.regions:
        raise BakeError("No part of the face is chosen. Choose one below Regions, then bake again.")
    binding = binding or bind(target, performance.neutral, settings.translation)
    motion, frames = sampled(performance, binding, _rate(scene), settings)
    occupied = find_occupied(binding)
    pose = binding.plan.pose(motion)
    base = None
    if settings.existing == "ADD":
        now = KeptPose.of(binding)
        base = base_pose(binding, occupied, now if kept is None else now.with_older(kept), frames)
    blocks = gather(binding, occupied, added(pose, occupied, base), settings.existing, settings.regions)
    name, tag = performance.name, destination.tag_of(target, performance.name)
    destination.check([block.datablock for block in blocks], tag)
    if not blocks:
        raise BakeError(f"Nothing of '{binding.target}' is free to be keyed. {occupied.summary(settings.existing)}")

    known = destination.find_action(blocks[0].datablock, tag) if settings.destination != "NEW" else None
    notes = [sentence] if (sentence := occupied.summary(settings.existing)) else []
    reduction = reduction_of(binding, motion, settings)
    action = known or destination.new_action(name, tag)
    span = (float(frames[0]), float(frames[-1]), max(float(frames[-1]), scene.frame_end))
    curves = keys = 0
    actions: dict[str, tuple[bpy.types.Action, Marks]] = {action.name: (action, _marks_of(action))}
    for block in blocks:
        # Before slots an Action animates one type of data-block.
        own = action if compat.has_slots() or block is blocks[0] else _own_action(block, action, settings)
        notes += _keep_hand_keys(own, block.datablock)
        wanted = block.curves
        if base is None and kept is None:
            wanted = without_resting(block, own, _gives_way(block.datablock, own, settings))
        place = destination.put(block.datablock, own, settings, name, span)
        notes += place.notes
        gathered = {(curve.path, curve.index) for curve in block.curves}
        marks = actions.setdefault(own.name, (own, _marks_of(own)))[1]
        written = _write(place, keys_of(wanted, frames, reduction), gathered, marks, settings)
        curves, keys = curves + written.curves, keys + written.keys
    for own, marks in actions.values():
        write_marks(own, marks)
    if choice is not None:
        write_recipe(action, Recipe(portable(choice), settings, settings))
    else:
        forget_recipe(action)
    if base is not None:
        remember([own for own, _ in actions.values()], binding, occupied, base)
    return BakeResult(
        action=action.name,
        first_frame=span[0],
        last_frame=span[1],
        keys=keys,
        curves=curves,
        seconds=time.perf_counter() - began,
        notes=tuple(dict.fromkeys(notes)),
    )


def motion_to_bake(performance: Performance, binding: Binding, rate: float, settings: BakeSettings) -> Motion:
    """Return the performance as it is keyed, one instant a step. Raises BakeError when the range holds none.

    :param rate: the scene's frames a second.
    """
    return sampled(performance, binding, rate, settings)[0]


def sampled(
    performance: Performance, binding: Binding, rate: float, settings: BakeSettings
) -> tuple[Motion, np.ndarray]:
    """Return the performance as it is keyed, and the scene frames of its instants, float (M,). Raises BakeError."""
    at, frames = instants(performance.times, rate, settings)
    # Nothing faster than the keys can show: leave it out rather than let it alias.
    limit = alias_limit(performance.times, rate, settings.step)
    motion = performance.motion(binding.plan.groups, settings.mapping, limit)
    return resample(strengthened(motion, settings.strength, binding.plan.groups), at), frames


def reduction_of(binding: Binding, motion: Motion, settings: BakeSettings) -> Reduction | None:
    """Return how far curves may be from the performance, in the character's own size; None for a key each step."""
    return _reduction(binding, motion, settings.tolerances) if settings.reduce and not settings.stepped else None


def _rate(scene: bpy.types.Scene) -> float:
    return scene.render.fps / scene.render.fps_base


def _faceless(name: str) -> BakeError:
    return BakeError(f"The take '{name}' holds no face. Record it again, with your face in the picture.")


def _reduction(binding: Binding, motion: Motion, allowed: Tolerances) -> Reduction:
    """Return how far curves may be from the performance, in the character's own size."""
    armature = bpy.data.objects.get(binding.armature) if binding.armature else None
    centimetre = 1.0
    if armature is not None and armature.data.bones:
        rest, sides = read_rest_pose(armature, binding.plan.character), [234, 454]
        width, usual = (float(np.linalg.norm(np.diff(face[sides], axis=0))) for face in (rest.neutral, average_face()))
        centimetre = rest.unit * width / usual
    scaled = replace(allowed, location=allowed.location * centimetre)
    return Reduction(scaled, find_contacts(binding.plan.character, motion))


def _gives_way(datablock: bpy.types.ID, action: bpy.types.Action, settings: BakeSettings) -> bpy.types.Action | None:
    """Return the action of another take that no longer animates a data-block after the bake."""
    active = datablock.animation_data.action if datablock.animation_data is not None else None
    stays = settings.destination == "STRIP" or not settings.whole or not is_baked(active)
    return None if stays or active == action else active


def _own_action(block: KeyedBlock, main: bpy.types.Action, settings: BakeSettings) -> bpy.types.Action:
    """Return the action of a further data-block where an action animates one type of them."""
    name = f"{main.name} {block.datablock.name}"
    tag = destination.tag_of(block.datablock, name)
    known = destination.find_action(block.datablock, tag) if settings.destination != "NEW" else None
    return known or destination.new_action(name, tag)


def _marks_of(action: bpy.types.Action) -> Marks:
    try:
        return read_marks(action)
    except MarksError:
        return {}


def _write(
    place: Place,
    planned: Sequence[CurveKeys],
    gathered: Collection[ChannelAddress],
    marks: Marks,
    settings: BakeSettings,
) -> Written:
    """Write the keys of one data-block; what an earlier bake made of the same parts of the face goes.

    Where it is known what is Mimica's, curves that are not stay as they are.

    :param gathered: the channels of the chosen parts of the face, also those that need no keys.
    :param marks: what is Mimica's of the action; what is written comes to it, and what goes leaves it.
    """
    curves, handle = place.curves, place.handle
    known = {(path, index) for slot, path, index in marks if slot == handle}
    there = {(curve.data_path, curve.array_index): curve for curve in curves}
    mine = [keys for keys in planned if not known or keys.address in known or keys.address not in there]
    now = {keys.address for keys in mine}
    for at, curve in there.items():
        if at not in now and (at in known or not known) and (settings.whole or at in gathered):
            curves.remove(curve)
    for at in known:
        if settings.whole or at in gathered:
            del marks[handle, *at]
    marks.update(replace_keys(curves, mine, handle, stepped=settings.stepped))
    return Written(len(mine), sum(len(keys.frames) for keys in mine))


def _keep_hand_keys(action: bpy.types.Action | None, datablock: bpy.types.ID) -> list[str]:
    """Keep a copy of an action that an animator worked on, before it is baked anew; say so."""
    if action is None or not has_animators_keys(action, [compat.slot_of(datablock, action)]):
        return []
    copy = action.copy()
    copy.use_fake_user = True
    forget(copy)
    return [f"'{action.name}' held keys of yours: as it was it is kept as '{copy.name}'."]
