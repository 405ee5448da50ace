# SPDX-FileCopyrightText: 2026 Mimica authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Files of controls become keyframes on any character, and takes become such files."""

from collections.abc import Iterator
from pathlib import Path

import bpy
import numpy as np
import pytest

import mimica
from mimica.capture.source import SourceInfo
from mimica.capture.take import TakeInfo, TakeWriter
from mimica.cli import main
from mimica.mapping.calibration import default_profile
from mimica.mapping.control_take import ControlTake
from mimica.mapping.controls_file import read_controls, write_controls
from mimica.mapping.data import load_table
from mimica.mapping.expressions import average_expressions
from mimica.mapping.frame import ARKIT_SHAPES, FaceFrame
from mimica.mapping.performance import ControlPerformance
from mimica.operators import controls_file as operators_controls
from mimica.operators import takes as operators_takes
from mimica.rig.bake import BakeError, BakeSettings, bake
from mimica.rig.face_rig import create_face_rig
from mimica.tests.synthetic import act, photograph

COUNT = 61
JAW, SMILE = ARKIT_SHAPES.index("jawOpen"), ARKIT_SHAPES.index("mouthSmileLeft")


@pytest.fixture
def take() -> ControlTake:
    """A second at 60 frames a second: the jaw opens, then the left corner smiles; the head turns, the eyes look up."""
    share = np.linspace(0.0, 1.0, COUNT)
    controls = np.zeros((COUNT, len(ARKIT_SHAPES)))
    controls[:, JAW], controls[:, SMILE] = np.minimum(2 * share, 1.0), np.maximum(2 * share - 1.0, 0.0)
    head = share[:, None] * [0.4, 0.0, 0.0]
    gaze = np.zeros((COUNT, 2, 2))
    gaze[..., 1] = 0.2 * share[:, None]
    return ControlTake("Slate", np.arange(COUNT) / 60, controls, 60.0, head, gaze)


@pytest.fixture
def scene() -> bpy.types.Scene:
    bpy.ops.wm.read_homefile(use_empty=True)
    bpy.context.scene.render.fps = 30
    return bpy.context.scene


@pytest.fixture
def registered(scene: bpy.types.Scene, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    for module in (operators_takes, operators_controls):
        monkeypatch.setattr(module, "takes_folder", lambda: tmp_path / "takes")
    mimica.register()
    yield
    mimica.unregister()


def add_mesh() -> bpy.types.Object:
    mesh = bpy.data.objects.new("Head", bpy.data.meshes.new("Head"))
    mesh.data.from_pydata([(0, 0, 0), (1, 0, 0), (0, 1, 0)], [], [(0, 1, 2)])
    bpy.context.scene.collection.objects.link(mesh)
    for name in ("Basis", *ARKIT_SHAPES):
        mesh.shape_key_add(name=name).value = 0.0
    return mesh


def posed(armature: bpy.types.Object, frame: int) -> dict[str, np.ndarray]:
    """Bone heads in armature space, centimetres."""
    bpy.context.scene.frame_set(frame)
    evaluated = armature.evaluated_get(bpy.context.evaluated_depsgraph_get())
    return {b.name: np.array(b.head) / armature["mimica_unit"] for b in evaluated.pose.bones}


def test_shape_keys_are_what_the_file_says(scene: bpy.types.Scene, take: ControlTake) -> None:
    mesh = add_mesh()
    result = bake(scene, mesh, ControlPerformance(take), settings=BakeSettings(start_frame=10))
    assert (result.action, result.first_frame, result.last_frame) == ("Slate", 10.0, 40.0)
    blocks = mesh.data.shape_keys.key_blocks
    for frame in (10, 17, 25, 33, 40):
        scene.frame_set(frame)
        told = take.controls[2 * (frame - 10)]
        # The scene is half as fast as the file: what it cannot show is left out, so corners become round.
        assert blocks["jawOpen"].value == pytest.approx(told[JAW], abs=0.03)
        assert blocks["mouthSmileLeft"].value == pytest.approx(told[SMILE], abs=0.03)
    assert blocks["eyeLookUpLeft"].value == pytest.approx(0.2 / load_table("geometry")["gaze"]["full"][1], abs=0.02)


def test_bones_move_as_the_average_face_does(scene: bpy.types.Scene, take: ControlTake) -> None:
    rig = bpy.data.objects[create_face_rig(bpy.context).armature]
    still = ControlTake(take.name, take.times, take.controls, take.rate)
    bake(scene, rig, ControlPerformance(still))
    rest, opened, smiling = posed(rig, 1), posed(rig, 16), posed(rig, 31)
    moved = average_expressions().displacement
    for name, bone in ((bone["name"], bone) for bone in load_table("face_rig")["bones"]):
        if name in ("lip_corner.L", "lip_corner.R", "lip_lower"):
            points, weights = [int(point) for point in bone["landmarks"]], list(bone["landmarks"].values())
            for shapes, at in ((moved[JAW], opened), (moved[JAW] + moved[SMILE], smiling)):
                x, y, z = weights @ shapes[points]
                assert at[name] - rest[name] == pytest.approx([x, -z, y], abs=0.15), name


def test_the_head_turns_and_the_eyes_look(scene: bpy.types.Scene, take: ControlTake) -> None:
    rig = bpy.data.objects[create_face_rig(bpy.context).armature]
    bake(scene, rig, ControlPerformance(take))
    scene.frame_set(31)
    bones = rig.evaluated_get(bpy.context.evaluated_depsgraph_get()).pose.bones
    turn = (bones["head"].matrix @ rig.data.bones["head"].matrix_local.inverted()).to_quaternion()
    assert turn.angle == pytest.approx(0.4, abs=0.03) and turn.axis.z > 0.99, "to the performer's left"


def test_a_part_of_a_file_and_none_of_it(scene: bpy.types.Scene, take: ControlTake) -> None:
    mesh = add_mesh()
    part = bake(scene, mesh, ControlPerformance(take), settings=BakeSettings(start=0.5))
    assert part.last_frame - part.first_frame == 15
    with pytest.raises(BakeError, match=r"which is 1\.00 s long"):
        bake(scene, mesh, ControlPerformance(take), settings=BakeSettings(start=2.0))


@pytest.mark.usefixtures("registered")
def test_import_is_one_undo_step_and_says_what_is_wrong(take: ControlTake, tmp_path: Path) -> None:
    mesh = add_mesh()
    bpy.context.scene.mimica.target = mesh
    path = tmp_path / "slate.csv"
    write_controls(path, take, "livelink")
    bpy.context.scene.frame_end = 5
    assert bpy.ops.mimica.import_controls(filepath=str(path), way="KEYS") == {"FINISHED"}
    assert bpy.context.scene.frame_end == 31
    action = mesh.data.shape_keys.animation_data.action
    assert action is not None and action.name == "slate"
    assert "UNDO" in bpy.types.MIMICA_OT_import_controls.bl_options
    assert bpy.ops.mimica.import_controls(filepath=str(path), way="KEYS") == {"FINISHED"}
    assert len(bpy.data.actions) == 1, "the same file again goes into the same action"
    path.write_text("time,jawOpen\n0,wide\n")
    with pytest.raises(RuntimeError, match="line 2, column jawOpen"):
        bpy.ops.mimica.import_controls(filepath=str(path), way="KEYS")
    write_controls(path, take, "livelink")
    bpy.context.scene.mimica.target = None
    with pytest.raises(RuntimeError, match="no character to key"):
        bpy.ops.mimica.import_controls(filepath=str(path), way="KEYS")


@pytest.mark.usefixtures("registered")
def test_import_as_a_take_is_listed_baked_and_exported(take: ControlTake, tmp_path: Path) -> None:
    state, path = bpy.context.window_manager.mimica, tmp_path / "slate.csv"
    write_controls(path, take, "livelink")
    for _ in range(2):
        assert bpy.ops.mimica.import_controls(filepath=str(path)) == {"FINISHED"}
    assert sorted(Path(item.path).name for item in state.takes) == ["slate 2.mimica", "slate.mimica"]
    active = state.takes[state.take_index]
    assert active.path.endswith("slate 2.mimica") and not active.error
    assert (active.frames, active.quality) == (COUNT, 1.0)
    assert bpy.ops.mimica.export_controls(filepath=str(tmp_path / "out.csv"), format="livelink") == {"FINISHED"}
    assert (tmp_path / "out.csv").read_bytes() == path.read_bytes()
    mesh = add_mesh()
    bpy.context.scene.mimica.target = mesh
    assert bpy.ops.mimica.bake() == {"FINISHED"}
    bpy.context.scene.frame_set(31)
    assert mesh.data.shape_keys.key_blocks["mouthSmileLeft"].value == pytest.approx(1.0, abs=0.03)
    assert [item.path for item in bpy.context.scene.mimica.own_takes] != [], "the scene knows it as its own"
    with pytest.raises(RuntimeError, match="cannot be read"):
        bpy.ops.mimica.import_controls(filepath=str(tmp_path / "none.csv"))


def record(folder: Path) -> Path:
    """A second of a jaw that opens."""
    folder.mkdir(exist_ok=True)
    said = photograph(act(jaw=np.linspace(0.0, 1.0, 31)))
    source = SourceInfo("words.mp4", "video", 640, 480, 30.0, 1.0, 31, live=False)
    with TakeWriter(
        folder / "words.mimica", TakeInfo("words", source, performer=default_profile().to_json())
    ) as writer:
        for i in range(31):
            writer.append((FaceFrame(i / 30, said.landmarks[i], None, (640, 480)),))
    return folder / "words.mimica"


@pytest.mark.usefixtures("registered")
@pytest.mark.parametrize(("form", "suffix"), [("livelink", ".csv"), ("csv", ".csv"), ("json", ".json")])
def test_the_active_take_is_exported(form: str, suffix: str, tmp_path: Path) -> None:
    assert not bpy.ops.mimica.export_controls.poll(), "there is no take"
    record(tmp_path / "takes")
    bpy.ops.mimica.refresh_takes()
    assert bpy.ops.mimica.export_controls(filepath=str(tmp_path / "out"), format=form) == {"FINISHED"}
    found = read_controls(tmp_path / f"out{suffix}")
    assert len(found) == 31 and found.rate == 30.0
    assert found.controls[-1, JAW] > 0.5 > 0.1 > found.controls[0, JAW]
    assert found.head is not None and found.gaze is not None
    with pytest.raises(RuntimeError, match="cannot be written"):
        bpy.ops.mimica.export_controls(filepath=str(tmp_path / "none" / "out"), format=form)


def test_the_command_line_exports_and_bakes(
    scene: bpy.types.Scene, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    recorded, table, output = record(tmp_path), tmp_path / "out" / "words.csv", tmp_path / "words.blend"
    assert main(["take", "export", str(recorded), "--format", "livelink", "--out", str(table)]) == 0
    assert main(["take", "export", str(recorded), "--format", "livelink", "--out", str(table)]) == 1
    assert main(["take", "export", str(table), "--out", str(tmp_path / "words.json")]) == 0
    assert main(["take", "info", str(tmp_path / "words.json")]) == 0
    assert "52 of 52" in capfd.readouterr().out
    assert main(["take", "import", str(table)]) == 0
    assert main(["run", str(table.with_suffix(".mimica")), "--output", str(output), "--fps", "24"]) == 0
    bpy.ops.wm.open_mainfile(filepath=str(output))
    assert (bpy.context.scene.frame_start, bpy.context.scene.frame_end) == (1, 25)
    rig = next(o for o in bpy.context.scene.objects if o.type == "ARMATURE")
    assert (posed(rig, 1)["lip_lower"] - posed(rig, 25)["lip_lower"])[2] > 0.5
    capfd.readouterr()
    assert main(["run", str(table), "--output", str(tmp_path / "b.blend"), "--sheet", str(tmp_path / "b.png")]) == 2
    assert "--sheet is for a face that was seen" in capfd.readouterr().err


def test_the_command_line_bakes_onto_a_character_of_the_users(
    scene: bpy.types.Scene, take: ControlTake, tmp_path: Path
) -> None:
    add_mesh()
    file, table, output = tmp_path / "head.blend", tmp_path / "slate.json", tmp_path / "out.blend"
    bpy.ops.wm.save_as_mainfile(filepath=str(file), check_existing=False)
    write_controls(table, take, "json")
    assert main(["run", str(table), "--character", str(file), "--output", str(output), "--start-frame", "5"]) == 0
    bpy.ops.wm.open_mainfile(filepath=str(output))
    keys = bpy.data.objects["Head"].data.shape_keys
    bpy.context.scene.frame_set(35)
    assert keys.key_blocks["mouthSmileLeft"].value > 0.9
    assert keys.animation_data.action.name == "Slate"
