# SPDX-FileCopyrightText: 2026 Mimica authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the page and the server tell each other. What comes from outside is checked here, whoever sent it.

Offers come as JSON by POST, settings and figures as JSON over a data channel, results go out as bytes over another:
see `pack_result`.
"""

import json
import math
import re
import struct
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ...capture.tracker import TrackerError, TrackerSettings
from ...mapping.frame import LANDMARK_COUNT, FaceFrame

LARGEST_OFFER = 64 * 2**10
"""Bytes."""
LARGEST_MESSAGE = 4 * 2**10
_MOST_CANDIDATES = 40
_LONGEST_NAME = 40
_DEVICE = re.compile(r"[A-Za-z0-9-]{8,64}")
_LOWEST = 0.05
"""Least confidence, as in Blender's panel."""

HEADER = struct.Struct("<BBHIdfff4x")
"""Of a result: version, number of faces, nothing, number of the result, `captured`, milliseconds here, results a
second, aspect of the picture, nothing. 32 bytes."""
VERSION = 1
SPAN = (-0.5, 1.5)
"""Coordinates that 0 and 65535 stand for: faces reach out of the picture."""


class MessageError(Exception):
    """What came is not what the page sends. Nobody reads it but who writes a page."""


@dataclass(frozen=True, slots=True)
class Offer:
    """A device wants to send its video."""

    sdp: str
    device: str
    """The page's own name for its browser, by which it is known again."""
    name: str
    """What the user reads."""


@dataclass(frozen=True, slots=True)
class Figures:
    """What the page measured."""

    delay: float
    """Milliseconds from the capture of an image to its mesh on the page."""
    rate: float
    """Meshes a second."""


def parse_offer(body: bytes) -> Offer:
    """Return the offer in a request's body. Raises MessageError."""
    values = _object(body, LARGEST_OFFER)
    sdp, device, name = values.get("sdp"), values.get("device"), values.get("name", "")
    if not isinstance(sdp, str) or not isinstance(device, str) or not isinstance(name, str):
        raise MessageError("sdp, device and name are texts.")
    if not _DEVICE.fullmatch(device):
        raise MessageError("The device's own name is not valid.")
    lines = sdp.splitlines()
    media = [line.split(" ", 1)[0] for line in lines if line.startswith("m=")]
    # Sound would pile up, as nobody listens to it.
    if sorted(media) != ["m=application", "m=video"]:
        raise MessageError("An offer has one video and one data channel.")
    if sum(line.startswith("a=candidate:") for line in lines) > _MOST_CANDIDATES:
        raise MessageError("The offer has too many candidates.")
    return Offer(sdp, device, shown_name(name))


def shown_name(name: str) -> str:
    """Return a name that a device gave itself as it can be shown anywhere: one line, short, never empty."""
    clean = " ".join("".join(c if c.isprintable() else " " for c in name[: 4 * _LONGEST_NAME]).split())
    return clean[:_LONGEST_NAME].strip() or "Phone"


def parse_message(data: object) -> TrackerSettings | Figures:
    """Return what came over the data channel. Raises MessageError."""
    if not isinstance(data, str):
        raise MessageError("Settings come as text.")
    if len(data) > LARGEST_MESSAGE:
        raise MessageError("The message is too long.")
    values = _object(data.encode("utf-8", "replace"), LARGEST_MESSAGE)
    match values.get("type"):
        case "settings":
            faces = values.get("faces")
            if not isinstance(faces, int) or isinstance(faces, bool):
                raise MessageError("faces is a whole number.")
            detection, tracking = _number(values, "detection"), _number(values, "tracking")
            try:
                return TrackerSettings(faces, max(detection, _LOWEST), 0.5, max(tracking, _LOWEST))
            except TrackerError as error:
                raise MessageError(str(error)) from error
        case "figures":
            return Figures(min(max(_number(values, "delay"), 0.0), 1e5), min(max(_number(values, "rate"), 0.0), 1e3))
        case _:
            raise MessageError("The message is of no kind that is known.")


def state_message(number: int, *, capturing: bool, settings: TrackerSettings) -> str:
    """Return what the page is told of the state of things."""
    values = {
        "type": "state",
        "number": number,
        "capturing": capturing,
        "faces": settings.faces,
        "detection": settings.detection,
        "tracking": settings.tracking,
    }
    return json.dumps(values)


def pack_result(
    faces: Sequence[FaceFrame], *, number: int, captured: float, here_ms: float, rate: float, aspect: float
) -> bytes:
    """Return the faces of an image for the page: the header, and of each found face x and y of all points as uint16.

    :param captured: when the image was captured, milliseconds since 1970 on the device's own clock; NaN: not known.
    :param here_ms: how long the image was in this computer.
    :param aspect: width over height of the image.
    """
    found = [face.landmarks for face in faces if face.landmarks is not None]
    low, high = SPAN
    parts = [HEADER.pack(VERSION, len(found), 0, number & 0xFFFFFFFF, captured, here_ms, rate, aspect)]
    for landmarks in found:
        # The offline model knows no irises: their points are NaN, and 0 for the page.
        share = (np.nan_to_num(landmarks[:, :2], nan=low) - low) / (high - low)
        parts.append(np.round(np.clip(share, 0.0, 1.0) * 65535.0).astype("<u2").tobytes())
    return b"".join(parts)


def unpack_points(data: bytes) -> np.ndarray:
    """Return the points of a packed result, float64 (faces, 478, 2): for tests and other readers."""
    low, high = SPAN
    count = data[1]
    points = np.frombuffer(data, "<u2", count * LANDMARK_COUNT * 2, HEADER.size)
    return points.reshape(count, LANDMARK_COUNT, 2) / 65535.0 * (high - low) + low


def _object(body: bytes, most: int) -> dict[str, Any]:
    if len(body) > most:
        raise MessageError("The message is too long.")
    try:
        values = json.loads(body)
    except (ValueError, RecursionError) as error:
        raise MessageError("The message is no JSON.") from error
    if not isinstance(values, dict):
        raise MessageError("The message is no JSON object.")
    return values


def _number(values: dict[str, Any], key: str) -> float:
    value = values.get(key)
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise MessageError(f"{key} is a number.")
    try:
        number = float(value)
    except OverflowError as error:
        raise MessageError(f"{key} is too large.") from error
    if not math.isfinite(number):
        raise MessageError(f"{key} is a finite number.")
    return number
