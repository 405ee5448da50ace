# SPDX-FileCopyrightText: 2026 Mimica authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The panel Layers below the takes: what lies over the active one, and which take shows where. Drawing only reads."""

import bpy

from ..rig import layers
from ..rig.language import say
from . import layers_strip
from .sentence import draw_sentence

_LETTERS = (("brows", "B"), ("eyes", "E"), ("cheeks", "C"), ("mouth", "M"), ("head", "H"))
_WIDE = 300
"""Pixels of the sidebar from which a row of the list has the parts of the face too."""


class MIMICA_UL_layers(bpy.types.UIList):
    def draw_item(
        self,
        context: bpy.types.Context,
        layout: bpy.types.UILayout,
        _data: object,
        item: layers.MimicaLayer,
        _icon: int,
        _active_data: object,
        _active_property: str,
    ) -> None:
        row = layout.row(align=True)
        row.prop(item, "enabled", text="")
        text = row.row(align=True)
        text.active = item.enabled and bool(item.file)
        missing = bool(item.file) and not layers.file_of(item).is_file()
        text.label(text=item.name or "Base", icon="UNLINKED" if missing else "NONE", translate=not item.name)
        text.label(text=f"{item.first}-{item.last}", translate=False)
        if context.region.width > _WIDE * context.preferences.system.ui_scale:
            parts = row.row(align=True)
            parts.active = text.active
            parts.scale_x = 0.55
            for name, letter in _LETTERS:
                parts.prop(item, name, text=letter, toggle=True, translate=False)


class VIEW3D_PT_mimica_layers(bpy.types.Panel):
    bl_label = "Layers"
    bl_space_type = "VIEW_3D"
    bl_region_type = "UI"
    bl_category = "Mimica"
    bl_parent_id = "VIEW3D_PT_mimica_takes"
    bl_options = {"DEFAULT_CLOSED"}

    def draw_header(self, context: bpy.types.Context) -> None:
        _, layered = layers.active(context)
        if layered is not None and len(layered.layers):
            self.layout.prop(layered, "on", text="")

    def draw(self, context: bpy.types.Context) -> None:
        layout = self.layout
        take, layered = layers.active(context)
        if take is None:
            layout.label(text="Pick a take", icon="INFO")
            return
        if layered is not None and len(layered.layers):
            column = layout.column()
            column.active = layered.on
            _draw_list(column, layered)
            if 0 <= layered.index < len(layered.layers):
                _draw_layer(column, context, layered.layers[layered.index])
        else:
            draw_sentence(
                layout, context, "Other takes can lie over this one: parts of the face, or of the time", "INFO"
            )
        layout.operator_menu_enum("mimica.add_layer", "take", icon="ADD")
        layout.operator("mimica.split_phrases", icon="ALIGN_FLUSH")


def _draw_list(layout: bpy.types.UILayout, layered: layers.MimicaLayeredTake) -> None:
    row = layout.row()
    row.template_list("MIMICA_UL_layers", "", layered, "layers", layered, "index", rows=4)
    buttons = row.column(align=True)
    buttons.operator("mimica.remove_layer", text="", icon="REMOVE")
    buttons.separator()
    buttons.operator("mimica.move_layer", text="", icon="TRIA_UP").up = True
    buttons.operator("mimica.move_layer", text="", icon="TRIA_DOWN").up = False


def _draw_layer(layout: bpy.types.UILayout, context: bpy.types.Context, layer: layers.MimicaLayer) -> None:
    row = layout.row(align=True)
    row.operator("mimica.next_layer_take", text="", icon="TRIA_LEFT").back = True
    row.operator_menu_enum("mimica.layer_take", "take", text=layer.name or "Base", translate=not layer.name)
    row.operator("mimica.next_layer_take", text="", icon="TRIA_RIGHT").back = False
    if layer.file and not layers.file_of(layer).is_file():
        text = "The take '{path}' is not there any more. Choose another one, or remove the layer."
        draw_sentence(layout, context, say(text, path=layers.file_of(layer)), "ERROR")
        return
    parts = layout.row(align=True)
    for name, _ in _LETTERS:
        parts.prop(layer, name, toggle=True)
    column = layout.column(align=True)
    column.use_property_split = True
    column.use_property_decorate = False
    column.prop(layer, "first")
    column.prop(layer, "last")
    if layer.file:
        column.prop(layer, "begin")
        column = layout.column(align=True)
        column.use_property_split = True
        column.use_property_decorate = False
        column.prop(layer, "fade_in")
        column.prop(layer, "fade_out")
        if _has_several_faces(context, layer):
            column.prop(layer, "face")
        layout.operator("mimica.best_cut", icon="SNAP_INCREMENT")


def _has_several_faces(context: bpy.types.Context, layer: layers.MimicaLayer) -> bool:
    path = str(layers.file_of(layer))
    return any(item.path == path and item.several_faces for item in context.window_manager.mimica.takes)


_register, _unregister = bpy.utils.register_classes_factory((MIMICA_UL_layers, VIEW3D_PT_mimica_layers))


def register() -> None:
    """Register the panel, and the bars in the Timeline."""
    _register()
    layers_strip.register()


def unregister() -> None:
    """Undo `register`."""
    layers_strip.unregister()
    _unregister()
