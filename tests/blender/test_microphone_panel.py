# SPDX-FileCopyrightText: 2026 Mimica authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What stands behind the Microphone panel: looking for microphones, the test with its level, and what is wrong."""

import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import bpy
import numpy as np
import pytest

import mimica
from mimica.capture.microphone import Microphone, running
from mimica.tests.unit import sounding


@pytest.fixture
def settings(monkeypatch: pytest.MonkeyPatch) -> Iterator[bpy.types.PropertyGroup]:
    bpy.ops.wm.read_homefile(use_empty=True)
    monkeypatch.setitem(sys.modules, "sounddevice", sounding.module())
    mimica.register()
    yield bpy.context.scene.mimica.microphone
    mimica.unregister()


@pytest.fixture
def panel(settings, monkeypatch: pytest.MonkeyPatch):
    """The module, as it is in a new Blender. Its timer is called by hand: without a window none runs."""
    from mimica.rig import microphone

    monkeypatch.setattr(microphone, "_found", ())
    monkeypatch.setattr(microphone, "_problem", "")
    return microphone


def wait_until(condition: Callable[[], object], seconds: float = 5.0) -> None:
    deadline = time.perf_counter() + seconds
    while not condition():
        assert time.perf_counter() < deadline, "it did not happen"
        time.sleep(0.01)


def test_switching_on_looks_for_microphones(settings, panel) -> None:
    assert not settings.use and panel.found() == ()
    settings.use = True
    wait_until(panel.found)
    assert panel.found() == ("Headset", "Desk")
    assert panel.problem() == ""


def test_what_is_missing_is_said_and_found_later(settings, panel, monkeypatch) -> None:
    monkeypatch.setitem(sys.modules, "sounddevice", None)
    settings.use = True
    wait_until(panel.problem)
    assert "sounddevice is missing" in panel.problem()
    monkeypatch.setitem(sys.modules, "sounddevice", sounding.module(()))
    wait_until(lambda: not panel.is_looking())
    bpy.ops.mimica.find_microphones()
    wait_until(lambda: "No microphone was found" in panel.problem())
    monkeypatch.setitem(sys.modules, "sounddevice", sounding.module())
    wait_until(lambda: not panel.is_looking())
    bpy.ops.mimica.find_microphones()
    wait_until(panel.found)
    assert panel.problem() == ""


def test_a_test_shows_the_level_and_records_nothing(settings, panel, tmp_path: Path) -> None:
    assert panel.level() is None
    settings.device = "Desk"
    assert bpy.ops.mimica.test_microphone() == {"FINISHED"}
    wait_until(running)
    assert panel.is_testing() and not panel.is_looking()
    for _ in range(5):
        sounding.Stream.latest.deliver(np.full(sounding.BLOCK, 8192), time.perf_counter())
    wait_until(lambda: panel.level() == 0.25)
    assert bpy.ops.mimica.test_microphone() == {"FINISHED"}
    assert not panel.is_testing()
    wait_until(lambda: running() is None)
    assert panel.level() is None


def test_a_test_that_fails_says_why(settings, panel) -> None:
    settings.device = "Studio"
    bpy.ops.mimica.test_microphone()
    wait_until(lambda: not panel.is_testing())
    assert "'Studio' is not connected" in panel.problem()


def test_unplugging_ends_the_test(settings, panel) -> None:
    bpy.ops.mimica.test_microphone()
    wait_until(running)
    sounding.Stream.latest.finish()
    assert "unplugged" in panel.problem()
    panel._tick()
    assert not panel.is_testing()
    wait_until(lambda: running() is None)
    assert "unplugged" in panel.problem()


def test_a_recording_takes_over_from_the_test(settings, panel, tmp_path: Path) -> None:
    bpy.ops.mimica.test_microphone()
    wait_until(running)
    microphone = Microphone("Headset", tmp_path / "take.wav")
    microphone.start()
    panel._tick()
    assert not panel.is_testing()
    assert running() is microphone and panel.level() == 0.0
    microphone.stop()


def test_switching_off_ends_the_test(settings, panel) -> None:
    settings.use = True
    bpy.ops.mimica.test_microphone()
    wait_until(running)
    settings.use = False
    wait_until(lambda: running() is None)
    assert not panel.is_testing()


def test_disabling_the_add_on_lets_go_of_the_microphone(settings, panel) -> None:
    bpy.ops.mimica.test_microphone()
    wait_until(running)
    mimica.unregister()
    try:
        wait_until(lambda: running() is None)
        assert not bpy.app.timers.is_registered(panel._tick)
    finally:
        mimica.register()
