# SPDX-FileCopyrightText: 2026 Mimica authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Take docs/images/phone.png: the phone's page in a real browser, with the sample clip as its camera, being tracked.

    python -m mimica.tools.make_phone_picture [--clip VIDEO]

Needs Chromium, a face model in MIMICA_MODEL, and the packages of mimica[phone,sample].
"""

import argparse
import os
import sys
import tempfile
import time
from functools import partial
from pathlib import Path

import cv2

from ..bridges.phone.server import PhoneServer, ServerSettings
from ..capture.devices import DeviceTrackers
from ..capture.model import verify_model
from ..capture.session import CaptureSession
from ..capture.tracker import Tracker, TrackerSettings
from .browser import Browser, write_camera_clip

PICTURE = Path(__file__).resolve().parent.parent / "docs" / "images" / "phone.png"
SIZE = (390, 844)
_CAMERA = (720, 1080)
_SECONDS = 8.0
"""Until the video is sharp and the figures stand still."""


def main() -> int:
    """Take the picture."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--clip", type=Path, help="a video with one face; default: the sample clip")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="mimica-picture-", ignore_cleanup_errors=True) as name:
        folder = Path(name)
        clip = arguments.clip
        if clip is None:
            from ..cli.sample import write_sample

            clip = folder / "sample.mp4"
            write_sample(clip)
        camera = write_camera_clip(clip, folder / "camera.mjpeg", _CAMERA)
        _photograph(camera, folder)
    print(PICTURE)
    return 0


def _photograph(camera: Path, folder: Path) -> None:
    server = PhoneServer(ServerSettings(folder, port=0, host="127.0.0.1"))
    server.start()
    source = server.source()
    model, settings = verify_model(Path(os.environ["MIMICA_MODEL"])), TrackerSettings()
    session = CaptureSession(source, lambda: DeviceTrackers(source, partial(Tracker, model), settings))
    try:
        if not server.wait_started():
            raise SystemExit(server.error)
        session.start()
        with Browser(folder, camera, size=SIZE, scale=2.0) as browser:
            browser.open(f"{server.link}?size={_CAMERA[0]}x{_CAMERA[1]}")
            browser.click("#start")
            browser.wait_until("window.mimica.delays.length > 10", 60)
            time.sleep(_SECONDS)
            browser.screenshot(PICTURE)
    finally:
        session.stop()
        server.stop()
    # The size of a phone's own screenshot is more than a page of text needs.
    picture = cv2.imread(str(PICTURE))
    cv2.imwrite(str(PICTURE), cv2.resize(picture, SIZE, interpolation=cv2.INTER_AREA), [cv2.IMWRITE_PNG_COMPRESSION, 9])


if __name__ == "__main__":
    sys.exit(main())
