# SPDX-FileCopyrightText: 2026 Mimica authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Video files as a source, through OpenCV's FFmpeg."""

import logging
import os
import time
from pathlib import Path
from typing import Any

from .source import Image, SourceError, SourceInfo, load_cv2, to_rgb

log = logging.getLogger(__name__)

_TEXT_SUFFIXES = frozenset((".ans", ".art", ".asc", ".diz", ".ice", ".nfo", ".txt", ".vt"))
"""FFmpeg draws text files of these names as the pictures of an old terminal."""
_WILDEST_STAMP = 1e9
"""Seconds (30 years). Where a container has no start time, OpenCV's stamps are beyond this and say nothing."""


class StampClock:
    """Makes times from a container's time stamps that increase strictly.

    Stamps are kept as they are wherever they increase, so a variable frame rate is honoured. One that repeats or
    steps back (damaged or joined files) is put half a frame after the image before, so that the next good stamp
    still fits. Where a container has no stamps, images follow each other at the nominal rate.
    """

    def __init__(self, rate: float | None) -> None:
        self._period = 1 / (rate or 30.0)
        self._last: float | None = None

    def next(self, stamp: float | None) -> float:
        """Return the time of the next image in seconds, of its stamp in seconds or None."""
        if self._last is None:
            self._last = stamp or 0.0
        elif stamp is None:
            self._last += self._period
        else:
            self._last = stamp if stamp > self._last else self._last + self._period / 2
        return self._last


class VideoSource:
    """A video file, upright, with the container's own time stamps; the first image's is 0."""

    def __init__(self, path: str) -> None:
        self._path = path
        self._name = Path(path).name
        self._capture: Any = None
        self._info: SourceInfo | None = None
        self._rotation: int | None = None
        self._clock = StampClock(None)
        self._next_time: float | None = None
        self._count = 0
        self._interrupted = False

    def open(self) -> SourceInfo:
        """Open the file and decode its first image. Raises SourceError: missing, empty, damaged, not a video."""
        if self._info is not None:
            return self._info
        self._check_file()
        cv2 = load_cv2()
        try:
            self._rewind()
            first = self._retrieve() if self._next_time is not None else None
            if first is None:
                raise SourceError(self._damaged())
            rate = _sane_rate(self._capture.get(cv2.CAP_PROP_FPS))
            frame_count = int(self._capture.get(cv2.CAP_PROP_FRAME_COUNT))
        except BaseException:
            self.close()
            raise
        height, width = first.shape[:2]
        self._info = SourceInfo(
            name=self._name,
            kind="video",
            width=width,
            height=height,
            rate=rate,
            duration=frame_count / rate if rate and frame_count > 0 else None,
            frame_count=frame_count if frame_count > 0 else None,
            live=False,
        )
        return self._info

    def read(self) -> Image | None:
        """Return the next image; None after the last one that can be decoded, also when the file was cut short."""
        while self._next_time is not None and not self._interrupted:
            moment, pixels = self._next_time, self._retrieve()
            arrived = time.perf_counter()
            self._grab()
            if pixels is not None:
                self._count += 1
                return Image(pixels, moment, self._count - 1, arrived)
        expected = self._info.frame_count if self._info else None
        if expected and not self._interrupted and self._count < expected - 1:
            log.info("'%s' ended after %d images; its container announces %d.", self._path, self._count, expected)
        return None

    def seek(self, time: float) -> None:
        """Make the next image the first one at or after `time` seconds, by its own stamp."""
        if self._capture is None:
            return
        cv2 = load_cv2()
        back = 0.0
        # OpenCV seeks by image number and nominal rate, so it may land after the time in files of variable rate.
        while True:
            target = time - back
            if target <= 0.0:
                self._rewind()
                break
            self._capture.set(cv2.CAP_PROP_POS_MSEC, target * 1000.0)
            self._clock = StampClock(self._nominal_rate())
            self._grab()
            if self._next_time is not None and self._stamp() is None:
                self._rewind()  # nothing says where it landed
                break
            if self._next_time is not None and self._next_time <= time:
                break
            back = back * 2 or 1.0
        while self._next_time is not None and self._next_time < time - 1e-6 and not self._interrupted:
            self._grab()

    def interrupt(self) -> None:
        """End the video here."""
        self._interrupted = True

    def close(self) -> None:
        """Close the file."""
        if self._capture is not None:
            self._capture.release()
        self._capture = self._info = self._next_time = None

    def _check_file(self) -> None:
        if not self._path:
            raise SourceError("No video is chosen. Choose a video file.")
        try:
            if os.path.isdir(self._path):
                raise SourceError(f"'{self._name}' is a folder. Choose a video file, or image sequence as the source.")
            if os.stat(self._path).st_size == 0:
                raise SourceError(f"The video '{self._name}' is empty. Choose another file.")
            with open(self._path, "rb"):
                pass
            if Path(self._path).suffix.lower() in _TEXT_SUFFIXES:
                raise SourceError(self._damaged())
        except FileNotFoundError:
            raise SourceError(f"The video '{self._path}' does not exist. Choose another file.") from None
        except (OSError, ValueError) as error:
            reason = getattr(error, "strerror", None) or error
            raise SourceError(f"The video '{self._name}' cannot be read ({reason}). Choose another file.") from error

    def _damaged(self) -> str:
        return f"The video '{self._name}' is damaged or not a video. Choose another file."

    def _nominal_rate(self) -> float | None:
        return _sane_rate(self._capture.get(load_cv2().CAP_PROP_FPS))

    def _rewind(self) -> None:
        """Open the file anew: the one way to its first image that is right for every container."""
        cv2 = load_cv2()
        if self._capture is not None:
            self._capture.release()
        self._capture = cv2.VideoCapture(self._path, cv2.CAP_FFMPEG)
        if not self._capture.isOpened():
            raise SourceError(self._damaged())
        # Whether OpenCV turns the image by itself differs between its versions: it is done here for all of them.
        self._capture.set(cv2.CAP_PROP_ORIENTATION_AUTO, 0)
        self._rotation = {
            90: cv2.ROTATE_90_CLOCKWISE,
            180: cv2.ROTATE_180,
            270: cv2.ROTATE_90_COUNTERCLOCKWISE,
        }.get(round(self._capture.get(cv2.CAP_PROP_ORIENTATION_META)) % 360)
        self._clock = StampClock(self._nominal_rate())
        self._grab()

    def _grab(self) -> None:
        """Decode the next image and note its time."""
        if not self._capture.grab():
            self._next_time = None
            return
        self._next_time = self._clock.next(self._stamp())

    def _stamp(self) -> float | None:
        """Return the container's time stamp of the image that was grabbed last, in seconds."""
        stamp = self._capture.get(load_cv2().CAP_PROP_POS_MSEC) / 1000.0
        # An image without a stamp reads 0, as the first one does.
        return stamp if stamp != 0.0 and abs(stamp) < _WILDEST_STAMP else None

    def _retrieve(self) -> Any:
        """Return the image that was grabbed last as upright RGB, or None when it cannot be had."""
        cv2 = load_cv2()
        done, pixels = self._capture.retrieve()
        if not done or pixels is None:
            return None
        if self._rotation is not None:
            pixels = cv2.rotate(pixels, self._rotation)
        return to_rgb(pixels)


def _sane_rate(rate: float) -> float | None:
    # Containers without a rate make FFmpeg report their time base, for example 1000 or 90000.
    return rate if 1.0 <= rate <= 480.0 else None
