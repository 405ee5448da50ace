# SPDX-FileCopyrightText: 2026 Mimica authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Frames a second of a whole capture against the bare Face Landmarker loop on the same clip, in turns."""

import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

from ..capture.control_session import ControlSession
from ..capture.remote import RemoteCaptureSession
from ..capture.session import CaptureSession
from ..capture.source import SourceSpec, make_source
from ..capture.tracker import Tracker
from ..rig.live import LiveSession, LiveSettings
from . import tick
from .common import model
from .rigs import own_rig

ROUNDS = 3
SKIPPED = 30
"""Frames at the start of a round that do not count: models warm up."""
COUNTED = 600


def run(clip: Path, _folder: Path) -> None:
    """Print the medians of some rounds, each way in turn."""
    rates: dict[str, list[float]] = {"bare loop": [], "capture session": [], "live, rig in Blender": []}
    for _ in range(ROUNDS):
        rates["bare loop"].append(_bare(clip))
        rates["capture session"].append(_session(clip))
        rates["live, rig in Blender"].append(_live(clip))
    bare = float(np.median(rates["bare loop"]))
    print(f"{'':24} frames/s    ratio")
    for name, values in rates.items():
        print(f"{name:24} {np.median(values):8.1f} {np.median(values) / bare:8.3f}")


def _bare(clip: Path) -> float:
    """OpenCV and MediaPipe as their examples use them."""
    import cv2
    import mediapipe as mp
    from mediapipe.tasks.python import BaseOptions, vision

    chosen = model()
    options = vision.FaceLandmarkerOptions(
        base_options=BaseOptions(model_asset_path=str(chosen.path)),
        running_mode=vision.RunningMode.VIDEO,
        output_face_blendshapes=chosen.has_scores,
    )
    with vision.FaceLandmarker.create_from_options(options) as landmarker:
        count, began = 0, 0.0
        video = cv2.VideoCapture(str(clip))
        while count < SKIPPED + COUNTED:
            got, picture = video.read()
            if not got:
                video = cv2.VideoCapture(str(clip))
                continue
            image = mp.Image(image_format=mp.ImageFormat.SRGB, data=cv2.cvtColor(picture, cv2.COLOR_BGR2RGB))
            landmarker.detect_for_video(image, count * 33)
            count += 1
            if count == SKIPPED:
                began = time.perf_counter()
        return COUNTED / (time.perf_counter() - began)


def _watched(session: CaptureSession | RemoteCaptureSession | ControlSession, each: Callable[[], None]) -> float:
    began, first = 0.0, 0
    while True:
        each()
        tracked = session.stats().tracked
        if tracked >= SKIPPED and not began:
            began, first = time.perf_counter(), tracked
        if tracked >= SKIPPED + COUNTED:
            return (tracked - first) / (time.perf_counter() - began)
        if session.state == "failed":
            raise RuntimeError(session.error)


def _session(clip: Path) -> float:
    chosen = model()
    source = make_source(SourceSpec("video", path=str(clip), loop=True))
    session = CaptureSession(source, lambda: Tracker(chosen), pace="fast")
    session.start()
    rate = _watched(session, lambda: time.sleep(0.005))
    session.stop()
    return rate


def _live(clip: Path) -> float:
    rig = own_rig()
    session = LiveSession(LiveSettings(SourceSpec("video", path=str(clip), loop=True), model()), pace="fast")
    session.start()

    def each() -> None:
        session.tick(rig)
        tick.evaluate()
        time.sleep(1 / 60)

    rate = _watched(session.capture, each)
    session.stop()
    return rate
