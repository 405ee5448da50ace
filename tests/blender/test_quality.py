# SPDX-FileCopyrightText: 2026 Mimica authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The quality of the active take in Blender: worked out beside the window, listed, jumped to, marked, and drawn."""

import time
from collections.abc import Iterator
from pathlib import Path

import bpy
import numpy as np
import pytest

import mimica
from mimica.capture.take import TakeInfo, TakeWriter
from mimica.capture.take_schema import Timeline
from mimica.mapping.calibration import default_profile
from mimica.mapping.frame import FaceFrame
from mimica.mapping.quality_track import QualityTrack, WeakSpot
from mimica.operators import quality as operators_quality
from mimica.rig import paths, quality
from mimica.rig.bake_settings import BakeSettings, instants
from mimica.rig.face_rig import create_face_rig
from mimica.rig.quality import Place, Report, place_of
from mimica.rig.quality_strip import View, hatching, make_strip
from mimica.tests.synthetic import act, photograph

COUNT = 120
LOST = (*range(20, 24), *range(60, 90))


@pytest.fixture
def takes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """The extension registered, in a file that was never saved; the folder of its takes."""
    monkeypatch.setattr(paths, "user_folder", lambda: tmp_path / "user")
    bpy.ops.wm.read_homefile(use_empty=True)
    bpy.context.scene.render.fps = 30
    mimica.register()
    yield paths.unsaved_takes_folder()
    mimica.unregister()
    bpy.ops.wm.read_homefile(use_empty=True)


def record(folder: Path, name: str = "Shot", lost: tuple[int, ...] = LOST, timeline: Timeline | None = None) -> Path:
    frames = photograph(act(jaw=np.full(COUNT, 0.2)))
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{name}.mimica"
    with TakeWriter(path, TakeInfo(name, performer=default_profile().to_json(), timeline=timeline)) as writer:
        for i in range(COUNT):
            landmarks, seen = (None, 0.0) if i in lost else (frames.landmarks[i], 1.0)
            writer.append((FaceFrame(i / 30, landmarks, None, (640, 480), quality=seen),))
    bpy.ops.mimica.refresh_takes()
    bpy.context.window_manager.mimica.take_index = bpy.context.window_manager.mimica.takes.find(name)
    return path


def looked_at() -> Report:
    """What is found of the active take, waited for as the timer does."""
    until = time.monotonic() + 60.0
    while time.monotonic() < until:
        quality.report()
        operators_quality._watch()
        found = quality.report()
        if found is not None:
            return found
        time.sleep(0.01)
    raise AssertionError("the report never came")


def listed() -> list[tuple[str, float]]:
    return [(item.kind, round(item.start, 3)) for item in bpy.context.window_manager.mimica.quality.spots]


def test_weak_spots_are_listed_and_jumped_to(takes: Path) -> None:
    scene, state = bpy.context.scene, bpy.context.window_manager.mimica
    assert quality.report() is None and not bpy.ops.mimica.next_weak_spot.poll()
    record(takes)
    found = looked_at()
    assert found.track is not None and found.track.found == pytest.approx(1 - len(LOST) / COUNT)
    assert listed() == [("BRIDGED", round(20 / 30, 3)), ("EASED", 2.0)]
    scene.mimica.bake_start = 101
    operators_quality._watch()
    scene.frame_current = 101
    assert bpy.ops.mimica.next_weak_spot() == {"FINISHED"}
    assert (scene.frame_current, state.quality.index) == (121, 0)
    assert bpy.ops.mimica.next_weak_spot() == {"FINISHED"}
    assert (scene.frame_current, state.quality.index) == (161, 1)
    assert bpy.ops.mimica.next_weak_spot() == {"CANCELLED"}
    assert bpy.ops.mimica.previous_weak_spot() == {"FINISHED"}
    assert scene.frame_current == 121
    state.quality.index = 1
    assert scene.frame_current == 161, "a click in the list goes there"
    scene.mimica.bake_start = 201
    operators_quality._watch()
    assert (state.quality.index, scene.frame_current) == (1, 161), "what is picked stays so"


def test_another_take_and_none(takes: Path) -> None:
    record(takes)
    looked_at()
    record(takes, "Good", ())
    operators_quality._watch()
    assert quality.report() is None and listed() == [], "what was known is of another take"
    found = looked_at()
    assert found.name == "Good" and found.track is not None and found.track.spots == ()
    assert not bpy.ops.mimica.next_weak_spot.poll()
    bpy.context.window_manager.mimica.take_index = bpy.context.window_manager.mimica.takes.find("Shot")
    operators_quality._watch()
    assert listed(), "a report is kept"
    bpy.context.window_manager.mimica.takes.clear()
    operators_quality._watch()
    assert quality.report() is None


def test_who_waits_behind_another_take_is_asked_again(takes: Path) -> None:
    record(takes, "Good", ())
    record(takes)
    quality.report()
    operators_quality._watch()
    state = bpy.context.window_manager.mimica
    state.take_index = state.takes.find("Good")
    quality.step(bpy.context)
    quality._wanted = -100.0
    until = time.monotonic() + 60.0
    while not (drawn := quality.step(bpy.context)) and time.monotonic() < until:
        time.sleep(0.01)
    assert drawn, "what is drawn asks for the active take once there is time for it"
    assert looked_at().name == "Good"


def test_nothing_is_worked_out_unasked(takes: Path) -> None:
    quality.forget()
    quality._wanted = -100.0
    record(takes)
    for _ in range(3):
        operators_quality._watch()
    assert quality._job is None


def test_a_take_that_cannot_be_read_is_said(takes: Path) -> None:
    path = record(takes)
    path.write_bytes(path.read_bytes()[:40000])
    found = looked_at()
    assert found.track is None and "Shot.mimica" in found.problem
    assert not bpy.ops.mimica.mark_weak_spots.poll()


def test_long_gaps_are_marked_once(takes: Path) -> None:
    scene = bpy.context.scene
    record(takes)
    looked_at()
    scene.timeline_markers.new("mine", frame=3)
    assert bpy.ops.mimica.mark_weak_spots() == {"FINISHED"}
    scene.mimica.bake_start = 11
    operators_quality._watch()
    assert bpy.ops.mimica.mark_weak_spots() == {"FINISHED"}
    assert [(marker.name, marker.frame) for marker in scene.timeline_markers] == [
        ("mine", 3),
        ("Shot: no face 1.0 s", 71),
    ]
    assert "UNDO" in bpy.types.MIMICA_OT_mark_weak_spots.bl_options


def test_a_bake_says_that_there_are_gaps(takes: Path, capfd: pytest.CaptureFixture[str]) -> None:
    bpy.context.scene.mimica.target = bpy.data.objects[create_face_rig(bpy.context).armature]
    record(takes)
    bpy.ops.mimica.bake()
    assert "1 gap of more than 0.25 s: see Quality." in capfd.readouterr().out
    record(takes, "Good", ())
    bpy.ops.mimica.bake()
    assert "gap" not in capfd.readouterr().out


def test_it_lies_where_the_take_was_baked(takes: Path) -> None:
    scene = bpy.context.scene
    scene.mimica.target = bpy.data.objects[create_face_rig(bpy.context).armature]
    record(takes)
    looked_at()
    scene.mimica.bake_start = 51
    assert bpy.ops.mimica.bake() == {"FINISHED"}
    scene.mimica.bake_start = 1
    operators_quality._watch()
    place = quality.place(bpy.context)
    assert place is not None and place.frame_at(2.0) == pytest.approx(111.0)
    # Twice as many frames a second, not baked yet for another character, and a part alone.
    scene.mimica.target = None
    scene.render.fps = 60
    scene.mimica.bake_part, scene.mimica.bake_from = True, 1.0
    operators_quality._watch()
    place = quality.place(bpy.context)
    assert place is not None and place.frame_at(2.0) == pytest.approx(61.0)
    assert place.times_at(np.array([61.0])) == pytest.approx([2.0])


def test_it_lies_where_the_take_was_performed(takes: Path) -> None:
    """A take that was recorded while the timeline played is baked to there, if the panel wants that."""
    scene = bpy.context.scene
    record(takes, timeline=Timeline(200.0, 30.0))
    looked_at()
    place = quality.place(bpy.context)
    assert place is not None and place.frame_at(2.0) == pytest.approx(260.0)
    scene.mimica.recording.at_place = False
    operators_quality._watch()
    place = quality.place(bpy.context)
    assert place is not None and place.frame_at(2.0) == pytest.approx(61.0)


@pytest.mark.parametrize("start", [0.0, 0.51, 2.0])
@pytest.mark.parametrize("offset", [0.0, 0.517, -1.21])
@pytest.mark.parametrize("step", [0.5, 1.0, 3.0])
def test_the_place_is_that_of_the_keys(start: float, offset: float, step: float) -> None:
    settings = BakeSettings(start_frame=11.0, start=start, offset=offset, step=step)
    for rate in (24.0, 29.97, 60.0):
        times, frames = instants(7.3 + np.arange(COUNT) / 30, rate, settings)
        place = place_of(settings, 7.3, rate)
        assert [place.frame_at(time) for time in times] == pytest.approx(frames)


def report_of(confidence: np.ndarray, *spots: WeakSpot, rate: float = 30.0) -> Report:
    return Report("t", QualityTrack(np.arange(len(confidence)) / rate, confidence, 1.0, spots))


def covers(strip_boxes: np.ndarray, x: float) -> int:
    """The box of the track that is drawn last at a place."""
    return int(np.flatnonzero((strip_boxes[:, 0] <= x) & (strip_boxes[:, 2] > x) & (strip_boxes[:, 1] == 0.0))[-1])


def test_no_weak_frame_vanishes_however_far_out_the_view_is() -> None:
    confidence = np.ones(18000)
    confidence[9000] = 0.0
    report, place = report_of(confidence), Place(1.0, 0.0, 30.0)
    for view in (View(1.0, 18001.0, 900), View(-20000.0, 60000.0, 1400), View(8990.0, 9010.0, 1000)):
        strip = make_strip(report, place, view)
        red = strip.colours[covers(strip.boxes, (9001.0 - view.left) * view.scale + 1e-3)]
        assert red[0] > 2 * red[1], view
        assert strip.boxes[:, 0].min() >= 0 and strip.boxes[:, 2].max() <= view.width
        green = strip.colours[covers(strip.boxes, (8992.0 - view.left) * view.scale)] if view.width == 1000 else None
        assert green is None or green[1] > 2 * green[0]
    assert len(make_strip(report, place, View(1.0, 18001.0, 900)).boxes) < 10, "neighbours of a colour are one box"
    assert not len(make_strip(report, place, View(30000.0, 31000.0, 900)).boxes), "out of sight"


def test_gaps_are_hatched_and_outliers_marked() -> None:
    gap = WeakSpot("EASED", 1.0, 2.0, 0.0, "")
    flash = WeakSpot("OUTLIER", 3.0, 3.03, 1.0, "")
    strip = make_strip(report_of(np.ones(120), gap, flash), Place(1.0, 0.0, 30.0), View(1.0, 121.0, 1200))
    assert strip.hatched.tolist() == [[300.0, 600.0]]
    marks = strip.boxes[strip.boxes[:, 1] == 1.0]
    assert marks[:, 0].tolist() == [900.0] and (marks[:, 2] - marks[:, 0] >= 2.0).all()
    lines = hatching(strip.hatched, 8.0, 5.0)
    assert lines[:, 0].min() >= 300.0 and lines[:, 0].max() <= 600.0
    assert lines[:, 1].min() >= 0.0 and lines[:, 1].max() <= 8.0
    assert np.allclose(lines[1::2] - lines[::2], (lines[1::2] - lines[::2])[:, :1]), "at 45 degrees"
    far = make_strip(report_of(np.ones(120), gap, flash), Place(1.0, 0.0, 30.0), View(1.0, 100001.0, 1200))
    assert far.hatched[0, 1] - far.hatched[0, 0] >= 1.99, "also where a gap is less than a pixel"
