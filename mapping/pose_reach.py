# SPDX-FileCopyrightText: 2026 Mimica authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""How far the mapping says that a performer went into each pose that was asked for."""

from collections.abc import Sequence

import numpy as np

from .calibration import PerformerProfile
from .frame import LANDMARK_COUNT, FaceFrames
from .learning import Prompt, pose_vector
from .solve import solve

_MAIN = 0.5
"""Share of a pose's greatest value below which a shape only goes along with it."""
_HEIGHT = 90
"""Percentile over a pose's frames: its height, whatever single frames say."""
_NO_GROUPS = np.zeros((1, LANDMARK_COUNT))


def reached(frames: FaceFrames, prompts: Sequence[Prompt], profile: PerformerProfile) -> np.ndarray:
    """Return how far each pose was gone as this profile reads it, (prompts,): 1 is the pose in full.

    :param prompts: on the frames' clock; a pose during which the face was not seen counts as 0.
    """
    return np.array([_reached(frames, prompt, profile) for prompt in prompts])


def _reached(frames: FaceFrames, prompt: Prompt, profile: PerformerProfile) -> float:
    rows = np.flatnonzero((frames.times >= prompt.start) & (frames.times <= prompt.end) & frames.found)
    if not len(rows):
        return 0.0
    pose = pose_vector(prompt.controls)
    pose = np.where(pose >= _MAIN * pose.max(), pose, 0.0)
    told = solve(frames.take(rows), profile, _NO_GROUPS).controls
    return float(np.percentile(told @ pose / (pose @ pose), _HEIGHT))
