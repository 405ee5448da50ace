# SPDX-FileCopyrightText: 2026 Mimica authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A face's animation carried over from one character to another: bones to shape keys, shape keys to bones, or alike.

Whatever animates the source, its channels are read back as ARKit's controls by the source's own map, and the controls
are baked to the target by the target's. The source is left as it is.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import bpy
import numpy as np

from ..mapping.channels import ChannelPlan
from ..mapping.character_map import CharacterMap, ControlEntry
from ..mapping.control_fit import ControlFit, Fitted
from ..mapping.control_take import ControlTake
from ..mapping.detection import Inventory, detect
from ..mapping.frame import ARKIT_SHAPES
from ..mapping.landmarks import average_face
from ..mapping.performance import ControlPerformance
from .bake import BakeResult, bake
from .bake_settings import BakeSettings
from .bind import Binding, TargetError, bind_map
from .character import stored_map
from .detect import inventory
from .occupied import Existing
from .read_channels import Animation, Progress, find_animation, read_channels
from .rest_pose import read_rest_pose

_MOST_FRAMES = 100_000
_UNEXPLAINED = 0.05
"""Share of the motion from which on it is said that no controls explain it."""
_SHOWN = 6
"""As many names are given in a sentence."""


class ConvertError(Exception):
    """An animation cannot be carried over; the text says why and what to do."""


@dataclass(frozen=True, slots=True)
class ConvertSettings:
    """What the user chooses."""

    first: int | None = None
    """Scene frame; None: where the source's animation begins."""
    last: int | None = None
    existing: Existing = "LEAVE"
    """What happens to channels of the target that an action animates."""


@dataclass(frozen=True, slots=True)
class Converted:
    """What came of it."""

    result: BakeResult
    notes: tuple[str, ...]
    """What could not be told, and what is to be done now, as sentences."""


def by_keys(obj: bpy.types.Object) -> bool:
    """Whether an object stands for its shape keys; else it stands for its character's bones and properties."""
    return obj.type == "MESH"


def can_be_end(obj: bpy.types.Object) -> bool:
    """Whether an object may be read from or written to. Cheap."""
    return obj.type == "ARMATURE" or (obj.type == "MESH" and obj.data.shape_keys is not None)


def part_binding(obj: bpy.types.Object, *, reading: bool) -> Binding:
    """Return how the shape keys of a mesh, or the bones and properties of an armature's character, are driven.

    :param reading: whether what follows drivers counts too: it can be read, though not written.
    :raises TargetError: there is nothing that Mimica knows.
    """
    keys = by_keys(obj)
    stored, found = stored_map(obj), detect(_inventory(obj, reading)).character
    if stored is not None:
        own = _part(stored, obj, keys)
        # A map of the whole character may leave to bones what this mesh has keys for; of bones it is the user's word.
        known, there = len(_driven(own)), len(_driven(found))
        found = own if (known >= there if keys else known) else found
    if not (found.bones or found.controls):
        raise TargetError(
            f"'{obj.name}' has no shape keys with names that Mimica knows, such as jawOpen. Press Make ARKit Shape "
            "Keys, or pick another mesh."
            if keys
            else f"'{obj.name}' has no bones that Mimica knows as a face's. Set its map up in the Character panel."
        )
    if keys:
        return Binding(obj.name, "", (obj.name,), ChannelPlan(found, None, average_face()))
    return replace(bind_map(obj, found, average_face()), meshes=())


def read_controls(
    scene: bpy.types.Scene, source: bpy.types.Object, settings: ConvertSettings, progress: Progress | None = None
) -> tuple[ControlTake, float, list[str]]:
    """Return what controls explain a character's animation, each scene frame; the first frame; and notes. Main thread.

    :raises ConvertError: it is not animated, or not in the range.
    :raises TargetError: nothing of it is known.
    """
    binding = part_binding(source, reading=True)
    animation = find_animation(binding)
    if animation is None:
        what = "shape keys of the face" if by_keys(source) else "bones of the face"
        raise ConvertError(f"No {what} of '{source.name}' are animated. Bake a take to it first, or pick another one.")
    frames = _frames(scene, animation, settings)

    def between(start: float, end: float) -> Progress | None:
        tell = progress
        return None if tell is None else lambda share: tell(start + share * (end - start))

    pose = read_channels(scene, binding, animation, frames, between(0.0, 0.3))
    armature = bpy.data.objects.get(binding.armature) if binding.armature else None
    unit = read_rest_pose(armature, binding.plan.character).unit if armature is not None else 1.0
    fit = ControlFit(binding.plan, unit)
    fitted = fit.fit(pose, between(0.3, 0.95))
    rate = scene.render.fps / scene.render.fps_base
    take = ControlTake(
        f"{source.name} Converted",
        (frames - frames[0]) / rate,
        fitted.controls,
        rate,
        fitted.head,
        fitted.gaze,
        known=fit.told,
    )
    return take, float(frames[0]), _notes(source, fit, fitted)


def convert(
    scene: bpy.types.Scene,
    source: bpy.types.Object,
    target: bpy.types.Object,
    settings: ConvertSettings,
    progress: Progress | None = None,
) -> Converted:
    """Bake to a target what a source is animated with. Main thread; pushes no undo step itself.

    :raises ConvertError: there is nothing to be carried over.
    :raises TargetError: one of both is nothing that Mimica knows.
    :raises BakeError: the target cannot be keyed.
    """
    if source == target:
        raise ConvertError("Source and target are the same object. Pick a mesh as one and an armature as the other.")
    binding = part_binding(target, reading=False)
    take, first, notes = read_controls(scene, source, settings, progress)
    bake_settings = BakeSettings(start_frame=first, existing=settings.existing)
    result = bake(scene, target, ControlPerformance(take), settings=bake_settings, binding=binding)
    return Converted(result, tuple(dict.fromkeys((*notes, *_moved_twice(source, target), *result.notes))))


def _inventory(obj: bpy.types.Object, reading: bool) -> Inventory:
    """Return what the keys of a mesh, or all of a character but its keys, consist of."""
    whole = inventory(obj)
    if not by_keys(obj):
        return replace(whole, meshes=(), driven_keys=())
    own = tuple((mesh, keys) for mesh, keys in whole.meshes if mesh == obj.name)
    driven = () if reading else tuple((mesh, key) for mesh, key in whole.driven_keys if mesh == obj.name)
    return Inventory(obj.name, meshes=own, driven_keys=driven)


def _part(character: CharacterMap, obj: bpy.types.Object, keys: bool) -> CharacterMap:
    """Return what a character's map says of the keys of one mesh, or of all but keys."""
    kept: list[ControlEntry] = []
    for entry in character.controls:
        channels = tuple(
            channel
            for channel in entry.channels
            if (channel.kind == "shape_key") == keys and (not keys or channel.object in ("", obj.name))
        )
        if channels:
            kept.append(replace(entry, channels=channels))
    return replace(character, controls=tuple(kept), bones=() if keys else character.bones)


def _driven(character: CharacterMap) -> set[str]:
    """Return what a map drives, by control and bone."""
    return {e.control for e in character.controls} | {e.bone for e in character.bones}


def _frames(scene: bpy.types.Scene, animation: Animation, settings: ConvertSettings) -> np.ndarray:
    """Return the scene frames to be read, float (N,)."""
    known = np.isfinite(animation.first) and np.isfinite(animation.last)
    start, end = (animation.first, animation.last) if known else (scene.frame_start, scene.frame_end)
    first = np.floor(start) if settings.first is None else settings.first
    last = np.ceil(end) if settings.last is None else settings.last
    if last < first:
        raise ConvertError(f"The range ends at frame {last:.0f}, before it begins at {first:.0f}. Choose another one.")
    if last - first >= _MOST_FRAMES:
        raise ConvertError(f"The range has {last - first + 1:.0f} frames. Choose at most {_MOST_FRAMES}.")
    return np.arange(first, last + 1.0)


def _notes(source: bpy.types.Object, fit: ControlFit, fitted: Fitted) -> list[str]:
    """Say what the source could not tell."""
    notes = []
    untold = [name for name in ARKIT_SHAPES if name not in fit.told]
    if untold:
        notes.append(f"'{source.name}' has nothing that shows these, which stay at 0: {_list(untold)}.")
    if fit.alike:
        notes.append(f"'{source.name}' shows these almost as others together do: {_list(fit.alike)}.")
    if fitted.unexplained > _UNEXPLAINED:
        share = f"{fitted.unexplained:.0%} of the motion is like no mixture of ARKit's shapes, and is left out."
        notes.append(f"{share} A take that was baked can be baked to the target itself, with nothing lost.")
    return notes


def _moved_twice(source: bpy.types.Object, target: bpy.types.Object) -> list[str]:
    """Say that a mesh is now moved by bones and by keys."""
    mesh, armature = (target, source) if by_keys(target) else (source, target)
    if mesh.type != "MESH" or mesh.find_armature() != armature:
        return []
    if mesh == target:
        text = (
            f"The bones still move '{mesh.name}' as well. Mute or unlink the armature's action to see the keys alone."
        )
    else:
        text = f"The shape keys still move '{mesh.name}' as well. Mute or unlink their action to see the bones alone."
    return [text]


def _list(names: Sequence[str]) -> str:
    shown = ", ".join(names[:_SHOWN])
    return f"{shown} and {len(names) - _SHOWN} more" if len(names) > _SHOWN else shown
