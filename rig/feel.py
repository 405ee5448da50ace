# SPDX-FileCopyrightText: 2026 Mimica authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the scene says of the feel of a performance: the same for what is seen live and for what is baked."""

from typing import Any

import bpy

from ..mapping.data import load_table
from ..mapping.face_regions import FACE_REGIONS, FaceRegion
from ..mapping.feel import Feel
from ..mapping.settings import MappingSettings
from ..mapping.strength import Strength
from .live import LiveSession


def feel_of(scene: bpy.types.Scene, *, frozen: bool = False) -> Feel:
    """Return what a scene's panels say of the feel, for a capture. `frozen`: whether the pose that is shown stays."""
    settings = scene.mimica
    rate = scene.render.fps / scene.render.fps_base
    return Feel(
        mapping_of(settings),
        strength_of(settings),
        mirror=settings.feel.mirror,
        frozen=frozen,
        hold=settings.bake.step / rate if settings.bake.stepped else 0.0,
    )


def follow_feel(session: LiveSession, scene: bpy.types.Scene) -> None:
    """Let a capture follow what the panels say. Asked for at each tick: costs microseconds while nothing changed."""
    feel = feel_of(scene, frozen=session.frozen)
    if feel != session.feel:
        session.feel = feel


def mapping_of(settings: bpy.types.PropertyGroup) -> MappingSettings:
    """Return how smooth a performance is, as `Scene.mimica` says."""
    return MappingSettings(settings.smoothness, smoothing=_factors(settings.bake, "smoothing"))


def strength_of(settings: bpy.types.PropertyGroup) -> Strength:
    """Return how much of a performance is shown, as `Scene.mimica` says."""
    return Strength(settings.bake.strength, _factors(settings.bake, "strength"))


def presets() -> dict[str, dict[str, Any]]:
    """Return the feels that come with Mimica, by the names that operators know them by. Not to be changed."""
    return load_table("feel_presets")["presets"]


def use_preset(settings: bpy.types.PropertyGroup, name: str) -> None:
    """Set everything of the feel in `Scene.mimica` as a preset has it; what it does not say is as usual.

    Whether the performance is mirrored stays: that is no style. Raises KeyError for a name that is not known.
    """
    preset, bake = presets()[name], settings.bake
    settings.smoothness = preset.get("smoothness", 1.0)
    bake.strength = preset.get("strength", 1.0)
    for kind in ("smoothing", "strength"):
        by_region = preset.get(f"{kind}_by_region", {})
        for region in FACE_REGIONS:
            setattr(bake, f"{kind}_{region.lower()}", by_region.get(region, 1.0))
    bake.stepped = "step" in preset
    bake.step = preset.get("step", 1.0)


def _factors(group: bpy.types.PropertyGroup, kind: str) -> dict[FaceRegion, float]:
    """Return what a group says of parts of the face, where it is not 1."""
    found: dict[FaceRegion, float] = {region: getattr(group, f"{kind}_{region.lower()}") for region in FACE_REGIONS}
    return {region: factor for region, factor in found.items() if factor != 1.0}
