# SPDX-FileCopyrightText: 2026 Mimica authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What people, and the makers of rigs, mean by ARKit's shapes: each identity's own reading of them, drawn at random.

A full smile of one face is half of another's, one sneers with the lip and one without, one's jaw comes forward while
it opens. A solver trained on one reading takes its habits for the shapes' meaning.
"""

from dataclasses import dataclass

import numpy as np

from ..mapping.frame import ARKIT_SHAPES
from ..mapping.learned import mirror_shapes

_STRENGTH, _BONE, _COMPANION, _SIDE = 0.22, 0.3, 0.09, 0.06
"""Standard deviations: of the logarithms of a shape's strength and of each bone's share in it, of how much of a
neighbouring shape comes with a shape, and of the logarithm of one side's strength over the other's."""
_LIMIT = 2.0
"""Standard deviations beyond which nothing goes."""
_NEIGHBOURS = (
    ("brow", "eyeWide", "eyeSquint"),
    ("eyeSquint", "cheekSquint", "eyeBlink"),
    ("noseSneer", "mouthUpperUp", "cheekSquint", "browDown"),
    ("mouthSmile", "mouthDimple", "mouthStretch", "cheekSquint"),
    ("mouthFrown", "mouthStretch", "mouthLowerDown", "mouthShrugLower"),
    ("mouthPress", "mouthRoll", "mouthShrug", "mouthDimple"),
    ("mouthFunnel", "mouthPucker", "jawForward", "mouthUpperUp", "mouthLowerDown"),
    ("cheekPuff", "mouthPucker", "mouthPress"),
    ("jawLeft", "jawRight", "mouthLeft", "mouthRight"),
    ("jawOpen", "mouthLowerDown", "mouthShrugLower"),
)
"""Beginnings of names of shapes that use the same muscles or move the same skin."""
_EXACT = ("eyeBlink", "mouthClose", "eyeLook", "tongueOut")
"""Shapes whose full value has one meaning, or one strength: closed is closed."""
_GAZE = 0.12
"""Standard deviation of the logarithm of how far eyes turn."""


@dataclass(frozen=True, slots=True, eq=False)
class RigReading:
    """How one rig reads ARKit's shapes."""

    mix: np.ndarray
    """float64 (52, 52): controls @ mix is what the own rig has to show."""
    gains: np.ndarray
    """float64 (52, B, 3): for `arkit_pose`."""

    def read(self, controls: np.ndarray) -> np.ndarray:
        """Return what the own rig has to show, (N, 52), not below 0, for controls (N, 52)."""
        return np.maximum(controls @ self.mix, 0.0)


def random_reading(random: np.random.Generator, bones: tuple[str, ...]) -> RigReading:
    """Draw a reading for a rig with these bones. Sides are nearly alike."""
    count = len(ARKIT_SHAPES)
    mirror = mirror_shapes()
    strength = _log_normal(random, _STRENGTH, count)
    gaze = _log_normal(random, _GAZE, 1)[0]
    companions = np.clip(random.standard_normal((count, count)), -_LIMIT, _LIMIT) * _COMPANION * _related()
    for i, name in enumerate(ARKIT_SHAPES):
        if name.startswith(_EXACT):
            strength[i] = gaze if name.startswith("eyeLook") else 1.0
    strength = strength[np.minimum(np.arange(count), mirror)]
    mix = np.diag(strength) + 0.5 * (companions + companions[mirror][:, mirror])
    free = np.array([not name.startswith(_EXACT) for name in ARKIT_SHAPES])
    mix *= _log_normal(random, _SIDE, count)[:, None] ** free[:, None]
    # Lips that mouthClose closes have to meet.
    close, jaw = ARKIT_SHAPES.index("mouthClose"), ARKIT_SHAPES.index("jawOpen")
    mix[close, close] = mix[jaw, jaw]
    names = {bone: i for i, bone in enumerate(bones)}
    other = [names.get(_other_side(bone), i) for i, bone in enumerate(bones)]
    gains = np.log(_log_normal(random, _BONE, (count, len(bones), 3)))
    gains = np.exp((gains + gains[mirror][:, other]) / np.sqrt(2.0))
    gains[[i for i, name in enumerate(ARKIT_SHAPES) if name.startswith(_EXACT)]] = 1.0
    return RigReading(mix, gains)


def _related() -> np.ndarray:
    """Return which shapes (52, 52) may come with which, on the same side of the face; the diagonal is not set."""
    related = np.zeros((len(ARKIT_SHAPES), len(ARKIT_SHAPES)))
    for beginnings in _NEIGHBOURS:
        group = [i for i, name in enumerate(ARKIT_SHAPES) if name.startswith(beginnings)]
        for a in group:
            for b in group:
                related[a, b] = _same_side(ARKIT_SHAPES[a], ARKIT_SHAPES[b])
    np.fill_diagonal(related, 0.0)
    exact = [i for i, name in enumerate(ARKIT_SHAPES) if name.startswith(_EXACT)]
    related[exact] = 0.0
    related[:, exact] = 0.0
    return related


def _same_side(a: str, b: str) -> bool:
    sides = {name[len(name.removesuffix("Left").removesuffix("Right")) :] for name in (a, b)}
    return sides != {"Left", "Right"}


def _other_side(bone: str) -> str:
    return bone[:-1] + {"L": "R", "R": "L"}[bone[-1]] if bone.endswith((".L", ".R")) else bone


def _log_normal(random: np.random.Generator, deviation: float, shape: int | tuple[int, ...]) -> np.ndarray:
    return np.exp(np.clip(random.standard_normal(shape), -_LIMIT, _LIMIT) * deviation)
