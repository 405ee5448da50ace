# SPDX-FileCopyrightText: 2026 Mimica authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Detectors as ONNX files: both kinds are told apart and read rightly, and what is none of them is said."""

import math
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mimica.bridges import extras
from mimica.capture.face_detector import DetectorError
from mimica.capture.load_detector import load_detector
from mimica.capture.onnx_detector import OnnxDetector

from .onnx_models import constant_model

pytest.importorskip("onnxruntime")

SIZE = 320
BOX = np.array([96.0, 64.0, 176.0, 168.0])
FIVE = np.array([[116.0, 100], [156, 102], [136, 124], [120, 144], [152, 146]])


def scrfd(*, points: bool = True, batch: bool = False, stray: float | None = None) -> dict[str, np.ndarray]:
    """Outputs of an SCRFD that sees one face, at stride 16, by the second of the two anchors of a cell."""
    scores, boxes, ways = {}, {}, {}
    for stride in (8, 16, 32):
        count = (SIZE // stride) ** 2 * 2
        scores[stride], boxes[stride] = np.zeros((count, 1)), np.zeros((count, 4))
        ways[stride] = np.zeros((count, 10))
    index = (7 * (SIZE // 16) + 8) * 2 + 1
    anchor = np.array([8 * 16.0, 7 * 16.0])
    scores[16][index] = 0.9
    boxes[16][index] = np.concatenate([anchor - BOX[:2], BOX[2:] - anchor]) / 16
    ways[16][index] = ((FIVE - anchor) / 16).reshape(-1)
    if stray is not None:
        scores[8][3], boxes[8][3] = 0.8, stray
    kinds = [scores, boxes, ways] if points else [scores, boxes]
    arrays = [kind[stride] for kind in kinds for stride in (8, 16, 32)]
    return {f"o{i}": (array[None] if batch else array) for i, array in enumerate(arrays)}


def retina(*, as_logits: bool = False) -> dict[str, np.ndarray]:
    """Outputs of a RetinaFace that sees the same face by its prior of 128 pixels at stride 16."""
    counts = [math.ceil(SIZE / stride) ** 2 * 2 for stride in (8, 16, 32)]
    index = counts[0] + (7 * (SIZE // 16) + 8) * 2 + 1
    prior = np.array([8.5 * 16, 7.5 * 16])
    boxes, classes, points = np.zeros((sum(counts), 4)), np.zeros((sum(counts), 2)), np.zeros((sum(counts), 10))
    classes[:] = (1, 0)
    classes[index] = (0.1, 0.9)
    if as_logits:
        classes = np.log(classes + 1e-6) + 3
    boxes[index, :2] = ((BOX[:2] + BOX[2:]) / 2 - prior) / (0.1 * 128)
    boxes[index, 2:] = np.log((BOX[2:] - BOX[:2]) / 128) / 0.2
    points[index] = ((FIVE - prior) / (0.1 * 128)).reshape(-1)
    return {"loc": boxes[None], "conf": classes[None], "landms": points[None]}


@pytest.mark.parametrize(
    "outputs",
    [scrfd(), scrfd(batch=True), retina(), retina(as_logits=True)],
    ids=["scrfd", "scrfd with batch", "retina", "retina without softmax"],
)
def test_a_face_is_where_the_numbers_say(outputs: dict[str, np.ndarray]) -> None:
    detector = OnnxDetector(constant_model(SIZE, outputs))
    assert detector.size == SIZE
    # Twice as wide as the model's picture: everything is twice as large.
    (face,) = detector.detect(np.zeros((500, 2 * SIZE, 3), np.uint8), 0.5)
    np.testing.assert_allclose(face.box, 2 * BOX, atol=0.01)
    np.testing.assert_allclose(face.points[:3], 2 * FIVE[:3], atol=0.01)
    np.testing.assert_allclose(face.points[3], FIVE[3:].sum(axis=0), atol=0.01)
    assert np.isnan(face.points[4:]).all()
    assert face.score == pytest.approx(0.9, abs=0.001)
    assert detector.detect(np.zeros((500, 2 * SIZE, 3), np.uint8), 0.95) == []
    detector.close()
    detector.close()


def test_scrfd_without_points() -> None:
    (face,) = OnnxDetector(constant_model(SIZE, scrfd(points=False))).detect(np.zeros((SIZE, SIZE, 3), np.uint8), 0.5)
    np.testing.assert_allclose(face.box, BOX, atol=0.01)
    assert np.isnan(face.points).all()


def test_a_model_of_any_size_gets_the_usual_one() -> None:
    """Its outputs are then those of 640 pixels; those of 320 do not fit."""
    with pytest.raises(DetectorError, match=r"not those of a known face detector"):
        OnnxDetector(constant_model(None, retina()))


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf, 1e38, -5.0])
def test_numbers_that_are_none_are_passed_over(value: float) -> None:
    faces = OnnxDetector(constant_model(SIZE, scrfd(stray=value))).detect(np.zeros((SIZE, SIZE, 3), np.uint8), 0.5)
    assert all(np.isfinite(face.box).all() for face in faces)
    assert any(np.allclose(face.box, BOX, atol=0.01) for face in faces)


@pytest.mark.parametrize(
    ("model", "said"),
    [
        (constant_model(SIZE, {"a": np.zeros((1, 1000))}), "outputs of this ONNX model .* Choose a file"),
        (
            constant_model(SIZE, {"a": np.zeros((1, 7, 4)), "b": np.zeros((1, 7, 2)), "c": np.zeros((1, 7, 10))}),
            "outputs",
        ),
        (constant_model(SIZE, dict(list(scrfd().items())[:8])), "outputs"),
        (constant_model(SIZE, retina(), channels=1), "three colours"),
        (constant_model(5000, retina()), "usual size"),
        (b"", "damaged"),
        (b"not at all", "damaged"),
        (constant_model(SIZE, retina())[:5000], "damaged"),
    ],
)
def test_what_is_no_detector_is_said(model: bytes, said: str) -> None:
    with pytest.raises(DetectorError, match=said):
        OnnxDetector(model)


@settings(max_examples=40, deadline=None)
@given(st.data())
def test_damaged_files_are_said_too(data: st.DataObject) -> None:
    """Bytes changed anywhere: the model loads, or a sentence says that it does not."""
    model = bytearray(constant_model(32, {"a": np.zeros((1, 4))}))
    for _ in range(data.draw(st.integers(1, 4))):
        model[data.draw(st.integers(0, len(model) - 1))] = data.draw(st.integers(0, 255))
    with pytest.raises(DetectorError):
        OnnxDetector(bytes(model))


def test_the_suffix_says_which_kind(tmp_path: Path) -> None:
    path = tmp_path / "Retina.ONNX"
    path.write_bytes(constant_model(SIZE, retina()))
    assert isinstance(load_detector(path), OnnxDetector)


def test_without_the_package_the_sentence_says_what_installs_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(extras, "missing", lambda key: ("onnxruntime",))
    with pytest.raises(DetectorError, match=r"mimica\[detector\]"):
        OnnxDetector(b"")
