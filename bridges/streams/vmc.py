# SPDX-FileCopyrightText: 2026 Mimica authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The VMC protocol: OSC messages of VTuber programs, each one value or bone of a VRM character.

`/VMC/Ext/Blend/Val name value` sets a shape, `/VMC/Ext/Blend/Apply` says that all are set; `/VMC/Ext/Bone/Pos name` and
a place and quaternion xyzw turns a bone against its parent; `/VMC/Ext/T` is the sender's time, `/VMC/Ext/OK` whether it
tracks. ARKit's shapes go by their own names, as characters with "Perfect Sync" have them; of senders that have none of
these, VRM's presets (A I U E O, Blink, Joy …) are taken, coarsely.

Unity's axes are left-handed: x to the right of a character that looks along z, y up. Its rotations are ours mirrored in
x: (x, y, z, w) is (x, -y, -z, w). The neck's rotation is part of the head's here; nothing else is taken of the body.

Sources: protocol.vmc.info, the specification of what a marionette receives (messages, values, ports, versions);
Unity's manual (axes). VRM 0 and 1 specifications (presets).
"""

import math
import struct
from collections import OrderedDict
from dataclasses import dataclass, field
from functools import cache
from typing import Any

import numpy as np

from ...mapping import rotation as rot
from ...mapping.frame import ARKIT_SHAPES, ControlFrame
from ...mapping.naming import arkit_spellings, joined
from . import osc
from .protocol import Address, Told, controls_of, cut_short, foreign, made_frame, not_finite

NAME = "VMC"
_VALUE, _APPLY = b"/VMC/Ext/Blend/Val", b"/VMC/Ext/Blend/Apply"
_BONE, _TIME, _STATE = b"/VMC/Ext/Bone/Pos", b"/VMC/Ext/T", b"/VMC/Ext/OK"
_BONES = (b"Neck\0", b"Head\0", b"LeftEye\0", b"RightEye\0")
_PLAIN = b",sf\0"
"""Types of a shape's message, after the 20 bytes of its address: only the last four bytes, the value, change."""
_FLOAT = struct.Struct(">f")
_SHAPES = 256
"""Messages of shapes that are remembered."""
_SENDERS = 256
"""Senders whose values are remembered; who was silent for longest is forgotten."""
_COARSE_CLOCK = 65_536.0
"""Seconds from which on a float32 is too coarse for frames."""
_MIRROR = np.array([1.0, 1.0, -1.0, -1.0])
"""Quaternions wxyz from Unity's axes to ours, and back."""
_NO_TURN = np.array([1.0, 0.0, 0.0, 0.0])


def _both(name: str, gain: float) -> dict[str, float]:
    return {f"{name}Left": gain, f"{name}Right": gain}


PRESETS: dict[str, dict[str, float]] = {
    "a": {"jawOpen": 0.7, **_both("mouthLowerDown", 0.3)},
    "i": {"jawOpen": 0.15, **_both("mouthStretch", 0.5), **_both("mouthLowerDown", 0.3)},
    "u": {"jawOpen": 0.15, "mouthPucker": 0.8},
    "e": {"jawOpen": 0.3, **_both("mouthStretch", 0.4), **_both("mouthLowerDown", 0.3)},
    "o": {"jawOpen": 0.45, "mouthFunnel": 0.7},
    "blink": _both("eyeBlink", 1.0),
    "blinkl": {"eyeBlinkLeft": 1.0},
    "blinkr": {"eyeBlinkRight": 1.0},
    "lookup": _both("eyeLookUp", 1.0),
    "lookdown": _both("eyeLookDown", 1.0),
    "lookleft": {"eyeLookOutLeft": 1.0, "eyeLookInRight": 1.0},
    "lookright": {"eyeLookInLeft": 1.0, "eyeLookOutRight": 1.0},
    "joy": {**_both("mouthSmile", 0.8), **_both("cheekSquint", 0.5)},
    "angry": {**_both("browDown", 0.9), **_both("noseSneer", 0.3)},
    "sorrow": {"browInnerUp": 0.8, **_both("mouthFrown", 0.6)},
    "fun": {**_both("mouthSmile", 0.5), **_both("eyeSquint", 0.4)},
    "surprised": {"browInnerUp": 0.8, **_both("browOuterUp", 0.8), **_both("eyeWide", 0.7), "jawOpen": 0.3},
}
"""What VRM's presets show of ARKit's shapes, by joined name; what several show adds up."""
_OTHER_PRESETS = {
    "aa": "a",
    "ih": "i",
    "ou": "u",
    "ee": "e",
    "oh": "o",
    "blinkleft": "blinkl",
    "blinkright": "blinkr",
    "happy": "joy",
    "sad": "sorrow",
    "relaxed": "fun",
}
"""VRM 1's names of the same."""


@dataclass(slots=True)
class _Sender:
    """What one sender has told. As large as the tables are, whatever it sends."""

    controls: dict[str, float] = field(default_factory=dict)
    presets: dict[str, float] = field(default_factory=dict)
    bones: dict[str, np.ndarray] = field(default_factory=dict)
    """Quaternions wxyz in our axes."""
    clock: float | None = None
    """Since its last frame."""
    turned: bool = False
    """Whether a bone has moved since."""
    shows: bool = False
    """Whether it ever said Apply."""


class VmcDecoder:
    """Frames of performers and assistants: whatever was told until Apply."""

    def __init__(self) -> None:
        self._senders: OrderedDict[Address, _Sender] = OrderedDict()
        self._shapes: dict[bytes, str] = {}
        """Shapes' messages up to the value, as python-osc has read them once, and their joined names."""

    def feed(self, datagram: bytes, sender: Address, arrived: float) -> list[Told]:
        """Return the frame that a datagram completes, if it does one."""
        # All or nothing: a damaged datagram changes nothing.
        read = [told for message in osc.messages(datagram, NAME) if (told := self._read(message)) is not None]
        if not read:
            return []
        state = self._senders.get(sender)
        if state is None:
            state = self._senders[sender] = _Sender()
            if len(self._senders) > _SENDERS:
                self._senders.popitem(last=False)
        self._senders.move_to_end(sender)
        kinds = set()
        lost = False
        for kind, name, value in read:
            kinds.add(kind)
            if kind == _VALUE and name in arkit_names():
                state.controls[arkit_names()[name]] = value
            elif kind == _VALUE and (preset := _OTHER_PRESETS.get(name, name)) in PRESETS:
                state.presets[preset] = value
            elif kind == _BONE and name:
                state.bones[name] = value
                state.turned = True
            elif kind == _TIME:
                state.clock = value if abs(value) < _COARSE_CLOCK else None
            elif kind == _STATE:
                lost = lost or not value
        if lost:
            return [self._told(state, made_frame(arrived, None), sender)]
        state.shows = state.shows or _APPLY in kinds
        shows = state.shows or state.controls or state.presets
        if _APPLY in kinds or (_TIME in kinds and state.turned and not shows):
            return [self._told(state, _frame(state, arrived), sender)]
        return []

    def _read(self, message: bytes) -> tuple[bytes, str, Any] | None:
        """Return what a message says: kind, name, value; None of what is not needed. Raises Refused."""
        shape = self._shapes.get(message[:-4])
        if shape is not None:
            return _VALUE, shape, _numbers(_FLOAT.unpack(message[-4:]), 1)[0]
        address = osc.address_of(message)
        if address == _BONE and not any(name in message for name in _BONES):
            return None
        if address not in (_VALUE, _APPLY, _BONE, _TIME, _STATE):
            return None
        plain = address == _VALUE and message[20:24] == _PLAIN
        if plain and not _is_shape(message[24 : message.find(b"\0", 24)]):
            return None
        told = _read(address, osc.values_of(message, NAME))
        if plain:
            if len(self._shapes) >= _SHAPES:
                self._shapes.clear()
            self._shapes[message[:-4]] = told[1]
        return told

    def _told(self, state: _Sender, frame: ControlFrame, sender: Address) -> Told:
        clock, state.clock, state.turned = state.clock, None, False
        return Told("", frame, sender, clock)


class VmcEncoder:
    """What a performer sends to a marionette, of a face alone."""

    def __init__(self) -> None:
        self._began: float | None = None
        # Only the last four bytes of a shape's message change, its float32.
        self._shapes = [osc.message(_VALUE.decode(), name[0].upper() + name[1:], 0.0)[:-4] for name in ARKIT_SHAPES]
        self._apply = osc.message(_APPLY.decode())

    def encode(self, frame: ControlFrame, *, subject: str = "Mimica") -> list[bytes]:
        """Return the datagrams of a frame. The subject has no place in them."""
        if self._began is None or frame.time < self._began:
            self._began = frame.time
        parts = [osc.message(_STATE.decode(), 1, 3, 0, int(frame.found))]
        if frame.head is not None:
            parts.append(_bone("Head", *frame.head))
        if frame.gaze is not None:
            rolls = np.zeros(2) if frame.eye_roll is None else frame.eye_roll
            for i, name in enumerate(("LeftEye", "RightEye")):
                parts.append(_bone(name, frame.gaze[i, 0], -frame.gaze[i, 1], rolls[i]))
        values = b"" if frame.controls is None else frame.controls.astype(">f4").tobytes()
        if values:
            parts += [head + values[4 * i : 4 * i + 4] for i, head in enumerate(self._shapes)]
        # Beside Apply, so that a frame whose first datagram was lost still says when it was.
        parts.append(osc.message(_TIME.decode(), float(frame.time - self._began)))
        if values:
            parts.append(self._apply)
        return osc.bundles(parts)


@cache
def arkit_names() -> dict[str, str]:
    """Return joined spellings of single shapes, and ARKit's names of them. Not to be changed."""
    return {
        spelling: meaning.follows[0][0]
        for spelling, meaning in arkit_spellings().items()
        if len(meaning.follows) == 1 and meaning.follows[0][1] == 1.0 and not meaning.part
    }


def _is_shape(name: bytes) -> bool:
    """Whether a shape's name means something. Characters have hundreds that do not."""
    spelling = joined(name[:64].decode("utf-8", "replace"))
    return spelling in arkit_names() or spelling in PRESETS or spelling in _OTHER_PRESETS


def _read(address: bytes, values: Any) -> tuple[bytes, str, Any]:
    """Return what a message says: kind, name, value. Raises Refused."""
    if address == _APPLY:
        return address, "", None
    if address == _STATE:
        tracked = values[3] if len(values) > 3 else 1
        return address, "", tracked != 0
    if address == _TIME:
        return address, "", _numbers(values[:1], 1)[0]
    if not values or not isinstance(values[0], str):
        raise foreign(NAME)
    if address == _VALUE:
        return address, joined(values[0][:64]), _numbers(values[1:2], 1)[0]
    turn = np.array(_numbers(values[1:8], 7)[3:])
    if values[0].encode() + b"\0" not in _BONES:
        return address, "", _NO_TURN
    length = math.hypot(*turn)
    if not 1e-6 < length < 1e6:
        # No rotation that means something: the bone rests.
        return address, values[0], _NO_TURN
    return address, values[0], turn[[3, 0, 1, 2]] / length * _MIRROR


def _numbers(values: Any, count: int) -> list[float]:
    if len(values) < count:
        raise cut_short()
    for value in values:
        if isinstance(value, bool) or not isinstance(value, (int, float)):
            raise foreign(NAME)
        if not math.isfinite(value):
            raise not_finite()
    return [float(value) for value in values]


def _frame(state: _Sender, arrived: float) -> ControlFrame:
    controls = state.controls
    if not controls:
        controls = {}
        for name, value in state.presets.items():
            for control, gain in PRESETS[name].items():
                controls[control] = controls.get(control, 0.0) + gain * min(max(value, 0.0), 1.0)
    neck, head = state.bones.get("Neck"), state.bones.get("Head")
    eyes = [state.bones.get(name) for name in ("LeftEye", "RightEye")]
    angles = np.array([_angles(eye) for eye in eyes if eye is not None])
    # Zeros are eyes that the sender does not turn.
    seen = len(angles) == 2 and bool(angles.any())
    return made_frame(
        arrived,
        controls_of(controls),
        head=None if head is None else _angles(head if neck is None else rot.multiply(neck, head)),
        gaze=np.column_stack([angles[:, 0], 0.0 - angles[:, 1]]) if seen else None,
        eye_roll=angles[:, 2] if seen else None,
    )


def _angles(quaternion: np.ndarray) -> np.ndarray:
    """Return yaw, pitch (down) and roll of a quaternion wxyz in our axes."""
    return rot.euler_from_matrix(rot.matrix_from_quaternion(quaternion)) + 0.0


def _bone(name: str, yaw: float, pitch: float, roll: float) -> bytes:
    """Return the message of a bone that turns by yaw, pitch (down) and roll: Ry Rx Rz as quaternions, mirrored."""
    (sy, cy), (sx, cx), (sz, cz) = ((math.sin(angle / 2), math.cos(angle / 2)) for angle in (yaw, pitch, roll))
    x = cy * sx * cz + sy * cx * sz
    y = sy * cx * cz - cy * sx * sz
    z = cy * cx * sz - sy * sx * cz
    w = cy * cx * cz + sy * sx * sz
    return osc.message(_BONE.decode(), name, 0.0, 0.0, 0.0, x, -y, -z, w)
