# SPDX-FileCopyrightText: 2026 Mimica authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A performance that is known already, sent at its own speed."""

import threading
import time
from collections.abc import Callable, Sequence

from ...mapping.frame import ControlFrame

_RUSH = 0.5
"""Seconds by which it may be late and still catch up; after more, as after a sleep, it goes on from there."""


def subject_of(face: int) -> str:
    """Return what a face is called in the streams that go out."""
    return "Mimica" if face == 0 else f"Mimica {face + 1}"


def play(
    frames: Sequence[ControlFrame],
    send: Callable[[ControlFrame], None],
    stop: threading.Event,
    told: Callable[[float], None] = lambda share: None,
) -> int:
    """Send frames, in order of time, each when it is due. Blocks until the last is sent, or `stop` is set.

    :param told: is given the share in [0, 1] that was sent, with each frame.
    :return: how many frames were sent.
    """
    began: float | None = None
    for i, frame in enumerate(frames):
        now = time.perf_counter()
        if began is None or now - began - frame.time > _RUSH:
            began = now - frame.time
        if stop.wait(max(0.0, began + frame.time - now)):
            return i
        send(frame)
        told((i + 1) / len(frames))
    return len(frames)
