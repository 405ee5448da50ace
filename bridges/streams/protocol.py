# SPDX-FileCopyrightText: 2026 Mimica authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What every protocol of the streams is: datagrams to frames, frames to datagrams, and the table of them all.

A decoder judges what comes from the network. It gives frames that are finite and within what a face can do, or raises
`Refused` with the reason, and nothing else, whatever the bytes are.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np

from ...mapping.frame import ARKIT_SHAPES, ControlFrame

Address = tuple[str, int]
"""Host as digits, and port."""

_LARGEST_ANGLE = 100.0
"""Radians. Programs that count turns stay below; what is larger is no angle."""
LARGEST_WAY = 10_000.0
"""Centimetres."""
_LONGEST_NAME = 64
"""Letters of a subject's name that are kept."""


class StreamError(Exception):
    """A stream cannot be opened. Its text is a sentence for the user: what happened and what to do."""


class Refused(Exception):
    """A datagram is none of the protocol's, or is damaged. Its text says why, for the stream's health."""


@dataclass(frozen=True, slots=True, eq=False)
class Told:
    """One frame as a datagram told it."""

    subject: str
    """The face's name in the stream; empty where the protocol has none."""
    frame: ControlFrame
    """Its time is the moment of arrival."""
    sender: Address
    clock: float | None = None
    """Seconds on the sender's own clock, whatever its zero; None where the protocol tells none."""
    number: int | None = None
    """The sender's count of frames, from which lost ones are known; None where there is none."""


class Decoder(Protocol):
    """Reads one stream's datagrams. Used by one thread. What it remembers of senders is bounded."""

    def feed(self, datagram: bytes, sender: Address, arrived: float) -> list[Told]:
        """Return the frames that a datagram completes, often none or one. Raises Refused and nothing else.

        :param arrived: seconds; becomes the frames' time.
        """
        ...


class Encoder(Protocol):
    """Writes one stream's datagrams. Used by one thread."""

    def encode(self, frame: ControlFrame, *, subject: str = "Mimica") -> list[bytes]:
        """Return the datagrams of a frame, in their order. None where the protocol cannot say it."""
        ...


@dataclass(frozen=True, slots=True)
class StreamProtocol:
    """One kind of stream."""

    key: str
    name: str
    """As the other programs' users know it."""
    port_in: int
    """Where it is usually received."""
    port_out: int
    """Where it is usually sent to."""
    decoder: Callable[[], Decoder]
    encoder: Callable[[], Encoder]
    extra: str | None = None
    """Key of `bridges.extras.EXTRAS` that it needs."""
    subjects: bool = True
    """Whether faces have names in the stream. Where not, a sender is one face, and only one is sent."""
    greetings: tuple[tuple[bytes, int], ...] = ()
    """What a receiver says to the phone, and at which of its ports, so that it begins to send."""
    largest: int = 16_384
    """Bytes of a datagram; larger ones are none of its."""
    most: float = 256_000.0
    """Bytes a second of one sender that are looked at: four faces at 120 frames a second, or more. A quarter of it for
    all who have no face."""


def _live_link_decoder() -> Decoder:
    from .live_link import LiveLinkDecoder

    return LiveLinkDecoder()


def _live_link_encoder() -> Encoder:
    from .live_link import LiveLinkEncoder

    return LiveLinkEncoder()


def _vmc_decoder() -> Decoder:
    from .vmc import VmcDecoder

    return VmcDecoder()


def _vmc_encoder() -> Encoder:
    from .vmc import VmcEncoder

    return VmcEncoder()


def _ifacialmocap_decoder() -> Decoder:
    from .ifacialmocap import IFacialMocapDecoder

    return IFacialMocapDecoder()


def _ifacialmocap_encoder() -> Encoder:
    from .ifacialmocap import IFacialMocapEncoder

    return IFacialMocapEncoder()


def _json_decoder() -> Decoder:
    from .plain_json import JsonDecoder

    return JsonDecoder()


def _json_encoder() -> Encoder:
    from .plain_json import JsonEncoder

    return JsonEncoder()


PROTOCOLS: dict[str, StreamProtocol] = {
    protocol.key: protocol
    for protocol in (
        StreamProtocol("livelink", "Live Link Face", 11111, 11111, _live_link_decoder, _live_link_encoder),
        StreamProtocol(
            "vmc",
            "VMC",
            39539,
            39539,
            _vmc_decoder,
            _vmc_encoder,
            extra="streams",
            subjects=False,
            # Some programs send each value as a datagram of its own, and the whole body with them.
            most=2_000_000.0,
        ),
        StreamProtocol(
            "ifacialmocap",
            "iFacialMocap",
            49983,
            49983,
            _ifacialmocap_decoder,
            _ifacialmocap_encoder,
            subjects=False,
            greetings=(
                (b"iFacialMocap_sahuasouryya9218sauhuiayeta91555dy3719", 49983),
                (b"FACEMOTION3D_OtherStreaming", 49993),
            ),
        ),
        StreamProtocol("json", "JSON", 47800, 47800, _json_decoder, _json_encoder, largest=65_507, most=1_200_000.0),
    )
}
"""Every kind of stream, by key."""


def foreign(name: str) -> Refused:
    """Return the refusal of what is none of a protocol's datagrams."""
    return Refused(f"A datagram is not what {name} sends.")


def cut_short() -> Refused:
    """Return the refusal of a datagram whose end is missing."""
    return Refused("A datagram ends too early.")


def not_finite() -> Refused:
    """Return the refusal of NaN, infinity and numbers beyond all measure."""
    return Refused("A value is no finite number.")


def subject_name(text: str) -> str:
    """Return a subject's name as it may be shown: one line, not too long."""
    return "".join(letter for letter in text[: 4 * _LONGEST_NAME] if letter.isprintable())[:_LONGEST_NAME].strip()


def controls_of(values: Mapping[str, float]) -> np.ndarray:
    """Return controls, float64 (52,), from those that are told by name."""
    return np.array([values.get(name, 0.0) for name in ARKIT_SHAPES], np.float64)


def made_frame(
    time: float,
    controls: Sequence[float] | np.ndarray | None,
    *,
    head: Sequence[float] | np.ndarray | None = None,
    way: Sequence[float] | np.ndarray | None = None,
    gaze: Sequence[Sequence[float]] | np.ndarray | None = None,
    eye_roll: Sequence[float] | np.ndarray | None = None,
) -> ControlFrame:
    """Return a frame of what a stream told, in Mimica's axes and signs. Raises Refused for what is no face.

    Controls are held to [0, 1], angles brought to [-pi, pi].
    """
    return ControlFrame(
        time,
        None if controls is None else np.clip(_finite(controls), 0.0, 1.0),
        None if head is None else _angles(head),
        None if way is None else _bounded(way, LARGEST_WAY),
        None if gaze is None else _angles(gaze),
        None if eye_roll is None else _angles(eye_roll),
    )


def _angles(values: Any) -> np.ndarray:
    angles = _bounded(values, _LARGEST_ANGLE)
    turned = np.abs(angles) > np.pi
    return np.where(turned, np.mod(angles + np.pi, 2 * np.pi) - np.pi, angles)


def _bounded(values: Any, limit: float) -> np.ndarray:
    array = _finite(values)
    if np.abs(array).max(initial=0.0) > limit:
        raise Refused("An angle or a place is beyond what a face can do.")
    return array


def _finite(values: Any) -> np.ndarray:
    array = np.asarray(values, np.float64)
    if not np.isfinite(array).all():
        raise not_finite()
    return array
