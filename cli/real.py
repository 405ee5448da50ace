# SPDX-FileCopyrightText: 2026 Mimica authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""`mimica bench real`: how controls behave on real clips, whose truth nobody knows. Needs no Blender."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np

from ..mapping.calibration import estimate_profile
from ..mapping.face_space import DEFAULT_FIELD_OF_VIEW
from ..mapping.frame import ARKIT_SHAPES, FaceFrames
from ..mapping.mapper import head_angles, map_frames
from ..mapping.motion import Motion
from . import behaviour
from .behaviour import Blink, Lips
from .failure import CommandError
from .report import write_json
from .scoring import held

VIDEOS = (".mp4", ".mov", ".m4v", ".avi", ".mkv", ".webm")

MODES = (("scores", "The tracker's scores alone"), ("offline", "The whole, offline"), ("live", "The whole, live"))
"""Names and titles of what is measured."""


@dataclass(frozen=True, slots=True)
class Behaviour:
    """How one clip's controls behave in one mode."""

    rest: tuple[float, float] | None
    """Start and end of the calmest second on the take's clock; None when the face is never seen for that long."""
    jitter: float
    """Mean standard deviation of the controls in the calmest second, NaN without one."""
    relative_jitter: float
    """The same in shares of each control's way in the clip, of those that move."""
    tremble: float
    """The same of what changes from frame to frame alone."""
    shakiest: tuple[tuple[str, float], ...]
    """The three controls with most jitter."""
    head_jitter: float
    """The same of yaw, pitch and roll, degrees; NaN without angles."""
    eyes_apart: tuple[float, float] | None
    """By how many degrees the eyes look different ways on average, sideways and up and down; None for scores."""
    blinks: tuple[Blink, ...]
    lips: Lips
    yaw_leak: dict[str, float]
    """Pearson's r with yaw, of brows, blinks and jaw."""
    pitch_leak: dict[str, float]
    asymmetry: float | None
    """Mean difference between controls and those of the mirrored clip, sides swapped; None when it was not tracked."""
    least_symmetric: tuple[tuple[str, float], ...]
    """The three controls that differ most."""
    delay_ms: float | None
    """By how much it trails offline."""


def find_videos(folder: Path) -> list[Path]:
    """Return the videos in `folder`, by name. Raises CommandError when there is none."""
    found = sorted(path for path in folder.glob("*") if path.suffix.lower() in VIDEOS)
    if not found:
        raise CommandError(f"There is no video in '{folder}'. Name a folder with video files of one face each.")
    return found


def measure(frames: FaceFrames, mirror: FaceFrames, field_of_view: float | None) -> dict[str, Behaviour]:
    """Return how a clip's controls behave, by mode, with the neutral found in the clip.

    :param mirror: the clip as a mirror shows it, tracked for itself; as many frames. Raises CommandError when not.
    :param field_of_view: the camera's, vertical, degrees; None: not known.
    """
    view = field_of_view or DEFAULT_FIELD_OF_VIEW
    if len(mirror) != len(frames):
        raise CommandError("A clip and its mirror have been tracked to different lengths. Add --track-again.")
    profiles = [estimate_profile(seen, field_of_view=view) for seen in (frames, mirror)]
    calm = behaviour.calmest_second(frames)
    gap = behaviour.lip_gap(frames, view)

    def mapped(live: bool) -> tuple[Motion, Motion]:
        direct, reflected = (
            map_frames(seen, profile=profile, camera_fov=field_of_view, live=live)
            for seen, profile in zip((frames, mirror), profiles, strict=True)
        )
        return direct, reflected

    offline, reflected = mapped(live=False)
    turn = head_angles(offline)
    late, late_reflected = mapped(live=True)
    trails = behaviour.delay(offline.times, late.controls, offline.controls)
    nothing = np.full((len(frames), 3), np.nan)
    result: dict[str, Behaviour] = {}
    if frames.scores is not None:
        scores = held(frames.scores)[0]
        unlike = None if mirror.scores is None else _asymmetry(scores, held(mirror.scores)[0])
        result["scores"] = _judge(frames.times, scores, nothing, turn, calm, gap, unlike, None, None)
    for mode, motion, reflection, delay_ms in (
        ("offline", offline, reflected, None),
        ("live", late, late_reflected, trails),
    ):
        unlike = _asymmetry(motion.controls, reflection.controls)
        apart = behaviour.eyes_apart(motion.gaze)
        result[mode] = _judge(
            frames.times, motion.controls, head_angles(motion), turn, calm, gap, unlike, delay_ms, apart
        )
    return result


def _asymmetry(controls: np.ndarray, reflected: np.ndarray) -> np.ndarray:
    """Return the mean difference of each control (N, 52), as (52,), from that of the mirrored clip."""
    return np.abs(controls - behaviour.swap_sides(reflected)).mean(axis=0)


def _judge(
    times: np.ndarray,
    controls: np.ndarray,
    angles: np.ndarray,
    turn: np.ndarray,
    calm: np.ndarray,
    gap: np.ndarray,
    asymmetry: np.ndarray | None,
    delay_ms: float | None,
    eyes_apart: tuple[float, float] | None,
) -> Behaviour:
    """Measure controls (N, 52) and head angles (N, 3).

    :param turn: the head's angles (N, 3) that leakage is measured against.
    """

    def control(name: str) -> np.ndarray:
        return controls[:, ARKIT_SHAPES.index(name)]

    def at_rest(values: np.ndarray) -> np.ndarray:
        return values[calm].std(axis=0) if calm.any() else np.full(values.shape[1], np.nan)

    jitter = at_rest(controls)
    return Behaviour(
        rest=(float(times[calm][0]), float(times[calm][-1])) if calm.any() else None,
        jitter=float(jitter.mean()),
        relative_jitter=behaviour.relative_jitter(controls, calm),
        tremble=float(behaviour.tremble(controls[calm]).mean()),
        shakiest=_largest(jitter),
        head_jitter=float(at_rest(angles).mean()),
        eyes_apart=eyes_apart,
        blinks=tuple(behaviour.find_blinks(times, control("eyeBlinkLeft"), control("eyeBlinkRight"))),
        lips=behaviour.judge_lips(gap, controls),
        yaw_leak=behaviour.leakage(controls, turn[:, 0]),
        pitch_leak=behaviour.leakage(controls, turn[:, 1]),
        asymmetry=None if asymmetry is None else float(asymmetry.mean()),
        least_symmetric=() if asymmetry is None else _largest(asymmetry),
        delay_ms=delay_ms,
    )


def _largest(values: np.ndarray, count: int = 3) -> tuple[tuple[str, float], ...]:
    return tuple((ARKIT_SHAPES[k], float(values[k])) for k in np.argsort(-values)[:count])


def table(found: Mapping[str, Mapping[str, Behaviour]], mode: str) -> list[list[str]]:
    """Return one mode's table as rows of text, the head of the table first: a row a clip.

    :param found: by clip, then by mode.
    """
    rows = [
        [
            "clip",
            "jitter at rest",
            "of its way",
            "tremble",
            "head, degrees",
            "eyes apart, degrees",
            "blinks",
            "closed lips kept",
            "open lips shut",
            "leak of yaw",
            "leak of pitch",
            "asymmetry",
            "delay, ms",
        ]
    ]
    for clip, modes in found.items():
        if mode not in modes:
            continue
        b = modes[mode]
        rows.append(
            [
                clip,
                _number(b.jitter, 4),
                _percent(b.relative_jitter),
                _number(b.tremble, 4),
                _number(b.head_jitter, 3),
                "" if b.eyes_apart is None else " / ".join(_number(angle, 1) for angle in b.eyes_apart),
                str(len(b.blinks)),
                f"{_percent(b.lips.kept)} of {b.lips.closed}",
                f"{_percent(b.lips.shut)} of {b.lips.open}",
                _leak(b.yaw_leak),
                _leak(b.pitch_leak),
                _number(b.asymmetry, 4),
                _number(b.delay_ms, 1),
            ]
        )
    return rows


def _number(value: float | None, digits: int) -> str:
    return "" if value is None or not np.isfinite(value) else f"{value:.{digits}f}"


def _percent(share: float) -> str:
    return f"{share:.1%}" if np.isfinite(share) else "-"


def _leak(found: Mapping[str, float]) -> str:
    """Return the mean strength of the correlations, and the worst."""
    if not found:
        return ""
    name, worst = max(found.items(), key=lambda item: abs(item[1]))
    return f"{np.mean(np.abs(list(found.values()))):.2f} ({name} {worst:.2f})"


def write_report(path: Path, found: Mapping[str, Mapping[str, Behaviour]], model: str) -> None:
    """Write every figure as JSON. Raises CommandError.

    :param model: the face model's hash.
    """
    clips = {clip: {mode: asdict(b) for mode, b in modes.items()} for clip, modes in found.items()}
    write_json(path, {"schema": 1, "model_sha256": model, "clips": clips})
