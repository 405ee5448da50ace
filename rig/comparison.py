# SPDX-FileCopyrightText: 2026 Mimica authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""One performer mapped twice, with the profile of before and the one that was just learned. Knows no window."""

import numpy as np

from ..mapping.calibration import PerformerProfile
from ..mapping.frame import ARKIT_SHAPES, LANDMARK_COUNT, FaceFrame
from ..mapping.mapper import LiveMapper

_NO_GROUPS = np.zeros((1, LANDMARK_COUNT))
"""Nobody wants the displacements: the faces that are shown follow the shapes alone."""


class Comparison:
    """Two mappers that see the same frames. `see` is for one thread; `shapes` may be read by any."""

    def __init__(self, before: PerformerProfile, after: PerformerProfile) -> None:
        self._mappers = tuple(LiveMapper(profile, groups=_NO_GROUPS) for profile in (before, after))
        self.shapes: tuple[np.ndarray, np.ndarray] | None = None
        """Before and after: ARKit's shapes, float (52,); None until the face is seen."""

    def see(self, frame: FaceFrame) -> None:
        """Map the next frame with both."""
        before, after = (mapper.step(frame).controls[0, : len(ARKIT_SHAPES)] for mapper in self._mappers)
        self.shapes = before, after
