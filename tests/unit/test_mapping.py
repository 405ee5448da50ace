# SPDX-FileCopyrightText: 2026 Mimica authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the mapping promises its users, on faces whose truth is known."""

import dataclasses

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import linear_sum_assignment

from mimica.mapping import rotation as rot
from mimica.mapping.calibration import PerformerProfile, ProfileError, default_profile, estimate_profile
from mimica.mapping.feel import Feel
from mimica.mapping.frame import ARKIT_SHAPES, FaceFrame, FaceFrames
from mimica.mapping.gaze import place_irises
from mimica.mapping.landmarks import average_face
from mimica.mapping.mapper import LiveMapper, MappingSettings, head_angles, map_frames
from mimica.mapping.presence import HOLD_SECONDS
from mimica.tests.synthetic import act, photograph

RAW = MappingSettings(smoothness=0.0)


def bump(count: int, start: int, length: int) -> np.ndarray:
    out = np.zeros(count)
    out[start : start + length] = np.sin(np.linspace(0, np.pi, length))
    return out


def split(frames: FaceFrames) -> list[FaceFrame]:
    return [
        FaceFrame(
            float(frames.times[i]),
            frames.landmarks[i].copy() if frames.quality[i] else None,
            None,
            (int(frames.image_sizes[i, 0]), int(frames.image_sizes[i, 1])),
            quality=float(frames.quality[i]),
        )
        for i in range(len(frames))
    ]


def lose(frames: FaceFrames, lost: slice) -> FaceFrames:
    landmarks, quality = frames.landmarks.copy(), frames.quality.copy()
    landmarks[lost], quality[lost] = np.nan, 0.0
    return dataclasses.replace(frames, landmarks=landmarks, quality=quality)


def test_each_part_moves_its_own_control():
    frames = photograph(
        act(jaw=bump(200, 40, 30), blink_left=bump(200, 80, 20), brows=bump(200, 110, 30), gaze_left=bump(200, 150, 30))
    )
    motion = map_frames(frames, settings=RAW)
    assert motion.control("jawOpen")[55] > 0.5
    assert motion.control("eyeBlinkLeft")[90] > 0.9
    assert motion.control("eyeBlinkRight")[90] < 0.05
    assert motion.control("browInnerUp")[125] > 0.5
    assert motion.control("browOuterUpRight")[125] > 0.5
    assert motion.control("eyeLookOutLeft")[165] > 0.4
    assert motion.control("eyeLookInRight")[165] > 0.4
    assert motion.gaze[165, :, 0].min() > 0.25
    for name in ("jawOpen", "eyeBlinkLeft", "browInnerUp", "eyeLookOutLeft", "mouthSmileLeft", "cheekPuff"):
        assert motion.control(name)[:30].max() < 0.02, name
    assert motion.control("jawOpen")[110:140].max() < 0.1


def test_the_neutral_gives_zeros():
    frames = photograph(np.repeat(average_face()[None], 40, axis=0))
    motion = map_frames(frames)
    assert np.abs(motion.controls).max() < 1e-3
    assert np.abs(motion.displacement).max() < 1e-3
    assert np.abs(head_angles(motion)).max() < 1e-3


@settings(max_examples=20, deadline=None)
@given(
    roll=st.floats(-0.5, 0.5),
    place=st.tuples(st.floats(-3, 3), st.floats(-3, 3), st.floats(-80, -40)),
    size=st.sampled_from([(640, 480), (1280, 720), (480, 640)]),
)
def test_place_scale_roll_and_image_size_do_not_change_controls(roll, place, size):
    acted = act(jaw=bump(60, 30, 20), blink_left=bump(60, 20, 20), brows=bump(60, 40, 20))
    profile = default_profile()
    plain = map_frames(photograph(acted), profile=profile, settings=RAW)
    turn = rot.matrix_from_quaternion(rot.exp(np.array([0.0, 0.0, roll])))
    moved = map_frames(
        photograph(acted, rotation=turn, translation=np.array(place), size=size), profile=profile, settings=RAW
    )
    # Off the picture's middle the head's fit is a little wrong, and the network makes more of that than anatomy.
    assert np.abs(plain.controls - moved.controls).max() < 0.1


def test_mirrored_input_gives_mirrored_controls():
    acted = act(blink_left=bump(60, 30, 20), gaze_left=bump(60, 10, 20))
    frames = photograph(acted)
    mirrored = frames.landmarks.copy()
    mirrored[..., 0] = 1.0 - mirrored[..., 0]
    face = average_face()
    # Closed lips share places, so each point gets a partner of its own.
    distance = np.linalg.norm(face[:, None] * [-1, 1, 1] - face[None], axis=2)
    _, swap = linear_sum_assignment(distance)
    assert distance[np.arange(478), swap].max() < 1e-3, "the average face is symmetrical, point by point"
    other = dataclasses.replace(frames, landmarks=mirrored[:, swap])
    a = map_frames(frames, profile=default_profile(), settings=RAW)
    b = map_frames(other, profile=default_profile(), settings=RAW)
    for i, name in enumerate(ARKIT_SHAPES):
        twin = name.replace("Left", "@").replace("Right", "Left").replace("@", "Right")
        assert np.abs(a.controls[:, i] - b.control(twin)).max() < 0.02, name


@pytest.mark.parametrize(("axis", "index"), [(1, 0), (0, 1), (2, 2)])
def test_head_angles_have_the_documented_signs(axis, index):
    amount = np.concatenate([np.zeros(30), np.linspace(0, 0.4, 30)])
    turns = rot.matrix_from_quaternion(rot.exp(amount[:, None] * np.eye(3)[axis]))
    frames = photograph(np.repeat(average_face()[None], 60, axis=0), rotation=turns)
    angles = head_angles(map_frames(frames, settings=RAW))
    assert angles[-1, index] == pytest.approx(np.degrees(0.4), abs=1.0)
    assert np.abs(np.delete(angles[-1], index)).max() < 1.0


def test_one_frame_and_the_whole_take_agree():
    frames = photograph(act(jaw=bump(40, 10, 20), brows=bump(40, 20, 15)))
    profile = default_profile()
    whole = map_frames(frames, profile=profile, settings=RAW)
    live = LiveMapper(profile, Feel(RAW))
    for i, frame in enumerate(split(frames)):
        step = live.step(frame)
        assert np.allclose(step.controls[0], whole.controls[i], atol=1e-5)
        assert np.allclose(step.displacement[0], whole.displacement[i], atol=1e-5)
        assert np.allclose(step.head_rotation[0], whole.head_rotation[i], atol=1e-6)


def test_groups_average_the_same_displacement():
    frames = photograph(act(jaw=bump(30, 5, 20)))
    groups = np.zeros((2, 478))
    groups[0, [13, 14]] = 0.5
    groups[1, 152] = 1.0
    points = map_frames(frames, profile=default_profile(), settings=RAW).displacement
    grouped = map_frames(frames, profile=default_profile(), settings=RAW, groups=groups).displacement
    assert np.allclose(grouped[:, 0], points[:, [13, 14]].mean(axis=1), atol=1e-5)
    assert np.allclose(grouped[:, 1], points[:, 152], atol=1e-5)


def test_a_lost_face_is_held_then_eases_to_neutral_and_comes_back():
    frames = lose(photograph(act(jaw=np.ones(180))), slice(60, 150))
    motion = map_frames(frames, profile=default_profile(), settings=RAW)
    jaw = motion.control("jawOpen")
    hold = int(HOLD_SECONDS * 30)
    assert np.allclose(jaw[60 : 60 + hold - 1], jaw[59])
    assert jaw[140] < 0.05 * jaw[59]
    assert (np.diff(jaw[60:150]) <= 1e-9).all()
    assert jaw[151] < 0.6 * jaw[59], "it does not jump back"
    assert jaw[165] == pytest.approx(jaw[59], rel=0.01)
    assert (motion.confidence[60:150] == 0).all()
    assert np.isfinite(motion.displacement).all()


def test_a_short_gap_is_bridged_offline():
    frames = lose(photograph(act(jaw=np.linspace(0, 1, 60))), slice(30, 34))
    jaw = map_frames(frames, profile=default_profile(), settings=RAW).control("jawOpen")
    assert np.abs(np.diff(jaw, 2)).max() < 0.03


@pytest.mark.parametrize("live", [False, True])
def test_nothing_becomes_nan(live):
    frames = lose(photograph(act(jaw=bump(90, 10, 50))), slice(0, 20))
    frames = lose(frames, slice(50, 52))
    for part in (frames, lose(frames, slice(0, 90)), frames.slice(0, 1), frames.slice(30, 31)):
        motion = map_frames(part, live=live)
        for name in ("controls", "head_rotation", "head_translation", "gaze", "displacement", "confidence"):
            assert np.isfinite(getattr(motion, name)).all(), name


def test_points_without_irises_still_map():
    frames = photograph(act(jaw=bump(60, 30, 20)))
    landmarks = frames.landmarks.copy()
    landmarks[:, 468:] = np.nan
    motion = map_frames(dataclasses.replace(frames, landmarks=landmarks), settings=RAW)
    assert np.isfinite(motion.controls).all()
    assert motion.control("jawOpen")[40] > 0.5
    assert np.abs(motion.gaze).max() == 0.0


def test_smoothing_keeps_blinks():
    frames = photograph(act(blink_left=bump(90, 40, 7)))
    for live in (False, True):
        blink = map_frames(frames, profile=default_profile(), live=live).control("eyeBlinkLeft")
        assert blink.max() > 0.7, live


def test_the_neutral_is_found_in_a_busy_take():
    jaw = bump(150, 0, 40) + bump(150, 90, 60)
    blink = bump(150, 45, 8)
    frames = photograph(act(jaw=jaw, blink_left=blink))
    profile = estimate_profile(frames)
    assert profile is not None
    assert np.abs(profile.neutral - place_irises(average_face())).max() < 0.12


def test_the_live_neutral_comes_after_a_good_second():
    mapper = LiveMapper(feel=Feel(RAW))
    frames = split(photograph(act(brows=np.full(45, 0.4))))
    for frame in frames[:20]:
        mapper.step(frame)
    assert mapper.calibrating
    steps = [mapper.step(frame) for frame in frames[20:]]
    assert not mapper.calibrating
    assert steps[-1].control("browInnerUp")[0] < 0.05, "the performer's own brows are the neutral now"


def test_a_profile_survives_its_file(tmp_path):
    profile = estimate_profile(photograph(act(jaw=np.zeros(30))), name="Ada")
    assert profile is not None
    profile.save(tmp_path / "ada.json")
    again = PerformerProfile.load(tmp_path / "ada.json")
    assert again.name == "Ada"
    assert np.allclose(again.neutral, profile.neutral, atol=1e-4)
    assert np.isnan(again.scores).all()


@pytest.mark.parametrize("text", ["", "{", '{"schema": 99}', '{"schema": 1, "neutral": [[0]]}', "[]"])
def test_a_damaged_profile_is_refused_with_a_sentence(tmp_path, text):
    path = tmp_path / "bad.json"
    path.write_text(text)
    with pytest.raises(ProfileError, match=r"\.$|\)\.$"):
        PerformerProfile.load(path)


def test_lips_that_never_close_are_closed_in_the_neutral_unless_it_was_posed():
    frames = photograph(act(jaw=np.full(60, 0.35)))
    found, posed = estimate_profile(frames), estimate_profile(frames, posed=True)
    assert found is not None
    assert posed is not None
    gaps = [p.neutral[13, 1] - p.neutral[14, 1] for p in (found, posed)]
    assert gaps[0] < 0.1
    assert gaps[1] > 0.5
    assert map_frames(frames, profile=found).control("jawOpen").mean() > 0.1
    assert map_frames(frames, profile=posed).control("jawOpen").mean() < 0.01
