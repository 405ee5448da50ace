# SPDX-FileCopyrightText: 2026 Mimica authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The translations that Mimica brings along: one file a language in `translations/`, given to Blender as they are.

A file is `{"English text": "translation"}`. Where a text means two things, by the place where it stands:
`{"Record": {"Operator": "Aufnehmen", "*": "Aufnahme"}}`, "Operator" being buttons that do something.
"""

import json
from collections.abc import Iterator
from pathlib import Path

import bpy

from ..rig import language
from ..rig.language import OWN
from ..rig.paths import BASE_PACKAGE

FOLDER = Path(__file__).parent / "translations"
LANGUAGES = ("de", "es", "ja", "zh_HANS")
"""As Blender calls them, without the country: `de` serves every German."""
CONTEXTS = {"*": ("*", OWN), "Operator": (f"{OWN} Operator",)}
"""What Blender looks texts up as. Its own translation comes before an add-on's, and its "Face" is one of a mesh, so the
names that are registered have contexts of ours; what is drawn with no context is looked up as "*"."""
_KINDS = (bpy.types.AddonPreferences, bpy.types.Menu, bpy.types.Panel, bpy.types.PropertyGroup, bpy.types.UIList)

Catalog = dict[str, str | dict[str, str]]


def read(name: str) -> Catalog:
    """Return a language's file."""
    return json.loads((FOLDER / f"{name}.json").read_text("utf-8"))


def messages(catalog: Catalog) -> dict[tuple[str, str], str]:
    """Return translations as Blender wants them, by context and English text."""
    found = {}
    for msgid, text in catalog.items():
        for kind, contexts in CONTEXTS.items():
            translation = text if isinstance(text, str) else text.get(kind)
            if translation:
                for context in contexts:
                    found[context, msgid] = translation
    return found


def _give_context(kind: type, context: str) -> None:
    """Let the names of Mimica's classes of a kind, and of their properties, be looked up in a context."""
    for cls in _ours(kind):
        cls.bl_translation_context = context
        for declared in getattr(cls, "__annotations__", {}).values():
            if hasattr(declared, "keywords"):
                declared.keywords.setdefault("translation_context", OWN)


def _ours(kind: type) -> Iterator[type]:
    for cls in kind.__subclasses__():
        if cls.__module__.startswith(f"{BASE_PACKAGE}."):
            yield cls
        yield from _ours(cls)


def register() -> None:
    """Give Blender the translations, before anything else of Mimica is registered.

    All languages: Blender tells nobody when the user chooses another one.
    """
    for kind in _KINDS:
        _give_context(kind, OWN)
    _give_context(bpy.types.Operator, f"{OWN} Operator")
    # What a fault kept from being taken back would make Blender refuse.
    bpy.app.translations.unregister(BASE_PACKAGE)
    catalogs = {name: read(name) for name in LANGUAGES}
    bpy.app.translations.register(BASE_PACKAGE, {name: messages(catalog) for name, catalog in catalogs.items()})
    language.know(dict.fromkeys(msgid for catalog in catalogs.values() for msgid in catalog))


def unregister() -> None:
    """Take them back."""
    bpy.app.translations.unregister(BASE_PACKAGE)
    language.know(())
