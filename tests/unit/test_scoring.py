# SPDX-FileCopyrightText: 2026 Mimica authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Scores of signals whose score is known."""

import csv
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pytest import approx

from mimica.cli.failure import CommandError
from mimica.cli.scoring import score
from mimica.cli.truth import HEAD, Curves, Truth, read_truth, rounded, shape_of, write_curves
from mimica.mapping.frame import ARKIT_SHAPES

REST, SWEEP, GAP = 30, 20, 16
SWEPT = ("browInnerUp", "cheekPuff", "eyeBlinkLeft", "jawOpen", "mouthPucker", "mouthSmileLeft", "noseSneerRight")


def index(name: str) -> int:
    return ARKIT_SHAPES.index(name)


def sweeps() -> Truth:
    """The face at rest, then one shape after another fully on for half a second, with pauses."""
    segments, rows = ["neutral"] * REST, [np.zeros(52)] * REST
    for name in SWEPT:
        on = np.zeros(52)
        on[index(name)] = 1.0
        segments += [f"sweep:{name}"] * SWEEP + ["gap"] * GAP
        rows += [on] * SWEEP + [np.zeros(52)] * GAP
    shapes = np.array(rows)
    return Truth(Curves(shapes, np.zeros((len(shapes), 3))), np.array(segments))


def waves(count: int = 300) -> Truth:
    """A jaw that opens and closes smoothly after a rest, and a head that turns with it."""
    wave = np.zeros(count)
    wave[REST:] = np.sin(np.arange(count - REST) / 9.0) ** 2
    shapes, head = np.zeros((count, 52)), np.zeros((count, 3))
    shapes[:, index("jawOpen")] = wave
    head[:, 0], head[:, 1], head[:, 2] = 30 * wave, -20 * wave**2, 10 * np.roll(wave, 3) * (wave > 0)
    return Truth(Curves(shapes, head), np.array(["neutral"] * REST + ["head:mixed"] * (count - REST)))


def with_shape(truth: Truth, name: str, values: np.ndarray) -> Curves:
    shapes = truth.curves.shapes.copy()
    shapes[:, index(name)] = values
    return Curves(shapes, truth.curves.head)


def test_the_truth_itself_is_perfect() -> None:
    for truth in (sweeps(), waves()):
        found = score(truth, truth.curves)
        assert len(found.shapes) == (len(SWEPT) if "gap" in truth.segments else 1)
        for shape in found.shapes.values():
            assert (shape.r_all, shape.r_own, shape.gain) == approx((1.0, 1.0, 1.0), abs=0.05)
            assert shape.nmae == approx(0.0, abs=1e-9)
            assert shape.lag == 0.0
        assert found.noise == 0.0
        assert found.head is not None and found.head.error == approx((0, 0, 0), abs=1e-9)
        assert found.head.moves == ("head:mixed" in truth.segments)
    assert score(sweeps(), sweeps().curves).mean("crosstalk") == 0.0


def test_nothing_predicted_is_worth_nothing() -> None:
    truth = sweeps()
    found = score(truth, Curves(np.full_like(truth.curves.shapes, np.nan), np.full_like(truth.curves.head, np.nan)))
    assert found.head is None
    assert found.mean("r_all") == 0.0 and found.mean("r_own") == 0.0
    assert found.mean("nmae") >= 1.0
    assert np.isnan(found.mean("lag")) and np.isnan(found.mean("crosstalk"))


@given(st.floats(0.1, 3.0), st.floats(-0.5, 0.5))
@settings(max_examples=30, deadline=None)
def test_scale_and_offset_cost_nothing_but_show_in_the_gain(scale: float, offset: float) -> None:
    truth = waves()
    values = shape_of(truth.curves, "jawOpen")
    found = score(truth, with_shape(truth, "jawOpen", scale * values + offset)).shapes["jawOpen"]
    assert (found.r_all, found.r_own) == approx((1.0, 1.0))
    assert found.nmae == approx(0.0, abs=1e-6)
    assert found.gain == approx(scale * values[values > 0.9].mean())


def test_a_prediction_that_runs_the_wrong_way_is_no_better_than_none() -> None:
    truth = waves()
    found = score(truth, with_shape(truth, "jawOpen", 1.0 - shape_of(truth.curves, "jawOpen"))).shapes["jawOpen"]
    assert found.r_all == approx(-1.0)
    assert found.nmae >= 1.0


@pytest.mark.parametrize("frames", [-3, -1, 0, 1, 2, 6])
def test_lag(frames: int) -> None:
    truth = waves()
    late = np.roll(shape_of(truth.curves, "jawOpen"), frames)
    assert score(truth, with_shape(truth, "jawOpen", late)).shapes["jawOpen"].lag == frames


def test_false_activation_costs_r_all_but_not_r_own() -> None:
    truth = sweeps()
    values = shape_of(truth.curves, "jawOpen").copy()
    values[truth.segments == "sweep:browInnerUp"] = 0.8
    found = score(truth, with_shape(truth, "jawOpen", values)).shapes["jawOpen"]
    assert found.r_own == approx(1.0)
    assert found.r_all < 0.8


def test_crosstalk_is_in_units_of_the_wrong_shapes_own_sweep() -> None:
    truth = sweeps()
    values = 0.6 * shape_of(truth.curves, "jawOpen")
    values[truth.segments == "sweep:cheekPuff"] = 0.3
    found = score(truth, with_shape(truth, "jawOpen", values)).shapes
    others = len(SWEPT) - 1
    assert found["cheekPuff"].crosstalk == approx(0.3 / 0.6 / others)
    assert found["cheekPuff"].wrong[0] == ("jawOpen", approx(0.5))
    assert found["browInnerUp"].crosstalk == approx(0.0)


def test_crosstalk_of_a_shape_that_never_answers_is_left_out() -> None:
    truth = sweeps()
    values = np.where(truth.segments == "sweep:cheekPuff", 0.5, 0.0)
    found = score(truth, with_shape(truth, "jawOpen", values)).shapes
    assert found["cheekPuff"].crosstalk == approx(0.0)


def test_gaps_hold_the_last_value() -> None:
    truth = waves()
    lost = with_shape(truth, "jawOpen", shape_of(truth.curves, "jawOpen").copy())
    lost.shapes[100:140, index("jawOpen")] = np.nan
    held = with_shape(truth, "jawOpen", shape_of(truth.curves, "jawOpen").copy())
    held.shapes[100:140, index("jawOpen")] = held.shapes[99, index("jawOpen")]
    assert score(truth, lost) == score(truth, held)
    assert score(truth, lost).mean("r_all") < 1.0


def rotation(yaw: float, pitch: float, roll: float) -> np.ndarray:
    from scipy.spatial.transform import Rotation

    return Rotation.from_euler("YXZ", [yaw, pitch, roll], degrees=True).as_matrix()


def angles(matrices: np.ndarray) -> np.ndarray:
    from scipy.spatial.transform import Rotation

    return Rotation.from_matrix(matrices).as_euler("YXZ", degrees=True)


@given(st.floats(-25, 25), st.floats(-25, 25), st.floats(-25, 25))
@settings(max_examples=20, deadline=None)
def test_a_constant_offset_of_the_head_costs_nothing(yaw: float, pitch: float, roll: float) -> None:
    """A tracker may call any pose of the neutral head zero, as long as it stays with it."""
    truth = waves()
    true = np.array([rotation(*row) for row in truth.curves.head])
    found = score(truth, Curves(truth.curves.shapes, angles(true @ rotation(yaw, pitch, roll)))).head
    assert found is not None and found.error == approx((0, 0, 0), abs=1e-6)


def test_the_heads_error_is_in_degrees_of_each_axis() -> None:
    truth = waves()
    head = truth.curves.head.copy()
    moving = truth.segments != "neutral"
    head[moving, 1] += 2.0
    found = score(truth, Curves(truth.curves.shapes, head)).head
    assert found is not None and found.error == approx((0.0, 2.0 * moving.mean(), 0.0), abs=1e-6)


def test_the_first_frames_of_the_neutral_do_not_count() -> None:
    truth = waves()
    values = shape_of(truth.curves, "jawOpen").copy()
    values[:5] = 1.0
    assert score(truth, with_shape(truth, "jawOpen", values)).noise == 0.0
    values[5:8] = 1.0
    assert score(truth, with_shape(truth, "jawOpen", values)).noise > 0.0


def test_curves_survive_the_file(tmp_path: Path) -> None:
    """What is scored is what stands in the file, shapes and frames that are not there included."""
    rng = np.random.default_rng(1)
    curves = rounded(Curves(rng.random((9, 52)), rng.normal(0, 20, (9, 3))))
    curves.shapes[:, index("tongueOut")] = np.nan
    curves.shapes[4], curves.head[4] = np.nan, np.nan
    write_curves(tmp_path / "new" / "x.csv", curves)
    with (tmp_path / "new" / "x.csv").open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert "tongueOut" not in rows[0]
    assert [int(row["frame"]) for row in rows] == [0, 1, 2, 3, 5, 6, 7, 8]
    names = [name for name in (*ARKIT_SHAPES, *HEAD) if name != "tongueOut"]
    read = np.array([[float(row[name]) for name in names] for row in rows])
    written = np.column_stack([np.delete(curves.shapes, index("tongueOut"), axis=1), curves.head])
    assert np.array_equal(read, np.delete(written, 4, axis=0))


def test_truth_is_read_by_the_names_of_its_columns(tmp_path: Path) -> None:
    path = tmp_path / "x.csv"
    path.write_text("head_roll,segment,jawOpen,frame\n3,neutral,0,0\n4,speech,0.5,1\n", encoding="utf-8")
    truth = read_truth(path)
    assert truth.segments.tolist() == ["neutral", "speech"]
    assert shape_of(truth.curves, "jawOpen").tolist() == [0.0, 0.5]
    assert truth.curves.head.tolist() == [[0, 0, 3], [0, 0, 4]]


@pytest.mark.parametrize(
    "text", ["", "frame,jawOpen\n0,1\n", "segment,jawOpen\nneutral,much\n", "segment,jawOpen\nx\n"]
)
def test_a_table_of_another_form_is_refused(tmp_path: Path, text: str) -> None:
    path = tmp_path / "x.csv"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(CommandError, match=r"x\.csv' is no table of ground truth"):
        read_truth(path)
