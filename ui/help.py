# SPDX-FileCopyrightText: 2026 Mimica authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A question mark in the header of every panel, and Online Manual in the menu of every button: both lead to the page
that `help_pages.json` names. Drawing only reads.
"""

import json
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from typing import Any

import bpy

from ..rig.help_pages import entrance, help_file
from ..rig.paths import BASE_PACKAGE, EXTENSION_FOLDER

_OWN = "draw_header_preset"
_given: list[tuple[type, Any]] = []
"""Panels that were given a question mark, and what they drew there before."""


@cache
def _table() -> dict[str, dict[str, str]]:
    return json.loads((Path(__file__).parent / "help_pages.json").read_text("utf-8"))


def page_of(name: str) -> str | None:
    """Return the page about a panel, its parent's if the table has none of its own; None for others' panels."""
    pages = _table()["panels"]
    panels = {panel.__name__: panel for panel in our_panels()}
    while name not in pages and name in panels:
        name = getattr(panels[name], "bl_parent_id", "")
    return pages.get(name)


def our_panels() -> Iterator[type]:
    """Yield the extension's panel classes, registered or not, of those modules that are loaded."""
    for panel in bpy.types.Panel.__subclasses__():
        if panel.__module__.startswith(f"{BASE_PACKAGE}."):
            yield panel


def manual_map() -> tuple[str, tuple[tuple[str, str], ...]]:
    """Return where Online Manual leads: the site's address, and patterns of buttons with their page."""
    pages = _table()["manual"]
    if help_file("index", EXTENSION_FOLDER) == EXTENSION_FOLDER / "help" / "index.html":
        return f"{(EXTENSION_FOLDER / 'help').as_uri()}/", tuple((name, entrance(page)) for name, page in pages.items())
    docs = f"{(EXTENSION_FOLDER / 'docs').as_uri()}/"
    return docs, tuple((name, f"{page.partition('#')[0]}.md") for name, page in pages.items())


def register() -> None:
    """Give the panels their question marks: before they are registered, for Blender looks at a class only then."""
    for panel in our_panels():
        page = page_of(panel.__name__)
        if page is not None:
            before = panel.__dict__.get(_OWN)
            _given.append((panel, before))
            setattr(panel, _OWN, _with_question_mark(page, before))
    bpy.utils.register_manual_map(manual_map)


def unregister() -> None:
    """Take them back."""
    bpy.utils.unregister_manual_map(manual_map)
    for panel, before in _given:
        if before is None:
            delattr(panel, _OWN)
        else:
            setattr(panel, _OWN, before)
    _given.clear()


def _with_question_mark(page: str, before: Callable[..., None] | None) -> Callable[..., None]:
    def draw_header_preset(self: bpy.types.Panel, context: bpy.types.Context) -> None:
        if before is not None:
            before(self, context)
        row = self.layout.row()
        row.emboss = "NONE"
        # Fainter than the panel's title: there are many of them.
        row.active = False
        row.operator("mimica.help", text="", icon="QUESTION").page = page

    return draw_header_preset
