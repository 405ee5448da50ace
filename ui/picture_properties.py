# SPDX-FileCopyrightText: 2026 Mimica authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""How the performer's picture is shown, kept in the scene."""

import bpy
from bpy.props import BoolProperty, EnumProperty, FloatProperty


class MimicaPicture(bpy.types.PropertyGroup):
    """The camera's picture in the editors."""

    show: BoolProperty(
        name="Picture",
        description="Show what the camera sees in a corner of the viewport while a capture runs",
        default=True,
        options=set(),
    )
    corner: EnumProperty(
        name="Corner",
        description="Where in the viewport the picture is",
        items=(
            ("TOP_LEFT", "Top Left", "Below the viewport's text"),
            ("TOP_RIGHT", "Top Right", "Beside the navigation gizmo"),
            ("BOTTOM_LEFT", "Bottom Left", "Above the panel of the last operation"),
            ("BOTTOM_RIGHT", "Bottom Right", "Beside the sidebar"),
        ),
        default="BOTTOM_RIGHT",
        options=set(),
    )
    size: FloatProperty(
        name="Size",
        description="The picture's width as a share of the viewport's. It is never higher than three quarters of it",
        subtype="FACTOR",
        min=0.05,
        max=1.0,
        default=0.3,
        options=set(),
    )
    opacity: FloatProperty(
        name="Opacity",
        description="How much of the scene the picture hides: 1 hides all that is behind it",
        subtype="FACTOR",
        min=0.1,
        max=1.0,
        default=1.0,
        options=set(),
    )
    mirror: BoolProperty(
        name="Mirror",
        description="Show the picture as a mirror would. For your eyes only: tracking and takes are never mirrored",
        default=True,
        options=set(),
    )
    everywhere: BoolProperty(
        name="In All Viewports",
        description=(
            "Show the picture in every 3D viewport. Off shows it where the capture was started, or in the largest one"
        ),
        options=set(),
    )
    landmarks: BoolProperty(
        name="Landmarks", description="Draw the 478 points that are tracked", default=True, options=set()
    )
    contours: BoolProperty(
        name="Contours",
        description="Draw the lines of lips, eyes, irises, brows and face",
        default=True,
        options=set(),
    )
    gaze: BoolProperty(
        name="Gaze", description="Draw where each eye looks; shorter towards the camera", default=True, options=set()
    )
    box: BoolProperty(
        name="Face Box",
        description="Draw a box around each face, with its number where several faces are looked for",
        default=True,
        options=set(),
    )
    health: BoolProperty(
        name="Health",
        description="Write the rate and the delay over the picture, or what is wrong and what to do",
        default=True,
        options=set(),
    )
    bars: BoolProperty(
        name="Strongest Controls",
        description="Show the eight controls that do most as bars beside the picture. Needs a character",
        options=set(),
    )


CLASSES = (MimicaPicture,)
