# SPDX-FileCopyrightText: 2026 Mimica authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A clip whose frame rate varies, through container, source, take and bake: at any scene rate what was performed comes
when it was performed, from the first second to the last.
"""

from collections.abc import Sequence
from pathlib import Path

import bpy
import numpy as np
import pytest

from mimica.capture.source import SourceSpec, make_source
from mimica.capture.take import Take, TakeInfo, TakeWriter
from mimica.cli import main, sample
from mimica.cli.film import FilmWriter
from mimica.mapping.calibration import default_profile
from mimica.mapping.frame import ARKIT_SHAPES, FaceFrame, FaceFrames
from mimica.mapping.mapper import map_frames
from mimica.rig import compat
from mimica.rig.bake import BakeSettings, bake_take
from mimica.tests.synthetic import act, photograph
from mimica.tests.unit.clips import number_of, set_durations, write_video

pytest.importorskip("cv2")

RATES = {"24": (24, 1.0), "25": (25, 1.0), "29.97": (30, 1.001), "30": (30, 1.0), "60": (60, 1.0)}
EVERY = 1.37
"""Seconds between two openings of the jaw: no multiple of any frame's length."""


def durations(count: int) -> list[float]:
    """How long each image is shown: as a phone does it in bad light, at 30, then 20, then 60, with dropped images."""
    rng = np.random.default_rng(5)
    base = np.choose(np.arange(count) * 3 // count, [1 / 30, 1 / 20, 1 / 60])
    dropped = np.where(rng.random(count) < 0.05, 3.0, 1.0)
    return (base * dropped * rng.uniform(0.9, 1.1, count)).tolist()


def opening(times: np.ndarray) -> np.ndarray:
    """How far the jaw is open, [0, 1]: up and down within 0.7 s, again and again."""
    phase = np.mod(times - 0.5, EVERY) / 0.7
    return np.where((phase < 1.0) & (times > 0.5), 0.5 - 0.5 * np.cos(2 * np.pi * phase), 0.0)


def crossings(times: np.ndarray, values: np.ndarray, level: float) -> np.ndarray:
    """When values pass a level, up or down, seconds."""
    above = values > level
    i = np.flatnonzero(above[1:] != above[:-1])
    return times[i] + (level - values[i]) / (values[i + 1] - values[i]) * (times[i + 1] - times[i])


def times_of(shown: Sequence[float]) -> np.ndarray:
    return np.concatenate([[0.0], np.cumsum(shown)[:-1]])


@pytest.fixture(scope="module")
def filmed(tmp_path_factory: pytest.TempPathFactory) -> tuple[FaceFrames, np.ndarray]:
    """What a tracker that sees the truth makes of the clip, as a take; and when the jaw is half open, seconds."""
    folder = tmp_path_factory.mktemp("clip")
    count = 840
    shown = durations(count)
    video = write_video(folder / "clip.mp4", count)
    set_durations(video, shown)
    truth = times_of(shown)
    seen = photograph(act(jaw=opening(truth)))
    source = make_source(SourceSpec("video", path=str(video)))
    info = source.open()
    with TakeWriter(folder / "clip.mimica", TakeInfo("clip", info)) as writer:
        while (image := source.read()) is not None:
            # The image says which it is, the container when it was.
            landmarks = seen.landmarks[number_of(image.pixels)]
            writer.append((FaceFrame(image.time, landmarks, None, (640, 480)),))
    source.close()
    frames = Take.open(folder / "clip.mimica").frames()
    assert len(frames) == count
    assert np.ptp(np.diff(frames.times)) > 0.1, "the rate does vary"
    # What the control says of a jaw is no straight line: it is asked when it is half of its most.
    share = np.linspace(0.0, 1.0, 101)
    told = map_frames(photograph(act(jaw=share)), profile=default_profile()).control("jawOpen")
    half = float(np.interp(told.max() / 2, told, share))
    fine = np.arange(0.0, truth[-1], 1e-3)
    return frames, crossings(fine, opening(fine), half)


def baked_jaw(mesh: bpy.types.Object, first: float) -> tuple[np.ndarray, np.ndarray]:
    """When the baked jaw is how far open: seconds of the scene from its first key, values."""
    keys = mesh.data.shape_keys
    curve = compat.fcurves_of(keys, keys.animation_data.action).find('key_blocks["jawOpen"].value')
    points = np.array([tuple(point.co) for point in curve.keyframe_points])
    scene = bpy.context.scene
    return (points[:, 0] - first) * scene.render.fps_base / scene.render.fps, points[:, 1]


def add_mesh() -> bpy.types.Object:
    mesh = bpy.data.objects.new("Head", bpy.data.meshes.new("Head"))
    mesh.data.from_pydata([(0, 0, 0), (1, 0, 0), (0, 1, 0)], [], [(0, 1, 2)])
    bpy.context.scene.collection.objects.link(mesh)
    for name in ("Basis", *ARKIT_SHAPES):
        mesh.shape_key_add(name=name).value = 0.0
    return mesh


@pytest.mark.parametrize("rate", RATES)
def test_what_is_performed_comes_when_it_was_performed(rate: str, filmed: tuple[FaceFrames, np.ndarray]) -> None:
    frames, truth = filmed
    bpy.ops.wm.read_homefile(use_empty=True)
    scene = bpy.context.scene
    scene.render.fps, scene.render.fps_base = RATES[rate]
    mesh = add_mesh()
    bake_take(scene, mesh, frames, name="clip", profile=default_profile(), settings=BakeSettings(start_frame=101.0))
    times, values = baked_jaw(mesh, 101.0)
    assert times[-1] == pytest.approx(frames.times[-1] - frames.times[0], abs=1.0 / float(rate))
    found = crossings(times, values, float(values.max()) / 2)
    assert len(found) == len(truth) > 30
    off = found - truth
    assert np.abs(off).max() < 1.0 / float(rate)
    assert abs(np.polyfit(truth, off, 1)[0]) * truth[-1] < 0.25 / float(rate), "it drifts"


def test_a_real_face_in_a_clip_with_a_varying_rate(tmp_path: Path, model_path: Path) -> None:
    """The photograph made to talk at uneven times: file, tracker, take, bake at 24 frames a second."""
    pytest.importorskip("skimage")
    count = 110
    shown = durations(count)
    times = times_of(shown)
    still = dict.fromkeys(sample.clip_controls(np.zeros(1)), 0.0)
    video, output = tmp_path / "clip.mp4", tmp_path / "clip.blend"
    with FilmWriter(video, 30.0, (sample.SIZE, sample.SIZE)) as film:
        for amount in opening(times).tolist():
            film.write(sample.draw_frame(still | {"jaw": 0.7 * amount}))
    set_durations(video, shown)
    bpy.ops.wm.read_homefile(use_empty=True)
    add_mesh()
    character = tmp_path / "head.blend"
    bpy.context.scene.render.fps = 24
    bpy.ops.wm.save_as_mainfile(filepath=str(character), check_existing=False)
    arguments = ["run", str(video), "--output", str(output), "--character", str(character)]
    assert main([*arguments, "--model", str(model_path)]) == 0
    bpy.ops.wm.open_mainfile(filepath=str(output))
    jaw = baked_jaw(bpy.data.objects["Head"], 1.0)
    fine = np.arange(0.0, times[-1], 1e-3)
    # Where the photograph is half open is not known as well as when: up and down together are.
    truth = crossings(fine, opening(fine), 0.5).reshape(-1, 2).mean(axis=1)
    assert len(truth) == 3
    found = crossings(*jaw, float(jaw[1].max() + jaw[1].min()) / 2)
    assert len(found) == 2 * len(truth)
    assert np.abs(found.reshape(-1, 2).mean(axis=1) - truth).max() < 1.0 / 24
