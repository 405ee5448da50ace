# SPDX-FileCopyrightText: 2026 Mimica authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Where the pages of help are: the site that the zip carries, or a checkout's Markdown. Without Blender."""

from pathlib import Path

SITE, ENTRANCES, MARKDOWN = "help", "at", "docs"
"""Folders: of the site in the extension, of the pages in it that lead on to a place, and of a checkout's pages."""


def entrance(page: str) -> str:
    """Return the site's file for a page, as "takes" or "takes#sound".

    A place in a page has a file of its own that leads on to it: what opens an address in the browser makes a path of
    it first, on most systems, and loses what follows the "#".
    """
    name, _sign, place = page.partition("#")
    return f"{ENTRANCES}/{name}--{place}.html" if place else f"{name}.html"


def help_file(page: str, extension: Path) -> Path | None:
    """Return the file to show for a page; None if neither site nor Markdown has it.

    :param extension: the extension's folder.
    """
    candidates = (extension / SITE / entrance(page), extension / MARKDOWN / f"{page.partition('#')[0]}.md")
    return next((path for path in candidates if path.is_file()), None)
