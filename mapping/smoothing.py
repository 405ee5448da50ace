# SPDX-FileCopyrightText: 2026 Mimica authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""From the solve of each frame to a motion, the whole take being known: outliers, gaps, filters without delay, contact.

`live_filter.py` is its twin for a stream.
"""

from dataclasses import replace
from itertools import pairwise

import numpy as np

from .filters import zero_phase_adaptive, zero_phase_rotation
from .gaze import calm_gaze, with_gaze
from .lids import close_lids, lid_closure, trust_near_lid
from .lips import keep_contact
from .motion import Motion
from .outliers import cuts, drop_unusable, reject_spikes, reject_wild
from .presence import fill_lost, hold_unsure
from .regions import control_bands, control_spikes, controls_of
from .settings import MappingSettings


def finish(solved: Motion, settings: MappingSettings, limit: float = np.inf) -> Motion:
    """Return what a whole take shows: no frame lost, no NaN, smoothed without delay.

    :param solved: from `solve`; lost frames hold NaN.
    :param limit: see `smooth`.
    """
    usable = drop_unusable(solved)
    if settings.smoothness > 0.0:
        usable = hold_unsure(reject_wild(usable))
    return smooth(fill_lost(usable, bridge=True), settings, limit)


def smooth(motion: Motion, settings: MappingSettings, limit: float = np.inf) -> Motion:
    """Return the motion low-passed without delay, each part between two cuts for itself.

    :param motion: without NaN.
    :param limit: Hz: no cut-off above this, for motion that will be sampled at a lower rate.
    """
    if settings.smoothness > 0.0 or np.isfinite(limit):
        starts = [*cuts(motion).tolist(), len(motion)]
        parts = [_smoothed(_part(motion, a, b), settings, limit) for a, b in pairwise(starts)]
        motion = parts[0] if len(parts) == 1 else _joined(parts) if parts else motion
    return replace(motion, controls=close_lids(motion.controls)[0])


def _smoothed(motion: Motion, settings: MappingSettings, limit: float) -> Motion:
    times, s, regions = motion.times, settings.smoothness, settings.regions
    controls, gaze = motion.controls, motion.gaze
    if s > 0.0:
        spikes = control_spikes(regions)
        controls, _ = trust_near_lid(motion.controls, motion.head_rotation)
        controls = reject_spikes(times, controls, spikes, controls_of("tongue"))
        gaze = calm_gaze(times, motion.gaze, lid_closure(controls), 2.0 ** (1.0 - s))
    filtered = np.clip(zero_phase_adaptive(times, controls, control_bands(regions).limited(s, limit)), 0.0, 1.0)
    flat = motion.displacement.reshape(len(motion), -1)
    band = {name: region.offline.limited(s, limit) for name, region in regions.items()}
    return replace(
        motion,
        controls=with_gaze(keep_contact(filtered, controls), gaze),
        gaze=gaze,
        head_rotation=zero_phase_rotation(times, motion.head_rotation, band["head"]),
        head_translation=zero_phase_adaptive(times, motion.head_translation, band["head_translation"]),
        displacement=zero_phase_adaptive(times, flat, band["displacement"]).reshape(motion.displacement.shape),
    )


def _part(motion: Motion, start: int, stop: int) -> Motion:
    return Motion(*(getattr(motion, f)[start:stop] for f in Motion.__dataclass_fields__))


def _joined(parts: list[Motion]) -> Motion:
    return Motion(*(np.concatenate([getattr(p, f) for p in parts]) for f in Motion.__dataclass_fields__))
