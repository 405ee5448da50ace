# SPDX-FileCopyrightText: 2026 Mimica authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Packages for an optional part of Mimica. Blender installs them with this extension; there is nothing else in it."""


def register() -> None:
    """Nothing to do: the packages are there as long as this extension is enabled."""


def unregister() -> None:
    """Nothing to do: Blender removes the packages that no extension needs any more."""
