# SPDX-FileCopyrightText: 2026 Mimica authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Sentences with values inside are found again among the templates, and lines break in every script."""

import pytest

from mimica.rig.sentences import Sentences, is_wide
from mimica.ui.wrapping import columns, wrap

KNOWN = {
    "The take '{0}' is damaged ({1}). Repair it.": "Die Aufnahme '{0}' ist beschädigt ({1}). Reparieren.",
    "The take '{0}' is damaged.": "Die Aufnahme '{0}' ist beschädigt.",
    "{0} The take is kept.": "{0} Die Aufnahme bleibt.",
    "its end is missing": "das Ende fehlt",
    "Close other programs.": "Andere Programme schließen.",
    "Your face moved": "Das Gesicht hat sich bewegt",
    "The tracker": "Der Tracker",
    "{0} did not answer.": "{0} hat nicht geantwortet.",
    "Jaw Open": "Kiefer offen",
    "Left alone: {0}.": "Unberührt: {0}.",
    "{0} locked": "{0} gesperrt",
    "{0} of {1} are new": "Von {1} sind {0} neu",
}


def told(text: str, known: dict[str, str] = KNOWN) -> str:
    return Sentences(known).translate(text, lambda msgid: known.get(msgid, msgid))


@pytest.mark.parametrize(
    ("text", "translation"),
    [
        ("Close other programs.", "Andere Programme schließen."),
        ("The take 'a. b' is damaged.", "Die Aufnahme 'a. b' ist beschädigt."),
        (
            "The take 'x' is damaged (its end is missing). Repair it.",
            "Die Aufnahme 'x' ist beschädigt (das Ende fehlt). Reparieren.",
        ),
        # The order of the values is the translation's own, by their numbers.
        ("3 of 7 are new", "Von 7 sind 3 neu"),
        ("Your face moved.", "Das Gesicht hat sich bewegt."),
        ("The tracker did not answer.", "Der Tracker hat nicht geantwortet."),
        ("Left alone: 2 locked, 1 locked.", "Unberührt: 2 gesperrt, 1 gesperrt."),
    ],
)
def test_known_sentences(text: str, translation: str) -> None:
    assert told(text) == translation


def test_sentences_side_by_side() -> None:
    both = "Close other programs. Nobody knows this one. The take 'x' is damaged."
    assert told(both) == "Andere Programme schließen. Nobody knows this one. Die Aufnahme 'x' ist beschädigt."
    assert told("Close other programs. The take is kept.") == "Andere Programme schließen. Die Aufnahme bleibt."


def test_names_that_mimica_gives_are_translated() -> None:
    known = {"Not seen: {0}.": "Nicht gesehen: {0}.", "Jaw Open": "Kiefer offen", "Kiss": "Kuss"}
    assert told("Not seen: Jaw Open, Kiss.", known) == "Nicht gesehen: Kiefer offen, Kuss."


def test_names_are_not_translated() -> None:
    """A shape key may be called as one of Mimica's labels is."""
    assert told("Left alone: Jaw Open.") == "Unberührt: Jaw Open."
    assert told("The take 'Jaw Open' is damaged.") == "Die Aufnahme 'Jaw Open' ist beschädigt."


@pytest.mark.parametrize("text", ["", "Nobody knows this one.", "Nor this one.  Nor that {0}", "100% of {braces}"])
def test_unknown_sentences_stay(text: str) -> None:
    assert told(text) == text


def test_chinese_sentences_stand_without_a_space() -> None:
    known = {"Close other programs.": "请关闭其他程序。", "Your face moved": "脸动了"}
    assert told("Close other programs. Your face moved.", known) == "请关闭其他程序。脸动了。"


def test_wide_characters_count_twice() -> None:
    assert columns("abc") == 3
    assert columns("顔が") == 4
    assert is_wide("。")
    assert not is_wide("ß")
    assert not is_wide("")


def test_lines_break_at_spaces() -> None:
    assert wrap("one two  three", lambda line: columns(line) <= 8) == ["one two", "three"]
    assert wrap("a longest b", lambda line: columns(line) <= 3) == ["a", "longest", "b"]
    assert wrap("", lambda line: False) == [""]


def test_lines_break_between_wide_characters() -> None:
    text = "カメラを見て、顔に光を当ててください。OK 100%"
    lines = wrap(text, lambda line: columns(line) <= 12)
    assert "".join(lines).replace(" ", "") == text.replace(" ", "")
    assert all(columns(line) <= 12 for line in lines)
    assert len(lines) > 3
    assert not any(line[0] in "、。" for line in lines)
