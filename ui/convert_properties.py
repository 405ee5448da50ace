# SPDX-FileCopyrightText: 2026 Mimica authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Settings of Shape Keys and Bones."""

import bpy
from bpy.props import BoolProperty, IntProperty, PointerProperty

from ..rig.convert import can_be_end


def _may_be_source(_self: "MimicaConvert", obj: bpy.types.Object) -> bool:
    return can_be_end(obj)


def _may_be_target(_self: "MimicaConvert", obj: bpy.types.Object) -> bool:
    # A mesh without keys can be given some.
    return can_be_end(obj) or (obj.type == "MESH" and obj.find_armature() is not None)


class MimicaConvert(bpy.types.PropertyGroup):
    """What is carried over, and where to."""

    source: PointerProperty(
        name="Source",
        description="The animated character: an armature for its bones, a mesh for its shape keys",
        type=bpy.types.Object,
        poll=_may_be_source,
    )
    target: PointerProperty(
        name="Target",
        description="What is keyed: a mesh for its shape keys, an armature for its bones. It may be another character",
        type=bpy.types.Object,
        poll=_may_be_target,
    )
    part: BoolProperty(
        name="Frame Range",
        description="Convert only some frames. Off takes all, from the source's first key to its last",
        options=set(),
    )
    first: IntProperty(
        name="From", description="First scene frame", default=1, min=-1000000, max=1000000, options=set()
    )
    last: IntProperty(name="To", description="Last scene frame", default=250, min=-1000000, max=1000000, options=set())


CLASSES = (MimicaConvert,)
