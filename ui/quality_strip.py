# SPDX-FileCopyrightText: 2026 Mimica authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The track along the bottom of the Timeline and the Dope Sheet: how well the active take saw the face, frame by frame.

What it is made of is plain numbers, worked out anew when the view changes; a redraw beside that draws what is there.
"""

from typing import Any

import bpy
import numpy as np

from ..rig import quality
from ..rig.quality_strip import Strip, View, hatching, make_strip

_HEIGHT = 9.0
"""Pixels, at a resolution scale of 1."""
_HATCH = 5.0
"""Pixels between two lines of the hatching."""
_BAR, _MARKERS, _FOLDED = 18.0, 42.0, 60.0
"""Pixels at a resolution scale of 1: where the bar that scrolls ends, where markers with their names do, and the height
of a region that has neither."""
_HATCHING = (0.0, 0.0, 0.0, 0.6)


class _Drawn:
    """The last strip as the graphics card has it, one for each editor that shows it."""

    def __init__(self) -> None:
        self._made: dict[int, tuple[object, Any, Any]] = {}

    def draw(self, context: bpy.types.Context) -> None:
        """Draw into the region that is being drawn."""
        import gpu

        report, place = quality.report(), quality.place(context)
        if report is None or place is None:
            return
        region, scale = context.region, context.preferences.system.ui_scale
        left, right = (region.view2d.region_to_view(x, 0)[0] for x in (0, region.width))
        view = View(left, right, region.width)
        # A report is never changed, and is kept by the key for as long as it is compared.
        key = (report, place, view, scale)
        made = self._made.get(region.as_pointer())
        if made is None or made[0] != key:
            if len(self._made) > 16:
                self._made.clear()
            made = key, *_batches(make_strip(report, place, view), scale)
            self._made[region.as_pointer()] = made
        _, boxes, lines = made
        gpu.state.blend_set("ALPHA")
        with gpu.matrix.push_pop():
            gpu.matrix.translate((0.0, _bottom(context, scale), 0.0))
            if boxes is not None:
                boxes.draw(gpu.shader.from_builtin("FLAT_COLOR"))
            if lines is not None:
                shader = gpu.shader.from_builtin("UNIFORM_COLOR")
                shader.uniform_float("color", _HATCHING)
                lines.draw(shader)
        gpu.state.blend_set("NONE")

    def forget(self) -> None:
        """Let go of what was drawn."""
        self._made.clear()


def _bottom(context: bpy.types.Context, scale: float) -> float:
    """Return where the track begins, pixels from the region's bottom: above the bar that scrolls, and above markers.

    A region that is folded to its ruler has neither.
    """
    if context.region.height <= _FOLDED * scale:
        return 0.0
    return round((_MARKERS if len(context.scene.timeline_markers) else _BAR) * scale)


def _batches(strip: Strip, scale: float) -> tuple[Any, Any]:
    """Return the boxes and the hatching for the graphics card; None where there is nothing."""
    import gpu
    from gpu_extras.batch import batch_for_shader

    height = _HEIGHT * scale
    boxes = lines = None
    if len(strip.boxes):
        corners = strip.boxes[:, [0, 1, 2, 1, 2, 3, 0, 1, 2, 3, 0, 3]].reshape(-1, 2) * np.array(
            [1.0, height], np.float32
        )
        colours = np.repeat(strip.colours, 6, axis=0)
        boxes = batch_for_shader(gpu.shader.from_builtin("FLAT_COLOR"), "TRIS", {"pos": corners, "color": colours})
    ends = hatching(strip.hatched, height, _HATCH * scale)
    if len(ends):
        lines = batch_for_shader(gpu.shader.from_builtin("UNIFORM_COLOR"), "LINES", {"pos": ends})
    return boxes, lines


_drawn = _Drawn()
_handle: object | None = None


def _draw() -> None:
    context = bpy.context
    space = context.space_data
    if context.scene.mimica.quality.show_track and space.mode in ("TIMELINE", "DOPESHEET", "ACTION", "SHAPEKEY"):
        _drawn.draw(context)


def register() -> None:
    """Draw into every Timeline and Dope Sheet from now on."""
    global _handle
    _handle = bpy.types.SpaceDopeSheetEditor.draw_handler_add(_draw, (), "WINDOW", "POST_PIXEL")


def unregister() -> None:
    """Undo `register`."""
    global _handle
    if _handle is not None:
        bpy.types.SpaceDopeSheetEditor.draw_handler_remove(_handle, "WINDOW")
    _handle = None
    _drawn.forget()
