# SPDX-FileCopyrightText: 2026 Mimica authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What differs between Blender 4.2 and 5.2. The only module that knows; it tests for features, never for versions."""

import bpy
import numpy as np

_SLOTTED = "fcurve_ensure_for_datablock" in bpy.types.Action.bl_rna.functions


def has_slots() -> bool:
    """Whether one Action can animate several data-blocks (4.4 and later)."""
    return _SLOTTED


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
    slot = animation.action_slot if animation and animation.action == action else None
    if slot is None:
        return None
    for layer in action.layers:
        for strip in layer.strips:
            bag = strip.channelbag(slot)
            if bag is not None:
                return bag.fcurves
    return None


def fill_fcurve(curve: bpy.types.FCurve, frames: np.ndarray, values: np.ndarray) -> None:
    """Replace the keys of an F-curve in bulk.

    :param frames: float (N,), scene frames, increasing.
    :param values: float (N,).
    """
    points = curve.keyframe_points
    points.clear()
    points.add(len(frames))
    pairs = np.empty((len(frames), 2), np.float32)
    pairs[:, 0] = frames
    pairs[:, 1] = values
    points.foreach_set("co", pairs.ravel())
    curve.update()
