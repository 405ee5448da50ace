# SPDX-FileCopyrightText: 2026 Mimica authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What of the feel is no setting of the bake too: `Scene.mimica.feel`.

Smoothness, strength and holds have one place for both, so what is seen live is what is baked: `Scene.mimica.smoothness`
and `Scene.mimica.bake`.
"""

import bpy
from bpy.props import BoolProperty


class MimicaFeel(bpy.types.PropertyGroup):
    """How a performance is shown."""

    mirror: BoolProperty(
        name="Mirror Performance",
        description=(
            "What the performer does on the left, the character does on the right. Takes stay as they were performed; "
            "live and in what is baked sides are swapped"
        ),
    )


CLASSES = (MimicaFeel,)
