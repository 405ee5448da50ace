# SPDX-FileCopyrightText: 2026 Mimica authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the user sees: properties, preferences, panels."""

from . import panels, preferences, properties


def register() -> None:
    """Register everything of the interface."""
    properties.register()
    preferences.register()
    panels.register()


def unregister() -> None:
    """Undo `register`."""
    panels.unregister()
    preferences.unregister()
    properties.unregister()
