# SPDX-FileCopyrightText: 2026 Mimica authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The command line: the same work as the panel, without a window."""

from .commands import main

__all__ = ["main"]
