# SPDX-FileCopyrightText: 2026 Mimica authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The pictures that a take was made of, where they are still at hand: as JPEG, each with its image's number.

The film of a take is Motion JPEG, so its pictures are taken over as they are wherever they are small enough.
"""

import struct
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from ...capture.source import SourceError, SourceSpec, load_cv2, make_source
from ...capture.take import Take

WIDTH = 640
"""Pixels: as wide as pictures are shown unless the user says otherwise."""
_QUALITY = 85
_SAME_TIME = 1e-3
"""Seconds by which the time of a video's image may differ from the take's: times are the container's, in both."""
_LEAST_SHARED = 0.9
"""Share of a video's first images that a take must know for the video to be taken for its own."""
_LOOKED_AT = 30

Numbered = Iterator[tuple[int, bytes]]


class PicturesError(Exception):
    """A video that was named cannot be used; the text is a sentence for the user."""


class Pictures(Protocol):
    """Pictures of some of a take's images."""

    path: Path
    """Where they come from."""

    def __iter__(self) -> Numbered:
        """Give the number of the take's image and its JPEG, in order."""
        ...


def pictures_of(take: Take, times: np.ndarray, width: int = WIDTH, video: Path | None = None) -> Pictures | None:
    """Return the pictures of a take: of its film, else of its video when that lies beside it; None when there are none.

    :param times: (N,) of the take's images.
    :param width: pixels that pictures are made as wide as, where they are wider; 0: no pictures.
    :param video: the video that the take was made of.
    :raises PicturesError: the named video is another one.
    :raises SourceError: it cannot be read.
    """
    if width <= 0 or not len(times):
        return None
    if video is not None:
        found = VideoPictures(video, times, width)
        if not found.belongs():
            raise PicturesError(
                f"The video '{video}' is not the one that this take was made of: its images have other times. Name "
                "another, or none."
            )
        return found
    film = take.info.film
    if film is not None and (path := take.path.with_name(Path(film.file).name)).is_file():
        return FilmPictures(path, film.first, len(times), width)
    source = take.info.source
    if source is not None and source.kind == "video":
        beside = take.path.with_name(Path(source.name).name)
        if beside.is_file() and beside != take.path:
            found = VideoPictures(beside, times, width)
            with suppress(SourceError):
                return found if found.belongs() else None
    return None


class FilmPictures:
    """The pictures of the film that was kept beside a take. One that ends early, or was cut, gives what is whole."""

    def __init__(self, path: Path, first: int, count: int, width: int) -> None:
        """:param first: number of the image of the film's first picture. :param count: of the take's images."""
        self.path = path
        self._first, self._count, self._width = first, count, width

    def __iter__(self) -> Numbered:
        """See `Pictures`."""
        for number, jpeg in enumerate(jpegs_of_avi(self.path), start=self._first):
            if number >= self._count:
                return
            small = narrowed(jpeg, self._width)
            if small is not None:
                yield number, small


class VideoPictures:
    """The images of a video whose times the take knows."""

    def __init__(self, path: Path, times: np.ndarray, width: int) -> None:
        self.path = path
        self._times, self._width = times, width

    def belongs(self) -> bool:
        """Whether the take is of this video: its first images are the take's. Raises `SourceError`."""
        source = make_source(SourceSpec("video", path=str(self.path)))
        seen = shared = 0
        try:
            source.open()
            while seen < _LOOKED_AT and (image := source.read()) is not None:
                seen += 1
                shared += self._number(image.time) is not None
        finally:
            source.close()
        return shared >= _LEAST_SHARED * max(min(seen, len(self._times)), 1)

    def __iter__(self) -> Numbered:
        """See `Pictures`. A video that cannot be read on ends the pictures."""
        source = make_source(SourceSpec("video", path=str(self.path)))
        try:
            source.open()
            while (image := source.read()) is not None:
                number = self._number(image.time)
                if number is not None:
                    yield number, encoded(image.pixels, self._width)
        except SourceError:
            return
        finally:
            source.close()

    def _number(self, time: float) -> int | None:
        after = int(np.searchsorted(self._times, time - _SAME_TIME))
        return after if after < len(self._times) and self._times[after] <= time + _SAME_TIME else None


def jpegs_of_avi(path: Path) -> Iterator[bytes]:
    """Give the pictures of a Motion JPEG film in their order. What is cut off, or is none, ends them.

    The file is walked from chunk to chunk, as its index stands at the end and is missing where a writer was killed.
    """
    try:
        with path.open("rb") as file:
            while len(head := file.read(8)) == 8:
                kind, size = head[:4], struct.unpack("<I", head[4:])[0]
                if kind in (b"RIFF", b"LIST"):
                    # What is inside follows; sizes are wrong until a film has ended.
                    file.seek(4, 1)
                elif kind[2:] in (b"dc", b"db"):
                    data = file.read(size)
                    if len(data) < size:
                        return
                    file.seek(size & 1, 1)
                    if data[:2] == b"\xff\xd8":
                        yield data
                elif not kind.strip(b"\0"):
                    return
                else:
                    file.seek(size + (size & 1), 1)
    except OSError:
        return


def narrowed(jpeg: bytes, width: int) -> bytes | None:
    """Return a JPEG at `width` pixels where it is wider, else as it is; None when it cannot be read."""
    size = jpeg_size(jpeg)
    if size is None:
        return None
    if size[0] <= width:
        return jpeg
    cv2 = load_cv2()
    # Half and quarter sizes come out of the decoder at less work.
    kind = next(
        (
            kind
            for parts, kind in ((4, cv2.IMREAD_REDUCED_COLOR_4), (2, cv2.IMREAD_REDUCED_COLOR_2))
            if size[0] >= parts * width
        ),
        cv2.IMREAD_COLOR,
    )
    pixels = cv2.imdecode(np.frombuffer(jpeg, np.uint8), kind)
    return None if pixels is None else _jpeg(cv2, pixels, width)


def encoded(pixels: np.ndarray, width: int) -> bytes:
    """Return a picture, uint8 (height, width, 3) RGB, as JPEG that is `width` wide at most."""
    cv2 = load_cv2()
    return _jpeg(cv2, cv2.cvtColor(_scaled(cv2, pixels, width), cv2.COLOR_RGB2BGR), width)


def jpeg_size(jpeg: bytes) -> tuple[int, int] | None:
    """Return width and height of a JPEG from its headers, None when there are none."""
    at = 2
    while at + 9 <= len(jpeg) and jpeg[at] == 0xFF:
        mark, length = jpeg[at + 1], int.from_bytes(jpeg[at + 2 : at + 4], "big")
        if 0xC0 <= mark <= 0xCF and mark not in (0xC4, 0xC8, 0xCC):
            height, width = struct.unpack(">HH", jpeg[at + 5 : at + 9])
            return (width, height) if width and height else None
        at += 2 + length
    return None


def _jpeg(cv2: Any, pixels: np.ndarray, width: int) -> bytes:
    _, data = cv2.imencode(".jpg", _scaled(cv2, pixels, width), [cv2.IMWRITE_JPEG_QUALITY, _QUALITY])
    return data.tobytes()


def _scaled(cv2: Any, pixels: np.ndarray, width: int) -> np.ndarray:
    if pixels.shape[1] <= width:
        return pixels
    size = width, max(1, round(pixels.shape[0] * width / pixels.shape[1]))
    return cv2.resize(pixels, size, interpolation=cv2.INTER_AREA)
