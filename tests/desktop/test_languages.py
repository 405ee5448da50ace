# SPDX-FileCopyrightText: 2026 Mimica authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Mimica's translations in Blender, which looks them up; the module `bpy` is built without. No window is needed."""

import json

import pytest

from mimica.tests.desktop.harness import Installation

CODE = """
import json
import bpy
from bl_ext.user_default.mimica.rig.language import say, sentence

def said():
    start = bpy.ops.mimica.start_capture.get_rna_type()
    return [
        bpy.app.translations.pgettext_iface(start.name, "Mimica Operator"),
        bpy.app.translations.pgettext_tip("Capture the performer and move the character along while you go on working. "
                                          "Esc stops it"),
        say("Face"),
        say("{n} frames", n=3),
        sentence("The take 'Rain_07' holds no face. Choose another take. Choose another folder, or free some space."),
    ]

view = bpy.context.preferences.view
found = {}
for language in ("en_US", "de_DE", "es", "ja_JP", "zh_HANS"):
    view.language = language
    view.use_translate_interface = view.use_translate_tooltips = True
    found[language] = said()
bpy.ops.preferences.addon_disable(module="bl_ext.user_default.mimica")
found["disabled"] = [bpy.app.translations.pgettext_iface("Start Capture", "Mimica Operator")]
if not bpy.app.build_options.international:
    found = {}
print("FOUND" + json.dumps(found))
"""


def test_every_language_speaks(installation: Installation) -> None:
    told = installation.background(CODE)
    found = json.loads(told.partition("FOUND")[2].partition("\n")[0])
    if not found:
        pytest.skip("this Blender is built without translations")
    assert found.pop("disabled") == ["Start Capture"]
    english = found.pop("en_US")
    assert english[0] == "Start Capture" and english[3] == "3 frames"
    for language, texts in found.items():
        assert all(text != original for text, original in zip(texts, english, strict=True)), (language, texts)
        assert "3" in texts[3] and "Rain_07" in texts[4], (language, texts)
        # Each of its sentences is found by itself.
        assert not any(words in texts[4] for words in ("holds no face", "another take", "some space")), (
            language,
            texts,
        )
    assert found["de_DE"][2] == "Gesicht"
