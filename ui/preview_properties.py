# SPDX-FileCopyrightText: 2026 Mimica authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Settings of the preview of a bake."""

import bpy
from bpy.props import BoolProperty


class MimicaPreview(bpy.types.PropertyGroup):
    """The preview of a bake."""

    on: BoolProperty(options={"HIDDEN"})
    """Whether the character shows the active take. Set by `rig.bake_preview` alone; off when a file is opened."""
    raw: BoolProperty(
        name="Compare",
        description="Show the take without any smoothing, to see what the smoothing does. A bake is not changed by it",
        options=set(),
    )


CLASSES = (MimicaPreview,)
