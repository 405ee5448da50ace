# SPDX-FileCopyrightText: 2026 Mimica authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Messages of Open Sound Control datagrams, taken apart safely.

python-osc reads and writes the messages. The bundles around them are walked here: its own reader goes round for ever
at a negative size, and as deep as a stranger says (OSC 1.0: a bundle is `#bundle`, a time tag of 8 bytes, and elements,
each an int32 size and a message or bundle).
"""

import re
import struct
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from .protocol import cut_short, foreign

_BUNDLE = b"#bundle\0"
_NOW = b"\0\0\0\0\0\0\0\1"
_SIZE = struct.Struct(">i")
_DEEPEST = 4
_TAGS = re.compile(rb",[sfihdTF]{0,24}\0")
"""Types that a message may have: others are none of ours, and python-osc writes a line for each to the log."""

LARGEST = 1400
"""Bytes of a datagram that no network cuts in pieces."""


def messages(datagram: bytes, name: str, deep: int = 0) -> Iterator[bytes]:
    """Give each message in a datagram, as bytes. Raises Refused.

    :param name: of the protocol, for the refusal.
    """
    if datagram.startswith(b"/"):
        yield datagram
        return
    if not datagram.startswith(_BUNDLE) or deep > _DEEPEST:
        raise foreign(name)
    at = len(_BUNDLE) + len(_NOW)
    while at < len(datagram):
        if len(datagram) < at + _SIZE.size:
            raise cut_short()
        (size,) = _SIZE.unpack_from(datagram, at)
        at += _SIZE.size
        if size <= 0 or size % 4:
            raise foreign(name)
        if at + size > len(datagram):
            raise cut_short()
        yield from messages(datagram[at : at + size], name, deep + 1)
        at += size


def address_of(message: bytes) -> bytes:
    """Return a message's address, without what fills it up."""
    return message[: max(message.find(b"\0"), 0)]


def values_of(message: bytes, name: str) -> Sequence[Any]:
    """Return the values of a message. Raises Refused."""
    from pythonosc.osc_message import OscMessage

    tags = (message.find(b"\0") // 4 + 1) * 4
    if not _TAGS.match(message, tags):
        raise foreign(name)
    try:
        return list(OscMessage(message).params)
    # Beside its own error, whatever damaged bytes lead to in it.
    except Exception:
        raise cut_short() from None


def message(address: str, *values: str | float) -> bytes:
    """Return a message; a float is a float32, an int an int32."""
    from pythonosc.osc_message_builder import OscMessageBuilder

    builder = OscMessageBuilder(address)
    for value in values:
        builder.add_arg(value)
    return builder.build().dgram


def bundles(parts: Iterable[bytes]) -> list[bytes]:
    """Return messages as bundles, in their order, none of them larger than `LARGEST` where its messages are not."""
    made: list[bytes] = []
    head = _BUNDLE + _NOW
    held = head
    for part in parts:
        if len(held) > len(head) and len(held) + _SIZE.size + len(part) > LARGEST:
            made.append(held)
            held = head
        held += _SIZE.pack(len(part)) + part
    return [*made, held]
