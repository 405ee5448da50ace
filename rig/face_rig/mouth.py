# SPDX-FileCopyrightText: 2026 Mimica authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Inside of the mouth: a bag behind the lips, teeth, gums and a tongue."""

from itertools import pairwise

import numpy as np

from .part import Part, Weights, blend

OPENING = (
    78, 191, 80, 81, 82, 13, 312, 311, 310, 415, 308, 324, 318, 402, 317, 14, 87, 178, 88, 95,
)  # fmt: skip
"""Inner edge of the lips: from the right corner by the upper lip to the left corner and back by the lower lip."""
_LEFT_CORNER = 10

_BAG = (
    # cm behind the lips, height above and below them, width in proportion to the lips', share of the lips' own weights
    (0.35, 0.04, 1.0, 0.95),
    (0.75, 0.4, 1.02, 0.5),
    (1.3, 1.05, 1.08, 0.1),
    (2.6, 1.5, 1.12, 0.0),
    (4.2, 1.5, 1.0, 0.0),
    (5.3, 0.9, 0.6, 0.0),
)


def mouth_bag(part: Part) -> None:
    """Close the mouth's opening of a part whose points 0 to 467 are the face with a bag behind the lips."""
    edge = np.array([part.points[i] for i in OPENING])
    corners = edge[[0, _LEFT_CORNER]]
    middle = corners.mean(axis=0)
    half = 0.5 * float(np.linalg.norm(corners[1] - corners[0]))
    scale = half / 2.26
    steps = np.arange(20)
    upper = np.sin(np.pi * steps / 10.0)
    lift = np.sign(upper) * np.abs(upper) ** 0.6
    side: list[Weights] = [
        {"head": 1.0} if v > 0.3 else {"jaw": 1.0} if v < -0.3 else {"head": 0.5, "jaw": 0.5} for v in upper
    ]
    previous = list(OPENING)
    part.crease(previous, 1.0, closed=True)
    for row, (depth, height, width, own) in enumerate(_BAG):
        flat = edge.copy()
        flat[:, 0] *= width
        # The lips' curve straightens towards the back.
        back = min(depth / 4.0, 1.0)
        flat[:, 1] += (middle[1] - flat[:, 1]) * back
        flat[:, 2] += (middle[2] - flat[:, 2]) * back * 0.6
        points = flat + np.column_stack([np.zeros(20), lift * height * scale, np.full(20, -depth * scale)])
        weights = [blend((own, part.weights[i]), (1.0 - own, w)) for i, w in zip(OPENING, side, strict=True)]
        ring = part.add(points, weights)
        part.bridge(previous[::-1], ring[::-1], "lips" if row == 0 else "mouth")
        previous = ring
    centre = np.mean([part.points[i] for i in previous], axis=0) - (0.0, 0.0, 0.4 * scale)
    part.cap(previous[::-1], part.add(centre[None], {"head": 0.5, "jaw": 0.5})[0], "mouth")


def teeth_and_tongue(face: np.ndarray) -> tuple[Part, np.ndarray]:
    """Return teeth, gums and tongue for a face (468+, 3), and the tongue's joints (4, 3) from root to tip, cm."""
    part = Part()
    left, right = face[308], face[78]
    scale = 0.5 * float(np.linalg.norm(left - right)) / 2.26
    lips = face[[13, 14]].mean(axis=0)
    front = lips - np.array([0.0, 0.0, 0.95 * scale])
    _row(part, front - [0.0, 0.18 * scale, 0.12 * scale], scale, upward=True)
    _row(part, front - [0.0, 0.66 * scale, 0.45 * scale], scale * 0.94, upward=False)
    return part, _tongue(part, front - np.array([0.0, 0.35, 0.4]) * scale, scale)


_TOOTH_WIDTHS = (0.43, 0.35, 0.39, 0.38, 0.4, 0.5, 0.5)
"""cm, half of a row from the middle: incisors, canine, premolars, molars; the simple row makes incisors alike."""
_TOOTH_HEIGHTS = (0.95, 0.85, 0.95, 0.8, 0.75, 0.7, 0.65)


def _arch(distance: float, scale: float) -> tuple[np.ndarray, np.ndarray]:
    """Return place and outward direction at an arc length from the arch's front, in the arch's plane."""
    # Half of an ellipse 2.55 cm wide to the side and 3.6 cm deep, walked in small steps.
    angles = np.linspace(0.0, np.pi / 2.0, 200)
    x, z = 2.5 * np.sin(angles), 3.6 * (np.cos(angles) - 1.0)
    length = np.concatenate([[0.0], np.cumsum(np.hypot(np.diff(x), np.diff(z)))])
    angle = float(np.interp(distance, length, angles))
    place = np.array([2.5 * np.sin(angle), 0.0, 3.6 * (np.cos(angle) - 1.0)])
    normal = np.array([np.sin(angle) / 2.5, 0.0, np.cos(angle) / 3.6])
    return place * scale, normal / np.linalg.norm(normal)


def _row(part: Part, front: np.ndarray, scale: float, *, upward: bool) -> None:
    bone: Weights = {"head": 1.0} if upward else {"jaw": 1.0}
    sign = 1.0 if upward else -1.0
    for side in (1.0, -1.0):
        walked = 0.0
        for width, height in zip(_TOOTH_WIDTHS, _TOOTH_HEIGHTS, strict=True):
            wide = width if upward else 0.86 * width
            place, normal = _arch(walked + 0.5 * wide, scale)
            walked += wide
            _tooth(part, front, place, normal, side, np.array([wide, 0.9 * height, 0.4]) * scale, sign, bone)
    _gum(part, front, scale, sign, bone)


def _tooth(
    part: Part, front: np.ndarray, place: np.ndarray, normal: np.ndarray, side: float, size: np.ndarray, sign: float,
    bone: Weights,
) -> None:  # fmt: skip
    along = np.array([normal[2], 0.0, -normal[0]])
    corners = []
    # From the biting edge (v = 0) to the gum: thin at the edge, narrower at the gum.
    for v, wide, thick in ((0.0, 0.96, 0.5), (0.5, 1.0, 0.95), (1.0, 0.86, 1.0)):
        for u, w in ((-0.5, 0.5), (0.5, 0.5), (0.5, -0.5), (-0.5, -0.5)):
            corners.append(along * u * wide * size[0] + normal * w * thick * size[2] + [0.0, sign * v * size[1], 0.0])
    points = np.array(corners) + place
    points[:, 0] *= side
    points += front
    index = part.add(points, bone)
    faces = [(0, 1, 2, 3), (11, 10, 9, 8)]
    for layer in (0, 4):
        for k in range(4):
            n = (k + 1) % 4
            faces.append((layer + n, layer + k, layer + k + 4, layer + n + 4))
    inside_out = (side * sign) < 0
    for corners_of in faces:
        order = [index[c] for c in corners_of]
        part.face(order[::-1] if not inside_out else order, "teeth")
    for k in range(4):
        part.crease([index[k], index[k + 4], index[k + 8]], 0.55)
    part.crease(index[:4], 0.55, closed=True)


def _gum(part: Part, front: np.ndarray, scale: float, sign: float, bone: Weights) -> None:
    total = sum(_TOOTH_WIDTHS) * 1.02
    rows = []
    for distance in np.linspace(-total, total, 15):
        place, normal = _arch(abs(distance), scale)
        place, normal = place.copy(), normal.copy()
        if distance < 0.0:
            place[0], normal[0] = -place[0], -normal[0]
        base = front + place
        profile = ((0.27, 0.62), (0.3, 1.0), (0.1, 1.35), (-0.35, 1.3), (-0.4, 0.8), (-0.2, 0.55))
        ring = [base + normal * out * scale + [0.0, sign * up * scale, 0.0] for out, up in profile]
        rows.append(part.add(np.array(ring), bone))
    for first, second in pairwise(rows):
        if sign < 0:
            part.bridge(first, second, "gums")
        else:
            part.bridge(second, first, "gums")
    for row, reverse in ((rows[0], sign < 0), (rows[-1], sign > 0)):
        part.face(row[::-1] if reverse else row, "gums")


def _tongue(part: Part, front: np.ndarray, scale: float) -> np.ndarray:
    # Centre line from root to tip (y, z), half width, half thickness, cm.
    stations = (
        (-1.3, -4.1, 1.2, 0.7),
        (-0.75, -3.3, 1.45, 0.75),
        (-0.55, -2.4, 1.5, 0.62),
        (-0.6, -1.5, 1.4, 0.5),
        (-0.7, -0.8, 1.15, 0.36),
        (-0.76, -0.45, 0.65, 0.24),
    )
    turn = 2.0 * np.pi * np.arange(10) / 10.0
    rows = []
    for k, (y, z, half, thick) in enumerate(stations):
        x = half * np.cos(turn)
        # A groove along the middle of the upper side.
        rise = thick * np.sin(turn) - 0.1 * np.exp(-((x / 0.3) ** 2)) * (np.sin(turn) > 0)
        ring = np.column_stack([x, y + rise, np.full(10, z)]) * scale + front
        share = 3.0 * k / (len(stations) - 1)
        bones = ("jaw", "tongue", "tongue_mid", "tongue_tip")
        low = min(int(share), 2)
        weights = {bones[low]: 1.0 - (share - low), bones[low + 1]: share - low}
        rows.append(part.add(ring, {b: w for b, w in weights.items() if w > 0.0}))
    for first, second in pairwise(rows):
        part.bridge(first, second, "tongue")
    root = part.add(np.array([[0.0, -1.5, -4.5]]) * scale + front, {"jaw": 1.0})[0]
    tip = part.add(np.array([[0.0, -0.78, -0.3]]) * scale + front, {"tongue_tip": 1.0})[0]
    part.cap(rows[0][::-1], root, "tongue")
    part.cap(rows[-1], tip, "tongue")
    joints = np.array([[0.0, -1.0, -3.7], [0.0, -0.6, -2.4], [0.0, -0.65, -1.4], [0.0, -0.78, -0.3]])
    return joints * scale + front
