# SPDX-FileCopyrightText: 2026 Mimica authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Controls mapped as they come: what a baked take of them shows, but for the filter; lost, mirrored, recentred."""

from dataclasses import replace

import numpy as np
import pytest

from mimica.mapping.control_mapper import ControlMapper
from mimica.mapping.control_take import ControlTake, frames_of_motion, motion_of_take, take_of_frames
from mimica.mapping.feel import Feel
from mimica.mapping.frame import ARKIT_SHAPES, LANDMARK_COUNT, ControlFrame
from mimica.mapping.mirror import mirrored
from mimica.mapping.motion import Motion
from mimica.mapping.performance import ControlPerformance
from mimica.mapping.settings import MappingSettings
from mimica.mapping.strength import Strength

RAW = Feel(mapping=MappingSettings(smoothness=0.0))
FIELDS = ("controls", "head_rotation", "head_translation", "gaze", "displacement")
JAW, SMILE = ARKIT_SHAPES.index("jawOpen"), ARKIT_SHAPES.index("mouthSmileLeft")


def acted(count: int = 90, rate: float = 60.0) -> list[ControlFrame]:
    """A performance that moves slowly in all its parts, with lids that stay open."""
    frames = []
    for i in range(count):
        wave = 0.5 - 0.5 * np.cos(2 * np.pi * i / count)
        controls = np.zeros(52)
        controls[[JAW, SMILE]] = 0.7 * wave, 0.5 * wave
        head = np.array([0.3 * wave, -0.1, 0.2 * wave])
        gaze = np.full((2, 2), 0.2 * wave)
        frames.append(ControlFrame(i / rate, controls, head, np.array([wave, 2.0, 0.0]), gaze))
    return frames


def groups() -> np.ndarray:
    rng = np.random.default_rng(1)
    weights = rng.random((3, LANDMARK_COUNT))
    return (weights / weights.sum(axis=1, keepdims=True)).astype(np.float32)


def live(frames: list[ControlFrame], feel: Feel = RAW, of: np.ndarray | None = None) -> Motion:
    mapper = ControlMapper(feel, of)
    steps = [mapper.step(frame) for frame in frames]
    return Motion(*(np.concatenate([getattr(s, f) for s in steps]) for f in Motion.__dataclass_fields__))


@pytest.mark.parametrize("of", [None, groups()], ids=["landmarks", "groups"])
@pytest.mark.parametrize("mirror", [False, True])
def test_it_shows_what_an_imported_take_shows(of: np.ndarray | None, mirror: bool) -> None:
    frames = acted()
    shown = live(frames, replace(RAW, mirror=mirror), of)
    imported = replace(take_of_frames("", frames), found=None)
    if mirror:
        expected = mirrored(motion_of_take(imported))
        expected = expected if of is None else replace(expected, displacement=of @ expected.displacement)
    else:
        expected = motion_of_take(imported, of)
    for field in FIELDS:
        assert np.allclose(getattr(shown, field), getattr(expected, field), atol=2e-6), field
    assert expected.controls.max() > 0.6 and np.abs(expected.displacement).max() > 0.1


def test_live_and_baked_differ_by_the_filter_alone() -> None:
    frames, settings = acted(240), MappingSettings()
    shown = live(frames, Feel(mapping=settings))
    baked = ControlPerformance(take_of_frames("", frames)).motion(None, settings)
    assert np.abs(shown.controls - baked.controls).max() < 0.05
    assert np.abs(shown.displacement - baked.displacement).max() < 0.1, "cm"
    unfiltered = ControlPerformance(take_of_frames("", frames)).motion(None, MappingSettings(smoothness=0.0))
    assert np.allclose(live(frames).controls, unfiltered.controls, atol=1e-9)


def test_a_lost_face_holds_then_relaxes_and_comes_back() -> None:
    frames = acted(60)
    last, held = frames[30], frames[:31]
    lost = [ControlFrame(last.time + (i + 1) / 30, None) for i in range(90)]
    back = ControlFrame(lost[-1].time + 1 / 30, last.controls, last.head, last.way, last.gaze)
    shown = live([*held, *lost, back])
    jaw = shown.controls[:, JAW]
    assert jaw[30 + 3] == pytest.approx(jaw[30]), "held at first"
    assert jaw[-2] < 0.01 * jaw[30] and np.abs(shown.head_translation[-2]).max() < 0.05
    assert jaw[-1] < 0.5 * jaw[30], "comes back softly"
    assert np.isfinite(shown.displacement).all()
    take = take_of_frames("", [*held, *lost, back])
    baked = ControlPerformance(take).motion(None, RAW.mapping)
    assert np.allclose(baked.controls[:, JAW], jaw, atol=1e-9), "as a bake of it does"
    assert ControlPerformance(take).found.tolist() == [True] * 31 + [False] * 90 + [True]


def test_a_face_that_never_was_there_rests() -> None:
    shown = live([ControlFrame(i / 30, None) for i in range(5)])
    assert not shown.controls.any() and not shown.displacement.any()


def test_strength_freeze_and_recentre_work_as_for_faces() -> None:
    frames = acted()
    half = live(frames, replace(RAW, strength=Strength(0.5)))
    assert np.allclose(half.controls[:, JAW], 0.5 * live(frames).controls[:, JAW])
    mapper = ControlMapper(RAW)
    mapper.step(frames[20])
    mapper.recentre()
    # The way there is eased.
    for i in range(60):
        shown = mapper.step(replace(frames[20], time=frames[20].time + (i + 1) / 60))
    assert np.allclose(shown.head_rotation, [[1, 0, 0, 0]], atol=1e-9) and np.abs(shown.head_translation).max() < 1e-9
    again = [replace(frames[20], time=i / 30) for i in range(5)]
    baked = ControlPerformance(replace(take_of_frames("", again), rest=mapper.rest)).motion(None, RAW.mapping)
    assert np.allclose(baked.head_rotation[-1], shown.head_rotation[-1], atol=1e-9)
    mapper.follow(replace(RAW, frozen=True))
    jaw = shown.controls[0, JAW]
    assert mapper.step(replace(frames[45], time=5.0)).controls[0, JAW] == pytest.approx(jaw)


def test_the_same_frame_again_is_no_other_instant() -> None:
    mapper = ControlMapper(Feel())
    frames = acted()
    for frame in frames[:30]:
        shown = mapper.step(frame)
        assert mapper.step(frame) is shown


def test_what_is_sent_is_what_was_shown() -> None:
    frames = acted()
    shown = live(frames)
    sent = frames_of_motion(shown, face=2)
    assert {frame.face_id for frame in sent} == {2}
    again = live(sent)
    for field in FIELDS:
        assert np.allclose(getattr(again, field), getattr(shown, field), atol=1e-9), field


def test_parts_that_no_frame_tells_are_none() -> None:
    take = take_of_frames("x", [ControlFrame(0.0, np.zeros(52)), ControlFrame(0.1, None, np.array([0.1, 0.0, 0.0]))])
    assert take.gaze is None and take.way is None and take.head is not None
    assert take.head[:, 0].tolist() == [0.0, 0.1]
    assert isinstance(take, ControlTake) and take.found is not None and take.found.tolist() == [True, False]
