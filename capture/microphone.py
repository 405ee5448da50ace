# SPDX-FileCopyrightText: 2026 Mimica authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A microphone: its sound into a WAV file, with the moments at which it was heard."""

import logging
import threading
import time
from collections import deque
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from queue import Empty, SimpleQueue
from types import ModuleType
from typing import Any

import numpy as np

from .sound_clock import SoundClock
from .sound_devices import MicrophoneError, check_macos, inputs, microphones, on_sound_thread, open_streams, told_apart
from .wav_file import WavFile

__all__ = ["Heard", "Microphone", "MicrophoneError", "microphones", "running"]

logger = logging.getLogger(__name__)

_BLOCK = 0.02
"""Seconds of sound that come at once."""
_PATIENCE = 0.25
"""Seconds of sound that the system keeps for us while Blender holds Python up."""
_HELD = 0.25
"""Seconds that are held back from the file, to see from what follows whether samples were lost."""
_FLUSH_EVERY = 0.4
"""Seconds between two times that the file is made whole on the disk. With what is held back: less than a second."""
_GONE_AFTER = 2.0
"""Seconds without a word from the device after which it counts as gone."""
_MUTE_AFTER = 2.0
"""Seconds of nothing but zeros after which a microphone is said to be mute."""
_WAITING_LIMIT = 6000
"""Blocks that may wait in memory for a disk that does not answer: two minutes."""
_LEVEL_BLOCKS = 5
_FULL_SCALE = 32768.0
_AGE_LIMIT = 2.0
"""Seconds; when a sound is said to be older as it arrives, PortAudio's clock says nothing on this system."""
_KEPT = "What was heard until then is kept."


@dataclass(frozen=True, slots=True)
class Heard:
    """What was recorded, on the clock of `time.perf_counter`."""

    start: float
    """Moment at which the file's first sample was heard."""
    rate: float
    """Samples a second on that clock, as measured; the nominal rate where the sound is too short to tell."""
    nominal: float
    """Samples a second as the file says."""
    device: str


@dataclass(frozen=True, slots=True)
class _Block:
    samples: bytes
    frames: int
    moment: float
    """When its first sample was heard."""
    lossy: bool
    """Whether the system says that samples before it were lost."""


def running() -> "Microphone | None":
    """Return the microphone that was started last and not stopped, if any."""
    return _running


class Microphone:
    """Records one device from `start` to `stop`. Not restartable: make a new one. Any thread.

    The sound is 16-bit WAV, mono or stereo, at the device's own rate. PortAudio's thread only hands it over; a thread
    of its own writes it.
    """

    def __init__(self, device: str, path: Path | None) -> None:
        """Nothing is opened yet.

        :param device: its name as `microphones` gives it; empty is the system's default.
        :param path: the file to write, which must not exist yet; None only measures the level.
        """
        self.device = device
        """Once it is started: the name of what was opened."""
        self.path = path
        self.error: str | None = None
        """What went wrong after the start, as a sentence. What was heard until then is in the file."""
        self._blocks: SimpleQueue[_Block | None] = SimpleQueue()
        self._stream: Any = None
        self._thread: threading.Thread | None = None
        self._clock: SoundClock | None = None
        self._channels = 1
        self._rate = 0.0
        self._peaks: deque[float] = deque([0.0] * _LEVEL_BLOCKS, maxlen=_LEVEL_BLOCKS)
        self._first = self._last = 0.0
        """Moments at which the first and the newest block were looked at."""
        self._sounding = False
        self._stopping = False

    @property
    def level(self) -> float:
        """Peak of the last 100 ms, 0 to 1."""
        return max(self._peaks.copy()) if time.perf_counter() - self._last < 0.5 else 0.0

    @property
    def mute(self) -> bool:
        """Whether it has given nothing but zeros for two seconds: switched off, or not allowed for Blender."""
        return not self._sounding and self._last - self._first > _MUTE_AFTER

    @property
    def heard(self) -> Heard | None:
        """What was heard until now, and when; None before anything was."""
        if self._clock is None or not self._clock.stamped:
            return None
        start, rate = self._clock.line()
        return Heard(start, rate, self._rate, self.device)

    def start(self) -> None:
        """Open the device and begin to record; a microphone that still runs is stopped first.

        Waits for the system, usually 0.1 s. Raises `MicrophoneError`.
        """
        global _running
        if self._thread is not None:
            raise RuntimeError("A microphone starts once.")
        if (before := _running) is not None:
            before.stop()
        on_sound_thread(self._open)
        try:
            file = WavFile(self.path, self._channels, self._rate)
        except OSError as error:
            on_sound_thread(self._close)
            raise MicrophoneError(
                f"The sound cannot be written to '{self.path}' ({error.strerror or error}). Choose another folder."
            ) from error
        self._thread = threading.Thread(target=self._write, args=(file,), name="mimica microphone", daemon=True)
        self._thread.start()
        try:
            on_sound_thread(self._begin)
        except MicrophoneError:
            self.stop()
            if self.path is not None:
                self.path.unlink(missing_ok=True)
            raise
        _running = self

    def stop(self) -> Heard | None:
        """End the recording and close the file. Return what was heard, None when nothing was. May be called again.

        Waits for the device and the disk, usually some 50 ms, 4 s at most.
        """
        global _running
        if _running is self:
            _running = None
        if self._thread is None:
            return None
        if not self._stopping:
            self._stopping = True
            # A device that is gone may not answer any more.
            with suppress(MicrophoneError):
                on_sound_thread(self._close, 2.0)
            self._blocks.put(None)
        self._thread.join(2.0)
        if self._thread.is_alive():
            self._fail("The disk does not answer, so the end of the sound may be missing.")
        return self.heard

    # The sound thread.

    def _open(self, sounddevice: ModuleType) -> None:
        """Open the stream. Raises `MicrophoneError`."""
        check_macos()
        devices = inputs(sounddevice)
        if not devices:
            raise MicrophoneError("No microphone was found. Connect one, then look for microphones again.")
        number = dict(devices).get(self.device) if self.device else devices[0][1]
        if number is None:
            raise MicrophoneError(
                f"The microphone '{self.device}' is not connected. Connect it, or choose another one in the list."
            )
        self.device = self.device or devices[0][0]
        info = sounddevice.query_devices(number)
        self._rate = float(info["default_samplerate"])
        failure: Exception | None = None
        # What calls itself stereo does not always open so.
        for channels in sorted({min(2, info["max_input_channels"]), 1}, reverse=True):
            try:
                self._stream = sounddevice.RawInputStream(
                    device=number,
                    channels=channels,
                    samplerate=self._rate,
                    dtype="int16",
                    blocksize=round(self._rate * _BLOCK),
                    latency=max(_PATIENCE, info["default_high_input_latency"]),
                    callback=self._hear,
                    finished_callback=self._finished,
                )
            except (sounddevice.PortAudioError, ValueError) as error:
                failure = error
                continue
            self._channels = channels
            open_streams.add(self._stream)
            return
        raise MicrophoneError(told_apart(str(failure), self.device)) from failure

    def _begin(self, sounddevice: ModuleType) -> None:
        try:
            self._stream.start()
        except sounddevice.PortAudioError as error:
            raise MicrophoneError(told_apart(str(error), self.device)) from error

    def _close(self, sounddevice: ModuleType) -> None:
        open_streams.discard(self._stream)
        for end in (self._stream.stop, self._stream.close):
            try:
                end()
            except sounddevice.PortAudioError as error:
                logger.info("'%s' does not close: %s", self.device, error)

    # PortAudio's thread.

    def _hear(self, samples: Any, frames: int, times: Any, status: Any) -> None:
        now = time.perf_counter()
        # PortAudio's clock is another one: only its differences count. Asked again, as this call may have had to wait.
        ages = (self._stream.time - times.inputBufferAdcTime, times.currentTime - times.inputBufferAdcTime)
        likely = (age for age in ages if times.inputBufferAdcTime and abs(age) < _AGE_LIMIT)
        age = next(likely, frames / self._rate)
        if self._blocks.qsize() < _WAITING_LIMIT:
            self._blocks.put(_Block(bytes(samples), frames, now - age, bool(status.input_overflow)))
        elif self.error is None:
            self._fail(f"The disk is too slow to record the sound. {_KEPT}")

    def _finished(self) -> None:
        if not self._stopping:
            self._fail(self._gone())

    # The writing thread.

    def _write(self, file: WavFile) -> None:
        held: deque[_Block] = deque()
        try:
            for block in self._arriving():
                held.append(block)
                while sum(one.frames for one in held) > _HELD * self._rate:
                    self._release(held, file)
                file.flush(_FLUSH_EVERY)
            while held:
                self._release(held, file)
            file.close()
        except OSError as error:
            reason = error.strerror or error
            self._fail(f"Recording of the sound stopped, as the disk reported an error ({reason}). {_KEPT}")
            with suppress(OSError):
                file.close()
            for _ in self._arriving():
                pass  # only the level is shown from now on

    def _arriving(self) -> Iterator[_Block]:
        """Yield the blocks as they come, measured, until the end."""
        quiet_since = time.perf_counter()
        while True:
            try:
                block = self._blocks.get(timeout=0.2)
            except Empty:
                if not self._stopping and time.perf_counter() - quiet_since > _GONE_AFTER:
                    self._fail(self._gone())
                continue
            if block is None:
                return
            peak = np.abs(np.frombuffer(block.samples, "<i2").astype(np.int32)).max(initial=0)
            self._peaks.append(float(peak) / _FULL_SCALE)
            self._sounding = self._sounding or peak > 0
            self._last = quiet_since = time.perf_counter()
            self._first = self._first or self._last
            yield block

    def _release(self, held: deque[_Block], file: WavFile) -> None:
        """Write the oldest block, after silence in place of what was lost before it."""
        if self._clock is None:
            self._clock = SoundClock(self._rate)
        index, stamps = file.frames, list[tuple[int, float]]()
        for block in held:
            # A later loss makes all that follows late: it says nothing of this block's.
            if block.lossy and stamps:
                break
            stamps.append((index, block.moment))
            index += block.frames
        lost = self._clock.lost(stamps, held[0].lossy)
        if lost:
            logger.info("%d samples of '%s' were lost at %.2f s.", lost, self.device, file.frames / self._rate)
            file.write_silence(lost)
        block = held.popleft()
        self._clock.stamp(file.frames, block.moment)
        file.write(block.samples, block.frames)

    def _fail(self, sentence: str) -> None:
        if self.error is None:
            logger.error(sentence)
            self.error = sentence

    def _gone(self) -> str:
        return f"The microphone '{self.device}' was unplugged or stopped working. {_KEPT}"


_running: Microphone | None = None
