# SPDX-FileCopyrightText: 2026 Mimica authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Faces that the plain tracker does not find: far away, on their side, in the dark.

They are searched for with a detector, the image in tiles (`face_search`), and then followed: each in a square of its
own, upright and enlarged (`face_crop`), which is given to a Face Landmarker in place of the image. What it finds there
is laid back into the image. Searching is the dear part: live it takes a few looks an image and goes on in the next,
and where nobody is there it pauses longer and longer.
"""

import logging
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from .face_crop import Crop, brightened, crop_of_box, crop_of_landmarks
from .face_detector import FaceBox, FaceDetector
from .face_search import Tile, around, plan
from .landmarker import Detection, Landmarker
from .stamp_clock import DILATION, USUAL_STEP

logger = logging.getLogger(__name__)

LOOKS = 2
"""Parts of an image that the detector looks at while live: about 7 ms each. A whole search of 1080p is 25."""
SHORTEST_PAUSE = 4
"""Images without a look after a search that found nobody. Each one after that pauses twice as long."""
LONGEST_PAUSE, LONGEST_PAUSE_PATIENT = 30, 4
"""The longest such pause; the second for files, where few images may be missed and nobody waits."""
PLAIN_EVERY = 10
"""While all faces are followed in squares, the plain tracker looks at one image of so many, to take them back."""
_SURE = 0.75
"""Score from which an upright face is taken as upright without looking at it on its side and on its head."""
_UPRIGHT = math.radians(30)
"""Roll up to which the key points of a face are believed."""
_WRONG = math.radians(60)
"""Roll by which the plain tracker's points must be off for the face to be followed here instead."""
_HINT = 3.0
"""Sides of a lost face's square that are looked at around its last place."""
_LEAST_HEIGHT = 10.0
"""Pixels: a face that is lower is no longer followed; its points are guesses."""
_SAME = 0.5
"""Two faces whose middles are nearer than this, in the smaller one's heights, are the same."""

_STAMP = round(USUAL_STEP * 1000 * DILATION)


@dataclass(slots=True, eq=False)
class _Follower:
    """One face and the square around it."""

    landmarker: Landmarker
    crop: Crop
    stamp: int = 0
    last: Detection | None = None

    def look(self, pixels: np.ndarray) -> Detection | None:
        """Find the face in its square, lay the square anew where it must be, and return the face in the image."""
        found = self._detect(pixels) or self._detect(pixels)
        if found is not None:
            wanted = crop_of_landmarks(found.landmarks, _size(pixels))
            if not self.crop.holds(wanted):
                self.crop = wanted
                # Once more, so that MediaPipe knows where in the new square the face is.
                found = self._detect(pixels) or found
        self.last = found if found is not None and _height(found, _size(pixels)) >= _LEAST_HEIGHT else None
        return self.last

    def _detect(self, pixels: np.ndarray) -> Detection | None:
        self.stamp += _STAMP
        found = self.landmarker.detect(brightened(self.crop.cut(pixels)), self.stamp)
        if not found:
            return None
        return Detection(self.crop.landmarks_to_image(found[0].landmarks, _size(pixels)), found[0].scores)


class FarFaces:
    """Completes what the plain tracker found. Made once, used from one thread at a time."""

    def __init__(
        self,
        detector: FaceDetector,
        make_landmarker: Callable[[], Landmarker],
        *,
        faces: int,
        least_score: float,
        patient: bool,
    ) -> None:
        """Nothing is loaded yet.

        :param make_landmarker: makes a Face Landmarker for one face; called at most `faces` times, when needed.
        :param faces: most faces at once.
        :param least_score: [0, 1]: how sure the detector must be to begin with a face.
        :param patient: search all of an image before the next one comes; for files.
        """
        self._detector, self._make_landmarker = detector, make_landmarker
        self._faces, self._least_score, self._patient = faces, least_score, patient
        self._followers: list[_Follower] = []
        self._idle: list[_Follower] = []
        self._plan: list[Tile] = []
        self._planned: tuple[int, int] | None = None
        self._next = 0
        self._pause = 0
        self._rest_until = 0
        self._image = 0
        self._known: Sequence[Detection] = ()
        self.looks = 0
        """How often the detector has looked at something."""

    @property
    def plain_is_due(self) -> bool:
        """Whether the plain tracker should look at the next image."""
        return len(self._followers) < self._faces or self._image % PLAIN_EVERY == 0

    def complete(self, pixels: np.ndarray, plain: Sequence[Detection]) -> list[Detection]:
        """Return the faces in uint8 (h, w, 3): those that the plain tracker found, then those found here.

        Takes a twentieth of a millisecond where all are found plainly and were there before. Raises `LandmarkerError`
        and `DetectorError`.
        """
        self._image += 1
        size = _size(pixels)
        new = [face for face in plain if not any(_same(face, other, size) for other in self._known)]
        if len(plain) >= self._faces and not new and not self._followers:
            self._known = plain
            self._next = self._pause = self._rest_until = 0
            return list(plain)
        pixels = np.ascontiguousarray(pixels)
        if size != self._planned:
            self._plan = plan(size, self._detector.size, self._detector.least)
            self._planned, self._next = size, 0
        found = list(plain)
        for follower in self._followers[:]:
            face = follower.look(pixels)
            if face is not None:
                # What the plain tracker takes the wrong way up is this one, which was looked at from all sides.
                found = [other for other in found if not (_same(face, other, size) and _turned(face, other, size))]
            if face is None or len(found) >= self._faces or any(_same(face, other, size) for other in found):
                self._release([follower])
            else:
                found.append(face)
        for face in new:
            if face in found and (right := self._put_right(pixels, face)) is not None:
                found[found.index(face)] = right
        lost = [face for face in self._known if not any(_same(face, other, size) for other in found)]
        if len(found) < self._faces:
            self._search(pixels, found, lost)
        self._known = tuple(found)
        return found

    def close(self) -> None:
        """Free it. May be called twice."""
        self._release(self._followers)
        for follower in self._idle:
            follower.landmarker.close()
        self._idle = []
        self._detector.close()

    def _put_right(self, pixels: np.ndarray, face: Detection) -> Detection | None:
        """Return the face as it is where the plain tracker has just begun to take it the wrong way up, else None."""
        crop = crop_of_landmarks(face.landmarks, _size(pixels))
        upright = self._upright(pixels, crop)
        if upright is None or abs(math.remainder(upright.angle - crop.angle, math.tau)) < _WRONG:
            return None
        follower = self._follow(pixels, upright)
        if follower is None or follower.last is None or not _turned(follower.last, face, _size(pixels)):
            return None
        self._followers.append(follower)
        return follower.last

    def _search(self, pixels: np.ndarray, found: list[Detection], lost: Sequence[Detection]) -> None:
        """Look at some parts of the image and add the faces there to `found`."""
        size = _size(pixels)
        looks = self.looks
        for face in lost:
            # Whoever was here a moment ago is most likely near, whatever the search was about.
            self._pause = self._rest_until = 0
            crop = crop_of_landmarks(face.landmarks, size)
            tile = around(np.array([crop.x, crop.y]), crop.side * _HINT, size)
            if tile is not None and len(found) < self._faces:
                self._try(tile, pixels, found)
        if self._image < self._rest_until:
            return
        while len(found) < self._faces and (self._patient or self.looks - looks < LOOKS):
            before = len(found)
            self._try(self._plan[self._next], pixels, found)
            self._next += 1
            if len(found) > before:
                self._pause = 0
            if self._next >= len(self._plan):
                longest = LONGEST_PAUSE_PATIENT if self._patient else LONGEST_PAUSE
                self._pause = min(max(self._pause * 2, SHORTEST_PAUSE), longest)
                self._rest_until = self._image + self._pause
                self._next = 0
                return
        if len(found) >= self._faces:
            self._next = self._pause = 0

    def _try(self, tile: Tile, pixels: np.ndarray, found: list[Detection]) -> None:
        """Look at a part of the image and add the faces there to `found`."""
        size = _size(pixels)
        for face in map(tile.place, self._look(tile.cut(pixels))):
            if len(found) >= self._faces:
                return
            if any(_inside(face, other, size) for other in found):
                continue
            follower = self._begin(pixels, face)
            new = follower.last if follower else None
            if follower is None or new is None:
                continue
            if any(_same(new, other, size) for other in found):
                self._idle.append(follower)
            else:
                self._followers.append(follower)
                found.append(new)

    def _begin(self, pixels: np.ndarray, face: FaceBox) -> _Follower | None:
        """Return a follower that has seen the face of a box, None where there is none after all."""
        crop = self._upright(pixels, crop_of_box(face))
        return None if crop is None else self._follow(pixels, crop)

    def _follow(self, pixels: np.ndarray, crop: Crop) -> _Follower | None:
        """Return a follower that has seen the face in a square, None where there is none."""
        if self._idle:
            follower = self._idle.pop()
            follower.crop, follower.last = crop, None
        else:
            follower = _Follower(self._make_landmarker(), crop)
        # Twice: the first points come from a detector's box, the second from the first.
        if follower.look(pixels) is None or follower.look(pixels) is None:
            self._idle.append(follower)
            return None
        return follower

    def _upright(self, pixels: np.ndarray, crop: Crop) -> Crop | None:
        """Return the square laid as the detector sees the face from near, None when it sees none there.

        The key points of a face on its side or on its head are off, while its score is best when it is upright.
        """
        best: tuple[float, Crop] | None = None
        for turn in (0.0, np.pi / 2, -np.pi / 2, np.pi):
            # Only the first one was laid by key points; the others are right-angled to the picture.
            square = crop if turn == 0 else Crop(crop.x, crop.y, crop.side, float(turn))
            view = square.cut(pixels, self._detector.size)
            middle = np.full(2, self._detector.size / 2)
            faces = [face for face in self._look(view) if np.abs(face.centre - middle).max() < self._detector.size / 4]
            if not faces:
                continue
            near = crop_of_box(faces[0])
            x, y = square.to_image(np.array([near.x, near.y]) / self._detector.size)
            believed = abs(near.angle) <= _UPRIGHT
            angle = square.angle + (near.angle if believed else 0.0)
            laid = Crop(float(x), float(y), near.side / self._detector.size * square.side, angle)
            score = faces[0].score - (0.0 if believed else 0.2)
            if best is None or score > best[0]:
                best = score, laid
            if turn == 0 and believed and score >= _SURE and abs(crop.angle) <= _UPRIGHT:
                break
        return best[1] if best else None

    def _look(self, view: np.ndarray) -> list[FaceBox]:
        self.looks += 1
        return self._detector.detect(brightened(view), self._least_score)

    def _release(self, followers: Sequence[_Follower]) -> None:
        """Follow these no more; their landmarkers are kept for others."""
        followers = list(followers)
        self._followers = [follower for follower in self._followers if follower not in followers]
        self._idle += followers


def _size(pixels: np.ndarray) -> tuple[int, int]:
    return pixels.shape[1], pixels.shape[0]


def _points(face: Detection, size: tuple[int, int]) -> np.ndarray:
    return face.landmarks[:468, :2] * np.asarray(size, np.float32)


def _height(face: Detection, size: tuple[int, int]) -> float:
    """Pixels: the longer side of the box around the points."""
    points = _points(face, size)
    return float((points.max(axis=0) - points.min(axis=0)).max())


def _same(a: Detection, b: Detection, size: tuple[int, int]) -> bool:
    """Whether two faces are one, found twice."""
    apart = np.linalg.norm(_points(a, size).mean(axis=0) - _points(b, size).mean(axis=0))
    return bool(apart < _SAME * min(_height(a, size), _height(b, size)))


def _turned(a: Detection, b: Detection, size: tuple[int, int]) -> bool:
    """Whether two faces are turned so differently that one of them is taken the wrong way up."""
    angles = [crop_of_landmarks(face.landmarks, size).angle for face in (a, b)]
    return abs(math.remainder(angles[0] - angles[1], math.tau)) >= _WRONG


def _inside(face: FaceBox, known: Detection, size: tuple[int, int]) -> bool:
    """Whether a detector's face is one that is known already."""
    apart = np.linalg.norm(face.centre - _points(known, size).mean(axis=0))
    return bool(apart < _SAME * min(_height(known, size), face.side))
