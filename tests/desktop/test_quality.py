# SPDX-FileCopyrightText: 2026 Mimica authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The quality of a take as a user meets it: drawn in the timeline, listed in the panel, gone to by a click."""

from pathlib import Path

import numpy as np
import pytest

from mimica.capture.take import TakeInfo, TakeWriter
from mimica.mapping.calibration import default_profile
from mimica.mapping.frame import FaceFrame
from mimica.tests.desktop.harness import Desktop
from mimica.tests.synthetic import act, photograph

COUNT, LOST = 240, range(120, 180)
pytestmark = pytest.mark.usefixtures("in_newest")

STATE = "bpy.context.window_manager.mimica"


def record(path: Path) -> None:
    """Eight seconds, two of them without a face."""
    frames = photograph(act(jaw=np.full(COUNT, 0.2)))
    with TakeWriter(path, TakeInfo(path.stem, performer=default_profile().to_json())) as writer:
        for i in range(COUNT):
            landmarks, seen = (None, 0.0) if i in LOST else (frames.landmarks[i], 1.0)
            writer.append((FaceFrame(i / 30, landmarks, None, (640, 480), quality=seen),))


def shares(desktop: Desktop) -> tuple[float, float]:
    """In how much of the timeline's width its last rows show green, and red; a bar that scrolls may cover some rows."""
    x, y, width, height = desktop.region_box("WINDOW", "DOPESHEET_EDITOR")
    blue, green, red = (
        desktop.picture()[y + height - 9 : y + height, x : x + width, i].astype(float) for i in range(3)
    )
    greens, reds = green > 1.8 * np.maximum(red, blue), red > 1.8 * np.maximum(green, blue)
    return float(greens.any(axis=0).mean()), float(reds.any(axis=0).mean())


def test_a_gap_is_seen_in_the_timeline_and_gone_to(desktop: Desktop, tmp_path: Path) -> None:
    record(tmp_path / "Gap.mimica")
    desktop.run(f"s = bpy.context.scene; s.render.fps = 30; s.mimica.takes_folder = {str(tmp_path)!r}")
    desktop.run("bpy.ops.mimica.refresh_takes()")
    desktop.show_tab("Mimica")
    desktop.wait_until(f"len({STATE}.quality.spots) == 1", 40.0)
    desktop.settle()
    green, red = shares(desktop)
    assert green > 0.2 and red > 0.1
    for panel in ("Capture", "Performer", "Character"):
        desktop.click(panel)
    desktop.settle()
    desktop.click("Quality")
    desktop.settle()
    desktop.find("Gap, Eased")
    desktop.click("Next")
    desktop.wait_until("bpy.context.scene.frame_current == 121")
    desktop.screenshot("quality")
    desktop.run("bpy.context.scene.mimica.quality.show_track = False")
    desktop.run("area('DOPESHEET_EDITOR').tag_redraw()")
    desktop.settle()
    assert max(shares(desktop)) < 0.02
    assert desktop.complaints() == []
