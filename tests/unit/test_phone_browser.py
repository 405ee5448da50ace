# SPDX-FileCopyrightText: 2026 Mimica authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The phone's page in a real browser whose camera plays a clip: it is tracked, and it may vanish."""

import shutil
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

import cv2
import numpy as np
import pytest

from mimica.bridges.phone.server import PhoneServer, ServerSettings
from mimica.capture.devices import DeviceTrackers
from mimica.capture.model import verify_model
from mimica.capture.session import CaptureSession
from mimica.capture.tracker import Tracker, TrackerSettings
from mimica.tools.browser import Browser, find_chromium, write_camera_clip

for package in ("aiohttp", "aiortc", "av", "cryptography", "segno"):
    pytest.importorskip(package)

pytestmark = pytest.mark.skipif(find_chromium() is None, reason="no Chromium here")

PHONE = (390, 844)


def wait_for(condition: Callable[[], object], seconds: float = 40.0) -> None:
    limit = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < limit, "waited in vain"
        time.sleep(0.05)


def test_a_phone_is_tracked_and_may_vanish(sample_clip: Path, model_path: Path, tmp_path: Path) -> None:
    clip = write_camera_clip(sample_clip, tmp_path / "camera.mjpeg", (480, 640), images=60)
    server = PhoneServer(ServerSettings(tmp_path, port=0, host="127.0.0.1"))
    server.start()
    assert server.wait_started(), server.error
    source = server.source()
    model, settings = verify_model(model_path), TrackerSettings()
    session = CaptureSession(source, lambda: DeviceTrackers(source, partial(Tracker, model), settings))
    browser = Browser(tmp_path, clip, size=PHONE)
    try:
        browser.open(server.link)
        assert browser.evaluate("document.documentElement.scrollWidth") <= PHONE[0], "nothing sticks out"
        assert browser.evaluate("document.documentElement.scrollHeight") <= PHONE[1]
        code, server.code = server.code, "another"
        browser.click("#start")
        browser.wait_until("window.mimica.state.startsWith('This code is not valid any more')")
        server.code = code
        browser.click("#start")
        browser.wait_until("window.mimica.state === 'Waiting for Start Capture'")
        session.start()
        browser.wait_until("window.mimica.faces === 1 && window.mimica.results > 10")
        browser.wait_until("window.mimica.delays.length > 5")
        assert browser.evaluate("window.mimica.state") == "Capturing"
        wait_for(lambda: server.devices()[0].delay_ms > 0)
        image = session.newest_image()
        assert image is not None and image.pixels.shape == (640, 480, 3)
        browser.slide("#detection", 0.3)
        wait_for(lambda: server.settings_of(0) is not None)
        assert server.settings_of(0) == TrackerSettings(1, 0.3, 0.5, 0.5)
        path = browser.screenshot(tmp_path / "page.png")
        drawn = cv2.imread(str(path)).reshape(-1, 3).astype(int)
        green = (np.abs(drawn - [181, 209, 79]).max(axis=1) < 12).sum()
        assert green > 300, "the mesh is drawn above the picture"
        browser.kill()
        wait_for(lambda: server.is_away(0))
        assert session.state == "running", "the source waits for others"
        assert session.stop()
    finally:
        browser.kill()
        session.stop()
        assert server.stop()
        shutil.rmtree(tmp_path / "chromium", ignore_errors=True)
