# SPDX-FileCopyrightText: 2026 Mimica authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Fit the face rig's skin weights to real expressions: makes `mapping/data/face_weights.json`.

    python -m mimica.tools.fit_face_weights --model face_landmarker.task PERSON.mp4 ...

Each landmark-driven bone is moved as the rig will move it, by the displacement of its landmarks; the weights are those
under which the skin then lies nearest to where the tracker saw it. Non-negative least squares at every landmark, with a
pull to a smooth falloff around the bone and to the neighbours' weights, bones out of reach excluded, both sides equal.
"""

import argparse
import json
import sys
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ..mapping.data import FOLDER, load_table
from ..mapping.face_space import fit_head, lift, to_face_space
from ..mapping.landmarks import average_face, weight_matrix
from ..rig.face_rig.neutral import rest_face
from ..rig.face_rig.part import normalised
from .make_average_face import calm_frames, track

_TARGET = FOLDER / "face_weights.json"
_SOURCE = (
    "Skin weights of the 468 landmarks, fitted to real expressions by tools/fit_face_weights.py. Row: pairs of bone "
    "(index into bones) and weight, at most four, sum 1."
)
_REACH = {"brows": 4.0, "lids": 1.3, "mouth": 2.2, "cheeks": 4.0, "nose": 2.2, "jaw": 5.0}
"""How far along the skin a bone of each region can act, cm."""
_FRAMES = 700
_PULL_PRIOR, _PULL_OWN, _PULL_SMOOTH, _PULL_SUM = 0.02, 0.15, 0.06, 30.0
"""Pulls on the weights: to the falloff, to a bone at its own landmarks (an animator expects the skin under a bone to go
with it), to the neighbours, to a sum of 1."""
_SWEEPS = 40


@dataclass(frozen=True, slots=True, eq=False)
class Bones:
    """The bones that act on the face's skin: `head` first, `jaw` second, then the landmark-driven ones."""

    names: list[str]
    groups: np.ndarray
    """float64 (B, 478): landmark weights; zero for head and jaw."""
    on_jaw: np.ndarray
    """bool (B,): the bone is carried by the jaw."""
    reach: np.ndarray
    """float64 (B,), cm."""


def skin_bones() -> Bones:
    """Read the bone table."""
    table = [b for b in load_table("face_rig")["bones"] if b["drive"] == "landmarks"]
    names = ["head", "jaw", *(b["name"] for b in table)]
    groups = np.vstack([np.zeros((2, 478)), weight_matrix([b["landmarks"] for b in table])])
    on_jaw = np.array([False, True, *(b["parent"] == "jaw" for b in table)])
    reach = np.array([np.inf, np.inf, *(_REACH[b["region"]] for b in table)])
    return Bones(names, groups, on_jaw, reach)


def jaw_motion(rest: np.ndarray, displacement: np.ndarray) -> np.ndarray:
    """Return float64 (N, 468, 3): where the jaw alone would carry each landmark, less its rest place.

    The jaw turns about the x axis through the joints (mapping-science: midpoint of the ears' landmarks, 1 cm forward)
    by the angle at which the chin is seen.
    """
    pivot = rest[[234, 454]].mean(axis=0) + np.array([0.0, 0.0, 1.0])
    chin = [152, 148, 377, 176, 400]
    a = rest[chin] - pivot
    b = a + displacement[:, chin]
    turn = (a[:, 1] * b[..., 2] - a[:, 2] * b[..., 1]).sum(axis=1)
    angle = np.arctan2(turn, (a[:, 1] * b[..., 1] + a[:, 2] * b[..., 2]).sum(axis=1))
    angle = np.clip(angle, 0.0, np.radians(35.0))[:, None]
    arm = rest[:468] - pivot
    y = arm[:, 1] * np.cos(angle) - arm[:, 2] * np.sin(angle)
    z = arm[:, 1] * np.sin(angle) + arm[:, 2] * np.cos(angle)
    return np.stack([np.zeros_like(y), y - arm[:, 1], z - arm[:, 2]], axis=-1)


def responses(bones: Bones, rest: np.ndarray, displacement: np.ndarray) -> np.ndarray:
    """Return float64 (N, 468, B, 3): how far each bone alone would carry each landmark."""
    jaw = jaw_motion(rest, displacement)
    own = np.einsum("bl,nlc->nbc", bones.groups, displacement)
    own_jaw = np.einsum("bl,nlc->nbc", bones.groups[:, :468], jaw)
    result = np.repeat((own - own_jaw * bones.on_jaw[:, None])[:, None], 468, axis=1)
    result += jaw[:, :, None] * bones.on_jaw[:, None]
    return result


def along_skin(rest: np.ndarray, bones: Bones) -> np.ndarray:
    """Return float64 (B, 468): distance over the mesh's edges from each bone's landmarks, cm; 0 for head and jaw."""
    from scipy.sparse import coo_matrix
    from scipy.sparse.csgraph import dijkstra

    faces = np.array(load_table("face_topology")["faces"])
    pairs = np.vstack([faces[:, [i, j]] for i, j in ((0, 1), (1, 2), (2, 3), (3, 0), (0, 2), (1, 3))])
    length = np.linalg.norm(rest[pairs[:, 0]] - rest[pairs[:, 1]], axis=1) + 1e-6
    graph = coo_matrix((length, (pairs[:, 0], pairs[:, 1])), shape=(468, 468)).tocsr()
    graph = graph.maximum(graph.T)
    result = np.zeros((len(bones.names), 468))
    for row, group in zip(result[2:], bones.groups[2:], strict=True):
        row[:] = dijkstra(graph, directed=False, indices=np.flatnonzero(group), min_only=True)
    return result


def fit(rest: np.ndarray, displacement: np.ndarray) -> tuple[Bones, np.ndarray]:
    """Return the bones and weights float64 (468, B) for displacements (N, 478, 3) of a face at rest (478, 3)."""
    from scipy.optimize import nnls

    bones = skin_bones()
    mirror = np.array(load_table("face_topology")["mirror"])
    displacement = np.concatenate([displacement, displacement[:, mirror] * (-1.0, 1.0, 1.0)])
    distance = along_skin(rest, bones)
    allowed = distance < bones.reach[:, None]
    # The jaw carries what lies below the nose, in front of the ears.
    allowed[1] = rest[:468, 1] < rest[2, 1]
    prior = np.where(allowed, np.clip(1.0 - distance / (0.6 * bones.reach[:, None]), 0.0, 1.0) ** 2, 0.0)
    lower = np.clip((rest[61, 1] - rest[:468, 1]) / (rest[61, 1] - rest[152, 1]), 0.0, 1.0)
    prior[1] = np.where(allowed[1], lower, 0.0)
    prior[0] = 0.0
    own = bones.groups[:, :468].max(axis=0) > 0.0
    prior[:, own] = bones.groups[:, np.flatnonzero(own)] / bones.groups[:, np.flatnonzero(own)].sum(axis=0)
    prior /= np.maximum(1.0, prior.sum(axis=0))
    prior[0] = 1.0 - prior.sum(axis=0)

    action = responses(bones, rest, displacement)
    # A frame counts by less than the square of its size, so that a wide yawn does not outvote everything else.
    size = np.sqrt((displacement[:, :468] ** 2).sum(axis=2).mean(axis=1)) + 0.1
    action /= np.sqrt(size)[:, None, None, None]
    goal = displacement[:, :468] / np.sqrt(size)[:, None, None]
    normal = np.einsum("nibc,nijc->ibj", action, action, optimize=True) / len(goal)
    right = np.einsum("nibc,nic->ib", action, goal, optimize=True) / len(goal)

    neighbours = _neighbours()
    pull = _PULL_PRIOR + _PULL_OWN * bones.groups[:, :468].max(axis=0)
    weights = prior.T.copy()
    for _ in range(_SWEEPS):
        for i in range(468):
            use = np.flatnonzero(allowed[:, i])
            count = len(neighbours[i])
            matrix = normal[i][np.ix_(use, use)] + (pull[i] + _PULL_SMOOTH) * np.eye(len(use))
            matrix = matrix + _PULL_SUM
            vector = right[i, use] + pull[i] * prior[use, i] + _PULL_SUM
            vector = vector + _PULL_SMOOTH * weights[neighbours[i]][:, use].sum(axis=0) / count
            root = np.linalg.cholesky(matrix)
            solution, _ = nnls(root.T, np.linalg.solve(root, vector))
            weights[i] = 0.0
            weights[i, use] = solution / solution.sum()
    partner = np.array([bones.names.index(_other_side(n)) for n in bones.names])
    weights = 0.5 * (weights + weights[mirror[:468]][:, partner])
    return bones, _sparse(bones, weights)


def _sparse(bones: Bones, weights: np.ndarray) -> np.ndarray:
    rows = [normalised({n: float(w) for n, w in zip(bones.names, row, strict=True)}) for row in weights]
    return np.array([[row.get(name, 0.0) for name in bones.names] for row in rows])


def _neighbours() -> list[np.ndarray]:
    near: list[set[int]] = [set() for _ in range(468)]
    for corners in load_table("face_topology")["faces"]:
        for a, b in zip(corners, corners[1:] + corners[:1], strict=True):
            near[a].add(b)
            near[b].add(a)
    return [np.array(sorted(n)) for n in near]


def _other_side(name: str) -> str:
    return name[:-1] + {"L": "R", "R": "L"}[name[-1]] if name[-2:] in (".L", ".R") else name


def displacements(path: Path, model: Path) -> np.ndarray:
    """Return float64 (N, 478, 3): a film's displacements from its calmest frames, face space, cm."""
    landmarks, scores, sizes = track(path, model)
    points = lift(landmarks, sizes)
    calm = calm_frames(landmarks, scores)
    first = to_face_space(points, fit_head(points))
    own = np.median(first[calm], axis=0)
    moved = to_face_space(points, fit_head(points, own)) - own
    return moved[np.isfinite(moved).all(axis=(1, 2))]


def main() -> int:
    """Run the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("films", nargs="+", type=Path, help="films of faces that talk and make faces")
    parser.add_argument("--model", type=Path, required=True, help="face_landmarker.task with expression scores")
    parser.add_argument("--output", type=Path, default=_TARGET)
    arguments = parser.parse_args()
    each = _FRAMES // len(arguments.films)
    picked = []
    for path in arguments.films:
        moved = displacements(path, arguments.model)
        picked.append(moved[np.linspace(0, len(moved) - 1, min(each, len(moved))).astype(int)])
    sample = np.concatenate(picked)
    rest = rest_face(average_face()).points
    bones, weights = fit(rest, sample)
    shown = np.einsum("nibc,ib->nic", responses(bones, rest, sample), weights)
    error = float(np.sqrt(((shown - sample[:, :468]) ** 2).sum(axis=2).mean()))
    size = float(np.sqrt((sample[:, :468] ** 2).sum(axis=2).mean()))
    rows = [[[int(b), round(float(row[b]), 3)] for b in np.flatnonzero(row)] for row in weights]
    body = ",\n    ".join(", ".join(json.dumps(r) for r in rows[i : i + 4]) for i in range(0, 468, 4))
    text = (
        f'{{\n  "schema": 1,\n  "source": {json.dumps(_SOURCE)},\n  "bones": {json.dumps(bones.names)},\n'
        f'  "weights": [\n    {body}\n  ]\n}}\n'
    )
    arguments.output.write_text(text, encoding="utf-8")
    sys.stdout.write(f"{len(sample)} frames: RMS {error:.3f} cm of {size:.3f} cm moved\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
