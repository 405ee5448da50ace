# SPDX-FileCopyrightText: 2026 Mimica authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A clip beside its scores and its mapping: film, sheets and figures."""

import json
from pathlib import Path

import numpy as np
import pytest

bpy = pytest.importorskip("bpy")
cv2 = pytest.importorskip("cv2")

from mimica.capture.source import SourceInfo  # noqa: E402
from mimica.capture.take import TakeInfo, TakeWriter  # noqa: E402
from mimica.cli import scene  # noqa: E402
from mimica.cli.console import Console  # noqa: E402
from mimica.cli.film import FilmWriter  # noqa: E402
from mimica.mapping.frame import ARKIT_SHAPES, FaceFrame  # noqa: E402
from mimica.rig.arkit import key_controls  # noqa: E402
from mimica.tests.synthetic import act, photograph  # noqa: E402
from mimica.tools import make_comparison  # noqa: E402
from mimica.tools.comparison_contacts import rig_lip_gap, worst_parted  # noqa: E402

COUNT, RATE = 24, 12.0


def test_the_same_face_by_scores_and_by_the_mapping(tmp_path: Path) -> None:
    """The jaw opens in the landmarks; the scores say that the right eye closes instead."""
    rise = np.clip(np.arange(COUNT) - 12, 0, 8) / 8.0
    frames = photograph(act(jaw=rise), rate=RATE, size=(160, 120))
    scores = np.zeros((COUNT, 52), np.float32)
    scores[:, ARKIT_SHAPES.index("eyeBlinkRight")] = rise
    scores[:, ARKIT_SHAPES.index("tongueOut")] = np.nan
    video, path = tmp_path / "clip.mp4", tmp_path / "clip.mimica"
    with FilmWriter(video, RATE, (160, 120)) as film:
        for i in range(COUNT):
            film.write(np.full((120, 160, 3), 5 * i, np.uint8))
    source = SourceInfo("clip.mp4", "video", 160, 120, RATE, COUNT / RATE, COUNT, live=False)
    with TakeWriter(path, TakeInfo("clip", source)) as writer:
        for i in range(COUNT):
            writer.append((FaceFrame(i / RATE, frames.landmarks[i], scores[i], (160, 120)),))
    assert writer.error is None

    clip = make_comparison.load(video, path, None)
    out = tmp_path / "out"
    chosen = make_comparison.show(clip, out, Console(), moments=2, every=12, wanted=[range(0, 21, 20)])
    assert {d.control for d in chosen} <= {"jawOpen", "eyeBlinkRight"} | {s for s in ARKIT_SHAPES if "mouth" in s}
    assert all(d.frame > 10 for d in chosen)

    report = json.loads((out / "clip.json").read_text(encoding="utf-8"))
    assert [d["frame"] for d in report["frames"]] == [d.frame for d in chosen]
    assert report["controls"]["eyeBlinkRight"]["largest"] > 0.5
    # Lips are closed at rest, on the rig too; when the jaw is open it is no contact that is lost.
    assert report["lips"] == {"closed": 13, "scores_parted": 0, "mapped_parted": 0, "mapped_parted_frames": []}
    film = cv2.VideoCapture(str(out / "clip.mp4"))
    assert film.get(cv2.CAP_PROP_FRAME_COUNT) == 2 and film.get(cv2.CAP_PROP_FPS) == pytest.approx(1.0)
    film.release()
    assert (out / "clip.png").is_file()

    # At rest both are alike; then only the mapping opens its mouth, and only the scores close the eye.
    sheet = cv2.imread(str(out / "clip_0-20.png")).astype(int)
    size = 220

    def face(row: int, column: int) -> np.ndarray:
        left = 4 + row * (3 * (size + 1) + 8) + column * (size + 1)
        return sheet[4 : 4 + size, left : left + size]

    upper, lower = slice(0, size // 2), slice(size // 2, size)
    rest = np.abs(face(0, 1) - face(0, 2)).mean()
    assert rest < 2.0
    assert np.abs(face(1, 1)[upper] - face(1, 2)[upper]).mean() > 2 * max(rest, 0.2)
    assert np.abs(face(1, 1)[lower] - face(1, 2)[lower]).mean() > 2 * max(rest, 0.2)
    assert np.abs(face(1, 1)[lower] - face(0, 1)[lower]).mean() < 1.0


def test_lips_are_measured_on_the_rig() -> None:
    shot = scene.make_shot(RATE, None)
    controls = np.zeros((3, 52))
    controls[1, ARKIT_SHAPES.index("jawOpen")] = 1.0
    controls[2, [ARKIT_SHAPES.index(name) for name in ("jawOpen", "mouthClose")]] = 1.0
    key_controls(bpy.data.objects[shot.character], controls, np.arange(1.0, 4.0), bpy.data.actions.new("Shapes"))
    rest, opened, closed = rig_lip_gap(shot, [1, 2, 3])
    assert rest < 0.1 and opened > 15.0 and closed < 2.0


def test_the_worst_frames_are_those_that_should_be_closed() -> None:
    times = np.arange(60) / 30.0
    gap, closed = np.zeros(60), np.ones(60, bool)
    gap[[10, 12, 40]], gap[50] = (3.0, 2.5, 2.0), 9.0
    closed[50] = False
    assert worst_parted(times, closed, gap, 5) == [10, 40]
    assert worst_parted(times, closed, gap, 1) == [10]
    assert worst_parted(times, closed, np.full(60, 0.5), 5) == []
