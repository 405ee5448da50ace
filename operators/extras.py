# SPDX-FileCopyrightText: 2026 Mimica authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The ways to get the packages of an optional part."""

import bpy
from bpy.props import StringProperty

from ..bridges.extras import EXTRAS
from ..rig import extras
from ..rig.language import say


class MIMICA_OT_install_extra(bpy.types.Operator):
    bl_idname = "mimica.install_extra"
    bl_label = "Install from Disk..."
    bl_description = (
        "Choose the zip that brings these packages: Blender installs it as an extension of its own, which can be "
        "removed again in the preferences. Nothing is downloaded"
    )
    bl_options = {"INTERNAL"}

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        # Blender's extensions are themselves an add-on, which can be switched off.
        if not hasattr(bpy.types, "EXTENSIONS_OT_package_install_files"):
            cls.poll_message_set(say("Blender's own add-on for extensions is switched off"))
            return False
        return True

    def execute(self, _context: bpy.types.Context) -> set[str]:
        bpy.ops.extensions.package_install_files("INVOKE_DEFAULT")
        return {"FINISHED"}


class MIMICA_OT_copy_pip_line(bpy.types.Operator):
    bl_idname = "mimica.copy_pip_line"
    bl_label = "Copy Line for Pip"
    bl_description = (
        "Copy the command that installs these packages into Blender's own Python, to be run in a terminal. It needs "
        "the network, and the right to write into Blender's folder. Start Blender again afterwards"
    )
    bl_options = {"INTERNAL"}

    key: StringProperty(name="Key", description="Which optional part", options={"SKIP_SAVE"})

    def execute(self, context: bpy.types.Context) -> set[str]:
        if self.key not in EXTRAS:
            self.report({"ERROR"}, say("There is no optional part '{key}'", key=self.key))
            return {"CANCELLED"}
        context.window_manager.clipboard = extras.pip_line(self.key)
        self.report({"INFO"}, "The line for pip is in the clipboard")
        return {"FINISHED"}


register, unregister = bpy.utils.register_classes_factory((MIMICA_OT_install_extra, MIMICA_OT_copy_pip_line))
