# SPDX-FileCopyrightText: 2026 Mimica authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Where the performer's picture is shown: which viewport, which part of it, and which Image Editors. Main thread."""

from collections.abc import Iterator

import bpy

IMAGE_NAME = "Mimica Camera"
_MARK = "mimica_camera"
"""Custom property of the image over which the picture is drawn; it may be renamed."""

_started_in = 0
"""What tells the viewport in which the capture was started: its address, which is never followed."""


def started_in(area: bpy.types.Area | None) -> None:
    """Note the viewport in which a capture is started; None or another editor: the largest one is taken."""
    global _started_in
    _started_in = area.as_pointer() if area is not None and area.type == "VIEW_3D" else 0


def viewports(manager: bpy.types.WindowManager, everywhere: bool) -> list[bpy.types.Area]:
    """Return the viewports that show the picture: that in which the capture was started, else the largest one.

    :param everywhere: all that there are.
    """
    areas = [area for area in _areas(manager) if area.type == "VIEW_3D"]
    if everywhere or not areas:
        return areas
    chosen = [area for area in areas if area.as_pointer() == _started_in]
    return chosen[:1] or [max(areas, key=lambda area: area.width * area.height)]


def part_of(area: bpy.types.Area, corner: str) -> bpy.types.Region | None:
    """Return which of a viewport's views has the picture: in a quad view the one at its corner."""
    views = [region for region in area.regions if region.type == "WINDOW" and region.width > 1]
    across, up = (1 if corner.endswith("RIGHT") else -1), (1 if corner.startswith("TOP") else -1)
    return max(views, key=lambda region: across * region.x + up * region.y, default=None)


def shows_camera(space: bpy.types.Space | None) -> bool:
    """Return whether an editor is an Image Editor in which the camera's picture is to be seen."""
    image: bpy.types.Image | None = getattr(space, "image", None)
    return isinstance(space, bpy.types.SpaceImageEditor) and image is not None and bool(image.get(_MARK))


def image_editor(screen: bpy.types.Screen) -> bpy.types.Area | None:
    """Return the largest Image Editor of a screen, if it has one."""
    areas = [area for area in screen.areas if area.type == "IMAGE_EDITOR" and area.ui_type == "IMAGE_EDITOR"]
    return max(areas, key=lambda area: area.width * area.height, default=None)


def camera_image(width: int, height: int) -> bpy.types.Image:
    """Return the black image over which the picture is drawn, made if need be, with the size of the camera's."""
    image = next((image for image in bpy.data.images if image.get(_MARK)), None)
    if image is None:
        image = bpy.data.images.new(IMAGE_NAME, width, height)
        image[_MARK] = True
    image.generated_width, image.generated_height = width, height
    return image


def tag_redraw(manager: bpy.types.WindowManager, everywhere: bool, corner: str) -> None:
    """Have the picture drawn anew wherever it is, and nothing else."""
    for area in viewports(manager, everywhere):
        region = part_of(area, corner)
        if region is not None:
            region.tag_redraw()
    tag_image_editors(manager)


def tag_image_editors(manager: bpy.types.WindowManager) -> None:
    """Have the Image Editors drawn anew that show the picture."""
    for area in _areas(manager):
        if shows_camera(area.spaces.active):
            for region in area.regions:
                if region.type == "WINDOW":
                    region.tag_redraw()


def _areas(manager: bpy.types.WindowManager) -> Iterator[bpy.types.Area]:
    for window in manager.windows:
        yield from window.screen.areas
