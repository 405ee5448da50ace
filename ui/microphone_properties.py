# SPDX-FileCopyrightText: 2026 Mimica authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Settings of the microphone and of the sound in the sequencer."""

import bpy
from bpy.props import BoolProperty, FloatProperty, StringProperty

from ..rig import microphone


def _names(_self: "MimicaMicrophone", _context: bpy.types.Context, typed: str) -> list[str]:
    return [name for name in microphone.found() if typed.casefold() in name.casefold()]


def _switched(self: "MimicaMicrophone", _context: bpy.types.Context) -> None:
    if self.use:
        microphone.look()
    else:
        microphone.stop_test()


class MimicaMicrophone(bpy.types.PropertyGroup):
    """Whether and how sound is recorded with a take."""

    use: BoolProperty(
        name="Microphone",
        description="Record sound with each take, into a WAV file beside it",
        update=_switched,
    )
    device: StringProperty(
        name="Device",
        description="The microphone to use, by its name. Empty takes the system's default",
        search=_names,
        search_options={"SUGGESTION"},
    )
    offset: FloatProperty(
        name="Offset (ms)",
        description=(
            "Milliseconds by which the sound is laid later in the sequencer; negative is earlier. Cameras hand their "
            "pictures over 30 to 100 ms late, so sound that is early by that much wants a positive offset. Clap once "
            "at the beginning of a take to find it. Counts from the next bake on"
        ),
        default=0.0,
        soft_min=-500.0,
        soft_max=500.0,
        min=-10000.0,
        max=10000.0,
        step=100,
        precision=0,
    )
    bake_sound: BoolProperty(
        name="Bake Sound",
        description=(
            "Lay the take's sound into the scene's sequencer when it is baked, in time with the keyframes. What this "
            "take laid before is replaced"
        ),
        default=True,
    )


CLASSES = (MimicaMicrophone,)
