# SPDX-FileCopyrightText: 2026 Mimica authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Measures what the constraints of a rig do: moves a copy of it, in a scene of its own, and looks what comes along.

The user's rig is not touched, nor evaluated: not its pose, its selection or its mode, and no mesh that hangs on it.
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace

import bpy
import numpy as np

from ..mapping import rotation as rot
from ..mapping.channels import ChannelPlan, RestPose
from ..mapping.character_map import BoneEntry, CharacterMap
from ..mapping.data import load_table
from ..mapping.frame import ARKIT_SHAPES
from ..mapping.motion import Motion
from ..mapping.response import Response, ResponseSolver, bend_terms, gaze_terms, groups_apart

_STEP = 0.05
"""cm that a control is moved to see how its neighbours respond."""
_SEEK = 0.3
"""cm that it is moved to see which neighbours respond at all."""
_RESPONDS = 0.01
"""Share of that way from which a neighbour responds."""
_NECK_TURN = 0.3
_ASIDE = 0.08
"""Radians: how far the neck and the jaw are turned to see what follows them."""
_GAZES = ((0.4, 0.0), (-0.4, 0.0), (0.0, 0.35), (0.0, -0.35), (0.3, 0.25), (-0.3, -0.25), (0.3, -0.25), (-0.3, 0.25))
"""Yaw and pitch at which it is seen what the eyes take along, radians."""
_BLINKS = tuple((closure, yaw, pitch) for closure in (0.5, 1.0) for yaw, pitch in ((0, 0), *_GAZES[:4]))
"""Closure of the lids, yaw and pitch at which it is seen whether they arrive."""
_CORRECTIONS = 2


def measure_response(armature: bpy.types.Object, character: CharacterMap, rest: RestPose) -> Response:
    """Find out what the rig does by itself when its controls are moved. Main thread; about a second.

    :param rest: of the armature, by this map.
    """
    index = {name: i for i, name in enumerate(rest.names)}
    entries = [e for e in character.bones if e.enabled and e.bone in index]
    with _probe(armature, rest) as probe:
        measuring = _Measuring(probe, entries, rest, index)
        return measuring.with_bend(measuring.response(), character)


class _Probe:
    """The copy of a rig, which is posed and read, everything in the character's axes and centimetres."""

    def __init__(self, obj: bpy.types.Object, layer: bpy.types.ViewLayer, rest: RestPose) -> None:
        self._obj, self._layer, self._rest = obj, layer, rest
        bones = obj.pose.bones
        # The axes of a rest pose are the character's, those of the bones the armature's.
        first = np.array(obj.data.bones[0].matrix_local.to_3x3(), np.float64)
        self._rotation = rest.axes[0] @ first.T
        self._own = rot.quaternion_from_matrix(rest.axes)
        self._blank = {
            "location": np.zeros((len(bones), 3), np.float32),
            "rotation_quaternion": np.tile(np.array([1, 0, 0, 0], np.float32), (len(bones), 1)),
            "rotation_euler": np.zeros((len(bones), 3), np.float32),
            "rotation_axis_angle": np.tile(np.array([0, 0, 1, 0], np.float32), (len(bones), 1)),
            "scale": np.ones((len(bones), 3), np.float32),
        }
        for name, values in self._blank.items():
            bones.foreach_set(name, values.ravel())
        self._matrices = np.zeros(16 * len(bones), np.float32)
        self.still = self.place({}, {})
        """(B, 3) and (B, 3, 3) at rest."""

    def free(self, row: int) -> np.ndarray:
        """Return which location channels of a bone are not locked, bool (3,)."""
        return ~np.array(self._obj.pose.bones[row].lock_location, bool)

    def place(self, moves: Mapping[int, np.ndarray], turns: Mapping[int, np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
        """Pose some bones, the others resting, and return where all are, (B, 3), and how they are turned, (B, 3, 3).

        :param moves: location channels, cm. :param turns: quaternions about the character's axes.
        """
        bones = self._obj.pose.bones
        location, rotation = self._blank["location"].copy(), self._blank["rotation_quaternion"].copy()
        for row, move in moves.items():
            location[row] = move * self._rest.unit
        for row, turn in turns.items():
            bones[row].rotation_mode = "QUATERNION"
            own = self._own[row]
            rotation[row] = rot.multiply(rot.conjugate(own), rot.multiply(turn, own))
        bones.foreach_set("location", location.ravel())
        bones.foreach_set("rotation_quaternion", rotation.ravel())
        self._obj.update_tag(refresh={"OBJECT"})
        self._layer.update()
        posed = self._obj.evaluated_get(self._layer.depsgraph)
        posed.pose.bones.foreach_get("matrix", self._matrices)
        # Blender's matrices come column by column.
        matrices = self._matrices.reshape(-1, 4, 4).transpose(0, 2, 1).astype(np.float64)
        return matrices[:, :3, 3] @ self._rotation.T / self._rest.unit, self._rotation @ matrices[:, :3, :3]


@contextmanager
def _probe(armature: bpy.types.Object, rest: RestPose) -> Iterator[_Probe]:
    """Give a copy of a rig in a scene of its own, and remove both in the end."""
    scene = bpy.data.scenes.new("Mimica Response")
    made: list[bpy.types.ID] = []
    try:
        obj = armature.copy()
        made.append(obj)
        data = armature.data.copy()
        made.append(data)
        obj.data = data
        data.pose_position = "POSE"
        obj.hide_viewport = False
        for thing in (obj, data):
            if thing.animation_data is not None:
                thing.animation_data.action = None
                for track in thing.animation_data.nla_tracks:
                    track.mute = True
        _refer_to_copy(armature, obj)
        scene.collection.objects.link(obj)
        yield _Probe(obj, scene.view_layers[0], rest)
    finally:
        bpy.data.scenes.remove(scene)
        bpy.data.batch_remove(made)


def _refer_to_copy(original: bpy.types.Object, copied: bpy.types.Object) -> None:
    """Let constraints and drivers of a copied rig look at the copy where they look at the rig."""
    swap = {original: copied, original.data: copied.data}
    for bone in copied.pose.bones:
        for constraint in bone.constraints:
            for name in ("target", "pole_target", "space_object"):
                if getattr(constraint, name, None) == original:
                    setattr(constraint, name, copied)
            for target in getattr(constraint, "targets", ()):
                if target.target == original:
                    target.target = copied
    for thing in (copied, copied.data):
        for curve in thing.animation_data.drivers if thing.animation_data else ():
            for variable in curve.driver.variables:
                for target in variable.targets:
                    if target.id in swap:
                        target.id = swap[target.id]


@dataclass(slots=True, eq=False)
class _Measuring:
    """One measurement, step by step."""

    probe: _Probe
    entries: list[BoneEntry]
    rest: RestPose
    index: dict[str, int]

    def response(self) -> Response:
        moved = [e for e in self.entries if e.drive in ("landmarks", "lid")]
        rows = np.array([self.index[e.bone] for e in moved], int)
        jaw = next((e for e in self.entries if e.drive == "jaw"), None)
        full = load_table("geometry")["jaw"]["open_full"] * (max(abs(jaw.gain), 0.5) if jaw else 0.0)
        angles = np.array([0.0, 0.5, 1.0]) * full if jaw else np.zeros(1)
        openings = np.linspace(0.0, full, 5) if jaw else np.zeros(1)
        influence = self._influence(rows)
        opened = [self._opened(jaw, rows, angle) for angle in openings]
        return Response(
            bones=tuple(e.bone for e in moved),
            angles=angles,
            jacobian=np.array([self._jacobian(rows, influence, self._jaw(jaw, angle)) for angle in angles]),
            openings=openings,
            opened=np.array([way for way, _ in opened]),
            tilted=np.array([turn for _, turn in opened]),
            slid=self._slid(jaw, rows, 0.5 * full),
            aside=np.array([self._aside(jaw, rows, angle) for angle in angles]),
            gaze=np.array([self._carried_by_eye(side, rows) for side in "LR"]),
            bend=np.zeros((4, len(rows), 3)),
            head_follows_neck=self._head_follows_neck(),
            targets_follow=(self._target_follows("L"), self._target_follows("R")),
        )

    def with_bend(self, response: Response, character: CharacterMap) -> Response:
        """Return the response with what lids need to arrive where they are to be while they close."""
        drives = {e.bone: e.drive for e in self.entries}
        lids = np.array([drives[name] == "lid" for name in response.bones])
        if not lids.any():
            return response
        rows = np.array([self.index[name] for name in response.bones])
        # Lids that close as far as they are told to, so that what is learned holds for every gain.
        plain = replace(character, bones=tuple(replace(e, gain=1.0, mirror=False) for e in self.entries), strengths={})
        blinks = np.array(_BLINKS)
        terms = np.linalg.pinv(bend_terms(blinks[:, 0], blinks[:, 1:]))
        for _ in range(_CORRECTIONS):
            plan, solver = ChannelPlan(plain, self.rest, None, response), ResponseSolver(response, self.rest.axes[rows])
            motion = _blinking(blinks, len(plan.groups))
            arrived = self._arrived(plan, motion)[:, rows] - self.probe.still[0][rows]
            missing = (plan.wanted(motion) - arrived) * lids[:, None]
            more = np.tensordot(terms, solver.channels(missing, solver.jaw(np.zeros(len(motion)))), 1)
            response = replace(response, bend=response.bend + more * lids[:, None])
        return response

    def _arrived(self, plan: ChannelPlan, motion: Motion) -> np.ndarray:
        """Return where all bones come to be, (N, B, 3), by a plan."""
        pose = plan.evaluate(motion)
        rows = [self.index[name] for name in plan.bones]
        own = rot.quaternion_from_matrix(self.rest.axes[rows])
        turned = rot.multiply(own, rot.multiply(pose.rotation, rot.conjugate(own)))
        ways = pose.location / self.rest.unit
        return np.array(
            [
                self.probe.place(dict(zip(rows, way, strict=True)), dict(zip(rows, turn, strict=True)))[0]
                for way, turn in zip(ways, turned, strict=True)
            ]
        )

    def _jaw(self, jaw: BoneEntry | None, opening: float, aside: float = 0.0) -> dict[int, np.ndarray]:
        if jaw is None:
            return {}
        turn = rot.multiply(rot.exp(np.array([0.0, 0.0, aside])), rot.exp(np.array([opening, 0.0, 0.0])))
        return {self.index[jaw.bone]: turn}

    def _influence(self, rows: np.ndarray) -> np.ndarray:
        """Return bool (L, L): whether each control, column by column, moves a place."""
        found = np.zeros((len(rows), len(rows)), bool)
        for k, row in enumerate(rows):
            free = self.probe.free(row)
            # No axis of a rig is likely to lie square to this.
            where, _ = self.probe.place({row: _SEEK * free * [0.6, 0.5, 0.62]}, {})
            found[:, k] = np.linalg.norm((where - self.probe.still[0])[rows], axis=1) > _RESPONDS * _SEEK
            found[k, k] = True
        return found

    def _jacobian(self, rows: np.ndarray, influence: np.ndarray, turns: dict[int, np.ndarray]) -> np.ndarray:
        """Return (L, 3, L, 3), see `Response.jacobian`."""
        result = np.zeros((len(rows), 3, len(rows), 3))
        base, _ = self.probe.place({}, turns)
        for group in groups_apart(influence):
            for axis in range(3):
                step = np.zeros(3)
                step[axis] = _STEP
                moves = {int(rows[k]): step for k in group if self.probe.free(int(rows[k]))[axis]}
                if not moves:
                    continue
                where, _ = self.probe.place(moves, turns)
                way = (where - base)[rows] / _STEP
                for k in group:
                    if int(rows[k]) in moves:
                        result[influence[:, k], :, k, axis] = way[influence[:, k]]
        return result

    def _opened(self, jaw: BoneEntry | None, rows: np.ndarray, angle: float) -> tuple[np.ndarray, np.ndarray]:
        where, how = self.probe.place({}, self._jaw(jaw, angle))
        turned = how[rows] @ self.probe.still[1][rows].transpose(0, 2, 1)
        return (where - self.probe.still[0])[rows], rot.log(rot.quaternion_from_matrix(turned))

    def _aside(self, jaw: BoneEntry | None, rows: np.ndarray, angle: float) -> np.ndarray:
        if jaw is None:
            return np.zeros((len(rows), 3))
        ends = [self.probe.place({}, self._jaw(jaw, angle, way * _ASIDE))[0][rows] for way in (-1.0, 1.0)]
        return (ends[1] - ends[0]) / (2.0 * _ASIDE)

    def _slid(self, jaw: BoneEntry | None, rows: np.ndarray, angle: float) -> np.ndarray:
        """Return (L, 3, 3), see `Response.slid`."""
        result = np.zeros((len(rows), 3, 3))
        if jaw is None:
            return result
        row, turned = self.index[jaw.bone], self._jaw(jaw, angle)
        base, _ = self.probe.place({}, turned)
        for axis in np.flatnonzero(self.probe.free(row)):
            step = np.zeros(3)
            step[axis] = _SEEK
            where, _ = self.probe.place({row: step}, turned)
            result[:, :, axis] = (where - base)[rows] / _SEEK
        return result

    def _carried_by_eye(self, side: str, rows: np.ndarray) -> np.ndarray:
        """Return (5, L, 3), see `Response.gaze`."""
        eyes = [e for e in self.entries if e.drive in ("eye", "eye_target") and e.side == side]
        if not eyes:
            return np.zeros((5, len(rows), 3))
        found: list[np.ndarray] = []
        for yaw, pitch in _GAZES:
            turn = rot.multiply(rot.exp(np.array([0.0, 0.0, yaw])), rot.exp(np.array([-pitch, 0.0, 0.0])))
            moves: dict[int, np.ndarray] = {}
            turns: dict[int, np.ndarray] = {}
            for eye in eyes:
                row = self.index[eye.bone]
                if eye.drive == "eye":
                    turns[row] = turn
                elif eye.pair in self.index:
                    line = self.rest.heads[row] - self.rest.heads[self.index[eye.pair]]
                    moves[row] = self.rest.axes[row].T @ (rot.matrix_from_quaternion(turn) @ line - line)
            where, _ = self.probe.place(moves, turns)
            found.append((where - self.probe.still[0])[rows])
        return np.tensordot(gaze_terms(_GAZES), np.array(found), 1)

    def _head_follows_neck(self) -> float:
        head = next((e for e in self.entries if e.drive == "head"), None)
        neck = next((e for e in self.entries if e.drive == "neck"), None)
        if head is None or neck is None:
            return 1.0
        vector = np.array([_NECK_TURN, 0.0, 0.0])
        _, how = self.probe.place({}, {self.index[neck.bone]: rot.exp(vector)})
        row = self.index[head.bone]
        turned = rot.log(rot.quaternion_from_matrix(how[row] @ self.probe.still[1][row].T))
        return float(np.clip(turned @ vector / (vector @ vector), 0.0, 1.0))

    def _target_follows(self, side: str) -> float:
        """Return which share of the head's rotation an eye's target takes along."""
        head = next((e for e in self.entries if e.drive == "head"), None)
        target = next((e for e in self.entries if e.drive == "eye_target" and e.side == side), None)
        if head is None or target is None:
            return 1.0
        turn = rot.exp(np.array([0.0, 0.0, _NECK_TURN]))
        where, _ = self.probe.place({}, {self.index[head.bone]: turn})
        row = self.index[target.bone]
        arm = self.rest.heads[row] - self.rest.heads[self.index[head.bone]]
        expected = rot.matrix_from_quaternion(turn) @ arm - arm
        way = where[row] - self.probe.still[0][row]
        return round(float(np.clip(way @ expected / max(expected @ expected, 1e-9), 0.0, 1.0)), 3)


def _blinking(blinks: np.ndarray, groups: int) -> Motion:
    """Return a motion (N) whose both eyes close and look as rows of closure, yaw and pitch say."""
    motion = Motion.neutral(np.arange(len(blinks), dtype=float), groups)
    for side in ("Left", "Right"):
        motion.controls[:, ARKIT_SHAPES.index(f"eyeBlink{side}")] = blinks[:, 0]
    motion.gaze[:] = blinks[:, None, 1:]
    return motion
