# SPDX-FileCopyrightText: 2026 Mimica authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is said to the user, in the language that Blender's interface has."""

from collections.abc import Iterable
from functools import lru_cache

import bpy

from .sentences import Sentences

OWN = "Mimica"
"""The context in which Mimica's texts are looked up first: Blender's "Face" is one of a mesh."""

_known: tuple[str, ...] = ()


def say(template: str, **values: object) -> str:
    """Return a text in the interface's language, with its `{names}` filled in. Main thread.

    The template is what is looked up, so it must be a literal: `say("{n} frames", n=3)`, never an f-string.
    """
    text = _look_up(template)
    return text.format(**values) if values else text


def later(text: str) -> str:
    """Return a text as it is: a mark that it is shown, for a table whose texts `say` looks up."""
    return text


def sentence(text: str) -> str:
    """Return a sentence that was made elsewhere, in English and with values inside, in the interface's language.

    That is what exceptions, reports and stored notes say. What no translation is known for stays as it is. Main thread.
    """
    locale = bpy.app.translations.locale or ""
    # The language stays chosen while the interface is not translated.
    told = bpy.context.preferences.view.use_translate_interface and locale not in ("", "en_US")
    return _translated(text, locale) if text and told else text


def know(msgids: Iterable[str]) -> None:
    """Set the texts that `sentence` finds again; called as translations are registered."""
    global _known
    _known = tuple(msgids)
    _sentences.cache_clear()
    _translated.cache_clear()


@lru_cache(maxsize=1)
def _sentences() -> Sentences:
    # Made when first needed: compiling some hundred patterns is no work for the start of Blender.
    return Sentences(_known)


@lru_cache(maxsize=256)
def _translated(text: str, _locale: str) -> str:
    return _sentences().translate(text, _look_up)


def _look_up(text: str) -> str:
    own = bpy.app.translations.pgettext_iface(text, OWN)
    return own if own != text else bpy.app.translations.pgettext_iface(text)
