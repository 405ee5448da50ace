# SPDX-FileCopyrightText: 2026 Mimica authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""From a tracked neutral face to a rest face a rig can be built on: symmetric, lips that meet, lids on eyeballs."""

from dataclasses import dataclass

import numpy as np

from ...mapping.data import load_table
from ...mapping.landmarks import lips_joined

LID_THICKNESS = 0.09
"""cm between the eyeball and the skin at the lid's edge."""

_EYE_RADIUS_TO_WIDTH = 0.425
"""Eyeball radius over the distance of the eye's corners: 1.2 cm over 2.8 to 2.9 cm in adults."""

UPPER_LID = {"L": (466, 388, 387, 386, 385, 384, 398), "R": (246, 161, 160, 159, 158, 157, 173)}
LOWER_LID = {"L": (249, 390, 373, 374, 380, 381, 382), "R": (7, 163, 144, 145, 153, 154, 155)}
"""From the outer corner to the inner; upper[k] meets lower[k]."""
CORNERS = {"L": (263, 362), "R": (33, 133)}
"""Outer and inner corner of the eye."""


@dataclass(frozen=True, slots=True, eq=False)
class Eye:
    """An eyeball in face space, cm."""

    side: str
    centre: np.ndarray
    radius: float
    iris: float
    """Radius of the iris."""


@dataclass(frozen=True, slots=True, eq=False)
class RestFace:
    """What the generator builds on."""

    points: np.ndarray
    """float64 (478, 3), face space, cm."""
    eyes: tuple[Eye, Eye]
    """Left, right."""


def rest_face(neutral: np.ndarray) -> RestFace:
    """Return the rest face of a tracked neutral (478, 3), face space, cm.

    The face is made symmetric (an animator mirrors poses, and the mean of both sides halves the tracker's noise), lips
    that are apart are brought together, and the lids are laid onto eyeballs fitted between the corners of the eyes.
    """
    mirror = np.array(load_table("face_topology")["mirror"])
    points = np.asarray(neutral, np.float64)
    points = 0.5 * (points + points[mirror] * (-1.0, 1.0, 1.0))
    points = lips_joined(points)
    eyes = (_fit_eye(points, "L"), _fit_eye(points, "R"))
    for eye in eyes:
        _lay_lids(points, eye)
    return RestFace(points, eyes)


def _fit_eye(points: np.ndarray, side: str) -> Eye:
    outer, inner = points[list(CORNERS[side])]
    upper, lower = points[list(UPPER_LID[side])], points[list(LOWER_LID[side])]
    middle = np.concatenate([upper[2:5], lower[2:5]])
    width = float(np.linalg.norm(outer - inner))
    radius = _EYE_RADIUS_TO_WIDTH * width
    centre = 0.5 * (outer + inner)
    centre[0] = 0.7 * centre[0] + 0.3 * middle[:, 0].mean()
    centre[1] = 0.4 * centre[1] + 0.6 * middle[:, 1].mean()
    across = ((middle[:, :2] - centre[:2]) ** 2).sum(axis=1)
    reach = radius + LID_THICKNESS
    centre[2] = (middle[:, 2] - np.sqrt(np.maximum(reach**2 - across, 0.0))).mean()
    return Eye(side, centre, radius, iris=0.49 * radius)


def _lay_lids(points: np.ndarray, eye: Eye) -> None:
    outer, inner = CORNERS[eye.side]
    for lid in (UPPER_LID[eye.side], LOWER_LID[eye.side]):
        edge = points[[outer, *lid, inner]]
        points[list(lid)] = 0.25 * edge[:-2] + 0.5 * edge[1:-1] + 0.25 * edge[2:]
    reach = eye.radius + LID_THICKNESS
    for index in UPPER_LID[eye.side] + LOWER_LID[eye.side]:
        offset = points[index] - eye.centre
        distance = float(np.linalg.norm(offset))
        aside = float(np.hypot(offset[0], offset[1])) / reach
        # Near the corners the skin leaves the sphere and runs on to the corner, which lies beside the eyeball.
        hold = 1.0 - np.clip((aside - 0.75) / 0.3, 0.0, 1.0)
        goal = reach if distance < reach else hold * reach + (1.0 - hold) * distance
        points[index] = eye.centre + offset * (goal / distance)
    for index in _second_ring(eye.side):
        offset = points[index] - eye.centre
        distance = float(np.linalg.norm(offset))
        points[index] = eye.centre + offset * (max(distance, reach + 0.08) / distance)


def _second_ring(side: str) -> tuple[int, ...]:
    left = (467, 260, 259, 257, 258, 286, 414, 463, 341, 256, 252, 253, 254, 339, 255, 359)
    if side == "L":
        return left
    mirror: list[int] = load_table("face_topology")["mirror"]
    return tuple(mirror[i] for i in left)
