# SPDX-FileCopyrightText: 2026 Mimica authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Controls read back from a character's channels are those that made them, wherever the character tells them apart."""

from dataclasses import replace

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from mimica.mapping.channels import BonePose, ChannelPlan
from mimica.mapping.character_map import CharacterMap, own_rig_map, shape_entry
from mimica.mapping.control_fit import ControlFit
from mimica.mapping.control_pose import motion_over
from mimica.mapping.frame import ARKIT_SHAPES
from mimica.mapping.landmarks import average_face
from mimica.tests.unit.rigs import simple_rest

BONES = ChannelPlan(own_rig_map(), simple_rest(), average_face())
KEYS = ChannelPlan(CharacterMap("Keys", controls=tuple(shape_entry(name, name) for name in ARKIT_SHAPES)), None)
BONE_FIT, KEY_FIT = ControlFit(BONES, simple_rest().unit), ControlFit(KEYS)

# What one face shows at once, and bones tell apart.
TOLD = ("jawOpen", "eyeBlinkLeft", "eyeBlinkRight", "mouthSmileLeft", "mouthPucker", "browInnerUp", "browDownLeft")


def channels(plan: ChannelPlan, controls: np.ndarray, head: np.ndarray | None = None):
    return plan.pose(motion_over(np.arange(len(controls)) / 30, controls, head=head, groups=plan.groups))


def of(values: dict[str, float], count: int = 1) -> np.ndarray:
    row = [values.get(name, 0.0) for name in ARKIT_SHAPES]
    return np.tile(row, (count, 1))


@settings(max_examples=10, deadline=None)
@given(
    values=st.dictionaries(st.sampled_from(TOLD), st.floats(0.0, 1.0)),
    head=st.tuples(*[st.floats(-0.6, 0.6)] * 3),
)
def test_bones_tell_the_controls_that_moved_them(values: dict[str, float], head: tuple[float, ...]) -> None:
    posed = channels(BONES, of(values), np.array([head]))
    fitted = BONE_FIT.fit(posed)
    # Of 1500 random faces the worst have .10, .19 and .018, and their bones are .06 cm off, of up to 2.3 cm moved.
    error = np.abs(fitted.controls - of(values))[0]
    assert error[[ARKIT_SHAPES.index(name) for name in TOLD]].max() < 0.15
    # Small shapes beside large ones are told less well.
    assert error.max() < 0.3
    assert error.mean() < 0.03
    again = channels(BONES, fitted.controls, fitted.head)
    assert np.abs(again.bones.location - posed.bones.location).max() < 0.15 * simple_rest().unit
    assert fitted.head is not None
    assert np.abs(fitted.head - head).max() < 0.01


@settings(max_examples=10, deadline=None)
@given(values=st.dictionaries(st.sampled_from(ARKIT_SHAPES), st.floats(0.0, 1.0)))
def test_keys_of_arkits_names_are_the_controls(values: dict[str, float]) -> None:
    fitted = KEY_FIT.fit(channels(KEYS, of(values)))
    assert np.abs(fitted.controls - of(values)).max() < 2e-4
    assert fitted.head is None


def test_each_control_alone_is_told_from_bones() -> None:
    each = 0.7 * np.eye(len(ARKIT_SHAPES))
    assert np.abs(BONE_FIT.fit(channels(BONES, each)).controls - each).max() < 0.05


@settings(max_examples=6, deadline=None)
@given(seed=st.integers(0, 2**32 - 1), size=st.floats(0.0, 3.0))
def test_any_pose_gives_controls_within_their_bounds_that_explain_no_less_than_none(seed: int, size: float) -> None:
    rng = np.random.default_rng(seed)
    rest = channels(BONES, of({}, 3))
    moved = rest.bones.location + size * BONES.located * rng.standard_normal(rest.bones.location.shape) * 0.01
    fitted = BONE_FIT.fit(replace(rest, bones=BonePose(moved, rest.bones.rotation)))
    assert np.isfinite(fitted.controls).all()
    assert fitted.controls.min() >= 0.0
    assert fitted.controls.max() <= 1.0
    assert fitted.unexplained <= 1.0 + 1e-3


def test_what_moves_nothing_is_not_told() -> None:
    few = ChannelPlan(CharacterMap("Few", controls=(shape_entry("jawOpen", "Mouth"),)), None)
    fit = ControlFit(few)
    assert fit.told == ("jawOpen",)
    fitted = fit.fit(channels(few, of({"jawOpen": 0.4, "cheekPuff": 1.0})))
    assert np.abs(fitted.controls - of({"jawOpen": 0.4})).max() < 1e-3


def test_noise_does_not_make_controls_that_undo_each_other() -> None:
    rng = np.random.default_rng(0)
    wanted = of({"jawOpen": 0.5, "mouthSmileLeft": 0.6}, 40)
    seen = channels(BONES, wanted)
    noise = rng.standard_normal(seen.bones.location.shape) * 3e-4 * BONES.located
    fitted = BONE_FIT.fit(replace(seen, bones=replace(seen.bones, location=seen.bones.location + noise)))
    assert np.abs(fitted.controls - wanted).mean() < 0.03
    assert np.abs(np.diff(fitted.controls, axis=0)).mean() < 0.02
