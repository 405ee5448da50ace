# SPDX-FileCopyrightText: 2026 Mimica authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The whole mapping on what is hard: faces leaving the picture, numbers that are none, mirrors, scores."""

import os
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mimica.capture.model import verify_model
from mimica.capture.source import Image
from mimica.capture.tracker import Tracker
from mimica.cli import behaviour
from mimica.mapping.calibration import default_profile, estimate_profile
from mimica.mapping.feel import Feel
from mimica.mapping.frame import ARKIT_SHAPES, FaceFrame, FaceFrames
from mimica.mapping.learned import mirror_landmarks, mirror_shapes
from mimica.mapping.mapper import LiveMapper, MappingSettings, map_frames
from mimica.mapping.motion import Motion
from mimica.tests.synthetic import act, photograph

LIVE = pytest.mark.parametrize("live", [False, True])
AWAY, BACK, END = 70, 110, 150
"""Frames of a clip that is pushed out of the picture: half out, on its way back, wholly there again."""


def finite(motion: Motion) -> bool:
    return all(bool(np.isfinite(getattr(motion, name)).all()) for name in Motion.__dataclass_fields__)


def scored(frames: FaceFrames, seed: int = 0) -> FaceFrames:
    """Frames with scores that wander."""
    steps = np.random.default_rng(seed).normal(0, 0.05, (len(frames), len(ARKIT_SHAPES)))
    return replace(frames, scores=np.clip(0.2 + np.cumsum(steps, axis=0), 0, 1).astype(np.float32))


def mirrored(frames: FaceFrames) -> FaceFrames:
    """What an ideal tracker sees in a mirror."""
    landmarks = frames.landmarks[:, mirror_landmarks()].copy()
    landmarks[..., 0] = 1.0 - landmarks[..., 0]
    scores = None if frames.scores is None else frames.scores[:, mirror_shapes()]
    return replace(frames, landmarks=landmarks, scores=scores)


@pytest.fixture(scope="module")
def pictures(request: pytest.FixtureRequest) -> list[np.ndarray]:
    """Pictures of a real clip where there is one (MIMICA_TEST_CLIPS), else of the sample clip."""
    cv2 = pytest.importorskip("cv2")
    clips = sorted(Path(os.environ.get("MIMICA_TEST_CLIPS", os.devnull)).glob("*.mp4"))
    video = cv2.VideoCapture(str(clips[-1] if clips else request.getfixturevalue("sample_clip")))
    found = []
    while len(found) < END + 30 and (got := video.read())[0]:
        found.append(cv2.cvtColor(got[1], cv2.COLOR_BGR2RGB))
    video.release()
    return found


@pytest.fixture(scope="module")
def clip(pictures: list[np.ndarray], model_path: Path) -> FaceFrames:
    """The clip as the tracker sees it."""
    return tracked(pictures, model_path)


def tracked(pictures: list[np.ndarray], model_path: Path) -> FaceFrames:
    with Tracker(verify_model(model_path)) as tracker:
        return FaceFrames.from_frames(
            [tracker.track(Image(np.ascontiguousarray(p), i / 30, i))[0] for i, p in enumerate(pictures)]
        )


@pytest.fixture(scope="module", params=["left", "right", "down"])
def leaving(
    request: pytest.FixtureRequest, pictures: list[np.ndarray], clip: FaceFrames, model_path: Path
) -> FaceFrames:
    """The same pictures pushed aside until half of the face is outside, held there, and pushed back."""
    face = np.nanmean(clip.landmarks[:, :468, :2], axis=(0, 1))
    axis, forward = (1, False) if request.param == "left" else (1, True) if request.param == "right" else (0, True)
    middle = face[1 - axis]
    most = (1.0 - middle if forward else middle) * pictures[0].shape[axis]
    share = np.interp(np.arange(len(pictures)), [20, AWAY, BACK, END], [0.0, 1.0, 1.0, 0.0])
    moved = []
    for picture, part in zip(pictures, share, strict=True):
        by = int(part * most)
        pushed = np.zeros_like(picture)
        source, target = (
            (slice(None, -by or None), slice(by, None)) if forward else (slice(by, None), slice(None, -by or None))
        )
        lines = (source,) if axis == 0 else (slice(None), source)
        places = (target,) if axis == 0 else (slice(None), target)
        pushed[places] = picture[lines]
        moved.append(pushed)
    return tracked(moved, model_path)


@LIVE
def test_a_face_half_out_of_the_picture_degrades(leaving: FaceFrames, clip: FaceFrames, live: bool) -> None:
    profile = estimate_profile(clip)
    whole = map_frames(clip, profile=profile, live=live)
    seen = map_frames(leaving, profile=profile, live=live)
    assert finite(seen)
    assert seen.controls.min() >= 0.0 and seen.controls.max() <= 1.0
    out = slice(AWAY, BACK)
    assert seen.confidence[out].max() < 0.5 < seen.confidence[:20].min()
    assert behaviour.tremble(seen.controls[out]).mean() < 2.0 * behaviour.tremble(whole.controls).mean() + 0.003, (
        "it is held"
    )
    tail = slice(END + 12, len(clip))
    assert np.abs(seen.controls[tail] - whole.controls[tail]).mean() < 0.05, "and comes back"


@LIVE
@settings(max_examples=40, deadline=None)
@given(st.data())
def test_no_input_makes_nan(live: bool, data: st.DataObject) -> None:
    frames = scored(photograph(act(jaw=np.linspace(0, 1, 12))))
    landmarks, quality, sizes = frames.landmarks.copy(), frames.quality.copy(), frames.image_sizes.copy()
    assert frames.scores is not None
    scores = frames.scores.copy()
    odd = st.sampled_from([np.nan, np.inf, -np.inf, 1e30, -1e30, 0.0, 1e-30, 3.0])
    for _ in range(data.draw(st.integers(0, 4))):
        row = data.draw(st.integers(0, 11))
        match data.draw(st.sampled_from(["point", "face", "score", "scores", "quality", "size"])):
            case "point":
                landmarks[row, data.draw(st.integers(0, 477)), data.draw(st.integers(0, 2))] = data.draw(odd)
            case "face":
                landmarks[row] = data.draw(odd)
            case "score":
                scores[row, data.draw(st.integers(0, 51))] = data.draw(odd)
            case "scores":
                scores[row] = data.draw(odd)
            case "quality":
                quality[row] = data.draw(st.sampled_from([0.0, 0.05, 1.0]))
            case _:
                sizes[row] = data.draw(st.sampled_from([1, 10_000]))
    bad = replace(frames, landmarks=landmarks, scores=scores, quality=quality, image_sizes=sizes)
    with np.errstate(all="ignore"):
        motion = map_frames(bad, profile=default_profile(), live=live)
    assert finite(motion)
    assert motion.controls.min() >= 0.0 and motion.controls.max() <= 1.0


@LIVE
def test_nothing_and_one_frame(live: bool) -> None:
    frames = photograph(act(jaw=np.ones(1)))
    assert len(map_frames(frames.slice(0, 0), live=live)) == 0
    one = map_frames(frames, live=live)
    assert len(one) == 1 and finite(one)


@LIVE
def test_mirrored_input_gives_mirrored_controls(live: bool) -> None:
    """Through tracker scores, solve, gaze, lids and all filters."""
    wave = 0.5 - 0.5 * np.cos(np.linspace(0, 25, 120))
    frames = scored(photograph(act(jaw=wave, blink_left=wave**4, gaze_left=wave, brows=wave[::-1])))
    profile = default_profile()
    straight = map_frames(frames, profile=profile, live=live)
    reflected = map_frames(mirrored(frames), profile=profile, live=live)
    assert np.abs(straight.controls - reflected.controls[:, mirror_shapes()]).max() < 0.02
    assert np.abs(straight.gaze - reflected.gaze[:, ::-1] * np.array([-1.0, 1.0])).max() < 0.02


def test_one_frame_and_a_take_agree_without_filters() -> None:
    wave = 0.5 - 0.5 * np.cos(np.linspace(0, 25, 60))
    frames = scored(photograph(act(jaw=wave, blink_left=wave**2, gaze_left=wave)))
    raw = MappingSettings(smoothness=0.0)
    whole = map_frames(frames, profile=default_profile(), settings=raw)
    live = LiveMapper(default_profile(), Feel(raw))
    assert frames.scores is not None
    for i in range(len(frames)):
        frame = FaceFrame(float(frames.times[i]), frames.landmarks[i], frames.scores[i], (640, 480))
        step = live.step(frame)
        for name in ("controls", "head_rotation", "head_translation", "gaze", "displacement", "confidence"):
            assert np.allclose(getattr(step, name)[0], getattr(whole, name)[i], atol=1e-5), name
