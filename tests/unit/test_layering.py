# SPDX-FileCopyrightText: 2026 Mimica authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Takes over a take: what is not chosen stays as it was, what is chosen is the layer's, and nothing jumps between."""

import os
from dataclasses import fields, replace
from functools import cache
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mimica.mapping import rotation as rot
from mimica.mapping.face_regions import FACE_REGIONS, control_face_regions
from mimica.mapping.frame import ARKIT_SHAPES, FaceFrames
from mimica.mapping.landmarks import average_face
from mimica.mapping.layering import Layer, LayeredPerformance
from mimica.mapping.motion import Motion
from mimica.mapping.performance import TakePerformance
from mimica.mapping.resample import resample
from mimica.mapping.settings import MappingSettings
from mimica.tests.synthetic import act, photograph

PLAIN = MappingSettings()
VALUES = [field.name for field in fields(Motion) if field.name != "times"]
BLINK = [ARKIT_SHAPES.index("eyeBlinkLeft"), ARKIT_SHAPES.index("eyeBlinkRight")]
JAW, CLOSE = ARKIT_SHAPES.index("jawOpen"), ARKIT_SHAPES.index("mouthClose")
GROUPS = np.zeros((3, 478))
GROUPS[0, [13, 14]], GROUPS[1, [105, 66]], GROUPS[2, 159] = 0.5, 0.5, 1.0


class Known:
    """A performance whose motion is known."""

    name = "known"
    neutral = average_face()

    def __init__(self, motion: Motion) -> None:
        self._motion = motion
        self.limits: list[float] = []

    @property
    def times(self) -> np.ndarray:
        return self._motion.times

    @property
    def found(self) -> np.ndarray:
        return self._motion.confidence > 0.0

    def motion(self, groups: np.ndarray | None, settings: MappingSettings, limit: float = np.inf) -> Motion:
        self.limits.append(limit)
        return self._motion


def waves(times: np.ndarray, seed: int) -> Motion:
    """Return a motion whose every part moves, slowly enough for its instants."""
    rng = np.random.default_rng(seed)

    def wave(*shape: int) -> np.ndarray:
        size = int(np.prod(shape))
        rate, phase = rng.uniform(0.2, 1.5, size), rng.uniform(0, 6.28, size)
        return np.sin(2 * np.pi * times[:, None] * rate + phase).reshape(len(times), *shape)

    return Motion(
        times,
        0.5 + 0.4 * wave(52),
        rot.exp(0.5 * wave(3)),
        2.0 * wave(3),
        0.3 * wave(2, 2),
        wave(3, 3),
        0.6 + 0.3 * wave(1)[:, 0],
    )


def performed(seed: int, seconds: float = 4.0, rate: float = 30.0, first: float = 0.0) -> Known:
    return Known(waves(first + np.arange(round(seconds * rate) + 1) / rate, seed))


def mixed(base: Known, *layers: tuple[Layer, Known]) -> Motion:
    return LayeredPerformance(base, layers).motion(GROUPS, PLAIN)


def rows_of(motion: Motion, times: np.ndarray) -> np.ndarray:
    """The rows of a motion that are nearest to some times."""
    return np.abs(motion.times[:, None] - times).argmin(axis=0)


PLACES = st.builds(
    Layer,
    path=st.just("take.mimica"),
    at=st.floats(-1.0, 1.0),
    start=st.floats(-0.5, 3.0),
    end=st.floats(1.0, 5.0),
    regions=st.sets(st.sampled_from(FACE_REGIONS), min_size=1).map(lambda s: tuple(r for r in FACE_REGIONS if r in s)),
    fade_in=st.floats(0.0, 0.5),
    fade_out=st.floats(0.0, 0.5),
    enabled=st.booleans(),
)
STORED = st.builds(Layer, path=st.text(), face=st.integers(-1, 3), at=st.floats(-1e4, 1e4), enabled=st.booleans())


@settings(max_examples=60, deadline=None)
@given(layers=st.lists(PLACES, max_size=3), rate=st.sampled_from([24.0, 30.0, 59.94]))
def test_outside_its_layers_and_in_parts_that_are_not_chosen_a_take_is_as_it_was(layers, rate):
    base = performed(0)
    tops = [performed(i + 1, rate=rate, first=0.2 * i) for i in range(len(layers))]
    before = base.motion(None, PLAIN)
    after = mixed(base, *zip(layers, tops, strict=True))
    assert after.times[0] == base.times[0], "it begins where it began"
    assert (np.diff(after.times) > 0).all()
    assert all(np.isfinite(getattr(after, name)).all() for name in VALUES)
    np.testing.assert_allclose(np.linalg.norm(after.head_rotation, axis=1), 1.0, atol=1e-12)
    last = max([base.times[-1], *(layer.end for layer in layers if layer.enabled)])
    assert after.times[-1] <= last + 1e-4

    def touches(layer: Layer) -> np.ndarray:
        inside = (base.times >= layer.start - layer.fade_in - 0.51) & (base.times <= layer.end + layer.fade_out + 0.51)
        return inside if layer.enabled else np.zeros(len(base.times), bool)

    free = ~np.any([touches(layer) for layer in layers], axis=0) if layers else np.ones(len(base.times), bool)
    kept = rows_of(after, base.times[free])
    assert np.array_equal(after.times[kept], base.times[free]), "its own instants"
    for name in VALUES:
        assert np.array_equal(getattr(after, name)[kept], getattr(before, name)[free]), name
    chosen = {region for layer in layers if layer.enabled for region in layer.regions}
    own = rows_of(after, base.times)
    there = np.abs(after.times[own] - base.times) < 1e-4
    for i, region in enumerate(control_face_regions()):
        if region not in chosen:
            assert np.array_equal(after.controls[own[there], i], before.controls[there, i]), ARKIT_SHAPES[i]
    if "HEAD" not in chosen:
        assert np.array_equal(after.head_rotation[own[there]], before.head_rotation[there])
        assert np.array_equal(after.head_translation[own[there]], before.head_translation[there])
    if "EYES" not in chosen:
        assert np.array_equal(after.gaze[own[there]], before.gaze[there])
    if "MOUTH" not in chosen:
        assert np.array_equal(after.displacement[own[there], 0], before.displacement[there, 0])


@settings(max_examples=40, deadline=None)
@given(at=st.floats(-1.0, 1.0), start=st.floats(0.7, 1.5), end=st.floats(2.0, 2.8), fade=st.floats(0.0, 0.3))
def test_inside_a_whole_layer_there_is_the_layer_alone(at, start, end, fade):
    base, top = performed(0), performed(1, seconds=6.0, rate=50.0, first=-1.0)
    after = mixed(base, (Layer("a", at=at, start=start, end=end, fade_in=fade, fade_out=fade), top))
    inside = (after.times > start + 1e-3) & (after.times < end - 1e-3)
    own = top.motion(None, PLAIN)
    rows = rows_of(own, after.times[inside] - at)
    np.testing.assert_allclose(own.times[rows] + at, after.times[inside], atol=1e-4)
    for name in VALUES:
        assert np.array_equal(getattr(after, name)[inside], getattr(own, name)[rows]), name


@settings(max_examples=25, deadline=None)
@given(regions=st.sampled_from([("MOUTH",), ("HEAD",), ("EYES", "BROWS"), FACE_REGIONS]), seed=st.integers(0, 99))
def test_value_and_velocity_agree_at_both_ends_of_a_fade(regions, seed):
    # So fine that a slope is what it is in between instants, too.
    base, top = performed(seed, rate=1000.0), performed(seed + 1, rate=1000.0)
    cut = Layer("a", start=1.5, end=2.5, regions=regions, fade_in=0.3, fade_out=0.2)
    after = mixed(base, (cut, top))
    for name in ("controls", "gaze", "head_translation", "head_rotation", "displacement"):
        values, one, other = (getattr(m, name).reshape(len(m), -1) for m in (after, base._motion, top._motion))
        jump = np.abs(np.diff(values, n=2, axis=0)).max(axis=1) * 1000.0
        own = max(np.abs(np.diff(v, n=2, axis=0)).max() for v in (one, other)) * 1000.0
        for edge in (1.2, 1.5, 2.5, 2.7):
            near = np.abs(after.times[1:-1] - edge) < 0.0015
            # A fade in a straight line would jump by several times this.
            assert jump[near].max() < own + 0.05, (name, edge)


def test_later_layers_lie_over_earlier_ones_and_neighbours_of_one_take_join_unseen():
    base, one, two = (performed(i) for i in range(3))
    low, high = Layer("a", start=1.0, end=3.0), Layer("b", start=1.5, end=2.0)
    after = mixed(base, (low, one), (high, two))
    for time, source in ((0.5, base), (1.2, one), (1.75, two), (2.8, one), (3.5, base)):
        row, own = rows_of(after, np.array([time]))[0], rows_of(source._motion, np.array([time]))[0]
        assert np.array_equal(after.controls[row], source._motion.controls[own])
    joined = mixed(base, (Layer("a", start=1.0, end=2.0), one), (Layer("a", start=2.0, end=3.0), one))
    assert np.array_equal(joined.times, base.times)
    inside = (joined.times >= 1.0) & (joined.times <= 3.0)
    np.testing.assert_allclose(joined.controls[inside], one._motion.controls[inside], atol=1e-12)


def test_a_take_gives_nothing_before_it_begins_and_after_it_ends():
    base, top = performed(0), performed(1, seconds=1.0, first=1.5)
    after = mixed(base, (Layer("a", start=1.0, end=3.0, fade_in=0.2, fade_out=0.2), top))
    before, own = base._motion, top._motion
    outside = (base.times <= 1.5) | (base.times >= 2.5)
    rows = rows_of(after, base.times[outside])
    assert np.array_equal(after.controls[rows], before.controls[outside])
    inside = (own.times >= 1.71) & (own.times <= 2.29)
    assert np.array_equal(after.controls[rows_of(after, own.times[inside])], own.controls[inside])


def test_a_longer_layer_goes_on_after_the_base_which_stands_still_then():
    base, top = performed(0, seconds=2.0), performed(1, seconds=4.0)
    layered = LayeredPerformance(base, [(Layer("a", start=1.0, end=3.0, regions=("MOUTH",)), top)])
    after = layered.motion(GROUPS, PLAIN)
    assert after.times[-1] == pytest.approx(3.0)
    late = after.times > 2.001
    rows = rows_of(top._motion, after.times[late])
    assert np.array_equal(after.controls[late, JAW], top._motion.controls[rows, JAW]), "no fade to what is no more"
    brow = ARKIT_SHAPES.index("browInnerUp")
    assert (after.controls[late, brow] == base._motion.controls[-1, brow]).all()
    assert (after.confidence[late] < top._motion.confidence[rows]).all(), "the rest of the face is invented"
    shorter = mixed(base, (Layer("a", start=-2.0, end=1.0), performed(1, seconds=6.0, first=-3.0)))
    assert shorter.times[0] == base.times[0] and shorter.times[-1] == base.times[-1]


def test_between_its_own_instants_a_take_is_what_it_would_be_resampled_to():
    base, top = performed(0, seconds=30.0), performed(1, seconds=30.0, rate=24.0)
    after = mixed(base, (Layer("a", start=3.0, end=20.0, regions=("MOUTH",)), top))
    before = resample(base._motion, after.times)
    brows = np.array([region == "BROWS" for region in control_face_regions()])
    assert len(after) > len(base.times) + 300
    np.testing.assert_allclose(after.controls[:, brows], before.controls[:, brows], atol=1e-12)
    np.testing.assert_allclose(after.gaze, before.gaze, atol=1e-12)
    np.testing.assert_allclose(after.head_rotation, before.head_rotation, atol=1e-12)


def test_where_the_face_was_found_is_the_layers_business_too():
    base, top = performed(0), performed(1)
    lost = Known(replace(base._motion, confidence=np.zeros(len(base.times))))
    assert not LayeredPerformance(lost, []).found.any()
    found = LayeredPerformance(lost, [(Layer("a", start=1.0, end=2.0), top)])
    inside = (found.times >= 1.0) & (found.times <= 2.0)
    assert found.found[inside].all() and not found.found[(found.times < 0.8) | (found.times > 2.2)].any()
    only_mouth = LayeredPerformance(lost, [(Layer("a", start=1.0, end=2.0, regions=("MOUTH",)), top)])
    assert not only_mouth.found.any()


def test_only_a_take_that_is_fast_itself_is_low_passed():
    base, top = performed(0, rate=30.0), performed(1, rate=120.0)
    layered = LayeredPerformance(base, [(Layer("a", start=1.0, end=3.0), top)])
    layered.motion(GROUPS, PLAIN, 0.45 * 24.0)
    assert (base.limits, top.limits) == ([np.inf], [0.45 * 24.0])


def held(times: np.ndarray, **controls: float) -> Known:
    motion = Motion.neutral(times, 3)
    for name, value in controls.items():
        motion.controls[:, ARKIT_SHAPES.index(name)] = value
    return Known(motion)


def test_lips_and_lids_stay_closed_while_the_take_that_shows_more_has_them_closed():
    times = np.arange(121) / 30.0
    touching = held(times, jawOpen=0.4, mouthClose=0.4, eyeBlinkLeft=1.0, eyeBlinkRight=1.0)
    apart = held(times, jawOpen=0.2)
    cut = Layer("a", start=2.0, end=3.0, fade_in=1.0, fade_out=1.0)
    after = mixed(touching, (cut, apart))
    weight = np.interp(after.times, [1.0, 2.0], [0.0, 1.0])
    closed = after.controls[:, CLOSE] / after.controls[:, JAW]
    np.testing.assert_allclose(closed[weight < 0.3], 1.0)
    np.testing.assert_allclose(after.controls[weight < 0.3][:, BLINK], 1.0)
    assert (after.controls[(after.times >= 2.0) & (after.times <= 3.0), CLOSE] == 0.0).all()
    assert np.abs(np.diff(after.controls[:, [*BLINK, CLOSE]], axis=0)).max() < 0.2, "no pop"
    assert (after.controls[:, CLOSE] <= after.controls[:, JAW] + 1e-12).all()


@given(layer=STORED, regions=st.lists(st.sampled_from([*FACE_REGIONS, "EARS"])))
def test_a_layer_is_plain_data(layer, regions):
    assert Layer.from_json(layer.to_json()) == layer
    told = Layer.from_json({**layer.to_json(), "regions": regions, "colour": "red"})
    assert set(told.regions) == set(regions) - {"EARS"} and len(set(told.regions)) == len(told.regions)


@pytest.mark.parametrize(
    "layer",
    [
        Layer("a", start=2.0, end=1.0),
        Layer("a", start=1.0, end=2.0, enabled=False),
        Layer("a", start=1.0, end=2.0, regions=()),
        Layer("a", start=1.0, end=2.0, at=100.0),
        Layer("a", start=1.0, end=2.0, at=-100.0),
        Layer("a", start=-2.0, end=-1.0),
    ],
)
def test_a_layer_that_shows_nowhere_changes_nothing(layer):
    base = performed(0)
    layered = LayeredPerformance(base, [(layer, performed(1))])
    assert np.array_equal(layered.times, base.times)
    after = layered.motion(GROUPS, PLAIN)
    assert all(np.array_equal(getattr(after, name), getattr(base._motion, name)) for name in VALUES)


def test_takes_without_frames():
    nothing = Known(Motion.neutral(np.zeros(0), 3))
    whole = Layer("a", start=0.0, end=1.0)
    assert len(mixed(nothing, (whole, performed(1)))) == 0
    base = performed(0)
    assert np.array_equal(mixed(base, (whole, nothing)).controls, base._motion.controls)
    single = Known(waves(np.array([0.5]), 1))
    assert np.isfinite(mixed(base, (whole, single)).controls).all()


def test_landmarks_that_nobody_asked_for_are_not_given_to_who_asks_for_all():
    alone = TakePerformance("a", photograph(act(jaw=np.linspace(0, 1, 20))))
    assert alone.motion(np.zeros((0, 478)), PLAIN).displacement.shape == (20, 0, 3)
    assert alone.motion(None, PLAIN).displacement.shape == (20, 478, 3)


@cache
def _clip(name: str, model: Path) -> FaceFrames:
    cv2 = pytest.importorskip("cv2")
    from mimica.capture.model import verify_model
    from mimica.capture.source import Image
    from mimica.capture.tracker import Tracker

    path = Path(os.environ.get("MIMICA_TEST_CLIPS", os.devnull)) / name
    if not path.is_file():
        pytest.skip("needs real clips: name their folder in MIMICA_TEST_CLIPS")
    video, frames = cv2.VideoCapture(str(path)), []
    with Tracker(verify_model(model)) as tracker:
        while len(frames) < 150 and (got := video.read())[0]:
            picture = np.ascontiguousarray(cv2.cvtColor(got[1], cv2.COLOR_BGR2RGB))
            frames.append(tracker.track(Image(picture, len(frames) / 30, len(frames)))[0])
    video.release()
    return FaceFrames.from_frames(frames)


def test_brows_and_eyes_of_one_clip_over_the_mouth_of_another(model_path):
    mouth = TakePerformance("mouth", _clip("mouth_smile.mp4", model_path))
    brows = TakePerformance("brows", _clip("blinks_brows.mp4", model_path))
    regions = ("BROWS", "EYES")
    layered = LayeredPerformance(mouth, [(Layer("b", start=1.0, end=4.0, regions=regions), brows)])
    after, below, above = (p.motion(None, PLAIN) for p in (layered, mouth, brows))
    inside = (after.times >= 1.0) & (after.times <= 4.0)
    of_layer = np.array([region in regions for region in control_face_regions()])
    at = rows_of(above, after.times[inside])
    np.testing.assert_array_equal(after.controls[inside][:, of_layer], above.controls[at][:, of_layer])
    np.testing.assert_array_equal(after.controls[:, ~of_layer], below.controls[:, ~of_layer])
    np.testing.assert_array_equal(after.head_rotation, below.head_rotation)
    assert above.controls[at][:, BLINK].max() == 1.0, "the clip holds a blink there"
    assert after.controls[inside][:, BLINK].max() == 1.0, "and it is a whole one still"
