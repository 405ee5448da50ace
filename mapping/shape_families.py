# SPDX-FileCopyrightText: 2026 Mimica authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Sets of shapes that makers of characters use, from the table `data/shape_families.json`: what follows what."""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cache

from .data import load_table
from .naming import Match, Meaning, arkit_spellings, joined, match_names, sides

ARKIT = "ARKit"


@dataclass(frozen=True, slots=True, eq=False)
class Layer:
    """One set of shapes."""

    name: str
    known: dict[str, Meaning]
    """Joined spelling to meaning."""
    least: int = 1
    """Fewer found are no sign of the set."""
    coarse: bool = False
    """Whether its shapes move more than one ARKit control does."""
    anywhere: bool = False
    """Whether any words may come before its names."""
    idle: frozenset[str] = frozenset()
    """Joined names of the set that nothing follows."""


@dataclass(frozen=True, slots=True)
class Hit:
    """A shape key or property that was understood."""

    layer: Layer
    holder: str
    """Mesh; empty for a property."""
    name: str
    meaning: Meaning
    prefix: str

    @property
    def raised(self) -> tuple[str, ...]:
        """The controls that it shows; those that only take something off are left out."""
        return tuple(control for control, gain in self.meaning.follows if gain > 0)


@cache
def shape_layers() -> tuple[Layer, ...]:
    """Return all sets, the finest first: ARKit's own, then those of the table in their order."""
    families = (
        Layer(
            family["name"],
            _known(family["rows"]),
            family["least"],
            family.get("coarse", False),
            family.get("anywhere", False),
            frozenset(map(joined, family.get("known", ()))),
        )
        for family in load_table("shape_families")["families"]
    )
    return (Layer(ARKIT, arkit_spellings()), *families)


def find_shapes(layer: Layer, holders: Iterable[tuple[str, Sequence[str]]]) -> tuple[list[Hit], set[str]]:
    """Return what a set means among names, and all names that it understood.

    Of several spellings of one thing on a holder, that is used in which most of the holder's names are written.

    :param holders: mesh (empty for properties) and its names.
    """
    hits: list[Hit] = []
    understood: set[str] = set()
    for holder, names in holders:
        found = match_names(names, layer.known, holder, layer.anywhere)
        understood.update(found)
        hits += [Hit(layer, holder, name, m.meaning, m.prefix) for name, m in _one_spelling(found).items()]
    if len({id(hit.meaning) for hit in hits}) < layer.least:
        return [], set()
    return hits, understood


def _one_spelling(found: dict[str, Match]) -> dict[str, Match]:
    """Leave one name for each meaning, and no halves where there are wholes, nor both sides where there is each."""
    makers = load_table("shape_families")["rig_prefixes"]

    def style(match: Match) -> tuple[object, ...]:
        maker = match.prefix.split(" ")[0]
        return (maker,) if maker in makers else match.style

    common = Counter(style(match) for match in found.values())
    best: dict[int, str] = {}
    # Daz names of one thing: facs_ctrl_ moves facs_jnt_, and both facs_bs_.
    ranked = sorted(found, key=lambda name: (-common[style(found[name])], _rank(found[name].prefix)))
    for name in ranked:
        best.setdefault(id(found[name].meaning), name)
    left = {name: match for name, match in found.items() if best[id(match.meaning)] == name}
    single = [m.meaning for m in left.values() if len(m.meaning.follows) == 1]
    whole = {m.follows[0][0] for m in single if not m.part}
    sided = {m.follows[0][0] for m in single}
    return {
        name: match
        for name, match in left.items()
        if not (match.meaning.part and match.meaning.follows[0][0] in whole)
        and not (len(match.meaning.follows) > 1 and all(control in sided for control, _ in match.meaning.follows))
    }


def _rank(prefix: str) -> int:
    order = ("ctrl", "jnt", "bs")
    last = prefix.split(" ")[-1]
    return order.index(last) if last in order else 0


def _known(rows: Sequence[dict]) -> dict[str, Meaning]:
    known: dict[str, Meaning] = {}
    for row in rows:
        for side in sides(row["keys"][0]):
            follows = tuple((control.format_map(side), float(gain)) for control, gain in row["follows"].items())
            meaning = Meaning(follows, dead_zone=row.get("dead_zone", 0.0))
            known.update({joined(key.format_map(side)): meaning for key in row["keys"]})
    return known
