# SPDX-FileCopyrightText: 2026 Mimica authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Mimica: facial motion capture for Blender from any camera or video.

Nothing is imported here at module level: the same folder is a Blender extension and a Python package that works
without Blender.
"""


def register() -> None:
    """Register the extension. If a part fails, what came before it is taken back."""
    from . import operators, ui
    from .cli import blender as command_line

    done = []
    try:
        for part in (ui, operators, command_line):
            part.register()
            done.append(part)
    except Exception:
        for part in reversed(done):
            part.unregister()
        raise


def unregister() -> None:
    """Stop a running capture, then unregister everything in reverse."""
    from . import operators, ui
    from .cli import blender as command_line

    for part in (command_line, operators, ui):
        part.unregister()
