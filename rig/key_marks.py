# SPDX-FileCopyrightText: 2026 Mimica authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which keys of a baked action are Mimica's, so that an animator's among them are told apart later.

For each curve: the frames that were keyed, and 16 bits of what each key's value was, or for reduced curves their
handles too. A key that is not there with that value is the animator's. Kept in custom properties of the action: they
are saved, undone and copied with it.
"""

import json
from collections.abc import Iterable
from dataclasses import dataclass

import bpy
import numpy as np

SCHEMA = 1
MARKS_PROPERTY, KEYS_PROPERTY = "mimica_marks", "mimica_keys"
"""Custom properties of an Action: a table of its curves (JSON), and the numbers of their keys (bytes)."""
_AS_GOOD_AS = 0.01
"""Frames by which two keys can differ that Blender takes for one."""
_HANDLE_SHARE = 1e-3
"""By how much of a curve's whole way, and of its own height, a handle may be off that nobody moved."""
_HANDLE_FRAMES = 0.01
Span = tuple[float, float]


@dataclass(frozen=True, slots=True, eq=False)
class CurveMarks:
    """What was keyed on one F-curve. Nothing at all where the animator took the whole curve away."""

    path: str
    index: int
    frames: np.ndarray
    """float32 (K,), increasing."""
    hashes: np.ndarray
    """uint16 (K,)."""
    handles: np.ndarray | None = None
    """float32 (K, 4): left and right, of reduced curves."""
    gone: tuple[Span, ...] = ()
    """From which frame to which the animator deleted keys."""


@dataclass(frozen=True, slots=True, eq=False)
class CurveState:
    """The keys that an F-curve has."""

    frames: np.ndarray
    """float32 (N,)."""
    values: np.ndarray
    """float32 (N,)."""
    handles: np.ndarray | None = None
    """float32 (N, 4); None where nobody asks."""


Marks = dict[tuple[int, str, int], CurveMarks]
"""By the handle of the slot (0 without slots), path and index."""


class MarksError(Exception):
    """It cannot be told any more which keys are whose; the text says what to do."""


def hashed(frames: np.ndarray, values: np.ndarray) -> np.ndarray:
    """Return 16 bits of each key, uint16 (K,), of its frame and value as Blender has them."""
    # Of the two zeros Blender may make either.
    bits = (np.asarray(values, np.float32) + np.float32(0.0)).view(np.uint32)
    at = np.asarray(frames, np.float32).view(np.uint32)
    mixed = (bits ^ (bits >> np.uint32(15))) * np.uint32(2654435761) + at * np.uint32(2246822519)
    return (mixed >> np.uint32(16)).astype(np.uint16)


def animators_keys(marks: CurveMarks, state: CurveState) -> np.ndarray:
    """Return which keys of a curve are the animator's, bool (N,): added, moved, or of another value or with handles
    that were turned.

    A key that is inserted changes the handles beside it: that does not make its neighbours the animator's.
    """
    if not len(marks.frames):
        return np.ones(len(state.frames), bool)
    if np.array_equal(marks.frames, state.frames):
        at = np.arange(len(marks.frames))
    else:
        at = np.clip(np.searchsorted(marks.frames, state.frames), 0, len(marks.frames) - 1)
    theirs = (marks.frames[at] != state.frames) | (marks.hashes[at] != hashed(state.frames, state.values))
    if marks.handles is not None and state.handles is not None:
        off = _turned(marks.handles, marks.handles[at], state)
        beside = np.zeros(len(theirs), bool)
        beside[1:] |= theirs[:-1]
        beside[:-1] |= theirs[1:]
        # A key that was deleted beside it does so too.
        alone = np.diff(at, prepend=at[0] - 1, append=at[-1] + 1) != 1
        beside |= alone[:-1] | alone[1:]
        theirs |= off & ~beside
    return theirs


def _turned(every: np.ndarray, were: np.ndarray, state: CurveState) -> np.ndarray:
    """Return which keys' handles are not where they were, bool (N,).

    Blender lines aligned handles up anew, and far from frame 0 it has few digits for where they are in time.

    :param every: (K, 4): the whole curve's handles. :param were: (N, 4): of these keys.
    """
    assert state.handles is not None
    off = np.abs(state.handles - were)
    width = np.abs(were[:, ::2] - state.frames[:, None])
    height = np.abs(were[:, 1::2] - state.values[:, None])
    coarse = _HANDLE_SHARE + 4.0 * np.spacing(np.abs(state.frames))[:, None] / np.maximum(width, 1e-6)
    free = float(np.ptp(every[:, 1::2])) * _HANDLE_SHARE + 1e-6
    return np.any((off[:, ::2] > _HANDLE_FRAMES) | (off[:, 1::2] > free + coarse * height), axis=1)


def deleted(marks: CurveMarks, state: CurveState) -> tuple[Span, ...]:
    """Return from which frame to which the animator deleted keys of a curve, now and before."""
    if np.array_equal(marks.frames, state.frames):
        return marks.gone
    missing = _way_to(state.frames, marks.frames) > _AS_GOOD_AS
    if not missing.any():
        return marks.gone
    edges = np.flatnonzero(np.diff(missing.astype(np.int8), prepend=0, append=0))
    spans = [(float(marks.frames[a]), float(marks.frames[b - 1])) for a, b in zip(edges[::2], edges[1::2], strict=True)]
    return tuple(sorted({*marks.gone, *spans}))


def free_frames(frames: np.ndarray, taken: np.ndarray, gone: Iterable[Span]) -> np.ndarray:
    """Return at which of our frames (K,) nothing of the animator's is, bool (K,).

    :param taken: (H,), increasing: frames of the animator's keys. :param gone: where keys were deleted.
    """
    free = _way_to(taken, frames) > _AS_GOOD_AS if len(taken) else np.ones(len(frames), bool)
    for first, last in gone:
        free &= (frames < first - _AS_GOOD_AS) | (frames > last + _AS_GOOD_AS)
    return free


def _way_to(keyed: np.ndarray, frames: np.ndarray) -> np.ndarray:
    """Return how far it is from frames (K,) to the nearest of other frames (H,), increasing; infinite without any."""
    edged = np.concatenate([[-np.inf], np.asarray(keyed, np.float64), [np.inf]])
    right = np.searchsorted(edged, frames)
    return np.minimum(edged[right] - frames, frames - edged[right - 1])


def write_marks(action: bpy.types.Action, marks: Marks) -> None:
    """Keep with an action what of its keys is Mimica's."""
    numbers: list[bytes] = []
    at = 0

    def stored(values: np.ndarray) -> tuple[int, int]:
        nonlocal at
        data = np.ascontiguousarray(values).tobytes()
        numbers.append(data)
        at += len(data)
        return at - len(data), len(data)

    grids: dict[bytes, tuple[int, int]] = {}
    rows = []
    for (slot, path, index), curve in marks.items():
        data = curve.frames.astype(np.float32).tobytes()
        if data not in grids:
            grids[data] = stored(curve.frames.astype(np.float32))
        handles = None if curve.handles is None else stored(curve.handles.astype(np.float32))
        rows.append([slot, path, index, grids[data], stored(curve.hashes), handles, curve.gone])
    # Bytes that replace others end at the first zero among them.
    forget_marks(action)
    action[MARKS_PROPERTY] = json.dumps({"schema": SCHEMA, "curves": rows})
    action[KEYS_PROPERTY] = b"".join(numbers)


def has_marks(action: bpy.types.Action) -> bool:
    """Whether an action says which of its keys are Mimica's."""
    return MARKS_PROPERTY in action and KEYS_PROPERTY in action


def read_marks(action: bpy.types.Action) -> Marks:
    """Return what `write_marks` kept. Raises MarksError where it is not there or no good."""
    text, numbers = action.get(MARKS_PROPERTY), action.get(KEYS_PROPERTY)
    lost = MarksError(
        f"It can no longer be told which keys of '{action.name}' are yours: what Mimica noted about its own is gone. "
        "Freeze the action to keep it as it is, or rebuild all its keys."
    )
    if not isinstance(text, str) or not isinstance(numbers, bytes):
        raise lost

    def taken(place: list[int], kind: type) -> np.ndarray:
        start, size = place
        if start < 0 or size < 0 or start + size > len(numbers):
            raise lost
        return np.frombuffer(numbers, kind, size // np.dtype(kind).itemsize, start)

    try:
        table = json.loads(text)
        if table["schema"] != SCHEMA:
            raise lost
        grids: dict[tuple[int, int], np.ndarray] = {}
        marks: Marks = {}
        for slot, path, index, grid, hashes, handles, gone in table["curves"]:
            frames = grids.setdefault(tuple(grid), taken(grid, np.float32))
            found = CurveMarks(
                path,
                index,
                frames,
                taken(hashes, np.uint16),
                None if handles is None else taken(handles, np.float32).reshape(-1, 4),
                tuple((first, last) for first, last in gone),
            )
            if len(found.hashes) != len(frames) or (found.handles is not None and len(found.handles) != len(frames)):
                raise lost
            marks[slot, path, index] = found
    except (ValueError, KeyError, TypeError) as error:
        raise lost from error
    return marks


def forget_marks(action: bpy.types.Action) -> None:
    """Take away what `write_marks` kept."""
    for name in (MARKS_PROPERTY, KEYS_PROPERTY):
        if name in action:
            del action[name]
