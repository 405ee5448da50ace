# SPDX-FileCopyrightText: 2026 Mimica authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Watching a capture of a real clip: the picture that is made for whoever asks, and what is said of a bad one."""

import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import bpy
import cv2
import numpy as np
import pytest

import mimica
from mimica.capture.model import verify_model
from mimica.capture.source import SourceSpec
from mimica.rig import live, picture_place, watch
from mimica.rig.face_rig import create_face_rig

PATIENCE = 60.0


@pytest.fixture(autouse=True)
def registered() -> Iterator[None]:
    bpy.ops.wm.read_homefile(use_empty=True)
    mimica.register()
    yield
    live.stop()
    mimica.unregister()


def begin(clip: Path, model: Path) -> watch.Watch:
    return watch.follow(
        live.start(live.LiveSettings(SourceSpec("video", path=str(clip), loop=True), verify_model(model)))
    )


def wait(watching: watch.Watch, target: bpy.types.Object | None, done: Callable[[], object]) -> None:
    deadline = time.monotonic() + PATIENCE
    while not done():
        assert time.monotonic() < deadline, "waited in vain"
        watching.session.tick(target)
        assert not watching.fault
        time.sleep(1 / 60)


def picture_with(
    watching: watch.Watch, target: bpy.types.Object | None, good: Callable[[watch.Picture], bool]
) -> watch.Picture:
    """The first picture that is as wanted, 120 pixels wide if nobody wants a wider one."""
    wait(watching, target, lambda: (shown := watching.ask("viewport", 120)) is not None and good(shown))
    assert watching.picture is not None
    return watching.picture


def test_a_picture_is_made_for_whoever_asks_and_for_nobody_else(sample_clip: Path, model_path: Path) -> None:
    watching = begin(sample_clip, model_path)
    wait(watching, None, lambda: watching.session.stats().tracked > 10)
    assert not watching.picture
    picture = picture_with(watching, None, lambda shown: bool(shown.faces))
    assert picture.pixels.shape[1] == 120
    assert picture.bars == (), "without a character nothing is mapped"
    (sight,) = picture.sights
    assert 0.1 < sight.width < 1.0
    watching.ask("editor", 200)
    picture_with(watching, None, lambda shown: shown.pixels.shape[1] == 200)
    assert watch.current() is watching
    assert watch.follow(watching.session) is watching, "one watch for one session"


class Quiet:
    """A session that is over: whoever watches it changes nothing by itself."""

    running = False
    seen = None


def test_the_picture_is_drawn_once_for_each_image_and_together_with_poses() -> None:
    session: Any = Quiet()
    watching, now = watch.Watch(session), time.monotonic()
    assert not watching.due(False, now), "before the first image there is nothing to draw"
    session.seen = "an image"
    assert watching.due(False, now), "drawing is what asks for a picture"
    assert not watching.due(False, now + 0.1)
    assert watching.due(False, now + 0.3)

    def show() -> None:
        watching.ask("viewport", 120)
        watching.picture = watch.Picture(np.zeros((1, 1, 4), np.float32), 1.0, (), (), 0, ())

    show()
    assert watching.due(False, now + 0.31)
    assert not watching.due(False, now + 0.33), "once for each image"
    show()
    assert watching.due(True, now + 0.34), "with the pose"
    show()
    assert not watching.due(False, now + 0.36), "not between two poses"
    assert watching.due(True, now + 0.37)
    show()
    assert watching.due(False, now + 0.6), "by itself where no more poses come"


def test_bars_are_the_controls_of_the_character(sample_clip: Path, model_path: Path) -> None:
    rig = bpy.data.objects[create_face_rig(bpy.context).armature]
    watching = begin(sample_clip, model_path)
    picture = picture_with(watching, rig, lambda shown: bool(shown.bars))
    names = [name for name, _ in picture.bars]
    assert 0 < len(names) <= watch.BARS
    assert len(set(names)) == len(names)


def test_a_face_in_the_dark_is_said(sample_clip: Path, model_path: Path, tmp_path: Path) -> None:
    """The clip as it is, and at a quarter of its light."""
    reader = cv2.VideoCapture(str(sample_clip))
    size = (int(reader.get(cv2.CAP_PROP_FRAME_WIDTH)), int(reader.get(cv2.CAP_PROP_FRAME_HEIGHT)))
    dark = tmp_path / "dark.mp4"
    writer = cv2.VideoWriter(str(dark), cv2.VideoWriter.fourcc(*"mp4v"), 30.0, size)
    for _ in range(60):
        good, image = reader.read()
        if not good:
            break
        writer.write((image * 0.25).astype(np.uint8))
    writer.release()
    watching = begin(sample_clip, model_path)
    start = time.monotonic()
    wait(watching, None, lambda: time.monotonic() - start > 3.0)
    assert "DARK" not in [complaint.kind for complaint in watching.complaints]
    watching = begin(dark, model_path)
    wait(watching, None, lambda: "DARK" in [complaint.kind for complaint in watching.complaints])
    assert watching.severity > 0


def test_the_watch_ends_with_its_session(sample_clip: Path, model_path: Path) -> None:
    watching = begin(sample_clip, model_path)
    wait(watching, None, lambda: watching.ask("viewport", 120) is not None)
    live.stop()
    assert watch.current() is None
    deadline = time.monotonic() + 5
    while watching._thread.is_alive() and time.monotonic() < deadline:
        time.sleep(0.01)
    assert not watching._thread.is_alive()


def test_the_image_for_the_editor_is_one_and_black() -> None:
    image = picture_place.camera_image(320, 240)
    assert picture_place.camera_image(640, 480) is image
    assert tuple(image.size) == (640, 480)
    assert max(image.pixels[:3]) == 0.0
    image.name = "My Own Name"
    assert picture_place.camera_image(640, 480) is image
    assert len(bpy.data.images) == 1
    assert not picture_place.shows_camera(None)


def test_without_an_image_editor_the_button_is_grey() -> None:
    assert not bpy.ops.mimica.show_in_image_editor.poll()
