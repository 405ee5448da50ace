# SPDX-FileCopyrightText: 2026 Mimica authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What showing the camera's picture costs: in the background for each image, on the main thread for each redraw."""

import time
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path

import bpy
import gpu

from .. import register, unregister
from ..capture.source import SourceSpec
from ..mapping.sight import sights
from ..rig import live, watch
from ..rig.picture_shapes import Box
from ..ui import picture_draw
from .common import model, resident_mb, spread

WIDTHS = (240, 480)
ROUNDS = 200
SIZE = (1280, 720)
IMAGES = 5400
"""Three minutes' of them: what is not freed would show."""


def run(clip: Path, _folder: Path) -> None:
    """Take one image of the clip, and show it over and over."""
    register()
    session = live.start(live.LiveSettings(SourceSpec("video", path=str(clip), loop=True), model()))
    watching = watch.follow(session)
    while (shown := watching.ask("bench", WIDTHS[0])) is None or not shown.faces:
        time.sleep(0.05)
    seen = session.seen
    assert seen is not None
    session.stop()
    print(f"{'milliseconds':32} {'median':>8} {'p95':>8}")
    print(f"{'background: head, gaze, box':32} {_timed(partial(sights, seen.faces))}")
    for width in WIDTHS:
        print(f"{f'background: {width} pixels':32} {_timed(partial(watch.shown_pixels, seen.image.pixels, width))}")
    if hasattr(gpu, "init"):
        gpu.init()
        _draw(watching, shown, seen)
    else:
        print("this Blender draws nothing without a window")
    live.stop()
    unregister()


def _timed(what: Callable[[], object], rounds: int = ROUNDS) -> str:
    times: list[float] = []
    for _ in range(rounds):
        start = time.perf_counter()
        what()
        times.append((time.perf_counter() - start) * 1e3)
    return spread(times)


def _draw(watching: watch.Watch, shown: watch.Picture, seen: live.Seen) -> None:
    """Draw as in a viewport: with a new image, and again with the same."""
    print(f"drawn by {gpu.platform.renderer_get()}")
    settings = bpy.context.scene.mimica.picture
    screen = gpu.types.GPUOffScreen(*SIZE)

    def draw(picture: watch.Picture, new: bool) -> None:
        width = picture.pixels.shape[1]
        box = Box(20.0, 20.0, 20.0 + width, 20.0 + width / picture.aspect)
        picture_draw.draw_picture(watching, replace(picture) if new else picture, box, settings, 1.0)

    with screen.bind():
        for width in WIDTHS:
            picture = replace(shown, pixels=watch.shown_pixels(seen.image.pixels, width))
            for text, new in (("new", True), ("again", False)):
                print(f"{f'main thread: {width} pixels, {text}':32} {_timed(partial(draw, picture, new))}")
        before = resident_mb()
        _timed(partial(draw, shown, True), IMAGES)
        print(f"memory after {IMAGES} images more: {resident_mb() - before:+.0f} MB")
    screen.free()
