# SPDX-FileCopyrightText: 2026 Mimica authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The Takes panel: Record, the list, and its menu, to which others append. Drawing only reads."""

from collections.abc import Sequence

import bpy
from bpy.props import BoolProperty, EnumProperty

from ..rig import viewer
from ..rig.language import say
from .properties import MimicaTake
from .record import draw_record
from .sentence import draw_sentence

_WIDE = 330
"""Pixels of the sidebar from which a row of the list shows all columns."""


def draw_takes(layout: bpy.types.UILayout, context: bpy.types.Context) -> None:
    """Draw the panel."""
    settings = context.scene.mimica
    state = context.window_manager.mimica
    draw_record(layout, context)
    split = layout.column()
    split.use_property_split = True
    split.use_property_decorate = False
    split.prop(settings, "takes_folder")
    split.prop(settings, "slate")
    if state.takes_to_move:
        count = state.takes_to_move
        text = say("Move 1 Take beside the File") if count == 1 else say("Move {n} Takes beside the File", n=count)
        layout.operator("mimica.move_takes", text=text, icon="FILE_FOLDER", translate=False)
    row = layout.row()
    row.template_list("MIMICA_UL_takes", "", state, "takes", state, "take_index", rows=3)
    buttons = row.column(align=True)
    buttons.operator("mimica.refresh_takes", text="", icon="FILE_REFRESH")
    buttons.operator("mimica.delete_take", text="", icon="TRASH")
    buttons.separator()
    buttons.menu("MIMICA_MT_takes", text="", icon="DOWNARROW_HLT")
    row = layout.row()
    text = "Learning..." if state.learning else "Learn Expressions from Take"
    row.operator("mimica.learn_from_take", text=text, icon="TIME" if state.learning else "USER")
    if viewer.failed:
        draw_sentence(layout, context, viewer.failed, "ERROR")
    if 0 <= state.take_index < len(state.takes):
        _draw_active(layout, context, state.takes[state.take_index])


def is_placed(context: bpy.types.Context) -> bool:
    """Whether the active take was recorded while the timeline played."""
    state = context.window_manager.mimica
    return 0 <= state.take_index < len(state.takes) and state.takes[state.take_index].placed


def _draw_active(layout: bpy.types.UILayout, context: bpy.types.Context, take: MimicaTake) -> None:
    """Draw what there is to know of a take, and what to do when it cannot be used."""
    if take.error:
        draw_sentence(layout, context, take.error, "ERROR")
        layout.operator("mimica.relink_take" if take.missing else "mimica.repair_take", icon="FILE_REFRESH")
        return
    figures = [say("{n} frames", n=take.frames), f"{take.rate:.1f}/s"]
    if take.dropped >= 0:
        figures.append(say("{n} dropped", n=take.dropped))
    column = layout.column(align=True)
    column.label(text=", ".join(figures), icon="INFO", translate=False)
    if take.cut_short:
        sentence = "Cut short: the recording did not end as it should. All that reached the disk is here."
        draw_sentence(column, context, sentence, "RECOVER_LAST")
    row = layout.row(align=True)
    row.operator("mimica.note_take", text=take.note or "Note", icon="TEXT", translate=not take.note)


class MIMICA_UL_takes(bpy.types.UIList):
    stars_only: BoolProperty(name="Favourites Only", description="Show only takes with a star")
    order: EnumProperty(
        name="Order",
        description="In which order takes are listed",
        items=(
            ("NEWEST", "Newest", "As they were recorded, the last on top"),
            ("NAME", "Name", "By name"),
            ("STAR", "Stars", "Those with a star on top, the newest first"),
        ),
    )

    def draw_item(
        self,
        context: bpy.types.Context,
        layout: bpy.types.UILayout,
        _data: object,
        item: MimicaTake,
        _icon: int,
        _active_data: object,
        _active_property: str,
    ) -> None:
        row = layout.row(align=True)
        if item.error:
            row.label(text=item.name, icon="UNLINKED" if item.missing else "ERROR", translate=False)
            return
        star = row.row(align=True)
        star.active = item.star
        icon = "SOLO_ON" if item.star else "SOLO_OFF"
        star.operator("mimica.star_take", text="", icon=icon, emboss=False).path = item.path
        row.label(text=item.name, icon="RECOVER_LAST" if item.cut_short else "NONE", translate=False)
        side = row.row()
        side.alignment = "RIGHT"
        side.label(text=f"{item.duration:.1f} s", translate=False)
        if context.region.width > _WIDE * context.preferences.system.ui_scale:
            side.label(text=f"{item.rate:.0f}/s", translate=False)
            side.label(text=say("{n} dropped", n=item.dropped) if item.dropped >= 0 else "", translate=False)
        side.label(text=f"{item.quality:.0%}", translate=False)

    def draw_filter(self, _context: bpy.types.Context, layout: bpy.types.UILayout) -> None:
        row = layout.row(align=True)
        row.prop(self, "filter_name", text="", icon="VIEWZOOM")
        row.prop(self, "use_filter_invert", text="", icon="ARROW_LEFTRIGHT")
        row.prop(self, "stars_only", text="", icon="SOLO_ON")
        layout.row().prop(self, "order", expand=True)

    def filter_items(
        self, _context: bpy.types.Context, data: bpy.types.bpy_struct, name: str
    ) -> tuple[list[int], list[int]]:
        takes = getattr(data, name)
        named = bpy.types.UI_UL_list.filter_items_by_name(self.filter_name, self.bitflag_filter_item, takes, "name")
        flags = [self._shown(take, named[i] if named else self.bitflag_filter_item) for i, take in enumerate(takes)]
        return flags, list_order(takes, self.order)

    def _shown(self, take: MimicaTake, flag: int) -> int:
        # Blender inverts all flags, which must not bring back what has no star.
        if not self.stars_only or take.star:
            return flag
        return self.bitflag_filter_item if self.use_filter_invert else 0


def list_order(takes: Sequence[MimicaTake], order: str) -> list[int]:
    """Return the place in the list of each take. They come with the newest first."""
    if order == "NAME":
        ordered = sorted(range(len(takes)), key=lambda i: takes[i].name.casefold())
    elif order == "STAR":
        ordered = sorted(range(len(takes)), key=lambda i: not takes[i].star)
    else:
        return []
    places = [0] * len(takes)
    for place, i in enumerate(ordered):
        places[i] = place
    return places


class MIMICA_MT_takes(bpy.types.Menu):
    bl_label = "Takes"

    def draw(self, context: bpy.types.Context) -> None:
        layout = self.layout
        layout.operator("mimica.rename_take", icon="GREASEPENCIL")
        layout.operator("mimica.duplicate_take", icon="DUPLICATE")
        layout.operator("mimica.note_take", icon="TEXT")
        layout.operator("mimica.view_take", icon="WINDOW")
        layout.separator()
        layout.operator("mimica.relink_take", icon="LINKED")
        layout.operator("mimica.repair_take", icon="MODIFIER")
        layout.separator()
        layout.operator("mimica.restore_take", icon="RECOVER_LAST")
        trashed = context.window_manager.mimica.takes_trashed
        text = say("Empty Trash ({n})", n=trashed) if trashed else say("Empty Trash")
        layout.operator("mimica.empty_takes_trash", text=text, translate=False)
        layout.separator()
        layout.operator("mimica.move_takes", icon="FILE_FOLDER")
        layout.operator("mimica.reveal_takes", icon="FILEBROWSER")
        layout.operator("mimica.refresh_takes", icon="FILE_REFRESH")
        layout.separator()
        layout.operator("mimica.import_take", icon="IMPORT")


CLASSES = (MIMICA_UL_takes, MIMICA_MT_takes)
