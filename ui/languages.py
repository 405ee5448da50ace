# SPDX-FileCopyrightText: 2026 Mimica authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The translations that Mimica brings along: one file a language in `translations/`, given to Blender as they are.

A file is `{"English text": "translation"}`. Where a text means two things, by the place where it stands:
`{"Record": {"Operator": "Aufnehmen", "*": "Aufnahme"}}`, "Operator" being buttons that do something.
"""

import json
from pathlib import Path

import bpy

from ..rig import language
from ..rig.paths import BASE_PACKAGE

FOLDER = Path(__file__).parent / "translations"
LANGUAGES = ("de", "es", "ja", "zh_HANS")
"""As Blender calls them, without the country: `de` serves every German."""
CONTEXTS = ("*", "Operator")
"""Blender looks the names of operators up as "Operator", everything else as "*"."""

Catalog = dict[str, str | dict[str, str]]


def read(name: str) -> Catalog:
    """Return a language's file."""
    return json.loads((FOLDER / f"{name}.json").read_text("utf-8"))


def messages(catalog: Catalog) -> dict[tuple[str, str], str]:
    """Return translations as Blender wants them, by context and English text."""
    found = {}
    for msgid, text in catalog.items():
        for context in CONTEXTS:
            translation = text if isinstance(text, str) else text.get(context)
            if translation:
                found[context, msgid] = translation
    return found


def register() -> None:
    """Give Blender the translations. All languages: it says nobody when the user chooses another one."""
    catalogs = {name: read(name) for name in LANGUAGES}
    bpy.app.translations.register(BASE_PACKAGE, {name: messages(catalog) for name, catalog in catalogs.items()})
    language.know(dict.fromkeys(msgid for catalog in catalogs.values() for msgid in catalog))


def unregister() -> None:
    """Take them back."""
    bpy.app.translations.unregister(BASE_PACKAGE)
    language.know(())
