# SPDX-FileCopyrightText: 2026 Mimica authors
# SPDX-License-Identifier: GPL-3.0-or-later
# MediaPipe has no type information, so nothing is known of what comes from it.
# pyright: basic
"""MediaPipe's Face Landmarker, wrapped: an RGB image and a time stamp in, numpy arrays out.

The library turns each result into some 530 Python objects, which costs about a tenth of a frame. Its C structures are
therefore read straight into numpy (`_DirectReader`). Those are private names of a pinned version: they are checked when
the landmarker is made and again on the first face, and if anything differs the library's own conversion is used.
"""

import ctypes
import logging
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..mapping.frame import ARKIT_SHAPES, LANDMARK_COUNT
from .sound_devices import without_sound

logger = logging.getLogger(__name__)

MESH_COUNT = 468
"""Points of a model without irises."""

_SHAPE_COLUMNS = {name: column for column, name in enumerate(ARKIT_SHAPES)}
_TONGUE = _SHAPE_COLUMNS["tongueOut"]


class LandmarkerError(Exception):
    """MediaPipe cannot be loaded, or failed; its text is a sentence for the user."""


@dataclass(frozen=True, slots=True, eq=False)
class Detection:
    """One face in one image."""

    landmarks: np.ndarray
    """float32 (478, 3), see `FaceFrame.landmarks`; NaN in the last ten rows when the model gave 468 points."""
    scores: np.ndarray | None
    """float32 (52,), see `FaceFrame.scores`."""


class Landmarker:
    """A Face Landmarker in VIDEO mode. Use it from one thread at a time.

    MediaPipe writes a few lines about itself to the standard error stream when one is made. 0.10.31 has no setting that
    stops it, and redirecting the stream would take other threads' output with it, so the lines stay.
    """

    def __init__(
        self,
        model: bytes,
        *,
        faces: int,
        detection: float,
        presence: float,
        tracking: float,
        scores: bool,
        tongue: bool = False,
    ) -> None:
        """Load MediaPipe and make a landmarker from a bundle's contents. Raises `LandmarkerError`.

        `tongue`: the bundle is one that gives the tongue's score as the points' visibility (`tongue_model`).

        The bundle is passed as bytes because MediaPipe opens paths with the C library, which on Windows cannot open
        every name a user's folder may have.
        """
        try:
            with without_sound():
                from mediapipe.tasks.python.core.base_options import BaseOptions
                from mediapipe.tasks.python.vision import face_landmarker  # type: ignore[reportAttributeAccessIssue]
                from mediapipe.tasks.python.vision.core import image
                from mediapipe.tasks.python.vision.core.vision_task_running_mode import VisionTaskRunningMode
        except ImportError as error:
            raise LandmarkerError(
                f"The face tracker's library is missing ({error}). Install Mimica again from the zip for your system."
            ) from error
        options = face_landmarker.FaceLandmarkerOptions(
            base_options=BaseOptions(model_asset_buffer=model),
            running_mode=VisionTaskRunningMode.VIDEO,
            num_faces=faces,
            min_face_detection_confidence=detection,
            min_face_presence_confidence=presence,
            min_tracking_confidence=tracking,
            output_face_blendshapes=scores,
            output_facial_transformation_matrixes=False,
        )
        try:
            self._landmarker = face_landmarker.FaceLandmarker.create_from_options(options)
        except OSError as error:
            raise LandmarkerError(
                f"The face tracker's library cannot be loaded ({error}). On Linux, install the system's libEGL and "
                "libGLESv2 (on Debian: libegl1, libgles2)."
            ) from error
        except (RuntimeError, ValueError) as error:
            raise LandmarkerError(f"The face tracker cannot use this model ({_first_line(error)}).") from error
        self._model = model  # the C side may still read the buffer
        self._image, self._format = image.Image, image.ImageFormat.SRGB
        self._plain = _PlainReader(self._landmarker, tongue)
        self._reader: _PlainReader | _DirectReader = self._plain
        try:
            self._reader = _DirectReader(self._landmarker, face_landmarker, tongue)
        except (AttributeError, TypeError, KeyError) as error:
            logger.warning(
                "MediaPipe's result structures are not as expected (%s): using the slower conversion.", error
            )

    def detect(self, pixels: np.ndarray, stamp: int) -> list[Detection]:
        """Return the faces in `pixels`, uint8 (h, w, 3) RGB, at `stamp`, an int greater than the last one.

        Blocks for the whole detection, without holding Python's lock. Raises `LandmarkerError`.
        """
        if pixels.dtype != np.uint8 or pixels.ndim != 3 or pixels.shape[2] != 3 or 0 in pixels.shape:
            raise LandmarkerError(f"The source gave an image the tracker cannot use ({pixels.dtype}, {pixels.shape}).")
        try:
            # MediaPipe reads the memory as if it had no gaps.
            picture = self._image(self._format, np.ascontiguousarray(pixels))
            return self._reader.detect(picture, stamp)
        except _Mismatch as error:
            logger.warning("MediaPipe's results were read wrongly (%s): using the slower conversion.", error)
            self._reader = self._plain
            return error.detections
        except (RuntimeError, ValueError) as error:
            raise LandmarkerError(
                f"The face tracker failed ({_first_line(error)}). Start the capture again."
            ) from error

    def close(self) -> None:
        """Free the landmarker. May be called twice."""
        self._landmarker.close()


class _PlainReader:
    """Read results through the library's public objects."""

    def __init__(self, landmarker: Any, tongue: bool) -> None:
        self._landmarker, self._tongue = landmarker, tongue

    def detect(self, picture: Any, stamp: int) -> list[Detection]:
        return self.convert(self._landmarker.detect_for_video(picture, stamp), self._tongue)

    @staticmethod
    def convert(result: Any, tongue: bool) -> list[Detection]:
        """Turn a `FaceLandmarkerResult` into arrays."""
        detections = []
        for index, points in enumerate(result.face_landmarks):
            scores = None
            if index < len(result.face_blendshapes):
                scores = np.full(len(ARKIT_SHAPES), np.nan, np.float32)
                for category in result.face_blendshapes[index]:
                    column = _SHAPE_COLUMNS.get(category.category_name)
                    if column is not None:
                        scores[column] = category.score
                if tongue and points[0].visibility is not None:
                    scores[_TONGUE] = points[0].visibility
            detections.append(Detection(_pad(np.array([(p.x, p.y, p.z) for p in points], np.float32)), scores))
        return detections


class _DirectReader:
    """Read results from the library's C structures, whose layout is taken from its own ctypes declarations."""

    def __init__(self, landmarker: Any, module: Any, tongue: bool) -> None:
        self._library, self._handle = landmarker._lib, landmarker._handle
        self._run = self._library.MpFaceLandmarkerDetectForVideo
        self._free = self._library.MpFaceLandmarkerCloseResult
        self._result_type, self._result_class = module.FaceLandmarkerResultC, module.FaceLandmarkerResult
        fields = dict(self._result_type._fields_)
        point = dict(fields["face_landmarks"]._type_._fields_)["landmarks"]._type_
        category = dict(fields["face_blendshapes"]._type_._fields_)["categories"]._type_
        self._point = np.dtype(
            {
                "names": ["xyz"],
                "formats": [(np.float32, 3)],
                "offsets": [point.x.offset],
                "itemsize": ctypes.sizeof(point),
            }
        )
        if (point.y.offset, point.z.offset) != (point.x.offset + 4, point.x.offset + 8):
            raise TypeError("x, y and z are not side by side")
        self._tongue = tongue
        if tongue and not {"has_visibility", "visibility"} <= {field[0] for field in point._fields_}:
            raise TypeError("points have no visibility")
        self._category = np.dtype(
            {
                "names": ["index", "score"],
                "formats": [np.int32, np.float32],
                "offsets": [category.index.offset, category.score.offset],
                "itemsize": ctypes.sizeof(category),
            }
        )
        self._columns: np.ndarray | None = None
        self._checked = False

    def detect(self, picture: Any, stamp: int) -> list[Detection]:
        result = self._result_type()
        self._run(self._handle, picture._image_ptr, None, stamp, ctypes.byref(result))
        try:
            detections = self._read(result)
            if detections and not self._checked:
                self._check(result, detections)
            return detections
        finally:
            self._free(ctypes.byref(result))

    def _read(self, result: Any) -> list[Detection]:
        detections = []
        for index in range(result.face_landmarks_count):
            points = result.face_landmarks[index]
            landmarks = _pad(_records(points.landmarks, points.landmarks_count, self._point)["xyz"])
            scores = None
            if index < result.face_blendshapes_count:
                scores = self._read_scores(result.face_blendshapes[index])
                if self._tongue and points.landmarks[0].has_visibility:
                    scores[_TONGUE] = points.landmarks[0].visibility
            detections.append(Detection(landmarks, scores))
        return detections

    def _read_scores(self, categories: Any) -> np.ndarray:
        records = _records(categories.categories, categories.categories_count, self._category)
        if self._columns is None:
            self._columns = self._learn_columns(categories)
        columns = self._columns[records["index"]]
        scores = np.full(len(ARKIT_SHAPES), np.nan, np.float32)
        known = columns >= 0
        scores[columns[known]] = records["score"][known]
        return scores

    @staticmethod
    def _learn_columns(categories: Any) -> np.ndarray:
        """Return, for each of MediaPipe's category numbers, its place in ARKit's order by name, or -1 (`_neutral`)."""
        entries = [categories.categories[i] for i in range(categories.categories_count)]
        columns = np.full(max(entry.index for entry in entries) + 1, -1, np.int64)
        for entry in entries:
            columns[entry.index] = _SHAPE_COLUMNS.get(entry.category_name.decode(), -1)
        return columns

    def _check(self, result: Any, detections: list[Detection]) -> None:
        """Compare with the library's own conversion of the same result. Raises `_Mismatch` with the right one."""
        expected = _PlainReader.convert(self._result_class.from_ctypes(result), self._tongue)
        if not same_detections(detections, expected):
            raise _Mismatch(expected)
        self._checked = True


class _Mismatch(Exception):
    """The direct reading differs from the library's own; carries the right detections."""

    def __init__(self, detections: list[Detection]) -> None:
        super().__init__("they differ from the library's own conversion")
        self.detections = detections


def same_detections(a: list[Detection], b: list[Detection]) -> bool:
    """Whether two results are equal bit for bit."""
    return len(a) == len(b) and all(
        x.landmarks.tobytes() == y.landmarks.tobytes()
        and (None if x.scores is None else x.scores.tobytes()) == (None if y.scores is None else y.scores.tobytes())
        for x, y in zip(a, b, strict=True)
    )


def _records(pointer: Any, count: int, record: np.dtype) -> np.ndarray:
    """Return a view on `count` C structures; it dies with them."""
    # ctypes arrays are buffers, which their type does not say.
    memory: Any = (ctypes.c_char * (count * record.itemsize)).from_address(ctypes.addressof(pointer.contents))
    return np.frombuffer(memory, record)


def _pad(points: np.ndarray) -> np.ndarray:
    """Return a copy as float32 (478, 3), with NaN for irises that the model does not have."""
    if len(points) not in (MESH_COUNT, LANDMARK_COUNT):
        raise LandmarkerError(
            f"This model gives {len(points)} points, not {MESH_COUNT} or {LANDMARK_COUNT}. Choose another model."
        )
    padded = np.full((LANDMARK_COUNT, 3), np.nan, np.float32)
    padded[: len(points)] = points
    return padded


def _first_line(error: Exception) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0]
