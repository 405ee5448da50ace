# SPDX-FileCopyrightText: 2026 Mimica authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Pictures of a character without a window: framed, moving, and nothing of the scene changed."""

import math
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

bpy = pytest.importorskip("bpy")
cv2 = pytest.importorskip("cv2")

from mimica.rig import preview  # noqa: E402
from mimica.rig.face_rig import create_face_rig  # noqa: E402

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def scene() -> Any:
    bpy.ops.wm.read_homefile(use_empty=True, use_factory_startup=True)
    return bpy.context.scene


def add_puppet(scene: Any, size: float = 1.0, place: tuple[float, float, float] = (0, 0, 0), turn: float = 0.0) -> str:
    """An armature with a cone as its nose that looks to the left in frame 1 and to the right in frame 20."""
    armature = bpy.data.objects.new("Puppet", bpy.data.armatures.new("Puppet"))
    mesh = bpy.data.meshes.new("Nose")
    corners = np.array([(-0.5, 0, -0.5), (0.5, 0, -0.5), (0.5, 0, 0.5), (-0.5, 0, 0.5), (0, -1, 0)]) * size
    mesh.from_pydata(corners.tolist(), [], [(0, 1, 4), (1, 2, 4), (2, 3, 4), (3, 0, 4), (3, 2, 1, 0)])
    nose = bpy.data.objects.new("Nose", mesh)
    nose.parent = armature
    for thing in (armature, nose):
        scene.collection.objects.link(thing)
    armature.location, armature.rotation_euler = place, (0, 0, turn)
    nose.rotation_euler = (0, 0, 0.6)
    nose.keyframe_insert("rotation_euler", frame=1)
    nose.rotation_euler = (0, 0, -0.6)
    nose.keyframe_insert("rotation_euler", frame=20)
    scene.frame_set(10)
    return armature.name


def seen_by_camera(scene: Any, thing: Any) -> np.ndarray:
    """Corners of an object in the camera's picture, (8, 3): x and y in [0, 1], distance in front of it."""
    from bpy_extras.object_utils import world_to_camera_view  # pyright: ignore[reportMissingImports]
    from mathutils import Vector  # pyright: ignore[reportMissingImports]

    scene.render.resolution_x = scene.render.resolution_y = 512
    scene.view_layers[0].update()
    corners = (thing.matrix_world @ Vector(corner) for corner in thing.bound_box)
    return np.array([world_to_camera_view(scene, scene.camera, corner) for corner in corners])


@pytest.mark.parametrize(
    ("size", "place", "turn"),
    [(1.0, (0, 0, 0), 0.0), (0.01, (0, 0, 1.7), 0.5), (500.0, (1000, -2000, 300), math.pi)],
    ids=["plain", "small, lifted, turned", "huge, far away, turned round"],
)
def test_camera_frames_the_character_from_the_front(
    scene: Any, size: float, place: tuple[float, float, float], turn: float
) -> None:
    rig = add_puppet(scene, size, place, turn)
    preview.add_stage(scene, rig)
    seen = seen_by_camera(scene, bpy.data.objects["Nose"])
    assert (seen[:, 2] > 0).all()
    assert (seen[:, :2] > 0).all() and (seen[:, :2] < 1).all()
    assert np.ptp(seen[:, :2], axis=0).max() > 0.5  # and fills it
    front = bpy.data.objects[rig].matrix_world.to_3x3() @ scene.camera.location.__class__((0, -1, 0))
    looks = scene.camera.matrix_world.to_3x3() @ scene.camera.location.__class__((0, 0, -1))
    assert looks.dot(front) < -0.99 * front.length


@pytest.mark.parametrize("size", [0.0, 40.0])
def test_camera_frames_the_face_of_a_face_rig(scene: Any, size: float) -> None:
    """Chin to hairline of the rest face lie in the picture's middle, and take at least half of it."""
    rig = create_face_rig(bpy.context, size=size)
    preview.add_stage(scene, rig.armature)
    armature = bpy.data.objects[rig.armature]
    neutral = np.array(armature["mimica_neutral"]).reshape(-1, 3) * armature["mimica_unit"]
    marker = bpy.data.objects.new("Marker", bpy.data.meshes.new("Marker"))
    marker.data.from_pydata([(x, -z, y) for x, y, z in neutral], [], [])
    scene.collection.objects.link(marker)
    seen = seen_by_camera(scene, marker)
    assert (seen[:, :2] > 0.1).all() and (seen[:, :2] < 0.9).all()
    assert np.ptp(seen[:, 1]) > 0.5


@pytest.mark.parametrize("engine", ["best", "CYCLES"])
def test_pictures_move_and_the_scene_stays_as_it_was(scene: Any, tmp_path: Path, engine: str) -> None:
    rig = add_puppet(scene)
    before = {kind: set(getattr(bpy.data, kind).keys()) for kind in ("scenes", "objects", "worlds", "collections")}
    settings = preview.PreviewSettings(preview.best_engine() if engine == "best" else "CYCLES", size=64)
    fractions: list[float] = []
    paths = list(preview.render_preview(scene, rig, [1, 20], tmp_path / "new", settings, fractions.append))
    left, right = (cv2.imread(str(path)).astype(int) for path in paths)
    assert left.shape == right.shape == (64, 64, 3)
    assert np.abs(left - right).mean() > 2.0
    ground = left[2, 2]
    assert (np.abs(left - ground).max(axis=2) > 8).mean() > 0.15  # the character is in the picture
    assert fractions == [0.5, 1.0]
    assert {kind: set(getattr(bpy.data, kind).keys()) for kind in before} == before
    assert bpy.context.window.scene == scene and scene.frame_current == 10 and scene.camera is None


def test_scene_is_cleared_when_the_caller_stops_early(scene: Any, tmp_path: Path) -> None:
    rig = add_puppet(scene)
    pictures = preview.render_preview(scene, rig, range(1, 100), tmp_path, preview.PreviewSettings("CYCLES", size=16))
    next(pictures)
    pictures.close()
    assert bpy.data.scenes.keys() == [scene.name] and bpy.context.window.scene == scene


def test_missing_rig_is_a_sentence(scene: Any, tmp_path: Path) -> None:
    with pytest.raises(preview.PreviewError, match=r"'Nobody'.*\.$"):
        next(preview.render_preview(scene, "Nobody", [1], tmp_path, preview.PreviewSettings("CYCLES")))


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="hides OpenGL by Linux's means")
def test_missing_opengl_leads_to_cycles_and_not_to_a_crash() -> None:
    program = (
        "import runpy\n"
        f"runpy.run_path({str(ROOT / 'tests' / 'conftest.py')!r})\n"
        "from mimica.rig.preview import best_engine\n"
        "print(best_engine())\n"
    )
    hidden = {**os.environ, "__EGL_VENDOR_LIBRARY_FILENAMES": os.devnull, "EGL_PLATFORM": "none", "DISPLAY": ""}
    result = subprocess.run([sys.executable, "-c", program], env=hidden, capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stderr
    # Blender may have something to say first.
    assert result.stdout.split()[-1] == "CYCLES"
