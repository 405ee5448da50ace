# SPDX-FileCopyrightText: 2026 Mimica authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""From what the user chose to a performance: which take, which of its faces, read with whose neutral and range.

The choice is a small value that can be stored with what was made of it, and opened again later.
"""

from collections import OrderedDict
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any, Literal

import bpy

from ..capture.control_takes import read_control_take
from ..capture.take import Take, TakeError
from ..mapping.calibration import PerformerProfile, ProfileError
from ..mapping.control_take import ControlTake
from ..mapping.frame import FaceFrames
from ..mapping.layering import MOST, Layer, LayeredPerformance
from ..mapping.learning import profile_of_take
from ..mapping.lens import likely_field_of_view
from ..mapping.performance import ControlPerformance, MirroredPerformance, Performance, TakePerformance
from . import layers
from .paths import performers_folder
from .performers import active_performer, load_performer

Reader = Literal["RECORDED", "ACTIVE"]
"""Whose neutral and range a take is read with: what was known at the recording, or the active performer's."""
Key = tuple[object, ...]
"""What changes when a performance that was opened would be another by now."""
_KEPT = 4
"""Performances that stay in memory, so that a change of settings need not read and solve them again."""
_KEPT_INSTANTS = 60000
"""More than those stay as long as they have no more instants together: half an hour at 30 a second."""
_MOST_KEPT = 32


class PerformanceError(Exception):
    """What was chosen cannot be had; the text says why and what to do."""


@dataclass(frozen=True, slots=True)
class Choice:
    """What the user chose. All of it is plain data: see `to_json`."""

    path: str
    """The take's file, absolute or relative to the .blend."""
    face: int = MOST
    performer: Reader = "RECORDED"
    learn: bool = True
    """Whether it is learned from the take itself what this face's expressions look like."""
    layers: tuple[Layer, ...] = ()
    """The takes that lie over it, the lowest first. Each is read as it is, by the same settings."""
    mirror: bool = False
    """Whether what was done on the left is done on the right, in all of it."""

    def to_json(self) -> dict[str, Any]:
        """Return it as JSON has it."""
        return {**asdict(self), "layers": [layer.to_json() for layer in self.layers]}

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> "Choice":
        """Return what `to_json` gave; keys that are not known are passed over."""
        known = {key: value for key, value in data.items() if key in cls.__dataclass_fields__}
        known["layers"] = tuple(Layer.from_json(layer) for layer in data.get("layers", ()))
        return cls(**known)


def choice_of(settings: bpy.types.PropertyGroup, path: Path, face: str) -> Choice:
    """Return what the panels say of a take, with what the scene lays over it. `face`: a number, or MOST."""
    over = tuple(layer for layer in layers.layers_of(settings.id_data, path) if layer.enabled and layer.regions)
    number = MOST if face == "MOST" else int(face)
    return Choice(str(path), number, settings.bake_performer, settings.bake_learn, over)


def choice_to_bake(settings: bpy.types.PropertyGroup, path: Path, face: str) -> Choice:
    """Return what is baked or previewed of a take: see `choice_of`; mirrored where the panels say so."""
    return replace(choice_of(settings, path, face), mirror=settings.feel.mirror)


def open_performance(choice: Choice) -> Performance:
    """Read what was chosen; the last few are kept in memory as long as nothing of them changes. Main thread.

    Raises `TakeError`, `ProfileError` or `PerformanceError`.
    """
    key, read = reader_of(choice)
    performance = kept(key)
    if performance is not None:
        return performance
    if choice.mirror:
        # Kept as it is too: sides are soon swapped.
        return keep(key, MirroredPerformance(open_performance(replace(choice, mirror=False))))
    if not choice.layers:
        return keep(key, read())
    # Each take is kept for itself too: another fade or range needs none of them read and solved again.
    base = open_performance(replace(choice, layers=()))
    over = [(layer, _of_layer(layer, partial(open_performance, _alone(choice, layer)))) for layer in choice.layers]
    return keep(key, LayeredPerformance(base, over))


def reader_of(choice: Choice) -> tuple[Key, Callable[[], Performance]]:
    """Return what tells one state of what was chosen from another, and what reads it, on any thread. Main thread.

    Raises `ProfileError`; the reading raises what `open_performance` does.
    """
    if choice.mirror:
        return _mirrored_reader(choice)
    if choice.layers:
        return _layered_reader(choice)
    path = Path(bpy.path.abspath(choice.path))
    chosen = _active_profile() if choice.performer == "ACTIVE" else None

    def read() -> Performance:
        take = Take.open(path)
        if take.info.kind == "controls":
            face = face_of(take, choice.face) if take.summary().found else None
            return ControlPerformance(ControlTake.stored(take.info.name, read_control_take(path, face)))
        face = face_of(take, choice.face)
        frames = take.frames(face)
        return TakePerformance(take.info.name, frames, _profile(take, face, frames, choice, chosen))

    return (choice, path, *_stamp(path), id(chosen)), read


def kept(key: Key) -> Performance | None:
    """Return a performance that is in memory as it is by now. Main thread."""
    if key in _opened:
        _opened.move_to_end(key)
    return _opened.get(key)


def keep(key: Key, performance: Performance) -> Performance:
    """Keep a performance in memory, as one of the last few, and return it. Main thread."""
    _opened[key] = performance
    while len(_opened) > _KEPT and (len(_opened) > _MOST_KEPT or _kept_instants() > _KEPT_INSTANTS):
        _opened.popitem(last=False)
    return performance


def face_of(take: Take, chosen: int) -> int:
    """Return the face of a take that is meant. Raises `TakeError` or `PerformanceError`."""
    summary = take.summary()
    if chosen == MOST or len(summary.found) < 2:
        return summary.main_face or 0
    if chosen not in summary.found:
        there = " or ".join(str(face + 1) for face in summary.found)
        raise PerformanceError(f"The take '{take.info.name}' holds no face {chosen + 1}. Choose face {there}.")
    return chosen


def stored_profile() -> PerformerProfile | None:
    """Return the active performer's profile, None when there is none yet. Raises `ProfileError`."""
    path = active_performer(performers_folder())
    return load_performer(path) if path else None


def read_with(profile: PerformerProfile) -> None:
    """Let a profile be the active performer's here, whoever that is: for a process that was given it."""
    global _given
    _given = profile


_given: PerformerProfile | None = None
_opened: OrderedDict[Key, Performance] = OrderedDict()
_active: tuple[tuple[object, ...], PerformerProfile] | None = None


def _kept_instants() -> int:
    """Return how many instants are in memory. What is made of other performances keeps none but theirs."""
    made = LayeredPerformance | MirroredPerformance
    return sum(len(one.times) for one in _opened.values() if not isinstance(one, made))


def _mirrored_reader(choice: Choice) -> tuple[Key, Callable[[], Performance]]:
    """See `reader_of`: of what is mirrored."""
    key, read = reader_of(replace(choice, mirror=False))
    known = kept(key)
    return ("mirrored", *key), lambda: MirroredPerformance(known if known is not None else read())


def _layered_reader(choice: Choice) -> tuple[Key, Callable[[], Performance]]:
    """See `reader_of`: of a take with others over it."""
    openings = [reader_of(replace(choice, layers=())), *(reader_of(_alone(choice, layer)) for layer in choice.layers)]
    (base, known), *over = [(read, kept(key)) for key, read in openings]

    def read() -> Performance:
        tops = [
            (layer, _of_layer(layer, (lambda there=there: there) if there is not None else read_one))
            for layer, (read_one, there) in zip(choice.layers, over, strict=True)
        ]
        return LayeredPerformance(known if known is not None else base(), tops)

    return (choice.layers, *(key for key, _ in openings)), read


def _alone(choice: Choice, layer: Layer) -> Choice:
    """Return the choice of a layer's take by itself."""
    return Choice(layer.path, layer.face, choice.performer, choice.learn)


def _of_layer(layer: Layer, read: Callable[[], Performance]) -> Performance:
    """Read a layer's take. Raises `PerformanceError` that says which layer it is."""
    name = Path(layer.path.removeprefix("//")).stem
    advice = "Choose another take for it in the panel Layers, or switch the layer off."
    try:
        performance = read()
    except (TakeError, ProfileError, PerformanceError) as error:
        raise PerformanceError(f"The layer '{name}' cannot be used. {error} {advice}") from error
    if not performance.found.any():
        raise PerformanceError(f"The layer '{name}' holds no face. {advice}")
    return performance


def _active_profile() -> PerformerProfile:
    """Return the active performer's profile, the same object as long as its file is the same. Raises `ProfileError`."""
    global _active
    if _given is not None:
        return _given
    path = active_performer(performers_folder())
    key = (path, *(_stamp(path) if path else ()))
    if _active is None or _active[0] != key:
        profile = stored_profile()
        if profile is None:
            raise ProfileError(
                "The active performer has no neutral yet. Press Set Neutral in a capture, or choose As Recorded."
            )
        _active = key, profile
    return _active[1]


def _stamp(path: Path) -> tuple[int, int]:
    """Return what changes when a file does; zeros when it is not there."""
    try:
        status = path.stat()
    except OSError:
        return 0, 0
    return status.st_mtime_ns, status.st_size


def _profile(
    take: Take, face: int, frames: FaceFrames, choice: Choice, chosen: PerformerProfile | None
) -> PerformerProfile | None:
    """Return the profile that a take is to be read with; None for a take without a face."""
    if not frames.found.any():
        return None
    # The neutral that was set is one person's.
    stored = take.info.performer if face == take.info.performer_face else None
    return profile_of_take(
        frames,
        PerformerProfile.from_json(stored) if stored else None,
        chosen=chosen,
        learn=choice.learn,
        field_of_view=take.info.camera_fov or likely_field_of_view(frames),
    )
