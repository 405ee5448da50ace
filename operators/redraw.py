# SPDX-FileCopyrightText: 2026 Mimica authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Drawing anew what shows something that changed outside of Blender's own knowledge."""

import bpy


def redraw(context: bpy.types.Context, region: str, area: str = "VIEW_3D") -> None:
    """Draw one kind of region in all editors of a kind anew, and nothing else of them. Main thread.

    :param region: WINDOW is a viewport's scene or the whole of the preferences, UI the sidebar.
    """
    for window in context.window_manager.windows:
        for editor in window.screen.areas:
            if editor.type == area:
                for part in editor.regions:
                    if part.type == region:
                        part.tag_redraw()
