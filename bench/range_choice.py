# SPDX-FileCopyrightText: 2026 Mimica authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a range learned from the ten quick poses loses against the fifteen usual ones, on clips whose truth is known.

    python -m mimica.bench range --clips FOLDER

The clips are those of `mimica bench accuracy`. A guided pose is stood for by the segment of `sweep` or `pairs` that is
most like it; the frame at its height is repeated for as long as the pose is held.
"""

import argparse
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from ..cli import accuracy, tracked
from ..cli.accuracy import Clip
from ..cli.scoring import mean_of, score
from ..mapping.calibration import PerformerProfile, estimate_profile
from ..mapping.face_space import DEFAULT_FIELD_OF_VIEW
from ..mapping.frame import ARKIT_SHAPES, FaceFrames
from ..mapping.learning import Prompt, learn_from_prompts
from ..mapping.range_poses import range_poses
from .common import model

STANDS_FOR = {
    "jaw_open": "sweep:jawOpen",
    "smile": "pair:mouthSmile",
    "pucker": "sweep:mouthPucker",
    "wide_ee": "pair:mouthStretch",
    "lips_pressed": "pair:mouthPress",
    "cheeks_puffed": "sweep:cheekPuff",
    "nose_wrinkled": "pair:noseSneer",
    "brows_up": "pair:browRaise",
    "brows_down": "pair:browDown",
    "eyes_shut": "pair:eyeSquint",
    "eyes_wide": "pair:eyeWide",
    "look_left": "pair:lookLeft",
    "look_right": "pair:lookRight",
    "look_up": "pair:lookUp",
    "look_down": "pair:lookDown",
}
KINDS = ("sweep", "pairs", "speech", "head")
_REST = 15
"""Frames of rest before a pose."""
_RATE = 30.0


def run(_clip: Path, folder: Path, options: Sequence[str]) -> None:
    """Print a table: a row for each choice of poses and each time for which they are held."""
    parser = argparse.ArgumentParser(prog="python -m mimica.bench range")
    parser.add_argument("--clips", type=Path, required=True)
    parser.add_argument("--takes", type=Path, default=folder, help="where the clips' tracking is kept")
    arguments = parser.parse_args(options)
    rigs = load(arguments.clips, arguments.takes)
    usual = [pose.id for pose in range_poses("USUAL")]
    quick = [pose.id for pose in range_poses("QUICK")]
    print(f"{'r_all':28}" + "".join(f"{kind:>8}" for kind in KINDS))
    for title, poses, held in (
        ("neutral alone", [], 0.0),
        (f"{len(quick)} poses, held 0.7 s", quick, 0.7),
        (f"{len(quick)} poses, held 2 s", quick, 2.0),
        (f"{len(usual)} poses, held 0.7 s", usual, 0.7),
        (f"{len(usual)} poses, held 2 s", usual, 2.0),
    ):
        print(f"{title:28}" + "".join(f"{value:8.3f}" for value in quality(rigs, poses, held)))


def load(folder: Path, takes: Path) -> dict[str, dict[str, Clip]]:
    """Return the clips of each rig by kind, tracked."""
    rigs: dict[str, dict[str, Clip]] = {}
    for path in accuracy.find_clips(folder):
        take = tracked.take_of(path, model(), takes)
        if not take.exists():
            tracked.track(path, model(), take, lambda share: None)
        clip = accuracy.load_clip(path, tracked.frames_of(take), {})
        rigs.setdefault(clip.rig, {})[clip.kind] = clip
    return rigs


def quality(rigs: dict[str, dict[str, Clip]], poses: Sequence[str], held: float) -> list[float]:
    """Return the mean correlation over whole clips, r_all, of each kind of clip."""
    profiles = {rig: _learned(clips, poses, held) for rig, clips in rigs.items()}
    whole = next(v for v in accuracy.VARIANTS if v.name == "whole-offline")
    return [
        mean_of(
            score(clips[kind].truth, accuracy.predict(clips[kind], whole, profiles[rig])).mean("r_all")
            for rig, clips in rigs.items()
        )
        for kind in KINDS
    ]


def _learned(clips: dict[str, Clip], poses: Sequence[str], held: float) -> PerformerProfile:
    frames = clips["sweep"].frames
    profile = estimate_profile(frames, field_of_view=DEFAULT_FIELD_OF_VIEW)
    assert profile is not None
    if not poses:
        return profile
    parts: list[FaceFrames] = []
    prompts: list[Prompt] = []
    end = 0.0
    for pose in poses:
        segment = STANDS_FOR[pose]
        clip = clips["sweep" if segment.startswith("sweep") else "pairs"]
        rows = np.flatnonzero(clip.truth.segments == segment)
        shapes = clip.truth.curves.shapes[rows]
        peak = int(np.argmax(shapes.sum(axis=1)))
        # At rest, up, held.
        rest = np.full(_REST, rows[0])
        order = np.concatenate([rest, rows[:peak], np.full(round(held * _RATE), rows[peak])])
        times = end + np.arange(len(order)) / _RATE
        part = clip.frames.take(order)
        parts.append(FaceFrames(times, part.landmarks, part.scores, part.image_sizes, part.quality))
        full = {ARKIT_SHAPES[k]: float(shapes[peak, k]) for k in np.flatnonzero(shapes[peak] > 0.05)}
        prompts.append(Prompt(full, float(times[_REST]), float(times[-1])))
        end = float(times[-1]) + 1.0 / _RATE
    told = None if frames.scores is None else np.concatenate([p.scores for p in parts if p.scores is not None])
    shown = FaceFrames(
        np.concatenate([p.times for p in parts]),
        np.concatenate([p.landmarks for p in parts]),
        told,
        np.concatenate([p.image_sizes for p in parts]),
        np.concatenate([p.quality for p in parts]),
    )
    return learn_from_prompts(shown, prompts, profile)[0]
