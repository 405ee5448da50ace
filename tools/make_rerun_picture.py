# SPDX-FileCopyrightText: 2026 Mimica authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Take the picture of docs/rerun.md: `python -m mimica.tools.make_rerun_picture [--take FILE] [--out FILE.png]`.

The sample clip is tracked (see `cli.sample`), written for Rerun, opened in its viewer without a window, and what that
shows is saved. Needs rerun-sdk, the face model, and a Vulkan driver: Mesa's lavapipe will do.
"""

import argparse
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from ..bridges.viewer.address import Address
from ..bridges.viewer.entities import TIME
from ..bridges.viewer.open import viewer_program
from ..bridges.viewer.write import read_content, write_file
from ..capture.take import SUFFIX
from ..capture.tracker import TrackerSettings
from ..cli import perform
from ..cli.commands import Places
from ..cli.sample import write_sample

PICTURE = Path(__file__).resolve().parents[1] / "docs" / "images" / "rerun.jpg"
WINDOW = "1500x920"
BAR = 0.0385
"""Share of the window's height that the bar takes."""
WIDTH = 1700
"""Pixels of the picture."""
MOMENT = 3.5
"""Seconds: the sample smiles."""
PORT = 19876
_PATIENCE = 60.0
"""Seconds that the viewer may take to show the recording; software rendering is slow."""


def main() -> int:
    """Make the picture."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--take", type=Path, help="a take to show (default: one of the sample clip)")
    parser.add_argument("--moment", type=float, default=MOMENT, help="seconds")
    parser.add_argument("--out", type=Path, default=PICTURE)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="mimica-") as folder:
        take = arguments.take or _sample(Path(folder))
        recording = Path(folder) / "sample.rrd"
        write_file(recording, read_content(take))
        _shoot(recording, arguments.moment, arguments.out, Path(folder))
    return 0


def _sample(folder: Path) -> Path:
    clip, take = folder / "sample.mp4", folder / f"sample{SUFFIX}"
    write_sample(clip)
    places = Places(Path(__file__).resolve().parents[1], perform.user_folder())
    perform.capture(
        perform.source_spec(clip),
        perform.need_model(None, places.extension, places.user),
        take,
        replace=False,
        field_of_view=None,
        settings=TrackerSettings(),
        progress=lambda _share: None,
    )
    return take


def _shoot(recording: Path, moment: float, out: Path, folder: Path) -> None:
    import cv2
    from rerun.experimental import ViewerClient

    command = [
        viewer_program(),
        "--headless",
        "--bind",
        "127.0.0.1",
        "--port",
        str(PORT),
        "--window-size",
        WINDOW,
        recording,
    ]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    shot = folder / "shot.png"
    try:
        until = time.monotonic() + _PATIENCE
        while not Address("127.0.0.1", PORT).answers() and time.monotonic() < until:
            time.sleep(0.1)
        viewer = ViewerClient.connect(Address("127.0.0.1", PORT).url)
        while not viewer.get_state().active_recording and time.monotonic() < until:
            time.sleep(0.5)
        viewer.set_time(TIME, duration=moment, play_state="paused")
        # The viewer does not say when all is drawn: two pictures that are the same are whole.
        before = b""
        while time.monotonic() < until:
            time.sleep(2.0)
            viewer.save_screenshot(str(shot))
            if shot.read_bytes() == before:
                break
            before = shot.read_bytes()
    finally:
        process.kill()
        process.wait()
    # Without the viewer's own bar at the top, which warns of software rendering.
    picture = cv2.imread(str(shot))
    picture = picture[round(picture.shape[0] * BAR) :]
    height = round(picture.shape[0] * WIDTH / picture.shape[1])
    cv2.imwrite(
        str(out), cv2.resize(picture, (WIDTH, height), interpolation=cv2.INTER_AREA), [cv2.IMWRITE_JPEG_QUALITY, 88]
    )


if __name__ == "__main__":
    sys.exit(main())
