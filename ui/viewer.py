# SPDX-FileCopyrightText: 2026 Mimica authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Rerun's viewer in the panel Output. Drawing only reads."""

import bpy
from bpy.props import BoolProperty, StringProperty

from ..rig import viewer
from ..rig.language import say
from .extras import draw_missing
from .sentence import draw_sentence


def _moved(self: "MimicaViewer", _context: bpy.types.Context) -> None:
    if viewer.is_on():
        viewer.switch(self.address)


class MimicaViewer(bpy.types.PropertyGroup):
    """Where captures are shown."""

    address: StringProperty(
        name="Address",
        description="Where the viewer listens, as host and port: 127.0.0.1:9876 is a viewer on this computer",
        default=viewer.DEFAULT,
        update=_moved,
    )


def _switch(_self: object, on: bool) -> None:
    viewer.switch(bpy.context.scene.mimica.viewer.address if on else None)


class MimicaViewing(bpy.types.PropertyGroup):
    """Whether captures are shown; never saved, so that no file begins to send by itself."""

    live: BoolProperty(
        name="Live",
        description=(
            "Show captures in a running Rerun viewer: picture, landmarks, scores and controls. Start the viewer first, "
            "with 'rerun' in a terminal. Switched off whenever a file is opened"
        ),
        get=lambda _self: viewer.is_on(),
        set=_switch,
        options={"SKIP_SAVE"},
    )


class VIEW3D_PT_mimica_viewer(bpy.types.Panel):
    bl_label = "Rerun Viewer"
    bl_space_type = "VIEW_3D"
    bl_region_type = "UI"
    bl_category = "Mimica"
    bl_parent_id = "VIEW3D_PT_mimica_output"
    bl_options = {"DEFAULT_CLOSED"}

    def draw(self, context: bpy.types.Context) -> None:
        layout = self.layout
        if draw_missing(layout, "rerun"):
            return
        column = layout.column(align=True)
        head = column.row()
        head.prop(context.window_manager.mimica.viewing, "live")
        health = viewer.health()
        if health is not None and health.connected:
            side = head.row()
            side.alignment = "RIGHT"
            side.label(text=say("{rate:.0f} frames/s", rate=health.rate), translate=False)
        column.prop(context.scene.mimica.viewer, "address", text="")
        if problem := viewer.problem():
            draw_sentence(layout, context, problem, "ERROR")
        elif viewer.is_on() and health is None:
            draw_sentence(layout, context, say("It begins with the next capture"), "INFO")
        showing = viewer.opening()
        if showing is None:
            layout.operator("mimica.view_take", icon="WINDOW")
        else:
            layout.progress(factor=showing.share, text=showing.name, translate=False)
        if viewer.failed:
            draw_sentence(layout, context, viewer.failed, "ERROR")


CLASSES = (MimicaViewer, MimicaViewing)
register, unregister = bpy.utils.register_classes_factory((VIEW3D_PT_mimica_viewer,))
