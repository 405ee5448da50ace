# SPDX-FileCopyrightText: 2026 Mimica authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Characters that evaluation clips are rendered of: anything with ARKit shape keys, or Mimica's own face rig."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import bpy
import numpy as np

from ..mapping.arkit_poses import arkit_pose
from ..mapping.frame import ARKIT_SHAPES
from ..rig.face_rig import create_face_rig
from ..rig.rest_pose import read_rest_pose
from .eval_names import arkit_keys

_MOVES = 0.15
"""A vertex belongs to a shape when it moves by this share of the shape's largest way."""
_UPRIGHT = np.cos(np.radians(30.0))
"""Heads that are nearly along the file's axes are taken to be along them."""


class CharacterError(Exception):
    """A file has no character to render; the text says why."""


@dataclass(frozen=True, slots=True, eq=False)
class Head:
    """Where a character's head is, in the scene."""

    axes: np.ndarray
    """(3, 3), columns: the character's left, up, and out of its face."""
    middle: np.ndarray
    """(3,): the middle of the face, chin to brows, at its front."""
    pivot: np.ndarray
    """(3,): the middle of the head, about which it turns."""
    height: float
    """From chin to brows."""


class Character(Protocol):
    """Something that shows ARKit's shapes."""

    @property
    def shapes(self) -> tuple[str, ...]:
        """The ARKit shapes that it has, in ARKit's order."""
        ...

    @property
    def head(self) -> Head:
        """Where its head is at rest."""
        ...

    @property
    def notes(self) -> tuple[str, ...]:
        """Sentences on what a user ought to know of it."""
        ...

    def show(self, controls: np.ndarray) -> None:
        """Take on one expression, (52,)."""
        ...


class OwnRig:
    """Mimica's own face, posed by the table of ARKit poses."""

    def __init__(self, neutral: np.ndarray | None = None) -> None:
        """Create it in an empty file. Main thread; replaces the file that is open.

        :param neutral: (478, 3), cm, face space; None for the average face.
        """
        bpy.ops.wm.read_factory_settings(use_empty=True)
        rig = create_face_rig(bpy.context, neutral=neutral)
        self._armature: Any = bpy.data.objects[rig.armature]
        self._armature.hide_render = True
        self._rest = read_rest_pose(self._armature)
        points = self._rest.neutral @ np.array([[1.0, 0.0, 0.0], [0.0, 0.0, 1.0], [0.0, -1.0, 0.0]]) * self._rest.unit
        chin, brows = points[152, 2], points[[105, 334], 2].mean()
        middle = np.array([0.0, points[:, 1].min(), (chin + brows) / 2])
        self.shapes = tuple(ARKIT_SHAPES)
        self.notes: tuple[str, ...] = ()
        axes = np.array([[1.0, 0.0, 0.0], [0.0, 0.0, -1.0], [0.0, 1.0, 0.0]])
        self.head = Head(axes, middle, np.array([0.0, points[[234, 454], 1].mean(), middle[2]]), float(brows - chin))

    def show(self, controls: np.ndarray) -> None:
        """Take on one expression, (52,)."""
        pose = arkit_pose(controls[None], self._rest)
        for i, name in enumerate(self._rest.names):
            bone = self._armature.pose.bones[name]
            bone.rotation_mode = "QUATERNION"
            bone.location, bone.rotation_quaternion = pose.location[0, i], pose.rotation[0, i]
        self._armature.update_tag(refresh={"OBJECT"})


class ShapeKeys:
    """A character from a file, by the ARKit shape keys of its meshes."""

    def __init__(self, path: Path) -> None:
        """Load the file. Main thread; replaces the file that is open.

        :raises CharacterError: it cannot be loaded, or has no ARKit shape keys.
        """
        _load(path)
        self._keys: list[tuple[str, Any]] = []
        faces = []
        for thing in bpy.context.scene.objects:
            if thing.type != "MESH" or thing.data.shape_keys is None:
                continue
            blocks = thing.data.shape_keys.key_blocks
            found = arkit_keys(block.name for block in blocks)
            if not found:
                continue
            _release(thing.data.shape_keys)
            for block in blocks:
                block.value = 0.0
            for name, key in found.items():
                blocks[key].slider_max, blocks[key].mute = 1.0, False
                self._keys.append((name, blocks[key]))
            faces.append((thing, found))
        if not faces:
            raise CharacterError(f"'{path.name}' has no shape keys with ARKit names. Choose another file.")
        for thing in bpy.context.scene.objects:
            thing.animation_data_clear()
            if thing.type == "ARMATURE":
                thing.data.pose_position = "REST"
        bpy.context.view_layer.update()
        has = {name for name, _ in self._keys}
        self.shapes = tuple(name for name in ARKIT_SHAPES if name in has)
        self.head = _find_head(faces)
        self.notes = _notes(self.shapes)

    def show(self, controls: np.ndarray) -> None:
        """Take on one expression, (52,)."""
        for name, block in self._keys:
            block.value = float(controls[ARKIT_SHAPES.index(name)])


def _load(path: Path) -> None:
    if not path.is_file():
        raise CharacterError(f"The file '{path}' does not exist. Check the name.")
    bpy.ops.wm.read_factory_settings(use_empty=True)
    name = str(path.absolute())
    try:
        match path.suffix.lower():
            case ".blend":
                bpy.ops.wm.open_mainfile(filepath=name, load_ui=False, use_scripts=False)
            case ".glb" | ".gltf":
                bpy.ops.import_scene.gltf(filepath=name)
            case ".fbx":
                bpy.ops.import_scene.fbx(filepath=name)
            case other:
                raise CharacterError(f"Mimica does not read '{other}' here. Choose a .blend, .glb, .gltf or .fbx file.")
    except RuntimeError as error:
        raise CharacterError(f"Blender cannot read '{path.name}': {error}") from error


def _release(keys: Any) -> None:
    """Take away what else would move shape keys: animation and drivers."""
    keys.animation_data_clear()


def _find_head(faces: Sequence[tuple[Any, dict[str, str]]]) -> Head:
    """Find the head by what its shapes move: left and right ones, brows and jaw."""
    moved = {name: [p for thing, found in faces if name in found for p in _moved(thing, found[name])] for name in (
        "browDownLeft", "browDownRight", "browInnerUp", "browOuterUpLeft", "browOuterUpRight", "eyeBlinkLeft",
        "eyeBlinkRight", "mouthSmileLeft", "mouthSmileRight", "jawOpen", "mouthFunnel", "mouthPucker")}  # fmt: skip

    def points(start: str, end: str = "") -> np.ndarray:
        return np.array([p for name in moved if name.startswith(start) and name.endswith(end) for p in moved[name]])

    left, right = (np.concatenate([_or_none(points(part, side)) for part in ("eye", "mouthSmile", "brow")])
                   for side in ("Left", "Right"))  # fmt: skip
    above, below = (_or_none(points(part)) for part in ("brow", "mouth"))
    if not len(above):
        above = _or_none(points("eye"))
    if not len(below):
        below = _or_none(points("jaw"))
    if not (len(left) and len(right) and len(above) and len(below)):
        raise CharacterError("The head cannot be found: it needs shape keys for blinks or brows, and for the mouth.")
    aside = _nearest_axis(left.mean(axis=0) - right.mean(axis=0))
    up = above.mean(axis=0) - below.mean(axis=0)
    up = _nearest_axis(up - aside * (up @ aside))
    axes = np.column_stack([aside, up, np.cross(aside, up)])

    # The face as its shapes have it: what hangs below the chin (a neck that the jaw pulls at) is left out.
    face = np.concatenate([_or_none(points(part)) for part in ("brow", "eye", "mouth", "jaw")]) @ axes
    chin, brows = np.percentile(face[:, 1], [4.0, 96.0])
    height = float(brows - chin)
    everything = np.concatenate([_world(thing) for thing, _ in faces]) @ axes
    band = (everything[:, 1] > chin) & (everything[:, 1] < brows) & (
        np.abs(everything[:, 0] - np.median(face[:, 0])) < height
    )  # fmt: skip
    front, back = everything[band, 2].max(), everything[band, 2].min()
    # A mask without a back of the head still turns about the middle of a head.
    depth = max(float(front - back), 1.3 * height)
    aside_of = float((left @ axes)[:, 0].mean() + (right @ axes)[:, 0].mean()) / 2
    middle = np.array([aside_of, (chin + brows) / 2, front])
    return Head(axes, axes @ middle, axes @ (middle - [0.0, 0.0, 0.5 * depth]), height)


def _or_none(points: np.ndarray) -> np.ndarray:
    return points.reshape(-1, 3)


def _world(thing: Any, key: str = "") -> np.ndarray:
    """Return a mesh's vertices in the scene, (V, 3), by its basis or another key."""
    blocks = thing.data.shape_keys.key_blocks
    block = blocks[key] if key else thing.data.shape_keys.reference_key
    points = np.empty(3 * len(block.data), np.float32)
    block.data.foreach_get("co", points)
    matrix = np.array(thing.matrix_world, np.float64)
    return points.reshape(-1, 3) @ matrix[:3, :3].T + matrix[:3, 3]


def _moved(thing: Any, key: str) -> np.ndarray:
    """Return the places at rest, (M, 3), of the vertices that a key moves; none when it moves nothing."""
    rest = _world(thing)
    way = np.linalg.norm(_world(thing, key) - rest, axis=1)
    return rest[way > _MOVES * way.max()] if way.max() > 0 else rest[:0]


def _nearest_axis(direction: np.ndarray) -> np.ndarray:
    direction = direction / max(float(np.linalg.norm(direction)), 1e-12)
    k = int(np.abs(direction).argmax())
    axis = np.zeros(3)
    axis[k] = np.sign(direction[k])
    return axis if abs(direction[k]) > _UPRIGHT else direction


def _notes(shapes: Sequence[str]) -> tuple[str, ...]:
    notes = []
    missing = [name for name in ARKIT_SHAPES if name not in shapes]
    if missing:
        notes.append(f"The character lacks {len(missing)} of the 52 shapes; they stay 0: {', '.join(missing)}.")
    eyes = [
        bone.name
        for armature in bpy.data.armatures
        for bone in armature.bones
        if "eye" in bone.name.lower() and not any(part in bone.name.lower() for part in ("brow", "lid", "lash"))
    ]
    if eyes and not any(name.startswith("eyeLook") for name in shapes):
        notes.append(f"Its eyes turn by bones ({', '.join(eyes[:4])}), which these clips leave alone: no gaze in them.")
    return tuple(notes)
