# SPDX-FileCopyrightText: 2026 Mimica authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Live Link Face's tables: one line a frame, a timecode, the 52 controls, and the angles of head and eyes.

Its angles turn the other way round than ours about two axes: yaw > 0 is to the subject's right, pitch > 0 down, roll
> 0 the head's top to the subject's left, in this order. For yaw and pitch of the eyes this and the unit, radians, were
checked against the eyeLook shapes of recordings. The head's are taken to follow the same rule.
"""

import re
from collections.abc import Sequence

import numpy as np

from .control_take import ControlsFileError, ControlTake, rate_of
from .frame import ARKIT_SHAPES
from .read_table import ReadSettings, Table

DAY = 86400.0
_SWAPPED = {
    "jawLeft": "jawRight",
    "jawRight": "jawLeft",
    "mouthLeft": "mouthRight",
    "mouthRight": "mouthLeft",
}
SHAPES: tuple[str, ...] = tuple(_SWAPPED.get(name, name) for name in ARKIT_SHAPES)
"""The 52 in the files' order."""
_HEAD = ("HeadYaw", "HeadPitch", "HeadRoll")
_EYES = tuple(f"{side}Eye{angle}" for side in ("Left", "Right") for angle in ("Yaw", "Pitch", "Roll"))
HEADER: tuple[str, ...] = (
    "Timecode",
    "BlendshapeCount",
    *(name[0].upper() + name[1:] for name in SHAPES),
    *_HEAD,
    *_EYES,
)
HEAD_SIGNS = np.array([-1.0, 1.0, -1.0])
"""From its yaw, pitch and roll of the head to ours, and back."""
GAZE_SIGNS = np.array([-1.0, -1.0])
"""From its yaw and pitch of an eye to ours, and back."""
_LARGEST_RADIANS = 3.2
"""What is larger is in degrees."""
_BASES = (24, 25, 30, 48, 50, 60, 120)
"""Frames that a second of a timecode is counted in."""
_TIMECODE = re.compile(r"(\d+):(\d+):(\d+)[:;.](\d+(?:\.\d+)?)")


def is_livelink(table: Table) -> bool:
    """Whether a table is of this kind."""
    return table.column("Timecode") is not None


def read_livelink(table: Table, name: str, settings: ReadSettings) -> ControlTake:
    """Return what a table holds. Raises ControlsFileError.

    Lines of frames without a face, which have a timecode and nothing else, are left out.
    """
    columns = {shape: i for shape in ARKIT_SHAPES if (i := table.column(shape)) is not None}
    if not columns:
        raise ControlsFileError(
            f"'{table.source}', line {table.header_line}: no column after Timecode is named as one of ARKit's shapes."
            " Export the recording from Live Link Face anew."
        )
    seen = table.seen(tuple(columns.values()))
    times = _times(table, seen)
    controls = np.zeros((len(seen.rows), len(ARKIT_SHAPES)))
    for shape, column in columns.items():
        controls[:, ARKIT_SHAPES.index(shape)] = seen.numbers(column)
    places = [table.column(angle) for angle in (*_HEAD, *_EYES)]
    angles = np.zeros((len(times), len(places)))
    for k, place in enumerate(places):
        if place is not None:
            angles[:, k] = seen.numbers(place)
    notes = seen.notes()
    unit = settings.unit
    if unit == "auto":
        unit = "degrees" if np.abs(angles).max(initial=0.0) > _LARGEST_RADIANS else "radians"
        if unit == "degrees":
            notes = (*notes, "The angles are taken to be degrees, as some are larger than radians can be.")
    if unit == "degrees":
        angles = np.radians(angles)
    head = angles[:, :3] * HEAD_SIGNS
    if settings.landscape:
        head = head * (-1.0, -1.0, 1.0)
    eyes = angles[:, 3:].reshape(-1, 2, 3)
    has_eyes = any(place is not None for place in places[3:])
    understood = [*columns.values(), *places, table.column("Timecode"), table.column("BlendshapeCount")]
    return ControlTake(
        name=name,
        times=times,
        controls=controls,
        rate=rate_of(times),
        head=head if any(place is not None for place in places[:3]) else None,
        gaze=eyes[..., :2] * GAZE_SIGNS if has_eyes else None,
        eye_roll=-eyes[..., 2] if has_eyes else None,
        known=tuple(columns),
        unknown=tuple(title for i, title in enumerate(table.header) if i not in understood and title),
        notes=notes,
    )


def livelink_rows(take: ControlTake) -> Sequence[Sequence[str]]:
    """Return a take as the cells of such a table, the header first. What it has not is 0."""
    count = len(take)
    order = [ARKIT_SHAPES.index(name) for name in SHAPES]
    angles = np.zeros((count, 9))
    if take.head is not None:
        angles[:, :3] = take.head * HEAD_SIGNS
    eyes = angles[:, 3:].reshape(count, 2, 3)
    if take.gaze is not None:
        eyes[..., :2] = take.gaze * GAZE_SIGNS
    if take.eye_roll is not None:
        eyes[..., 2] = -take.eye_roll
    # No minus before a zero.
    values = np.column_stack([take.controls[:, order], angles]) + 0.0
    base = timecode_base(take.rate)
    total = str(len(HEADER) - 2)
    rows = [HEADER]
    rows += [
        (timecode(time, base), total, *(f"{value:.10f}" for value in row))
        for time, row in zip(take.times.tolist(), values.tolist(), strict=True)
    ]
    return rows


def timecode_base(rate: float) -> int:
    """Return how many frames a second of the timecode counts at a rate: 30 at 29.97."""
    return max(1, round(rate))


def timecode(time: float, base: int) -> str:
    """Return `HH:MM:SS:FF.mmm`: the hour of the day, and frames with thousandths of a frame."""
    whole, part = divmod(round(time % DAY * base * 1000), base * 1000)
    minutes, seconds = divmod(whole, 60)
    hours, minutes = divmod(minutes, 60)
    frames, thousandths = divmod(part, 1000)
    return f"{hours % 24:02d}:{minutes:02d}:{seconds:02d}:{frames:02d}.{thousandths:03d}"


def _times(table: Table, seen: Table) -> np.ndarray:
    """Return the seconds of the day of each row, (N,), going on past midnight."""
    column = table.column("Timecode")
    assert column is not None
    seconds, frames = np.empty(len(seen.rows)), np.empty(len(seen.rows))
    for i, (line, row) in enumerate(zip(seen.lines, seen.rows, strict=True)):
        found = _TIMECODE.fullmatch(row[column].strip())
        if found is None:
            raise ControlsFileError(
                f"'{table.source}', line {line}, column Timecode: '{row[column]}' is no timecode. It has to be"
                " hours:minutes:seconds:frames."
            )
        hours, minutes, whole = (int(text) for text in found.groups()[:3])
        seconds[i], frames[i] = hours * 3600 + minutes * 60 + whole, float(found[4])
    # A day has passed where the clock falls back by most of one.
    seconds += DAY * np.cumsum(np.concatenate([[0.0], np.diff(seconds) < -DAY / 2]))
    base, frames = _counted_in(seconds, frames)
    if frames.max() >= base + 1:
        line = seen.lines[int(np.argmax(frames))]
        raise ControlsFileError(
            f"'{table.source}', line {line}, column Timecode: there is no frame {int(frames.max())} in a second of"
            f" {base}. Export the recording anew."
        )
    return seen.increasing(seconds + frames / base, "Timecode")


def _counted_in(seconds: np.ndarray, frames: np.ndarray) -> tuple[int, np.ndarray]:
    """Return how many frames a second has, and each row's frame with its fraction."""
    whole = np.floor(frames)
    base = _base(seconds, whole)
    # Some programs write the thousandths of the second after the frame, which is no fraction of a frame.
    thousandths = np.abs(frames - whole - whole / base)
    if len(frames) > 2 and np.ptp(whole) > 0 and thousandths.max() < 0.0025:
        return base, whole
    return _base(seconds, frames), frames


def _base(seconds: np.ndarray, frames: np.ndarray) -> int:
    """Return how many frames a second has, from what is lacking where one second ends and the next begins."""
    passed, steps = np.diff(seconds), np.diff(frames)
    inside, over = passed == 0, passed == 1
    if not over.any():
        # Less than a second: the app's own rate, unless a frame is beyond it.
        return 60 if frames.max(initial=0) < 60 else 120
    step = float(np.median(steps[inside])) if inside.any() else 0.0
    found = step - float(np.median(steps[over])) if inside.any() else float(frames.max()) + 1.0
    return min(_BASES, key=lambda base: abs(base - found))
