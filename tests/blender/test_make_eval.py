# SPDX-FileCopyrightText: 2026 Mimica authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Evaluation clips of the own rig and of a character from a file, in the form that the bench reads."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

bpy = pytest.importorskip("bpy")
cv2 = pytest.importorskip("cv2")

from bpy_extras.object_utils import world_to_camera_view  # noqa: E402  # pyright: ignore[reportMissingImports]
from mathutils import Vector  # noqa: E402  # pyright: ignore[reportMissingImports]

from mimica.cli.accuracy import find_clips  # noqa: E402
from mimica.cli.truth import read_truth, shape_of  # noqa: E402
from mimica.mapping.frame import ARKIT_SHAPES  # noqa: E402
from mimica.rig.preview import best_engine  # noqa: E402
from mimica.tools import make_eval  # noqa: E402
from mimica.tools.eval_character import CharacterError, OwnRig, ShapeKeys  # noqa: E402
from mimica.tools.eval_stage import EvalStage, Look  # noqa: E402

SIZE = 128
KEYS = {"EyeBlink_L": "eyeBlinkLeft", "EyeBlink_R": "eyeBlinkRight", "browInnerUp": "browInnerUp", "JawOpen": "jawOpen",
        "mouthSmile_L": "mouthSmileLeft", "mouthSmile_R": "mouthSmileRight"}  # fmt: skip
PLACE, SCALE = np.array([3.0, -2.0, 10.0]), 20.0


def look() -> Look:
    return Look(size=SIZE, engine="workbench" if best_engine() == "BLENDER_WORKBENCH" else "cycles", samples=1)


def frames_of(path: Path) -> list[np.ndarray]:
    film = cv2.VideoCapture(str(path))
    frames = []
    while (read := film.read())[0]:
        frames.append(read[1].astype(int))
    film.release()
    return frames


def keyed_head() -> None:
    """The own rig's meshes with some ARKit shape keys in place of bones, elsewhere and of another size."""
    rig = OwnRig()
    meshes: list[Any] = [thing for thing in bpy.context.scene.objects if thing.type == "MESH"]
    for mesh in meshes:
        for modifier in mesh.modifiers:
            modifier.show_viewport = modifier.type == "ARMATURE"

    def posed(name: str) -> dict[str, np.ndarray]:
        rig.show(np.array([float(shape == name) for shape in ARKIT_SHAPES]))
        bpy.context.view_layer.update()
        found = {}
        for mesh in meshes:
            evaluated = mesh.evaluated_get(bpy.context.evaluated_depsgraph_get()).data
            found[mesh.name] = np.empty(3 * len(evaluated.vertices), np.float32)
            evaluated.vertices.foreach_get("co", found[mesh.name])
        return found

    shapes = {key: posed(name) for key, name in KEYS.items()}
    for mesh in meshes:
        mesh.shape_key_add(name="Basis")
        for key, points in shapes.items():
            mesh.shape_key_add(name=key).data.foreach_set("co", points[mesh.name])
        mesh.modifiers.clear()
        mesh.parent = None
        mesh.location, mesh.scale = PLACE, [SCALE] * 3
    for thing in [thing for thing in bpy.context.scene.objects if thing.type == "ARMATURE"]:
        bpy.data.objects.remove(thing)


@pytest.fixture
def head_file(tmp_path: Path, request: pytest.FixtureRequest) -> Path:
    path = tmp_path / f"My Head{request.param}"
    keyed_head()
    if request.param == ".glb":
        bpy.ops.export_scene.gltf(filepath=str(path), export_animations=False)
    else:
        bpy.ops.wm.save_as_mainfile(filepath=str(path))
    return path


@pytest.mark.parametrize("head_file", [".glb", ".blend"], indirect=True)
def test_a_character_from_a_file(head_file: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "clips"
    arguments = [str(head_file), "--out", str(out), "--size", str(SIZE), "--kinds", "sweep", "--samples", "1"]
    assert make_eval.main([*arguments, "--shapes", "jawOpen", "--engine", look().engine]) == 0
    assert "lacks 46 of the 52 shapes" in capfd.readouterr().err

    (clip,) = find_clips(out)
    assert clip.stem == "My_Head_sweep"
    truth, frames = read_truth(clip.with_suffix(".csv")), frames_of(clip)
    assert len(frames) == len(truth.segments) == 54
    jaw = shape_of(truth.curves, "jawOpen")
    assert jaw.max() == 1.0 and truth.curves.shapes.sum() == pytest.approx(jaw.sum())
    assert frames[0].shape == (SIZE, SIZE, 3)
    peak = int(jaw.argmax())
    still, moved = np.abs(frames[29] - frames[20]).mean(), np.abs(frames[peak] - frames[29])
    assert moved.mean() > 5 * max(still, 0.05)
    # What opens is in the lower half, and near the middle.
    assert moved[SIZE // 2 :].sum() > 3 * moved[: SIZE // 2].sum()


@pytest.mark.parametrize("head_file", [".glb"], indirect=True)
def test_the_head_of_a_file_is_found_wherever_it_is(head_file: Path) -> None:
    own, found = OwnRig().head, ShapeKeys(head_file).head
    assert found.axes == pytest.approx(own.axes)
    assert found.height == pytest.approx(own.height * SCALE, rel=0.25)
    assert (found.middle - PLACE) / SCALE == pytest.approx(own.middle, abs=0.02)
    assert (found.pivot - PLACE) / SCALE == pytest.approx(own.pivot, abs=0.04)


def test_the_own_rig_turns_as_the_truth_says() -> None:
    own = OwnRig()
    stage = EvalStage(own, look(), Path(bpy.app.tempdir))
    scene, rest = bpy.context.scene, np.zeros(52)

    def seen(point: np.ndarray, *head: float) -> np.ndarray:
        stage.picture(rest, np.array(head))
        bpy.context.view_layer.update()
        return np.array(world_to_camera_view(scene, scene.camera, Vector(point)))[:2]

    nose = own.head.middle
    crown = own.head.pivot + 0.6 * own.head.height * own.head.axes[:, 1]
    assert seen(nose, 0, 0, 0) == pytest.approx([0.5, 0.5], abs=1e-6)
    x, y = seen(nose, 20, 0, 0)
    assert x > 0.55 and y == pytest.approx(0.5, abs=0.01)
    x, y = seen(nose, 0, 20, 0)
    assert y < 0.45 and x == pytest.approx(0.5, abs=0.01)
    assert seen(crown, 0, 0, 20)[0] < 0.45


def test_pictures_show_the_own_face_move() -> None:
    own = OwnRig()
    stage = EvalStage(own, look(), Path(bpy.app.tempdir))
    rest, blink = np.zeros(52), np.zeros(52)
    blink[ARKIT_SHAPES.index("eyeBlinkLeft")] = 1.0
    first, shut, again = (stage.picture(row, np.zeros(3)).astype(int) for row in (rest, blink, rest))
    assert first.shape == (SIZE, SIZE, 3)
    assert np.abs(first - again).max() <= (0 if look().engine == "workbench" else 30)
    away = np.abs(first - shut).sum(axis=(0, 2))
    # The subject's left is the picture's right.
    assert away[SIZE // 2 :].sum() > 4 * away[: SIZE // 2].sum() and away.sum() > 0


def test_files_without_a_face_are_refused(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    bpy.ops.wm.read_homefile(use_empty=True)
    bpy.ops.mesh.primitive_cube_add()
    path = tmp_path / "cube.blend"
    bpy.ops.wm.save_as_mainfile(filepath=str(path))
    assert make_eval.main([str(path), "--out", str(tmp_path / "out")]) == 1
    assert "no shape keys with ARKit names" in capfd.readouterr().err
    with pytest.raises(CharacterError, match="does not exist"):
        ShapeKeys(tmp_path / "nothing.glb")
    with pytest.raises(CharacterError, match="obj"):
        (tmp_path / "head.obj").write_text("o head")
        ShapeKeys(tmp_path / "head.obj")
