# SPDX-FileCopyrightText: 2026 Mimica authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""GLB and FBX of an animated character: what the files hold, imported again; and that nothing of the user's changes."""

import json
import struct
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import bpy
import numpy as np
import pytest

import mimica
from mimica.cli import main
from mimica.rig import export_check, export_job, export_process
from mimica.rig.bake_settings import BakeSettings
from mimica.rig.export_job import ExportError, Job, Result, put
from mimica.rig.export_process import ExportProcess, new_folder, try_output
from mimica.rig.face_rig import create_face_rig
from mimica.rig.performances import Choice
from mimica.rig.recipe import settings_to_json
from mimica.rig.script_trust import scripts_allowed
from mimica.tests.acted_take import write_take

FPS = 24


@pytest.fixture(autouse=True)
def empty() -> Iterator[None]:
    bpy.ops.wm.read_homefile(use_empty=True, use_factory_startup=True)
    yield


@pytest.fixture(scope="module")
def take(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_take(tmp_path_factory.mktemp("take"), "Words")


def tree_of(path: Path) -> dict[str, Any]:
    """The JSON in a GLB."""
    data = path.read_bytes()
    magic, _version, whole, length = struct.unpack_from("<4sIII", data)
    assert magic == b"glTF" and whole == len(data)
    return json.loads(data[20 : 20 + length])


def export(obj: str, output: Path, first: int = 1, last: int = 13, **more: Any) -> Result:
    """Export from the open file, as the panel does."""
    folder = new_folder()
    copy = folder / "copy.blend"
    bpy.ops.wm.save_as_mainfile(filepath=str(copy), copy=True)
    form: Any = output.suffix[1:]
    job = Job(str(copy), bpy.context.scene.name, obj, str(output), form, "Take", first, last, **more)
    return ExportProcess(job, folder, bpy.app.binary_path).wait()


def assert_same(result: Result, mm: float = 0.5, degrees: float = 0.5) -> dict[str, Any]:
    off = result.difference
    assert off is not None and not off["missing"], off
    assert off["points"] < mm and off["turns"] < degrees, off
    return off


def head(name: str, at: float = 0.0) -> bpy.types.Object:
    """A ball of a head's size with three shape keys."""
    bpy.ops.mesh.primitive_uv_sphere_add(segments=16, ring_count=12, radius=0.1, location=(at, 0.0, 0.0))
    mesh = bpy.context.object
    mesh.name = name
    mesh.shape_key_add(name="Basis")
    for i, key in enumerate(("jawOpen", "mouthSmileLeft", "browInnerUp")):
        block = mesh.shape_key_add(name=key, from_mix=False)
        for point in list(block.points)[i::3]:
            point.co[i] += 0.02
        block.value = 0.0
    return mesh


def rigged() -> bpy.types.Object:
    """A rig with all that a rig may have: drivers, constraints, properties, stretched bones, modifiers."""
    scene = bpy.context.scene
    rig = bpy.data.objects.new("Rig", bpy.data.armatures.new("Rig"))
    scene.collection.objects.link(rig)
    rig.location, rig.rotation_euler = (0.3, 0.1, 1.0), (0.2, 0.0, 0.4)
    bpy.context.view_layer.objects.active = rig
    bpy.ops.object.mode_set(mode="EDIT")
    for name, low, high, parent, deform in (
        ("root", (0, 0, -0.3), (0, 0, -0.1), None, False),
        ("neck", (0, 0, -0.1), (0, 0, 0.0), "root", True),
        ("mover", (0, 0, 0.0), (0, -0.1, 0.0), "neck", False),
        ("jaw", (0, 0, 0), (0, -0.1, 0), "mover", True),
        ("eye", (0.05, 0, 0.05), (0.05, -0.05, 0.05), "jaw", True),
    ):
        bone = rig.data.edit_bones.new(name)
        bone.head, bone.tail, bone.use_deform = low, high, deform
        bone.parent = rig.data.edit_bones[parent] if parent else None
    bpy.ops.object.mode_set(mode="OBJECT")
    for bone in rig.pose.bones:
        bone.rotation_mode = "XYZ"
    rig["smile"] = 0.0
    face, teeth, eye = head("Face"), head("Teeth"), head("Eye", 0.05)
    for mesh in (face, teeth):
        mesh.parent = rig
        for name in ("neck", "jaw"):
            group = mesh.vertex_groups.new(name=name)
            for vertex in mesh.data.vertices:
                share = min(max(0.5 - 5.0 * vertex.co.z, 0.0), 1.0)
                group.add([vertex.index], share if name == "jaw" else 1.0 - share, "REPLACE")
        mesh.modifiers.new("Armature", "ARMATURE").object = rig
    face.modifiers.new("Smooth", "SUBSURF").levels = 1
    mask = teeth.modifiers.new("Thick", "SOLIDIFY")
    mask.thickness = 0.01
    eye.parent, eye.parent_type, eye.parent_bone = rig, "BONE", "eye"
    # A custom property drives a shape key, a bone drives another one.
    driver = face.data.shape_keys.key_blocks["mouthSmileLeft"].driver_add("value").driver
    driver.type = "SUM"
    variable = driver.variables.new()
    variable.targets[0].id, variable.targets[0].data_path = rig, '["smile"]'
    # The eye follows something that is no part of the character.
    target = bpy.data.objects.new("Target", None)
    scene.collection.objects.link(target)
    look = rig.pose.bones["eye"].constraints.new("DAMPED_TRACK")
    look.target, look.track_axis = target, "TRACK_Y"
    for frame, amount in ((1, 0.0), (7, 1.0), (13, 0.2)):
        rig["smile"] = amount
        rig.keyframe_insert('["smile"]', frame=frame)
        mover = rig.pose.bones["mover"]
        mover.rotation_euler, mover.scale = (0.4 * amount, 0.1 * amount, 0.0), (1.0, 1.0 + 0.3 * amount, 1.0)
        mover.keyframe_insert("rotation_euler", frame=frame)
        mover.keyframe_insert("scale", frame=frame)
        target.location = (amount - 0.5, -2.0, 1.0 + amount)
        target.keyframe_insert("location", frame=frame)
        rig.location = (0.3 + 0.1 * amount, 0.1, 1.0)
        rig.keyframe_insert("location", frame=frame)
        key = teeth.data.shape_keys.key_blocks["jawOpen"]
        key.value = amount
        key.keyframe_insert("value", frame=frame)
    scene.frame_set(1)
    return rig


@pytest.mark.parametrize("form", ["glb", "fbx"])
def test_a_take_on_the_own_face_in_one_command(
    take: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str], form: str
) -> None:
    output, facts = tmp_path / f"words.{form}", tmp_path / "facts.json"
    assert main(["export", str(take), "--output", str(output), "--fps", str(FPS), "--json", str(facts)]) == 0
    said = capfd.readouterr().out
    assert "imported again" in said and str(output) in said
    found = Result.from_json(json.loads(facts.read_text()))
    off = assert_same(found)
    assert off["points_between"] < 1.0 and off["turns_between"] < 0.5
    assert found.rate == FPS and found.frames == 48 and found.bones > 40 and found.meshes == 3
    if form == "glb":
        tree = tree_of(output)
        assert [animation["name"] for animation in tree["animations"]] == ["Words"]
        assert "jaw" in {node["name"] for node in tree["nodes"]} and len(tree["skins"]) >= 1


@pytest.mark.parametrize("form", ["glb", "fbx"])
def test_drivers_constraints_and_modifiers_are_in_the_file(tmp_path: Path, form: str) -> None:
    rig = rigged()
    output = tmp_path / f"rig.{form}"
    result = export(rig.name, output)
    assert_same(result)
    assert result.frames == 13 and result.meshes == 3 and result.bones == 3
    if form != "glb":
        return
    tree = tree_of(output)
    names = {mesh["name"]: mesh.get("extras", {}).get("targetNames", []) for mesh in tree["meshes"]}
    assert set(names) == {"Face", "Teeth", "Eye"}
    assert names["Face"][:3] == ["jawOpen", "mouthSmileLeft", "browInnerUp"]
    nodes = {node.get("name") for node in tree["nodes"]}
    assert {"neck", "jaw", "eye"} <= nodes and not {"root", "mover", "Target"} & nodes
    assert {channel["target"]["path"] for channel in tree["animations"][0]["channels"]} >= {"weights", "rotation"}


def test_a_mesh_without_bones_plays_its_shape_keys(tmp_path: Path) -> None:
    mesh = head("Head")
    mesh.scale = (1.0, 2.0, 1.0)
    for frame, value in ((5, 0.0), (10, 1.0)):
        for key in mesh.data.shape_keys.key_blocks[1:]:
            key.value = value
            key.keyframe_insert("value", frame=frame)
        mesh.location.z = value
        mesh.keyframe_insert("location", frame=frame)
    result = export("Head", tmp_path / "head.glb", 5, 10)
    assert_same(result, 0.01)
    assert (result.bones, result.keys, result.frames) == (0, 3, 6)


def test_the_users_file_stays_as_it_is(take: Path, tmp_path: Path) -> None:
    rig = bpy.data.objects[create_face_rig(bpy.context).armature]
    file = tmp_path / "mine.blend"
    bpy.ops.wm.save_as_mainfile(filepath=str(file))
    before = file.read_bytes()
    bpy.context.scene.frame_set(7)

    def state() -> tuple[object, ...]:
        kinds = ("objects", "meshes", "armatures", "actions", "shape_keys", "scenes", "collections", "materials")
        counts = tuple(len(getattr(bpy.data, kind)) for kind in kinds)
        chosen = tuple(sorted(obj.name for obj in bpy.context.scene.objects if obj.select_get()))
        return counts, chosen, bpy.context.scene.frame_current, bpy.data.filepath, rig.animation_data is None

    was = state()
    recipe = {"choice": Choice(str(take)).to_json(), "settings": settings_to_json(BakeSettings())}
    output = tmp_path / "out.glb"
    output.write_bytes(b"an older file")
    assert_same(export(rig.name, output, recipe=recipe))
    assert state() == was and file.read_bytes() == before
    assert tree_of(output)["animations"]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["mine.blend", "out.glb"]


def test_what_goes_wrong_is_said_and_leaves_nothing_behind(take: Path, tmp_path: Path) -> None:
    head("Head")
    older = tmp_path / "older.glb"
    older.write_bytes(b"an older file")
    with pytest.raises(ExportError, match="no 'Gone' in the scene"):
        export("Gone", older)
    empty = bpy.data.objects.new("Empty", bpy.data.armatures.new("Empty"))
    bpy.context.scene.collection.objects.link(empty)
    with pytest.raises(ExportError, match="has no mesh that is rendered"):
        export("Empty", older)
    recipe = {"choice": Choice(str(tmp_path / "no.mimica")).to_json(), "settings": settings_to_json(BakeSettings())}
    with pytest.raises(ExportError, match=r"no\.mimica"):
        export("Head", older, recipe=recipe)
    assert older.read_bytes() == b"an older file"
    with pytest.raises(ExportError, match="cannot be written"):
        try_output(tmp_path / "nowhere" / "out.glb")
    with pytest.raises(ExportError, match="cannot be written"):
        try_output(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["older.glb"]


def test_a_crash_and_a_cancel_cost_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folders = [new_folder(), new_folder()]
    output = tmp_path / "out.glb"
    job = Job("none.blend", "Scene", "Head", str(output), "glb", "Take")
    die = [sys.executable, "-c", "import os, signal, sys; print('last words'); sys.stdout.flush(); os.abort()"]
    monkeypatch.setattr(export_process, "command", lambda *_: die)
    crashed = ExportProcess(job, folders[0], "")
    with pytest.raises(ExportError, match="ended unexpectedly"):
        crashed.wait()
    assert "last words" in crashed.log
    monkeypatch.setattr(export_process, "command", lambda *_: [sys.executable, "-c", "import time; time.sleep(600)"])
    sleeping = ExportProcess(job, folders[1], "")
    assert not sleeping.done
    sleeping.cancel()
    assert sleeping.done and sleeping.result is None and "cancelled" in sleeping.error
    assert not any(folder.exists() for folder in folders) and not output.exists()


def test_a_full_disk_leaves_what_was_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made, output = tmp_path / "made.glb", tmp_path / "out.glb"
    made.write_bytes(b"new")
    output.write_bytes(b"old")

    def full(_source: Path, target: Path) -> None:
        target.write_bytes(b"n")
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("shutil.copyfile", full)
    with pytest.raises(OSError, match="No space"):
        put(made, output)
    assert output.read_bytes() == b"old" and len(list(tmp_path.iterdir())) == 2


def test_the_command_line_says_what_is_wrong_before_any_work(
    take: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    there = tmp_path / "there.glb"
    there.touch()
    for arguments, code, why in (
        ((str(take), "--output", str(tmp_path / "out.obj")), 2, "ends neither in .glb nor in .fbx"),
        ((str(take), "--output", str(there)), 1, "is there already"),
        (("--output", str(tmp_path / "out.glb")), 2, "Name a take, or a character"),
        ((str(take), "--object", "Ann", "--output", str(tmp_path / "out.glb")), 2, "Add --character"),
        ((str(take), "--output", str(there / "out.glb")), 1, "cannot be written"),
        ((str(tmp_path / "no.mimica"), "--output", str(tmp_path / "out.glb")), 1, "no.mimica"),
    ):
        assert main(["export", *arguments]) == code
        said = capfd.readouterr().err
        assert why in said and "Traceback" not in said


def test_controls_of_another_program_on_a_character_of_the_users(
    take: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    table, imported, file = tmp_path / "table.csv", tmp_path / "controls.mimica", tmp_path / "ann.blend"
    assert main(["take", "export", str(take), "--out", str(table)]) == 0
    assert main(["take", "import", str(table), "--out", str(imported)]) == 0
    head("Ann")
    bpy.ops.wm.save_as_mainfile(filepath=str(file))
    before = file.read_bytes()
    output = tmp_path / "ann.glb"
    assert main(["export", str(imported), "--character", str(file), "--output", str(output)]) == 0
    assert file.read_bytes() == before
    tree = tree_of(output)
    weights = [c for c in tree["animations"][0]["channels"] if c["target"]["path"] == "weights"]
    assert len(weights) == 1 and tree["meshes"][0]["extras"]["targetNames"][0] == "jawOpen"
    assert np.isfinite(float(output.stat().st_size))
    # What is animated in the file alone.
    assert main(["export", "--character", str(file), "--output", str(tmp_path / "still.fbx")]) == 0


@pytest.fixture
def registered() -> Iterator[None]:
    mimica.register()
    yield
    mimica.unregister()


def test_the_panels_button(registered: None, take: Path, tmp_path: Path) -> None:
    """The active take on the target, read and baked by the panels' settings, while the open file stays as it is."""
    scene = bpy.context.scene
    mesh = head("Ann")
    assert not bpy.ops.mimica.export_character.poll(), "no target"
    scene.mimica.target = mesh
    output = tmp_path / "ann"
    with pytest.raises(RuntimeError, match="There is no take to export"):
        bpy.ops.mimica.export_character(filepath=str(output), motion="TAKE")
    with pytest.raises(RuntimeError, match="cannot be written"):
        bpy.ops.mimica.export_character(filepath=str(tmp_path / "no" / "ann.glb"), motion="SCENE")
    item = bpy.context.window_manager.mimica.takes.add()
    item.name, item.path = take.stem, str(take)
    bpy.context.window_manager.mimica.take_index = 0
    scene.mimica.feel.mirror = True
    assert bpy.ops.mimica.export_character(filepath=str(output), form="glb", motion="TAKE") == {"FINISHED"}
    process = export_process.current
    assert process is not None and process.result is not None and not process.cancelled
    assert_same(process.result)
    assert process.result.frames > 40 and mesh.data.shape_keys.animation_data is None
    assert [one["name"] for one in tree_of(tmp_path / "ann.glb")["animations"]] == ["Words"]
    assert not bpy.ops.mimica.cancel_export.poll()


def test_no_script_runs_that_the_user_has_not_allowed(
    registered: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A text that came with something appended has not run here, and does not run there."""
    bpy.context.scene.mimica.target = head("Ann")
    marker = tmp_path / "ran"
    text = bpy.data.texts.new("appended.py")
    text.write(f"open({str(marker)!r}, 'w').close()")
    text.use_module = True
    bpy.context.scene.frame_end = 3
    # A name without a folder is one in the folder of this program, not of the one that exports.
    monkeypatch.chdir(tmp_path)
    assert bpy.ops.mimica.export_character(filepath="ann.glb", motion="SCENE", check_file=False) == {"FINISHED"}
    assert (tmp_path / "ann.glb").is_file() and not marker.exists()
    process = export_process.current
    assert process is not None and process.result is not None
    assert any("held back" in note for note in process.result.notes)


def test_scripts_run_where_the_preferences_allow_them(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    filepaths = bpy.context.preferences.filepaths
    before = filepaths.use_scripts_auto_execute
    monkeypatch.setattr(sys, "argv", ["blender"])
    try:
        filepaths.use_scripts_auto_execute = True
        assert scripts_allowed()
        monkeypatch.setattr(sys, "argv", ["blender", "-Y"])
        assert not scripts_allowed()
        monkeypatch.setattr(sys, "argv", ["blender", "--", "-Y"])
        assert scripts_allowed()
        bpy.ops.wm.save_as_mainfile(filepath=str(tmp_path / "mine.blend"))
        excluded = bpy.context.preferences.autoexec_paths.new()
        excluded.path = str(tmp_path)
        assert not scripts_allowed()
        bpy.context.preferences.autoexec_paths.remove(excluded)
        filepaths.use_scripts_auto_execute = False
        assert not scripts_allowed()
        monkeypatch.setattr(sys, "argv", ["blender", "-y"])
        assert scripts_allowed()
    finally:
        filepaths.use_scripts_auto_execute = before


def test_a_file_that_blender_cannot_read_again_is_there_all_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    head("Ann")
    copy, output = tmp_path / "copy.blend", tmp_path / "ann.glb"
    bpy.ops.wm.save_as_mainfile(filepath=str(copy), copy=True)

    def unreadable(*_arguments: object) -> None:
        raise ExportError("The file was written, and Blender cannot read it again (why). Try the other format.")

    monkeypatch.setattr(export_check, "check", unreadable)
    scene = bpy.context.scene.name
    with pytest.raises(ExportError, match="was written"):
        export_job.run(Job(str(copy), scene, "Ann", str(output), "glb", "Take", 1, 2), lambda _share: None)
    assert tree_of(output)["meshes"]
