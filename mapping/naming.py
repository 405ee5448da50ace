# SPDX-FileCopyrightText: 2026 Mimica authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""How names are spelled: which shape key, property or bone means what, however its maker writes it.

A name is read as words, whatever stands between them: `eyeBlink_L`, `Eye_Blink_Left` and `left eye blink` are one. All
words must be accounted for: those of a known prefix may come first, and nothing else may be left. A name that merely
contains what a control is called is something else, such as a backup or a corrective.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from functools import cache

import numpy as np

from .data import load_table
from .frame import ARKIT_SHAPES

_WORD = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|\d+|[^\W\d_]+")
_SIDES = {"left": "l", "right": "r"}
_DIRECTIONS = ("jawLeft", "jawRight", "mouthLeft", "mouthRight")
"""Controls whose left and right is a way to go, not a side of the face."""
_SPLIT = ("browInnerUp", "cheekPuff")
"""Controls without a side that many characters have a shape for on each side."""
_LEARNED = 5
"""As many controls behind the same unknown words make these a prefix."""
_NEAR = 0.8
"""How alike a misspelled name and a control's must be, 0 to 1."""
_LONG = 7
"""Letters of a spelling from which on a likeness says something."""
_OTHER_LETTERS = 4
"""As many letters too many or too few, two misspelled ones at most, can a likeness have."""


@dataclass(frozen=True, slots=True, eq=False)
class Meaning:
    """What follows what, for one thing that a name can stand for. Each is one object, however it is spelled."""

    follows: tuple[tuple[str, float], ...]
    """Controls and gains; they add up."""
    part: bool = False
    """Whether it is one side of a control that has no side."""
    dead_zone: float = 0.0


@dataclass(frozen=True, slots=True)
class Match:
    """A name that was understood."""

    meaning: Meaning
    prefix: str
    """The words before it, without numbers."""
    style: tuple[str, bool, bool]
    """How it is spelled: prefix, whether words are separated, whether the first is a capital."""


def words(name: str) -> tuple[str, ...]:
    """Return the words of a name in lower case: split at separators, capitals and numbers."""
    return tuple(word.lower() for word in _WORD.findall(name))


def joined(name: str) -> str:
    """Return a name's words as one, so that spellings compare equal."""
    return "".join(words(name))


def sides(text: str) -> Iterator[dict[str, str]]:
    """Give, for each side, what `{L}`, `{l}`, `{Left}` and `{left}` stand for; once without them in the text."""
    for side in ("Left", "Right") if "{" in text else ("Left",):
        yield {"L": side[0], "l": side[0].lower(), "Left": side, "left": side.lower()}


@cache
def arkit_spellings() -> dict[str, Meaning]:
    """Return every spelling of ARKit's shapes, joined, and what it means. Not to be changed.

    A shape that is for both sides at once follows both controls, half each.
    """
    known: dict[str, Meaning] = {}
    for control in ARKIT_SHAPES:
        own = words(control)
        meaning = Meaning(((control, 1.0),))
        known["".join(own)] = meaning
        side = _SIDES.get(own[-1], "")
        if control in _DIRECTIONS:
            known[own[0] + side] = meaning
        elif side:
            base = own[:-1]
            known.update(dict.fromkeys(_with_side(base, own[-1]), meaning))
            if own[-1] == "left":
                both = tuple((control.removesuffix("Left") + end, 0.5) for end in ("Left", "Right"))
                known["".join(base)] = Meaning(both)
        elif control in _SPLIT:
            for name in _SIDES:
                known.update(dict.fromkeys(_with_side(own, name), Meaning(((control, 1.0),), part=True)))
    return known


def match_names(
    names: Sequence[str], known: Mapping[str, Meaning], owner: str = "", anywhere: bool = False
) -> dict[str, Match]:
    """Return which names mean something, in their order.

    :param known: joined spelling to meaning.
    :param owner: name of the object they belong to, which exporters put before them.
    :param anywhere: whether any words may come first.
    """
    found: dict[str, Match] = {}
    unknown: dict[tuple[str, ...], dict[str, Match]] = {}
    own = set(words(owner))
    for name in names:
        parts = words(name)
        for start, match in _readings(name, parts, known):
            prefix = parts[:start]
            if anywhere or _is_prefix(prefix, own) or start <= _words_before_dot(name):
                found[name] = match
                break
            unknown.setdefault(prefix, {})[name] = match
    for learned in unknown.values():
        if len({id(match.meaning) for match in learned.values()}) >= _LEARNED:
            found.update({name: match for name, match in learned.items() if name not in found})
    return {name: found[name] for name in names if name in found}


def looks_facial(name: str) -> bool:
    """Whether a name speaks of a part of the face."""
    return any(word.startswith(tuple(_table("facial"))) for word in words(name))


def nearest_control(name: str) -> str:
    """Return the ARKit control that a misspelled name probably means, or an empty string."""
    parts = words(name)
    for start in (i for i in range(len(parts)) if _is_prefix(parts[:i], set())):
        text = "".join(parts[start:])
        spellings, letters = _spelled_letters()
        # To compare each with each takes long where a character has thousands of shapes; to count letters does not.
        other = np.abs(letters - _letters(text)).sum(axis=1)
        alike = [spellings[i] for i in np.flatnonzero(other <= _OTHER_LETTERS)]
        near = get_close_matches(text, alike, 1, _NEAR)
        if near:
            return arkit_spellings()[near[0]].follows[0][0]
    return ""


@cache
def _spelled_letters() -> tuple[list[str], np.ndarray]:
    """Return spellings of ARKit's shapes, and how often each has each letter, int (S, 26)."""
    spellings = [spelling for spelling in arkit_spellings() if len(spelling) >= _LONG]
    return spellings, np.array([_letters(spelling) for spelling in spellings])


def _letters(text: str) -> np.ndarray:
    codes = np.frombuffer(text.encode("ascii", "replace"), np.uint8).astype(int) - ord("a")
    return np.bincount(codes[(codes >= 0) & (codes < 26)], minlength=26)


def _with_side(base: tuple[str, ...], side: str) -> Iterator[str]:
    """Give the joined spellings of a control with a side: after it, before it, or after its first word."""
    for mark in (side, _SIDES[side]):
        yield "".join((*base, mark))
        yield "".join((mark, *base))
        yield "".join((base[0], mark, *base[1:]))


def _readings(name: str, parts: tuple[str, ...], known: Mapping[str, Meaning]) -> Iterator[tuple[int, Match]]:
    """Give each way to read a name's end as something known, the longest first, and where that begins."""
    suffixes = [suffix for suffix in _table("suffixes") if parts[-len(suffix) :] == tuple(suffix)]
    ends = [len(parts), *(len(parts) - len(suffix) for suffix in suffixes)]
    for start in range(len(parts)):
        for end in ends:
            meaning = known.get("".join(parts[start:end]))
            if meaning is None or _is_spoiled(parts[:start]):
                continue
            prefix = " ".join(word for word in parts[:start] if not word.isdigit())
            separated = bool(re.search(r"[\W_]", name.rpartition(".")[2] or name))
            capital = [word for word in _WORD.findall(name) if not word.isdigit()][len(prefix.split())][0].isupper()
            yield start, Match(meaning, prefix, (prefix, separated, capital))


def _is_prefix(parts: tuple[str, ...], owner: set[str]) -> bool:
    """Whether all words may come before a name: known ones, the owner's, numbers and numbered letters."""
    known = _table("prefixes")
    return all(
        word in known
        or word in owner
        or word.isdigit()
        or (len(word) == 1 and i + 1 < len(parts) and parts[i + 1].isdigit())
        for i, word in enumerate(parts)
    )


def _is_spoiled(parts: tuple[str, ...]) -> bool:
    return any(word in _table("spoiled") for word in parts)


def _words_before_dot(name: str) -> int:
    """Return how many words a node's name before the last dot has, as in `blendShape1.jawOpen`."""
    return len(words(name.rpartition(".")[0]))


def _table(key: str) -> list:
    return load_table("shape_families")[key]
