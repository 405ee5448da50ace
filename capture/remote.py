# SPDX-FileCopyrightText: 2026 Mimica authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A capture in a helper process: what crashes in a camera's driver or in the tracker leaves this process alone.

The helper runs the same `CaptureSession` (`helper`) and hands each result over through shared memory
(`helper_memory`). The take is written here, so that it is whole when the helper dies.
"""

import json
import logging
import statistics
import threading
import time
from collections import deque
from collections.abc import Callable
from typing import Any

from ..mapping.frame import FaceFrame
from .film import FilmWriter
from .helper_memory import Picture, SharedReader, create_memory
from .helper_start import NO_ANSWER, Helper, HelperError, cannot_start, cause_of_end
from .memory import give_back
from .model import ModelFile
from .remote_takes import RemoteTakes
from .session import CaptureStats, Pace, SessionState
from .source import Image, SourceInfo, SourceSpec
from .take_writer import TakeWriter
from .tracker import TrackerSettings

log = logging.getLogger(__name__)

PATIENCE = 5.0
"""Seconds without a sign of life after which the helper counts as hanging."""
_STARTING = 30.0
"""The same until the tracker has its first result: loading libraries may hold all of Python up."""
_LOOK = 0.25
"""Seconds between looks for a sign of life."""
_FOR_KILLING = 0.3
"""Seconds of the time for stopping that are kept for a helper that hangs."""
_PINGS = 5
"""Questions after the helper's clock; the quickest answer counts."""
_WINDOW = 1.0
"""Seconds over which rate and latency are taken."""
_PICTURE_BEATS = 20
"""For how many of the helper's signs of life, a tenth of a second each, pictures come after somebody asked for one."""

Told = Callable[[tuple[FaceFrame, ...], float], None]
Shown = Callable[[Image, tuple[FaceFrame, ...]], None]


class RemoteCaptureSession:
    """As `CaptureSession`, in another process; see there for what is not said here. Not restartable: make a new one.

    Every method may be called from any thread; only `stop`, `stop_recording` and `wait` wait for anything. If the
    process ends by itself or hangs, the state is failed and `error` says so.
    """

    def __init__(
        self,
        source: SourceSpec,
        model: ModelFile,
        tracker: TrackerSettings | None = None,
        *,
        pace: Pace = "realtime",
        told: Told | None = None,
        shown: Shown | None = None,
    ) -> None:
        """Nothing is started yet.

        :param told: is given the faces of each image and the moment of its grab (`time.perf_counter`) as they come, on
            a thread of this session.
        :param shown: is given images with their faces, on the same thread: every image while `newest_image` is asked
            for, else a few a second.
        """
        self._source, self._model, self._tracker = source, model, tracker or TrackerSettings()
        self._pace: Pace = pace
        self._tell, self._show = told, shown
        self._changed = threading.Condition()
        self._state: SessionState = "idle"
        self._error: str | None = None
        self._info: SourceInfo | None = None
        self._helper: Helper | None = None
        self._shared: SharedReader | None = None
        self._threads: tuple[threading.Thread, ...] = ()
        self._gone = threading.Event()
        self._stopping = False
        self._hangs = False
        self._ready = False
        self._unsent: list[tuple[object, ...]] = []
        self._pings: list[tuple[float, float, float]] = []
        self._offset = 0.0
        self._takes = RemoteTakes()
        self._take: int | None = None
        self._clock: float | None = None
        # The newest result, and the moment of its grab.
        self._faces: tuple[FaceFrame, ...] = ()
        self._grabbed = 0.0
        self._newest: deque[tuple[FaceFrame, ...]] = deque(maxlen=1)
        self._newest_image: Image | None = None
        self._results: deque[tuple[float, float]] = deque()
        self._first_result = 0.0
        self._figures = (0, 0, 0)

    @property
    def state(self) -> SessionState:
        """idle, opening, running, then ended (end of file), failed (see `error`) or stopped."""
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
        """Whether images that arrive now go to a take."""
        return self._take is not None

    @property
    def clock(self) -> float | None:
        """The moment at which the clock of the take showed 0, see `CaptureSession.clock`."""
        return self._clock

    @property
    def helper_number(self) -> int | None:
        """The helper process's number in the system, None before `start`."""
        return self._helper.number if self._helper else None

    def start(self) -> None:
        """Start the helper, which opens source and tracker; returns at once."""
        with self._changed:
            if self._state != "idle":
                raise RuntimeError("A capture session starts once.")
            self._state = "opening"
            self._unsent.append(("start",))
        try:
            memory, handle = create_memory()
        except OSError as error:
            self._fail(cannot_start(f"no shared memory: {error.strerror or error}"))
            return
        try:
            self._helper = Helper(handle)
            self._shared = SharedReader(memory)
            self._helper.order(self._source, self._model, self._tracker, self._pace, handle)
        except HelperError as error:
            self._fail(str(error))
            return
        finally:
            handle.close()
        self._threads = (
            threading.Thread(target=self._listen, args=(self._helper, self._shared), name="mimica-helper", daemon=True),
            threading.Thread(target=self._guard, args=(self._helper, self._shared), name="mimica-guard", daemon=True),
        )
        for thread in self._threads:
            thread.start()

    def stop(self, timeout: float = 2.0) -> bool:
        """End the capture, from any state, and close the take that is being recorded. Safe to call again.

        As `CaptureSession.stop`, only that a helper that hangs is killed, which releases its camera.
        """
        deadline = time.perf_counter() + timeout
        with self._changed:
            if self._state == "idle":
                self._state = "stopped"
            self._stopping = True
            self._take = None
        if self._threads:
            self._command("stop", max(0.05, timeout - _FOR_KILLING))
            self._gone.wait(max(0.0, deadline - _FOR_KILLING - time.perf_counter()))
            if not self._gone.is_set() and self._helper:
                log.warning("The helper process did not end within its time.")
                self._helper.kill()
        for thread in self._threads:
            thread.join(max(0.05, deadline - time.perf_counter()))
        written = self._takes.close(max(0.05, deadline - time.perf_counter()))
        return written and not any(thread.is_alive() for thread in self._threads)

    def wait(self, timeout: float | None = None) -> bool:
        """Wait until the capture is over (ended, failed or stopped), `timeout` seconds at most; return if it is."""
        with self._changed:
            return self._changed.wait_for(self._is_over, timeout)

    def latest(self) -> tuple[FaceFrame, ...] | None:
        """Return the faces of the newest tracked image, once; None until there is a newer one. Never waits."""
        try:
            return self._newest.pop()
        except IndexError:
            return None

    def newest_image(self) -> Image | None:
        """Return the newest image that came over. Never waits.

        All come while somebody asks for them, else a few a second.
        """
        shared = self._shared
        if shared is not None:
            shared.want_pictures(_PICTURE_BEATS)
        return self._newest_image

    def start_recording(self, writer: TakeWriter, film: FilmWriter | None = None) -> None:
        """Record every image that arrives from now on; also before `start`, to have a file from its first image."""
        with self._changed:
            if self._take is not None:
                raise RuntimeError("A take is already being recorded.")
            self._clock = None
            self._take = self._takes.begin(writer, film)
            self._command("record", self._take, film is not None)

    def stop_recording(self, timeout: float = 1.0) -> None:
        """End the recording and hand the writer back to the caller; see `CaptureSession.stop_recording`."""
        with self._changed:
            take, self._take = self._take, None
            if take is None:
                return
            self._command("end", take, timeout)
            if self._state != "idle":
                self._changed.wait_for(lambda: not self._takes.is_open(take) or self._is_over(), timeout)
        self._takes.forget(take)

    def stats(self) -> CaptureStats:
        """Return the figures of this moment. Cheap."""
        now, writer = time.perf_counter(), self._takes.shown
        with self._changed:
            since = max(now - _WINDOW, self._first_result)
            recent = [latency for done, latency in self._results if done > since]
            if self._shared is not None:
                header = self._shared.header[0]
                self._figures = int(header["captured"]), int(header["tracked"]), int(header["dropped"])
            captured, tracked, dropped = self._figures
            return CaptureStats(
                captured=captured,
                tracked=tracked,
                dropped=dropped,
                recorded=writer.count if writer else 0,
                rate=len(recent) / (now - since) if recent else 0.0,
                latency_ms=statistics.median(recent) * 1000 if recent else 0.0,
                face_found=any(face.found for face in self._faces),
                recording_error=writer.error if writer else None,
            )

    # The thread that hears the helper's answers.

    def _listen(self, helper: Helper, shared: SharedReader) -> None:
        try:
            for line in helper.answers:
                # One that died in the middle of a word says no more.
                if line.endswith(b"\n"):
                    self._hear(shared, *json.loads(line))
        except Exception as error:
            log.exception("The results could not be taken.")
            self._fail(f"The capture stopped at an error ({error}). The system console has the details.")
            helper.kill()
        code = helper.end()
        if not self._is_over():
            if self._stopping:
                self._become("stopped")
            elif not self._ready:
                self._fail(cannot_start(f"it ended with code {code}"))
            else:
                self._fail(NO_ANSWER if self._hangs else cause_of_end(code, self._source.kind, bool(self._faces)))
        self.stats()
        with self._changed:
            # The memory goes with the last who looks at it.
            self._shared = None
            self._gone.set()
            self._changed.notify_all()
        give_back()

    def _hear(self, shared: SharedReader, word: str, *rest: Any) -> None:
        if word == "result":
            self._take_result(*shared.read(*rest))
        elif word == "recorded":
            take = rest[0]
            self._note_clock(take)
            self._takes.record(take, self._faces)
        elif word == "filmed":
            take, picture = rest
            self._takes.film(take, shared.read_picture(Picture(*picture)) if picture else None)
        elif word == "picture":
            picture, index, moment, grabbed = rest
            pixels = shared.read_picture(Picture(*picture))
            self._newest_image = Image(pixels, moment, index, grabbed - self._offset)
            if self._show is not None:
                self._show(self._newest_image, self._faces)
        elif word == "ended":
            self._takes.forget(*rest)
            with self._changed:
                self._changed.notify_all()
        elif word == "state":
            state, error, info = rest
            if info is not None:
                self._info = SourceInfo(**info)
            if error is not None:
                self._error = error
            self._become(state)
        elif word == "hello":
            self._ping()
        elif word == "clock":
            self._pings[-1] = (self._pings[-1][0], rest[0], time.perf_counter())
            if len(self._pings) < _PINGS:
                self._ping()
            else:
                self._offset = clock_offset(self._pings)
                self._send_all()

    def _take_result(self, faces: tuple[FaceFrame, ...], grabbed: float) -> None:
        grabbed -= self._offset
        done = time.perf_counter()
        if self._tell is not None:
            self._tell(faces, grabbed)
        self._newest.append(faces)
        with self._changed:
            self._faces, self._grabbed = faces, grabbed
            self._first_result = self._first_result or done
            self._results.append((done, done - grabbed))
            while self._results[0][0] < done - _WINDOW:
                self._results.popleft()

    def _note_clock(self, take: int) -> None:
        """The newest result belongs to a take: see when that one's clock showed 0."""
        if take == self._takes.newest:
            began = self._grabbed - self._faces[0].time
            self._clock = began if self._clock is None else min(self._clock, began)

    # Shared.

    def _guard(self, helper: Helper, shared: SharedReader) -> None:
        """Kill a helper that shows no sign of life, on a thread of its own."""
        beat, still = -1, 0
        while not self._gone.wait(_LOOK):
            now = int(shared.header["beat"][0])
            # Looks are counted, not seconds: those of a computer that slept would count too.
            still = still + 1 if now == beat else 0
            beat = now
            if still * _LOOK >= (PATIENCE if self._faces else _STARTING):
                self._hangs = True
                helper.kill()
                return

    def _command(self, *words: object) -> None:
        """Send a command, in order; what comes before the helper is ready is sent when it is."""
        with self._changed:
            if self._ready and self._helper is not None:
                self._helper.send(*words)
            else:
                self._unsent.append(words)

    def _ping(self) -> None:
        self._pings.append((time.perf_counter(), 0.0, 0.0))
        if self._helper is not None:
            self._helper.send("clock")

    def _send_all(self) -> None:
        with self._changed:
            self._ready = True
            unsent, self._unsent = self._unsent, []
            for words in unsent:
                self._command(*words)

    def _is_over(self) -> bool:
        return self._state in ("ended", "failed", "stopped")

    def _become(self, state: SessionState) -> None:
        with self._changed:
            if not self._is_over() and state != "idle":
                self._state = state
            self._changed.notify_all()

    def _fail(self, sentence: str) -> None:
        log.info("Capture failed: %s", sentence)
        with self._changed:
            if not self._is_over():
                self._error = sentence
                self._state = "failed"
            self._changed.notify_all()


def clock_offset(pings: list[tuple[float, float, float]]) -> float:
    """Return how far the other process's clock is ahead of this one's, in seconds, from questions after its time.

    :param pings: for each, the moment of the question, the other's clock, and the moment of the answer. The quickest
        tells most. An offset that is within its uncertainty is none: on the systems that Blender runs on,
        `time.perf_counter` counts from the same moment in every process.
    """
    asked, theirs, answered = min(pings, key=lambda ping: ping[2] - ping[0])
    return 0.0 if asked <= theirs <= answered else theirs - (asked + answered) / 2
