# SPDX-FileCopyrightText: 2026 Mimica authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Phones as the source of a live capture: several performers, one of whom leaves, and the server's switch."""

import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import bpy
import numpy as np
import pytest

import mimica
from mimica.capture.model import verify_model
from mimica.capture.source import Image, SourceError, SourceInfo, SourceSpec
from mimica.capture.take import Take
from mimica.capture.tracker import TrackerSettings
from mimica.capture.video import VideoSource
from mimica.mapping.frame import FaceFrame
from mimica.rig import live, phone
from mimica.rig.face_rig import create_face_rig

PATIENCE = 60.0


class Phones:
    """Two phones that send the same clip, the second one later in it; one of them may leave."""

    def __init__(self, clip: Path) -> None:
        self.gone: set[int] = set()
        self.told: dict[int, int] = {}
        self._readers = [VideoSource(str(clip)) for _ in range(2)]
        self._count = 0
        self._ended = False

    def open(self) -> SourceInfo:
        info, _ = (reader.open() for reader in self._readers)
        self._readers[1].seek(0.5)
        return replace(info, name="Phone", kind="phone", live=True, duration=None, frame_count=None)

    def read(self) -> Image | None:
        time.sleep(0.015)
        while self.gone == {0, 1} and not self._ended:
            time.sleep(0.015)
        if self._ended:
            return None
        self._count += 1
        device = self._count % 2
        if device in self.gone:
            device = 1 - device
        image = self._readers[device].read()
        if image is None:
            self._readers[device].seek(0.0)
            image = self._readers[device].read()
        assert image is not None
        return replace(image, time=self._count * 0.015, index=self._count, grabbed=time.perf_counter(), device=device)

    def seek(self, time: float) -> None:
        raise SourceError("Live.")

    def interrupt(self) -> None:
        self._ended = True

    def close(self) -> None:
        for reader in self._readers:
            reader.close()

    def settings_of(self, device: int) -> TrackerSettings | None:
        return None

    def is_away(self, device: int) -> bool:
        return device in self.gone

    def tracked(self, image: Image, faces: tuple[FaceFrame, ...]) -> None:
        self.told[image.device] = self.told.get(image.device, 0) + 1


@pytest.fixture
def rigs() -> list[bpy.types.Object]:
    bpy.ops.wm.read_homefile(use_empty=True)
    names = [create_face_rig(bpy.context).armature for _ in range(2)]
    return [bpy.data.objects[name] for name in names]


@pytest.fixture
def phones(sample_clip: Path) -> Phones:
    return Phones(sample_clip)


@pytest.fixture
def session(phones: Phones, model_path: Path) -> Iterator[live.LiveSession]:
    yield live.start(live.LiveSettings(SourceSpec("phone"), verify_model(model_path), devices=phones))
    live.stop()
    live.finished_takes.clear()


def pose_of(rig: bpy.types.Object) -> tuple[float, ...]:
    return tuple(v for bone in rig.pose.bones for v in (*bone.location, *bone.rotation_quaternion))


def tick_until(session: live.LiveSession, parts: list, done: Callable[[], bool]) -> None:
    limit = time.monotonic() + PATIENCE
    while not done():
        assert session.tick_all(parts), session.message
        assert time.monotonic() < limit, "waited in vain"
        time.sleep(1 / 60)


def test_each_phone_moves_its_character_and_one_may_leave(rigs, phones, session, tmp_path) -> None:
    parts = [(rigs[0], 0), (rigs[1], 1)]
    tick_until(session, parts, lambda: session.faces_now == (0, 1))
    before = [pose_of(rig) for rig in rigs]
    tick_until(session, parts, lambda: all(pose_of(r) != p for r, p in zip(rigs, before, strict=True)))
    session.start_recording(tmp_path / "two.mimica", "two")
    count = dict(phones.told)
    tick_until(session, parts, lambda: all(phones.told[d] > count[d] + 10 for d in (0, 1)))
    phones.gone = {0}
    tick_until(session, parts, lambda: session.faces_now == (1,))
    pose = pose_of(rigs[1])
    tick_until(session, parts, lambda: pose_of(rigs[1]) != pose)
    phones.gone = set()
    tick_until(session, parts, lambda: session.faces_now == (0, 1))
    session.stop_recording()
    tick_until(session, parts, lambda: len(live.finished_takes) > 0)
    take = Take.open(tmp_path / "two.mimica")
    assert take.face_ids == (0, 1)
    for face in (0, 1):
        frames = take.frames(face)
        assert frames.found.sum() > 8
        assert (frames.times[1:] > frames.times[:-1]).all()
    assert take.frames(1).found.mean() > 0.8, "what the other phone saw meanwhile does not count as lost"


@pytest.mark.parametrize("leave", [{0}, {0, 1}], ids=["one of two", "all"])
def test_the_character_of_a_phone_that_left_comes_to_rest(rigs, phones, session, monkeypatch, leave: set[int]) -> None:
    monkeypatch.setattr(live, "_AWAY_SECONDS", 0.3)
    rest, parts = np.array(pose_of(rigs[0])), [(rigs[0], 0), (rigs[1], 1)]

    def off() -> float:
        return float(np.abs(np.array(pose_of(rigs[0])) - rest).max())

    tick_until(session, parts, lambda: off() > 0.05)
    phones.gone = leave
    tick_until(session, parts, lambda: off() < 2e-3)
    phones.gone = set()
    tick_until(session, parts, lambda: off() > 0.05)


def test_the_picture_shown_is_that_of_the_first_characters_face(rigs, session) -> None:
    parts = [(rigs[0], 1)]
    tick_until(session, parts, lambda: session.faces_now == (0, 1) and session.seen is not None)
    tick_until(session, parts, lambda: session.seen.image.device == 1)
    for _ in range(10):
        session.seen_anew.clear()
        assert session.seen_anew.wait(PATIENCE)
        assert session.seen.image.device == 1


@pytest.fixture
def addon() -> Iterator[None]:
    bpy.ops.wm.read_homefile(use_empty=True)
    mimica.register()
    yield
    mimica.unregister()


def test_a_capture_of_phones_needs_the_server(addon) -> None:
    bpy.context.scene.mimica.source = "PHONE"
    with pytest.raises(RuntimeError, match="server for phones is off"):
        bpy.ops.mimica.start_capture()
    assert not bpy.ops.mimica.phone_off.poll()
    assert not bpy.ops.mimica.phone_copy_link.poll()


def test_the_switch(addon, monkeypatch, tmp_path) -> None:
    for package in ("aiohttp", "aiortc", "av", "cryptography", "segno"):
        pytest.importorskip(package)
    monkeypatch.setattr(phone, "user_folder", lambda: tmp_path)
    settings = bpy.context.scene.mimica.phone
    settings.helpers = "nonsense"
    with pytest.raises(RuntimeError, match="no STUN or TURN"):
        bpy.ops.mimica.phone_on()
    assert phone.current() is None
    settings.helpers = ""
    bpy.ops.mimica.phone_on()
    server = phone.current()
    assert server is not None and server.wait_started(), server.error
    assert f":{settings.port}/" in server.link
    phone.code_icon()  # without a window Blender numbers no icons
    assert phone.devices() == ()
    assert phone.source(TrackerSettings()) is not None
    bpy.ops.mimica.phone_off()
    assert phone.current() is None
    bpy.ops.mimica.phone_on()
    again = phone.current()
    assert again is not None and again.wait_started(), again.error
    assert server.state == "off" and again.code != server.code
    bpy.ops.mimica.phone_off()
    assert again.stop(), "nothing is left of it"
