# SPDX-FileCopyrightText: 2026 Mimica authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Find faces in images: MediaPipe's landmarks as `FaceFrame`s, with lasting identities and a quality (`identity`).

What comes out is raw: MediaPipe's built-in smoothing, which damages a performance, is bypassed.
"""

import logging
from dataclasses import dataclass
from functools import partial

from ..mapping.frame import FaceFrame
from .detector_file import find_detector
from .face_detector import DetectorError, FaceDetector
from .far_faces import FarFaces
from .identity import MOST_FACES, Identities
from .landmarker import Detection, Landmarker, LandmarkerError
from .load_detector import load_detector
from .model import ModelFile
from .source import Image
from .stamp_clock import StampClock
from .tongue_model import with_tongue

logger = logging.getLogger(__name__)


class TrackerError(Exception):
    """The tracker cannot start or go on; its text is a sentence for the user."""


@dataclass(frozen=True, slots=True)
class TrackerSettings:
    """How faces are looked for. Raises `TrackerError` when a value is out of its range."""

    faces: int = 1
    """Most faces at once, 1 to 4. With 1, an image costs least; with more than are seen, the detector runs on each."""
    detection: float = 0.5
    """[0, 1]: how sure the detector must be to begin with a face."""
    presence: float = 0.5
    """[0, 1]: how sure the landmark model must be that the face is still there."""
    tracking: float = 0.5
    """[0, 1]: how well a face must overlap the last image's to count as the same."""
    far: bool = True
    """Search for faces that are not found plainly: far, on their side, in the dark. Needs a detector's file."""
    detector: str = ""
    """That file; empty: what the environment names, or the one beside the face model. Without one no search."""
    patient: bool = False
    """Search all of an image before the next one: for files, which wait. Live the search is spread over images."""

    def __post_init__(self) -> None:
        """Check the ranges."""
        if self.faces not in range(1, MOST_FACES + 1):
            raise TrackerError(f"The number of faces is {self.faces}. Choose 1 to {MOST_FACES}.")
        for name in ("detection", "presence", "tracking"):
            value = getattr(self, name)
            if not 0.0 <= value <= 1.0:
                raise TrackerError(f"The {name} confidence is {value}. Choose a value from 0 to 1.")


class Tracker:
    """Finds 1 to 4 faces in each image of a sequence. Made once and kept alive; used from one thread at a time."""

    def __init__(self, model: ModelFile, settings: TrackerSettings | None = None) -> None:
        """Load the model: about half a second the first time, because MediaPipe is imported. Raises `TrackerError`."""
        self.settings = settings or TrackerSettings()
        self.model = model
        self.has_scores = model.has_scores
        """Whether frames carry blend shape scores; the offline bundle has none."""
        try:
            self._bundle = model.path.read_bytes()
            self._landmarker = self._make_landmarker(self.settings.faces)
        except OSError as error:
            raise TrackerError(f"The face model '{model.path}' cannot be read ({error.strerror or error}).") from error
        except LandmarkerError as error:
            raise TrackerError(str(error)) from error
        self._far = self._make_far() if self.settings.far else None
        self._clock = StampClock()
        self._identities = Identities(self.settings.faces)
        self._found_before = 0

    @property
    def searches(self) -> bool:
        """Whether faces are searched for that are not found plainly: asked for, and there is a detector."""
        return self._far is not None

    def _make_landmarker(self, faces: int) -> Landmarker:
        make = partial(
            Landmarker,
            faces=faces,
            detection=self.settings.detection,
            presence=self.settings.presence,
            tracking=self.settings.tracking,
            scores=self.has_scores,
        )
        if (changed := with_tongue(self._bundle)) is not None:
            try:
                return make(changed, tongue=True)
            except LandmarkerError as error:
                logger.warning("The tongue's score is not available (%s).", error)
        return make(self._bundle)

    def track(self, image: Image) -> tuple[FaceFrame, ...]:
        """Return one frame for each person seen so far, in order of identity, found or lost; never empty.

        Blocks for one detection (about 9 ms), giving up Python's lock for nearly all of it. Raises `TrackerError`.
        """
        height, width = image.pixels.shape[:2]
        try:
            faces = self._find_plainly(image) if self._far is None or self._far.plain_is_due else []
            if self._far is not None:
                faces = self._far.complete(image.pixels, faces)
        except (LandmarkerError, DetectorError) as error:
            raise TrackerError(str(error)) from error
        return self._identities.assign(faces, image.time, (width, height))

    def close(self) -> None:
        """Free the tracker. May be called twice."""
        self._landmarker.close()
        if self._far is not None:
            self._far.close()

    def __enter__(self) -> "Tracker":
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()

    def _find_plainly(self, image: Image) -> list[Detection]:
        faces = self._landmarker.detect(image.pixels, self._clock.next(image.time))
        if len(faces) < self._found_before:
            # MediaPipe looks where the face was, finds nothing, and only searches the whole of the next image.
            # After a jump cut that would lose one image, so the same one is given again.
            again = self._landmarker.detect(image.pixels, self._clock.next(image.time))
            faces = max(faces, again, key=len)
        self._found_before = len(faces)
        return faces

    def _make_far(self) -> FarFaces | None:
        """Return what searches; None without a detector, which only one that was asked for by name is an error."""
        path = find_detector(self.settings.detector, self.model.path.parent)
        if path is None:
            return None
        try:
            detector: FaceDetector = load_detector(path)
        except DetectorError as error:
            if self.settings.detector:
                raise TrackerError(str(error)) from error
            logger.warning("Faces far away are not searched for: %s", error)
            return None
        return FarFaces(
            detector,
            partial(self._make_landmarker, 1),
            faces=self.settings.faces,
            least_score=self.settings.detection,
            patient=self.settings.patient,
        )
