# SPDX-FileCopyrightText: 2026 Mimica authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""From motion to the values of a character's channels, time first.

Armature axes: Blender's, the character looks along -Y, its own left is +X; face space (x, y, z) is (x, -z, y) there.
"""

from dataclasses import dataclass

import numpy as np

from . import rotation as rot
from .character_map import BoneEntry, CharacterMap
from .control_channels import ControlChannels
from .data import load_table
from .frame import ARKIT_SHAPES
from .landmarks import average_face, weight_matrix
from .lid_travel import Lids, compile_lids, lid_closure, lid_travel
from .lip_contact import find_pairs, meet
from .mirror import mirror_landmarks, mirror_shapes
from .motion import Motion
from .response import JawWeights, Response, ResponseSolver

_FACE_TO_ARMATURE = np.array([[1.0, 0.0, 0.0], [0.0, 0.0, -1.0], [0.0, 1.0, 0.0]])
_SINKS, _SINKS_MORE = 0.3, 0.3
"""How far lips and chin go back as they are seen to, cm of an average face: as far as fully rolled lips do. And how far
at most beyond that, less and less: behind them are teeth, and the tracker's depth of the lower face is a guess."""
_MOST = 3.0
"""How far a control of a constrained rig goes at most from where the rig carries it, cm of an average face: lips that
close a mouth whose jaw is wide open need two and a half. Beyond it something went wrong."""
_SLIDES, _SLIDE_SHARE, _SLIDE_MOST = (0.03, 0.2), 0.75, 1.5
"""Openings of the jaw, radians, from where on it slides, and does in full; how much of what the chin lacks it makes
good then, and how far at most, cm of an average face: the jaw's heads leave their sockets by that much."""
_TURNING = ("jaw", "eye", "head", "neck")
_BONE_KINDS = ("location", "rotation", "scale")
_REGION_RULERS = {
    "mouth": (61, 291),
    "tongue": (61, 291),
    "brows": (33, 263),
    "nose": (129, 358),
    "cheeks": (234, 454),
    "jaw": (168, 152),
}
"""Landmark pairs whose distance says how large a region is."""


@dataclass(frozen=True, slots=True, eq=False)
class RestPose:
    """An armature at rest, as far as the mapping needs it. Positions in centimetres of the character's own size."""

    names: tuple[str, ...]
    parents: tuple[str, ...]
    """The parent's name; empty for roots."""
    heads: np.ndarray
    """float (B, 3), armature axes, cm."""
    axes: np.ndarray
    """float (B, 3, 3): the bone's rest axes as columns, in armature axes."""
    unit: float
    """Scene units per centimetre."""
    neutral: np.ndarray
    """float (478, 3), face space, cm: the character's face at rest; the average face where it is not known."""


@dataclass(frozen=True, slots=True, eq=False)
class BonePose:
    """Pose bone channels at N instants, in the order of `ChannelPlan.bones`."""

    location: np.ndarray
    """float (N, B, 3): each bone's own location channels, scene units."""
    rotation: np.ndarray
    """float (N, B, 4): wxyz."""
    scale: np.ndarray | None = None
    """float (N, B, 3); None where nothing is scaled."""


@dataclass(frozen=True, slots=True, eq=False)
class CharacterPose:
    """All channels of a character at N instants, in the orders of its `ChannelPlan`."""

    bones: BonePose
    shapes: np.ndarray
    """float (N, S), in the order of `ChannelPlan.shapes`."""
    properties: np.ndarray
    """float (N, P), in the order of `ChannelPlan.properties`."""


@dataclass(frozen=True, slots=True, eq=False)
class _Followers:
    """Bones that follow landmarks and share the nearest driven ancestor."""

    parent: int | None
    """Row of that ancestor; None when only head or neck, or nothing, carries them."""
    rows: np.ndarray
    groups: np.ndarray


@dataclass(frozen=True, slots=True, eq=False)
class _Posed:
    """All bones that controls put into a pose, each array by bone."""

    rows: np.ndarray
    controls: np.ndarray
    """Columns of the controls."""
    move: np.ndarray
    """(P, 3), cm, armature axes, at full amount."""
    turn: np.ndarray
    """(P, 3), rotation vectors, radians, armature axes, at full amount."""


@dataclass(frozen=True, slots=True, eq=False)
class _Responding:
    """A constrained rig's controls, in the order of its response: L of them."""

    solver: ResponseSolver
    rows: np.ndarray
    of_follower: np.ndarray
    """Place of each bone that follows landmarks."""
    of_lid: np.ndarray
    """Place of each lid."""
    eye_of_lid: np.ndarray
    """0 for a lid of the character's left eye, 1 for one of the right."""
    of_chin: np.ndarray
    """bool, of the bones that follow landmarks: which are the chin's."""
    jaw: int
    """Row of the jaw; -1 without one."""


class ChannelPlan:
    """A character map compiled against a rest pose: motion in, channel values out. Immutable after construction."""

    def __init__(
        self,
        character: CharacterMap,
        rest: RestPose | None,
        performer_neutral: np.ndarray | None = None,
        response: Response | None = None,
    ) -> None:
        """Compile.

        :param rest: None for a character without bones.
        :param performer_neutral: (478, 3), cm; motions are scaled from this face to the character's. None: no scaling.
        :param response: what the rig's constraints do, measured for this map; None: bones move as their parents say.
        """
        index = {} if rest is None else {name: i for i, name in enumerate(rest.names)}
        entries = [e for e in character.bones if e.bone in index and e.enabled]
        if rest is not None:
            # Parents first: a child is placed relative to what its parent already does.
            entries.sort(key=lambda e: _depth(rest, index, e.bone))
        row = {e.bone: i for i, e in enumerate(entries)}
        followers = [e for e in entries if e.drive == "landmarks"]
        average_to_performer = {} if performer_neutral is None else _region_scale(average_face(), performer_neutral)
        self.character = character
        self.response = response
        """What the rig's constraints do; None when bones move as their parents say."""
        pairs = sum(e.pair in {f.bone for f in followers} for e in followers)
        self._channels = ControlChannels(
            character.controls, character.strengths, average_to_performer, len(followers) + pairs
        )
        posed = [name for kind, _, name, _ in self._channels.channels if kind in _BONE_KINDS and name in index]
        self.bones: tuple[str, ...] = tuple(dict.fromkeys([*(e.bone for e in entries), *posed]))
        self.located, self.turned, self.scaled = self._driven(entries)
        self.shapes, self._shape_columns = self._of_kind("shape_key")
        """Object (empty: every mesh that has it) and name of each shape key that is driven."""
        self.properties, self._property_columns = self._of_kind("property")
        """Object (empty: the armature, else the target) and path of each property that is driven."""

        self._gain = np.array([e.gain * character.strength(e.region) for e in entries])
        self._unit = rest.unit if rest is not None else 1.0
        self._turning = [(i, e) for i, e in enumerate(entries) if e.drive in _TURNING]
        self._targets = [(i, e) for i, e in enumerate(entries) if e.drive == "eye_target" and e.pair in index]
        self._neck = next((i for i, e in enumerate(entries) if e.drive == "neck"), None)
        picked = [index[e.bone] for e in entries]
        self._heads = rest.heads[picked] if rest is not None else np.zeros((0, 3))
        self._axes = rest.axes[picked] if rest is not None else np.zeros((0, 3, 3))
        self._rest_rotation = rot.quaternion_from_matrix(self._axes)
        self._eyes = np.array([rest.heads[index[e.pair]] for _, e in self._targets]) if rest is not None else None
        parents = [_driven_parent(rest, index, e.bone, row) for e in entries] if rest is not None else []
        # Head and neck carry everything alike: nothing is to be undone for them.
        self._parents = [None if p is None or entries[p].drive in ("head", "neck") else p for p in parents]
        scale = _region_scale(rest.neutral, performer_neutral) if rest is not None else {}
        size = _region_scale(rest.neutral, average_face()) if rest is not None else {}
        self._followers = _batches(entries, followers, self._parents)
        self._follower_rows = np.array([row[e.bone] for e in followers], int)
        self._scale = np.array([scale.get(e.region, 1.0) for e in followers]) * self._gain[self._follower_rows]
        self._sides = np.array([[-1.0 if e.mirror else 1.0, 1.0, 1.0] for e in followers]).reshape(-1, 3)
        self._limits = np.array([e.limit * size.get(e.region, 1.0) for e in followers])
        face = (rest.neutral if rest is not None else average_face()) @ _FACE_TO_ARMATURE.T
        self._lips = find_pairs(followers, self._heads[self._follower_rows], face, self._scale)
        self._mouth = max(size.get("mouth", 1.0), 1e-6)
        averages = weight_matrix([e.landmarks for e in followers])
        for weights, entry in zip(averages, followers, strict=True):
            if entry.mirror:
                weights[:] = weights[mirror_landmarks()]
        self.groups: np.ndarray = np.concatenate([averages, self._lips.apart, self._channels.groups])
        """(G, 478): what `solve` needs of the landmarks; `evaluate` takes a motion solved for these groups."""
        centres = {e.side: self._heads[i] for i, e in enumerate(entries) if e.drive == "eye"}
        centres |= {} if rest is None else {e.side: rest.heads[index[e.pair]] for _, e in self._targets}
        self._lids = compile_lids(entries, row, self._heads, self._gain, centres)
        self._posed = _compile_posed(entries, size, self._gain)
        self._responding = None
        self._follows_neck = 1.0 if response is None else response.head_follows_neck
        if response is not None:
            self._responding = _compile_responding(
                response, entries, self._follower_rows, self._lids, self._axes, _MOST * size.get("mouth", 1.0)
            )
        self._before_teeth = self._flesh_before_teeth(entries)

    def pose(self, motion: Motion) -> CharacterPose:
        """Return all channels for a motion that was solved for `groups`."""
        values = self._channels.values(motion)
        return CharacterPose(
            self._bone_pose(motion, values), values[:, self._shape_columns], values[:, self._property_columns]
        )

    def shape_values(self, motion: Motion) -> np.ndarray:
        """Return shape key values, float (N, S), in the order of `shapes`."""
        return self._channels.values(motion)[:, self._shape_columns]

    def evaluate(self, motion: Motion) -> BonePose:
        """Return the bones' channels alone for a motion that was solved for `groups`."""
        return self._bone_pose(motion, self._channels.values(motion))

    def _driven(self, entries: list[BoneEntry]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Return which channels of each bone are driven: location (B, 3), rotation (B,), scale (B, 3)."""
        place = {name: i for i, name in enumerate(self.bones)}
        located, scaled = np.zeros((len(place), 3), bool), np.zeros((len(place), 3), bool)
        turned = np.zeros(len(place), bool)
        for i, entry in enumerate(entries):
            turned[i] = entry.drive in _TURNING or (entry.drive == "control" and any(entry.turn))
            located[i] = (
                entry.drive in ("landmarks", "lid", "eye_target")
                or (entry.drive == "control" and any(entry.move))
                or (entry.drive == "neck" and self.character.translation > 0.0)
                or (entry.drive == "jaw" and self.response is not None and self.response.jaw_slides)
            )
        by_kind = {"location": located, "scale": scaled}
        for kind, _, name, axis in self._channels.channels:
            if name in place and kind in by_kind:
                by_kind[kind][place[name], axis] = True
            elif name in place and kind == "rotation":
                turned[place[name]] = True
        self._more = {kind: self._onto_bones(kind, place) for kind in _BONE_KINDS}
        return located, turned, scaled

    def _onto_bones(self, kind: str, place: dict[str, int]) -> np.ndarray | None:
        """Return (K, B * 3): which axis of which bone each channel of a kind is; None when there is none."""
        onto = np.zeros((len(self._channels.channels), len(place), 3))
        for column, (k, _, name, axis) in enumerate(self._channels.channels):
            if k == kind and name in place:
                onto[column, place[name], axis] = 1.0
        return onto.reshape(len(onto), -1) if onto.any() else None

    def _of_kind(self, kind: str) -> tuple[tuple[tuple[str, str], ...], np.ndarray]:
        """Return object and name of the channels of a kind, and their columns."""
        found = [(i, (obj, name)) for i, (k, obj, name, _) in enumerate(self._channels.channels) if k == kind]
        return tuple(target for _, target in found), np.array([i for i, _ in found], int)

    def _bone_pose(self, motion: Motion, values: np.ndarray) -> BonePose:
        count, bones, anatomical = len(motion), len(self.bones), len(self._heads)
        location = np.zeros((count, bones, 3))
        rotation = np.zeros((count, bones, 4))
        rotation[..., 0] = 1.0
        if anatomical:
            location[:, :anatomical], rotation[:, :anatomical] = self._by_anatomy(motion)
        more = {kind: (values @ onto).reshape(count, bones, 3) for kind, onto in self._more.items() if onto is not None}
        if "location" in more:
            location += more["location"]
        if "rotation" in more:
            rotation = rot.multiply(rotation, rot.exp(more["rotation"]))
        return BonePose(location, rotation, 1.0 + more["scale"] if "scale" in more else None)

    def _by_anatomy(self, motion: Motion) -> tuple[np.ndarray, np.ndarray]:
        """Return location (N, A, 3) and rotation (N, A, 4) of the bones that do what their part of the face does."""
        count, bones = len(motion), len(self._heads)
        location = np.zeros((count, bones, 3))
        rotation = np.zeros((count, bones, 4))
        rotation[..., 0] = 1.0
        turns = self._turns(motion)
        if turns:
            rows = list(turns)
            own = self._rest_rotation[rows]
            turned = rot.multiply(np.stack(list(turns.values()), axis=1), own)
            rotation[:, rows] = rot.multiply(rot.conjugate(own), turned)
        if self._posed is not None:
            amount = motion.controls[:, self._posed.controls, None]
            location[:, self._posed.rows] = amount * self._posed.move
        if self._responding is None:
            followed = self._followed(motion, self._tilted(turns))
            for batch in self._followers:
                wanted = followed[:, batch.groups]
                own = self._without_parent(batch.parent, batch.rows, wanted, turns, location)
                held = self._before_teeth[batch.groups]
                own[:, held, 1] = _stopped(own[:, held, 1], _SINKS * self._mouth, _SINKS_MORE * self._mouth)
                location[:, batch.rows] = own
            if self._lids is not None:
                location[:, self._lids.rows] = lid_travel(self._lids, motion)
        for k, (i, entry) in enumerate(self._targets):
            location[:, i] = self._target_way(motion, i, entry, k)
        if self._neck is not None and self.character.translation:
            location[:, self._neck] = motion.head_translation @ _FACE_TO_ARMATURE.T * self.character.translation
        # Until here along the armature's axes; now along each bone's own.
        location = np.einsum("nbi,bij->nbj", location, self._axes)
        if self._responding is not None:
            self._put_solved(self._responding, motion, location)
        return location * self._unit, rotation

    def _target_way(self, motion: Motion, row: int, entry: BoneEntry, number: int) -> np.ndarray:
        """Return the way of an eye's target, (N, 3), that turns the line from the eye to it as the gaze turns."""
        yaw, pitch = self._gaze(motion, row, entry)
        assert self._eyes is not None
        line = self._heads[row] - self._eyes[number]
        turned = rot.multiply(_about(2, yaw), _about(0, -pitch))
        way = rot.matrix_from_quaternion(turned) @ line - line
        follows = 1.0 if self.response is None else float(self.response.targets_follow["LR".index(entry.side)])
        head = next((i for i, e in self._turning if e.drive == "head"), None)
        if follows == 1.0 or head is None:
            return way
        # A target that the rig leaves where it is while the head turns goes round with the head.
        arm = self._heads[row] + way - self._heads[head]
        whole = self._whole_turn(motion)
        carried = (rot.matrix_from_quaternion(whole) @ arm[..., None])[..., 0] - arm
        if self._neck is not None:
            up = self._heads[head] - self._heads[self._neck]
            carried += rot.matrix_from_quaternion(self._neck_turn(whole)) @ up - up
        return way + (1.0 - follows) * carried

    def _gaze(self, motion: Motion, row: int, entry: BoneEntry) -> tuple[np.ndarray, np.ndarray]:
        """Return yaw and pitch, each (N,), of the eye that an entry follows."""
        left = (entry.side == "L") != entry.mirror
        yaw, pitch = np.moveaxis(motion.gaze[:, 0 if left else 1] * self._gain[row], -1, 0)
        return (-yaw if entry.mirror else yaw), pitch

    def _flesh_before_teeth(self, entries: list[BoneEntry]) -> np.ndarray:
        """Return bool (G,): bones that cannot go back against their parent, for there are teeth: lips, and the chin.

        None without a jaw: then the chin goes back as the mouth opens.
        """
        jaws = [i for i, e in enumerate(entries) if e.drive == "jaw"]
        if self._responding is not None and jaws:
            held = np.array([e.region == "jaw" for e in entries if e.drive == "landmarks"], bool)
            held[[*self._lips.upper, *self._lips.lower]] = True
            return held
        held = np.array([self._parents[row] in jaws for row in self._follower_rows], bool)
        if jaws:
            held[self._lips.upper] = True
        return held

    def _put_solved(self, responding: _Responding, motion: Motion, location: np.ndarray) -> None:
        """Put the own location channels, cm, of the controls of a constrained rig and of its jaw into `location`."""
        gaze = self._gaze_of_eyes(motion)
        wanted, carried, jaw, slide = self._wanted(responding, motion, gaze)
        solved = responding.solver.channels(wanted - carried, jaw)
        if self._lids is not None:
            closure, looks = lid_closure(self._lids, motion), gaze[:, responding.eye_of_lid]
            solved[:, responding.of_lid] += responding.solver.bent(responding.of_lid, closure, looks)
        location[:, responding.rows] = solved
        if slide is not None:
            location[:, responding.jaw] = slide

    def wanted(self, motion: Motion) -> np.ndarray:
        """Return how far each control of a constrained rig is to move, (N, L, 3) cm, in the order of its response."""
        assert self._responding is not None
        return self._wanted(self._responding, motion, self._gaze_of_eyes(motion))[0]

    def _wanted(
        self, responding: _Responding, motion: Motion, gaze: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray, JawWeights, np.ndarray | None]:
        """Return where controls are to go, where jaw and eyes carry them, (N, L, 3) cm, and what the jaw does.

        That is how far it opens, and its own location channels, (N, 3) cm; None for a jaw that cannot slide.
        """
        solver, followers = responding.solver, responding.of_follower
        opening, aside = self._jaw_angles(motion)
        jaw = solver.jaw(opening)
        by_jaw, by_gaze = solver.carried_by_jaw(jaw, aside), solver.carried_by_gaze(gaze)
        wanted = by_jaw + by_gaze
        lips = self._lips
        edges = np.concatenate([lips.upper_edge, lips.lower_edge])
        tilt = solver.tilt(followers[[*lips.upper, *lips.lower]], edges, jaw)
        # As with other rigs, what the jaw carries goes back no further than its flesh can.
        followed = self._followed(motion, tilt[:, : len(lips.upper)] - tilt[:, len(lips.upper) :])
        slide = None
        if responding.of_chin.any() and responding.solver.response.jaw_slides:
            missing = (followed - by_jaw[:, followers])[:, responding.of_chin].mean(axis=1)
            slide = _jaw_slide(missing, opening, self._mouth) @ self._axes[responding.jaw]
            by_jaw += responding.solver.carried_by_slide(slide)
            wanted = by_jaw + by_gaze
        own = followed - by_jaw[:, followers]
        held = self._before_teeth
        own[:, held, 1] = _stopped(own[:, held, 1], _SINKS * self._mouth, _SINKS_MORE * self._mouth)
        wanted[:, followers] = own + by_jaw[:, followers]
        if self._lids is not None:
            wanted[:, responding.of_lid] = lid_travel(self._lids, motion, by_gaze[:, responding.of_lid])
        return wanted, by_jaw + by_gaze, jaw, slide

    def _jaw_angles(self, motion: Motion) -> tuple[np.ndarray, np.ndarray]:
        """Return how far the character's jaw opens, and turns to its left, (N,) radians each."""
        jaw = next(((i, e) for i, e in self._turning if e.drive == "jaw"), None)
        if jaw is None:
            return np.zeros(len(motion)), np.zeros(len(motion))
        full, (row, entry) = load_table("geometry")["jaw"], jaw
        opening = motion.control("jawOpen") * full["open_full"] * self._gain[row]
        aside = (motion.control("jawLeft") - motion.control("jawRight")) * full["sideways_full"] * self._gain[row]
        return opening, -aside if entry.mirror else aside

    def _gaze_of_eyes(self, motion: Motion) -> np.ndarray:
        """Return the gaze of the character's eyes, (N, 2, 2), like a motion's; 0 of eyes it lacks."""
        gaze = np.zeros((len(motion), 2, 2))
        for row, entry in (*self._targets, *((i, e) for i, e in self._turning if e.drive == "eye")):
            gaze[:, 0 if entry.side == "L" else 1] = np.stack(self._gaze(motion, row, entry), axis=-1)
        return gaze

    def _tilted(self, turns: dict[int, np.ndarray]) -> np.ndarray:
        """Return how much further the edges of lips part than their bones' heads, because parents turn, (N, P, 3)."""
        lips = self._lips
        upper = self._tilt(self._follower_rows[lips.upper], lips.upper_edge, turns)
        return upper - self._tilt(self._follower_rows[lips.lower], lips.lower_edge, turns)

    def _followed(self, motion: Motion, tilted: np.ndarray) -> np.ndarray:
        """Return the displacements (N, G, 3) of the bones that follow landmarks, lips in contact.

        :param tilted: see `meet`.
        """
        moved = motion.displacement @ _FACE_TO_ARMATURE.T
        wanted = moved[:, : len(self._scale)] * self._sides * self._scale[:, None]
        if self._limits.any():
            wanted = _limited(wanted, self._limits)
        lips = self._lips
        if len(lips.upper):
            apart = moved[:, len(self._scale) : len(self._scale) + len(lips.upper)]
            meet(lips, wanted, apart, tilted, motion)
        return wanted

    def _tilt(self, rows: np.ndarray, arms: np.ndarray, turns: dict[int, np.ndarray]) -> np.ndarray:
        """Return how far points at `arms` (b, 3) from the heads of bones move as their parents turn, (N, b, 3) or 0."""
        tilt = np.zeros((1, *arms.shape))
        for parent in {self._parents[row] for row in rows} & turns.keys():
            here = np.array([self._parents[row] == parent for row in rows])
            matrix = rot.matrix_from_quaternion(turns[parent])
            tilt = np.where(here[:, None], arms @ matrix.transpose(0, 2, 1) - arms, tilt)
        return tilt

    def _turns(self, motion: Motion) -> dict[int, np.ndarray]:
        """Rotation of each rotating bone against its parent, quaternions (N, 4) about armature axes."""
        turns: dict[int, np.ndarray] = {}
        # The head goes as far as it is asked to, however much of it the neck takes.
        whole = self._whole_turn(motion)
        neck = self._neck_turn(whole)
        carried = neck if self._follows_neck == 1.0 else rot.exp(rot.log(neck) * self._follows_neck)
        for i, entry in self._turning:
            if entry.drive == "head":
                turns[i] = rot.multiply(rot.conjugate(carried), whole)
            elif entry.drive == "neck":
                turns[i] = neck
            elif entry.drive == "jaw":
                opening, aside = self._jaw_angles(motion)
                turns[i] = rot.multiply(_about(2, aside), _about(0, opening))
            elif entry.drive == "eye":
                yaw, pitch = self._gaze(motion, i, entry)
                turns[i] = rot.multiply(_about(2, yaw), _about(0, -pitch))
        if self._posed is not None:
            turned = rot.exp(motion.controls[:, self._posed.controls, None] * self._posed.turn)
            turns.update({int(row): turned[:, k] for k, row in enumerate(self._posed.rows)})
        return turns

    def _whole_turn(self, motion: Motion) -> np.ndarray:
        """Return the rotation of head and neck together, quaternions (N, 4) about armature axes."""
        head = motion.head_rotation.copy()
        head[:, 1:] = head[:, 1:] @ _FACE_TO_ARMATURE.T
        entry = next(((i, e) for i, e in self._turning if e.drive == "head"), None)
        return _of_head(head, self._gain[entry[0]], entry[1].mirror) if entry else head

    def _neck_turn(self, whole: np.ndarray) -> np.ndarray:
        """Return the neck's part of rotations (N, 4) of head and neck."""
        return rot.exp(rot.log(whole) * (self.character.neck_share if self._neck is not None else 0.0))

    def _without_parent(
        self,
        parent: int | None,
        rows: np.ndarray,
        wanted: np.ndarray,
        turns: dict[int, np.ndarray],
        location: np.ndarray,
    ) -> np.ndarray:
        """Displacements (N, b, 3) that bones `rows` need themselves, when their ancestors' motion is taken out."""
        if parent is None:
            return wanted
        wanted = self._without_parent(self._parents[parent], rows, wanted, turns, location)
        if parent not in turns:
            return wanted - location[:, parent, None]
        pivot, heads = self._heads[parent], self._heads[rows]
        forward = rot.matrix_from_quaternion(turns[parent])
        # Row vectors times the matrix are the inverse rotation.
        return (heads + wanted - pivot - location[:, parent, None]) @ forward + pivot - heads


def _limited(ways: np.ndarray, limits: np.ndarray) -> np.ndarray:
    """Return ways (N, G, 3) that approach their limits (G,), cm, softly; 0 is none."""
    length = np.linalg.norm(ways, axis=2)
    most = np.where(limits > 0.0, limits, np.inf)
    # tanh(x) / x, whose limit at 0 is 1.
    over = np.maximum(length / most, 1e-9)
    return ways * (np.tanh(over) / over)[..., None]


def _of_head(head: np.ndarray, gain: float, mirrored: bool) -> np.ndarray:
    """Return head rotations (N, 4) about armature axes, stronger or weaker, and mirrored."""
    if mirrored:
        head = head * [1.0, 1.0, -1.0, -1.0]
    return head if gain == 1.0 else rot.exp(rot.log(head) * gain)


def _stopped(way: np.ndarray, free: float, more: float) -> np.ndarray:
    """Return ways that are left alone up to `free` and approach `free + more` from there on."""
    over = np.maximum(way - free, 0.0)
    return way - over + more * np.tanh(over / more)


def _jaw_slide(missing: np.ndarray, opening: np.ndarray, size: float) -> np.ndarray:
    """Return how far the jaw slides, (N, 3) cm, armature axes: as a jaw does in its joints while it opens.

    :param missing: (N, 3): how far the chin is to go beyond where the jaw's rotation carries it.
    :param opening: (N,), radians. :param size: of the face, beside an average one.
    """
    start, full = _SLIDES
    open_ = np.clip((opening - start) / (full - start), 0.0, 1.0)
    way = missing * (_SLIDE_SHARE * open_ * open_ * (3.0 - 2.0 * open_))[:, None]
    return _limited(way[:, None], np.array([_SLIDE_MOST * size]))[:, 0]


def _batches(entries: list[BoneEntry], followers: list[BoneEntry], parents: list[int | None]) -> list[_Followers]:
    """Sort the bones that follow landmarks by their driven ancestor, ancestors first."""
    row = {e.bone: i for i, e in enumerate(entries)}
    order = list(dict.fromkeys(parents[row[e.bone]] for e in followers))
    batches: list[_Followers] = []
    for parent in order:
        members = [(g, row[e.bone]) for g, e in enumerate(followers) if parents[row[e.bone]] == parent]
        batches.append(
            _Followers(
                parent,
                np.array([i for _, i in members]),
                np.array([g for g, _ in members]),
            )
        )
    return batches


def _compile_posed(entries: list[BoneEntry], scale: dict[str, float], gain: np.ndarray) -> _Posed | None:
    posed = [(i, e) for i, e in enumerate(entries) if e.drive == "control"]
    if not posed:
        return None
    rows = np.array([i for i, _ in posed])
    size = np.array([[scale.get(e.region, 1.0)] for _, e in posed])
    mirror = np.array([[-1.0 if e.mirror else 1.0, 1.0, 1.0] for _, e in posed])
    shapes = [ARKIT_SHAPES.index(e.control) for _, e in posed]
    return _Posed(
        rows=rows,
        controls=np.array([mirror_shapes()[s] if e.mirror else s for s, (_, e) in zip(shapes, posed, strict=True)]),
        move=np.array([e.move for _, e in posed], float) * mirror * size * gain[rows, None] @ _FACE_TO_ARMATURE.T,
        turn=np.radians([e.turn for _, e in posed]) * mirror[:, [1, 0, 0]] * gain[rows, None] @ _FACE_TO_ARMATURE.T,
    )


def _compile_responding(
    response: Response,
    entries: list[BoneEntry],
    followers: np.ndarray,
    lids: Lids | None,
    axes: np.ndarray,
    limit: float,
) -> _Responding:
    row = {e.bone: i for i, e in enumerate(entries)}
    rows = np.array([row[name] for name in response.bones], int)
    place = {int(r): k for k, r in enumerate(rows)}
    return _Responding(
        ResponseSolver(response, axes[rows], limit),
        rows,
        np.array([place[int(r)] for r in followers], int),
        np.array([place[int(r)] for r in lids.rows] if lids is not None else [], int),
        lids.eyes if lids is not None else np.zeros(0, int),
        np.array([entries[r].region == "jaw" for r in followers], bool),
        next((i for i, e in enumerate(entries) if e.drive == "jaw"), -1),
    )


def _about(axis: int, angle: np.ndarray) -> np.ndarray:
    q = np.zeros((len(angle), 4))
    q[:, 0] = np.cos(angle / 2)
    q[:, 1 + axis] = np.sin(angle / 2)
    return q


def _depth(rest: RestPose, index: dict[str, int], name: str) -> int:
    depth = 0
    while name:
        name = rest.parents[index[name]]
        depth += 1
    return depth


def _driven_parent(rest: RestPose, index: dict[str, int], name: str, row: dict[str, int]) -> int | None:
    """Row of the nearest ancestor that the map drives."""
    name = rest.parents[index[name]]
    while name and name not in row:
        name = rest.parents[index[name]]
    return row[name] if name else None


def _region_scale(character: np.ndarray, performer: np.ndarray | None) -> dict[str, float]:
    """How much larger each region is on the character than on the performer."""
    if performer is None:
        return {}
    scale: dict[str, float] = {}
    for region, (a, b) in _REGION_RULERS.items():
        size = float(np.linalg.norm(performer[a] - performer[b]))
        scale[region] = float(np.linalg.norm(character[a] - character[b])) / size if size > 1e-6 else 1.0
    return scale
