# SPDX-FileCopyrightText: 2026 Mimica authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Memory that Blender's process and the helper process share: rings of results and of pictures.

Nothing of it has a name in the file system, so nothing is left behind however the two processes end. The helper tells
of what it wrote by a message through its pipe, which also puts the writes in order; the reader counts what it took.
"""

import mmap
import os
import secrets
import sys
import time
from dataclasses import dataclass

import numpy as np

from ..mapping.frame import ARKIT_SHAPES, LANDMARK_COUNT, FaceFrame
from .identity import MOST_FACES

RESULTS = 256
"""Results that may wait to be read: 4 s at 60 images a second. The helper's session holds 2 s of images beside."""
PICTURE_BYTES = 64 * 2**20
"""Room for pictures: 10 of 1920 x 1080. It costs memory only where it is used."""
MOST_PICTURES = 32

_HEADER = np.dtype(
    [
        ("results_read", "<i8"),
        ("pictures_read", "<i8"),
        # The beat up to which the newest image is asked for.
        ("picture_wanted", "<i8"),
        # Written by the helper: its sign of life, and figures of its session.
        ("beat", "<i8"),
        ("captured", "<i8"),
        ("tracked", "<i8"),
        ("dropped", "<i8"),
    ]
)
_FACE = np.dtype(
    [
        ("id", "<i4"),
        ("found", "?"),
        ("scored", "?"),
        ("size", "<i4", (2,)),
        ("time", "<f8"),
        ("quality", "<f8"),
        ("landmarks", "<f4", (LANDMARK_COUNT, 3)),
        ("scores", "<f4", (len(ARKIT_SHAPES),)),
    ],
    align=True,
)
_RESULT = np.dtype([("grabbed", "<f8"), ("count", "<i4"), ("faces", _FACE, (MOST_FACES,))], align=True)
_PAGE = 4096
_PICTURES_AT = -(-(_PAGE + RESULTS * _RESULT.itemsize) // _PAGE) * _PAGE
SIZE = _PICTURES_AT + PICTURE_BYTES

_FULL_PAUSE = 0.001
"""Seconds between looks at whether there is room again."""


@dataclass(frozen=True, slots=True)
class Picture:
    """Where a picture lies: uint8 (height, width, 3)."""

    number: int
    offset: int
    height: int
    width: int


class Shared:
    """The shared memory, of either process."""

    def __init__(self, memory: mmap.mmap) -> None:
        self._memory = memory
        self.header = np.frombuffer(memory, _HEADER, 1)
        self._results = np.frombuffer(memory, _RESULT, RESULTS, _PAGE)
        self._pictures = np.frombuffer(memory, np.uint8, PICTURE_BYTES, _PICTURES_AT)


class SharedWriter(Shared):
    """The helper's side. One thread writes."""

    def __init__(self, memory: mmap.mmap) -> None:
        super().__init__(memory)
        self._results_written = 0
        self._pictures_written = 0
        self._picture_bytes = 0

    @property
    def picture_is_wanted(self) -> bool:
        """Whether somebody asked for the newest image a moment ago."""
        return bool(self.header["beat"][0] < self.header["picture_wanted"][0])

    def write(self, faces: tuple[FaceFrame, ...], grabbed: float) -> int:
        """Write the faces of an image and return the result's number. Waits while the ring is full: nothing is lost."""
        while self._results_written - self.header["results_read"][0] >= RESULTS:
            time.sleep(_FULL_PAUSE)
        number = self._results_written
        slot = self._results[number % RESULTS]
        slot["grabbed"] = grabbed
        slot["count"] = len(faces)
        for row, face in zip(slot["faces"], faces, strict=False):
            row["id"], row["size"], row["time"], row["quality"] = face.face_id, face.image_size, face.time, face.quality
            row["found"], row["scored"] = face.landmarks is not None, face.scores is not None
            if face.landmarks is not None:
                row["landmarks"] = face.landmarks
            if face.scores is not None:
                row["scores"] = face.scores
        self._results_written += 1
        return number

    def write_picture(self, pixels: np.ndarray, wait: bool) -> Picture | None:
        """Write an image's pixels, uint8 (height, width, 3). None when there is no room.

        :param wait: wait for room. None then means that the picture is too large for the memory.
        """
        if pixels.nbytes > PICTURE_BYTES:
            return None
        while not self._has_room(pixels.nbytes):
            if not wait:
                return None
            time.sleep(_FULL_PAUSE)
        self._picture_bytes = pixels.nbytes
        number = self._pictures_written
        offset = number % _slots(pixels.nbytes) * pixels.nbytes
        self._pictures[offset : offset + pixels.nbytes] = pixels.reshape(-1)
        self._pictures_written += 1
        return Picture(number, offset, *pixels.shape[:2])

    def _has_room(self, size: int) -> bool:
        waiting = self._pictures_written - self.header["pictures_read"][0]
        # Pictures of another size would lie across those that wait.
        return waiting < _slots(size) if size == self._picture_bytes else waiting == 0


class SharedReader(Shared):
    """Blender's side. One thread reads."""

    def read(self, number: int) -> tuple[tuple[FaceFrame, ...], float]:
        """Return the faces of a result and the moment of the grab on the helper's clock."""
        slot = self._results[number % RESULTS]
        faces = tuple(
            FaceFrame(
                time=float(row["time"]),
                landmarks=_frozen(row["landmarks"]) if row["found"] else None,
                scores=_frozen(row["scores"]) if row["scored"] else None,
                image_size=(int(row["size"][0]), int(row["size"][1])),
                face_id=int(row["id"]),
                quality=float(row["quality"]),
            )
            for row in slot["faces"][: int(slot["count"])]
        )
        grabbed = float(slot["grabbed"])
        self.header["results_read"] = number + 1
        return faces, grabbed

    def read_picture(self, picture: Picture) -> np.ndarray:
        """Return a copy of a picture, uint8 (height, width, 3)."""
        size = picture.height * picture.width * 3
        pixels = self._pictures[picture.offset : picture.offset + size].reshape(picture.height, picture.width, 3).copy()
        self.header["pictures_read"] = picture.number + 1
        return pixels

    def want_pictures(self, beats: int) -> None:
        """Ask for the newest image during the helper's next beats."""
        self.header["picture_wanted"] = self.header["beat"] + beats


def _slots(size: int) -> int:
    return min(MOST_PICTURES, PICTURE_BYTES // size)


def _frozen(array: np.ndarray) -> np.ndarray:
    copy = array.astype(np.float32)
    copy.flags.writeable = False
    return copy


class Handle:
    """A way to the memory that can be given to a child process. Close it when the child was started."""

    def __init__(self, descriptor: int | None, tag: str) -> None:
        self.descriptor = descriptor
        """POSIX: the open file, which the child inherits."""
        self.tag = tag
        """Windows: the name of the mapping, which lives as long as somebody has it open."""

    def close(self) -> None:
        """Let go of the file; memory that is mapped stays."""
        if self.descriptor is not None:
            os.close(self.descriptor)
            self.descriptor = None


def create_memory() -> tuple[mmap.mmap, Handle]:
    """Return new memory, zeroed, and the way to it. Raises OSError where there is none to be had."""
    if sys.platform == "win32":
        tag = f"mimica-{secrets.token_hex(16)}"
        return mmap.mmap(-1, SIZE, tag), Handle(None, tag)
    descriptor = os.memfd_create("mimica") if hasattr(os, "memfd_create") else nameless_file()
    try:
        os.ftruncate(descriptor, SIZE)
        return mmap.mmap(descriptor, SIZE), Handle(descriptor, "")
    except OSError:
        os.close(descriptor)
        raise


def open_memory(descriptor: int | None, tag: str) -> mmap.mmap:
    """Return the memory that the parent process made."""
    if sys.platform == "win32":
        return mmap.mmap(-1, SIZE, tag)
    assert descriptor is not None
    memory = mmap.mmap(descriptor, SIZE)
    os.close(descriptor)
    return memory


def nameless_file() -> int:
    """Return a descriptor of POSIX shared memory whose name is gone already: for macOS, which has no `memfd_create`."""
    # What `multiprocessing.shared_memory` is built on; that itself keeps the name, and a process to clean up after it.
    import _posixshmem

    # macOS allows 31 characters.
    name = f"/mimica-{secrets.token_hex(8)}"
    descriptor = _posixshmem.shm_open(name, os.O_RDWR | os.O_CREAT | os.O_EXCL, mode=0o600)
    _posixshmem.shm_unlink(name)
    return descriptor
