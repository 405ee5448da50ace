# SPDX-FileCopyrightText: 2026 Mimica authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Our own face rig worked out in numpy: any expression as points and normals, to be drawn without objects in a scene.

The same mesh, bones, weights and poses as Create Face Rig's, on the average face. Any thread.
"""

from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np

from ..mapping.arkit_poses import arkit_pose
from ..mapping.channels import RestPose
from ..mapping.data import load_table
from ..mapping.landmarks import average_face, weight_matrix
from ..mapping.rotation import matrix_from_quaternion
from .face_rig.part import Part
from .face_rig.shape import FaceShape, face_shape
from .subdivide import Subdivision, subdivide

_ARMATURE_OF_FACE = np.array([[1.0, 0.0, 0.0], [0.0, 0.0, -1.0], [0.0, 1.0, 0.0]])
_MOST_BONES = 4
_LID = 0.05
"""cm by which lids stay outside of the eyeball, as the rig's own modifier has it."""


@dataclass(frozen=True, slots=True, eq=False)
class Drawn:
    """One expression, ready to be drawn. Face space, cm."""

    points: np.ndarray
    """float32 (P, 3)."""
    normals: np.ndarray
    """float32 (P, 3), of length 1."""


class GuideFace:
    """The face, fixed in all but its pose."""

    triangles: np.ndarray
    """int32 (T, 3), corners among the drawn points."""
    colours: np.ndarray
    """float32 (P, 3), linear RGB."""
    gloss: np.ndarray
    """float32 (P,), 0 dull to 1 wet."""

    def __init__(self) -> None:
        shape = face_shape(average_face())
        self._rest = _rest_pose(shape)
        self._parents = [self._rest.names.index(p) if p else -1 for p in self._rest.parents]
        parts = (shape.skin, shape.eyes, shape.teeth)
        self._cage = np.concatenate([np.array(part.points) for part in parts])
        self._bones, self._shares = _skin(parts, self._rest.names)
        self._eyes = [(eye.centre, eye.radius + _LID) for eye in shape.rest.eyes]
        self._guarded = np.array(shape.guarded)
        self._fine, materials = _subdivided(parts)
        self._touching = _touching(self._fine.quads, self._fine.weights.shape[0])
        self._corners, quads = _split(self._fine, materials)
        self.triangles = np.concatenate([quads[:, :3], quads[:, [0, 2, 3]]]).astype(np.int32)
        table = load_table("face_materials")["materials"]
        names = list(table)
        of_corner = np.zeros(len(self._corners), int)
        of_corner[quads] = np.array([names.index(m) for m in materials])[:, None]
        self.colours = np.array([table[name]["colour"] for name in names], np.float32)[of_corner]
        self.gloss = 1.0 - np.array([table[name]["roughness"] for name in names], np.float32)[of_corner]

    def drawn(self, controls: np.ndarray) -> Drawn:
        """Return the face that shows ARKit's shapes, float (52,)."""
        pose = arkit_pose(np.asarray(controls, np.float64)[None], self._rest)
        turns = matrix_from_quaternion(pose.rotation[0])
        heads = self._rest.heads @ _ARMATURE_OF_FACE
        moves = np.zeros((len(heads), 3, 4))
        for b, parent in enumerate(self._parents):
            here = np.column_stack([turns[b], heads[b] + pose.location[0, b] - turns[b] @ heads[b]])
            if parent >= 0:
                above = moves[parent]
                here = np.column_stack([above[:, :3] @ here[:, :3], above[:, :3] @ here[:, 3] + above[:, 3]])
            moves[b] = here
        skin = np.einsum("pk,pkij->pij", self._shares, moves[self._bones])
        cage = np.einsum("pij,pj->pi", skin[:, :, :3], self._cage) + skin[:, :, 3]
        self._keep_lids_outside(cage)
        fine = self._fine.weights @ cage
        quads = self._fine.quads
        across = np.cross(fine[quads[:, 2]] - fine[quads[:, 0]], fine[quads[:, 3]] - fine[quads[:, 1]])
        normals = self._touching @ across
        normals /= np.maximum(np.linalg.norm(normals, axis=1, keepdims=True), 1e-9)
        return Drawn(fine[self._corners].astype(np.float32), normals[self._corners].astype(np.float32))

    def _keep_lids_outside(self, cage: np.ndarray) -> None:
        guarded = cage[self._guarded]
        for centre, radius in self._eyes:
            away = guarded - centre
            far = np.linalg.norm(away, axis=1, keepdims=True)
            inside = (far < radius) & (far > 1e-6)
            guarded = np.where(inside, centre + away * (radius / np.maximum(far, 1e-6)), guarded)
        cage[self._guarded] = guarded


@cache
def guide_face() -> GuideFace:
    """Return the face; a fraction of a second the first time."""
    return GuideFace()


def _rest_pose(shape: FaceShape) -> RestPose:
    bones = load_table("face_rig")["bones"]
    heads = weight_matrix([entry.get("landmarks", {}) for entry in bones]) @ shape.rest.points
    places = [
        shape.joints[entry["name"]][0] if entry["name"] in shape.joints else head
        for entry, head in zip(bones, heads, strict=True)
    ]
    return RestPose(
        names=tuple(entry["name"] for entry in bones),
        parents=tuple(entry["parent"] or "" for entry in bones),
        heads=np.array(places) @ _ARMATURE_OF_FACE.T,
        # All bones have the face's axes: nobody sees how they lie.
        axes=np.broadcast_to(_ARMATURE_OF_FACE, (len(bones), 3, 3)),
        unit=1.0,
        neutral=shape.rest.points,
    )


def _skin(parts: tuple[Part, ...], names: tuple[str, ...]) -> tuple[np.ndarray, np.ndarray]:
    """Return the bones of each point, (C, 4), and their shares, which sum to 1."""
    each = [weights for part in parts for weights in part.weights]
    bones, shares = np.zeros((len(each), _MOST_BONES), int), np.zeros((len(each), _MOST_BONES))
    for i, weights in enumerate(each):
        for k, (bone, weight) in enumerate(weights.items()):
            bones[i, k], shares[i, k] = names.index(bone), weight
    return bones, shares / shares.sum(axis=1, keepdims=True)


def _subdivided(parts: tuple[Part, ...]) -> tuple[Subdivision, list[str]]:
    """Return all parts as one finer mesh, and its quads' materials."""
    faces: list[tuple[int, ...]] = []
    materials: list[str] = []
    creases: dict[tuple[int, int], float] = {}
    first = 0
    for part in parts:
        faces += [tuple(first + corner for corner in corners) for corners in part.faces]
        creases |= {(first + a, first + b): amount for (a, b), amount in part.creases.items()}
        materials += part.materials
        first += len(part.points)
    fine = subdivide(first, faces, creases)
    return fine, [materials[f] for f in fine.origin]


def _split(fine: Subdivision, materials: list[str]) -> tuple[np.ndarray, np.ndarray]:
    """Give each material corners of its own, so that colours end where a material does.

    :return: for each corner its point, and the quads (Q, 4) of corners.
    """
    numbers = {name: k for k, name in enumerate(dict.fromkeys(materials))}
    of_quad = np.array([numbers[name] for name in materials])
    keys = fine.quads * len(numbers) + of_quad[:, None]
    unique, quads = np.unique(keys, return_inverse=True)
    return unique // len(numbers), quads.reshape(fine.quads.shape)


def _touching(quads: np.ndarray, count: int) -> Any:
    """Return a sparse matrix (count, Q) that sums over the quads at each point."""
    from scipy.sparse import csr_matrix

    faces = np.repeat(np.arange(len(quads)), 4)
    return csr_matrix((np.ones(quads.size), (quads.ravel(), faces)), (count, len(quads)))
