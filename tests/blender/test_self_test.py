# SPDX-FileCopyrightText: 2026 Mimica authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The self-test in Blender: what only Blender knows, and that its report has nothing of what is in the file."""

import threading
from collections.abc import Iterator
from pathlib import Path

import bpy
import pytest

import mimica
from mimica.capture.self_test import CAMERA, Check, Finding, SelfTest
from mimica.capture.self_test_scrub import Scrubber, personal_secrets
from mimica.rig import live, self_test

SECRETS = {
    "camera": "Wilhelmina's iPhone",
    "video": "/films/wilhelmina smiles.mp4",
    "images": "/films/wilhelmina/",
    "address": "rtsp://wilhelmina:secret@camera.lan/live",
    "slate": "Wilhelmina",
}


@pytest.fixture
def operators() -> Iterator:
    bpy.ops.wm.read_homefile(use_empty=True)
    mimica.register()
    from mimica.operators import self_test as module

    yield module
    if bpy.app.timers.is_registered(module._tick):
        bpy.app.timers.unregister(module._tick)
    mimica.unregister()


@pytest.fixture
def short(operators, monkeypatch: pytest.MonkeyPatch):
    """Operators whose self-test has one check beside Blender's, which a test lets go."""
    go = threading.Event()

    def wait() -> Finding:
        go.wait(10.0)
        return Finding("ok", "It went on.")

    def make(setup, scrub, others) -> SelfTest:
        return SelfTest([Check("Disk", wait, "The disk")], scrub, [*others, "Disk"])

    monkeypatch.setattr(operators, "make_self_test", make)
    operators.go = go
    yield operators
    go.set()


def test_the_whole_in_the_background(operators, model_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MIMICA_MODEL", str(model_path))
    settings = bpy.context.scene.mimica
    for name, value in SECRETS.items():
        setattr(settings, name, value)
    assert not bpy.ops.mimica.copy_self_test.poll()
    assert bpy.ops.mimica.self_test() == {"FINISHED"}
    found = {result.title: result for result in self_test.current.results}
    assert found["Blender"].outcome == found["Settings"].outcome == found["Face Model"].outcome == "ok"
    assert bpy.app.version_string in found["Blender"].sentence
    assert dict(found["Settings"].details)["camera"] == "chosen by name"
    assert found["Graphics"].outcome == "skipped", "there is no window"
    assert found["Libraries"].outcome in ("ok", "warning") and found["Helper Process"].outcome == "ok"
    report = operators._report()
    assert "wilhelmina" not in report.lower() and "secret" not in report
    assert str(model_path.parent) not in report
    assert bpy.ops.mimica.copy_self_test() == {"FINISHED"}


def test_the_report_is_saved(short, tmp_path: Path) -> None:
    short.go.set()
    assert bpy.ops.mimica.self_test() == {"FINISHED"}
    assert bpy.ops.mimica.save_self_test(filepath=str(tmp_path / "report")) == {"FINISHED"}
    assert "It went on." in (tmp_path / "report.txt").read_text("utf-8")
    with pytest.raises(RuntimeError, match="cannot be written"):
        bpy.ops.mimica.save_self_test(filepath=str(tmp_path / "none" / "report.txt"))


def test_the_window_goes_on_while_it_runs(short, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(short, "bpy", _WithWindow())
    began = len(self_test.findings())
    assert bpy.ops.mimica.self_test() == {"FINISHED"}
    test = self_test.current
    assert not test.done, "the button returns before anything is known"
    assert not bpy.ops.mimica.self_test.poll() and not bpy.ops.mimica.copy_self_test.poll()
    for _ in range(began):
        assert short._tick() is not None
    assert {"Blender", "Settings", "Graphics"} <= {result.title for result in test.results}
    assert short._tick() is not None, "the thread's check is not over"
    short.go.set()
    assert test.wait(10.0)
    assert short._tick() is None
    assert test.progress == 1.0 and bpy.ops.mimica.copy_self_test.poll()


def test_it_can_be_cancelled_and_is_ended_with_the_extension(short, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(short, "bpy", _WithWindow())
    bpy.ops.mimica.self_test()
    assert bpy.ops.mimica.cancel_self_test.poll()
    bpy.ops.mimica.cancel_self_test()
    assert not bpy.ops.mimica.cancel_self_test.poll()
    assert "was not finished" in short._report()
    bpy.ops.mimica.self_test()
    test = self_test.current
    mimica.unregister()
    try:
        assert test.cancelled and self_test.current is None
        assert not bpy.app.timers.is_registered(short._tick)
    finally:
        mimica.register()


def test_what_builders_left_out_is_not_told_as_known() -> None:
    assert self_test._text(b"Unknown") == self_test._text("unknown") == ""
    assert self_test._text(b"blender-v5.2-release") == "blender-v5.2-release"


def test_a_check_that_fails_on_the_main_thread_says_so() -> None:
    def broken() -> Finding:
        raise RuntimeError("No active GPU context found")

    found = self_test.look(broken)
    assert found.outcome == "failure" and "No active GPU context found" in found.sentence


def test_a_running_capture_is_told_and_keeps_its_camera(operators, model_path: Path, root: Path) -> None:
    from mimica.capture.model import verify_model
    from mimica.capture.source import SourceSpec

    assert "Capture" not in dict(self_test.findings())
    picture = root / "ui" / "pictures" / "jawOpen.png"
    source = SourceSpec("images", path=str(picture), rate=30.0, loop=True)
    live.start(live.LiveSettings(source, verify_model(model_path)))
    try:
        found = self_test.look(dict(self_test.findings())["Capture"])
        assert found.outcome in ("ok", "warning"), found
        assert dict(found.details)["source"].startswith("images")
        assert picture.name not in str(found) and str(root) not in str(found)
        assert operators._setup(bpy.context).capturing()
    finally:
        live.stop()


def test_names_of_the_file_are_scrubbed(operators, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from mimica.rig.paths import performers_folder

    folder = performers_folder()
    monkeypatch.setattr(self_test, "performers_folder", lambda: tmp_path)
    (tmp_path / "Wilhelmina.json").write_text("{}")
    (tmp_path / "Performer.json").write_text("{}")
    path = tmp_path / "wilhelminas shot.blend"
    bpy.ops.wm.save_as_mainfile(filepath=str(path))
    scrub = Scrubber(personal_secrets() | self_test.personal())
    said = scrub(f"'{path}', wilhelminas shot.blend of Wilhelmina, a Performer; '{folder / 'x y.json'}'")
    assert said == "'<file>', <file> of <performer>, a Performer; '<user folder>'"


def test_a_folder_of_images_is_not_named_and_leaves_the_word_alone(operators, tmp_path: Path) -> None:
    for name in ("frames", "anna smiles"):
        for text in (f"{name}/", str(tmp_path / name)):
            bpy.context.scene.mimica.images = text
            scrub = Scrubber(self_test.personal())
            assert scrub("24 frames/s") == "24 frames/s"
        assert scrub(f"'{tmp_path / name}', the folder '{name}'") == "'<file>', the folder '<file>'"


def test_what_a_capture_complains_of_is_told_without_names(operators, tmp_path: Path, model_path: Path) -> None:
    from mimica.capture.model import verify_model
    from mimica.capture.source import SourceSpec

    (tmp_path / "Anna's smile.png").write_bytes(b"no picture")
    session = live.start(live.LiveSettings(SourceSpec("images", path=str(tmp_path)), verify_model(model_path)))
    try:
        assert session.capture.wait(20.0)
        assert "Anna" in str(session.capture.error)
        found = self_test.look(dict(self_test.findings())["Capture"])
    finally:
        live.stop()
    assert found.outcome == "failure" and "The image '<name>'" in found.sentence
    assert "Anna" not in str(found) and "smile" not in str(found)


def test_no_capture_is_started_while_the_camera_is_tested(operators, monkeypatch: pytest.MonkeyPatch) -> None:
    began = {title: threading.Event() for title in ("Disk", CAMERA)}
    go_on = {title: threading.Event() for title in began}

    def check(title: str) -> Check:
        def hold() -> Finding:
            began[title].set()
            go_on[title].wait(10.0)
            return Finding("ok", "It works.")

        return Check(title, hold, title)

    test = SelfTest([check(title) for title in began], Scrubber({}))
    monkeypatch.setattr(self_test, "current", test)
    test.start()
    try:
        assert began["Disk"].wait(10.0)
        assert bpy.ops.mimica.start_capture.poll(), "the disk is no camera"
        go_on["Disk"].set()
        assert began[CAMERA].wait(10.0)
        assert not bpy.ops.mimica.start_capture.poll()
    finally:
        for event in go_on.values():
            event.set()
    assert test.wait(10.0)
    assert bpy.ops.mimica.start_capture.poll()


class _WithWindow:
    """Blender's module as it is where there is a window."""

    class _App:
        background = False

        def __getattr__(self, name: str):
            return getattr(bpy.app, name)

    app = _App()

    def __getattr__(self, name: str):
        return getattr(bpy, name)
