# SPDX-FileCopyrightText: 2026 Mimica authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Keys on F-curves: written anew, or put among those that an animator made, which stay as they are."""

from collections.abc import Iterable
from typing import Any

import bpy
import numpy as np

from . import compat
from .key_marks import (
    CurveMarks,
    CurveState,
    Marks,
    MarksError,
    animators_keys,
    deleted,
    free_frames,
    hashed,
    read_marks,
)
from .pose_curves import CurveKeys

_KEPT = (
    "interpolation",
    "easing",
    "back",
    "amplitude",
    "period",
    "handle_left_type",
    "handle_right_type",
    "select_control_point",
    "select_left_handle",
    "select_right_handle",
)
"""What of an animator's key is put back beside its place, value and handles."""


def state_of(curve: bpy.types.FCurve, handles: bool) -> CurveState:
    """Return the keys that an F-curve has."""
    points = curve.keyframe_points
    pairs = _read(points, "co")
    if not handles:
        return CurveState(pairs[:, 0], pairs[:, 1])
    both = np.concatenate([_read(points, "handle_left"), _read(points, "handle_right")], axis=1)
    return CurveState(pairs[:, 0], pairs[:, 1], both)


def marks_of(keys: CurveKeys) -> CurveMarks:
    """Return what is to be kept of keys that are written as they are."""
    frames = keys.frames.astype(np.float32)
    handles = None
    if keys.slopes is not None:
        handles = np.concatenate(compat.handles_of(keys.frames, keys.values, keys.slopes), axis=1)
    return CurveMarks(keys.curve.path, keys.curve.index, frames, hashed(frames, keys.values), handles)


def replace_keys(
    curves: bpy.types.bpy_prop_collection, planned: Iterable[CurveKeys], slot: int, *, stepped: bool
) -> Marks:
    """Write keys in place of all that F-curves have; those that are not there are made.

    :param curves: of one slot. :param slot: its handle, as marks know it.
    """
    there = {(curve.data_path, curve.array_index): curve for curve in curves}
    marks: Marks = {}
    for keys in planned:
        at = keys.address
        curve = there.get(at) or compat.new_fcurve(curves, *at, keys.curve.group)
        compat.fill_fcurve(curve, keys.frames, keys.values, keys.slopes, stepped=stepped, generated=True)
        marks[slot, *at] = marks_of(keys)
    return marks


def merge_keys(curve: bpy.types.FCurve, marks: CurveMarks, keys: CurveKeys, *, stepped: bool) -> CurveMarks:
    """Write keys in place of Mimica's own; the animator's stay, and where keys were deleted there are none.

    :return: the new marks.
    """
    state = state_of(curve, marks.handles is not None)
    theirs, gone = animators_keys(marks, state), deleted(marks, state)
    ours = free_frames(keys.frames, state.frames[theirs], gone)
    frames = np.concatenate([keys.frames[ours].astype(np.float32), state.frames[theirs]])
    values = np.concatenate([keys.values[ours].astype(np.float32), state.values[theirs]])
    of_animator = np.concatenate([np.zeros(ours.sum(), bool), np.ones(theirs.sum(), bool)])
    order = np.argsort(frames, kind="stable") if of_animator.any() else slice(None)
    frames, values, of_animator = frames[order], values[order], of_animator[order]
    slopes = handles = None
    if keys.slopes is not None:
        slopes = np.concatenate([keys.slopes[ours], np.zeros(theirs.sum())])[order]
        left, right = compat.handles_of(frames.astype(np.float64), values.astype(np.float64), slopes)
        handles = np.concatenate([left, right], axis=1)[~of_animator]
    if slopes is None and marks.handles is None and np.array_equal(frames, state.frames):
        points = curve.keyframe_points
        points.foreach_set("co", np.stack([frames, values], axis=1).ravel())
        for i in np.flatnonzero(of_animator).tolist():
            points[i].type = _shown(points[i].type)
        curve.update()
    else:
        kept = [_kept(curve.keyframe_points[i]) for i in np.flatnonzero(theirs).tolist()]
        compat.fill_fcurve(
            curve, frames.astype(np.float64), values.astype(np.float64), slopes, stepped=stepped, generated=True
        )
        for i, attributes in zip(np.flatnonzero(of_animator).tolist(), kept, strict=True):
            for name, value in attributes.items():
                setattr(curve.keyframe_points[i], name, value)
        if kept:
            curve.update()
    own = frames[~of_animator]
    return CurveMarks(marks.path, marks.index, own, hashed(own, values[~of_animator]), handles, gone)


def has_animators_keys(action: bpy.types.Action, slots: "Iterable[bpy.types.ActionSlot | None]") -> bool:
    """Whether an animator worked on the curves of a bake, or deleted keys; False where nothing is known of that."""
    try:
        marks = read_marks(action)
    except MarksError:
        return False
    for slot in slots:
        handle = compat.handle_of(slot)
        for curve in compat.curves_in(action, slot) or ():
            known = marks.get((handle, curve.data_path, curve.array_index))
            if known is None:
                continue
            state = state_of(curve, known.handles is not None)
            if animators_keys(known, state).any() or deleted(known, state):
                return True
    return False


def _read(points: bpy.types.bpy_prop_collection, name: str) -> np.ndarray:
    values = np.empty(len(points) * 2, np.float32)
    points.foreach_get(name, values)
    return values.reshape(-1, 2)


def _shown(kind: str) -> str:
    """Return the kind of a key that is an animator's."""
    return "KEYFRAME" if kind == "GENERATED" else kind


def _kept(point: bpy.types.Keyframe) -> dict[str, Any]:
    """Return what an animator's key is beside its place and value. Types of handles come before handles."""
    found = {name: getattr(point, name) for name in _KEPT}
    found["type"] = _shown(point.type)
    return {**found, "handle_left": tuple(point.handle_left), "handle_right": tuple(point.handle_right)}
