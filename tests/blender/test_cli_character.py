# SPDX-FileCopyrightText: 2026 Mimica authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""`mimica run --character`: a take on a character of the user's own file, which stays as it is otherwise."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import bpy
import numpy as np
import pytest

from mimica.capture.source import SourceInfo
from mimica.capture.take import TakeInfo, TakeWriter
from mimica.cli import main
from mimica.mapping.calibration import default_profile
from mimica.mapping.character_map import CharacterMap, own_rig_map, region_of, shape_entry
from mimica.mapping.data import load_table
from mimica.mapping.frame import ARKIT_SHAPES, FaceFrame
from mimica.mapping.landmarks import average_face
from mimica.rig import character, compat, preview
from mimica.rig.face_rig import create_face_rig
from mimica.tests.blender.test_preview import seen_by_camera
from mimica.tests.synthetic import act, photograph

COUNT = 31
HEIGHTS = {"brows": 6.0, "lids": 3.0, "gaze": 3.0, "nose": -1.0, "cheeks": -2.0, "mouth": -4.5, "jaw": -6.0}
DIRECTIONS = ("jawLeft", "jawRight", "mouthLeft", "mouthRight")


@pytest.fixture(autouse=True)
def unregistered() -> Iterator[None]:
    """As the command line finds it: nothing is registered, and nothing may stay so."""
    bpy.ops.wm.read_homefile(use_empty=True, use_factory_startup=True)
    assert not character.is_registered()
    yield
    left = character.is_registered()
    if left:
        character.unregister()
    assert not left


@pytest.fixture(scope="module")
def take(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A second at 30 images a second in which the jaw opens and closes."""
    path = tmp_path_factory.mktemp("take") / "words.mimica"
    said = photograph(act(jaw=np.sin(np.linspace(0.0, np.pi, COUNT)) ** 2))
    source = SourceInfo("words.mp4", "video", 640, 480, 30.0, COUNT / 30, COUNT, live=False)
    with TakeWriter(path, TakeInfo("words", source, performer=default_profile().to_json())) as writer:
        for i in range(COUNT):
            writer.append((FaceFrame(i / 30, said.landmarks[i], None, (640, 480)),))
    return path


def add_head(name: str = "Head", keys: tuple[str, ...] = ARKIT_SHAPES, size: float = 0.01) -> bpy.types.Object:
    """The average face's points below a ball for a skull, with shape keys that move what is where the control is."""
    face = average_face()
    points = np.concatenate([face, face * [1.3, 1.3, 0.0] + [0.0, 4.0, -12.0], [[0.0, -160.0, -8.0]]])
    mesh = bpy.data.objects.new(name, bpy.data.meshes.new(name))
    mesh.data.from_pydata((points[:, [0, 2, 1]] * [size, -size, size]).tolist(), [], [])
    bpy.context.scene.collection.objects.link(mesh)
    mesh.shape_key_add(name="Basis")
    for key in keys:
        side = 0 if key in DIRECTIONS else 3 * (key.endswith("Left") - key.endswith("Right"))
        at = np.array([side, HEIGHTS.get(region_of(key), -4.5)])
        near = np.linalg.norm(face[:, :2] - at, axis=1) < 2.0
        block = mesh.shape_key_add(name=key, from_mix=False)
        for i in np.flatnonzero(near):
            block.data[int(i)].co.z += size
        block.value = 0.0
    return mesh


def save(path: Path) -> Path:
    bpy.ops.wm.save_as_mainfile(filepath=str(path), check_existing=False)
    return path


def run(take: Path, file: Path, output: Path, *more: object) -> int:
    return main(["run", str(take), "--character", str(file), "--output", str(output), *map(str, more)])


def curves_on(datablock: bpy.types.ID) -> dict[str, np.ndarray]:
    """Keys of each F-curve by path, with the index from the second component on, (K, 2)."""
    animation = datablock.animation_data
    if animation is None or animation.action is None:
        return {}
    curves = compat.fcurves_of(datablock, animation.action) or ()
    return {
        c.data_path + f"[{c.array_index}]" * (c.array_index > 0): np.array([p.co for p in c.keyframe_points])
        for c in curves
    }


def test_a_mesh_with_arkit_keys_in_its_own_scene(take: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """Keyed at the scene's rate; what is driven or animated is left alone; camera and ways to other files stay."""
    head = add_head()
    scene = bpy.context.scene
    scene.render.fps, scene.frame_start, scene.frame_end = 24, 5, 20
    scene.camera = bpy.data.objects.new("Mine", bpy.data.cameras.new("Mine"))
    scene.collection.objects.link(scene.camera)
    keys = head.data.shape_keys
    keys.key_blocks["jawLeft"].driver_add("value")
    keys.key_blocks["cheekPuff"].keyframe_insert("value", frame=1)
    mine = keys.animation_data.action.name
    folder = tmp_path / "ann"
    folder.mkdir()
    skin = bpy.data.images.new("skin.png", 2, 2)
    skin.save(filepath=str(folder / "skin.png"))
    file = save(folder / "ann.blend")
    skin.source, skin.filepath, skin.use_fake_user = "FILE", "//skin.png", True
    save(file)
    before = file.read_bytes()
    output, sheet = tmp_path / "out" / "shot.blend", tmp_path / "shot.png"
    assert run(take, file, output, "--sheet", sheet, "--moments", "2") == 0
    said = capfd.readouterr()
    assert "Head: ARKit shape keys, 51 of 52 controls" in said.out
    assert "left alone: jawLeft." in said.err
    assert f"1 channel of 'Head' is left alone: 1 animated by '{mine}'." in said.err
    assert sheet.is_file() and file.read_bytes() == before

    bpy.ops.wm.open_mainfile(filepath=str(output))
    scene = bpy.context.scene
    assert (scene.render.fps, scene.frame_start, scene.frame_end) == (24, 1, 25)
    assert scene.camera.name == "Mine" and preview.STAGE not in bpy.data.collections
    assert bpy.data.objects.keys() == ["Head", "Mine"]
    image = bpy.data.images["skin.png"]
    assert image.filepath.startswith("//") and Path(bpy.path.abspath(image.filepath)).samefile(folder / "skin.png")
    keys = bpy.data.objects["Head"].data.shape_keys
    assert keys.animation_data.action.name == "words"
    curves = curves_on(keys)
    jaw = curves['key_blocks["jawOpen"].value']
    assert len(jaw) == 25 and np.ptp(jaw[:, 1]) > 0.3
    assert not {'key_blocks["jawLeft"].value', 'key_blocks["cheekPuff"].value'} & curves.keys()


def test_a_stored_map_goes_before_names(take: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """A rig whose bones are called anything, with its map, beside a mesh that detection would take."""
    rig = create_face_rig(bpy.context).armature
    armature = bpy.data.objects[rig]
    for name in ("mimica_rig", "mimica_neutral", "mimica_unit"):
        del armature[name]
    known = own_rig_map()
    new = {entry.bone: f"b{i}" for i, entry in enumerate(known.bones)}
    for old, name in new.items():
        armature.data.bones[old].name = name
    renamed = tuple(replace(e, bone=new[e.bone], pair=new.get(e.pair, e.pair)) for e in known.bones)
    add_head("Other")
    character.register()
    character.store_map(armature, replace(known, name="Ann", bones=renamed))
    file = save(tmp_path / "ann.blend")
    character.unregister()
    output = tmp_path / "shot.blend"
    assert run(take, file, output) == 0
    said = capfd.readouterr()
    assert f"{rig}: Ann, its own mapping of {len(renamed)} entries" in said.out
    bpy.ops.wm.open_mainfile(filepath=str(output))
    armature = bpy.data.objects[rig]
    assert np.ptp(curves_on(armature)[f'pose.bones["{new["jaw"]}"].rotation_quaternion[1]'][:, 1]) > 0.01
    assert not curves_on(bpy.data.objects["Other"].data.shape_keys)
    character.register()
    kept = character.stored_map(armature)
    character.unregister()
    assert kept is not None and kept.bones == renamed


def test_several_characters_are_named_and_chosen_from(
    take: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    add_head("Ann", ("jawOpen", "eyeBlinkLeft", "eyeBlinkRight"))
    add_head("Bob", ("jawOpen", "eyeBlinkLeft", "eyeBlinkRight"))
    file, output = save(tmp_path / "both.blend"), tmp_path / "shot.blend"
    assert run(take, file, output) == 1
    assert "There are several characters: 'Ann', 'Bob'. Name one of them with --object." in capfd.readouterr().err
    assert run(take, file, output, "--object", "Bop") == 1
    assert "There is no object 'Bop' in the file. The nearest names are 'Bob'." in capfd.readouterr().err
    assert run(take, file, output, "--object", "Zz") == 1
    assert "There is no object 'Zz' in the file. Characters could be: 'Ann', 'Bob'." in capfd.readouterr().err
    assert not output.exists()
    assert run(take, file, output, "--object", "Bob") == 0
    bpy.ops.wm.open_mainfile(filepath=str(output))
    assert curves_on(bpy.data.objects["Bob"].data.shape_keys)
    assert not curves_on(bpy.data.objects["Ann"].data.shape_keys)


def test_meshes_of_one_armature_are_one_character(take: Path, tmp_path: Path) -> None:
    rig = bpy.data.objects.new("Rig", bpy.data.armatures.new("Rig"))
    bpy.context.scene.collection.objects.link(rig)
    for name in ("Face", "Teeth"):
        add_head(name, ("jawOpen", "mouthClose", "eyeBlinkLeft")).parent = rig
    file, output = save(tmp_path / "one.blend"), tmp_path / "shot.blend"
    assert run(take, file, output) == 0
    bpy.ops.wm.open_mainfile(filepath=str(output))
    for name in ("Face", "Teeth"):
        assert np.ptp(curves_on(bpy.data.objects[name].data.shape_keys)['key_blocks["jawOpen"].value'][:, 1]) > 0.3


def test_a_metarig_is_told_to_be_generated(take: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    rig = bpy.data.objects.new("metarig", bpy.data.armatures.new("metarig"))
    bpy.context.scene.collection.objects.link(rig)
    bpy.context.view_layer.objects.active = rig
    bpy.ops.object.mode_set(mode="EDIT")
    for name in load_table("rigify")["metarig"]:
        rig.data.edit_bones.new(name).tail = (0, 0, 1)
    bpy.ops.object.mode_set(mode="OBJECT")
    file = save(tmp_path / "meta.blend")
    assert run(take, file, tmp_path / "shot.blend") == 1
    said = capfd.readouterr().err
    assert "no character in the file that Mimica could drive" in said and "press Generate Rig" in said


def test_files_that_cannot_be_used_are_said_before_any_work(
    take: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    output, letter = tmp_path / "shot.blend", tmp_path / "letter.blend"
    letter.write_text("Dear Ann, this is no scene.")
    empty = save(tmp_path / "empty.blend")
    video = tmp_path / "missing.mp4"
    for file, more, code, why in (
        (tmp_path / "none.blend", (), 1, "does not exist"),
        (letter, (), 1, "cannot be opened"),
        (empty, (), 1, "There is no character in the file"),
        (empty, ("--fps", "24"), 2, "--fps and --proportions are for the rig"),
        (empty, ("--sheet", empty), 1, "is there already"),
        (empty, ("--sheet", empty, "--overwrite"), 2, "named twice"),
    ):
        assert run(video, file, output, *more) == code
        said = capfd.readouterr().err
        assert why in said and "Traceback" not in said and "missing.mp4" not in said
    assert main(["run", str(take), "--object", "Ann", "--output", str(output)]) == 2
    assert "--character" in capfd.readouterr().err
    assert not output.exists()


def test_the_file_itself_is_written_only_on_request(
    take: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    add_head(keys=("jawOpen",))
    file = save(tmp_path / "ann.blend")
    before = file.read_bytes()
    assert run(take, file, file) == 1
    assert "--overwrite" in capfd.readouterr().err and file.read_bytes() == before
    assert run(take, file, file, "--overwrite") == 0
    bpy.ops.wm.open_mainfile(filepath=str(file))
    assert curves_on(bpy.data.objects["Head"].data.shape_keys)


@pytest.mark.parametrize("turn", [(0.0, 0.0, 0.0), (0.0, 0.0, 2.0), (np.pi / 2, 0.0, 0.3)])
@pytest.mark.parametrize("unit", ["upright", "lying"])
def test_the_camera_finds_the_face_of_a_mesh(turn: tuple[float, float, float], unit: str) -> None:
    """Of a whole body, wherever it stands and whichever axis of its mesh is up, it shows the face from the front."""
    head = add_head(keys=ARKIT_SHAPES, size=3.0)
    if unit == "lying":
        # Another program's axes: y up, z to the front.
        for block in head.data.shape_keys.key_blocks:
            for point in block.data:
                point.co = (point.co.x, point.co.z, -point.co.y)
    head.location, head.rotation_euler = (5.0, -70.0, 30.0), turn
    scene = bpy.context.scene
    preview.add_stage(scene, "Head")
    face = average_face()
    marker = bpy.data.objects.new("Marker", bpy.data.meshes.new("Marker"))
    marker.data.from_pydata([tuple(p.co) for p in list(head.data.shape_keys.key_blocks[0].data)[: len(face)]], [], [])
    marker.matrix_world = head.matrix_world
    scene.collection.objects.link(marker)
    seen = seen_by_camera(scene, marker)
    assert (seen[:, :2] > 0.0).all() and (seen[:, :2] < 1.0).all() and np.ptp(seen[:, 1]) > 0.4
    head_axes = np.array(head.matrix_world.to_3x3())
    front, up = ((0, 0, 1), (0, 1, 0)) if unit == "lying" else ((0, -1, 0), (0, 0, 1))
    camera = np.array(scene.camera.matrix_world.to_3x3())
    assert camera[:, 2] @ head_axes @ front > 0.95 and camera[:, 1] @ head_axes @ up > 0.95


def test_the_camera_finds_the_face_of_bones_without_the_own_rigs_knowledge() -> None:
    armature = bpy.data.objects[create_face_rig(bpy.context).armature]
    preview.add_stage(bpy.context.scene, armature.name)
    scene = bpy.context.scene
    known = np.array(scene.camera.matrix_world)
    character.register()
    try:
        character.store_map(armature, own_rig_map())
        neutral = np.array(armature["mimica_neutral"]).reshape(-1, 3) * armature["mimica_unit"]
        for name in ("mimica_rig", "mimica_neutral"):
            del armature[name]
        preview.add_stage(scene, armature.name)
        found = np.array(scene.camera.matrix_world)
    finally:
        character.unregister()
    face = np.ptp(neutral[:, 1])
    assert np.allclose(known[:3, :3], found[:3, :3], atol=1e-6)
    assert np.linalg.norm((known - found)[[0, 2], 3]) < 0.25 * face
    assert 0.6 < np.ptp([found[1, 3], 0.0]) / np.ptp([known[1, 3], 0.0]) < 1.6


def test_a_character_of_which_only_the_head_is_known() -> None:
    """A body of 1.8 with a head bone at 1.5: the camera looks at what is above."""
    rig = bpy.data.objects.new("Rig", bpy.data.armatures.new("Rig"))
    bpy.context.scene.collection.objects.link(rig)
    bpy.context.view_layer.objects.active = rig
    bpy.ops.object.mode_set(mode="EDIT")
    for name, low, high in (("spine", 0.9, 1.3), ("neck", 1.4, 1.5), ("head", 1.5, 1.6)):
        bone = rig.data.edit_bones.new(name)
        bone.head, bone.tail = (0, 0, low), (0, 0, high)
    bpy.ops.object.mode_set(mode="OBJECT")
    body = bpy.data.objects.new("Body", bpy.data.meshes.new("Body"))
    body.data.from_pydata([(0.3, 0, 0), (-0.3, 0, 0), (0.1, 0.1, 1.8), (-0.1, -0.1, 1.8)], [], [])
    bpy.context.scene.collection.objects.link(body)
    body.parent = rig
    character.register()
    try:
        entry = shape_entry("jawOpen", "none")
        bones = tuple(replace(e, bone="head") for e in own_rig_map().bones if e.drive == "head")
        character.store_map(rig, CharacterMap("Ann", bones, (entry,)))
        preview.add_stage(bpy.context.scene, "Rig")
    finally:
        character.unregister()
    scene = bpy.context.scene
    marker = bpy.data.objects.new("Marker", bpy.data.meshes.new("Marker"))
    marker.data.from_pydata([(0.1, 0, 1.5), (-0.1, 0, 1.8)], [], [])
    scene.collection.objects.link(marker)
    seen = seen_by_camera(scene, marker)
    assert (seen[:, :2] > 0.0).all() and (seen[:, :2] < 1.0).all() and np.ptp(seen[:, 1]) > 0.4


@pytest.mark.parametrize("existing", ["leave", "replace", "add"])
def test_what_becomes_of_the_users_animation_is_chosen(take: Path, tmp_path: Path, existing: str) -> None:
    jaw = add_head().data.shape_keys.key_blocks["jawOpen"]
    for frame in (1, COUNT):
        jaw.value = 0.1
        jaw.keyframe_insert("value", frame=frame)
    file = save(tmp_path / "head.blend")
    output = tmp_path / "shot.blend"
    assert run(take, file, output, "--existing", existing) == 0
    bpy.ops.wm.open_mainfile(filepath=str(output))
    keys = bpy.data.objects["Head"].data.shape_keys
    values = []
    for frame in (1, (COUNT + 1) // 2):
        bpy.context.scene.frame_set(frame)
        values.append(keys.key_blocks["jawOpen"].value)
    shut, opened = values
    assert shut == pytest.approx(0.0 if existing == "replace" else 0.1, abs=0.02)
    assert (opened - shut > 0.3) == (existing != "leave")
