# SPDX-FileCopyrightText: 2026 Mimica authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a capture leaves behind: characters as they stood, also after undo, edits of their maps, a playing timeline."""

import time
from collections.abc import Callable, Iterator
from pathlib import Path

import bpy
import numpy as np
import pytest

from mimica.capture.model import ModelFile
from mimica.capture.source import Image, SourceSpec
from mimica.mapping.calibration import default_profile
from mimica.mapping.character_map import CONTROLS
from mimica.mapping.frame import FaceFrame
from mimica.rig import character, live
from mimica.rig.bake import BakeSettings, bake_take
from mimica.rig.bind import bind
from mimica.rig.face_rig import create_face_rig
from mimica.rig.occupied import TAKE_PROPERTY
from mimica.tests.synthetic import act, photograph

PATIENCE = 60.0
STOOD = (0.3, 0.0, 0.0)
"""Where a brow stands before the capture, scene units."""


class OpenMouth:
    """What the tracker sees: an open mouth."""

    def __init__(self, *_arguments: object) -> None:
        self._face = photograph(act(jaw=np.ones(1))).landmarks[0]

    def track(self, image: Image) -> tuple[FaceFrame, ...]:
        """Return the one face."""
        return (FaceFrame(image.time, self._face, None, (640, 480), 0),)

    def close(self) -> None:
        """Nothing is held."""


@pytest.fixture
def rigs() -> list[bpy.types.Object]:
    bpy.ops.wm.read_homefile(use_empty=True)
    made = [bpy.data.objects[create_face_rig(bpy.context).armature] for _ in range(2)]
    for rig in made:
        rig.pose.bones["brow_mid.L"].location = STOOD
    return made


@pytest.fixture
def session(sample_clip: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[live.LiveSession]:
    monkeypatch.setattr(live, "Tracker", OpenMouth)
    source = SourceSpec("video", path=str(sample_clip), loop=True)
    model = ModelFile(Path("none.task"), "path", "0" * 64, False)
    yield live.start(live.LiveSettings(source, model, profile=default_profile()))
    live.stop()


def tick_until(session: live.LiveSession, targets: list[bpy.types.Object | None], done: Callable[[], bool]) -> None:
    deadline = time.monotonic() + PATIENCE
    while not done():
        assert session.tick_all([(target, 0) for target in targets]), session.message
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(1 / 60)


def jaw(rig: bpy.types.Object) -> float:
    return rig.pose.bones["jaw"].rotation_quaternion.angle


def brow(rig: bpy.types.Object) -> tuple[float, ...]:
    return tuple(rig.pose.bones["brow_mid.L"].location)


def stands(rig: bpy.types.Object) -> bool:
    return jaw(rig) == 0.0 and brow(rig) == pytest.approx(STOOD)


def talks(rig: bpy.types.Object) -> bool:
    return jaw(rig) > 0.1 and brow(rig)[0] < 0.1


def test_stopping_gives_the_pose_back(rigs, session):
    tick_until(session, [rigs[0]], lambda: talks(rigs[0]))
    live.stop()
    assert stands(rigs[0])
    assert len(bpy.data.actions) == 0


def test_the_last_pose_stays_if_it_is_to(rigs, session):
    tick_until(session, [rigs[0]], lambda: talks(rigs[0]))
    session.keep_pose = True
    live.stop()
    assert talks(rigs[0])


def test_this_pose_is_the_one_that_stays(rigs, session):
    tick_until(session, [rigs[0]], lambda: talks(rigs[0]))
    session.keep_this_pose()
    there = jaw(rigs[0])
    rigs[0].pose.bones["jaw"].rotation_quaternion = (1.0, 0.0, 0.0, 0.0)
    live.stop()
    assert jaw(rigs[0]) == pytest.approx(there, abs=1e-6)


def test_a_character_that_is_no_longer_driven_goes_back(rigs, session):
    first, second = rigs
    tick_until(session, [first, second, second], lambda: talks(first) and talks(second))
    tick_until(session, [first], lambda: stands(second))
    assert talks(first)
    tick_until(session, [second], lambda: stands(first) and talks(second))


def test_another_character_that_is_deleted_does_not_end_the_capture(rigs, session):
    first, second = rigs
    tick_until(session, rigs, lambda: talks(first) and talks(second))
    bpy.data.objects.remove(second)
    poses = session.poses
    tick_until(session, [first, None], lambda: session.poses > poses + 3)
    live.stop()
    assert stands(first)


def test_undo_and_renaming_midway_do_no_harm(rigs, session):
    rig = rigs[0]
    bpy.ops.ed.undo_push(message="before")
    tick_until(session, [rig], lambda: talks(rig))
    bpy.ops.ed.undo_push(message="posed")
    bpy.data.objects.new("Thing", None)
    bpy.ops.ed.undo_push(message="made")
    bpy.ops.ed.undo()
    rig = bpy.data.objects["Mimica Face Rig"]
    poses = session.poses
    tick_until(session, [rig], lambda: session.poses > poses + 3)
    rig.name = "Rita"
    tick_until(session, [rig], lambda: session.poses > poses + 6)
    assert talks(rig)
    live.stop()
    assert stands(rig)


def test_edits_of_the_map_neither_stall_nor_forget_how_the_character_stood(rigs, session):
    rig = rigs[0]
    character.register()
    try:
        character.store_map(rig, bind(rig).plan.character)
        tick_until(session, [rig], lambda: talks(rig))
        full, poses, began = jaw(rig), session.poses, time.monotonic()
        entry = next(row for row in rig.mimica.entries if row.bone == "jaw")
        seen = []
        while session.poses < poses + 20:
            entry.gain = max(entry.gain - 0.01, 0.5)
            assert session.tick_all([(rig, 0)])
            seen.append(jaw(rig))
            assert time.monotonic() < began + PATIENCE
            time.sleep(1 / 60)
        assert np.abs(np.diff([full, *seen])).max() < 0.3 * full, "no jump"
        entry.gain = 0.5
        tick_until(session, [rig], lambda: jaw(rig) == pytest.approx(0.5 * full, rel=0.05))
        live.stop()
        assert stands(rig)
    finally:
        character.unregister()


def test_what_is_taken_off_the_map_goes_back_at_once(rigs, session):
    rig = rigs[0]
    character.register()
    try:
        character.store_map(rig, bind(rig).plan.character)
        tick_until(session, [rig], lambda: talks(rig))
        for count in range(3):
            entry = next(row for row in rig.mimica.entries if row.bone == "jaw")
            entry.enabled = False
            poses = session.poses
            tick_until(session, [rig], lambda poses=poses: session.poses > poses + 3)
            assert jaw(rig) == 0.0, count
            entry.enabled = True
            tick_until(session, [rig], lambda: talks(rig))
        live.stop()
        assert stands(rig)
    finally:
        character.unregister()


def test_a_playing_timeline_does_not_take_the_pose_away(rigs, session):
    rig = rigs[0]
    bone = rig.pose.bones["jaw"]
    for frame in (1, 20):
        bone.keyframe_insert("rotation_quaternion", frame=frame)
    rig.animation_data.action[TAKE_PROPERTY] = "take"
    tick_until(session, [rig], lambda: talks(rig))
    bpy.context.scene.frame_set(5)
    assert talks(rig), "what Mimica baked is not left alone"
    evaluated = rig.evaluated_get(bpy.context.evaluated_depsgraph_get())
    assert jaw(evaluated) == pytest.approx(jaw(rig))
    live.stop()
    bpy.context.view_layer.update()
    assert stands(rig)


def test_the_users_animation_can_be_given_way_to_or_not(rigs, session):
    rig = rigs[0]
    bone = rig.pose.bones["jaw"]
    bone.keyframe_insert("rotation_quaternion", frame=1)
    tick_until(session, [rig], lambda: session.poses > 5)
    assert jaw(rig) == 0.0 and brow(rig)[0] < 0.1
    name = rig.animation_data.action.name
    assert session.left_alone == (f"1 channel of '{rig.name}' is left alone: 1 animated by '{name}'.",)
    assert [c.label for c in session.left_alone_of(rig)] == ["jaw: Rotation"]
    session.existing = "REPLACE"
    tick_until(session, [rig], lambda: talks(rig))
    assert session.left_alone == ()
    session.existing = "ADD"
    tick_until(session, [rig], lambda: jaw(rig) > 0.1 and brow(rig)[0] > 0.2)
    session.existing = "LEAVE"
    tick_until(session, [rig], lambda: jaw(rig) == 0.0 and brow(rig)[0] < 0.1)


def test_the_values_of_the_face_that_moves_a_character_are_known(rigs, session):
    assert session.values_of(rigs[0]) is None
    tick_until(session, [rigs[0]], lambda: talks(rigs[0]))
    values = session.values_of(rigs[0])
    assert values.shape == (len(CONTROLS),)
    assert values[CONTROLS.index("jawOpen")] > 0.5
    assert session.values_of(rigs[1]) is None and session.values_of(None) is None


def test_a_bake_during_a_capture_adds_to_how_the_character_stood(rigs, session):
    rig = rigs[0]
    tick_until(session, [rig], lambda: talks(rig))
    calm = photograph(act(jaw=np.zeros(5)))
    settings = BakeSettings(existing="ADD")
    for _ in range(2):
        kept = session.kept_of(rig)
        bake_take(bpy.context.scene, rig, calm, name="Calm", profile=default_profile(), settings=settings, kept=kept)
    live.stop()
    bpy.context.scene.frame_set(3)
    assert jaw(rig) < 0.02 and brow(rig)[0] == pytest.approx(STOOD[0], abs=0.01)


def test_a_file_that_is_saved_holds_how_the_character_stood(rigs, session, tmp_path):
    rig = rigs[0]
    tick_until(session, [rig], lambda: talks(rig))
    path = str(tmp_path / "saved.blend")
    bpy.ops.wm.save_as_mainfile(filepath=path, copy=True)
    assert talks(rig), "and the capture goes on"
    with bpy.data.libraries.load(path) as (_, wanted):
        wanted.objects = [rig.name]
    assert stands(wanted.objects[0])


def test_nothing_is_left_registered(rigs, session):
    tick_until(session, [rigs[0]], lambda: session.poses > 2)
    live.stop()
    lists = (bpy.app.handlers.frame_change_post, bpy.app.handlers.save_pre, bpy.app.handlers.save_post)
    assert not [h for handlers in lists for h in handlers if getattr(h, "__self__", None) is session]
