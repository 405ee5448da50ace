# SPDX-FileCopyrightText: 2026 Mimica authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""How takes are baked, beside what the scene's older settings say: `Scene.mimica.bake`."""

import bpy
from bpy.props import BoolProperty, EnumProperty, FloatProperty

from .region_properties import offset_property, smoothing_properties, strength_properties, toggle_properties


class MimicaBake(bpy.types.PropertyGroup):
    """Timing, strength, parts of the face, and where keys go."""

    step: FloatProperty(
        name="Step",
        description=(
            "Frames from one key to the next: 1 keys each frame, 2 every second one, 0.5 also halfway between frames, "
            "for motion blur and slow motion"
        ),
        default=1.0,
        min=0.125,
        max=24.0,
        soft_max=4.0,
        step=25,
        precision=3,
    )
    stepped: BoolProperty(
        name="Stepped",
        description="Hold each key until the next, as in animation on twos or threes. There is a key at each step then",
    )
    offset: offset_property()
    destination: EnumProperty(
        name="Destination",
        description="Where the keys go",
        items=(
            (
                "ACTION",
                "Action",
                "The take's own action, which becomes active. Baking again replaces its keys",
            ),
            ("NEW", "New Action", "A new action each time. Earlier ones stay in the file"),
            (
                "STRIP",
                "NLA Strip",
                "A strip on a track of its own in the NLA editor. The action that is active stays active, on top. "
                "Baking again changes the same strip",
            ),
        ),
    )
    blend: EnumProperty(
        name="Blend",
        description="How the strip goes with what is below it",
        items=(
            ("REPLACE", "Replace", "The performance alone is seen"),
            ("COMBINE", "Combine", "The performance is added to what is below, rotations too"),
        ),
    )


for _made in (smoothing_properties(), strength_properties(), toggle_properties()):
    MimicaBake.__annotations__.update(_made)

CLASSES = (MimicaBake,)
