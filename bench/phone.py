# SPDX-FileCopyrightText: 2026 Mimica authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""From motion to photon with a phone: a real browser sends a clip as its camera's picture and draws the mesh."""

import math
import os
import statistics
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

from ..bridges.phone.device import Picture
from ..bridges.phone.server import PhoneServer, ServerSettings
from ..capture.devices import DeviceTrackers
from ..capture.session import CaptureSession
from ..capture.tracker import Tracker, TrackerSettings
from ..tools.browser import Browser, find_chromium, write_camera_clip
from .common import model

SIZES = ((640, 480), (1280, 720))
SECONDS = 10.0
_WARM = 4.0
"""Seconds until the video's rate has settled, which are not counted."""
_PATIENCE = 60.0


def run(clip: Path, folder: Path) -> None:
    """Print medians and 95th percentiles, in milliseconds since the capture of the image by the browser.

    The browser dates images by RTP and its sender reports, on this machine's clock: `bridges/phone/clocks.py`. Its
    camera is a file, which has no exposure and no driver, and it draws in software where there is no graphics card.
    """
    if find_chromium() is None:
        print("phone: no Chromium here")
        return
    print("phone: milliseconds since an image was captured, median and 95th percentile; images a second")
    for size in SIZES:
        _measure(clip, size, folder / f"phone-{size[0]}")


def _measure(clip: Path, size: tuple[int, int], folder: Path) -> None:
    folder.mkdir()
    camera = write_camera_clip(clip, folder / "camera.mjpeg", size)
    server = PhoneServer(ServerSettings(folder, port=0, host="127.0.0.1"))
    server.start()
    source = server.source()
    seen: list[tuple[float, float, float]] = []

    def trace(picture: Picture, done: float) -> None:
        seen.append((picture.captured, picture.arrived, done))

    source.trace = trace
    chosen, settings = model(), TrackerSettings()
    session = CaptureSession(source, lambda: DeviceTrackers(source, partial(Tracker, chosen), settings))
    try:
        if not server.wait_started():
            print(f"  {server.error}")
            return
        session.start()
        with Browser(folder, camera) as browser:
            browser.open(f"{server.link}?size={size[0]}x{size[1]}")
            browser.click("#start")
            browser.wait_until("window.mimica.delays.length > 10", _PATIENCE)
            time.sleep(_WARM)
            browser.evaluate("window.mimica.delays.length = 0")
            first = len(seen)
            began = time.perf_counter()
            time.sleep(SECONDS)
            painted: list[float] = browser.evaluate("window.mimica.delays")
            took = time.perf_counter() - began
            measured = [row for row in seen[first:] if not math.isnan(row[0])]
        unix = time.time() - time.perf_counter()
        arrived = [(arrived + unix - captured) * 1e3 for captured, arrived, _done in measured]
        tracked = [(done + unix - captured) * 1e3 for captured, _arrived, done in measured]
        (width, height) = size
        print(
            f"  {width} x {height}: in Python {_figures(arrived)}, faces found {_figures(tracked)}, "
            f"mesh painted {_figures(painted)}; {len(measured) / took:.1f}/s, load {_load():.1f}"
        )
    finally:
        session.stop()
        server.stop()


def _figures(values: list[float]) -> str:
    if len(values) < 2:
        return "unknown"
    return f"{statistics.median(values):.0f} ({statistics.quantiles(values, n=20)[-1]:.0f})"


def _load() -> float:
    load: Callable[[], tuple[float, float, float]] | None = getattr(os, "getloadavg", None)
    return load()[0] if load is not None else math.nan
