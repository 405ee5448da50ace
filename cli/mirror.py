# SPDX-FileCopyrightText: 2026 Mimica authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A source as a mirror shows it: to find out whether tracker and mapping treat left and right alike."""

from dataclasses import replace

import numpy as np

from ..capture.source import FrameSource, Image, SourceInfo


class MirroredSource:
    """Another source, whose images are turned left to right. Used by one thread, as its source is."""

    def __init__(self, source: FrameSource) -> None:
        self._source = source

    def open(self) -> SourceInfo:
        """Open and describe the source. Raises SourceError."""
        return self._source.open()

    def read(self) -> Image | None:
        """Return the next image, mirrored; None at the end. Raises SourceError."""
        image = self._source.read()
        return image and replace(image, pixels=np.ascontiguousarray(image.pixels[:, ::-1]))

    def seek(self, time: float) -> None:
        """Let the next `read` return the first image at or after `time` seconds. Raises SourceError."""
        self._source.seek(time)

    def interrupt(self) -> None:
        """Make a waiting `open` or `read` return soon. From any thread."""
        self._source.interrupt()

    def close(self) -> None:
        """Release the source."""
        self._source.close()
