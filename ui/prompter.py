# SPDX-FileCopyrightText: 2026 Mimica authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a calibration asks for, large over the viewport: readable from where a performer sits."""

from typing import Any

import blf
import bpy
import gpu
from gpu_extras.batch import batch_for_shader

from ..rig import live

_WHITE, _PALE = (1.0, 1.0, 1.0, 1.0), (0.8, 0.8, 0.8, 1.0)
_SHADE = (0.08, 0.08, 0.08, 0.75)
_TRACK, _WAIT, _HOLD = (0.3, 0.3, 0.3, 1.0), (0.55, 0.55, 0.55, 1.0), (0.28, 0.66, 0.38, 1.0)
_NAME, _TEXT = 34, 19
"""Font sizes in points."""
_LEAST_WIDTH = 420
"""Pixels: the box should not grow and shrink with every pose."""
_TOP = 96
"""Pixels below the region's upper edge, free of Blender's own text and buttons."""

_handle: Any = None


def _draw() -> None:
    session = live.current()
    if session is None or session.calibrator is None:
        return
    view = session.calibrator.view
    if view.stage == "learning":
        _show("Learning", "Thank you. This takes a second or two.", "", 1.0, _WAIT)
    elif view.stage == "asking" and view.lesson.pose is not None:
        lesson, pose = view.lesson, view.lesson.pose
        showing = lesson.phase == "show"
        if showing:
            title, fraction, colour = f"{pose.name}: Hold", lesson.fraction, _HOLD
        else:
            title, fraction, colour = f"{pose.name} in {int(lesson.left) + 1}", 1.0 - lesson.fraction, _WAIT
        _show(title, pose.say, f"{lesson.note}." if lesson.note else "", fraction, colour)


def _show(title: str, say: str, note: str, fraction: float, colour: tuple[float, ...]) -> None:
    region, scale = bpy.context.region, bpy.context.preferences.system.ui_scale
    lines = [(title, _NAME, _WHITE), (say, _TEXT, _PALE)] + ([(note, _TEXT, (1.0, 0.7, 0.35, 1.0))] if note else [])
    visible = free_width(bpy.context.area, region)
    # A narrow viewport gets smaller letters rather than cut ones.
    widest = max(text_size(text, points * scale)[0] for text, points, _ in lines)
    fit = min(1.0, 0.9 * (visible[1] - visible[0]) / max(widest, 1.0))
    middle = (visible[0] + visible[1]) / 2
    step = 1.5 * fit * scale
    half = max(widest * fit, min(_LEAST_WIDTH * scale, 0.8 * (visible[1] - visible[0]))) / 2 + 24 * scale
    height = sum(points * step for _, points, _ in lines) + 34 * scale
    top = region.height - _TOP * scale
    draw_box(middle - half, top - height, middle + half, top, _SHADE)
    y = top - 8 * scale
    for text, points, tint in lines:
        y -= points * step
        width, _ = text_size(text, points * fit * scale)
        blf.color(0, *tint)
        blf.position(0, middle - width / 2, y + 0.3 * points * fit * scale, 0)
        blf.draw(0, text)
    bar, thick = y - 12 * scale, 6 * scale
    left, right = middle - half + 24 * scale, middle + half - 24 * scale
    draw_box(left, bar - thick, right, bar, _TRACK)
    draw_box(left, bar - thick, left + (right - left) * fraction, bar, colour)


def text_size(text: str, points: float) -> tuple[float, float]:
    """Return width and height of a text in pixels."""
    blf.size(0, points)
    return blf.dimensions(0, text)


def free_width(area: bpy.types.Area, region: bpy.types.Region) -> tuple[float, float]:
    """Return left and right of what toolbar and sidebar leave free; they overlap the region."""
    left, right = 0.0, float(region.width)
    for other in area.regions:
        if other.type == "TOOLS" and other.width > 1:
            left = max(left, other.x + other.width - region.x)
        elif other.type == "UI" and other.width > 1:
            right = min(right, other.x - region.x)
    return (left, right) if right - left > 100 else (0.0, float(region.width))


def draw_box(left: float, low: float, right: float, high: float, colour: tuple[float, ...]) -> None:
    """Fill a rectangle of the region."""
    shader = gpu.shader.from_builtin("UNIFORM_COLOR")
    gpu.state.blend_set("ALPHA")
    shader.uniform_float("color", colour)
    corners = [(left, low), (right, low), (left, high), (right, high)]
    batch_for_shader(shader, "TRI_STRIP", {"pos": corners}).draw(shader)
    gpu.state.blend_set("NONE")


def register() -> None:
    """Draw over every 3D viewport while a calibration asks."""
    global _handle
    _handle = bpy.types.SpaceView3D.draw_handler_add(_draw, (), "WINDOW", "POST_PIXEL")


def unregister() -> None:
    """Undo `register`."""
    global _handle
    if _handle is not None:
        bpy.types.SpaceView3D.draw_handler_remove(_handle, "WINDOW")
        _handle = None
