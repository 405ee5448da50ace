# SPDX-FileCopyrightText: 2026 Mimica authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Faces far away: how many are tracked, how well, and what the search costs. The clip's face in a picture of 1080p."""

import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ..capture.detector_file import find_detector
from ..capture.tracker import Tracker, TrackerSettings
from ..mapping.frame import FaceFrame
from .common import model
from .far_scenes import Near, busy_background, error_of, image_of, near_faces, pasted

HEIGHTS = (120, 60, 50, 40, 30, 25, 20)
"""Pixels, from the highest to the lowest of the landmarks."""
IMAGES = 60
SKIPPED = 5
"""Images at the start that do not count for the times: the search and the making of what follows a face."""

Scene = Iterator[tuple[np.ndarray, list[np.ndarray]]]


@dataclass(frozen=True)
class _Figures:
    tracked: float
    """Share of the faces that were tracked."""
    error: float
    """Mean, in shares of the face's height; NaN when none was."""
    quality: float
    times: np.ndarray
    """Milliseconds of each image."""


def run(clip: Path, _folder: Path) -> None:
    """Print both tables."""
    chosen = model()
    detector = find_detector("", chosen.path.parent)
    if detector is None:
        print("There is no face detector: name its file in MIMICA_DETECTOR.")
        return
    near = near_faces(clip, chosen, IMAGES)
    background = busy_background()
    print(f"{'':8} without search      with search")
    print("height  tracked   error   tracked   error  quality")
    for height in HEIGHTS:
        plain = _measure(_walk(near, background, [height]), far=False)
        far = _measure(_walk(near, background, [height]), patient=True)
        print(
            f"{height:4} px {plain.tracked:8.0%} {plain.error:7.2%} {far.tracked:9.0%} {far.error:7.2%}"
            f" {far.quality:8.2f}"
        )
    print(f"\n{'ms an image, live':32}  median      p95     mean")
    for name, figures in (
        ("near face, without search", _measure(_near(near), far=False)),
        ("near face, with search", _measure(_near(near))),
        ("nobody there, without search", _measure(_nobody(background), far=False)),
        ("nobody there, with search", _measure(_nobody(background))),
        ("a face 50 px high", _measure(_walk(near, background, [50]))),
        ("two faces 50 px high", _measure(_walk(near, background, [50, 50]), faces=2)),
        ("three faces 50 px high", _measure(_walk(near, background, [50, 50, 50]), faces=3)),
    ):
        times = figures.times[SKIPPED:]
        shares = np.median(times), np.percentile(times, 95), times.mean()
        print(f"{name:32}" + "".join(f"{value:9.1f}" for value in shares) + f"   tracked {figures.tracked:.0%}")


def _measure(scene: Scene, **settings: object) -> _Figures:
    errors, qualities, times, wanted = [], [], [], 0
    with Tracker(model(), TrackerSettings(**settings)) as tracker:  # type: ignore[arg-type]
        for i, (pixels, truths) in enumerate(scene):
            image = image_of(pixels, i)
            began = time.perf_counter()
            faces = tracker.track(image)
            times.append((time.perf_counter() - began) * 1000)
            wanted += len(truths)
            for truth in truths:
                for face in faces:
                    if face.landmarks is not None and _is_of(face, truth):
                        errors.append(error_of(face.landmarks, face.image_size, truth))
                        qualities.append(face.quality)
                        break
    tracked = len(errors) / wanted if wanted else 0.0
    error, quality = (float(np.mean(values)) if values else float("nan") for values in (errors, qualities))
    return _Figures(tracked, error, quality, np.array(times))


def _is_of(face: FaceFrame, truth: np.ndarray) -> bool:
    """Whether a frame is of this face: its middle is within half of the height."""
    assert face.landmarks is not None
    apart = (face.landmarks[:468, :2] * face.image_size).mean(axis=0) - truth.mean(axis=0)
    return bool(np.hypot(*apart) < 0.5 * np.ptp(truth[:, 1]))


def _walk(near: Near, background: np.ndarray, heights: list[float]) -> Scene:
    """Faces beside each other that walk slowly to the right."""
    for i in range(len(near.images)):
        pixels, truths = background, []
        for k, height in enumerate(heights):
            at = 500.0 + 400 * k + 2 * i, 420.0 + 110 * k + 0.5 * i
            pixels, truth = pasted(near, (i + 7 * k) % len(near.images), pixels, height, at)
            truths.append(truth)
        yield pixels, truths


def _near(near: Near) -> Scene:
    yield from ((pixels, [points]) for pixels, points in zip(near.images, near.points, strict=True))


def _nobody(background: np.ndarray) -> Scene:
    yield from ((background, []) for _ in range(2 * IMAGES))
