# SPDX-FileCopyrightText: 2026 Mimica authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What differs between Blender 4.2 and 5.2. The only module that knows; it tests for features, never for versions."""

from collections.abc import Iterable, Iterator

import bpy
import numpy as np

_SLOTTED = "fcurve_ensure_for_datablock" in bpy.types.Action.bl_rna.functions
_SAYS_RELATIVE = "is_path_supports_blend_relative" in bpy.types.Property.bl_rna.properties


def has_slots() -> bool:
    """Whether one Action can animate several data-blocks (4.4 and later)."""
    return _SLOTTED


def relative_path_options() -> set[str]:
    """Return the options of a property that may hold a path relative to the .blend; until 5.0 every one may."""
    return {"PATH_SUPPORTS_BLEND_RELATIVE"} if _SAYS_RELATIVE else set()


def assign_action(datablock: bpy.types.ID, action: bpy.types.Action) -> None:
    """Make `action` the active action of the data-block."""
    animation = datablock.animation_data_create()
    if animation.action != action:
        animation.action = action


def ensure_fcurve(
    datablock: bpy.types.ID, action: bpy.types.Action, path: str, index: int, group: str
) -> bpy.types.FCurve:
    """Return the F-curve of `datablock` in `action`, made if need be. The action must be assigned already."""
    if _SLOTTED:
        try:
            return action.fcurve_ensure_for_datablock(datablock, path, index=index, group_name=group)
        except TypeError:
            # `group_name` came one version after the function.
            return action.fcurve_ensure_for_datablock(datablock, path, index=index)
    curve = action.fcurves.find(path, index=index)
    return curve or action.fcurves.new(path, index=index, action_group=group)


def clear_fcurves(datablock: bpy.types.ID, action: bpy.types.Action) -> None:
    """Remove every F-curve that `action` holds for `datablock`."""
    curves = fcurves_of(datablock, action)
    if curves is not None:
        for curve in list(curves):
            curves.remove(curve)


def fcurves_of(datablock: bpy.types.ID, action: bpy.types.Action) -> bpy.types.bpy_prop_collection | None:
    """Return the collection of F-curves that `action` holds for `datablock`; None when there is none."""
    if not _SLOTTED:
        return action.fcurves
    animation = datablock.animation_data
    return _curves_in(action, animation.action_slot if animation and animation.action == action else None)


Playing = tuple[bpy.types.Action, Iterable[bpy.types.FCurve], "bpy.types.NlaStrip | None"]


def playing(datablock: bpy.types.ID) -> Iterator[Playing]:
    """Yield what animates a data-block, the strongest last: action, its F-curves, NLA strip; none for the active."""
    animation = datablock.animation_data
    if animation is None:
        return
    if animation.use_nla:
        solo = [track for track in animation.nla_tracks if track.is_solo]
        for track in solo or animation.nla_tracks:
            if not track.mute:
                yield from _strips(track.strips)
    action = animation.action
    if action is not None:
        yield action, fcurves_of(datablock, action) or (), None


def session_uid(datablock: bpy.types.ID) -> int:
    """Return what a data-block keeps through undo and renaming, as long as the file is open."""
    return datablock.session_uid


def push_down(datablock: bpy.types.ID, first: float, last: float) -> str:
    """Let the active action go on playing from an NLA track of its own, below whatever becomes active.

    :param first: the frames that it must reach at least.
    :return: the action's name.
    """
    animation = datablock.animation_data
    action = animation.action
    slot = animation.action_slot if _SLOTTED else None
    start, end = (float(frame) for frame in action.frame_range)
    animation.action = None
    track = animation.nla_tracks.new()
    track.name = action.name
    strip = track.strips.new(action.name, int(start), action)
    if _SLOTTED:
        strip.action_slot = slot
    # A strip holds its curves at its ends: what goes round must be let go on.
    strip.use_sync_length = False
    strip.action_frame_start, strip.action_frame_end = min(start, first), max(end, last, start + 1.0)
    strip.frame_start, strip.frame_end = strip.action_frame_start, strip.action_frame_end
    strip.extrapolation = "HOLD"
    return action.name


def _strips(strips: bpy.types.bpy_prop_collection) -> Iterator[Playing]:
    for strip in strips:
        if strip.mute:
            continue
        if strip.type == "META":
            yield from _strips(strip.strips)
        elif strip.action is not None:
            curves = _curves_in(strip.action, strip.action_slot) if _SLOTTED else strip.action.fcurves
            yield strip.action, curves or (), strip


def _curves_in(action: bpy.types.Action, slot: "bpy.types.ActionSlot | None") -> bpy.types.bpy_prop_collection | None:
    if slot is None:
        return None
    for layer in action.layers:
        for strip in layer.strips:
            bag = strip.channelbag(slot)
            if bag is not None:
                return bag.fcurves
    return None


def fill_fcurve(
    curve: bpy.types.FCurve, frames: np.ndarray, values: np.ndarray, slopes: np.ndarray | None = None
) -> None:
    """Replace the keys of an F-curve in bulk.

    :param frames: float (N,), scene frames, increasing.
    :param values: float (N,).
    :param slopes: float (N,), per frame: cubic curves from key to key with these slopes, by handles at a third of the
        way. None: Blender places the handles.
    """
    points = curve.keyframe_points
    points.clear()
    points.add(len(frames))
    points.foreach_set("co", _pairs(frames, values))
    if slopes is not None:
        way = np.diff(frames) / 3.0
        before, after = (np.append(way[:1], way), np.append(way, way[-1:])) if len(way) else (np.ones(1), np.ones(1))
        points.foreach_set("interpolation", np.full(len(frames), _number_of("interpolation", "BEZIER"), np.int32))
        # Aligned: both sides have one slope, and keep it when an animator turns a handle.
        aligned = np.full(len(frames), _number_of("handle_left_type", "ALIGNED"), np.int32)
        points.foreach_set("handle_left_type", aligned)
        points.foreach_set("handle_right_type", aligned)
        points.foreach_set("handle_left", _pairs(frames - before, values - slopes * before))
        points.foreach_set("handle_right", _pairs(frames + after, values + slopes * after))
    curve.update()


def _pairs(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    return np.stack([x, y], axis=1).astype(np.float32).ravel()


def _number_of(name: str, choice: str) -> int:
    """Return the number by which `foreach_set` knows a choice of a keyframe's property."""
    return bpy.types.Keyframe.bl_rna.properties[name].enum_items[choice].value
