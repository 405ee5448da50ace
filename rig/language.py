# SPDX-FileCopyrightText: 2026 Mimica authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is said to the user, in the language that Blender's interface has."""

import bpy


def say(template: str, **values: object) -> str:
    """Return a text in the interface's language, with its `{names}` filled in. Main thread.

    The template is what is looked up, so it must be a literal: `say("{n} frames", n=3)`, never an f-string.
    """
    text = bpy.app.translations.pgettext_iface(template)
    return text.format(**values) if values else text
