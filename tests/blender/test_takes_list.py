# SPDX-FileCopyrightText: 2026 Mimica authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The list of takes by its operators: what they do to files, to the list, and to what the scene knows of them."""

import os
import shutil
import time
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import bpy
import numpy as np
import pytest

import mimica
from mimica.capture.take import Take, TakeInfo, TakeWriter, summarize
from mimica.capture.timeline_fit import FrameLog
from mimica.mapping.frame import FaceFrame
from mimica.operators import takes
from mimica.rig import live, paths
from mimica.rig.recording import Recording, Wanted
from mimica.ui.takes import list_order

LANDMARKS = np.ones((478, 3), np.float32)


@pytest.fixture
def user(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A user's folder of its own, the extension registered, an empty file that was never saved."""
    monkeypatch.setattr(paths, "user_folder", lambda: tmp_path / "user")
    bpy.ops.wm.read_homefile(use_empty=True)
    mimica.register()
    yield tmp_path / "user"
    live.finished_takes.clear()
    mimica.unregister()
    bpy.ops.wm.read_homefile(use_empty=True)


@pytest.fixture
def saved(user: Path, tmp_path: Path) -> Path:
    """The same, saved; the folder of its takes."""
    (tmp_path / "project").mkdir()
    bpy.ops.wm.save_as_mainfile(filepath=str(tmp_path / "project" / "scene.blend"))
    return tmp_path / "project" / "mimica"


def record(path: Path, images: int = 10, created: str = "") -> Path:
    with TakeWriter(path, TakeInfo(path.stem, created=created)) as writer:
        for i in range(images):
            writer.append((FaceFrame(i / 30, LANDMARKS, None, (640, 480), 0, 0.5),))
    assert writer.error is None
    return path


def state() -> bpy.types.PropertyGroup:
    return bpy.context.window_manager.mimica


def listed() -> list[str]:
    return sorted(item.name for item in state().takes)


def pick(name: str) -> bpy.types.PropertyGroup:
    bpy.ops.mimica.refresh_takes()
    state().take_index = state().takes.find(name)
    assert state().take_index >= 0, listed()
    return state().takes[state().take_index]


def active() -> bpy.types.PropertyGroup:
    return state().takes[state().take_index]


def own() -> list[str]:
    return [item.path for item in bpy.context.scene.mimica.own_takes]


def test_what_the_list_says(saved: Path) -> None:
    with TakeWriter(saved / "Shot_001.mimica", TakeInfo("Shot_001", note="the good one")) as writer:
        writer.dropped = lambda: 2
        for i in range(31):
            writer.append((FaceFrame(i / 30, LANDMARKS, None, (640, 480), 0, 0.5),))
    item = pick("Shot_001")
    assert (item.frames, item.dropped, item.note, item.star, item.cut_short) == (31, 2, "the good one", False, False)
    assert (item.duration, item.rate, item.quality) == pytest.approx((1.0, 30.0, 0.5))


def test_star_note_and_name(saved: Path) -> None:
    path = record(saved / "a.mimica")
    record(saved / "b.mimica")
    before = Take.open(path).frames().landmarks.tobytes()
    pick("a")
    bpy.ops.mimica.star_take(path=str(saved / "b.mimica"))
    assert [item.star for item in (pick("b"), pick("a"))] == [True, False]
    bpy.ops.mimica.note_take(note="lips")
    assert active().note == "lips" and active().name == "a"
    member = bpy.context.scene.mimica.cast.add()
    member.take = "a"
    bpy.ops.mimica.rename_take(name="Scene 7")
    assert active().name == "Scene 7" and listed() == ["Scene 7", "b"]
    assert member.take == "Scene 7", "the list of characters follows"
    assert Take.open(saved / "Scene 7.mimica").frames().landmarks.tobytes() == before
    with pytest.raises(RuntimeError, match="needs a name"):
        bpy.ops.mimica.rename_take(name=" ")


def test_copying_deleting_and_restoring(saved: Path) -> None:
    path = record(saved / "a.mimica")
    pick("a")
    bpy.ops.mimica.duplicate_take()
    assert active().name == "a 2" and own() == ["//mimica/a 2.mimica"]
    assert not bpy.ops.mimica.restore_take.poll()
    bpy.ops.mimica.delete_take()
    assert listed() == ["a"] and state().takes_trashed == 1 and own() == []
    pick("a")
    bpy.ops.mimica.delete_take()
    bpy.ops.mimica.restore_take()
    assert listed() == ["a"] and path.is_file() and active().name == "a"
    bpy.ops.mimica.empty_takes_trash()
    assert state().takes_trashed == 0 and os.listdir(saved) == [path.name]
    assert not bpy.ops.mimica.empty_takes_trash.poll()


def test_takes_move_along_when_the_file_is_saved(user: Path, tmp_path: Path) -> None:
    assert takes.takes_folder() == user / "takes"
    record(user / "takes" / "of another file.mimica")
    source = record(tmp_path / "a.mimica")
    bpy.ops.mimica.import_take(filepath=str(source))
    assert active().name == "a" and listed() == ["a", "of another file"] and source.is_file()
    assert not bpy.ops.mimica.move_takes.poll()
    folder = tmp_path / "project"
    folder.mkdir()
    bpy.ops.wm.save_as_mainfile(filepath=str(folder / "scene.blend"))
    assert listed() == ["a"] and state().takes_to_move == 1, "still in the list, with the offer"
    bpy.ops.mimica.move_takes()
    assert os.listdir(folder / "mimica") == ["a.mimica"] and os.listdir(user / "takes") == ["of another file.mimica"]
    assert listed() == ["a"] and state().takes_to_move == 0 and own() == ["//mimica/a.mimica"]


def test_a_missing_take_is_said_and_relinked(saved: Path, tmp_path: Path) -> None:
    for name in ("a", "b"):
        bpy.ops.mimica.import_take(filepath=str(record(tmp_path / "elsewhere" / f"{name}.mimica")))
    shutil.rmtree(saved)
    item = pick("a")
    assert item.missing and "not there any more" in item.error
    assert not bpy.ops.mimica.note_take.poll()
    with pytest.raises(RuntimeError, match="does not exist"):
        bpy.ops.mimica.relink_take(filepath=str(tmp_path / "nowhere.mimica"))
    bpy.ops.mimica.relink_take(filepath=str(tmp_path / "elsewhere" / "a.mimica"))
    assert active().name == "a" and not any(item.missing for item in state().takes), "the other one too"
    assert not bpy.ops.mimica.relink_take.poll()
    shutil.rmtree(tmp_path / "elsewhere")
    pick("b")
    bpy.ops.mimica.delete_take()
    assert listed() == ["a"], "what is gone for good leaves the list"


def test_saving_under_another_name_keeps_the_way_to_the_takes(saved: Path, tmp_path: Path) -> None:
    bpy.ops.mimica.import_take(filepath=str(record(tmp_path / "a.mimica")))
    other = tmp_path / "other"
    other.mkdir()
    bpy.ops.wm.save_as_mainfile(filepath=str(other / "scene.blend"))
    assert own() == [str(saved / "a.mimica")] and not pick("a").missing
    bpy.ops.wm.open_mainfile(filepath=str(other / "scene.blend"))
    assert own() == [str(saved / "a.mimica")] and not pick("a").missing
    copy = tmp_path / "copy"
    copy.mkdir()
    bpy.ops.wm.save_as_mainfile(filepath=str(saved.parent / "scene.blend"))
    bpy.ops.wm.save_as_mainfile(filepath=str(copy / "scene.blend"), copy=True)
    assert own() == ["//mimica/a.mimica"] and not pick("a").missing
    bpy.ops.wm.open_mainfile(filepath=str(copy / "scene.blend"))
    assert not pick("a").missing


def test_undo_takes_back_no_file(saved: Path, tmp_path: Path) -> None:
    bpy.context.preferences.edit.use_global_undo = True
    bpy.ops.ed.undo_push(message="before")
    member = bpy.context.scene.mimica.cast.add()
    member.take = "a"
    bpy.ops.ed.undo_push(message="cast")
    bpy.ops.mimica.import_take(filepath=str(record(tmp_path / "a.mimica")))
    bpy.ops.mimica.rename_take(name="b")
    bpy.context.scene.frame_end = 77
    bpy.ops.ed.undo_push(message="something else")
    bpy.ops.ed.undo()
    assert bpy.context.scene.frame_end != 77
    assert own() == ["//mimica/b.mimica"] and bpy.context.scene.mimica.cast[0].take == "b"
    bpy.ops.mimica.refresh_takes()
    assert listed() == ["b"] and not state().takes[0].missing


def test_a_folder_of_the_scene_s_own(saved: Path, tmp_path: Path) -> None:
    record(saved / "a.mimica")
    record(tmp_path / "disk" / "b.mimica")
    pick("a")
    bpy.context.scene.mimica.takes_folder = str(tmp_path / "disk")
    takes._watch()
    assert listed() == ["b"]
    bpy.context.scene.mimica.takes_folder = "//mimica"
    takes._watch()
    assert listed() == ["a"]


def test_import_of_several_and_of_what_is_no_take(saved: Path, tmp_path: Path) -> None:
    record(tmp_path / "x" / "a.mimica")
    record(tmp_path / "x" / "b.mimica")
    bpy.ops.mimica.import_take(directory=str(tmp_path / "x"), files=[{"name": "a.mimica"}, {"name": "b.mimica"}])
    assert listed() == ["a", "b"]
    (tmp_path / "c.mimica").write_text("not a take")
    with pytest.raises(RuntimeError, match="not a Mimica take"):
        bpy.ops.mimica.import_take(filepath=str(tmp_path / "c.mimica"))
    assert sorted(os.listdir(saved)) == ["a.mimica", "b.mimica"]


def test_files_can_be_dropped_onto_the_viewport(user: Path) -> None:
    handler = bpy.types.MIMICA_FH_takes
    assert handler.bl_import_operator == "mimica.import_take" and handler.bl_file_extensions == ".mimica"
    assert handler.poll_drop(SimpleNamespace(area=SimpleNamespace(type="VIEW_3D")))
    assert not handler.poll_drop(SimpleNamespace(area=SimpleNamespace(type="IMAGE_EDITOR")))


def test_a_damaged_take_is_repaired_into_another(saved: Path) -> None:
    path = record(saved / "a.mimica", 60)
    with path.open("r+b") as stream:
        stream.truncate(path.stat().st_size // 2)
    content = path.read_bytes()
    assert "Repair Take" in pick("a").error
    bpy.ops.mimica.repair_take()
    assert (active().name, active().cut_short, active().error) == ("a repaired", True, "")
    assert 10 <= active().frames < 60 and path.read_bytes() == content
    assert not bpy.ops.mimica.repair_take.poll()


class Session:
    """What the operator needs of a capture that runs."""

    def __init__(self) -> None:
        self.running = True
        self.recording: Recording | None = None
        self.capture = SimpleNamespace(state="running", info=None)
        self.settings = SimpleNamespace(tracker=SimpleNamespace(faces=1))

    def start_recording(self, path: Path, name: str, wanted: Wanted, log: FrameLog) -> Recording:
        self.recording = Recording(path, TakeInfo(name), wanted, log, lambda: None)
        self.recording.writer.dropped = lambda: 4
        return self.recording

    def stop_recording(self) -> Path:
        assert self.recording is not None
        self.recording.close()
        live.finished_takes.append(self.recording.path)
        path, self.recording = self.recording.path, None
        return path


def test_recording(saved: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    session = Session()
    monkeypatch.setattr(live, "current", lambda: session)
    bpy.context.scene.mimica.slate = "Shot"
    bpy.context.scene.mimica.recording.countdown = 0.0
    bpy.ops.mimica.record()
    assert session.recording is not None
    session.recording.writer.append((FaceFrame(0.0, LANDMARKS, None, (640, 480)),))
    while not (saved / "Shot_001.mimica").is_file():
        time.sleep(0.01)
    pick("Shot_001")
    with pytest.raises(RuntimeError, match="being recorded"):
        bpy.ops.mimica.delete_take()
    bpy.ops.mimica.record()
    takes._watch()
    assert (active().name, active().dropped, active().frames) == ("Shot_001", 4, 1)
    assert own() == ["//mimica/Shot_001.mimica"] and not summarize(saved / "Shot_001.mimica").cut_short
    (saved.parent / "file").write_text("in the way")
    bpy.context.scene.mimica.takes_folder = "//file"
    with pytest.raises(RuntimeError, match="Choose another folder"):
        bpy.ops.mimica.record()
    assert "cannot be kept" in state().problem and session.recording is None


def test_the_order_of_the_list(saved: Path) -> None:
    for i, name in enumerate(("b", "C", "a")):
        record(saved / f"{name}.mimica", created=f"2026-11-20T10:00:0{i}+00:00")
    bpy.ops.mimica.refresh_takes()
    assert [item.name for item in state().takes] == ["a", "C", "b"], "the newest first"
    bpy.ops.mimica.star_take(path=str(saved / "b.mimica"))
    shown = {"NEWEST": [], "NAME": [0, 2, 1], "STAR": [1, 2, 0]}
    assert {order: list_order(state().takes, order) for order in shown} == shown


def test_a_long_list_costs_the_main_thread_little(saved: Path) -> None:
    first = record(saved / "0.mimica", 30)
    for i in range(1, 200):
        shutil.copyfile(first, saved / f"{i}.mimica")
    start = time.perf_counter()
    bpy.ops.mimica.refresh_takes()
    longest = time.perf_counter() - start
    assert len(state().takes) == 200
    while takes._watch() < 0.2:
        pass
    assert all(item.frames == 30 for item in state().takes)
    # 0.1 s of reading and the filling of the list.
    assert longest < 0.5
