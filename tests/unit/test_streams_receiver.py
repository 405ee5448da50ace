# SPDX-FileCopyrightText: 2026 Mimica authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Streams over real sockets of this computer: what is sent is received, and nothing hostile breaks it."""

import dataclasses
import itertools
import json
import socket
import time
from collections.abc import Callable, Iterator

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mimica.bridges.streams.protocol import PROTOCOLS, StreamError, Told
from mimica.bridges.streams.receiver import StreamReceiver
from mimica.bridges.streams.sender import StreamSender
from mimica.bridges.streams.timing import Allowance, ClockFit, Rate
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


def test_it_ends_at_once_while_nothing_comes(receiver: StreamReceiver) -> None:
    began = time.monotonic()
    receiver.stop()
    assert not receiver.running and time.monotonic() - began < 4.0


def test_an_address_that_is_not_this_computers_is_said() -> None:
    with pytest.raises(StreamError, match="no address of this computer"):
        StreamReceiver("json", "192.0.2.1", 0).start()


def test_a_port_that_is_none_is_said() -> None:
    with pytest.raises(StreamError, match="no port 70000"):
        StreamReceiver("json", LOCAL, 70_000).start()


def test_the_newest_refusal_is_told_and_nothing_ends(receiver: StreamReceiver, speaker: socket.socket) -> None:
    for datagram in (b"", b"\xff" * 60_000, b"{" * 60_000, b'{"mimica": 1}', words(0)):
        speaker.sendto(datagram, (LOCAL, receiver.port))
    gathered(receiver, 1)
    assert receiver.health.refused == 4 and '"controls"' in receiver.health.refusal and receiver.running


def test_what_comes_late_or_twice_is_left_out(receiver: StreamReceiver, speaker: socket.socket) -> None:
    for i in (0, 1, 2, 2, 1, 5, 4, 6):
        speaker.sendto(words(i, time=i / 30), (LOCAL, receiver.port))
    told = gathered(receiver, 5)
    until(lambda: receiver.health.received == 8)
    health = receiver.health
    assert [one.number for one in told] == [0, 1, 2, 5, 6]
    assert (health.frames, health.duplicates, health.late, health.lost) == (5, 1, 2, 2)


def test_a_sender_that_begins_anew_is_heard_again(receiver: StreamReceiver, speaker: socket.socket) -> None:
    for i in (1000, 1001, 0, 1, 2):
        speaker.sendto(words(i, time=i / 30), (LOCAL, receiver.port))
    # The first of the new ones may be a straggler; the second proves that it is none.
    assert [one.number for one in gathered(receiver, 4)] == [1000, 1001, 1, 2]


def test_four_faces_have_places_and_others_are_counted(receiver: StreamReceiver, speaker: socket.socket) -> None:
    for name in ("A", "B", "C", "D", "E", "B", "F"):
        speaker.sendto(words(face=name), (LOCAL, receiver.port))
    told = gathered(receiver, 5)
    until(lambda: receiver.health.received == 7)
    assert [(one.subject, one.frame.face_id) for one in told] == [("A", 0), ("B", 1), ("C", 2), ("D", 3), ("B", 1)]
    assert receiver.health.ignored == 2
    assert [face.subject for face in receiver.health.faces] == ["A", "B", "C", "D"]


class Now:
    """A clock that goes when told."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


def test_who_was_started_again_has_its_face_again() -> None:
    clock = Now()
    receiver = StreamReceiver("json", LOCAL, 0, clock=clock)
    receiver.start()
    try:
        for _ in range(6):
            with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as once:
                once.sendto(words(face="Anna"), (LOCAL, receiver.port))
            (told,) = gathered(receiver, 1)
            assert told.frame.face_id == 0
            clock.now += 3.0
    finally:
        receiver.stop()


def test_without_names_each_sender_is_a_face() -> None:
    pytest.importorskip("pythonosc")
    receiver = StreamReceiver("ifacialmocap", LOCAL, 0)
    receiver.start()
    line = b"jawOpen-50|=head#1,2,3,0,0,0|"
    try:
        with (
            socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as a,
            socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as b,
        ):
            for one in (a, b, a):
                one.sendto(line, (LOCAL, receiver.port))
            told = gathered(receiver, 3)
    finally:
        receiver.stop()
    assert [one.frame.face_id for one in told] == [0, 1, 0]
    assert {one.subject for one in told} == {LOCAL}


def test_frames_that_nobody_takes_do_not_pile_up(receiver: StreamReceiver, speaker: socket.socket) -> None:
    speaker.sendto(words(), (LOCAL, receiver.port))
    gathered(receiver, 1)
    for i in range(1, 3000):
        speaker.sendto(words(i, time=i / 30), (LOCAL, receiver.port))
        if i % 200 == 0:
            until(lambda i=i: receiver.health.received > i)
    until(lambda: receiver.health.received >= 3000)
    # What is more than a sender's share was not looked at; of the rest, the newest wait.
    health, told = receiver.health, receiver.take()
    assert len(told) <= 512 and health.frames + health.flooded == 3000
    numbers = [one.number or 0 for one in told]
    assert numbers == sorted(numbers)


def test_a_flood_of_strangers_does_not_silence_who_has_a_face(speaker: socket.socket) -> None:
    receiver = StreamReceiver("json", LOCAL, 0, clock=Now())
    receiver.start()
    try:
        speaker.sendto(words(0, face="Anna", time=0.0), (LOCAL, receiver.port))
        gathered(receiver, 1)
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as stranger:
            for i in range(1, 41):
                for _ in range(50):
                    stranger.sendto(b'{"mimica": 1, "controls": 0}', (LOCAL, receiver.port))
                speaker.sendto(words(i, face="Anna", time=i / 30), (LOCAL, receiver.port))
                # The system's own buffer is none of the receiver's.
                until(lambda i=i: receiver.health.received >= 51 * i + 1)
        told, health = receiver.take(), receiver.health
    finally:
        receiver.stop()
    assert [one.number for one in told] == list(range(1, 41))
    # All in one moment: a quarter of a sender's share, less the first of her who was a stranger.
    looked_at = int(PROTOCOLS["json"].most / 4 / 256)
    assert health.refused == looked_at - 1 and health.flooded == 2000 - health.refused


def test_what_is_larger_than_the_protocols_is_not_read(speaker: socket.socket) -> None:
    receiver = StreamReceiver("ifacialmocap", LOCAL, 0)
    receiver.start()
    try:
        speaker.sendto(b"jawOpen-50|" * 2000 + b"=head#0,0,0|", (LOCAL, receiver.port))
        until(lambda: receiver.health.received == 1)
        until(lambda: receiver.health.refused == 1)
    finally:
        receiver.stop()


def test_a_fault_in_a_decoder_is_not_the_end(
    receiver: StreamReceiver, speaker: socket.socket, monkeypatch: pytest.MonkeyPatch
) -> None:
    from mimica.bridges.streams import plain_json

    speaker.sendto(words(0), (LOCAL, receiver.port))
    gathered(receiver, 1)
    with monkeypatch.context() as patch:
        patch.setattr(plain_json, "made_frame", lambda *_, **__: 1 / 0)
        speaker.sendto(words(1), (LOCAL, receiver.port))
        until(lambda: receiver.health.refused == 1)
    speaker.sendto(words(2), (LOCAL, receiver.port))
    gathered(receiver, 1)


def test_a_phone_is_asked_until_it_sends(monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as phone:
        phone.bind((LOCAL, 0))
        phone.settimeout(20.0)
        greeting = (b"iFacialMocap_sahuasouryya9218sauhuiayeta91555dy3719", phone.getsockname()[1])
        protocol = dataclasses.replace(PROTOCOLS["ifacialmocap"], greetings=(greeting,))
        monkeypatch.setitem(PROTOCOLS, "ifacialmocap", protocol)
        receiver = StreamReceiver("ifacialmocap", LOCAL, 0, phone_address=LOCAL)
        receiver.start()
        try:
            words, address = phone.recvfrom(200)
            assert words == greeting[0] and address == (LOCAL, receiver.port)
            phone.sendto(b"jawOpen-50|=head#0,10,0,0,0,0|", address)
            (told,) = gathered(receiver, 1)
        finally:
            receiver.stop()
    assert told.frame.head is not None
    np.testing.assert_allclose(np.degrees(told.frame.head), [10.0, 0.0, 0.0])


# When a frame was.


def test_the_shaking_of_a_network_is_taken_out() -> None:
    rng, fit = np.random.default_rng(3), ClockFit()
    clocks = np.arange(600) / 60 + 7000.0
    delays = rng.exponential(0.008, 600) + 0.002
    # Datagrams in a row do not overtake each other here.
    arrivals = np.maximum.accumulate(clocks - 6900.0 + delays)
    times = []
    for clock, arrived in zip(clocks, arrivals, strict=True):
        assert fit.judge(clock) == "new"
        times.append(fit.time_of(clock, arrived))
    settled = np.diff(times[60:])
    assert np.abs(settled - 1 / 60).max() < 0.0015 < np.abs(np.diff(arrivals[60:]) - 1 / 60).max()


@settings(deadline=None, max_examples=25)
@given(
    st.lists(st.tuples(st.none() | st.floats(allow_nan=False, allow_infinity=False), st.floats(0.0, 10.0)), max_size=40)
)
def test_times_increase_and_are_not_after_the_arrival(frames: list[tuple[float | None, float]]) -> None:
    fit, now, last = ClockFit(), 0.0, float("-inf")
    for clock, step in frames:
        now += step
        if fit.judge(clock) == "new":
            when = fit.time_of(clock, now)
            assert last < when <= max(now, last + 2e-6)
            last = when


def test_an_allowance_is_what_it_says() -> None:
    share = Allowance(100.0)
    assert sum(share.take(0.0) for _ in range(1000)) == 100
    assert sum(share.take(1.0 + i / 1000) for i in range(1000)) == pytest.approx(199, abs=2)


def test_a_rate_is_of_the_last_seconds() -> None:
    rate = Rate()
    for i in range(300):
        rate.count(i / 60)
    assert rate.rate(5.0) == pytest.approx(60.0, rel=0.02)
    assert rate.rate(50.0) == 0.0
