# SPDX-FileCopyrightText: 2026 Mimica authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a face does when single controls are set by hand, as if it had been filmed: for trying a character out."""

from collections.abc import Mapping

import numpy as np

from . import rotation as rot
from .character_map import CONTROLS, GAZE_CONTROLS, HEAD_CONTROLS, BoneEntry, ControlEntry
from .data import load_table
from .expressions import average_expressions
from .frame import ARKIT_SHAPES, LANDMARK_COUNT
from .gaze import with_gaze
from .landmarks import weight_matrix
from .motion import Motion

_FULL = {"headX": 3.0, "headY": 3.0, "headZ": 3.0}
_FULL_ANGLE = 0.5
"""Radians: about as far as a performer turns head and eyes without effort."""

_OF_DRIVE = {
    "jaw": "jawOpen",
    "head": "headYaw",
    "neck": "headYaw",
    "lid": "eyeBlink{side}",
    "eye": "gazeYaw{side}",
    "eye_target": "gazeYaw{side}",
}


def full_amount(control: str) -> float:
    """Return how far a control goes when it is shown in full: 1, radians for angles, centimetres for ways."""
    return 1.0 if control in ARKIT_SHAPES else _FULL.get(control, _FULL_ANGLE)


def goes_both_ways(control: str) -> bool:
    """Whether the control has negative values too."""
    return control not in ARKIT_SHAPES


def control_that_moves(entry: BoneEntry | ControlEntry) -> str:
    """Return the control that shows best what an entry does: its own, or the one that moves its landmarks most."""
    side = "Right" if isinstance(entry, BoneEntry) and (entry.side == "R") != entry.mirror else "Left"
    if entry.control:
        return entry.control
    if isinstance(entry, BoneEntry) and entry.drive in _OF_DRIVE:
        return _OF_DRIVE[entry.drive].format(side=side)
    weights = weight_matrix([entry.landmarks])[0]
    moved = np.einsum("p,spi->si", weights, average_expressions().displacement.reshape(-1, LANDMARK_COUNT, 3))
    along = np.abs(moved[:, entry.axis]) if isinstance(entry, ControlEntry) else np.linalg.norm(moved, axis=1)
    return ARKIT_SHAPES[int(np.argmax(along))]


def motion_of(values: Mapping[str, float]) -> Motion:
    """Return one instant of the average face at which controls have these values, and all others none.

    Landmarks move as the average face's expressions do, so that what follows landmarks moves too; glances turn the
    eyes, and turned eyes are glances.

    :param values: by the names of `CONTROLS`, in their units. Raises KeyError for any other name.
    """
    if unknown := [name for name in values if name not in CONTROLS]:
        raise KeyError(unknown[0])
    controls = np.array([[np.clip(values.get(name, 0.0), 0.0, 1.0) for name in ARKIT_SHAPES]])
    gaze = np.array([values.get(name, 0.0) for name in GAZE_CONTROLS], np.float64).reshape(1, 2, 2) + _glance(values)
    controls = with_gaze(controls, gaze)
    yaw, pitch, roll, *way = (values.get(name, 0.0) for name in HEAD_CONTROLS)
    head = rot.multiply(rot.exp(np.array([[0.0, yaw, 0.0]])), rot.exp(np.array([[pitch, 0.0, 0.0]])))
    return Motion(
        times=np.zeros(1),
        controls=controls,
        head_rotation=rot.multiply(head, rot.exp(np.array([[0.0, 0.0, roll]]))),
        head_translation=np.array([way]),
        gaze=gaze,
        displacement=np.einsum("ns,spi->npi", controls, average_expressions().displacement.astype(np.float64)),
        confidence=np.ones(1),
    )


def _glance(values: Mapping[str, float]) -> np.ndarray:
    """Return the gaze (2, 2) that the eyeLook shapes say, each eye for itself: one alone is shown as one alone."""
    full = load_table("geometry")["gaze"]["full"]

    def look(name: str, side: str) -> float:
        return min(max(values.get(f"eyeLook{name}{side}", 0.0), 0.0), 1.0)

    return full * np.array(
        [
            [look("Out", "Left") - look("In", "Left"), look("Up", "Left") - look("Down", "Left")],
            [look("In", "Right") - look("Out", "Right"), look("Up", "Right") - look("Down", "Right")],
        ]
    )
