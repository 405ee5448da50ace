# SPDX-FileCopyrightText: 2026 Mimica authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Takes over the active take: laid, taken off, put in order, cut where they meet best, and chosen phrase by phrase."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import bpy
from bpy.props import BoolProperty, EnumProperty, FloatProperty

from ..capture.take import TakeError
from ..mapping.calibration import ProfileError
from ..mapping.face_regions import FACE_REGIONS
from ..mapping.phrases import JOIN_SECONDS
from ..rig import layer_cuts, layers
from ..rig.language import say, sentence
from ..rig.performances import PerformanceError
from .takes import active_take

_BASE = "BASE"
"""As a take of a layer: the take that the layers lie over."""
_COVERED = 0.8
"""How much of a range a take must reach over to be offered for it."""
_FAILURES = (TakeError, ProfileError, PerformanceError, layers.LayerError)

_added: list[tuple[Any, ...]] = []
_chosen: list[tuple[Any, ...]] = []
"""Blender does not keep the texts of a menu that is made anew each time."""


@dataclass(frozen=True, slots=True)
class _Active:
    """The layer that is active in the list. Not to be kept."""

    base: Path
    layered: layers.MimicaLayeredTake
    row: layers.MimicaLayer


def _active(context: bpy.types.Context | None) -> _Active | None:
    base = active_take(context) if context is not None else None
    if context is None or base is None:
        return None
    layered = layers.find_layered(context.scene, base)
    if layered is None or not 0 <= layered.index < len(layered.layers):
        return None
    return _Active(base, layered, layered.layers[layered.index])


def _others(context: bpy.types.Context, base: Path) -> list[Path]:
    """Return the takes of the list that can be read, without the base, the oldest first."""
    found: list[Path] = []
    for item in reversed(context.window_manager.mimica.takes):
        path = Path(item.path)
        if item.error or path == base:
            continue
        try:
            layers.span_of(path)
        except (TakeError, layers.LayerError):
            continue
        found.append(path)
    return found


def _offered(context: bpy.types.Context, active: _Active) -> list[Path]:
    """Return the takes that reach over most of a layer's range."""
    row, found = active.row, []
    for path in _others(context, active.base):
        span = layers.span_of(path)
        at = layers.place(active.layered, span)
        reach = min(row.end, span.times[-1] + at) - max(row.start, span.times[0] + at)
        if reach >= _COVERED * (row.end - row.start):
            found.append(path)
    return found


def _item(path: Path, quality: str = "") -> tuple[str, str, str]:
    span = layers.span_of(path)
    there, here = "{seconds:.1f} s, laid where it was recorded to the timeline", "{seconds:.1f} s, laid from its start"
    text = say(there if span.timeline is not None else here, seconds=span.times[-1] - span.times[0])
    return str(path), f"{span.name}{quality}", text


def _takes_to_add(_self: bpy.types.Operator, context: bpy.types.Context | None) -> list[tuple[Any, ...]]:
    base = active_take(context) if context is not None else None
    _added[:] = [_item(path) for path in _others(context, base)] if context is not None and base is not None else []
    return _added


def _takes_to_choose(_self: bpy.types.Operator, context: bpy.types.Context | None) -> list[tuple[Any, ...]]:
    """Return the base and the takes for the active layer's range, each with how well it saw the face there."""
    active = _active(context)
    _chosen[:] = []
    if context is None or active is None:
        return _chosen
    row = active.row
    try:
        own = f"  {layers.span_of(active.base).mean_quality(row.start, row.end):.0%}"
    except (TakeError, layers.LayerError):
        own = ""
    _chosen.append((_BASE, say("Base") + own, "The take itself, without a layer here"))
    for path in _offered(context, active):
        span = layers.span_of(path)
        at = layers.place(active.layered, span)
        _chosen.append(_item(path, f"  {span.mean_quality(row.start - at, row.end - at):.0%}"))
    return _chosen


class MIMICA_OT_add_layer(bpy.types.Operator):
    bl_idname = "mimica.add_layer"
    bl_label = "Add Layer"
    bl_description = (
        "Lay another take over the active one: in the scene's preview range if that is on, else as far as both go"
    )
    bl_options = {"REGISTER", "UNDO"}

    take: EnumProperty(name="Take", description="The take that is laid over the active one", items=_takes_to_add)

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        if active_take(context) is None:
            cls.poll_message_set(say("Record a take first"))
            return False
        if len(context.window_manager.mimica.takes) < 2:
            cls.poll_message_set(say("There is no other take to lay over this one. Record or import one"))
            return False
        return True

    def execute(self, context: bpy.types.Context) -> set[str]:
        base = active_take(context)
        if base is None or not self.take:
            return {"CANCELLED"}
        try:
            _add(context.scene, base, Path(self.take))
        except _FAILURES as error:
            self.report({"ERROR"}, sentence(str(error)))
            return {"CANCELLED"}
        return {"FINISHED"}


def _add(scene: bpy.types.Scene, base: Path, take: Path) -> None:
    """Lay a take over another as far as both go, in the preview range. Raises `TakeError` or `LayerError`."""
    layered, span = layers.ensure_layered(scene, base), layers.span_of(take)
    at = layers.place(layered, span)
    start = max(layered.first_time, float(span.times[0]) + at)
    end = min(layered.last_time, float(span.times[-1]) + at)
    if scene.use_preview_range:
        start = max(start, layered.time_at(scene.frame_preview_start))
        end = min(end, layered.time_at(scene.frame_preview_end))
    if start >= end:
        raise layers.LayerError(
            f"'{span.name}' has nothing where it would lie over this take. Choose another one, or another preview "
            "range."
        )
    first, last = layered.frame_at(start), layered.frame_at(end)
    row = layers.add_layer(scene, base, take, first=first, last=last, regions=frozenset(FACE_REGIONS))
    row.at = at


class _OfLayer:
    """What is done with the layer that is active in the list."""

    @classmethod
    def poll(cls: Any, context: bpy.types.Context) -> bool:
        if _active(context) is None:
            cls.poll_message_set(say("There is no layer in the list"))
            return False
        return True

    def execute(self: Any, context: bpy.types.Context) -> set[str]:
        active = _active(context)
        if active is None:
            return {"CANCELLED"}
        try:
            return {"FINISHED"} if self.change(context, active) else {"CANCELLED"}
        except _FAILURES as error:
            self.report({"ERROR"}, sentence(str(error)))
            return {"CANCELLED"}


class MIMICA_OT_remove_layer(_OfLayer, bpy.types.Operator):
    bl_idname = "mimica.remove_layer"
    bl_label = "Remove Layer"
    bl_description = "Take the layer off. Its take stays as it is"
    bl_options = {"REGISTER", "UNDO"}

    def change(self, _context: bpy.types.Context, active: _Active) -> bool:
        layered = active.layered
        layered.layers.remove(layered.index)
        layered.index = max(0, min(layered.index, len(layered.layers) - 1))
        return True


class MIMICA_OT_move_layer(_OfLayer, bpy.types.Operator):
    bl_idname = "mimica.move_layer"
    bl_label = "Move Layer"
    bl_description = "Change which layer lies over which: the lower one in the list shows where two of them overlap"
    bl_options = {"REGISTER", "UNDO"}

    up: BoolProperty(name="Up", description="Move it up in the list, instead of down", options={"SKIP_SAVE"})

    def change(self, _context: bpy.types.Context, active: _Active) -> bool:
        layered = active.layered
        to = layered.index + (-1 if self.up else 1)
        if not 0 <= to < len(layered.layers):
            return False
        layered.layers.move(layered.index, to)
        layered.index = to
        return True


class MIMICA_OT_layer_take(_OfLayer, bpy.types.Operator):
    bl_idname = "mimica.layer_take"
    bl_label = "Choose Take"
    bl_description = "Choose the take that shows in this range. The figure is its mean quality there"
    bl_options = {"REGISTER", "UNDO"}

    take: EnumProperty(name="Take", description="The take that shows in this range", items=_takes_to_choose)

    def change(self, _context: bpy.types.Context, active: _Active) -> bool:
        layer_cuts.show_take(active.row, None if self.take in ("", _BASE) else Path(self.take))
        return True


class MIMICA_OT_next_layer_take(_OfLayer, bpy.types.Operator):
    bl_idname = "mimica.next_layer_take"
    bl_label = "Next Take"
    bl_description = "Show the next take that covers this range, to compare. After the last one comes the base again"
    bl_options = {"REGISTER", "UNDO"}

    back: BoolProperty(name="Back", description="Show the one before", options={"SKIP_SAVE"})

    @classmethod
    def description(cls, _context: bpy.types.Context, properties: bpy.types.OperatorProperties) -> str:
        before = "Show the take before this one that covers this range, to compare. Before the first comes the base"
        return say(before if properties.back else cls.bl_description)

    def change(self, context: bpy.types.Context, active: _Active) -> bool:
        offered: list[Path | None] = [None, *_offered(context, active)]
        if len(offered) == 1:
            self.report({"INFO"}, "No other take covers this range")
            return False
        now = layers.file_of(active.row) if active.row.file else None
        place = offered.index(now) if now in offered else 0
        layer_cuts.show_take(active.row, offered[(place + (-1 if self.back else 1)) % len(offered)])
        return True


class MIMICA_OT_best_cut(_OfLayer, bpy.types.Operator):
    bl_idname = "mimica.best_cut"
    bl_label = "Find Best Cut"
    bl_description = (
        "Move both ends of the layer to where its take and what it lies over are most alike, in place and in motion"
    )
    bl_options = {"REGISTER", "UNDO"}

    window: FloatProperty(
        name="Within",
        description="How far an end may move, seconds",
        subtype="TIME_ABSOLUTE",
        min=0.02,
        max=5.0,
        default=JOIN_SECONDS,
    )

    def change(self, _context: bpy.types.Context, active: _Active) -> bool:
        row = active.row
        if not row.file:
            self.report({"WARNING"}, "The take itself shows here. Choose another one for this range first")
            return False
        before = f"{row.first}-{row.last}"
        layer_cuts.cut_best(row, (row.start, row.end), self.window)
        text = say("Frames {first}-{last} instead of {before}", first=row.first, last=row.last, before=before)
        self.report({"INFO"}, text)
        return True


class MIMICA_OT_split_phrases(bpy.types.Operator):
    bl_idname = "mimica.split_phrases"
    bl_label = "Split into Phrases"
    bl_description = (
        "Add a layer for each phrase of the active take, from rest to rest of the mouth. Each shows the take itself "
        "until another is chosen for it"
    )
    bl_options = {"REGISTER", "UNDO"}

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        if active_take(context) is None:
            cls.poll_message_set(say("Record a take first"))
            return False
        return True

    def execute(self, context: bpy.types.Context) -> set[str]:
        base = active_take(context)
        if base is None:
            return {"CANCELLED"}
        try:
            phrases = layer_cuts.phrases_of(context.scene, base)
            if len(phrases) < 2:
                self.report({"WARNING"}, "The mouth does not rest within this take: it is one phrase. Add a layer")
                return {"CANCELLED"}
            added = layer_cuts.add_phrases(context.scene, base, phrases)
        except _FAILURES as error:
            self.report({"ERROR"}, sentence(str(error)))
            return {"CANCELLED"}
        self.report({"INFO"}, say("{count} phrases, {added} of them new", count=len(phrases), added=added))
        return {"FINISHED"}


_CLASSES = (
    MIMICA_OT_add_layer,
    MIMICA_OT_remove_layer,
    MIMICA_OT_move_layer,
    MIMICA_OT_layer_take,
    MIMICA_OT_next_layer_take,
    MIMICA_OT_best_cut,
    MIMICA_OT_split_phrases,
)
register, unregister = bpy.utils.register_classes_factory(_CLASSES)
