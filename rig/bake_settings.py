# SPDX-FileCopyrightText: 2026 Mimica authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the user chooses for a bake, and at which instants of a take and frames of the scene it has keys."""

from dataclasses import dataclass, field
from typing import Literal

import numpy as np

from ..mapping.face_regions import FACE_REGIONS, FaceRegion
from ..mapping.mapper import MappingSettings
from ..mapping.reduce import Tolerances
from ..mapping.resample import scene_frame_times
from ..mapping.strength import Strength
from .occupied import Existing

Destination = Literal["ACTION", "NEW", "STRIP"]
"""Where keys go: into the take's action, which becomes active; a new action each time; a strip of the NLA editor."""
Blend = Literal["REPLACE", "COMBINE"]
"""How a strip goes with what is below it, in Blender's words."""


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
    """Whether there are as few keys as the tolerances allow; else each channel has one at each step."""
    tolerances: Tolerances = field(default_factory=Tolerances)
    """How far the curves may be from the performance then."""
    step: float = 1.0
    """Scene frames from one instant to the next; below 1 there are keys between frames."""
    stepped: bool = False
    """Whether each key is held until the next; there is one at each step then."""
    offset: float = 0.0
    """Seconds by which the performance comes later, earlier below 0."""
    strength: Strength = field(default_factory=Strength)
    regions: tuple[FaceRegion, ...] = FACE_REGIONS
    """The parts of the face that are keyed."""
    destination: Destination = "ACTION"
    blend: Blend = "REPLACE"
    """Of a strip."""

    @property
    def whole(self) -> bool:
        """Whether all parts of the face are keyed."""
        return set(self.regions) == set(FACE_REGIONS)


def instants(times: np.ndarray, rate: float, settings: BakeSettings) -> tuple[np.ndarray, np.ndarray]:
    """Return where a take is sampled and keyed: seconds on its clock, and scene frames, each (M,).

    Keys stay on the grid of steps from the start frame, or from the whole frame next to it. What an offset is more or
    less than whole steps is in the seconds, by half a step at most, and so is what the start frame is beside that.

    :param times: (N,), seconds, of the take's own frames.
    :param rate: the scene's frames a second.
    :raises BakeError: the range holds none.
    """
    every = rate / settings.step
    at = scene_frame_times(times, every)
    since = at - times[0]
    chosen = (since >= settings.start - 1e-9) & (since <= settings.end + 1e-9)
    if not chosen.any():
        length = times[-1] - times[0]
        raise BakeError(f"The range to bake lies outside the take, which is {length:.2f} s long. Choose another range.")
    at = at[chosen]
    whole = float(np.round(settings.offset * every))
    begin = float(np.round(settings.start_frame))
    frames = begin + (whole + np.arange(len(at))) * settings.step
    return at - (settings.offset - whole / every) + (begin - settings.start_frame) / rate, frames


def alias_limit(times: np.ndarray, rate: float, step: float = 1.0) -> float:
    """Hz: below the Nyquist frequency of the keys when the take is much faster than they are, else no limit."""
    if len(times) < 2:
        return np.inf
    keyed, source = rate / step, 1.0 / max(float(np.median(np.diff(times))), 1e-6)
    return 0.45 * keyed if source > 1.5 * keyed else np.inf
