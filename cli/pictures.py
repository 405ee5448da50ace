# SPDX-FileCopyrightText: 2026 Mimica authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A film and a contact sheet of a baked performance: what the camera saw beside what Blender shows."""

import tempfile
from dataclasses import dataclass
from pathlib import Path

from . import moments, scene
from .console import Console
from .film import FilmWriter, Moment, contact_sheet, side_by_side, write_picture
from .perform import Performance

RATE = 15.0
"""Frames a second of a film."""
SLOW_RATE = 6.0
"""The same where each frame has to be rendered without OpenGL."""
SECONDS = 10.0
"""Length of a film at most."""
MOMENTS = 12
"""Pictures on a contact sheet."""
_HEIGHT = 512


@dataclass(frozen=True, slots=True)
class Wish:
    """Which pictures are to be made."""

    film: Path | None = None
    sheet: Path | None = None
    rate: float | None = None
    """Frames a second of the film; None chooses by how fast they can be rendered."""
    seconds: float = SECONDS
    """Length of the film at most; 0 is all of it."""
    moments: int = MOMENTS


def make_pictures(wish: Wish, shot: scene.Shot, performance: Performance, console: Console) -> int:
    """Render what is wished for; return how many pictures Blender rendered. Main thread.

    :raises CommandError: it cannot be rendered or written.
    """
    with console.progress("Looking for OpenGL"), console.quiet():
        slow = scene.needs_patience()
    rate = wish.rate or (SLOW_RATE if slow else RATE)
    if slow:
        console.note(
            "There is no OpenGL here, so Cycles renders the pictures on the processor: a second or more for each."
            f" The film has {rate:g} frames a second."
        )
    in_film, rate = moments.film_frames(shot.first, shot.last, shot.rate, rate, wish.seconds)
    start = performance.motion.times[0]
    picked = moments.telling_moments(performance.motion, wish.moments) if wish.sheet else []
    on_sheet = {min(shot.last, shot.first + round((performance.motion.times[i] - start) * shot.rate)) for i in picked}
    wanted: list[int] = sorted(on_sheet.union(in_film if wish.film else []))
    times = [float(start) + (frame - shot.first) / shot.rate for frame in wanted]
    if performance.source:
        sources = moments.source_pictures(performance.source, times)
    else:
        sources = moments.landmark_pictures(performance.frames, times)

    kept: list[Moment] = []
    film = FilmWriter(wish.film, rate, (2 * _HEIGHT, _HEIGHT)) if wish.film else None
    try:
        with (
            tempfile.TemporaryDirectory(prefix="mimica-", ignore_cleanup_errors=True) as folder,
            console.progress("Rendering") as progress,
            console.quiet(),
            scene.rendering(shot, wanted, Path(folder), progress) as results,
        ):
            for frame, at, seen, shown in zip(wanted, times, sources, results, strict=False):
                moment = Moment(at, seen, shown)
                if film and frame in in_film:
                    film.write(side_by_side(moment, _HEIGHT))
                if frame in on_sheet:
                    kept.append(moment)
    finally:
        if film:
            film.close()
    if wish.sheet:
        write_picture(wish.sheet, contact_sheet(kept))
    return len(wanted)
