# SPDX-FileCopyrightText: 2026 Mimica authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""One device that sends its video: its WebRTC connection, and what is known of it.

Everything here happens on the event loop of the server's thread, except where a method says otherwise.
"""

import asyncio
import contextlib
import logging
import math
import time
from collections import deque
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import numpy as np

from ...capture.tracker import TrackerSettings
from .clocks import CLOCK, ArrivalClock, SenderClock
from .messages import Figures, MessageError, Offer, parse_message

log = logging.getLogger(__name__)

CONNECT_SECONDS = 15.0
"""Until the first image has to be there."""
SILENT_SECONDS = 10.0
"""Without an image, after which a device counts as gone."""
AWAY_SECONDS = 1.5
"""Without an image, after which its faces count as lost."""
_CLOSE_SECONDS = 2.0
_ANSWER_SECONDS = 8.0
_MOST_PIXELS = 4096 * 2304
_MESSAGES_A_SECOND = 20
_BACKLOG = 64 * 2**10
"""Bytes that may wait to be sent: more means that the network is too slow, and results grow old."""
_WINDOW = 1.0


@dataclass(frozen=True, slots=True, eq=False)
class Picture:
    """One image of a device."""

    device: int
    pixels: np.ndarray
    """uint8 (height, width, 3) RGB, upright, not mirrored."""
    moment: float
    """When it was captured, as far as that is known, on the clock of `time.perf_counter`; never after `arrived`."""
    arrived: float
    captured: float
    """Seconds since 1970 on the device's own clock; NaN: not known."""


@dataclass(frozen=True, slots=True)
class DeviceState:
    """A device as it is shown."""

    number: int
    name: str
    state: str
    """connecting, sending, or away."""
    rate: float
    """Images a second that arrive."""
    delay_ms: float
    """From the capture to the mesh on the device's page, as the page measures it; 0: not known."""
    size: tuple[int, int]


class Device:
    """A connection. Made by `Server`; after `close` nothing of it is used any more."""

    def __init__(
        self,
        number: int,
        offer: Offer,
        connection: Any,
        pool: ThreadPoolExecutor,
        wanted: Callable[[], bool],
        sink: Callable[[Picture], None],
        changed: Callable[["Device"], None],
    ) -> None:
        """:param connection: an `RTCPeerConnection` of its own.

        :param wanted: whether images are of use to anybody now.
        :param sink: is given the images.
        :param changed: is called when its page wants other settings, when its page can be told things, and when it is
            gone.
        """
        self.number, self.key, self.name = number, offer.device, offer.name
        self.settings: TrackerSettings | None = None
        """What its page's sliders say; None until they were touched. Read from any thread."""
        self.gone = False
        self.figures = Figures(0.0, 0.0)
        self.began = time.monotonic()
        self.last_image = 0.0
        """On the clock of `time.monotonic`; 0 before the first."""
        self.size = (0, 0)
        self._connection = connection
        self._pool, self._wanted, self._sink, self._changed = pool, wanted, sink, changed
        self._results: Any = None
        self._control: Any = None
        self._clock: SenderClock | None = None
        self._arrivals = ArrivalClock()
        self._newest: tuple[Any, float] | None = None
        self._fresh = asyncio.Event()
        self._tasks: set[asyncio.Task[None]] = set()
        self._times: deque[float] = deque(maxlen=240)
        self._spoken: deque[float] = deque(maxlen=_MESSAGES_A_SECOND)

    async def answer(self, offer: Offer) -> str:
        """Return the SDP of the answer. Raises MessageError when the offer is of no use, within some seconds."""
        from aiortc import RTCSessionDescription

        connection = self._connection
        connection.on("track", self._on_track)
        connection.on("datachannel", self._on_channel)
        connection.on("connectionstatechange", self._on_state)
        try:
            async with asyncio.timeout(_ANSWER_SECONDS):
                await connection.setRemoteDescription(RTCSessionDescription(offer.sdp, "offer"))
                await connection.setLocalDescription(await connection.createAnswer())
        # What a hostile description raises inside aiortc is no short list.
        except Exception as error:
            raise MessageError(f"The offer cannot be answered ({error or type(error).__name__}).") from error
        return connection.localDescription.sdp

    @property
    def overdue(self) -> bool:
        """Whether it sends nothing for so long that it counts as gone."""
        now = time.monotonic()
        if not self.last_image:
            return now - self.began > CONNECT_SECONDS
        return now - self.last_image > SILENT_SECONDS

    @property
    def away(self) -> bool:
        """Whether its faces cannot be seen at present. From any thread."""
        return self.gone or time.monotonic() - self.last_image > AWAY_SECONDS

    def state(self) -> DeviceState:
        """Describe it. From any thread."""
        now = time.monotonic()
        recent = sum(moment > now - _WINDOW for moment in tuple(self._times))
        state = "connecting" if not self.last_image else "away" if self.away else "sending"
        return DeviceState(self.number, self.name, state, recent / _WINDOW, self.figures.delay, self.size)

    def send(self, result: bytes) -> None:
        """Send a result; it is dropped where the network is too slow."""
        self._send(self._results, result)

    def tell(self, message: str) -> None:
        """Send a message of the state of things."""
        self._send(self._control, message)

    def _send(self, channel: Any, data: bytes | str) -> None:
        if channel is None or channel.readyState != "open" or channel.bufferedAmount > _BACKLOG:
            return
        try:
            channel.send(data)
        except Exception as error:  # the connection ends just now
            log.debug("Nothing can be sent to %s (%s)", self.name, error)

    async def close(self) -> None:
        """End the connection, in bounded time, whatever the other side does. May be called twice."""
        if self.gone:
            return
        self.gone = True
        tasks = tuple(self._tasks)
        for task in tasks:
            task.cancel()
        try:
            async with asyncio.timeout(_CLOSE_SECONDS):
                await self._connection.close()
        except Exception as error:
            log.info("The connection of %s did not close in order (%s)", self.name, error or type(error).__name__)
        self._changed(self)

    # What the connection tells.

    def _on_track(self, track: Any) -> None:
        if track.kind != "video" or self._clock is not None:
            return
        receiver = next((r for r in self._connection.getReceivers() if r.track is track), None)
        self._clock = SenderClock(receiver)
        for coroutine in (self._drain(track), self._convert()):
            task = asyncio.ensure_future(coroutine)
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    def _on_channel(self, channel: Any) -> None:
        if channel.label == "results" and self._results is None:
            self._results = channel
        elif channel.label == "control" and self._control is None:
            self._control = channel
            channel.on("message", self._on_message)
            self._changed(self)

    def _on_state(self) -> None:
        if self._connection.connectionState in ("failed", "closed") and not self.gone:
            # Not within the connection's own call, which its closing would wait for.
            asyncio.get_running_loop().call_soon(lambda: asyncio.ensure_future(self.close()))

    def _on_message(self, data: object) -> None:
        now = time.monotonic()
        if len(self._spoken) == _MESSAGES_A_SECOND and now - self._spoken[0] < 1.0:
            return
        self._spoken.append(now)
        try:
            message = parse_message(data)
        except MessageError as error:
            log.debug("A message of %s is not valid: %s", self.name, error)
            return
        if isinstance(message, Figures):
            self.figures = message
        elif message != self.settings:
            self.settings = message
            self._changed(self)

    # Images: all are taken off the connection, the newest is made to pixels, elsewhere.

    async def _drain(self, track: Any) -> None:
        from aiortc.mediastreams import MediaStreamError

        with contextlib.suppress(MediaStreamError):
            while True:
                frame = await track.recv()
                arrived = time.perf_counter()
                self.last_image = time.monotonic()
                self._times.append(self.last_image)
                self.size = (frame.width, frame.height)
                if self._wanted() and frame.width * frame.height <= _MOST_PIXELS:
                    self._newest = (frame, arrived)
                    self._fresh.set()

    async def _convert(self) -> None:
        loop = asyncio.get_running_loop()
        while True:
            await self._fresh.wait()
            self._fresh.clear()
            if self._newest is None:
                continue
            (frame, arrived), self._newest = self._newest, None
            try:
                pixels = await loop.run_in_executor(self._pool, _to_pixels, frame)
            except Exception as error:
                log.info("An image of %s cannot be read (%s)", self.name, error)
                continue
            pts = frame.pts or 0
            captured = self._clock.captured(pts) if self._clock is not None else math.nan
            moment = min(self._arrivals.moment(pts / CLOCK, arrived), arrived)
            self._sink(Picture(self.number, pixels, moment, arrived, captured))


def _to_pixels(frame: Any) -> np.ndarray:
    """Return a decoded frame as RGB. On a thread of the pool."""
    turned = getattr(frame, "rotation", 0) or 0
    pixels = frame.to_ndarray(format="rgb24")
    if turned % 360:
        pixels = np.ascontiguousarray(np.rot90(pixels, round(turned / 90) % 4))
    return pixels
