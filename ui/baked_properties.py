# SPDX-FileCopyrightText: 2026 Mimica authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The sliders of a baked take: `Action.mimica_baked`. Moving one rebuilds its keys."""

import bpy
from bpy.props import BoolProperty, FloatProperty, PointerProperty

from ..rig import baked_sliders
from .region_properties import offset_property, smoothing_properties, strength_properties, tolerance_property


def _changed(self: "MimicaBaked", _context: bpy.types.Context) -> None:
    baked_sliders.changed(self.id_data)


class MimicaBaked(bpy.types.PropertyGroup):
    """What can be changed of a bake afterwards."""

    smoothness: FloatProperty(
        name="Smoothness",
        description="Calmer motion without delay: 0 lets everything through, each step up halves what passes",
        min=0.0,
        max=8.0,
        soft_max=4.0,
        default=1.0,
        step=5,
        update=_changed,
    )
    offset: offset_property(_changed)
    reduce: BoolProperty(
        name="Reduce Keys",
        description="Key as few frames as the tolerance allows. Off keys each step",
        update=_changed,
    )
    tolerance: tolerance_property(_changed)


for _made in (smoothing_properties(_changed), strength_properties(_changed)):
    MimicaBaked.__annotations__.update(_made)


def register() -> None:
    """Add `Action.mimica_baked`."""
    bpy.utils.register_class(MimicaBaked)
    bpy.types.Action.mimica_baked = PointerProperty(type=MimicaBaked)


def unregister() -> None:
    """Take it away again."""
    del bpy.types.Action.mimica_baked
    bpy.utils.unregister_class(MimicaBaked)
