# SPDX-FileCopyrightText: 2026 Mimica authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a performer may change of the motion: mirrored, softer, stronger, held, recentred, and never with a jump."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mimica.mapping import rotation as rot
from mimica.mapping.calibration import PerformerProfile, ProfileError, default_profile, without_range
from mimica.mapping.character_map import own_rig_map
from mimica.mapping.data import load_table
from mimica.mapping.face_regions import FACE_REGIONS, control_face_regions, group_shares
from mimica.mapping.feel import EASE_SECONDS, Feel, Shown, between
from mimica.mapping.frame import ARKIT_SHAPES, FaceFrame, FaceFrames
from mimica.mapping.gaze import with_gaze
from mimica.mapping.head_rest import HeadRest, recentred
from mimica.mapping.landmarks import average_face, weight_matrix
from mimica.mapping.live_filter import LiveFilter
from mimica.mapping.mapper import LiveMapper, map_frames
from mimica.mapping.mirror import mirrored, mirrored_face, mirrored_groups
from mimica.mapping.motion import Motion
from mimica.mapping.performance import MirroredPerformance, TakePerformance
from mimica.mapping.settings import MappingSettings
from mimica.mapping.solve import solve
from mimica.mapping.strength import Strength, strengthened
from mimica.tests.synthetic import act, photograph
from mimica.tests.synthetic import mirrored as mirrored_frames

GROUPS = weight_matrix([bone.landmarks for bone in own_rig_map().bones if bone.drive == "landmarks"])
RATE = 30.0
FIELDS = ("controls", "head_rotation", "head_translation", "gaze", "displacement")
_LEFT_CORNER = [291, 375, 409, 308, 415, 324, 306, 292, 325, 307, 287, 432]
PROFILE = replace(default_profile(), translation=np.array([0.0, 0.0, -45.0]))
MOUTH = np.array([region == "MOUTH" for region in control_face_regions()])
NO_SHARES = group_shares(GROUPS)


def performed(count: int = 60, seed: int = 0, groups: int = len(GROUPS)) -> Motion:
    """A motion in which everything wanders, by no more than a face does between two images."""
    rng = np.random.default_rng(seed)

    def wander(*shape: int, size: float) -> np.ndarray:
        return np.cumsum(rng.normal(0.0, size, (count, *shape)), axis=0)

    gaze = wander(2, 2, size=0.01)
    return Motion(
        times=np.arange(count) / RATE,
        controls=with_gaze(np.clip(0.3 + wander(52, size=0.02), 0.0, 1.0), gaze),
        head_rotation=rot.exp(wander(3, size=0.01)),
        head_translation=wander(3, size=0.1),
        gaze=gaze,
        displacement=wander(groups, 3, size=0.02),
        confidence=np.ones(count),
    )


def at(motion: Motion, i: int) -> Motion:
    return Motion(*(getattr(motion, f)[i : i + 1] for f in Motion.__dataclass_fields__))


def joined(parts: list[Motion]) -> Motion:
    return Motion(*(np.concatenate([getattr(p, f) for p in parts]) for f in Motion.__dataclass_fields__))


def turned(frames: FaceFrames, yaw: float, place: tuple[float, float, float]) -> FaceFrames:
    count = len(frames)
    rotation = rot.matrix_from_quaternion(rot.exp(np.array([0.0, yaw, 0.0])))
    return photograph(np.repeat(average_face()[None], count, axis=0), rotation=rotation, translation=np.array(place))


def acted(count: int = 40) -> FaceFrames:
    """A one-sided performance: a wink and half a smile on the left, a look there, the jaw, and a turning head."""
    wave = np.sin(np.linspace(0, np.pi, count))
    turn = rot.matrix_from_quaternion(rot.exp(np.stack([0.1 * wave, 0.3 * wave, 0.2 * wave], axis=1)))
    place = np.stack([2.0 * wave, wave, -45.0 + wave], axis=1)
    faces = act(blink_left=wave, gaze_left=wave, jaw=0.5 * wave)
    faces[:, _LEFT_CORNER] += wave[:, None, None] * np.array([0.6, 0.5, 0.0])
    return photograph(faces, rotation=turn, translation=place)


def split(frames: FaceFrames) -> list[FaceFrame]:
    return [
        FaceFrame(float(t), points.copy(), None, (int(size[0]), int(size[1])))
        for t, points, size in zip(frames.times, frames.landmarks, frames.image_sizes, strict=True)
    ]


def assert_same(one: Motion, other: Motion, atol: float = 1e-9) -> None:
    for name in FIELDS:
        assert np.allclose(getattr(one, name), getattr(other, name), atol=atol), name


# In the mirror


@settings(max_examples=20, deadline=None)
@given(seed=st.integers(0, 1000), whole=st.booleans())
def test_mirrored_twice_is_as_before(seed: int, whole: bool) -> None:
    groups = None if whole else GROUPS
    motion = performed(5, seed, 478 if whole else len(GROUPS))
    assert_same(mirrored(mirrored(motion, groups), groups), motion)
    twice = mirrored_groups(mirrored_groups(GROUPS))
    assert twice is not None and np.array_equal(twice, GROUPS)


@pytest.mark.parametrize("groups", [None, GROUPS])
def test_the_solve_of_a_mirrored_face_is_the_mirrored_solve(groups: np.ndarray | None) -> None:
    frames, profile = acted(), PROFILE
    # Neither the average face nor what was learned of faces is quite the same on both sides.
    mirror_profile = replace(profile, neutral=mirrored_face(profile.neutral), lid_open=profile.lid_open[::-1])
    seen = solve(mirrored_frames(frames), mirror_profile, groups)
    made = mirrored(solve(frames, profile, mirrored_groups(groups)), groups)
    for name, close in zip(FIELDS, (0.12, 1e-3, 0.01, 0.02, 0.01), strict=True):
        assert np.abs(getattr(seen, name) - getattr(made, name)).max() < close, name
    # And it is no small thing that is alike.
    assert np.abs(made.displacement).max() > 0.2 and np.abs(made.head_translation[:, 0]).max() > 1.0


def test_the_performers_left_is_the_characters_right() -> None:
    frames = acted()
    plain = map_frames(frames, profile=PROFILE, groups=mirrored_groups(GROUPS))
    shown = mirrored(plain, GROUPS)
    middle = len(frames) // 2
    assert plain.control("eyeBlinkLeft")[middle] > 0.8 > 0.2 > shown.control("eyeBlinkLeft")[middle]
    assert shown.control("eyeBlinkRight")[middle] > 0.8
    assert plain.gaze[middle, 0, 0] > 0.1 and shown.gaze[middle, 1, 0] < -0.1
    assert plain.head_translation[middle, 0] * shown.head_translation[middle, 0] < 0.0
    names = [bone.bone for bone in own_rig_map().bones if bone.drive == "landmarks"]
    left, right = (names.index(f"lip_corner.{side}") for side in "LR")
    assert shown.displacement[middle, right, 0] < -0.3 and shown.displacement[middle, right, 1] > 0.2
    assert np.abs(shown.displacement[middle, left]).max() < 0.15


def test_live_is_mirrored_as_a_bake_is() -> None:
    frames, profile = acted(), PROFILE
    feel = Feel(MappingSettings(0.0), mirror=True)
    live, plain = LiveMapper(profile, feel, GROUPS), LiveMapper(profile, replace(feel, mirror=False), GROUPS)
    shown = joined([live.step(frame) for frame in split(frames)])
    baked = MirroredPerformance(TakePerformance("t", frames, profile)).motion(GROUPS, MappingSettings(0.0))
    for name in FIELDS:
        # Lids are closed with a memory that only goes forward live.
        rows = [i for i, n in enumerate(ARKIT_SHAPES) if "Blink" not in n] if name == "controls" else ...
        assert np.allclose(getattr(shown, name)[:, rows], getattr(baked, name)[:, rows], atol=1e-6), name
    unlike = joined([plain.step(frame) for frame in split(frames)])
    assert np.abs(unlike.displacement - shown.displacement).max() > 0.05


def test_switching_the_mirror_in_a_capture_does_not_jump() -> None:
    frames = turned(acted(), 0.3, (1.0, 0.0, -45.0))
    mapper = LiveMapper(PROFILE, Feel(), GROUPS)
    steps = split(frames)
    for frame in steps[:20]:
        before = mapper.step(frame)
    mapper.follow(Feel(mirror=True))
    angles = [rot.log(mapper.step(frame).head_rotation)[0, 1] for frame in steps[20:]]
    start = float(rot.log(before.head_rotation)[0, 1])
    assert angles[-1] == pytest.approx(-start, abs=0.01)
    assert np.abs(np.diff([start, *angles])).max() < 0.5 * abs(angles[-1] - start)


def test_a_mirrored_performance_has_a_mirrored_face() -> None:
    profile = replace(default_profile(), neutral=average_face() * np.array([1.0, 1.0, 1.0]) + _lopsided())
    performance = MirroredPerformance(TakePerformance("t", acted(), profile))
    assert np.allclose(mirrored_face(performance.neutral), profile.neutral)
    assert not np.allclose(performance.neutral, profile.neutral)
    assert performance.name == "t" and performance.found.all() and len(performance.times) == 40


def _lopsided() -> np.ndarray:
    lower = np.zeros((478, 3))
    lower[61, 1] = -0.3
    return lower


# Smoothness, while it changes


@pytest.mark.parametrize("smoothing", [{}, {"MOUTH": 3.0, "HEAD": 0.0}, {"EYES": 0.0, "BROWS": 2.0}])
@pytest.mark.parametrize("smoothness", [0.0, 0.4, 1.0, 2.5])
def test_a_filter_that_follows_is_as_one_that_began_so(smoothness: float, smoothing: dict) -> None:
    motion, wanted = performed(), MappingSettings(smoothness, smoothing=smoothing)
    began, follows = LiveFilter(wanted, GROUPS), LiveFilter(MappingSettings(3.0), GROUPS)
    follows.follow(wanted)
    for i in range(len(motion)):
        assert_same(began(at(motion, i)), follows(at(motion, i)))


def test_each_region_is_as_smooth_live_as_it_is_told() -> None:
    motion = performed()
    motion.displacement[:] = np.random.default_rng(1).normal(0.0, 0.05, motion.displacement.shape)

    def live(wanted: MappingSettings) -> Motion:
        step = LiveFilter(wanted, GROUPS)
        return joined([step(at(motion, i)) for i in range(len(motion))])

    plain, calm, raw = live(MappingSettings(1.0)), live(MappingSettings(2.0)), live(MappingSettings(0.0))
    mixed = live(MappingSettings(1.0, smoothing={"MOUTH": 2.0, "HEAD": 0.0}))
    # Closed lips are drawn together by what jaw and lips say together.
    mouth = MOUTH & np.array([name.startswith("mouthSmile") for name in ARKIT_SHAPES])
    assert np.allclose(mixed.controls[:, mouth], calm.controls[:, mouth])
    assert np.allclose(mixed.controls[:, ~MOUTH], plain.controls[:, ~MOUTH])
    assert np.allclose(mixed.head_rotation, raw.head_rotation)
    assert np.allclose(mixed.head_translation, raw.head_translation)
    shares = group_shares(GROUPS)
    pure = {region: shares[:, k] > 0.99 for k, region in enumerate(FACE_REGIONS)}
    assert np.allclose(mixed.displacement[:, pure["MOUTH"]], calm.displacement[:, pure["MOUTH"]])
    assert np.allclose(mixed.displacement[:, pure["BROWS"]], plain.displacement[:, pure["BROWS"]])
    assert pure["MOUTH"].any() and pure["BROWS"].any()
    assert not np.allclose(calm.displacement, plain.displacement)


@settings(max_examples=25, deadline=None)
@given(drag=st.lists(st.floats(0.05, 4.0), min_size=30, max_size=30), seed=st.integers(0, 100))
def test_dragging_the_slider_never_goes_beyond_what_is_performed(drag: list[float], seed: int) -> None:
    """What is shown goes some of the way from what was shown to what is performed, whatever the slider does."""
    motion = performed(30, seed)
    follows = LiveFilter(MappingSettings(1.0), GROUPS)
    before: np.ndarray | None = None
    for i, smoothness in enumerate(drag):
        follows.follow(MappingSettings(smoothness, smoothing={"MOUTH": 1.0 + i % 3, "CHEEKS": 0.5}))
        shown = follows(at(motion, i)).displacement[0]
        if before is not None:
            way, gone = motion.displacement[i] - before, shown - before
            assert (np.abs(gone) <= np.abs(way) + 1e-9).all() and (gone * way >= -1e-12).all()
        before = shown


def test_a_filter_that_follows_remembers() -> None:
    """Without its past it would be at the new value at once."""
    motion = performed(40)
    motion.displacement[:] = 0.0
    motion.displacement[20:] = 0.05
    follows = LiveFilter(MappingSettings(4.0), GROUPS)
    for i in range(21):
        shown = follows(at(motion, i)).displacement
    late = float(shown.max())
    follows.follow(MappingSettings(3.5))
    shown = follows(at(motion, 21)).displacement
    assert 0.0 < late < float(shown.max()) < 0.04


# What is shown


def watch(feels: list[tuple[float, Feel]], motion: Motion) -> Motion:
    """The motion as it is shown, the feel being another from some times on."""
    shown = Shown(feels[0][1])
    parts, waiting = [], feels[1:]
    for i, time in enumerate(motion.times.tolist()):
        while waiting and time >= waiting[0][0] - 1e-9:
            shown.follow(waiting.pop(0)[1])
        parts.append(shown(at(motion, i), NO_SHARES))
    return joined(parts)


def test_usually_the_motion_is_shown_as_it_is() -> None:
    motion = performed()
    assert_same(watch([(0.0, Feel())], motion), motion, atol=0.0)


def test_frozen_the_pose_stays_and_thawing_it_comes_back_softly() -> None:
    motion = performed(90)
    shown = watch([(0.0, Feel()), (1.0, Feel(frozen=True)), (2.0, Feel())], motion)
    for name in FIELDS:
        pose = getattr(shown, name)
        assert np.array_equal(pose[30:60], np.repeat(pose[29:30], 30, axis=0)), name
        back = 60 + round(EASE_SECONDS * RATE)
        assert np.array_equal(pose[back:], getattr(motion, name)[back:]), name
        away = np.abs(getattr(motion, name)[60] - pose[59]).max()
        assert np.abs(pose[60] - pose[59]).max() < 0.25 * away, name
    assert np.array_equal(shown.times, motion.times)


def test_a_capture_that_begins_frozen_shows_its_first_pose() -> None:
    motion = performed(10)
    shown = watch([(0.0, Feel(frozen=True))], motion)
    assert_same(shown, joined([at(motion, 0)] * 10), atol=0.0)


def test_another_character_while_frozen_gets_a_pose_of_its_own() -> None:
    motion = performed(10)
    shown = Shown(Feel(frozen=True))
    shown(at(motion, 0), NO_SHARES)
    other = replace(at(motion, 1), displacement=np.ones((1, 3, 3)))
    assert np.array_equal(shown(other, group_shares(GROUPS[:3])).displacement, other.displacement)


@settings(max_examples=20, deadline=None)
@given(overall=st.floats(0.0, 3.0), mouth=st.floats(0.0, 3.0), head=st.floats(0.0, 2.0))
def test_a_strength_that_changes_arrives_without_a_jump(overall: float, mouth: float, head: float) -> None:
    motion = joined([at(performed(1), 0)] * 60)
    motion = replace(motion, times=np.arange(60) / RATE)
    wanted = Strength(overall, {"MOUTH": mouth, "HEAD": head})
    shown = watch([(0.0, Feel()), (0.5, Feel(strength=wanted))], motion)
    end = strengthened(motion, wanted, GROUPS)
    assert_same(at(shown, 59), at(end, 59), atol=1e-3)
    for name in ("controls", "head_translation", "displacement"):
        steps = np.abs(np.diff(getattr(shown, name), axis=0))
        most = 0.6 * np.abs(wanted.factors() - 1.0).max() * np.abs(getattr(motion, name)[-1])
        assert (steps <= most + 1e-9).all(), name


def test_on_twos_each_pose_is_shown_for_two_frames_of_the_scene() -> None:
    motion = performed(120)
    motion = replace(motion, times=np.arange(120) / 60.0)
    shown = watch([(0.0, Feel(hold=2.0 / 24.0))], motion)
    changes = np.flatnonzero(np.abs(np.diff(shown.controls, axis=0)).max(axis=1) > 0.0) + 1
    assert np.array_equal(changes, np.arange(5, 120, 5))
    assert_same(at(shown, 5), at(motion, 5), atol=0.0)


def test_holds_go_on_when_a_film_begins_again() -> None:
    motion = performed(40)
    motion = replace(motion, times=np.concatenate([np.arange(20), np.arange(20)]) / RATE)
    shown = watch([(0.0, Feel(hold=0.1))], motion)
    assert_same(at(shown, 23), at(motion, 23), atol=0.0)


def test_letting_everything_through_is_no_jump() -> None:
    frames = split(turned(acted(), 0.2, (0.0, 0.0, -45.0)))
    still = split(turned(acted(), 0.0, (0.0, 0.0, -45.0)))
    mapper = LiveMapper(PROFILE, Feel(MappingSettings(4.0)), GROUPS)
    for frame in (*still[:10], *frames[10:13]):
        before = mapper.step(frame)
    mapper.follow(Feel(MappingSettings(0.0)))
    steps = [mapper.step(frame) for frame in frames[13:]]
    way = float(rot.log(steps[-1].head_rotation)[0, 1] - rot.log(before.head_rotation)[0, 1])
    first = float(rot.log(steps[0].head_rotation)[0, 1] - rot.log(before.head_rotation)[0, 1])
    assert way > 0.05 and 0.0 <= first < 0.3 * way


@settings(max_examples=20, deadline=None)
@given(seed=st.integers(0, 100), share=st.floats(0.0, 1.0))
def test_between_two_motions(seed: int, share: float) -> None:
    one, other = performed(3, seed), performed(3, seed + 1)
    assert_same(between(one, other, 1.0), replace(other, controls=between(one, other, 1.0).controls))
    mixed = between(one, other, share)
    assert np.allclose(np.linalg.norm(mixed.head_rotation, axis=1), 1.0)
    whole = rot.log(rot.multiply(rot.conjugate(one.head_rotation), other.head_rotation))
    gone = rot.log(rot.multiply(rot.conjugate(one.head_rotation), mixed.head_rotation))
    assert np.allclose(gone, share * whole, atol=1e-9)


# Straight ahead


def test_recentred_is_as_if_the_neutral_had_been_there() -> None:
    frames, profile = acted(), PROFILE
    plain = solve(frames, profile)
    rest = HeadRest.of(at(plain, 12))
    own = rot.matrix_from_quaternion(rest.rotation)
    there = replace(
        profile,
        rotation=profile.rotation @ own,
        translation=profile.translation + profile.rotation @ rest.translation,
    )
    wanted, got = solve(frames, there), recentred(plain, rest)
    turn = np.abs((wanted.head_rotation * got.head_rotation).sum(axis=1))
    assert np.allclose(turn, 1.0) and np.allclose(wanted.head_translation, got.head_translation, atol=1e-6)
    assert np.allclose(got.head_translation[12], 0.0, atol=1e-9)


def test_live_the_present_pose_becomes_straight_ahead_softly_until_the_neutral_is_set() -> None:
    steps = split(turned(acted(), 0.3, (2.0, 1.0, -45.0)))
    mapper = LiveMapper(PROFILE, Feel(), GROUPS)
    for frame in steps[:10]:
        before = mapper.step(frame)
    mapper.recentre()
    shown = [mapper.step(frame) for frame in steps[10:30]]
    assert np.abs(shown[0].head_translation - before.head_translation).max() < 0.5
    assert np.allclose(rot.log(shown[-1].head_rotation), 0.0, atol=0.01)
    assert np.allclose(shown[-1].head_translation, 0.0, atol=0.05)
    mapper.recentre(clear=True)
    for frame in steps[30:]:
        last = mapper.step(frame)
    assert np.allclose(last.head_translation, before.head_translation, atol=0.1)
    mapper.recentre()
    mapper.set_profile(default_profile())
    assert mapper.rest is None


def test_a_lost_face_looks_straight_ahead_live_and_baked() -> None:
    frames = turned(acted(), 0.5, (2.0, 1.0, -45.0))
    frames.landmarks[20:] = np.nan
    frames.landmarks[:3] = np.nan
    there = HeadRest.of(at(solve(turned(acted(), 0.5, (2.0, 1.0, -45.0)), PROFILE), 12))
    profile = replace(PROFILE, rest=there)
    for live in (True, False):
        shown = map_frames(frames, profile=profile, live=live)
        for motion in (at(shown, 0), at(shown, len(shown) - 1)):
            assert np.allclose(rot.log(motion.head_rotation), 0.0, atol=0.02), live
            assert np.allclose(motion.head_translation, 0.0, atol=0.1), live


def test_straight_ahead_stays_while_the_neutral_does() -> None:
    steps = split(turned(acted(), 0.3, (2.0, 1.0, -45.0)))
    mapper = LiveMapper(PROFILE, Feel(), GROUPS)
    for frame in steps[:10]:
        mapper.step(frame)
    mapper.recentre()
    there = mapper.rest
    # What was learned of expressions, say.
    mapper.set_profile(replace(PROFILE, name="Learned"))
    assert mapper.rest is there is not None
    mapper.set_profile(replace(PROFILE, rotation=PROFILE.rotation @ rot.matrix_from_quaternion(there.rotation)))
    assert mapper.rest is None
    # A calibration that was called off gives back what was.
    mapper.set_profile(replace(PROFILE, rest=there))
    assert mapper.rest is there and mapper.profile.rest is None


def test_what_was_straight_ahead_goes_with_the_take() -> None:
    frames, profile = acted(), PROFILE
    plain = TakePerformance("t", frames, profile).motion(GROUPS, MappingSettings())
    rest = HeadRest.of(at(plain, 12))
    stored = PerformerProfile.from_json(replace(profile, rest=rest).to_json())
    again = TakePerformance("t", frames, stored).motion(GROUPS, MappingSettings())
    assert np.allclose(again.head_translation, recentred(plain, rest).head_translation, atol=1e-3)
    assert np.allclose(again.head_translation[12], 0.0, atol=1e-3)
    assert np.allclose(again.controls, plain.controls, atol=1e-3)
    assert PerformerProfile.from_json(profile.to_json()).rest is None
    # What a performer learns from the take is not where this sitting's camera stood.
    assert without_range(stored).rest is None


@pytest.mark.parametrize(
    "broken", [{"rotation": [1, 0, 0, 0]}, {"rotation": [0, 0, 0, 0], "translation": [0, 0, 0]}, 3]
)
def test_a_damaged_rest_is_said(broken: object) -> None:
    with pytest.raises(ProfileError, match="'rest' cannot be read"):
        PerformerProfile.from_json({**default_profile().to_json(), "rest": broken})


# Presets


def test_presets_say_only_what_can_be_set_and_let_eyes_close() -> None:
    known = {"name", "description", "smoothness", "smoothing_by_region", "strength", "strength_by_region", "step"}
    for name, preset in load_table("feel_presets")["presets"].items():
        assert preset.keys() <= known, name
        for kind in ("smoothing", "strength"):
            assert preset.get(f"{kind}_by_region", {}).keys() <= set(FACE_REGIONS), name
        eyes = preset.get("strength", 1.0) * preset.get("strength_by_region", {}).get("EYES", 1.0)
        assert eyes >= 1.0, name
