# SPDX-FileCopyrightText: 2026 Mimica authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Where the eyes look, from the irises."""

import numpy as np

from .data import load_table
from .face_space import HeadPose
from .landmarks import SIDES


def iris_in_place(face: np.ndarray, points: np.ndarray, pose: HeadPose, neutral: np.ndarray) -> np.ndarray:
    """Return the face with its irises at the depth where anatomy has them.

    The tracker's iris depth carries no information, and with the head turned a wrong depth looks like a turned eye: 20
    degrees of false gaze at a yaw of 40. The iris lies about as far in front of the eye's corners as the table says;
    its landmarks go there along their own rays.

    :param face: (N, 478, 3), face space, of `points` (N, 478, 3) in camera space by `pose`. A copy is returned.
    """
    table = load_table("landmarks")
    moved = face.copy()
    for side in SIDES:
        centre = table["iris"][side]
        ring = slice(centre, centre + 5)
        depth = neutral[table["eye_corners"][side], 2].mean() + load_table("geometry")["gaze"]["iris_forward"]
        ray = points[:, ring] @ pose.rotation.astype(points.dtype)
        # A ray that hardly comes towards the face, from a head turned right away, would end anywhere.
        slope = np.clip(ray[..., :2] / np.minimum(ray[..., 2:], -1e-3), -2.0, 2.0)
        moved[:, ring, :2] += slope * (depth - face[:, ring, 2:])
        moved[:, ring, 2] = depth
    return moved


def solve_gaze(displacement: np.ndarray) -> np.ndarray:
    """Return gaze per eye, float (N, 2, 2): [left, right] x [yaw, pitch] in radians against the neutral's gaze.

    The iris rides on the eyeball: an offset d of its centre from the neutral place, over the eyeball's radius, is the
    sine of the angle. Only x and y are used, the tracker's iris depth carries no information. Eyes without iris
    landmarks (468-point models) have no displacement there and look straight ahead.

    :param displacement: (N, 478, 3), cm, face space, finite.
    """
    table = load_table("geometry")["gaze"]
    iris = [load_table("landmarks")["iris"][side] for side in SIDES]
    offset = displacement[:, iris, :2] / table["eyeball_radius"]
    limit = np.asarray(table["limit"])
    return np.clip(np.arcsin(np.clip(offset, -0.95, 0.95)), -limit, limit)


def gaze_controls(gaze: np.ndarray) -> dict[str, np.ndarray]:
    """Return ARKit's eight eyeLook shapes, each (N,) in [0, 1]; two of each eye's four are zero at any time."""
    full_yaw, full_pitch = load_table("geometry")["gaze"]["full"]
    controls: dict[str, np.ndarray] = {}
    for i, (side, outward) in enumerate((("Left", 1.0), ("Right", -1.0))):
        yaw = gaze[:, i, 0] * outward / full_yaw
        pitch = gaze[:, i, 1] / full_pitch
        for name, value in (("Out", yaw), ("In", -yaw), ("Up", pitch), ("Down", -pitch)):
            controls[f"eyeLook{name}{side}"] = np.clip(value, 0.0, 1.0)
    return controls
