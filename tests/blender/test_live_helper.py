# SPDX-FileCopyrightText: 2026 Mimica authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A live capture whose camera and tracker are in a helper process, which dies."""

import os
import time
from collections.abc import Callable
from pathlib import Path

import bpy
import pytest

from mimica.capture.model import verify_model
from mimica.capture.remote import RemoteCaptureSession
from mimica.capture.source import SourceSpec
from mimica.capture.take import Take
from mimica.rig import live
from mimica.rig.face_rig import create_face_rig

PATIENCE = 60.0


def tick_until(session: live.LiveSession, rig: bpy.types.Object, done: Callable[[], bool]) -> bool:
    """Tick until `done`, or until the session ends itself; whether it is still running."""
    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline:
        if not session.tick(rig):
            return False
        if done():
            return True
        time.sleep(1 / 60)
    raise AssertionError("waited in vain")


@pytest.mark.skipif(os.name == "nt", reason="signals of POSIX")
def test_the_helper_dies_while_recording(sample_clip: Path, model_path: Path, tmp_path: Path) -> None:
    bpy.ops.wm.read_homefile(use_empty=True)
    rig = bpy.data.objects[create_face_rig(bpy.context).armature]
    source = SourceSpec("video", path=str(sample_clip), loop=True)
    settings = live.LiveSettings(source, verify_model(model_path), helper=True)
    try:
        session = live.start(settings)
        path = tmp_path / "take.mimica"
        assert tick_until(session, rig, lambda: session.poses > 10 and session.seen is not None)
        assert session.seen is not None and session.seen.faces[0].found
        assert session.seen.image.pixels.shape == (512, 512, 3)
        session.start_recording(path, "take")
        assert tick_until(session, rig, lambda: session.stats().recorded >= 10)
        assert isinstance(session.capture, RemoteCaptureSession) and session.capture.helper_number is not None
        os.kill(session.capture.helper_number, 9)
        assert not tick_until(session, rig, lambda: False)
        assert "helper process ended unexpectedly" in live.stop()
        deadline = time.monotonic() + PATIENCE
        while not live.finished_takes:
            assert time.monotonic() < deadline
            time.sleep(0.01)
        assert len(Take.open(path).frames()) >= 10
        again = live.start(settings)
        assert tick_until(again, rig, lambda: again.poses > 3)
        assert live.stop() == ""
    finally:
        live.stop()
        live.finished_takes.clear()
