# SPDX-FileCopyrightText: 2026 Mimica authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the faces of the training data do: ARKit's 52 shapes and the head's rotation, drawn at random.

Every row keeps to what the shapes mean (`respect_meaning`). Combinations follow `training_expressions.json`.
"""

import json
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

from ..mapping.data import load_table
from ..mapping.frame import ARKIT_SHAPES

KINDS = ("neutral", "single", "mixed", "range")
LEAST_NEUTRAL = 8

_COLUMN = {name: column for column, name in enumerate(ARKIT_SHAPES)}
_LARGEST_TURN = (40.0, 25.0, 25.0)
_SLIGHT_TURN = (7.0, 6.0, 4.0)
_FRONTAL_TURN = (2.5, 2.5, 1.5)
"""Standard deviations; the largest is a limit. Yaw, pitch, roll, degrees."""
_NEUTRAL_SHARE, _SINGLE_SHARE = 0.08, 0.43
_SINGLE_TURNED, _MIXED_TURNED = 0.3, 0.5
_TONGUE_GAP = 0.2
"""jawOpen without which no tongue comes out."""
_TONGUE_JAW = 0.5
"""jawOpen of a tongue that is asked for."""

RANGE = tuple(name for name in ARKIT_SHAPES if name != "mouthClose")
"""Shapes that can be asked for alone: mouthClose closes what the jaw opens."""


@dataclass(frozen=True, slots=True, eq=False)
class Samples:
    """M things that one face does, in random order."""

    kinds: np.ndarray
    """uint8 (M,): rows of `KINDS`."""
    controls: np.ndarray
    """float32 (M, 52), [0, 1], order of `ARKIT_SHAPES`."""
    head: np.ndarray
    """float32 (M, 3): yaw, pitch, roll in degrees."""


def random_samples(random: np.random.Generator, count: int) -> Samples:
    """Draw `count` samples, at least `LEAST_NEUTRAL`: the face at rest, shapes alone (each of them, from 121 samples
    on), combinations; a part of each with the head turned. `RANGE` comes in addition: each shape in full and frontal,
    as a performer shows it who is asked for it.
    """
    neutral = max(LEAST_NEUTRAL, round(_NEUTRAL_SHARE * count))
    single = min(len(ARKIT_SHAPES), round(_SINGLE_SHARE * count), count - neutral)
    mixed = count - neutral - single
    alone = random.permutation(ARKIT_SHAPES)[:single]
    rows = [np.zeros(len(ARKIT_SHAPES))] * neutral
    rows += [_single(random, str(name)) for name in alone]
    rows += [_mixed(random) for _ in range(mixed)]
    rows += [_asked_for(name) for name in RANGE]
    controls = np.array(rows)
    head = np.concatenate(
        [
            _neutral_turns(random, neutral),
            _turns(random, single, _SINGLE_TURNED),
            _turns(random, mixed, _MIXED_TURNED),
            random.normal(0.0, 0.5, (len(RANGE), 3)) * _FRONTAL_TURN,
        ]
    )
    kinds = np.repeat(np.arange(len(KINDS), dtype=np.uint8), [neutral, single, mixed, len(RANGE)])
    _look_at_camera(random, controls, head, kinds)
    order = random.permutation(len(kinds))
    return Samples(kinds[order], controls[order].astype(np.float32), head[order].astype(np.float32))


def respect_meaning(controls: np.ndarray) -> np.ndarray:
    """Return controls (N, 52) that a face can do by Apple's definitions of the shapes.

    All in [0, 1]. Of two opposites the weaker goes. mouthClose closes what jawOpen opened, so it is never more than
    that; the tongue comes out of an open mouth only.
    """
    kept = np.clip(controls, 0.0, 1.0)
    for first, second in _opposites():
        a, b = kept[:, first].copy(), kept[:, second].copy()
        kept[:, first] = np.where(a >= b, a, 0.0)
        kept[:, second] = np.where(a >= b, 0.0, b)
    jaw, close, tongue = (_COLUMN[name] for name in ("jawOpen", "mouthClose", "tongueOut"))
    kept[:, close] = np.where(kept[:, tongue] > 0.0, 0.0, np.minimum(kept[:, close], kept[:, jaw]))
    kept[:, tongue] = np.where(kept[:, jaw] < _TONGUE_GAP, 0.0, kept[:, tongue])
    return kept


@cache
def _table() -> dict[str, Any]:
    return json.loads(Path(__file__).with_name("training_expressions.json").read_text(encoding="utf-8"))


def _columns(name: str) -> tuple[int, ...]:
    """Return the shape's column, or left and right of a name without side."""
    return (_COLUMN[name],) if name in _COLUMN else (_COLUMN[f"{name}Left"], _COLUMN[f"{name}Right"])


@cache
def _opposites() -> tuple[tuple[int, int], ...]:
    pairs: list[tuple[int, int]] = []
    for first, second in _table()["opposites"]:
        a, b = _columns(first), _columns(second)
        length = max(len(a), len(b))
        pairs += zip(a * (length // len(a)), b * (length // len(b)), strict=True)
    return tuple(pairs)


def _single(random: np.random.Generator, name: str) -> np.ndarray:
    row = np.zeros(len(ARKIT_SHAPES))
    strength = random.uniform(0.25, 1.0) if random.random() < 0.75 else 1.0
    _set(random, row, name, strength)
    return respect_meaning(row[None])[0]


def _asked_for(name: str) -> np.ndarray:
    """One shape in full; the tongue comes out of an open mouth."""
    row = np.zeros(len(ARKIT_SHAPES))
    row[_COLUMN[name]] = 1.0
    row[_COLUMN["jawOpen"]] = max(row[_COLUMN["jawOpen"]], {"tongueOut": _TONGUE_JAW}.get(name, 0.0))
    return row


def _set(random: np.random.Generator, row: np.ndarray, name: str, value: float) -> None:
    """Set one shape, and open the jaw as far as that needs."""
    row[_COLUMN[name]] = value
    needed = {"mouthClose": random.uniform(value, 1.0), "tongueOut": random.uniform(0.3, 0.7)}.get(name, 0.0)
    row[_COLUMN["jawOpen"]] = max(row[_COLUMN["jawOpen"]], needed)


def _mixed(random: np.random.Generator) -> np.ndarray:
    row = np.zeros(len(ARKIT_SHAPES))
    speaks, acts = random.random() < 0.5, random.random() < 0.5
    if speaks:
        # Sounds run into each other.
        share = random.uniform(0.5, 1.0)
        _add(random, row, "visemes", share * random.uniform(0.5, 1.3))
        _add(random, row, "visemes", (1.0 - share) * random.uniform(0.5, 1.3))
    if acts or not speaks:
        _add(random, row, "mouth", random.uniform(0.2, 1.2))
    if random.random() < 0.5:
        _add(random, row, "brows", random.uniform(0.2, 1.2))
    if random.random() < 0.45:
        _add(random, row, "lids", random.uniform(0.4, 1.1))
    if random.random() < 0.45:
        _look(row, random.normal(0.0, 0.28), random.normal(-0.03, 0.24), vergence=abs(random.normal(0.0, 0.03)))
    if random.random() < 0.55:
        # Whatever else: no combination may be taken for granted.
        for name in random.choice(ARKIT_SHAPES, random.integers(1, 5), replace=False):
            _set(random, row, str(name), random.uniform(0.1, 0.9))
    return respect_meaning(row[None])[0]


def _add(random: np.random.Generator, row: np.ndarray, group: str, strength: float) -> None:
    """Add one expression of a group to a row; both sides are nearly alike, or one does most of it."""
    expressions: dict[str, dict[str, float]] = _table()[group]
    chosen = expressions[str(random.choice(list(expressions)))]
    sides = np.ones(2) + random.normal(0.0, 0.08, 2)
    if random.random() < 0.2:
        sides[random.integers(2)] *= random.uniform(0.0, 0.7)
    for name, value in chosen.items():
        columns = _columns(name)
        vary = strength * random.uniform(0.7, 1.3)
        row[list(columns)] += value * vary * (sides if len(columns) == 2 else 1.0)


def _look(row: np.ndarray, yaw: float, pitch: float, vergence: float = 0.0) -> None:
    """Turn both eyes, radians: yaw to the subject's left, pitch up."""
    full_yaw, full_pitch = load_table("geometry")["gaze"]["full"]
    row[[column for name in ("In", "Out", "Up", "Down") for column in _columns(f"eyeLook{name}")]] = 0.0
    for side, outwards in (("Left", 1.0), ("Right", -1.0)):
        aside = (yaw * outwards - vergence) / full_yaw
        row[_COLUMN[f"eyeLook{'Out' if aside > 0 else 'In'}{side}"]] = min(abs(aside), 1.0)
        row[_COLUMN[f"eyeLook{'Up' if pitch > 0 else 'Down'}{side}"]] = min(abs(pitch) / full_pitch, 1.0)


def _look_at_camera(random: np.random.Generator, controls: np.ndarray, head: np.ndarray, kinds: np.ndarray) -> None:
    """Let about a third of the combinations look towards the camera, however the head is turned."""
    for row, (yaw, pitch, _), kind in zip(controls, np.radians(head), kinds, strict=True):
        if KINDS[kind] == "mixed" and random.random() < 0.35:
            _look(row, -yaw + random.normal(0.0, 0.05), pitch + random.normal(0.0, 0.05))
            row[:] = respect_meaning(row[None])[0]


def _neutral_turns(random: np.random.Generator, count: int) -> np.ndarray:
    """A quarter quite still, a quarter slightly turned, the rest up to the largest turn."""
    still, slight = max(count // 4, 1), max(count // 4, 1)
    return np.concatenate(
        [
            random.normal(0.0, 0.3, (still, 3)) * _FRONTAL_TURN,
            random.normal(0.0, 1.0, (slight, 3)) * _SLIGHT_TURN,
            _large_turns(random, count - still - slight),
        ]
    )


def _turns(random: np.random.Generator, count: int, turned: float) -> np.ndarray:
    """A part `turned` with large turns, the rest near frontal."""
    large = _large_turns(random, count)
    frontal = np.clip(random.normal(0.0, 1.0, (count, 3)), -2.0, 2.0) * _FRONTAL_TURN
    return np.where(random.random(count)[:, None] < turned, large, frontal)


def _large_turns(random: np.random.Generator, count: int) -> np.ndarray:
    """Turns about all axes within an ellipsoid of the largest ones: nobody does all of them at once."""
    direction = random.standard_normal((count, 3))
    direction /= np.linalg.norm(direction, axis=1, keepdims=True)
    return direction * random.uniform(0.3, 1.0, (count, 1)) * _LARGEST_TURN
