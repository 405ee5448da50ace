# SPDX-FileCopyrightText: 2026 Mimica authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Streams: what a frame costs to write and to read, how many arrive on this computer, and how soon."""

import time
from pathlib import Path

import numpy as np

from ..bridges.streams.protocol import PROTOCOLS
from ..bridges.streams.receiver import StreamReceiver
from ..bridges.streams.sender import StreamSender
from ..mapping.frame import ControlFrame
from .common import spread

FRAMES = 1000
RATES = (60.0, 240.0)
"""Frames a second through the network: a phone's, and four phones'."""
SECONDS = 4.0


def run(_clip: Path, _folder: Path) -> None:
    """Measure every protocol. The clip is not used."""
    frames = _frames()
    print("µs a frame (median, 95 %)          write                read   bytes  datagrams")
    for key, protocol in PROTOCOLS.items():
        encoder, decoder = protocol.encoder(), protocol.decoder()
        written, read, sizes, counts = [], [], [], []
        for frame in frames:
            begun = time.perf_counter()
            datagrams = encoder.encode(frame)
            written.append((time.perf_counter() - begun) * 1e6)
            begun = time.perf_counter()
            for datagram in datagrams:
                decoder.feed(datagram, ("127.0.0.1", 1), frame.time)
            read.append((time.perf_counter() - begun) * 1e6)
            sizes.append(sum(map(len, datagrams)))
            counts.append(len(datagrams))
        print(f"{key:24} {spread(written)}  {spread(read)} {np.mean(sizes):7.0f} {max(counts):10}")
    print("\nthrough this computer's network    a second    sent  arrived   ms from send to take (median, 95 %)")
    for key in PROTOCOLS:
        for rate in RATES:
            _through(key, rate, frames)


def _frames() -> list[ControlFrame]:
    random = np.random.default_rng(0)
    return [
        ControlFrame(
            i / 60.0,
            random.uniform(size=52),
            head=random.uniform(-0.5, 0.5, 3),
            way=random.uniform(-5.0, 5.0, 3),
            gaze=random.uniform(-0.3, 0.3, (2, 2)),
        )
        for i in range(FRAMES)
    ]


def _through(key: str, rate: float, frames: list[ControlFrame]) -> None:
    """Send at a rate, and count and time what arrives."""
    receiver = StreamReceiver(key, "127.0.0.1", 0)
    receiver.start()
    sender = StreamSender(key, "127.0.0.1", receiver.port)
    sender.start()
    delays: list[float] = []
    count = int(rate * SECONDS)
    arrived = 0
    try:
        begun = time.perf_counter()
        for i in range(count):
            while (left := begun + i / rate - time.perf_counter()) > 0:
                time.sleep(left)
            sent = time.perf_counter()
            frame = frames[i % len(frames)]
            sender.send(ControlFrame(i / rate, frame.controls, frame.head, frame.way, frame.gaze))
            told = receiver.take(1.0 / rate)
            arrived += len(told)
            if told:
                delays.append((time.perf_counter() - sent) * 1e3)
        end = time.perf_counter() + 1.0
        while arrived < count and time.perf_counter() < end:
            arrived += len(receiver.take(0.05))
    finally:
        sender.stop()
        receiver.stop()
    print(f"{key:24} {rate:18.0f} {count:7} {arrived:8}   {spread(delays)}")
