# SPDX-FileCopyrightText: 2026 Mimica authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Where the keys of a take go on a data-block: its active action, or a strip of the NLA editor. What else animates it
is neither lost nor silenced.
"""

from collections.abc import Iterable
from dataclasses import dataclass

import bpy

from . import compat
from .bake_settings import BakeError, BakeSettings
from .occupied import LAYER_PROPERTY, TAKE_PROPERTY, is_baked, is_hand_layer


@dataclass(frozen=True, slots=True)
class Place:
    """Where one data-block's keys go. Holds Blender references: not to be kept."""

    datablock: bpy.types.ID
    action: bpy.types.Action
    slot: "bpy.types.ActionSlot | None"
    notes: tuple[str, ...] = ()
    """What became of other animation, as sentences."""

    @property
    def curves(self) -> bpy.types.bpy_prop_collection:
        """The F-curves that animate the data-block."""
        found = compat.curves_in(self.action, self.slot, ensure=True)
        assert found is not None
        return found

    @property
    def handle(self) -> int:
        """The slot as marks know it."""
        return compat.handle_of(self.slot)


def tag_of(target: bpy.types.ID | None, take: str) -> str:
    """Return what an action is marked with that a take was baked into for a character."""
    return f"{target.name if target else ''}|{take}"


def find_action(datablock: bpy.types.ID | None, tag: str) -> bpy.types.Action | None:
    """Return the action of a tag: the one that a data-block plays, else the first in the file."""
    if datablock is not None:
        for action in actions_of(datablock):
            if action.get(TAKE_PROPERTY) == tag and action.library is None:
                return action
    own = (action for action in bpy.data.actions if action.library is None)
    return next((action for action in own if action.get(TAKE_PROPERTY) == tag), None)


def new_action(name: str, tag: str) -> bpy.types.Action:
    """Return a new action for a take."""
    action = bpy.data.actions.new(name)
    action[TAKE_PROPERTY] = tag
    return action


def actions_of(datablock: bpy.types.ID) -> list[bpy.types.Action]:
    """Return the actions that a data-block has, the active one first, then those of strips from the uppermost down."""
    animation = datablock.animation_data
    active = [animation.action] if animation is not None and animation.action is not None else []
    return [*active, *(strip.action for strip in compat.every_strip(datablock))]


def check(datablocks: Iterable[bpy.types.ID], tag: str) -> None:
    """Raise BakeError when one of the data-blocks cannot be given keys now."""
    for datablock in datablocks:
        if datablock.library is not None:
            raise BakeError(
                f"'{datablock.name}' is linked from another file and cannot be given keys. Make it a library override "
                "(Object > Library Override > Make), then bake again."
            )
        animation = datablock.animation_data
        if animation is None:
            continue
        if animation.use_tweak_mode:
            raise BakeError(
                f"A strip of '{datablock.name}' is being edited. Leave the tweak mode of the NLA editor "
                "(Tab), then bake again."
            )
        for track in animation.nla_tracks:
            ours = any(strip.action is not None and strip.action.get(TAKE_PROPERTY) == tag for strip in track.strips)
            if track.lock and ours:
                raise BakeError(
                    f"The NLA track '{track.name}' of '{datablock.name}' is locked. Unlock it, then bake again."
                )


def put(
    datablock: bpy.types.ID,
    action: bpy.types.Action,
    settings: BakeSettings,
    take: str,
    frames: tuple[float, float, float],
) -> Place:
    """See to it that an action animates a data-block as the settings say, and make the place for its keys.

    :param take: what a new strip and its track are called.
    :param frames: the first and the last that are keyed, and the one up to which animation must go on.
    """
    slot = compat.ensure_slot(datablock, action)
    animation = datablock.animation_data_create()
    layered = is_hand_layer(animation.action) and action in actions_of(datablock)
    if settings.destination == "STRIP" or layered:
        notes = _put_strip(datablock, action, slot, settings, take, frames[:2])
    else:
        notes = _make_room(datablock, action, settings, frames)
        compat.remove_strips(datablock, action)
        compat.assign(datablock, action, slot)
    solo = next((track.name for track in animation.nla_tracks if track.is_solo), None)
    if solo is not None:
        notes.append(f"The NLA track '{solo}' of '{datablock.name}' is solo: the bake is not seen until it is not.")
    return Place(datablock, action, slot, tuple(notes))


def fit_strips(datablock: bpy.types.ID, action: bpy.types.Action, first: float, last: float) -> None:
    """Let the strips of an action show all of its keys; where the animator moved or scaled them, they stay."""
    last = max(last, first + 1.0)
    for strip in compat.every_strip(datablock):
        if strip.action != action or (strip.action_frame_start, strip.action_frame_end) == (first, last):
            continue
        start = strip.frame_start + (first - strip.action_frame_start) * strip.scale
        strip.use_sync_length = False
        strip.action_frame_start, strip.action_frame_end = first, last
        length = (last - first) * strip.scale * strip.repeat
        # The end first where the strip moves to the right: its start cannot be after its end.
        strip.frame_end = max(start + length, strip.frame_end)
        strip.frame_start = start
        strip.frame_end = start + length


def add_hand_layer(datablocks: Iterable[bpy.types.ID], action: bpy.types.Action, name: str) -> bpy.types.Action:
    """Let a baked action play from a strip, and make an empty action on top of it that adds to it.

    :param name: the take's.
    :return: the new action, of the first data-block.
    :raises BakeError: nothing plays the action.
    """
    found = [datablock for datablock in datablocks if action in actions_of(datablock)]
    layers: list[bpy.types.Action] = []
    for datablock in found:
        animation = datablock.animation_data
        if animation.action == action:
            slot = compat.slot_of(datablock, action)
            first, last = (float(frame) for frame in action.frame_range)
            animation.action = None
            _new_strip(datablock, action, slot, BakeSettings(), name, (first, last))
        elif animation.action is not None:
            continue
        # Before slots an action animates one type of data-block.
        if not layers or not compat.has_slots():
            layers.append(bpy.data.actions.new(f"{name} Hand Keys"))
            layers[-1][LAYER_PROPERTY] = action.get(TAKE_PROPERTY, "")
        compat.assign(datablock, layers[-1], compat.ensure_slot(datablock, layers[-1]))
        animation.action_blend_type, animation.action_extrapolation = "COMBINE", "HOLD"
    if not layers:
        raise BakeError(
            "There is an active action on top already: key into it, or push it down in the NLA editor first."
            if found
            else f"'{action.name}' is not on the character any more. Bake the take again."
        )
    return layers[0]


def _put_strip(
    datablock: bpy.types.ID,
    action: bpy.types.Action,
    slot: "bpy.types.ActionSlot | None",
    settings: BakeSettings,
    take: str,
    frames: tuple[float, float],
) -> list[str]:
    animation = datablock.animation_data
    if animation.action == action:
        animation.action = None
    strips = [strip for strip in compat.every_strip(datablock) if strip.action == action]
    if strips:
        fit_strips(datablock, action, *frames)
    else:
        _new_strip(datablock, action, slot, settings, take, frames)
    for strip in strips:
        strip.blend_type = settings.blend
    active = animation.action
    if active is None or is_hand_layer(active):
        return []
    return [f"'{active.name}' stays the active action of '{datablock.name}' and plays on top of the strip."]


def _new_strip(
    datablock: bpy.types.ID,
    action: bpy.types.Action,
    slot: "bpy.types.ActionSlot | None",
    settings: BakeSettings,
    take: str,
    frames: tuple[float, float],
) -> None:
    first, last = frames[0], max(frames[1], frames[0] + 1.0)
    strip = compat.new_strip(datablock, take, action, slot, first)
    # The end first: the start cannot be after it, and the other way round.
    strip.use_sync_length = False
    strip.action_frame_start, strip.action_frame_end = first, last
    strip.frame_end = last
    strip.frame_start = first
    strip.frame_end = last
    strip.blend_type, strip.extrapolation = settings.blend, "HOLD"


def _make_room(
    datablock: bpy.types.ID, action: bpy.types.Action, settings: BakeSettings, frames: tuple[float, float, float]
) -> list[str]:
    """See to it that the action that a data-block has is neither lost nor silenced; say what became of it."""
    present = datablock.animation_data.action
    if present is None or present == action:
        return []
    if is_baked(present) and settings.whole:
        # Another take of ours gives way; its keys stay in the file.
        if present.library is None:
            present.use_fake_user = True
        return []
    name = compat.push_down(datablock, frames[0], max(frames[1:]))
    return [f"'{name}' goes on playing from an NLA track."]
