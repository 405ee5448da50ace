# SPDX-FileCopyrightText: 2026 Mimica authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""From the solve of each frame to a motion, the whole take being known: outliers, gaps, filters without delay, contact.

`live_filter.py` is its twin for a stream.
"""

from dataclasses import replace
from itertools import pairwise

import numpy as np

from .face_regions import FACE_REGIONS, group_shares
from .filters import zero_phase_adaptive, zero_phase_rotation
from .gaze import calm_gaze, with_gaze
from .head_rest import HeadRest, recentred, unrecentred
from .lids import close_lids, lid_closure, trust_near_lid
from .lips import keep_contact
from .motion import Motion
from .outliers import cuts, drop_unusable, reject_spikes, reject_wild
from .presence import fill_lost, hold_unsure
from .regions import control_bands, control_regions, control_spikes, controls_of
from .settings import MappingSettings

_PURE = 0.05
"""What belongs to other parts by less than this belongs to one alone."""


def finish(
    solved: Motion,
    settings: MappingSettings,
    limit: float = np.inf,
    groups: np.ndarray | None = None,
    rest: HeadRest | None = None,
) -> Motion:
    """Return what a whole take shows: no frame lost, no NaN, smoothed without delay.

    :param solved: from `solve`; lost frames hold NaN.
    :param limit: see `smooth`. :param groups: see `smooth`.
    :param rest: where straight ahead is.
    """
    usable = drop_unusable(solved)
    if settings.smoothness > 0.0:
        usable = hold_unsure(reject_wild(usable))
    # A lost face goes to rest; filters are told by the turned head, so that comes after them.
    filled = unrecentred(fill_lost(recentred(usable, rest), bridge=True), rest)
    return recentred(smooth(filled, settings, limit, groups), rest)


def smooth(
    motion: Motion, settings: MappingSettings, limit: float = np.inf, groups: np.ndarray | None = None
) -> Motion:
    """Return the motion low-passed without delay, each part between two cuts for itself.

    :param motion: without NaN.
    :param limit: Hz: no cut-off above this, for motion that will be sampled at a lower rate.
    :param groups: (G, 478): what the motion was solved for, which says where on the face displacements are; None: all
        landmarks. Asked only where parts of the face are smoothed differently.
    """
    if settings.smoothness > 0.0 or np.isfinite(limit):
        starts = [*cuts(motion).tolist(), len(motion)]
        parts = [_smoothed(_part(motion, a, b), settings, limit, groups) for a, b in pairwise(starts)]
        motion = parts[0] if len(parts) == 1 else _joined(parts) if parts else motion
    return replace(motion, controls=close_lids(motion.controls)[0])


def _smoothed(motion: Motion, settings: MappingSettings, limit: float, groups: np.ndarray | None) -> Motion:
    times, s, regions = motion.times, settings.smoothness, settings.regions
    controls, gaze = motion.controls, motion.gaze
    by_control = np.array([settings.smoothness_of(region) for region in control_regions()])
    if s > 0.0:
        # Where nothing is smoothed, outliers pass too.
        spikes = np.where(by_control > 0.0, control_spikes(regions), np.inf)
        eyes = settings.smoothness_of("gaze")
        if eyes > 0.0:
            controls, _ = trust_near_lid(motion.controls, motion.head_rotation)
        controls = reject_spikes(times, controls, spikes, controls_of("tongue"))
        if eyes > 0.0:
            gaze = calm_gaze(times, motion.gaze, lid_closure(controls), 2.0 ** (1.0 - eyes))
    filtered = zero_phase_adaptive(times, controls, control_bands(regions).limited(by_control, limit))
    filtered = np.clip(filtered, 0.0, 1.0)
    band = {name: region.offline.limited(settings.smoothness_of(name), limit) for name, region in regions.items()}
    return replace(
        motion,
        controls=with_gaze(keep_contact(filtered, controls), gaze),
        gaze=gaze,
        head_rotation=zero_phase_rotation(times, motion.head_rotation, band["head"]),
        head_translation=zero_phase_adaptive(times, motion.head_translation, band["head_translation"]),
        displacement=_smoothed_landmarks(motion, settings, groups, limit),
    )


def _smoothed_landmarks(
    motion: Motion, settings: MappingSettings, groups: np.ndarray | None, limit: float
) -> np.ndarray:
    """Return the displacements low-passed, each group as smooth as the parts of the face that it belongs to."""
    band, moved = settings.regions["displacement"].offline, motion.displacement
    if len(settings.smoothing) == 0 or all(factor == 1.0 for factor in settings.smoothing.values()):
        band = band.limited(settings.smoothness, limit)
        return zero_phase_adaptive(motion.times, moved.reshape(len(motion), -1), band).reshape(moved.shape)
    smoothness = settings.smoothness * landmark_smoothing(settings, groups)
    out = np.empty_like(moved)
    for one in np.unique(smoothness).tolist():
        here = smoothness == one
        flat = moved[:, here].reshape(len(motion), -1)
        out[:, here] = zero_phase_adaptive(motion.times, flat, band.limited(one, limit)).reshape(len(motion), -1, 3)
    return out


def landmark_smoothing(settings: MappingSettings, groups: np.ndarray | None) -> np.ndarray:
    """Return by what factor each group of landmarks is smoother, (G,): the mean over the parts it belongs to.

    In steps of an eighth, so that few filters serve all of them, and what hardly belongs to a part does not follow it.
    """
    more = np.array([settings.smoothing.get(region, 1.0) - 1.0 for region in FACE_REGIONS])
    shares = group_shares(groups)
    # What belongs to one part alone takes that part's factor as it is.
    pure = shares.max(axis=1) > 1.0 - _PURE
    return 1.0 + np.where(pure, more[shares.argmax(axis=1)], np.round(shares @ more * 8.0) / 8.0)


def _part(motion: Motion, start: int, stop: int) -> Motion:
    return Motion(*(getattr(motion, f)[start:stop] for f in Motion.__dataclass_fields__))


def _joined(parts: list[Motion]) -> Motion:
    return Motion(*(np.concatenate([getattr(p, f) for p in parts]) for f in Motion.__dataclass_fields__))
