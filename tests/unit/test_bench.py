# SPDX-FileCopyrightText: 2026 Mimica authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""`mimica bench` from its command line to its figures, on clips that were tracked before."""

import csv
import json
import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest
from pytest import approx

from mimica.capture.model import ModelFile
from mimica.capture.take import TakeInfo, TakeWriter
from mimica.cli import perform
from mimica.cli.commands import Places, main
from mimica.cli.report import figure
from mimica.cli.tracked import take_of
from mimica.mapping.frame import ARKIT_SHAPES, FaceFrame
from mimica.tests.synthetic import act, mirrored, photograph

Bench = Callable[..., int]
REST = 40


@pytest.fixture
def model(tmp_path: Path) -> ModelFile:
    return ModelFile(tmp_path / "model.task", "path", "ab" * 32, has_scores=True)


@pytest.fixture
def bench(tmp_path: Path, model: ModelFile, monkeypatch: pytest.MonkeyPatch) -> Bench:
    """The command line, with a model that is never loaded: all clips have takes."""
    monkeypatch.setattr(perform, "need_model", lambda *places: model)

    def run(*arguments: object) -> int:
        places = Places(extension=tmp_path / "extension", user=tmp_path / "user")
        return main(["bench", *(str(argument) for argument in arguments)], places=places)

    return run


def make_clip(
    folder: Path, out: Path, model: ModelFile, name: str, parts: dict[str, tuple[str, np.ndarray]], rows: int = 0
) -> None:
    """A clip as if tracked: a file in place of a video, the take of a face that acts, and the truth of what it acts.

    :param parts: shape to part of the face (see `act`) and its amounts (N,), which follow `REST` still frames.
    :param rows: of the truth; 0 for as many as there are frames.
    """
    folder.mkdir(exist_ok=True)
    video = folder / f"{name}.mp4"
    video.write_bytes(name.encode())
    amounts = {shape: np.concatenate([np.zeros(REST), values]) for shape, (_, values) in parts.items()}
    frames = photograph(act(**{part: amounts[shape] for shape, (part, _) in parts.items()}))
    scores = np.zeros((len(frames), 52), np.float32)
    for shape, values in amounts.items():
        scores[:, ARKIT_SHAPES.index(shape)] = 0.1 + 0.4 * values
    scores[:, ARKIT_SHAPES.index("tongueOut")] = np.nan
    frames = replace(frames, scores=scores)
    for seen, reflected in ((frames, False), (mirrored(frames), True)):
        assert seen.scores is not None
        path = take_of(video, model, out / "takes", mirrored=reflected)
        with TakeWriter(path, TakeInfo(name)) as writer:
            for i in range(len(seen)):
                writer.append((FaceFrame(float(seen.times[i]), seen.landmarks[i], seen.scores[i], (640, 480)),))
        assert writer.error is None
    with (folder / f"{name}.csv").open("w", newline="", encoding="utf-8") as file:
        table = csv.writer(file)
        table.writerow(["frame", "time", "segment", *amounts, "head_yaw", "head_pitch", "head_roll"])
        for i in range(rows or len(frames)):
            segment = "neutral" if i < REST else "speech"
            table.writerow([i, i / 30, segment, *(values[i] for values in amounts.values()), 0, 0, 0])


@pytest.fixture
def clips(tmp_path: Path, model: ModelFile) -> Path:
    """A rig that talks and blinks, and another that raises its brows too; the first has a sweep."""
    time = np.arange(120) / 30
    talk = 0.5 - 0.5 * np.cos(5 * time)
    blink = np.exp(-(((time - 2.0) / 0.1) ** 2))
    folder, out = tmp_path / "clips", tmp_path / "out"
    parts = {"jawOpen": ("jaw", talk), "eyeBlinkLeft": ("blink_left", blink)}
    make_clip(folder, out, model, "ann_speech", parts)
    make_clip(folder, out, model, "ann_sweep", parts)
    make_clip(folder, out, model, "bob_1_speech", {**parts, "browInnerUp": ("brows", talk[::-1].copy())})
    return folder


def test_accuracy(bench: Bench, clips: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "out"
    assert bench("accuracy", "--clips", clips, "--out", out) == 0
    said = capsys.readouterr().out
    assert said.count("| speech") == 5 and "ann / bob_1" in said

    report = json.loads((out / "report.json").read_text(encoding="utf-8"))
    names = ["scores", "geometry-offline", "geometry-live", "whole-offline", "whole-live"]
    assert list(report["variants"]) == names
    raw = report["variants"]["scores"]["ann_speech"]
    assert set(raw["shapes"]) == {"jawOpen", "eyeBlinkLeft"}
    assert raw["shapes"]["jawOpen"]["r_all"] == approx(1.0) and raw["shapes"]["jawOpen"]["gain"] == approx(
        0.4, abs=0.02
    )
    assert raw["head"] is None
    whole = report["variants"]["whole-offline"]
    assert set(whole["bob_1_speech"]["shapes"]) == {"jawOpen", "eyeBlinkLeft", "browInnerUp"}
    for shape in whole["bob_1_speech"]["shapes"].values():
        assert shape["r_all"] > 0.9
    assert report["variants"]["whole-live"]["ann_speech"]["shapes"]["jawOpen"]["r_all"] > 0.9
    assert max(whole["ann_speech"]["head"]["error"]) < 1.0
    mean = float(np.mean([shape["r_all"] for shape in whole["ann_speech"]["shapes"].values()]))
    assert whole["ann_speech"]["mean"]["r_all"] == approx(mean)
    assert f"{figure(mean)} / " in said

    with (out / "predictions" / "whole-offline" / "ann_speech.csv").open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 160
    assert [*rows[0]] == ["frame", *ARKIT_SHAPES, "head_yaw", "head_pitch", "head_roll"]
    assert float(rows[60]["jawOpen"]) > 0.5 > float(rows[10]["jawOpen"])


def test_the_page_stands_alone(bench: Bench, clips: Path, tmp_path: Path) -> None:
    assert bench("accuracy", "--clips", clips, "--out", tmp_path / "out") == 0
    page = (tmp_path / "out" / "report.html").read_text(encoding="utf-8")
    assert "<script" not in page and "http" not in page and "url(" not in page
    for name in ("ann_speech", "ann_sweep", "bob_1_speech"):
        assert f"<summary>{name}" in page
    plots = [ElementTree.fromstring(found) for found in re.findall(r'<svg class="plot".*?</svg>', page)]
    assert len(plots) == 2 + 2 + 3
    for plot in plots:
        classes = [path.attrib["class"] for path in plot if path.attrib["class"] != "mark"]
        assert classes == ["truth", "scores", "geometry-offline", "whole-offline"]
    shapes = re.findall(r"<td>(\w+)<td><svg", page)
    assert set(shapes) == {"jawOpen", "eyeBlinkLeft", "browInnerUp"}


def test_some_clips_and_variants(bench: Bench, clips: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    arguments = ("--clips", clips, "--out", out, "--only", "bob", "--variants", "whole-off", "--camera-fov", "bob_1=40")
    assert bench("accuracy", *arguments) == 0
    report = json.loads((out / "report.json").read_text(encoding="utf-8"))
    assert report["clips"] == {"bob_1_speech": {"frames": 160, "field_of_view": 40.0}}
    assert list(report["variants"]) == ["whole-offline"]


def test_a_profile_comes_from_the_rigs_own_sweep(bench: Bench, clips: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    arguments = ("--clips", clips, "--out", out, "--only", "speech", "--variants", "whole-off", "--profile")
    assert bench("accuracy", *arguments) == 0
    variants = json.loads((out / "report.json").read_text(encoding="utf-8"))["variants"]
    assert set(variants["whole-offline"]) == {"ann_speech", "bob_1_speech"}
    assert set(variants["whole-offline-profile"]) == {"ann_speech"}
    for learned in ("whole-offline-profile", "whole-offline-profile-take", "whole-offline-take"):
        assert variants[learned]["ann_speech"]["shapes"]["jawOpen"]["r_all"] > 0.9


def test_a_truth_of_another_length_is_refused(
    bench: Bench, model: ModelFile, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "out"
    make_clip(tmp_path / "clips", out, model, "ann_speech", {"jawOpen": ("jaw", np.zeros(20))}, rows=50)
    assert bench("accuracy", "--clips", tmp_path / "clips", "--out", out) == 1
    assert "60 images, but its truth has 50 rows" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "code", "sentence"),
    [
        (("--only", "zoe"), 1, "No clip in"),
        (("--variants", "magic"), 2, "There are: scores, geometry-offline"),
        (("--camera-fov", "ann=400"), 2, "from 5 to 150"),
    ],
)
def test_wrong_wishes(
    bench: Bench,
    clips: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    arguments: tuple[str, ...],
    code: int,
    sentence: str,
) -> None:
    assert bench("accuracy", "--clips", clips, "--out", tmp_path / "out", *arguments) == code
    assert sentence in capsys.readouterr().err


@pytest.mark.parametrize("kind", ["accuracy", "real"])
def test_a_folder_without_clips(bench: Bench, tmp_path: Path, capsys: pytest.CaptureFixture[str], kind: str) -> None:
    assert bench(kind, "--clips", tmp_path, "--out", tmp_path / "out") == 1
    assert str(tmp_path) in capsys.readouterr().err


def test_real(bench: Bench, clips: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "out"
    assert bench("real", "--clips", clips, "--out", out) == 0
    assert capsys.readouterr().out.count("| ann_speech") == 3
    found = json.loads((out / "real.json").read_text(encoding="utf-8"))["clips"]["ann_speech"]
    assert set(found) == {"scores", "offline", "live"}
    offline, live = found["offline"], found["live"]
    assert offline["rest"][1] < REST / 30 and offline["jitter"] == approx(0.0, abs=0.01)
    assert offline["lips"]["shut"] == 0.0
    assert offline["asymmetry"] < 1e-3 and live["asymmetry"] < 1e-3
    assert 0.0 <= live["delay_ms"] < 60.0 and offline["delay_ms"] is None
    assert found["scores"]["asymmetry"] == approx(0.0, abs=1e-6) and found["scores"]["eyes_apart"] is None
    # A made-up face, on which the jaw alone moves: the network reads a little gaze into it.
    assert max(offline["eyes_apart"]) < 9.0


def test_what_happens_to_one_side_alone_is_asymmetry(bench: Bench, tmp_path: Path, model: ModelFile) -> None:
    """The mirrored clip's take says that the same side blinks: as if the tracker saw one eye's lids only."""
    clips, out = tmp_path / "clips", tmp_path / "out"
    blink = np.exp(-(((np.arange(120) / 30 - 2.0) / 0.3) ** 2))
    make_clip(clips, out, model, "ann_speech", {"eyeBlinkLeft": ("blink_left", blink)})
    video = clips / "ann_speech.mp4"
    reflected = take_of(video, model, out / "takes", mirrored=True)
    reflected.write_bytes(take_of(video, model, out / "takes").read_bytes())
    assert bench("real", "--clips", clips, "--out", out) == 0
    found = json.loads((out / "real.json").read_text(encoding="utf-8"))["clips"]["ann_speech"]
    for mode in ("scores", "offline", "live"):
        assert {name for name, _ in found[mode]["least_symmetric"][:2]} == {"eyeBlinkLeft", "eyeBlinkRight"}
        assert found[mode]["least_symmetric"][0][1] > 0.03


def test_the_mirrored_source_is_the_clip_in_a_mirror(tmp_path: Path) -> None:
    from mimica.capture.source import make_source
    from mimica.cli.film import FilmWriter
    from mimica.cli.mirror import MirroredSource

    picture = np.zeros((48, 64, 3), np.uint8)
    picture[:, 40:] = 220
    with FilmWriter(tmp_path / "clip.mp4", 10.0, (64, 48)) as film:
        for _ in range(5):
            film.write(picture)
    source = MirroredSource(make_source(perform.source_spec(tmp_path / "clip.mp4")))
    assert source.open().width == 64
    images = list(iter(source.read, None))
    source.close()
    assert len(images) == 5 and [image.index for image in images] == [0, 1, 2, 3, 4]
    assert images[0].pixels[:, :20].mean() > 180 and images[0].pixels[:, 28:].mean() < 40
