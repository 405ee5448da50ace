# SPDX-FileCopyrightText: 2026 Mimica authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Smoothing: the One Euro filter live, a zero-phase low-pass offline. Constants in Hz and seconds, never in frames."""

import math
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from . import rotation as rot


@dataclass(frozen=True, slots=True)
class OneEuroSettings:
    """Constants of one class of signal, or arrays of them, one for each signal."""

    min_cutoff: float | np.ndarray
    """Hz: the cut-off at rest; lower is calmer."""
    beta: float | np.ndarray
    """Hz per (unit/s): how fast the cut-off opens with speed; the unit is the signal's own (cm, radians, 0..1)."""
    derivative_cutoff: float | np.ndarray
    """Hz: smoothing of the speed itself."""

    def softened(self, smoothness: float | np.ndarray) -> "OneEuroSettings":
        """Return the settings for a smoothness: 1 as they are, each step up halves the cut-offs, at 0 all passes.

        :param smoothness: or an array of them, as the settings' own.
        """
        factor = 2.0 ** (1.0 - smoothness)
        # What opens with speed stays finite: no speed times infinity is no number.
        least = np.where(np.asarray(smoothness) > 0.0, self.min_cutoff * factor, np.inf)
        return OneEuroSettings(least if least.ndim else float(least), self.beta * factor, self.derivative_cutoff)


@dataclass(frozen=True, slots=True)
class Band:
    """What is left of signals without delay: little while they are calm, more while they move; or arrays of that."""

    calm: float | np.ndarray
    """Hz: the cut-off at rest."""
    quick: float | np.ndarray
    """Hz: the cut-off of motion; infinite leaves motion as it is."""
    slow: float | np.ndarray
    """Unit/s: up to here it is calm."""
    fast: float | np.ndarray
    """Unit/s: from here it moves."""

    def limited(self, smoothness: float | np.ndarray, limit: float) -> "Band":
        """Return the band for a smoothness (see `OneEuroSettings.softened`), no cut-off above `limit` Hz.

        :param smoothness: or an array of them, as the band's own.
        """
        each = [2.0 ** (1.0 - s) if s > 0.0 else np.inf for s in np.atleast_1d(smoothness).tolist()]
        factor = np.array(each) if np.ndim(smoothness) else each[0]
        return Band(np.minimum(self.calm * factor, limit), np.minimum(self.quick * factor, limit), self.slow, self.fast)


class OneEuro:
    """The One Euro filter on arrays of any shape, one value or thousands at once.

    G. Casiez, N. Roussel, D. Vogel, 1 Euro filter, CHI 2012. Uses the real time between samples.
    """

    def __init__(self, settings: OneEuroSettings) -> None:
        self.settings = settings
        self._time = 0.0
        self._value: np.ndarray | None = None
        self._speed: np.ndarray | None = None

    def reset(self) -> None:
        """Forget the past: the next value passes unchanged."""
        self._value = self._speed = None

    def __call__(self, time: float, value: np.ndarray) -> np.ndarray:
        """Return the filtered value at `time` in seconds; a time that does not advance returns the last result."""
        if self._value is None or self._speed is None:
            self._time, self._value, self._speed = time, value.copy(), np.zeros_like(value)
            return self._value
        step = time - self._time
        if step <= 0.0:
            return self._value
        s = self.settings
        speed = self._speed + _alpha(s.derivative_cutoff, step) * ((value - self._value) / step - self._speed)
        smoothed = self._value + _alpha(s.min_cutoff + s.beta * np.abs(speed), step) * (value - self._value)
        self._time, self._value, self._speed = time, smoothed, speed
        return smoothed


class OneEuroRotation:
    """The One Euro filter for unit quaternions (..., 4): filters the small rotation from the last result."""

    def __init__(self, settings: OneEuroSettings) -> None:
        self.settings = settings
        self._time = 0.0
        self._value: np.ndarray | None = None
        self._speed = 0.0

    def reset(self) -> None:
        """Forget the past: the next value passes unchanged."""
        self._value = None

    def __call__(self, time: float, value: np.ndarray) -> np.ndarray:
        """Return the filtered quaternion (4,), wxyz, at `time` in seconds."""
        if self._value is None:
            self._time, self._value, self._speed = time, value, 0.0
            return value
        step = time - self._time
        if step <= 0.0:
            return self._value
        s = self.settings
        # The shortest way from the last result; by slerp, which for one quaternion is much cheaper than log and exp.
        near = float(self._value @ value)
        end = -value if near < 0.0 else value
        half = math.acos(min(abs(near), 1.0))
        self._speed += float(_alpha(s.derivative_cutoff, step)) * (2.0 * half / step - self._speed)
        share = float(_alpha(s.min_cutoff + s.beta * self._speed, step))
        if half > 1e-4:
            start, share = math.sin((1.0 - share) * half) / math.sin(half), math.sin(share * half) / math.sin(half)
        else:
            start = 1.0 - share
        mixed = start * self._value + share * end
        self._value = mixed / math.sqrt(float(mixed @ mixed))
        self._time = time
        return self._value


def _alpha(cutoff: np.ndarray | float, step: float) -> np.ndarray | float:
    return 1.0 / (1.0 + 1.0 / (2.0 * np.pi * cutoff * step))


_SPEED_CUTOFF = 6.0
"""Hz: noise has speed too, so speed is taken of what is left below this."""
_MOVE_SECONDS = 0.05
"""A motion counts as one from this long before its speed shows until this long after."""
_FINEST = 8
"""Grid points a sample, at most, where times are uneven."""
_BLOCK = 256
"""Signals that are filtered at once: bounds memory."""


def zero_phase_adaptive(times: np.ndarray, values: np.ndarray, band: Band) -> np.ndarray:
    """Low-pass values over time without delay, much while they are calm and little while they move.

    A blend of two `zero_phase` filters by the speed of each signal, so that rest is calm and motion keeps its peaks.

    :param values: (N, C), finite.
    :param band: constants, or arrays (C,) of them.
    """
    count, signals = values.shape
    if count < 4 or signals == 0:
        return values
    if signals > _BLOCK and not isinstance(band.calm, np.ndarray):
        return np.concatenate(
            [zero_phase_adaptive(times, values[:, i : i + _BLOCK], band) for i in range(0, signals, _BLOCK)], axis=1
        )
    calm = zero_phase(times, values, band.calm)
    quick = zero_phase(times, values, band.quick)
    steps = np.maximum(np.diff(times), 1e-3)[:, None]
    pace = np.abs(np.diff(zero_phase(times, values, _SPEED_CUTOFF), axis=0)) / steps
    speed = np.maximum(np.concatenate([pace[:1], pace]), np.concatenate([pace, pace[-1:]]))
    share = np.clip((speed - band.slow) / (band.fast - band.slow), 0.0, 1.0)
    share = _spread_out(share, round(_MOVE_SECONDS / max(float(np.median(np.diff(times))), 1e-3)))
    return calm + share * (quick - calm)


def _spread_out(share: np.ndarray, frames: int) -> np.ndarray:
    """Return the highest share (N, C) within some frames around, with soft ends."""
    from scipy.ndimage import maximum_filter1d, uniform_filter1d

    size = 2 * max(frames, 1) + 1
    return uniform_filter1d(maximum_filter1d(share, size, axis=0), size, axis=0, mode="nearest")


def median_of_three(times: np.ndarray, values: np.ndarray, longest: float) -> np.ndarray:
    """Return values (N, C) in which single samples cannot stand out: the median of each and its two neighbours.

    :param longest: seconds between the neighbours up to which a sample between them can be called a spike.
    """
    if len(values) < 3:
        return values
    middle = np.median(np.stack([values[:-2], values[1:-1], values[2:]]), axis=0)
    close = times[2:] - times[:-2] <= longest
    out = values.copy()
    out[1:-1] = np.where(close[:, None], middle, values[1:-1])
    return out


def keep_edges(times: np.ndarray, values: np.ndarray, seconds: float, spread: float) -> np.ndarray:
    """Calm values (N, C) between their jumps and leave the jumps sharp: never beyond what was there, never ringing.

    The bilateral filter over time (C. Tomasi, R. Manduchi, ICCV 1998): a mean of the samples near in time and in value,
    the distance in value being that of all C signals together.

    :param seconds: standard deviation in time.
    :param spread: standard deviation in value; noise should be less, jumps more.
    """
    count = len(values)
    if count < 2:
        return values
    interval = max(float(np.median(np.diff(times))), 1e-3)
    total, weights = values.copy(), np.ones((count, 1))
    for k in range(1, min(int(np.ceil(2.5 * seconds / interval)), count - 1) + 1):
        early, late = values[:-k], values[k:]
        away = ((late - early) ** 2).sum(axis=1) / spread**2 + ((times[k:] - times[:-k]) / seconds) ** 2
        weight = np.exp(-0.5 * away)[:, None]
        total[k:] += weight * early
        weights[k:] += weight
        total[:-k] += weight * late
        weights[:-k] += weight
    return total / weights


def zero_phase(times: np.ndarray, values: np.ndarray, cutoff: float | np.ndarray) -> np.ndarray:
    """Low-pass values over time without delay: Butterworth of order 2, forwards and backwards.

    Samples at irregular times are taken to an even grid at their median rate, filtered there and taken back.

    :param times: (N,), seconds, increasing.
    :param values: (N, ...), finite.
    :param cutoff: Hz, the -3 dB point of the two passes together; at or above 0.45 of the sampling rate, or with too
        few samples, the values come back unchanged. An array (C,) gives each signal of values (N, C) its own.
    """
    from scipy.signal import sosfiltfilt

    if isinstance(cutoff, np.ndarray) and cutoff.ndim:
        out = np.empty_like(values)
        for one in np.unique(cutoff):
            rows = cutoff == one
            out[:, rows] = zero_phase(times, values[:, rows], float(one))
        return out
    cutoff = float(cutoff)
    count = len(times)
    if count < 4:
        return values
    # Times that all but coincide must not ask for a grid of millions.
    interval = max(float(np.median(np.diff(times))), float(times[-1] - times[0]) / (_FINEST * count))
    if interval <= 0 or cutoff >= 0.45 / interval:
        return values
    flat = values.reshape(count, -1)
    grid = times
    uneven = float(np.abs(np.diff(times) - interval).max()) > 0.1 * interval
    if uneven:
        steps = max(round((times[-1] - times[0]) / interval), 3)
        grid = np.linspace(times[0], times[-1], steps + 1)
        flat = interpolate_linear(times, flat, grid)
    # Two passes square the response: this factor puts their -3 dB back at the cut-off.
    twice = (np.sqrt(2.0) - 1.0) ** -0.25
    # Below a thousandth of the rate the filter is a singular problem, and the result a constant anyway.
    sections = _butterworth(float(np.clip(cutoff * twice * 2.0 * interval, 1e-3, 0.99)))
    # An odd extension of a few time constants keeps the ends from ringing.
    pad = int(min(len(grid) - 1, max(3, round(1.0 / (cutoff * interval)))))
    flat = sosfiltfilt(sections, flat, axis=0, padtype="odd", padlen=pad)
    if uneven:
        flat = interpolate_linear(grid, flat, times)
    return flat.reshape(values.shape)


@lru_cache(maxsize=256)
def _butterworth(cutoff: float) -> np.ndarray:
    """Return the sections of the low-pass of order 2; `cutoff` in half sampling rates. Not to be changed.

    Kept, because designing it costs as much as filtering some seconds, and the parts of a take all ask for the same.
    """
    from scipy.signal import butter

    return np.asarray(butter(2, cutoff, output="sos"))


def zero_phase_rotation(times: np.ndarray, quaternions: np.ndarray, cutoff: float | Band) -> np.ndarray:
    """Low-pass unit quaternions (N, 4) over time without delay, in the tangent space of their mean direction.

    :param cutoff: Hz, or the band of `zero_phase_adaptive`, its speeds in rad/s.
    """
    if len(times) < 4:
        return quaternions
    signs = np.where((quaternions * quaternions[:1]).sum(axis=1, keepdims=True) < 0, -1.0, 1.0)
    middle = (quaternions * signs).mean(axis=0)
    middle = middle / np.linalg.norm(middle)
    vectors = rot.log(rot.multiply(rot.conjugate(middle), quaternions))
    adaptive = isinstance(cutoff, Band)
    calmed = zero_phase_adaptive(times, vectors, cutoff) if adaptive else zero_phase(times, vectors, cutoff)
    return rot.multiply(middle, rot.exp(calmed))


def interpolate_linear(times: np.ndarray, values: np.ndarray, at: np.ndarray) -> np.ndarray:
    """Return values (N, K) at other times (M,), linear between samples, held beyond the ends."""
    right = np.clip(np.searchsorted(times, at, side="right"), 1, len(times) - 1)
    left = right - 1
    span = times[right] - times[left]
    share = np.clip((at - times[left]) / np.where(span > 0, span, 1.0), 0.0, 1.0)[:, None]
    return values[left] * (1.0 - share) + values[right] * share
