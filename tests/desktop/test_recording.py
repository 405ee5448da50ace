# SPDX-FileCopyrightText: 2026 Mimica authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Record by mouse while the timeline plays with a sound strip: countdown, pre-roll, and the take's place on it."""

import math
import time
import wave
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from mimica.capture.take import Take
from mimica.tests.desktop.harness import Desktop
from mimica.tests.desktop.mjpeg import MjpegCamera, test_clips
from mimica.tests.desktop.test_capture import FACE, LIVE, RUNNING, TAKES, press

SETTINGS = "bpy.context.scene.mimica.recording"
RECORDER = "__import__('sys').modules['bl_ext.user_default.mimica.rig.recorder']"
PHASE = f"({RECORDER}.view().phase if {RECORDER}.view() else None)"
RATE = 24.0


@pytest.fixture(scope="module")
def camera(tmp_path_factory: pytest.TempPathFactory) -> Iterator[MjpegCamera]:
    with MjpegCamera(test_clips(tmp_path_factory.mktemp("clips"))[0]) as camera:
        yield camera


@pytest.fixture
def capturing(desktop: Desktop, camera: MjpegCamera, tmp_path: Path) -> Iterator[Desktop]:
    """A running capture in a file whose timeline has a sound."""
    sound = tmp_path / "beeps.wav"
    with wave.open(str(sound), "wb") as file:
        file.setparams((1, 2, 22050, 0, "NONE", ""))
        file.writeframes((8000 * np.sin(np.arange(22050 * 20) * 0.1)).astype("<i2").tobytes())
    desktop.run("bpy.ops.wm.read_homefile(app_template='')")
    desktop.run("e = bpy.context.scene.sequence_editor_create(); s = e.strips if hasattr(e, 'strips') else e.sequences")
    desktop.run(f"s.new_sound('beeps', {str(sound)!r}, 1, 1)")
    desktop.run("bpy.context.scene.frame_end = 2000; bpy.context.scene.sync_mode = 'FRAME_DROP'")
    # Played in software: what is not looked at costs the most.
    desktop.run("s = area().spaces[0]; s.overlay.show_overlays = False; s.show_gizmo = False")
    desktop.show_tab("Mimica")
    desktop.run(f"s = bpy.context.scene.mimica; s.source = 'STREAM'; s.address = {camera.address!r}")
    # With a source a button comes that moves the others.
    desktop.settle()
    # Folded while nothing moves yet, so that Record is in sight.
    desktop.click("Performer")
    desktop.click("Character")
    desktop.run("with view(): bpy.ops.mimica.start_capture()")
    desktop.wait_until(FACE, 40)
    yield desktop
    if desktop.running:
        desktop.run("bpy.ops.mimica.stop_capture() if bpy.ops.mimica.stop_capture.poll() else None")
        desktop.wait_until(f"not ({RUNNING})")


def test_a_take_to_the_timeline_lies_where_it_was_performed(capturing: Desktop) -> None:
    desktop = capturing
    desktop.run(f"r = {SETTINGS}; r.play = True; r.countdown = 10; r.preroll = 1.0; r.film = True")
    desktop.run("bpy.context.scene.frame_set(60)")
    press(desktop, "Record", f"{PHASE} is not None")
    x, y, width, height = desktop.region_box("WINDOW")
    desktop.hover((x + width // 3, y + height // 2))
    desktop.press("Escape")
    desktop.wait_until(f"{PHASE} is None")
    assert desktop.evaluate(RUNNING), "Esc calls off the recording alone"
    desktop.run(f"{SETTINGS}.countdown = 3")
    press(desktop, "Record", f"{PHASE} is not None")
    assert desktop.evaluate(PHASE) == "countdown" and not desktop.evaluate(f"{LIVE}.current().recording")
    desktop.screenshot("countdown")
    desktop.wait_until(f"{PHASE} in ('rolling', 'recording')", 10)
    assert desktop.evaluate("bpy.context.scene.sync_mode") == "AUDIO_SYNC"
    desktop.wait_until(f"{PHASE} == 'recording'", 10)
    desktop.screenshot("recording-to-the-timeline")
    # What the scene shows at which moment, looked at from outside.
    seen = []
    for _ in range(12):
        now = "__import__('time').perf_counter()"
        seen.append(desktop.evaluate(f"({now}, bpy.context.scene.frame_current_final)"))
        time.sleep(0.05)
    clock = desktop.evaluate(f"{LIVE}.current().capture.clock")
    takes = len(desktop.evaluate(TAKES))
    press(desktop, "Stop Recording", f"len({TAKES}) == {takes + 1}")
    assert desktop.evaluate(PHASE) is None
    assert desktop.evaluate("bpy.context.scene.sync_mode") == "FRAME_DROP"
    assert not desktop.evaluate("bpy.context.window_manager.windows[0].screen.is_animation_playing")
    path = Path(desktop.evaluate("(lambda m: m.takes[m.take_index].path)(bpy.context.window_manager.mimica)"))
    info = Take.open(path).info
    assert info.timeline is not None and info.timeline.rate == RATE
    # The frame that is shown stays for a while: half its time lies between being shown and being looked at.
    moments, frames = np.array(seen).T
    changes = np.flatnonzero(np.diff(frames) > 0) + 1
    shown = frames[changes] - RATE * (moments[changes] - clock)
    step = float(np.median(np.diff(frames[changes]))) if len(changes) > 1 else 1.0
    assert info.timeline.frame == pytest.approx(float(np.median(shown)), abs=1.0 + step / 2 + 0.05 * RATE / 2)
    times = Take.open(path).frames().times
    assert info.timeline.frame_at(times[0]) == pytest.approx(36, abs=RATE / 2), "recorded from the pre-roll on"
    assert info.film is not None and path.with_name(info.film.file).stat().st_size > 100_000
    assert math.isfinite(clock) and desktop.complaints() == []
