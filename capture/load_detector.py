# SPDX-FileCopyrightText: 2026 Mimica authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Make a face detector from a file, whose suffix says what kind it is."""

from pathlib import Path

from .face_detector import DetectorError, FaceDetector
from .full_range import FullRangeDetector
from .onnx_detector import OnnxDetector

_LARGEST = 500_000_000
"""Bytes: no face detector is larger."""


def load_detector(path: Path) -> FaceDetector:
    """Return the detector of a file: `.tflite` MediaPipe's full-range one, `.onnx` SCRFD or RetinaFace.

    Blocks for about 0.1 s. Raises `DetectorError`.
    """
    makers = {".tflite": FullRangeDetector, ".onnx": OnnxDetector}
    make = makers.get(path.suffix.lower())
    if make is None:
        raise DetectorError(
            f"'{path.name}' is no face detector that Mimica knows. Choose MediaPipe's full-range one (.tflite), or one "
            "of the kind SCRFD or RetinaFace (.onnx)."
        )
    try:
        if path.stat().st_size > _LARGEST:
            raise DetectorError(f"The face detector '{path}' is too large to be one. Choose another file.")
        contents = path.read_bytes()
    except OSError as error:
        raise DetectorError(
            f"The face detector '{path}' cannot be read ({error.strerror or error}). Choose another file."
        ) from error
    return make(contents)
