# SPDX-FileCopyrightText: 2026 Mimica authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""iFacialMocap and Facemotion3d: a line of text a frame, from phones that wait to be asked.

`eyeBlink_L-29|…|=head#X,Y,Z,x,y,z|rightEye#X,Y,Z|leftEye#X,Y,Z|`: shapes in hundredths, angles in degrees, places in
metres. Facemotion3d writes `eyeBlinkLeft&29`.

Sources: both makers' pages for developers (form, units, greetings, ports; a sample line each). The axes are not told
there. In both samples the eyes look down with X > 0 and to the performer's left with Y > 0, as their eyeLook shapes
say, and their Z is, to four digits, what Rx Ry has as R = Ry Rx Rz: so X, Y, Z are Mimica's pitch (down), yaw and roll
of a head, and the order is Mimica's too. The places are ARKit's: the face is 0.66 behind a camera that looks along -z.
"""

from collections import OrderedDict

import numpy as np

from ...mapping.frame import ARKIT_SHAPES, ControlFrame
from .protocol import LARGEST_WAY, Address, Told, controls_of, cut_short, foreign, made_frame

NAME = "iFacialMocap"
_LONGEST = 16_384
_PEOPLE = 256
"""Senders whose first place is remembered; who was silent for longest is forgotten."""
_TCP_END = "___iFacialMocap"
_TRACKING = "trackingStatus"
"""Told by Facemotion3d alone: 0 without a face."""


def _short(name: str) -> str:
    """Return a control as iFacialMocap calls it: `eyeBlink_L`. Left and right of jaw and mouth are ways to go."""
    if name in ("jawLeft", "jawRight", "mouthLeft", "mouthRight"):
        return name
    for side in ("Left", "Right"):
        if name.endswith(side):
            return f"{name.removesuffix(side)}_{side[0]}"
    return name


_SHORT = tuple(_short(name) for name in ARKIT_SHAPES)
_CONTROLS = {spelled: name for name, short in zip(ARKIT_SHAPES, _SHORT, strict=True) for spelled in (name, short)}


class IFacialMocapDecoder:
    """Lines of both apps. A head's way is counted from where its sender's first line had it."""

    def __init__(self) -> None:
        self._begun: OrderedDict[Address, np.ndarray] = OrderedDict()

    def feed(self, datagram: bytes, sender: Address, arrived: float) -> list[Told]:
        """Return the frame of a datagram."""
        if len(datagram) > _LONGEST:
            raise foreign(NAME)
        text = datagram.decode("utf-8", "replace").strip().removesuffix(_TCP_END)
        shapes, equals, places = text.partition("=")
        if not equals:
            raise cut_short() if "|" in shapes else foreign(NAME)
        # What ends within a number would be another number.
        if not places.endswith("|"):
            raise cut_short()
        values = _shapes(shapes)
        if values.get(_TRACKING) == 0.0:
            return [Told("", made_frame(arrived, None), sender)]
        known = {_CONTROLS[name]: value / 100.0 for name, value in values.items() if name in _CONTROLS}
        if not known:
            raise foreign(NAME)
        parts = _places(places)
        head = parts.get("head")
        eyes = [parts.get(eye) for eye in ("leftEye", "rightEye")]
        both = np.radians([eye[:3] for eye in eyes if eye is not None])
        # Zeros are eyes without angles, as when they are switched off.
        seen = len(both) == 2 and bool(both.any())
        frame = made_frame(
            arrived,
            controls_of(known),
            head=None if head is None else np.radians([head[1], head[0], head[2]]),
            way=None if head is None or len(head) < 6 else self._way(head[3:6], sender),
            gaze=np.column_stack([both[:, 1], 0.0 - both[:, 0]]) if seen else None,
            eye_roll=both[:, 2] if seen else None,
        )
        return [Told("", frame, sender)]

    def _way(self, place: list[float], sender: Address) -> np.ndarray:
        """Return centimetres from where the sender began."""
        here = np.array(place) * 100.0
        begun = self._begun.get(sender)
        if begun is None:
            # What is refused is no place to count from.
            if not (np.abs(here) <= LARGEST_WAY).all():
                return here
            begun = self._begun[sender] = here
            if len(self._begun) > _PEOPLE:
                self._begun.popitem(last=False)
        self._begun.move_to_end(sender)
        return here - begun


class IFacialMocapEncoder:
    """Lines of iFacialMocap. A lost face cannot be said."""

    def encode(self, frame: ControlFrame, *, subject: str = "Mimica") -> list[bytes]:
        """Return the one datagram of a frame. The subject has no place in it."""
        if frame.controls is None:
            return []
        parts = [f"{name}-{value:.0f}" for name, value in zip(_SHORT, (frame.controls * 100.0).tolist(), strict=True)]
        yaw, pitch, roll = np.degrees(np.zeros(3) if frame.head is None else frame.head).tolist()
        way = (np.zeros(3) if frame.way is None else frame.way / 100.0).tolist()
        gaze = np.degrees(np.zeros((2, 2)) if frame.gaze is None else frame.gaze).tolist()
        rolls = np.degrees(np.zeros(2) if frame.eye_roll is None else frame.eye_roll).tolist()
        parts.append("=head#" + _numbers(pitch, yaw, roll, *way))
        for eye, i in (("rightEye", 1), ("leftEye", 0)):
            parts.append(f"{eye}#" + _numbers(-gaze[i][1], gaze[i][0], rolls[i]))
        return [("|".join(parts) + "|").encode()]


def _numbers(*values: float) -> str:
    return ",".join(f"{value + 0.0:.7f}" for value in values)


def _shapes(text: str) -> dict[str, float]:
    """Return values by name, of names that are known."""
    found: dict[str, float] = {}
    for item in text.split("|"):
        name, mark, value = item.partition("&" if "&" in item else "-")
        name = name.strip()
        if mark and (name in _CONTROLS or name == _TRACKING):
            found[name] = _number(value)
    return found


def _places(text: str) -> dict[str, list[float]]:
    """Return the numbers of head and eyes."""
    found: dict[str, list[float]] = {}
    for item in text.split("|"):
        name, mark, numbers = item.partition("#")
        name = name.strip()
        if mark and name in ("head", "leftEye", "rightEye"):
            found[name] = [_number(value) for value in numbers.split(",", 8)]
            if len(found[name]) < 3:
                raise cut_short()
    return found


def _number(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        raise foreign(NAME) from None
