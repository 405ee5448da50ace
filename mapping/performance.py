# SPDX-FileCopyrightText: 2026 Mimica authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A performance that can be mapped again and again with other settings: a take, or a file of controls."""

from typing import Protocol

import numpy as np

from .calibration import PerformerProfile, default_profile, estimate_profile
from .control_take import ControlTake, motion_of_take, slowed
from .face_space import DEFAULT_FIELD_OF_VIEW
from .frame import FaceFrames
from .landmarks import average_face
from .mirror import mirrored, mirrored_face, mirrored_groups
from .motion import Motion
from .settings import MappingSettings
from .smoothing import finish
from .solve import solve


class Performance(Protocol):
    """What is baked, previewed or put together from others. Any thread, one at a time."""

    @property
    def name(self) -> str:
        """What it is called: the take's name."""
        ...

    @property
    def times(self) -> np.ndarray:
        """float64 (N,), seconds on its own clock, increasing: its instants as they were captured."""
        ...

    @property
    def neutral(self) -> np.ndarray:
        """float (478, 3), cm, face space: the performer's face at rest."""
        ...

    @property
    def found(self) -> np.ndarray:
        """bool (N,): where there was a face."""
        ...

    def motion(self, groups: np.ndarray | None, settings: MappingSettings, limit: float = np.inf) -> Motion:
        """Return the performance at `times`, smoothed without delay, no NaN.

        :param groups: (G, 478): landmark groups that displacements are of; None: all landmarks.
        :param limit: Hz: nothing faster, for motion that will be sampled at a lower rate.
        """
        ...


class TakePerformance:
    """A take's face. What does not depend on settings is worked out once."""

    def __init__(self, name: str, frames: FaceFrames, profile: PerformerProfile | None = None) -> None:
        """Nothing is solved yet.

        :param profile: the performer's; None finds the neutral in the take.
        """
        self.name = name
        self.frames = frames
        self.profile = profile or estimate_profile(frames) or default_profile(DEFAULT_FIELD_OF_VIEW)
        self._solved: tuple[bytes, Motion] | None = None

    @property
    def times(self) -> np.ndarray:
        """See `Performance`."""
        return self.frames.times

    @property
    def neutral(self) -> np.ndarray:
        """See `Performance`."""
        return self.profile.neutral

    @property
    def found(self) -> np.ndarray:
        """See `Performance`."""
        return self.frames.found

    def solved(self, groups: np.ndarray | None) -> Motion:
        """Return what `solve` makes of the frames: lost frames hold NaN, nothing is smoothed. Not to be changed."""
        key = b"all" if groups is None else groups.tobytes()
        # Others may ask on other threads meanwhile, for other groups.
        solved = self._solved
        if solved is None or solved[0] != key:
            self._solved = solved = key, solve(self.frames, self.profile, groups)
        return solved[1]

    def motion(self, groups: np.ndarray | None, settings: MappingSettings, limit: float = np.inf) -> Motion:
        """See `Performance`."""
        return finish(self.solved(groups), settings, limit, groups, self.profile.rest)


class ControlPerformance:
    """Controls of a file, whose values are its own: nothing is smoothed. Or of a stream, finished as a face's are."""

    def __init__(self, take: ControlTake) -> None:
        self.take = take

    @property
    def name(self) -> str:
        """See `Performance`."""
        return self.take.name

    @property
    def times(self) -> np.ndarray:
        """See `Performance`."""
        return self.take.times

    @property
    def neutral(self) -> np.ndarray:
        """The average face's: what follows landmarks moves as that one's does."""
        return average_face()

    @property
    def found(self) -> np.ndarray:
        """See `Performance`. Of a file all."""
        return np.ones(len(self.take), bool) if self.take.found is None else self.take.found

    def motion(self, groups: np.ndarray | None, settings: MappingSettings, limit: float = np.inf) -> Motion:
        """See `Performance`."""
        if self.take.found is not None:
            return finish(motion_of_take(self.take, groups), settings, limit, groups, self.take.rest)
        return motion_of_take(slowed(self.take, limit), groups)


class MirroredPerformance:
    """Another performance as a mirror shows it: what was done on the left is done on the right."""

    def __init__(self, performance: Performance) -> None:
        self._other = performance
        self._neutral = mirrored_face(performance.neutral)

    @property
    def name(self) -> str:
        """See `Performance`."""
        return self._other.name

    @property
    def times(self) -> np.ndarray:
        """See `Performance`."""
        return self._other.times

    @property
    def neutral(self) -> np.ndarray:
        """See `Performance`."""
        return self._neutral

    @property
    def found(self) -> np.ndarray:
        """See `Performance`."""
        return self._other.found

    def motion(self, groups: np.ndarray | None, settings: MappingSettings, limit: float = np.inf) -> Motion:
        """See `Performance`."""
        return mirrored(self._other.motion(mirrored_groups(groups), settings, limit), groups)
