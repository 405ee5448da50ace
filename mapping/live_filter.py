# SPDX-FileCopyrightText: 2026 Mimica authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""From the solve of each frame to a motion as the frames come: what `smoothing.py` does, without the future."""

from dataclasses import replace

import numpy as np

from .data import load_table
from .filters import OneEuro, OneEuroRotation, OneEuroSettings
from .gaze import GazeHold, with_gaze
from .head_rest import HeadRest, recentred, unrecentred
from .lids import close_lids, lid_closure, trust_near_lid
from .lips import keep_contact
from .motion import Motion
from .outliers import SpikeGate, WildGate, drop_unusable
from .presence import Presence, UnsureHold
from .regions import control_live, control_regions, control_spikes, controls_of
from .rotation import exp, log
from .settings import MappingSettings
from .smoothing import landmark_smoothing

_CONTROLS, _GAZE, _TRANSLATION = 52, 4, 3


class LiveFilter:
    """Causal filters, outliers and the lost-face policy, one instant after another."""

    def __init__(self, settings: MappingSettings, groups: np.ndarray | None = None) -> None:
        """`groups`: (G, 478): what motions are solved for, which says where displacements are; None: all landmarks."""
        self.rest: HeadRest | None = None
        """Where straight ahead is, to which a lost face's head goes back."""
        self._groups = groups
        self._settings = settings
        self._head = OneEuroRotation(settings.regions["head"].live)
        self._signals: OneEuro | None = None
        self._wild = WildGate()
        self._spikes = SpikeGate(control_spikes(settings.regions), controls_of("tongue"))
        self._gaze = GazeHold()
        self._presence = Presence()
        self._last: Motion | None = None
        self._unsure = UnsureHold()
        self._closed: np.ndarray | None = None
        self._winking = False
        self._points = 0
        self._last_seen = -np.inf
        self._gap = False
        self.follow(settings)

    def follow(self, settings: MappingSettings) -> None:
        """Filter by other settings from the next instant on. What the filters remember stays: nothing jumps."""
        self._settings = settings
        self._enabled = settings.smoothness > 0.0
        self._head.settings = settings.regions["head"].live.softened(settings.smoothness_of("head"))
        # Where nothing is smoothed, outliers pass too.
        self._spikes.follow(np.where(_by_control(settings) > 0.0, control_spikes(settings.regions), np.inf))
        if self._signals is not None:
            self._signals.settings = self._constants()

    def reset(self) -> None:
        """Forget what the filters remember; what a lost face does goes on."""
        self._signals = self._closed = None
        self._winking = False
        for part in (self._head, self._wild, self._spikes, self._gaze, self._unsure):
            part.reset()

    def __call__(self, solved: Motion) -> Motion:
        """Return one instant to show, without NaN. `solved`: one instant from `solve`."""
        raw = drop_unusable(solved)
        time = float(raw.times[0])
        found = bool(np.isfinite(raw.controls[0, 0]))
        level = self._presence(time, found)
        confidence = raw.confidence
        if found:
            if abs(time - self._last_seen) > load_table("filters")["jump"]["longest_seconds"]:
                self.reset()
            verdict = self._wild(raw, self._gap) if self._enabled else "good"
            self._last_seen, self._gap = time, False
            if verdict == "wild" and self._last is not None:
                confidence = np.zeros(1)
            else:
                if verdict == "cut":
                    self.reset()
                    self._wild(raw, False)
                pose = self._filtered(time, raw) if self._enabled else raw
                controls, self._closed = close_lids(pose.controls, self._closed)
                self._last = replace(pose, controls=controls)
        else:
            self._gap = True
        if self._last is None:
            return unrecentred(Motion.neutral(raw.times, raw.displacement.shape[1]), self.rest)
        shown = unrecentred(_eased(recentred(self._last, self.rest), level), self.rest)
        return replace(shown, times=raw.times, confidence=confidence)

    def _filtered(self, time: float, raw: Motion) -> Motion:
        lids, gaze = raw.controls, raw.gaze[0]
        eyes = self._settings.smoothness_of("gaze") > 0.0
        if eyes:
            lids, self._winking = trust_near_lid(raw.controls, raw.head_rotation, self._winking)
        controls = self._spikes(time, lids[0])
        if eyes:
            gaze = self._gaze(time, gaze, lid_closure(controls[None])[0])
        packed = np.concatenate([controls, gaze.ravel(), raw.head_translation[0], raw.displacement.ravel()])
        if self._signals is None:
            self._points = len(raw.displacement[0])
            self._signals = OneEuro(self._constants())
        a, b, c = _CONTROLS, _CONTROLS + _GAZE, _CONTROLS + _GAZE + _TRANSLATION
        packed = self._unsure(time, packed, float(raw.confidence[0]), slice(b, c))
        controls = packed[:a]
        out = self._signals(time, packed)
        gaze = out[a:b].reshape(1, 2, 2)
        return replace(
            raw,
            controls=with_gaze(keep_contact(out[None, :a], controls[None]), gaze),
            gaze=gaze,
            head_translation=out[None, b:c],
            head_rotation=self._head(time, raw.head_rotation[0])[None],
            displacement=out[c:].reshape(raw.displacement.shape),
        )

    def _constants(self) -> OneEuroSettings:
        """Return the constants of each packed signal, an array of them in each field."""
        settings, regions = self._settings, self._settings.regions
        own = control_live(regions)
        sizes = (_GAZE, _TRANSLATION, 3 * self._points)
        others = [regions[name].live for name in ("gaze", "head_translation", "displacement")]

        def packed(field: str) -> np.ndarray:
            rest = [np.full(size, getattr(other, field)) for size, other in zip(sizes, others, strict=True)]
            return np.concatenate([getattr(own, field), *rest])

        constants = OneEuroSettings(packed("min_cutoff"), packed("beta"), packed("derivative_cutoff"))
        by_region = [
            np.full(_GAZE, settings.smoothness_of("gaze")),
            np.full(_TRANSLATION, settings.smoothness_of("head_translation")),
        ]
        return constants.softened(np.concatenate([_by_control(settings), *by_region, self._by_landmark()]))

    def _by_landmark(self) -> np.ndarray:
        """Return the smoothness of each coordinate of the displacements."""
        settings, size = self._settings, 3 * self._points
        if all(factor == 1.0 for factor in settings.smoothing.values()):
            return np.full(size, settings.smoothness)
        return np.repeat(settings.smoothness * landmark_smoothing(settings, self._groups), 3)


def _by_control(settings: MappingSettings) -> np.ndarray:
    """Return the smoothness of each control, (52,)."""
    return np.array([settings.smoothness_of(region) for region in control_regions()])


def _eased(pose: Motion, level: float) -> Motion:
    """Return the pose, on its way to neutral as far as the level in [0, 1] says."""
    if level >= 1.0:
        return pose
    gaze = pose.gaze * level
    return replace(
        pose,
        controls=with_gaze(pose.controls * level, gaze),
        head_rotation=exp(log(pose.head_rotation) * level),
        head_translation=pose.head_translation * level,
        gaze=gaze,
        displacement=pose.displacement * level,
    )
