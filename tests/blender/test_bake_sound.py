# SPDX-FileCopyrightText: 2026 Mimica authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Bake to Keyframes brings the take's sound along."""

import wave
from collections.abc import Iterator
from pathlib import Path

import bpy
import numpy as np
import pytest

import mimica
from mimica.capture.take import SUFFIX, TakeInfo, TakeWriter
from mimica.capture.take_schema import Sound
from mimica.mapping.calibration import default_profile
from mimica.mapping.frame import FaceFrame
from mimica.rig import compat
from mimica.rig.face_rig import create_face_rig
from mimica.tests.synthetic import act, photograph

pytestmark = pytest.mark.skipif(not compat.has_sound(), reason="this Blender was built without sound")

RATE = 48000
FIRST = 0.37
"""Seconds on the take's clock of its first image."""
CLICK = 0.8 + 1 / 3
"""Seconds on that clock of the only click: the sound begins 0.2 s before the first image."""
START = 0.17


def write_take(folder: Path) -> None:
    count = 45
    frames = photograph(act(jaw=np.sin(np.linspace(0.0, 6.0, count)) ** 2))
    info = TakeInfo("Said", performer=default_profile().to_json(), sound=Sound("Said.wav", START, RATE, "Desk"))
    with TakeWriter(folder / f"Said{SUFFIX}", info) as writer:
        for i in range(count):
            writer.append((FaceFrame(FIRST + i / 30, frames.landmarks[i], None, (640, 480)),))
    samples = np.zeros(3 * RATE, "<i2")
    at = round((CLICK - START) * RATE)
    samples[at : at + 24] = 20000
    with wave.open(str(folder / "Said.wav"), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(RATE)
        file.writeframes(samples.tobytes())


@pytest.fixture
def scene(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[bpy.types.Scene]:
    bpy.ops.wm.read_homefile(use_empty=True)
    mimica.register()
    from mimica.operators import takes

    monkeypatch.setattr(takes, "takes_folder", lambda: tmp_path)
    write_take(tmp_path)
    scene = bpy.context.scene
    scene.frame_end = 200
    scene.mimica.target = bpy.data.objects[create_face_rig(bpy.context).armature]
    takes.refresh_takes(bpy.context.window_manager)
    yield scene
    mimica.unregister()


def strips() -> list:
    editor = bpy.context.scene.sequence_editor
    return list(compat.strips(editor)) if editor is not None else []


def click_frame(folder: Path) -> float:
    """Return the scene frame at which the click is heard."""
    path, scene = folder / "mixed.wav", bpy.context.scene
    path.unlink(missing_ok=True)
    bpy.ops.sound.mixdown(filepath=str(path), container="WAV", codec="PCM", format="S16")
    with wave.open(str(path), "rb") as file:
        channels, rate = file.getnchannels(), file.getframerate()
        samples = np.frombuffer(file.readframes(file.getnframes()), "<i2").reshape(-1, channels)[:, 0].astype(int)
    return (
        scene.frame_start + np.flatnonzero(np.abs(samples) > 9000)[0] / rate * scene.render.fps / scene.render.fps_base
    )


@pytest.mark.parametrize(("fps", "base"), [(24, 1.0), (30, 1.001), (60, 1.0)])
@pytest.mark.parametrize("start", [None, 0.51])
def test_the_sound_comes_with_the_keys(scene, tmp_path, fps, base, start) -> None:
    scene.render.fps, scene.render.fps_base = fps, base
    settings, rate = scene.mimica, fps / base
    settings.bake_start = 25
    if start is not None:
        settings.bake_part, settings.bake_from, settings.bake_to = True, start, 1.2
    settings.microphone.offset = 40.0
    assert bpy.ops.mimica.bake() == {"FINISHED"}
    # Keys of a part begin with the first frame's instant that is in it.
    skipped = 0 if start is None else np.ceil(np.float32(start) * rate - 1e-6) / rate
    expected = 25 + (CLICK + 0.040 - FIRST - skipped) * rate
    assert abs(click_frame(tmp_path) - expected) / rate < 0.002
    assert [strip.name for strip in strips()] == ["Said"]
    first, end = compat.ends_of_strip(strips()[0])
    if start is not None:
        assert first == 25 and abs(end - 25 - (1.2 - start) * rate) <= 2
    assert bpy.ops.mimica.bake() == {"FINISHED"}
    assert len(strips()) == 1


def test_without_sound_if_one_does_not_want_it(scene) -> None:
    scene.mimica.microphone.bake_sound = False
    assert bpy.ops.mimica.bake() == {"FINISHED"}
    assert strips() == []


def test_a_lost_sound_does_not_hold_up_the_bake(scene, tmp_path, capfd) -> None:
    (tmp_path / "Said.wav").unlink()
    assert bpy.ops.mimica.bake() == {"FINISHED"}
    assert scene.mimica.target.animation_data.action is not None
    assert strips() == []


def test_keys_and_sound_are_one_step_of_undo(scene) -> None:
    bpy.ops.ed.undo_push(message="before")
    assert bpy.ops.mimica.bake("EXEC_DEFAULT", True) == {"FINISHED"}
    assert len(strips()) == 1
    bpy.ops.ed.undo()
    assert strips() == [] and len(bpy.data.actions) == 0
