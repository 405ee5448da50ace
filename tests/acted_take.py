# SPDX-FileCopyrightText: 2026 Mimica authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A take on disk whose performance is known. Without Blender: desktop tests need it too."""

from pathlib import Path

import numpy as np

from mimica.capture.take import SUFFIX, TakeInfo, TakeWriter
from mimica.mapping.calibration import default_profile
from mimica.mapping.frame import FaceFrame
from mimica.tests.synthetic import act, photograph

COUNT = 60


def write_take(folder: Path, name: str = "Take") -> Path:
    """Two seconds in which jaw and brows move and tremble a little."""
    time = np.arange(COUNT) / 30.0
    tremble = 0.02 * np.random.default_rng(1).normal(size=COUNT)
    frames = photograph(
        act(jaw=0.5 - 0.5 * np.cos(4.0 * time), brows=np.clip(0.5 + 0.4 * np.sin(3.0 * time) + tremble, 0, 1))
    )
    path = folder / f"{name}{SUFFIX}"
    with TakeWriter(path, TakeInfo(name, performer=default_profile().to_json())) as writer:
        for at, landmarks in zip(frames.times, frames.landmarks, strict=True):
            writer.append((FaceFrame(float(at), landmarks, None, (640, 480)),))
    return path
