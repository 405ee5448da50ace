# SPDX-FileCopyrightText: 2026 Mimica authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Find faces in images: MediaPipe's landmarks as `FaceFrame`s, with lasting identities and a quality (`identity`).

What comes out is raw: MediaPipe's built-in smoothing, which damages a performance, is bypassed.
"""

import logging
import math
from dataclasses import dataclass
from functools import partial

from ..mapping.frame import FaceFrame
from .identity import MOST_FACES, Identities
from .landmarker import Landmarker, LandmarkerError
from .model import ModelFile
from .source import Image
from .tongue_model import with_tongue

logger = logging.getLogger(__name__)

DILATION = 10_000
"""Time stamps given to MediaPipe run this many times faster than real time. Its One Euro filter then sees such slow
changes that it lets them through (alpha about 0.99). Tracking from image to image, which IMAGE mode lacks, stays."""

MAX_STEP = 1.0
"""Seconds: the longest step of MediaPipe's clock between two images. Its clock counts int64 microseconds, so with this
it can never run over (29 years of steps), whatever the source says."""
USUAL_STEP = 1 / 30
"""Seconds: the step when the source's time stood still or went back (a seek, a loop, the same image again)."""


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
            self._landmarker = self._make_landmarker(model.path.read_bytes())
        except OSError as error:
            raise TrackerError(f"The face model '{model.path}' cannot be read ({error.strerror or error}).") from error
        except LandmarkerError as error:
            raise TrackerError(str(error)) from error
        self._clock = StampClock()
        self._identities = Identities(self.settings.faces)
        self._found_before = 0

    def _make_landmarker(self, model: bytes) -> Landmarker:
        make = partial(
            Landmarker,
            faces=self.settings.faces,
            detection=self.settings.detection,
            presence=self.settings.presence,
            tracking=self.settings.tracking,
            scores=self.has_scores,
        )
        if (changed := with_tongue(model)) is not None:
            try:
                return make(changed, tongue=True)
            except LandmarkerError as error:
                logger.warning("The tongue's score is not available (%s).", error)
        return make(model)

    def track(self, image: Image) -> tuple[FaceFrame, ...]:
        """Return one frame for each person seen so far, in order of identity, found or lost; never empty.

        Blocks for one detection (about 9 ms), giving up Python's lock for nearly all of it. Raises `TrackerError`.
        """
        height, width = image.pixels.shape[:2]
        try:
            faces = self._landmarker.detect(image.pixels, self._clock.next(image.time))
            if len(faces) < self._found_before:
                # MediaPipe looks where the face was, finds nothing, and only searches the whole of the next image.
                # After a jump cut that would lose one image, so the same one is given again.
                again = self._landmarker.detect(image.pixels, self._clock.next(image.time))
                faces = max(faces, again, key=len)
        except LandmarkerError as error:
            raise TrackerError(str(error)) from error
        self._found_before = len(faces)
        return self._identities.assign(faces, image.time, (width, height))

    def close(self) -> None:
        """Free the tracker. May be called twice."""
        self._landmarker.close()

    def __enter__(self) -> "Tracker":
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()


class StampClock:
    """MediaPipe's own running clock: strictly increasing ints, dilated, whatever the source's times do."""

    def __init__(self) -> None:
        """Start at zero."""
        self._stamp = 0
        self._time: float | None = None

    def next(self, time: float) -> int:
        """Return the stamp (MediaPipe's milliseconds) of an image at `time` (the source's seconds)."""
        step = USUAL_STEP
        if self._time is not None and time > self._time:
            step = min(time - self._time, MAX_STEP)
        if math.isfinite(time):
            self._time = time
        self._stamp += max(1, round(step * 1000 * DILATION))
        return self._stamp
