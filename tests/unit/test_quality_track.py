# SPDX-FileCopyrightText: 2026 Mimica authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a take is said to be weak in is what smoothing then bridges, eases or takes out."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from mimica.mapping import rotation as rot
from mimica.mapping.calibration import default_profile
from mimica.mapping.control_take import ControlTake
from mimica.mapping.frame import ARKIT_SHAPES, FaceFrames
from mimica.mapping.layering import Layer, LayeredPerformance
from mimica.mapping.performance import ControlPerformance, TakePerformance
from mimica.mapping.quality_track import Kind, QualityTrack, WeakSpot, long_gaps_within, quality_of, worst_between
from mimica.mapping.settings import MappingSettings
from mimica.tests.synthetic import act, photograph

COUNT = 90


def still(count: int = COUNT) -> FaceFrames:
    return photograph(act(jaw=np.full(count, 0.2)))


def losing(frames: FaceFrames, *spans: tuple[int, int]) -> FaceFrames:
    """The same without a face in some frames, first and last of each span included."""
    quality, landmarks = frames.quality.copy(), frames.landmarks.copy()
    for first, last in spans:
        quality[first : last + 1], landmarks[first : last + 1] = 0.0, np.nan
    return replace(frames, quality=quality, landmarks=landmarks)


def looked_at(frames: FaceFrames, smoothness: float = 1.0) -> QualityTrack:
    return quality_of(TakePerformance("t", frames, default_profile()), MappingSettings(smoothness=smoothness))


def of_kind(track: QualityTrack, kind: Kind) -> list[WeakSpot]:
    return [spot for spot in track.spots if spot.kind == kind]


def test_a_take_seen_well_has_no_weak_spot() -> None:
    track = looked_at(still())
    assert track.spots == ()
    assert track.found == 1.0 and track.mean > 0.9


def test_gaps_are_told_as_smoothing_treats_them() -> None:
    frames = losing(still(), (0, 2), (20, 23), (40, 60), (85, 89))
    track = looked_at(frames)
    assert [spot.kind for spot in track.spots] == ["EASED", "BRIDGED", "EASED", "EASED"]
    lead, short, long, end = track.spots
    assert (short.start, short.end) == (frames.times[20], frames.times[24])
    assert (long.start, long.end, long.worst) == (frames.times[40], frames.times[61], 0.0)
    assert "0.7 s: the face eases to neutral and comes back" in long.sentence
    assert "No face yet" in lead.sentence and "for the last" in end.sentence
    assert track.long_gaps() == (lead, long, end)
    assert track.found == pytest.approx(1 - 33 / COUNT)
    assert long_gaps_within(frames.times, frames.found, 0.0, np.inf) == 3
    assert long_gaps_within(frames.times, frames.found, 1.5, 2.5) == 1
    # The jaw is held across what is bridged, and goes to neutral in what is eased.
    jaw = TakePerformance("t", frames, default_profile()).motion(None, MappingSettings()).control("jawOpen")
    open_jaw = jaw[30]
    assert jaw[21] == pytest.approx(open_jaw, rel=0.1)
    assert jaw[57] < 0.5 * open_jaw


def test_a_take_without_a_face() -> None:
    track = looked_at(losing(still(10), (0, 9)))
    assert [spot.sentence for spot in track.spots] == ["No face in the whole take: the character rests at neutral."]
    assert track.found == track.mean == 0.0
    assert looked_at(still(3).slice(0, 0)).spots == ()


@pytest.mark.parametrize("smoothness", [0.0, 1.0])
def test_a_head_that_jumps_away_for_one_frame(smoothness: float) -> None:
    place = np.tile([0.0, 0.0, -45.0], (COUNT, 1))
    place[50, 0] = 15.0
    frames = photograph(act(jaw=np.full(COUNT, 0.2)), translation=place)
    track = looked_at(frames, smoothness)
    (spot,) = of_kind(track, "OUTLIER")
    assert spot.start == frames.times[50] and "The head jumps away" in spot.sentence
    taken_out = smoothness > 0
    assert ("it is taken out" if taken_out else "it stays") in spot.sentence
    assert not of_kind(track, "BRIDGED"), "it is told as what it is"
    motion = TakePerformance("t", frames, default_profile()).motion(None, MappingSettings(smoothness=smoothness))
    assert (abs(motion.head_translation[50, 0]) < 1.0) == taken_out


def test_a_flash_of_one_frame_says_where() -> None:
    jaw = np.full(COUNT, 0.1)
    jaw[[30, 33, 70]] = 1.0
    frames = photograph(act(jaw=jaw))
    spots = of_kind(looked_at(frames), "OUTLIER")
    assert [(spot.start, spot.end) for spot in spots] == [
        (frames.times[30], frames.times[34]),
        (frames.times[70], frames.times[71]),
    ]
    assert spots[0].sentence.startswith("2 flashes of one frame (") and "mouth" in spots[0].sentence
    assert spots[1].sentence.startswith("A flash of one frame (")
    jaw = TakePerformance("t", frames, default_profile()).motion(None, MappingSettings()).control("jawOpen")
    assert jaw[30] < 0.3 and jaw[70] < 0.3


def test_a_head_turned_away_and_one_half_out_of_the_picture() -> None:
    turn = np.zeros((COUNT, 3))
    turn[30:60, 1] = np.radians(64.0) * np.minimum(1.0, np.minimum(np.arange(30) / 10, np.arange(30)[::-1] / 10))
    turned = photograph(act(jaw=np.zeros(COUNT)), rotation=rot.matrix_from_quaternion(rot.exp(turn)))
    (spot,) = of_kind(looked_at(turned), "UNSURE")
    assert spot.worst < 0.3 and "turned far away" in spot.sentence
    assert turned.times[35] < spot.start < spot.end < turned.times[55]

    shifted = still().landmarks.copy()
    quality = np.ones(COUNT, np.float32)
    shifted[40:50, :, 0] += 0.5
    quality[40:50] = 0.3
    out = replace(still(), landmarks=shifted, quality=quality)
    (spot,) = of_kind(looked_at(out), "UNSURE")
    assert "out of the picture" in spot.sentence and spot.worst == pytest.approx(0.3, abs=0.05)


def test_cuts_and_pauses() -> None:
    place = np.tile([0.0, 0.0, -45.0], (COUNT, 1))
    place[45:, 0] = 24.0
    frames = photograph(act(jaw=np.full(COUNT, 0.2)), translation=place)
    (cut,) = of_kind(looked_at(frames), "CUT")
    assert (cut.start, cut.end) == (frames.times[44], frames.times[45])
    assert not of_kind(looked_at(frames), "OUTLIER"), "a cut stays"
    (lossy,) = of_kind(looked_at(losing(frames, (45, 46))), "CUT")
    assert lossy.sentence.startswith("A cut, and no face for 0.067 s")
    times = still().times + np.where(np.arange(COUNT) < 45, 0.0, 2.0)
    (pause,) = of_kind(looked_at(replace(still(), times=times)), "CUT")
    assert pause.sentence.startswith("Nothing was captured for 2.0 s")


def test_controls_of_a_file_are_trusted_and_its_pauses_said() -> None:
    times = np.arange(60) / 30
    times[30:] += 1.0
    track = quality_of(ControlPerformance(ControlTake("c", times, np.zeros((60, len(ARKIT_SHAPES))), 30.0)))
    assert track.mean == track.found == 1.0
    assert [spot.kind for spot in track.spots] == ["CUT"]


def test_the_way_back_from_a_gap_is_no_cut() -> None:
    place = np.tile([0.0, 0.0, -45.0], (COUNT, 1))
    place[:, 0] = 25.0
    (spot,) = looked_at(losing(photograph(act(jaw=np.full(COUNT, 0.8)), translation=place), (30, 60))).spots
    assert spot.kind == "EASED"


def test_a_take_over_a_take_fills_its_gap() -> None:
    """Of takes put together that counts which shows."""
    base = TakePerformance("t", losing(still(), (10, 12), (40, 59)), default_profile())
    over = TakePerformance("o", still(), default_profile())
    track = quality_of(LayeredPerformance(base, []))
    assert [spot.kind for spot in track.spots] == ["BRIDGED", "EASED"]
    assert track.confidence[50] == 0.0 and track.confidence[0] > 0.9
    layer = Layer("o.mimica", start=35 / 30, end=65 / 30)
    mended = quality_of(LayeredPerformance(base, [(layer, over)]))
    assert [spot.kind for spot in mended.spots] == ["BRIDGED"]
    assert mended.mean > track.mean


@example(steps=[0.005], columns=2, start=0.0, width=0.01, seed=0)
@given(
    steps=st.lists(st.floats(0.005, 0.2), min_size=1, max_size=60),
    columns=st.integers(1, 50),
    start=st.floats(-2.0, 2.0),
    width=st.floats(0.01, 20.0),
    seed=st.integers(0, 1000),
)
def test_no_weak_frame_is_lost_between_edges(
    steps: list[float], columns: int, start: float, width: float, seed: int
) -> None:
    times = np.cumsum(steps)
    confidence = np.random.default_rng(seed).random(len(times))
    edges = np.linspace(start, start + width, columns + 1)
    worst = worst_between(QualityTrack(times, confidence, 1.0, ()), edges)
    shown = (times > edges[0]) & (times < edges[-1])
    if shown.any():
        assert np.nanmin(worst) <= confidence[shown].min()
    assert np.isin(worst[np.isfinite(worst)], confidence).all()
    step = np.median(np.diff(times)) if len(times) > 1 else 1 / 30
    outside = (edges[1:] <= times[0]) | (edges[:-1] >= times[-1] + step)
    assert np.isnan(worst[outside]).all() and np.isfinite(worst[~outside]).all()
