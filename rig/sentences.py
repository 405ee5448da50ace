# SPDX-FileCopyrightText: 2026 Mimica authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Sentences with values inside them, found again in a list of templates: those of capture and mapping, and what is
stored, are English, and are translated where they are shown.

A template is a sentence with `{0}`, `{1}` where values belong. No Blender here.
"""

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import cached_property

LookUp = Callable[[str], str]
"""The translation of a text that is known, else the text itself."""

_FIELD = re.compile(r"\{\d+\}")
_SENTENCE_END = re.compile(r"(?<=[.!?]) +")
_SPOKEN = re.compile(r"[a-z]|\S+ [a-z]")
"""What begins as a part of a sentence does: "its end is missing", "The tracker", but not "Jaw Open"."""
_ENDS = (".", "!", "?")
_OWN_NAMES = {"Not seen: {0}."}
"""Templates whose values are names that Mimica gives, with commas between."""
_WIDE_END = "。"
_MOST_PARTS = 12
"""Sentences after which a text is told whole or not at all."""


@dataclass(frozen=True)
class _Template:
    text: str
    words: str
    """The longest piece between two values: where it is not found, nothing else need be compared."""
    fields: tuple[str, ...]
    quoted: tuple[bool, ...]
    """For each value, whether it stands in quotation marks: a name or a path, which is not translated."""

    @cached_property
    def pattern(self) -> re.Pattern[str]:
        """What the sentence is with any values. Made when it may be the one: most never are."""
        return re.compile("(.*?)".join(re.escape(piece) for piece in _FIELD.split(self.text)), re.DOTALL)


def has_values(msgid: str) -> bool:
    """Whether a text is a template: whether it has `{0}`."""
    return bool(_FIELD.search(msgid))


class Sentences:
    """The known texts, and how to translate what is made of them."""

    def __init__(self, msgids: Iterable[str]) -> None:
        """Take the known texts, templates among them."""
        self._plain: set[str] = set()
        templates = []
        for msgid in msgids:
            if has_values(msgid):
                templates.append(msgid)
            else:
                self._plain.add(msgid)
        # The one that says most comes first: "The take '{0}' is damaged ({1})." before "{0} is damaged."
        ordered = sorted(templates, key=lambda text: -len(_FIELD.sub("", text)))
        self._templates = [_template(text) for text in ordered]

    def translate(self, text: str, look_up: LookUp) -> str:
        """Return a text translated: as a whole, else sentence by sentence. What is not known stays as it is."""
        whole = self._one(text, look_up)
        if whole is not None:
            return whole
        parts = _SENTENCE_END.split(text)
        if not 1 < len(parts) <= _MOST_PARTS:
            return text
        told, i, known = [], 0, False
        while i < len(parts):
            for end in range(len(parts), i, -1):
                piece = " ".join(parts[i:end])
                found = self._one(piece, look_up) if end - i < len(parts) else None
                if found is not None or end == i + 1:
                    told.append(piece if found is None else found)
                    i, known = end, known or found is not None
                    break
        return _joined(told) if known else text

    def _one(self, text: str, look_up: LookUp) -> str | None:
        """Return one known text translated, None where it is not known."""
        if text in self._plain:
            return look_up(text)
        for template in self._templates:
            found = template.pattern.fullmatch(text) if template.words in text else None
            if found is not None:
                return self._filled(template, found, look_up)
        body = text[:-1]
        if text.endswith(".") and body in self._plain:
            return _ended(look_up(body))
        return None

    def _filled(self, template: _Template, found: re.Match[str], look_up: LookUp) -> str:
        values: dict[str, str] = {}
        for field, value, quoted in zip(template.fields, found.groups(), template.quoted, strict=True):
            if template.text in _OWN_NAMES:
                value = ", ".join(map(look_up, value.split(", ")))
            values[field] = value if quoted else self._value(value, look_up)
        return _FIELD.sub(lambda match: values.get(match.group()[1:-1], match.group()), look_up(template.text))

    def _value(self, text: str, look_up: LookUp) -> str:
        """Return a value translated where it is part of the sentence. Names may read like labels, which are not."""
        if text in self._plain and not (_SPOKEN.match(text) or text.endswith(_ENDS)):
            return text
        told = self.translate(text, look_up)
        parts = text.split(", ")
        if told != text or len(parts) == 1:
            return told
        return ", ".join(part if part in self._plain else self._one(part, look_up) or part for part in parts)


def _template(text: str) -> _Template:
    pieces, fields = _FIELD.split(text), tuple(match.group()[1:-1] for match in _FIELD.finditer(text))
    quoted = tuple(pieces[i].endswith("'") and pieces[i + 1].startswith("'") for i in range(len(fields)))
    return _Template(text, max(pieces, key=len), fields, quoted)


def _ended(text: str) -> str:
    return text + (_WIDE_END if is_wide(text[-1:]) else ".")


def _joined(sentences: list[str]) -> str:
    """Put sentences side by side: with a space, but for scripts that have none."""
    text = ""
    for sentence in sentences:
        text += sentence if not text or is_wide(text[-1]) else f" {sentence}"
    return text


def is_wide(character: str) -> bool:
    """Whether a character is as wide as two: Chinese, Japanese and Korean ones and their punctuation."""
    return bool(character) and (
        "\u1100" <= character <= "\u115f"
        or "\u2e80" <= character <= "\ud7a3"
        or "\uf900" <= character <= "\ufaff"
        or "\ufe30" <= character <= "\ufe6f"
        or "\uff00" <= character <= "\uff60"
        or "\uffe0" <= character <= "\uffe6"
    )
