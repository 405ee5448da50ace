# SPDX-FileCopyrightText: 2026 Mimica authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""`mimica bench accuracy`: predictions of clips whose truth is known, and how good they are. Needs no Blender."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import numpy as np

from ..mapping.calibration import PerformerProfile, estimate_profile
from ..mapping.face_space import DEFAULT_FIELD_OF_VIEW
from ..mapping.frame import ARKIT_SHAPES, FaceFrames
from ..mapping.learning import Prompt, learn_from_prompts, learn_from_take
from ..mapping.mapper import head_angles, map_frames
from .failure import USAGE, CommandError
from .report import figure, write_json
from .scoring import ClipScore, mean_of, score
from .truth import HEAD, Curves, Truth, read_truth, rounded, write_curves

KINDS = ("sweep", "pairs", "speech", "head")
"""The clips' kinds in the tables' order; a clip is named RIG_KIND."""
PROFILE_KIND = "sweep"
"""The kind of clip that a rig's profile is learned from."""

_ALONG = {"tongueOut": {"jawOpen": 0.5}}
"""What a sweep shows beside a shape."""

MEASURES = (
    ("r_all", "r_all"),
    ("r_own", "r_own"),
    ("nmae", "nMAE"),
    ("crosstalk", "cross-talk, calibrated"),
    ("lag", "lag, frames"),
)
"""Fields of `ShapeScore`, and what the tables call them."""


@dataclass(frozen=True, slots=True)
class Variant:
    """One way to predict."""

    name: str
    """Of its folder of predictions."""
    title: str
    scores: bool = True
    """Whether the mapping sees the tracker's scores."""
    live: bool = False
    profile: bool = False
    """Whether neutral and range come from the rig's own sweep, whose segments say what was shown when, as in a range
    wizard; else the neutral is the clip's."""
    take: bool = False
    """Whether the expressions are learned, or refined, from the clip itself, as a bake does."""


RAW = Variant("scores", "The tracker's scores alone")


_LEARNS = (
    ("", "neutral alone", False, False),
    ("-take", "learned from the clip itself", False, True),
    ("-profile", "profile", True, False),
    ("-profile-take", "profile and the clip itself", True, True),
)


def _variants() -> tuple[Variant, ...]:
    made = [RAW]
    for ending, of, profile, take in _LEARNS:
        for name, title, scores in (("geometry", "Geometry alone", False), ("whole", "The whole", True)):
            # Only when it is over can one learn from a clip.
            for live in (False,) if take else (False, True):
                mode = "live" if live else "offline"
                made.append(Variant(f"{name}-{mode}{ending}", f"{title}, {mode}, {of}", scores, live, profile, take))
    return tuple(made)


VARIANTS = _variants()


@dataclass(frozen=True, slots=True, eq=False)
class Clip:
    """A clip with its truth, tracked."""

    name: str
    truth: Truth
    frames: FaceFrames
    field_of_view: float | None

    @property
    def rig(self) -> str:
        """The clip's name without its kind."""
        return _rig(self.name)

    @property
    def kind(self) -> str:
        """What moves in it."""
        return self.name.rpartition("_")[2]


@dataclass(frozen=True, slots=True, eq=False)
class Teacher:
    """A rig's sweep, tracked."""

    frames: FaceFrames
    segments: np.ndarray
    """str (N,), see `Truth`."""


@dataclass(frozen=True, slots=True, eq=False)
class Result:
    """One variant's prediction of one clip."""

    prediction: Curves
    score: ClipScore


Results = dict[str, dict[str, Result]]
"""By variant, then by clip."""


def find_clips(folder: Path, only: Sequence[str] = ()) -> list[Path]:
    """Return the videos in `folder` that have a table of truth beside them, by name. Raises CommandError.

    :param only: parts of names; a clip needs to have one of them. None: all clips.
    """
    found = [path for path in sorted(folder.glob("*.mp4")) if path.with_suffix(".csv").is_file()]
    if not found:
        raise CommandError(f"There are no clips in '{folder}': videos X.mp4, each with its truth X.csv beside it.")
    chosen = [path for path in found if not only or any(text in path.stem for text in only)]
    if not chosen:
        raise CommandError(f"No clip in '{folder}' has {' or '.join(map(repr, only))} in its name.")
    return chosen


def find_variants(only: Sequence[str] = (), *, learned: bool, scores: bool = True) -> list[Variant]:
    """Return the variants in the tables' order. Raises CommandError when there is none.

    :param only: parts of names; a variant needs to have one of them. None: all variants.
    :param learned: whether those that learn more than the neutral are among them.
    :param scores: whether the tracker gives scores; without, geometry alone is left.
    """
    chosen = [
        variant
        for variant in VARIANTS
        if (learned or not (variant.profile or variant.take))
        and (scores or not variant.scores)
        and (not only or any(text in variant.name for text in only))
    ]
    if not chosen:
        names = ", ".join(variant.name for variant in VARIANTS)
        raise CommandError(f"No variant has {' or '.join(map(repr, only))} in its name. There are: {names}.", USAGE)
    return chosen


def _rig(clip: str) -> str:
    return clip.rpartition("_")[0] or clip


def load_clip(path: Path, frames: FaceFrames, views: Mapping[str, float]) -> Clip:
    """Return a clip, of which `path` is the video. Raises CommandError when the truth is of another length.

    :param views: the camera's vertical field of view in degrees by rig; that of "" is for all others.
    """
    return Clip(path.stem, _truth(path, frames), frames, views.get(_rig(path.stem), views.get("")))


def load_teacher(path: Path, frames: FaceFrames) -> Teacher:
    """Return a rig's sweep, of which `path` is the video. Raises CommandError when the truth is of another length."""
    return Teacher(frames, _truth(path, frames).segments)


def _truth(path: Path, frames: FaceFrames) -> Truth:
    truth = read_truth(path.with_suffix(".csv"))
    if len(truth.segments) != len(frames):
        raise CommandError(
            f"'{path.name}' has {len(frames)} images, but its truth has {len(truth.segments)} rows."
            " They must be of the same clip."
        )
    return truth


def learned_profile(frames: FaceFrames, segments: np.ndarray, field_of_view: float) -> PerformerProfile | None:
    """Return the profile that a rig's sweep teaches, as a range wizard would; None when the face is hardly seen.

    Of the truth only this is used: which shape a segment of name `sweep:SHAPE` shows.
    """
    profile = estimate_profile(frames, field_of_view=field_of_view)
    if profile is None:
        return None
    prompts: list[Prompt] = []
    for segment in dict.fromkeys(segments.tolist()):
        kind, _, shape = segment.partition(":")
        if kind == PROFILE_KIND and shape in ARKIT_SHAPES:
            rows = np.flatnonzero(segments == segment)
            pose = {shape: 1.0, **_ALONG.get(shape, {})}
            prompts.append(Prompt(pose, float(frames.times[rows[0]]), float(frames.times[rows[-1]])))
    return learn_from_prompts(frames, prompts, profile)[0]


def predict(clip: Clip, variant: Variant, profile: PerformerProfile | None) -> Curves:
    """Return what a variant makes of a clip.

    :param profile: the performer's; None finds it in the clip.
    """
    if variant == RAW:
        nothing = np.full((len(clip.frames), len(HEAD)), np.nan)
        scores = clip.frames.scores
        return Curves(np.full((len(clip.frames), 52), np.nan) if scores is None else scores.astype(float), nothing)
    frames = _seen_by(variant, clip.frames)
    if variant.take:
        profile = profile or estimate_profile(frames, field_of_view=clip.field_of_view or DEFAULT_FIELD_OF_VIEW)
        profile = None if profile is None else learn_from_take(frames, profile)
    motion = map_frames(frames, profile=profile, camera_fov=clip.field_of_view, live=variant.live)
    return Curves(motion.controls, head_angles(motion))


def find_teachers(clips: Sequence[Path]) -> dict[str, Path]:
    """Return, for each rig of the clips that has one, the sweep beside them that teaches its profile."""
    sweeps = {_rig(clip.stem): clip.with_stem(f"{_rig(clip.stem)}_{PROFILE_KIND}") for clip in clips}
    return {rig: path for rig, path in sweeps.items() if path.is_file()}


def run(
    clips: Sequence[Clip],
    variants: Sequence[Variant],
    teachers: Mapping[str, Teacher],
    folder: Path,
    progress: Callable[[float], None],
) -> Results:
    """Predict and score every clip by every variant; writes `folder`/VARIANT/CLIP.csv. Raises CommandError.

    :param teachers: each rig's sweep. A variant with a profile leaves out clips whose rig has none.
    """
    profiles: dict[tuple[str, bool], PerformerProfile | None] = {}
    results: Results = {}
    for i, variant in enumerate(variants):
        results[variant.name] = {}
        for k, clip in enumerate(clips):
            profile = None
            if variant.profile:
                key = clip.rig, variant.scores
                if key not in profiles:
                    profiles[key] = _profile_of(clip, teachers, variant)
                profile = profiles[key]
                if profile is None:
                    continue
            prediction = rounded(predict(clip, variant, profile))
            write_curves(folder / variant.name / f"{clip.name}.csv", prediction)
            results[variant.name][clip.name] = Result(prediction, score(clip.truth, prediction))
            progress((i + (k + 1) / len(clips)) / len(variants))
    return results


def _profile_of(clip: Clip, teachers: Mapping[str, Teacher], variant: Variant) -> PerformerProfile | None:
    teacher = teachers.get(clip.rig)
    if teacher is None:
        return None
    frames = _seen_by(variant, teacher.frames)
    return learned_profile(frames, teacher.segments, clip.field_of_view or DEFAULT_FIELD_OF_VIEW)


def _seen_by(variant: Variant, frames: FaceFrames) -> FaceFrames:
    return frames if variant.scores else replace(frames, scores=None)


def rigs_of(clips: Sequence[Clip]) -> list[str]:
    """Return the rigs' names in order."""
    return sorted({clip.rig for clip in clips})


def kinds_of(clips: Sequence[Clip]) -> list[str]:
    """Return the kinds of clip in the tables' order."""
    found = {clip.kind for clip in clips}
    return [kind for kind in KINDS if kind in found] + sorted(found.difference(KINDS))


def table(clips: Sequence[Clip], scores: dict[str, ClipScore]) -> list[list[str]]:
    """Return one variant's table as rows of text, the head of the table first: a row a kind of clip.

    Each cell has the figure of every rig, and before them their mean when there is more than one.

    :param scores: by clip.
    """
    rigs = rigs_of(clips)
    rows = [[" / ".join(rigs), *(title for _, title in MEASURES), "head yaw / pitch / roll, degrees"]]
    for kind in kinds_of(clips):
        of_kind = [scores.get(f"{rig}_{kind}") for rig in rigs]
        if not any(of_kind):
            continue
        cells = [_cell([found.mean(field) if found else float("nan") for found in of_kind]) for field, _ in MEASURES]
        heads = [found.head.error if found and found.head and found.head.moves else None for found in of_kind]
        angles = [" / ".join(figure(value) for value in head) for head in heads if head]
        rows.append([kind, *cells, "; ".join(angles)])
    return rows


def _cell(values: list[float]) -> str:
    if not np.isfinite(values).any():
        return ""
    each = " / ".join(figure(value) for value in values)
    return each if len(values) == 1 else f"{figure(mean_of(values))} ({each})"


def write_report(path: Path, clips: Sequence[Clip], results: Results, model: str) -> None:
    """Write every figure as JSON. Raises CommandError.

    :param model: the face model's hash.
    """
    data = {
        "schema": 1,
        "model_sha256": model,
        "clips": {clip.name: {"frames": len(clip.frames), "field_of_view": clip.field_of_view} for clip in clips},
        "variants": {
            variant: {
                name: {
                    "mean": {field: result.score.mean(field) for field, _ in MEASURES},
                    "head": asdict(result.score.head) if result.score.head else None,
                    "noise": result.score.noise,
                    "shapes": {shape: asdict(found) for shape, found in result.score.shapes.items()},
                }
                for name, result in by_clip.items()
            }
            for variant, by_clip in results.items()
        },
    }
    write_json(path, data)
