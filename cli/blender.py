# SPDX-FileCopyrightText: 2026 Mimica authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""`blender --command mimica ...`: the same command line, offered by Blender."""

from pathlib import Path
from typing import Any

_handle: Any = None


def register() -> None:
    """Offer the command. Main thread."""
    global _handle
    import bpy

    _handle = bpy.utils.register_cli_command("mimica", _execute)


def unregister() -> None:
    """Take the command back."""
    global _handle
    import bpy

    if _handle is not None:
        bpy.utils.unregister_cli_command(_handle)
        _handle = None


def _execute(argv: list[str]) -> int:
    import bpy

    from .commands import Places, main
    from .perform import user_folder

    package = __name__.rpartition(".cli.")[0]
    try:
        folder = Path(bpy.utils.extension_path_user(package, create=True))
    except ValueError:  # not installed as an extension
        folder = user_folder()
    places = Places(Path(__file__).resolve().parent.parent, folder)
    return main(argv, program="blender --command mimica", places=places)
