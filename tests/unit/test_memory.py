# SPDX-FileCopyrightText: 2026 Mimica authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a tracker freed does not stay with this process when its capture is over."""

import ctypes
import gc
import sys
from pathlib import Path

import pytest

from mimica.capture.memory import give_back
from mimica.capture.session import CaptureSession
from mimica.capture.source import Image, SourceSpec, make_source
from mimica.mapping.frame import FaceFrame
from mimica.tests.unit.clips import write_video

pytest.importorskip("cv2")
BLOCK, BLOCKS = 64 * 2**10, 1600
"""A hundred megabytes in pieces that the C library does not ask the system for one by one."""

C = ctypes.CDLL(None) if sys.platform.startswith("linux") else None
if C is None or not hasattr(C, "malloc_trim"):
    pytest.skip("this system's C library has no memory to give back", allow_module_level=True)
C.malloc.restype = ctypes.c_void_p
C.malloc.argtypes = (ctypes.c_size_t,)
C.free.argtypes = (ctypes.c_void_p,)


class HungryTracker:
    """Works with a lot of memory and keeps the last piece of it, which holds back all that lies below."""

    def __init__(self) -> None:
        self.kept: int | None = None
        self.resident = 0.0

    def track(self, image: Image) -> tuple[FaceFrame, ...]:
        if self.kept is None:
            blocks = [C.malloc(BLOCK) for _ in range(BLOCKS)]
            for block in blocks:
                ctypes.memset(block, 1, BLOCK)
            self.resident = resident_mb()
            self.kept = blocks.pop()
            for block in blocks:
                C.free(block)
        return (FaceFrame.lost(image.time, (image.pixels.shape[1], image.pixels.shape[0])),)

    def close(self) -> None:
        """Keep it."""


def resident_mb() -> float:
    status = Path("/proc/self/status").read_text()
    return int(status.partition("VmRSS:")[2].split()[0]) / 1024


def test_memory_that_a_tracker_freed_goes_back_to_the_system(tmp_path: Path) -> None:
    clip = tmp_path / "clip.mp4"
    write_video(clip, 5)
    # What earlier tests left, else it could go back in the middle of this one.
    gc.collect()
    give_back()
    tracker, before = HungryTracker(), resident_mb()
    session = CaptureSession(make_source(SourceSpec("video", path=str(clip))), lambda: tracker, pace="fast")
    session.start()
    assert session.wait(20) and session.stop()
    assert tracker.resident > before + 75.0, "it was there"
    assert resident_mb() < before + 50.0
    C.free(tracker.kept)
