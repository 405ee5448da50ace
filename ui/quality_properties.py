# SPDX-FileCopyrightText: 2026 Mimica authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the Quality panel and the track in the timeline remember."""

import bpy
from bpy.props import BoolProperty, CollectionProperty, FloatProperty, IntProperty, StringProperty

from ..rig import quality


class MimicaQuality(bpy.types.PropertyGroup):
    """Settings of the quality track."""

    show_track: BoolProperty(
        name="Show in Timeline",
        description=(
            "Draw how well the active take saw the face along the bottom of the Timeline and the Dope Sheet, where the "
            "take is baked: green seen well, yellow unsure, red held or invented, hatched without a face. Marks above "
            "are outliers that are taken out, white ones cuts"
        ),
        default=True,
        options=set(),
    )


class MimicaWeakSpot(bpy.types.PropertyGroup):
    """One weak spot of the active take; `name` is Blender's own, its sentence."""

    kind: StringProperty()
    """See `mapping.quality_track.KINDS`."""
    start: FloatProperty(subtype="TIME_ABSOLUTE", unit="TIME_ABSOLUTE")
    """Seconds on the take's clock."""
    seconds: FloatProperty(subtype="TIME_ABSOLUTE", unit="TIME_ABSOLUTE")


def _jump(self: "MimicaWeakSpots", context: bpy.types.Context) -> None:
    """Go to the spot that was picked in the list."""
    if not 0 <= self.index < len(self.spots):
        return
    place = quality.place(context)
    if place is not None:
        quality.go_to(context, place, self.spots[self.index].start)


class MimicaWeakSpots(bpy.types.PropertyGroup):
    """The weak spots of the active take, in the order of time."""

    spots: CollectionProperty(type=MimicaWeakSpot)
    index: IntProperty(
        name="Weak Spot", description="Go to this place on the timeline", update=_jump, options={"SKIP_SAVE"}
    )


CLASSES = (MimicaQuality, MimicaWeakSpot, MimicaWeakSpots)
