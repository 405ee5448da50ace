# SPDX-FileCopyrightText: 2026 Mimica authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Files of controls, in and out: Live Link Face's tables, plain tables, JSON, and Audio2Face's JSON (in only).

The formats are described in docs/formats.md.
"""

import csv
import io
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal, get_args

import numpy as np

from .control_take import ControlsFileError, ControlTake, rate_of
from .frame import ARKIT_SHAPES
from .livelink import is_livelink, livelink_rows, read_livelink
from .naming import Meaning, arkit_spellings, match_names
from .read_table import ReadSettings, Table, read_table

__all__ = [
    "FORMATS",
    "SUFFIXES",
    "ControlTake",
    "ControlsFileError",
    "Format",
    "ReadSettings",
    "as_text",
    "read_controls",
    "read_text",
    "write_controls",
]

Format = Literal["livelink", "csv", "json"]
FORMATS: tuple[Format, ...] = get_args(Format)
SUFFIXES: dict[Format, str] = {"livelink": ".csv", "csv": ".csv", "json": ".json"}

_KIND = "mimica controls"
_SCHEMA = 1
_HEAD = ("head_yaw", "head_pitch", "head_roll")
_GAZE = ("gaze_yaw_left", "gaze_pitch_left", "gaze_yaw_right", "gaze_pitch_right")
_TIMES = ("time", "seconds", "timestamp")


def read_controls(path: Path, settings: ReadSettings | None = None) -> ControlTake:
    """Read a file of controls, whichever it is. Raises ControlsFileError."""
    try:
        text = path.read_bytes().decode("utf-8-sig")
    except OSError as error:
        raise ControlsFileError(f"'{path}' cannot be read ({error.strerror or error}). Check the name.") from error
    except UnicodeDecodeError as error:
        raise ControlsFileError(
            f"'{path.name}' is no text in UTF-8 (byte {error.start}). Choose a table (.csv) or a .json file."
        ) from error
    return read_text(text, path.stem, path.name, settings)


def read_text(text: str, name: str, source: str, settings: ReadSettings | None = None) -> ControlTake:
    """Read the text of a file of controls. Raises ControlsFileError.

    :param name: the performance's, where the file has none.
    :param source: the file's name, for sentences.
    """
    settings = settings or ReadSettings()
    if not text.strip():
        raise ControlsFileError(f"'{source}' is empty. Choose another file.")
    if text.lstrip()[0] in "{[":
        return _read_json(text, name, source, settings)
    table = read_table(text, source)
    return read_livelink(table, name, settings) if is_livelink(table) else _read_plain(table, name, settings)


def as_text(take: ControlTake, form: Format) -> str:
    """Return a take as the text of a file."""
    if form == "json":
        return _json_text(take)
    rows = livelink_rows(take) if form == "livelink" else _plain_rows(take)
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows(rows)
    return text.getvalue()


def write_controls(path: Path, take: ControlTake, form: Format) -> None:
    """Write a take to a file. Raises ControlsFileError."""
    try:
        path.write_text(as_text(take, form), encoding="utf-8", newline="")
    except OSError as error:
        raise ControlsFileError(
            f"'{path}' cannot be written ({error.strerror or error}). Choose another place."
        ) from error


def _read_plain(table: Table, name: str, settings: ReadSettings) -> ControlTake:
    found = match_names(table.header, arkit_spellings())
    if not found:
        raise ControlsFileError(
            f"'{table.source}', line {table.header_line}: no column has a name that Mimica knows. Name at least one as"
            " ARKit's shapes are, such as jawOpen."
        )
    columns = [i for i, title in enumerate(table.header) if title in found]
    seen = table.seen(columns)
    meanings = [found[table.header[i]].meaning for i in columns]
    controls, known = _by_control(meanings, [seen.numbers(i) for i in columns])

    def angles(names: Sequence[str]) -> np.ndarray | None:
        places = [table.column(title) for title in names]
        if all(place is None for place in places):
            return None
        still = np.zeros(len(seen.rows))
        return np.radians(np.column_stack([still if p is None else seen.numbers(p) for p in places]))

    head, gaze = angles(_HEAD), angles(_GAZE)
    times = _plain_times(seen, settings)
    named = {table.column(title) for title in (*_HEAD, *_GAZE, *_TIMES, "frame")}
    return ControlTake(
        name=name,
        times=times,
        controls=controls,
        rate=rate_of(times),
        head=head,
        gaze=None if gaze is None else gaze.reshape(-1, 2, 2),
        known=known,
        unknown=tuple(title for i, title in enumerate(table.header) if title and i not in {*columns, *named}),
        notes=seen.notes(),
    )


def _plain_times(table: Table, settings: ReadSettings) -> np.ndarray:
    for title in _TIMES:
        column = table.column(title)
        if column is not None:
            return table.increasing(table.numbers(column), table.header[column])
    if not settings.rate:
        raise ControlsFileError(
            f"'{table.source}', line {table.header_line}: there is no column named time, in seconds. Add one, or"
            " say how many frames a second the lines are."
        )
    column = table.column("frame")
    if column is None:
        return np.arange(len(table.rows)) / settings.rate
    return table.increasing(table.numbers(column) / settings.rate, table.header[column])


def _by_control(meanings: Sequence[Meaning], values: Sequence[np.ndarray]) -> tuple[np.ndarray, tuple[str, ...]]:
    """Return the controls (N, 52) that columns tell, and which those are.

    What names a control alone goes before sides of it, and these before a name for both of its sides.
    """
    ranks: dict[str, dict[int, list[np.ndarray]]] = {}
    for meaning, column in zip(meanings, values, strict=True):
        rank = 1 if meaning.part else 0 if len(meaning.follows) == 1 else 2
        for control, _ in meaning.follows:
            ranks.setdefault(control, {}).setdefault(rank, []).append(column)
    controls = np.zeros((len(values[0]), len(ARKIT_SHAPES)))
    for control, by_rank in ranks.items():
        controls[:, ARKIT_SHAPES.index(control)] = np.mean(by_rank[min(by_rank)], axis=0)
    return controls, tuple(name for name in ARKIT_SHAPES if name in ranks)


def _plain_rows(take: ControlTake) -> list[Sequence[str]]:
    parts, header = [take.times[:, None], take.controls], ["frame", "time", *ARKIT_SHAPES]
    if take.head is not None:
        parts, header = [*parts, np.degrees(take.head)], [*header, *_HEAD]
    if take.gaze is not None:
        parts, header = [*parts, np.degrees(take.gaze).reshape(-1, 4)], [*header, *_GAZE]
    table = np.column_stack(parts) + 0.0
    return [header, *([str(i), *(f"{value:.5f}" for value in row)] for i, row in enumerate(table.tolist()))]


def _json_text(take: ControlTake) -> str:
    head = {
        "format": _KIND,
        "schema": _SCHEMA,
        "name": take.name,
        "rate": take.rate,
        "controls": list(ARKIT_SHAPES),
    }
    lines: list[str] = []
    for i in range(len(take)):
        frame: dict[str, Any] = {"time": round(float(take.times[i]), 6), "controls": _numbers(take.controls[i])}
        if take.head is not None:
            frame["head"] = _numbers(take.head[i])
        if take.gaze is not None:
            frame["gaze"] = _numbers(take.gaze[i])
        lines.append(json.dumps(frame, separators=(",", ":")))
    start = ",\n".join(f"  {json.dumps(key)}: {json.dumps(value, ensure_ascii=False)}" for key, value in head.items())
    return "{\n" + start + ',\n  "frames": [\n' + ",\n".join(lines) + "\n  ]\n}\n"


def _numbers(values: np.ndarray) -> list[Any]:
    return (np.round(values, 6) + 0.0).tolist()


def _read_json(text: str, name: str, source: str, settings: ReadSettings) -> ControlTake:
    try:
        data = json.loads(text)
    except json.JSONDecodeError as error:
        raise ControlsFileError(
            f"'{source}', line {error.lineno}, column {error.colno}: this is no JSON ({error.msg}). Export it anew."
        ) from error
    except RecursionError as error:
        raise ControlsFileError(f"'{source}' is nested too deeply to be a file of controls.") from error
    if isinstance(data, dict) and data.get("format") == _KIND:
        return _read_own(data, name, source)
    if isinstance(data, dict) and "weightMat" in data:
        return _read_weights(data, name, source, settings)
    raise ControlsFileError(
        f"'{source}' holds neither Mimica's controls nor Audio2Face's weights (facsNames, weightMat). Choose"
        " another file."
    )


def _read_own(data: dict[str, Any], name: str, source: str) -> ControlTake:
    schema = data.get("schema")
    if schema != _SCHEMA:
        newer = isinstance(schema, int) and schema > _SCHEMA
        way = "Update Mimica to read it." if newer else "It has to be 1."
        raise ControlsFileError(f"'{source}': schema {schema!r} is none that this Mimica knows. {way}")
    names = _names(data.get("controls"), "controls", source)
    frames = data.get("frames")
    if not isinstance(frames, list) or not frames:
        raise ControlsFileError(f"'{source}' has no frames. Export it anew.")
    times = np.concatenate([_row(frame, "time", (), i, source).reshape(1) for i, frame in enumerate(frames)])
    values = np.stack([_row(frame, "controls", (len(names),), i, source) for i, frame in enumerate(frames)])
    _increasing(times, source)
    controls, known, unknown = _understood(names, values, "controls", source)

    def angles(key: str, shape: tuple[int, ...]) -> np.ndarray | None:
        if all(key not in frame for frame in frames):
            return None
        return np.stack([_row(frame, key, shape, i, source) for i, frame in enumerate(frames)])

    told = data.get("name")
    return ControlTake(
        name=told if isinstance(told, str) and told else name,
        times=times,
        controls=controls,
        rate=_positive(data["rate"], "rate", source) if "rate" in data else rate_of(times),
        head=angles("head", (3,)),
        gaze=angles("gaze", (2, 2)),
        known=known,
        unknown=unknown,
    )


def _read_weights(data: dict[str, Any], name: str, source: str, settings: ReadSettings) -> ControlTake:
    """Read what Audio2Face exports: a row of weights a frame, without times."""
    names = _names(data.get("facsNames"), "facsNames", source)
    frames = data["weightMat"]
    if not isinstance(frames, list) or not frames:
        raise ControlsFileError(f"'{source}': weightMat has no frames. Export it anew.")
    values = np.stack([_row({"weightMat": row}, "weightMat", (len(names),), i, source) for i, row in enumerate(frames)])
    told = data.get("exportFps")
    rate = _positive(settings.rate if told is None else told, "exportFps", source)
    controls, known, unknown = _understood(names, values, "facsNames", source)
    return ControlTake(name, np.arange(len(values)) / rate, controls, rate, known=known, unknown=unknown)


def _understood(
    names: Sequence[str], values: np.ndarray, key: str, source: str
) -> tuple[np.ndarray, tuple[str, ...], tuple[str, ...]]:
    """Return the controls (N, 52) of named columns (N, K), which are told, and the names that mean nothing."""
    found = match_names(names, arkit_spellings())
    if not found:
        raise ControlsFileError(
            f"'{source}': none of {key} is a name that Mimica knows. They have to be ARKit's, such as jawOpen."
        )
    columns = [i for i, title in enumerate(names) if title in found]
    controls, known = _by_control([found[names[i]].meaning for i in columns], [values[:, i] for i in columns])
    return controls, known, tuple(title for title in names if title not in found)


def _names(value: Any, key: str, source: str) -> list[str]:
    if not isinstance(value, list) or not value or not all(isinstance(item, str) for item in value):
        raise ControlsFileError(f"'{source}': {key} has to be a list of names. Export it anew.")
    return value


def _row(frame: Any, key: str, shape: tuple[int, ...], index: int, source: str) -> np.ndarray:
    """Return one value of a frame as an array. Raises ControlsFileError."""
    try:
        value = np.array(frame[key], np.float64)
    except (KeyError, TypeError, ValueError, OverflowError):
        value = np.array(np.nan)
    if value.shape != shape or not np.isfinite(value).all():
        where, count = f"'{source}', frame {index + 1}", " x ".join(map(str, shape))
        if not shape:
            raise ControlsFileError(f"{where}: {key} has to be 1 number. Export it anew.")
        raise ControlsFileError(f"{where}: {key} has to be {count} numbers. Export it anew.")
    return value


def _increasing(times: np.ndarray, source: str) -> None:
    back = np.flatnonzero(np.diff(times) <= 0)
    if len(back):
        i = int(back[0])
        raise ControlsFileError(
            f"'{source}', frame {i + 2}: its time, {times[i + 1]:g} s, is not after that of frame {i + 1}. Export"
            " it anew."
        )


def _positive(value: Any, key: str, source: str) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 < value < 10000:
        raise ControlsFileError(f"'{source}': {key} has to be how many frames a second there are. Export it anew.")
    return float(value)
