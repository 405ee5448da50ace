# SPDX-FileCopyrightText: 2026 Mimica authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Sends one stream. Encoding, looking up addresses and sending are on a thread of its own: nobody waits for it."""

import errno
import logging
import socket
import threading
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, replace

from ...mapping.frame import ControlFrame
from ..extras import require
from .protocol import PROTOCOLS, Encoder, StreamError, StreamProtocol
from .sockets import bound_socket, reason_of
from .timing import Rate

_KEPT = 64
"""Frames that wait to be sent; the oldest go first."""
_SILENT = 2.0
"""Seconds after which another face may be the one that is sent, where only one can be."""
_LOOK_UP = 5.0
"""Seconds between two attempts to look up an address that was not found."""
_ASKED = 60.0
"""Seconds for which who asked once is sent to, where receivers have to ask; they ask again before."""
_MOST_ASKED = 8
"""Receivers that can ask."""

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class SenderHealth:
    """How a stream that goes out is. Counts are since `start`."""

    rate: float = 0.0
    """Frames a second, of all faces together."""
    sent: int = 0
    """Frames that were sent."""
    failed: int = 0
    """Frames that could not be sent."""
    overrun: int = 0
    """Frames left out because those before were not sent yet."""
    ignored: int = 0
    """Frames of further faces, which the protocol cannot carry."""
    failure: str = ""
    """Why the newest frame was not sent, as a sentence; empty when it was."""
    receivers: int = 0
    """Who is sent to: 1, or as many as have asked."""


class StreamSender:
    """One stream that goes out. `start`, `stop`, `send` and `health` are for any thread.

    :param protocol: key of `PROTOCOLS`.
    :param host: where to send to. Empty, for protocols whose receivers ask: to those that do.
    :param port: there, None for the protocol's own; with an empty host the port here where receivers ask.
    :param reply_port: with an empty host, where those that asked are sent to; None for the protocol's own.
    """

    def __init__(
        self,
        protocol: str,
        host: str = "127.0.0.1",
        port: int | None = None,
        *,
        reply_port: int | None = None,
        clock: Callable[[], float] = time.perf_counter,
    ) -> None:
        self.protocol: StreamProtocol = PROTOCOLS[protocol]
        self.host = host.strip()
        self.port = self.protocol.port_out if port is None else port
        self._reply_port = self.protocol.port_out if reply_port is None else reply_port
        self._clock = clock
        self._lock = threading.Lock()
        self._ready = threading.Condition(self._lock)
        self._waiting: deque[tuple[ControlFrame, str]] = deque()
        self._counts = SenderHealth()
        self._rate = Rate()
        self._end = False
        self._thread: threading.Thread | None = None
        self._socket: socket.socket | None = None
        self._asked: dict[str, float] = {}
        self._face: tuple[int, float] | None = None

    @property
    def running(self) -> bool:
        """Whether it sends what it is given."""
        return self._thread is not None and self._thread.is_alive()

    def start(self) -> None:
        """Begin; nothing if it has. Raises StreamError, and ExtraMissing without the protocol's packages."""
        if self.running:
            return
        self.stop()
        if self.protocol.extra is not None:
            require(self.protocol.extra)
        if not self.host:
            if not self.protocol.greetings:
                raise StreamError(
                    "There is no address to send to. Enter another computer's, or 127.0.0.1 for this one."
                )
            self._socket = bound_socket("", self.port)
            self.port = self._socket.getsockname()[1]
        elif not 0 < self.port <= 65_535:
            raise StreamError(f"There is no port {self.port}. Choose one from 1024 to 65535.")
        encoder = self.protocol.encoder()
        with self._lock:
            self._counts, self._rate, self._end, self._face = SenderHealth(), Rate(), False, None
            self._waiting.clear()
            self._asked.clear()
        self._thread = threading.Thread(
            target=self._run, args=(encoder,), name=f"mimica-send-{self.protocol.key}", daemon=True
        )
        self._thread.start()

    def stop(self) -> None:
        """Send what waits, for a second at most, and end."""
        with self._lock:
            self._end = True
            self._ready.notify_all()
        thread = self._thread
        if thread is not None and thread is not threading.current_thread():
            thread.join(1.0)
        self._thread = None
        held, self._socket = self._socket, None
        if held is not None:
            held.close()

    def send(self, frame: ControlFrame, subject: str = "Mimica") -> None:
        """Give a frame to be sent; returns at once, whatever the network does.

        :param subject: the face's name; different faces need different ones.
        """
        with self._lock:
            if self._end or self._thread is None:
                return
            if not self.protocol.subjects and not self._is_sent(frame.face_id):
                self._counts = replace(self._counts, ignored=self._counts.ignored + 1)
                return
            if len(self._waiting) >= _KEPT:
                self._waiting.popleft()
                self._counts = replace(self._counts, overrun=self._counts.overrun + 1)
            self._waiting.append((frame, subject))
            self._ready.notify_all()

    @property
    def health(self) -> SenderHealth:
        """How the stream is now."""
        now = self._clock()
        with self._lock:
            receivers = 1 if self.host else sum(now - asked < _ASKED for asked in self._asked.values())
            return replace(self._counts, rate=self._rate.rate(now), receivers=receivers)

    def _is_sent(self, face_id: int) -> bool:
        """Whether it is the one face that is sent: the first, until it is silent. With the lock held."""
        now = self._clock()
        if self._face is None or face_id <= self._face[0] or now - self._face[1] > _SILENT:
            self._face = face_id, now
            return True
        return False

    def _run(self, encoder: Encoder) -> None:
        """Send until the end; on the sender's own thread."""
        target = _Target(self.host, self.port, self._clock) if self.host else None
        try:
            while True:
                with self._lock:
                    # Where receivers ask, they are heard ten times a second.
                    self._ready.wait_for(lambda: self._waiting or self._end, None if target is not None else 0.1)
                    # One that was stuck in a look-up may find another in its place.
                    if (self._end and not self._waiting) or self._thread is not threading.current_thread():
                        return
                    item = self._waiting.popleft() if self._waiting else None
                if target is None:
                    self._hear()
                if item is not None:
                    self._send(encoder, target, *item)
        finally:
            if target is not None:
                target.close()

    def _send(self, encoder: Encoder, target: "_Target | None", frame: ControlFrame, subject: str) -> None:
        try:
            datagrams = encoder.encode(frame, subject=subject)
            for datagram in datagrams:
                if target is not None:
                    target.send(datagram)
                else:
                    self._reply(datagram)
        except StreamError as error:
            self._told(str(error))
        except OSError as error:
            self._told(f"Nothing can be sent to {self.host or 'who asked'}: {reason_of(error)}.")
        except Exception:
            logger.exception("A frame could not be sent as %s.", self.protocol.name)
            self._told("A frame could not be sent; the log says why.")
        else:
            self._told("")

    def _told(self, failure: str) -> None:
        with self._lock:
            counts = self._counts
            if failure:
                self._counts = replace(counts, failed=counts.failed + 1, failure=failure)
            else:
                self._counts = replace(counts, sent=counts.sent + 1, failure="")
                self._rate.count(self._clock())

    def _hear(self) -> None:
        """Take in who asks for the stream."""
        held, greetings = self._socket, {words for words, _ in self.protocol.greetings}
        for _ in range(_MOST_ASKED):
            try:
                words, sender = held.recvfrom(2048) if held is not None else (b"", ("", 0))
            except OSError:
                return
            if words not in greetings:
                continue
            now = self._clock()
            with self._lock:
                self._asked = {host: asked for host, asked in self._asked.items() if now - asked < _ASKED}
                if sender[0] in self._asked or len(self._asked) < _MOST_ASKED:
                    self._asked[sender[0]] = now

    def _reply(self, datagram: bytes) -> None:
        """Send to all who asked. Raises StreamError where nobody did, and OSError."""
        now = self._clock()
        with self._lock:
            hosts = [host for host, asked in self._asked.items() if now - asked < _ASKED]
        if not hosts or self._socket is None:
            raise StreamError("No program has asked for the stream yet. Enter this computer's address in it.")
        for host in hosts:
            self._socket.sendto(datagram, (host, self._reply_port))


class _Target:
    """One address to send to, looked up when first needed. Of one thread."""

    def __init__(self, host: str, port: int, clock: Callable[[], float]) -> None:
        self._host, self._port, self._clock = host, port, clock
        self._socket: socket.socket | None = None
        self._failure: tuple[float, str] | None = None

    def send(self, datagram: bytes) -> None:
        """Send one datagram. Raises StreamError."""
        held = self._open()
        try:
            held.send(datagram)
        except OSError as error:
            raise StreamError(self._sentence(error)) from error

    def close(self) -> None:
        """Free the socket."""
        if self._socket is not None:
            self._socket.close()
            self._socket = None

    def _open(self) -> socket.socket:
        if self._socket is not None:
            return self._socket
        if self._failure is not None and self._clock() - self._failure[0] < _LOOK_UP:
            raise StreamError(self._failure[1])
        held = None
        try:
            family, kind, proto, _, address = socket.getaddrinfo(self._host, self._port, 0, socket.SOCK_DGRAM)[0]
            held = socket.socket(family, kind, proto)
            held.setsockopt(socket.SOL_SOCKET, socket.SO_BROADCAST, 1)
            held.setblocking(False)
            # Connected, so that the system says when nobody listens there.
            held.connect(address)
        except (OSError, UnicodeError) as error:
            if held is not None:
                held.close()
            self._failure = self._clock(), self._sentence(error)
            raise StreamError(self._failure[1]) from error
        self._socket = held
        return held

    def _sentence(self, error: Exception) -> str:
        where = f"{self._host}, port {self._port}"
        number = getattr(error, "errno", None)
        if isinstance(error, socket.gaierror) or isinstance(error, UnicodeError):
            return f"There is no computer '{self._host}' in the network. Enter its address, such as 192.168.0.10."
        if number in (errno.ECONNREFUSED, errno.ECONNRESET, getattr(errno, "WSAECONNRESET", -1)):
            return f"No program receives at {where}. Start it there, and compare the port."
        if number in (errno.ENETUNREACH, errno.EHOSTUNREACH, getattr(errno, "WSAEHOSTUNREACH", -1)):
            return f"{self._host} cannot be reached. Compare the address, and that both are in the same network."
        if number in (errno.EAGAIN, errno.EWOULDBLOCK, errno.ENOBUFS):
            return f"The network does not take as much as is sent to {where}."
        return f"Nothing can be sent to {where}: {reason_of(error)}."
