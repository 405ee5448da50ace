# SPDX-FileCopyrightText: 2026 Mimica authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Controls set by hand become a motion that tells the same controls, and moves the landmarks too."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mimica.mapping.character_map import CONTROLS, GAZE_CONTROLS, HEAD_CONTROLS, BoneEntry, own_rig_map, shape_entry
from mimica.mapping.control_channels import control_values
from mimica.mapping.control_pose import control_that_moves, full_amount, goes_both_ways, motion_of
from mimica.mapping.expressions import average_expressions
from mimica.mapping.frame import ARKIT_SHAPES

PLAIN = [name for name in ARKIT_SHAPES if not name.startswith("eyeLook")]


@given(
    shapes=st.dictionaries(st.sampled_from(PLAIN), st.floats(0.0, 1.0)),
    head=st.tuples(*[st.floats(-0.8, 0.8)] * 3, *[st.floats(-5.0, 5.0)] * 3),
    gaze=st.tuples(*[st.floats(-0.4, 0.4)] * 4),
)
def test_the_motion_says_what_was_set(
    shapes: dict[str, float], head: tuple[float, ...], gaze: tuple[float, ...]
) -> None:
    values = shapes | dict(zip(HEAD_CONTROLS, head, strict=True)) | dict(zip(GAZE_CONTROLS, gaze, strict=True))
    told = control_values(motion_of(values))[0]
    for name in (*PLAIN, *HEAD_CONTROLS, *GAZE_CONTROLS):
        assert told[CONTROLS.index(name)] == pytest.approx(values.get(name, 0.0), abs=1e-9), name


@pytest.mark.parametrize("name", CONTROLS)
def test_each_control_alone_moves_itself_alone(name: str) -> None:
    motion = motion_of({name: full_amount(name)})
    told = dict(zip(CONTROLS, control_values(motion)[0], strict=True))
    assert told.pop(name) == pytest.approx(full_amount(name))
    moved = {other for other, value in told.items() if abs(value) > 1e-9}
    # A glance is an eye that turns, and the other way round.
    assert all("eyeLook" in other or "gaze" in other for other in moved)
    assert not moved or "eyeLook" in name or "gaze" in name
    side = "Left" if "Left" in name else "Right"
    assert all(side in other for other in moved)


def test_landmarks_move_as_the_average_face_does() -> None:
    jaw = average_expressions().displacement[ARKIT_SHAPES.index("jawOpen")]
    half = motion_of({"jawOpen": 0.5}).displacement[0]
    assert np.allclose(half, jaw / 2.0, atol=1e-6)
    assert half[152, 1] < -0.2, "the chin goes down"


def test_nothing_set_is_the_face_at_rest() -> None:
    motion = motion_of({})
    assert not motion.controls.any() and not motion.displacement.any() and not motion.gaze.any()


def test_other_names_are_refused() -> None:
    with pytest.raises(KeyError, match="jawopen"):
        motion_of({"jawopen": 1.0})


def test_shapes_do_not_go_below_rest() -> None:
    assert not goes_both_ways("jawOpen") and goes_both_ways("headYaw")
    assert not motion_of({"jawOpen": -0.5}).displacement.any()


def test_each_entry_has_a_control_that_moves_it() -> None:
    own = {entry.bone: control_that_moves(entry) for entry in own_rig_map().bones}
    assert set(own.values()) <= set(CONTROLS)
    assert own["jaw"] == "jawOpen"
    assert own["tongue"] == "tongueOut"
    assert all(("Left" in control) == bone.endswith(".L") for bone, control in own.items() if "Blink" in control)
    assert control_that_moves(shape_entry("mouthPucker", "Pucker")) == "mouthPucker"
    assert control_that_moves(BoneEntry("chin", "landmarks", "jaw", {"17": 1.0})) == "jawOpen"
