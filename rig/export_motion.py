# SPDX-FileCopyrightText: 2026 Mimica authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""From matrices over time to what files carry: location, rotation and scale below a parent. No bpy."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ..mapping.rotation import quaternion_from_matrix

SHEAR = 1e-4
"""How far the axes of a bone may be from right angles, as a cosine, before it is taken out from below its parent."""
_NOTHING = 1e-12


@dataclass(frozen=True, slots=True, eq=False)
class Track:
    """Location, rotation and scale over time."""

    location: np.ndarray
    """float (N, 3)."""
    rotation: np.ndarray
    """float (N, 4): unit quaternions, wxyz, without jumps from one instant to the next."""
    scale: np.ndarray
    """float (N, 3)."""
    shear: float
    """The largest cosine between two axes: above 0 the matrices were more than what is kept of them."""


def track_of(matrices: np.ndarray) -> Track:
    """Return location, rotation and scale of matrices (N, 4, 4). A mirrored one has a negative scale on all axes."""
    linear = matrices[:, :3, :3]
    scale = np.linalg.norm(linear, axis=1)
    # An axis that has shrunk to nothing points anywhere: the identity's is as good as any.
    unit = np.where(scale[:, None, :] > _NOTHING, linear / np.maximum(scale, _NOTHING)[:, None, :], np.eye(3))
    products = np.einsum("nij,nik->njk", unit, unit) - np.eye(3)
    flip = np.where(np.linalg.det(unit) < 0, -1.0, 1.0)
    u, _, v = np.linalg.svd(unit * flip[:, None, None])
    rotation = u @ v
    # The nearest orthogonal matrix of axes that lie in a plane may mirror; then the weakest one turns round.
    turned = np.linalg.det(rotation) < 0
    rotation[turned] = (u[turned] * [1.0, 1.0, -1.0]) @ v[turned]
    quaternions = quaternion_from_matrix(rotation)
    for i in range(1, len(quaternions)):
        if np.dot(quaternions[i], quaternions[i - 1]) < 0:
            quaternions[i] *= -1
    shear = float(np.abs(products).max(initial=0.0))
    return Track(matrices[:, :3, 3], quaternions, scale * flip[:, None], shear)


def basis_tracks(poses: np.ndarray, rest: np.ndarray, parents: Sequence[int]) -> tuple[list[Track], list[int]]:
    """Return how bones move from rest below their parents, and these parents.

    A bone that only stands askew below its parent, as below one that is stretched, is taken out from below it.

    :param poses: (N, B, 4, 4), in the armature's space.
    :param rest: (B, 4, 4), in the armature's space.
    :param parents: (B,): indices, -1 for none.
    """
    kept = list(parents)
    tracks: list[Track] = []
    for bone, parent in enumerate(parents):
        alone = track_of(np.linalg.inv(rest[bone]) @ poses[:, bone])
        if parent < 0:
            tracks.append(alone)
            continue
        offset = np.linalg.inv(rest[parent]) @ rest[bone]
        below = _inverses(poses[:, parent])
        found = track_of(np.linalg.inv(offset) @ below @ poses[:, bone]) if below is not None else None
        if found is None or (found.shear > SHEAR and alone.shear < found.shear):
            kept[bone] = -1
            found = alone
        tracks.append(found)
    return tracks, kept


def _inverses(matrices: np.ndarray) -> np.ndarray | None:
    """Return the inverses of matrices (N, 4, 4); None where one of them has shrunk to nothing."""
    if (np.abs(np.linalg.det(matrices[:, :3, :3])) < _NOTHING).any():
        return None
    return np.linalg.inv(matrices)


def exported_parents(names: Sequence[str], parents: Sequence[int], chosen: Sequence[int]) -> list[int]:
    """Return for each chosen bone the chosen one that it hangs from, as an index into `chosen`; -1 for none.

    Where a bone in between is not chosen, the next one above counts. Of Rigify's bones that deform nothing, ORG-x
    stands for DEF-x.

    :param parents: (B,): indices into `names`, -1 for none; a parent need not come before its children.
    """
    place = {bone: i for i, bone in enumerate(chosen)}
    of_name = {names[bone]: bone for bone in chosen}
    found = []
    for bone in chosen:
        above = parents[bone]
        seen = {bone}
        while above >= 0 and above not in seen:
            seen.add(above)
            if above in place:
                break
            twin = of_name.get(f"DEF-{names[above].removeprefix('ORG-')}") if names[above].startswith("ORG-") else None
            if twin is not None and twin not in seen and not _is_below(twin, bone, parents):
                above = twin
                break
            above = parents[above]
        found.append(place.get(above, -1) if above != bone else -1)
    return _without_rings(found)


def _is_below(bone: int, ancestor: int, parents: Sequence[int]) -> bool:
    for _ in range(len(parents)):
        if bone == ancestor:
            return True
        if bone < 0:
            return False
        bone = parents[bone]
    return False


def _without_rings(parents: list[int]) -> list[int]:
    """Return parents among which none is its own ancestor."""
    for start in range(len(parents)):
        seen = {start}
        at = start
        while parents[at] >= 0:
            if parents[at] in seen:
                parents[at] = -1
                break
            at = parents[at]
            seen.add(at)
    return parents


def moves(values: np.ndarray, tolerance: float = 1e-7) -> bool:
    """Whether values over time, (N, ...), change at all."""
    return bool(len(values)) and float(np.ptp(values, axis=0).max(initial=0.0)) > tolerance


def farthest(found: np.ndarray, wanted: np.ndarray) -> np.ndarray:
    """Return how far each trajectory of `found` (F, T, 3) is at most from the nearest of `wanted` (W, T, 3).

    float (F,). Both have as many instants. The order of points is lost on the way through a file, and points may be
    doubled or merged; what counts is that each moves as one of the others does all the time.
    """
    if not len(found) or not len(wanted):
        return np.full(len(found), np.inf)
    nearest = np.empty(len(found), np.int64)
    flat = wanted.reshape(len(wanted), -1)
    squares = (flat**2).sum(axis=1)
    step = max(1, 4_000_000 // len(wanted))
    for i in range(0, len(found), step):
        part = found[i : i + step].reshape(len(found[i : i + step]), -1)
        nearest[i : i + step] = (squares - 2.0 * (part @ flat.T)).argmin(axis=1)
    return np.linalg.norm(found - wanted[nearest], axis=2).max(axis=1)


def angles_between(found: np.ndarray, wanted: np.ndarray) -> np.ndarray:
    """Return the angles between unit quaternions (..., 4), degrees, from 0 to 180."""
    # From the sine as well: near 0 the cosine alone says nothing.
    cosine = np.abs((found * wanted).sum(axis=-1))
    sine = np.minimum(np.linalg.norm(found - wanted, axis=-1), np.linalg.norm(found + wanted, axis=-1)) / 2.0
    return np.degrees(
        np.where(cosine > 0.9, 4.0 * np.arcsin(np.clip(sine, 0.0, 1.0)), 2.0 * np.arccos(np.clip(cosine, 0, 1)))
    )


def rotation_of(matrices: np.ndarray) -> np.ndarray:
    """Return the rotations (..., 3, 3) nearest to the linear parts of matrices (..., 4, 4)."""
    u, _, v = np.linalg.svd(matrices[..., :3, :3])
    flip = np.where(np.linalg.det(u @ v) < 0, -1.0, 1.0)
    return (u * np.stack([np.ones_like(flip), np.ones_like(flip), flip], axis=-1)[..., None, :]) @ v
