# SPDX-FileCopyrightText: 2026 Mimica authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Where the eyes look: from the irises and the controls, one truth for both, and kept while the lids hide it."""

from functools import cache

import numpy as np

from .data import load_table
from .face_space import HeadPose
from .filters import interpolate_linear, keep_edges, median_of_three
from .frame import ARKIT_SHAPES, LANDMARK_COUNT
from .landmarks import SIDES

_NAMES = ("Out", "In", "Up", "Down")
_FIRST_IRIS = 468
"""From this landmark on, all are of the irises."""


def place_irises(neutral: np.ndarray) -> np.ndarray:
    """Return a face (478, 3) of face space with its irises at the depth where anatomy has them; see `iris_in_place`."""
    placed = neutral.copy()
    placed[_FIRST_IRIS:, 2:] = _iris_depths(neutral)
    return placed


def iris_in_place(face: np.ndarray, points: np.ndarray, pose: HeadPose, neutral: np.ndarray) -> np.ndarray:
    """Return the face with its irises at the depth where anatomy has them.

    The tracker's iris depth carries no information, and with the head turned a wrong depth looks like a turned eye: 20
    degrees of false gaze at a yaw of 40. The iris lies about as far in front of the eye's corners as the table says;
    its landmarks go there along their own rays.

    :param face: (N, 478, 3), face space, of `points` (N, 478, 3) in camera space by `pose`. A copy is returned.
    """
    moved = face.copy()
    irises, depth = moved[:, _FIRST_IRIS:], _iris_depths(neutral)
    ray = points[:, _FIRST_IRIS:] @ pose.rotation.astype(points.dtype)
    # A ray that hardly comes towards the face, from a head turned right away, would end anywhere.
    slope = ray[..., :2] / np.minimum(ray[..., 2:], -1e-3)
    slope = np.minimum(np.maximum(slope, -2.0), 2.0)
    irises[..., :2] += slope * (depth - irises[..., 2:])
    irises[..., 2:] = depth
    return moved


def look_ahead(neutral: np.ndarray) -> np.ndarray:
    """Return a face (478, 3) whose eyes look to one side no further than the tracker can be wrong.

    Who never looks ahead in a performance looks aside in the calmest moment too, and every glance would be off by that.
    Up and down cannot be told like this.
    """
    aside = float(iris_aside(neutral[None])[0])
    sure = load_table("geometry")["gaze"]["aside"]
    aside -= np.clip(aside, -sure, sure)
    ahead = neutral.copy()
    for side in SIDES:
        ahead[_ring(side), 0] -= aside
    return ahead


def iris_aside(face: np.ndarray) -> np.ndarray:
    """Return how far both irises are to the left of their eyes' middles, (N,) cm, of faces (N, 478, 3)."""
    table = load_table("landmarks")
    sides = [face[:, table["iris"][s], 0] - face[:, table["eye_corners"][s], 0].mean(axis=1) for s in SIDES]
    return np.mean(sides, axis=0)


def _ring(side: str) -> slice:
    centre = load_table("landmarks")["iris"][side]
    return slice(centre, centre + 5)


def _iris_depths(neutral: np.ndarray) -> np.ndarray:
    """Return the depth of each landmark of the irises, (10, 1) cm."""
    return neutral[_iris_corners(), 2] @ np.full((2, 1), 0.5) + load_table("geometry")["gaze"]["iris_forward"]


@cache
def _iris_corners() -> np.ndarray:
    """Return the corners of the eye of each landmark of the irises, int (10, 2)."""
    corners = np.zeros((LANDMARK_COUNT, 2), int)
    for side in SIDES:
        corners[_ring(side)] = load_table("landmarks")["eye_corners"][side]
    return corners[_FIRST_IRIS:]


@cache
def _iris_centres() -> tuple[np.ndarray, np.ndarray]:
    """Return the irises' centres and the inner corners of their eyes, int (2,) each, left and right."""
    table = load_table("landmarks")
    return np.array([table["iris"][s] for s in SIDES]), np.array([table["eye_corners"][s][0] for s in SIDES])


def solve_gaze(displacement: np.ndarray) -> np.ndarray:
    """Return gaze per eye, float (N, 2, 2): [left, right] x [yaw, pitch] in radians against the neutral's gaze.

    The iris rides on the eyeball: an offset d of its centre from the neutral place, over the eyeball's radius, is the
    sine of the angle. Only x and y are used, the tracker's iris depth carries no information. Up and down counts from
    the eye's inner corner, which lies on bone: a small error of the head's pitch moves the whole eye region by as much
    as a glance does. Eyes without iris landmarks (468-point models) look straight ahead.

    :param displacement: (N, 478, 3), cm, face space, finite.
    """
    table = load_table("geometry")["gaze"]
    irises, corners = _iris_centres()
    offset = displacement[:, irises, :2].astype(np.float64)
    offset[..., 1] -= displacement[:, corners, 1]
    sine = np.minimum(np.maximum(offset / table["eyeball_radius"], -0.95), 0.95)
    limit = np.array(table["limit"])
    return np.minimum(np.maximum(np.arcsin(sine), -limit), limit)


@cache
def _looks() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return the rows of ARKit's eight eyeLook shapes, and matrices from gaze to them before clipping, and back.

    (8,), (4, 8), (8, 4).
    """
    full_yaw, full_pitch = load_table("geometry")["gaze"]["full"]
    rows = np.array([ARKIT_SHAPES.index(f"eyeLook{name}{side}") for side in ("Left", "Right") for name in _NAMES])
    matrix = np.zeros((4, 8))
    for eye, outward in enumerate((1.0, -1.0)):
        matrix[2 * eye, 4 * eye : 4 * eye + 2] = np.array([outward, -outward]) / full_yaw
        matrix[2 * eye + 1, 4 * eye + 2 : 4 * eye + 4] = np.array([1.0, -1.0]) / full_pitch
    return rows, matrix, 1.0 / np.where(matrix == 0.0, np.inf, matrix).T


def with_gaze(controls: np.ndarray, gaze: np.ndarray) -> np.ndarray:
    """Return controls (N, 52) whose eyeLook shapes say what the gaze (N, 2, 2) says."""
    rows, matrix, _ = _looks()
    result = controls.copy()
    result[:, rows] = np.minimum(np.maximum(gaze.reshape(-1, 4) @ matrix, 0.0), 1.0)
    return result


def irises_seen(face: np.ndarray) -> np.ndarray:
    """Return bool (N,): faces (N, 478, 3) that have irises; models of 468 points have none (NaN)."""
    irises = [load_table("landmarks")["iris"][side] for side in SIDES]
    return np.asarray(np.isfinite(face[:, irises]).all(axis=(1, 2)))


def gaze_of(controls: np.ndarray) -> np.ndarray:
    """Return the gaze (N, 2, 2) that the eyeLook shapes of controls (N, 52) tell, as two eyes can look.

    Eyes move up and down together, so a small difference in pitch is noise and a large one counts less by that; and
    they hardly turn outwards from each other.
    """
    rows, _, back = _looks()
    gaze = (controls[:, rows] @ back).reshape(-1, 2, 2)
    left, right = gaze[:, 0], gaze[:, 1]
    apart, middle = left - right, (left + right) / 2.0
    noise, sure = load_table("geometry")["gaze"]["pitch_noise"]
    believed = (np.abs(apart[:, 1]) - noise) / (sure - noise)
    apart[:, 0] = _less_divergent(apart[:, 0])
    apart[:, 1] *= np.minimum(np.maximum(believed, 0.0), 1.0)
    gaze[:, 0], gaze[:, 1] = middle + apart / 2.0, middle - apart / 2.0
    return gaze


def _less_divergent(apart: np.ndarray) -> np.ndarray:
    """Return how far the left eye looks more to the left than the right one, (N,), with what eyes cannot do reduced."""
    limit, share = load_table("geometry")["gaze"]["divergence"]
    return np.minimum(apart, limit) + share * np.maximum(apart - limit, 0.0)


def calm_gaze(times: np.ndarray, gaze: np.ndarray, closure: np.ndarray, factor: float) -> np.ndarray:
    """Return the gaze (N, 2, 2) of a whole take, carried across blinks, calm in fixations, its saccades sharp.

    :param closure: (N, 2), eyeBlink of each eye, unfiltered.
    :param factor: cut-offs' factor: below 1 calmer.
    """
    if len(times) < 2:
        return gaze
    settings = load_table("filters")
    table = settings["fixation"]
    seen = across_blinks(times, gaze, closure).reshape(-1, 4)
    seen = median_of_three(times, seen, settings["spike_seconds"])
    return keep_edges(times, seen, table["seconds"] / factor, table["spread"]).reshape(gaze.shape)


def across_blinks(times: np.ndarray, gaze: np.ndarray, closure: np.ndarray) -> np.ndarray:
    """Return the gaze (N, 2, 2) with what closed lids hide taken from before and after.

    A lid that is on its way covers part of the iris, so it hides it a moment before and after it is half closed. A
    winking eye follows the other.
    """
    table = load_table("geometry")["gaze"]
    hidden = _around(times, closure > table["hidden"], closure > table["covered"], table["cover_seconds"])
    if not hidden.any():
        return gaze
    both, either = hidden[:, 0] & hidden[:, 1], hidden[:, 0] | hidden[:, 1]
    apart = _across(times, gaze[:, 0] - gaze[:, 1], either)
    one = np.where(hidden[:, :1], gaze[:, 1] + apart / 2.0, gaze[:, 0] - apart / 2.0)
    middle = _across(times, np.where(either[:, None], one, gaze.mean(axis=1)), both)
    return np.stack([middle + apart / 2.0, middle - apart / 2.0], axis=1)


def _around(times: np.ndarray, core: np.ndarray, wide: np.ndarray, seconds: float) -> np.ndarray:
    """Return bool (N, 2): `core`, and what is `wide` and joined to it within some seconds."""
    result = core.copy()
    for order in (slice(None), slice(None, None, -1)):
        at = times[order]
        since = np.full(core.shape[1], np.inf)
        joined = np.zeros(core.shape[1], bool)
        for i, (inside, near) in enumerate(zip(core[order], wide[order], strict=True)):
            since = np.where(inside, at[i], since)
            joined = inside | (joined & near & (np.abs(at[i] - since) <= seconds))
            result[order][i] |= joined
    return result


def _across(times: np.ndarray, values: np.ndarray, hidden: np.ndarray) -> np.ndarray:
    """Return values (N, K) with hidden rows (N,) interpolated from the others, or 0 when none is seen."""
    seen = np.flatnonzero(~hidden)
    if len(seen) == len(values):
        return values
    if len(seen) < 2:
        return np.repeat(values[seen], len(values), axis=0) if len(seen) else np.zeros_like(values)
    return interpolate_linear(times[seen], values[seen], times)


class GazeHold:
    """The same live: a gaze that closed lids hide is held, and blends back once they open."""

    def __init__(self) -> None:
        self.reset()

    def reset(self) -> None:
        """Forget the past."""
        self._time = -np.inf
        self._closure = np.zeros(2)
        self._trail: list[tuple[float, np.ndarray]] = []
        """The last moments' middle and difference, (2, 2), as they were given out."""
        self._held = np.zeros((2, 2))
        self._hidden = np.zeros(2, bool)
        self._since = np.full(2, -np.inf)

    def __call__(self, time: float, gaze: np.ndarray, closure: np.ndarray) -> np.ndarray:
        """Return the gaze (2, 2) to show at `time`, seconds.

        :param gaze: (2, 2), unfiltered. :param closure: (2,), eyeBlink of each eye, unfiltered.
        """
        table = load_table("geometry")["gaze"]
        step = max(time - self._time, 1e-3)
        # A lid that closes fast will be over the iris at the next frame, and is half over it already.
        ahead = closure + np.maximum(closure - self._closure, 0.0) * min(table["lid_ahead"] / step, 1.0)
        eyes_hidden = ahead > table["hidden"]
        self._time, self._closure = time, closure
        self._trail = [(t, v) for t, v in self._trail if time - t < 2 * table["cover_seconds"]][-32:]
        if not eyes_hidden.any() and time - self._since.max() >= table["return_seconds"]:
            self._hidden[:] = False
            self._trail.append((time, np.array([(gaze[0] + gaze[1]) / 2.0, gaze[0] - gaze[1]])))
            return gaze
        apart = gaze[0] - gaze[1]
        # First the eyes' middle, which one open eye still tells, then their difference.
        hidden = np.array([eyes_hidden.all(), eyes_hidden.any()])
        for k in np.flatnonzero(hidden & ~self._hidden):
            self._held[k] = self._before(time - table["cover_seconds"], int(k))
        self._since = np.where(hidden, time, self._since)
        blend = np.minimum((time - self._since) / table["return_seconds"], 1.0)
        share = np.where(hidden, 0.0, blend * blend * (3.0 - 2.0 * blend))
        self._hidden = hidden
        difference = self._held[1] + share[1] * (apart - self._held[1])
        if eyes_hidden[0]:
            middle = gaze[1] + difference / 2.0
        elif eyes_hidden[1]:
            middle = gaze[0] - difference / 2.0
        else:
            middle = (gaze[0] + gaze[1]) / 2.0
        middle = self._held[0] + share[0] * (middle - self._held[0])
        self._trail.append((time, np.array([middle, difference])))
        return np.array([middle + difference / 2.0, middle - difference / 2.0])

    def _before(self, time: float, which: int) -> np.ndarray:
        """Return what was shown at a moment of the trail: the last before it, else the first."""
        if not self._trail:
            return np.zeros(2)
        earlier = [v for t, v in self._trail if t <= time + 1e-6]
        return (earlier[-1] if earlier else self._trail[0][1])[which]
