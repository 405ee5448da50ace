# SPDX-FileCopyrightText: 2026 Mimica authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Takes over a take: parts of the face, or of the time, performed again. Nothing is cut: all takes stay as they are.

Each take is solved and smoothed by itself, with its own performer; what is mixed are the finished motions.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np

from . import rotation as rot
from .data import load_table
from .face_regions import FACE_REGIONS, control_face_regions, group_shares
from .frame import ARKIT_SHAPES
from .motion import Motion
from .performance import Performance
from .resample import resample
from .settings import MappingSettings

MOST = -1
"""As a face: the one that is in most of the take's images."""
FADE_SECONDS = 0.15

_SAME = 1e-4
"""Seconds: instants of two takes that are no further apart are one."""
_FASTER = 1.5 / 0.45
"""Samples in a period of the limit above which a take is low-passed: as a bake decides it of a take by itself. The
instants of several takes together are closer than those of each."""
_APART, _LONGEST, _AROUND = 50, 256, 4
"""Rows that are further apart are interpolated for themselves, no more than so many at once: they fit the processor's
cache. And the instants that this takes on each side: a slope depends on its neighbours alone."""
_LEAST_SHARE = 0.02
"""A group of landmarks that belongs to a part of the face by less does not follow it."""
_BLINK = [ARKIT_SHAPES.index(f"eyeBlink{side}") for side in ("Left", "Right")]
_JAW_OPEN, _MOUTH_CLOSE = ARKIT_SHAPES.index("jawOpen"), ARKIT_SHAPES.index("mouthClose")


@dataclass(frozen=True, slots=True)
class Layer:
    """A take that lies over another, the base. Plain data: see `to_json`."""

    path: str
    """The take's file, absolute or relative to the .blend."""
    face: int = MOST
    at: float = 0.0
    """Seconds on the base's clock at which this take's clock shows 0."""
    start: float = 0.0
    """Seconds on the base's clock: from here to `end` the face is this take's alone. Fades lie outside."""
    end: float = 0.0
    regions: tuple[str, ...] = FACE_REGIONS
    """The parts of the face that it gives, of `FACE_REGIONS`."""
    fade_in: float = FADE_SECONDS
    """Seconds for which it fades in before `start`."""
    fade_out: float = FADE_SECONDS
    """Seconds for which it fades out after `end`."""
    enabled: bool = True

    def to_json(self) -> dict[str, Any]:
        """Return it as JSON has it."""
        return {**asdict(self), "regions": list(self.regions)}

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> "Layer":
        """Return what `to_json` gave; keys and parts of the face that are not known are passed over."""
        known = {key: value for key, value in data.items() if key in cls.__dataclass_fields__}
        if "regions" in known:
            known["regions"] = tuple(region for region in FACE_REGIONS if region in known["regions"])
        return cls(**known)


class LayeredPerformance:
    """A take with others over it, the later ones over the earlier.

    Each instant is one of a take that shows there: where one take shows alone, they are its own, and so are the values,
    exactly. Where the performance begins is never changed. It goes on after the base's end as long as a layer's range
    and take do; what that layer does not give stands still then.
    """

    def __init__(self, base: Performance, layers: Iterable[tuple[Layer, Performance]]) -> None:
        """Nothing is solved yet. Layers that are off, or whose take has nothing in their range, are left out."""
        self.base = base
        placed = [(layer, top) for layer, top in layers if layer.enabled and layer.regions and len(top.times)]
        self._layers = _placed(base.times, placed) if len(base.times) else ()
        self._times = self._own_instants()

    @property
    def name(self) -> str:
        """The base's: it is that take that was performed better in places."""
        return self.base.name

    @property
    def times(self) -> np.ndarray:
        """See `Performance`: the base's clock."""
        return self._times

    @property
    def neutral(self) -> np.ndarray:
        """The base's. Displacements are each against their own performer's rest, so they need not be the same."""
        return self.base.neutral

    @property
    def found(self) -> np.ndarray:
        """Where most of the face that shows was found."""
        share = _nearest(self.base.times, self.base.found, self._times)
        for layer in self._layers:
            weight = layer.weight(self._times) * layer.chosen.mean()
            share = share + weight * (_nearest(layer.times, layer.performance.found, self._times) - share)
        return share >= 0.5

    def motion(self, groups: np.ndarray | None, settings: MappingSettings, limit: float = np.inf) -> Motion:
        """See `Performance`."""
        if not self._layers:
            return self.base.motion(groups, settings, limit)
        uncovered = np.any(_left_open(self._layers, self._times) > 0.0, axis=1)
        mixed = _sampled(_finished(self.base, groups, settings, limit), self._times, uncovered)
        for layer in self._layers:
            weight = layer.weight(self._times)
            rows = np.flatnonzero(weight > 0.0)
            if len(rows):
                above = replace(_finished(layer.performance, groups, settings, limit), times=layer.times)
                mixed = _over(mixed, _sampled(above, self._times[rows]), rows, weight[rows], layer.chosen, groups)
        return mixed

    def _own_instants(self) -> np.ndarray:
        """Return the instants of all takes, each where it shows; and the base's first and last, between which it is."""
        base = self.base.times
        if not self._layers:
            return base
        shown = np.any(_left_open(self._layers, base) > 0.0, axis=1)
        shown[0] = shown[-1] = True
        found = [base[shown]]
        for i, layer in enumerate(self._layers):
            times = layer.times[(layer.times >= base[0]) & (layer.times <= max(base[-1], layer.end))]
            uncovered = np.any(_left_open(self._layers[i + 1 :], times)[:, layer.chosen] > 0.0, axis=1)
            found.append(times[uncovered & (layer.weight(times) > 0.0)])
        instants = np.sort(np.concatenate(found))
        return instants[np.diff(instants, prepend=-np.inf) > _SAME]


@dataclass(frozen=True, slots=True, eq=False)
class _Placed:
    """A layer where it can be: a take gives nothing before its beginning and after its end."""

    performance: Performance
    times: np.ndarray
    """(N,): its instants on the base's clock."""
    end: float
    """Seconds on the base's clock: how far its range and its take both reach."""
    chosen: np.ndarray
    """bool (R,), by `FACE_REGIONS`."""
    rise: tuple[float, float]
    """Seconds on the base's clock: between these it fades in."""
    fall: tuple[float, float]

    def weight(self, times: np.ndarray) -> np.ndarray:
        """Return how much of it shows, (N,) in [0, 1]: at both ends of a fade its velocity is that of one take."""
        return _eased(times, *self.rise) * (1.0 - _eased(times, *self.fall, late=True))


def _placed(base: np.ndarray, layers: Sequence[tuple[Layer, Performance]]) -> tuple[_Placed, ...]:
    """Return the layers that show somewhere."""
    spans = [(top.times[0] + layer.at, top.times[-1] + layer.at) for layer, top in layers]
    first = base[0]
    last = max([base[-1], *(min(layer.end, stop) for (layer, _), (_, stop) in zip(layers, spans, strict=True))])
    found: list[_Placed] = []
    for (layer, top), (start, stop) in zip(layers, spans, strict=True):
        # There is nothing to come from before the beginning, and nowhere to go after the end.
        rise = fall = (-np.inf, -np.inf)
        if max(layer.start, start) > first + _SAME:
            begin = max(layer.start - layer.fade_in, start)
            rise = (begin, begin + layer.fade_in)
        fall = (np.inf, np.inf)
        if min(layer.end, stop) < last - _SAME:
            end = min(layer.end + layer.fade_out, stop)
            fall = (end - layer.fade_out, end)
        if rise[0] < fall[1] and layer.start <= layer.end and stop > first and start < last:
            chosen = np.array([region in layer.regions for region in FACE_REGIONS])
            found.append(_Placed(top, top.times + layer.at, min(layer.end, stop), chosen, rise, fall))
    return tuple(found)


def _eased(times: np.ndarray, start: float, stop: float, late: bool = False) -> np.ndarray:
    """Return 0 up to `start` and 1 from `stop` on, (N,), twice continuously differentiable between them.

    K. Perlin, Improving noise, 2002. Without a way between them it is a step; `late`: one that comes after `stop`.
    """
    if not stop > start:
        return (times > stop if late else times >= stop).astype(np.float64)
    share = np.clip((times - start) / (stop - start), 0.0, 1.0)
    return share**3 * (10.0 + share * (6.0 * share - 15.0))


def _left_open(layers: Sequence[_Placed], times: np.ndarray) -> np.ndarray:
    """Return how much of each part of the face layers leave to what is below them, (N, R)."""
    left = np.ones((len(times), len(FACE_REGIONS)))
    for layer in layers:
        left *= 1.0 - layer.weight(times)[:, None] * layer.chosen
    return left


def _finished(performance: Performance, groups: np.ndarray | None, settings: MappingSettings, limit: float) -> Motion:
    """Return a take's motion, low-passed only if the take itself is fast enough for that."""
    steps = np.diff(performance.times)
    fast = len(steps) > 0 and 1.0 / max(float(np.median(steps)), 1e-6) > _FASTER * limit
    return performance.motion(groups, settings, limit if fast else np.inf)


def _nearest(source: np.ndarray, values: np.ndarray, times: np.ndarray) -> np.ndarray:
    """Return values (N,) of the instants `source` (N,) at the nearest of `times` (M,) as float; 0 beyond their ends."""
    inside = (times >= source[0] - _SAME) & (times <= source[-1] + _SAME)
    return values[_nearest_rows(source, times)] * inside.astype(np.float64)


def _nearest_rows(source: np.ndarray, times: np.ndarray) -> np.ndarray:
    right = np.clip(np.searchsorted(source, times), 0, len(source) - 1)
    left = np.maximum(right - 1, 0)
    return np.where(np.abs(times - source[left]) <= np.abs(source[right] - times), left, right)


def _sampled(motion: Motion, times: np.ndarray, needed: np.ndarray | None = None) -> Motion:
    """Return a copy of the motion at other times, (M,): its own values at its own instants; it holds at its ends.

    :param needed: bool (M,): elsewhere the values do not matter.
    """
    near = _nearest_rows(motion.times, times)
    fields = [name for name in Motion.__dataclass_fields__ if name != "times"]
    sampled = Motion(times, *(getattr(motion, name)[near] for name in fields))
    between = np.abs(motion.times[near] - times) > _SAME
    between &= True if needed is None else needed
    rows = np.flatnonzero(between)
    # Each stretch for itself: a fade of a long take needs little of it.
    for stretch in _stretches(rows):
        part = slice(max(0, near[stretch[0]] - _AROUND), near[stretch[-1]] + _AROUND + 1)
        source = Motion(*(getattr(motion, name)[part] for name in Motion.__dataclass_fields__))
        interpolated = resample(source, times[stretch])
        for name in fields:
            getattr(sampled, name)[stretch] = getattr(interpolated, name)
    sampled.confidence[(times < motion.times[0] - _SAME) | (times > motion.times[-1] + _SAME)] = 0.0
    return sampled


def _stretches(rows: np.ndarray) -> list[np.ndarray]:
    """Return rows (K,), increasing, in parts that are not far apart and not long."""
    ends = np.flatnonzero(np.diff(rows) > _APART) + 1
    parts = [part[i : i + _LONGEST] for part in np.split(rows, ends) for i in range(0, len(part), _LONGEST)]
    return parts if len(rows) else []


def _over(
    below: Motion, above: Motion, rows: np.ndarray, weight: np.ndarray, chosen: np.ndarray, groups: np.ndarray | None
) -> Motion:
    """Lay a motion over another, changing the arrays of that one.

    :param above: at the instants `rows` (K,) of `below`.
    :param weight: (K,), how much of it shows.
    :param chosen: bool (R,): the parts of the face it gives.
    """
    given = dict(zip(FACE_REGIONS, chosen.tolist(), strict=True))
    controls = np.array([given[region] for region in control_face_regions()])
    under = below.controls[rows]
    mixed = _mixed(under, above.controls, weight[:, None] * controls)
    fading = weight < 1.0
    if given["EYES"] and fading.any():
        mixed[fading] = _lids_kept(mixed[fading], under[fading], above.controls[fading], weight[fading])
    if given["MOUTH"] and fading.any():
        mixed[fading] = _lips_kept(mixed[fading], under[fading], above.controls[fading], weight[fading])
    below.controls[rows] = mixed
    shares = _group_weights(groups, chosen)
    moved = np.flatnonzero(shares)
    part = np.ix_(rows, moved)
    displaced = weight[:, None, None] * shares[moved, None]
    below.displacement[part] = _mixed(below.displacement[part], above.displacement[:, moved], displaced)
    below.confidence[rows] = _mixed(below.confidence[rows], above.confidence, weight * chosen.mean())
    if given["EYES"]:
        below.gaze[rows] = _mixed(below.gaze[rows], above.gaze, weight[:, None, None])
    if given["HEAD"]:
        start, end = below.head_rotation[rows], above.head_rotation
        turn = rot.log(rot.multiply(rot.conjugate(start), end))
        between = rot.multiply(start, rot.exp(turn * weight[:, None]))
        below.head_rotation[rows] = np.where(weight[:, None] < 1.0, between, end)
        below.head_translation[rows] = _mixed(below.head_translation[rows], above.head_translation, weight[:, None])
    return below


def _mixed(below: np.ndarray, above: np.ndarray, weight: np.ndarray) -> np.ndarray:
    """Return `below` where the weight is 0 and `above` where it is 1, exactly."""
    return np.where(weight < 1.0, below + weight * (above - below), above)


def _group_weights(groups: np.ndarray | None, chosen: np.ndarray) -> np.ndarray:
    """Return how far each group of landmarks follows the chosen parts of the face, (G,) in [0, 1]."""
    shares = group_shares(groups)
    shares = np.where(shares < _LEAST_SHARE, 0.0, shares)
    weight = shares[:, chosen].sum(axis=1) / np.maximum(shares.sum(axis=1), _LEAST_SHARE)
    return np.where(weight > 1.0 - 1e-9, 1.0, weight)


def _sides(below: np.ndarray, above: np.ndarray, weight: np.ndarray) -> tuple[tuple[np.ndarray, np.ndarray], ...]:
    """Return both controls, each with how much it decides on contact, (K,): mostly the one that shows more does."""
    decides = _eased(weight, 0.25, 0.75)
    return (below, 1.0 - decides), (above, decides)


def _lids_kept(mixed: np.ndarray, below: np.ndarray, above: np.ndarray, weight: np.ndarray) -> np.ndarray:
    """Return mixed controls (K, 52) whose lids are shut where those that show more are: half a fade must not part them.

    Where nothing or all of it shows, nothing is changed, and so nothing pops.
    """
    lowest = load_table("geometry")["lids"]["snap"]["closing"][1]
    for controls, decides in _sides(below, above, weight):
        blink = controls[:, _BLINK]
        shut = decides[:, None] * _eased(blink, lowest, 1.0)
        mixed[:, _BLINK] += shut * np.maximum(blink - mixed[:, _BLINK], 0.0)
    return mixed


def _lips_kept(mixed: np.ndarray, below: np.ndarray, above: np.ndarray, weight: np.ndarray) -> np.ndarray:
    """Return mixed controls (K, 52) whose lips touch where those that show more do: see `lips.keep_contact`."""
    table = load_table("filters")["contact"]
    for controls, decides in _sides(below, above, weight):
        share = np.minimum(controls[:, _MOUTH_CLOSE] / np.maximum(controls[:, _JAW_OPEN], table["least_jaw"]), 1.0)
        touch = decides * _eased(share, *table["share"])
        closed = mixed[:, _MOUTH_CLOSE]
        mixed[:, _MOUTH_CLOSE] = closed + touch * np.maximum(share * mixed[:, _JAW_OPEN] - closed, 0.0)
    return mixed
