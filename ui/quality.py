# SPDX-FileCopyrightText: 2026 Mimica authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The panel Quality below the takes: how well the active one saw the face, and where it is weak. Drawing only reads."""

import bpy

from ..rig import quality
from ..rig.language import say
from .quality_properties import MimicaWeakSpot
from .sentence import draw_sentence

_KINDS = {
    "EASED": ("Gap, Eased", "GHOST_DISABLED"),
    "BRIDGED": ("Gap, Bridged", "GHOST_ENABLED"),
    "UNSURE": ("Badly Seen", "HIDE_ON"),
    "OUTLIER": ("Outlier", "SHARPCURVE"),
    "CUT": ("Cut", "SEQ_SPLITVIEW"),
}
_WIDE = 330
"""Pixels of the sidebar from which a row of the list has room for words."""
_MENUS = ("DOPESHEET_MT_view", "TIME_MT_view")
"""The menus View of the Dope Sheet and of the Timeline, where it has one of its own."""


class VIEW3D_PT_mimica_quality(bpy.types.Panel):
    bl_label = "Quality"
    bl_space_type = "VIEW_3D"
    bl_region_type = "UI"
    bl_category = "Mimica"
    bl_parent_id = "VIEW3D_PT_mimica_takes"
    bl_options = {"DEFAULT_CLOSED"}

    def draw(self, context: bpy.types.Context) -> None:
        layout = self.layout
        layout.prop(context.scene.mimica.quality, "show_track")
        state = context.window_manager.mimica
        report = quality.report()
        if not 0 <= state.take_index < len(state.takes):
            layout.label(text="Pick a take", icon="INFO")
        elif report is None:
            layout.label(text="Looking at the take", icon="TIME")
        elif report.track is None:
            draw_sentence(layout, context, report.problem, "ERROR")
        else:
            _draw_report(layout, context, report.track)


def _draw_report(layout: bpy.types.UILayout, context: bpy.types.Context, track: quality.QualityTrack) -> None:
    shown = context.window_manager.mimica.quality
    figures = say("Confidence {mean:.0%}, face found in {found:.0%}", mean=track.mean, found=track.found)
    layout.label(text=figures, icon="INFO", translate=False)
    if not track.spots:
        layout.label(text="No weak spots", icon="CHECKMARK")
        return
    layout.template_list("MIMICA_UL_weak_spots", "", shown, "spots", shown, "index", rows=4)
    row = layout.row(align=True)
    row.operator("mimica.previous_weak_spot", text="Previous", icon="PREV_KEYFRAME")
    row.operator("mimica.next_weak_spot", text="Next", icon="NEXT_KEYFRAME")
    if 0 <= shown.index < len(shown.spots):
        draw_sentence(layout, context, shown.spots[shown.index].name, _KINDS[shown.spots[shown.index].kind][1])
    layout.operator("mimica.mark_weak_spots", icon="MARKER_HLT")


class MIMICA_UL_weak_spots(bpy.types.UIList):
    def draw_item(
        self,
        context: bpy.types.Context,
        layout: bpy.types.UILayout,
        _data: object,
        item: MimicaWeakSpot,
        _icon: int,
        _active_data: object,
        _active_property: str,
    ) -> None:
        label, icon = _KINDS[item.kind]
        row = layout.row(align=True)
        row.label(text=label, icon=icon)
        side = row.row()
        side.alignment = "RIGHT"
        place = quality.place(context)
        if place is not None:
            wide = context.region.width > _WIDE * context.preferences.system.ui_scale
            frame = round(place.frame_at(item.start))
            side.label(text=say("frame {number}", number=frame) if wide else str(frame), translate=False)
        side.label(text=f"{item.seconds:.2f} s", translate=False)


def _draw_menu(self: bpy.types.Menu, context: bpy.types.Context) -> None:
    layout = self.layout
    layout.separator()
    layout.prop(context.scene.mimica.quality, "show_track", text="Take Quality")
    layout.operator("mimica.previous_weak_spot")
    layout.operator("mimica.next_weak_spot")
    layout.operator("mimica.mark_weak_spots", text="Mark Weak Spots")


_register, _unregister = bpy.utils.register_classes_factory((MIMICA_UL_weak_spots, VIEW3D_PT_mimica_quality))


def register() -> None:
    """Register the panel, and put its operators into the menus of the editors that show the track."""
    _register()
    for menu in _menus():
        menu.append(_draw_menu)


def unregister() -> None:
    """Undo `register`."""
    for menu in _menus():
        menu.remove(_draw_menu)
    _unregister()


def _menus() -> list[type[bpy.types.Menu]]:
    return [getattr(bpy.types, name) for name in _MENUS if hasattr(bpy.types, name)]
