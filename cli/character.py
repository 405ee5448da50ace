# SPDX-FileCopyrightText: 2026 Mimica authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A user's own .blend file, and the character in it that a take is baked onto. Needs Blender; main thread."""

import difflib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..mapping.frame import ARKIT_SHAPES
from .failure import CommandError
from .scene import Shot

_NAMED = 12
"""As many names are given in a sentence."""


@dataclass(frozen=True, slots=True)
class Found:
    """The character that was chosen."""

    shot: Shot
    summary: str
    """What it is, in a line."""
    notes: tuple[str, ...] = ()
    """What detection has to say of it, as sentences."""


@contextmanager
def stored_maps() -> Iterator[None]:
    """See to it that the maps that files hold are seen: the extension does, a plain module does not."""
    from ..rig import character

    if character.is_registered():
        yield
        return
    character.register()
    try:
        yield
    finally:
        character.unregister()


def open_file(path: Path) -> None:
    """Open a .blend file, without running the scripts in it. Raises CommandError."""
    import bpy

    if not path.is_file():
        raise CommandError(f"The file '{path}' does not exist. Check the name.")
    try:
        bpy.ops.wm.open_mainfile(filepath=str(path.absolute()), use_scripts=False)
    except RuntimeError as error:
        # Blender's own words come as lines, and say the path again.
        why = str(error).replace("Error:", "").strip().splitlines()
        raise CommandError(
            f"'{path}' cannot be opened ({why[-1].rstrip('.') if why else 'no reason given'}). Choose a file that this"
            f" Blender, {bpy.app.version_string}, can read, or save it anew."
        ) from error


def find_character(name: str | None) -> Found:
    """Return the character of the file that is open.

    A character that holds a map goes before what is detected, and what has a face before what has but a head.

    :param name: one of its objects; None takes the only character there is.
    :raises CommandError: there is no such object, no character or more than one, or it cannot be driven.
    """
    import bpy

    from ..rig.bind import TargetError, bind, can_be_target

    if name is None:
        obj = _only_character()
    else:
        obj = bpy.data.objects.get(name)
        if obj is None:
            raise CommandError(_no_object(name))
        if not can_be_target(obj):
            raise CommandError(
                f"'{name}' is no character: it has neither bones nor shape keys, nor anything below it that has."
                f"{_candidates_sentence()}"
            )
    if obj.library is not None:
        raise CommandError(
            f"'{obj.name}' is linked from another file. Make a library override of it in Blender, save, and try again."
        )
    scene = next((s for s in _scenes() if s.objects.get(obj.name) == obj), None)
    if scene is None:
        raise CommandError(f"'{obj.name}' is in no scene of the file. Put it into a scene in Blender, and save.")
    try:
        bind(obj)
    except TargetError as error:
        raise CommandError(str(error)) from error
    summary, notes = _describe(obj)
    render = scene.render
    return Found(Shot(scene.name, obj.name, render.fps / render.fps_base), summary, notes)


def _only_character() -> Any:
    """Return the file's one character. Raises CommandError."""
    from ..rig.detect import detect_character

    candidates = _candidates()
    stored = [obj for obj in candidates if _stored(obj)]
    detected = [] if stored else [(obj, detect_character(obj)) for obj in candidates]
    driven = [(obj, found) for obj, found in detected if found.character.bones or found.character.controls]
    faces = [(obj, found) for obj, found in driven if len(found.report.missing) < len(ARKIT_SHAPES)]
    chosen = stored or [obj for obj, _ in faces or driven]
    if len(chosen) == 1:
        return chosen[0]
    if chosen:
        raise CommandError(f"There are several characters: {_listed(chosen)}. Name one of them with --object.")
    if not candidates:
        raise CommandError(
            "There is no character in the file: nothing in its scenes has bones or shape keys. What is linked needs a"
            " library override, made in Blender. Without --character, Mimica makes a rig of its own."
        )
    said = dict.fromkeys(f"'{obj.name}': {note}" for obj, found in detected for note in found.report.notes)
    raise CommandError(f"There is no character in the file that Mimica could drive. {' '.join(list(said)[:3])}")


def _candidates() -> list[Any]:
    """Return one object for each character of the first scene that has any: its armature, else the top of its meshes.

    The active scene comes first.
    """
    from ..rig.detect import character_parts

    for scene in _scenes():
        found: dict[str, Any] = {}
        for obj in scene.objects:
            keyed = obj.type == "MESH" and obj.data.shape_keys is not None
            if obj.library is not None or not (keyed or obj.type == "ARMATURE"):
                continue
            top = character_parts(obj)[0] or _top(obj)
            found.setdefault(top.name, top)
        if found:
            return [found[name] for name in sorted(found)]
    return []


def _top(obj: Any) -> Any:
    while obj.parent is not None and obj.parent.type in ("MESH", "EMPTY"):
        obj = obj.parent
    return obj


def _scenes() -> list[Any]:
    import bpy

    active = bpy.context.scene
    return [active, *(scene for scene in bpy.data.scenes if scene != active)]


def _stored(obj: Any) -> bool:
    """Whether the character holds a map that is not empty."""
    from ..rig.character import stored_map

    found = stored_map(obj)
    return found is not None and bool(found.bones or found.controls)


def _describe(obj: Any) -> tuple[str, tuple[str, ...]]:
    """Return a line and sentences about a character."""
    from ..rig.character import stored_map, stored_report
    from ..rig.detect import detect_character

    total = len(ARKIT_SHAPES)
    own = stored_map(obj)
    if own is not None:
        report = stored_report(obj)
        kind = (report["family"] if report else "") or own.name
        return f"{obj.name}: {kind}, its own mapping of {len(own.bones) + len(own.controls)} entries", ()
    report = detect_character(obj).report
    return f"{obj.name}: {report.family}, {total - len(report.missing)} of {total} controls", report.notes


def _no_object(name: str) -> str:
    import bpy

    near = difflib.get_close_matches(name, [obj.name for obj in bpy.data.objects], 3, 0.5)
    if near:
        return f"There is no object '{name}' in the file. The nearest names are {', '.join(map(repr, near))}."
    return f"There is no object '{name}' in the file.{_candidates_sentence()}"


def _candidates_sentence() -> str:
    found = _candidates()
    return f" Characters could be: {_listed(found)}." if found else ""


def _listed(objects: list[Any]) -> str:
    names = [f"'{obj.name}'" for obj in objects]
    more = [f"{len(names) - _NAMED} more"] if len(names) > _NAMED else []
    return ", ".join([*names[:_NAMED], *more])
