# SPDX-FileCopyrightText: 2026 Mimica authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Learning a performer's expressions, from faces that are the average face moved by known expressions."""

from dataclasses import replace

import numpy as np
import pytest

from mimica.mapping.calibration import PerformerProfile, default_profile
from mimica.mapping.expressions import Expressions, average_expressions, own_turning
from mimica.mapping.frame import ARKIT_SHAPES, FaceFrames
from mimica.mapping.learning import Prompt, learn_from_prompts, learn_from_take
from mimica.mapping.rotation import exp, matrix_from_quaternion
from mimica.mapping.solve import observe, solve
from mimica.tests.synthetic import photograph

RATE = 30.0
SMILE = [ARKIT_SHAPES.index(f"mouthSmile{side}") for side in ("Left", "Right")]
JAW = ARKIT_SHAPES.index("jawOpen")


def strong_smile() -> Expressions:
    """A face that smiles half as far again as the average one."""
    average = average_expressions()
    displacement = average.displacement.copy()
    displacement[SMILE] *= 1.5
    return replace(average, displacement=displacement)


def acted(face: Expressions, controls: np.ndarray, seed: int = 0) -> FaceFrames:
    """Frames of a face that shows controls (N, 52), the head still, with the tracker's noise."""
    moved = default_profile().neutral + np.einsum("ns,spc->npc", controls, face.displacement)
    noise = np.random.default_rng(seed).normal(0, 0.005, moved.shape)
    return photograph(moved + noise, rate=RATE)


def wave(frames: int) -> np.ndarray:
    """From rest to full and back."""
    return 0.5 - 0.5 * np.cos(np.linspace(0, 2 * np.pi, frames))


def smiles_and_words() -> np.ndarray:
    """Controls (900, 52): smiles of both sides, jaw and frowning brows, each in its own time."""
    random = np.random.default_rng(1)
    controls = np.zeros((900, 52))
    for column in (SMILE[0], JAW, ARKIT_SHAPES.index("browDownLeft")):
        controls[:, column] = np.repeat(random.uniform(0.3, 1, 30), 30) * np.tile(wave(30), 30)
        controls[:, column] *= np.repeat(random.random(30) < 0.5, 30)
    controls[:, SMILE[1]] = controls[:, SMILE[0]]
    return controls


def smile_of(profile: PerformerProfile) -> float:
    """How far the profile's smile lifts the corners, over the average face's."""
    assert profile.expressions is not None
    average = average_expressions().displacement[SMILE]
    own = profile.expressions.displacement[SMILE]
    return float((own * average).sum() / (average * average).sum())


def prompted(face: Expressions) -> tuple[FaceFrames, list[Prompt]]:
    """Smile, rest, jaw open, rest; a prompt each, and one that nobody answers."""
    controls = np.zeros((180, 52))
    controls[:60, SMILE] = wave(60)[:, None]
    controls[90:150, JAW] = wave(60)
    prompts = [
        Prompt({"mouthSmileLeft": 1.0, "mouthSmileRight": 1.0}, 0.0, 59 / RATE),
        Prompt({"jawOpen": 1.0}, 90 / RATE, 149 / RATE),
        Prompt({"cheekPuff": 1.0}, 155 / RATE, 179 / RATE),
    ]
    return acted(face, controls), prompts


def test_prompts_tell_how_far_a_performer_goes():
    frames, prompts = prompted(strong_smile())
    profile, missed = learn_from_prompts(frames, prompts, default_profile())
    assert missed == [2]
    assert 1.25 < smile_of(profile) < 1.6


def test_prompts_without_any_answer_change_nothing():
    frames = acted(average_expressions(), np.zeros((60, 52)))
    before = default_profile()
    profile, missed = learn_from_prompts(frames, [Prompt({"jawOpen": 1.0}, 0.0, 1.0)], before)
    assert missed == [0] and profile is before


def test_a_face_that_is_not_there_answers_no_prompt():
    frames, prompts = prompted(strong_smile())
    gone = replace(frames, landmarks=np.full_like(frames.landmarks, np.nan), quality=np.zeros_like(frames.quality))
    profile, missed = learn_from_prompts(gone, prompts, default_profile())
    assert missed == [0, 1, 2] and profile.expressions is None


def test_a_shape_is_read_in_the_performers_own_measure():
    """Who smiles half as far shows a full smile with it, once that is known."""
    average = average_expressions()
    displacement = average.displacement.copy()
    displacement[SMILE] *= 0.5
    faint = replace(average, displacement=displacement)
    frames, prompts = prompted(faint)
    stranger = default_profile()
    known, _ = learn_from_prompts(frames, prompts, stranger)
    full = int(np.argmax(wave(60)))
    told = [solve(frames, profile).controls[full, SMILE].mean() for profile in (stranger, known)]
    assert told[1] > told[0] + 0.15


def test_a_performance_explains_itself_better_once_learned():
    """A face that raises its brows and flares its nose when it smiles."""
    average = average_expressions()
    displacement = average.displacement.copy()
    companions = displacement[[ARKIT_SHAPES.index(n) for n in ("browInnerUp", "noseSneerLeft", "noseSneerRight")]]
    displacement[SMILE] += 0.5 * companions.sum(axis=0)
    frames = acted(replace(average, displacement=displacement), smiles_and_words())
    before = default_profile()
    after = learn_from_take(frames, before)

    def unexplained(profile: PerformerProfile) -> float:
        seen = observe(frames, profile).displacement
        shown = solve(frames, profile).controls @ (profile.expressions or average).displacement.reshape(52, -1)
        return float(np.square(seen.reshape(len(seen), -1) - shown).sum())

    assert unexplained(after) < 0.8 * unexplained(before)


def test_what_turning_the_head_seems_to_do_to_a_face_is_learned():
    """A face on which the tracker takes a turn for a smile."""
    average = average_expressions()
    turned = average.turned_displacement.copy()
    turned[3] += 0.6 * average.displacement[SMILE].sum(axis=0)
    own = replace(average, turned_displacement=turned)
    yaw = 0.6 * np.sin(np.linspace(0, 6 * np.pi, 600))
    head = np.stack([yaw, 0 * yaw, 0 * yaw], axis=1)
    moved, _ = own_turning(own, head)
    faces = default_profile().neutral + moved
    turns = matrix_from_quaternion(exp(np.stack([0 * yaw, yaw, 0 * yaw], axis=1)))
    frames = photograph(faces, rotation=turns, rate=RATE)
    before = default_profile()
    after = learn_from_take(frames, before)
    leak = [solve(frames, profile).controls[:, SMILE].mean() for profile in (before, after)]
    assert leak[0] > 0.05
    assert leak[1] < 0.6 * leak[0]


@pytest.mark.parametrize("count", [0, 1, 10])
def test_too_little_to_learn_from(count):
    frames = (
        acted(average_expressions(), np.zeros((count, 52)))
        if count
        else acted(average_expressions(), np.zeros((1, 52))).slice(0, 0)
    )
    before = default_profile()
    assert learn_from_take(frames, before) is before


def test_what_was_learned_survives_the_file(tmp_path):
    frames, prompts = prompted(strong_smile())
    profile, _ = learn_from_prompts(frames, prompts, default_profile())
    profile.save(tmp_path / "me.json")
    again = PerformerProfile.load(tmp_path / "me.json")
    assert smile_of(again) == pytest.approx(smile_of(profile), abs=1e-3)
