# SPDX-FileCopyrightText: 2026 Mimica authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Eyeballs, and lids with thickness around them."""

from itertools import pairwise

import numpy as np

from .neutral import CORNERS, LOWER_LID, UPPER_LID, Eye, RestFace
from .part import Part, Weights, blend

_UP = np.array([0.0, 1.0, 0.0])
_FORWARD = np.array([0.0, 0.0, 1.0])
_SEGMENTS = 24
_PUPIL = 0.4
"""Radius of the pupil over that of the iris."""


def eyeballs(rest: RestFace) -> Part:
    """Return both eyeballs, each wholly on its bone, looking along +z."""
    part = Part()
    for eye in rest.eyes:
        iris = np.arcsin(eye.iris / eye.radius)
        polar = [0.5 * _PUPIL * iris, _PUPIL * iris, 0.72 * iris, 0.96 * iris, 1.08 * iris]
        materials = ["pupil", "iris", "iris", "limbus"]
        polar += list(np.linspace(1.45 * iris, np.pi * 0.92, 6))
        materials += ["eye_white"] * 6
        turn = 2.0 * np.pi * np.arange(_SEGMENTS) / _SEGMENTS
        circle = np.column_stack([np.cos(turn), np.sin(turn), np.zeros(_SEGMENTS)])
        weights = {f"eye.{eye.side}": 1.0}
        front = part.add((eye.centre + eye.radius * _FORWARD)[None], weights)[0]
        rows = []
        for angle in polar:
            ring = eye.radius * (np.sin(angle) * circle + [0.0, 0.0, np.cos(angle)])
            rows.append(part.add(eye.centre + ring, weights))
        back = part.add((eye.centre - eye.radius * _FORWARD)[None], weights)[0]
        part.cap(rows[0], front, "pupil")
        for row, following, material in zip(rows[:-1], rows[1:], materials, strict=True):
            part.bridge(following, row, material)
        part.cap(rows[-1][::-1], back, "eye_white")
    return part


def lid_ring(side: str) -> list[int]:
    """Return the sixteen landmarks of the eye's opening: upper lid from the outer corner, lower lid back."""
    outer, inner = CORNERS[side]
    return [outer, *UPPER_LID[side], inner, *LOWER_LID[side][::-1]]


def lid_weights(rest: RestFace) -> dict[int, Weights]:
    """Return the skin weights of the lids' edges, such that the lids close along their whole length.

    Where both lids' bones have met, the edge between them must have met too. So a landmark beside a bone takes that
    bone's travel in the proportion of its own gap, and one between two bones a share of each.
    """
    result: dict[int, Weights] = {}
    for eye in rest.eyes:
        upper = rest.points[list(UPPER_LID[eye.side])]
        lower = rest.points[list(LOWER_LID[eye.side])]
        gaps = np.linalg.norm(upper - lower, axis=1)
        travel = {"outer": 0.6 * gaps[2] + 0.4 * gaps[1], "": gaps[3], "inner": 0.6 * gaps[4] + 0.4 * gaps[5]}
        for edge, landmarks in (("upper", UPPER_LID[eye.side]), ("lower", LOWER_LID[eye.side])):
            names = {k: f"lid_{edge}{'_' + k if k else ''}.{eye.side}" for k in travel}
            for k, landmark in enumerate(landmarks):
                bone = "outer" if k < 3 else "inner" if k > 3 else ""
                share = gaps[k] / travel[bone]
                weights = {names[bone]: share, "head": 1.0 - share}
                if share >= 1.0:
                    middle = float(np.clip((gaps[k] - travel[bone]) / max(travel[""] - travel[bone], 1e-6), 0.0, 1.0))
                    weights = {names[bone]: 1.0} if k == 3 else {names[""]: middle, names[bone]: 1.0 - middle}
                result[landmark] = {name: float(w) for name, w in weights.items() if w > 0.0}
        for corner in CORNERS[eye.side]:
            result[corner] = {"head": 1.0}
    return result


def open_lids(part: Part, rest: RestFace) -> list[int]:
    """Refine the lids of a part whose points 0 to 467 are the face, give them thickness, and close the sockets.

    Between the lid's edge and the next landmarks two rows are put in, so that a closed lid has points to bend with.
    Returns the points that must stay outside of the eyeball.
    """
    guarded: list[int] = []
    for eye in rest.eyes:
        edge = lid_ring(eye.side)
        next_row = _take_strip(part, edge)
        # Edges that subdivision rounded off would leave a slit between closed lids.
        part.crease(edge, 1.0, closed=True)
        rows = [edge]
        for share in (0.22, 0.6):
            points = np.array([_between(part, eye, a, b, share) for a, b in zip(edge, next_row, strict=True)])
            if share > 0.5:
                # The crease above the upper lid.
                upper = slice(2, 7)
                points[upper] += (eye.centre - points[upper]) * 0.035
            weights = [
                blend((1.0 - share, part.weights[a]), (share, part.weights[b]))
                for a, b in zip(edge, next_row, strict=True)
            ]
            rows.append(part.add(points, weights))
        rows.append(next_row)
        flip = _is_counter_clockwise(part, edge)
        for inner, outer in pairwise(rows):
            _strip(part, inner, outer, ["skin"] * 16, flip=flip)
        guarded += edge + rows[1] + rows[2]
        _lashes(part, eye, edge[:9])
        _socket(part, eye, edge, flip=flip)
    return guarded


def _lashes(part: Part, eye: Eye, edge: list[int]) -> None:
    """Add a dark wedge along the upper lid, longest towards the outer corner: it makes a blink read from afar."""
    lengths = np.array([0.10, 0.24, 0.27, 0.25, 0.22, 0.18, 0.14, 0.08, 0.03]) * eye.radius / 1.25
    roots: list[list[int]] = []
    for index, length in zip(edge, lengths, strict=True):
        root = part.points[index]
        out = (root - eye.centre) / np.linalg.norm(root - eye.centre)
        lift = np.array([0.35 if eye.side == "L" else -0.35, 0.25, 0.0])
        tip = root + (out + lift) * length
        above = root + out * 0.01 + 0.05 * _UP
        below = root + out * 0.01 - 0.03 * _UP
        roots.append(part.add(np.array([below, tip, above]), part.weights[index]))
    for first, second in pairwise(roots):
        if eye.side == "L":
            part.bridge(first, second, "lash")
        else:
            part.bridge(second, first, "lash")
    ends = (roots[0], roots[-1][::-1])
    for end in ends:
        part.face(end[::-1] if eye.side == "L" else end, "lash")


def _socket(part: Part, eye: Eye, edge: list[int], *, flip: bool) -> None:
    offsets = np.array([part.points[i] - eye.centre for i in edge])
    directions = offsets / np.linalg.norm(offsets, axis=1, keepdims=True)
    weights = [part.weights[i] for i in edge]
    head: Weights = {"head": 1.0}
    rims = [
        (directions, eye.radius * 0.995, weights),
        (_away(directions, 0.5), eye.radius * 0.97, [blend((0.4, w), (0.6, head)) for w in weights]),
        (_away(directions, 1.1), eye.radius * 1.02, [head] * 16),
        (_away(directions, 1.8), eye.radius * 1.02, [head] * 16),
    ]
    upper = ["lash"] * 7 + ["lid_rim"] * 9
    previous, materials = edge, upper
    for directed, radius, each in rims:
        ring = part.add(eye.centre + directed * radius, each)
        _strip(part, ring, previous, materials, flip=flip)
        previous, materials = ring, ["lid_rim"] * 16
    back = part.add((eye.centre - (0.0, 0.0, eye.radius * 1.02))[None], head)[0]
    part.cap(previous if flip else previous[::-1], back, "lid_rim")


def _away(directions: np.ndarray, angle: float) -> np.ndarray:
    """Turn unit directions away from +z by an angle, at most to 0.9 pi."""
    polar = np.arccos(np.clip(directions[:, 2], -1.0, 1.0))
    around = np.arctan2(directions[:, 1], directions[:, 0])
    polar = np.minimum(polar + angle, 0.9 * np.pi)
    return np.column_stack([np.sin(polar) * np.cos(around), np.sin(polar) * np.sin(around), np.cos(polar)])


def _between(part: Part, eye: Eye, a: int, b: int, share: float) -> np.ndarray:
    """A point between two, in direction and distance from the eyeball's centre."""
    first, second = part.points[a] - eye.centre, part.points[b] - eye.centre
    near, far = float(np.linalg.norm(first)), float(np.linalg.norm(second))
    direction = (1.0 - share) * first / near + share * second / far
    return eye.centre + direction / np.linalg.norm(direction) * ((1.0 - share) * near + share * far)


def _take_strip(part: Part, edge: list[int]) -> list[int]:
    """Remove the faces around the eye's opening and return their far side, point by point beside `edge`."""
    ring = set(edge)
    beside: dict[int, int] = {}
    keep = []
    for k, corners in enumerate(part.faces):
        on_edge = [c for c in corners if c in ring]
        if len(on_edge) < 2:
            keep.append(k)
            continue
        for position, corner in enumerate(corners):
            if corner in ring:
                for other in (corners[position - 1], corners[(position + 1) % 4]):
                    if other not in ring:
                        beside[corner] = other
    part.faces = [part.faces[k] for k in keep]
    part.materials = [part.materials[k] for k in keep]
    return [beside[i] for i in edge]


def _strip(part: Part, inner: list[int], outer: list[int], materials: list[str], *, flip: bool) -> None:
    for k, material in enumerate(materials):
        n = (k + 1) % len(inner)
        corners = (inner[k], inner[n], outer[n], outer[k])
        part.face(corners[::-1] if flip else corners, material)


def _is_counter_clockwise(part: Part, ring: list[int]) -> bool:
    """Whether the ring runs counter-clockwise seen from the front (+z towards the viewer)."""
    points = np.array([part.points[i] for i in ring])
    x, y = points[:, 0], points[:, 1]
    return float((x * np.roll(y, -1) - np.roll(x, -1) * y).sum()) > 0.0
