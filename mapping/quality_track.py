# SPDX-FileCopyrightText: 2026 Mimica authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""How well a performance was seen, instant by instant, and where it is weak: what is bridged, eased or taken out.

Told by the functions that `smoothing.finish` cleans a take with, before any of it becomes keys.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from itertools import pairwise
from typing import Literal

import numpy as np

from .face_regions import FACE_REGIONS, control_face_regions
from .frame import LANDMARK_COUNT, FaceFrames
from .lids import trust_near_lid
from .motion import Motion
from .outliers import cuts, drop_unusable, spikes, wild_frames, without
from .performance import Performance, TakePerformance
from .presence import BRIDGE_SECONDS, RETURN_SECONDS, Gaps, fill_lost, find_gaps, gaps_between, hold_unsure, trust_in
from .regions import control_spikes
from .settings import MappingSettings
from .solve import solve

Kind = Literal["EASED", "BRIDGED", "UNSURE", "OUTLIER", "CUT"]
KINDS: tuple[Kind, ...] = ("EASED", "BRIDGED", "UNSURE", "OUTLIER", "CUT")

_JOIN_SECONDS = 0.2
"""Weak frames of one kind that are nearer than this are one spot."""
_LEAST_TRUST = 0.5
"""Below this the character's face goes less than half as far as what is seen."""
_LONE_SECONDS = 1 / 30
"""For how long an instant counts that is alone."""
_OUT_SHARE = 0.05
"""Share of the landmarks outside the picture from which that is what is wrong."""
_NO_POINTS = np.zeros((0, LANDMARK_COUNT), np.float32)
"""Groups of landmarks: none. Displacements are no part of what is looked at, and most of the work."""
_WORDS = {"BROWS": "brows", "EYES": "eyes", "CHEEKS": "cheeks", "MOUTH": "mouth", "HEAD": "head"}


@dataclass(frozen=True, slots=True)
class WeakSpot:
    """A part of a take that an animator should look at."""

    kind: Kind
    start: float
    """Seconds on the take's clock."""
    end: float
    """Seconds: the first instant that is well again, or the take's last."""
    worst: float
    """[0, 1]: the least confidence in it."""
    sentence: str

    @property
    def seconds(self) -> float:
        """Its length."""
        return self.end - self.start


@dataclass(frozen=True, slots=True, eq=False)
class QualityTrack:
    """How well a performance was seen."""

    times: np.ndarray
    """float64 (N,), seconds on the take's clock, increasing."""
    confidence: np.ndarray
    """float (N,), [0, 1], see `Motion.confidence`; 0 also where what was seen is not believed."""
    found: float
    """[0, 1]: share of the instants with a face."""
    spots: tuple[WeakSpot, ...]
    """By their start."""

    @property
    def mean(self) -> float:
        """[0, 1]: mean confidence; 0 of nothing."""
        return float(self.confidence.mean()) if len(self.confidence) else 0.0

    def long_gaps(self) -> tuple[WeakSpot, ...]:
        """Return the gaps that are too long to be bridged."""
        return tuple(spot for spot in self.spots if spot.kind == "EASED")


def quality_of(performance: Performance, settings: MappingSettings | None = None) -> QualityTrack:
    """Return how well a performance was seen. Any thread; nothing that the performance keeps is replaced.

    :param settings: with a smoothness of 0 no outlier is taken out: they are found and said all the same.
    """
    settings = settings or MappingSettings()
    if len(performance.times) == 0:
        return QualityTrack(performance.times, np.zeros(0), 0.0, ())
    if isinstance(performance, TakePerformance):
        # Not `solved`, which keeps one solve alone: that of the bake.
        frames = performance.frames
        return take_quality(frames, solve(frames, performance.profile, _NO_POINTS), settings)
    return _quality_of_motion(performance.motion(_NO_POINTS, settings), performance.found)


def long_gaps_within(times: np.ndarray, found: np.ndarray, start: float, end: float) -> int:
    """Return how many gaps without a face are too long to be bridged, of those in a part of a performance.

    A look at the instants alone, which costs nothing: `quality_of` also knows gaps at cuts.

    :param found: bool (N,), see `Performance.found`.
    :param start: seconds after the first of `times` (N,), as `end`.
    """
    gaps = gaps_between(times, ~found)
    long = gaps.lost & ~gaps.bridged
    return sum(times[a] <= times[0] + end and times[b] >= times[0] + start for a, b in _runs(long))


def take_quality(frames: FaceFrames, solved: Motion, settings: MappingSettings) -> QualityTrack:
    """Return how well a take's face was seen in one frame or more.

    :param solved: of these frames, from `solve`; displacements of any landmarks or groups.
    """
    usable = drop_unusable(solved)
    absurd = np.isfinite(solved.controls[:, 0]) & ~np.isfinite(usable.controls[:, 0])
    wild = wild_frames(usable)
    rejects = settings.smoothness > 0.0
    believed = without(usable, wild) if rejects and wild.any() else usable
    gaps, times = find_gaps(believed), solved.times
    spots = _gap_spots(times, gaps, absurd | wild)
    spots += _unsure_spots(frames, believed.confidence, gaps.lost)
    what = "it is taken out" if rejects else "it stays, as Smoothness is 0"
    spots += _spots(times, absurd, "OUTLIER", believed.confidence, "What was solved is no face: it is taken out.")
    spots += _spots(times, wild, "OUTLIER", believed.confidence, f"The head jumps away for one frame: {what}.")
    if not gaps.lost.all():
        filled = fill_lost(hold_unsure(believed) if rejects else believed, bridge=True)
        spots += _spike_spots(filled, gaps.lost, settings, what)
        spots += _cut_spots(filled, gaps.lost)
    return _track(times, believed.confidence, frames.found, spots)


def worst_between(track: QualityTrack, edges: np.ndarray) -> np.ndarray:
    """Return the least confidence between each two of `edges` (K + 1,), seconds, increasing: (K,), else NaN.

    An instant counts until the next one: no weak frame is lost, however many fall between two edges.
    """
    worst = np.full(max(len(edges) - 1, 0), np.nan)
    times = track.times
    if not len(times) or not len(worst):
        return worst
    last_step = float(np.median(np.diff(times))) if len(times) > 1 else _LONE_SECONDS
    first = np.searchsorted(times, edges[:-1], "right") - 1
    after = np.searchsorted(times, edges[1:], "left")
    inside = (edges[1:] > times[0]) & (edges[:-1] < times[-1] + last_step)
    pairs = np.column_stack([np.maximum(first, 0), np.maximum(after, np.maximum(first, 0) + 1)])[inside]
    if len(pairs):
        # Between the pairs stands what nobody asks for; one more value lets the last pair reach the end.
        values = np.append(track.confidence, np.inf)
        worst[inside] = np.minimum.reduceat(values, pairs.ravel())[::2]
    return worst


def _track(times: np.ndarray, confidence: np.ndarray, found: np.ndarray, spots: Iterable[WeakSpot]) -> QualityTrack:
    ordered = sorted(spots, key=lambda spot: (spot.start, KINDS.index(spot.kind)))
    return QualityTrack(times, confidence, float(found.mean()) if len(found) else 0.0, tuple(ordered))


def _quality_of_motion(motion: Motion, found: np.ndarray) -> QualityTrack:
    """Return what is known of a performance that is no single take: put together from several, or a file's controls."""
    times, lost = motion.times, ~found
    spots = _gap_spots(times, gaps_between(times, lost), np.zeros(len(times), bool))
    unsure = ~lost & (trust_in(motion.confidence) < _LEAST_TRUST)
    spots += _spots(times, unsure, "UNSURE", motion.confidence, "Badly seen: the face follows slowly, or is held.")
    return _track(times, motion.confidence, found, [*spots, *_cut_spots(motion, lost)])


def _gap_spots(times: np.ndarray, gaps: Gaps, rejected: np.ndarray) -> list[WeakSpot]:
    """Return the gaps. What holds nothing but frames that are taken out is told as what they are."""
    spots: list[WeakSpot] = []
    for first, last in _runs(gaps.lost):
        if not rejected[first : last + 1].all():
            end = float(times[min(last + 1, len(times) - 1)])
            bridged, leading, trailing = bool(gaps.bridged[first]), first == 0, last + 1 == len(times)
            at_cut = not (bridged or leading or trailing) and end - times[first - 1] <= BRIDGE_SECONDS
            spots.append(_gap(float(times[first]), end, bridged, at_cut, leading=leading, trailing=trailing))
    return spots


def _gap(start: float, end: float, bridged: bool, at_cut: bool, *, leading: bool, trailing: bool) -> WeakSpot:
    seconds = f"{end - start:.2g} s" if end - start < 10 else f"{end - start:.0f} s"
    if bridged:
        return WeakSpot("BRIDGED", start, end, 0.0, f"No face for {seconds}: bridged from what is before and after.")
    if at_cut:
        return WeakSpot("CUT", start, end, 0.0, f"A cut, and no face for {seconds}: each side is smoothed for itself.")
    if leading and trailing:
        text = "No face in the whole take: the character rests at neutral."
    elif leading:
        text = f"No face yet for {seconds}: the character rests at neutral."
    elif trailing:
        text = f"No face for the last {seconds}: the face eases to neutral."
    else:
        text = f"No face for {seconds}: the face eases to neutral and comes back."
    return WeakSpot("EASED", start, end, 0.0, text)


def _unsure_spots(frames: FaceFrames, confidence: np.ndarray, lost: np.ndarray) -> list[WeakSpot]:
    unsure = ~lost & (trust_in(confidence) < _LEAST_TRUST)
    spots: list[WeakSpot] = []
    for first, last in _joined(frames.times, _runs(unsure)):
        rows = slice(first, last + 1)
        places = frames.landmarks[rows, :, :2]
        outside = float(((places < 0.0) | (places > 1.0)).any(axis=2).mean())
        if outside > _OUT_SHARE:
            why = f"{outside:.0%} of the face is out of the picture"
        elif float(frames.quality[rows][unsure[rows]].mean()) > float(confidence[rows][unsure[rows]].mean()) + 0.05:
            why = "The head is turned far away from the camera"
        else:
            why = "The face moves faster than a head can, or was taken for another"
        sentence = f"{why}: it follows slowly, or is held."
        spots.append(_spot(frames.times, first, last, "UNSURE", confidence, sentence))
    return spots


def _spike_spots(filled: Motion, lost: np.ndarray, settings: MappingSettings, what: str) -> list[WeakSpot]:
    """Return values that flash for one frame, part by part between two cuts as they are smoothed."""
    levels, found = control_spikes(settings.regions), np.zeros(filled.controls.shape, bool)
    for a, b in pairwise([*cuts(filled).tolist(), len(filled)]):
        controls, _ = trust_near_lid(filled.controls[a:b], filled.head_rotation[a:b])
        found[a:b] = spikes(filled.times[a:b], controls, levels)[0]
    found[lost] = False
    regions = np.array([FACE_REGIONS.index(region) for region in control_face_regions()])
    spots: list[WeakSpot] = []
    for first, last in _joined(filled.times, _runs(np.any(found, axis=1))):
        rows = found[first : last + 1]
        there = [_WORDS[name] for i, name in enumerate(FACE_REGIONS) if rows[:, regions == i].any()]
        count = int(rows.any(axis=1).sum())
        flashes = "A flash of one frame" if count == 1 else f"{count} flashes of one frame"
        sentence = f"{flashes} ({', '.join(there)}): {what}."
        spots.append(_spot(filled.times, first, last, "OUTLIER", filled.confidence, sentence))
    return spots


def _cut_spots(motion: Motion, lost: np.ndarray) -> list[WeakSpot]:
    """Return cuts and pauses of a motion without gaps, but for what comes of filling them: the way back to the face."""
    spots: list[WeakSpot] = []
    times = motion.times
    usual = float(np.median(np.diff(times))) if len(motion) > 1 else 0.0
    missed = np.concatenate([[-np.inf], np.maximum.accumulate(np.where(lost, times, -np.inf))])
    for frame in cuts(motion)[1:].tolist():
        if times[frame] - missed[frame + 1] <= RETURN_SECONDS + 2.0 * usual:
            continue
        before, now = float(times[frame - 1]), float(times[frame])
        paused = now - before > max(BRIDGE_SECONDS, 2.0 * usual)
        text = f"Nothing was captured for {now - before:.1f} s" if paused else "A cut"
        worst = float(motion.confidence[frame - 1 : frame + 1].min())
        spots.append(WeakSpot("CUT", before, now, worst, f"{text}: each side is smoothed for itself."))
    return spots


def _spots(times: np.ndarray, weak: np.ndarray, kind: Kind, confidence: np.ndarray, sentence: str) -> list[WeakSpot]:
    return [_spot(times, a, b, kind, confidence, sentence) for a, b in _joined(times, _runs(weak))]


def _spot(times: np.ndarray, first: int, last: int, kind: Kind, confidence: np.ndarray, sentence: str) -> WeakSpot:
    end = float(times[min(last + 1, len(times) - 1)])
    return WeakSpot(kind, float(times[first]), end, float(confidence[first : last + 1].min()), sentence)


def _runs(marked: np.ndarray) -> list[tuple[int, int]]:
    """Return the first and last of each run of marked frames (N,)."""
    edges = np.flatnonzero(np.diff(np.concatenate([[False], marked, [False]]).astype(np.int8)))
    return [(int(a), int(b) - 1) for a, b in edges.reshape(-1, 2)]


def _joined(times: np.ndarray, runs: list[tuple[int, int]]) -> list[tuple[int, int]]:
    """Return runs of frames, those in one where there is little time between."""
    joined: list[tuple[int, int]] = []
    for first, last in runs:
        if joined and times[first] - times[joined[-1][1]] <= _JOIN_SECONDS:
            joined[-1] = joined[-1][0], last
        else:
            joined.append((first, last))
    return joined
