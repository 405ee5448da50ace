# SPDX-FileCopyrightText: 2026 Mimica authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Where a character's face is, how large it is and which way it looks, for whoever wants to see it.

Told by what the character's map drives: bones are where they are, a shape key is where it moves the mesh. Controls have
a side and are in the upper or the lower face, and so these places also say where left and up are. All in the world, as
the character stands at the moment.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..mapping.character_map import BoneEntry, CharacterMap, region_of
from ..mapping.landmarks import average_face
from .character import stored_map
from .detect import character_parts, detect_character

_UPPER, _LOWER = ("brows", "lids", "gaze"), ("mouth", "jaw")
_CARRIERS = ("head", "neck", "eye_target")
"""Bones that are not in the face, or far before it."""
_DIRECTIONS = ("jawLeft", "jawRight", "mouthLeft", "mouthRight")
"""Where Left and Right are no side of the face."""
_MIDDLE = 1.0
"""cm of the average face to both sides of its middle plane that belong to neither side."""
_MOVED = 0.3
"""What moves at least so far, in shares of a shape key's longest way, is where the key is."""
_ASTRAY = np.cos(np.radians(35.0))
"""A face that looks this much another way than its object's axes is drawn or posed so; else they say where it looks."""
_ROOM = 1.0
"""How far to show around a face, in shares of what moves in it."""
_EYES_ROOM = 1.8
"""The same in shares of the eyes' distance."""
_LIFT = 0.15
"""How far above the middle of what moves the head's middle is, in shares of its height."""
_HEAD_ROOM = 0.75
"""How far to show around a head of which only the neck's end is known, in shares of its height."""
_WHOLE_ROOM = 0.56
"""How far to show around a character whose face is not known, in shares of its size."""


@dataclass(frozen=True, slots=True, eq=False)
class Portrait:
    """What a camera should show of a character, in the world."""

    middle: np.ndarray
    """float (3,): the middle of the front."""
    axes: np.ndarray
    """float (3, 3): as columns the character's left, what is behind it, and up; of length 1."""
    reach: float
    """How far around the middle to show."""


@dataclass(frozen=True, slots=True, eq=False)
class _Spot:
    """A place in the face that something drives."""

    region: str
    side: int
    """1 the character's left, -1 right, 0 neither."""
    points: np.ndarray
    """float (K, 3)."""


def find_portrait(scene: Any, obj: Any, visible: Sequence[Any]) -> Portrait:
    """Return what to show of the character that `obj` belongs to, as it stands in the scene. Main thread.

    Of a character whose map says nothing of its face, it is the head, and if that is not known either, all of it.

    :param scene: whose first view layer is evaluated.
    :param visible: the character's objects that are seen.
    """
    layer = scene.view_layers[0]
    layer.update()
    armature, meshes = character_parts(obj)
    owner = armature or obj
    if (own := _of_own_rig(owner)) is not None:
        return own
    character = stored_map(obj) or detect_character(obj).character
    spots = [*_bone_spots(armature, character), *_shape_spots(meshes, character, layer.depsgraph)]
    axes = _axes(owner, spots)
    if spots:
        return _of_face(spots, axes)
    corners = _corners([o for o in visible if o.type == "MESH"] or [owner]) @ axes
    low, high = corners.min(axis=0), corners.max(axis=0)
    middle, size = (low + high) / 2, max(high[0] - low[0], high[2] - low[2], 1e-6)
    head = next((e.bone for e in character.bones if e.drive == "head" and e.enabled), "")
    if armature is not None and head in armature.pose.bones:
        bone = armature.pose.bones[head]
        neck = np.array(armature.matrix_world @ bone.head) @ axes
        height = high[2] - neck[2]
        if height > 0.0:
            return Portrait(axes @ [neck[0], neck[1], neck[2] + height / 2], axes, _HEAD_ROOM * height)
    return Portrait(axes @ [middle[0], low[1], middle[2]], axes, _WHOLE_ROOM * size)


def _of_own_rig(armature: Any) -> Portrait | None:
    """Return what to show of a rig of Mimica's own, which holds its face; None for another."""
    heights = list(armature.get("mimica_neutral", ()))[1::3]
    if not heights:
        return None
    scale = armature.get("mimica_unit", 0.01) * armature.matrix_world.to_scale().z
    chin, hairline = min(heights) * scale, max(heights) * scale
    face = hairline - chin
    axes = np.array(armature.matrix_world.to_quaternion().to_matrix(), np.float64)
    middle = np.array(armature.matrix_world.translation) + axes @ [0.0, 0.0, chin + 0.6 * face]
    return Portrait(middle, axes, 0.85 * face)


def _of_face(spots: Sequence[_Spot], axes: np.ndarray) -> Portrait:
    points = np.concatenate([spot.points for spot in spots]) @ axes
    low, high = points.min(axis=0), points.max(axis=0)
    width, height = high[0] - low[0], high[2] - low[2]
    sides = [_centre(spots, ("lids", "gaze"), side) for side in (1, -1)]
    apart = float(np.linalg.norm(sides[0] - sides[1])) if sides[0] is not None and sides[1] is not None else 0.0
    middle = np.array([(low[0] + high[0]) / 2, low[1], (low[2] + high[2]) / 2 + _LIFT * height])
    return Portrait(axes @ middle, axes, max(_ROOM * width, _ROOM * height, _EYES_ROOM * apart, 1e-6))


def _bone_spots(armature: Any, character: CharacterMap) -> Iterator[_Spot]:
    if armature is None:
        return
    named = [(e.bone, e.region, _side_of(e)) for e in character.bones if e.enabled and e.drive not in _CARRIERS]
    named += [
        (channel.name, entry.region or _region(entry.control), _named_side(entry.control))
        for entry in character.controls
        for channel in entry.channels
        if entry.enabled and channel.kind in ("location", "rotation", "scale")
    ]
    for name, region, side in named:
        bone = armature.pose.bones.get(name)
        if bone is not None and region != "head":
            yield _Spot(region, side, np.array([armature.matrix_world @ bone.head], np.float64))


def _shape_spots(meshes: Sequence[Any], character: CharacterMap, depsgraph: Any) -> Iterator[_Spot]:
    wanted = [
        (channel.object, channel.name, entry.region or _region(entry.control), _named_side(entry.control))
        for entry in character.controls
        for channel in entry.channels
        if entry.enabled and channel.kind == "shape_key"
    ]
    for mesh in meshes:
        keys = mesh.data.shape_keys
        places = None
        for owner, name, region, side in wanted:
            key = keys.key_blocks.get(name)
            if key is None or owner not in ("", mesh.name) or region == "head":
                continue
            way = np.linalg.norm(_coordinates(key.data) - _coordinates(key.relative_key.data), axis=1)
            if way.max(initial=0.0) < 1e-9:
                continue
            if places is None:
                places = _places(mesh, depsgraph)
            yield _Spot(region, side, places[way >= _MOVED * way.max()])


def _places(mesh: Any, depsgraph: Any) -> np.ndarray:
    """Return where a mesh's own vertices are, float (V, 3)."""
    shown = mesh.evaluated_get(depsgraph)
    vertices = shown.data.vertices
    # Modifiers that add vertices put them behind those that were there; what takes some away loses count.
    if len(vertices) < len(mesh.data.vertices):
        vertices = mesh.data.vertices
    matrix = np.array(shown.matrix_world, np.float64)
    return _coordinates(vertices)[: len(mesh.data.vertices)] @ matrix[:3, :3].T + matrix[:3, 3]


def _coordinates(vertices: Any) -> np.ndarray:
    flat = np.empty(3 * len(vertices), np.float32)
    vertices.foreach_get("co", flat)
    return flat.reshape(-1, 3).astype(np.float64)


def _region(control: str) -> str:
    return region_of(control) if control else ""


def _named_side(control: str) -> int:
    if control in _DIRECTIONS:
        return 0
    return 1 if control.endswith("Left") else -1 if control.endswith("Right") else 0


def _side_of(entry: BoneEntry) -> int:
    if entry.side:
        return 1 if entry.side == "L" else -1
    if not entry.landmarks:
        return _named_side(entry.control)
    face = average_face()
    aside = sum(weight * face[int(index), 0] for index, weight in entry.landmarks.items())
    return 0 if abs(aside) < _MIDDLE else int(np.sign(aside))


def _centre(spots: Sequence[_Spot], regions: Sequence[str], side: int | None = None) -> np.ndarray | None:
    chosen = [s.points.mean(axis=0) for s in spots if s.region in regions and side in (None, s.side)]
    return np.mean(chosen, axis=0) if chosen else None


def _axes(obj: Any, spots: Sequence[_Spot]) -> np.ndarray:
    """Return left, back and up of a character, as columns: the axes of its object that the face says, if any."""
    own = np.array(obj.matrix_world.to_quaternion().to_matrix(), np.float64)
    faced = _faced(spots)
    if faced is None:
        # Characters from other programs lie on their back, and are set upright by their object.
        up = own[:, 1:] @ np.eye(2)[np.abs(own[2, 1:]).argmax()]
        up *= np.sign(up[2]) or 1.0
        return np.column_stack([own[:, 0], np.cross(up, own[:, 0]), up])
    nearest = np.zeros((3, 3))
    likeness = own.T @ faced
    for column in range(3):
        row = int(np.abs(likeness[:, column]).argmax())
        nearest[row, column] = np.sign(likeness[row, column])
    along = (likeness * nearest).sum(axis=0)
    return own @ nearest if along.min() > _ASTRAY and np.linalg.det(nearest) > 0.5 else faced


def _faced(spots: Sequence[_Spot]) -> np.ndarray | None:
    """Return left, back and up as the places in the face say; None when they do not."""
    sides = [
        np.mean(found, axis=0) for s in (1, -1) if (found := [x.points.mean(axis=0) for x in spots if x.side == s])
    ]
    top, bottom = _centre(spots, _UPPER), _centre(spots, _LOWER)
    if len(sides) < 2 or top is None or bottom is None:
        return None
    left, up = sides[0] - sides[1], top - bottom
    back = np.cross(up, left)
    # On a line, or all in one place.
    if np.linalg.norm(back) < 0.2 * np.linalg.norm(up) * np.linalg.norm(left) or not back.any():
        return None
    left, back = left / np.linalg.norm(left), back / np.linalg.norm(back)
    return np.column_stack([left, back, np.cross(left, back)])


def _corners(objects: Sequence[Any]) -> np.ndarray:
    """Return the corners of the objects' bounding boxes, float (8 N, 3)."""
    corners = []
    for obj in objects:
        matrix = np.array(obj.matrix_world, np.float64)
        corners.append(np.array(obj.bound_box, np.float64) @ matrix[:3, :3].T + matrix[:3, 3])
    return np.concatenate(corners)
