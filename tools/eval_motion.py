# SPDX-FileCopyrightText: 2026 Mimica authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the face does in evaluation clips: controls, head angles and segments of each frame. Pure functions.

The words and looks are Mimica's own. Everything random is drawn from a seed, so the same seed gives the same clips.
"""

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from ..mapping.frame import ARKIT_SHAPES

RATE = 30.0
"""Frames a second."""
NEUTRAL = 30
"""Frames of the face at rest at the start of each clip."""
_UP, _HOLD, _GAP = 8, 4, 4
"""Frames of a shape coming (and going), staying, and of rest before the next one."""

Shapes = Mapping[str, float]

_COMBINATIONS: dict[str, Shapes] = {
    "lookLeft": {"eyeLookOutLeft": 1, "eyeLookInRight": 1},
    "lookRight": {"eyeLookInLeft": 1, "eyeLookOutRight": 1},
    "lookUp": {"eyeLookUpLeft": 1, "eyeLookUpRight": 1},
    "lookDown": {"eyeLookDownLeft": 1, "eyeLookDownRight": 1},
    "chew": {"jawOpen": 0.6, "mouthClose": 0.6},
    "chewAside": {"jawOpen": 0.4, "mouthClose": 0.4, "jawLeft": 0.7},
    "shrug": {"mouthShrugLower": 1, "mouthShrugUpper": 0.7},
    "rollIn": {"mouthRollLower": 1, "mouthRollUpper": 1},
    "laugh": {"jawOpen": 0.5, "mouthSmileLeft": 0.9, "mouthSmileRight": 0.9, "cheekSquintLeft": 0.8,
              "cheekSquintRight": 0.8, "eyeSquintLeft": 0.5, "eyeSquintRight": 0.5},
    "smirk": {"mouthSmileLeft": 0.8, "mouthDimpleLeft": 0.5, "browOuterUpLeft": 0.6},
    "anger": {"browDownLeft": 0.9, "browDownRight": 0.9, "noseSneerLeft": 0.6, "noseSneerRight": 0.6,
              "eyeSquintLeft": 0.6, "eyeSquintRight": 0.6, "mouthPressLeft": 0.7, "mouthPressRight": 0.7},
    "sadness": {"browInnerUp": 0.9, "mouthFrownLeft": 0.8, "mouthFrownRight": 0.8, "mouthShrugLower": 0.4},
    "fright": {"browInnerUp": 0.8, "browOuterUpLeft": 0.7, "browOuterUpRight": 0.7, "eyeWideLeft": 0.9,
               "eyeWideRight": 0.9, "jawOpen": 0.35, "mouthStretchLeft": 0.7, "mouthStretchRight": 0.7},
    "disgust": {"noseSneerLeft": 0.9, "noseSneerRight": 0.9, "mouthUpperUpLeft": 0.7, "mouthUpperUpRight": 0.7,
                "browDownLeft": 0.5, "browDownRight": 0.5},
    "kiss": {"mouthPucker": 1, "eyeBlinkLeft": 0.9, "eyeBlinkRight": 0.9},
    "oh": {"jawOpen": 0.5, "mouthFunnel": 0.8},
    "wink": {"eyeBlinkRight": 1, "cheekSquintRight": 0.7, "mouthSmileRight": 0.5},
    "mouthAsideSmile": {"mouthRight": 0.7, "mouthSmileRight": 0.5},
}  # fmt: skip

_MOUTHS: dict[str, Shapes] = {
    "rest": {},
    "m": {"jawOpen": 0.12, "mouthClose": 0.12, "mouthPressLeft": 0.45, "mouthPressRight": 0.45, "mouthRollLower": 0.25,
          "mouthRollUpper": 0.2},
    "f": {"jawOpen": 0.1, "mouthRollLower": 0.55, "mouthUpperUpLeft": 0.25, "mouthUpperUpRight": 0.25},
    "a": {"jawOpen": 0.6, "mouthLowerDownLeft": 0.25, "mouthLowerDownRight": 0.25, "mouthUpperUpLeft": 0.15,
          "mouthUpperUpRight": 0.15},
    "e": {"jawOpen": 0.25, "mouthStretchLeft": 0.35, "mouthStretchRight": 0.35, "mouthSmileLeft": 0.25,
          "mouthSmileRight": 0.25, "mouthLowerDownLeft": 0.3, "mouthLowerDownRight": 0.3},
    "i": {"jawOpen": 0.12, "mouthSmileLeft": 0.4, "mouthSmileRight": 0.4, "mouthDimpleLeft": 0.2,
          "mouthDimpleRight": 0.2, "mouthUpperUpLeft": 0.2, "mouthUpperUpRight": 0.2},
    "o": {"jawOpen": 0.38, "mouthFunnel": 0.6, "mouthPucker": 0.15},
    "u": {"jawOpen": 0.14, "mouthPucker": 0.75, "mouthFunnel": 0.2},
    "s": {"jawOpen": 0.06, "mouthStretchLeft": 0.25, "mouthStretchRight": 0.25, "mouthLowerDownLeft": 0.35,
          "mouthLowerDownRight": 0.35, "mouthUpperUpLeft": 0.2, "mouthUpperUpRight": 0.2},
    "sh": {"jawOpen": 0.1, "mouthFunnel": 0.55, "mouthShrugUpper": 0.2},
    "th": {"jawOpen": 0.22, "tongueOut": 0.35, "mouthLowerDownLeft": 0.2, "mouthLowerDownRight": 0.2},
    "t": {"jawOpen": 0.18, "mouthLowerDownLeft": 0.15, "mouthLowerDownRight": 0.15},
}  # fmt: skip
"""Mouth shapes of sounds."""
_CONSONANTS, _VOWELS = ("m", "f", "s", "sh", "th", "t"), ("a", "e", "i", "o", "u")
_MOODS: tuple[Shapes, ...] = (
    {"browInnerUp": 0.6, "browOuterUpLeft": 0.5, "browOuterUpRight": 0.5},
    {"browDownLeft": 0.6, "browDownRight": 0.6, "eyeSquintLeft": 0.3, "eyeSquintRight": 0.3},
    {"mouthSmileLeft": 0.5, "mouthSmileRight": 0.5, "cheekSquintLeft": 0.4, "cheekSquintRight": 0.4},
    {"browOuterUpLeft": 0.7},
    {"browInnerUp": 0.7, "mouthFrownLeft": 0.4, "mouthFrownRight": 0.4},
    {"eyeWideLeft": 0.6, "eyeWideRight": 0.6, "browInnerUp": 0.4},
)
"""Looks that come and go while the face talks."""
_TURNS = np.array([40.0, 25.0, 30.0])
"""Degrees of yaw, pitch and roll that the head clip reaches."""


@dataclass(frozen=True, slots=True, eq=False)
class EvalMotion:
    """What one clip shows, N frames at `RATE`."""

    controls: np.ndarray
    """float (N, 52) in the order of `ARKIT_SHAPES`, [0, 1]."""
    head: np.ndarray
    """float (N, 3), degrees: yaw, pitch, roll, R = Ry(yaw) Rx(pitch) Rz(roll), in the camera's frame (x to the image's
    right, y up, z to the viewer): the nose to the image's right, down, the head's top to the image's left."""
    segments: tuple[str, ...]
    """(N,): `neutral`, `gap`, `sweep:SHAPE`, `pair:NAME`, `speech`, `head:NAME`."""

    def __len__(self) -> int:
        return len(self.segments)


def sweep(shapes: Sequence[str]) -> EvalMotion:
    """Return each shape alone, from 0 to 1 and back: the tongue out of a half open mouth, lips closed on an open jaw.

    :param shapes: those that the character has; others are left out.
    """
    parts: list[tuple[str, Shapes]] = []
    for name in shapes:
        also = {"tongueOut": {"jawOpen": 0.5}, "mouthClose": {"jawOpen": 1.0}}.get(name, {})
        parts.append((f"sweep:{name}", {name: 1.0, **{k: v for k, v in also.items() if k in shapes}}))
    return _one_by_one(parts)


def pairs(shapes: Sequence[str]) -> EvalMotion:
    """Return both sides of each shape together, then natural combinations, as far as the character has the shapes."""
    both = {
        name.removesuffix("Left"): {name: 1.0, f"{name.removesuffix('Left')}Right": 1.0}
        for name in shapes
        if name.endswith("Left") and not name.startswith(("jaw", "eyeLook")) and name != "mouthLeft"
    }
    parts = [(f"pair:{name}", values) for name, values in {**both, **_COMBINATIONS}.items()]
    return _one_by_one((name, found) for name, values in parts if (found := _of(values, shapes)))


def speech(shapes: Sequence[str], seed: int, seconds: float = 12.0) -> EvalMotion:
    """Return talking with blinks, glances, looks that come and go, and a head that is never quite still."""
    random = np.random.default_rng([seed, 1])
    count = max(1, round(seconds * RATE))
    controls = _limited(_talk(random, count, _expressive(random, count)), shapes)
    head = _sway(random, count, np.array([5.0, 3.0, 2.5]))
    return _after_neutral(controls, head, ["speech"] * count)


def turns(shapes: Sequence[str], seed: int) -> EvalMotion:
    """Return the head turning about each axis, about all, and turning while the face talks."""
    random = np.random.default_rng([seed, 2])
    alone, mixed, talk = 80, 90, 120
    there_and_back = np.sin(2.0 * math.pi * np.arange(alone) / alone)
    angles, segments = [], []
    for axis, name in enumerate(("yaw", "pitch", "roll")):
        part = np.zeros((alone, 3))
        part[:, axis] = _TURNS[axis] * there_and_back
        angles.append(part)
        segments += [f"head:{name}"] * alone
    for name, length, share in (("mixed", mixed, 0.65), ("talk", talk, 0.7)):
        # Three rates without a common beat; the ends are at rest.
        phase = 2.0 * math.pi * np.arange(length)[:, None] / length * np.array([1.0, 2.0, 3.0])
        ends = np.minimum(1.0, 4.0 * np.sin(math.pi * np.arange(length) / length))[:, None]
        angles.append(share * _TURNS * np.sin(phase + random.uniform(0.0, 0.6, 3)) * ends)
        segments += [f"head:{name}"] * length
    head = np.concatenate(angles)
    controls = np.zeros((len(head), len(ARKIT_SHAPES)))
    controls[-talk:] = _limited(_talk(random, talk, np.zeros((talk, len(ARKIT_SHAPES)))), shapes)
    return _after_neutral(controls, head, segments)


def clips(shapes: Sequence[str], seed: int) -> dict[str, Callable[[], EvalMotion]]:
    """Return what makes each kind of clip, by kind, for a character that has `shapes`."""
    return {
        "sweep": lambda: sweep(shapes),
        "pairs": lambda: pairs(shapes),
        "speech": lambda: speech(shapes, seed),
        "head": lambda: turns(shapes, seed),
    }


def _of(values: Shapes, shapes: Sequence[str]) -> Shapes:
    return {name: value for name, value in values.items() if name in shapes}


def _row(values: Shapes) -> np.ndarray:
    row = np.zeros(len(ARKIT_SHAPES))
    for name, value in values.items():
        row[ARKIT_SHAPES.index(name)] = value
    return row


def _limited(controls: np.ndarray, shapes: Sequence[str]) -> np.ndarray:
    """Return controls in [0, 1], without shapes that are not there, and lips never more closed than the jaw is open."""
    has = np.isin(ARKIT_SHAPES, shapes)
    result = np.where(has, np.clip(controls, 0.0, 1.0), 0.0)
    close, jaw = ARKIT_SHAPES.index("mouthClose"), ARKIT_SHAPES.index("jawOpen")
    result[:, close] = np.minimum(result[:, close], result[:, jaw])
    return result


def _after_neutral(controls: np.ndarray, head: np.ndarray, segments: Sequence[str]) -> EvalMotion:
    rest = np.zeros((NEUTRAL, len(ARKIT_SHAPES)))
    return EvalMotion(
        np.concatenate([rest, controls]),
        np.concatenate([np.zeros((NEUTRAL, 3)), head]),
        ("neutral",) * NEUTRAL + tuple(segments),
    )


def _one_by_one(parts: Iterable[tuple[str, Shapes]]) -> EvalMotion:
    rise = np.sin(0.5 * math.pi * np.arange(1, _UP + 1) / _UP) ** 2
    course = np.concatenate([[0.0], rise[:-1], np.ones(_HOLD), rise[::-1][1:], [0.0]])
    rows, segments = [np.zeros((0, len(ARKIT_SHAPES)))], []
    for name, values in parts:
        rows += [course[:, None] * _row(values), np.zeros((_GAP, len(ARKIT_SHAPES)))]
        segments += [name] * len(course) + ["gap"] * _GAP
    controls = np.concatenate(rows)
    return _after_neutral(controls, np.zeros((len(controls), 3)), segments)


def _talk(random: np.random.Generator, count: int, under: np.ndarray) -> np.ndarray:
    """Return `count` frames of syllables, blinks and glances over the looks in `under`, (count, 52)."""
    mouth = np.zeros((count, len(ARKIT_SHAPES)))
    at = 0
    while at < count:
        for _ in range(random.integers(4, 10)):
            force = random.uniform(0.65, 1.15)
            for sound, frames in ((random.choice(_CONSONANTS), (2, 4)), (random.choice(_VOWELS), (3, 7))):
                length = int(random.integers(*frames))
                # A lip contact is a contact however softly it is said.
                mouth[at : at + length] = _row(_MOUTHS[str(sound)]) * (1.0 if sound == "m" else force)
                at += length
        at += int(random.integers(6, 20))
    return _smoothed(mouth, 5) + under + _blinks(random, count) + _glances(random, count)


def _expressive(random: np.random.Generator, count: int) -> np.ndarray:
    found = np.zeros((count, len(ARKIT_SHAPES)))
    at = int(random.integers(5, 20))
    while at < count:
        length = int(random.integers(20, 45))
        found[at : at + length] = _row(_MOODS[random.integers(len(_MOODS))]) * random.uniform(0.6, 1.2)
        at += length + int(random.integers(10, 30))
    return _smoothed(found, 11)


def _blinks(random: np.random.Generator, count: int) -> np.ndarray:
    """Lids close in three frames and open in six."""
    course = np.array([0.3, 0.8, 1.0, 1.0, 0.85, 0.6, 0.35, 0.15, 0.05])
    found = np.zeros((count, len(ARKIT_SHAPES)))
    at = int(random.integers(10, 40))
    while at < count:
        part = course[: count - at, None]
        found[at : at + len(part)] = part * _row({"eyeBlinkLeft": 1.0, "eyeBlinkRight": 1.0})
        at += int(random.integers(35, 110))
    return found


def _glances(random: np.random.Generator, count: int) -> np.ndarray:
    """Eyes jump to a place and stay there; both look the same way."""
    place = np.zeros((count, 2))
    at = int(random.integers(5, 25))
    while at < count:
        length = int(random.integers(12, 40))
        if random.random() < 0.7:
            place[at : at + length] = random.uniform((-0.8, -0.7), (0.8, 0.7))
        at += length
    left, up = _smoothed(place, 3).T
    found = np.zeros((count, len(ARKIT_SHAPES)))
    for names, values in (
        (("eyeLookOutLeft", "eyeLookInRight"), left),
        (("eyeLookInLeft", "eyeLookOutRight"), -left),
        (("eyeLookUpLeft", "eyeLookUpRight"), up),
        (("eyeLookDownLeft", "eyeLookDownRight"), -up),
    ):
        found[:, [ARKIT_SHAPES.index(name) for name in names]] = np.maximum(values, 0.0)[:, None]
    return found


def _sway(random: np.random.Generator, count: int, most: np.ndarray) -> np.ndarray:
    time = np.arange(count)[:, None, None] / RATE
    rates, phases = random.uniform(0.15, 0.7, (3, 3)), random.uniform(0.0, 2.0 * math.pi, (3, 3))
    waves = np.sin(2.0 * math.pi * rates * time + phases).mean(axis=2)
    return most * waves * np.minimum(1.0, np.arange(count) / 10.0)[:, None]


def _smoothed(values: np.ndarray, width: int) -> np.ndarray:
    """Return (N, C) with steps turned into ramps of about `width` frames."""
    window = np.hanning(width + 2)[1:-1]
    window /= window.sum()
    padded = np.pad(values, ((width // 2, width - 1 - width // 2), (0, 0)), "edge")
    return np.stack([np.convolve(column, window, "valid") for column in padded.T], axis=1)
