# SPDX-FileCopyrightText: 2026 Mimica authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Character maps as JSON: one entry a line, checked on reading with sentences that name the line."""

import json
from collections.abc import Callable
from dataclasses import MISSING, asdict, fields
from difflib import get_close_matches
from json.decoder import JSONDecodeError
from typing import Any, get_args

from .character_map import (
    CONTROLS,
    NO_LIMIT,
    REGIONS,
    SCHEMA,
    BoneEntry,
    Channel,
    ChannelKind,
    CharacterMap,
    CharacterMapError,
    ControlEntry,
    Drive,
)
from .frame import ARKIT_SHAPES, LANDMARK_COUNT

_OLD_SHAPE = 1
"""The schema in which shape keys had a list of their own."""


def to_json(character: CharacterMap) -> dict[str, Any]:
    """Return the map as plain JSON data, without what stands at its default."""
    return {
        "schema": SCHEMA,
        "name": character.name,
        "neck_share": character.neck_share,
        "translation": character.translation,
        "response": character.response,
        "strengths": dict(character.strengths),
        "bones": [_short(BoneEntry, asdict(entry)) for entry in character.bones],
        "controls": [
            _short(ControlEntry, asdict(entry)) | {"channels": [_short(Channel, asdict(c)) for c in entry.channels]}
            for entry in character.controls
        ],
    }


def write_map(character: CharacterMap) -> str:
    """Return the map as the text of a file, one entry a line."""
    data = to_json(character)
    lines: list[str] = []
    for key, value in data.items():
        if isinstance(value, list) and value:
            rows = ",\n".join("    " + json.dumps(row, ensure_ascii=False) for row in value)
            lines.append(f"  {json.dumps(key)}: [\n{rows}\n  ]")
        else:
            lines.append(f"  {json.dumps(key)}: {json.dumps(value, ensure_ascii=False)}")
    return "{\n" + ",\n".join(lines) + "\n}\n"


def read_map(text: str) -> CharacterMap:
    """Read the text of a file.

    :raises CharacterMapError: naming the line that cannot be used and why.
    """
    try:
        data = _LineDecoder().decode(text)
    except JSONDecodeError as error:
        raise CharacterMapError(
            f"Line {error.lineno} is no JSON: {error.msg}. Mend it, or save the map anew."
        ) from None
    except RecursionError:
        raise CharacterMapError("This is no character map. Choose another file.") from None
    return from_json(data)


def from_json(data: Any) -> CharacterMap:
    """Read what `to_json` wrote, this version or an older one.

    :raises CharacterMapError: naming the entry, and its line where it is known.
    """
    schema = data.get("schema") if isinstance(data, dict) else None
    if not isinstance(schema, int) or isinstance(schema, bool):
        raise CharacterMapError("This is no character map. Choose another file.")
    if schema > SCHEMA:
        raise CharacterMapError("This character map was made by a newer Mimica. Update Mimica to use it.")
    head = _Place("The map", data)
    bones = tuple(_bone(_Place(f"Bone entry {i + 1}", row)) for i, row in enumerate(head.rows("bones", required=False)))
    rows = head.rows("controls", required=False)
    if schema == _OLD_SHAPE:
        rows = [_from_first_schema(_Place(f"Shape {i + 1}", row)) for i, row in enumerate(head.rows("shapes", False))]
    controls = tuple(_control(_Place(f"Control entry {i + 1}", row)) for i, row in enumerate(rows))
    strengths = data.get("strengths", {})
    if not isinstance(strengths, dict) or not all(r in REGIONS and _is_number(v) for r, v in strengths.items()):
        raise head.error(f"has strengths that are none: a number for each of {', '.join(REGIONS)}")
    return CharacterMap(
        head.text("name", ""),
        bones,
        controls,
        {region: float(value) for region, value in strengths.items()},
        head.number("neck_share", 0.35),
        head.number("translation", 0.0),
        head.flag("response", False),
    )


class _Located(dict[str, Any]):
    """A JSON object that knows its line."""

    line = 0


class _LineDecoder(json.JSONDecoder):
    """Remembers on which line of the text each object begins."""

    def __init__(self) -> None:
        super().__init__()
        plain: Callable[..., tuple[Any, int]] = json.decoder.JSONObject  # pyright: ignore[reportAttributeAccessIssue]

        def parse_object(start: tuple[str, int], *arguments: Any) -> tuple[Any, int]:
            value, end = plain(start, *arguments)
            located = _Located(value)
            located.line = start[0].count("\n", 0, start[1]) + 1
            return located, end

        self.parse_object = parse_object
        # The scanner written in C does not call `parse_object`.
        self.scan_once = json.scanner.py_make_scanner(self)  # pyright: ignore[reportAttributeAccessIssue]


class _Place:
    """One object of the file, whose parts are read with errors that say where."""

    def __init__(self, what: str, data: Any) -> None:
        self.what = what
        self.data = data
        if not isinstance(data, dict):
            raise CharacterMapError(f"{what} is no entry but {_shown(data)}. Mend it, or save the map anew.")

    def error(self, wrong: str) -> CharacterMapError:
        line = getattr(self.data, "line", 0)
        return CharacterMapError(
            f"{f'Line {line}: ' if line else ''}{self.what} {wrong}{'' if wrong[-1] == '?' else '.'}"
        )

    def only(self, cls: type) -> None:
        known = [f.name for f in fields(cls)]
        for key in self.data:
            if key not in known:
                raise self.error(f"has '{key}', which Mimica does not know. Known are {', '.join(known)}")

    def text(self, key: str, default: str | None = None) -> str:
        value = self.data.get(key, default)
        if value is None:
            raise self.error(f"lacks '{key}'")
        if not isinstance(value, str):
            raise self.error(f"has {_shown(value)} as '{key}', where a name belongs")
        return value

    def number(self, key: str, default: float) -> float:
        value = self.data.get(key, default)
        if not _is_number(value):
            raise self.error(f"has {_shown(value)} as '{key}', where a number belongs")
        return float(value)

    def flag(self, key: str, default: bool) -> bool:
        value = self.data.get(key, default)
        if not isinstance(value, bool):
            raise self.error(f"has {_shown(value)} as '{key}', where true or false belongs")
        return value

    def one_of(self, key: str, known: tuple[str, ...], default: str | None = None) -> str:
        value = self.text(key, default)
        if value not in known and value != default:
            near = get_close_matches(value, known, 1, 0.6)
            hint = f"Did you mean '{near[0]}'" if near else f"Known are {', '.join(known[:12])}"
            raise self.error(f"has '{value}' as '{key}'. {hint}{'?' if near else ''}")
        return value

    def axis(self) -> int:
        value = self.data.get("axis", 1 if "channels" in self.data else 0)
        if isinstance(value, bool) or value not in (0, 1, 2):
            raise self.error(f"has {_shown(value)} as 'axis', where 0, 1 or 2 belongs")
        return int(value)

    def vector(self, key: str) -> tuple[float, float, float]:
        value = self.data.get(key, (0.0, 0.0, 0.0))
        if not isinstance(value, list | tuple) or len(value) != 3 or not all(map(_is_number, value)):
            raise self.error(f"has {_shown(value)} as '{key}', where three numbers belong")
        return (float(value[0]), float(value[1]), float(value[2]))

    def rows(self, key: str, required: bool) -> list[Any]:
        value = self.data.get(key, None if required else [])
        if not isinstance(value, list) or (required and not value):
            raise self.error(f"needs a list as '{key}'")
        return value

    def weights(self, key: str) -> dict[str, float]:
        value = self.data.get(key, {})
        if not isinstance(value, dict):
            raise self.error(f"has {_shown(value)} as '{key}', where landmarks and weights belong")
        for index, weight in value.items():
            if not (index.isascii() and index.isdigit() and int(index) < LANDMARK_COUNT):
                raise self.error(
                    f"has a landmark '{index}' in '{key}'. They are numbered from 0 to {LANDMARK_COUNT - 1}"
                )
            if not _is_number(weight):
                raise self.error(f"has {_shown(weight)} as weight of landmark {index}, where a number belongs")
        return {index: float(weight) for index, weight in value.items()}


def _bone(place: _Place) -> BoneEntry:
    place.what += f" ('{place.text('bone')}')"
    place.only(BoneEntry)
    drive = place.one_of("drive", get_args(Drive))
    return BoneEntry(
        place.text("bone"),
        drive,  # pyright: ignore[reportArgumentType]
        place.one_of("region", REGIONS),
        place.weights("landmarks"),
        place.text("pair", ""),
        place.weights("edge"),
        place.flag("upper", False),
        place.one_of("side", ("L", "R"), ""),
        place.one_of("control", ARKIT_SHAPES, "" if drive != "control" else None),
        place.vector("move"),
        place.vector("turn"),
        place.number("gain", 1.0),
        place.number("limit", 0.0),
        place.flag("mirror", False),
        place.flag("enabled", True),
    )


def _control(place: _Place) -> ControlEntry:
    place.what += f" ('{place.data.get('label') or place.data.get('control') or 'landmarks'}')"
    place.only(ControlEntry)
    landmarks = place.weights("landmarks")
    entry = ControlEntry(
        tuple(
            _channel(_Place(f"{place.what}, channel {i + 1},", row))
            for i, row in enumerate(place.rows("channels", True))
        ),
        place.one_of("control", CONTROLS, "" if landmarks else None),
        landmarks,
        place.axis(),
        place.one_of("region", REGIONS, ""),
        place.text("label", ""),
        place.number("gain", 1.0),
        place.number("offset", 0.0),
        place.number("dead_zone", 0.0),
        place.number("curve", 1.0),
        place.number("minimum", -NO_LIMIT),
        place.number("maximum", NO_LIMIT),
        place.flag("mirror", False),
        place.flag("enabled", True),
    )
    if bool(entry.control) == bool(landmarks):
        raise place.error("needs either a control or landmarks to follow")
    if not 0.0 <= entry.dead_zone < 1.0:
        raise place.error(f"has a dead zone of {entry.dead_zone}: it must be at least 0 and below 1")
    if entry.curve <= 0.0:
        raise place.error(f"has a curve of {entry.curve}: it must be above 0")
    if entry.minimum > entry.maximum:
        raise place.error(f"has a minimum of {entry.minimum} above its maximum of {entry.maximum}")
    return entry


def _channel(place: _Place) -> Channel:
    place.only(Channel)
    return Channel(
        place.one_of("kind", get_args(ChannelKind)),  # pyright: ignore[reportArgumentType]
        place.text("name"),
        place.axis(),
        place.number("amount", 1.0),
        place.text("object", ""),
    )


def _from_first_schema(place: _Place) -> dict[str, Any]:
    """Return a shape key's entry as it is written today."""
    return {
        "control": place.text("control"),
        "channels": [{"kind": "shape_key", "name": place.text("key")}],
        "gain": place.number("gain", 1.0),
    }


def _short(cls: type, row: dict[str, Any]) -> dict[str, Any]:
    """Leave out what stands at its default."""
    defaults: dict[str, Any] = {f.name: f.default for f in fields(cls)}
    # What is made anew for each entry starts out empty.
    defaults |= {f.name: {} for f in fields(cls) if f.default_factory is not MISSING}
    return {
        key: list(value) if isinstance(value, tuple) else value for key, value in row.items() if value != defaults[key]
    }


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and abs(value) < float("inf")


def _shown(value: Any) -> str:
    text = json.dumps(value, ensure_ascii=False, default=str)
    return text if len(text) <= 40 else text[:37] + "..."
