# SPDX-FileCopyrightText: 2026 Mimica authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Settings of the streams: what another program is received by, and where streams go to."""

from collections.abc import Callable
from typing import Any

import bpy
from bpy.props import BoolProperty, EnumProperty, IntProperty, StringProperty

from ..rig import streams

PROTOCOLS = (
    ("livelink", "Live Link Face", "Epic's app for iPhones, and what speaks its language, over UDP"),
    ("vmc", "VMC", "Virtual Motion Capture's protocol, over OSC: VSeeFace, VNyan, Warudo and others"),
    ("ifacialmocap", "iFacialMocap", "The app for iPhones, and what speaks its language, over UDP"),
    ("json", "JSON", "Mimica's own, documented for scripts: a line of JSON for each frame, over UDP"),
)
"""Key, name and tooltip, in the order of the panels."""


def _ports(*, out: bool) -> dict[str, int]:
    return {key: streams.usual_port(key, out=out) for key, _, _ in PROTOCOLS}


def _chosen(self: "MimicaProgram", _context: bpy.types.Context) -> None:
    self.port = streams.usual_port(self.protocol)


class MimicaProgram(bpy.types.PropertyGroup):
    """The source Other Program."""

    protocol: EnumProperty(
        name="Protocol",
        description="How the other program sends. The port becomes the usual one",
        items=tuple((key, name, text, "NONE", i) for i, (key, name, text) in enumerate(PROTOCOLS)),
        update=_chosen,
    )
    port: IntProperty(
        name="Port",
        description="Where this computer receives. Enter the same in the other program",
        min=1,
        max=65535,
        default=_ports(out=False)["livelink"],
    )
    phone: StringProperty(
        name="Phone",
        description="The phone's address, as its app shows it, such as 192.168.0.20: it sends when it is asked",
    )


def _moved(key: str) -> Callable[[Any, bpy.types.Context], None]:
    """Let a stream that is on go where its settings say now."""

    def update(self: "MimicaStreams", _context: bpy.types.Context) -> None:
        if streams.is_on(key):
            streams.switch(key, self.place_of(key))

    return update


def _address(key: str) -> Any:
    return StringProperty(
        name="Address",
        description="The computer that the stream goes to: 127.0.0.1 is this one",
        default="127.0.0.1",
        update=_moved(key),
    )


def _port(key: str) -> Any:
    return IntProperty(
        name="Port",
        description="The port at which the other program receives",
        min=1,
        max=65535,
        default=_ports(out=True)[key],
        update=_moved(key),
    )


class MimicaStreams(bpy.types.PropertyGroup):
    """Where the streams go to."""

    KEYS = tuple(key for key, _, _ in PROTOCOLS)

    livelink_address: _address("livelink")
    livelink_port: _port("livelink")
    vmc_address: _address("vmc")
    vmc_port: _port("vmc")
    ifacialmocap_address: _address("ifacialmocap")
    ifacialmocap_port: _port("ifacialmocap")
    json_address: _address("json")
    json_port: _port("json")

    def place_of(self, key: str) -> streams.Place:
        """Return where a protocol's stream goes to."""
        return streams.Place(getattr(self, f"{key}_address").strip(), getattr(self, f"{key}_port"))


def _switch(key: str, name: str) -> Any:
    """Return a switch that says what is, and is never saved: no file begins to send by itself."""

    def switch(_self: object, on: bool) -> None:
        streams.switch(key, bpy.context.scene.mimica.streams.place_of(key) if on else None)

    return BoolProperty(
        name=name,
        description="Send what a capture shows to another program. Switched off whenever a file is opened",
        get=lambda _self: streams.is_on(key),
        set=switch,
        options={"SKIP_SAVE"},
    )


class MimicaSending(bpy.types.PropertyGroup):
    """Which streams are on; see `MimicaStreams`."""

    livelink: _switch("livelink", "Live Link Face")
    vmc: _switch("vmc", "VMC")
    ifacialmocap: _switch("ifacialmocap", "iFacialMocap")
    json: _switch("json", "JSON")


CLASSES = (MimicaProgram, MimicaStreams, MimicaSending)
