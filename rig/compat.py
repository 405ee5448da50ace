# SPDX-FileCopyrightText: 2026 Mimica authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What differs between Blender 4.2 and 5.2. The only module that knows; it tests for features, never for versions."""

from collections.abc import Iterable, Iterator
from functools import cache

import bpy
import numpy as np

_SLOTTED = "fcurve_ensure_for_datablock" in bpy.types.Action.bl_rna.functions
_SAYS_RELATIVE = "is_path_supports_blend_relative" in bpy.types.Property.bl_rna.properties
_SOUND_STRIP = getattr(bpy.types, "SoundStrip", None) or bpy.types.SoundSequence


def has_slots() -> bool:
    """Whether one Action can animate several data-blocks (4.4 and later)."""
    return _SLOTTED


def relative_path_options() -> set[str]:
    """Return the options of a property that may hold a path relative to the .blend; until 5.0 every one may."""
    return {"PATH_SUPPORTS_BLEND_RELATIVE"} if _SAYS_RELATIVE else set()


@cache
def shown_texture_format() -> str:
    """Return the format of a texture whose values are shown on the screen as they are. While something is drawn.

    From 5.0 on the shader for images takes values as those of the screen. Before that it takes them as linear, so the
    texture has to say that its values are not.
    """
    import gpu

    try:
        gpu.shader.from_builtin("IMAGE_SCENE_LINEAR_TO_REC709_SRGB")
    except ValueError:
        return "SRGB8_A8"
    return "RGBA8"


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


def slot_of(datablock: bpy.types.ID, action: bpy.types.Action) -> "bpy.types.ActionSlot | None":
    """Return the slot by which an action animates a data-block, or would; None without slots, or where there is none.

    Of its active action and its strips it is theirs, else the one that bears its name.
    """
    animation = datablock.animation_data
    if not _SLOTTED:
        return None
    if animation is not None:
        if animation.action == action and animation.action_slot is not None:
            return animation.action_slot
        for strip in every_strip(datablock):
            if strip.action == action and strip.action_slot is not None:
                return strip.action_slot
    for slot in action.slots:
        if slot.target_id_type == datablock.id_type and slot.name_display == datablock.name:
            return slot
    return None


def ensure_slot(datablock: bpy.types.ID, action: bpy.types.Action) -> "bpy.types.ActionSlot | None":
    """Return `slot_of`, made if need be; None without slots."""
    found = slot_of(datablock, action)
    return action.slots.new(id_type=datablock.id_type, name=datablock.name) if _SLOTTED and found is None else found


def handle_of(slot: "bpy.types.ActionSlot | None") -> int:
    """Return the number by which an action and its copies know a slot; 0 without slots."""
    return 0 if slot is None else slot.handle


def curves_in(
    action: bpy.types.Action, slot: "bpy.types.ActionSlot | None", *, ensure: bool = False
) -> bpy.types.bpy_prop_collection | None:
    """Return the F-curves of a slot, whether the action is anybody's active one or not.

    :param ensure: whether the place for them is made where there is none.
    """
    if not _SLOTTED:
        return action.fcurves
    found = _curves_in(action, slot)
    if found is not None or slot is None or not ensure:
        return found
    layer = action.layers[0] if len(action.layers) else action.layers.new("Layer")
    strip = layer.strips[0] if len(layer.strips) else layer.strips.new(type="KEYFRAME")
    return strip.channelbag(slot, ensure=True).fcurves


def new_fcurve(curves: bpy.types.bpy_prop_collection, path: str, index: int, group: str) -> bpy.types.FCurve:
    """Return a new F-curve in a collection of `curves_in` that has none for this channel."""
    parameters = curves.bl_rna.functions["new"].parameters
    name = next((name for name in ("group_name", "action_group") if name in parameters), None)
    return curves.new(path, index=index, **({name: group} if name else {}))


def assign(datablock: bpy.types.ID, action: bpy.types.Action, slot: "bpy.types.ActionSlot | None") -> None:
    """Make `action`, by this slot, the active one of the data-block."""
    assign_action(datablock, action)
    if _SLOTTED and slot is not None:
        datablock.animation_data.action_slot = slot


def every_strip(datablock: bpy.types.ID) -> "Iterator[bpy.types.NlaStrip]":
    """Yield the strips of a data-block that play an action, muted ones too, those of the uppermost track first."""
    animation = datablock.animation_data
    if animation is None:
        return
    for track in reversed(animation.nla_tracks):
        yield from _clips(track.strips)


def _clips(strips: bpy.types.bpy_prop_collection) -> "Iterator[bpy.types.NlaStrip]":
    for strip in strips:
        if strip.type == "META":
            yield from _clips(strip.strips)
        elif strip.action is not None:
            yield strip


def new_strip(
    datablock: bpy.types.ID, name: str, action: bpy.types.Action, slot: "bpy.types.ActionSlot | None", start: float
) -> bpy.types.NlaStrip:
    """Return a strip of an action on a new track, above all others, both of this name."""
    track = datablock.animation_data_create().nla_tracks.new()
    track.name = name
    strip = track.strips.new(name, int(start), action)
    if _SLOTTED and slot is not None:
        strip.action_slot = slot
    return strip


def remove_strips(datablock: bpy.types.ID, action: bpy.types.Action) -> None:
    """Take the strips of an action away, and the tracks that are empty then."""
    animation = datablock.animation_data
    if animation is None:
        return
    for track in list(animation.nla_tracks):
        ours = [strip for strip in track.strips if strip.action == action]
        for strip in ours:
            track.strips.remove(strip)
        if ours and not len(track.strips):
            animation.nla_tracks.remove(track)


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
    blend, influence = animation.action_blend_type, animation.action_influence
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
    strip.blend_type = blend
    if influence < 1.0:
        strip.use_animated_influence = True
        strip.influence = influence
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


def has_sound() -> bool:
    """Whether this Blender plays sound; as a Python module it was built without until 5.1."""
    return bpy.app.build_options.audaspace


def has_sound_offset() -> bool:
    """Whether sound in a strip may begin between two frames (4.3 and later)."""
    return "sound_offset" in _SOUND_STRIP.bl_rna.properties


def set_sound_offset(strip: "bpy.types.SoundStrip", seconds: float) -> None:
    """Let a strip's sound begin that much after its frame. Does nothing where `has_sound_offset` is false."""
    if has_sound_offset():
        strip.sound_offset = seconds


def strips(editor: bpy.types.SequenceEditor) -> bpy.types.bpy_prop_collection:
    """Return the strips of a sequencer, those inside of meta strips apart."""
    return editor.strips if hasattr(editor, "strips") else editor.sequences


def ends_of_strip(strip: "bpy.types.Strip") -> tuple[int, int]:
    """Return the first frame of a sequencer's strip and the one after its last."""
    if hasattr(strip, "left_handle"):
        return strip.left_handle, strip.right_handle
    return strip.frame_final_start, strip.frame_final_end


def trim_strip(strip: "bpy.types.Strip", first: int, end: int) -> None:
    """Let a sequencer's strip show nothing before a frame, nor from another on; what lies within stays in its place."""
    start, stop = ends_of_strip(strip)
    first, end = max(first, start), min(end, stop)
    if first >= end:
        return
    if hasattr(strip, "left_handle"):
        strip.left_handle, strip.right_handle = first, end
    else:
        strip.frame_final_start, strip.frame_final_end = first, end


def fill_fcurve(
    curve: bpy.types.FCurve,
    frames: np.ndarray,
    values: np.ndarray,
    slopes: np.ndarray | None = None,
    *,
    stepped: bool = False,
    linear: bool = False,
    generated: bool = False,
) -> None:
    """Replace the keys of an F-curve in bulk.

    :param frames: float (N,), scene frames, increasing.
    :param values: float (N,).
    :param slopes: float (N,), per frame: cubic curves from key to key with these slopes, by handles at a third of the
        way. None: Blender places the handles.
    :param stepped: whether each value is held until the next key.
    :param linear: whether values go straight from key to key.
    :param generated: whether they are shown as what no animator made.
    """
    points = curve.keyframe_points
    points.clear()
    points.add(len(frames))
    points.foreach_set("co", _pairs(frames, values))
    if generated:
        points.foreach_set("type", np.full(len(frames), _number_of("type", "GENERATED"), np.int32))
    if stepped or linear:
        number = _number_of("interpolation", "CONSTANT" if stepped else "LINEAR")
        points.foreach_set("interpolation", np.full(len(frames), number, np.int32))
    if slopes is not None:
        left, right = handles_of(frames, values, slopes)
        points.foreach_set("interpolation", np.full(len(frames), _number_of("interpolation", "BEZIER"), np.int32))
        # Aligned: both sides have one slope, and keep it when an animator turns a handle.
        aligned = np.full(len(frames), _number_of("handle_left_type", "ALIGNED"), np.int32)
        points.foreach_set("handle_left_type", aligned)
        points.foreach_set("handle_right_type", aligned)
        points.foreach_set("handle_left", left.ravel())
        points.foreach_set("handle_right", right.ravel())
    curve.update()


def handles_of(frames: np.ndarray, values: np.ndarray, slopes: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the left and right handles, each float32 (N, 2), of keys with these slopes: at a third of the way."""
    way = np.diff(frames) / 3.0
    before, after = (np.append(way[:1], way), np.append(way, way[-1:])) if len(way) else (np.ones(1), np.ones(1))
    left, right = _pairs(frames - before, values - slopes * before), _pairs(frames + after, values + slopes * after)
    return left.reshape(-1, 2), right.reshape(-1, 2)


def show_as_keyframes(curve: bpy.types.FCurve) -> None:
    """Show all keys of an F-curve as an animator's own."""
    points = curve.keyframe_points
    points.foreach_set("type", np.full(len(points), _number_of("type", "KEYFRAME"), np.int32))


def _pairs(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    return np.stack([x, y], axis=1).astype(np.float32).ravel()


def _number_of(name: str, choice: str) -> int:
    """Return the number by which `foreach_set` knows a choice of a keyframe's property."""
    return bpy.types.Keyframe.bl_rna.properties[name].enum_items[choice].value
