# SPDX-FileCopyrightText: 2026 Mimica authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Layers by what is performed in them: the phrases of a take, and where a layer's ends are cut best."""

from dataclasses import replace
from pathlib import Path

import bpy
import numpy as np

from ..mapping.frame import LANDMARK_COUNT
from ..mapping.layering import LayeredPerformance
from ..mapping.motion import Motion
from ..mapping.performance import Performance
from ..mapping.phrases import JOIN_SECONDS, best_cut, find_phrases
from ..mapping.settings import MappingSettings
from . import layers
from .performances import choice_of, open_performance

TOUCHING = 0.02
"""Seconds: ranges that are no further apart join each other."""
_NO_POINTS = np.zeros((0, LANDMARK_COUNT))
"""Groups of landmarks, none: cuts and phrases are found by controls."""


def phrases_of(scene: bpy.types.Scene, base: Path) -> list[tuple[float, float]]:
    """Return the start and end of each phrase of a take, seconds on its clock. Raises what `open_performance` does."""
    return find_phrases(_motion(scene, _opened(scene, base, scene.mimica.bake_face)))


def add_phrases(scene: bpy.types.Scene, base: Path, phrases: list[tuple[float, float]]) -> int:
    """Add a row for each phrase that has none yet, and return how many. Raises `TakeError` or `LayerError`."""
    layered = layers.ensure_layered(scene, base)
    there = [(row.phrase_start, row.phrase_end) for row in layered.layers if row.phrase_end > row.phrase_start]
    new = [phrase for phrase in phrases if not any(np.allclose(phrase, one, atol=TOUCHING) for one in there)]
    for i, (start, end) in enumerate(new, len(there)):
        layers.add_phrase(layered, start, end)
        # What was performed again for itself lies over phrases.
        layered.layers.move(len(layered.layers) - 1, i)
        layered.index = i
    return len(new)


def show_take(row: layers.MimicaLayer, take: Path | None) -> None:
    """Let a row show a take, None: the base; a phrase's is cut where it meets its neighbours best.

    Raises `LayerError` and what `open_performance` does; the row is as it was then.
    """
    before = layers.file_of(row) if row.file else None, row.at
    layers.put_take(row, take)
    if take is None or row.phrase_end <= row.phrase_start:
        return
    try:
        cut_best(row, (row.phrase_start, row.phrase_end), JOIN_SECONDS)
    except Exception:
        if before[0] is None or before[0].is_file():
            layers.put_take(row, before[0])
            row.at = before[1]
        raise


def cut_best(row: layers.MimicaLayer, near: tuple[float, float], window: float) -> None:
    """Move a layer's ends to the best cuts near some times, seconds on the base's clock; neighbours follow.

    Ends where the base begins or ends stay there. Raises what `open_performance` does.
    """
    scene, layered = row.id_data, layers.layered_of(row)
    others = [other for other in layered.layers if other != row]
    # Neighbours go on over the border, to be compared there.
    tops = [
        (
            replace(layer, start=layer.start - window, end=layer.end + window),
            _opened(scene, layers.file_of(other), other.face),
        )
        for other in others
        if other.file and other.enabled and (layer := layers.layer_of(other)).start <= layer.end
    ]
    base = _opened(scene, layers.file_of(layered), scene.mimica.bake_face)
    joined = _motion(scene, LayeredPerformance(base, tops))
    own = _motion(scene, _opened(scene, layers.file_of(row), row.face))
    own = replace(own, times=own.times + row.at)
    start, end = (
        best_cut(joined, own, time, window, row.regions())
        if layered.first_time + TOUCHING < time < layered.last_time - TOUCHING
        else time
        for time in near
    )
    if start >= end:
        return
    for other in others:
        if abs(other.end - row.start) < TOUCHING:
            other.end = start
        if abs(other.start - row.end) < TOUCHING:
            other.start = end
    row.start, row.end = start, end


def _opened(scene: bpy.types.Scene, take: Path, face: str) -> Performance:
    """Return a take without what lies over it. Raises what `open_performance` does."""
    return open_performance(replace(choice_of(scene.mimica, take, face), layers=()))


def _motion(scene: bpy.types.Scene, performance: Performance) -> Motion:
    return performance.motion(_NO_POINTS, MappingSettings(smoothness=scene.mimica.smoothness))
