# SPDX-FileCopyrightText: 2026 Mimica authors
# SPDX-License-Identifier: GPL-3.0-or-later
# MediaPipe has no type information, so nothing is known of what comes from it.
# pyright: basic
"""MediaPipe's full-range face detector, for faces that its short-range one in the face model is too coarse for.

MediaPipe's own Face Detector is laid out for the short-range model's 896 boxes and refuses this one. Its Image
Embedder, however, runs any model with an image as input and hands the outputs over as plain rows of numbers. So the
model's two outputs are reshaped to rows in memory, and decoded here as MediaPipe's graph does it
(mediapipe/modules/face_detection/face_detection_full_range.pbtxt and face_detection.pbtxt, v0.10.21).
"""

import ctypes
import logging
from typing import Any

import numpy as np

from .face_detector import DetectorError, FaceBox, distinct, fit_square
from .model import ModelError
from .model_graph import ModelGraph
from .sound_devices import without_sound

logger = logging.getLogger(__name__)

_SIZE = 192
_CELLS = 48
"""One anchor in the middle of each cell of 4 x 4 pixels."""
_COUNT = _CELLS * _CELLS
_VALUES = 16
"""Numbers of a box: its centre, its size, and six points; pixels from the anchor, but for the size."""


class FullRangeDetector:
    """The detector, made from the file's contents. Used from one thread at a time."""

    size = _SIZE
    least = 12.0

    def __init__(self, model: bytes) -> None:
        """Load it: about 0.1 s. Raises `DetectorError`."""
        try:
            rows = _in_rows(model)
        except ModelError as error:
            raise DetectorError(str(error)) from error
        except Exception as error:  # whatever a damaged flatbuffer leads to
            raise DetectorError(
                f"The face detector's file is damaged or another model ({error}). Choose another file."
            ) from error
        with without_sound():
            from mediapipe.tasks.python.components.containers import embedding_result_c
            from mediapipe.tasks.python.core.base_options import BaseOptions
            from mediapipe.tasks.python.vision import image_embedder  # type: ignore[reportAttributeAccessIssue]
            from mediapipe.tasks.python.vision.core import image
        try:
            self._embedder: Any = image_embedder.ImageEmbedder.create_from_options(
                image_embedder.ImageEmbedderOptions(base_options=BaseOptions(model_asset_buffer=rows))
            )
        except (OSError, RuntimeError, ValueError) as error:
            raise DetectorError(f"The face tracker cannot use this face detector ({error}).") from error
        self._model = rows  # the C side may still read the buffer
        self._image, self._format = image.Image, image.ImageFormat.SRGB
        self._result = embedding_result_c.EmbeddingResultC
        row, column = np.divmod(np.arange(_COUNT), _CELLS)
        self._anchors = (np.stack([column, row], axis=1) + 0.5) * (_SIZE / _CELLS)

    def detect(self, pixels: np.ndarray, least_score: float) -> list[FaceBox]:
        """See `FaceDetector.detect`."""
        square, scale = fit_square(pixels, _SIZE)
        try:
            values, logits = self._run(square)
        except (RuntimeError, ValueError) as error:
            raise DetectorError(f"The face detector failed ({error}). Start the capture again.") from error
        scores = 1 / (1 + np.exp(-np.clip(logits, -80, 80)))
        good = np.flatnonzero(scores >= least_score)
        if not len(good):
            return []
        pairs = values.reshape(_COUNT, _VALUES // 2, 2)[good].astype(float)
        anchors = self._anchors[good]
        centre, half = anchors + pairs[:, 0], pairs[:, 1] / 2
        boxes = np.hstack([centre - half, centre + half]) / scale
        return distinct(boxes, (anchors[:, None] + pairs[:, 2:]) / scale, scores[good])

    def close(self) -> None:
        """Free it. May be called twice."""
        if self._embedder is not None:
            self._embedder.close()
            self._embedder = None

    def _run(self, square: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return the two rows. Read straight from the library's structures: its own way makes 39,000 Python floats."""
        picture = self._image(self._format, square)
        try:
            library, handle = self._embedder._lib, self._embedder._handle
            run, free, pointer = (
                library.MpImageEmbedderEmbedImage,
                library.MpImageEmbedderCloseResult,
                picture._image_ptr,
            )
        except AttributeError:
            heads = {head.head_index: head.embedding for head in self._embedder.embed(picture).embeddings}
            return heads[0], heads[1]
        result = self._result()
        run(handle, pointer, None, ctypes.byref(result))
        try:
            heads = {}
            for i in range(result.embeddings_count):
                head = result.embeddings[i]
                heads[head.head_index] = np.ctypeslib.as_array(head.float_embedding, (head.values_count,)).copy()
        finally:
            free(ctypes.byref(result))
        return heads[0], heads[1]


def _in_rows(model: bytes) -> bytes:
    """Return the model with its outputs (1, 2304, 16) and (1, 2304, 1) as rows, in this order.

    Raises `ModelError`, and for another model ValueError or whatever else comes of it.
    """
    graph = ModelGraph(model)
    boxes, scores = graph.outputs
    if (graph.elements(boxes), graph.elements(scores)) != (_COUNT * _VALUES, _COUNT):
        raise ValueError("its outputs have other sizes")
    rows = graph.reshape(boxes, (1, 1, 1, _COUNT * _VALUES), "mimica_boxes")
    graph.outputs = [rows, graph.reshape(scores, (1, 1, 1, _COUNT), "mimica_scores")]
    return graph.pack()
