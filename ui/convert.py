# SPDX-FileCopyrightText: 2026 Mimica authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Shape Keys and Bones: an animation carried over from the one to the other."""

import bpy

from ..rig.convert import by_keys


class VIEW3D_PT_mimica_convert(bpy.types.Panel):
    bl_label = "Shape Keys and Bones"
    bl_space_type = "VIEW_3D"
    bl_region_type = "UI"
    bl_category = "Mimica"
    bl_parent_id = "VIEW3D_PT_mimica_bake"
    bl_options = {"DEFAULT_CLOSED"}
    bl_order = 9

    def draw(self, context: bpy.types.Context) -> None:
        layout = self.layout
        settings = context.scene.mimica.convert
        column = layout.column()
        column.use_property_split = True
        column.use_property_decorate = False
        column.prop(settings, "source")
        column.prop(settings, "target")
        column.prop(settings, "part")
        if settings.part:
            part = column.column(align=True)
            part.prop(settings, "first")
            part.prop(settings, "last")
        source, target = settings.source, settings.target
        if source is not None and target is not None and source != target:
            column.label(text=_way(source, target), icon="SHAPEKEY_DATA" if by_keys(target) else "BONE_DATA")
        layout.operator("mimica.convert", icon="FILE_REFRESH")
        layout.operator("mimica.make_arkit_shapes", icon="SHAPEKEY_DATA")


def _way(source: bpy.types.Object, target: bpy.types.Object) -> str:
    if by_keys(source):
        return "Shape keys to shape keys" if by_keys(target) else "Shape keys to bones"
    return "Bones to shape keys" if by_keys(target) else "Bones to bones"


register, unregister = bpy.utils.register_classes_factory((VIEW3D_PT_mimica_convert,))
