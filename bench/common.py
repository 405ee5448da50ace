# SPDX-FileCopyrightText: 2026 Mimica authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the measurements share."""

import os
from pathlib import Path

import numpy as np

from ..capture.model import ModelFile, verify_model
from ..capture.source import SourceSpec, make_source
from ..capture.tracker import Tracker
from ..mapping.frame import FaceFrame, FaceFrames


def model() -> ModelFile:
    """The model that `dev.py bench` names."""
    return verify_model(Path(os.environ["MIMICA_MODEL"]), "environment")


def tracked(clip: Path) -> list[FaceFrame]:
    """Every frame of the clip, tracked."""
    source = make_source(SourceSpec("video", path=str(clip)))
    source.open()
    frames = []
    with Tracker(model()) as tracker:
        while (image := source.read()) is not None:
            frames.append(tracker.track(image)[0])
    source.close()
    return frames


def repeated(frames: list[FaceFrame], count: int, rate: float = 30.0) -> FaceFrames:
    """A take of `count` frames: the clip over and over."""
    once = FaceFrames.from_frames(frames)
    pick = np.arange(count) % len(once)
    return FaceFrames(
        np.arange(count) / rate,
        once.landmarks[pick],
        None if once.scores is None else once.scores[pick],
        once.image_sizes[pick],
        once.quality[pick],
    )


def spread(values: list[float]) -> str:
    """Median and 95th percentile, as text."""
    return f"{np.median(values):8.3f} {np.percentile(values, 95):8.3f}"


def resident_mb() -> float:
    """Memory this process holds now, MB; its peak where the system does not tell."""
    try:
        pages = int(Path("/proc/self/statm").read_text().split()[1])
    except OSError:
        import resource

        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    return pages * os.sysconf("SC_PAGE_SIZE") / 2**20
