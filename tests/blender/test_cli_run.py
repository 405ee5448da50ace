# SPDX-FileCopyrightText: 2026 Mimica authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""`mimica run`: from a performance to a Blender file with keyframes, a film and a contact sheet."""

from pathlib import Path

import numpy as np
import pytest

bpy = pytest.importorskip("bpy")
cv2 = pytest.importorskip("cv2")

import mimica  # noqa: E402
from mimica.capture.source import SourceInfo  # noqa: E402
from mimica.capture.take import Take, TakeInfo, TakeWriter  # noqa: E402
from mimica.cli import blender, main, sample  # noqa: E402
from mimica.cli.film import FilmWriter  # noqa: E402
from mimica.mapping.frame import FaceFrame  # noqa: E402
from mimica.mapping.landmarks import average_face  # noqa: E402
from mimica.rig import baked_sliders, rebake  # noqa: E402

RATE = 25.0
COUNT = 51


@pytest.fixture
def take(tmp_path: Path) -> Path:
    """Two seconds at 25 images a second: the average face, whose head goes to and fro in the second one."""
    face = average_face()
    path = tmp_path / "sway.mimica"
    info = TakeInfo("sway", SourceInfo("sway.mp4", "video", 640, 480, RATE, COUNT / RATE, COUNT, live=False))
    with TakeWriter(path, info) as writer:
        for i in range(COUNT):
            angle = 0.3 * np.sin(max(0.0, i / RATE - 1.0) * np.pi * 2)
            turned = face @ np.array([[np.cos(angle), 0, -np.sin(angle)], [0, 1, 0], [np.sin(angle), 0, np.cos(angle)]])
            points = np.column_stack([0.5 + turned[:, 0] / 40, 0.5 - turned[:, 1] / 30, -turned[:, 2] / 40])
            writer.append((FaceFrame(i / RATE, points.astype(np.float32), None, (640, 480)),))
    assert writer.error is None
    return path


def curves_of(armature: object) -> list:
    action = armature.animation_data.action  # type: ignore[attr-defined]
    if hasattr(action, "fcurves"):
        return list(action.fcurves)
    strips = [strip for layer in action.layers for strip in layer.strips]
    return [curve for strip in strips for bag in strip.channelbags for curve in bag.fcurves]


def test_take_becomes_keyframes_a_film_and_a_sheet(
    take: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    output, film, sheet = tmp_path / "out" / "sway.blend", tmp_path / "sway.mp4", tmp_path / "sway.png"
    arguments = ["run", str(take), "--output", str(output), "--film", str(film), "--sheet", str(sheet)]
    arguments += ["--start-frame", "101", "--film-rate", "5", "--film-seconds", "0.5", "--moments", "2"]
    assert main(arguments) == 0
    said = capfd.readouterr()
    for part in ("51 at 25 frames/s", "keys", "baked in", "rendered", str(output), str(film), str(sheet)):
        assert part in said.out
    assert "Traceback" not in said.err

    bpy.ops.wm.open_mainfile(filepath=str(output))
    scene = bpy.context.scene
    assert (scene.frame_start, scene.frame_end) == (101, 151)
    assert scene.render.fps / scene.render.fps_base == pytest.approx(RATE)
    assert scene.camera is not None
    armature = next(o for o in scene.objects if o.type == "ARMATURE" and "mimica_rig" in o)
    curves = curves_of(armature)
    assert curves and all(tuple(curve.range()) == (101.0, 151.0) for curve in curves)
    moving = max(np.ptp([point.co.y for point in curve.keyframe_points]) for curve in curves)
    assert moving > 0.02

    capture = cv2.VideoCapture(str(film))
    found, picture = capture.read()
    assert found and picture.shape == (512, 1024, 3)
    assert capture.get(cv2.CAP_PROP_FRAME_COUNT) == 3 and capture.get(cv2.CAP_PROP_FPS) == pytest.approx(5.0)
    assert cv2.imread(str(sheet)) is not None


def test_other_rate_keeps_the_length(take: Path, tmp_path: Path) -> None:
    output = tmp_path / "film.blend"
    assert main(["run", str(take), "--output", str(output), "--fps", "23.976", "--proportions", "average"]) == 0
    bpy.ops.wm.open_mainfile(filepath=str(output))
    scene = bpy.context.scene
    rate = scene.render.fps / scene.render.fps_base
    assert rate == pytest.approx(23.976, abs=1e-3)
    assert (scene.frame_end - scene.frame_start) / rate == pytest.approx((COUNT - 1) / RATE, abs=1 / rate)


def test_existing_file_is_kept(take: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    output = tmp_path / "mine.blend"
    output.write_bytes(b"my scene")
    assert main(["run", str(take), "--output", str(output)]) == 1
    assert output.read_bytes() == b"my scene"
    assert "--overwrite" in capfd.readouterr().err
    assert main(["run", str(take), "--output", str(tmp_path / "scene.blnd")]) == 2


def test_video_becomes_keyframes_and_keeps_its_take(tmp_path: Path, model_path: Path) -> None:
    """The sample's first second, through the tracker: the take stands beside the file, named like it."""
    pytest.importorskip("skimage")
    video, output = tmp_path / "clip.mp4", tmp_path / "clip.blend"
    controls = sample.clip_controls(1.0 + np.arange(20) / sample.clip_rate())
    with FilmWriter(video, sample.clip_rate(), (sample.SIZE, sample.SIZE)) as film:
        for i in range(20):
            film.write(sample.draw_frame({name: float(values[i]) for name, values in controls.items()}))
    assert main(["run", str(video), "--output", str(output), "--model", str(model_path)]) == 0
    assert output.is_file()
    frames = Take.open(tmp_path / "clip.mimica").frames()
    assert len(frames) == 20 and frames.found.all()


def test_blender_offers_the_command(take: Path, capfd: pytest.CaptureFixture[str]) -> None:
    for _ in range(2):
        blender.register()
        blender.unregister()
    blender.unregister()
    assert blender._execute(["take", "info", str(take)]) == 0
    assert "sway.mp4" in capfd.readouterr().out
    assert blender._execute(["--help"]) == 0
    assert "blender --command mimica" in capfd.readouterr().out


def test_what_was_baked_can_be_changed_in_blender(take: Path, tmp_path: Path) -> None:
    output = tmp_path / "sway.blend"
    assert main(["run", str(take), "--output", str(output), "--smoothing", "2", "--step", "2"]) == 0
    bpy.ops.wm.read_homefile(use_empty=True)
    mimica.register()
    try:
        # The folder as a whole may go elsewhere.
        moved = tmp_path / "elsewhere"
        moved.mkdir()
        for path in (take, output):
            path.rename(moved / path.name)
        bpy.ops.wm.open_mainfile(filepath=str(moved / output.name))
        rig = next(obj for obj in bpy.context.scene.objects if obj.type == "ARMATURE")
        bpy.context.scene.mimica.target = rig
        action = rebake.baked_action(rig)
        assert action is not None and action.mimica_baked.smoothness == 2.0
        turning = [curve for curve in curves_of(rig) if curve.data_path == 'pose.bones["head"].rotation_quaternion']
        keys = len(turning[0].keyframe_points)

        def sway() -> float:
            return max(abs(key.co.y) for curve in turning if curve.array_index for key in curve.keyframe_points)

        assert sway() > 0.05
        action.mimica_baked.strength = 0.5
        assert sway() < 0.1 and baked_sliders.problem_of(action) == ""
        before = sway()
        action.mimica_baked.strength = 0.0
        assert sway() < 1e-3 < before and len(turning[0].keyframe_points) == keys
    finally:
        mimica.unregister()
