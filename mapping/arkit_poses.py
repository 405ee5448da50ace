# SPDX-FileCopyrightText: 2026 Mimica authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""ARKit's 52 shapes as poses of the own face rig: from controls to bone channels, without landmarks.

The poses are anatomy put in numbers (Ekman and Friesen's action units, and Apple's descriptions of the shapes), in
`data/arkit_poses.json`. Location moves a bone, a turn rotates it where it is, and a hinge angle turns it about the
jaw's joints, as skin does that follows the jaw part of the way.
"""

from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np

from . import rotation as rot
from .channels import BonePose, RestPose
from .data import load_table
from .frame import ARKIT_SHAPES
from .landmarks import average_face

_FACE_TO_ARMATURE = np.array([[1.0, 0.0, 0.0], [0.0, 0.0, -1.0], [0.0, 1.0, 0.0]])
_CLOSE, _OPEN = ARKIT_SHAPES.index("mouthClose"), ARKIT_SHAPES.index("jawOpen")
_BLINK = np.array([ARKIT_SHAPES.index("eyeBlinkLeft"), ARKIT_SHAPES.index("eyeBlinkRight")])
_SIDES = ("L", "R")


def arkit_pose(controls: np.ndarray, rest: RestPose, gains: np.ndarray | None = None) -> BonePose:
    """Return the pose of the own face rig that shows the given shapes.

    Shapes add up; the lids are the exception: however they are combined they stay on the eyeball and never pass each
    other, and a full blink closes them. Lips closed by mouthClose meet wherever it equals jawOpen, and more of it than
    of jawOpen does nothing, since lips can not be more closed than that.

    :param controls: float (N, 52) in the order of `ARKIT_SHAPES`; 1 is a strong, natural expression.
    :param rest: the rig's rest pose.
    :param gains: (52, B, 3): how much more or less than the table says each shape moves and turns each bone along each
        of the face's axes; None for a rig by the table.
    :return: bones in the order of `rest.names`; bones without a part in any shape stay at rest.
    """
    controls = np.array(controls, np.float64)
    controls[:, _CLOSE] = np.minimum(controls[:, _CLOSE], controls[:, _OPEN])
    poses = _poses(rest.names)
    count, bones = len(controls), len(rest.names)

    def combined(table: np.ndarray) -> np.ndarray:
        return (controls @ table.reshape(len(ARKIT_SHAPES), -1)).reshape(count, bones, -1)

    heads = rest.heads @ _FACE_TO_ARMATURE
    vary = np.ones((1, 1, 3)) if gains is None else gains
    turn, hinge = rot.exp(combined(poses.turn * vary)), combined(poses.hinge)
    hinge = rot.exp(np.concatenate([hinge, np.zeros((count, bones, 2))], axis=2))
    arm = heads - heads[rest.names.index("jaw")] if "jaw" in rest.names else np.zeros_like(heads)
    swung = np.einsum("nbij,bj->nbi", rot.matrix_from_quaternion(hinge), arm) - arm
    location = combined(poses.move * vary) * _scale(rest)[:, None] + swung
    _place_lids(location, controls, poses, heads)

    # Until here along the face's axes; now along each bone's own.
    axes = _FACE_TO_ARMATURE.T @ rest.axes
    own = rot.quaternion_from_matrix(axes)
    rotation = rot.multiply(rot.conjugate(own), rot.multiply(rot.multiply(hinge, turn), own))
    return BonePose(np.einsum("nbi,bij->nbj", location, axes) * rest.unit, rotation)


@dataclass(frozen=True, slots=True, eq=False)
class _Poses:
    """The poses as arrays, for bones in a given order; S shapes, B bones, L lids."""

    move: np.ndarray
    """(S, B, 3), cm, face axes, at the average face's size."""
    turn: np.ndarray
    """(S, B, 3), rotation vectors, radians, face axes."""
    hinge: np.ndarray
    """(S, B, 1), radians about the jaw's joints."""
    lids: np.ndarray
    """(S, 2, 2): side; upper and lower lid's way upwards, in openings of the eye at rest."""
    contact: float
    """Where lids meet, in openings above the lower lid."""
    contact_follow: float
    """How much of a lower lid's raise (squint, smile) lifts the place where the lids meet."""
    lid: np.ndarray
    """(L,) rows of lid bones, then for each: the opposite lid's row, its eye's row, side 0 or 1, whether upper."""
    pair: np.ndarray
    eye: np.ndarray
    side: np.ndarray
    upper: np.ndarray
    regions: tuple[str, ...]
    """(B,)."""


@cache
def _poses(names: tuple[str, ...]) -> _Poses:
    table = load_table("arkit_poses")
    row = {name: i for i, name in enumerate(names)}
    shapes, bones = len(ARKIT_SHAPES), len(names)
    move, turn, hinge = np.zeros((shapes, bones, 3)), np.zeros((shapes, bones, 3)), np.zeros((shapes, bones, 1))
    lids = np.zeros((shapes, 2, 2))
    for s, shape in enumerate(ARKIT_SHAPES):
        entry = _entry(table["shapes"], shape)
        for bone, values in entry["bones"].items():
            if bone in row:
                move[s, row[bone]] = values.get("move", 0.0)
                turn[s, row[bone]] = np.radians(values.get("turn", 0.0))
                hinge[s, row[bone]] = np.radians(values.get("hinge", 0.0))
        for side, values in entry["lids"].items():
            lids[s, _SIDES.index(side)] = values
    rig = {entry["name"]: entry for entry in load_table("face_rig")["bones"]}
    known = [
        name for name in names if name in rig and rig[name].get("pair") in row and f"eye.{rig[name].get('eye')}" in row
    ]
    return _Poses(
        move=move,
        turn=turn,
        hinge=hinge,
        lids=lids,
        contact=table["lids"]["contact"],
        contact_follow=table["lids"]["contact_follow"],
        lid=np.array([row[n] for n in known], int),
        pair=np.array([row[rig[n]["pair"]] for n in known], int),
        eye=np.array([row[f"eye.{rig[n]['eye']}"] for n in known], int),
        side=np.array([_SIDES.index(rig[n]["eye"]) for n in known], int),
        upper=np.array(["upper" in n for n in known], bool),
        regions=tuple(rig[n]["region"] if n in rig else "" for n in names),
    )


def _entry(table: dict[str, Any], shape: str) -> dict[str, Any]:
    """Return one shape's bones and lids, all sides filled in: the table holds the left side and the middle only."""
    if shape in table and not shape.endswith("Left"):
        bones = table[shape].get("bones", {})
        mirrored = {_other_side(bone): _mirrored(values) for bone, values in bones.items()}
        lids = table[shape].get("lids")
        return {"bones": {**mirrored, **bones}, "lids": {side: lids for side in _SIDES if lids}}
    left = table[shape if shape in table else shape.removesuffix("Right") + "Left"]
    lids = left.get("lids")
    if shape in table:
        return {"bones": left.get("bones", {}), "lids": {"L": lids} if lids else {}}
    bones = {_other_side(bone): _mirrored(values) for bone, values in left.get("bones", {}).items()}
    return {"bones": bones, "lids": {"R": lids} if lids else {}}


def _other_side(bone: str) -> str:
    return bone[:-1] + {"L": "R", "R": "L"}[bone[-1]] if bone.endswith((".L", ".R")) else bone


def _mirrored(values: dict[str, Any]) -> dict[str, Any]:
    """Mirror one bone's pose: rotations are axial vectors, so other components change sign than in locations."""
    result = dict(values)
    if "move" in values:
        result["move"] = [-values["move"][0], *values["move"][1:]]
    if "turn" in values:
        result["turn"] = [values["turn"][0], -values["turn"][1], -values["turn"][2]]
    return result


def _scale(rest: RestPose) -> np.ndarray:
    """How much larger each bone's region is than on the average face, (B,)."""
    average = average_face()
    rulers: dict[str, list[int]] = load_table("arkit_poses")["rulers"]

    def size(region: str) -> float:
        a, b = rulers.get(region) or rulers["face"]
        return float(np.linalg.norm(rest.neutral[a] - rest.neutral[b]) / np.linalg.norm(average[a] - average[b]))

    regions = _poses(rest.names).regions
    sizes = {region: size(region) for region in set(regions)}
    return np.array([sizes[region] for region in regions])


def _place_lids(location: np.ndarray, controls: np.ndarray, poses: _Poses, heads: np.ndarray) -> None:
    """Set the lids' displacements (face axes, cm) in `location`, each on its arc about the eyeball."""
    if not len(poses.lid):
        return
    blink = np.clip(controls[:, _BLINK], 0.0, 1.0)
    ways = np.einsum("ns,sij->nij", controls, poses.lids)
    # Heights above the lower lid at rest, in openings.
    upper, lower = 1.0 + ways[..., 0], ways[..., 1]
    meeting = poses.contact + poses.contact_follow * np.maximum(lower, 0.0) + np.minimum(lower, 0.0)
    upper = upper + (meeting - upper) * blink
    lower = lower + (meeting - lower) * blink
    upper = np.maximum(upper, lower)
    height = np.where(poses.upper, upper[:, poses.side], lower[:, poses.side])[..., None]

    here, there = heads[poses.lid], heads[poses.pair]
    bottom = np.where(poses.upper[:, None], there, here) - heads[poses.eye]
    top = np.where(poses.upper[:, None], here, there) - heads[poses.eye]
    ray = bottom + height * (top - bottom)
    # A straight line between two points of a sphere cuts through it: the distance to the centre is kept apart.
    near, far = np.linalg.norm(bottom, axis=1, keepdims=True), np.linalg.norm(top, axis=1, keepdims=True)
    radius = near + np.clip(height, 0.0, 1.0) * (far - near)
    place = ray * (radius / np.maximum(np.linalg.norm(ray, axis=2, keepdims=True), 1e-9))
    location[:, poses.lid] = place + heads[poses.eye] - here
