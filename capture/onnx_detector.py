# SPDX-FileCopyrightText: 2026 Mimica authors
# SPDX-License-Identifier: GPL-3.0-or-later
# onnxruntime's type information is not that of its binary part.
# pyright: basic
"""Face detectors that the user brings along as an ONNX file, run with onnxruntime: SCRFD and RetinaFace.

Which of the two a file is, the shapes of its outputs tell. How they are read:

- SCRFD (https://github.com/deepinsight/insightface, detection/scrfd): for each stride a score, the way from an anchor
  to the box's four sides, and to five points; in strides. Input RGB, (x - 127.5) / 128. Files without points exist.
- RetinaFace (https://github.com/biubug6/Pytorch_Retinaface): boxes, two classes and five points against priors of two
  sizes at each of three strides, with variances .1 and .2. Input BGR, less a mean.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np

from ..bridges.extras import ExtraMissing, require
from .face_detector import DetectorError, FaceBox, distinct, fit_square

_USUAL_SIZE = 640
"""Of a model that takes any."""
_SIZES = range(32, 2049)
_STRIDES = (8, 16, 32, 64, 128)
_PRIORS = ((8, (16, 32)), (16, (64, 128)), (32, (256, 512)))
"""RetinaFace's strides and the sizes of its priors there, pixels."""
_CENTRE_VARIANCE, _SIZE_VARIANCE = 0.1, 0.2
_BGR_MEAN = np.array((104, 117, 123), np.float32)
_KINDS = "Choose a file of the kind SCRFD or RetinaFace."
_LARGEST_GROWTH = 8.0
"""exp of this is more than any box; keeps hostile numbers finite."""


@dataclass(frozen=True, slots=True)
class _Read:
    """What a model's outputs say, of the square that it was given."""

    boxes: np.ndarray
    """(N, 4): left, top, right, bottom."""
    scores: np.ndarray
    """(N,)."""
    five: np.ndarray
    """(N, 5, 2): eyes, nose and corners of the mouth, each from the picture's left; NaN when there are none."""


class OnnxDetector:
    """A detector of one of the two kinds. Used from one thread at a time."""

    least = 14.0

    def __init__(self, model: bytes) -> None:
        """Load it and try it on a black picture. Raises `DetectorError`."""
        try:
            require("detector")
        except ExtraMissing as error:
            raise DetectorError(str(error)) from error
        try:
            import onnxruntime
        except ImportError as error:
            raise DetectorError(f"The package onnxruntime cannot be loaded ({error}). Install it again.") from error
        if hasattr(onnxruntime, "disable_telemetry_events"):
            onnxruntime.disable_telemetry_events()
        options = onnxruntime.SessionOptions()
        options.log_severity_level = 4
        try:
            self._session: Any = onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])
        except Exception as error:  # of classes that onnxruntime does not name in public
            raise DetectorError(
                f"The face detector's file is damaged or no ONNX model ({_first_line(error)}). Choose another file."
            ) from error
        self.size, self._input = _input_of(self._session)
        try:
            shapes = [output.shape for output in self._raw(np.zeros((1, 3, self.size, self.size), np.float32))]
        except DetectorError as error:
            raise DetectorError(f"This ONNX model does not run on a picture ({error}) {_KINDS}") from error
        self._is_scrfd = _is_scrfd(shapes, self.size)

    def detect(self, pixels: np.ndarray, least_score: float) -> list[FaceBox]:
        """See `FaceDetector.detect`."""
        square, scale = fit_square(pixels, self.size)
        picture = square.astype(np.float32)
        picture = (picture - 127.5) / 128 if self._is_scrfd else picture[..., ::-1] - _BGR_MEAN
        outputs = self._raw(np.ascontiguousarray(picture.transpose(2, 0, 1)[None]))
        read = (_read_scrfd if self._is_scrfd else _read_retina)(outputs, self.size)
        with np.errstate(invalid="ignore"):
            good = np.flatnonzero(read.scores >= least_score)
        points = np.full((len(good), 6, 2), np.nan)
        five = read.five[good].astype(float)
        points[:, :3] = five[:, :3]
        points[:, 3] = five[:, 3:].mean(axis=1)
        faces = distinct(read.boxes[good].astype(float) / scale, points / scale, read.scores[good])
        return [FaceBox(face.box, face.points, min(face.score, 1.0)) for face in faces]

    def close(self) -> None:
        """Free it. May be called twice."""
        self._session = None

    def _raw(self, picture: np.ndarray) -> list[np.ndarray]:
        """Return the outputs, each as (N, values)."""
        try:
            outputs = self._session.run(None, {self._input: picture})
        except Exception as error:  # of classes that onnxruntime does not name in public
            raise DetectorError(f"The face detector failed: {_first_line(error)}.") from error
        arrays = [np.asarray(output) for output in outputs]
        return [array.reshape(-1, array.shape[-1]) if array.ndim > 1 else array.reshape(-1, 1) for array in arrays]


def _input_of(session: Any) -> tuple[int, str]:
    """Return the side of the square that a model wants, and its input's name. Raises `DetectorError`."""
    inputs = session.get_inputs()
    shape = inputs[0].shape if len(inputs) == 1 else []
    if len(shape) != 4 or shape[1] != 3 or inputs[0].type != "tensor(float)":
        raise DetectorError(f"This ONNX model does not take a picture of three colours. {_KINDS}")
    sides = {side if isinstance(side, int) and side > 0 else _USUAL_SIZE for side in shape[2:]}
    if len(sides) != 1 or not sides <= set(_SIZES):
        raise DetectorError("This ONNX model takes no square picture of a usual size. Export it for 640 x 640 pixels.")
    return sides.pop(), inputs[0].name


def _is_scrfd(shapes: list[tuple[int, ...]], size: int) -> bool:
    """Tell the kind of a model by its outputs' shapes (N, values). Raises `DetectorError`."""
    if sorted(shape[1] for shape in shapes) == [2, 4, 10] and {shape[0] for shape in shapes} == {len(_priors(size))}:
        return False
    counts = {values: sorted(shape[0] for shape in shapes if shape[1] == values) for values in (1, 4, 10)}
    known = all(_stride_of(count, size) for count in counts[1])
    if counts[1] and counts[1] == counts[4] and counts[10] in ([], counts[1]) and known:
        if len(shapes) == len(counts[1]) * (3 if counts[10] else 2):
            return True
    text = ", ".join(" x ".join(map(str, shape)) for shape in shapes[:12])
    raise DetectorError(f"The outputs of this ONNX model ({text}) are not those of a known face detector. {_KINDS}")


def _stride_of(count: int, size: int) -> tuple[int, int] | None:
    """Return the stride and the anchors a cell that give so many boxes."""
    for stride in _STRIDES:
        cells = (size // stride) ** 2
        if cells and count in (cells, 2 * cells):
            return stride, count // cells
    return None


def _read_scrfd(outputs: list[np.ndarray], size: int) -> _Read:
    parts = []
    for scores in (output for output in outputs if output.shape[1] == 1):
        found = _stride_of(len(scores), size)
        if found is None:
            raise DetectorError("The face detector's outputs changed. Choose another file.")
        stride, anchors = found
        row, column = np.divmod(np.arange((size // stride) ** 2), size // stride)
        places = np.repeat(np.stack([column, row], axis=1) * stride, anchors, axis=0)
        same = {output.shape[1]: output for output in outputs if len(output) == len(scores)}
        ways = same[4].astype(float) * stride
        boxes = np.hstack([places - ways[:, :2], places + ways[:, 2:]])
        five = np.full((len(scores), 5, 2), np.nan)
        if 10 in same:
            five = places[:, None] + same[10].reshape(-1, 5, 2).astype(float) * stride
        parts.append((boxes, scores[:, 0], five))
    boxes, scores, five = (np.concatenate(column) for column in zip(*parts, strict=True))
    return _Read(boxes, scores, five)


def _read_retina(outputs: list[np.ndarray], size: int) -> _Read:
    by_values = {output.shape[1]: output for output in outputs}
    priors = _priors(size)
    centre = priors[:, :2] + by_values[4][:, :2] * _CENTRE_VARIANCE * priors[:, 2:]
    half = priors[:, 2:] * np.exp(np.clip(by_values[4][:, 2:] * _SIZE_VARIANCE, None, _LARGEST_GROWTH)) / 2
    five = priors[:, None, :2] + by_values[10].reshape(-1, 5, 2) * _CENTRE_VARIANCE * priors[:, None, 2:]
    classes = by_values[2].astype(float)
    if np.abs(classes.sum(axis=1) - 1).max() > 1e-3 or classes.min() < 0:  # as the net gives them
        classes = np.exp(classes - classes.max(axis=1, keepdims=True))
        classes /= classes.sum(axis=1, keepdims=True)
    return _Read(np.hstack([centre - half, centre + half]), classes[:, 1], five)


def _priors(size: int) -> np.ndarray:
    """RetinaFace's priors, (N, 4): centre and size, pixels."""
    priors = []
    for stride, sizes in _PRIORS:
        cells = -(-size // stride)
        row, column = np.divmod(np.arange(cells * cells), cells)
        places = np.repeat((np.stack([column, row], axis=1) + 0.5) * stride, len(sizes), axis=0)
        sides = np.tile(np.array(sizes, float), cells * cells)
        priors.append(np.column_stack([places, sides, sides]))
    return np.concatenate(priors)


def _first_line(error: Exception) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0][:200]
