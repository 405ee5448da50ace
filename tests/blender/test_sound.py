# SPDX-FileCopyrightText: 2026 Mimica authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A take's sound in the sequencer, heard where Blender plays it: the scene's sound is mixed down and listened to."""

import wave
from pathlib import Path

import bpy
import numpy as np
import pytest

from mimica.capture.take_schema import Sound
from mimica.rig import compat, sound
from mimica.rig.sound import TAKE_PROPERTY, lay_sound

RATE = 48000
needs_sound = pytest.mark.skipif(not compat.has_sound(), reason="this Blender was built without sound")


@pytest.fixture
def scene() -> bpy.types.Scene:
    bpy.ops.wm.read_factory_settings(use_empty=True)
    scene = bpy.context.scene
    scene.frame_start, scene.frame_end = 1, 400
    return scene


def write_clicks(path: Path, *seconds: float, length: float = 4.0, rate: int = RATE) -> Path:
    samples = np.zeros(round(length * rate), "<i2")
    for second in seconds:
        samples[round(second * rate) : round(second * rate) + 24] = 20000
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(rate)
        file.writeframes(samples.tobytes())
    return path


def clicks(tmp_path: Path) -> list[float]:
    """Return the scene frames, with fractions, at which clicks are heard."""
    path = tmp_path / "mixed.wav"
    path.unlink(missing_ok=True)
    bpy.ops.sound.mixdown(filepath=str(path), container="WAV", codec="PCM", format="S16")
    with wave.open(str(path), "rb") as file:
        channels, rate = file.getnchannels(), file.getframerate()
        samples = np.frombuffer(file.readframes(file.getnframes()), "<i2").reshape(-1, channels)[:, 0].astype(int)
    loud = np.flatnonzero(np.abs(samples) > 9000)
    first = loud[np.diff(loud, prepend=-1000) > 500]
    scene = bpy.context.scene
    return [scene.frame_start + i / rate * scene.render.fps / scene.render.fps_base for i in first]


def strips(scene: bpy.types.Scene) -> list:
    return list(compat.strips(scene.sequence_editor))


@needs_sound
@pytest.mark.parametrize(("fps", "base"), [(24, 1.0), (30, 1.001), (60, 1.0), (25, 1.0)])
@pytest.mark.parametrize("offset", [0.0, 37.0, -80.0])
def test_sound_is_heard_where_its_frame_is(scene, tmp_path, fps, base, offset) -> None:
    scene.render.fps, scene.render.fps_base = fps, base
    write_clicks(tmp_path / "Take 1.wav", 1.0, 3.0)
    recorded = Sound("Take 1.wav", 0.6173, RATE, "Desk")
    # 2.25 s on the take's clock are shown at frame 81.
    note = lay_sound(scene, tmp_path / "Take 1.mimica", recorded, start_frame=81.0, take_start=2.25, offset_ms=offset)
    assert note is None
    rate = fps / base
    expected = [81.0 + (0.6173 + at + offset / 1000 - 2.25) * rate for at in (1.0, 3.0)]
    heard = clicks(tmp_path)
    assert np.abs(np.array(heard) - expected).max() / rate < 0.002


@needs_sound
@pytest.mark.parametrize("offset_in_strips", [True, False])
def test_a_clock_that_runs_fast_is_made_up_for(scene, tmp_path, monkeypatch, offset_in_strips) -> None:
    """Also as a Blender does it whose strips begin on whole frames."""
    if not offset_in_strips:
        monkeypatch.setattr(compat, "has_sound_offset", lambda: False)
    measured = RATE * (1 + 2e-3)
    write_clicks(tmp_path / "Take.wav", 1.0, 9.0, length=10.0)
    recorded = Sound("Take.wav", 0.513, measured, "Desk")
    note = lay_sound(scene, tmp_path / "Take.mimica", recorded, start_frame=1.0, take_start=0.0)
    assert note is not None and "clock differs from the camera's by -20 ms" in note
    heard = (np.array(clicks(tmp_path)) - 1.0) / scene.render.fps
    expected = 0.513 + np.array([1.0, 9.0]) * RATE / measured
    assert np.abs(heard - expected).max() < 0.002
    # Again: the copy is found there, and nothing piles up.
    files = sorted(tmp_path.glob("Take*.wav"))
    lay_sound(scene, tmp_path / "Take.mimica", recorded, start_frame=1.0, take_start=0.0)
    assert sorted(tmp_path.glob("Take*.wav")) == files and len(files) == 2
    assert len(strips(scene)) == 1


@needs_sound
def test_a_small_drift_is_shared_out(scene, tmp_path) -> None:
    measured = RATE * (1 - 800e-6)
    write_clicks(tmp_path / "Take.wav", 0.5, 9.5, length=10.0)
    recorded = Sound("Take.wav", 0.5, measured, "Desk")
    assert lay_sound(scene, tmp_path / "Take.mimica", recorded, start_frame=1.0, take_start=0.0) is None
    heard = (np.array(clicks(tmp_path)) - 1.0) / scene.render.fps
    errors = heard - 0.5 - np.array([0.5, 9.5]) * RATE / measured
    assert 0.003 < errors[0] < 0.005 and -0.005 < errors[1] < -0.003
    assert len(list(tmp_path.glob("Take*.wav"))) == 1


@needs_sound
def test_where_strips_begin_on_whole_frames_silence_fills_the_rest(scene, tmp_path, monkeypatch) -> None:
    monkeypatch.setattr(compat, "has_sound_offset", lambda: False)
    write_clicks(tmp_path / "Take.wav", 1.0)
    for start in (0.0, 0.02, 0.5128):
        lay_sound(
            scene, tmp_path / "Take.mimica", Sound("Take.wav", start, RATE, "Desk"), start_frame=1.0, take_start=0.0
        )
        assert abs((clicks(tmp_path)[0] - 1.0) / scene.render.fps - start - 1.0) < 0.002


@needs_sound
def test_where_no_copy_can_be_written_it_is_said(scene, tmp_path, monkeypatch) -> None:
    def refuse(*_arguments):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(sound, "copy_wav", refuse)
    write_clicks(tmp_path / "Take.wav", 1.0, length=10.0)
    recorded = Sound("Take.wav", 0.0, RATE * 1.002, "Desk")
    note = lay_sound(scene, tmp_path / "Take.mimica", recorded, start_frame=1.0, take_start=0.0)
    assert note is not None and "up to 20 ms off" in note and "No space left" in note
    assert len(strips(scene)) == 1


@needs_sound
def test_the_same_take_replaces_its_strip_and_others_stay(scene, tmp_path) -> None:
    write_clicks(tmp_path / "A.wav", 1.0)
    write_clicks(tmp_path / "B.wav", 2.0)
    a, b = (Sound(f"{name}.wav", 0.0, RATE, "Desk") for name in "AB")
    lay_sound(scene, tmp_path / "A.mimica", a, start_frame=1.0, take_start=0.0)
    strips(scene)[0].volume = 0.5
    lay_sound(scene, tmp_path / "B.mimica", b, start_frame=20.0, take_start=0.0)
    lay_sound(scene, tmp_path / "A.mimica", a, start_frame=30.0, take_start=0.0)
    laid = {strip.name: strip for strip in strips(scene)}
    assert sorted(laid) == ["A", "B"]
    assert [laid[name][TAKE_PROPERTY] for name in "AB"] == ["A", "B"]
    assert compat.ends_of_strip(laid["A"])[0] == 30 and compat.ends_of_strip(laid["B"])[0] == 20
    assert laid["A"].channel != laid["B"].channel
    assert laid["A"].volume == 0.5


@needs_sound
def test_only_the_part_that_is_baked_is_heard(scene, tmp_path) -> None:
    write_clicks(tmp_path / "Take.wav", 0.5, 1.5, 3.0)
    recorded = Sound("Take.wav", 0.25, RATE, "Desk")
    lay_sound(scene, tmp_path / "Take.mimica", recorded, start_frame=10.0, take_start=1.25, ends=(10.0, 34.0))
    assert compat.ends_of_strip(strips(scene)[0]) == (10, 35)
    heard = clicks(tmp_path)
    assert len(heard) == 1
    assert abs(heard[0] - (10.0 + (1.75 - 1.25) * 24)) / 24 < 0.002


@needs_sound
def test_the_path_is_relative_where_the_file_is_saved(scene, tmp_path) -> None:
    folder = tmp_path / "mimica"
    folder.mkdir()
    write_clicks(folder / "Take.wav", 1.0)
    recorded = Sound("Take.wav", 0.0, RATE, "Desk")
    lay_sound(scene, folder / "Take.mimica", recorded, start_frame=1.0, take_start=0.0)
    assert Path(strips(scene)[0].sound.filepath).is_absolute()
    bpy.ops.wm.save_as_mainfile(filepath=str(tmp_path / "shot.blend"), relative_remap=False)
    lay_sound(scene, folder / "Take.mimica", recorded, start_frame=1.0, take_start=0.0)
    assert strips(scene)[0].sound.filepath.replace("\\", "/") == "//mimica/Take.wav"
    assert len(bpy.data.sounds) == 1
    assert len(clicks(tmp_path)) == 1


@needs_sound
@pytest.mark.parametrize(
    ("content", "expected"),
    [(None, "is not in its folder"), (b"RIFF", "cannot be read"), (b"nonsense" * 20, "cannot be read")],
)
def test_a_sound_that_is_not_there_or_damaged_is_said(scene, tmp_path, content, expected) -> None:
    if content is not None:
        (tmp_path / "Take.wav").write_bytes(content)
    note = lay_sound(
        scene, tmp_path / "Take.mimica", Sound("Take.wav", 0.0, RATE, "Desk"), start_frame=1.0, take_start=0.0
    )
    assert note is not None and expected in note
    assert scene.sequence_editor is None or not strips(scene)


@needs_sound
@pytest.mark.parametrize(("start", "rate"), [(float("nan"), RATE), (0.0, 0.0), (0.0, float("nan")), (0.0, 44100.0)])
def test_a_take_that_says_nonsense_of_its_sound(scene, tmp_path, start, rate) -> None:
    write_clicks(tmp_path / "Take.wav", 1.0)
    recorded = Sound("Take.wav", start, rate, "Desk")
    note = lay_sound(scene, tmp_path / "Take.mimica", recorded, start_frame=1.0, take_start=0.0)
    assert note == "The take 'Take' does not say rightly when its sound was heard, so none was laid."


@needs_sound
def test_an_empty_sound_is_said(scene, tmp_path) -> None:
    write_clicks(tmp_path / "Take.wav", length=0.0)
    note = lay_sound(
        scene, tmp_path / "Take.mimica", Sound("Take.wav", 0.0, RATE, "Desk"), start_frame=1.0, take_start=0.0
    )
    assert note is not None and "is empty" in note


@needs_sound
def test_a_take_does_not_reach_into_other_folders(scene, tmp_path) -> None:
    write_clicks(tmp_path / "Secret.wav", 1.0)
    folder = tmp_path / "takes"
    folder.mkdir()
    note = lay_sound(
        scene, folder / "Take.mimica", Sound("../Secret.wav", 0.0, RATE, "Desk"), start_frame=1.0, take_start=0.0
    )
    assert note is not None and "is not in its folder" in note


@needs_sound
def test_a_channel_that_is_taken_or_locked_is_left_alone(scene, tmp_path) -> None:
    write_clicks(tmp_path / "Take.wav", 1.0)
    editor = scene.sequence_editor_create()
    compat.strips(editor).new_sound("Music", str(write_clicks(tmp_path / "Music.wav", 0.5)), 1, 50)
    editor.channels[2].lock = True
    recorded = Sound("Take.wav", 0.0, RATE, "Desk")
    lay_sound(scene, tmp_path / "Take.mimica", recorded, start_frame=1.0, take_start=0.0)
    laid = {strip.name: strip.channel for strip in strips(scene)}
    assert laid == {"Music": 1, "Take": 3}


@pytest.mark.skipif(compat.has_sound(), reason="this Blender plays sound")
def test_a_blender_without_sound_says_so(scene, tmp_path) -> None:
    write_clicks(tmp_path / "Take.wav", 1.0)
    note = lay_sound(
        scene, tmp_path / "Take.mimica", Sound("Take.wav", 0.0, RATE, "Desk"), start_frame=1.0, take_start=0.0
    )
    assert note == "This Blender was built without sound, so the take's was not laid."
