# SPDX-FileCopyrightText: 2026 Mimica authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What somebody meets who has nothing yet: a face, a camera or the reason why there is none, and keys."""

import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace

import bpy
import pytest

import mimica
from mimica.capture.camera_reasons import Environment
from mimica.capture.source import SourceError
from mimica.operators.capture import first_sentence
from mimica.rig import cameras
from mimica.rig.face_rig import create_face_rig
from mimica.rig.face_view import step_out
from mimica.ui import first_run, keymap


@pytest.fixture(autouse=True)
def scene() -> Iterator[bpy.types.Scene]:
    """The scene that Blender begins with."""
    bpy.ops.wm.read_homefile(use_factory_startup=True)
    mimica.register()
    yield bpy.context.scene
    mimica.unregister()


@pytest.fixture
def connected(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Make a Linux with these cameras."""

    def connect(*names: str) -> None:
        monkeypatch.setattr(cameras, "list_cameras", lambda: tuple(SimpleNamespace(name=name) for name in names))
        monkeypatch.setattr(cameras, "look_around", lambda: Environment("Linux"))

    return connect


def looked() -> None:
    """Wait for the look and hand on what it found: without a window no timer does."""
    deadline = time.monotonic() + 5
    while cameras.is_looking():
        assert time.monotonic() < deadline
        time.sleep(0.01)
    cameras.publish()


def listed() -> list[str]:
    return [item.name for item in bpy.context.window_manager.mimica.cameras]


# The camera


def test_the_first_camera_is_found_and_chosen(scene: bpy.types.Scene, connected: Callable[..., None]) -> None:
    connected("Webcam", "HDMI")
    assert cameras.found() is None and not first_run.has_source(bpy.context)
    cameras.look_once()
    looked()
    assert listed() == ["Webcam", "HDMI"]
    assert scene.mimica.camera == "Webcam"
    assert first_run.has_source(bpy.context)
    assert first_run.camera_trouble(bpy.context) == ()


def test_a_driver_that_hangs_holds_nobody_up(
    connected: Callable[..., None], monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest
) -> None:
    connected()
    answered = threading.Event()
    request.addfinalizer(answered.set)
    monkeypatch.setattr(cameras, "list_cameras", lambda: answered.wait(20) and ())
    monkeypatch.setattr(cameras, "_PATIENCE", 0.05)
    cameras.look_once()
    assert cameras.is_looking()
    looked()
    assert "does not answer" in str(cameras.reason())


def test_the_report_of_a_failed_start_is_one_whole_sentence() -> None:
    full = "The camera 'Acme Inc. C9' does not open. Close Blender's other windows."
    assert first_sentence(full) == "The camera 'Acme Inc. C9' does not open."
    assert first_sentence("Version 1.2 fails") == "Version 1.2 fails"


def test_drawing_looks_once(connected: Callable[..., None], monkeypatch: pytest.MonkeyPatch) -> None:
    looks = []
    connected()
    monkeypatch.setattr(cameras, "list_cameras", lambda: looks.append(threading.current_thread()) or ())
    for _ in range(3):
        cameras.look_once()
        looked()
    assert len(looks) == 1
    assert looks[0] is not threading.main_thread(), "Blender's window does not wait for it"


def test_a_chosen_camera_stays_until_cameras_are_asked_for(
    scene: bpy.types.Scene, connected: Callable[..., None]
) -> None:
    """A scene may come from another computer."""
    connected("Webcam")
    scene.mimica.camera = "Studio Camera"
    cameras.look_once()
    looked()
    assert scene.mimica.camera == "Studio Camera"
    bpy.ops.mimica.refresh_cameras()
    looked()
    assert scene.mimica.camera == "Webcam"


def test_another_file_has_the_list_too(connected: Callable[..., None]) -> None:
    connected("Webcam")
    cameras.look_once()
    looked()
    bpy.ops.wm.read_homefile(use_factory_startup=True)
    cameras.look_once()
    looked()
    assert listed() == ["Webcam"]
    assert bpy.context.scene.mimica.camera == "Webcam"


def test_no_camera_says_why_and_what_to_do(scene: bpy.types.Scene, connected: Callable[..., None]) -> None:
    connected()
    cameras.look_once()
    looked()
    sentence, *advice = first_run.camera_trouble(bpy.context)
    assert "no camera" in sentence and advice
    assert not first_run.has_source(bpy.context)
    scene.mimica.source = "VIDEO"
    assert first_run.camera_trouble(bpy.context) == (), "a video needs no camera"


@pytest.mark.parametrize("error", [SourceError("OpenCV could not be loaded."), RuntimeError("odd")])
def test_what_keeps_from_looking_is_said(
    connected: Callable[..., None], monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    def fail() -> None:
        raise error

    connected()
    monkeypatch.setattr(cameras, "list_cameras", fail)
    cameras.look_once()
    looked()
    assert str(error).rstrip(".") in first_run.camera_trouble(bpy.context)[0]


def test_a_video_instead(scene: bpy.types.Scene, tmp_path: Path) -> None:
    with pytest.raises(RuntimeError, match="No video"):
        bpy.ops.mimica.use_video(filepath=str(tmp_path / "none.mp4"))
    assert scene.mimica.source == "CAMERA"
    (tmp_path / "face.mp4").touch()
    bpy.context.window_manager.mimica.problem = "The camera does not open."
    assert bpy.ops.mimica.use_video(filepath=str(tmp_path / "face.mp4")) == {"FINISHED"}
    assert (scene.mimica.source, Path(scene.mimica.video).name) == ("VIDEO", "face.mp4")
    assert first_run.has_source(bpy.context)
    assert bpy.context.window_manager.mimica.problem == ""


def test_what_keeps_a_capture_from_starting_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    """By a key as by the button: as a report, and in the panel."""
    from mimica.operators import capture

    def damaged(context: bpy.types.Context) -> None:
        raise capture.ModelError("The face model is damaged.")

    monkeypatch.setattr(capture, "model_in_use", damaged)
    with pytest.raises(RuntimeError, match="The face model is damaged") as caught:
        bpy.ops.mimica.toggle_capture()
    assert "Traceback" not in str(caught.value)
    assert bpy.context.window_manager.mimica.problem == "The face model is damaged."


# The face


def test_a_face_is_offered_until_there_is_one(scene: bpy.types.Scene) -> None:
    assert first_run.lacks_character(bpy.context), "a cube is none"
    bpy.ops.mimica.create_face_rig()
    assert not first_run.lacks_character(bpy.context)
    scene.mimica.target = None
    assert not first_run.lacks_character(bpy.context), "Start Capture takes the active object"
    bpy.context.view_layer.objects.active = scene.objects["Cube"]
    assert first_run.lacks_character(bpy.context)


def lowest(armature: bpy.types.Object) -> float:
    bpy.context.view_layer.update()
    meshes = [obj for obj in armature.children if obj.type == "MESH"]
    return min((obj.matrix_world @ v.co).z for obj in meshes for v in obj.data.vertices)


def new_face() -> bpy.types.Object:
    return bpy.data.objects[create_face_rig(bpy.context).armature]


def test_the_first_cube_does_not_hide_the_face(scene: bpy.types.Scene) -> None:
    bpy.ops.mimica.create_face_rig()
    assert lowest(scene.mimica.target) == pytest.approx(1.0, abs=0.01), "it stands on the cube"
    assert tuple(scene.objects["Cube"].location) == (0.0, 0.0, 0.0)


def test_a_face_that_is_free_stays_at_the_cursor(scene: bpy.types.Scene) -> None:
    scene.cursor.location = (3.0, 0.0, 0.0)
    face = new_face()
    assert step_out(bpy.context, face) == ""
    assert tuple(face.location) == (3.0, 0.0, 0.0)


def test_a_face_stays_in_a_room_and_in_what_is_hidden(scene: bpy.types.Scene) -> None:
    scene.objects["Cube"].scale = (3.0, 3.0, 3.0)
    assert step_out(bpy.context, new_face()) == "", "in a room"
    scene.objects["Cube"].scale = (1.0, 1.0, 1.0)
    assert step_out(bpy.context, new_face()) == "Cube"
    scene.objects["Cube"].hide_set(True)
    assert step_out(bpy.context, new_face()) == "", "in a hidden cube"


# Keys


@pytest.fixture
def own_keymap() -> bpy.types.KeyMap:
    keyconfig = bpy.context.window_manager.keyconfigs.addon
    if keyconfig is None:
        pytest.skip("this Blender has no keymaps without a window")
    return keyconfig.keymaps["3D View"]


def entries(keymap: bpy.types.KeyMap) -> dict[str, str]:
    return {item.idname: item.type for item in keymap.keymap_items if item.idname.startswith("mimica.")}


def test_entries_come_and_go(own_keymap: bpy.types.KeyMap) -> None:
    others = len(own_keymap.keymap_items) - len(entries(own_keymap))
    first = entries(own_keymap)
    assert first["mimica.toggle_capture"] == "C" and first["mimica.record"] == "R"
    assert {"mimica.set_neutral"} <= set(first)
    mimica.unregister()
    assert entries(own_keymap) == {} and len(own_keymap.keymap_items) == others
    mimica.register()
    assert entries(own_keymap) == first


def test_entries_are_operators_and_no_key_twice() -> None:
    there = [entry for entry in keymap.ENTRIES if keymap._exists(entry.operator)]
    assert len(there) >= 3
    for entry in there:
        group, name = entry.operator.split(".")
        assert getattr(getattr(bpy.ops, group), name).get_rna_type().description
    assert len({(e.key, e.shift, e.alt, e.ctrl) for e in keymap.ENTRIES}) == len(keymap.ENTRIES)


ENTRY = keymap.Entry("mimica.toggle_capture", "C")


@pytest.mark.parametrize(
    ("name", "key", "flags", "clash"),
    [
        ("Pose", "C", {"shift": True, "alt": True}, True),
        ("3D View Tool: Select Box", "C", {"shift": True, "alt": True}, True),
        ("Screen", "C", {"any": True}, True),
        ("Window", "C", {"shift": -1, "alt": True}, True),
        ("Pose", "C", {"shift": True}, False),
        ("Pose", "C", {"shift": True, "alt": True, "ctrl": True}, False),
        ("Pose", "C", {"shift": True, "alt": True, "key_modifier": "D"}, False),
        ("Pose", "D", {"shift": True, "alt": True}, False),
        ("Image Paint", "C", {"shift": True, "alt": True}, False),
    ],
)
def test_a_clash_is_told(name: str, key: str, flags: dict[str, object], clash: bool) -> None:
    usual = {"any": False, "shift": 0, "alt": 0, "ctrl": 0, "oskey": 0, "key_modifier": "NONE", "active": True}
    item = SimpleNamespace(type=key, idname="pose.copy", **{**usual, **flags})
    keyconfig = SimpleNamespace(keymaps=[SimpleNamespace(name=name, is_modal=False, keymap_items=[item])])
    assert keymap.clashes(keyconfig, ENTRY) == ([f"{name}: pose.copy"] if clash else [])
    item.active = False
    assert keymap.clashes(keyconfig, ENTRY) == []


def test_own_entries_are_no_clash() -> None:
    item = SimpleNamespace(type="C", idname="mimica.toggle_capture", active=True)
    keyconfig = SimpleNamespace(keymaps=[SimpleNamespace(name="3D View", is_modal=False, keymap_items=[item])])
    assert keymap.clashes(keyconfig, ENTRY) == []


def test_a_key_of_blenders_is_left_to_it(own_keymap: bpy.types.KeyMap) -> None:
    default = bpy.context.window_manager.keyconfigs.default
    pose = default.keymaps.new(name="Pose")
    taken = pose.keymap_items.new("pose.copy", "C", "PRESS", shift=True, alt=True)
    mimica.unregister()
    try:
        mimica.register()
        now = entries(own_keymap)
        assert now["mimica.toggle_capture"] == "NONE", "in the editor, without a key"
        assert now["mimica.record"] == "R"
        assert taken.active and taken.type == "C"
    finally:
        pose.keymap_items.remove(taken)
