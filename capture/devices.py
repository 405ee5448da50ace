# SPDX-FileCopyrightText: 2026 Mimica authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Several devices as one source: each has a tracker of its own, and its faces have numbers that no other's have."""

from collections.abc import Callable
from dataclasses import replace
from typing import Protocol

from ..mapping.frame import FaceFrame
from .identity import MOST_FACES
from .session import FaceTracker
from .source import FrameSource, Image
from .tracker import TrackerSettings


class DeviceSource(FrameSource, Protocol):
    """A source whose images come from several devices, see `Image.device`. These may be called from any thread."""

    def settings_of(self, device: int) -> TrackerSettings | None:
        """Return the number of faces, detection and tracking that the device wishes; None: as in all.

        The other settings are those of all.
        """
        ...

    def is_away(self, device: int) -> bool:
        """Whether no images come from the device at present: its faces are lost."""
        ...

    def tracked(self, image: Image, faces: tuple[FaceFrame, ...]) -> None:
        """Take the faces found in an image of this source, those of its device alone."""
        ...


class DeviceTrackers:
    """A tracker for each device. Used from one thread.

    The result for an image holds the faces of its device alone, and once, as lost, those of devices that went away: of
    the others, nothing is known at that moment.
    """

    def __init__(
        self, source: DeviceSource, make: Callable[[TrackerSettings], FaceTracker], settings: TrackerSettings
    ) -> None:
        """Make no tracker yet.

        :param settings: for devices that want nothing of their own.
        """
        self._source, self._make, self._settings = source, make, settings
        self._trackers: dict[int, tuple[TrackerSettings, FaceTracker]] = {}
        self._faces = DeviceFaces()
        self._found: dict[int, tuple[FaceFrame, ...]] = {}
        """The faces that were found in each device's newest image."""

    def track(self, image: Image) -> tuple[FaceFrame, ...]:
        """Track an image with its device's own tracker, see `Tracker.track`. Never empty."""
        local = self._tracker_for(image.device).track(image)
        faces = self._faces.renumber(image.device, local)
        self._found[image.device] = tuple(face for face in faces if face.found)
        self._source.tracked(image, faces)
        return faces + self._lost(image)

    def close(self) -> None:
        """Free all trackers."""
        for _, tracker in self._trackers.values():
            tracker.close()
        self._trackers.clear()

    def _tracker_for(self, device: int) -> FaceTracker:
        wish, wanted = self._source.settings_of(device), self._settings
        if wish is not None:
            wanted = replace(wanted, faces=wish.faces, detection=wish.detection, tracking=wish.tracking)
        known = self._trackers.get(device)
        if known is not None and known[0] == wanted:
            return known[1]
        if known is not None:
            known[1].close()
        tracker = self._make(wanted)
        self._trackers[device] = (wanted, tracker)
        return tracker

    def _lost(self, image: Image) -> tuple[FaceFrame, ...]:
        lost: list[FaceFrame] = []
        for device in [d for d in self._found if d != image.device and self._source.is_away(d)]:
            lost += [FaceFrame.lost(image.time, face.image_size, face.face_id) for face in self._found.pop(device)]
        return tuple(lost)


class DeviceFaces:
    """Gives the faces of several devices numbers from 0 to 3, for good: a device's first face gets the device's own."""

    def __init__(self) -> None:
        """Know nobody yet."""
        self._numbers: dict[tuple[int, int], int] = {}

    def renumber(self, device: int, faces: tuple[FaceFrame, ...]) -> tuple[FaceFrame, ...]:
        """Return the faces with their numbers, in order; those for whom there is none left are left out.

        Never empty: where none is left for any, a lost face stands for them.
        """
        kept: list[FaceFrame] = []
        for face in faces:
            number = self._number(device, face.face_id)
            if number is not None:
                kept.append(replace(face, face_id=number))
        kept.sort(key=lambda face: face.face_id)
        return tuple(kept) or (FaceFrame.lost(faces[0].time, faces[0].image_size, device % MOST_FACES),)

    def _number(self, device: int, face: int) -> int | None:
        key = (device, face)
        if key not in self._numbers:
            free = [n for n in range(MOST_FACES) if n not in self._numbers.values()]
            if not free:
                return None
            # Further faces take the last numbers, so that those of devices yet to come stay free.
            self._numbers[key] = device if face == 0 and device in free else free[0] if face == 0 else free[-1]
        return self._numbers[key]
