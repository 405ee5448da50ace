# SPDX-FileCopyrightText: 2026 Mimica authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Where images come from: the protocol that cameras, files and streams share, and the choice between them."""

import os
from dataclasses import dataclass, replace
from functools import cache
from types import ModuleType
from typing import Literal, Protocol

import numpy as np

SourceKind = Literal["camera", "video", "images", "stream", "phone", "program"]
"""`program`: another one that sends controls; there are no images, see `control_session`."""


class SourceError(Exception):
    """A source cannot be opened or was lost. Its text is a sentence for the user: what happened and what to do."""


@dataclass(frozen=True, slots=True)
class SourceSpec:
    """What the user chose as the source of images."""

    kind: SourceKind
    name: str = ""
    """Camera: its name as `list_cameras` gives it; empty for the first one."""
    path: str = ""
    """Video: the file. Images: a folder, one file of a numbered sequence, or a still."""
    address: str = ""
    """Stream: its URL, for example http://192.168.0.10:8080/video or rtsp://192.168.0.10/live."""
    width: int = 0
    """Pixels asked of a camera; 0 is the device's own choice."""
    height: int = 0
    rate: float = 0.0
    """Images a second asked of a camera, or given to an image sequence; 0 is the source's own choice."""
    loop: bool = False
    """Files: begin again at the end. Times keep increasing."""
    open_timeout: float = 10.0
    """Seconds a camera or stream has until its first image."""


@dataclass(frozen=True, slots=True)
class SourceInfo:
    """What was opened."""

    name: str
    """The camera's name, the file's name, or the address without its password."""
    kind: SourceKind
    width: int
    """Of the first image, upright, in pixels."""
    height: int
    rate: float | None
    """Nominal images a second, None when the source does not say."""
    duration: float | None
    """Seconds, as the container says; None for live sources and when unknown."""
    frame_count: int | None
    live: bool
    """Whether images are lost when nobody takes them (camera, stream)."""


@dataclass(frozen=True, slots=True, eq=False)
class Image:
    """One image. Nobody writes to its pixels after it was made."""

    pixels: np.ndarray
    """uint8 (height, width, 3) RGB, upright, never mirrored."""
    time: float
    """Seconds. Cameras and streams: the moment of the grab, counted from `open`. Files: the container's time stamp."""
    index: int
    """Number of this image among those read since `open`, from 0."""
    grabbed: float = 0.0
    """The moment this image arrived, on the clock of `time.perf_counter`; what latency is measured from."""
    device: int = 0
    """Of a source with several devices: the number of the one that it is from, in the order in which they joined."""


class FrameSource(Protocol):
    """A source of images. One thread opens, reads, seeks and closes it; `interrupt` alone may come from another."""

    def open(self) -> SourceInfo:
        """Open and describe the source; an open source only describes itself again. Raises SourceError."""
        ...

    def read(self) -> Image | None:
        """Return the next image, waiting for it if need be; None at the end or when interrupted.

        Raises SourceError when the source is lost. Times increase strictly from image to image.
        """
        ...

    def seek(self, time: float) -> None:
        """Files: the next `read` returns the first image at or after `time` seconds. Live sources raise SourceError."""
        ...

    def interrupt(self) -> None:
        """Make a waiting `open` or `read` return soon, for good. From any thread; returns at once."""
        ...

    def close(self) -> None:
        """Release the device or file. Safe to call twice, and after a failed `open`."""
        ...


def make_source(spec: SourceSpec) -> FrameSource:
    """Return the source that `spec` describes, not yet opened: nothing is read or connected here."""
    from . import camera, images, stream, video

    match spec.kind:
        case "camera":
            return camera.camera_source(spec)
        case "stream":
            return stream.stream_source(spec)
        case "video":
            source: FrameSource = video.VideoSource(spec.path)
        case "images":
            source = images.ImagesSource(spec.path, spec.rate)
        case "phone":
            raise SourceError("The server for phones is off. Switch it on, then start the capture again.")
        case _:
            raise ValueError(f"SourceSpec.kind is {spec.kind!r}.")
    return LoopedSource(source) if spec.loop else source


class LoopedSource:
    """A file source that begins again at its end. Times and indices keep increasing."""

    def __init__(self, source: FrameSource) -> None:
        self._source = source
        self._period = 1 / 30
        self._offset = 0.0
        self._last_time = 0.0
        self._count = 0

    def open(self) -> SourceInfo:
        """Open the file. Its length is given as unknown, since it has no end."""
        info = self._source.open()
        if info.rate:
            self._period = 1 / info.rate
        return replace(info, duration=None, frame_count=None)

    def read(self) -> Image | None:
        """Return the next image; None only when interrupted."""
        image = self._source.read()
        if image is None and self._count:
            self._source.seek(0.0)
            image = self._source.read()
            if image is not None:
                self._offset = self._last_time + self._period - image.time
        if image is None:
            return None
        image = replace(image, time=image.time + self._offset, index=self._count)
        self._last_time = image.time
        self._count += 1
        return image

    def seek(self, time: float) -> None:
        """Go to `time` of the file; the loops so far are forgotten."""
        self._source.seek(time)
        self._offset = 0.0

    def interrupt(self) -> None:
        """See `FrameSource.interrupt`."""
        self._source.interrupt()

    def close(self) -> None:
        """See `FrameSource.close`."""
        self._source.close()


@cache
def load_cv2() -> ModuleType:
    """Import OpenCV, which takes a moment the first time, with the settings it reads once. Raises SourceError."""
    # Media Foundation's search for hardware transforms makes some cameras take minutes to open (opencv issue 17687).
    os.environ.setdefault("OPENCV_VIDEOIO_MSMF_ENABLE_HW_TRANSFORMS", "0")
    # A V4L2 camera that stopped sending holds its thread for so many seconds; OpenCV's own choice is 10.
    os.environ.setdefault("OPENCV_VIDEOIO_V4L_SELECT_TIMEOUT", "2")
    # OpenCV asks macOS for permission on the main thread only, and captures run in their own: macOS then asks itself.
    os.environ.setdefault("OPENCV_AVFOUNDATION_SKIP_AUTH", "1")
    # RTSP over one TCP connection where the camera can: over UDP pictures arrive torn or not at all.
    os.environ.setdefault("OPENCV_FFMPEG_CAPTURE_OPTIONS", "rtsp_flags;prefer_tcp")
    try:
        import cv2
    except ImportError as error:
        raise SourceError(f"OpenCV could not be loaded ({error}). Install Mimica again.") from error
    return cv2


def decode_image(data: bytes) -> np.ndarray | None:
    """Return the picture in a PNG, JPEG or other image as uint8 (height, width, 3) RGB, turned upright as its EXIF
    says; None when it cannot be decoded.
    """
    if not data:
        return None
    cv2 = load_cv2()
    try:
        pixels = cv2.imdecode(np.asarray(memoryview(data)), cv2.IMREAD_COLOR)
    except cv2.error:  # for example more pixels than OpenCV accepts
        return None
    return None if pixels is None else to_rgb(pixels)


def to_rgb(pixels: np.ndarray) -> np.ndarray:
    """Return OpenCV's picture, uint8 (height, width, 3) BGR or (height, width) grey, as RGB (height, width, 3)."""
    cv2 = load_cv2()
    grey = pixels.ndim == 2 or pixels.shape[2] == 1
    return cv2.cvtColor(pixels, cv2.COLOR_GRAY2RGB if grey else cv2.COLOR_BGR2RGB)
