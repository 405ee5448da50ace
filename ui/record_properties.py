# SPDX-FileCopyrightText: 2026 Mimica authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""How takes are recorded, kept in the scene."""

import bpy
from bpy.props import BoolProperty, EnumProperty, FloatProperty, IntProperty

_REGIONS = (
    ("BROWS", "Brows", "The eyebrows"),
    ("EYES", "Eyes", "Lids and gaze"),
    ("CHEEKS", "Cheeks", "Cheeks and nose"),
    ("MOUTH", "Mouth", "Jaw, lips and tongue"),
    ("HEAD", "Head", "The head's turning and way"),
)


class MimicaRecording(bpy.types.PropertyGroup):
    """What Record and Retake do."""

    countdown: FloatProperty(
        name="Countdown",
        description="Seconds from pressing Record until the recording begins. 0 begins at once. Esc calls it off",
        subtype="TIME_ABSOLUTE",
        min=0.0,
        max=10.0,
        default=3.0,
        step=100,
        precision=1,
    )
    play: BoolProperty(
        name="Play Timeline",
        description=(
            "Play the timeline with its sound while recording, from the current frame on. The take remembers its place "
            "on the timeline"
        ),
    )
    preroll: FloatProperty(
        name="Pre-Roll",
        description="Seconds that the timeline plays before the frame at which the performance counts. Recorded too",
        subtype="TIME_ABSOLUTE",
        min=0.0,
        max=30.0,
        default=1.0,
        step=50,
        precision=1,
    )
    stop_at_end: BoolProperty(
        name="Stop at End",
        description="End the recording by itself at the last frame of the scene's range, or of its preview range",
    )
    film: BoolProperty(
        name="Keep Camera Video",
        description=(
            "Write the camera's pictures to a video beside the take: the same name, .avi. It shows your face to anyone "
            "who has the file. About 100 MB a minute at 640 × 480"
        ),
    )
    first: IntProperty(
        name="In",
        description="Scene frame at which the performance of a retake begins",
        min=-1000000,
        max=1000000,
        default=1,
    )
    last: IntProperty(
        name="Out",
        description="Scene frame at which the performance of a retake ends; half a second more is recorded",
        min=-1000000,
        max=1000000,
        default=100,
    )
    regions: EnumProperty(
        name="Regions",
        description="What of the face a retake replaces. Shift-click for several; Mouth alone dubs the speech anew",
        items=_REGIONS,
        options={"ENUM_FLAG"},
        default={identifier for identifier, _, _ in _REGIONS},
    )
    at_place: BoolProperty(
        name="At Its Place on the Timeline",
        description=(
            "Bake a take that was recorded while the timeline played to where it was performed, instead of to Start "
            "Frame. Other takes begin at Start Frame"
        ),
        default=True,
    )
