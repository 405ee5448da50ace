# SPDX-FileCopyrightText: 2026 Mimica authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The tongue's score from the official model: it is there, and nothing else changes."""

import logging
import zipfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from mimica.capture import tongue_model
from mimica.capture import tracker as tracker_module
from mimica.capture.landmarker import Landmarker, same_detections
from mimica.capture.model import ModelFile, verify_model
from mimica.capture.source import Image, SourceSpec, make_source
from mimica.capture.tongue_model import with_tongue
from mimica.capture.tracker import Tracker, TrackerSettings
from mimica.mapping.frame import ARKIT_SHAPES, FaceFrame

TONGUE = ARKIT_SHAPES.index("tongueOut")


@pytest.fixture(scope="module")
def official(model_path: Path) -> ModelFile:
    model = verify_model(model_path)
    if not model.official:
        pytest.skip("only the official face model has a tongue score")
    return model


@pytest.fixture
def nothing_remembered() -> Iterator[None]:
    tongue_model._changed.cache_clear()
    yield
    tongue_model._changed.cache_clear()


@pytest.fixture(scope="module")
def images(sample_clip: Path) -> list[Image]:
    """Every tenth image of a video in which a face talks, blinks and turns."""
    source = make_source(SourceSpec("video", path=str(sample_clip)))
    source.open()
    try:
        found = list(iter(source.read, None))
    finally:
        source.close()
    return found[::10][:40]


def track(model: ModelFile, images: list[Image], faces: int = 1) -> list[FaceFrame]:
    with Tracker(model, TrackerSettings(faces=faces)) as tracker:
        return [frame for image in images for frame in tracker.track(image)]


@pytest.mark.parametrize("faces", [1, 2])
def test_the_score_is_there_and_all_else_is_as_before(
    official: ModelFile, images: list[Image], monkeypatch: pytest.MonkeyPatch, faces: int
) -> None:
    """Faces on their own are smoothed by MediaPipe, several are not: both ways through its graph."""
    frames = track(official, images, faces)
    monkeypatch.setattr(tracker_module, "with_tongue", lambda bundle: None)
    plain = track(official, images, faces)
    assert len(frames) == len(plain)
    assert sum(frame.found for frame in plain) > 20
    for frame, expected in zip(frames, plain, strict=True):
        assert frame.found == expected.found
        if not frame.found:
            continue
        assert frame.landmarks is not None and expected.landmarks is not None
        assert frame.landmarks.tobytes() == expected.landmarks.tobytes()
        assert frame.scores is not None and expected.scores is not None
        assert np.isnan(expected.scores[TONGUE])
        others = np.arange(len(ARKIT_SHAPES)) != TONGUE
        assert frame.scores[others].tobytes() == expected.scores[others].tobytes()
        assert 0 < frame.scores[TONGUE] < 0.3, "nobody here puts the tongue out"


def test_each_face_has_its_own_score_however_it_is_read(official: ModelFile, images: list[Image]) -> None:
    changed = with_tongue(official.path.read_bytes())
    assert changed is not None
    made = [
        Landmarker(changed, faces=2, detection=0.5, presence=0.5, tracking=0.5, scores=True, tongue=True)
        for _ in range(2)
    ]
    direct, plain = made
    plain._reader = plain._plain
    # A face and its mirror image differ a little to the model.
    picture = np.concatenate([images[0].pixels, images[0].pixels[:, ::-1]], axis=1)
    try:
        assert direct._reader is not direct._plain
        found = direct.detect(picture, 333_333)
        assert same_detections(found, plain.detect(picture, 333_333))
        scores = [face.scores[TONGUE] for face in found if face.scores is not None]
        assert len(scores) == 2 and np.isfinite(scores).all() and scores[0] != scores[1]
    finally:
        for landmarker in made:
            landmarker.close()


def test_it_is_the_models_own_output(official: ModelFile) -> None:
    """The model's metadata names its outputs; the third is what is handed out."""
    with zipfile.ZipFile(official.path) as bundle:
        assert b"tongue_out" in bundle.read("face_landmarks_detector.tflite")


@pytest.mark.usefixtures("nothing_remembered")
def test_the_same_bytes_each_time_and_the_file_stays(official: ModelFile) -> None:
    before = official.path.read_bytes()
    first = with_tongue(before)
    tongue_model._changed.cache_clear()
    assert first is not None and first == with_tongue(before)
    assert official.path.read_bytes() == before


def test_other_bundles_stay_as_they_are(official: ModelFile, tmp_path: Path) -> None:
    again = tmp_path / "again.task"
    with zipfile.ZipFile(official.path) as source, zipfile.ZipFile(again, "w") as target:
        for name in source.namelist():
            target.writestr(name, source.read(name))
    assert not verify_model(again).official
    assert with_tongue(again.read_bytes()) is None
    assert with_tongue(b"") is None


@pytest.mark.usefixtures("nothing_remembered")
def test_a_change_that_fails_costs_the_tongue_alone(
    official: ModelFile, images: list[Image], monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def fail(model: bytes) -> bytes:
        raise ValueError("another schema")

    monkeypatch.setattr(tongue_model, "_widen", fail)
    with caplog.at_level(logging.WARNING):
        for _ in range(2):
            (frame,) = track(official, images[:1])
            assert frame.found and frame.scores is not None
            assert np.isnan(frame.scores[TONGUE]) and np.isfinite(np.delete(frame.scores, TONGUE)).all()
    assert [record.message for record in caplog.records] == ["The tongue's score is not available (another schema)."]


def test_a_changed_model_that_is_refused_is_replaced(
    official: ModelFile, images: list[Image], monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(tracker_module, "with_tongue", lambda bundle: bundle[: len(bundle) // 2])
    with caplog.at_level(logging.WARNING):
        (frame,) = track(official, images[:1])
    assert frame.found
    assert "tongue" in caplog.text
