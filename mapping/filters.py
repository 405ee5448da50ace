# SPDX-FileCopyrightText: 2026 Mimica authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Smoothing: the One Euro filter live, a zero-phase low-pass offline. Constants in Hz and seconds, never in frames."""

from dataclasses import dataclass

import numpy as np

from . import rotation as rot


@dataclass(frozen=True, slots=True)
class OneEuroSettings:
    """Constants of one class of signal."""

    min_cutoff: float
    """Hz: the cut-off at rest; lower is calmer."""
    beta: float
    """Hz per (unit/s): how fast the cut-off opens with speed; the unit is the signal's own (cm, radians, 0..1)."""
    derivative_cutoff: float
    """Hz: smoothing of the speed itself."""

    def softened(self, smoothness: float) -> "OneEuroSettings":
        """Return the settings for a smoothness: 1 as they are, each step up halves the cut-offs, below 0 no filter."""
        factor = 2.0 ** (1.0 - smoothness)
        return OneEuroSettings(self.min_cutoff * factor, self.beta * factor, self.derivative_cutoff)


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
        turn = rot.log(rot.multiply(rot.conjugate(self._value), value))
        self._speed += float(_alpha(s.derivative_cutoff, step)) * (float(np.linalg.norm(turn)) / step - self._speed)
        share = _alpha(s.min_cutoff + s.beta * self._speed, step)
        self._value = rot.multiply(self._value, rot.exp(turn * share))
        self._time = time
        return self._value


def _alpha(cutoff: np.ndarray | float, step: float) -> np.ndarray | float:
    return 1.0 / (1.0 + 1.0 / (2.0 * np.pi * cutoff * step))


def zero_phase(times: np.ndarray, values: np.ndarray, cutoff: float) -> np.ndarray:
    """Low-pass values over time without delay: Butterworth of order 2, forwards and backwards.

    Samples at irregular times are taken to an even grid at their median rate, filtered there and taken back.

    :param times: (N,), seconds, increasing.
    :param values: (N, ...), finite.
    :param cutoff: Hz, the -3 dB point of the two passes together; at or above 0.45 of the sampling rate, or with too
        few samples, the values come back unchanged.
    """
    from scipy.signal import butter, sosfiltfilt

    count = len(times)
    if count < 4:
        return values
    interval = float(np.median(np.diff(times)))
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
    sections = butter(2, min(cutoff * twice * 2.0 * interval, 0.99), output="sos")
    # An odd extension of a few time constants keeps the ends from ringing.
    pad = int(min(len(grid) - 1, max(3, round(1.0 / (cutoff * interval)))))
    flat = sosfiltfilt(sections, flat, axis=0, padtype="odd", padlen=pad)
    if uneven:
        flat = interpolate_linear(grid, flat, times)
    return flat.reshape(values.shape)


def zero_phase_rotation(times: np.ndarray, quaternions: np.ndarray, cutoff: float) -> np.ndarray:
    """Low-pass unit quaternions (N, 4) over time without delay, in the tangent space of their mean direction."""
    if len(times) < 4:
        return quaternions
    signs = np.where((quaternions * quaternions[:1]).sum(axis=1, keepdims=True) < 0, -1.0, 1.0)
    middle = (quaternions * signs).mean(axis=0)
    middle = middle / np.linalg.norm(middle)
    vectors = rot.log(rot.multiply(rot.conjugate(middle), quaternions))
    return rot.multiply(middle, rot.exp(zero_phase(times, vectors, cutoff)))


def interpolate_linear(times: np.ndarray, values: np.ndarray, at: np.ndarray) -> np.ndarray:
    """Return values (N, K) at other times (M,), linear between samples, held beyond the ends."""
    right = np.clip(np.searchsorted(times, at, side="right"), 1, len(times) - 1)
    left = right - 1
    span = times[right] - times[left]
    share = np.clip((at - times[left]) / np.where(span > 0, span, 1.0), 0.0, 1.0)[:, None]
    return values[left] * (1.0 - share) + values[right] * share
