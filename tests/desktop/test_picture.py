# SPDX-FileCopyrightText: 2026 Mimica authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The performer's picture in the viewport's corner, looked for by its colours on the screen."""

import time
from collections.abc import Callable, Iterator
from pathlib import Path

import cv2
import numpy as np
import pytest

from mimica.tests.desktop.harness import Desktop, DesktopError
from mimica.tests.desktop.mjpeg import MjpegCamera, test_clips
from mimica.tests.desktop.test_capture import RUNNING, press

SETTINGS = "bpy.context.scene.mimica.picture"
BAND, IMAGES = 0.15, 60
"""Share of the image's width that a coloured band takes on either side."""
LEVEL = 200
"""Of the bands' channel in the image: neither black nor white, so that a wrong curve shows."""
RED, BLUE = (2, (0, 1)), (0, (1, 2))
"""A channel of the screen, and those that it outdoes."""


@pytest.fixture
def camera(tmp_path: Path) -> Iterator[MjpegCamera]:
    """A clip with a red band on the image's left and a blue one on its right."""
    path = tmp_path / "bands.mp4"
    reader = cv2.VideoCapture(str(test_clips(tmp_path)[0]))
    width, height = (int(reader.get(prop)) for prop in (cv2.CAP_PROP_FRAME_WIDTH, cv2.CAP_PROP_FRAME_HEIGHT))
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*"mp4v"), 30.0, (width, height))
    band = round(BAND * width)
    for _ in range(IMAGES):
        good, image = reader.read()
        if not good:
            break
        image[:, :band], image[:, -band:] = (0, 0, LEVEL), (LEVEL, 0, 0)
        writer.write(image)
    reader.release()
    writer.release()
    with MjpegCamera(path) as camera:
        yield camera


def band(desktop: Desktop, colour: tuple[int, tuple[int, int]]) -> np.ndarray:
    """The pixels of a band, (N, 3): x, y as shares of the viewport from its upper left corner, and their level."""
    x, y, width, height = desktop.region_box("WINDOW")
    part = desktop.picture()[y : y + height, x : x + width].astype(int)
    strong, others = colour
    is_it = (part[..., strong] > 170) & (part[..., list(others)].max(axis=2) < 40)
    rows, columns = np.nonzero(is_it)
    return np.stack([columns / width, rows / height, part[rows, columns, strong]], axis=1)


def shown(desktop: Desktop) -> bool:
    return min(len(band(desktop, RED)), len(band(desktop, BLUE))) > 1000


def blank(desktop: Desktop) -> bool:
    """Whether no more is left than a few pixels of the 3D cursor."""
    return max(len(band(desktop, RED)), len(band(desktop, BLUE))) < 50


def wait_for(what: Callable[[], bool], seconds: float) -> bool:
    limit = time.monotonic() + seconds
    while not what():
        if time.monotonic() > limit:
            return False
        time.sleep(0.05)
    return True


def middle(desktop: Desktop, colour: tuple[int, tuple[int, int]]) -> float:
    return float(np.median(band(desktop, colour)[:, 0]))


def switch(desktop: Desktop, until: str) -> None:
    """Click on the switch in the panel's header, left of its name."""
    for attempt in range(3):
        x, y = desktop.find("Picture")
        desktop.click((x - 29, y))
        try:
            desktop.wait_until(until, 3)
            return
        except DesktopError:
            if attempt == 2:
                raise


def test_the_picture_is_shown_mirrored_and_gone_after_stop(desktop: Desktop, camera: MjpegCamera) -> None:
    desktop.run("bpy.ops.wm.read_homefile(app_template='')")
    desktop.run("[bpy.data.objects.remove(o) for o in list(bpy.data.objects)]")
    desktop.show_tab("Mimica")
    desktop.run(f"s = bpy.context.scene.mimica; s.source = 'STREAM'; s.address = {camera.address!r}")
    # With a source a button comes that moves the others.
    desktop.settle()
    assert blank(desktop)
    press(desktop, "Start Capture", RUNNING)
    assert wait_for(lambda: shown(desktop), 40)
    desktop.screenshot("picture")
    places = np.concatenate([band(desktop, RED), band(desktop, BLUE)])
    assert places[:, :2].min() > 0.4, "all of it in the lower right of the viewport"
    assert np.median(places[:, 2]) == pytest.approx(LEVEL, abs=8), "as light as the image"
    assert middle(desktop, RED) > middle(desktop, BLUE), "as in a mirror: the image's left is on the right"
    for _attempt in range(3):
        # There is a Mirror Performance.
        if not desktop.find_all("Mirror"):
            break
        desktop.click("Feel")
        desktop.settle()
    for _attempt in range(3):
        # What is said of the capture may move the panel just as it is clicked on.
        if wait_for(lambda: bool(desktop.find_all("Mirror")), 2):
            break
        desktop.click("Picture")
    press(desktop, "Mirror", f"not {SETTINGS}.mirror")
    assert wait_for(lambda: middle(desktop, RED) < middle(desktop, BLUE), 5)
    desktop.screenshot("picture-as-seen")
    switch(desktop, f"not {SETTINGS}.show")
    assert wait_for(lambda: not shown(desktop), 5)
    switch(desktop, f"{SETTINGS}.show")
    assert wait_for(lambda: shown(desktop), 5)
    press(desktop, "Stop", f"not ({RUNNING})")
    assert wait_for(lambda: blank(desktop), 1.0), "blank within a second"
    assert desktop.complaints() == []
