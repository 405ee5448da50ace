# SPDX-FileCopyrightText: 2026 Mimica authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Make the documentation's pictures from the real program: `python -m mimica.tools.make_pictures`.

Needs what the desktop tests need (a Blender with a window, Xvfb, xdotool) and MIMICA_MODEL. The performer is the
sample clip, made from a public-domain photograph.
"""

import os
import sys
import tempfile
from pathlib import Path

import cv2
import numpy as np

from ..cli.sample import write_sample
from ..tests.desktop.harness import Desktop, Installation, find_blenders
from ..tests.desktop.mjpeg import MjpegCamera
from . import package

IMAGES = Path(__file__).resolve().parents[1] / "docs" / "images"
LIVE = "__import__('sys').modules['bl_ext.user_default.mimica.rig.live'].current()"


def main() -> int:
    """Drive Blender through a first capture and keep what is seen."""
    IMAGES.mkdir(parents=True, exist_ok=True)
    blender = find_blenders()[0]
    with tempfile.TemporaryDirectory(prefix="mimica-pictures-") as name:
        folder = Path(name)
        zips = package.build(
            Path(sys.executable), Path(os.environ["MIMICA_MODEL"]), folder, ["linux-x64"], [blender.python]
        )
        installation = Installation(blender, folder / "user")
        installation.install(zips[0])
        clip = folder / "sample.mp4"
        write_sample(clip)
        with MjpegCamera(clip) as camera, installation.start() as desktop:
            _first_capture(desktop, camera)
            desktop.quit()
    return 0


def _first_capture(desktop: Desktop, camera: MjpegCamera) -> None:
    desktop.run("[bpy.data.objects.remove(o) for o in list(bpy.data.objects)]")
    desktop.show_tab("Mimica")
    desktop.run(f"s = bpy.context.scene.mimica; s.source = 'STREAM'; s.address = {camera.address!r}")
    desktop.click("Create Face Rig")
    desktop.wait_until("bpy.context.scene.mimica.target is not None")
    desktop.click("Start Capture")
    desktop.wait_until(f"{LIVE} is not None and not {LIVE}.calibrating", 60)
    # Until the figures in the panel are of a capture that runs.
    desktop.wait_until(f"{LIVE}.poses > 150", 60)
    desktop.settle()
    speaks = "bpy.context.scene.mimica.target.pose.bones['jaw'].rotation_quaternion.x > 0.1"
    while not desktop.evaluate(speaks):
        pass
    # The window is a moment behind, and the mouth still open by then.
    _keep(desktop, "live", desktop.picture())


def _keep(desktop: Desktop, name: str, picture: np.ndarray) -> None:
    """Keep the viewport and its panel."""
    x, y, width, height = desktop.region_box("WINDOW")
    cv2.imwrite(str(IMAGES / f"{name}.png"), picture[y : y + height, x : x + width], [cv2.IMWRITE_PNG_COMPRESSION, 9])


if __name__ == "__main__":
    sys.exit(main())
