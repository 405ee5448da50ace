# SPDX-FileCopyrightText: 2026 Mimica authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Receives one stream: a socket, a thread of its own, and the newest frames of up to four faces.

What comes from the network is not trusted: whatever it is, the thread goes on, memory stays bounded, and who has a
face keeps being heard, because every sender has a share of its own and strangers together have one.
"""

import logging
import selectors
import socket
import threading
import time
from collections import Counter, deque
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

from ..extras import require
from .protocol import PROTOCOLS, Address, Decoder, Refused, StreamProtocol, Told, foreign
from .sockets import bound_socket, reason_of
from .timing import Allowance, ClockFit, Rate

MOST_FACES = 4
"""Faces that a stream can have, as the tracker's."""
_KEPT = 512
"""Frames that wait to be taken; the oldest go first."""
_SILENT = 2.0
"""Seconds after which a sender that comes back from another port may have its face again."""
_GONE = 30.0
"""Seconds after which a silent face gives its place to a new one."""
_LEAST = 256
"""Bytes that a datagram counts as, of its sender's share, however small it is."""
_BATCH = 64
"""Datagrams that are read without a pause."""
_PAUSE = 0.002
"""Seconds of the pause: at most some thirty thousand datagrams a second are read, whatever comes."""
_GREET = 2.0
"""Seconds between two greetings of a phone that does not send."""
_LARGEST = 65_535

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class FaceHealth:
    """How one face's stream is."""

    face_id: int
    subject: str
    """Its name in the stream, or its sender's address where the protocol has no names."""
    address: str
    rate: float
    """Frames a second."""
    silent: float
    """Seconds since its last frame."""


@dataclass(frozen=True, slots=True)
class ReceiverHealth:
    """How a stream is. Counts are since `start`."""

    rate: float = 0.0
    """Frames a second, of the face that has most."""
    received: int = 0
    """Datagrams that came."""
    frames: int = 0
    """Frames that were given on."""
    refused: int = 0
    """Datagrams that were none of the protocol's."""
    refusal: str = ""
    """Why the newest of them was refused; a sentence."""
    late: int = 0
    """Frames left out because a newer one had come before."""
    duplicates: int = 0
    """Frames that came more than once."""
    lost: int = 0
    """Frames that never came, by the sender's count."""
    overrun: int = 0
    """Frames that nobody took in time."""
    ignored: int = 0
    """Frames of faces beyond the fourth."""
    flooded: int = 0
    """Datagrams that were not looked at, because they were too many."""
    last_arrival: float | None = None
    """Moment of the newest frame, on the receiver's clock."""
    faces: tuple[FaceHealth, ...] = ()
    failure: str = ""
    """Why nothing is received any more; a sentence."""


@dataclass(slots=True)
class _Face:
    face_id: int
    key: tuple[Address, str]
    subject: str
    clock: ClockFit
    rate: Rate
    heard: float
    number: int | None = None


class StreamReceiver:
    """One stream that comes in. `start`, `stop`, `take` and `health` are for any thread.

    :param protocol: key of `PROTOCOLS`.
    :param host: address of this computer to receive at; empty for all it has.
    :param port: None for the protocol's own, 0 for any that is free.
    :param phone_address: where to ask for a stream, for protocols whose phones wait to be asked.
    :param clock: what frames' times are on.
    """

    def __init__(
        self,
        protocol: str,
        host: str = "",
        port: int | None = None,
        phone_address: str = "",
        *,
        clock: Callable[[], float] = time.perf_counter,
    ) -> None:
        self.protocol: StreamProtocol = PROTOCOLS[protocol]
        self.host = host.strip()
        self._asked_port = self.protocol.port_in if port is None else port
        self.phone_address = phone_address.strip()
        self._clock = clock
        self._lock = threading.Lock()
        self._ready = threading.Condition(self._lock)
        self._frames: deque[Told] = deque()
        self._counts: Counter[str] = Counter()
        self._told: dict[str, Any] = {}
        """Of the health, what is no count."""
        self._faces: list[_Face] = []
        self._end = threading.Event()
        self._wake: socket.socket | None = None
        self._thread: threading.Thread | None = None
        self._phone: Any = None
        self._greet_at = float("-inf")
        self._socket: socket.socket | None = None
        self._port = self._asked_port

    @property
    def port(self) -> int:
        """Where it receives: the port asked for, or the one it got."""
        return self._port

    @property
    def running(self) -> bool:
        """Whether it receives."""
        return self._thread is not None and self._thread.is_alive()

    def start(self) -> None:
        """Begin to receive; nothing if it does. Raises StreamError, and ExtraMissing without packages that it needs."""
        if self.running:
            return
        self.stop()
        if self.protocol.extra is not None:
            require(self.protocol.extra)
        decoder = self.protocol.decoder()
        self._socket = bound_socket(self.host, self._asked_port)
        self._port = self._socket.getsockname()[1]
        with self._lock:
            self._counts, self._told, self._faces = Counter(), {}, []
            self._frames.clear()
        self._end, self._phone, self._greet_at = threading.Event(), None, float("-inf")
        self._wake, other = socket.socketpair()
        self._thread = threading.Thread(
            target=self._run,
            args=(self._socket, other, self._end, decoder),
            name=f"mimica-stream-{self.protocol.key}",
            daemon=True,
        )
        self._thread.start()

    def stop(self) -> None:
        """End it and free the port. Frames that were not taken are kept for `take`."""
        self._end.set()
        wake, self._wake = self._wake, None
        if wake is not None:
            wake.close()
        thread, self._thread = self._thread, None
        if thread is not None and thread is not threading.current_thread():
            thread.join(5.0)
        held, self._socket = self._socket, None
        if held is not None:
            held.close()
        with self._lock:
            self._ready.notify_all()

    def take(self, timeout: float = 0.0) -> list[Told]:
        """Return the frames since the last call, oldest first, each with its time and face id.

        :param timeout: seconds to wait for one where there is none.
        """
        with self._lock:
            if timeout > 0 and not self._frames:
                self._ready.wait_for(lambda: self._frames or self._end.is_set(), timeout)
            taken = list(self._frames)
            self._frames.clear()
        return taken

    @property
    def health(self) -> ReceiverHealth:
        """How the stream is now."""
        now = self._clock()
        with self._lock:
            faces = tuple(
                FaceHealth(face.face_id, face.subject, face.key[0][0], face.rate.rate(now), max(now - face.heard, 0.0))
                for face in sorted(self._faces, key=lambda face: face.face_id)
            )
            rate = max((face.rate for face in faces), default=0.0)
            return ReceiverHealth(**self._counts, **self._told, rate=rate, faces=faces)

    def _run(self, held: socket.socket, wake: socket.socket, end: threading.Event, decoder: Decoder) -> None:
        """Read until the end; on the receiver's own thread."""
        shares: dict[Address, Allowance] = {}
        strangers = Allowance(self.protocol.most / 4)
        asks = bool(self.protocol.greetings and self.phone_address)
        with selectors.DefaultSelector() as selector, wake:
            selector.register(held, selectors.EVENT_READ)
            selector.register(wake, selectors.EVENT_READ)
            while not end.is_set():
                if asks:
                    self._greet(held)
                selector.select(_GREET / 4 if asks else None)
                if end.is_set():
                    return
                try:
                    more = self._read(held, decoder, shares, strangers)
                except OSError as error:
                    logger.warning("The %s stream ended: %s", self.protocol.name, error)
                    self._count(failure=f"The network gives the stream no longer: {reason_of(error)}. Start it anew.")
                    return
                if more:
                    end.wait(_PAUSE)

    def _read(
        self, held: socket.socket, decoder: Decoder, shares: dict[Address, Allowance], strangers: Allowance
    ) -> bool:
        """Read what has come, and return whether more may be there. Raises OSError when nothing can come any more."""
        for _ in range(_BATCH):
            try:
                datagram, sender = held.recvfrom(_LARGEST)
            except BlockingIOError:
                return False
            except ConnectionError:
                # Windows says so when a greeting found nobody; the next datagram comes all the same.
                continue
            self._look_at(datagram, (sender[0], sender[1]), self._clock(), decoder, shares, strangers)
        return True

    def _look_at(
        self,
        datagram: bytes,
        sender: Address,
        arrived: float,
        decoder: Decoder,
        shares: dict[Address, Allowance],
        strangers: Allowance,
    ) -> None:
        """Take in one datagram, if its sender still may send one."""
        if not shares.get(sender, strangers).take(arrived, max(len(datagram), _LEAST)):
            self._count(received=1, flooded=1)
            return
        self._count(received=1)
        try:
            if len(datagram) > self.protocol.largest:
                raise foreign(self.protocol.name)
            told = decoder.feed(datagram, sender, arrived)
        except Refused as refusal:
            self._count(refused=1, refusal=str(refusal))
            return
        except Exception:
            # A decoder's fault is no reason to be deaf.
            logger.exception("A datagram of the %s stream could not be read.", self.protocol.name)
            self._count(refused=1, refusal="A datagram could not be read.")
            return
        for one in told:
            self._give_on(one, arrived)
        if told and sender not in shares:
            known = {face.key[0] for face in self._faces}
            if sender in known:
                for address in [address for address in shares if address not in known]:
                    del shares[address]
                shares[sender] = Allowance(self.protocol.most)

    def _give_on(self, told: Told, arrived: float) -> None:
        """Add one frame to those that wait, unless its face has no place or it is not newer than the last."""
        with self._lock:
            face = self._face_of(told, arrived)
            if face is None:
                self._add(ignored=1)
                return
            verdict = face.clock.judge(told.clock)
            if verdict != "new":
                self._add(**{"duplicates" if verdict == "duplicate" else "late": 1})
                return
            if told.number is not None:
                if face.number is not None and face.number < told.number < face.number + 10_000:
                    self._add(lost=told.number - face.number - 1)
                face.number = told.number
            when = face.clock.time_of(told.clock, arrived)
            face.heard = arrived
            face.rate.count(arrived)
            frame = replace(told.frame, time=when, face_id=face.face_id)
            if len(self._frames) >= _KEPT:
                self._frames.popleft()
                self._add(overrun=1)
            self._frames.append(replace(told, frame=frame, subject=face.subject))
            self._add(frames=1)
            self._told["last_arrival"] = arrived
            self._ready.notify_all()

    def _face_of(self, told: Told, now: float) -> _Face | None:
        """Return whose frame it is, perhaps a new face; None without a place for it. With the lock held."""
        named = self.protocol.subjects
        key = (told.sender, told.subject if named else "")
        for face in self._faces:
            if face.key == key:
                return face
        # A program that was started again sends from another port, a phone perhaps from another address.
        for face in self._faces:
            same = face.key[1] == key[1] if named else face.key[0][0] == told.sender[0]
            if same and now - face.heard > _SILENT:
                face.key, face.clock, face.number = key, ClockFit(), None
                return face
        subject = told.subject if named and told.subject else told.sender[0]
        if len(self._faces) < MOST_FACES:
            free = min(set(range(MOST_FACES)) - {face.face_id for face in self._faces})
        else:
            oldest = min(self._faces, key=lambda face: face.heard)
            if now - oldest.heard < _GONE:
                return None
            self._faces.remove(oldest)
            free = oldest.face_id
        face = _Face(free, key, subject, ClockFit(), Rate(), now)
        self._faces.append(face)
        return face

    def _greet(self, held: socket.socket) -> None:
        """Ask the phone for its stream now and then, unless it sends. Its address is looked up once."""
        now = self._clock()
        last = self._told.get("last_arrival")
        if now < self._greet_at or (last is not None and now - last < _GREET):
            return
        self._greet_at = now + _GREET
        try:
            if self._phone is None:
                self._phone = socket.getaddrinfo(self.phone_address, 0, held.family, socket.SOCK_DGRAM)[0][4]
            for words, port in self.protocol.greetings:
                held.sendto(words, (self._phone[0], port, *self._phone[2:]))
        except (OSError, UnicodeError) as error:
            # A look-up that fails takes long, and nothing is read meanwhile.
            self._greet_at = now + 5 * _GREET
            self._count(
                refusal=f"The phone at '{self.phone_address}' cannot be asked for its stream: {reason_of(error)}. "
                "Its app shows the right address; both have to be in the same network."
            )

    def _count(self, **more: int | str) -> None:
        with self._lock:
            self._add(**more)

    def _add(self, **more: int | str) -> None:
        """Add to counts and set texts, with the lock held."""
        for name, value in more.items():
            if isinstance(value, str):
                self._told[name] = value
            else:
                self._counts[name] += value
