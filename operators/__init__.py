# SPDX-FileCopyrightText: 2026 Mimica authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the user does: thin operators that read the context, call `rig` and report."""

from . import bake, capture, create_rig, model, performer, sources, takes

_MODULES = (sources, model, capture, performer, takes, create_rig, bake)


def register() -> None:
    """Register the operators and what must be told of file loads."""
    for module in _MODULES:
        module.register()


def unregister() -> None:
    """End what runs, then undo `register`."""
    for module in reversed(_MODULES):
        module.unregister()
