# SPDX-FileCopyrightText: 2026 Mimica authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The head behind the face: cranium and neck, grown from the face's oval.

The surface is a sweep: half-planes about an axis in front of the throat cut it in closed loops, from the oval to the
neck's end. Each loop has as many points as the oval, so strands run from the oval over skull or throat to the neck.
A thin-plate fairing then makes the face run into the head without an edge.
"""

from typing import Any

import numpy as np

from ...mapping.data import load_table
from ...mapping.landmarks import average_face
from .part import Part, Weights, blend

OVAL = (
    10, 338, 297, 332, 284, 251, 389, 356, 454, 323, 361, 288, 397, 365, 379, 378, 400, 377,
    152, 148, 176, 149, 150, 136, 172, 58, 132, 93, 234, 127, 162, 21, 54, 103, 67, 109,
)  # fmt: skip
"""Landmarks of the face's border: from the forehead's middle by the left ear and the chin back by the right ear."""
_CHIN = 18
_ROUNDNESS = 2.12
"""Exponent of the sections' superellipse."""
_FADE = 6.5
"""How far behind the oval the face's own motion dies out, cm."""
_HEAD_ENDS = ((1.0, -10.0), (-10.6, -2.5))
"""z, y at throat and nape above which the skin moves with the head alone."""
_HOLD = 0.06
"""How much a point keeps to its section, against the smoothness of the surface."""


def grow_head(part: Part) -> None:
    """Add cranium and neck to a part whose points 0 to 467 are the face."""
    face = np.array(part.points[:468])
    loops = fitted_sections(face)
    loops = _faired(part, face, loops)
    strands = np.concatenate([face[list(OVAL)][None], loops])
    walked = np.cumsum(np.linalg.norm(np.diff(strands, axis=0), axis=2), axis=0)
    scale, offset = fit_to(face)
    rows: list[list[int]] = [list(OVAL)]
    for loop, distance in zip(loops, walked, strict=True):
        below = _below_head((loop - offset) / scale)
        weights = [_weights(part.weights[OVAL[i]], float(distance[i] / scale[1]), float(below[i])) for i in range(36)]
        rows.append(part.add(loop, weights))
        part.bridge(rows[-2], rows[-1], "skin")
    end = loops[-1]
    inset = end.mean(axis=0) + (end - end.mean(axis=0)) * 0.55
    ring = part.add(inset, {"root": 1.0})
    part.bridge(rows[-1], ring, "skin")
    part.cap(ring, part.add(end.mean(axis=0)[None], {"root": 1.0})[0], "skin")


def fit_to(face: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return scale (3,) and offset (3,) that lay the average face's oval onto this face's, axis by axis."""
    source, goal = average_face()[list(OVAL)], face[list(OVAL)]
    centred = source - source.mean(axis=0)
    scale = (centred * goal).sum(axis=0) / (centred**2).sum(axis=0)
    return scale, goal.mean(axis=0) - scale * source.mean(axis=0)


def fitted_sections(face: np.ndarray) -> np.ndarray:
    """Return the sections of the head behind this face: float64 (K, 36, 3), from the oval to the neck's end."""
    table = load_table("face_head")
    scale, offset = fit_to(face)
    oval = (face[list(OVAL)] - offset) / scale
    axis = oval[0] - oval[_CHIN]
    start = np.clip((oval - oval[_CHIN]) @ axis / (axis @ axis), 0.0, 1.0)
    turn = 2.0 * np.pi * np.arange(36) / 36.0
    end = 0.5 + 0.5 * np.cos(turn)
    side = np.sign(np.sin(turn).round(9))

    def section(row: dict[str, Any], t: np.ndarray) -> np.ndarray:
        half = row["half_width"] * (1.0 - np.abs(2.0 * t - 1.0) ** _ROUNDNESS) ** (1.0 / _ROUNDNESS)
        half = half * (1.0 + row["lean"] * (2.0 * t - 1.0))
        near, far = np.array(row["near"]), np.array(row["far"])
        middle = near + (far - near) * t[:, None]
        return np.column_stack([side * half, middle[:, 1], middle[:, 0]])

    sections: list[dict[str, Any]] = table["sections"]
    first = sections[0] | {"near": oval[_CHIN, [2, 1]], "far": oval[0, [2, 1]]}
    # The oval bows back towards the ears; the sections behind it straighten bit by bit.
    bow = oval - section(first, start)
    loops = np.empty((len(sections), 36, 3))
    for k, row in enumerate(sections):
        along = (k + 1) / len(sections)
        ease = along * along * (3.0 - 2.0 * along)
        loops[k] = section(row, start + (end - start) * ease) + bow * (1.0 - ease)
    return loops * scale + offset


def _faired(part: Part, face: np.ndarray, loops: np.ndarray) -> np.ndarray:
    """Minimise the squared Laplacian of strands and loops; face and neck's end are held, the sections a soft goal."""
    count = len(loops)
    free = (count - 1) * 36
    neighbours: list[list[int]] = [[] for _ in range(468)]
    for corners in part.faces:
        for a, b in zip(corners, corners[1:] + corners[:1], strict=True):
            if a < 468 and b < 468:
                neighbours[a].append(b)
                neighbours[b].append(a)

    def name(k: int, i: int) -> int:
        return OVAL[i % 36] if k == 0 else 468 + (k - 1) * 36 + i % 36

    rows, known = [], np.concatenate([face, loops.reshape(-1, 3)])
    for k in range(count):
        for i in range(36):
            near = [name(k, i - 1), name(k, i + 1), name(k + 1, i)]
            near += [name(k - 1, i)] if k else [n for n in set(neighbours[OVAL[i]]) if n not in near]
            row = np.zeros(len(known))
            row[name(k, i)] = 1.0
            row[near] -= 1.0 / len(near)
            rows.append(row)
    laplacian = np.array(rows)
    moving = slice(468, 468 + free)
    fixed = np.ones(len(known), bool)
    fixed[moving] = False
    a = laplacian[:, moving]
    normal = a.T @ a + _HOLD * np.eye(free)
    right = -a.T @ (laplacian[:, fixed] @ known[fixed]) + _HOLD * known[moving]
    result = loops.copy()
    result[:-1] = np.linalg.solve(normal, right).reshape(count - 1, 36, 3)
    return result


def _below_head(points: np.ndarray) -> np.ndarray:
    """Return 0 on the head to 1 at the neck's end, for points (N, 3) in the average face's frame.

    The head ends along a line from the throat to the nape.
    """
    sections = load_table("face_head")["sections"]
    line, end = np.array(_HEAD_ENDS), np.array([sections[-1]["near"], sections[-1]["far"]])
    across = points[:, 2]
    top = np.interp(across, line[::-1, 0], line[::-1, 1])
    bottom = np.interp(across, end[::-1, 0], end[::-1, 1])
    return np.clip((top - points[:, 1]) / (top - bottom), 0.0, 1.0)


def _weights(border: Weights, distance: float, below: float) -> dict[str, float]:
    neck = {"head": 1.0 - 2.0 * below, "neck": 2.0 * below} if below < 0.5 else {
        "neck": 2.0 - 2.0 * below, "root": 2.0 * below - 1.0
    }  # fmt: skip
    along = min(distance / _FADE, 1.0)
    fade = 1.0 - along * along * (3.0 - 2.0 * along)
    return blend((fade, border), (1.0 - fade, neck))
