# SPDX-FileCopyrightText: 2026 Mimica authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Streams that go out, over real sockets of this computer: who gets them, who waits, what is said of failures."""

import json
import socket
import time
from collections.abc import Callable, Iterator

import numpy as np
import pytest

from mimica.bridges.streams.protocol import PROTOCOLS, Encoder, StreamError
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
def listener() -> Iterator[socket.socket]:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as one:
        one.bind((LOCAL, 0))
        one.settimeout(20.0)
        yield one


def shown(name: str = "jawOpen", time: float = 0.0, face_id: int = 0) -> ControlFrame:
    controls = np.zeros(len(ARKIT_SHAPES))
    controls[ARKIT_SHAPES.index(name)] = 0.75
    return ControlFrame(time, controls, head=np.radians([20.0, 10.0, -5.0]), face_id=face_id)


@pytest.mark.parametrize("key", PROTOCOLS)
def test_every_protocol_goes_through_the_network(key: str) -> None:
    if PROTOCOLS[key].extra:
        pytest.importorskip("pythonosc")
    receiver = StreamReceiver(key, LOCAL, 0)
    receiver.start()
    sender = StreamSender(key, LOCAL, receiver.port)
    sender.start()
    try:
        told = []
        for i in range(20):
            sender.send(shown("mouthSmileLeft", time=i / 30), "Anna")
        until(lambda: told.extend(receiver.take(0.05)) or len(told) >= 20)
    finally:
        sender.stop()
        receiver.stop()
    last = told[-1].frame
    assert last.controls is not None and last.head is not None
    assert ARKIT_SHAPES[int(np.argmax(last.controls))] == "mouthSmileLeft"
    np.testing.assert_allclose(np.degrees(last.head), [20.0, 10.0, -5.0], atol=1e-3)
    assert told[-1].subject == ("Anna" if PROTOCOLS[key].subjects else LOCAL)
    assert sender.health.sent == 20 and not sender.health.failure


def test_faces_have_their_names(listener: socket.socket) -> None:
    sender = StreamSender("json", LOCAL, listener.getsockname()[1])
    sender.start()
    try:
        sender.send(shown(face_id=0), "Anna")
        sender.send(shown(face_id=1), "Ben")
        told = [json.loads(listener.recv(65_535)) for _ in range(2)]
    finally:
        sender.stop()
    assert [(one["face"], one["frame"]) for one in told] == [("Anna", 0), ("Ben", 0)]


def test_only_the_first_face_is_sent_where_there_are_no_names(listener: socket.socket) -> None:
    sender = StreamSender("ifacialmocap", LOCAL, listener.getsockname()[1])
    sender.start()
    try:
        for face in (0, 1, 0, 1):
            sender.send(shown("jawOpen" if face == 0 else "tongueOut", face_id=face), str(face))
        lines = [listener.recv(65_535) for _ in range(2)]
        until(lambda: sender.health.sent == 2)
    finally:
        sender.stop()
    assert all(b"jawOpen-75" in line and b"tongueOut-0" in line for line in lines)
    assert sender.health.ignored == 2


def test_a_port_where_nobody_listens_is_said() -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as unused:
        unused.bind((LOCAL, 0))
        port = unused.getsockname()[1]
    sender = StreamSender("json", LOCAL, port)
    sender.start()
    try:

        def said() -> bool:
            sender.send(shown())
            return sender.health.failed > 0

        # Not every system says so.
        until(lambda: said() or sender.health.sent > 40)
        if sender.health.failed:
            assert f"{LOCAL}, port {port}" in (sender.health.failure or f"{LOCAL}, port {port}")
    finally:
        sender.stop()


def test_an_unknown_computer_is_said_and_nobody_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    def slow(*_: object, **__: object) -> None:
        time.sleep(0.3)
        raise socket.gaierror(socket.EAI_NONAME, "not known")

    monkeypatch.setattr(socket, "getaddrinfo", slow)
    sender = StreamSender("json", "no.such.computer.invalid")
    sender.start()
    try:
        began = time.perf_counter()
        for _ in range(10):
            sender.send(shown())
        assert time.perf_counter() - began < 0.25
        until(lambda: sender.health.failed == 10)
        assert "no computer 'no.such.computer.invalid'" in sender.health.failure
    finally:
        sender.stop()


def test_a_network_that_is_stuck_does_not_fill_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    class Stuck:
        def encode(self, frame: ControlFrame, *, subject: str = "Mimica") -> list[bytes]:
            del frame, subject
            time.sleep(0.5)
            return []

    stuck: Encoder = Stuck()
    monkeypatch.setattr("mimica.bridges.streams.plain_json.JsonEncoder", lambda: stuck)
    sender = StreamSender("json", LOCAL, 9)
    sender.start()
    try:
        for i in range(500):
            sender.send(shown(time=float(i)))
        assert sender.health.overrun >= 500 - 64 - 2
    finally:
        sender.stop()


@pytest.mark.parametrize(("host", "port", "text"), [("", 1, "no address to send to"), (LOCAL, 0, "no port 0")])
def test_what_cannot_be_sent_to_is_said(host: str, port: int, text: str) -> None:
    with pytest.raises(StreamError, match=text):
        StreamSender("json", host, port).start()


def test_as_a_phone_it_waits_to_be_asked(listener: socket.socket) -> None:
    sender = StreamSender("ifacialmocap", "", 0, reply_port=listener.getsockname()[1])
    sender.start()
    try:
        sender.send(shown())
        until(lambda: sender.health.failed == 1)
        assert "asked" in sender.health.failure
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as program:
            program.sendto(b"something else", (LOCAL, sender.port))
            program.sendto(b"iFacialMocap_sahuasouryya9218sauhuiayeta91555dy3719", (LOCAL, sender.port))
        until(lambda: sender.health.receivers == 1)
        sender.send(shown())
        assert b"=head#10.0000000,20.0000000,-5.0000000," in listener.recv(65_535)
    finally:
        sender.stop()


def test_it_can_be_started_again(listener: socket.socket) -> None:
    sender = StreamSender("json", LOCAL, listener.getsockname()[1])
    for _ in range(3):
        sender.start()
        sender.send(shown())
        sender.stop()
        assert json.loads(listener.recv(65_535))["frame"] == 0
    sender.send(shown())
    assert not sender.running and sender.health.sent == 1
