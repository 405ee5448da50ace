# SPDX-FileCopyrightText: 2026 Mimica authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Properties that a bake has before and after it; those by part of the face are named as `FACE_REGIONS` has them."""

from collections.abc import Callable
from typing import Any

from bpy.props import BoolProperty, FloatProperty

REGIONS = (
    ("brows", "Brows", "the brows"),
    ("eyes", "Eyes", "lids and gaze"),
    ("cheeks", "Cheeks", "cheeks and nose"),
    ("mouth", "Mouth", "mouth, jaw and tongue"),
    ("head", "Head", "the head's turning and way"),
)
"""The end of the property's name, its label, and what the part is."""
Update = Callable[[Any, Any], None] | None


def smoothing_properties(update: Update = None) -> dict[str, Any]:
    """Return the annotations of a factor of the smoothness for each part: `smoothing_brows` and so on."""
    return {
        f"smoothing_{name}": FloatProperty(
            name=label,
            description=(
                f"How much calmer {what} than the whole face: a factor of the smoothness. 0 takes nothing off, 1 is as "
                "the rest, 2 is twice the smoothness"
            ),
            default=1.0,
            min=0.0,
            max=8.0,
            soft_max=3.0,
            step=5,
            update=update,
        )
        for name, label, what in _said()
    }


def strength_properties(update: Update = None) -> dict[str, Any]:
    """Return the annotations of the overall strength and of a factor of it for each part: `strength_brows` etc."""
    overall = FloatProperty(
        name="Strength",
        description="How much of the performance is shown: 1 as it was, 0 nothing. Shape keys and lids end at closed",
        default=1.0,
        min=0.0,
        max=4.0,
        soft_max=2.0,
        step=5,
        update=update,
    )
    return {"strength": overall} | {
        f"strength_{name}": FloatProperty(
            name=label,
            description=f"How strong {what} against the whole face: a factor of the strength. 0 holds still",
            default=1.0,
            min=0.0,
            max=4.0,
            soft_max=2.0,
            step=5,
            update=update,
        )
        for name, label, what in _said()
    }


def toggle_properties() -> dict[str, Any]:
    """Return the annotations of whether each part is baked: `bake_brows` and so on."""
    return {
        f"bake_{name}": BoolProperty(
            name=label,
            description=f"Key {what}. Off leaves what animates it now, and its pose, as they are",
            default=True,
        )
        for name, label, what in REGIONS
    }


def offset_property(update: Update = None) -> Any:
    """Return by how much the performance comes later."""
    return FloatProperty(
        name="Offset",
        description=(
            "By how much the performance comes later, earlier below 0: for sound that is not in step. Parts of a frame "
            "count; keys stay on their frames"
        ),
        subtype="TIME_ABSOLUTE",
        unit="TIME_ABSOLUTE",
        default=0.0,
        soft_min=-2.0,
        soft_max=2.0,
        min=-3600.0,
        max=3600.0,
        step=1,
        precision=3,
        update=update,
    )


def tolerance_property(update: Update = None) -> Any:
    """Return how far reduced curves may be from the performance."""
    return FloatProperty(
        name="Tolerance",
        description=(
            "How far curves may be from the performance. 1 is 0.2 mm on an average face, 0.25 degrees, and 0.005 of a "
            "shape key"
        ),
        default=1.0,
        min=0.05,
        soft_max=5.0,
        max=50.0,
        step=5,
        precision=2,
        update=update,
    )


def _said() -> tuple[tuple[str, str, str], ...]:
    """Return the parts as sentences go on with them."""
    verbs = {"eyes": "are", "cheeks": "are", "mouth": "are", "brows": "are"}
    return tuple((name, label, f"{what} {verbs.get(name, 'is')}") for name, label, what in REGIONS)
