# SPDX-FileCopyrightText: 2026 Mimica authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is learned of one face from poses that were asked for, and from any performance."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from mimica.mapping.calibration import (
    PerformerProfile,
    ProfileError,
    default_profile,
    why_not_calm,
    with_head_of,
    with_neutral,
)
from mimica.mapping.expressions import average_expressions
from mimica.mapping.frame import ARKIT_SHAPES, FaceFrames
from mimica.mapping.landmarks import average_face
from mimica.mapping.learning import Prompt, learn_from_prompts, learn_from_take, profile_of_take
from mimica.tests.synthetic import act, photograph

RATE = 30.0
JAW, BROWS, PUFF = (ARKIT_SHAPES.index(name) for name in ("jawOpen", "browInnerUp", "cheekPuff"))


def seconds(*parts: tuple[float, float]) -> np.ndarray:
    """Amounts over time: pairs of seconds and amount."""
    return np.concatenate([np.full(round(length * RATE), amount) for length, amount in parts])


def shaken(frames: FaceFrames, noise: float = 0.0003) -> FaceFrames:
    """The same with the tracker's noise, in shares of the picture's width."""
    random = np.random.default_rng(3)
    return replace(
        frames, landmarks=(frames.landmarks + random.normal(0, noise, frames.landmarks.shape)).astype(np.float32)
    )


@pytest.fixture(scope="module")
def asked() -> tuple[FaceFrames, list[Prompt]]:
    """Jaw, then brows, then cheeks that do not puff, each two seconds after a rest of one."""
    jaw = seconds((1, 0), (0.5, 0), (1.5, 1.3), (6, 0))
    brows = seconds((4, 0), (0.5, 0), (1.5, 1), (3, 0))
    prompts = [
        Prompt({"jawOpen": 1.0}, 1.0, 3.0),
        Prompt({"browInnerUp": 1.0, "browOuterUpLeft": 1.0, "browOuterUpRight": 1.0}, 4.0, 6.0),
        Prompt({"cheekPuff": 1.0}, 7.0, 9.0),
    ]
    return shaken(photograph(act(jaw=jaw, brows=brows), rate=RATE)), prompts


def learned_displacement(profile: PerformerProfile) -> np.ndarray:
    assert profile.expressions is not None
    return profile.expressions.displacement


def test_the_answer_becomes_the_expression(asked: tuple[FaceFrames, list[Prompt]]) -> None:
    frames, prompts = asked
    profile, missed = learn_from_prompts(frames, prompts, default_profile())
    assert missed == [2], "cheeks that stayed as they were are no answer"
    truth = act(jaw=np.array([1.3]))[0] - average_face()
    known = average_expressions().displacement[JAW]
    chin = 152
    own = learned_displacement(profile)[JAW]
    assert np.linalg.norm(own[chin] - truth[chin]) < 0.35 * np.linalg.norm(known[chin] - truth[chin])
    assert np.array_equal(learned_displacement(profile)[PUFF], average_expressions().displacement[PUFF])


def test_a_drift_of_the_rest_is_no_answer(asked: tuple[FaceFrames, list[Prompt]]) -> None:
    """The neutral was taken minutes ago, and the brows rest higher since."""
    frames = shaken(photograph(act(brows=np.full(150, 0.4)), rate=RATE))
    _, missed = learn_from_prompts(frames, [Prompt({"browInnerUp": 1.0}, 2.0, 4.0)], default_profile())
    assert missed == [0]


def test_a_blink_is_no_answer_to_another_pose() -> None:
    blink = seconds((2, 0), (0.8, 0), (0.2, 1), (2, 0))
    frames = shaken(photograph(act(blink_left=blink), rate=RATE))
    _, missed = learn_from_prompts(frames, [Prompt({"jawOpen": 1.0}, 2.0, 4.0)], default_profile())
    assert missed == [0]


def test_who_begins_early_is_seen_too() -> None:
    jaw = seconds((1, 0), (0.75, 0), (2.25, 1), (1, 0))
    frames = shaken(photograph(act(jaw=jaw), rate=RATE))
    profile, missed = learn_from_prompts(frames, [Prompt({"jawOpen": 1.0}, 2.0, 4.0)], default_profile())
    assert missed == []
    truth = act(jaw=np.array([1.0]))[0] - average_face()
    assert learned_displacement(profile)[JAW][152, 1] == pytest.approx(truth[152, 1], rel=0.2)


def test_a_lost_face_answers_nothing(asked: tuple[FaceFrames, list[Prompt]]) -> None:
    frames, prompts = asked
    lost = replace(frames, quality=np.zeros(len(frames), np.float32))
    profile, missed = learn_from_prompts(lost, prompts, default_profile())
    assert missed == [0, 1, 2]
    assert profile.expressions is None


def test_prompts_outside_the_frames_are_missed(asked: tuple[FaceFrames, list[Prompt]]) -> None:
    frames, _ = asked
    _, missed = learn_from_prompts(frames, [Prompt({"jawOpen": 1.0}, 100.0, 102.0)], default_profile())
    assert missed == [0]


def test_a_take_teaches_but_changes_little_of_a_known_range(asked: tuple[FaceFrames, list[Prompt]]) -> None:
    frames, prompts = asked
    ranged, _ = learn_from_prompts(frames, prompts, default_profile())
    taught = profile_of_take(frames, ranged).expressions
    assert taught is not None and ranged.expressions is not None
    away = np.abs(taught.displacement - ranged.expressions.displacement).max()
    assert 0.0 < away < 0.5 * np.abs(ranged.expressions.displacement - average_expressions().displacement).max()
    assert profile_of_take(frames, ranged, learn=False).expressions is ranged.expressions
    assert profile_of_take(frames, default_profile(), learn=False).expressions is None
    assert profile_of_take(frames, default_profile()).expressions is not None
    assert profile_of_take(frames, None).expressions is not None
    assert learn_from_take(frames.slice(0, 0), default_profile()).expressions is None


def test_another_sittings_profile_keeps_this_takes_head(asked: tuple[FaceFrames, list[Prompt]]) -> None:
    frames, prompts = asked
    ranged, _ = learn_from_prompts(frames, prompts, default_profile())
    turned = replace(default_profile(50.0), rotation=np.diag([1.0, -1.0, -1.0]), translation=np.array([1.0, 2.0, 3.0]))
    used = profile_of_take(frames, turned, chosen=ranged, learn=False)
    assert used.expressions is ranged.expressions and np.array_equal(used.neutral, ranged.neutral)
    assert np.array_equal(used.rotation, turned.rotation) and np.array_equal(used.translation, turned.translation)
    assert used.field_of_view == 50.0
    assert with_head_of(ranged, turned).expressions is ranged.expressions


def test_a_new_neutral_keeps_name_and_range(asked: tuple[FaceFrames, list[Prompt]]) -> None:
    frames, prompts = asked
    ranged, _ = learn_from_prompts(frames, prompts, replace(default_profile(), name="Ann"))
    moved = replace(default_profile(), neutral=average_face() + 0.1)
    both = with_neutral(ranged, moved)
    assert both.name == "Ann" and both.expressions is ranged.expressions
    assert np.array_equal(both.neutral, moved.neutral)
    assert with_neutral(None, moved) is moved


def test_the_range_survives_the_file(asked: tuple[FaceFrames, list[Prompt]], tmp_path: Path) -> None:
    frames, prompts = asked
    profile, _ = learn_from_prompts(frames, prompts, replace(default_profile(), name="Ann"))
    path = tmp_path / "Ann.json"
    profile.save(path)
    again = PerformerProfile.load(path)
    assert np.abs(learned_displacement(again) - learned_displacement(profile)).max() < 2e-3
    assert again.expressions is not None and profile.expressions is not None
    assert np.abs(again.expressions.scores - profile.expressions.scores).max() < 0.02


def test_a_damaged_range_is_said(asked: tuple[FaceFrames, list[Prompt]]) -> None:
    frames, prompts = asked
    data = learn_from_prompts(frames, prompts, default_profile())[0].to_json()
    for harm in ("AAAA", "%%%", "", 7, None):
        harmed = json.loads(json.dumps(data))
        harmed["expressions"]["displacement"] = harm
        with pytest.raises(ProfileError, match="Learn the range again"):
            PerformerProfile.from_json(harmed)
    harmed = json.loads(json.dumps(data))
    del harmed["expressions"]["scores"]
    with pytest.raises(ProfileError, match="Learn the range again"):
        PerformerProfile.from_json(harmed)


def test_calm_is_told_from_moving() -> None:
    still = shaken(photograph(act(jaw=np.zeros(30)), rate=RATE))
    assert why_not_calm(still) == ""
    blink = photograph(act(blink_left=seconds((0.4, 0), (0.2, 1), (0.4, 0))), rate=RATE)
    assert why_not_calm(shaken(blink)) == "", "a blink is no fault"
    assert "face moved" in why_not_calm(photograph(act(jaw=np.linspace(0, 1, 30), brows=np.linspace(0, 1, 30))))
    assert "not seen" in why_not_calm(replace(still, quality=np.zeros(30, np.float32)))


def test_a_head_that_moves_or_looks_away_is_not_calm() -> None:
    def turned(degrees: np.ndarray) -> FaceFrames:
        c, s = np.cos(np.radians(degrees)), np.sin(np.radians(degrees))
        zero, one = np.zeros_like(c), np.ones_like(c)
        turns = np.stack([c, zero, s, zero, one, zero, -s, zero, c], axis=1).reshape(-1, 3, 3)
        return photograph(act(jaw=np.zeros(len(c))), rotation=turns, rate=RATE)

    assert "turned" in why_not_calm(turned(np.full(30, 35.0)))
    assert "head moved" in why_not_calm(turned(np.linspace(-10, 10, 30)))
