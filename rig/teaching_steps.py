# SPDX-FileCopyrightText: 2026 Mimica authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Leads through the expressions that a character is taught: where one stands, and what each step does.

Where one stands is kept on the character's object, `Object.mimica_teaching`, so that it is saved and undone with it;
what was learned is in the character's map. Main thread.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import bpy
from bpy.props import (
    BoolProperty,
    CollectionProperty,
    EnumProperty,
    FloatProperty,
    IntProperty,
    PointerProperty,
    StringProperty,
)

from ..mapping.character_map import CharacterMap, ControlEntry
from ..mapping.symmetry import mirror_entries
from ..mapping.teaching import (
    Expression,
    Pose,
    TeachingError,
    at_rest,
    difference,
    entries_from_pose,
    entries_of,
    expressions,
    find_expression,
    following,
    learned_ids,
    means,
    pose_from_text,
    pose_to_text,
    posed,
)
from . import bake_preview, test_pose
from .character import data_of, holder_of, one_change, store_map, stored_map
from .map_mirror import symmetry_of
from .map_rows import entry_of, fill_entry
from .teaching import read_pose, size_of, write_pose

__all__ = [
    "CLASSES",
    "Expression",
    "Learned",
    "MimicaTeaching",
    "MimicaTeachingStep",
    "begin_here",
    "end",
    "expressions",
    "find_expression",
    "go",
    "learn",
    "learned",
    "mirror",
    "missing_before",
    "present",
    "register",
    "reset",
    "show",
    "start",
    "state_of",
    "unlearn",
    "unregister",
]

_BONES = ("location", "rotation", "scale")
_GROUPS = (
    ("essential", "Essential", "What no talking face does without", 1),
    ("more", "More", "Gaze, the brows' outer ends, and the lips for clear speech", 2),
    ("rest", "All Others", "The rest of the expressions that a performer's face is read for", 4),
    ("head", "Head", "Turning, bowing and tilting the head, for characters whose head is no Mimica bone", 8),
)


@dataclass(frozen=True, slots=True)
class Learned:
    """What came of a pose."""

    mirrored: bool = False
    """Whether the other side was learned with it."""
    missing: tuple[str, ...] = ()
    """What has no counterpart on the other side."""
    not_mirrored: str = ""
    """Why the other side was not learned with it, as a sentence."""
    released: tuple[str, ...] = ()
    """Bones that followed the face by themselves until now."""


def _go(self: "MimicaTeaching", _context: bpy.types.Context) -> None:
    shown = present(self.id_data)
    if shown is not None and shown.id != self.entered:
        test_pose.end()
        bake_preview.end()
        _enter(self.id_data)


def _choose(self: "MimicaTeaching", _context: bpy.types.Context) -> None:
    if not self.groups:
        # Setting it comes here again.
        self.groups = {"essential"}
    elif self.running:
        _list_steps(self)


class MimicaTeachingStep(bpy.types.PropertyGroup):
    """One expression of the list; `name`, Blender's own, is its id."""


class MimicaTeaching(bpy.types.PropertyGroup):
    """`Object.mimica_teaching`: where the teaching of a character stands."""

    running: BoolProperty(options={"HIDDEN"})
    steps: CollectionProperty(type=MimicaTeachingStep)
    index: IntProperty(name="Expression", description="The expression to pose", update=_go)
    rest: StringProperty(options={"HIDDEN"})
    """The pose in which the teaching began."""
    entered: StringProperty(options={"HIDDEN"})
    """The id of the present expression, once its step has begun."""
    began: StringProperty(options={"HIDDEN"})
    """The pose in which the present step began."""
    groups: EnumProperty(
        name="Expressions",
        description="Which expressions are asked for. Shift-click for several",
        items=[(name, label, text, "NONE", number) for name, label, text, number in _GROUPS],
        options={"ENUM_FLAG"},
        default={"essential"},
        update=_choose,
    )
    amount: FloatProperty(
        name="Amount",
        description="How much of the expression the pose shows. At 50% the full expression goes twice as far",
        subtype="PERCENTAGE",
        min=5.0,
        max=100.0,
        default=100.0,
        precision=0,
    )
    return_to_rest: BoolProperty(
        name="Return to Rest after Learning",
        description="Put the character back into the pose in which the teaching began before each step",
        default=True,
    )
    mirror: BoolProperty(
        name="Learn Both Sides",
        description=(
            "Learn an expression's mirror image for the other side at once, where that side has not been learned yet"
        ),
        default=True,
    )


def state_of(character: bpy.types.Object | None) -> MimicaTeaching | None:
    """Return where the teaching of the character stands; None without a character."""
    return getattr(holder_of(character), "mimica_teaching", None)


def present(character: bpy.types.Object | None) -> Expression | None:
    """Return the expression of the present step; None when nothing is taught now."""
    state = state_of(character)
    if state is None or not state.running or not 0 <= state.index < len(state.steps):
        return None
    return find_expression(state.steps[state.index].name)


def learned(character: bpy.types.Object | None) -> frozenset[str]:
    """Return the ids of the expressions that entries of the character's map drive it by. Cheap enough for drawing."""
    data = data_of(character)
    if data is None or not data.stored:
        return frozenset()
    return learned_ids((row.control, row.gain) for row in data.entries if row.kind == "CONTROL" and row.enabled)


def missing_before(character: bpy.types.Object, shown: Expression) -> tuple[Expression, ...]:
    """Return the expressions that a pose should begin with and that are not learned yet."""
    known = learned(character)
    return tuple(e for e in map(find_expression, shown.after) if e is not None and e.id not in known)


def start(character: bpy.types.Object) -> None:
    """Begin, or go on where it was ended, at the first expression that is not learned yet."""
    state = _state(character)
    state.rest = pose_to_text(read_pose(character))
    state.running = True
    state.entered = ""
    _list_steps(state)


def end(character: bpy.types.Object) -> None:
    """End, with the character in the pose in which it began."""
    state = _state(character)
    write_pose(character, pose_from_text(state.rest))
    for name in ("running", "steps", "index", "rest", "entered", "began", "amount"):
        state.property_unset(name)


def go(character: bpy.types.Object, step: int) -> None:
    """Go some steps on or back in the list, round its ends."""
    state, _ = _ask(character)
    state.index = (state.index + step) % len(state.steps)


def learn(character: bpy.types.Object) -> Learned:
    """Make the present pose the present expression, and go on to the next one that is not learned.

    :raises TeachingError: the pose is the one that the step began with.
    """
    state, shown = _ask(character)
    change = difference(pose_from_text(state.began), read_pose(character), size_of(character))
    entries = entries_from_pose(shown, change, {}, state.amount / 100.0)
    if len(shown.controls) > 1:
        sides = symmetry_of(character, entries).sides
        entries = entries_from_pose(shown, change, sides, state.amount / 100.0)
    known = learned(character)
    released = _put(character, shown, entries)
    result = Learned(released=released)
    if shown.other and state.mirror and shown.other not in known:
        try:
            missing, more = _mirror(character)
            result = Learned(True, missing, released=tuple(dict.fromkeys((*released, *more))))
        except TeachingError as error:
            result = replace(result, not_mirrored=str(error))
    state.property_unset("amount")
    known = learned(character)
    names = [step.name for step in state.steps]
    state.index = names.index(following(names, shown.id, lambda name: name not in known))
    if present(character) == shown:
        _enter(character)
    return result


def mirror(character: bpy.types.Object) -> tuple[str, ...]:
    """Make the mirror image of what was learned of the present expression the other side's.

    :return: names of what has no counterpart there.
    :raises TeachingError: nothing has.
    """
    return _mirror(character)[0]


def show(character: bpy.types.Object, amount: float = 1.0) -> None:
    """Put the character into the present expression as it was learned."""
    state, shown = _ask(character)
    began = _whole(character, state.began)
    write_pose(character, posed(began, entries_of(_map_of(character), shown), amount))


def reset(character: bpy.types.Object) -> None:
    """Put the character back into the pose that the present step began with."""
    state, _ = _ask(character)
    write_pose(character, pose_from_text(state.began))


def begin_here(character: bpy.types.Object) -> None:
    """Make the present pose the one that the present step begins with."""
    state, _ = _ask(character)
    state.began = pose_to_text(read_pose(character))


def unlearn(character: bpy.types.Object) -> None:
    """Forget what was learned of the present expression."""
    _, shown = _ask(character)
    _put(character, shown, ())


def _state(character: bpy.types.Object) -> MimicaTeaching:
    holder = holder_of(character)
    assert holder is not None
    return holder.mimica_teaching


def _ask(character: bpy.types.Object) -> tuple[MimicaTeaching, Expression]:
    shown = present(character)
    if shown is None:
        raise TeachingError("No expression is being taught. Press Start Teaching first")
    return _state(character), shown


def _mirror(character: bpy.types.Object) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Do what `mirror` does; return also the bones that no longer follow the face by themselves."""
    _, shown = _ask(character)
    other = find_expression(shown.other)
    if other is None:
        raise TeachingError(f"{shown.label} is the same on both sides")
    entries = entries_of(_map_of(character), shown)
    made, missing = mirror_entries(entries, shown, other, symmetry_of(character, entries))
    return missing, _put(character, other, made)


def _map_of(character: bpy.types.Object) -> CharacterMap:
    return stored_map(character) or CharacterMap(character.name)


def _put(character: bpy.types.Object, shown: Expression, entries: Sequence[ControlEntry]) -> tuple[str, ...]:
    """Put entries into the character's map in the place of those that an expression had.

    A bone that they pose no longer follows the face by itself: both would add up.

    :return: the bones that this released.
    """
    if not stored_map(character):
        store_map(character, _map_of(character))
    moved = {c.name for entry in entries for c in entry.channels if c.kind in _BONES}
    released = []
    with one_change(character) as data:
        rows = data.entries
        old = [
            i for i, row in enumerate(rows) if isinstance(entry := entry_of(row), ControlEntry) and means(entry, shown)
        ]
        for i in reversed(old):
            rows.remove(i)
        place = old[0] if old else len(rows)
        for i, entry in enumerate(entries):
            fill_entry(rows.add(), entry)
            rows.move(len(rows) - 1, place + i)
        data.index = max(min(data.index, len(rows) - 1), 0)
        for row in rows:
            if row.kind == "BONE" and row.enabled and row.bone in moved:
                row.enabled = False
                released.append(row.bone)
    return tuple(released)


def _list_steps(state: MimicaTeaching) -> None:
    """List the chosen expressions, and stay at the present one; else go to the first that is not learned."""
    state.steps.clear()
    for one in expressions():
        if one.group in state.groups:
            state.steps.add().name = one.id
    names = [step.name for step in state.steps]
    if not names:
        return
    known = learned(state.id_data)
    first = following(names, "", lambda name: name not in known) or names[0]
    # At the present expression only the list changes: its step goes on.
    state.index = names.index(state.entered if state.entered in names else first)


def _enter(character: bpy.types.Object) -> None:
    """Begin the present step: the character at rest, or as it is, and in the expressions that the pose begins with."""
    state, shown = state_of(character), present(character)
    if state is None or shown is None:
        return
    state.entered = shown.id
    state.property_unset("amount")
    began = _whole(character, state.rest) if state.return_to_rest else read_pose(character)
    first = [find_expression(name) for name in shown.after]
    character_map = _map_of(character)
    entries = [entry for one in first if one is not None for entry in entries_of(character_map, one)]
    began = posed(began, entries)
    write_pose(character, began)
    # As Blender holds it, with half the digits and within each slider's range.
    state.began = pose_to_text(read_pose(character))


def _whole(character: bpy.types.Object, text: str) -> Pose:
    """Return a stored pose with every channel of the character, also those at rest."""
    stored = pose_from_text(text)
    return {address: stored.get(address, at_rest(address[0])) for address in read_pose(character)}


CLASSES = (MimicaTeachingStep, MimicaTeaching)


def register() -> None:
    """Add `Object.mimica_teaching`."""
    for cls in CLASSES:
        bpy.utils.register_class(cls)
    bpy.types.Object.mimica_teaching = PointerProperty(type=MimicaTeaching)


def unregister() -> None:
    """Take it away again; what files hold stays in them."""
    del bpy.types.Object.mimica_teaching
    for cls in reversed(CLASSES):
        bpy.utils.unregister_class(cls)
