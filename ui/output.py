# SPDX-FileCopyrightText: 2026 Mimica authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The panel Output: what leaves Blender for other programs. Each way out is a sub-panel, in a module of its own."""

import bpy


class VIEW3D_PT_mimica_output(bpy.types.Panel):
    bl_label = "Output"
    bl_space_type = "VIEW_3D"
    bl_region_type = "UI"
    bl_category = "Mimica"
    bl_options = {"DEFAULT_CLOSED"}
    bl_order = 20

    def draw(self, context: bpy.types.Context) -> None:
        """Nothing: its sub-panels are all of it."""


register, unregister = bpy.utils.register_classes_factory((VIEW3D_PT_mimica_output,))
