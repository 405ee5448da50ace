# SPDX-FileCopyrightText: 2026 Mimica authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Streams over real sockets of this computer: what is sent is received, and nothing hostile breaks it."""

import itertools
import json
import socket
import time
from collections.abc import Callable, Iterator

import numpy as np
import pytest

from mimica.bridges.streams.protocol import StreamError, Told
from mimica.bridges.streams.receiver import StreamReceiver
from mimica.bridges.streams.sender import StreamSender
from mimica.mapping.frame import ARKIT_SHAPES, ControlFrame

LOCAL = "127.0.0.1"


def until(condition: Callable[[], object], seconds: float = 20.0) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "it did not come about"
        time.sleep(0.005)


@pytest.fixture
def receiver() -> Iterator[StreamReceiver]:
    one = StreamReceiver("json", LOCAL, 0)
    one.start()
    yield one
    one.stop()


@pytest.fixture
def speaker() -> Iterator[socket.socket]:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as one:
        yield one


def words(frame: int = 0, **more: object) -> bytes:
    return json.dumps({"mimica": 1, "frame": frame, "controls": {"jawOpen": 0.5}, **more}).encode()


def gathered(receiver: StreamReceiver, count: int) -> list[Told]:
    told: list[Told] = []
    until(lambda: told.extend(receiver.take(0.05)) or len(told) >= count)
    return told


def test_what_is_sent_is_received(receiver: StreamReceiver) -> None:
    sender = StreamSender("json", LOCAL, receiver.port)
    sender.start()
    try:
        controls = np.linspace(0.0, 1.0, len(ARKIT_SHAPES))
        for i in range(10):
            sender.send(ControlFrame(i / 30, controls, head=np.array([0.1, -0.2, 0.3])), "Anna")
        told = gathered(receiver, 10)
    finally:
        sender.stop()
    assert {one.subject for one in told} == {"Anna"}
    times = [one.frame.time for one in told]
    assert all(b > a for a, b in itertools.pairwise(times))
    for one in told:
        assert one.frame.controls is not None and one.frame.head is not None
        np.testing.assert_allclose(one.frame.controls, controls, atol=1e-12)
        np.testing.assert_allclose(one.frame.head, [0.1, -0.2, 0.3], atol=1e-12)
    assert sender.health.sent == 10 and receiver.health.frames == 10


def test_a_port_in_use_is_said(receiver: StreamReceiver) -> None:
    with pytest.raises(StreamError, match="in use"):
        StreamReceiver("json", LOCAL, receiver.port).start()


def test_the_port_is_free_after_the_end(receiver: StreamReceiver) -> None:
    receiver.stop()
    again = StreamReceiver("json", LOCAL, receiver.port)
    again.start()
    again.stop()
