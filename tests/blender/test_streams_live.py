# SPDX-FileCopyrightText: 2026 Mimica authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Other programs over real sockets: they move the rig and are recorded; captures and takes are sent to them."""

import json
import socket
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import bpy
import numpy as np
import pytest

from mimica.bridges.streams.receiver import StreamReceiver
from mimica.capture.model import verify_model
from mimica.capture.source import SourceSpec
from mimica.capture.take import Take, summarize
from mimica.mapping.character_map import CONTROLS
from mimica.mapping.feel import Feel
from mimica.mapping.frame import ARKIT_SHAPES, ControlFrame
from mimica.mapping.settings import MappingSettings
from mimica.rig import live, streams
from mimica.rig.bake import bake
from mimica.rig.face_rig import create_face_rig
from mimica.rig.performances import Choice, open_performance

PATIENCE = 60.0
YAW = CONTROLS.index("headYaw")
JAW = ARKIT_SHAPES.index("jawOpen")
RAW = Feel(mapping=MappingSettings(smoothness=0.0))


@pytest.fixture
def rig() -> bpy.types.Object:
    bpy.ops.wm.read_homefile(use_empty=True)
    return bpy.data.objects[create_face_rig(bpy.context).armature]


@pytest.fixture(autouse=True)
def ended() -> Iterator[None]:
    yield
    streams.close()
    live.stop()
    live.finished_takes.clear()


class Speaker:
    """Somebody's script that sends JSON from a thread, until the test ends."""

    def __init__(self, port: int, name: str, **values: float) -> None:
        self.values = values
        self.silent = False
        self._port, self._name = port, name
        self._end = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def _run(self) -> None:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as out:
            while not self._end.wait(1 / 60):
                if not self.silent:
                    told = {"mimica": 1, "face": self._name, "controls": dict(self.values)}
                    told["head"] = {"yaw": 20.0, "pitch": 0.0, "roll": 0.0}
                    out.sendto(json.dumps(told).encode(), ("127.0.0.1", self._port))

    def end(self) -> None:
        self._end.set()
        self._thread.join(5.0)


@pytest.fixture
def session() -> live.LiveSession:
    source = streams.source_of("json", 0, "")
    return live.start(live.LiveSettings(SourceSpec("program"), feel=RAW, controls=source))


@pytest.fixture
def speak(session: live.LiveSession) -> Iterator[Callable[..., Speaker]]:
    begun: list[Speaker] = []

    def begin(name: str = "Anna", **values: float) -> Speaker:
        deadline = time.monotonic() + PATIENCE
        while session.capture.state == "opening" and time.monotonic() < deadline:
            time.sleep(0.01)
        reception = streams.reception()
        assert reception is not None
        begun.append(Speaker(reception[0].port, name, **values))
        return begun[-1]

    yield begin
    for speaker in begun:
        speaker.end()


def tick_until(session: live.LiveSession, parts: list, done: Callable[[], bool]) -> None:
    deadline = time.monotonic() + PATIENCE
    while not done():
        assert session.tick_all(parts), session.message
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(1 / 60)


def pose_of(rig: bpy.types.Object) -> np.ndarray:
    return np.array([v for bone in rig.pose.bones for v in (*bone.location, *bone.rotation_quaternion)])


def value(session: live.LiveSession, face: int, control: int = JAW) -> float:
    values = session.values_of_face(face)
    return float(values[control]) if values is not None else 0.0


def test_a_script_moves_the_rig_and_is_baked_as_it_was_seen(rig, session, speak, tmp_path) -> None:
    rest = pose_of(rig)
    speak(jawOpen=0.6, mouthSmileLeft=0.4)
    parts = [(rig, 0)]
    tick_until(session, parts, lambda: value(session, 0) > 0.59 and session.poses > 10)
    path = tmp_path / "told.mimica"
    session.start_recording(path, "told")
    tick_until(session, parts, lambda: session.stats().recorded > 30)
    shown = pose_of(rig)
    assert np.abs(shown - rest).max() > 0.01
    session.stop_recording()
    tick_until(session, parts, lambda: bool(live.finished_takes))
    live.stop()
    assert np.abs(pose_of(rig) - rest).max() < 1e-6, "it goes back"
    summary = summarize(path)
    assert summary.frames > 30 and not summary.cut_short and 30.0 < summary.rate < 90.0
    assert Take.open(path).info.kind == "controls"
    scene = bpy.context.scene
    result = bake(scene, rig, open_performance(Choice(str(path))))
    scene.frame_set(round((result.first_frame + result.last_frame) / 2))
    assert np.abs(pose_of(rig) - shown).max() < 1e-3, "baked equals live"


def test_two_subjects_are_two_performers(rig, session, speak) -> None:
    other = bpy.data.objects[create_face_rig(bpy.context).armature]
    speak("Anna", jawOpen=0.8)
    tick_until(session, [(rig, 0), (other, 1)], lambda: value(session, 0) > 0.79)
    speak("Ben", jawOpen=0.2)
    tick_until(session, [(rig, 0), (other, 1)], lambda: abs(value(session, 1) - 0.2) < 0.01)
    tick_until(session, [(rig, 0), (other, 1)], lambda: session.faces_now == (0, 1))
    assert value(session, 0) == pytest.approx(0.8, abs=0.01)
    assert np.abs(pose_of(rig) - pose_of(other)).max() > 0.005
    reception = streams.reception()
    assert reception is not None and [face.subject for face in reception[1].faces] == ["Anna", "Ben"]


def test_a_sender_that_vanishes_leaves_a_face_at_rest(rig, session, speak) -> None:
    speaker = speak(jawOpen=0.7)
    tick_until(session, [(rig, 0)], lambda: value(session, 0) > 0.69)
    speaker.silent = True
    tick_until(session, [(rig, 0)], lambda: value(session, 0) < 0.02 and not session.faces_now)
    assert session.running
    speaker.silent = False
    tick_until(session, [(rig, 0)], lambda: value(session, 0) > 0.69)


def test_recentre_and_mirror_work_on_what_comes(rig, session, speak) -> None:
    speak(mouthSmileLeft=0.5)
    smile = ARKIT_SHAPES.index("mouthSmileRight")
    tick_until(session, [(rig, 0)], lambda: abs(value(session, 0, YAW)) > 0.3)
    session.recentre()
    tick_until(session, [(rig, 0)], lambda: abs(value(session, 0, YAW)) < 0.01)
    assert session.rest is not None
    session.feel = Feel(mapping=RAW.mapping, mirror=True)
    tick_until(session, [(rig, 0)], lambda: value(session, 0, smile) > 0.49)


def test_a_port_in_use_is_said(rig) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as held:
        held.bind(("0.0.0.0", 0))
        source = streams.source_of("json", held.getsockname()[1], "")
        session = live.start(live.LiveSettings(SourceSpec("program"), controls=source))
        deadline = time.monotonic() + PATIENCE
        while session.tick(rig) and time.monotonic() < deadline:
            time.sleep(0.01)
        assert "is in use by another program" in session.message


def gathered(receiver: StreamReceiver, count: int) -> list[ControlFrame]:
    found: list[ControlFrame] = []
    deadline = time.monotonic() + PATIENCE
    while len(found) < count:
        assert time.monotonic() < deadline, "nothing came"
        found += [told.frame for told in receiver.take(0.1)]
    return found


@pytest.fixture
def receiver() -> Iterator[StreamReceiver]:
    one = StreamReceiver("json", "127.0.0.1", 0)
    one.start()
    yield one
    one.stop()


def test_a_capture_is_sent_as_it_is_shown(rig, receiver, sample_clip: Path, model_path: Path) -> None:
    session = live.start(
        live.LiveSettings(SourceSpec("video", path=str(sample_clip), loop=True), verify_model(model_path))
    )
    assert streams.switch("json", streams.Place("127.0.0.1", receiver.port))
    assert session.outlet is not None
    mapped: dict[bytes, np.ndarray] = {}

    def note() -> bool:
        values = session.values_of_face(0)
        if values is not None:
            mapped[values.tobytes()] = values[:52]
        return receiver.health.frames > 40

    tick_until(session, [(rig, 0)], note)
    sent = gathered(receiver, 30)
    assert all(frame.found and frame.head is not None and frame.gaze is not None for frame in sent)
    told = np.array([frame.controls for frame in sent], np.float64)
    assert np.ptp(told, axis=0).max() > 0.02, "it moves"
    known = np.array(list(mapped.values()))
    nearest = [np.abs(known - controls).max(axis=1).min() for controls in told]
    assert sum(distance < 1e-6 for distance in nearest) > 5, "the very values that moved the rig"
    health = streams.health_of("json")
    assert health is not None and health.sent >= 30 and streams.problem_of("json") == ""
    assert streams.switch("json", None)
    assert session.outlet is None and not streams.is_on("json")


def test_without_a_character_the_faces_are_sent_all_the_same(receiver, sample_clip: Path, model_path: Path) -> None:
    source = SourceSpec("video", path=str(sample_clip), loop=True)
    session = live.start(live.LiveSettings(source, verify_model(model_path)))
    assert streams.switch("json", streams.Place("127.0.0.1", receiver.port))
    tick_until(session, [], lambda: receiver.health.frames > 10)


def test_many_senders_cost_one_mapping(rig, session, speak, receiver, monkeypatch) -> None:
    steps: list[float] = []
    mapper = type(session._mapper_of(0))
    monkeypatch.setattr(
        mapper, "_show", lambda self, raw, own=mapper._show: steps.append(raw.times[0]) or own(self, raw)
    )
    for key in ("json", "livelink"):
        assert streams.switch(key, streams.Place("127.0.0.1", receiver.port))
    speak(jawOpen=0.5)
    tick_until(session, [(rig, 0)], lambda: receiver.health.frames > 20)
    assert len(steps) == len(set(steps)), "each instant is mapped once"


def test_a_take_is_sent_in_real_time(rig, session, speak, receiver, tmp_path) -> None:
    speak(jawOpen=0.6)
    tick_until(session, [(rig, 0)], lambda: value(session, 0) > 0.59)
    path = tmp_path / "told.mimica"
    session.start_recording(path, "told")
    tick_until(session, [(rig, 0)], lambda: session.stats().recorded > 40)
    session.stop_recording()
    tick_until(session, [(rig, 0)], lambda: bool(live.finished_takes))
    live.stop()
    assert streams.switch("json", streams.Place("127.0.0.1", receiver.port))
    began = time.monotonic()
    streams.send_take("told", Choice(str(path)), 1.0)
    sent = gathered(receiver, summarize(path).frames)
    assert time.monotonic() - began > 0.8 * summarize(path).duration
    assert np.allclose([frame.controls[JAW] for frame in sent], 0.6, atol=0.01)  # pyright: ignore
    deadline = time.monotonic() + PATIENCE
    while streams.playing() is not None and time.monotonic() < deadline:
        time.sleep(0.01)
    assert streams.playing() is None and streams.last_problem == ""


def test_a_take_that_cannot_be_sent_is_said(tmp_path) -> None:
    streams.send_take("gone", Choice(str(tmp_path / "gone.mimica")), 1.0)
    deadline = time.monotonic() + PATIENCE
    while streams.playing() is not None and time.monotonic() < deadline:
        time.sleep(0.01)
    assert "does not exist" in streams.last_problem
