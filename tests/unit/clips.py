# SPDX-FileCopyrightText: 2026 Mimica authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Small real videos and pictures for tests, each image carrying its number."""

import struct
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np

SIZE = (160, 96)
"""Width and height of the images."""
_BITS = 10
_CONTAINERS = (b"moov", b"trak", b"mdia", b"minf", b"stbl", b"edts")


def numbered(number: int, size: tuple[int, int] = SIZE) -> np.ndarray:
    """Return an RGB image: ten bars above that spell its number, red at the left and blue at the right below."""
    width, height = size
    image = np.zeros((height, width, 3), np.uint8)
    bar = width // _BITS
    for bit in range(_BITS):
        if number >> bit & 1:
            image[: height // 2, bit * bar : (bit + 1) * bar] = 255
    image[height // 2 :, : width // 2] = (220, 20, 20)
    image[height // 2 :, width // 2 :] = (20, 20, 220)
    return image


def number_of(image: np.ndarray) -> int:
    """Return the number of an image made by `numbered`."""
    height, width = image.shape[:2]
    bar = width // _BITS
    return sum(int(image[height // 4, bit * bar + bar // 2].mean() > 127) << bit for bit in range(_BITS))


def is_upright(image: np.ndarray) -> bool:
    """Return whether red is below left and blue below right, as `numbered` made it, in RGB order."""
    height, width = image.shape[:2]
    left, right = image[-height // 6, width // 8].astype(int), image[-height // 6, -width // 8].astype(int)
    return width > height and left[0] - left[2] > 100 and right[2] - right[0] > 100


def write_video(path: Path, count: int, rate: float = 30.0, codec: str = "mp4v") -> Path:
    """Write a video with OpenCV; its container follows from the suffix."""
    import cv2

    writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*codec), rate, SIZE)
    assert writer.isOpened()
    for number in range(count):
        writer.write(cv2.cvtColor(numbered(number), cv2.COLOR_RGB2BGR))
    writer.release()
    return path


def jpeg(number: int) -> bytes:
    """Return a JPEG picture."""
    import cv2

    done, data = cv2.imencode(".jpg", cv2.cvtColor(numbered(number), cv2.COLOR_RGB2BGR))
    assert done
    return data.tobytes()


def set_durations(path: Path, seconds: Sequence[float]) -> None:
    """Give an MP4 file a variable rate: how long each of its images is shown."""
    scale = _field(path, b"mdhd", 12)
    movie_scale = _field(path, b"mvhd", 12)
    table = struct.pack(">II", 0, len(seconds)) + b"".join(struct.pack(">II", 1, round(s * scale)) for s in seconds)
    total = sum(seconds)

    def number(offset: int, value: float) -> Callable[[bytes], bytes]:
        return lambda box: box[:offset] + struct.pack(">I", round(value)) + box[offset + 4 :]

    _edit(
        path,
        {
            b"stts": lambda _: table,
            b"mdhd": number(16, total * scale),
            b"mvhd": number(16, total * movie_scale),
            b"tkhd": number(20, total * movie_scale),
            b"elst": number(8, total * movie_scale),
        },
    )


def set_rotation(path: Path, degrees: int) -> None:
    """Write the matrix into an MP4 file by which a phone says that its pictures are to be turned clockwise."""
    cos, sin = {0: (1, 0), 90: (0, 1), 180: (-1, 0), 270: (0, -1)}[degrees]
    one = 1 << 16
    matrix = struct.pack(">9i", cos * one, sin * one, 0, -sin * one, cos * one, 0, 0, 0, 1 << 30)
    _edit(path, {b"tkhd": lambda box: box[:40] + matrix + box[76:]})


def _edit(path: Path, changes: dict[bytes, Callable[[bytes], bytes]]) -> None:
    data = path.read_bytes()
    # OpenCV writes the table of contents last, so that its length may change without moving the pictures.
    assert data.rfind(b"moov") > data.find(b"mdat")
    path.write_bytes(_boxes(data, changes))


def _boxes(data: bytes, changes: dict[bytes, Callable[[bytes], bytes]]) -> bytes:
    result = b""
    position = 0
    while position < len(data):
        size, kind = struct.unpack_from(">I4s", data, position)
        body = data[position + 8 : position + size]
        if kind in _CONTAINERS:
            body = _boxes(body, changes)
        elif kind in changes:
            body = changes[kind](body)
        result += struct.pack(">I4s", len(body) + 8, kind) + body
        position += size
    return result


def _field(path: Path, kind: bytes, offset: int) -> int:
    data = path.read_bytes()
    return struct.unpack_from(">I", data, data.rfind(kind) + 4 + offset)[0]
