# SPDX-FileCopyrightText: 2026 Mimica authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Live devices with time limits: one thread opens, reads and releases the device, so nobody else can hang on it."""

import logging
import threading
import time
from collections import deque
from collections.abc import Callable
from typing import Any, Protocol

import numpy as np

from .source import Image, SourceError, SourceInfo, SourceKind, load_cv2, to_rgb

log = logging.getLogger(__name__)

_WAITING_IMAGES = 32
"""Images kept for a reader that is held up for a moment; the oldest give way."""
_CLOSE_LIMIT = 5.0
"""Seconds that `close` waits for a device that does not let go; its thread releases it when it does."""
_RETRY_PAUSE = 0.02
"""Seconds between reads that fail at once."""


class Device(Protocol):
    """A camera or a connection. The thread that made it reads and releases it; `abort` comes from any thread."""

    @property
    def name(self) -> str:
        """What the user knows it by."""
        ...

    @property
    def rate(self) -> float | None:
        """Nominal images a second, if it says."""
        ...

    def read(self) -> tuple[np.ndarray, float] | None:
        """Wait for an image: RGB pixels and `time.perf_counter()` at the grab. None when this one failed.

        Raises OSError when there will be no more images.
        """
        ...

    def abort(self) -> None:
        """Make a waiting `read` return soon, where the device can; returns at once."""
        ...

    def release(self) -> None:
        """Let go of the device."""
        ...


class CaptureDevice:
    """An opened `cv2.VideoCapture` as a device."""

    def __init__(self, capture: Any, name: str) -> None:
        self._capture = capture
        self._cv2 = load_cv2()
        self.name = name
        rate = float(capture.get(self._cv2.CAP_PROP_FPS))
        self.rate = rate if 1.0 <= rate <= 480.0 else None

    def read(self) -> tuple[np.ndarray, float] | None:
        """See `Device.read`. The time is taken between the grab and the decoding."""
        try:
            if not self._capture.grab():
                return None
            grabbed = time.perf_counter()
            done, pixels = self._capture.retrieve()
        except self._cv2.error as error:
            log.warning("OpenCV could not read from '%s': %s", self.name, error)
            return None
        return (to_rgb(pixels), grabbed) if done and pixels is not None else None

    def abort(self) -> None:
        """OpenCV cannot be interrupted; its own time limits end the read."""

    def release(self) -> None:
        """See `Device.release`."""
        self._capture.release()


class LiveSource:
    """A device as a `FrameSource`.

    `connect` opens the device in the source's own thread and raises SourceError when it cannot. The sentences say
    what the user reads when the device does not answer, opens without sending a picture, or is lost.
    """

    def __init__(
        self,
        kind: SourceKind,
        connect: Callable[[], Device],
        *,
        timeout_sentence: str,
        silent_sentence: str,
        lost_sentence: str,
        open_timeout: float,
        failing_limit: float = 1.0,
        stall_limit: float = 3.0,
        reconnects: int = 0,
    ) -> None:
        """Nothing is opened yet.

        `failing_limit`: seconds of failing reads, `stall_limit`: seconds without an image, until the device counts as
        lost. `reconnects`: how often it is then opened again before giving up; images renew the number.
        """
        self._kind: SourceKind = kind
        self._connect = connect
        self._timeout_sentence = timeout_sentence
        self._silent_sentence = silent_sentence
        self._lost_sentence = lost_sentence
        self._open_timeout = open_timeout
        self._failing_limit = failing_limit
        self._stall_limit = stall_limit
        self._reconnects = reconnects
        self._changed = threading.Condition()
        self._ending = threading.Event()
        self._shots: deque[tuple[np.ndarray, float]] = deque(maxlen=_WAITING_IMAGES)
        self._device: Device | None = None
        self._thread: threading.Thread | None = None
        self._info: SourceInfo | None = None
        self._error: str | None = None
        self._started = 0.0
        self._count = 0

    def open(self) -> SourceInfo:
        """Open the device and wait for its first image, `open_timeout` seconds at most. Raises SourceError."""
        with self._changed:
            if self._info is not None:
                return self._info
            if self._thread is None:
                self._started = time.perf_counter()
                self._thread = threading.Thread(target=self._run, name=f"mimica-{self._kind}", daemon=True)
                self._thread.start()
            self._changed.wait_for(lambda: self._info or self._error or self._ending.is_set(), self._open_timeout)
            if self._info is not None:
                return self._info
            opened = self._device is not None
            error = self._error or (self._silent_sentence if opened else self._timeout_sentence)
        self.interrupt()
        raise SourceError(error)

    def read(self) -> Image | None:
        """Return the next image; None when interrupted. Raises SourceError when the device is lost."""
        image = self._next(self._stall_limit)
        if image is not None or self._ending.is_set():
            return image
        # Nothing came and nothing failed: the device hangs. Connections are aborted, so that they are opened again.
        log.info("No image for %g s.", self._stall_limit)
        with self._changed:
            device = self._device
        if self._reconnects:
            if device is not None:
                device.abort()
            image = self._next(self._open_timeout)
        if image is None and not self._ending.is_set():
            raise SourceError(self._lost_sentence)
        return image

    def seek(self, time: float) -> None:
        """Raise SourceError: there is no going back in a live picture."""
        raise SourceError("A camera or stream has no other times to go to. Choose a video file.")

    def interrupt(self) -> None:
        """See `FrameSource.interrupt`."""
        self._ending.set()
        with self._changed:
            device = self._device
            self._changed.notify_all()
        if device is not None:
            device.abort()

    def close(self) -> None:
        """Let the device's thread release it, and wait for that; a device that hangs is left to its thread."""
        self.interrupt()
        thread = self._thread
        if thread is None:
            return
        thread.join(_CLOSE_LIMIT)
        if thread.is_alive():
            log.warning("The %s does not let go; it is released as soon as it answers.", self._kind)

    def _next(self, limit: float) -> Image | None:
        """Wait up to `limit` seconds for an image. Raises SourceError when the device's thread gave up."""
        with self._changed:
            self._changed.wait_for(lambda: self._shots or self._error or self._ending.is_set(), limit)
            if self._ending.is_set():
                return None
            if self._shots:
                pixels, grabbed = self._shots.popleft()
                self._count += 1
                return Image(pixels, grabbed - self._started, self._count - 1, grabbed)
            if self._error:
                raise SourceError(self._error)
            return None

    def _run(self) -> None:
        """Open the device and take its images until the end: the device's own thread."""
        tries = self._reconnects
        try:
            while not self._ending.is_set():
                device = self._connect()
                try:
                    with self._changed:
                        self._device = device
                    delivered = self._take_images(device)
                finally:
                    with self._changed:
                        self._device = None
                    device.release()
                if delivered:
                    tries = self._reconnects
                if tries == 0:
                    self._fail(self._lost_sentence if self._info else self._silent_sentence)
                    return
                tries -= 1
                if not self._ending.is_set():
                    log.info("'%s' was lost and is opened again.", device.name)
        except SourceError as error:
            # Where it had been open before, that it is lost says more than why it does not open again.
            if self._info:
                log.info("Opening again failed: %s", error)
            self._fail(self._lost_sentence if self._info else str(error))
        except Exception as error:
            log.exception("The %s failed.", self._kind)
            self._fail(f"The {self._kind} failed: {error}. The system console has the details.")

    def _take_images(self, device: Device) -> bool:
        """Hand images on until the end or until the device is lost. Return whether there was any."""
        last = time.perf_counter()
        delivered = False
        while not self._ending.is_set():
            try:
                shot = device.read()
            except OSError as error:
                log.info("'%s' was lost: %s", device.name, error)
                break
            if shot is None:
                # Until its first image ever, a device has all the time that `open` gives it.
                if self._info and time.perf_counter() - last > self._failing_limit:
                    break
                self._ending.wait(_RETRY_PAUSE)
                continue
            last = shot[1]
            delivered = True
            with self._changed:
                if self._info is None:
                    self._info = self._describe(device, shot[0])
                self._shots.append(shot)
                self._changed.notify_all()
        return delivered

    def _describe(self, device: Device, pixels: np.ndarray) -> SourceInfo:
        height, width = pixels.shape[:2]
        return SourceInfo(device.name, self._kind, width, height, device.rate, None, None, True)

    def _fail(self, sentence: str) -> None:
        with self._changed:
            self._error = sentence
            self._changed.notify_all()
