# SPDX-FileCopyrightText: 2026 Mimica authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""From the channels of a character back to the controls that explain them best: the mapping the other way round.

What a control does on a character is asked of the character's own plan, so any that can be driven can be read: bones,
shape keys, properties. A plan is no linear thing (lids close on each other, jaws turn, lips meet), so the least squares
are solved again and again about the last answer (Gauss and Newton), each within the controls' bounds.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from . import rotation as rot
from .channels import BonePose, ChannelPlan, CharacterPose
from .control_pose import glances, motion_over
from .frame import ARKIT_SHAPES

_SHAPES = len(ARKIT_SHAPES)
_HEAD = slice(_SHAPES, _SHAPES + 3)
_UNKNOWN = _SHAPES + 3
"""The controls, then yaw, pitch and roll of the head."""
_TURN = 5.0
"""Centimetres that a radian counts as: about how far from its axis the skin is that a bone of a face turns."""
_STEP = np.array([0.05] * _SHAPES + [0.02] * 3)
_ROUNDS = 3
_GUESSES, _SWEEPS = 15, 3
"""How often it is guessed which controls are at a bound, and how often each is mended by itself after that."""
_RIDGE, _SPARSE, _CALM = 1e-6, 1e-5, 1e-4
"""Shares of a control's own response by which it is held back for being large, for being there at all, and for being
unlike the instants before and after: so little that only what the pose itself hardly tells gives way."""
_DOUBT = np.array([0.2, 0.5, 10.0])
"""The same, for each share of the pose's square that no controls explain: what is that far from any expression that the
controls know must not be made up for by many that undo each other."""
_CALM_FRAMES = 2.0
"""Standard deviation of what counts as before and after."""
_UNTOLD = 2e-3
"""Centimetres, or values: what moves less is not told by the channels."""
_ALIKE = 0.11
"""Share of a control's response that no mixture of others shows, below which it may be taken for them."""
_BATCH = 256


@dataclass(frozen=True, slots=True, eq=False)
class Fitted:
    """Controls over time that explain a character's channels."""

    controls: np.ndarray
    """float (N, 52), [0, 1], in the order of `ARKIT_SHAPES`; 0 for what is not told."""
    head: np.ndarray | None
    """float (N, 3), radians: yaw, pitch, roll as `mapper.head_angles` has them; None when nothing turns with it."""
    gaze: np.ndarray
    """float (N, 2, 2), radians, as the eyeLook shapes say."""
    unexplained: float
    """What is left of the motion, as a share of it (root mean square); 0 where nothing moved."""


class ControlFit:
    """A character's response to each control. Immutable."""

    def __init__(self, plan: ChannelPlan, unit: float = 1.0) -> None:
        """Ask the plan for all controls, one by one.

        :param unit: scene units of bones' locations per centimetre.
        """
        self._plan, self._unit = plan, unit
        self._still = self._features(np.zeros((1, _UNKNOWN)))[0]
        full = np.diag([1.0] * _SHAPES + [0.3] * 3)
        self._basis = (self._features(full) - self._still) / full.diagonal()[:, None]
        size = np.linalg.norm(self._basis, axis=1)
        self._told = np.abs(self._basis).max(axis=1) > _UNTOLD
        self._size = np.where(self._told, size, 1.0)

    @property
    def told(self) -> tuple[str, ...]:
        """The controls that move something, and so can be told."""
        return tuple(name for name, told in zip(ARKIT_SHAPES, self._told, strict=False) if told)

    @property
    def alike(self) -> tuple[str, ...]:
        """Those of `told` that others together show almost as well: they may be taken for each other."""
        from scipy.optimize import nnls

        rows = np.flatnonzero(self._told[:_SHAPES])
        unit = self._basis[rows] / self._size[rows, None]
        return tuple(
            ARKIT_SHAPES[row]
            for i, row in enumerate(rows)
            if len(rows) > 1 and nnls(np.delete(unit, i, axis=0).T, unit[i])[1] < _ALIKE
        )

    def fit(self, pose: CharacterPose, progress: Callable[[float], None] | None = None) -> Fitted:
        """Return the controls that explain channels at N instants, one after the other.

        :param pose: in the orders of the plan; bones' scales may be None.
        :param progress: is told how much is done, [0, 1].
        """
        seen = self._features_of(pose)
        count = len(seen)
        values = np.zeros((count, _UNKNOWN))
        batches = [slice(start, start + _BATCH) for start in range(0, count, _BATCH)]
        for number, part in enumerate(batches):
            values[part] = self._solve(seen[part], values[part], _ROUNDS)
            if progress is not None:
                progress((number + 0.7) / len(batches))
        left, moved = self._distances(seen, values)
        doubt = np.where(moved > _UNTOLD, left / np.maximum(moved, _UNTOLD), 0.0)
        usual = _blurred(values, _CALM_FRAMES) if count > 2 else values
        for part in batches:
            values[part] = self._solve(seen[part], values[part], 2, usual[part], doubt[part])
        left, moved = self._distances(seen, values)
        controls = values[:, :_SHAPES]
        return Fitted(
            controls,
            values[:, _HEAD] if self._told[_HEAD].any() else None,
            glances(controls),
            float(np.linalg.norm(left) / max(np.linalg.norm(moved), _UNTOLD)),
        )

    def _distances(self, seen: np.ndarray, values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return how far each pose is from what these values show, and from rest, (N,) each."""
        left = np.linalg.norm(seen - self._features(values), axis=1)
        return left, np.linalg.norm(seen - self._still, axis=1)

    def _features(self, values: np.ndarray) -> np.ndarray:
        """Return what the channels are, (N, D), for unknowns (N, U)."""
        count = len(values)
        motion = motion_over(
            np.arange(count), values[:, :_SHAPES], head=values[:, _HEAD], groups=self._plan.groups.astype(np.float64)
        )
        return self._features_of(self._plan.pose(motion))

    def _features_of(self, pose: CharacterPose) -> np.ndarray:
        """Return driven channels side by side, (N, D), centimetres or what counts as such."""
        plan, bones = self._plan, pose.bones
        count = len(bones.location)
        turns = rot.log(np.where(bones.rotation[..., :1] < 0.0, -bones.rotation, bones.rotation))
        parts = [
            bones.location[:, plan.located] / self._unit,
            _TURN * turns[:, plan.turned].reshape(count, -1),
            _scales(bones)[:, plan.scaled] if plan.scaled.any() else np.zeros((count, 0)),
            pose.shapes,
            pose.properties,
        ]
        return np.concatenate(parts, axis=1)

    def _solve(
        self,
        seen: np.ndarray,
        values: np.ndarray,
        rounds: int,
        usual: np.ndarray | None = None,
        doubt: np.ndarray | float = 0.0,
    ) -> np.ndarray:
        """Return better unknowns (N, U) than these.

        :param usual: (N, U), what they are like before and after; None: this is the first look.
        :param doubt: (N,), the share of the pose that is not explained.
        """
        weight, shapes = self._size**2, np.arange(_UNKNOWN) < _SHAPES
        shares = np.array([_RIDGE, _SPARSE, _CALM]) + np.broadcast_to(doubt, len(values))[:, None] ** 2 * _DOUBT
        ridge, sparse, calm = (share[:, None] * weight for share in shares.T)
        sparse = sparse * shapes
        like = values if usual is None else usual
        calm = calm * (usual is not None)

        def badness(at: np.ndarray, features: np.ndarray) -> np.ndarray:
            held = (ridge * at**2 + calm * (at - like) ** 2).sum(axis=1) + 2.0 * (sparse * np.abs(at)).sum(axis=1)
            return ((seen - features) ** 2).sum(axis=1) + held

        features = self._features(values)
        bad = badness(values, features)
        for number in range(rounds):
            first = usual is None and number == 0
            slopes = self._basis[None] if first else self._slopes(values, features)
            gram = slopes @ slopes.transpose(0, 2, 1) + (ridge + calm)[:, None] * np.eye(_UNKNOWN)
            pull = np.einsum("nud,nd->nu", slopes, seen - features) - ridge * values - calm * (values - like) - sparse
            step = _least(gram, pull, values, self._told) - values
            for share in (1.0, 0.5, 0.2):
                tried = values + share * step
                there = self._features(tried)
                worth = badness(tried, there)
                better = worth < bad
                values = np.where(better[:, None], tried, values)
                features = np.where(better[:, None], there, features)
                bad, step = np.where(better, worth, bad), np.where(better[:, None], 0.0, step)
                if better.all():
                    break
        return values

    def _slopes(self, values: np.ndarray, features: np.ndarray) -> np.ndarray:
        """Return how the channels change with each unknown about these, (N, U, D)."""
        slopes = np.zeros((len(values), _UNKNOWN, features.shape[1]))
        for k in np.flatnonzero(self._told):
            way = np.where(values[:, k] > 0.5, -_STEP[k], _STEP[k])
            moved = values.copy()
            moved[:, k] += way
            slopes[:, k] = (self._features(moved) - features) / way[:, None]
        return slopes


def _least(gram: np.ndarray, pull: np.ndarray, values: np.ndarray, told: np.ndarray) -> np.ndarray:
    """Return the least of quadratics in a box, (N, U), all instants at once; what is not told stays.

    Which controls are at a bound is guessed, the others are solved for, and the guess is mended by what comes out (the
    primal-dual active set method: M. Hintermueller, K. Ito, K. Kunisch, 2002). It ends within some rounds nearly
    always; where it does not, coordinate descent goes on from there.

    :param gram: (N, U, U), positive definite where told. :param pull: (N, U), against the slope at `values`.
    """
    least = np.where(np.arange(_UNKNOWN) < _SHAPES, 0.0, -np.pi)
    most = np.where(np.arange(_UNKNOWN) < _SHAPES, 1.0, np.pi)
    # The slope is gram @ x - target.
    target = pull + _times(gram, values)
    low, high = (values <= least) & (pull < 0.0), (values >= most) & (pull > 0.0)
    found, rows = values.copy(), np.arange(len(values))
    for _round in range(_GUESSES):
        low_, high_, gram_ = low[rows], high[rows], gram[rows]
        free = told & ~(low_ | high_)
        fixed = np.where(low_, least, np.where(high_, most, values[rows]))
        system = np.where(free[:, :, None] & free[:, None, :], gram_, 0.0)
        system[:, range(_UNKNOWN), range(_UNKNOWN)] += ~free
        wanted = np.where(free, target[rows] - _times(gram_, np.where(free, 0.0, fixed)), fixed)
        here = np.linalg.solve(system, wanted[..., None])[..., 0]
        slope = _times(gram_, here) - target[rows]
        low[rows] = told & ((free & (here < least)) | (low_ & (slope > 0.0)))
        high[rows] = told & ((free & (here > most)) | (high_ & (slope < 0.0)))
        found[rows] = here
        rows = rows[(low[rows] != low_).any(axis=1) | (high[rows] != high_).any(axis=1)]
        if not len(rows):
            return found
    found = np.minimum(np.maximum(found, least), most)
    slope = _times(gram, found) - target
    for k in np.tile(np.flatnonzero(told), _SWEEPS):
        new = np.minimum(np.maximum(found[:, k] - slope[:, k] / gram[:, k, k], least[k]), most[k])
        slope += gram[:, k] * (new - found[:, k])[:, None]
        found[:, k] = new
    return found


def _times(matrices: np.ndarray, vectors: np.ndarray) -> np.ndarray:
    return (matrices @ vectors[..., None])[..., 0]


def _scales(bones: BonePose) -> np.ndarray:
    return np.ones_like(bones.location) if bones.scale is None else bones.scale


def _blurred(values: np.ndarray, width: float) -> np.ndarray:
    """Return values (N, U) as those before and after are, by a bell of a standard deviation of `width` instants."""
    reach = int(3 * width)
    bell = np.exp(-0.5 * (np.arange(-reach, reach + 1) / width) ** 2)
    bell /= bell.sum()
    padded = np.pad(values, ((reach, reach), (0, 0)), mode="edge")
    return sum(share * padded[i : i + len(values)] for i, share in enumerate(bell))  # pyright: ignore[reportReturnType]
