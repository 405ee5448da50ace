# SPDX-FileCopyrightText: 2026 Mimica authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A live capture of a real clip, ticked as the modal operator ticks it."""

import itertools
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import bpy
import numpy as np
import pytest

import mimica
from mimica.capture.model import verify_model
from mimica.capture.source import SourceSpec
from mimica.capture.take import Take
from mimica.mapping.calibration import PerformerProfile
from mimica.mapping.range_poses import neutral_pose, range_poses
from mimica.rig import live
from mimica.rig.face_rig import create_face_rig

PATIENCE = 60.0


@pytest.fixture
def rig() -> bpy.types.Object:
    bpy.ops.wm.read_homefile(use_empty=True)
    return bpy.data.objects[create_face_rig(bpy.context).armature]


@pytest.fixture
def session(sample_clip: Path, model_path: Path) -> Iterator[live.LiveSession]:
    source = SourceSpec("video", path=str(sample_clip), loop=True)
    yield live.start(live.LiveSettings(source, verify_model(model_path)))
    live.stop()
    live.finished_takes.clear()


def tick_until(session: live.LiveSession, target: bpy.types.Object | None, done: Callable[[], bool]) -> bool:
    """Tick until `done`, or until the session ends itself; whether it is still running."""
    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline:
        if not session.tick(target):
            return False
        if done():
            return True
        time.sleep(1 / 60)
    raise AssertionError("waited in vain")


def pose_of(rig: bpy.types.Object) -> np.ndarray:
    return np.array([v for bone in rig.pose.bones for v in (*bone.location, *bone.rotation_quaternion)])


def test_the_rig_follows_the_performer(rig, session):
    poses = [pose_of(rig)]
    for count in (20, 40, 60):
        assert tick_until(session, rig, lambda count=count: session.stats().tracked > count)
        poses.append(pose_of(rig))
    assert all(np.abs(a - b).max() > 1e-4 for a, b in itertools.pairwise(poses))
    assert np.isfinite(poses[-1]).all()
    assert session.latency_ms > 0
    assert len(session.times.apply) > 10


def test_bones_nobody_drives_are_left_to_the_user(rig, session):
    rig.pose.bones["eye_targets"].location = (0.0, 0.001, 0.0)
    assert tick_until(session, rig, lambda: len(session.times.apply) > 10)
    assert tuple(rig.pose.bones["eye_targets"].location) == pytest.approx((0.0, 0.001, 0.0))


def test_a_character_chosen_later_follows_too(rig, session):
    assert tick_until(session, None, lambda: session.stats().tracked > 15)
    rest = pose_of(rig)
    assert tick_until(session, rig, lambda: len(session.times.apply) > 5)
    assert np.abs(pose_of(rig) - rest).max() > 1e-5


def test_deleting_the_character_ends_the_session_with_a_sentence(rig, session):
    assert tick_until(session, rig, lambda: len(session.times.apply) > 5)
    bpy.context.scene.collection.children_recursive[0].objects.unlink(rig)
    assert not tick_until(session, rig, lambda: False)
    assert "was removed" in session.message


def test_an_object_that_cannot_be_driven_is_said(rig, session):
    empty = bpy.data.objects.new("Nothing", None)
    bpy.context.scene.collection.objects.link(empty)
    assert not tick_until(session, empty, lambda: False)
    assert "'Nothing' cannot be driven" in session.message


def test_every_frame_while_recording_is_in_the_take(rig, session, tmp_path):
    assert tick_until(session, rig, lambda: session.stats().tracked > 5)
    path = tmp_path / "take.mimica"
    session.start_recording(path, "take")
    assert tick_until(session, rig, lambda: session.stats().recorded > 40)
    assert session.recorded_seconds > 0.5
    session.stop_recording()
    assert tick_until(session, rig, lambda: bool(live.finished_takes))
    take = Take.open(path)
    assert len(take.frames()) == session.stats().recorded
    assert take.frames().found.all()
    assert take.info.name == "take"
    assert take.info.source is not None and take.info.source.name == "sample.mp4"


def test_stopping_while_recording_keeps_the_take(rig, session, tmp_path):
    assert tick_until(session, rig, lambda: session.stats().tracked > 5)
    path = tmp_path / "take.mimica"
    session.start_recording(path, "take")
    assert tick_until(session, rig, lambda: session.stats().recorded > 20)
    began = time.monotonic()
    live.stop()
    assert time.monotonic() - began < 2.5
    deadline = time.monotonic() + 10
    while not live.finished_takes and time.monotonic() < deadline:
        time.sleep(0.05)
    assert len(Take.open(path).frames()) > 20


def test_the_neutral_that_was_asked_for_is_kept_and_used(rig, session, tmp_path):
    assert tick_until(session, rig, lambda: not session.calibrating)
    first = session.profile
    path = tmp_path / "people" / "Ann.json"
    calibrator = session.calibrate([neutral_pose()], path)
    assert session.asking
    assert tick_until(session, rig, lambda: not session.asking)
    assert calibrator.view.sentence.startswith("The neutral is set.")
    assert tick_until(session, rig, lambda: session.profile is not first)
    kept = PerformerProfile.load(path)
    assert kept.name == "Ann" and np.isfinite(kept.neutral).all()
    assert live.calibrated.pop() == calibrator.view.sentence


def test_before_and_after_move_with_the_performer_until_something_is_chosen(rig, session, tmp_path):
    assert tick_until(session, rig, lambda: not session.calibrating)
    poses = [replace(pose, rest=0.3, show=0.5) for pose in range_poses("QUICK")]
    calibrator = session.calibrate(poses, tmp_path / "people" / "Ann.json")
    assert tick_until(session, rig, lambda: calibrator.view.stage == "review")
    seen = []

    def noted() -> bool:
        if calibrator.comparison is not None and calibrator.comparison.shapes is not None:
            seen.append(calibrator.comparison.shapes)
        return len({id(shapes) for shapes in seen}) > 20

    assert tick_until(session, rig, noted)
    for shapes in zip(*seen, strict=True):
        assert np.isfinite(shapes).all() and np.ptp(shapes, axis=0).max() > 0.02
    calibrator.order("end")
    assert tick_until(session, rig, lambda: not session.asking)
    live.calibrated.clear()


def test_registering_and_unregistering_leaves_nothing(rig):
    before = set(dir(bpy.types))
    handlers = [len(h) for h in (bpy.app.handlers.load_pre, bpy.app.handlers.load_post, bpy.app.handlers.save_post)]
    for _ in range(3):
        mimica.register()
        assert hasattr(bpy.context.scene, "mimica")
        assert bpy.ops.mimica.start_capture.poll()
        assert not bpy.ops.mimica.record.poll()
        mimica.unregister()
        assert not hasattr(bpy.context.scene, "mimica")
    assert set(dir(bpy.types)) == before
    after = [len(h) for h in (bpy.app.handlers.load_pre, bpy.app.handlers.load_post, bpy.app.handlers.save_post)]
    assert after == handlers


def test_a_part_that_cannot_be_registered_takes_the_rest_back(rig, monkeypatch):
    from mimica.cli import blender as command_line

    def refuse() -> None:
        raise RuntimeError("refused")

    before = set(dir(bpy.types))
    monkeypatch.setattr(command_line, "register", refuse)
    with pytest.raises(RuntimeError, match="refused"):
        mimica.register()
    assert set(dir(bpy.types)) == before
    assert not hasattr(bpy.context.scene, "mimica")


def test_a_capture_without_a_model_says_how_to_get_one(rig, monkeypatch, tmp_path):
    from mimica.operators import model as operators_model

    monkeypatch.delenv("MIMICA_MODEL", raising=False)
    for name in ("user_folder", "EXTENSION_FOLDER"):
        monkeypatch.setattr(operators_model, name, tmp_path if name.isupper() else lambda: tmp_path)
    mimica.register()
    try:
        with pytest.raises(RuntimeError, match="There is no face model yet"):
            bpy.ops.mimica.start_capture()
        assert "Download it" in bpy.context.window_manager.mimica.problem
        assert live.current() is None
    finally:
        mimica.unregister()
