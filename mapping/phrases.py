# SPDX-FileCopyrightText: 2026 Mimica authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Where performances can be cut: what lies between two rests of the mouth, and where two takes meet best."""

from collections.abc import Iterable
from itertools import pairwise

import numpy as np

from . import rotation as rot
from .face_regions import control_face_regions
from .filters import zero_phase
from .frame import ARKIT_SHAPES
from .motion import Motion
from .resample import resample

JOIN_SECONDS = 0.25
"""How far a phrase's border moves to where two takes meet best."""
REST_SECONDS = 0.3
"""A mouth that is calm for longer rests between two phrases."""

_CALM_SPEED = 0.7
"""1/s: what these together do while the mouth is calm."""
_SPEED_CUTOFF = 4.0
"""Hz: speeds are measured below this, so that trembling is none."""
_PARTED = 0.12
"""Of a jaw's full way: lips that are further apart do not rest."""
_SHORTEST = 0.4
"""Seconds: what is shorter between two rests is no phrase."""
_PASSING = 0.15
"""Seconds: a mouth that is calm for less only passes from one syllable to the next."""
_SPEAKING = [
    i for i, name in enumerate(ARKIT_SHAPES) if name.startswith(("jawOpen", "mouthClose", "mouthFunnel", "mouthPucker"))
]
"""The controls that a speaking mouth moves; a smile may come and go in a pause."""
_STEPS = 120.0
"""Places a second at which a cut is tried."""
_REACH = 0.1
"""Seconds: a difference of velocity counts as what it comes to in this time."""
_NEARER = 1e-6
"""How much worse a place at the window's ends may count than one in its middle, all being equal."""
_TURN, _WAY, _GLANCE = 0.3, 3.0, 0.3
"""Radians, cm and radians that count as much as a control's full way."""


def find_phrases(motion: Motion) -> list[tuple[float, float]]:
    """Return the start and end of each phrase, seconds on the motion's clock.

    The mouth rests between two phrases for more than `REST_SECONDS`, and the border is in the middle of that. Together
    they are the whole performance; one that never rests is one phrase, and so is one that always does.
    """
    times = motion.times
    if len(times) < 2:
        return []
    borders = [float(times[0])]
    for first, last in _rests(motion):
        if times[0] < first and last < times[-1]:
            borders.append((first + last) / 2.0)
    borders.append(float(times[-1]))
    return list(pairwise(borders))


def best_cut(a: Motion, b: Motion, near: float, window: float, regions: Iterable[str]) -> float:
    """Return the time within `window` seconds of `near` at which two motions on one clock differ least.

    What counts is how far apart they are and how differently they move, in shares of what is usual. Of times that are
    as good the nearest is taken; `near` itself where there are not both.

    :param regions: of `FACE_REGIONS`: the parts of the face that are cut.
    """
    chosen = tuple(regions)
    if not len(a) or not len(b) or not chosen:
        return near
    start = max(near - window, a.times[0], b.times[0])
    stop = min(near + window, a.times[-1], b.times[-1])
    if not start < stop:
        return near
    times = np.linspace(start, stop, max(int(np.ceil((stop - start) * _STEPS)), 1) + 1)
    apart = _features(resample(a, times), chosen) - _features(resample(b, times), chosen)
    moving = np.gradient(apart, times, axis=0) * _REACH
    cost = (apart**2 + moving**2).sum(axis=1) + _NEARER * ((times - near) / window) ** 2
    return float(times[int(cost.argmin())])


def _features(motion: Motion, regions: tuple[str, ...]) -> np.ndarray:
    """Return what is compared of the parts of the face, (N, F)."""
    rows = [i for i, region in enumerate(control_face_regions()) if region in regions]
    found = [motion.controls[:, rows]]
    if "EYES" in regions:
        found.append(motion.gaze.reshape(len(motion), -1) / _GLANCE)
    if "HEAD" in regions:
        found += [rot.log(motion.head_rotation) / _TURN, motion.head_translation / _WAY]
    return np.concatenate(found, axis=1)


def _rests(motion: Motion) -> list[tuple[float, float]]:
    """Return the start and end of each rest of the mouth, seconds."""
    times = motion.times
    found: list[tuple[float, float]] = []
    flags = np.concatenate([[False], _resting(motion), [False]]).astype(np.int8)
    edges = np.flatnonzero(np.diff(flags)).reshape(-1, 2)
    for first, last in zip(times[edges[:, 0]].tolist(), times[edges[:, 1] - 1].tolist(), strict=True):
        if last - first < _PASSING:
            continue
        if found and first - found[-1][1] < _SHORTEST:
            found[-1] = found[-1][0], last
        else:
            found.append((first, last))
    return [(first, last) for first, last in found if last - first > REST_SECONDS]


def _resting(motion: Motion) -> np.ndarray:
    """Return bool (N,): whether the mouth is calm and as good as closed."""
    calm = zero_phase(motion.times, motion.controls[:, _SPEAKING], _SPEED_CUTOFF)
    speed = np.linalg.norm(np.gradient(calm, motion.times, axis=0), axis=1)
    parted = motion.control("jawOpen") - motion.control("mouthClose")
    # Who holds the lips a little open at rest rests like that.
    return (speed < _CALM_SPEED) & (parted < _PARTED + np.quantile(parted, 0.1))
