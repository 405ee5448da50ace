# SPDX-FileCopyrightText: 2026 Mimica authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Who is who: lasting numbers for faces, by place, size and proportions, and the trust in each face.

MediaPipe lists faces in no order, and where one hides another it may find the same face twice. A face is followed from
image to image by its place (a track); whose track it is, its proportions tell, and where a person was last seen. A
wrong guess is put right as more of the track is seen.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ..mapping.frame import FaceFrame
from .landmarker import MESH_COUNT, Detection
from .likeness import Likeness, difference, likeness

MOST_FACES = 4
"""People that are told apart."""

SAME_FACE_DISTANCE = 3.0
"""A face within this many face sizes of where it was in the last image may be the same. A size is about a third of a
face's width."""
SAME_FACE_CHANGE = 1.5
"""Proportions that change by more than this from one image to the next are another's: a cut. To be mistaken
costs little: the track begins anew, in the same place."""
TWICE_THE_SAME = 1.0
"""Two faces nearer than this, in face sizes, are one that was found twice: heads do not fit into each other."""

UNLIKE = 3.3
"""From this cost on a face is a new person's: proportions that differ by 2.5 at another place or after a while, or by
this where somebody was seen a moment ago."""
UNKNOWN = 1.5
"""Cost of proportions that are not known: between one person's and two people's."""
ELSEWHERE = 0.8
"""Cost of appearing where the person was not seen last, against the difference of proportions."""
FORGET_PLACE = 1.0
"""Seconds: time constant with which the place of a person who is not seen stops to mean anything."""
FAMILIAR = 10.0
"""Calm images after which a person is known well enough to say that an image is strange."""
STRANGE = 2.0
"""A known person's image that differs by more teaches nothing: an odd pose, or somebody else."""
HOLD = 0.3
"""By how much another person must fit better before a track changes hands."""
ENOUGH = 3.0
"""Calm images for which a face that comes from elsewhere is watched before it gets a number, while somebody it could be
is away."""
WATCH = 30
"""Images after which it gets one all the same."""
RECENT, SETTLED = 30.0, 300.0
"""Calm images over which the proportions of a track and of a person are averaged."""
UNSETTLED = 2
"""Images in which a face that was just found is not measured yet: the tracker's points are still on their way."""
MARGIN = 0.5
"""A face nearer to the picture's border than this, in face sizes, is not measured: a part of it may be cut off."""

_NO_STEP = 100.0
"""More than any step costs: a track that can go on does."""

PLAUSIBLE_SPEED = 17.0
"""Face sizes per second that a head in front of a camera may well move at. Motion twice as fast is no head's; quality
falls from 1 to its lowest between the two."""
PLAUSIBLE_GROWTH = 4.0
"""The same for the change of size, in factors of e per second."""
LONGEST_STEP = 0.5
"""Seconds after which motion since the last image says nothing."""
SHARP = 18.0
"""Pixels: size of a face, some 60 pixels high, from which its points are as good as from near."""
BLURRED = 0.25
"""Share of the quality that is left of a face of no size at all; half is left where it is 20 pixels high."""
LOWEST_QUALITY = 0.05
"""Quality of a face that was found, however poor: 0 means not found."""


@dataclass(frozen=True, slots=True, eq=False)
class _Sighting:
    """One face in one image."""

    face: Detection
    centre: np.ndarray
    """(2,) pixels."""
    size: float
    """Root mean square distance of the points from their centre, pixels."""
    inside: float
    """[0, 1]: share of the points that are inside the picture."""
    time: float
    likeness: Likeness | None
    """None where it cannot be measured."""


@dataclass(slots=True, eq=False)
class _Evidence:
    """What many images say of whose face it is."""

    longest: float
    """Calm images that are averaged over; older ones fade."""
    weight: float = 0.0
    """Calm images so far."""
    mean: np.ndarray | None = None

    def add(self, seen: Likeness | None) -> None:
        if seen is not None:
            self.weight = min(self.weight + seen.trust, self.longest)
            self.mean = seen.proportions if self.mean is None else _blend(self.mean, seen, self.weight)

    def against(self, other: "_Evidence") -> float:
        """Return how much two differ, as far as it is known."""
        if self.mean is None or other.mean is None:
            return UNKNOWN
        known = (1.0 - math.exp(-self.weight)) * (1.0 - math.exp(-other.weight))
        return known * difference(self.mean, other.mean) + (1.0 - known) * UNKNOWN


def _blend(mean: np.ndarray, seen: Likeness, weight: float) -> np.ndarray:
    return mean + (seen.proportions - mean) * (seen.trust / weight)


class _Track:
    """A face followed without a break."""

    def __init__(self, sighting: _Sighting) -> None:
        self.first = self.last = sighting
        self.images = 1
        self.evidence = _Evidence(RECENT)
        self.person: _Person | None = None

    def follow(self, sighting: _Sighting) -> None:
        """Go on to the next image."""
        self.last = sighting
        self.images += 1
        if self.settled:
            self.evidence.add(sighting.likeness)

    @property
    def settled(self) -> bool:
        return self.images > UNSETTLED


@dataclass(slots=True, eq=False)
class _Person:
    number: int
    last: _Sighting
    evidence: _Evidence

    def see(self, track: _Track) -> None:
        """Learn from an image of this person."""
        self.last = track.last
        seen, known = track.last.likeness, self.evidence
        if seen is None or not track.settled:
            return
        if known.mean is None or known.weight < FAMILIAR or difference(seen.proportions, known.mean) < STRANGE:
            known.add(seen)


class Identities:
    """Gives each face a lasting number and its quality. Used from one thread."""

    def __init__(self, faces: int) -> None:
        """Number people from 0. When `faces` is 1, whoever is there is 0; else up to four are told apart over time.

        When a fifth comes, the number of the one unseen for longest is used again.
        """
        self._single = faces == 1
        self._faces = faces
        self._tracks: list[_Track] = []
        self._people: dict[int, _Person] = {}

    def assign(self, faces: Sequence[Detection], time: float, image_size: tuple[int, int]) -> tuple[FaceFrame, ...]:
        """Return a frame for each person seen so far: those in `faces` found, the others lost. Never empty."""
        sightings = [_sight(face, time, image_size, measure=not self._single) for face in faces]
        before = {person.number: track.last for track in self._tracks if (person := track.person)}
        if self._single:
            self._follow_one(sightings)
        else:
            self._follow(_without_doubles(sightings, self._tracks)[: self._faces])
            self._name()
        frames = {number: FaceFrame.lost(time, image_size, number) for number in self._people}
        for track in self._tracks:
            person, new = track.person, track.last
            if person is not None:
                quality = _quality(new, before.get(person.number))
                person.see(track)
                frames[person.number] = FaceFrame(
                    time, new.face.landmarks, new.face.scores, image_size, person.number, quality
                )
        return tuple(frames[i] for i in sorted(frames)) or (FaceFrame.lost(time, image_size),)

    def _follow_one(self, sightings: list[_Sighting]) -> None:
        self._tracks = [_Track(sighting) for sighting in sightings[:1]]
        for track in self._tracks:
            track.person = self._people.setdefault(0, _Person(0, track.last, _Evidence(SETTLED)))

    def _follow(self, sightings: list[_Sighting]) -> None:
        """Lead tracks on to this image's faces; the others end, and faces without one begin one."""
        costs = [[_step(track.last, sighting) for sighting in sightings] for track in self._tracks]
        led = {
            index: track
            for track, index in zip(self._tracks, _cheapest(costs, _NO_STEP), strict=True)
            if index is not None
        }
        if any(_change(track.last, sightings[index]) > SAME_FACE_CHANGE for index, track in led.items()):
            led = {}  # a cut: nobody need be where they were
        for index, track in led.items():
            track.follow(sightings[index])
        self._tracks = [led.get(i) or _Track(sighting) for i, sighting in enumerate(sightings)]

    def _name(self) -> None:
        """Find out whose each track is, all of them at once."""
        people = list(self._people.values())
        costs = [[_unlikeness(track, person) for person in people] for track in self._tracks]
        owners = [None if index is None else people[index] for index in _cheapest(costs, UNLIKE)]
        away = any(person not in owners for person in people)
        for track, owner in zip(self._tracks, owners, strict=True):
            track.person = owner
        # Of those who come together the leftmost is first.
        for track in sorted(self._tracks, key=lambda track: float(track.last.centre[0])):
            if track.person is None and (not away or _watched(track)):
                track.person = self._newcomer(track)

    def _newcomer(self, track: _Track) -> "_Person":
        unused = [number for number in range(MOST_FACES) if number not in self._people]
        if unused:
            number = unused[0]
        else:
            present = {other.person.number for other in self._tracks if other.person}
            number = min((n for n in self._people if n not in present), key=lambda n: self._people[n].last.time)
        self._people[number] = _Person(number, track.last, _Evidence(SETTLED))
        return self._people[number]


def _unlikeness(track: _Track, person: _Person) -> float:
    """Return how badly a track fits a person: the difference of proportions, and of where it began."""
    if track.person is person:
        return track.evidence.against(person.evidence) - HOLD
    away = max(track.first.time - person.last.time, 0.0)
    near = max(0.0, 1.0 - _distance(person.last, track.first) / SAME_FACE_DISTANCE)
    near *= math.exp(-away / FORGET_PLACE)
    if near < 0.5 and not _watched(track):
        return math.inf
    return track.evidence.against(person.evidence) + ELSEWHERE * (1.0 - near)


def _watched(track: _Track) -> bool:
    """Whether enough of a track was seen to say whose it is, or enough time has gone."""
    return track.evidence.weight >= ENOUGH or track.images > WATCH


def _sight(face: Detection, time: float, image_size: tuple[int, int], *, measure: bool) -> _Sighting:
    xy = face.landmarks[:MESH_COUNT, :2]
    points = xy * np.array(image_size, np.float32)
    centre = points.mean(axis=0)
    size = float(np.sqrt(np.mean(np.sum((points - centre) ** 2, axis=1))))
    inside = float(((xy >= 0) & (xy <= 1)).all(axis=1).mean())
    margin = min(points.min(), (image_size - points).min())
    seen = likeness(face.landmarks, image_size) if measure and margin > MARGIN * size else None
    return _Sighting(face, centre, max(size, 1e-6), inside, time, seen)


def _without_doubles(sightings: list[_Sighting], tracks: list[_Track]) -> list[_Sighting]:
    """Return the sightings without those of a face that is there already; what goes on from the last image stays."""
    kept: list[_Sighting] = []
    for sighting in sorted(sightings, key=lambda s: min((_step(t.last, s) for t in tracks), default=0.0)):
        if all(_distance(other, sighting) > TWICE_THE_SAME for other in kept):
            kept.append(sighting)
    return kept


def _distance(known: _Sighting, new: _Sighting) -> float:
    """Return how far two sightings are apart, in face sizes; a doubled size counts as one."""
    mean_size = (known.size + new.size) / 2
    return math.hypot(*(new.centre - known.centre)) / mean_size + abs(math.log2(new.size / known.size))


def _step(known: _Sighting, new: _Sighting) -> float:
    """Return what speaks against one face being the other an image later, infinity when it cannot be."""
    distance = _distance(known, new)
    return distance + _change(known, new) if distance < SAME_FACE_DISTANCE else math.inf


def _change(known: _Sighting, new: _Sighting) -> float:
    """Return how much the proportions change from one image to the next; what is hardly seen may do as it likes."""
    if known.likeness is None or new.likeness is None:
        return 0.0
    trust = min(known.likeness.trust, new.likeness.trust)
    return trust * difference(known.likeness.proportions, new.likeness.proportions)


def _cheapest(costs: list[list[float]], none: float) -> list[int | None]:
    """Return a column for each row, or None, no column twice, such that the sum of costs is least.

    :param none: what a row without a column costs. A cost of infinity is never chosen.
    """

    def best(row: int, free: frozenset[int]) -> tuple[float, list[int | None]]:
        if row == len(costs):
            return 0.0, []
        total, rest = best(row + 1, free)
        least: tuple[float, list[int | None]] = (none + total, [None, *rest])
        for column in sorted(free):
            cost = costs[row][column]
            if math.isfinite(cost):
                total, rest = best(row + 1, free - {column})
                if cost + total < least[0]:
                    least = (cost + total, [column, *rest])
        return least

    # At most four by four: 209 ways.
    return best(0, frozenset(range(len(costs[0]) if costs else 0)))[1]


def _quality(new: _Sighting, before: _Sighting | None) -> float:
    """Return the trust in a face that was found, in [0.05, 1].

    MediaPipe tells Python nothing of its confidence, so this says what can be seen from outside: 1 for a face that is
    wholly in the picture and moves as heads do; less as points leave the picture (they are guesses there; lowest when
    half are outside), less the smaller it is below `SHARP`, and less when it jumped or changed its size since the image
    before faster than a head can.
    """
    quality = (2 * new.inside - 1) * min(BLURRED + (1 - BLURRED) * new.size / SHARP, 1.0)
    if before is not None and 0 < (step := new.time - before.time) <= LONGEST_STEP:
        speed = math.hypot(*(new.centre - before.centre)) / new.size / step
        growth = abs(math.log(new.size / before.size)) / step
        quality *= min(max(2 - max(speed / PLAUSIBLE_SPEED, growth / PLAUSIBLE_GROWTH), 0), 1)
    return max(quality, LOWEST_QUALITY)
