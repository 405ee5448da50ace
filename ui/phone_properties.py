# SPDX-FileCopyrightText: 2026 Mimica authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Settings of the server for phones, kept in the scene."""

import bpy
from bpy.props import IntProperty, StringProperty

from ..rig.phone import DEFAULT_PORT


class MimicaPhone(bpy.types.PropertyGroup):
    """How phones reach this computer."""

    port: IntProperty(
        name="Port",
        description="The port on which the page is served while the switch is on, 1024 to 65535",
        min=1024,
        max=65535,
        default=DEFAULT_PORT,
    )
    helpers: StringProperty(
        name="STUN, TURN",
        description=(
            "Servers that help phones in other networks to reach this computer, as stun:HOST:PORT or "
            "turn:USER:PASSWORD@HOST:PORT. Empty: nobody outside the local network is asked for anything"
        ),
    )


CLASSES = (MimicaPhone,)
