# SPDX-FileCopyrightText: 2026 Mimica authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Where on the timeline a take is baked to: where it was performed, where that is known and wanted."""

from dataclasses import replace
from pathlib import Path

import bpy
import numpy as np

from ..capture.take_schema import TakeError, Timeline
from .bake_settings import BakeSettings
from .layers import LayerError, frame_rate, span_of


def performed_at(take: Path) -> Timeline | None:
    """Return where a take was recorded to; None when the timeline did not play, or the take cannot be read."""
    try:
        return span_of(take).timeline
    except (TakeError, LayerError):
        return None


def at_place(scene: bpy.types.Scene, take: Path, times: np.ndarray, settings: BakeSettings) -> BakeSettings:
    """Return the settings of a bake with the start frame at which the take was performed, if the panel wants that.

    The frame may lie between two: keys stay on whole frames, and the performance between them.

    :param times: (N,), seconds, of the take's frames.
    """
    return placed(scene, take, times, settings) if scene.mimica.recording.at_place else settings


def placed(scene: bpy.types.Scene, take: Path, times: np.ndarray, settings: BakeSettings) -> BakeSettings:
    """Return what `at_place` does where the panel wants it."""
    place = performed_at(take) if len(times) else None
    if place is None:
        return settings
    every = frame_rate(scene) / settings.step
    # As a bake has it: the range begins with the first of its instants in it.
    skipped = float(np.ceil(settings.start * every - 1e-6)) / every
    return replace(settings, start_frame=place.frame_at(float(times[0]) + skipped))
