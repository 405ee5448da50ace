# SPDX-FileCopyrightText: 2026 Mimica authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""`mimica performer`: a performer's profile from a clip, and what is in one. Needs no Blender."""

import csv
import json
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from ..mapping.calibration import PerformerProfile, ProfileError, estimate_profile
from ..mapping.expressions import average_expressions
from ..mapping.frame import ARKIT_SHAPES, FaceFrames
from ..mapping.learning import Prompt, learn_from_prompts, learn_from_take
from ..mapping.range_poses import neutral_pose, range_poses
from .failure import CommandError, make_folder, unwritable


@dataclass(frozen=True, slots=True)
class NamedPrompt:
    """A line of a file of prompts."""

    name: str
    prompt: Prompt
    """Without controls it is the rest that the neutral is taken from."""


def load_profile(path: Path) -> PerformerProfile:
    """Read a performer's profile. Raises CommandError."""
    try:
        return PerformerProfile.load(path)
    except ProfileError as error:
        raise CommandError(f"'{path.name}': {error}") from error


def save_profile(path: Path, profile: PerformerProfile) -> None:
    """Write a performer's profile. Raises CommandError."""
    make_folder(path)
    try:
        profile.save(path)
    except OSError as error:
        raise unwritable(path, error) from error


def read_prompts(path: Path) -> list[NamedPrompt]:
    """Read which pose was shown when: lines of name, start and end, or a JSON list of objects with these names.

    A name is a guided pose's (`range_poses.json`), one of ARKit's shapes, or "neutral"; an object may also have
    `controls` of its own. Times are in seconds after the first image. Raises CommandError.
    """
    try:
        text = path.read_text(encoding="utf-8-sig")
    except (OSError, ValueError) as error:
        raise CommandError(f"The prompts '{path}' cannot be read ({error}).") from error
    try:
        rows = json.loads(text) if path.suffix.lower() == ".json" else _csv_rows(text)
        prompts = [_prompt(row) for row in rows]
    except (KeyError, TypeError, ValueError) as error:
        raise CommandError(
            f"The prompts '{path.name}' are not understood ({error}). Give name, start and end of each, in seconds."
        ) from error
    if not prompts:
        raise CommandError(f"The prompts '{path.name}' hold no pose. Give name, start and end of each, in seconds.")
    return prompts


def learn_profile(
    frames: FaceFrames, prompts: list[NamedPrompt] | None, *, name: str, field_of_view: float
) -> tuple[PerformerProfile, list[str]]:
    """Return a performer's profile and the names of the prompts for which nothing was seen. Raises CommandError.

    :param prompts: None learns from whatever the performer does.
    """
    start = frames.times[0]
    at_rest = [p for p in prompts or () if not p.prompt.controls]
    neutral = None
    if at_rest:
        rest = at_rest[0].prompt
        inside = (frames.times - start >= rest.start) & (frames.times - start <= rest.end)
        neutral = estimate_profile(
            frames.take(np.flatnonzero(inside)), name=name, field_of_view=field_of_view, posed=True
        )
    neutral = neutral or estimate_profile(frames, name=name, field_of_view=field_of_view)
    if neutral is None:
        raise CommandError("The face is in fewer than three images: too few to learn its shape. Choose a longer video.")
    if prompts is None:
        return learn_from_take(frames, neutral), []
    posed = [p for p in prompts if p.prompt.controls]
    moved = [replace(p.prompt, start=p.prompt.start + start, end=p.prompt.end + start) for p in posed]
    profile, missed = learn_from_prompts(frames, moved, neutral)
    return profile, [posed[i].name for i in missed]


def describe_profile(profile: PerformerProfile) -> list[tuple[str, str]]:
    """Return what is in a profile as rows of names and figures."""
    rows = [
        ("name", profile.name or "none"),
        ("camera field of view", f"{profile.field_of_view:g} degrees"),
        ("scores at rest", "known" if np.isfinite(profile.scores).any() else "unknown"),
    ]
    if profile.expressions is None:
        return [*rows, ("range", "not learned")]
    own, usual = (np.linalg.norm(e.displacement, axis=(1, 2)) for e in (profile.expressions, average_expressions()))
    change = np.linalg.norm(profile.expressions.displacement - average_expressions().displacement, axis=(1, 2)) / usual
    rows.append(("range", "learned; against the average face (100%), those that differ most:"))
    most = np.argsort(-change)[:12]
    return rows + [(f"  {ARKIT_SHAPES[i]}", f"{own[i] / usual[i]:.0%}") for i in most]


def _csv_rows(text: str) -> list[dict[str, Any]]:
    rows = [row for row in csv.reader(text.splitlines()) if any(cell.strip() for cell in row)]
    if rows and rows[0][0].strip().lower() == "name":
        rows = rows[1:]
    named: list[dict[str, Any]] = []
    for row in rows:
        if len(row) < 3:
            raise ValueError(f"'{','.join(row)}' has too few columns")
        named.append({"name": row[0].strip(), "start": row[1], "end": row[2]})
    return named


def _prompt(row: dict[str, Any]) -> NamedPrompt:
    name, start, end = str(row["name"]), float(row["start"]), float(row["end"])
    if not start < end:
        raise ValueError(f"'{name}' ends before it starts")
    given = row["controls"] if "controls" in row else _controls(name)
    controls = {str(key): float(value) for key, value in dict(given).items()}
    if unknown := controls.keys() - set(ARKIT_SHAPES):
        raise ValueError(f"ARKit has no shape '{min(unknown)}'")
    return NamedPrompt(name, Prompt(controls, start, end))


def _controls(name: str) -> dict[str, float]:
    if name in ARKIT_SHAPES:
        return {name: 1.0}
    for pose in (neutral_pose(), *range_poses("FULL")):
        if name.casefold() in (pose.id, pose.name.casefold()):
            return dict(pose.controls)
    raise ValueError(f"'{name}' is neither a guided pose nor a shape of ARKit")
