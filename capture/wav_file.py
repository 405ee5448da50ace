# SPDX-FileCopyrightText: 2026 Mimica authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A WAV file that is whole on the disk at any time, up to what was written a moment ago."""

import errno
import time
import wave
from pathlib import Path

LARGEST = 4 * 2**30 - 2**20
"""Bytes of a WAV file: its header counts to 4 GB, six hours of stereo."""
_SILENCE = 2**16
"""Samples of silence that are made at once."""


class WavFile:
    """Writes 16-bit PCM; `path` None writes nowhere and only counts. Raises OSError wherever it writes."""

    def __init__(self, path: Path | None, channels: int, rate: float) -> None:
        """Make the file, which must not exist yet, with a header that says that it is empty."""
        self.frames = 0
        """Samples of each channel so far."""
        self._width = 2 * channels
        self._written = time.perf_counter()
        self._waiting: list[bytes] = []
        self._file = path.open("xb") if path is not None else None
        if self._file is not None:
            self._wave = wave.open(self._file, "wb")
            self._wave.setnchannels(channels)
            self._wave.setsampwidth(2)
            self._wave.setframerate(round(rate))
            self._put(b"")

    def write(self, samples: bytes, frames: int) -> None:
        """Take samples, which reach the disk with the next `flush`."""
        if (self.frames + frames) * self._width > LARGEST:
            raise OSError(errno.EFBIG, "a WAV file holds 4 GB at most")
        self.frames += frames
        if self._file is not None:
            self._waiting.append(samples)

    def write_silence(self, frames: int) -> None:
        """Take that many samples of nothing."""
        while frames > 0:
            part = min(frames, _SILENCE)
            self.write(bytes(part * self._width), part)
            frames -= part

    def flush(self, every: float = 0.0) -> None:
        """Write what waits, and the header with the new length, unless that was done less than `every` seconds ago."""
        if self._waiting and time.perf_counter() - self._written >= every:
            samples, self._waiting = b"".join(self._waiting), []
            self._put(samples)

    def close(self) -> None:
        """Write the rest and close the file."""
        if self._file is None:
            return
        file, self._file = self._file, None
        try:
            if self._waiting:
                self._wave.writeframes(b"".join(self._waiting))
        finally:
            self._waiting = []
            try:
                self._wave.close()
            finally:
                file.close()

    def _put(self, samples: bytes) -> None:
        # The module puts the new length into the header each time.
        self._wave.writeframes(samples)
        if self._file is not None:
            self._file.flush()
        self._written = time.perf_counter()
