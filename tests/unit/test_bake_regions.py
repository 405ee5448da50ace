# SPDX-FileCopyrightText: 2026 Mimica authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Smoothing and strength by part of the face: what was not asked for stays as it was, to the last bit."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mimica.mapping import rotation as rot
from mimica.mapping.channels import ChannelPlan
from mimica.mapping.character_map import BoneEntry, Channel, CharacterMap, ControlEntry, own_rig_map
from mimica.mapping.face_regions import FACE_REGIONS, control_face_regions, group_shares
from mimica.mapping.landmarks import weight_matrix
from mimica.mapping.map_regions import channel_regions
from mimica.mapping.motion import Motion
from mimica.mapping.settings import MappingSettings
from mimica.mapping.smoothing import landmark_smoothing, smooth
from mimica.mapping.strength import Strength, strengthened

COUNT = 90
REGION_OF_CONTROL = np.array(control_face_regions())
FACTOR = st.floats(0.0, 4.0).filter(lambda factor: abs(factor - 1.0) > 0.05)
PART = st.sampled_from(FACE_REGIONS)
# A brow, the lids, a cheek, the chin; and one that lies between mouth and cheek.
GROUPS = weight_matrix([{"105": 1.0}, {"159": 1.0}, {"117": 1.0}, {"152": 1.0}, {"205": 0.5, "61": 0.5}])


def noisy(seed: int, points: int = len(GROUPS)) -> Motion:
    """A motion that goes slowly and trembles."""
    random = np.random.default_rng(seed)
    times = np.arange(COUNT) / 30.0
    wave = 0.5 + 0.2 * np.sin(2.0 * times)[:, None]
    spin = rot.exp(np.stack([0.2 * np.sin(times), 0.1 * times, 0.05 * random.normal(size=COUNT)], axis=1))
    return Motion(
        times,
        np.clip(wave + 0.02 * random.normal(size=(COUNT, 52)), 0.0, 1.0),
        spin,
        0.3 * random.normal(size=(COUNT, 3)),
        0.05 * random.normal(size=(COUNT, 2, 2)),
        wave[..., None] + 0.01 * random.normal(size=(COUNT, points, 3)),
        np.ones(COUNT),
    )


def same(one: Motion, other: Motion) -> bool:
    return all(np.array_equal(getattr(one, f), getattr(other, f)) for f in Motion.__dataclass_fields__)


def trembling(values: np.ndarray) -> float:
    return float(np.abs(np.diff(values, n=2, axis=0)).mean())


@settings(max_examples=10, deadline=None)
@given(seed=st.integers(0, 99), smoothness=st.floats(0.0, 3.0), limit=st.sampled_from([np.inf, 6.0]))
def test_factors_of_one_change_no_bit(seed: int, smoothness: float, limit: float) -> None:
    motion = noisy(seed)
    plain = smooth(motion, MappingSettings(smoothness), limit)
    ones = MappingSettings(smoothness, smoothing=dict.fromkeys(FACE_REGIONS, 1.0))
    assert same(smooth(motion, ones, limit, GROUPS), plain)
    assert strengthened(motion, Strength(1.0, dict.fromkeys(FACE_REGIONS, 1.0)), GROUPS) is motion


@settings(max_examples=20, deadline=None)
@given(seed=st.integers(0, 99), part=PART, factor=FACTOR)
def test_smoothing_one_part_leaves_the_others_as_they_were(seed: int, part: str, factor: float) -> None:
    motion = noisy(seed)
    plain = smooth(motion, MappingSettings(), groups=GROUPS)
    other = smooth(motion, MappingSettings(smoothing={part: factor}), groups=GROUPS)  # pyright: ignore[reportArgumentType]
    elsewhere = part != REGION_OF_CONTROL
    assert np.array_equal(other.controls[:, elsewhere], plain.controls[:, elsewhere])
    away = group_shares(GROUPS)[:, FACE_REGIONS.index(part)] < 0.01  # pyright: ignore[reportArgumentType]
    assert np.array_equal(other.displacement[:, away], plain.displacement[:, away])
    assert np.array_equal(other.head_rotation, plain.head_rotation) == (part != "HEAD")
    assert np.array_equal(other.gaze, plain.gaze) == (part != "EYES")


@pytest.mark.parametrize(("part", "group"), [("BROWS", 0), ("EYES", 1), ("MOUTH", 3)])
def test_what_follows_landmarks_is_smoothed_with_its_part(part: str, group: int) -> None:
    motion = noisy(7)
    rough, plain, calm = (
        smooth(motion, MappingSettings(smoothing={part: factor}), groups=GROUPS)  # pyright: ignore[reportArgumentType]
        for factor in (0.0, 1.0, 3.0)
    )
    moved = [trembling(m.displacement[:, group]) for m in (rough, plain, calm)]
    assert np.array_equal(rough.displacement[:, group], motion.displacement[:, group]), "0 takes nothing off"
    assert moved[0] > 1.5 * moved[1] and moved[1] > 1.5 * moved[2]
    told = [trembling(m.controls[:, part == REGION_OF_CONTROL]) for m in (rough, plain, calm)]
    assert told[0] > 1.5 * told[1] and told[1] > 1.1 * told[2]


def test_what_lies_between_two_parts_is_smoothed_between_them() -> None:
    shares = group_shares(GROUPS)[4]
    assert shares[FACE_REGIONS.index("MOUTH")] > 0.2 and shares[FACE_REGIONS.index("CHEEKS")] > 0.05
    factors = landmark_smoothing(MappingSettings(smoothing={"MOUTH": 3.0, "CHEEKS": 2.0}), GROUPS)
    assert factors[3] == 3.0 and factors[0] == 1.0 and 1.5 < factors[4] < 3.0


@settings(max_examples=20, deadline=None)
@given(seed=st.integers(0, 99), part=PART, factor=FACTOR)
def test_strength_of_one_part_leaves_the_others_as_they_were(seed: int, part: str, factor: float) -> None:
    motion = noisy(seed)
    made = strengthened(motion, Strength(1.0, {part: factor}), GROUPS)  # pyright: ignore[reportArgumentType]
    here = part == REGION_OF_CONTROL
    assert np.array_equal(made.controls[:, ~here], motion.controls[:, ~here])
    assert np.allclose(made.controls[:, here], np.clip(motion.controls[:, here] * factor, 0.0, 1.0))
    share = group_shares(GROUPS)[:, FACE_REGIONS.index(part)]  # pyright: ignore[reportArgumentType]
    assert np.allclose(made.displacement, motion.displacement * (1.0 + share * (factor - 1.0))[:, None])
    turned = rot.log(made.head_rotation)
    assert np.allclose(turned, rot.log(motion.head_rotation) * (factor if part == "HEAD" else 1.0), atol=1e-9)
    assert np.allclose(made.gaze, motion.gaze * (factor if part == "EYES" else 1.0))
    assert np.array_equal(made.times, motion.times) and np.array_equal(made.confidence, motion.confidence)


def test_strength_of_nothing_is_the_neutral_face() -> None:
    made = strengthened(noisy(3, 478), Strength(0.0))
    still = Motion.neutral(made.times)
    for name in ("controls", "head_rotation", "head_translation", "gaze", "displacement"):
        assert np.allclose(getattr(made, name), getattr(still, name), atol=1e-12), name


def test_the_own_rigs_channels_have_the_parts_they_are_in() -> None:
    parts = channel_regions(own_rig_map())
    for bone, part in {"brow_mid.L": "BROWS", "lid_upper.R": "EYES", "jaw": "MOUTH", "head": "HEAD"}.items():
        assert parts["bone", "", bone] == {part}
    assert {region for found in parts.values() for region in found} == set(FACE_REGIONS)


def test_a_channel_of_two_parts_belongs_to_both_and_what_is_off_to_none() -> None:
    smile = (Channel("shape_key", "smile"),)
    character = CharacterMap(
        "x",
        (BoneEntry("nose", "landmarks", "nose", {"1": 1.0}), BoneEntry("off", "jaw", "jaw", enabled=False)),
        (
            ControlEntry(smile, "mouthSmileLeft"),
            ControlEntry(smile, "cheekSquintLeft"),
            ControlEntry((Channel("property", '["look"]', object="Head"),), "gazeYawLeft"),
            ControlEntry((Channel("rotation", "skull", 2),), "headYaw"),
            ControlEntry((Channel("shape_key", "raise"),), landmarks={"105": 1.0}),
        ),
    )
    assert channel_regions(character) == {
        ("bone", "", "nose"): {"CHEEKS"},
        ("shape_key", "", "smile"): {"MOUTH", "CHEEKS"},
        ("property", "Head", '["look"]'): {"EYES"},
        ("bone", "", "skull"): {"HEAD"},
        ("shape_key", "", "raise"): {"BROWS"},
    }
    assert ("shape_key", "", "raise") in channel_regions(ChannelPlan(character, None).character)
