# SPDX-FileCopyrightText: 2026 Mimica authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Recording by the panel's settings: a clip stands for the camera, and the test steps the timeline as a window would.

Without a window nothing plays in Blender, and one that is begun all the same makes Blender crash now and then. So the
windows' playback is a substitute here; `tests/desktop/test_recording.py` has the real one.
"""

import os
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import bpy
import numpy as np
import pytest

import mimica
from mimica.capture.microphone import Heard, MicrophoneError
from mimica.capture.model import verify_model
from mimica.capture.source import SourceSpec
from mimica.capture.take import Take, TakeInfo, TakeWriter, summarize
from mimica.capture.take_schema import Timeline
from mimica.mapping.frame import FaceFrame
from mimica.operators import record, takes
from mimica.rig import compat, live, paths, playback, recorder, recording
from mimica.rig import microphone as rig_microphone
from mimica.rig.bake_settings import BakeSettings, instants
from mimica.rig.face_rig import create_face_rig
from mimica.rig.take_place import at_place

PATIENCE = 30.0
RATE = 24.0


class Player:
    """What a window does with its playback."""

    playing = False

    def begin(self, _window: bpy.types.Window) -> None:
        self.playing = True

    def cancel(self, _window: bpy.types.Window) -> None:
        self.playing = False

    def plays(self, _window: bpy.types.Window) -> bool:
        return self.playing


@pytest.fixture(autouse=True)
def player(monkeypatch: pytest.MonkeyPatch) -> Player:
    player = Player()
    for name in ("begin", "cancel", "plays"):
        monkeypatch.setattr(playback, name, getattr(player, name))
    return player


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """The folder of the takes of an empty file, with the extension registered."""
    monkeypatch.setattr(paths, "user_folder", lambda: tmp_path / "user")
    bpy.ops.wm.read_homefile(use_empty=True)
    mimica.register()
    yield tmp_path / "user" / "takes"
    live.stop()
    mimica.unregister()
    until(lambda: "mimica take close" not in [thread.name for thread in threading.enumerate()])
    live.finished_takes.clear()
    bpy.ops.wm.read_homefile(use_empty=True)


@pytest.fixture
def session(folder: Path, sample_clip: Path, model_path: Path) -> live.LiveSession:
    bpy.context.scene.mimica.recording.countdown = 0.0
    source = SourceSpec("video", path=str(sample_clip), loop=True)
    session = live.start(live.LiveSettings(source, verify_model(model_path)))
    until(lambda: session.stats().tracked > 3)
    return session


class Stepper:
    """Steps the timeline while it plays: each frame in its time, in step with the sound, round at the range's end."""

    def __init__(self) -> None:
        self.begun: float | None = None
        self.first = 0.0

    def step(self) -> None:
        scene = bpy.context.scene
        if not playback.is_playing(scene):
            self.begun = None
            return
        now = time.perf_counter()
        if self.begun is None:
            self.begun, self.first = now, scene.frame_current_final
        frame = round(self.first + (now - self.begun) * RATE)
        if frame > playback.last_frame(scene):
            self.begun, self.first = now, scene.frame_start
            frame = scene.frame_start
        if frame != scene.frame_current:
            scene.frame_set(frame)


def until(done: Callable[[], object], limit: float = PATIENCE, timeline: Stepper | None = None) -> None:
    end = time.monotonic() + limit
    while not done():
        assert time.monotonic() < end, "waited in vain"
        if timeline is not None:
            timeline.step()
        session = live.current()
        if session is not None:
            session.tick(None)
        recorder.tick()
        time.sleep(0.002)


def later(seconds: float) -> Callable[[], bool]:
    end = time.monotonic() + seconds
    return lambda: time.monotonic() > end


def finished(count: int = 1) -> list[Path]:
    until(lambda: len(live.finished_takes) >= count)
    return list(live.finished_takes)


def settings() -> bpy.types.PropertyGroup:
    return bpy.context.scene.mimica.recording


def phase() -> str | None:
    view = recorder.view()
    return view.phase if view is not None else None


def test_the_countdown_is_waited_for_and_can_be_called_off(session: live.LiveSession, folder: Path) -> None:
    settings().countdown = 0.5
    began = time.monotonic()
    bpy.ops.mimica.record()
    view = recorder.view()
    assert view is not None and view.phase == "countdown" and 0.4 < view.left <= 0.5
    assert session.recording is None
    assert bpy.ops.mimica.record() == {"FINISHED"}, "pressed again"
    assert phase() is None and list(folder.glob("*")) == []
    bpy.ops.mimica.record()
    assert recorder.cancel_countdown() and not recorder.cancel_countdown(), "as Esc does"
    began = time.monotonic()
    bpy.ops.mimica.record()
    until(lambda: session.recording is not None)
    assert time.monotonic() - began >= 0.49
    until(lambda: session.stats().recorded > 3)
    bpy.ops.mimica.record()
    assert phase() is None
    (path,) = finished()
    info = Take.open(path).info
    assert (info.timeline, info.sound, info.film) == (None, None, None)


def test_a_take_to_the_timeline_knows_its_place(session: live.LiveSession) -> None:
    scene, timeline = bpy.context.scene, Stepper()
    scene.sync_mode = "FRAME_DROP"
    scene.frame_set(60)
    settings().play, settings().preroll = True, 0.5
    bpy.ops.mimica.record()
    assert scene.sync_mode == "AUDIO_SYNC" and playback.is_playing(scene)
    assert scene.frame_current == 48 and phase() == "rolling"
    began = time.perf_counter()
    until(lambda: phase() == "recording", timeline=timeline)
    assert scene.frame_current in (60, 61)
    until(later(1.0), timeline=timeline)
    assert session.recording is not None and session.recording.place is not None, "told while it runs"
    bpy.ops.mimica.record()
    assert scene.sync_mode == "FRAME_DROP" and not playback.is_playing(scene)
    (path,) = finished()
    take = Take.open(path)
    place, clock = take.info.timeline, session.capture.clock
    assert place is not None and clock is not None and place.rate == RATE
    assert place.frame == pytest.approx(48 + (clock - began) * RATE, abs=1.0)
    assert place.frame_at(take.frames().times[0]) == pytest.approx(48, abs=0.3 * RATE), "recorded from the pre-roll on"


def test_a_playback_that_the_user_begins_is_recognised(session: live.LiveSession, player: Player) -> None:
    scene, timeline = bpy.context.scene, Stepper()
    bpy.ops.mimica.record()
    until(later(0.3))
    assert scene.sync_mode == "NONE"
    player.playing = True
    began = time.perf_counter()
    until(later(1.0), timeline=timeline)
    bpy.ops.mimica.record()
    assert playback.is_playing(scene), "what the user began goes on"
    playback.Playback(scene).stop()
    place, clock = Take.open(finished()[0]).info.timeline, session.capture.clock
    assert place is not None and clock is not None
    assert place.frame == pytest.approx(1 + (clock - began) * RATE, abs=1.0)


def test_it_stops_by_itself_at_the_end_of_the_range(session: live.LiveSession) -> None:
    scene, timeline = bpy.context.scene, Stepper()
    scene.frame_end = 24
    settings().play, settings().stop_at_end, settings().preroll = True, True, 0.0
    bpy.ops.mimica.record()
    until(lambda: phase() is None, 5.0, timeline)
    assert session.recording is None and not playback.is_playing(scene)
    place = Take.open(finished()[0]).info.timeline
    assert place is not None


@pytest.mark.parametrize("when", ["countdown", "recording"])
def test_the_end_of_the_capture_gives_everything_back(session: live.LiveSession, when: str) -> None:
    scene, timeline = bpy.context.scene, Stepper()
    settings().play, settings().countdown = True, 0.0 if when == "recording" else 5.0
    bpy.ops.mimica.record()
    until(later(0.8), timeline=timeline)
    assert phase() == when
    live.stop()
    recorder.tick()
    assert phase() is None and scene.sync_mode == "NONE" and not playback.is_playing(scene)
    if when == "recording":
        assert Take.open(finished()[0]).info.timeline is not None


def test_loading_a_file_ends_all(session: live.LiveSession) -> None:
    settings().play = True
    bpy.ops.mimica.record()
    until(later(0.2), timeline=Stepper())
    bpy.ops.wm.read_homefile(use_empty=True)
    assert phase() is None and live.current() is None
    assert bpy.context.scene.sync_mode == "NONE"
    assert summarize(finished()[0]).error is None


def test_a_file_that_is_saved_meanwhile_holds_the_scene_as_the_user_set_it(
    session: live.LiveSession, tmp_path: Path
) -> None:
    bpy.context.scene.sync_mode = "FRAME_DROP"
    settings().play = True
    bpy.ops.mimica.record()
    until(later(0.2), timeline=Stepper())
    saved = str(tmp_path / "scene.blend")
    bpy.ops.wm.save_as_mainfile(filepath=saved)
    assert bpy.context.scene.sync_mode == "AUDIO_SYNC" and phase() is not None
    bpy.ops.wm.open_mainfile(filepath=saved)
    assert bpy.context.scene.sync_mode == "FRAME_DROP" and phase() is None
    finished()


def test_switching_the_extension_off_ends_all(session: live.LiveSession) -> None:
    scene = bpy.context.scene
    settings().play = True
    bpy.ops.mimica.record()
    until(later(0.2), timeline=Stepper())
    mimica.unregister()
    assert scene.sync_mode == "NONE" and not playback.is_playing(scene)
    assert recorder.view() is None
    finished()
    mimica.register()


def test_deleting_the_scene_leaves_the_take_to_go_on(session: live.LiveSession) -> None:
    first, second = bpy.context.scene, bpy.data.scenes.new("Second")
    second.mimica.recording.countdown = 0.0
    bpy.ops.mimica.record()
    until(lambda: session.stats().recorded > 2)
    bpy.context.window_manager.windows[0].scene = second
    bpy.data.scenes.remove(first)
    until(later(0.2))
    assert phase() == "recording"
    bpy.ops.mimica.record()
    assert summarize(finished()[0]).frames > 4


def test_going_to_another_scene_ends_a_take_to_the_timeline(session: live.LiveSession) -> None:
    first, second = bpy.context.scene, bpy.data.scenes.new("Second")
    settings().play = True
    bpy.ops.mimica.record()
    until(later(0.3), timeline=Stepper())
    bpy.context.window_manager.windows[0].scene = second
    until(lambda: phase() is None, 5.0)
    assert first.sync_mode == "NONE" and len(finished()) == 1


def test_the_camera_video_has_a_picture_for_each_image(session: live.LiveSession) -> None:
    cv2 = pytest.importorskip("cv2")
    settings().film = True
    bpy.ops.mimica.record()
    until(lambda: session.stats().recorded > 15)
    bpy.ops.mimica.record()
    (path,) = finished()
    film = Take.open(path).info.film
    assert film is not None and (film.file, film.first) == (f"{path.stem}.avi", 0)
    capture, count = cv2.VideoCapture(str(path.with_name(film.file))), 0
    while capture.read()[0]:
        count += 1
    assert count == summarize(path).frames
    assert recorder.last_problems() == ()


class FakeMicrophone:
    """Hears from 0.25 s after it is started, with a clock that runs a little fast."""

    refuse = ""

    def __init__(self, device: str, path: Path) -> None:
        self.device, self.path = device, path
        self.error: str | None = None
        self.heard: Heard | None = None

    def start(self) -> None:
        if self.refuse:
            raise MicrophoneError(self.refuse)
        self.path.write_bytes(b"RIFF")
        self.heard = Heard(time.perf_counter() + 0.25, 48000.0, 48000, self.device)

    def stop(self) -> Heard | None:
        if self.heard is None:
            return None
        return Heard(self.heard.start, 48001.5, 48000, self.device)


def test_sound_lies_on_the_takes_clock(session: live.LiveSession, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(recording, "Microphone", FakeMicrophone)
    monkeypatch.setattr(recorder, "TELL_EVERY", 0.1)
    monkeypatch.setattr(rig_microphone, "look", lambda: None)
    microphone = bpy.context.scene.mimica.microphone
    microphone.use, microphone.device = True, "Mic"
    bpy.ops.mimica.record()
    began = time.perf_counter()
    path = session.recording.path if session.recording is not None else Path()
    until(lambda: path.is_file() and Take.open(path).info.sound is not None)
    early = Take.open(path).info.sound
    assert early is not None and early.rate == 48000.0, "a crash would keep it"
    bpy.ops.mimica.record()
    sound = Take.open(finished()[0]).info.sound
    clock = session.capture.clock
    assert sound is not None and clock is not None
    assert (sound.file, sound.rate, sound.device) == (f"{path.stem}.wav", 48001.5, "Mic")
    assert sound.start == pytest.approx(began + 0.25 - clock, abs=0.1)


def test_a_microphone_that_fails_is_said_and_the_take_goes_on(
    session: live.LiveSession, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(recording, "Microphone", FakeMicrophone)
    monkeypatch.setattr(FakeMicrophone, "refuse", "The microphone is not connected.")
    monkeypatch.setattr(rig_microphone, "look", lambda: None)
    bpy.context.scene.mimica.microphone.use = True
    bpy.ops.mimica.record()
    until(lambda: session.stats().recorded > 3)
    view = recorder.view()
    assert view is not None and view.problems[0].startswith("The microphone is not connected. The take")
    bpy.ops.mimica.record()
    assert recorder.last_problems() == view.problems
    assert Take.open(finished()[0]).info.sound is None


def add_take(folder: Path, name: str, place: float) -> Path:
    path = folder / f"{name}.mimica"
    with TakeWriter(path, TakeInfo(name, timeline=Timeline(place, RATE))) as writer:
        for i in range(120):
            writer.append((FaceFrame.lost(i / 30, (640, 480)),))
    bpy.ops.mimica.refresh_takes()
    return path


def test_a_retake_is_laid_over_the_active_take(
    session: live.LiveSession, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls: list[tuple] = []
    monkeypatch.setattr(record.layers, "add_layer", lambda *args, **named: calls.append((args, named)))
    scene, timeline = bpy.context.scene, Stepper()
    assert not bpy.ops.mimica.retake.poll(), "there is no take yet"
    base = add_take(folder, "base", 1.0)
    settings().first, settings().last, settings().preroll = 30, 48, 0.5
    settings().regions = {"MOUTH"}
    bpy.ops.mimica.retake()
    assert scene.frame_current == 18 and phase() == "rolling"
    assert not bpy.ops.mimica.retake.poll()
    until(lambda: phase() is None, 5.0, timeline)
    assert 58 <= scene.frame_current <= 62, "half a second more is recorded"
    (path,) = finished()
    takes._watch()
    place = Take.open(path).info.timeline
    assert place is not None and place.frame_at(Take.open(path).frames().times[-1]) >= 48
    assert calls == [((scene, base, path), {"first": 30, "last": 48, "regions": frozenset({"MOUTH"})})]
    assert takes.active_take(bpy.context) == base, "ready for the next one"


def test_a_retake_of_the_preview_range_that_is_stopped_is_only_a_take(
    session: live.LiveSession, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(record.layers, "add_layer", lambda *_args, **_named: pytest.fail("it was stopped"))
    scene, timeline = bpy.context.scene, Stepper()
    add_take(folder, "base", 1.0)
    scene.use_preview_range, scene.frame_preview_start, scene.frame_preview_end = True, 50, 200
    settings().preroll = 0.0
    bpy.ops.mimica.retake()
    assert scene.frame_current == 50
    until(later(0.5), timeline=timeline)
    bpy.ops.mimica.record()
    finished()
    takes._watch()
    assert len(os.listdir(folder)) == 2


def test_a_range_the_wrong_way_round_is_said(session: live.LiveSession, folder: Path) -> None:
    add_take(folder, "base", 1.0)
    settings().first, settings().last = 50, 50
    with pytest.raises(RuntimeError, match="Set In and Out anew"):
        bpy.ops.mimica.retake()
    settings().last = bpy.context.scene.frame_end + 1
    with pytest.raises(RuntimeError, match="before Out"):
        bpy.ops.mimica.retake()
    bpy.context.scene.frame_set(77)
    bpy.ops.mimica.retake_frame(end="last")
    assert settings().last == 77
    settings().regions = set()
    assert not bpy.ops.mimica.retake.poll()


def test_a_fault_gives_everything_back(session: live.LiveSession, monkeypatch: pytest.MonkeyPatch) -> None:
    settings().play = True
    bpy.ops.mimica.record()
    monkeypatch.setattr(recorder.playback, "last_frame", lambda _scene: 1 / 0)
    assert not recorder.tick()
    assert bpy.context.scene.sync_mode == "NONE" and session.recording is None
    assert "fault in Mimica" in recorder.last_problems()[0]
    finished()


def test_where_no_window_shows_the_scene_nothing_plays() -> None:
    scene = bpy.data.scenes.new("Unseen")
    scene.sync_mode = "NONE"
    played = playback.Playback(scene)
    assert not played.play(10.0) and scene.sync_mode == "NONE"
    played.end()
    assert not playback.is_playing(scene)


@pytest.mark.parametrize("step", [1.0, 2.0])
def test_a_bake_lies_where_the_take_was_performed(folder: Path, step: float) -> None:
    scene = bpy.context.scene
    add_take(folder, "placed", 100.4)
    item = bpy.context.window_manager.mimica.takes[0]
    assert item.placed
    path, times = Path(item.path), np.arange(2.0, 4.0, 1 / 30)
    wanted = BakeSettings(start_frame=1.0, step=step)
    at, frames = instants(times, RATE, at_place(scene, path, times, wanted))
    np.testing.assert_allclose(frames, 100.4 + at * RATE)
    assert (frames == np.round(frames)).all() and abs(frames[0] - (100.4 + 2.0 * RATE)) <= 0.5
    part = BakeSettings(start_frame=1.0, step=step, start=0.51, end=1.2)
    at, frames = instants(times, RATE, at_place(scene, path, times, part))
    np.testing.assert_allclose(frames, 100.4 + at * RATE)
    assert at[0] == pytest.approx(2.51, abs=step / RATE)
    scene.mimica.recording.at_place = False
    assert at_place(scene, path, times, wanted) == wanted
    scene.mimica.recording.at_place = True
    assert at_place(scene, path.with_stem("none"), times, wanted) == wanted, "the bake itself says what is wrong"


def test_while_the_mouth_is_performed_again_the_rest_plays_on(session: live.LiveSession, folder: Path) -> None:
    rig = bpy.data.objects[create_face_rig(bpy.context).armature]
    add_take(folder, "base", 1.0)
    # What a bake left: brow and lip go steadily.
    moved = {name: rig.pose.bones[name] for name in ("brow_inner.L", "lip_upper")}
    for bone in moved.values():
        for frame, place in ((1, 0.0), (250, 0.249)):
            bone.location.x = place
            bone.keyframe_insert("location", index=0, frame=frame)
    for curve in compat.fcurves_of(rig, rig.animation_data.action) or ():
        for key in curve.keyframe_points:
            key.interpolation = "LINEAR"
    bpy.context.scene.frame_set(20)
    timeline = Stepper()

    def follow(done: Callable[[], object]) -> None:
        end = time.monotonic() + PATIENCE
        while not done():
            assert time.monotonic() < end
            timeline.step()
            session.tick(rig)
            recorder.tick()
            time.sleep(0.002)

    def by_animation(name: str) -> bool:
        return moved[name].location.x == pytest.approx((bpy.context.scene.frame_current - 1) * 0.001, abs=1e-5)

    follow(lambda: session.poses > 5)
    assert by_animation("lip_upper") and by_animation("brow_inner.L"), "animated channels are left alone"
    settings().first, settings().last, settings().preroll = 30, 60, 0.0
    settings().regions = {"MOUTH"}
    bpy.ops.mimica.retake()
    before = session.poses
    follow(lambda: session.poses > before + 5 and bpy.context.scene.frame_current > 35)
    assert by_animation("brow_inner.L") and not by_animation("lip_upper")
    bpy.ops.mimica.record()
    session.tick(rig)
    bpy.context.scene.frame_set(100)
    session.tick(rig)
    assert by_animation("lip_upper") and by_animation("brow_inner.L"), "and all is as it was"
    finished()
