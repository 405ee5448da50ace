# SPDX-FileCopyrightText: 2026 Mimica authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The performer's picture as it is drawn: in a corner of the viewport and in Image Editors.

The image goes to the graphics card once, when there is a newer one; a redraw beside that draws what is there.
"""

import re
from typing import Any

import blf
import bpy
import gpu
import numpy as np
from gpu_extras.batch import batch_for_shader

from ..rig import compat, picture_place, watch
from ..rig.language import say, sentence
from ..rig.picture_shapes import (
    Box,
    box_lines,
    contour_lines,
    disc,
    dots,
    free_box,
    gaze_lines,
    iris_lines,
    letterbox,
    place,
    to_pixels,
)
from .picture_properties import MimicaPicture
from .prompter import draw_box, text_size
from .wrapping import wrap

Colour = tuple[float, float, float, float]

_CHOSEN: Colour = (0.45, 1.0, 0.85, 0.95)
_OTHER: Colour = (0.85, 0.85, 0.85, 0.7)
_GAZE: Colour = (1.0, 0.8, 0.2, 1.0)
_DOTS: Colour = (1.0, 1.0, 1.0, 0.55)
_UNDER: Colour = (0.0, 0.0, 0.0, 0.45)
"""Below light lines, so that they are seen on light skin too."""
_EDGE: Colour = (0.05, 0.05, 0.05, 1.0)
_SHADE: Colour = (0.05, 0.05, 0.05, 0.72)
_WHITE: Colour = (1.0, 1.0, 1.0, 1.0)
_LEVELS: tuple[Colour, ...] = ((0.35, 0.85, 0.4, 1.0), (1.0, 0.8, 0.25, 1.0), (1.0, 0.38, 0.3, 1.0))
"""By severity."""
_TEXT = 11.0
"""Size of letters in points."""
MARK = 6.0
"""Radius of the mark while recording."""
_MOST_LINES = 2
"""Of health."""
_BARS_WIDTH = 215.0
_ROW = 17.0
"""Height of a bar's row."""
_GIZMO_ROOM = 24.0
"""Pixels around the navigation gizmo."""
_TEXT_ROOM, _STATISTICS_ROOM = 62.0, 150.0
"""Pixels below the top that Blender writes on."""


class _Card:
    """The newest image as the graphics card has it."""

    def __init__(self) -> None:
        self._picture: watch.Picture | None = None
        self._texture: Any = None

    def texture(self, picture: watch.Picture) -> Any:
        """Return a picture as a texture. The one before is freed."""
        if self._picture is not picture:
            height, width = picture.pixels.shape[:2]
            # The buffer is the array's own memory: nothing is copied in Python.
            buffer = gpu.types.Buffer("FLOAT", picture.pixels.shape, picture.pixels)
            self._texture = gpu.types.GPUTexture((width, height), format=compat.shown_texture_format(), data=buffer)
            self._picture = picture
        return self._texture

    def forget(self) -> None:
        """Free the texture."""
        self._picture = self._texture = None


_card = _Card()
_handles: list[tuple[Any, Any]] = []


def _draw_in_viewport() -> None:
    context = bpy.context
    settings, watching = context.scene.mimica.picture, watch.current()
    if watching is None:
        _card.forget()
    if watching is None or not settings.show:
        return
    area, region = context.area, context.region
    if area not in picture_place.viewports(context.window_manager, settings.everywhere):
        return
    if region != picture_place.part_of(area, settings.corner):
        return
    scale = context.preferences.system.ui_scale
    free, floating = _free(context, settings.corner, scale)
    aspect = watching.picture.aspect if watching.picture is not None else 4 / 3
    box = place(free, settings.corner, settings.size, aspect, scale, floating)
    picture = watching.ask(f"region {region.as_pointer()}", box.width)
    if picture is None:
        return
    draw_picture(watching, picture, box, settings, scale)
    if settings.bars and picture.bars:
        _draw_bars(picture, box, settings.corner, free, scale)


def _draw_in_image_editor() -> None:
    context = bpy.context
    watching = watch.current()
    if watching is None or not picture_place.shows_camera(context.space_data):
        return
    view = context.region.view2d
    (left, bottom), (right, top) = (view.view_to_region(x, x, clip=False) for x in (0.0, 1.0))
    whole = Box(left, bottom, right, top)
    picture = watching.ask(f"region {context.region.as_pointer()}", min(whole.width, 1920))
    if picture is not None and whole.width > 1 and whole.height > 1:
        box = letterbox(whole, picture.aspect)
        draw_picture(watching, picture, box, context.scene.mimica.picture, context.preferences.system.ui_scale, 1.0)


def _free(context: bpy.types.Context, corner: str, scale: float) -> tuple[Box, list[Box]]:
    """Return what of the region nothing lies on, and the boxes of what floats over it."""
    region, space = context.region, context.space_data
    whole = Box(0.0, 0.0, float(region.width), float(region.height))
    others: list[tuple[str, Box]] = []
    for other in context.area.regions:
        left, bottom = other.x - region.x, other.y - region.y
        if other.type != "WINDOW" and other.width > 1:
            others.append((other.alignment, Box(left, bottom, left + other.width, bottom + other.height)))
    free = free_box(whole, [item for item in others if item[0] != "FLOAT"])
    view = context.preferences.view
    if corner == "TOP_RIGHT" and space.show_gizmo and space.show_gizmo_navigate:
        size = view.gizmo_size_navigate_v3d if view.mini_axis_type == "GIZMO" else 30
        free = free._replace(right=free.right - (size + _GIZMO_ROOM) * scale)
    elif corner == "TOP_LEFT" and space.overlay.show_overlays:
        room = _STATISTICS_ROOM if space.overlay.show_stats else _TEXT_ROOM if space.overlay.show_text else 0.0
        free = free._replace(top=free.top - room * scale)
    return free, [box for side, box in others if side == "FLOAT" and box.height > 1]


def draw_picture(
    watching: watch.Watch,
    picture: watch.Picture,
    box: Box,
    settings: MimicaPicture,
    scale: float,
    opacity: float | None = None,
) -> None:
    """Draw a picture and what is on it, in pixels of the region that is being drawn.

    :param scale: the interface's resolution scale.
    :param opacity: None is that of the settings.
    """
    opacity = settings.opacity if opacity is None else opacity
    edge = round(scale)
    draw_box(box.left - edge, box.bottom - edge, box.right + edge, box.top + edge, _faded(_EDGE, opacity))
    _draw_image(picture, box, settings.mirror, opacity)
    _draw_faces(watching, picture, box, settings, scale, opacity)
    if settings.health:
        _draw_health(watching, box, scale)
    if watching.session.recording is not None:
        reach = 2.2 * MARK * scale
        draw_mark(watching, (box.right - reach, box.top - reach), scale)


def _draw_image(picture: watch.Picture, box: Box, mirror: bool, opacity: float) -> None:
    shader = gpu.shader.from_builtin("IMAGE_COLOR")
    left, right = (1.0, 0.0) if mirror else (0.0, 1.0)
    corners = [(box.left, box.bottom), (box.right, box.bottom), (box.left, box.top), (box.right, box.top)]
    # The texture's first row is the image's upper one.
    places = [(left, 1.0), (right, 1.0), (left, 0.0), (right, 0.0)]
    gpu.state.blend_set("ALPHA")
    shader.uniform_float("color", (1.0, 1.0, 1.0, opacity))
    shader.uniform_sampler("image", _card.texture(picture))
    batch_for_shader(shader, "TRI_STRIP", {"pos": corners, "texCoord": places}).draw(shader)
    gpu.state.blend_set("NONE")


def _draw_faces(
    watching: watch.Watch, picture: watch.Picture, box: Box, settings: MimicaPicture, scale: float, opacity: float
) -> None:
    several = watching.session.settings.tracker.faces > 1
    thin = max(1.0, scale * min(1.0, box.width / 320))
    for frame, sight in zip(picture.faces, picture.sights, strict=True):
        if frame.landmarks is None:
            continue
        chosen = sight.face == picture.face
        colour = _faded(_CHOSEN if chosen else _OTHER, opacity)
        if settings.landmarks:
            # Small pictures would be hidden by as many points.
            tint = _faded(_DOTS, opacity * min(1.0, box.width / (250 * scale)))
            _draw_triangles(dots(frame.landmarks, box, settings.mirror, max(1.0, 1.5 * thin)), tint)
        if settings.contours:
            contours = np.concatenate([contour_lines(frame.landmarks), iris_lines(frame.landmarks, picture.aspect)])
            _draw_lines(contours, box, settings.mirror, 1.2 * thin, colour, opacity)
        if settings.gaze:
            lines = gaze_lines(frame.landmarks, sight, picture.aspect)
            _draw_lines(lines, box, settings.mirror, 2.2 * thin, _faded(_GAZE, opacity), opacity)
        if settings.box:
            _draw_lines(box_lines(sight), box, settings.mirror, thin, colour, opacity)
        if settings.box and several:
            _draw_number(sight.face + 1, to_pixels(np.array(sight.box).reshape(2, 2), box, settings.mirror), box, scale)


def _draw_lines(lines: np.ndarray, box: Box, mirror: bool, width: float, colour: Colour, opacity: float) -> None:
    """Draw lines of the image, (2 K, 2), each above a wider dark one."""
    if not len(lines):
        return
    shader = gpu.shader.from_builtin("POLYLINE_UNIFORM_COLOR")
    batch = batch_for_shader(shader, "LINES", {"pos": to_pixels(lines, box, mirror)})
    gpu.state.blend_set("ALPHA")
    shader.uniform_float("viewportSize", gpu.state.viewport_get()[2:])
    for thickness, tint in ((2.2 * width, _faded(_UNDER, opacity)), (width, colour)):
        shader.uniform_float("lineWidth", thickness)
        shader.uniform_float("color", tint)
        batch.draw(shader)
    gpu.state.blend_set("NONE")


def _draw_triangles(corners: np.ndarray, colour: Colour) -> None:
    shader = gpu.shader.from_builtin("UNIFORM_COLOR")
    shader.uniform_float("color", colour)
    gpu.state.blend_set("ALPHA")
    batch_for_shader(shader, "TRIS", {"pos": corners}).draw(shader)
    gpu.state.blend_set("NONE")


def _draw_number(number: int, corners: np.ndarray, box: Box, scale: float) -> None:
    """Write a face's number into the upper left corner of its box."""
    size, pad = _TEXT * scale, 3 * scale
    width, height = text_size(str(number), size)
    left = min(max(float(corners[:, 0].min()), box.left), box.right - width - 2 * pad)
    top = min(max(float(corners[:, 1].max()), box.bottom + height + 2 * pad), box.top)
    draw_box(left, top - height - 2 * pad, left + width + 2 * pad, top, _SHADE)
    _write(str(number), left + pad, top - height - pad, size, _WHITE)


def _draw_health(watching: watch.Watch, box: Box, scale: float) -> None:
    """Write what is wrong along the picture's lower edge; while nothing is, how fast it goes."""
    size, pad = _TEXT * scale, 5 * scale
    if watching.complaints:
        text, colour = sentence(watching.complaints[0].sentence), _LEVELS[watching.complaints[0].severity]
    else:
        figures = watching.session.stats()
        latency = watching.session.latency_ms
        text, colour = say("{rate:.0f} frames/s   {ms:.0f} ms", rate=figures.rate, ms=latency), _WHITE
    lines = _wrapped(text, size, box.width - 2 * pad)
    if len(lines) > _MOST_LINES:
        # What to do is in the panel too, and a small picture should still show the face.
        lines = _wrapped(re.split("[:：]", text)[0], size, box.width - 2 * pad)
    step = 1.35 * size
    draw_box(box.left, box.bottom, box.right, box.bottom + step * len(lines) + pad, _SHADE)
    for i, line in enumerate(lines):
        y = box.bottom + pad / 2 + step * (len(lines) - 1 - i) + 0.3 * size
        _write(line, box.left + pad, y, size, colour)


def _wrapped(text: str, size: float, width: float) -> list[str]:
    """Return a text in lines that are no wider than some pixels."""
    return wrap(text, lambda line: text_size(line, size)[0] <= width)


def draw_mark(watching: watch.Watch, middle: tuple[float, float], scale: float) -> None:
    """Draw a dot that tells how well what is being recorded is seen."""
    radius = MARK * scale
    for size, tint in ((radius + 2.0 * scale, _SHADE), (radius, _LEVELS[watching.severity])):
        _draw_triangles(disc(middle, size), tint)


def _draw_bars(picture: watch.Picture, box: Box, corner: str, free: Box, scale: float) -> None:
    """Draw the strongest controls beside the picture, on the side of the viewport's middle; on it without room."""
    row, pad, gap, size = _ROW * scale, 6 * scale, 8 * scale, _TEXT * scale
    width, height = _BARS_WIDTH * scale, watch.BARS * row + 2 * pad
    left = box.left - gap - width if corner.endswith("RIGHT") else box.right + gap
    if left < free.left or left + width > free.right:
        left = box.left
    bottom = box.bottom if corner.startswith("BOTTOM") else box.top - height
    draw_box(left, bottom, left + width, bottom + height, _SHADE)
    names = 0.67 * width
    for i, (name, value) in enumerate(picture.bars):
        y = bottom + height - pad - (i + 1) * row
        start, end = left + names, left + width - pad
        draw_box(start, y + 0.25 * row, end, y + 0.75 * row, (0.3, 0.3, 0.3, 1.0))
        draw_box(start, y + 0.25 * row, start + (end - start) * min(max(value, 0.0), 1.0), y + 0.75 * row, _CHOSEN)
        _write(name, left + pad, y + 0.3 * row, size, _WHITE)


def _faded(colour: Colour, opacity: float) -> Colour:
    return (*colour[:3], colour[3] * opacity)


def _write(text: str, x: float, y: float, size: float, colour: Colour) -> None:
    blf.size(0, size)
    blf.color(0, *colour)
    blf.position(0, x, y, 0)
    blf.draw(0, text)


def register() -> None:
    """Draw over viewports and Image Editors from now on, while a capture runs."""
    for space, draw in (
        (bpy.types.SpaceView3D, _draw_in_viewport),
        (bpy.types.SpaceImageEditor, _draw_in_image_editor),
    ):
        _handles.append((space, space.draw_handler_add(draw, (), "WINDOW", "POST_PIXEL")))


def unregister() -> None:
    """Undo `register`."""
    while _handles:
        space, handle = _handles.pop()
        space.draw_handler_remove(handle, "WINDOW")
    _card.forget()
