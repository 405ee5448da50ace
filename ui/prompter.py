# SPDX-FileCopyrightText: 2026 Mimica authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a calibration asks for, large over the viewport: readable from where a performer sits.

A card at the left edge, beside the character: our face that shows the pose, what to do, and how far it is done. After a
range was learned two faces, before and after, both moved by the performer.
"""

import time
from typing import Any

import blf
import bpy
import gpu
from gpu_extras.batch import batch_for_shader

from ..rig import live
from ..rig.calibrator import CalibrationView, Calibrator
from ..rig.language import say, sentence
from ..rig.picture_shapes import Box
from ..rig.pose_guide import FaceMaker, guide_shapes, swing
from . import guide_draw
from .wrapping import wrap

_Colour = tuple[float, float, float, float]
_Line = tuple[str, float, _Colour]
"""Text, points, colour."""

_WHITE: _Colour = (1.0, 1.0, 1.0, 1.0)
_PALE: _Colour = (0.8, 0.8, 0.8, 1.0)
_WARNING: _Colour = (1.0, 0.7, 0.35, 1.0)
_SHADE: _Colour = (0.08, 0.08, 0.08, 0.85)
_TRACK: _Colour = (0.27, 0.27, 0.27, 1.0)
_WAIT: _Colour = (0.55, 0.55, 0.55, 1.0)
_FILL: _Colour = (0.25, 0.55, 0.85, 1.0)
_DONE: _Colour = (0.28, 0.7, 0.4, 1.0)
_NAME, _TEXT, _SMALL = 34.0, 19.0, 15.0
"""Font sizes in points."""
_BAR = 22.0
"""Height of the bar: seen from across a room."""
_WIDTH = (300.0, 0.36, 430.0)
"""Of the card: at least, share of what is free, at most."""
_TOP, _BOTTOM = 118.0, 24.0
"""Pixels at the region's edges, free of Blender's own text and buttons."""
_EDGE, _PAD = 12.0, 16.0
_GIZMO = 96.0
"""Pixels at the right, of the navigation gizmo."""
_FACE_SHARE = 0.56
"""Of the height that is free, at most for a face."""

_handle: Any = None
_faces = FaceMaker()
_CANVASES = 6
_canvases: dict[str, guide_draw.FaceCanvas] = {}


def _draw() -> None:
    session = live.current()
    calibrator = session.calibrator if session is not None else None
    if calibrator is None or calibrator.over:
        if _canvases:
            _canvases.clear()
            _faces.forget()
        return
    view = calibrator.view
    if view.stage == "learning":
        _card([(say("Learning"), _NAME, _WHITE), (say("Thank you. This takes a second or two."), _TEXT, _PALE)])
    elif view.stage == "review":
        _draw_comparison(calibrator)
    elif view.lesson.pose is not None:
        _draw_lesson(view)


def _draw_lesson(view: CalibrationView) -> None:
    lesson, pose = view.lesson, view.lesson.pose
    assert pose is not None
    lines: list[_Line] = []
    if lesson.asked[1] > 1:
        lines.append((say("{n} of {count}", n=lesson.asked[0], count=lesson.asked[1]), _TEXT, _PALE))
    showing = lesson.phase == "show"
    fraction, colour = lesson.fraction, _WAIT
    lines.append((say(pose.name), _NAME, _WHITE))
    if lesson.note:
        lines.append((sentence(f"{lesson.note}."), _TEXT, _WARNING))
    if not pose.controls:
        lines.append((say(pose.say), _TEXT, _PALE))
        still = say("Hold still") if showing else say("In {n}", n=int(lesson.left) + 1)
        lines.append((still, _NAME, _WHITE))
        colour = _DONE if showing else _WAIT
    elif showing:
        lines.append((say(pose.say), _TEXT, _WHITE))
        if lesson.bar is not None:
            fraction, colour = lesson.bar, _DONE if lesson.bar >= 1.0 else _FILL
        if lesson.bar is not None and lesson.bar >= 1.0:
            lines.append((say("Hold it"), _TEXT, _DONE))
        elif lesson.following is not None:
            lines.append((say("Next: {name}", name=say(lesson.following.name)), _SMALL, _PALE))
    else:
        lines.append((say("First relax your face"), _TEXT, _PALE))
        fraction = 1.0 - lesson.fraction
    # Before the pose its name is enough of an announcement: who sees it moving begins to move.
    level = swing(time.monotonic()) if showing and pose.controls else 0.0
    _card(lines, fraction, colour, guide_shapes(pose, level))


def _draw_comparison(calibrator: Calibrator) -> None:
    comparison = calibrator.comparison
    if comparison is None:
        return
    visible, scale = _visible(), bpy.context.preferences.system.ui_scale
    if visible.width > 5 * _GIZMO * scale:
        visible = visible._replace(right=visible.right - _GIZMO * scale)
    pad = _PAD * scale
    caption = 1.6 * _TEXT * scale
    size = min((visible.width - 3 * pad) / 2, 0.5 * visible.height, _WIDTH[2] * scale)
    left = visible.left + (visible.width - 2 * size - pad) / 2
    box = Box(left - pad, visible.top - size - caption - pad, left + 2 * size + 2 * pad, visible.top)
    draw_box(*box, _SHADE)
    for i, (place, title) in enumerate((("before", say("Before")), ("after", say("After")))):
        x = left + i * (size + pad)
        face = Box(x, box.bottom + caption, x + size, box.top - pad)
        if comparison.shapes is not None:
            _draw_face(place, comparison.shapes[i], face)
        width, _ = text_size(title, _TEXT * scale)
        _draw_text(title, x + (size - width) / 2, box.bottom + 0.5 * caption - 0.35 * _TEXT * scale, _WHITE)


def _card(lines: list[_Line], fraction: float = -1.0, colour: _Colour = _WAIT, shapes: Any = None) -> None:
    """Draw the card: a face, a bar and lines of text. A negative fraction has no bar."""
    visible, scale = _visible(), bpy.context.preferences.system.ui_scale
    pad = _PAD * scale
    width = min(max(_WIDTH[0] * scale, _WIDTH[1] * visible.width), _WIDTH[2] * scale, visible.width)
    size = min(width - 2 * pad, _FACE_SHARE * visible.height) if shapes is not None else 0.0
    room = width - 2 * pad
    rows = [
        (piece, points * scale * min(1.0, room / max(text_size(piece, points * scale)[0], 1.0)), tint)
        for text, points, tint in lines
        for piece in _wrapped(text, points * scale, room)
    ]
    bar = (_BAR * scale + pad) if fraction >= 0.0 else 0.0
    height = sum(1.4 * points for _, points, _ in rows) + bar + size + (2.4 if size else 1.6) * pad
    top = visible.top
    draw_box(visible.left, top - height, visible.left + width, top, _SHADE)
    left, y = visible.left + pad, top - pad
    if size:
        middle = visible.left + width / 2
        _draw_face("guide", shapes, Box(middle - size / 2, y - size, middle + size / 2, y))
        y -= size + 0.4 * pad
    if fraction >= 0.0:
        # Above the words, whose number of lines differs from pose to pose: the bar stays where it is.
        draw_box(left, y - _BAR * scale, left + room, y, _TRACK)
        draw_box(left, y - _BAR * scale, left + room * fraction, y, colour)
        y -= _BAR * scale + 0.6 * pad
    for text, points, tint in rows:
        y -= 1.4 * points
        blf.size(0, points)
        _draw_text(text, left, y + 0.35 * points, tint)


def _draw_face(place: str, shapes: Any, box: Box) -> None:
    drawn = _faces.ask(place, shapes)
    if drawn is None or _faces.face is None:
        draw_box(*box, _TRACK)
        return
    # Viewports of other sizes have canvases of their own; those of sizes that a dragged edge passed are let go of.
    if len(_canvases) > _CANVASES:
        _canvases.clear()
    canvas = _canvases.setdefault(f"{place} {round(box.width)}", guide_draw.FaceCanvas())
    canvas.draw(_faces.face, drawn, box)


def _visible() -> Box:
    """Return what of the region is free for the card."""
    region, scale = bpy.context.region, bpy.context.preferences.system.ui_scale
    left, right = free_width(bpy.context.area, region)
    edge = _EDGE * scale
    return Box(left + edge, min(_BOTTOM * scale, region.height / 2), right - edge, region.height - _TOP * scale)


def _wrapped(text: str, points: float, room: float) -> list[str]:
    return wrap(text, lambda line: text_size(line, points)[0] <= room)


def _draw_text(text: str, x: float, y: float, colour: _Colour) -> None:
    """Draw a line with the size that `blf` was told last."""
    blf.color(0, *colour)
    blf.position(0, x, y, 0)
    blf.draw(0, text)


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
    _canvases.clear()
    _faces.forget()
    guide_draw.forget()
