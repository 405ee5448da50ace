# SPDX-FileCopyrightText: 2026 Mimica authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Help in the browser, from the pages that came with the extension."""

import bpy
from bpy.props import StringProperty

from ..rig.help_pages import help_file
from ..rig.language import say
from ..rig.paths import EXTENSION_FOLDER


class MIMICA_OT_help(bpy.types.Operator):
    bl_idname = "mimica.help"
    bl_label = "Help"
    bl_description = "Show the page about this panel in the browser. It came with Mimica and needs no network"
    bl_options = {"INTERNAL"}

    page: StringProperty(
        name="Page", description="The page, and the place in it after a #", default="index", options={"SKIP_SAVE"}
    )

    def execute(self, _context: bpy.types.Context) -> set[str]:
        import webbrowser

        path = help_file(self.page, EXTENSION_FOLDER)
        if path is None:
            self.report({"ERROR"}, "The pages of help are not there. Install Mimica again")
            return {"CANCELLED"}
        if not webbrowser.open(path.as_uri()):
            self.report({"ERROR"}, say("No browser could be started. The page is {path}", path=path))
            return {"CANCELLED"}
        return {"FINISHED"}


register, unregister = bpy.utils.register_classes_factory((MIMICA_OT_help,))
