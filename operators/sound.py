# SPDX-FileCopyrightText: 2026 Mimica authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The sound of a take that is baked."""

from pathlib import Path

import bpy
import numpy as np

from ..capture.take import Take, TakeError
from ..rig.bake_settings import BakeSettings, instants
from ..rig.sound import lay_sound


def lay_take_sound(scene: bpy.types.Scene, take: Path, times: np.ndarray, settings: BakeSettings) -> tuple[str, ...]:
    """Lay a take's sound where its keys are, if it has any and the panels want it. Return what there is to say.

    :param times: (N,), seconds, of the take's frames.
    :param settings: those of the bake: of a part of the take, only that part is heard.
    """
    chosen = scene.mimica.microphone
    if not chosen.bake_sound:
        return ()
    try:
        sound = Take.open(take).info.sound
    except TakeError:
        return ()  # the bake itself says so
    if sound is None:
        return ()
    at, frames = instants(times, scene.render.fps / scene.render.fps_base, settings)
    part = settings.start > 0.0 or settings.end < np.inf
    note = lay_sound(
        scene,
        take,
        sound,
        start_frame=float(frames[0]),
        take_start=float(at[0]),
        offset_ms=chosen.offset,
        ends=(float(frames[0]), float(frames[-1])) if part else None,
    )
    return (note,) if note else ()
