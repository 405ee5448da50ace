# SPDX-FileCopyrightText: 2026 Mimica authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The other half of a character: which bone, shape key and property mirrors which, by name or, where names say nothing,
by place or by what it does; and how entries are carried over to it, by the bones' own rest axes.

The mirror goes through the armature's origin. Its direction, `left`, is a unit vector (3,) to the character's left, in
the armature's axes.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from .character_map import BoneEntry, Channel, ControlEntry
from .control_channels import TURNS_ROUND, other_side
from .mirror import mirror_landmarks
from .teaching import Expression, TeachingError, label_of

Place = tuple[str, str]
"""A channel's object, empty for the character's own, and its name."""
_NEAR = 0.01
"""How far a bone may be from the mirror image of another, in shares of the armature's size."""
_SAME = 1e-4
"""How far apart bones in one place may be, in the same."""
_MIDDLE = 2e-3
"""How far from the mirror a bone counts as in the middle, in the same."""
_ALIKE = 0.75
"""Least correlation between a shape and the mirror image of its counterpart."""
_SQUARE_COS = 0.9
"""A way that is off one of the armature's axes by less than 25 degrees is meant to be this axis."""
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
class MirroredValue:
    """The counterpart of a shape key or of a property, by name, empty for none; and its side as in `MirroredBone`."""

    other: str
    side: int
    object: str = ""
    """The object that has it, as in `Channel`."""


@dataclass(frozen=True, slots=True)
class Symmetry:
    """What is known of a character's two halves."""

    bones: Mapping[Place, MirroredBone]
    """The counterpart of each is in the same object."""
    keys: Mapping[Place, MirroredValue]
    properties: Mapping[Place, MirroredValue]

    @property
    def sides(self) -> dict[str, int]:
        """All of them by name: the side as in `MirroredBone`."""
        return {
            name: mirrored.side
            for table in (self.bones, self.keys, self.properties)
            for (_, name), mirrored in table.items()
        }

    def side_of(self, entry: BoneEntry | ControlEntry) -> int:
        """Return the side that an entry is for, as in `MirroredBone`. What it moves counts first, then its control."""
        known = self.sides
        names = [entry.bone] if isinstance(entry, BoneEntry) else [channel.name for channel in entry.channels]
        moved = {known.get(name, 0) for name in names} - {0}
        if len(moved) == 1:
            return moved.pop()
        if not entry.control or other_side(entry.control) == entry.control:
            return 0
        return 1 if "Left" in entry.control else -1


def side_by_name(name: str, flipped: str) -> int:
    """Return the side that a name tells by its other side's: 1 left, -1 right, 0 for the same."""
    # The first letter that differs tells: (L)eft or (R)ight.
    differing = next((a for a, b in zip(name, flipped, strict=False) if a != b), "")
    return {"L": 1, "": 0}.get(differing.upper(), -1)


def find_left(
    names: Sequence[str], heads: np.ndarray, tails: np.ndarray, flip: Callable[[str], str], told: np.ndarray | None
) -> np.ndarray:
    """Return the way to a character's left, from the bones whose names tell sides, else as told, else from the places.

    :param heads: (B, 3), at rest, in armature space; `tails` likewise.
    :param flip: the name of the other side, the same for a name without sides.
    :param told: where the character's left is, as far as something else is known of it.
    """
    if not len(names):
        return _square(told) if told is not None else np.eye(3)[0]
    size = _size(heads, tails)
    index = {name: i for i, name in enumerate(names)}
    sided = [
        (i, index[other])
        for i, name in enumerate(names)
        if side_by_name(name, other := flip(name)) > 0 and other in index
    ]
    across = sum((heads[i] - heads[j] for i, j in sided), np.zeros(3))
    if np.linalg.norm(across) > _NEAR * size:
        return _square(across)
    if told is not None:
        return _square(told)
    places = np.concatenate([heads, tails], axis=1)
    # Rigs are built along the armature's axes, nearly always looking along y. argmax takes the first of equal ones.
    return np.eye(3)[int(np.argmax([_paired(places, mirror, size) for mirror in map(mirror_matrix, np.eye(3))]))]


def mirror_matrix(left: np.ndarray) -> np.ndarray:
    """Return the reflection (3, 3) that swaps left and right."""
    return np.eye(3) - 2.0 * np.outer(left, left)


def mirror_bones(
    names: Sequence[str],
    heads: np.ndarray,
    tails: np.ndarray,
    axes: np.ndarray,
    local: Sequence[bool],
    flip: Callable[[str], str],
    left: np.ndarray,
) -> dict[str, MirroredBone]:
    """Return each bone's counterpart.

    :param heads: (B, 3), at rest, in armature space; `tails` likewise.
    :param axes: (B, 3, 3): the rest axes as columns, in armature space.
    :param local: whether a bone's location is along its own axes; else it is along the armature's.
    :param flip: the name of the other side, the same for a name without sides.
    """
    if not len(names):
        return {}
    size, mirror = _size(heads, tails), mirror_matrix(left)
    places = np.concatenate([heads, tails], axis=1)
    images = np.concatenate([heads @ mirror, tails @ mirror], axis=1)
    index = {name: i for i, name in enumerate(names)}
    result = {}
    for i, name in enumerate(names):
        flipped = flip(name)
        j = index.get(flipped) if flipped != name else _at_image(places, images[i], i, size)
        away = float(heads[i] @ left)
        side = side_by_name(name, flipped) or (0 if abs(away) <= _MIDDLE * size else int(np.sign(away)))
        k = i if j is None else j
        here, there = (axes[n] if local[n] else np.eye(3) for n in (i, k))
        # From a way along one bone's axes to its mirror image along the other's.
        place, turn = there.T @ mirror @ here, axes[k].T @ mirror @ axes[i]
        # A rotation vector is an axial one: in the mirror it keeps what a way changes, and changes what a way keeps.
        result[name] = MirroredBone("" if j is None else names[j], side, place, -turn, turn**2)
    return result


def mirror_keys(
    points: np.ndarray, wanted: Mapping[str, np.ndarray], others: Iterable[tuple[str, np.ndarray]], left: np.ndarray
) -> dict[str, MirroredValue]:
    """Return the counterparts of shape keys by what they do.

    :param points: (V, 3), the mesh at rest, in armature space.
    :param wanted: name to what the key adds, (V, 3).
    :param others: names and offsets of all keys that may be counterparts, gone through once.
    """
    from scipy.spatial import KDTree

    mirror = mirror_matrix(left)
    moving = {name: offset for name, offset in wanted.items() if offset.any()}
    best: dict[str, tuple[float, str]] = dict.fromkeys(moving, (_ALIKE, ""))
    if moving:
        _, image = KDTree(points).query(points @ mirror)
        images = {name: (offset @ mirror)[image].ravel() for name, offset in moving.items()}
        lengths = {name: float(np.linalg.norm(mirrored)) for name, mirrored in images.items()}
        for other, candidate in others:
            length = float(np.linalg.norm(candidate))
            for name, mirrored in images.items():
                alike = (
                    float(mirrored @ candidate.ravel()) / (lengths[name] * length) if lengths[name] * length else 0.0
                )
                best[name] = max(best[name], (alike, other))
    return {
        name: MirroredValue(best[name][1], _side(points @ left, offset)) if name in best else MirroredValue("", 0)
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
        mirrored, lost = mirror_control(entry, symmetry)
        missing.update(dict.fromkeys(lost))
        if mirrored is not None:
            made.append(replace(mirrored, label=label_of(other, mirrored.control)))
    if not made:
        raise TeachingError(
            f"The other side has no counterpart of {_listed(missing)}. Pose and learn the other side by itself"
        )
    return tuple(made), tuple(missing)


def mirror_control(entry: ControlEntry, symmetry: Symmetry) -> tuple[ControlEntry | None, tuple[str, ...]]:
    """Return an entry as the other side's, None when it has no counterpart; and the names of what of it has none.

    The label stays what it was.
    """
    channels, lost = _mirror_channels(entry.channels, symmetry)
    if not channels:
        return None, lost
    turns_round = entry.control in TURNS_ROUND or (bool(entry.landmarks) and entry.axis == 0)
    other = replace(
        entry,
        channels=channels,
        control=_other_control(entry.control),
        landmarks=_other_landmarks(entry.landmarks),
        gain=-entry.gain if turns_round else entry.gain,
    )
    return other, lost


def mirror_bone(entry: BoneEntry, symmetry: Symmetry) -> BoneEntry | None:
    """Return an entry as the other side's, None when its bone has no counterpart."""
    bone, pair = (symmetry.bones.get(("", name)) for name in (entry.bone, entry.pair))
    if bone is None or not bone.other:
        return None
    (x, y, z), (a, b, c) = entry.move, entry.turn
    return replace(
        entry,
        bone=bone.other,
        control=_other_control(entry.control),
        landmarks=_other_landmarks(entry.landmarks),
        edge=_other_landmarks(entry.edge),
        pair=pair.other if pair is not None else entry.pair,
        side={"L": "R", "R": "L"}.get(entry.side, ""),
        move=(-x, y, z),
        turn=(a, -b, -c),
    )


def _mirror_channels(channels: Iterable[Channel], symmetry: Symmetry) -> tuple[tuple[Channel, ...], tuple[str, ...]]:
    """Return channels for the other side, and the names of what has no counterpart and was left out."""
    amounts: dict[tuple[str, str, str, int], float] = {}
    lost: dict[str, None] = {}
    largest: dict[tuple[str, str, str], float] = {}
    for channel in channels:
        mirrored = _mirror_channel(channel, symmetry)
        if mirrored is None:
            lost[channel.name] = None
        for one in mirrored or ():
            place = (one.kind, one.object, one.name)
            amounts[*place, one.axis] = amounts.get((*place, one.axis), 0.0) + one.amount
            largest[place] = max(largest.get(place, 0.0), abs(channel.amount))
    made = tuple(
        Channel(kind, name, axis, float(f"{amount:.7g}"), obj)  # pyright: ignore[reportArgumentType]
        for (kind, obj, name, axis), amount in amounts.items()
        # Turned axes leave specks behind.
        if abs(amount) > 1e-6 * largest[kind, obj, name]
    )
    return made, tuple(lost)


def _mirror_channel(channel: Channel, symmetry: Symmetry) -> tuple[Channel, ...] | None:
    place = (channel.object, channel.name)
    if channel.kind in ("shape_key", "property"):
        value = (symmetry.keys if channel.kind == "shape_key" else symmetry.properties).get(place)
        return (replace(channel, name=value.other, object=value.object),) if value is not None and value.other else None
    bone = symmetry.bones.get(place)
    if bone is None or not bone.other:
        return None
    column = {"location": bone.location, "rotation": bone.rotation, "scale": bone.scale}[channel.kind][:, channel.axis]
    return tuple(
        replace(channel, name=bone.other, axis=axis, amount=channel.amount * float(column[axis])) for axis in range(3)
    )


def _other_control(control: str) -> str:
    return other_side(control) if control else ""


def _other_landmarks(weights: Mapping[str, float]) -> dict[str, float]:
    other = mirror_landmarks()
    return {str(int(other[int(index)])): weight for index, weight in weights.items()}


def _side(across: np.ndarray, offset: np.ndarray) -> int:
    """Return the side on which nearly all of a shape's motion is, 0 for none.

    :param across: (V,), how far to the left each point is.
    """
    length = np.linalg.norm(offset, axis=1)
    left, right = (float(length[sign * across > 0.0].sum() / length.sum()) for sign in (1.0, -1.0))
    return 1 if left > _ONE_SIDED else -1 if right > _ONE_SIDED else 0


def _square(way: np.ndarray) -> np.ndarray:
    """Return a unit vector along a way, or along the axis that it is meant to be: rigs are built along axes."""
    unit = way / np.linalg.norm(way)
    axis = int(np.abs(unit).argmax())
    return np.eye(3)[axis] * np.sign(unit[axis]) if abs(unit[axis]) > _SQUARE_COS else unit


def _size(heads: np.ndarray, tails: np.ndarray) -> float:
    return float(np.ptp(np.concatenate([heads, tails]), axis=0).max()) or 1.0


def _paired(places: np.ndarray, mirror: np.ndarray, size: float) -> int:
    """Return how many bones off the mirror have another at their mirror image."""
    from scipy.spatial import KDTree

    images = np.concatenate([places[:, :3] @ mirror, places[:, 3:] @ mirror], axis=1)
    away = np.linalg.norm(images - places, axis=1) > 2.0 * _NEAR * size
    nearest, _ = KDTree(places).query(images[away])
    return int((nearest <= _NEAR * size).sum())


def _at_image(places: np.ndarray, image: np.ndarray, bone: int, size: float) -> int | None:
    """Return the row of the bone at a bone's mirror image. Of several in one place each has its own counterpart."""
    away = np.linalg.norm(places - image, axis=1)
    if away.min() > _NEAR * size:
        return None
    there = np.flatnonzero(away <= away.min() + _SAME * size)
    here = np.flatnonzero(np.linalg.norm(places - places[bone], axis=1) <= _SAME * size)
    return int(there[min(int(np.searchsorted(here, bone)), len(there) - 1)])


def _listed(names: Iterable[str]) -> str:
    quoted = [f"'{name}'" for name in names]
    shown = ", ".join(quoted[:3])
    return f"{shown} and {len(quoted) - 3} more" if len(quoted) > 3 else shown
