# SPDX-FileCopyrightText: 2026 Mimica authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Breaking texts into lines, in scripts with spaces and without. No Blender here."""

import re
from collections.abc import Callable

from ..rig.sentences import is_wide

_NOT_FIRST = "、。，．！？；：）」』】〕》〉”’ー々ぁぃぅぇぉっゃゅょァィゥェォッャュョ%)"
"""What no line begins with in Chinese and Japanese."""
_NOT_LAST = "（「『【〔《〈“‘("
"""What no line ends with."""
_SPACES = re.compile(r"( +)")


def columns(text: str) -> int:
    """Return how many Latin letters a text is as wide as: Chinese and Japanese characters count twice."""
    return len(text) + sum(map(is_wide, text))


def wrap(text: str, fits: Callable[[str], bool]) -> list[str]:
    """Return a text in lines that fit, at least one. A piece that does not fit stands alone.

    Lines break at spaces, and between Chinese and Japanese characters.
    """
    lines = [""]
    for gap, piece in _pieces(text):
        longer = lines[-1] + gap + piece if lines[-1] else piece
        if not lines[-1] or fits(longer):
            lines[-1] = longer
        else:
            lines.append(piece)
    return lines


def _pieces(text: str) -> list[tuple[str, str]]:
    """Return what must not be torn apart, each with the space that stands before it."""
    found: list[tuple[str, str]] = []
    words = ["", *_SPACES.split(text.strip())]
    for gap, word in zip(words[::2], words[1::2], strict=True):
        start = 0
        for i in range(1, len(word) + 1):
            if i == len(word) or _may_break(word[i - 1], word[i]):
                found.append((gap, word[start:i]))
                gap, start = "", i
    return found


def _may_break(before: str, after: str) -> bool:
    return (is_wide(before) or is_wide(after)) and after not in _NOT_FIRST and before not in _NOT_LAST
