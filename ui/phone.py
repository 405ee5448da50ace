# SPDX-FileCopyrightText: 2026 Mimica authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Phones as the source of a capture: switch, QR code, and who is connected. Drawing only reads."""

import bpy

from ..rig import live, phone
from ..rig.language import say
from .extras import draw_missing
from .sentence import draw_sentence

_CODE_SCALE = 9.0
_STATES = {"connecting": "TIME", "sending": "CHECKMARK", "away": "ERROR"}


def draw_phone(layout: bpy.types.UILayout, context: bpy.types.Context) -> None:
    """Draw all of it, also while a capture runs: another phone may join then."""
    if draw_missing(layout, "phone"):
        return
    server = phone.current()
    if server is None or server.state in ("off", "failed"):
        _draw_switch(layout, context)
        if server is not None and server.error:
            draw_sentence(layout, context, server.error, "ERROR")
        return
    box = layout.box()
    if not server.link:
        box.label(text="Opening the port", icon="TIME")
    else:
        _draw_code(box, context)
    _draw_devices(box)
    box.operator("mimica.phone_off", icon="CANCEL")


def _draw_switch(layout: bpy.types.UILayout, context: bpy.types.Context) -> None:
    settings = context.scene.mimica.phone
    column = layout.column()
    column.use_property_split = True
    column.use_property_decorate = False
    column.prop(settings, "port")
    column.prop(settings, "helpers")
    layout.operator("mimica.phone_on", icon="URL")


def _draw_code(layout: bpy.types.UILayout, context: bpy.types.Context) -> None:
    icon = phone.code_icon()
    if icon:
        row = layout.row()
        row.alignment = "CENTER"
        row.template_icon(icon_value=icon, scale=_CODE_SCALE)
    text = "Scan this with a phone in the same network. Its browser warns once of a certificate: go on to the page."
    draw_sentence(layout, context, text, "NONE")
    layout.operator("mimica.phone_copy_link", icon="COPYDOWN")


def _draw_devices(layout: bpy.types.UILayout) -> None:
    devices = phone.devices()
    if not devices:
        layout.label(text="No phone yet", icon="BLANK1")
    for device in devices:
        row = layout.row()
        row.label(text=f"{device.number + 1}  {device.name}", icon=_STATES.get(device.state, "BLANK1"), translate=False)
        part = row.row()
        part.alignment = "RIGHT"
        if device.state == "sending":
            part.label(text=_figures(device), translate=False)
        elif device.state == "away":
            part.label(text="Sends nothing")
        else:
            part.label(text="Connecting")


def _figures(device: phone.PhoneShown) -> str:
    if live.current() is not None and device.delay_ms:
        return say("{rate:.0f}/s   {ms:.0f} ms", rate=device.rate, ms=device.delay_ms)
    return say("{rate:.0f}/s", rate=device.rate)
