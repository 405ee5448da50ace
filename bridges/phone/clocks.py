# SPDX-FileCopyrightText: 2026 Mimica authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""When a device captured an image, on its own clock.

RTP numbers images in steps of 1/90000 s from anywhere; each sender report of RTCP (RFC 3550, 6.4.1) says which number
belongs to which moment of the sender's clock. aiortc reads the reports but does not hand both on, and counts from an
origin of its own, so this listens in at its receiver. An aiortc that is built otherwise leaves the times unknown.
"""

import math
from typing import Any

CLOCK = 90_000
"""Ticks a second of video in RTP."""
_NTP_TO_UNIX = 2_208_988_800
"""Seconds from 1900 to 1970."""
_WRAP = 2**32


class SenderClock:
    """Of one video receiver. Used on the event loop's thread."""

    def __init__(self, receiver: Any) -> None:
        """Listen in at an `RTCRtpReceiver`."""
        self._receiver = receiver
        self._report: tuple[float, int] | None = None
        handle = getattr(receiver, "_handle_rtcp_packet", None)
        if handle is None:
            return

        async def listen(packet: Any) -> None:
            info = getattr(packet, "sender_info", None)
            if info is not None:
                self.report(info.ntp_timestamp, info.rtp_timestamp)
            await handle(packet)

        receiver._handle_rtcp_packet = listen

    def report(self, ntp: int, rtp: int) -> None:
        """Take a sender report: a moment as 64 bits of NTP, and its RTP time stamp."""
        self._report = (ntp / _WRAP - _NTP_TO_UNIX, rtp)

    def captured(self, pts: int) -> float:
        """Return when the image with aiortc's time stamp was captured, seconds since 1970; NaN when it is not known."""
        mapper = getattr(self._receiver, "_RTCRtpReceiver__timestamp_mapper", None)
        origin = getattr(mapper, "_origin", None)
        if self._report is None or not isinstance(origin, int):
            return math.nan
        seconds, rtp = self._report
        ticks = (origin + pts - rtp + _WRAP // 2) % _WRAP - _WRAP // 2
        return seconds + ticks / CLOCK


class ArrivalClock:
    """Lays a device's own time stamps to the moments at which its images arrive: what the network delays unevenly."""

    _DRIFT = 2e-4
    """Seconds a second by which two clocks may run apart."""

    def __init__(self) -> None:
        """Know nothing yet."""
        self._offset: float | None = None
        self._last = 0.0

    def moment(self, stamp: float, arrived: float) -> float:
        """Return the moment of an image, at the latest its arrival.

        :param stamp: seconds on the device's clock.
        :param arrived: seconds on this computer's.
        """
        late = arrived - stamp
        if self._offset is None or abs(late - self._offset) > 2.0:
            self._offset = late  # the first one, or a clock that was set anew
        else:
            self._offset = min(late, self._offset + max(arrived - self._last, 0.0) * self._DRIFT)
        self._last = arrived
        return stamp + self._offset
