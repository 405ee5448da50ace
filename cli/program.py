# SPDX-FileCopyrightText: 2026 Mimica authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The program `mimica`, outside Blender: a process that does one command and ends."""

import os
import shutil
import sys
from typing import Any, NoReturn

from .commands import main


def program() -> NoReturn:
    """Do what the process's command line says, and end the process."""
    code = main()
    bpy: Any = sys.modules.get("bpy")
    if bpy is not None:
        # Blender 4.2 as a module frees its panels after Python has ended, and crashes when anything still refers to
        # them: work that went well would end as a failure. All is written by now, so the process ends at once.
        shutil.rmtree(bpy.app.tempdir, ignore_errors=True)
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)
    sys.exit(code)
