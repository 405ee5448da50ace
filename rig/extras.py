# SPDX-FileCopyrightText: 2026 Mimica authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which optional packages are missing in this Blender, for panels: looked for once, not at every redraw."""

import importlib
import sys
from functools import lru_cache

import bpy
import numpy as np

from ..bridges import extras
from ..capture.helper_start import HelperError, find_python


def missing(key: str) -> tuple[str, ...]:
    """Return the registry's names of an extra's packages that are not installed. Main thread.

    They are looked for again when an add-on is switched on or off: that is when Blender adds and removes packages.
    """
    return _missing(key, tuple(bpy.context.preferences.addons.keys()))


def needs_newer(key: str) -> bool:
    """Whether an extra needs a newer NumPy than this Blender has."""
    return extras.EXTRAS[key].numpy > int(np.__version__.split(".")[0])


def pip_line(key: str) -> str:
    """Return the command that installs an extra's packages into the Python of this Blender."""
    requirements = (requirement for _, requirement in extras.EXTRAS[key].modules)
    try:
        # What Blender calls its executable may be another Python of that version.
        python = find_python()
    except HelperError:
        python = sys.executable
    return " ".join((f'"{python}"', "-m", "pip", "install", *requirements))


@lru_cache(maxsize=32)
def _missing(key: str, _enabled: tuple[str, ...]) -> tuple[str, ...]:
    # Python remembers what is in its folders, for longer than they stay so.
    importlib.invalidate_caches()
    return extras.missing(key)
