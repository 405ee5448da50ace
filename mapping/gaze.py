# SPDX-FileCopyrightText: 2026 Mimica authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Where the eyes look, from the irises."""

import numpy as np

from .data import load_table
from .landmarks import SIDES


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
