# SPDX-FileCopyrightText: 2026 Mimica authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Live Link Face: what Epic's app sends to Unreal Engine, and what Unreal Engine takes.

One binary datagram a frame, version 6, all numbers big-endian: a byte, the version; two texts, each an int32 length and
that many bytes of UTF-8: the device's id, of 36 letters, and the subject's name; the time as frame (int32), part of a
frame (float32) and the rate as a fraction (int32, int32); a byte, how many values follow, always 61; these as float32:
the 52 shapes, the angles of the head, of the right and the left eye, each yaw, pitch, roll in radians. The datagram of
a frame without a face ends after the time.

Unreal Engine calls the first eye the left one. It is the one whose shapes are called right: Epic swaps the sides of
ARKit's shapes and not of its eyes. In a frame that was recorded from a phone (the notebook of aelzeiny/Animoji) the
eyeLookIn shapes of both eyes are 1.7155 times the yaw of the eye that is called the other one, to four digits.

Sources: AppleARKitLiveLinkSource and the conversion of shapes in Unreal Engine's plug-in AppleARKitFaceSupport
(versions of the packet, order of the fields, numbers in network order, 61 or nothing, sides); EARFaceBlendShape of its
module AugmentedReality (order of the values, which is ARKit's here, other than in the app's tables); PyLiveLinkFace
(version 6, the frame without a face). Signs are those of the app's tables, see `mapping.livelink`.
"""

import math
import struct
import uuid

import numpy as np

from ...mapping.frame import ARKIT_SHAPES, ControlFrame
from ...mapping.livelink import GAZE_SIGNS, HEAD_SIGNS
from .protocol import Address, Told, cut_short, foreign, made_frame, subject_name

NAME = "Live Link Face"
VERSION = 6
RATE = 60
"""Frames a second that times are counted in on the way out."""
_COUNT = len(ARKIT_SHAPES) + 9
_LONGEST = 256
"""Bytes of a text, in Unreal Engine too."""
_LENGTH, _TIME, _VALUES = struct.Struct(">i"), struct.Struct(">ifii"), struct.Struct(f">{_COUNT}f")


class LiveLinkDecoder:
    """Datagrams of version 6."""

    def feed(self, datagram: bytes, sender: Address, arrived: float) -> list[Told]:
        """Return the frame of a datagram."""
        if not datagram or datagram[0] != VERSION:
            raise foreign(NAME)
        _, at = _text(datagram, 1)
        subject, at = _text(datagram, at)
        if len(datagram) < at + _TIME.size:
            raise cut_short()
        clock = _clock(*_TIME.unpack_from(datagram, at))
        at += _TIME.size
        return [Told(subject_name(subject), _frame(datagram[at:], arrived), sender, clock)]


class LiveLinkEncoder:
    """Datagrams of version 6. Each subject is a device of its own, for a device that changes its subject drops it."""

    def __init__(self) -> None:
        self._own = uuid.uuid4()

    def encode(self, frame: ControlFrame, *, subject: str = "Mimica") -> list[bytes]:
        """Return the one datagram of a frame."""
        device = str(uuid.uuid5(self._own, subject)).upper().encode()
        name = subject.encode("utf-8", "replace")[:_LONGEST].decode("utf-8", "ignore").encode()
        number = math.floor(frame.time * RATE)
        # An int32, begun anew after a year.
        time = _TIME.pack(number % 2**31, frame.time * RATE - number, RATE, 1)
        head = b"".join((bytes([VERSION]), _LENGTH.pack(len(device)), device, _LENGTH.pack(len(name)), name, time))
        if frame.controls is None:
            return [head]
        angles = np.zeros(9)
        if frame.head is not None:
            angles[:3] = frame.head * HEAD_SIGNS
        eyes = angles[3:].reshape(2, 3)[::-1]
        if frame.gaze is not None:
            eyes[:, :2] = frame.gaze * GAZE_SIGNS
        if frame.eye_roll is not None:
            eyes[:, 2] = -frame.eye_roll
        return [head + bytes([_COUNT]) + _VALUES.pack(*frame.controls, *(angles + 0.0))]


def _text(datagram: bytes, at: int) -> tuple[str, int]:
    """Return a text and where it ends. Raises Refused."""
    if len(datagram) < at + _LENGTH.size:
        raise cut_short()
    (length,) = _LENGTH.unpack_from(datagram, at)
    if not 0 <= length <= _LONGEST:
        raise foreign(NAME)
    at += _LENGTH.size
    if len(datagram) < at + length:
        raise cut_short()
    return datagram[at : at + length].rstrip(b"\0").decode("utf-8", "replace"), at + length


def _clock(number: int, part: float, numerator: int, denominator: int) -> float | None:
    """Return seconds of the sender's timecode; None where it is none."""
    if numerator <= 0 or denominator <= 0 or not 0.0 <= part < 1.0 + 1e-6:
        return None
    return (number + part) * denominator / numerator


def _frame(rest: bytes, arrived: float) -> ControlFrame:
    """Return the frame of the count and what follows it."""
    if not rest or rest[0] == 0:
        return made_frame(arrived, None)
    if rest[0] != _COUNT:
        raise foreign(NAME)
    if len(rest) < 1 + _VALUES.size:
        raise cut_short()
    values = np.array(_VALUES.unpack_from(rest, 1), np.float64)
    controls, head, eyes = values[:-9], values[-9:-6], values[-6:].reshape(2, 3)[::-1]
    # The app's switch for the eyes' angles leaves zeros.
    known = eyes.any()
    return made_frame(
        arrived,
        controls,
        head=head * HEAD_SIGNS + 0.0,
        gaze=eyes[:, :2] * GAZE_SIGNS + 0.0 if known else None,
        eye_roll=0.0 - eyes[:, 2] if known else None,
    )
