# SPDX-FileCopyrightText: 2026 Mimica authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Where layers lie, as bars with their fades in the Timeline and the Dope Sheet, in the order of the list."""

from typing import Any

import bpy

from ..rig import layers

_ROW, _GAP = 5.0, 2.0
"""Pixels at a resolution scale of 1: height of a bar, and between two."""
_BOTTOM, _MARKERS, _FOLDED = 35.0, 59.0, 100.0
"""Pixels at a resolution scale of 1: where bars begin, above the quality track, without and with markers; and the
height of a region that has no room for them."""
_MOST = 12
"""Bars; the list may hold more, the region may not."""
_ACTIVE, _OTHER, _OFF = (0.36, 0.62, 0.95, 0.95), (0.27, 0.42, 0.62, 0.9), (0.35, 0.35, 0.35, 0.6)

Corner = tuple[float, float]


def bars(layered: layers.MimicaLayeredTake) -> list[tuple[tuple[float, float, float, float], tuple[float, ...]]]:
    """Return the scene frames of each layer's bar from the lowest drawn to the highest, and its colour.

    The frames: where it begins to fade in, shows alone, no longer does, and is gone. Phrases without a take have none.
    """
    found: list[tuple[tuple[float, float, float, float], tuple[float, ...]]] = []
    for i, row in reversed(list(enumerate(layered.layers))):
        if not row.file or row.end < row.start:
            continue
        times = row.start - row.fade_in, row.start, row.end, row.end + row.fade_out
        first, alone, last, gone = (layered.frame_at(time) for time in times)
        colour = _OFF if not row.enabled else _ACTIVE if i == layered.index else _OTHER
        found.append(((first, alone, last, gone), colour))
    return found[:_MOST]


def _draw() -> None:
    context = bpy.context
    if context.space_data.mode not in ("TIMELINE", "DOPESHEET", "ACTION", "SHAPEKEY"):
        return
    scale, region = context.preferences.system.ui_scale, context.region
    _, layered = layers.active(context)
    if layered is None or not layered.on or region.height <= _FOLDED * scale:
        return
    corners: list[Corner] = []
    colours: list[tuple[float, ...]] = []
    bottom = (_MARKERS if len(context.scene.timeline_markers) else _BOTTOM) * scale
    for i, (frames, colour) in enumerate(bars(layered)):
        x = [region.view2d.view_to_region(frame, 0.0, clip=False)[0] for frame in frames]
        low = bottom + i * (_ROW + _GAP) * scale
        high = low + _ROW * scale
        a, b, c, d = (x[0], low), (x[1], high), (x[2], high), (x[3], low)
        corners += [a, b, c, a, c, d]
        colours += [colour] * 6
    if corners:
        _fill(corners, colours)


def _fill(corners: list[Corner], colours: list[tuple[float, ...]]) -> None:
    import gpu
    from gpu_extras.batch import batch_for_shader

    shader = gpu.shader.from_builtin("FLAT_COLOR")
    gpu.state.blend_set("ALPHA")
    batch_for_shader(shader, "TRIS", {"pos": corners, "color": colours}).draw(shader)
    gpu.state.blend_set("NONE")


_handle: Any = None


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
