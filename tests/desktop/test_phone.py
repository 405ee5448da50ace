# SPDX-FileCopyrightText: 2026 Mimica authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Phones as cameras as a user meets them: switch, code, two browsers that play phones, and one whose battery ends."""

import time
from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np
import pytest

from mimica.tests.desktop.harness import Desktop, Installation
from mimica.tests.desktop.mjpeg import test_clips
from mimica.tests.desktop.test_capture import LIVE, POSE, RIG, RUNNING, press
from mimica.tools.browser import Browser, find_chromium, write_camera_clip

pytestmark = [
    pytest.mark.usefixtures("in_newest"),
    pytest.mark.skipif(find_chromium() is None, reason="no Chromium here"),
]

SERVER = "__import__('sys').modules['bl_ext.user_default.mimica.rig.phone'].current()"
SESSION = f"{LIVE}.current()"


@pytest.fixture(scope="module")
def with_packages(installation: Installation) -> None:
    pytest.importorskip("aiohttp")
    installation.install_extra("phone")


@pytest.fixture
def clips(tmp_path: Path) -> Iterator[list[Path]]:
    films = test_clips(tmp_path)
    yield [
        write_camera_clip(film, tmp_path / f"{i}.mjpeg", (480, 480), first=10 * i, images=80)
        for i, film in enumerate((films[0], films[-1]))
    ]


def test_two_phones_move_two_characters(
    with_packages: None, desktop: Desktop, clips: list[Path], tmp_path: Path
) -> None:
    desktop.run("bpy.ops.wm.read_homefile(app_template='')")
    desktop.run("[bpy.data.objects.remove(o) for o in list(bpy.data.objects)]")
    desktop.show_tab("Mimica")
    desktop.run("s = bpy.context.scene.mimica; s.source = 'PHONE'; s.picture.show = False; s.phone.port = 18443")
    press(desktop, "Create Face Rig", f"{RIG} is not None")
    press(desktop, "Switch On", f"{SERVER} is not None and {SERVER}.state == 'on'")
    desktop.settle()
    code = read_code(desktop)
    assert code == desktop.evaluate(f"{SERVER}.link")
    desktop.screenshot("phone-code")
    link = code.replace(code.split("/")[2].split(":")[0], "127.0.0.1")
    press(desktop, "Start Capture", RUNNING)
    with Browser(tmp_path / "first", clips[0]) as first:
        first.open(link)
        first.click("#start")
        desktop.wait_until(f"{SESSION}.faces_now == (0,)", 40)
        desktop.wait_until(f"{SESSION}.profile is not None and {SESSION}.poses > 3", 40)
        pose = desktop.evaluate(POSE)
        desktop.wait_until(f"{POSE} != {pose}")
        first.wait_until("window.mimica.faces === 1 && window.mimica.results > 5")
        first.screenshot(desktop.screenshot("phone-first").with_name("phone-page.png"))
        second = Browser(tmp_path / "second", clips[1])
        try:
            second.open(link)
            second.click("#start")
            desktop.wait_until(f"{SESSION}.faces_now == (0, 1)", 40)
            second.wait_until("window.mimica.faces === 1 && window.mimica.results > 5")
            desktop.settle()
            desktop.screenshot("phone-two")
        finally:
            second.kill()
        desktop.wait_until(f"{SESSION}.faces_now == (0,)", 40)
        pose, count = desktop.evaluate(POSE), desktop.evaluate(f"{SESSION}.poses")
        desktop.wait_until(f"{POSE} != {pose} and {SESSION}.poses > {count} + 5")
        desktop.wait_until(f"len({SERVER}.devices()) == 1", 40)
        press(desktop, "Stop", f"not ({RUNNING})")
        first.wait_until("window.mimica.state === 'Waiting for Start Capture'")
        press(desktop, "Switch Off", f"{SERVER} is None")
    assert desktop.complaints() == []


def read_code(desktop: Desktop) -> str:
    """Read the QR code off the screen, as a phone's camera does."""
    limit = time.monotonic() + 20
    while time.monotonic() < limit:
        x, y, width, height = desktop.region_box("UI")
        picture = np.ascontiguousarray(desktop.picture()[y : y + height, x : x + width])
        text = cv2.QRCodeDetector().detectAndDecode(cv2.resize(picture, None, fx=2, fy=2))[0]
        if text:
            return text
        time.sleep(0.3)
    raise AssertionError(f"no code can be read; see {desktop.screenshot('phone-no-code')}")
