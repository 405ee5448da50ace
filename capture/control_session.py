# SPDX-FileCopyrightText: 2026 Mimica authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A running capture of what another program solved: its controls come in place of images, and nothing is tracked."""

import logging
import statistics
import threading
import time
from collections import Counter, deque
from collections.abc import Callable
from dataclasses import replace
from typing import Protocol

from ..mapping.frame import ControlFrame
from .film import FilmWriter
from .session import CaptureStats, SessionState
from .source import Image, SourceError, SourceInfo
from .take_writer import TakeWriter

log = logging.getLogger(__name__)

SILENT = 0.3
"""Seconds without a frame after which a face counts as lost."""
_BEAT = 1.0 / 30.0
"""Seconds between the frames of a lost face, and the longest that is waited for one that comes."""
_WINDOW = 1.0
"""Seconds over which rate and latency are taken."""

Told = Callable[[tuple[ControlFrame, ...], float], None]


class ControlSource(Protocol):
    """Where controls come from. One thread opens, reads and closes it."""

    def open(self) -> SourceInfo:
        """Begin to receive and describe the source. Raises SourceError."""
        ...

    def read(self, timeout: float) -> list[ControlFrame]:
        """Return what came since the last call, oldest first, each time on the clock of `time.perf_counter`.

        Waits up to `timeout` seconds for a frame. Raises SourceError when the source is lost.
        """
        ...

    def close(self) -> None:
        """Receive no longer. Safe to call twice, and after a failed `open`."""
        ...


class ControlSession:
    """As `CaptureSession`, for controls; see there for what is not said here. Not restartable: make a new one.

    Every method may be called from any thread. A sender that falls silent is a lost face, thirty times a second until
    it comes back: the character relaxes, and the take says so.
    """

    def __init__(self, source: ControlSource, told: Told) -> None:
        """Nothing is opened yet.

        :param told: is given the newest frame of every face that was ever heard and the moment of arrival
            (`time.perf_counter`), on the session's thread.
        """
        self._source = source
        self._tell = told
        self._changed = threading.Condition()
        self._stopping = threading.Event()
        self._thread: threading.Thread | None = None
        self._state: SessionState = "idle"
        self._error: str | None = None
        self._info: SourceInfo | None = None
        self._began = 0.0
        self._newest: dict[int, ControlFrame] = {}
        self._heard: dict[int, float] = {}
        self._writer: TakeWriter[ControlFrame] | None = None
        self._shown_writer: TakeWriter[ControlFrame] | None = None
        self._write_lock = threading.Lock()
        self._clock: float | None = None
        self._count = 0
        self._results: deque[tuple[float, float, int]] = deque()

    @property
    def state(self) -> SessionState:
        """idle, opening, running, then failed (see `error`) or stopped."""
        return self._state

    @property
    def error(self) -> str | None:
        """A sentence for the user when the state is failed."""
        return self._error

    @property
    def info(self) -> SourceInfo | None:
        """What was opened, from the moment it is."""
        return self._info

    @property
    def recording(self) -> bool:
        """Whether frames that arrive now go to a take."""
        return self._writer is not None

    @property
    def clock(self) -> float | None:
        """The moment at which the clock of the take showed 0, see `CaptureSession.clock`."""
        return self._clock

    def start(self) -> None:
        """Open the source in a thread of its own; returns at once."""
        with self._changed:
            if self._state != "idle":
                raise RuntimeError("A capture session starts once.")
            self._state = "opening"
            self._thread = threading.Thread(target=self._run, name="mimica-controls", daemon=True)
            self._thread.start()

    def stop(self, timeout: float = 2.0) -> bool:
        """End the capture, from any state, and close the take that is being recorded. Safe to call again."""
        deadline = time.perf_counter() + timeout
        self._stopping.set()
        thread = self._thread
        if thread is not None:
            thread.join(timeout)
        with self._changed:
            if self._state in ("idle", "opening", "running"):
                self._state = "stopped"
            self._changed.notify_all()
        writer = self._take_writer()
        if writer is not None:
            writer.close(max(0.05, deadline - time.perf_counter()))
        return thread is None or not thread.is_alive()

    def wait(self, timeout: float | None = None) -> bool:
        """Wait until the capture is over (failed or stopped), `timeout` seconds at most; return if it is."""
        with self._changed:
            return self._changed.wait_for(lambda: self._state in ("failed", "stopped"), timeout)

    def newest_image(self) -> Image | None:
        """None: there are no images."""
        return None

    def start_recording(self, writer: TakeWriter[ControlFrame], film: FilmWriter | None = None) -> None:
        """Record every frame that arrives from now on. `film`: stays empty, as there are no pictures."""
        with self._write_lock:
            if self._writer is not None:
                raise RuntimeError("A take is already being recorded.")
            self._writer = self._shown_writer = writer
            self._clock = self._began or None

    def stop_recording(self, timeout: float = 1.0) -> None:
        """End the recording and hand the writer back to the caller, who closes it: nothing is appended any more."""
        self._take_writer()

    def stats(self) -> CaptureStats:
        """Return the figures of this moment. Cheap."""
        now = time.perf_counter()
        with self._changed:
            recent = [result for result in self._results if result[0] > now - _WINDOW]
            most = Counter(face for _, _, face in recent).most_common(1)
            return CaptureStats(
                captured=self._count,
                tracked=self._count,
                dropped=0,
                recorded=self._shown_writer.count if self._shown_writer else 0,
                rate=most[0][1] / _WINDOW if most else 0.0,
                latency_ms=statistics.median(latency for _, latency, _ in recent) * 1000 if recent else 0.0,
                face_found=any(frame.found for frame in list(self._newest.values())),
                recording_error=self._shown_writer.error if self._shown_writer else None,
            )

    def _run(self) -> None:
        try:
            info = self._source.open()
            with self._changed:
                self._info = info
                self._began = time.perf_counter()
                if self._state == "opening":
                    self._state = "running"
                self._changed.notify_all()
            with self._write_lock:
                self._clock = self._began if self._writer is not None else None
            while not self._stopping.is_set():
                came = self._source.read(_BEAT)
                self._take_in(came, time.perf_counter())
        except Exception as error:
            self._fail(error)
        finally:
            try:
                self._source.close()
            except Exception:
                log.exception("The stream could not be closed.")
            with self._changed:
                if self._state in ("opening", "running"):
                    self._state = "stopped"
                self._changed.notify_all()

    def _take_in(self, came: list[ControlFrame], now: float) -> None:
        """Record what came, hand the newest on, and say which faces are lost by now."""
        anew: list[tuple[ControlFrame, float]] = []
        for frame in came:
            anew.append((replace(frame, time=frame.time - self._began), min(frame.time, now)))
            self._heard[frame.face_id] = now
        for face, heard in self._heard.items():
            # What came before the clock began was heard, but nothing of it is known.
            last = self._newest.get(face)
            if last is not None and now - heard > SILENT and now - self._began - last.time >= _BEAT:
                anew.append((ControlFrame(now - self._began, None, face_id=face), now))
        # What is told late of a face that went on meanwhile would turn the time back.
        anew = [(frame, moment) for frame, moment in anew if self._is_later(frame)]
        if not anew:
            return
        self._record([frame for frame, _ in anew])
        self._tell(tuple(self._newest[face] for face in sorted(self._newest)), anew[-1][1])
        done = time.perf_counter()
        with self._changed:
            for frame, moment in anew:
                if frame.found:
                    self._count += 1
                    self._results.append((done, done - moment, frame.face_id))
            while self._results and self._results[0][0] < done - _WINDOW:
                self._results.popleft()

    def _is_later(self, frame: ControlFrame) -> bool:
        """Take a frame as its face's newest; False when it is not."""
        last = self._newest.get(frame.face_id)
        if frame.time < 0.0 or (last is not None and frame.time <= last.time):
            return False
        self._newest[frame.face_id] = frame
        return True

    def _record(self, frames: list[ControlFrame]) -> None:
        with self._write_lock:
            if self._writer is not None:
                for frame in frames:
                    self._writer.append((frame,))

    def _take_writer(self) -> TakeWriter[ControlFrame] | None:
        with self._write_lock:
            writer, self._writer = self._writer, None
        return writer

    def _fail(self, error: Exception) -> None:
        """Keep the error as a sentence."""
        if isinstance(error, SourceError):
            log.info("Capture failed: %s", error)
            sentence = str(error)
        else:
            log.error("Capture failed.", exc_info=error)
            sentence = f"The capture stopped at an error ({error}). The system console has the details."
        with self._changed:
            if not self._stopping.is_set():
                self._error, self._state = sentence, "failed"
            self._changed.notify_all()
