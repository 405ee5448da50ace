# SPDX-FileCopyrightText: 2026 Mimica authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""`mimica batch` with the real thing: each clip in a Blender of its own."""

import json
from pathlib import Path

import numpy as np
import pytest

bpy = pytest.importorskip("bpy")

from mimica.capture.source import SourceInfo  # noqa: E402
from mimica.capture.take import Take, TakeInfo, TakeWriter  # noqa: E402
from mimica.cli import main, sample  # noqa: E402
from mimica.cli.film import FilmWriter  # noqa: E402
from mimica.mapping.calibration import default_profile  # noqa: E402
from mimica.mapping.frame import FaceFrame  # noqa: E402
from mimica.rig.face_rig import create_face_rig  # noqa: E402
from mimica.tests.synthetic import act, photograph  # noqa: E402

COUNT = 20


def write_clip(path: Path) -> None:
    """A part of the sample's second second."""
    controls = sample.clip_controls(1.0 + np.arange(COUNT) / sample.clip_rate())
    with FilmWriter(path, sample.clip_rate(), (sample.SIZE, sample.SIZE)) as film:
        for i in range(COUNT):
            film.write(sample.draw_frame({name: float(values[i]) for name, values in controls.items()}))


def write_take(path: Path) -> None:
    """The jaw opens and closes."""
    said = photograph(act(jaw=np.sin(np.linspace(0.0, np.pi, COUNT)) ** 2))
    source = SourceInfo("words.mp4", "video", 640, 480, 30.0, COUNT / 30, COUNT, live=False)
    with TakeWriter(path, TakeInfo(path.stem, source, performer=default_profile().to_json())) as writer:
        for i in range(COUNT):
            writer.append((FaceFrame(i / 30, said.landmarks[i], None, (640, 480)),))


def test_a_clip_becomes_results_and_a_broken_one_a_sentence(tmp_path: Path, model_path: Path) -> None:
    pytest.importorskip("skimage")
    clips, out = tmp_path / "clips", tmp_path / "out"
    clips.mkdir()
    write_clip(clips / "smile.mp4")
    (clips / "broken.mp4").write_bytes((clips / "smile.mp4").read_bytes()[:2000])
    command = ["batch", str(clips), "--out", str(out), "--model", str(model_path), "--moments", "1"]
    assert main(command) == 1
    broken, smile = json.loads((out / "report.json").read_text())["clips"]
    assert "broken.mp4" in broken["problem"] and smile["problem"] is None
    assert smile["facts"]["images"] == COUNT and smile["facts"]["found"] == 1.0 and smile["facts"]["keys"] > COUNT
    assert all((out / path).stat().st_size for path in smile["files"].values()) and len(smile["files"]) == 4
    assert len(Take.open(out / smile["files"]["take"]).frames()) == COUNT
    assert len((out / smile["files"]["csv"]).read_text().splitlines()) == COUNT + 1
    bpy.ops.wm.open_mainfile(filepath=str(out / smile["files"]["output"]))
    assert bpy.context.scene.frame_end == smile["facts"]["last_frame"]

    made, report = (out / smile["files"]["output"]).stat(), (out / "report.json").read_bytes()
    assert main(command) == 1
    assert (out / smile["files"]["output"]).stat() == made and (out / "report.json").read_bytes() == report


def test_a_take_on_a_character_whose_picture_stays_in_reach(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The .blend is made in another folder than the one it ends up in. A take needs no model."""
    monkeypatch.delenv("MIMICA_MODEL", raising=False)
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
    clips, out = tmp_path / "clips", tmp_path / "out"
    clips.mkdir()
    write_take(clips / "words.mimica")
    bpy.ops.wm.read_homefile(use_empty=True, use_factory_startup=True)
    rig = create_face_rig(bpy.context).armature
    skin = bpy.data.images.new("skin.png", 2, 2)
    skin.save(filepath=str(tmp_path / "skin.png"))
    bpy.ops.wm.save_as_mainfile(filepath=str(tmp_path / "ann.blend"))
    skin.source, skin.filepath, skin.use_fake_user = "FILE", "//skin.png", True
    bpy.ops.wm.save_as_mainfile(filepath=str(tmp_path / "ann.blend"))
    command = ["batch", str(clips), "--out", str(out), "--character", str(tmp_path / "ann.blend"), "--no-sheet"]
    assert main(command) == 0
    bpy.ops.wm.open_mainfile(filepath=str(out / "words" / "words.blend"))
    image = bpy.data.images["skin.png"]
    assert image.filepath.startswith("//") and Path(bpy.path.abspath(image.filepath)).samefile(tmp_path / "skin.png")
    assert bpy.data.objects[rig].animation_data.action.name == "words"
    assert not (out / "words" / "words.mimica").exists(), "the take is where it was"


def test_a_take_of_controls_is_baked_and_has_no_sheet(tmp_path: Path) -> None:
    clips, out, table = tmp_path / "clips", tmp_path / "out", tmp_path / "smile.csv"
    clips.mkdir()
    table.write_text("time,mouthSmileLeft\n" + "".join(f"{i / 30:.5f},{i / COUNT:.5f}\n" for i in range(COUNT)))
    assert main(["take", "import", str(table), "--out", str(clips / "smile.mimica")]) == 0
    assert main(["batch", str(clips), "--out", str(out)]) == 0
    (smile,) = json.loads((out / "report.json").read_text())["clips"]
    assert smile["problem"] is None and smile["facts"]["images"] == COUNT and smile["facts"]["keys"] > COUNT
    assert sorted(smile["files"]) == ["csv", "output"]
    assert len((out / smile["files"]["csv"]).read_text().splitlines()) == COUNT + 1
