# SPDX-FileCopyrightText: 2026 Mimica authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Turns a take into keyframes: resampled to the scene's rate, in one Action, the same each time."""

import time
from dataclasses import dataclass, field, replace

import bpy
import numpy as np

from ..mapping.calibration import PerformerProfile
from ..mapping.channels import BonePose
from ..mapping.contacts import find_contacts
from ..mapping.frame import FaceFrames
from ..mapping.landmarks import average_face
from ..mapping.mapper import MappingSettings
from ..mapping.motion import Motion
from ..mapping.performance import Performance, TakePerformance
from ..mapping.reduce import Tolerances
from ..mapping.resample import resample, scene_frame_times
from . import compat
from .base_pose import added, base_pose, remember
from .bind import Binding, bind
from .kept_pose import KeptPose
from .occupied import TAKE_PROPERTY, Existing, Occupied, find_occupied, is_baked, writable
from .places import address, find_slot, shape_path
from .pose_curves import Curve, Reduction, bone_curves, write_curves
from .rest_pose import read_rest_pose

_WIDEST = 1000.0
"""Ends of a property that are further apart say nothing of how far it goes."""


class BakeError(Exception):
    """The take cannot be baked; the text says why and what to do."""


@dataclass(frozen=True, slots=True)
class BakeSettings:
    """What the user chooses for a bake."""

    start_frame: float = 1.0
    """Scene frame of the range's first instant."""
    start: float = 0.0
    """Seconds after the take's first frame at which the range starts."""
    end: float = np.inf
    """Seconds after the take's first frame at which the range ends."""
    translation: float = 0.0
    """How much of the head's translation the character takes, 0 to 1."""
    mapping: MappingSettings = field(default_factory=MappingSettings)
    existing: Existing = "LEAVE"
    """What happens to channels that an action of the user's animates."""
    reduce: bool = False
    """Whether there are as few keys as the tolerances allow; else each channel has one at each frame."""
    tolerances: Tolerances = field(default_factory=Tolerances)
    """How far the curves may be from the performance then."""


@dataclass(frozen=True, slots=True)
class BakeResult:
    """What a bake made."""

    action: str
    first_frame: float
    last_frame: float
    keys: int
    curves: int
    seconds: float
    notes: tuple[str, ...] = ()
    """What was left alone, and what became of the user's own actions, as sentences."""


def bake_take(
    scene: bpy.types.Scene,
    target: bpy.types.Object | None,
    frames: FaceFrames,
    *,
    name: str,
    profile: PerformerProfile | None = None,
    settings: BakeSettings | None = None,
    kept: KeptPose | None = None,
) -> BakeResult:
    """Write a take's face to a character: see `bake`.

    :param name: the take's name.
    :param profile: the performer's; None finds the neutral in the take.
    """
    if not frames.found.any():
        raise _faceless(name)
    return bake(scene, target, TakePerformance(name, frames, profile), settings=settings, kept=kept)


def bake(
    scene: bpy.types.Scene,
    target: bpy.types.Object | None,
    performance: Performance,
    *,
    settings: BakeSettings | None = None,
    kept: KeptPose | None = None,
) -> BakeResult:
    """Write a performance to a character as F-curves of one Action. Main thread; pushes no undo step itself.

    Channels that are driven or locked get no keys. An action of the user's goes on playing below, from an NLA track.
    The performance's name names the Action, and finds it again on a later bake.

    :param kept: how the character stands without a preview, where one runs; None: as it stands now.
    :raises BakeError: there is nothing to bake.
    :raises TargetError: the target cannot be driven.
    """
    began = time.perf_counter()
    settings = settings or BakeSettings()
    if not performance.found.any():
        raise _faceless(performance.name)
    binding = bind(target, performance.neutral, settings.translation)
    motion = motion_to_bake(performance, binding, scene.render.fps / scene.render.fps_base, settings)
    return _write(scene, target, binding, motion, name=performance.name, settings=settings, kept=kept, began=began)


def motion_to_bake(performance: Performance, binding: Binding, rate: float, settings: BakeSettings) -> Motion:
    """Return the performance as it is keyed, one instant a frame. Raises BakeError when the range holds none.

    :param rate: the scene's frames a second.
    """
    # Nothing faster than the scene's rate can show: leave it out rather than let it alias.
    limit = _alias_limit(performance.times, rate)
    motion = performance.motion(binding.plan.groups, settings.mapping, limit)
    return resample(motion, _times_to_bake(performance.times, rate, settings))


def _faceless(name: str) -> BakeError:
    return BakeError(f"The take '{name}' holds no face. Record it again, with your face in the picture.")


def _write(
    scene: bpy.types.Scene,
    target: bpy.types.Object | None,
    binding: Binding,
    motion: Motion,
    *,
    name: str,
    settings: BakeSettings,
    kept: KeptPose | None,
    began: float,
) -> BakeResult:
    """Write a motion that is sampled at the scene's frames as F-curves of one Action; see `bake`.

    :param motion: solved for the groups of the binding's plan, one instant a frame from the settings' start frame on.
    :param began: moment of `time.perf_counter` from which the result counts its seconds.
    """
    keys_at = settings.start_frame + np.arange(len(motion), dtype=np.float64)
    occupied = find_occupied(binding)
    pose = binding.plan.pose(motion)
    base = None
    if settings.existing == "ADD":
        now = KeptPose.of(binding)
        base = base_pose(binding, occupied, now if kept is None else now.with_older(kept), keys_at)
    channels = _Channels()
    _gather(channels, binding, occupied, added(pose, occupied, base), settings.existing)
    for datablock, _ in channels.datablocks():
        if datablock.animation_data is not None and datablock.animation_data.use_tweak_mode:
            raise BakeError(
                f"A strip of '{datablock.name}' is being edited. Leave the tweak mode of the NLA editor "
                "(Tab), then bake again."
            )

    action = _action_for(target, name)
    notes = [sentence] if (sentence := occupied.summary(settings.existing)) else []
    curves = keys = 0
    reduction = _reduction(binding, motion, settings.tolerances) if settings.reduce else None
    actions = {action.name: action}
    for datablock, wanted in channels.datablocks():
        # Before slots an Action animates one type of data-block.
        own = action if compat.has_slots() or not curves else _action_for(datablock, f"{action.name} {datablock.name}")
        actions[own.name] = own
        notes += _make_room(datablock, own, float(keys_at[0]), max(float(keys_at[-1]), scene.frame_end))
        written = write_curves(datablock, own, wanted, keys_at, reduction)
        curves, keys = curves + written.curves, keys + written.keys
    if not curves:
        if action.users == 0:
            bpy.data.actions.remove(action)
        raise BakeError(f"Nothing of '{binding.target}' is free to be keyed. {occupied.summary(settings.existing)}")
    if base is not None:
        remember(actions.values(), binding, occupied, base)
    return BakeResult(
        action=action.name,
        first_frame=float(keys_at[0]),
        last_frame=float(keys_at[-1]),
        keys=keys,
        curves=curves,
        seconds=time.perf_counter() - began,
        notes=tuple(dict.fromkeys(notes)),
    )


def _times_to_bake(times: np.ndarray, rate: float, settings: BakeSettings) -> np.ndarray:
    """Return the take's times, (M,), at the scene's frames in the chosen range. Raises BakeError when there is none.

    :param times: (N,), seconds, of the take's own frames.
    """
    at = scene_frame_times(times, rate)
    offset = at - times[0]
    chosen = (offset >= settings.start - 1e-9) & (offset <= settings.end + 1e-9)
    if not chosen.any():
        length = times[-1] - times[0]
        raise BakeError(f"The range to bake lies outside the take, which is {length:.2f} s long. Choose another range.")
    return at[chosen]


def _alias_limit(times: np.ndarray, rate: float) -> float:
    """Hz: below the scene's Nyquist frequency when the take is much faster than the scene, else no limit."""
    if len(times) < 2:
        return np.inf
    source = 1.0 / max(float(np.median(np.diff(times))), 1e-6)
    return 0.45 * rate if source > 1.5 * rate else np.inf


def _reduction(binding: Binding, motion: Motion, allowed: Tolerances) -> Reduction:
    """Return how far curves may be from the performance, in the character's own size."""
    armature = bpy.data.objects.get(binding.armature) if binding.armature else None
    centimetre = 1.0
    if armature is not None and armature.data.bones:
        rest, sides = read_rest_pose(armature, binding.plan.character), [234, 454]
        width, usual = (float(np.linalg.norm(np.diff(face[sides], axis=0))) for face in (rest.neutral, average_face()))
        centimetre = rest.unit * width / usual
    scaled = replace(allowed, location=allowed.location * centimetre)
    return Reduction(scaled, find_contacts(binding.plan.character, motion))


def _action_for(target: bpy.types.ID | None, take: str) -> bpy.types.Action:
    """Return the Action this take was baked into for this target before, or a new one."""
    tag = f"{target.name if target else ''}|{take}"
    for action in bpy.data.actions:
        if action.get(TAKE_PROPERTY) == tag:
            return action
    action = bpy.data.actions.new(take)
    action[TAKE_PROPERTY] = tag
    return action


class _Channels:
    """What is to be keyed, by data-block."""

    def __init__(self) -> None:
        self._found: dict[str, tuple[bpy.types.ID, list[Curve]]] = {}

    def add(self, datablock: bpy.types.ID, curves: list[Curve]) -> None:
        """Take the channels of a data-block."""
        if curves:
            key = f"{datablock.bl_rna.identifier} {datablock.name_full}"
            self._found.setdefault(key, (datablock, []))[1].extend(curves)

    def datablocks(self) -> list[tuple[bpy.types.ID, list[Curve]]]:
        """Return the data-blocks in the order in which they came, each with its channels."""
        return list(self._found.values())


def _gather(
    channels: _Channels,
    binding: Binding,
    occupied: Occupied,
    values: tuple[BonePose, np.ndarray, np.ndarray],
    existing: Existing,
) -> None:
    plan, (bones, shapes, properties) = binding.plan, values
    if binding.armature and plan.bones:
        armature = bpy.data.objects[binding.armature]
        curves = bone_curves(
            armature,
            plan.bones,
            bones,
            located=plan.located & writable(occupied.location, existing),
            turned=plan.turned[:, None] & writable(occupied.rotation, existing),
            scaled=plan.scaled & writable(occupied.scale, existing),
        )
        channels.add(armature, curves)
    for i in np.flatnonzero(writable(occupied.shapes, existing)):
        place = occupied.shape_places[i]
        keys = bpy.data.objects[place.mesh].data.shape_keys
        block = keys.key_blocks[place.key]
        kept = np.clip(shapes[:, i], block.slider_min, block.slider_max)
        owner = ("shape_key", place.key)
        channels.add(keys, [Curve(shape_path(place.key), 0, "Shape Keys", kept, "value", owner)])
    for i in np.flatnonzero(writable(occupied.properties, existing)):
        place = occupied.property_places[i]
        obj = bpy.data.objects[place.object]
        found, slot = address(obj, place.path), find_slot(obj, place.path)
        if found is not None and slot is not None:
            least, most = slot.limits()
            kept = np.clip(properties[:, i], least, most)
            owner, size = ("property", place.path), most - least if most - least < _WIDEST else 1.0
            curve = Curve(found[1], 0, "Properties", kept, "value", owner, size)
            if not isinstance(slot.get(), float):
                curve = replace(curve, values=np.rint(kept), kind="steps")
            channels.add(found[0], [curve])


def _make_room(datablock: bpy.types.ID, action: bpy.types.Action, first: float, last: float) -> list[str]:
    """See to it that the action that a data-block has is neither lost nor silenced; say what became of it."""
    animation = datablock.animation_data
    present = animation.action if animation is not None else None
    if present is None or present == action:
        return []
    if is_baked(present):
        # Another take of ours gives way; its keys stay in the file.
        present.use_fake_user = True
        return []
    name = compat.push_down(datablock, first, last)
    return [f"'{name}' goes on playing from an NLA track."]
