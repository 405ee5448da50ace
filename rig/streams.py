# SPDX-FileCopyrightText: 2026 Mimica authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The streams that come in and go out: which are on, what goes through them, and how they are.

Frames are sent where they are made, on the mapping thread or on one that plays a take: once for all senders, each of
which encodes and sends on a thread of its own. The main thread switches and looks.
"""

import logging
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from ..bridges.extras import ExtraMissing
from ..bridges.streams.playing import play, subject_of
from ..bridges.streams.protocol import PROTOCOLS, StreamError
from ..bridges.streams.receiver import ReceiverHealth, StreamReceiver
from ..bridges.streams.sender import SenderHealth, StreamSender
from ..bridges.streams.source import StreamSource
from ..capture.take import TakeError
from ..mapping.calibration import ProfileError
from ..mapping.control_take import frames_of_motion
from ..mapping.frame import LANDMARK_COUNT, ControlFrame
from ..mapping.performance import Performance
from ..mapping.settings import MappingSettings
from . import live
from .performances import Choice, PerformanceError, reader_of

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Place:
    """Where a stream goes to."""

    host: str
    port: int


def source_of(protocol: str, port: int, phone_address: str) -> StreamSource:
    """Return what captures another program's controls. Nothing is opened yet."""
    return StreamSource(StreamReceiver(protocol, port=port, phone_address=phone_address))


def usual_port(protocol: str, *, out: bool = False) -> int:
    """Return where a protocol's programs usually send, or receive."""
    return PROTOCOLS[protocol].port_out if out else PROTOCOLS[protocol].port_in


def needs(protocol: str) -> str | None:
    """Return the key of the extra that a protocol needs."""
    return PROTOCOLS[protocol].extra


def asks_phone(protocol: str) -> bool:
    """Whether the phone sends only when it is asked, so that its address is needed."""
    return bool(PROTOCOLS[protocol].greetings)


def reception() -> tuple[StreamSource, ReceiverHealth] | None:
    """Return the stream that the running capture receives, and how it is; None when it is of images."""
    session = live.current()
    source = session.settings.controls if session is not None else None
    return (source, source.health) if isinstance(source, StreamSource) else None


# Going out

_senders: dict[str, StreamSender] = {}
_places: dict[str, Place] = {}
"""By protocol: where its stream goes to."""
_problems: dict[str, str] = {}
"""By protocol: why it could not be switched on."""


def is_on(protocol: str) -> bool:
    """Whether a protocol's stream goes out."""
    return protocol in _senders


def goes_to(protocol: str) -> Place | None:
    """Return where a protocol's stream goes to; None when it is off."""
    return _places[protocol] if protocol in _senders else None


def switch(protocol: str, place: Place | None) -> bool:
    """Let a protocol's stream go to a place, in the stead of where it went; None switches it off. Main thread.

    :return: whether it is as was wanted; else `problem_of` says why not.
    """
    _problems.pop(protocol, None)
    old = _senders.pop(protocol, None)
    if old is not None:
        # It may still have to send; nobody waits for that.
        threading.Thread(target=old.stop, name="mimica-send-end", daemon=True).start()
    if place is not None:
        sender = StreamSender(protocol, place.host, place.port)
        try:
            sender.start()
        except (StreamError, ExtraMissing) as error:
            _problems[protocol] = str(error)
            logger.info("%s: %s", protocol, error)
            return False
        _senders[protocol], _places[protocol] = sender, place
    follow()
    return True


def follow() -> None:
    """Let the running capture, if any, tell the streams that are on. Main thread, at each change and each tick."""
    session = live.current()
    if session is not None:
        session.outlet = send if _senders and _player is None else None


def send(frames: Sequence[ControlFrame]) -> None:
    """Send frames to all that are on. Any thread; returns at once."""
    senders = tuple(_senders.values())
    for frame in frames:
        for sender in senders:
            sender.send(frame, subject_of(frame.face_id))


def health_of(protocol: str) -> SenderHealth | None:
    """Return how a stream that goes out is; None when it is off."""
    sender = _senders.get(protocol)
    return sender.health if sender is not None else None


def problem_of(protocol: str) -> str:
    """Return what is wrong with a protocol's stream, as a sentence; empty when nothing is."""
    health = health_of(protocol)
    return _problems.get(protocol, "") or (health.failure if health is not None else "")


def close() -> None:
    """End all that goes out: a file is loaded, or the add-on is switched off."""
    stop_take()
    for protocol in tuple(_senders):
        switch(protocol, None)
    _problems.clear()


# A take that is sent


class Player:
    """Plays one take to the streams that are on, in a thread of its own."""

    def __init__(self, name: str, read: Callable[[], Performance], smoothness: float) -> None:
        """Begin."""
        self.name = name
        self.share = 0.0
        """[0, 1]: how much of it is sent."""
        self.problem = ""
        """Why it could not be sent, as a sentence."""
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, args=(read, smoothness), name="mimica-send-take", daemon=True)
        self._thread.start()

    @property
    def over(self) -> bool:
        """Whether it has come to its end."""
        return not self._thread.is_alive()

    def stop(self) -> None:
        """End it soon."""
        self._stop.set()

    def _run(self, read: Callable[[], Performance], smoothness: float) -> None:
        try:
            performance = read()
            if not performance.found.any():
                raise PerformanceError(f"The take '{self.name}' holds no face, so there is nothing to send.")
            # Landmarks are not sent; one stands for all, so that a long take needs little memory.
            one = np.zeros((1, LANDMARK_COUNT), np.float32)
            one[0, 0] = 1.0
            frames = frames_of_motion(performance.motion(one, MappingSettings(smoothness=smoothness)))
            play(frames, lambda frame: send([frame]), self._stop, self._told)
        except (TakeError, ProfileError, PerformanceError) as error:
            self.problem = str(error)
        except Exception:
            logger.exception("A take could not be sent")
            self.problem = "The take could not be sent because of a fault in Mimica; see the log."

    def _told(self, share: float) -> None:
        self.share = share


_player: Player | None = None
last_problem = ""
"""Why the last take could not be sent, as a sentence."""


def send_take(name: str, choice: Choice, smoothness: float) -> None:
    """Begin to send a take in real time; meanwhile a capture that runs sends nothing. Main thread.

    Raises `ProfileError`; what is wrong with the take itself is said in `last_problem` later.
    """
    global _player, last_problem
    stop_take()
    last_problem = ""
    _, read = reader_of(choice)
    _player = Player(name, read, smoothness)
    follow()


def stop_take() -> None:
    """End the take that is sent, if one is."""
    global _player
    if _player is not None:
        _player.stop()
        _player = None
    follow()


def playing() -> Player | None:
    """Return the take that is sent just now. Main thread; forgets one that is over."""
    global _player, last_problem
    if _player is not None and _player.over:
        last_problem = _player.problem
        _player = None
        follow()
    return _player
