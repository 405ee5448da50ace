# SPDX-FileCopyrightText: 2026 Mimica authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Find faces in images: MediaPipe's landmarks as `FaceFrame`s with lasting identities and a quality.

What comes out is raw: MediaPipe's built-in smoothing, which damages a performance, is bypassed.
"""

import itertools
import logging
import math
from dataclasses import dataclass
from functools import partial

import numpy as np

from ..mapping.frame import FaceFrame
from .landmarker import MESH_COUNT, Detection, Landmarker, LandmarkerError
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

SAME_FACE_DISTANCE = 3.0
"""A face within this many face sizes of where an identity was last seen is that identity."""

PLAUSIBLE_SPEED = 17.0
"""Face sizes per second (a size is a third of a face's width) that a head in front of a camera may well move at.
Motion twice as fast is no head's; quality falls from 1 to its lowest between the two."""
PLAUSIBLE_GROWTH = 4.0
"""The same for the change of size, in factors of e per second."""
LONGEST_STEP = 0.5
"""Seconds after which motion since the last image says nothing."""
LOWEST_QUALITY = 0.05
"""Quality of a face that was found, however poor: 0 means not found."""


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
        if self.faces not in (1, 2, 3, 4):
            raise TrackerError(f"The number of faces is {self.faces}. Choose 1 to 4.")
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
        """Return one frame for each identity seen so far, in order of identity, found or lost; never empty.

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


@dataclass(slots=True)
class _Sighting:
    """Where and when an identity was last seen."""

    centre: np.ndarray
    """(2,) pixels."""
    size: float
    """Root mean square distance of the points from their centre, pixels: about a third of the face's width."""
    time: float
    in_last_image: bool


class Identities:
    """Gives each face a lasting number and its quality.

    MediaPipe lists faces in no order. A face is the identity that was last seen nearest to it, in face sizes and with
    the change of size counted; one that is near none takes a number not yet used or, when all are, the one unseen for
    longest.
    """

    def __init__(self, faces: int) -> None:
        """Keep at most `faces` identities, numbered from 0."""
        self._faces = faces
        self._seen: dict[int, _Sighting] = {}

    def assign(self, faces: list[Detection], time: float, image_size: tuple[int, int]) -> tuple[FaceFrame, ...]:
        """Return a frame for each identity seen so far: those in `faces` found, the others lost. Never empty."""
        sightings = [_sight(face, time, image_size) for face in faces]
        frames = {identity: FaceFrame.lost(time, image_size, identity) for identity in self._seen}
        chosen = self._choose(sightings)
        for identity, sighting in self._seen.items():
            sighting.in_last_image = sighting.in_last_image and identity in chosen
        for identity, index in chosen.items():
            face, sighting = faces[index], sightings[index]
            quality = _quality(face.landmarks, sighting, self._seen.get(identity))
            frames[identity] = FaceFrame(time, face.landmarks, face.scores, image_size, identity, quality)
            self._seen[identity] = sighting
        return tuple(frames[i] for i in sorted(frames)) or (FaceFrame.lost(time, image_size),)

    def _choose(self, sightings: list[_Sighting]) -> dict[int, int]:
        """Return the face's index for each identity that is there."""
        pairs = [
            (cost, identity, index)
            for (identity, known), (index, new) in itertools.product(self._seen.items(), enumerate(sightings))
            if (cost := _distance(known, new)) < SAME_FACE_DISTANCE
        ]
        chosen: dict[int, int] = {}
        placed: set[int] = set()
        for _, identity, index in sorted(pairs):
            if identity not in chosen and index not in placed:
                chosen[identity] = index
                placed.add(index)
        unused = [i for i in range(self._faces) if i not in self._seen]
        oldest_first = sorted((i for i in self._seen if i not in chosen), key=lambda i: self._seen[i].time)
        free = iter(unused + oldest_first)
        for index in range(min(len(sightings), self._faces)):
            if index not in placed:
                chosen[next(free)] = index
        return chosen


def _sight(face: Detection, time: float, image_size: tuple[int, int]) -> _Sighting:
    points = face.landmarks[:MESH_COUNT, :2] * np.array(image_size, np.float32)
    centre = points.mean(axis=0)
    size = float(np.sqrt(np.mean(np.sum((points - centre) ** 2, axis=1))))
    return _Sighting(centre, max(size, 1e-6), time, True)


def _distance(known: _Sighting, new: _Sighting) -> float:
    """Return how far two sightings are apart, in face sizes; a doubled size counts as one."""
    mean_size = (known.size + new.size) / 2
    return math.hypot(*(new.centre - known.centre)) / mean_size + abs(math.log2(new.size / known.size))


def _quality(landmarks: np.ndarray, new: _Sighting, before: _Sighting | None) -> float:
    """Return the trust in a face that was found, in [0.05, 1].

    MediaPipe tells Python nothing of its confidence, so this says what can be seen from outside: 1 for a face that is
    wholly in the picture and moves as heads do; less as points leave the picture (they are guesses there; lowest when
    half are outside), and less when it jumped or changed its size since the image before faster than a head can.
    """
    xy = landmarks[:MESH_COUNT, :2]
    inside = float(((xy >= 0) & (xy <= 1)).all(axis=1).mean())
    quality = 2 * inside - 1
    if before is not None and before.in_last_image and 0 < (step := new.time - before.time) <= LONGEST_STEP:
        speed = math.hypot(*(new.centre - before.centre)) / new.size / step
        growth = abs(math.log(new.size / before.size)) / step
        quality *= min(max(2 - max(speed / PLAUSIBLE_SPEED, growth / PLAUSIBLE_GROWTH), 0), 1)
    return max(quality, LOWEST_QUALITY)
