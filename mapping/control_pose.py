# SPDX-FileCopyrightText: 2026 Mimica authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a face does when single controls are set by hand, as if it had been filmed: for trying a character out."""

from collections.abc import Mapping
from functools import lru_cache

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
    gaze = np.array([values.get(name, 0.0) for name in GAZE_CONTROLS], np.float64).reshape(1, 2, 2) + glances(controls)
    angles, way = np.array([[values.get(name, 0.0) for name in HEAD_CONTROLS]]).reshape(2, 1, 3)
    return motion_over(np.zeros(1), with_gaze(controls, gaze), head=angles, way=way, gaze=gaze)


def motion_over(
    times: np.ndarray,
    controls: np.ndarray,
    *,
    head: np.ndarray | None = None,
    way: np.ndarray | None = None,
    gaze: np.ndarray | None = None,
    groups: np.ndarray | None = None,
) -> Motion:
    """Return the average face's motion at which controls have these values over time.

    :param times: (N,), seconds.
    :param controls: (N, 52), [0, 1].
    :param head: (N, 3), radians: yaw, pitch, roll as `mapper.head_angles` has them; None: the head rests.
    :param way: (N, 3), cm along face-space axes.
    :param gaze: (N, 2, 2), radians; None: the eyes look as the eyeLook shapes say, each for itself.
    :param groups: (G, 478): displacements are of these groups of landmarks; None: of all landmarks.
    """
    still = np.zeros((len(times), 3))
    yaw, pitch, roll = (still if head is None else head).T[..., None]
    axes = np.eye(3)
    turned = rot.multiply(rot.exp(yaw * axes[1]), rot.exp(pitch * axes[0]))
    if groups is None:
        moved = average_expressions().displacement.astype(np.float64)
    else:
        groups = np.ascontiguousarray(groups, np.float64)
        moved = _moved(groups.tobytes(), len(groups))
    return Motion(
        times=np.asarray(times, np.float64),
        controls=controls,
        head_rotation=rot.multiply(turned, rot.exp(roll * axes[2])),
        head_translation=still if way is None else way,
        gaze=glances(controls) if gaze is None else gaze,
        displacement=np.einsum("ns,spi->npi", controls, moved, optimize=True),
        confidence=np.ones(len(times)),
    )


@lru_cache(maxsize=8)
def _moved(groups: bytes, count: int) -> np.ndarray:
    """Return how groups of landmarks, (G, 478) float64, move with each shape of the average face, (52, G, 3)."""
    weights = np.frombuffer(groups).reshape(count, LANDMARK_COUNT)
    return np.einsum("gp,spi->sgi", weights, average_expressions().displacement.astype(np.float64), optimize=True)


def glances(controls: np.ndarray) -> np.ndarray:
    """Return the gaze (N, 2, 2) that the eyeLook shapes of controls (N, 52) say, each eye for itself.

    One eye alone is shown as one alone; what two eyes can do together is `gaze.gaze_of`.
    """
    full = load_table("geometry")["gaze"]["full"]

    def look(name: str, side: str) -> np.ndarray:
        return controls[:, ARKIT_SHAPES.index(f"eyeLook{name}{side}")]

    left = [look("Out", "Left") - look("In", "Left"), look("Up", "Left") - look("Down", "Left")]
    right = [look("In", "Right") - look("Out", "Right"), look("Up", "Right") - look("Down", "Right")]
    return np.stack([np.stack(left, axis=1), np.stack(right, axis=1)], axis=1) * full
