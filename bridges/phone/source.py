# SPDX-FileCopyrightText: 2026 Mimica authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The devices' images as a source of a capture, and the way of its results back to them."""

import math
import threading
import time
from collections import OrderedDict, deque
from collections.abc import Callable
from dataclasses import replace
from typing import Protocol

import numpy as np

from ...capture.source import Image, SourceError, SourceInfo
from ...capture.tracker import TrackerSettings
from ...mapping.frame import FaceFrame
from .device import Picture
from .messages import pack_result

_WAITING_IMAGES = 8
"""Of each device, for a reader that is held up for a moment; the oldest give way."""
_REMEMBERED = 512
"""Images under way whose capture is remembered."""
_WINDOW = 1.0
_NO_PIXELS = np.empty((0, 0, 3), np.uint8)


class Host(Protocol):
    """What the source needs of its server. All of it may be called from any thread."""

    def attach(self, source: "PhoneSource") -> None:
        """Let images go to this source from now on."""
        ...

    def detach(self, source: "PhoneSource") -> None:
        """Let images go nowhere, unless they go to another source by now."""
        ...

    def send_result(self, device: int, result: bytes) -> None:
        """Send a result to a device's page, if it is there. Returns at once."""
        ...

    def settings_of(self, device: int) -> TrackerSettings | None:
        """Return what the device's page wants; None: nothing of its own."""
        ...

    def is_away(self, device: int) -> bool:
        """Whether nothing comes from the device at present."""
        ...

    @property
    def running(self) -> bool:
        """Whether it serves, or is about to."""
        ...


class PhoneSource:
    """A `FrameSource` whose images come from several devices, told apart by `Image.device`. It never ends by itself."""

    def __init__(self, host: Host, open_timeout: float = 0.0) -> None:
        """Nothing is attached yet.

        :param open_timeout: seconds to wait for the first image; 0: for as long as it takes.
        """
        self._host = host
        self._patience = open_timeout
        self._changed = threading.Condition()
        self._waiting: dict[int, deque[Picture]] = {}
        self._ended = False
        self._info: SourceInfo | None = None
        self._began = 0.0
        self._last = -1.0
        self._count = 0
        self._under_way: OrderedDict[int, Picture] = OrderedDict()
        self._results: dict[int, deque[float]] = {}
        self.trace: Callable[[Picture, float], None] | None = None
        """Is told of each image whose faces are known, and when that was (`time.perf_counter`): for measurements."""

    # As FrameSource

    def open(self) -> SourceInfo:
        """Wait for the first image of any device. Raises SourceError when the server is off."""
        if self._info is not None:
            return self._info
        self._host.attach(self)
        limit = time.monotonic() + self._patience if self._patience else math.inf
        with self._changed:
            while not self._ended and not any(self._waiting.values()):
                if not self._host.running:
                    raise SourceError("The server for phones is off. Switch it on, then start the capture again.")
                if time.monotonic() > limit:
                    raise SourceError("No phone sends a picture. Scan the code with it and allow its camera.")
                self._changed.wait(0.25)
            first = next((pictures[0] for pictures in self._waiting.values() if pictures), None)
        if first is None:
            return SourceInfo("Phone", "phone", 0, 0, None, None, None, True)
        height, width = first.pixels.shape[:2]
        self._began = first.moment
        self._info = SourceInfo("Phone", "phone", width, height, None, None, None, True)
        return self._info

    def read(self) -> Image | None:
        """Return the next image, the devices by turns; waits for as long as nobody sends. None when interrupted."""
        with self._changed:
            while not any(self._waiting.values()):
                if self._ended:
                    return None
                if not self._host.running:
                    raise SourceError("The server for phones was switched off, so the capture ended.")
                self._changed.wait(0.25)
            if self._ended:
                return None
            device = min((d for d, pictures in self._waiting.items() if pictures), key=self._first_moment)
            picture = self._waiting[device].popleft()
        moment = max(picture.moment - self._began, self._last + 1e-6, 0.0)
        self._last = moment
        image = Image(picture.pixels, moment, self._count, picture.arrived, device)
        self._count += 1
        self._under_way[image.index] = _without_pixels(picture)
        while len(self._under_way) > _REMEMBERED:
            self._under_way.popitem(last=False)
        return image

    def seek(self, time: float) -> None:
        """See `FrameSource.seek`."""
        raise SourceError("A phone's picture is live: there is nothing to go back to.")

    def interrupt(self) -> None:
        """See `FrameSource.interrupt`."""
        with self._changed:
            self._ended = True
            self._changed.notify_all()

    def close(self) -> None:
        """Let images go nowhere again."""
        self.interrupt()
        self._host.detach(self)

    # From the server

    def offer(self, picture: Picture) -> None:
        """Take an image. Any thread; returns at once."""
        with self._changed:
            self._waiting.setdefault(picture.device, deque(maxlen=_WAITING_IMAGES)).append(picture)
            self._changed.notify_all()

    # For the tracker, see `capture.devices.DeviceSource`

    def settings_of(self, device: int) -> TrackerSettings | None:
        """See `DeviceSource.settings_of`."""
        return self._host.settings_of(device)

    def is_away(self, device: int) -> bool:
        """See `DeviceSource.is_away`."""
        return self._host.is_away(device)

    def tracked(self, image: Image, faces: tuple[FaceFrame, ...]) -> None:
        """Send the faces to the page of the device that the image is from."""
        picture = self._under_way.pop(image.index, None)
        if picture is None:
            return
        now = time.perf_counter()
        times = self._results.setdefault(image.device, deque())
        times.append(now)
        while times[0] < now - _WINDOW:
            times.popleft()
        height, width = image.pixels.shape[:2]
        result = pack_result(
            faces,
            number=image.index,
            captured=picture.captured * 1e3,
            here_ms=(now - image.grabbed) * 1e3,
            rate=len(times) / _WINDOW,
            aspect=width / height,
        )
        self._host.send_result(image.device, result)
        if self.trace is not None:
            self.trace(picture, now)

    def _first_moment(self, device: int) -> float:
        return self._waiting[device][0].moment


def _without_pixels(picture: Picture) -> Picture:
    """Return a picture without its pixels, for remembering."""
    return replace(picture, pixels=_NO_PIXELS)
