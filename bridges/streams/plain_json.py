# SPDX-FileCopyrightText: 2026 Mimica authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Mimica's own stream: one JSON object a datagram, for people's scripts. Described in docs/streams.md.

Angles are degrees and have names; their signs are Mimica's: yaw > 0 to the performer's left; the head's pitch > 0
looks down and roll > 0 tilts its top to the performer's right; an eye's pitch > 0 looks up. Ways are centimetres.
"""

import json
import math
from typing import Any

import numpy as np

from ...mapping.frame import ARKIT_SHAPES, ControlFrame
from .protocol import Address, Refused, Told, controls_of, foreign, made_frame, not_finite, subject_name

VERSION = 1
_KNOWN = frozenset(ARKIT_SHAPES)
_LARGEST_NUMBER = 2**53


class JsonDecoder:
    """Objects of version 1. What it does not know in them is passed over."""

    def feed(self, datagram: bytes, sender: Address, arrived: float) -> list[Told]:
        """Return the frame of a datagram."""
        try:
            told = json.loads(datagram)
        except (ValueError, RecursionError):
            raise foreign("JSON") from None
        if not isinstance(told, dict):
            raise foreign("JSON")
        if told.get("mimica") != VERSION or isinstance(told["mimica"], bool):
            raise _wrong("mimica")
        return [
            Told(
                subject_name(_text(told)),
                _frame(told, arrived),
                sender,
                clock=None if told.get("time") is None else _number(told, "time"),
                number=_count(told),
            )
        ]


class JsonEncoder:
    """Objects of version 1. Each face's frames are counted from 0."""

    def __init__(self) -> None:
        self._counts: dict[int, int] = {}

    def encode(self, frame: ControlFrame, *, subject: str = "Mimica") -> list[bytes]:
        """Return the one datagram of a frame."""
        count = self._counts.get(frame.face_id, 0)
        self._counts[frame.face_id] = count + 1
        told: dict[str, Any] = {"mimica": VERSION, "face": subject, "frame": count, "time": frame.time}
        told["found"] = frame.found
        if frame.controls is not None:
            told["controls"] = dict(zip(ARKIT_SHAPES, frame.controls.tolist(), strict=True))
        if frame.head is not None:
            told["head"] = dict(zip(("yaw", "pitch", "roll"), np.degrees(frame.head).tolist(), strict=True))
        if frame.way is not None:
            told["way"] = dict(zip("xyz", frame.way.tolist(), strict=True))
        if frame.gaze is not None:
            told["eyes"] = {}
            for i, side in enumerate(("left", "right")):
                eye: dict[str, float] = dict(zip(("yaw", "pitch"), np.degrees(frame.gaze[i]).tolist(), strict=True))
                if frame.eye_roll is not None:
                    eye["roll"] = float(np.degrees(frame.eye_roll[i]))
                told["eyes"][side] = eye
        return [json.dumps(told, separators=(",", ":")).encode()]


def _frame(told: dict[str, Any], arrived: float) -> ControlFrame:
    if told.get("found") is False:
        return made_frame(arrived, None)
    controls = _object(told, "controls")
    if controls is None:
        raise _wrong("controls")
    known = {name: _number(controls, name) for name in controls if name in _KNOWN}
    head, way, eyes = (_object(told, name) for name in ("head", "way", "eyes"))
    sides = [] if eyes is None else [_object(eyes, side) for side in ("left", "right")]
    both = [side for side in sides if side is not None]
    rolled = len(both) == 2 and all("roll" in side for side in both)
    return made_frame(
        arrived,
        controls_of(known),
        head=None if head is None else np.radians(_parts(head, ("yaw", "pitch", "roll"))),
        way=None if way is None else _parts(way, ("x", "y", "z")),
        gaze=np.radians([_parts(side, ("yaw", "pitch")) for side in both]) if len(both) == 2 else None,
        eye_roll=np.radians([_parts(side, ("roll",))[0] for side in both]) if rolled else None,
    )


def _object(told: dict[str, Any], name: str) -> dict[str, Any] | None:
    value = told.get(name)
    if value is not None and not isinstance(value, dict):
        raise _wrong(name)
    return value


def _parts(told: dict[str, Any], names: tuple[str, ...]) -> list[float]:
    """Return numbers by name; what is not told is 0."""
    return [_number(told, name) if name in told else 0.0 for name in names]


def _number(told: dict[str, Any], name: str) -> float:
    value = told[name]
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise _wrong(name)
    try:
        value = float(value)
    except OverflowError:
        raise not_finite() from None
    if not math.isfinite(value):
        raise not_finite()
    return value


def _text(told: dict[str, Any]) -> str:
    value = told.get("face", "")
    if not isinstance(value, str):
        raise _wrong("face")
    return value


def _count(told: dict[str, Any]) -> int | None:
    value = told.get("frame")
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value < _LARGEST_NUMBER:
        raise _wrong("frame")
    return value


def _wrong(name: str) -> Refused:
    return Refused(f'"{name}" is missing in an object, or is of the wrong kind.')
