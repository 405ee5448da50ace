# SPDX-FileCopyrightText: 2026 Mimica authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What evaluation clips show, and how shape keys are told by their names."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mimica.mapping.frame import ARKIT_SHAPES
from mimica.tools.eval_motion import NEUTRAL, RATE, EvalMotion, clips, pairs, speech, sweep, turns
from mimica.tools.eval_names import arkit_keys, arkit_name

KINDS = ("sweep", "pairs", "speech", "head")


def column(motion: EvalMotion, name: str) -> np.ndarray:
    return motion.controls[:, ARKIT_SHAPES.index(name)]


@settings(deadline=None, max_examples=20)
@given(seed=st.integers(0, 10**6), kind=st.sampled_from(KINDS), missing=st.sets(st.sampled_from(ARKIT_SHAPES)))
def test_every_clip_starts_at_rest_and_keeps_to_what_the_character_has(seed: int, kind: str, missing: set[str]) -> None:
    motion = clips([name for name in ARKIT_SHAPES if name not in missing], seed)[kind]()
    assert motion.controls.shape == (len(motion), 52) and motion.head.shape == (len(motion), 3)
    assert motion.controls.min() >= 0.0 and motion.controls.max() <= 1.0
    assert motion.segments[:NEUTRAL] == ("neutral",) * NEUTRAL and "neutral" not in motion.segments[NEUTRAL:]
    assert not motion.controls[:NEUTRAL].any() and not motion.head[:NEUTRAL].any()
    for name in missing:
        assert not column(motion, name).any()
    assert (column(motion, "mouthClose") <= column(motion, "jawOpen") + 1e-9).all() or "jawOpen" in missing


def test_a_sweep_moves_each_shape_alone() -> None:
    motion = sweep(ARKIT_SHAPES)
    segments = np.array(motion.segments)
    for name in ARKIT_SHAPES:
        part = motion.controls[segments == f"sweep:{name}"]
        assert part[:, ARKIT_SHAPES.index(name)].max() == 1.0
        assert len(part) == 20 and not part[[0, -1]].any()
        others = {ARKIT_SHAPES[k] for k in np.flatnonzero(part.any(axis=0))} - {name}
        assert others == ({"jawOpen"} if name in ("tongueOut", "mouthClose") else set())
    assert not motion.controls[segments == "gap"].any()


def test_pairs_move_both_sides_alike() -> None:
    motion = pairs(ARKIT_SHAPES)
    segments = np.array(motion.segments)
    for name in ("eyeBlink", "browDown", "mouthSmile"):
        part = segments == f"pair:{name}"
        left, right = column(motion, f"{name}Left")[part], column(motion, f"{name}Right")[part]
        assert np.array_equal(left, right) and left.max() == 1.0
    assert column(motion, "jawLeft")[segments == "pair:chewAside"].max() > 0.5


def test_speech_closes_its_lips_blinks_and_looks_about() -> None:
    motion = speech(ARKIT_SHAPES, 0)
    assert len(motion) == NEUTRAL + 12 * RATE
    close, jaw = column(motion, "mouthClose"), column(motion, "jawOpen")
    assert ((close > 0.05) & (close == jaw)).any() and jaw.max() > 0.4
    blinks = column(motion, "eyeBlinkLeft") > 0.9
    assert 3 <= np.count_nonzero(blinks[1:] & ~blinks[:-1]) <= 12
    assert column(motion, "eyeLookOutLeft").max() > 0.2 and column(motion, "eyeLookInLeft").max() > 0.2
    assert not (column(motion, "eyeLookOutLeft") * column(motion, "eyeLookInLeft")).any()
    # Nothing jumps but lids and eyes.
    slow = [k for k, name in enumerate(ARKIT_SHAPES) if not name.startswith("eye")]
    assert np.abs(np.diff(motion.controls[:, slow], axis=0)).max() < 0.45
    assert 1.0 < np.abs(motion.head).max() < 6.0
    again, other = speech(ARKIT_SHAPES, 0), speech(ARKIT_SHAPES, 1)
    assert np.array_equal(motion.controls, again.controls) and not np.array_equal(motion.controls, other.controls)


def test_the_head_turns_about_each_axis_alone_and_then_talks() -> None:
    motion = turns(ARKIT_SHAPES, 0)
    segments = np.array(motion.segments)
    for axis, (name, reach) in enumerate((("yaw", 40), ("pitch", 25), ("roll", 30))):
        part = motion.head[segments == f"head:{name}"]
        assert part[:, axis].max() == pytest.approx(reach, abs=0.2)
        assert part[:, axis].min() == pytest.approx(-reach, abs=0.2)
        assert not np.delete(part, axis, axis=1).any()
    talk = segments == "head:talk"
    assert column(motion, "jawOpen")[talk].max() > 0.2 and not motion.controls[~talk].any()
    assert np.abs(motion.head[talk]).max() > 10
    assert np.abs(np.diff(motion.head, axis=0)).max() < 8.0


@pytest.mark.parametrize(
    ("key", "name"),
    [
        ("eyeBlinkLeft", "eyeBlinkLeft"),
        ("EyeBlinkLeft", "eyeBlinkLeft"),
        ("eyeBlink_L", "eyeBlinkLeft"),
        ("EyeBlink.R", "eyeBlinkRight"),
        ("eye_blink_left", "eyeBlinkLeft"),
        ("blendShape1.mouthLeft", "mouthLeft"),
        ("Head_jaw_open", "jawOpen"),
        ("ARKit eyeLookIn_R", "eyeLookInRight"),
        ("Mouth_L", "mouthLeft"),
        ("Basis", None),
        ("Fcl_MTH_A", None),
        ("eyeBlink", None),
        ("openJaw", None),
    ],
)
def test_shape_keys_are_known_in_the_usual_spellings(key: str, name: str | None) -> None:
    assert arkit_name(key) == name


def test_the_first_key_of_a_shape_counts() -> None:
    assert arkit_keys(["Basis", "jawOpen", "Jaw_Open", "mouthSmile_L"]) == {
        "jawOpen": "jawOpen",
        "mouthSmileLeft": "mouthSmile_L",
    }
