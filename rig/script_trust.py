# SPDX-FileCopyrightText: 2026 Mimica authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whether scripts and Python drivers of the open file may run in another process, too."""

import sys
from fnmatch import fnmatchcase
from pathlib import Path

import bpy

_SAID = {"-y": True, "--enable-autoexec": True, "-Y": False, "--disable-autoexec": False}
"""What the command line has to say of it."""


def scripts_allowed() -> bool:
    """Return whether the user lets scripts of the open file run. Main thread.

    Blender says whether it held some back, not whether it would: a driver of a hidden object was never asked for, and
    a text that was appended is run by whoever opens the file the next time. So the preference has to allow them.
    """
    words = sys.argv[: sys.argv.index("--")] if "--" in sys.argv else sys.argv
    said = [_SAID[word] for word in words if word in _SAID]
    preferences = bpy.context.preferences
    allowed = said[-1] if said else preferences.filepaths.use_scripts_auto_execute
    return allowed and not bpy.app.autoexec_fail and not _excluded(bpy.data.filepath)


def _excluded(file: str) -> bool:
    """Whether the preferences except a file's folder."""
    if not file:
        return False
    names = (file, str(Path(file).parent))
    for entry in bpy.context.preferences.autoexec_paths:
        if not entry.path:
            continue
        if any(fnmatchcase(name, entry.path) if entry.use_glob else name.startswith(entry.path) for name in names):
            return True
    return False
