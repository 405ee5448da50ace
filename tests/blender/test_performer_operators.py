# SPDX-FileCopyrightText: 2026 Mimica authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The list of performers, learning from a take, and a bake with a chosen performer, by their operators."""

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
from mimica.capture.take import TakeInfo, TakeWriter
from mimica.mapping.calibration import PerformerProfile, default_profile
from mimica.mapping.expressions import average_expressions
from mimica.mapping.frame import ARKIT_SHAPES, FaceFrame
from mimica.operators import performer as operators_performer
from mimica.operators import takes as operators_takes
from mimica.rig import live, performances, performers
from mimica.rig.face_rig import create_face_rig
from mimica.rig.performances import stored_profile
from mimica.tests.synthetic import act, photograph


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A user's folders of their own, the extension registered, nothing in the file."""
    folder = tmp_path / "performers"
    for module in (operators_performer, performances):
        monkeypatch.setattr(module, "performers_folder", lambda: folder)
    monkeypatch.setattr(operators_performer, "single_performer_file", lambda: tmp_path / "performer.json")
    monkeypatch.setattr(operators_takes, "takes_folder", lambda: tmp_path / "takes")
    bpy.ops.wm.read_homefile(use_empty=True)
    mimica.register()
    yield folder
    live.calibrated.clear()
    mimica.unregister()


def state() -> bpy.types.PropertyGroup:
    return bpy.context.window_manager.mimica


def people() -> list[tuple[str, bool, bool]]:
    return [(item.name, item.has_neutral, item.has_range) for item in state().performers]


def active() -> str:
    return state().performers[state().performer_index].name


def ranged(factor: float) -> PerformerProfile:
    """A performer whose expressions go so many times as far as the average face's."""
    usual = average_expressions()
    strength = np.float32(factor)
    own = replace(usual, displacement=usual.displacement * strength, scores=usual.scores * strength)
    return replace(default_profile(), expressions=own)


@pytest.fixture
def take(tmp_path: Path) -> Path:
    """Two seconds in which the jaw opens, recorded without a profile."""
    path = tmp_path / "takes" / "talk.mimica"
    path.parent.mkdir()
    jaw = np.concatenate([np.zeros(20), np.linspace(0, 0.6, 20), np.zeros(20)])
    frames = photograph(act(jaw=jaw))
    with TakeWriter(path, TakeInfo("talk", camera_fov=45.0)) as writer:
        for i in range(len(frames)):
            writer.append((FaceFrame(float(frames.times[i]), frames.landmarks[i], None, (640, 480)),))
    return path


def test_the_old_profile_becomes_the_first_performer(folder: Path) -> None:
    ranged(1.0).save(folder.parent / "performer.json")
    bpy.ops.mimica.refresh_performers()
    assert people() == [("Performer", True, True)]
    profile = stored_profile()
    assert profile is not None and profile.expressions is not None


def test_adding_renaming_copying_and_deleting(folder: Path) -> None:
    assert not bpy.ops.mimica.delete_performer.poll()
    bpy.ops.mimica.new_performer(name="Ann")
    bpy.ops.mimica.new_performer(name="Bea")
    assert active() == "Bea", "who was added is active"
    assert people() == [("Ann", False, False), ("Bea", False, False)]
    assert stored_profile() is None
    state().performer_index = 0
    assert performers.active_performer(folder) == folder / "Ann.json", "picking in the list chooses"
    bpy.ops.mimica.rename_performer(name="Zoe")
    assert active() == "Zoe"
    bpy.ops.mimica.duplicate_performer()
    assert active() == "Zoe 2"
    bpy.ops.mimica.delete_performer()
    assert [name for name, *_ in people()] == ["Bea", "Zoe"]


def test_resetting_and_bringing_back(folder: Path) -> None:
    bpy.ops.mimica.new_performer(name="Ann")
    assert not bpy.ops.mimica.restore_performer.poll()
    performers.save_performer(folder / "Ann.json", ranged(1.0))
    bpy.ops.mimica.reset_performer(what="RANGE")
    assert people() == [("Ann", True, False)]
    bpy.ops.mimica.restore_performer()
    assert people() == [("Ann", True, True)]
    bpy.ops.mimica.reset_performer(what="ALL")
    assert people() == [("Ann", False, False)]
    bpy.ops.mimica.restore_performer()
    assert people() == [("Ann", True, True)]


def test_a_damaged_file_is_said_and_the_list_works(folder: Path) -> None:
    bpy.ops.mimica.new_performer(name="Bea")
    (folder / "Ann.json").write_text("no JSON")
    bpy.ops.mimica.refresh_performers()
    assert [name for name, *_ in people()] == ["Ann", "Bea"]
    assert "cannot be read" in state().performers[0].error
    state().performer_index = 0
    assert "cannot be read" in state().calibration
    with pytest.raises(RuntimeError, match="cannot be read"):
        bpy.ops.mimica.duplicate_performer()
    state().performer_index = [name for name, *_ in people()].index("Bea")
    assert state().calibration == ""
    assert active() == "Bea"


def test_files_come_and_go(folder: Path, tmp_path: Path) -> None:
    bpy.ops.mimica.new_performer(name="Ann")
    performers.save_performer(folder / "Ann.json", ranged(1.0))
    out = tmp_path / "Elsewhere.json"
    bpy.ops.mimica.export_performer(filepath=str(out))
    bpy.ops.mimica.import_performer(filepath=str(out))
    assert active() == "Elsewhere"
    assert people() == [("Ann", True, True), ("Elsewhere", True, True)]
    out.write_text("{}")
    with pytest.raises(RuntimeError, match="no performer profile"):
        bpy.ops.mimica.import_performer(filepath=str(out))


def test_a_calibration_needs_a_capture(folder: Path) -> None:
    assert not bpy.ops.mimica.set_neutral.poll()
    assert not bpy.ops.mimica.learn_range.poll()
    assert not bpy.ops.mimica.calibration_order.poll()


def test_learning_from_a_take(folder: Path, take: Path) -> None:
    assert not bpy.ops.mimica.learn_from_take.poll()
    bpy.ops.mimica.refresh_takes()
    bpy.ops.mimica.learn_from_take()
    assert live.calibrated.pop() == "'Performer' learned from the take 'talk'."
    bpy.ops.mimica.refresh_performers()
    assert people() == [("Performer", True, True)], "the first performer is added, with the take's neutral"
    before = performers.load_performer(folder / "Performer.json")
    state().learning = False
    bpy.ops.mimica.learn_from_take()
    after = performers.load_performer(folder / "Performer.json")
    assert before is not None and after is not None
    assert np.allclose(before.neutral, after.neutral, atol=1e-4), "a neutral that is there stays"
    assert performers.has_previous(folder / "Performer.json")


def baked_jaw(mesh: bpy.types.Object) -> float:
    """How far the jaw goes in what was baked."""
    state().take_index = 0
    bpy.ops.mimica.bake()
    action = mesh.data.shape_keys.animation_data.action
    last = int(action.frame_range[1])
    values = []
    for frame in range(1, last + 1):
        bpy.context.scene.frame_set(frame)
        values.append(mesh.data.shape_keys.key_blocks["jawOpen"].value)
    return max(values)


@pytest.fixture
def head() -> bpy.types.Object:
    mesh = bpy.data.objects.new("Head", bpy.data.meshes.new("Head"))
    mesh.data.from_pydata([(0, 0, 0), (1, 0, 0), (0, 1, 0)], [], [(0, 1, 2)])
    bpy.context.scene.collection.objects.link(mesh)
    for name in ("Basis", "jawOpen"):
        mesh.shape_key_add(name=name).value = 0.0
    return mesh


def test_an_old_take_is_baked_with_a_range_learned_later(folder: Path, take: Path, head: bpy.types.Object) -> None:
    bpy.context.scene.mimica.target = head
    bpy.ops.mimica.refresh_takes()
    settings = bpy.context.scene.mimica
    settings.bake_learn = False
    recorded = baked_jaw(head)
    settings.bake_performer = "ACTIVE"
    with pytest.raises(RuntimeError, match="no neutral yet"):
        bpy.ops.mimica.bake()
    bpy.ops.mimica.new_performer(name="Ann")
    performers.save_performer(folder / "Ann.json", replace(ranged(1.0), reading=2.0 * np.eye(len(ARKIT_SHAPES))))
    assert baked_jaw(head) > 1.2 * recorded, "whose face goes half as far shows more with the same"


def test_a_take_teaches_itself_unless_told_not_to(folder: Path, take: Path, head: bpy.types.Object) -> None:
    bpy.context.scene.mimica.target = head
    bpy.ops.mimica.refresh_takes()
    assert bpy.context.scene.mimica.bake_learn
    learned = baked_jaw(head)
    bpy.context.scene.mimica.bake_learn = False
    assert baked_jaw(head) != pytest.approx(learned, abs=1e-4)


def test_a_live_session_uses_the_performer_that_is_chosen(folder: Path, sample_clip: Path, model_path: Path) -> None:
    rig = bpy.data.objects[create_face_rig(bpy.context).armature]
    performers.save_performer(folder / "Ann.json", ranged(2.0))
    bpy.ops.mimica.new_performer(name="Bea")
    source = SourceSpec("video", path=str(sample_clip), loop=True)
    session = live.start(live.LiveSettings(source, verify_model(model_path)))
    try:

        def tick_until(done: Callable[[], bool]) -> None:
            deadline = time.monotonic() + 60
            while not done():
                assert time.monotonic() < deadline
                assert session.tick(rig)
                time.sleep(1 / 60)

        tick_until(lambda: session.profile is not None)
        assert session.profile is not None and session.profile.expressions is None
        state().performer_index = 0
        tick_until(lambda: session.profile is not None and session.profile.expressions is not None)
        state().performer_index = 1
        tick_until(lambda: session.calibrating or session.profile is None)
        tick_until(lambda: session.profile is not None and session.profile.expressions is None)
    finally:
        live.stop()
