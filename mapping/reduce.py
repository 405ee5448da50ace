# SPDX-FileCopyrightText: 2026 Mimica authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Few keys in place of one a frame: cubic curves that stay within a tolerance of every sample.

Between two keys a channel is a cubic Hermite curve, which is Blender's Bezier curve with handles at a third of the
way. Least squares over the whole channel find values and slopes of the keys; where the curve is too far from a sample
it gets another key. The channels of one transform share the frames of their keys. What an animator would key by hand
is keyed: the ends of holds and contacts, and the extremes, with flat handles. No curve goes beyond what is held.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

_SPACING = 24
"""Frames between the keys that it begins with; there are more where they are needed, and fewer where they are not."""
_STILL = 0.02
"""Tolerances by which a channel that is held changes from one frame to the next at most."""
_HOLD = 5
"""Steps from frame to frame that make a hold; what does not change at all is one after two."""
_CONTACT_STILL = 0.1
"""The same in contact."""
_CONTACT_SHARE = 0.25
"""Of the tolerance, where contact begins and ends."""
_INSIDE_SHARE = 0.5
"""Of the tolerance, in the middle of a long contact: of two that touch, both may be off."""
_CONTACT_FRAMES, _APPROACH_FRAMES = 4, 2
"""For how long, from there on inwards, and outwards."""
_PROMINENCE = 8.0
"""Tolerances by which an extreme stands out at least that gets a key of its own, with flat handles."""
_PROMINENCE_SHARE = 0.1
"""The same in shares of the channel's whole way."""
_CHORD = 1e-3
"""How strongly slopes tend to the way from key to key, where samples do not say."""
_SLACK = 1.0
"""Tolerances a frame by which a key's slope may be beyond those from its sample to both neighbours."""
_BATCH = 200_000
"""Samples that are worked on at a time: as many as stay in the processor's cache."""
_HERMITE = np.array([[1.0, 0.0, -3.0, 2.0], [0.0, 1.0, -2.0, 1.0], [0.0, 0.0, 3.0, -2.0], [0.0, 0.0, -1.0, 1.0]])
"""Coefficients of 1, t, t^2, t^3 of what start value, start slope, end value and end slope weigh."""


@dataclass(frozen=True, slots=True)
class Tolerances:
    """How far a reduced curve may be from the performance."""

    location: float = 0.02
    """Centimetres of an average face."""
    rotation: float = float(np.radians(0.25))
    """Radians."""
    value: float = 0.005
    """Of a shape key, a scale or a property."""

    def scaled(self, factor: float) -> "Tolerances":
        """Return tolerances that are `factor` times as wide."""
        return Tolerances(self.location * factor, self.rotation * factor, self.value * factor)


@dataclass(frozen=True, slots=True, eq=False)
class Track:
    """Channels that are keyed at the same frames, sampled at each frame."""

    values: np.ndarray
    """float (N, C)."""
    tolerance: np.ndarray
    """float (C,), above 0: by how much each may be off alone. Together: the root of the squares, in tolerances, is at
    most 1 at each frame."""
    contact: np.ndarray
    """bool (N,): frames at which something touches. The first and the last of each contact are keyed; in its first and
    last few frames, and just before and after, the tolerance is a quarter; in between it is half."""


@dataclass(frozen=True, slots=True, eq=False)
class Keys:
    """The keys of a track's channels: K of them."""

    frames: np.ndarray
    """int (K,), increasing: places among the samples; the first and the last are keyed."""
    values: np.ndarray
    """float (K, C)."""
    slopes: np.ndarray
    """float (K, C), per frame: the same on both sides of a key."""

    def at(self, frames: np.ndarray) -> np.ndarray:
        """Return the curves, (M, C), at frames (M,), whole or not, between the first and the last."""
        if len(self.frames) == 1:
            return np.repeat(self.values, len(frames), axis=0)
        left = np.clip(np.searchsorted(self.frames, frames, side="right") - 1, 0, len(self.frames) - 2)
        way = (self.frames[left + 1] - self.frames[left]).astype(float)
        weights = _weights((frames - self.frames[left]) / way)
        start, end = self.values[left], self.values[left + 1]
        slopes = self.slopes[left] * way[:, None], self.slopes[left + 1] * way[:, None]
        w00, w10, w01, w11 = (w[:, None] for w in weights)
        return w00 * start + w10 * slopes[0] + w01 * end + w11 * slopes[1]


def reduce(tracks: Sequence[Track]) -> list[Keys]:
    """Return few keys for each track, within its tolerance of every sample. All tracks have the same frames, N >= 1.

    :raises ValueError: samples that are not finite.
    """
    if not all(np.isfinite(track.values).all() for track in tracks):
        raise ValueError("A channel holds samples that are not finite.")
    result: list[Keys] = []
    for batch in _batches(tracks):
        result += _reduced(batch)
    return result


def _batches(tracks: Sequence[Track]) -> Iterator[list[Track]]:
    batch: list[Track] = []
    size = 0
    for track in tracks:
        if batch and size + track.values.size > _BATCH:
            yield batch
            batch, size = [], 0
        batch.append(track)
        size += track.values.size
    if batch:
        yield batch


def _reduced(tracks: Sequence[Track]) -> list[Keys]:
    if len(tracks[0].values) < 2:
        return [Keys(np.zeros(1, int), t.values.astype(float), np.zeros_like(t.values, float)) for t in tracks]
    result: list[Keys | None] = [None] * len(tracks)
    work = _Work(tracks)
    while len(work.rows):
        fit = _solved(work)
        done = work.refine(fit)
        if done.any():
            found = _pruned(work.only(done), fit.only(done[work.track_of]))
            for place, keys in zip(work.rows[done].tolist(), found, strict=True):
                result[place] = keys
            work = work.only(~done)
    return [keys for keys in result if keys is not None]


class _Work:
    """Tracks that are being reduced: R of them, with C channels of N samples in all, in units of their tolerances."""

    def __init__(self, tracks: Sequence[Track]) -> None:
        self.tracks = tracks
        self.rows = np.arange(len(tracks))
        """Place of each track among those that were given."""
        self.counts = np.array([t.values.shape[1] for t in tracks])
        self.samples = np.concatenate([(t.values / t.tolerance).T for t in tracks])
        """(C, N)."""
        step = np.diff(self.samples, axis=1)
        before, after = np.hstack([step[:, :1], step]), np.hstack([step, step[:, -1:]])
        self.low, self.high = np.minimum(before, after) - _SLACK, np.maximum(before, after) + _SLACK
        """(C, N): within which slopes a key's is. Between frames that are keyed all, samples do not bound it."""
        contact = np.array([t.contact for t in tracks])
        ends, near_ends = (contact & ~_eroded(contact, frames) for frames in (1, _CONTACT_FRAMES))
        near_ends |= ~contact & ~_eroded(~contact, _APPROACH_FRAMES)
        self.strict = np.where(near_ends, 1.0 / _CONTACT_SHARE, np.where(contact, 1.0 / _INSIDE_SHARE, 1.0))
        """(R, N): how much an error counts."""
        held, wholly = self._held(near_ends & contact)
        # What turns back where it touches must not go beyond.
        held |= ends[self.track_of] & (before * after <= 0.0)
        extreme = self._extreme()
        self.held = held
        """bool (C, N): where a channel stands still."""
        self.flat = held | extreme
        """bool (C, N): where a key has flat handles."""
        # A slow approach does not make what stands still drift.
        hold_ends = (held & ~_eroded(held, 1)) | (wholly & ~_eroded(wholly, 1))
        self.forced = self.any_channel(extreme | hold_ends) | ends
        """bool (R, N): frames that are keys in the end."""
        self.forced[:, [0, -1]] = True
        still = np.logical_and.reduceat(held, self._starts, axis=0)
        regular = np.zeros(contact.shape[1], bool)
        regular[::_SPACING] = True
        self.keys = self.forced | (regular & ~still)
        """bool (R, N)."""
        self.pinned = self.flat | (contact | self.forced)[self.track_of]
        """bool (C, N): where a key has the sample's own value."""

    @property
    def _starts(self) -> np.ndarray:
        return np.concatenate([[0], np.cumsum(self.counts)[:-1]]).astype(int)

    @property
    def track_of(self) -> np.ndarray:
        """int (C,): the row of each channel's track."""
        return np.repeat(np.arange(len(self.counts)), self.counts)

    def only(self, chosen: np.ndarray) -> "_Work":
        """Return the work on some of the tracks, bool (R,)."""
        part = object.__new__(_Work)
        channels = chosen[self.track_of]
        part.tracks, part.rows, part.counts = self.tracks, self.rows[chosen], self.counts[chosen]
        part.samples, part.flat, part.pinned = self.samples[channels], self.flat[channels], self.pinned[channels]
        part.held, part.low, part.high = self.held[channels], self.low[channels], self.high[channels]
        part.strict, part.forced, part.keys = self.strict[chosen], self.forced[chosen], self.keys[chosen]
        return part

    def error(self, off: np.ndarray) -> np.ndarray:
        """Return how far tracks are off, (R, N), 1 is the tolerance, of how far channels are, (C, N)."""
        return np.sqrt(np.add.reduceat(off * off, self._starts, axis=0)) * self.strict

    def refine(self, fit: "_Fit") -> np.ndarray:
        """Add keys where a fit is too far off; return which tracks need none, bool (R,)."""
        error = self.error(fit.off(self.samples))
        flat = error.ravel()
        at = np.flatnonzero(self.keys.ravel())
        worst = np.maximum.reduceat(flat, at)
        bad = worst > 1.0
        if not bad.any():
            return np.ones(len(self.rows), bool)
        of = np.cumsum(self.keys.ravel()) - 1
        hit = np.flatnonzero((flat >= worst[of]) & bad[of])
        row, frame = np.divmod(hit, self.keys.shape[1])
        known = self.keys[row, frame]
        # A key that is itself too far off is drawn to its sample; it is no better than that.
        drawn = np.zeros_like(self.keys)
        drawn[row[known], frame[known]] = True
        self.pinned |= drawn[self.track_of]
        self.keys[row, frame] = True
        done = np.ones(len(self.rows), bool)
        done[row] = False
        return done

    def any_channel(self, channels: np.ndarray) -> np.ndarray:
        """Return where any channel of a track is so, (R, N), of (C, N)."""
        return np.logical_or.reduceat(channels, self._starts, axis=0)

    def _held(self, contact: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return where channels stand still, in contact (R, N) for two frames already; where wholly: bool (C, N)."""
        step = np.abs(np.diff(self.samples, axis=1))
        touching = (contact[:, 1:] & contact[:, :-1])[self.track_of]
        wholly = _lasting(step == 0.0, 2)
        still = _lasting(step <= _STILL, _HOLD) | wholly | ((step <= _CONTACT_STILL) & touching)
        return _frames_of(still), _frames_of(wholly)

    def _extreme(self) -> np.ndarray:
        """Return where channels have extremes that stand out, bool (C, N)."""
        from scipy.signal import find_peaks

        result = np.zeros(self.samples.shape, bool)
        for row, samples in zip(result, self.samples, strict=True):
            stands_out = max(_PROMINENCE, _PROMINENCE_SHARE * float(np.ptp(samples)))
            for side in (samples, -samples):
                row[find_peaks(side, prominence=stands_out)[0]] = True
        return result


def _eroded(runs: np.ndarray, frames: int) -> np.ndarray:
    """Return runs, bool (R, N), without their first and last `frames`; at the very ends they go on for ever."""
    result = runs.copy()
    for shift in range(1, frames + 1):
        result[:, shift:] &= runs[:, :-shift]
        result[:, :-shift] &= runs[:, shift:]
    return result


def _lasting(runs: np.ndarray, least: int) -> np.ndarray:
    """Return the runs, bool (R, N), that are `least` long and longer."""
    count = runs.shape[1] - least + 1
    if count < 1:
        return np.zeros_like(runs)
    whole = np.logical_and.reduce([runs[:, i : i + count] for i in range(least)])
    result = np.zeros_like(runs)
    for i in range(least):
        result[:, i : i + count] |= whole
    return result


def _frames_of(steps: np.ndarray) -> np.ndarray:
    """Return the frames, (R, N), at either end of steps from frame to frame, bool (R, N - 1)."""
    result = np.zeros((len(steps), steps.shape[1] + 1), bool)
    result[:, :-1] |= steps
    result[:, 1:] |= steps
    return result


class _Segments:
    """The pieces of C channels between their keys, M keys in all; the last key of a channel begins an empty piece."""

    def __init__(self, keys: np.ndarray) -> None:
        """Take bool (C, N), with the first and the last frame of each channel."""
        flat = keys.ravel()
        self.at = np.flatnonzero(flat)
        """int (M,): places of the keys among all samples."""
        frame = self.at % keys.shape[1]
        self.last = frame == keys.shape[1] - 1
        self.length = np.where(self.last, 1, np.diff(self.at, append=self.at[-1] + 1)).astype(float)
        self.of = np.cumsum(flat) - 1
        """int (C * N,): the piece of each sample."""
        self.share = (np.arange(len(flat)) - self.at[self.of]) / self.length[self.of]
        """float (C * N,): 0 to 1 on the way from key to key."""

    def sums(self, values: np.ndarray) -> np.ndarray:
        """Return the sum of (C * N,) in each piece, (M,)."""
        return np.add.reduceat(values, self.at)


@dataclass(slots=True, eq=False)
class _Fit:
    """Values and slopes at the keys of C channels."""

    keys: np.ndarray
    """bool (C, N)."""
    segments: _Segments
    values: np.ndarray
    slopes: np.ndarray
    """float (M,), slopes per frame."""

    def off(self, samples: np.ndarray) -> np.ndarray:
        """Return how far the curves are above the samples, (C, N)."""
        return _drawn(self.segments, self.values, self.slopes).reshape(samples.shape) - samples

    def at(self, keys: np.ndarray) -> "_Fit":
        """Return the fit with some of its keys only, bool (C, N)."""
        kept = keys[self.keys]
        return _Fit(keys, _Segments(keys), self.values[kept], self.slopes[kept])

    def only(self, channels: np.ndarray) -> "_Fit":
        """Return the fit of some of the channels, bool (C,)."""
        mine = np.repeat(channels, self.keys.sum(axis=1))
        return _Fit(self.keys[channels], _Segments(self.keys[channels]), self.values[mine], self.slopes[mine])


def _drawn(segments: _Segments, values: np.ndarray, slopes: np.ndarray) -> np.ndarray:
    """Return the curves at all samples, (C * N,)."""
    start, way = values[segments.of], segments.length
    following = np.append(values[1:], values[-1])
    leaving, arriving = slopes * way, np.append(slopes[1:], 0.0) * way
    # Horner's rule, piece by piece.
    third = leaving + arriving + 2.0 * (values - following)
    second = 3.0 * (following - values) - 2.0 * leaving - arriving
    t = segments.share
    return start + t * (leaving[segments.of] + t * (second[segments.of] + t * third[segments.of]))


def _weights(t: np.ndarray) -> tuple[np.ndarray, ...]:
    """Return what start value, start slope, end value and end slope weigh at shares t of the way."""
    powers = np.stack([np.ones_like(t), t, t * t, t * t * t])
    return tuple(_HERMITE @ powers)


def _solved(work: _Work) -> _Fit:
    """Return the best curves through keys at the frames that the work has them, by least squares."""
    from scipy.linalg import solveh_banded

    keys = work.keys[work.track_of]
    segments = _Segments(keys)
    samples = work.samples.ravel()
    at, way = segments.at, segments.length
    real = ~segments.last
    count = len(at)
    # Unknowns: value, slope; value, slope; ... A piece ties four of them to each other.
    right = np.zeros((count + 1, 2))
    w00, w10, w01, w11 = (segments.sums(w * samples) * real for w in _weights(segments.share))
    right[:-1, 0] += w00
    right[:-1, 1] += w10 * way
    right[1:, 0] += w01 + np.where(real, samples[np.minimum(at + way.astype(int), len(samples) - 1)], 0.0)
    right[1:, 1] += w11 * way
    lengths, of = np.unique(way, return_inverse=True)
    gram = _gram(lengths)[of] * real[:, None, None]
    band = np.zeros((4, count + 1, 2))
    for i in range(4):
        for j in range(i, 4):
            # Row 3 - d of a band matrix holds what is d above the diagonal, by column.
            band[3 - (j - i), j // 2 : count + j // 2, j % 2] += gram[:, i, j]
    matrix, wanted = band[:, :-1].reshape(4, -1), right[:-1].ravel()
    fixed = np.stack([work.pinned.ravel()[at], work.flat.ravel()[at]], axis=1).ravel()
    known = np.where(fixed, np.stack([samples[at], np.zeros(count)], axis=1).ravel(), 0.0)
    for d in (1, 2, 3):
        above = matrix[3 - d, d:]
        wanted[:-d] -= above * known[d:]
        wanted[d:] -= above * known[:-d]
        above[fixed[d:] | fixed[:-d]] = 0.0
    matrix[3, fixed] = 1.0
    wanted = np.where(fixed, known, wanted)
    found = solveh_banded(matrix, wanted, overwrite_ab=True, overwrite_b=True, check_finite=False).reshape(-1, 2)
    values, slopes = found[:, 0].copy(), found[:, 1].copy()
    slopes = np.clip(slopes, work.low.ravel()[at], work.high.ravel()[at])
    slopes = _without_overshoot(slopes, values, work.held.ravel()[at], segments)
    return _Fit(keys, segments, values, slopes)


def _gram(way: np.ndarray) -> np.ndarray:
    """Return the sums of the products of what the four ends weigh, over the samples of each piece, (M, 4, 4)."""
    n = way
    sums = (
        n + 1.0,
        (n + 1.0) / 2.0,
        (n + 1.0) * (2.0 * n + 1.0) / (6.0 * n),
        (n + 1.0) ** 2 / (4.0 * n),
        (n + 1.0) * (2.0 * n + 1.0) * (3.0 * n**2 + 3.0 * n - 1.0) / (30.0 * n**3),
        (n + 1.0) ** 2 * (2.0 * n**2 + 2.0 * n - 1.0) / (12.0 * n**3),
        (n + 1.0) * (2.0 * n + 1.0) * (3.0 * n**4 + 6.0 * n**3 - 3.0 * n + 1.0) / (42.0 * n**5),
    )
    moments = np.stack([np.stack([sums[i + j] for j in range(4)], axis=-1) for i in range(4)], axis=-2)
    gram = _HERMITE @ moments @ _HERMITE.T
    for chord in ((1.0, 1.0, -1.0, 0.0), (1.0, 0.0, -1.0, 1.0)):
        gram += _CHORD * np.outer(chord, chord)
    scale = np.stack([np.ones_like(n), n, np.ones_like(n), n], axis=-1)
    return gram * scale[:, :, None] * scale[:, None, :]


def _without_overshoot(slopes: np.ndarray, values: np.ndarray, flat: np.ndarray, segments: _Segments) -> np.ndarray:
    """Return slopes with which no curve goes beyond a key with flat handles, from either side."""
    step = np.diff(values, append=values[-1]) / segments.length
    low, high = np.full(len(values), -np.inf), np.full(len(values), np.inf)
    bound_low, bound_high = np.minimum(3.0 * step, 0.0), np.maximum(3.0 * step, 0.0)
    to_flat = ~segments.last & np.append(flat[1:], False)
    low, high = np.where(to_flat, bound_low, low), np.where(to_flat, bound_high, high)
    from_flat = np.append(False, (~segments.last & flat)[:-1])
    low = np.where(from_flat, np.maximum(low, np.append(0.0, bound_low[:-1])), low)
    high = np.where(from_flat, np.minimum(high, np.append(0.0, bound_high[:-1])), high)
    return np.clip(slopes, low, high)


def _pruned(work: _Work, fit: _Fit) -> list[Keys]:
    """Return the keys of a fit that is within the tolerance, without those that it does not need."""
    keys, parity, idle = work.keys, 0, 0
    # Every second key may go at once: what its neighbours do does not depend on it.
    while idle < 2:
        chance = keys & ~work.forced & (np.cumsum(keys, axis=1) % 2 == parity)
        fewer = keys & ~chance
        gone = chance & ~_needed(work, fit.at(fewer[work.track_of]), fewer)
        keys = keys & ~gone
        fit = fit.at(keys[work.track_of])
        parity, idle = 1 - parity, 0 if gone.any() else idle + 1
    return list(_keys(work, fit))


def _needed(work: _Work, fit: _Fit, keys: np.ndarray) -> np.ndarray:
    """Return the samples, bool (R, N), of pieces between keys (R, N) that are too far off or overshoot in any channel.

    :param fit: of these keys.
    """
    held = work.held.ravel()[fit.segments.at]
    bent = fit.slopes != _without_overshoot(fit.slopes, fit.values, held, fit.segments)
    bent |= np.append(bent[1:], False)
    too_far = work.error(fit.off(work.samples)) > 1.0
    overshoots = work.any_channel(bent[fit.segments.of].reshape(work.samples.shape))
    at = np.flatnonzero(keys.ravel())
    bad = np.logical_or.reduceat((too_far | overshoots).ravel(), at)
    return bad[np.cumsum(keys.ravel()) - 1].reshape(keys.shape)


def _keys(work: _Work, fit: _Fit) -> Iterator[Keys]:
    ends = np.cumsum(fit.keys.sum(axis=1))
    done = 0
    for row, place in enumerate(work.rows.tolist()):
        track = work.tracks[place]
        channels = int(work.counts[row])
        stop = int(ends[work._starts[row] + channels - 1])
        shape = (channels, -1)
        values = fit.values[done:stop].reshape(shape).T * track.tolerance
        slopes = fit.slopes[done:stop].reshape(shape).T * track.tolerance
        frames = np.flatnonzero(fit.keys[work._starts[row]])
        yield Keys(frames, values, slopes)
        done = stop
