# SPDX-FileCopyrightText: 2026 Mimica authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Image sequences and stills as a source."""

import math
import re
import time
from pathlib import Path

import numpy as np

from .source import Image, SourceError, SourceInfo, decode_image

SUFFIXES = frozenset((".bmp", ".jpeg", ".jpg", ".jp2", ".png", ".ppm", ".tif", ".tiff", ".webp"))
"""Formats that every build of OpenCV reads."""

DEFAULT_RATE = 24.0
"""Images a second when nothing else is said: a sequence has no rate of its own, and this is Blender's default."""


def natural_key(text: str) -> list[tuple[int, int, str]]:
    """Return a key that sorts `frame2` before `frame10`, upper and lower case alike."""
    parts = re.split(r"(\d+)", text.casefold())
    return [(0, int(part), "") if part.isdecimal() else (1, 0, part) for part in parts if part]


def find_images(path: Path) -> list[Path]:
    """Return the images that `path` stands for, in natural order.

    A folder stands for the images in it. A file whose name ends in a number stands for the sequence of files that
    differ from it in that number alone; any other file for itself. Raises SourceError.
    """
    try:
        if path.is_dir():
            found = [file for file in path.iterdir() if file.suffix.lower() in SUFFIXES and file.is_file()]
            if not found:
                raise SourceError(f"The folder '{path.name}' has no images. Choose a folder with PNG or JPEG files.")
        elif path.is_file():
            numbered = re.fullmatch(r"(.*?)\d+", path.stem, re.DOTALL)
            found = [path]
            if numbered:
                same = re.compile(re.escape(numbered[1]) + r"\d+", re.DOTALL)
                siblings = (file for file in path.parent.iterdir() if file.suffix == path.suffix)
                found = [file for file in siblings if same.fullmatch(file.stem) and file.is_file()]
        else:
            raise SourceError(f"'{path}' does not exist. Choose an image or a folder of images.")
    except OSError as error:
        raise SourceError(f"'{path}' cannot be read ({error.strerror}). Choose other images.") from error
    return sorted(found, key=lambda file: natural_key(file.name))


def read_image(path: Path) -> np.ndarray:
    """Return the picture in a file as uint8 (height, width, 3) RGB, turned upright as its EXIF says.

    Raises SourceError with the file's name.
    """
    try:
        # cv2.imread cannot open names beyond the code page on Windows.
        data = path.read_bytes()
    except OSError as error:
        raise SourceError(f"The image '{path.name}' cannot be read ({error.strerror}).") from error
    pixels = decode_image(data)
    if pixels is None:
        state = "is damaged or not an image" if data else "is empty"
        raise SourceError(f"The image '{path.name}' {state}. Replace or remove it.")
    return pixels


class ImagesSource:
    """A folder of images, a numbered sequence or a still, at a fixed rate: image `i` has the time `i / rate`."""

    def __init__(self, path: str, rate: float = 0.0) -> None:
        self._path = path
        self._rate = rate if rate > 0 else DEFAULT_RATE
        self._files: list[Path] = []
        self._position = 0
        self._count = 0
        self._interrupted = False
        self._decoded: tuple[Path, np.ndarray] | None = None

    def open(self) -> SourceInfo:
        """List the images and read the first. Raises SourceError."""
        if not self._path:
            raise SourceError("No images are chosen. Choose an image or a folder of images.")
        if not self._files:
            self._files = find_images(Path(self._path))
        height, width = self._pixels(self._files[0]).shape[:2]
        count = len(self._files)
        return SourceInfo(
            name=Path(self._path).name,
            kind="images",
            width=width,
            height=height,
            rate=self._rate,
            duration=count / self._rate,
            frame_count=count,
            live=False,
        )

    def read(self) -> Image | None:
        """Return the next image, or None after the last. Raises SourceError naming a file that cannot be read."""
        if self._interrupted or self._position >= len(self._files):
            return None
        pixels = self._pixels(self._files[self._position])
        image = Image(pixels, self._position / self._rate, self._count, time.perf_counter())
        self._position += 1
        self._count += 1
        return image

    def seek(self, time: float) -> None:
        """Make the next image the first one at or after `time` seconds."""
        # Times are quotients: without the small allowance the time of an image would not find that image.
        self._position = max(0, math.ceil(time * self._rate - 1e-6))

    def interrupt(self) -> None:
        """End the sequence here."""
        self._interrupted = True

    def close(self) -> None:
        """Forget the images."""
        self._files = []
        self._decoded = None

    def _pixels(self, path: Path) -> np.ndarray:
        # A repeated still is decoded once.
        if self._decoded is None or self._decoded[0] != path:
            self._decoded = path, read_image(path)
        return self._decoded[1]
