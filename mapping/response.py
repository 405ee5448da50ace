# SPDX-FileCopyrightText: 2026 Mimica authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Rigs whose constraints move their controls about: the channels that bring every control where it is wanted.

In such a rig the corner of the mouth takes part of the lips along, the jaw part of the cheeks, the gaze part of the
lids. Whoever gives each control the way of its place on the face counts all that twice. So what the rig does by itself
is measured once, and the channels are solved for: u = K (wanted - carried by the jaw - carried by the gaze).

Axes are the character's: it looks along -y, its left is x, z is up; lengths in centimetres of its size.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from . import rotation as rot

_DAMPING = 0.05
"""Of the least squares, beside a control that moves as far as its channel says: what hardly responds is left alone."""
_BLIND, _HELD = 0.3, 10.0
"""Ways of a channel that move the control by less than this share are held with so much of a damping."""
_IDLE = 0.05
"""A control that follows its channels by less than this share does not respond: something else drives it."""


@dataclass(frozen=True, slots=True, eq=False)
class Response:
    """What a rig does by itself, for L controls that are driven by location. The head is at rest."""

    bones: tuple[str, ...]
    angles: np.ndarray
    """(J,), radians, increasing from 0: openings of the jaw at which the controls were moved."""
    jacobian: np.ndarray
    """(J, L, 3, L, 3): how far each control's place moves, by axis, for each control's own location channels."""
    openings: np.ndarray
    """(A,), radians, increasing from 0: openings of the jaw at which its carrying was measured."""
    opened: np.ndarray
    """(A, L, 3): how far the jaw carries the places."""
    tilted: np.ndarray
    """(A, L, 3): how it turns them, rotation vectors, radians."""
    slid: np.ndarray
    """(L, 3, 3): how far they move, by axis, for each of the jaw's own location channels."""
    aside: np.ndarray
    """(J, L, 3): how far a jaw that turns to the left carries the places, for each radian, at `angles`."""
    gaze: np.ndarray
    """(2, 5, L, 3): how far the left and the right eye carry the places, by yaw, pitch, their squares and product;
    radians, yaw to the left, pitch up."""
    bend: np.ndarray
    """(4, L, 3): what closing lids need beyond that, because they move on arcs: own location channels, cm, by closure,
    its square, and closure times yaw and times pitch of their eye."""
    head_follows_neck: float = 1.0
    """Which share of the neck's rotation the head takes along."""
    targets_follow: tuple[float, float] = (1.0, 1.0)
    """Which share of the head's rotation the left and the right eye's target take along."""

    @property
    def jaw_slides(self) -> bool:
        """Whether the jaw can be moved, and not only turned."""
        return bool(self.slid.size and np.linalg.norm(self.slid, axis=(1, 2)).max() > 1.0)


@dataclass(frozen=True, slots=True, eq=False)
class JawWeights:
    """How N openings of the jaw lie between those that were measured."""

    angles: np.ndarray
    """(N, J)."""
    openings: np.ndarray
    """(N, A)."""


class ResponseSolver:
    """A response made ready to be solved. Immutable."""

    def __init__(self, response: Response, axes: np.ndarray, limit: float = np.inf) -> None:
        """Prepare.

        :param axes: (L, 3, 3): the controls' rest axes as columns.
        :param limit: cm that a control goes at most from where the rig carries it.
        """
        self.response = response
        self._limit = limit
        count = len(response.bones)
        still = np.zeros((3 * count, 3 * count))
        for k in range(count):
            still[3 * k : 3 * k + 3, 3 * k : 3 * k + 3] = axes[k].T
        self._solve = np.array([_inverse(j.reshape(3 * count, 3 * count), still) for j in response.jacobian])

    @property
    def idle(self) -> tuple[str, ...]:
        """Controls that do not respond, because something else drives them."""
        return idle_controls(self.response)

    def jaw(self, opening: np.ndarray) -> JawWeights:
        """Return the weights for openings (N,), radians, of the jaw."""
        return JawWeights(_between(self.response.angles, opening), _between(self.response.openings, opening))

    def carried_by_jaw(self, jaw: JawWeights, aside: np.ndarray) -> np.ndarray:
        """Return how far the jaw carries the places, (N, L, 3), with sideways turns (N,), radians."""
        carried = np.tensordot(jaw.openings, self.response.opened, 1)
        if aside.any():
            carried += np.tensordot(jaw.angles, self.response.aside, 1) * aside[:, None, None]
        return carried

    def carried_by_slide(self, slide: np.ndarray) -> np.ndarray:
        """Return how far a jaw carries the places, (N, L, 3), by its own location channels (N, 3), cm."""
        return np.tensordot(slide, self.response.slid, (1, 2))

    def carried_by_gaze(self, gaze: np.ndarray) -> np.ndarray:
        """Return how far the eyes carry the places, (N, L, 3), with a gaze (N, 2, 2), radians."""
        yaw, pitch = gaze[..., 0], gaze[..., 1]
        terms = np.stack([yaw, pitch, yaw**2, pitch**2, yaw * pitch], axis=-1)
        return np.tensordot(terms, self.response.gaze, 2)

    def tilt(self, rows: np.ndarray, arms: np.ndarray, jaw: JawWeights) -> np.ndarray:
        """Return how far points at `arms` (b, 3) from controls `rows` move as the jaw turns them, (N, b, 3)."""
        turned = np.tensordot(jaw.openings, self.response.tilted[:, rows], 1)
        return (rot.matrix_from_quaternion(rot.exp(turned)) @ arms[..., None])[..., 0] - arms

    def bent(self, rows: np.ndarray, closure: np.ndarray, looks: np.ndarray) -> np.ndarray:
        """Return what lids `rows` (b,) need beyond what is solved for, (N, b, 3) cm.

        :param closure: (N, b), 0 to 1. :param looks: (N, b, 2): yaw and pitch of each lid's eye, radians.
        """
        return np.einsum("nbk,kbi->nbi", bend_terms(closure, looks), self.response.bend[:, rows])

    def channels(self, wanted: np.ndarray, jaw: JawWeights) -> np.ndarray:
        """Return the controls' own location channels, (N, L, 3) cm, that bring about displacements.

        :param wanted: (N, L, 3): less what jaw and gaze carry.
        """
        flat = wanted.reshape(len(wanted), -1)
        solved = np.zeros_like(flat)
        for weight, matrix in zip(jaw.angles.T, self._solve, strict=True):
            if weight.any():
                solved += (flat @ matrix.T) * weight[:, None]
        return _soft(solved.reshape(wanted.shape), self._limit)


def idle_controls(response: Response) -> tuple[str, ...]:
    """Return the controls that do not respond, because something else drives them."""
    own = np.einsum("jlalb->jlab", response.jacobian)[0]
    return tuple(b for b, block in zip(response.bones, own, strict=True) if np.linalg.norm(block) < _IDLE)


def groups_apart(influence: np.ndarray) -> list[np.ndarray]:
    """Sort controls into groups in which no two move the same place, so that one try tells of all of a group.

    A. R. Curtis, M. J. D. Powell, J. K. Reid, On the estimation of sparse Jacobian matrices, 1974.

    :param influence: bool (P, L): whether a control moves a place.
    """
    overlap = influence.T.astype(int) @ influence.astype(int) > 0
    groups: list[list[int]] = []
    for k in sorted(range(len(overlap)), key=lambda k: -int(overlap[k].sum())):
        for group in groups:
            if not overlap[k, group].any():
                group.append(k)
                break
        else:
            groups.append([k])
    return [np.array(sorted(group)) for group in groups]


def gaze_terms(angles: Sequence[tuple[float, float]]) -> np.ndarray:
    """Return the matrix (5, K) from places' ways at K gazes (yaw, pitch) to the terms of `Response.gaze`."""
    yaw, pitch = np.array(angles, float).T
    return np.linalg.pinv(np.stack([yaw, pitch, yaw**2, pitch**2, yaw * pitch], axis=1))


def bend_terms(closure: np.ndarray, looks: np.ndarray) -> np.ndarray:
    """Return the terms of `Response.bend`, (..., 4), of closures (...) and gazes (..., 2)."""
    closure = closure[..., None]
    return np.concatenate([closure, closure**2, closure * looks], axis=-1)


def _inverse(jacobian: np.ndarray, still: np.ndarray) -> np.ndarray:
    """Return the matrix from wanted displacements to channels, (3L, 3L).

    What no channel brings about, such as a lid's way into the eyeball that keeps it on its surface, stays as the
    control's own axes say: `still`, so that a straight way to a place on a sphere is led there along the sphere.
    """
    count = len(jacobian) // 3
    own = np.linalg.norm(np.einsum("lalb->lab", jacobian.reshape(count, 3, count, 3)), axis=1)
    idle = np.repeat(np.linalg.norm(own, axis=1) < _IDLE, 3)
    # A channel that is locked, or that does nothing, is not written either.
    dead = np.linalg.norm(jacobian, axis=0) < 1e-3
    matrix = np.where(idle | dead, 0.0, jacobian)
    first = np.where((idle | dead)[:, None], 0.0, still)
    weight = np.where(idle, 0.0, 1.0)
    system = matrix.T @ (weight[:, None] * matrix) + _DAMPING**2 * np.eye(len(matrix))
    for k in range(0, len(matrix), 3):
        # A way that does not move the control itself must not serve to move its neighbours.
        _, sizes, ways = np.linalg.svd(matrix[k : k + 3, k : k + 3])
        blind = ways[sizes < _BLIND]
        system[k : k + 3, k : k + 3] += _HELD**2 * blind.T @ blind
    more = np.linalg.solve(system, matrix.T * weight)
    return first + more @ (np.eye(len(matrix)) - matrix @ first)


def _between(known: np.ndarray, values: np.ndarray) -> np.ndarray:
    """Return weights (N, K) that interpolate linearly between known values (K,), and go on straight beyond the ends."""
    weights = np.zeros((len(values), len(known)))
    if len(known) == 1:
        weights[:] = 1.0
        return weights
    left = np.clip(np.searchsorted(known, values, side="right") - 1, 0, len(known) - 2)
    share = (values - known[left]) / (known[left + 1] - known[left])
    rows = np.arange(len(values))
    weights[rows, left] = 1.0 - share
    weights[rows, left + 1] = share
    return weights


def _soft(ways: np.ndarray, limit: float) -> np.ndarray:
    """Return ways (N, L, 3) that are left alone to two thirds of a limit, and approach it from there on."""
    if not np.isfinite(limit):
        return ways
    length = np.linalg.norm(ways, axis=2, keepdims=True)
    if length.size == 0 or length.max() <= limit * 2.0 / 3.0:
        return ways
    over = np.maximum(length - limit * 2.0 / 3.0, 0.0)
    kept = length - over + limit / 3.0 * np.tanh(over / (limit / 3.0))
    return ways * (kept / np.maximum(length, 1e-9))
