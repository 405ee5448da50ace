# SPDX-FileCopyrightText: 2026 Mimica authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Where the documentation's pictures are taken: a Blender with its window, a camera that plays the sample clip, and
what a scene needs to get the window ready and to cut out what matters.

    def my_scene(stage: Stage) -> None:
        desktop = stage.fresh()                       # an empty file, the tab Mimica open
        press(desktop, "Create Face Rig", f"{RIG} is not None")
        stage.keep("my_scene", stage.panel("Character", until="Takes"))
"""

import contextlib
import os
import sys
from functools import cached_property
from pathlib import Path
from types import TracebackType
from typing import Self

import cv2
import numpy as np

from mimica.cli.sample import write_sample
from mimica.tests.desktop import harness
from mimica.tests.desktop.harness import Box, Desktop, Installation, find_blenders
from mimica.tests.desktop.mjpeg import MjpegCamera

from . import package

IMAGES = Path(__file__).resolve().parents[1] / "docs" / "images"
COLOURS = 256
"""Of a picture's palette: a window has few, and this makes the file a third as large."""
EDGE, TABS = 9, 28
"""Pixels at the sidebar's left where there is nothing, and at its right for the names of its tabs."""
PANEL_TOP, PANEL_MARGIN = 14, 4
"""Pixels from the middle of a panel's title up to its upper edge, and between two panels."""
CALM = """
table = __import__('sys').modules['bl_ext.user_default.mimica.mapping.data'].load_table('health')
for rule in table['rules']:
    if rule['of'] in ('camera_rate', 'skipped', 'latency_ms'):
        rule['bad'] = rule['good'] = float('nan')
"""
"""A machine that draws in software, beside other work, is slow: pictures are not to say so."""
SCREEN = (1280, 1000)
"""Higher than that of the tests: long panels are to be seen whole."""


class Stage:
    """Starts what a scene asks for, once for all scenes. Use as a context manager."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._ending = contextlib.ExitStack()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._ending.__exit__(kind, error, trace)

    @cached_property
    def desktop(self) -> Desktop:
        """Blender with its window, as a new user has it, with the extension's zip installed."""
        harness.SCREEN = SCREEN
        blender = find_blenders()[0]
        model = Path(os.environ["MIMICA_MODEL"])
        # Not strict: pages may show pictures that are made here for the first time.
        zips = package.build(
            Path(sys.executable), model, None, self.folder, ["linux-x64"], [blender.python], strict=False
        )
        installation = Installation(blender, self.folder / "user")
        installation.install(zips[0])
        return self._ending.enter_context(installation.start())

    @cached_property
    def clip(self) -> Path:
        """The sample clip, made from a public-domain photograph."""
        path = self.folder / "sample.mp4"
        write_sample(path)
        return path

    @cached_property
    def camera(self) -> MjpegCamera:
        """A network camera that plays the sample clip."""
        return self._ending.enter_context(MjpegCamera(self.clip))

    def fresh(self) -> Desktop:
        """Blender with an empty file, its panels folded as at first, the tab Mimica open, no capture running."""
        desktop = self.desktop
        desktop.run("bpy.ops.mimica.stop_capture() if bpy.ops.mimica.stop_capture.poll() else None")
        desktop.run("bpy.ops.wm.read_homefile(app_template='')")
        desktop.run("[bpy.data.objects.remove(o) for o in list(bpy.data.objects)]")
        desktop.run(CALM)
        desktop.show_tab("Mimica")
        return desktop

    def use_camera(self) -> None:
        """Choose the network camera as the file's source."""
        self.desktop.run(f"s = bpy.context.scene.mimica; s.source = 'STREAM'; s.address = {self.camera.address!r}")

    def acted(self, expression: str) -> np.ndarray:
        """The screen (BGR) at a moment at which an expression is true in Blender; the mouse is out of the way."""
        x, y, width, height = self.viewport()
        self.desktop.hover((x + width // 3, y + height - 30))
        self.desktop.settle()
        while not self.desktop.evaluate(expression):
            pass
        # The window is a moment behind.
        return self.desktop.picture()

    def viewport(self) -> Box:
        """Where the viewport and its sidebar are."""
        return self.desktop.region_box("WINDOW")

    def panel(self, title: str, *, until: str | None = None) -> Box:
        """Where the sidebar's panel of this title is, down to the title `until` below it, else to the region's end.

        The sidebar is scrolled to it; it should be short enough to be seen whole.
        """
        x, y, width, height = self.desktop.region_box("UI")
        top = self.desktop.find(title)[1] - PANEL_TOP
        bottom = y + height
        if until is not None:
            for _turn in range(20):
                below = [place[1] for place in self.desktop.find_all(until) if place[1] > top]
                if below:
                    bottom = below[0] - PANEL_TOP - PANEL_MARGIN
                    break
                self.desktop.scroll(2)
                top = self.desktop.find_all(title)[0][1] - PANEL_TOP
        return x + EDGE, top, width - TABS - EDGE, bottom - top

    def keep(self, name: str, box: Box | None = None, picture: np.ndarray | None = None) -> None:
        """Write docs/images/NAME.png with what is on the screen, or with a picture taken before (BGR), cut to `box`.

        The mouse is moved away and the window given time first, so that nothing is half drawn or lit up.
        """
        if picture is None:
            x, y, width, height = self.viewport()
            self.desktop.hover((x + width // 3, y + height - 30))
            self.desktop.settle()
            picture = self.desktop.picture()
        if box is not None:
            x, y, width, height = box
            picture = picture[y : y + height, x : x + width]
        write_picture(IMAGES / f"{name}.png", picture)


def write_picture(path: Path, picture: np.ndarray) -> None:
    """Write a picture (BGR) as PNG with a palette."""
    from PIL import Image  # comes with scikit-image, which the sample clip needs

    path.parent.mkdir(parents=True, exist_ok=True)
    image = Image.fromarray(cv2.cvtColor(picture, cv2.COLOR_BGR2RGB))
    # Refined by k-means, or skin has steps.
    few = image.quantize(COLOURS, method=Image.Quantize.MEDIANCUT, kmeans=2, dither=Image.Dither.NONE)
    few.save(path, optimize=True)
    print(f"{path}  {path.stat().st_size / 1000:.0f} kB")


def write_photograph(path: Path, picture: np.ndarray, width: int) -> None:
    """Write a picture (BGR) as JPEG, made smaller to a width."""
    height = round(picture.shape[0] * width / picture.shape[1])
    small = cv2.resize(picture, (width, height), interpolation=cv2.INTER_AREA)
    cv2.imwrite(str(path), small, [cv2.IMWRITE_JPEG_QUALITY, 88])
    print(f"{path}  {path.stat().st_size / 1000:.0f} kB")
