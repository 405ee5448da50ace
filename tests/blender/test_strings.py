# SPDX-FileCopyrightText: 2026 Mimica authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Every text of the extension in every language, and what Blender is given of them."""

from typing import Any

import bpy
import pytest

import mimica
from mimica.tools import strings
from mimica.ui import languages

MESSAGES = dict[str, dict[tuple[str, str], str]]


@pytest.fixture(scope="module")
def texts() -> strings.Texts:
    return strings.collect()


def test_texts_of_all_kinds_are_found(texts: strings.Texts) -> None:
    """An operator's name, a tooltip, a property, a label, a sentence with values, one of a table."""
    for text in (
        "Start Capture",
        "Face found",
        "Set Neutral",
        "{n} frames",
        "The take '{0}' holds no face. Choose another take.",
        "Close the left eye entirely: the lids meet, the brow rests.",
        "The sidebar's tab has no such text",
    ):
        assert (text in texts) == ("no such" not in text), text


@pytest.mark.parametrize("name", languages.LANGUAGES)
class TestLanguage:
    def test_has_every_text(self, texts: strings.Texts, name: str) -> None:
        assert strings.missing(texts, languages.read(name)) == [], "see CONTRIBUTING.md, Translations"

    def test_has_no_text_in_vain(self, texts: strings.Texts, name: str) -> None:
        assert strings.dead(texts, languages.read(name)) == [], "see CONTRIBUTING.md, Translations"


def test_blender_gets_the_translations_and_loses_them_again(monkeypatch: pytest.MonkeyPatch) -> None:
    given: dict[str, MESSAGES] = {}

    class Translations:
        """Blender's, of which the module `bpy` is built without."""

        def register(self, name: str, messages: MESSAGES) -> None:
            given[name] = messages

        def unregister(self, name: str) -> None:
            given.pop(name, None)

        def __getattr__(self, name: str) -> Any:
            return getattr(bpy.app.translations, name)

    class App:
        translations = Translations()

        def __getattr__(self, name: str) -> Any:
            return getattr(bpy.app, name)

    class Module:
        app = App()

        def __getattr__(self, name: str) -> Any:
            return getattr(bpy, name)

    monkeypatch.setattr(languages, "bpy", Module())
    mimica.register()
    try:
        (messages,) = given.values()
        assert set(messages) == set(languages.LANGUAGES)
        for name, found in messages.items():
            start = bpy.ops.mimica.start_capture.get_rna_type()
            assert found[start.translation_context, start.name] != start.name, name
            faces = bpy.context.scene.mimica.bl_rna.properties["faces"]
            assert found[faces.translation_context, faces.name] != faces.name, name
            panel = bpy.types.VIEW3D_PT_mimica_performer
            assert found[panel.bl_rna.translation_context, panel.bl_label] != panel.bl_label, name
    finally:
        mimica.unregister()
    assert given == {}


def test_a_text_may_differ_by_where_it_stands() -> None:
    found = languages.messages({"Record": {"Operator": "Aufnehmen", "*": "Aufnahme"}, "Stop": "Halt"})
    assert found["Mimica", "Record"] == found["*", "Record"] == "Aufnahme"
    assert found["Mimica Operator", "Record"] == "Aufnehmen"
    assert found["Mimica", "Stop"] == found["Mimica Operator", "Stop"] == "Halt"
