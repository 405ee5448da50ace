# SPDX-FileCopyrightText: 2026 Mimica authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A stream that comes in as the source of a capture."""

from ...capture.source import SourceError, SourceInfo
from ...mapping.frame import ControlFrame
from ..extras import ExtraMissing
from .protocol import StreamError
from .receiver import ReceiverHealth, StreamReceiver


class StreamSource:
    """What `capture.control_session` reads: a receiver, which it starts and stops."""

    def __init__(self, receiver: StreamReceiver) -> None:
        self._receiver = receiver

    @property
    def health(self) -> ReceiverHealth:
        """How the stream is now. Any thread."""
        return self._receiver.health

    @property
    def protocol(self) -> str:
        """The protocol's name, as other programs' users know it."""
        return self._receiver.protocol.name

    @property
    def port(self) -> int:
        """Where it receives."""
        return self._receiver.port

    def open(self) -> SourceInfo:
        """Begin to receive. Raises SourceError."""
        try:
            self._receiver.start()
        except (StreamError, ExtraMissing) as error:
            raise SourceError(str(error)) from error
        return SourceInfo(f"{self.protocol}, port {self.port}", "program", 0, 0, None, None, None, True)

    def read(self, timeout: float) -> list[ControlFrame]:
        """Return what came since the last call, see `ControlSource.read`. Raises SourceError."""
        told = self._receiver.take(timeout)
        if not told and (failure := self.health.failure):
            raise SourceError(failure)
        return [one.frame for one in told]

    def close(self) -> None:
        """Receive no longer."""
        self._receiver.stop()
