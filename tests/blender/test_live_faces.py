# SPDX-FileCopyrightText: 2026 Mimica authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Several faces live: two people before the camera, told by a tracker that is made up. One talks, one raises brows."""

import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import bpy
import numpy as np
import pytest

from mimica.capture.model import ModelFile
from mimica.capture.source import Image, SourceSpec
from mimica.capture.take import Take
from mimica.capture.tracker import TrackerSettings
from mimica.mapping.calibration import estimate_profile
from mimica.mapping.frame import FaceFrame
from mimica.mapping.range_poses import neutral_pose
from mimica.rig import live
from mimica.rig.face_rig import create_face_rig
from mimica.tests.synthetic import act, photograph

PATIENCE = 60.0
CALM = 1.5
"""Seconds of calm faces at first."""
Parts = Sequence[tuple[bpy.types.Object | None, int]]


class TwoPeople:
    """What the tracker sees: face 0 opens the jaw, face 1 raises the brows; who is away is lost."""

    away: set[int]

    def __init__(self, *_arguments: object) -> None:
        calm = photograph(act(jaw=np.zeros(1)))
        jaw = photograph(act(jaw=np.ones(1)))
        brows = photograph(act(brows=np.ones(1)))
        self._faces = (calm.landmarks[0], jaw.landmarks[0], brows.landmarks[0])

    def track(self, image: Image) -> tuple[FaceFrame, ...]:
        """Return both faces, calm at first."""
        size = (640, 480)
        frames = []
        for face in (0, 1):
            if face in self.away:
                frames.append(FaceFrame.lost(image.time, size, face))
            else:
                landmarks = self._faces[0 if image.time < CALM else 1 + face]
                frames.append(FaceFrame(image.time, landmarks, None, size, face))
        return tuple(frames)

    def close(self) -> None:
        """Nothing is held."""


@pytest.fixture
def session(sample_clip: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[live.LiveSession]:
    TwoPeople.away = set()
    monkeypatch.setattr(live, "Tracker", TwoPeople)
    source = SourceSpec("video", path=str(sample_clip))
    model = ModelFile(Path("none.task"), "path", "0" * 64, False)
    yield live.start(live.LiveSettings(source, model, TrackerSettings(faces=2)))
    live.stop()
    live.finished_takes.clear()


@pytest.fixture
def rigs() -> list[bpy.types.Object]:
    bpy.ops.wm.read_homefile(use_empty=True)
    return [bpy.data.objects[create_face_rig(bpy.context).armature] for _ in range(2)]


def tick_until(session: live.LiveSession, parts: Parts, done: Callable[[], bool]) -> None:
    deadline = time.monotonic() + PATIENCE
    while not done():
        assert session.tick_all(parts), session.message
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(1 / 60)


def jaw(rig: bpy.types.Object) -> float:
    """The jaw's angle, radians."""
    return rig.pose.bones["jaw"].rotation_quaternion.angle


def brow(rig: bpy.types.Object) -> float:
    """The way of a brow, centimetres."""
    return rig.pose.bones["brow_mid.L"].location.length / rig["mimica_unit"]


def talks(rig: bpy.types.Object) -> bool:
    return jaw(rig) > 0.1 and brow(rig) < 0.1


def wonders(rig: bpy.types.Object) -> bool:
    return jaw(rig) < 0.05 and brow(rig) > 0.2


def rests(rig: bpy.types.Object) -> bool:
    return jaw(rig) < 0.02 and brow(rig) < 0.02


def test_the_face_that_is_chosen_moves_the_character(session, rigs):
    rig = rigs[0]
    tick_until(session, [(rig, 0)], lambda: talks(rig))
    assert session.faces_now == (0, 1)
    tick_until(session, [(rig, 1)], lambda: wonders(rig))
    assert session.face == 1
    tick_until(session, [(rig, 0)], lambda: talks(rig))


def test_each_character_follows_its_own_face(session, rigs):
    first, second = rigs
    tick_until(session, [(first, 0), (second, 1)], lambda: talks(first) and wonders(second))
    tick_until(session, [(first, 1), (second, 0)], lambda: wonders(first) and talks(second))
    tick_until(session, [(first, 0), (second, 0)], lambda: talks(first) and talks(second))


def test_a_face_that_is_away_lets_its_character_rest(session, rigs):
    first, second = rigs
    parts = [(first, 0), (second, 1)]
    tick_until(session, parts, lambda: talks(first) and wonders(second))
    TwoPeople.away = {0}
    tick_until(session, parts, lambda: rests(first))
    assert wonders(second)
    assert session.faces_now == (1,)
    tick_until(session, [(second, 3)], lambda: rests(second))


def test_every_face_has_a_neutral_of_its_own(session, rigs, tmp_path):
    rig = rigs[0]
    tick_until(session, [(rig, 0)], lambda: session.profile is not None and talks(rig))
    first = session.profile
    tick_until(session, [(rig, 1)], lambda: session.profile is not None and wonders(rig))
    second, path = session.profile, tmp_path / "second.json"
    assert second is not first
    session.calibrate([neutral_pose()], path)
    # The raised brows are now this face's rest; the other's neutral is what it was.
    tick_until(session, [(rig, 1)], lambda: path.is_file() and rests(rig))
    assert session.profile not in (first, second)
    tick_until(session, [(rig, 0)], lambda: talks(rig))
    assert session.profile is first


def test_a_profile_that_is_known_is_one_faces(sample_clip, rigs, monkeypatch):
    TwoPeople.away = set()
    monkeypatch.setattr(live, "Tracker", TwoPeople)
    wide = photograph(act(jaw=np.zeros(40)) * [1.2, 1.0, 1.0])
    known = estimate_profile(wide)
    assert known is not None
    model = ModelFile(Path("none.task"), "path", "0" * 64, False)
    settings = live.LiveSettings(
        SourceSpec("video", path=str(sample_clip)), model, TrackerSettings(faces=2), profile=known, face=1
    )
    session = live.start(settings)
    try:
        tick_until(session, [(rigs[0], 1)], lambda: session.poses > 20)
        assert session.profile is known
        tick_until(session, [(rigs[0], 0)], lambda: session.face == 0 and session.profile is not None)
        assert session.profile is not known
    finally:
        live.stop()


def test_a_take_holds_all_faces_and_says_whose_neutral_it_has(session, rigs, tmp_path):
    path = tmp_path / "two.mimica"
    tick_until(session, [(rigs[0], 1)], lambda: session.face == 1 and session.profile is not None)
    session.start_recording(path, "two")
    tick_until(session, [(rigs[0], 1)], lambda: session.stats().recorded > 20)
    session.stop_recording()
    tick_until(session, [(rigs[0], 1)], lambda: bool(live.finished_takes))
    take = Take.open(path)
    assert take.face_ids == (0, 1) and take.info.performer_face == 1
    assert all(take.frames(face).found.all() for face in take.face_ids)
