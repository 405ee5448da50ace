# SPDX-FileCopyrightText: 2026 Mimica authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Several devices as one source: trackers of their own, faces of their own, and a fair share of the time."""

import threading
import time
from collections import Counter

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from mimica.capture.devices import DeviceFaces, DeviceTrackers
from mimica.capture.session import CaptureSession
from mimica.capture.source import Image, SourceInfo
from mimica.capture.tracker import TrackerSettings
from mimica.mapping.frame import FaceFrame

PIXELS = np.zeros((4, 4, 3), np.uint8)
POINTS = np.full((478, 3), 0.5, np.float32)
SIZE = (4, 4)


def seen(*faces: int, time: float = 0.0) -> tuple[FaceFrame, ...]:
    return tuple(FaceFrame(time, POINTS, None, SIZE, face) for face in faces)


class Source:
    """Two devices that send all the time."""

    def __init__(self) -> None:
        self.away: set[int] = set()
        self.settings: dict[int, TrackerSettings] = {}
        self.told: list[tuple[int, tuple[int, ...]]] = []
        self._count = 0
        self._ended = threading.Event()

    def open(self) -> SourceInfo:
        return SourceInfo("Phone", "phone", 4, 4, None, None, None, True)

    def read(self) -> Image | None:
        if self._ended.wait(0.002):
            return None
        self._count += 1
        now = time.perf_counter()
        return Image(PIXELS, self._count / 100, self._count, now, self._count % 2)

    def seek(self, time: float) -> None:
        raise AssertionError

    def interrupt(self) -> None:
        self._ended.set()

    def close(self) -> None:
        self._ended.set()

    def settings_of(self, device: int) -> TrackerSettings | None:
        return self.settings.get(device)

    def is_away(self, device: int) -> bool:
        return device in self.away

    def tracked(self, image: Image, faces: tuple[FaceFrame, ...]) -> None:
        self.told.append((image.device, tuple(face.face_id for face in faces)))


class Tracker:
    """Finds as many faces as it may, slowly."""

    closed = 0

    def __init__(self, settings: TrackerSettings, seconds: float = 0.0) -> None:
        self.settings, self._seconds = settings, seconds

    def track(self, image: Image) -> tuple[FaceFrame, ...]:
        time.sleep(self._seconds)
        return seen(*range(self.settings.faces), time=image.time)

    def close(self) -> None:
        Tracker.closed += 1


def image(device: int, number: int = 0) -> Image:
    return Image(PIXELS, number / 30, number, 0.0, device)


def test_each_device_has_a_face_of_its_own_and_hears_of_it_alone() -> None:
    source = Source()
    trackers = DeviceTrackers(source, Tracker, TrackerSettings())
    assert [face.face_id for face in trackers.track(image(0))] == [0]
    assert [face.face_id for face in trackers.track(image(1))] == [1]
    assert [face.face_id for face in trackers.track(image(0, 1))] == [0]
    assert source.told == [(0, (0,)), (1, (1,)), (0, (0,))]


def test_the_faces_of_a_device_that_went_away_are_lost_once() -> None:
    source = Source()
    trackers = DeviceTrackers(source, Tracker, TrackerSettings())
    trackers.track(image(0))
    trackers.track(image(1))
    source.away = {1}
    faces = trackers.track(image(0, 1))
    assert [(face.face_id, face.found) for face in faces] == [(0, True), (1, False)]
    assert [face.face_id for face in trackers.track(image(0, 2))] == [0], "then nothing is said of it"
    source.away = set()
    assert [(face.face_id, face.found) for face in trackers.track(image(1, 3))] == [(1, True)], "it is the same again"


def test_a_device_with_other_wishes_gets_another_tracker() -> None:
    source = Source()
    trackers = DeviceTrackers(source, Tracker, TrackerSettings())
    trackers.track(image(1))
    before = Tracker.closed
    source.settings[1] = TrackerSettings(faces=2)
    assert [face.face_id for face in trackers.track(image(1, 1))] == [1, 3]
    assert Tracker.closed == before + 1
    assert [face.face_id for face in trackers.track(image(0, 2))] == [0]
    trackers.close()
    assert Tracker.closed == before + 3


@given(st.lists(st.tuples(st.integers(0, 3), st.integers(1, 4)), min_size=1, max_size=20))
def test_numbers_are_never_shared_and_stay(images: list[tuple[int, int]]) -> None:
    numbers = DeviceFaces()
    owners: dict[int, tuple[int, int]] = {}
    for device, count in images:
        faces = numbers.renumber(device, seen(*range(count)))
        assert faces
        found = [face for face in faces if face.found]
        assert len(found) <= count
        assert [face.face_id for face in faces] == sorted({face.face_id for face in faces})
        for face in found:
            assert 0 <= face.face_id < 4
            assert owners.setdefault(face.face_id, (device, 0))[0] == device


def test_two_devices_share_a_slow_tracker_fairly() -> None:
    source = Source()
    session = CaptureSession(
        source, lambda: DeviceTrackers(source, lambda settings: Tracker(settings, 0.01), TrackerSettings())
    )
    session.start()
    limit = time.monotonic() + 20
    while len(source.told) < 30 and time.monotonic() < limit:
        time.sleep(0.01)
    assert session.stop()
    counts = Counter(device for device, _faces in source.told)
    assert min(counts[0], counts[1]) > 10, counts
    assert session.stats().dropped > 30, "the newest wins, for each"
