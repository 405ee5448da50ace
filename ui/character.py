# SPDX-FileCopyrightText: 2026 Mimica authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The Character panel: what drives the character, and the list in which that is edited. Drawing only reads.

With a hundred rows at every redraw of a capture: rows that are not seen are not drawn, and of those that are only what
a look-up by name tells.
"""

from typing import Any

import bpy
from bpy.props import EnumProperty

from ..rig import character, live, map_presets, map_view, test_pose
from ..rig.language import say, sentence
from ..rig.map_rows import REGION_ITEMS, MimicaChannel, MimicaEntry
from ..rig.map_view import MapView
from .sentence import draw_sentence

_ROWS = 9
_CONTROLS = 52
"""Of ARKit's."""
_BONE_KINDS = ("location", "rotation", "scale")


class _Panel:
    bl_space_type = "VIEW_3D"
    bl_region_type = "UI"
    bl_category = "Mimica"


def draw_character(layout: bpy.types.UILayout, context: bpy.types.Context) -> None:
    """Draw the panel's own part: the target, Detect, and what is known of the character."""
    settings = context.scene.mimica
    row = layout.row(align=True)
    row.prop(settings, "target", text="")
    if settings.target is None:
        layout.operator("mimica.create_face_rig", icon="ARMATURE_DATA")
        return
    row.operator("mimica.create_face_rig", text="", icon="ARMATURE_DATA")
    shown = map_view.view(settings.target)
    row = layout.row(align=True)
    row.operator("mimica.detect", text="Detect Anew" if shown else "Detect", icon="VIEWZOOM")
    row.menu("MIMICA_MT_mapping", text="", icon="DOWNARROW_HLT")
    if shown is None:
        text = "Detected by itself when captured. Detect lists what drives what, for editing."
        draw_sentence(layout, context, text, "INFO")
    else:
        _draw_summary(layout, shown)


def _draw_summary(layout: bpy.types.UILayout, shown: MapView) -> None:
    report = character.stored_report(shown.target)
    row = layout.row()
    if report is None:
        text = say("{title}: {count} entries", title=shown.data.title, count=len(shown.data.entries))
        row.label(text=text, icon="CHECKMARK", translate=False)
        return
    there = {entry.control for entry in shown.data.entries}
    missing = sum(control not in there for control in report["missing"])
    icon = "INFO" if missing else "CHECKMARK"
    family = report["family"] or shown.data.title
    text = say("{title}: {count} of {all} controls", title=sentence(family), count=_CONTROLS - missing, all=_CONTROLS)
    row.label(text=text, icon=icon, translate=False)


class VIEW3D_PT_mimica_report(_Panel, bpy.types.Panel):
    bl_label = "Report"
    bl_parent_id = "VIEW3D_PT_mimica_character"
    bl_options = {"DEFAULT_CLOSED"}

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        return character.stored_report(context.scene.mimica.target) is not None

    def draw(self, context: bpy.types.Context) -> None:
        layout = self.layout
        report = character.stored_report(context.scene.mimica.target)
        shown = map_view.view(context.scene.mimica.target)
        for note in report["notes"]:
            draw_sentence(layout, context, note, "INFO")
        if report["unmatched"] and shown is not None:
            text = say("Not Understood ({count})", count=len(report["unmatched"]))
            body = _foldable(layout, "mimica_unmatched", text, is_open=True)
            if body is not None:
                _draw_unmatched(body, report["unmatched"], shown)
        if report["missing"] and shown is not None:
            text = say("Without a Target ({count})", count=len(report["missing"]))
            body = _foldable(layout, "mimica_missing", text)
            if body is not None:
                _draw_missing(body, report["missing"], shown)
        if report["matched"]:
            text = say("Matched ({count})", count=len(report["matched"]))
            body = _foldable(layout, "mimica_matched", text)
            if body is not None:
                _draw_pairs(body, report["matched"])


def _foldable(layout: bpy.types.UILayout, name: str, text: str, is_open: bool = False) -> bpy.types.UILayout | None:
    header, body = layout.panel(name, default_closed=not is_open)
    header.label(text=text, translate=False)
    return body


def _draw_unmatched(layout: bpy.types.UILayout, unmatched: list[list[str]], shown: MapView) -> None:
    """Draw names that drive nothing, each with a button for the control that it may mean."""
    used = {channel.target for entry in shown.data.entries for channel in entry.channels}
    meshes = map_view.character_meshes(shown.target)
    column = layout.column(align=True)
    for name, control in unmatched:
        row = column.split(factor=0.5, align=True)
        row.label(text=name, icon="CHECKMARK" if name in used else "BLANK1", translate=False)
        if control and name not in used and any(map_view.has_key(mesh, name) for mesh in meshes):
            order = row.operator("mimica.add_suggestion", text=control, icon="ADD", translate=False)
            order.control, order.shape_key = control, name


def _draw_missing(layout: bpy.types.UILayout, missing: list[str], shown: MapView) -> None:
    there = {entry.control for entry in shown.data.entries}
    column = layout.column(align=True)
    for control in missing:
        row = column.row(align=True)
        row.label(text=control, icon="CHECKMARK" if control in there else "BLANK1", translate=False)
        if control not in there:
            row.operator("mimica.add_entry", text="", icon="ADD").control = control


def _draw_pairs(layout: bpy.types.UILayout, pairs: list[list[str]]) -> None:
    column = layout.column(align=True)
    column.scale_y = 0.8
    for what, by in pairs:
        row = column.split(factor=0.5)
        row.label(text=what, icon="BLANK1", translate=False)
        row.label(text=by, translate=False)


class MIMICA_UL_entries(bpy.types.UIList):
    region: EnumProperty(
        name="Region",
        description="Show only entries of this region",
        items=(("ALL", "All Regions", "Show all entries", 0), *REGION_ITEMS),
    )

    def draw_filter(self, _context: bpy.types.Context, layout: bpy.types.UILayout) -> None:
        row = layout.row(align=True)
        row.prop(self, "filter_name", text="", icon="VIEWZOOM")
        row.prop(self, "use_filter_invert", text="", icon="ARROW_LEFTRIGHT")
        layout.prop(self, "region", text="")

    def filter_items(
        self, _context: bpy.types.Context, data: bpy.types.PropertyGroup, property_name: str
    ) -> tuple[list[int], list[int]]:
        rows = getattr(data, property_name)
        words, region = self.filter_name.lower().split(), "" if self.region == "ALL" else self.region
        if not words and not region:
            return [], []
        return [self.bitflag_filter_item if map_view.fits(row, words, region) else 0 for row in rows], []

    def draw_item(
        self,
        context: bpy.types.Context,
        layout: bpy.types.UILayout,
        _data: object,
        item: MimicaEntry,
        _icon: int,
        _active_data: object,
        _active_property: str,
    ) -> None:
        shown = map_view.view(context.scene.mimica.target)
        if shown is None:
            return
        row = layout.row(align=True)
        row.prop(item, "enabled", text="")
        body = row.row(align=True)
        body.active = item.enabled
        body.alert = bool(shown.problem(item))
        value, title, target = shown.value(item), map_view.title(item), map_view.targets(item)
        if title == target:
            _draw_value(body, title, value)
        else:
            split, text = body.split(factor=0.48, align=True), map_view.short(title)
            # A label is the user's own word.
            _draw_value(split, text if item.label else say(text), value)
            split.label(text=f"→ {target}", translate=False)


def _draw_value(layout: bpy.types.UILayout, text: str, value: float | None) -> None:
    if value is None:
        layout.label(text=text, translate=False)
    else:
        layout.progress(factor=value, text=text, translate=False)


class VIEW3D_PT_mimica_mapping(_Panel, bpy.types.Panel):
    bl_label = "Mapping"
    bl_parent_id = "VIEW3D_PT_mimica_character"
    bl_options = {"DEFAULT_CLOSED"}

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        return map_view.view(context.scene.mimica.target) is not None

    def draw_header_preset(self, _context: bpy.types.Context) -> None:
        layout = self.layout
        layout.emboss = "NONE"
        layout.popover(panel="VIEW3D_PT_mimica_presets", icon="PRESET", text="")

    def draw(self, context: bpy.types.Context) -> None:
        layout = self.layout
        shown = map_view.view(context.scene.mimica.target)
        if shown is None:
            return
        if character.is_librarys(shown.target):
            draw_sentence(layout, context, "This mapping is in the file that the character is linked from.", "LINKED")
            layout.operator("mimica.own_mapping", icon="LIBRARY_DATA_OVERRIDE")
        row = layout.row()
        row.template_list("MIMICA_UL_entries", "", shown.data, "entries", shown.data, "index", rows=_ROWS)
        buttons = row.column(align=True)
        buttons.operator("mimica.add_entry", text="", icon="ADD")
        buttons.operator("mimica.remove_entry", text="", icon="REMOVE")
        buttons.separator()
        buttons.menu("MIMICA_MT_entries", text="", icon="DOWNARROW_HLT")
        buttons.separator()
        buttons.operator("mimica.mirror_entries", text="", icon="MOD_MIRROR").scope = "ACTIVE"
        entry = shown.active
        if entry is not None:
            _draw_test(layout, context, entry)
            _draw_entry(layout, context, shown, entry)


def _draw_test(layout: bpy.types.UILayout, context: bpy.types.Context, entry: MimicaEntry) -> None:
    control = test_pose.control_of(entry)
    row = layout.row(align=True)
    row.enabled = bool(control) and live.current() is None
    both = bool(control) and test_pose.both_ways(control)
    state = context.window_manager.mimica
    row.prop(
        state,
        "test_both" if both else "test",
        text=say("Test {control}", control=control),
        slider=True,
        translate=False,
    )
    row.operator("mimica.reset_test", text="", icon="LOOP_BACK")
    if state.mapping_problem:
        draw_sentence(layout, context, state.mapping_problem, "ERROR")


def _draw_entry(layout: bpy.types.UILayout, context: bpy.types.Context, shown: MapView, entry: MimicaEntry) -> None:
    if problem := shown.problem(entry):
        draw_sentence(layout, context, f"{problem}.", "ERROR")
    column = layout.column()
    column.use_property_split = True
    column.use_property_decorate = False
    column.active = entry.enabled
    if entry.kind == "BONE":
        _draw_bone(column, shown, entry)
        return
    column.prop(entry, "control")
    column.prop(entry, "mirror")
    column.separator()
    for i, channel in enumerate(entry.channels):
        _draw_channel(column, shown, channel, i, len(entry.channels) > 1)
    row = column.row()
    row.alignment = "RIGHT"
    row.operator("mimica.add_channel", icon="ADD")
    column.prop(entry, "gain")
    column.prop(entry, "offset")
    column.prop(entry, "dead_zone")
    column.prop(entry, "curve")
    limits = column.column(align=True)
    limits.prop(entry, "minimum")
    limits.prop(entry, "maximum")
    column.prop(entry, "region")
    column.prop(entry, "label")


def _draw_bone(layout: bpy.types.UILayout, shown: MapView, entry: MimicaEntry) -> None:
    layout.prop(entry, "drive")
    _search_bone(layout, shown, entry, "bone")
    if entry.drive == "control":
        layout.prop(entry, "control")
    if entry.drive in ("lid", "eye_target") or entry.pair:
        _search_bone(layout, shown, entry, "pair")
    if entry.drive in ("lid", "eye", "eye_target"):
        layout.prop(entry, "side")
    layout.prop(entry, "mirror")
    layout.separator()
    layout.prop(entry, "gain")
    if entry.drive in ("landmarks", "lid", "eye_target"):
        layout.prop(entry, "limit")
    layout.prop(entry, "region")


def _search_bone(layout: bpy.types.UILayout, shown: MapView, entry: Any, name: str) -> None:
    row = layout.row()
    if shown.armature is None:
        row.alert = True
        row.prop(entry, name, icon="BONE_DATA")
        return
    row.alert = bool(getattr(entry, name)) and getattr(entry, name) not in shown.armature.pose.bones
    row.prop_search(entry, name, shown.armature.data, "bones", icon="BONE_DATA")


def _draw_channel(
    layout: bpy.types.UILayout, shown: MapView, channel: MimicaChannel, index: int, removable: bool
) -> None:
    column = layout.column(align=True)
    row = column.row(align=True)
    text = say("Target {number}", number=index + 1) if removable else say("Target")
    row.prop(channel, "kind", text=text, translate=False)
    if removable:
        row.operator("mimica.remove_channel", text="", icon="X").index = index
    row = column.row(align=True)
    row.alert = bool(shown.channel_problem(channel))
    obj = bpy.data.objects.get(channel.owner) if channel.owner else None
    if channel.kind == "shape_key":
        meshes = (channel.owner,) if channel.owner else map_view.character_meshes(shown.target)
        here = next((name for name in meshes if map_view.has_key(name, channel.target)), meshes[0] if meshes else "")
        mesh = bpy.data.objects.get(here)
        if mesh is not None and mesh.type == "MESH" and mesh.data.shape_keys is not None:
            keys = mesh.data.shape_keys
            row.prop_search(channel, "target", keys, "key_blocks", text="Shape Key", icon="SHAPEKEY_DATA")
        else:
            row.prop(channel, "target", text="Shape Key", icon="SHAPEKEY_DATA")
    elif channel.kind == "property":
        row.prop(channel, "target", text="Data Path", icon="RNA")
    else:
        armature = obj if obj is not None and obj.type == "ARMATURE" else shown.armature
        if armature is not None:
            row.prop_search(channel, "target", armature.data, "bones", text="Bone", icon="BONE_DATA")
        else:
            row.prop(channel, "target", text="Bone", icon="BONE_DATA")
        column.row(align=True).prop(channel, "axis", expand=True)
    column.prop(channel, {"rotation": "angle", "location": "distance"}.get(channel.kind, "amount"))
    column.prop_search(channel, "owner", bpy.data, "objects")


class VIEW3D_PT_mimica_strengths(_Panel, bpy.types.Panel):
    bl_label = "Strengths"
    bl_parent_id = "VIEW3D_PT_mimica_mapping"
    bl_options = {"DEFAULT_CLOSED"}

    def draw(self, context: bpy.types.Context) -> None:
        layout = self.layout
        layout.use_property_split = True
        layout.use_property_decorate = False
        shown = map_view.view(context.scene.mimica.target)
        if shown is None:
            return
        column = layout.column(align=True)
        for region, *_ in REGION_ITEMS:
            column.prop(shown.data.strengths, region, slider=True)
        layout.prop(shown.data, "neck_share")
        if shown.armature is not None:
            layout.prop(shown.data, "response")


class VIEW3D_PT_mimica_presets(_Panel, bpy.types.Panel):
    bl_label = "Mapping Presets"
    bl_options = {"INSTANCED"}

    def draw(self, _context: bpy.types.Context) -> None:
        layout = self.layout
        layout.label(text="Mapping Presets")
        column = layout.column(align=True)
        for preset in map_presets.list_presets():
            row = column.row(align=True)
            row.operator("mimica.use_preset", text=preset.name, translate=False).path = str(preset.path)
            if preset.own:
                row.operator("mimica.remove_preset", text="", icon="REMOVE").path = str(preset.path)
        layout.operator("mimica.save_preset", text="New Preset", icon="ADD")


class MIMICA_MT_mapping(bpy.types.Menu):
    bl_label = "Mapping"

    def draw(self, _context: bpy.types.Context) -> None:
        layout = self.layout
        layout.operator("mimica.load_map", icon="IMPORT")
        layout.operator("mimica.save_map", icon="EXPORT")
        layout.separator()
        layout.operator("mimica.save_preset", text="New Preset", icon="PRESET_NEW")
        layout.popover(panel="VIEW3D_PT_mimica_presets", text="Presets", icon="PRESET")
        layout.separator()
        layout.operator("mimica.reset_entries", icon="LOOP_BACK").scope = "ALL"
        layout.operator("mimica.clear_mapping", icon="TRASH")


class MIMICA_MT_entries(bpy.types.Menu):
    bl_label = "Entries"

    def draw(self, _context: bpy.types.Context) -> None:
        layout = self.layout
        layout.operator("mimica.add_bone_entry", icon="BONE_DATA")
        layout.operator("mimica.duplicate_entry", icon="DUPLICATE")
        layout.separator()
        for text, side in (("Copy Left to Right", "L"), ("Copy Right to Left", "R")):
            order = layout.operator("mimica.mirror_entries", text=text, icon="MOD_MIRROR" if side == "L" else "BLANK1")
            order.scope, order.side = "ALL", side
        layout.separator()
        for text, scope, action in (
            ("Enable All", "ALL", "ENABLE"),
            ("Disable All", "ALL", "DISABLE"),
            ("Enable Region", "REGION", "ENABLE"),
            ("Disable Region", "REGION", "DISABLE"),
            ("Only Active Region", "REGION", "ONLY"),
        ):
            order = layout.operator("mimica.enable_entries", text=text)
            order.scope, order.action = scope, action
        layout.separator()
        layout.operator("mimica.reset_entries", text="Reset Active to Detected", icon="LOOP_BACK").scope = "ACTIVE"
        layout.operator("mimica.reset_entries", text="Reset Region to Detected").scope = "REGION"


CLASSES = (
    MIMICA_UL_entries,
    MIMICA_MT_mapping,
    MIMICA_MT_entries,
    VIEW3D_PT_mimica_presets,
)
PANELS = (VIEW3D_PT_mimica_report, VIEW3D_PT_mimica_mapping, VIEW3D_PT_mimica_strengths)
"""Of the Character panel, in their order."""
