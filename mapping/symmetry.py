# SPDX-FileCopyrightText: 2026 Mimica authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The other half of a character: which bone and which shape key mirrors which, by name or, where names say nothing, by
place; and how a pose is carried over by the bones' own rest axes. The mirror is the plane x = 0; left is +x."""

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from .character_map import Channel, ControlEntry
from .teaching import Expression, TeachingError, label_of

MIRROR = np.diag([-1.0, 1.0, 1.0])
_NEAR = 0.01
"""How far a bone may be from the mirror image of another, in shares of the armature's size."""
_SAME = 1e-4
"""How far apart bones in one place may be, in the same."""
_MIDDLE = 2e-3
"""How far from the mirror a bone counts as in the middle, in the same."""
_ALIKE = 0.75
"""Least correlation between a shape and the mirror image of its counterpart."""
_ONE_SIDED = 0.85
"""Share of a shape's motion on one side that makes it that side's."""


@dataclass(frozen=True, slots=True, eq=False)
class MirroredBone:
    """How a bone's pose is carried over to the other side."""

    other: str
    """The bone there, which may be itself; empty when there is none."""
    side: int
    """1 left, -1 right, 0 in the middle."""
    location: np.ndarray
    """(3, 3): from the bone's location to the other's."""
    rotation: np.ndarray
    """(3, 3): from the bone's rotation vector to the other's."""
    scale: np.ndarray
    """(3, 3): from how much the bone's scale grows to the other's."""


@dataclass(frozen=True, slots=True)
class MirroredKey:
    """A shape key's counterpart, by name, empty for none; and its side as in `MirroredBone`."""

    other: str
    side: int


@dataclass(frozen=True, slots=True)
class Symmetry:
    """What is known of a character's two halves."""

    bones: Mapping[str, MirroredBone]
    keys: Mapping[str, MirroredKey]
    properties: Mapping[str, str]
    """Path of a property to the path of the other side's; those without one are left out."""

    @property
    def sides(self) -> dict[str, int]:
        """Bones and shape keys by side."""
        return {name: mirrored.side for table in (self.bones, self.keys) for name, mirrored in table.items()}


def mirror_bones(
    names: Sequence[str],
    heads: np.ndarray,
    tails: np.ndarray,
    axes: np.ndarray,
    local: Sequence[bool],
    flip: Callable[[str], str],
) -> dict[str, MirroredBone]:
    """Return each bone's counterpart.

    :param heads: (B, 3), at rest, in armature space; `tails` likewise.
    :param axes: (B, 3, 3): the rest axes as columns, in armature space.
    :param local: whether a bone's location is along its own axes; else it is along the armature's.
    :param flip: the name of the other side, the same for a name without sides.
    """
    if not len(names):
        return {}
    size = float(np.ptp(np.concatenate([heads, tails]), axis=0).max()) or 1.0
    places = np.concatenate([heads, tails], axis=1)
    images = np.concatenate([heads @ MIRROR, tails @ MIRROR], axis=1)
    index = {name: i for i, name in enumerate(names)}
    result = {}
    for i, name in enumerate(names):
        flipped = flip(name)
        j = index.get(flipped) if flipped != name else _at_image(places, images[i], i, size)
        middle = float(heads[i, 0])
        side = 0 if abs(middle) <= _MIDDLE * size else int(np.sign(middle))
        k = i if j is None else j
        place = _carry(axes[i] if local[i] else np.eye(3), axes[k] if local[k] else np.eye(3))
        turn = _carry(axes[i], axes[k])
        # A rotation vector is an axial one: in the mirror it keeps what a way changes, and changes what a way keeps.
        result[name] = MirroredBone("" if j is None else names[j], side, place, -turn, turn**2)
    return result


def mirror_keys(
    points: np.ndarray, wanted: Mapping[str, np.ndarray], others: Iterable[tuple[str, np.ndarray]]
) -> dict[str, MirroredKey]:
    """Return the counterparts of shape keys by what they do.

    :param points: (V, 3), the mesh at rest, in armature space.
    :param wanted: name to what the key adds, (V, 3).
    :param others: names and offsets of all keys that may be counterparts, gone through once.
    """
    from scipy.spatial import KDTree

    moving = {name: offset for name, offset in wanted.items() if offset.any()}
    best: dict[str, tuple[float, str]] = dict.fromkeys(moving, (_ALIKE, ""))
    if moving:
        _, image = KDTree(points).query(points @ MIRROR)
        images = {name: (offset @ MIRROR)[image].ravel() for name, offset in moving.items()}
        lengths = {name: float(np.linalg.norm(mirrored)) for name, mirrored in images.items()}
        for other, candidate in others:
            length = float(np.linalg.norm(candidate))
            for name, mirrored in images.items():
                alike = (
                    float(mirrored @ candidate.ravel()) / (lengths[name] * length) if lengths[name] * length else 0.0
                )
                best[name] = max(best[name], (alike, other))
    return {
        name: MirroredKey(best[name][1], _side(points, offset)) if name in best else MirroredKey("", 0)
        for name, offset in wanted.items()
    }


def mirror_entries(
    entries: Iterable[ControlEntry], shown: Expression, other: Expression, symmetry: Symmetry
) -> tuple[tuple[ControlEntry, ...], tuple[str, ...]]:
    """Return an expression's entries as those of the other side's expression, and the names of what has no counterpart.

    :raises TeachingError: nothing has a counterpart.
    """
    made: list[ControlEntry] = []
    missing: dict[str, None] = {}
    for entry in entries:
        channels, lost = mirror_channels(entry, symmetry)
        missing.update(dict.fromkeys(lost))
        # The first of two controls is the left side's, and becomes the right side's, which is the second.
        control = other.controls[len(other.controls) - 1 - shown.controls.index(entry.control)]
        gain = math.copysign(entry.gain, other.full)
        made.append(replace(entry, channels=channels, control=control, label=label_of(other, control), gain=gain))
    return tuple(made), tuple(missing)


def mirror_channels(entry: ControlEntry, symmetry: Symmetry) -> tuple[tuple[Channel, ...], tuple[str, ...]]:
    """Return an entry's channels for the other side, and the names of what has no counterpart and was left out.

    :raises TeachingError: nothing of it has a counterpart.
    """
    amounts: dict[tuple[str, str, str, int], float] = {}
    lost: dict[str, None] = {}
    for channel in entry.channels:
        mirrored = _mirror_channel(channel, symmetry)
        if mirrored is None:
            lost[channel.name] = None
        for one in mirrored or ():
            key = (one.kind, one.object, one.name, one.axis)
            amounts[key] = amounts.get(key, 0.0) + one.amount
    largest = max(map(abs, amounts.values()), default=0.0)
    channels = tuple(
        Channel(kind, name, axis, float(f"{amount:.7g}"), obj)  # pyright: ignore[reportArgumentType]
        for (kind, obj, name, axis), amount in amounts.items()
        # Turned axes leave specks behind.
        if abs(amount) > 1e-6 * largest
    )
    if not channels:
        raise TeachingError(
            f"The other side has no counterpart of {_listed(lost)}. Pose and learn the other side by itself"
        )
    return channels, tuple(lost)


def _mirror_channel(channel: Channel, symmetry: Symmetry) -> tuple[Channel, ...] | None:
    if channel.kind == "shape_key":
        key = symmetry.keys.get(channel.name)
        return (replace(channel, name=key.other),) if key is not None and key.other else None
    if channel.kind == "property":
        other = symmetry.properties.get(channel.name)
        return (replace(channel, name=other),) if other else None
    bone = symmetry.bones.get(channel.name)
    if bone is None or not bone.other:
        return None
    column = {"location": bone.location, "rotation": bone.rotation, "scale": bone.scale}[channel.kind][:, channel.axis]
    return tuple(
        replace(channel, name=bone.other, axis=axis, amount=channel.amount * float(column[axis])) for axis in range(3)
    )


def _side(points: np.ndarray, offset: np.ndarray) -> int:
    """Return the side on which nearly all of a shape's motion is, 0 for none."""
    length = np.linalg.norm(offset, axis=1)
    left = float(length[points[:, 0] > 0.0].sum() / length.sum())
    return 1 if left > _ONE_SIDED else -1 if left < 1.0 - _ONE_SIDED else 0


def _carry(here: np.ndarray, there: np.ndarray) -> np.ndarray:
    """Return the matrix from a way along one bone's axes to its mirror image along another's."""
    return there.T @ MIRROR @ here


def _at_image(places: np.ndarray, image: np.ndarray, bone: int, size: float) -> int | None:
    """Return the row of the bone at a bone's mirror image. Of several in one place each has its own counterpart."""
    away = np.linalg.norm(places - image, axis=1)
    if away.min() > _NEAR * size:
        return None
    there = np.flatnonzero(away <= away.min() + _SAME * size)
    here = np.flatnonzero(np.linalg.norm(places - places[bone], axis=1) <= _SAME * size)
    return int(there[min(int(np.searchsorted(here, bone)), len(there) - 1)])


def _listed(names: Iterable[str]) -> str:
    shown = [f"'{name}'" for name in names]
    return ", ".join(shown[:3]) + (f" and {len(shown) - 3} more" if len(shown) > 3 else "")
